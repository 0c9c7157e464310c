// Package blob reads .blob files: one column of BLOBs, one value a row.
//
// A value is a magic number, the bytes, how long all of it is, and a checksum.
// After the values come the lengths of all rows (-1 for NULL) as varints of
// their differences, the length of this index, and the version.
package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	magic       = 1481511375
	version     = 1
	tailSize    = 5
	overhead    = 16 // of a value: magic, length, checksum
	nullLength  = -1
	placeholder = -2 // of 2.x: the value is in an older file
	// maxIndex bounds the index, so that a damaged file cannot exhaust memory.
	maxIndex         = 256 << 20
	defaultBatchRows = 8192
	// batchBytes is about what the values of a batch take.
	batchBytes = 32 << 20
)

// Format is the format of .blob files. The zero value is ready for use.
// Source: org.apache.paimon.format.blob.BlobFileFormat.
type Format struct{}

var _ format.Format = Format{}

// NewWriter gives errs.ErrUnsupported.
func (Format) NewWriter(io.Writer, []types.Field, format.WriteOptions) (format.Writer, error) {
	return nil, errs.Unsupported("writing .blob files: tables with a BLOB column are read only")
}

// Open opens a .blob file, which holds the first BLOB column of
// opts.FileFields. Other columns are NULL.
func (Format) Open(in fileio.Reader, opts format.ReadOptions) (format.Reader, error) {
	r := &reader{opts: opts, in: in, schema: types.ArrowSchema(opts.Fields), column: -1}
	if r.opts.BatchRows <= 0 {
		r.opts.BatchRows = defaultBatchRows
	}
	file := opts.FileFields
	if file == nil {
		file = opts.Fields
	}
	for _, f := range file {
		if f.Type.Root == types.Blob {
			r.column = f.ID
			break
		}
	}
	for _, f := range opts.Fields {
		if f.ID == r.column && f.Type.Root != types.Blob {
			return nil, errs.Unsupported("read %s: column %q: BLOB read as %s", opts.Path, f.Name, f.Type)
		}
	}
	if err := r.readIndex(); err != nil {
		return nil, r.wrap(err)
	}
	return r, nil
}

type reader struct {
	opts    format.ReadOptions
	in      fileio.Reader
	schema  *arrow.Schema
	column  int // field id; -1 for none
	lengths []int64
	next    int64
	last    int64
	offset  int64 // of the next value
	buf     []byte
	stored  error // of the storage
}

// wrap says where an error is, and what kind it is of.
func (r *reader) wrap(err error) error {
	switch {
	case r.stored != nil:
		return fmt.Errorf("read %s: %w", r.opts.Path, r.stored)
	case errors.Is(err, errs.ErrUnsupported), errors.Is(err, context.Canceled):
		return fmt.Errorf("read %s: %w", r.opts.Path, err)
	}
	return errs.Corrupt(r.opts.Path, "%w", err)
}

func (r *reader) readAt(b []byte, off int64) error {
	n, err := r.in.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err != nil && err != io.EOF {
		r.stored = err
	}
	return errors.New("the file is cut off")
}

func (r *reader) readIndex() error {
	size := r.in.Size()
	var tail [tailSize]byte
	if size < tailSize {
		return fmt.Errorf("%d bytes are too few for a .blob file", size)
	}
	if err := r.readAt(tail[:], size-tailSize); err != nil {
		return err
	}
	if tail[4] != version {
		return errs.Unsupported("version %d of .blob files", tail[4])
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-tailSize || n > maxIndex {
		return fmt.Errorf("an index of %d bytes in a file of %d", n, size)
	}
	index := make([]byte, n)
	if err := r.readAt(index, size-tailSize-n); err != nil {
		return err
	}
	return r.parseIndex(index, size-tailSize-n)
}

// parseIndex takes the lengths of the values, which fill data bytes.
func (r *reader) parseIndex(index []byte, data int64) error {
	var length, total int64
	for len(index) > 0 {
		delta, n := binary.Varint(index)
		if n <= 0 {
			return errors.New("the index is damaged")
		}
		index = index[n:]
		length += delta
		switch {
		case length == nullLength:
		case length == placeholder:
			return errs.Unsupported("a .blob file with placeholders (values kept in older files)")
		case length < overhead || length > data-total:
			return fmt.Errorf("row %d: a value of %d bytes, %d are left", len(r.lengths), length, data-total)
		default:
			total += length
		}
		r.lengths = append(r.lengths, length)
	}
	if total != data {
		return fmt.Errorf("values of %d bytes, the index tells of %d", data, total)
	}
	return nil
}

// Rows is the number of rows of the file.
func (r *reader) Rows() int64 { return int64(len(r.lengths)) }

// Position is the row number of the last batch's first row.
func (r *reader) Position() int64 { return r.last }

// Next gives the next batch; large values make it short.
func (r *reader) Next() (arrow.RecordBatch, error) {
	if r.next == r.Rows() {
		return nil, io.EOF
	}
	n, bytes := 0, int64(0)
	for _, length := range r.lengths[r.next:] {
		if n == r.opts.BatchRows || n > 0 && bytes+length > batchBytes {
			break
		}
		n++
		bytes += max(length, 0)
	}
	cols := make([]arrow.Array, 0, len(r.opts.Fields))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for _, f := range r.opts.Fields {
		if f.ID != r.column {
			cols = append(cols, array.MakeArrayOfNull(r.opts.Allocator(), f.Type.Arrow(), n))
			continue
		}
		c, err := r.values(r.lengths[r.next:r.next+int64(n)], bytes)
		if err != nil {
			return nil, r.wrap(err)
		}
		cols = append(cols, c)
	}
	r.offset += bytes
	r.last, r.next = r.next, r.next+int64(n)
	return array.NewRecordBatch(r.schema, cols, int64(n)), nil
}

// values reads the values of these lengths, which lie one after the other.
func (r *reader) values(lengths []int64, bytes int64) (arrow.Array, error) {
	if bytes > math.MaxInt32 {
		return nil, errs.Unsupported("a BLOB of more than 2 GiB")
	}
	if int64(cap(r.buf)) < bytes {
		r.buf = make([]byte, bytes)
	}
	buf := r.buf[:bytes]
	if err := r.readAt(buf, r.offset); err != nil {
		return nil, err
	}
	b := array.NewBinaryBuilder(r.opts.Allocator(), arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(len(lengths))
	b.ReserveData(int(bytes))
	for i, length := range lengths {
		if length == nullLength {
			b.AppendNull()
			continue
		}
		v, err := unpack(buf[:length])
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", r.next+int64(i), err)
		}
		b.Append(v)
		buf = buf[length:]
	}
	return b.NewArray(), nil
}

// unpack checks a value and gives its bytes.
func unpack(b []byte) ([]byte, error) {
	end := len(b) - 12
	switch first := binary.LittleEndian.Uint32(b); {
	case first == 1094861634 || first == 1296188226:
		return nil, errs.Unsupported("a .blob file of ARRAY or MAP values")
	case first != magic:
		return nil, fmt.Errorf("a value begins with %#x, not %#x", first, magic)
	case binary.LittleEndian.Uint64(b[end:]) != uint64(len(b)):
		return nil, fmt.Errorf("a value of %d bytes says it has %d", len(b), binary.LittleEndian.Uint64(b[end:]))
	case binary.LittleEndian.Uint32(b[end+8:]) != crc32.ChecksumIEEE(b[:end+8]):
		return nil, errors.New("the checksum of a value is wrong")
	}
	return b[4:end], nil
}

// Close closes the file.
func (r *reader) Close() error {
	r.next = r.Rows()
	return r.in.Close()
}
