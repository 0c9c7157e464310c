package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// column gathers the vectors of successive DuckDB chunks into one Arrow array. load must come before append, and the
// chunk must live until the appends are done. Everything after load reads C memory without calling C.
type column interface {
	arrowType() arrow.DataType
	// load takes the addresses of a flat vector of size rows; below a list that is more than 2048.
	load(v C.duckdb_vector, size int)
	// append copies n rows of the loaded vector.
	append(from, n int) error
	// appendNulls adds rows that are null because their parent is.
	appendNulls(n int)
	// bytes is the memory gathered so far.
	bytes() int
	// finish returns the gathered rows and starts over.
	finish() arrow.ArrayData
}

// newColumn makes the reader of a result type, or an error that wraps errors.ErrUnsupported.
func newColumn(t C.duckdb_logical_type) (column, error) {
	id := C.duckdb_get_type_id(t)
	if dt, width := fixedType(id); dt != nil {
		return &fixedColumn{dt: dt, width: width}, nil
	}
	switch id {
	case C.DUCKDB_TYPE_BOOLEAN:
		return &boolColumn{}, nil
	case C.DUCKDB_TYPE_HUGEINT:
		return &decimalColumn{dt: &arrow.Decimal128Type{Precision: 38}, width: 16, checked: true}, nil
	case C.DUCKDB_TYPE_DECIMAL:
		return newDecimalColumn(t), nil
	case C.DUCKDB_TYPE_VARCHAR:
		return newStringColumn(arrow.BinaryTypes.String), nil
	case C.DUCKDB_TYPE_BLOB:
		return newStringColumn(arrow.BinaryTypes.Binary), nil
	case C.DUCKDB_TYPE_UUID:
		return newTextColumn(16, appendUUID), nil
	case C.DUCKDB_TYPE_INTERVAL:
		return newTextColumn(16, appendInterval), nil
	case C.DUCKDB_TYPE_ENUM:
		return newEnumColumn(t), nil
	case C.DUCKDB_TYPE_LIST:
		return newListColumn(t)
	case C.DUCKDB_TYPE_MAP:
		return newMapColumn(t)
	case C.DUCKDB_TYPE_STRUCT:
		return newStructColumn(t)
	}
	return nil, unsupported("DuckDB type %s has no Arrow form here, cast it to VARCHAR", typeName(t))
}

// fixedType maps the types that are the same bytes on both sides, nil for all others.
func fixedType(id C.duckdb_type) (arrow.DataType, int) {
	switch id {
	case C.DUCKDB_TYPE_TINYINT:
		return arrow.PrimitiveTypes.Int8, 1
	case C.DUCKDB_TYPE_SMALLINT:
		return arrow.PrimitiveTypes.Int16, 2
	case C.DUCKDB_TYPE_INTEGER, C.DUCKDB_TYPE_SQLNULL: // an untyped NULL arrives as INTEGER
		return arrow.PrimitiveTypes.Int32, 4
	case C.DUCKDB_TYPE_BIGINT:
		return arrow.PrimitiveTypes.Int64, 8
	case C.DUCKDB_TYPE_UTINYINT:
		return arrow.PrimitiveTypes.Uint8, 1
	case C.DUCKDB_TYPE_USMALLINT:
		return arrow.PrimitiveTypes.Uint16, 2
	case C.DUCKDB_TYPE_UINTEGER:
		return arrow.PrimitiveTypes.Uint32, 4
	case C.DUCKDB_TYPE_UBIGINT:
		return arrow.PrimitiveTypes.Uint64, 8
	case C.DUCKDB_TYPE_FLOAT:
		return arrow.PrimitiveTypes.Float32, 4
	case C.DUCKDB_TYPE_DOUBLE:
		return arrow.PrimitiveTypes.Float64, 8
	case C.DUCKDB_TYPE_DATE:
		return arrow.FixedWidthTypes.Date32, 4
	case C.DUCKDB_TYPE_TIME:
		return arrow.FixedWidthTypes.Time64us, 8
	case C.DUCKDB_TYPE_TIME_NS:
		return arrow.FixedWidthTypes.Time64ns, 8
	case C.DUCKDB_TYPE_TIMESTAMP_S:
		return &arrow.TimestampType{Unit: arrow.Second}, 8
	case C.DUCKDB_TYPE_TIMESTAMP_MS:
		return &arrow.TimestampType{Unit: arrow.Millisecond}, 8
	case C.DUCKDB_TYPE_TIMESTAMP:
		return &arrow.TimestampType{Unit: arrow.Microsecond}, 8
	case C.DUCKDB_TYPE_TIMESTAMP_NS:
		return &arrow.TimestampType{Unit: arrow.Nanosecond}, 8
	case C.DUCKDB_TYPE_TIMESTAMP_TZ:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, 8
	}
	return nil, 0
}

// nulls gathers validity. Both sides keep one bit a row, lowest first, 1 for valid.
type nulls struct {
	mask []byte // of the loaded vector; nil when all rows are valid
	bits []byte // gathered; nil as long as no row is null
	rows int
	null int
}

// loadNulls takes the validity of a vector; size is the number of its rows.
func (b *nulls) loadNulls(v C.duckdb_vector, size int) {
	b.mask = nil
	if m := C.duckdb_vector_get_validity(v); m != nil && size > 0 {
		b.mask = unsafe.Slice((*byte)(unsafe.Pointer(m)), (size+63)/64*8)
	}
}

func (b *nulls) valid(row int) bool { return b.mask == nil || b.mask[row>>3]>>(row&7)&1 != 0 }

func (b *nulls) grow(n int) {
	if need := (b.rows+n+7)/8 - len(b.bits); need > 0 {
		b.bits = append(b.bits, make([]byte, need)...)
	}
}

// appendValid copies the validity of n rows and says whether any of them is null.
func (b *nulls) appendValid(from, n int) (anyNull bool) {
	null := 0
	if b.mask != nil {
		null = n - bitutil.CountSetBits(b.mask, from, n)
	}
	if null > 0 && b.bits == nil {
		b.grow(0)
		bitutil.SetBitsTo(b.bits, 0, int64(b.rows), true)
	}
	if null > 0 || b.bits != nil {
		b.grow(n)
		if null > 0 {
			bitutil.CopyBitmap(b.mask, from, n, b.bits, b.rows)
		} else {
			bitutil.SetBitsTo(b.bits, int64(b.rows), int64(n), true)
		}
	}
	b.rows += n
	b.null += null
	return null > 0
}

func (b *nulls) appendInvalid(n int) {
	if b.bits == nil {
		b.grow(0)
		bitutil.SetBitsTo(b.bits, 0, int64(b.rows), true)
	}
	b.grow(n)
	bitutil.SetBitsTo(b.bits, int64(b.rows), int64(n), false)
	b.rows += n
	b.null += n
}

// take returns the bitmap (nil without nulls), the rows and the nulls, and starts over.
func (b *nulls) take() (*memory.Buffer, int, int) {
	rows, null := b.rows, b.null
	var buf *memory.Buffer
	if null > 0 {
		buf = memory.NewBufferBytes(b.bits)
	}
	b.bits, b.rows, b.null = nil, 0, 0
	return buf, rows, null
}

// gathered is a growing buffer that begins each batch with the room that the last one took.
type gathered[T any] struct {
	vals []T
	hint int
}

func (g *gathered[T]) start() {
	if g.vals == nil {
		g.vals = make([]T, 0, g.hint)
	}
}

func (g *gathered[T]) take() []T {
	v := g.vals
	g.vals, g.hint = nil, len(v)
	return v
}
