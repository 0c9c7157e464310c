package orc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

const defaultBatchRows = 8192

// reader reads one ORC file.
type reader struct {
	opts    format.ReadOptions
	in      *trackedReader
	close   func() error
	meta    *meta
	unpack  *unpacker
	schema  *arrow.Schema
	columns []*node
	wanted  []bool
	stripe  stripe
	index   int   // of the next stripe
	left    int64 // rows of the current stripe
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

func openReader(in fileio.Reader, opts format.ReadOptions, pool *codecs) (r *reader, err error) {
	r = &reader{opts: opts, in: &trackedReader{in: in}, close: in.Close, unpack: &unpacker{pool: pool},
		schema: types.ArrowSchema(opts.Fields)}
	if r.opts.BatchRows <= 0 {
		r.opts.BatchRows = defaultBatchRows
	}
	defer r.guard(&err)
	if r.meta, err = readMeta(r.in, in.Size(), r.unpack); err != nil {
		return nil, err
	}
	r.stripe.unpack = r.unpack
	r.wanted = make([]bool, len(r.meta.columns))
	r.wanted[0] = true
	p := &planner{meta: r.meta, alloc: opts.Allocator(), known: opts.FileFields != nil}
	if p.instantLTZ, err = instantLTZ(opts.Params); err != nil {
		return nil, err
	}
	for _, want := range opts.Fields {
		n, err := p.field(0, want, opts.FileFields)
		if err != nil {
			return nil, err
		}
		n.columns(r.wanted)
		r.columns = append(r.columns, n)
	}
	return r, nil
}

// guard turns panics and errors that come from the file's bytes into
// errs.ErrCorrupt with its path.
func (r *reader) guard(err *error) {
	if v := recover(); v != nil {
		if re, ok := v.(runtime.Error); ok {
			*err = errs.Corrupt(r.opts.Path, "decode: %w", re)
		} else {
			*err = errs.Corrupt(r.opts.Path, "decode: %v", v)
		}
	}
	switch {
	case *err == nil || *err == io.EOF:
	case r.in.err != nil:
		*err = fmt.Errorf("read %s: %w", r.opts.Path, r.in.err)
	case errors.Is(*err, errs.ErrUnsupported), errors.Is(*err, errs.ErrInvalid), errors.Is(*err, errs.ErrCorrupt),
		errors.Is(*err, context.Canceled):
		*err = fmt.Errorf("read %s: %w", r.opts.Path, *err)
	default:
		*err = errs.Corrupt(r.opts.Path, "%w", *err)
	}
	if *err != nil {
		r.failed = *err
	}
}

// Rows is the number of rows of the file.
func (r *reader) Rows() int64 { return r.meta.rows }

// Position is the row number of the last batch's first row.
func (r *reader) Position() int64 { return r.last }

// Next gives the next batch.
func (r *reader) Next() (out arrow.RecordBatch, err error) {
	if r.failed != nil {
		return nil, r.failed
	}
	defer r.guard(&err)
	for r.left == 0 {
		if r.index >= len(r.meta.stripes) {
			return nil, io.EOF
		}
		if err := r.startStripe(); err != nil {
			return nil, err
		}
	}
	n := int(min(r.left, int64(r.opts.BatchRows)))
	cols := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for _, c := range r.columns {
		data, err := c.read(nil, n)
		if err != nil {
			return nil, err
		}
		cols = append(cols, array.MakeFromData(data))
		data.Release()
	}
	r.left -= int64(n)
	r.last, r.next = r.next, r.next+int64(n)
	return array.NewRecordBatch(r.schema, cols, int64(n)), nil
}

func (r *reader) startStripe() error {
	s := r.meta.stripes[r.index]
	r.index++
	if r.opts.SkipBlock != nil && s.rows > 0 && r.opts.SkipBlock(s.rows, r.stripeStats(r.index-1)) {
		r.next += s.rows
		return nil
	}
	r.left = s.rows
	if r.left == 0 {
		return nil
	}
	if err := r.stripe.open(r.in, s, len(r.meta.columns), r.wanted); err != nil {
		return fmt.Errorf("stripe %d: %w", r.index-1, err)
	}
	if sec := r.stripe.section(0, streamPresent); sec.left() > 0 {
		return errs.Unsupported("ORC rows that are NULL as a whole")
	}
	for _, c := range r.columns {
		if err := c.start(&r.stripe); err != nil {
			return fmt.Errorf("stripe %d: %w", r.index-1, err)
		}
	}
	return nil
}

// Close closes the file.
func (r *reader) Close() error {
	r.unpack.close()
	if r.failed == nil {
		r.failed = errors.New("read a closed file")
	}
	return r.close()
}
