package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// writer copies rows of one Arrow column into DuckDB vectors. It has no state: all threads of a scan share it.
type writer struct {
	name   string
	dt     arrow.DataType
	values func(v C.duckdb_vector, a arrow.Array, from, n int) error
	fields []*writer // of a struct
}

func newWriter(f arrow.Field) (*writer, error) {
	w := &writer{name: f.Name, dt: f.Type}
	switch t := f.Type.(type) {
	case *arrow.MapType: // before the list, which it is too
		return w, w.initList(t.Elem())
	case *arrow.ListType:
		return w, w.initList(t.Elem())
	case *arrow.StructType:
		return w, w.initStruct(t)
	case *arrow.TimestampType:
		w.values = timestampWriter(t)
	case *arrow.Time32Type:
		factor := int64(1000)
		if t.Unit == arrow.Second {
			factor = 1_000_000
		}
		w.values = time32Writer(factor)
	case *arrow.Decimal128Type:
		w.values = decimalWriter(t)
	case *arrow.BooleanType:
		w.values = writeBool
	case *arrow.StringType, *arrow.BinaryType:
		w.values = stringWriter[int32](t.ID() == arrow.STRING)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		w.values = stringWriter[int64](t.ID() == arrow.LARGE_STRING)
	case *arrow.FixedSizeBinaryType:
		w.values = fixedBinaryWriter(t.ByteWidth)
	default:
		ft, ok := f.Type.(arrow.FixedWidthDataType)
		if !ok || scalarType(f.Type) == C.DUCKDB_TYPE_INVALID {
			return nil, unsupported("column %q: Arrow type %s", f.Name, f.Type)
		}
		w.values = fixedWriter(ft.Bytes())
	}
	return w, nil
}

// write copies rows from..from+n of a to rows 0..n of v.
func (w *writer) write(v C.duckdb_vector, a arrow.Array, from, n int) error {
	if a.NullN() > 0 {
		bits, at := a.NullBitmapBytes(), a.Data().Offset()+from
		if bitutil.CountSetBits(bits, at, n) < n {
			bitutil.CopyBitmap(bits, at, n, validityOf(v, n), 0)
		}
	}
	return w.values(v, a, from, n)
}

// validityOf makes the validity of a vector writable; it begins as all valid.
func validityOf(v C.duckdb_vector, n int) []byte {
	C.duckdb_vector_ensure_validity_writable(v)
	return unsafe.Slice((*byte)(unsafe.Pointer(C.duckdb_vector_get_validity(v))), (n+63)/64*8)
}

func writeAllNull(v C.duckdb_vector, n int) {
	bitutil.SetBitsTo(validityOf(v, n), 0, int64(n), false)
}

// vectorOf is the value memory of a vector as Go sees it.
func vectorOf[T any](v C.duckdb_vector, n int) []T {
	return unsafe.Slice((*T)(C.duckdb_vector_get_data(v)), n)
}

// valuesOf is a slice of the value buffer of an Arrow array. A buffer that is too short panics, and the panic becomes
// the error of the query.
func valuesOf[T any](a arrow.Array, from, n int) []T {
	if n == 0 {
		return nil
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	at := (a.Data().Offset() + from) * size
	b := a.Data().Buffers()[1].Bytes()[at : at+n*size]
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}

func fixedWriter(width int) func(C.duckdb_vector, arrow.Array, int, int) error {
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		at := (a.Data().Offset() + from) * width
		copy(vectorOf[byte](v, n*width), a.Data().Buffers()[1].Bytes()[at:at+n*width])
		return nil
	}
}

func writeBool(v C.duckdb_vector, a arrow.Array, from, n int) error {
	bits, at := a.Data().Buffers()[1].Bytes(), a.Data().Offset()+from
	dst := vectorOf[byte](v, n)
	for i := range dst {
		dst[i] = bits[(at+i)>>3] >> ((at + i) & 7) & 1
	}
	return nil
}

func time32Writer(factor int64) func(C.duckdb_vector, arrow.Array, int, int) error {
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		dst := vectorOf[int64](v, n)
		for i, t := range valuesOf[int32](a, from, n) {
			dst[i] = int64(t) * factor
		}
		return nil
	}
}

// timestampWriter copies a timestamp without zone; one with a zone becomes DuckDB's TIMESTAMPTZ, which has
// microseconds only.
func timestampWriter(t *arrow.TimestampType) func(C.duckdb_vector, arrow.Array, int, int) error {
	if t.TimeZone == "" || t.Unit == arrow.Microsecond {
		return fixedWriter(8)
	}
	if t.Unit == arrow.Nanosecond {
		return writeNanosTZ
	}
	factor := map[arrow.TimeUnit]int64{arrow.Second: 1_000_000, arrow.Millisecond: 1000}[t.Unit]
	limit := math.MaxInt64 / factor
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		dst := vectorOf[int64](v, n)
		for i, t := range valuesOf[int64](a, from, n) {
			if (t > limit || t < -limit) && a.IsValid(from+i) {
				return fmt.Errorf("timestamp %d is beyond what microseconds can hold", t)
			}
			dst[i] = t * factor
		}
		return nil
	}
}

