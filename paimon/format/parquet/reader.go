package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	defaultBatchRows = 8192
	// tailBytes is read in one go when a file is opened: the footers of most
	// files fit.
	tailBytes = 64 << 10
)

// reader reads one Parquet file.
type reader struct {
	opts    format.ReadOptions
	alloc   memory.Allocator
	in      *trackedReader
	close   func() error
	size    int64
	meta    *metadata.FileMetaData
	unpack  *decompressor
	schema  *arrow.Schema
	columns []*readNode // nil where the file lacks the column
	leaves  []*leafReader
	group   int
	left    int64 // rows of the current row group
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
	r = &reader{opts: opts, alloc: opts.Allocator(), in: &trackedReader{in: in}, close: in.Close, size: in.Size(),
		unpack: &decompressor{pool: pool}, schema: types.ArrowSchema(opts.Fields)}
	if r.opts.BatchRows <= 0 {
		r.opts.BatchRows = defaultBatchRows
	}
	defer r.guard(&err)
	if r.meta, err = readFooter(r.in, r.size); err != nil {
		return nil, err
	}
	p := &planner{schema: r.meta.Schema, alloc: r.alloc, unpack: r.unpack, known: opts.FileFields != nil}
	for _, f := range opts.Fields {
		n, err := p.column(f, opts.FileFields)
		if err != nil {
			return nil, err
		}
		r.columns = append(r.columns, n)
		if n != nil {
			r.leaves = n.leaves(r.leaves)
		}
	}
	return r, nil
}

// guard turns panics and errors that come from the file's bytes into
// errs.ErrCorrupt with its path.
func (r *reader) guard(err *error) {
	if v := recover(); v != nil {
		re, ok := v.(runtime.Error)
		if !ok {
			if re, isErr := v.(error); isErr {
				*err = errs.Corrupt(r.opts.Path, "decode: %w", re)
			} else {
				*err = errs.Corrupt(r.opts.Path, "decode: %v", v)
			}
		} else {
			*err = errs.Corrupt(r.opts.Path, "decode: %w", re)
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

// readFooter reads and checks the file's metadata.
func readFooter(in io.ReaderAt, size int64) (*metadata.FileMetaData, error) {
	if size < 12 {
		return nil, fmt.Errorf("%d bytes are too few for a parquet file", size)
	}
	tail := make([]byte, min(size, tailBytes))
	if _, err := in.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read footer: %w", err)
	}
	end := len(tail) - 8
	if !bytes.Equal(tail[end+4:], []byte(magic)) {
		if bytes.Equal(tail[end+4:], []byte("PARE")) {
			return nil, errs.Unsupported("encrypted parquet file")
		}
		return nil, errors.New("no parquet magic at the end: the file is cut off or something else")
	}
	n := int64(binary.LittleEndian.Uint32(tail[end:]))
	if n > size-12 {
		return nil, fmt.Errorf("footer of %d bytes in a file of %d", n, size)
	}
	foot := tail[max(0, int64(end)-n):end]
	if int64(len(foot)) < n {
		foot = make([]byte, n)
		if _, err := in.ReadAt(foot, size-8-n); err != nil && err != io.EOF {
			return nil, fmt.Errorf("read footer: %w", err)
		}
	}
	if err := checkFooter(foot); err != nil {
		return nil, err
	}
	meta, err := metadata.NewFileMetaData(foot, nil)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	if meta.Schema == nil {
		return nil, errors.New("footer: no valid schema")
	}
	return meta, checkGroups(meta)
}

func checkGroups(meta *metadata.FileMetaData) error {
	var rows int64
	for i := range meta.NumRowGroups() {
		n := meta.RowGroup(i).NumRows()
		if n < 0 || rows+n < rows {
			return fmt.Errorf("footer: row group %d of %d rows", i, n)
		}
		rows += n
	}
	if rows != meta.NumRows {
		return fmt.Errorf("footer: %d rows, but the row groups hold %d", meta.NumRows, rows)
	}
	return nil
}

// Rows is the number of rows of the file.
func (r *reader) Rows() int64 { return r.meta.NumRows }

// Position is the row number of the last batch's first row.
func (r *reader) Position() int64 { return r.last }

// Next gives the next batch.
func (r *reader) Next() (out arrow.RecordBatch, err error) {
	if r.failed != nil {
		return nil, r.failed
	}
	defer r.guard(&err)
	for r.left == 0 {
		if r.group >= r.meta.NumRowGroups() {
			return nil, io.EOF
		}
		if err := r.startGroup(); err != nil {
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
	for i, c := range r.columns {
		data, err := r.readColumn(c, i, n)
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

func (r *reader) startGroup() error {
	g := r.meta.RowGroup(r.group)
	r.group++
	if r.opts.SkipBlock != nil && g.NumRows() > 0 && r.opts.SkipBlock(g.NumRows(), r.groupStats(g)) {
		r.next += g.NumRows()
		return nil
	}
	r.left = g.NumRows()
	if r.left == 0 {
		return nil
	}
	for _, l := range r.leaves {
		chunk, err := g.ColumnChunk(l.index)
		if err == nil {
			if chunk.Type() != l.node.PhysicalType() {
				err = fmt.Errorf("chunk of type %s, schema says %s", chunk.Type(), l.node.PhysicalType())
			} else {
				err = l.startChunk(r.in, chunk, r.size)
			}
		}
		if err != nil {
			return l.wrap(err)
		}
	}
	return nil
}

func (r *reader) readColumn(c *readNode, i, n int) (arrow.ArrayData, error) {
	if c == nil {
		return nullData(r.alloc, r.schema.Field(i).Type, n), nil
	}
	if c.leaf != nil && c.leaf.isFlat {
		data, err := c.leaf.readFlat(n)
		if err != nil {
			return nil, err
		}
		return c.cast.Take(data)
	}
	leaves := c.leaves(nil)
	for _, l := range leaves {
		defer l.sink.drop()
	}
	for _, l := range leaves {
		if err := l.readLevels(n); err != nil {
			return nil, err
		}
	}
	data, err := c.build(nil, r.alloc)
	if err == nil && data.Len() != n {
		data.Release()
		return nil, fmt.Errorf("column %q has %d rows, want %d", r.opts.Fields[i].Name, data.Len(), n)
	}
	return data, err
}

// Close closes the file.
func (r *reader) Close() error {
	r.unpack.close()
	if r.failed == nil {
		r.failed = errors.New("read a closed file")
	}
	return r.close()
}
