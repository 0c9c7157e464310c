package avro

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	defaultBatchRows = 8192
	// batchBytes ends a batch early: rows of great length must not gather, and
	// offsets of Arrow have 32 bits.
	batchBytes = 64 << 20
)

// reader reads one Avro file.
// Source: org.apache.paimon.format.avro.AvroBulkFormat.
type reader struct {
	opts   format.ReadOptions
	in     *trackedReader
	close  func() error
	file   *avrofile.Reader
	total  int64
	schema *arrow.Schema
	typ    *arrow.StructType // of a row
	nodes  []node            // by wanted column; nil where the file lacks it
	steps  rows
	names  []string // of the file's columns

	block   []byte // the current one
	scratch []byte
	at      int   // in block
	left    int64 // rows of block that are not read yet
	next    int64 // row number of the next batch
	last    int64 // and of the last one
	failed  error
}

// trackedReader remembers errors of the storage, so that they are not taken
// for damaged data.
type trackedReader struct {
	in  io.ReaderAt
	err error
}

func (t *trackedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := t.in.ReadAt(p, off)
	if err != nil && err != io.EOF && t.err == nil {
		t.err = err
	}
	return n, err
}

func openReader(in fileio.Reader, opts format.ReadOptions, pool *avrofile.Pool) (r *reader, err error) {
	r = &reader{opts: opts, in: &trackedReader{in: in}, close: in.Close, schema: types.ArrowSchema(opts.Fields)}
	r.typ = arrow.StructOf(r.schema.Fields()...)
	if r.opts.BatchRows <= 0 {
		r.opts.BatchRows = defaultBatchRows
	}
	defer r.guard(&err)
	if r.file, err = avrofile.Open(r.in, in.Size(), pool, avrofile.MaxBlock); err != nil {
		return nil, err
	}
	top, err := parseSchema(r.file.Schema())
	if err != nil {
		return nil, err
	}
	if top.kind != "record" {
		return nil, errs.Unsupported("an Avro file of %s instead of records", top.kind)
	}
	p := &planner{alloc: opts.Allocator(), known: opts.FileFields != nil, skips: skippers{}}
	if r.nodes, r.steps, err = p.fields(opts.Fields, opts.FileFields, top); err != nil {
		return nil, err
	}
	for _, f := range top.fields {
		r.names = append(r.names, f.name)
	}
	r.total, err = r.file.CountRows()
	return r, err
}

// guard gives errors their kind: what the file's bytes cause is
// errs.ErrCorrupt, with its path.
func (r *reader) guard(err *error) {
	switch {
	case *err == nil || *err == io.EOF:
		return
	case r.in.err != nil:
		*err = fmt.Errorf("read %s: %w", r.opts.Path, r.in.err)
	case errors.Is(*err, errs.ErrUnsupported), errors.Is(*err, errs.ErrInvalid), errors.Is(*err, context.Canceled):
		*err = fmt.Errorf("read %s: %w", r.opts.Path, *err)
	default:
		*err = errs.Corrupt(r.opts.Path, "%w", *err)
	}
	r.failed = *err
}

// Rows is the number of rows of the file.
func (r *reader) Rows() int64 { return r.total }

// Position is the row number of the last batch's first row.
func (r *reader) Position() int64 { return r.last }

// Next gives the next batch.
func (r *reader) Next() (out arrow.RecordBatch, err error) {
	if r.failed != nil {
		return nil, r.failed
	}
	defer r.guard(&err)
	want := min(int64(r.opts.BatchRows), r.total-r.next)
	for _, n := range r.nodes {
		if n != nil {
			n.begin(int(min(want, 1<<16)))
		}
	}
	have, err := r.fill(want)
	if err == nil && have == 0 {
		err = io.EOF
	}
	if err != nil {
		r.drop()
		return nil, err
	}
	cols, err := finishAll(r.opts.Allocator(), r.nodes, r.typ, int(have))
	if err != nil {
		return nil, err
	}
	arrays := make([]arrow.Array, len(cols))
	for i, c := range cols {
		arrays[i] = array.MakeFromData(c)
		c.Release()
		defer arrays[i].Release()
	}
	r.last, r.next = r.next, r.next+have
	return array.NewRecordBatch(r.schema, arrays, have), nil
}

// fill decodes up to want rows.
func (r *reader) fill(want int64) (have int64, err error) {
	for bytes := 0; have < want && bytes < batchBytes; {
		for r.left == 0 {
			if err := r.nextBlock(); err == io.EOF {
				return have, nil
			} else if err != nil {
				return have, err
			}
		}
		n, start := min(r.left, want-have), r.at
		if err := r.decode(n); err != nil {
			return have, err
		}
		r.left -= n
		have += n
		bytes += r.at - start
		if r.left == 0 && r.at != len(r.block) {
			return have, fmt.Errorf("%d bytes are left behind the rows of a block", len(r.block)-r.at)
		}
	}
	return have, nil
}

func (r *reader) nextBlock() error {
	rows, block, err := r.file.Next(r.scratch)
	if err != nil {
		return err
	}
	if cap(block) > cap(r.scratch) && r.file.Packed() {
		r.scratch = block
	}
	r.block, r.at, r.left = block, 0, rows
	if rows == 0 && len(block) > 0 {
		return fmt.Errorf("a block of %d bytes without rows", len(block))
	}
	return nil
}

// decode reads n rows of the block.
func (r *reader) decode(n int64) error {
	b, i := r.block, r.at
	for ; n > 0; n-- {
		start := i
		if i = r.steps.read(b, i); i < 0 {
			return r.problem(b, start)
		}
	}
	r.at = i
	return nil
}

// problem names the column at which the row that begins at b[i:] is damaged.
func (r *reader) problem(b []byte, i int) error {
	for k := range r.steps {
		if i = r.steps[k:k+1].read(b, i); i < 0 {
			return fmt.Errorf("column %q: %s", r.names[k], problems[i])
		}
	}
	return errors.New("a row is damaged")
}

func (r *reader) drop() {
	for _, n := range r.nodes {
		if n != nil {
			n.drop()
		}
	}
}

// Close closes the file.
func (r *reader) Close() error {
	if r.failed == nil {
		r.failed = errors.New("read a closed file")
	}
	return r.close()
}
