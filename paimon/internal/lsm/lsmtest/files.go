package lsmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/spec"
)

// ErrInjected is the error of Files.FailAfter.
var ErrInjected = errors.New("injected failure")

// RowBytes is the size of a row in a file in memory.
const RowBytes = 50

// Files are data files in memory. Their keys are encoded keys, see KeyOf.
type Files struct {
	Table *Table
	// Mem holds the batches that are read.
	Mem memory.Allocator
	// RollRows is the number of rows after which a file is ended.
	RollRows int
	// MaxBatch bounds the rows of batches read.
	MaxBatch int

	mu        sync.Mutex
	files     map[string]*file
	next      int
	failAfter int // operations until failure; 0: never
	Opened    int // how often files were opened
}

type file struct {
	meta spec.DataFileMeta
	rows []Row
}

var _ lsm.Files = (*Files)(nil)

// NewFiles makes an empty store.
func NewFiles(t *Table, mem memory.Allocator, rollRows, maxBatch int) *Files {
	return &Files{Table: t, Mem: mem, RollRows: rollRows, MaxBatch: maxBatch, files: map[string]*file{}}
}

// FailAfter makes the n-th next operation fail, and all after it; 0 ends that.
func (f *Files) FailAfter(n int) {
	f.mu.Lock()
	f.failAfter = n
	f.mu.Unlock()
}

func (f *Files) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failAfter == 1 {
		return ErrInjected
	}
	if f.failAfter > 1 {
		f.failAfter--
	}
	return nil
}

// Names lists the files that exist, sorted.
func (f *Files) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for name := range f.files {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Read gives the rows of a file.
func (f *Files) Read(name string) []Row {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.files[name].rows
}

// Delete implements lsm.Files.
func (f *Files) Delete(ctx context.Context, metas ...spec.DataFileMeta) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range metas {
		delete(f.files, m.FileName)
	}
	return nil
}

// Open implements lsm.Files.
func (f *Files) Open(ctx context.Context, m *spec.DataFileMeta, o lsm.OpenOptions) (lsm.Stream, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Opened++
	x, ok := f.files[m.FileName]
	if !ok {
		return nil, fmt.Errorf("no file %s", m.FileName)
	}
	rows := x.rows
	for o.From != nil && len(rows) > 0 && rows[0].K < string(o.From) {
		rows = rows[1:]
	}
	return &stream{f: f, rows: rows, n: max(1, min(f.MaxBatch, o.BatchRows))}, nil
}

type stream struct {
	f      *Files
	rows   []Row
	n      int
	closed bool
}

func (s *stream) Next() (*columnar.KV, error) {
	if s.closed {
		return nil, errors.New("stream is closed")
	}
	if err := s.f.fault(); err != nil {
		return nil, err
	}
	if len(s.rows) == 0 {
		return nil, io.EOF
	}
	n := min(s.n, len(s.rows))
	b := s.f.Table.KV(s.f.Mem, s.rows[:n])
	s.rows = s.rows[n:]
	return b, nil
}

// Seek implements lsm.Seeker: it skips whole batches.
func (s *stream) Seek(key []byte) error {
	for len(s.rows) > s.n && s.rows[s.n-1].K < string(key) {
		s.rows = s.rows[s.n:]
	}
	return nil
}

func (s *stream) Close() error {
	if s.closed {
		return errors.New("stream is closed twice")
	}
	s.closed = true
	return nil
}

// NewWriter implements lsm.Files.
func (f *Files) NewWriter(ctx context.Context, level int, source int8) lsm.Writer {
	return &writer{f: f, prefix: "data", level: level, source: source, unique: true}
}

// NewChangelogWriter implements lsm.Files.
func (f *Files) NewChangelogWriter(ctx context.Context, level int) lsm.Writer {
	return &writer{f: f, prefix: "changelog", level: level}
}

type writer struct {
	f      *Files
	prefix string
	level  int
	source int8
	unique bool
	rows   []Row
	done   []spec.DataFileMeta
	last   []byte
	ended  bool
}

func (w *writer) Write(b *columnar.KV) error {
	if w.ended {
		return errors.New("writer has ended")
	}
	if err := w.f.fault(); err != nil {
		return err
	}
	if b.Len() == 0 || int64(b.Len()) != b.Rows.NumRows() || len(b.Kinds) != b.Len() {
		return fmt.Errorf("batch of %d rows has %d sequence numbers and %d kinds", b.Rows.NumRows(), b.Len(), len(b.Kinds))
	}
	for i, r := range Rows(b) {
		key := []byte(r.K)
		if b.Keys.Len() > 0 && !bytes.Equal(key, b.Keys.At(i)) {
			return fmt.Errorf("row %s has key %q", r, b.Keys.At(i))
		}
		if c := bytes.Compare(w.last, key); w.last != nil && (c > 0 || c == 0 && w.unique) {
			return fmt.Errorf("key %q after %q", key, w.last)
		}
		w.last = key
		w.rows = append(w.rows, r)
		if len(w.rows) >= w.f.RollRows {
			w.roll()
		}
	}
	return nil
}

func (w *writer) roll() {
	if len(w.rows) == 0 {
		return
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.next++
	first, last := w.rows[0], w.rows[len(w.rows)-1]
	deletes := int64(0)
	m := spec.DataFileMeta{
		FileName: fmt.Sprintf("%s-%06d", w.prefix, w.f.next), FileSize: int64(len(w.rows)) * RowBytes,
		RowCount: int64(len(w.rows)), MinKey: []byte(first.K), MaxKey: []byte(last.K), Level: w.level,
		MinSequence: first.Seq, MaxSequence: first.Seq, DeleteRowCount: &deletes, FileSource: &w.source,
		CreationTime: time.UnixMilli(int64(w.f.next)),
	}
	for _, r := range w.rows {
		m.MinSequence, m.MaxSequence = min(m.MinSequence, r.Seq), max(m.MaxSequence, r.Seq)
		if r.Kind.IsRetract() {
			deletes++
		}
	}
	w.f.files[m.FileName] = &file{meta: m, rows: w.rows}
	w.rows = nil
	w.done = append(w.done, m)
}

func (w *writer) Close() ([]spec.DataFileMeta, error) {
	if w.ended {
		return nil, errors.New("writer has ended")
	}
	if err := w.f.fault(); err != nil {
		w.Abort()
		return nil, err
	}
	w.roll()
	w.ended = true
	return w.done, nil
}

func (w *writer) Abort() {
	if w.ended {
		panic("writer has ended")
	}
	w.ended = true
	_ = w.f.Delete(context.Background(), w.done...)
}
