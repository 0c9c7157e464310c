package lsm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// SpillPrefix starts the names of spill files.
const SpillPrefix = "tarn-spill-"

// spillRows is the number of rows of a batch in a spill file: small, for one
// batch of every segment is in memory while segments are merged.
const spillRows = 2048

// Columns that follow the value columns in a spill file.
const (
	spillKey = iota
	spillSeq
	spillKind
	spillUserSeq
	spillColumns
)

// spillDir makes spill files. Each holds one sorted segment per bucket, one
// Arrow stream after the other.
type spillDir struct {
	dir   string
	codec ipc.Option // nil: uncompressed
}

func spillCodec(name string) (ipc.Option, error) {
	switch strings.ToLower(name) {
	case "zstd":
		return ipc.WithZstd(), nil
	case "", "lz4":
		return ipc.WithLZ4(), nil
	case "none":
		return nil, nil
	}
	return nil, errs.Unsupported("spill-compression = %s: want zstd, lz4 or none", name)
}

// RemoveSpills removes spill files that a crash left in dir. Only systems that
// cannot unlink an open file have any. No buffer may be using dir.
func RemoveSpills(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, SpillPrefix+"*"))
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// spillFile is an open temporary file, counted by its segments.
type spillFile struct {
	f       *os.File
	size    int64
	unnamed bool // already unlinked: the system frees it when it is closed
	users   atomic.Int32
}

func (d *spillDir) create() (*spillFile, error) {
	f, err := os.CreateTemp(d.dir, SpillPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create spill file: %w (see option spill directory, or set write-buffer-spillable=false)", err)
	}
	s := &spillFile{f: f}
	s.unnamed = os.Remove(f.Name()) == nil
	s.users.Store(1)
	return s, nil
}

// release ends one use; the last one removes the file.
func (s *spillFile) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	err := s.f.Close()
	if !s.unnamed {
		err = errors.Join(err, os.Remove(s.f.Name()))
	}
	return err
}

// Write implements io.Writer.
func (s *spillFile) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	s.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("write spill file: %w", err)
	}
	return n, nil
}

// segment is a sorted run of one bucket in a spill file.
type segment struct {
	file     *spillFile
	off, len int64
	rows     int64
}

// segmentWriter writes one segment at the end of a file.
type segmentWriter struct {
	file  *spillFile
	codec ipc.Option
	off   int64
	rows  int64
	out   *bufio.Writer
	ipc   *ipc.Writer
}

func newSegmentWriter(f *spillFile, codec ipc.Option) *segmentWriter {
	return &segmentWriter{file: f, codec: codec, off: f.size, out: bufio.NewWriterSize(f, 256<<10)}
}

// write adds the rows that refs name.
func (w *segmentWriter) write(mem memory.Allocator, sources []*columnar.KV, refs []columnar.Ref) error {
	rec, err := spillRecord(mem, sources, refs)
	if err != nil {
		return err
	}
	defer rec.Release()
	if w.ipc == nil {
		opts := []ipc.Option{ipc.WithSchema(rec.Schema()), ipc.WithAllocator(mem)}
		if w.codec != nil {
			opts = append(opts, w.codec)
		}
		w.ipc = ipc.NewWriter(w.out, opts...)
	}
	w.rows += int64(len(refs))
	return w.ipc.Write(rec)
}

// close gives the segment, which counts as a user of the file.
func (w *segmentWriter) close() (*segment, error) {
	if err := w.ipc.Close(); err != nil {
		return nil, fmt.Errorf("write spill file: %w", err)
	}
	if err := w.out.Flush(); err != nil {
		return nil, err
	}
	w.file.users.Add(1)
	return &segment{file: w.file, off: w.off, len: w.file.size - w.off, rows: w.rows}, nil
}