func writeNanosTZ(v C.duckdb_vector, a arrow.Array, from, n int) error {
	dst := vectorOf[int64](v, n)
	for i, t := range valuesOf[int64](a, from, n) {
		if t%1000 != 0 && a.IsValid(from+i) {
			return unsupported("timestamp with time zone has nanoseconds (%d), DuckDB keeps microseconds", t)
		}
		dst[i] = t / 1000
	}
	return nil
}

func decimalWriter(t *arrow.Decimal128Type) func(C.duckdb_vector, arrow.Array, int, int) error {
	switch decimalWidth(t.Precision) {
	case 2:
		return narrowWriter[int16](t)
	case 4:
		return narrowWriter[int32](t)
	case 8:
		return narrowWriter[int64](t)
	}
	return fixedWriter(16)
}

// narrowWriter refuses values that do not fit the storage: an unchecked sum in a compact DECIMAL can be that large.
func narrowWriter[T int16 | int32 | int64](dt *arrow.Decimal128Type) func(C.duckdb_vector, arrow.Array, int, int) error {
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		dst := vectorOf[T](v, n)
		for i, d := range valuesOf[decimal128.Num](a, from, n) {
			lo := int64(d.LowBits())
			dst[i] = T(lo)
			if (int64(dst[i]) != lo || d.HighBits() != lo>>63) && a.IsValid(from+i) {
				return fmt.Errorf("value %s does not fit %s", d.ToString(dt.Scale), dt)
			}
		}
		return nil
	}
}

// initList copies the entries and then all their elements at once.
func (w *writer) initList(elem arrow.DataType) error {
	child, err := newWriter(arrow.Field{Name: w.name, Type: elem})
	if err != nil {
		return err
	}
	_, isMap := w.dt.(*arrow.MapType)
	w.values = func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		offs := valuesOf[int32](a, from, n+1)
		entries := vectorOf[listEntry](v, n)
		for i := range entries {
			if offs[i+1] < offs[i] {
				return fmt.Errorf("list offsets go back from %d to %d", offs[i], offs[i+1])
			}
			entries[i] = listEntry{uint64(offs[i] - offs[0]), uint64(offs[i+1] - offs[i])}
		}
		size := C.idx_t(offs[n] - offs[0])
		if C.duckdb_list_vector_reserve(v, size) != C.DuckDBSuccess ||
			C.duckdb_list_vector_set_size(v, size) != C.DuckDBSuccess {
			return fmt.Errorf("no memory for %d list elements", size)
		}
		if size == 0 {
			return nil
		}
		values := a.(array.ListLike).ListValues()
		if isMap {
			if err := checkKeys(values.(*array.Struct).Field(0), int(offs[0]), int(size)); err != nil {
				return err
			}
		}
		return child.write(C.duckdb_list_vector_get_child(v), values, int(offs[0]), int(size))
	}
	return nil
}

// checkKeys refuses null keys, which DuckDB's MAP functions do not expect.
func checkKeys(keys arrow.Array, from, n int) error {
	if keys.NullN() > 0 && bitutil.CountSetBits(keys.NullBitmapBytes(), keys.Data().Offset()+from, n) < n {
		return unsupported("map with a null key")
	}
	return nil
}

func (w *writer) initStruct(t *arrow.StructType) error {
	for _, f := range t.Fields() {
		fw, err := newWriter(f)
		if err != nil {
			return err
		}
		w.fields = append(w.fields, fw)
	}
	w.values = func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		s := a.(*array.Struct)
		for i, f := range w.fields {
			if err := f.write(C.duckdb_struct_vector_get_child(v, C.idx_t(i)), s.Field(i), from, n); err != nil {
				return fmt.Errorf("field %q: %w", f.name, err)
			}
		}
		if a.NullN() > 0 {
			w.nullFields(v, a, from, n)
		}
		return nil
	}
	return nil
}

// nullFields makes the fields of null structs null: DuckDB takes that for granted, Arrow does not.
func (w *writer) nullFields(v C.duckdb_vector, parent arrow.Array, from, n int) {
	for i, f := range w.fields {
		fv := C.duckdb_struct_vector_get_child(v, C.idx_t(i))
		var bits []byte
		for row := range n {
			if parent.IsNull(from + row) {
				if bits == nil {
					bits = validityOf(fv, n)
				}
				bitutil.ClearBit(bits, row)
			}
		}
		if bits != nil {
			f.nullFields(fv, parent, from, n)
		}
	}
}
