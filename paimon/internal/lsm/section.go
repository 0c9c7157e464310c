package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
)

// fileRun reads files one after the other.
type fileRun struct {
	ctx   context.Context
	files Files
	list  []*File
	o     OpenOptions
	skip  int // see columnar.Keys.WithSkip
	cur   Stream
	at    int // index in list of the file after cur
}

func (r *fileRun) next() (*columnar.KV, int32, error) {
	for {
		if r.cur == nil {
			if r.at == len(r.list) {
				return nil, 0, io.EOF
			}
			if err := r.ctx.Err(); err != nil {
				return nil, 0, err
			}
			s, err := r.files.Open(r.ctx, &r.list[r.at].DataFileMeta, r.o)
			if err != nil {
				return nil, 0, fmt.Errorf("open data file %s: %w", r.list[r.at].FileName, err)
			}
			r.cur = s
			r.at++
		}
		f := r.list[r.at-1]
		b, err := r.cur.Next()
		switch {
		case err == nil:
			if r.skip > 0 {
				b.Keys = b.Keys.WithSkip(r.skip)
			}
			return b, int32(f.Level), nil
		case !errors.Is(err, io.EOF):
			return nil, 0, fmt.Errorf("read data file %s: %w", f.FileName, err)
		}
		if err := r.close(); err != nil {
			return nil, 0, fmt.Errorf("close data file %s: %w", f.FileName, err)
		}
	}
}

// seek skips files that end before key, and lets the current one skip.
func (r *fileRun) seek(key []byte) error {
	if r.cur != nil && bytes.Compare(r.list[r.at-1].Max, key) < 0 {
		if err := r.close(); err != nil {
			return err
		}
	}
	if s, ok := r.cur.(Seeker); ok {
		return s.Seek(key)
	}
	for r.cur == nil && r.at < len(r.list) && bytes.Compare(r.list[r.at].Max, key) < 0 {
		r.at++
	}
	return nil
}

// where gives the file of the last batch and the number of its row i there.
func (r *fileRun) where(i int) (file string, row int64, err error) {
	f := r.list[r.at-1]
	p, ok := r.cur.(Positioned)
	if !ok {
		return "", 0, fmt.Errorf("data file %s: its reader does not tell where rows lie", f.FileName)
	}
	return f.FileName, p.RowAt(i), nil
}

func (r *fileRun) close() error {
	if r.cur == nil {
		return nil
	}
	s := r.cur
	r.cur = nil
	return s.Close()
}

// aheadRun reads the next batch of a run on a goroutine of its own, which
// close waits for.
type aheadRun struct {
	run  run
	out  chan aheadItem
	stop chan struct{}
	done sync.WaitGroup
}

type aheadItem struct {
	b     *columnar.KV
	level int32
	err   error
}

func newAheadRun(r run) *aheadRun {
	a := &aheadRun{run: r, out: make(chan aheadItem), stop: make(chan struct{})}
	a.done.Go(func() {
		defer close(a.out)
		for {
			var it aheadItem
			it.b, it.level, it.err = r.next()
			select {
			case a.out <- it:
			case <-a.stop:
				if it.b != nil {
					it.b.Release()
				}
				return
			}
			if it.err != nil {
				return
			}
		}
	})
	return a
}

func (a *aheadRun) next() (*columnar.KV, int32, error) {
	it, ok := <-a.out
	if !ok {
		return nil, 0, io.EOF
	}
	return it.b, it.level, it.err
}

func (a *aheadRun) seek([]byte) error { return nil }

func (a *aheadRun) close() error {
	close(a.stop)
	a.done.Wait()
	return a.run.close()
}

// mergeOptions are what all sections of one read or rewrite share.
type mergeOptions struct {
	ReadOptions
	mem   memory.Allocator
	spans func(level int32) bool
	blind bool // of rows that are looked up only keys are wanted
}

func (o ReadOptions) resolve() mergeOptions {
	if o.BatchRows <= 0 {
		o.BatchRows = defaultBatchRows
	}
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	o.Parallelism = max(o.Parallelism, 1)
	if o.Alloc == nil {
		o.Alloc = memory.DefaultAllocator
	}
	return mergeOptions{ReadOptions: o, mem: o.Alloc, spans: func(int32) bool { return true }}
}

// openSection starts the merge of a section. lookup are files on levels that
// take no part but are asked for the touched keys, lowest level first; one run
// per level.
func openSection(ctx context.Context, files Files, s Section, lookup [][]*File, o *mergeOptions) (*merger, error) {
	lo, hi := s.bounds()
	open := OpenOptions{BatchRows: o.batchRows(s, lookup)}
	skip := 0
	if len(s) > 1 {
		skip = commonPrefix(lo, hi)
	}
	runs := make([]*cursor, 0, len(s))
	for i, list := range s {
		var r run = &fileRun{ctx: ctx, files: files, list: list, o: open, skip: skip}
		if i < o.Readahead {
			r = newAheadRun(r)
		}
		runs = append(runs, &cursor{run: r})
	}
	open.From, open.To, open.KeysOnly = lo, hi, o.blind
	var points []*cursor
	for _, list := range lookup {
		points = append(points, &cursor{run: &fileRun{ctx: ctx, files: files, list: list, o: open}})
	}
	m, err := newMerger(runs, points, o.Policy, true, o.BatchRows)
	if err != nil {
		return nil, err
	}
	m.spans = o.spans
	return m, nil
}

// commonPrefix is how many leading bytes all keys between lo and hi share, if
// leaving them out of key prefixes pays for computing those again.
func commonPrefix(lo, hi []byte) int {
	n := 0
	for n < len(lo) && n < len(hi) && lo[n] == hi[n] {
		n++
	}
	if n < 4 || len(lo) <= 8 && len(hi) <= 8 {
		return 0
	}
	return n
}

// batchRows is the size of input batches with which the open runs stay within
// the memory limit: three batches a run (in the window, current, ahead).
func (o *mergeOptions) batchRows(s Section, lookup [][]*File) int {
	const decoded = 4 // bytes in memory per byte of a compressed file, roughly
	var bytes, rows int64
	for _, f := range s.Files() {
		bytes += f.FileSize
		rows += f.RowCount
	}
	perRow := max(decoded*bytes/max(rows, 1), 64)
	n := o.Memory / int64(o.Parallelism) / int64(3*(len(s)+len(lookup))) / perRow
	return int(min(max(n, 64), int64(o.BatchRows)))
}