// spillRecord gathers rows, with keys, sequence numbers and kinds as columns.
func spillRecord(mem memory.Allocator, sources []*columnar.KV, refs []columnar.Ref) (arrow.RecordBatch, error) {
	batches := make([]arrow.RecordBatch, len(sources))
	for i, s := range sources {
		batches[i] = s.Rows
	}
	schema := batches[0].Schema()
	rows, err := columnar.GatherBatch(mem, schema, batches, refs)
	if err != nil {
		return nil, err
	}
	defer rows.Release()
	n := len(refs)
	seqs, kinds := make([]int64, n), make([]int8, n)
	for i, r := range refs {
		seqs[i], kinds[i] = sources[r.Src].Seqs[r.Row], int8(sources[r.Src].Kinds[r.Row])
	}
	cols := append([]arrow.Array(nil), rows.Columns()...)
	own := []arrow.Array{
		binaryArray(packKeys(sources, refs, keysOf)),
		fixedArray(arrow.PrimitiveTypes.Int64, arrow.Int64Traits.CastToBytes(seqs), n),
		fixedArray(arrow.PrimitiveTypes.Int8, arrow.Int8Traits.CastToBytes(kinds), n),
	}
	if sources[0].UserSeq.Len() > 0 {
		own = append(own, binaryArray(packKeys(sources, refs, userSeqOf)))
	} else {
		own = append(own, array.NewNull(n))
	}
	fields := append([]arrow.Field(nil), schema.Fields()...)
	for i, a := range own {
		defer a.Release()
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("_%d", i), Type: a.DataType(), Nullable: true})
		cols = append(cols, a)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(n)), nil
}

func fixedArray(t arrow.DataType, values []byte, n int) arrow.Array {
	data := array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(values)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func binaryArray(p *keyPacker) arrow.Array {
	data := array.NewData(arrow.BinaryTypes.Binary, len(p.offsets)-1, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(p.offsets)), memory.NewBufferBytes(p.data)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// segmentRun reads a segment back. Memory must be garbage-collected: keys and
// sequence numbers point into it for as long as the batch is used.
type segmentRun struct {
	s   *segment
	mem *memory.GoAllocator
	ipc *ipc.Reader
}

func (r *segmentRun) next() (*columnar.KV, int32, error) {
	if r.ipc == nil {
		in := bufio.NewReaderSize(io.NewSectionReader(r.s.file.f, r.s.off, r.s.len), 64<<10)
		reader, err := ipc.NewReader(in, ipc.WithAllocator(r.mem), ipc.WithDelayReadSchema(true))
		if err != nil {
			return nil, 0, fmt.Errorf("read spill file: %w", err)
		}
		r.ipc = reader
	}
	rec, err := r.ipc.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, 0, io.EOF
		}
		return nil, 0, fmt.Errorf("read spill file: %w", err)
	}
	return fromSpill(rec), 0, nil
}

// fromSpill splits a record of spillRecord, without copying.
func fromSpill(rec arrow.RecordBatch) *columnar.KV {
	values := int(rec.NumCols()) - spillColumns
	schema := arrow.NewSchema(rec.Schema().Fields()[:values], nil)
	b := &columnar.KV{
		Rows:  array.NewRecordBatch(schema, rec.Columns()[:values], rec.NumRows()),
		Keys:  binaryKeys(rec.Column(values + spillKey)),
		Seqs:  rec.Column(values + spillSeq).(*array.Int64).Int64Values(),
		Kinds: make([]types.RowKind, rec.NumRows()),
	}
	for i, k := range rec.Column(values + spillKind).(*array.Int8).Int8Values() {
		b.Kinds[i] = types.RowKind(k)
	}
	if user, ok := rec.Column(values + spillUserSeq).(*array.Binary); ok {
		b.UserSeq = binaryKeys(user)
	}
	return b
}

// binaryKeys wraps a binary column without offset.
func binaryKeys(a arrow.Array) columnar.Keys {
	c := a.(*array.Binary)
	var data []byte
	if buf := c.Data().Buffers()[2]; buf != nil {
		data = buf.Bytes()
	}
	return columnar.NewKeys(data, c.ValueOffsets())
}

func (r *segmentRun) seek([]byte) error { return nil }

func (r *segmentRun) close() error {
	if r.ipc != nil {
		r.ipc.Release()
		r.ipc = nil
	}
	return nil
}
