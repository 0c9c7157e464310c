package parquet

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	pq "github.com/apache/arrow-go/v18/parquet"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// encoder turns the values of Arrow arrays of one leaf column into physical
// values: plainly encoded, or numbered by a dictionary.
type encoder interface {
	// bind takes the array that later calls refer to.
	bind(arr arrow.Array) error
	// appendPlain appends the plain encoding of rows [lo, hi), none of them
	// NULL, to dst and adds them to b.
	appendPlain(dst []byte, lo, hi int, b *bounds) []byte
	// dict gives the dictionary, or nil if the type has none.
	dict() dictionary
}

// dictionary numbers the distinct values of a leaf column.
type dictionary interface {
	reset()
	// appendIndexes appends the indexes of rows [lo, hi), none of them NULL.
	appendIndexes(idx []uint32, lo, hi int) []uint32
	// entries is the number of distinct values.
	entries() int
	// page gives the plain encoding of the entries.
	page(dst []byte) []byte
	// appendPlain appends the plain encoding of the values with these indexes.
	appendPlain(dst []byte, idx []uint32) []byte
	// plainBytes is the size of the plain encoding of the entries.
	plainBytes() int
	// bound adds all entries to b.
	bound(b *bounds)
}

// newEncoder makes the encoder of a leaf type.
func newEncoder(t types.Type) (encoder, boundsKind, error) {
	switch t.Root {
	case types.Char, types.Varchar:
		return &bytesEncoder{}, bytesBounds, nil
	case types.Binary, types.Varbinary, types.Blob:
		return &bytesEncoder{}, bytesBounds, nil
	case types.Boolean:
		return &boolEncoder{}, intBounds, nil
	case types.TinyInt:
		return &fixedEncoder[int32]{view: widen8}, intBounds, nil
	case types.SmallInt:
		return &fixedEncoder[int32]{view: widen16}, intBounds, nil
	case types.Int, types.Date, types.Time:
		return &fixedEncoder[int32]{view: view32}, intBounds, nil
	case types.BigInt:
		return &fixedEncoder[int64]{view: view64}, intBounds, nil
	case types.Float:
		return &fixedEncoder[float32]{view: viewF32}, floatBounds, nil
	case types.Double:
		return &fixedEncoder[float64]{view: viewF64}, floatBounds, nil
	case types.Timestamp, types.TimestampLTZ:
		if t.Precision <= 6 {
			return &fixedEncoder[int64]{view: view64}, intBounds, nil
		}
		return &int96Encoder{}, noBounds, nil
	case types.Decimal:
		switch phys, n := decimalPhysical(t.Precision); phys {
		case pq.Types.Int32:
			return &decimalEncoder[int32]{fixedEncoder: fixedEncoder[int32]{view: decimals32}, typ: t}, intBounds, nil
		case pq.Types.Int64:
			return &decimalEncoder[int64]{fixedEncoder: fixedEncoder[int64]{view: decimals64}, typ: t}, intBounds, nil
		default:
			return &wideEncoder{width: n, typ: t}, signedBytesBounds, nil
		}
	}
	return nil, noBounds, errs.Unsupported("type %s in a parquet file", t)
}

// fixedEncoder serves INT32, INT64, FLOAT and DOUBLE.
type fixedEncoder[T fixed] struct {
	// view gives the rows [lo, hi) of arr; it may use scratch.
	view    func(arr arrow.Array, lo, hi int, scratch []T) []T
	arr     arrow.Array
	scratch []T
	d       fixedDict[T]
}

func (e *fixedEncoder[T]) bind(arr arrow.Array) error { e.arr = arr; return nil }
func (e *fixedEncoder[T]) dict() dictionary           { return (*fixedDictionary[T])(e) }

func (e *fixedEncoder[T]) rows(lo, hi int) []T {
	if cap(e.scratch) < hi-lo {
		e.scratch = make([]T, max(hi-lo, 1024))
	}
	return e.view(e.arr, lo, hi, e.scratch[:hi-lo])
}

func (e *fixedEncoder[T]) appendPlain(dst []byte, lo, hi int, b *bounds) []byte {
	vals := e.rows(lo, hi)
	addFixed(b, vals)
	return append(dst, asBytes(vals)...)
}

func addFixed[T fixed](b *bounds, vals []T) {
	switch v := any(vals).(type) {
	case []int32:
		b.addInt32s(v)
	case []int64:
		b.addInt64s(v)
	case []float32:
		addFloats(b, v)
	case []float64:
		addFloats(b, v)
	}
}

// asBytes is the plain encoding of vals on the little-endian machines that
// Tarn runs on.
func asBytes[T fixed](vals []T) []byte {
	if len(vals) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&vals[0])), len(vals)*int(unsafe.Sizeof(vals[0])))
}

func bitsOf[T fixed](v T) uint64 {
	switch v := any(v).(type) {
	case int32:
		return uint64(uint32(v))
	case int64:
		return uint64(v)
	case float32:
		return uint64(math.Float32bits(v))
	case float64:
		return math.Float64bits(v)
	}
	return 0
}

type fixedDictionary[T fixed] fixedEncoder[T]

func (e *fixedDictionary[T]) reset() { e.d.reset() }

func (e *fixedDictionary[T]) appendIndexes(idx []uint32, lo, hi int) []uint32 {
	return e.d.appendIndexes(idx, (*fixedEncoder[T])(e).rows(lo, hi))
}

func (e *fixedDictionary[T]) entries() int           { return len(e.d.vals) }
func (e *fixedDictionary[T]) page(dst []byte) []byte { return append(dst, asBytes(e.d.vals)...) }
func (e *fixedDictionary[T]) plainBytes() int        { return len(asBytes(e.d.vals)) }

func (e *fixedDictionary[T]) appendPlain(dst []byte, idx []uint32) []byte {
	for _, i := range idx {
		dst = append(dst, asBytes(e.d.vals[i:i+1])...)
	}
	return dst
}

func (e *fixedDictionary[T]) bound(b *bounds) {
	if len(e.d.vals) > 0 {
		addFixed(b, e.d.vals)
	}
}

func view32(arr arrow.Array, lo, hi int, _ []int32) []int32 {
	switch a := arr.(type) {
	case *array.Int32:
		return a.Int32Values()[lo:hi]
	case *array.Date32:
		return dates(a.Date32Values()[lo:hi])
	default:
		return times(arr.(*array.Time32).Time32Values()[lo:hi])
	}
}

func dates(v []arrow.Date32) []int32 { return unsafe.Slice((*int32)(unsafe.SliceData(v)), len(v)) }
func times(v []arrow.Time32) []int32 { return unsafe.Slice((*int32)(unsafe.SliceData(v)), len(v)) }

func widen8(arr arrow.Array, lo, hi int, out []int32) []int32 {
	for i, v := range arr.(*array.Int8).Int8Values()[lo:hi] {
		out[i] = int32(v)
	}
	return out
}

func widen16(arr arrow.Array, lo, hi int, out []int32) []int32 {
	for i, v := range arr.(*array.Int16).Int16Values()[lo:hi] {
		out[i] = int32(v)
	}
	return out
}

func view64(arr arrow.Array, lo, hi int, _ []int64) []int64 {
	if a, ok := arr.(*array.Int64); ok {
		return a.Int64Values()[lo:hi]
	}
	v := arr.(*array.Timestamp).TimestampValues()[lo:hi]
	return unsafe.Slice((*int64)(unsafe.SliceData(v)), len(v))
}

func viewF32(arr arrow.Array, lo, hi int, _ []float32) []float32 {
	return arr.(*array.Float32).Float32Values()[lo:hi]
}

func viewF64(arr arrow.Array, lo, hi int, _ []float64) []float64 {
	return arr.(*array.Float64).Float64Values()[lo:hi]
}

func decimals32(arr arrow.Array, lo, hi int, out []int32) []int32 {
	for i, v := range arr.(*array.Decimal128).Values()[lo:hi] {
		out[i] = int32(v.LowBits())
	}
	return out
}

func decimals64(arr arrow.Array, lo, hi int, out []int64) []int64 {
	for i, v := range arr.(*array.Decimal128).Values()[lo:hi] {
		out[i] = int64(v.LowBits())
	}
	return out
}

// bytesEncoder serves BYTE_ARRAY.
type bytesEncoder struct {
	offsets []int32
	data    []byte
	d       bytesDict
}

func (e *bytesEncoder) bind(arr arrow.Array) error {
	switch a := arr.(type) {
	case *array.String:
		e.offsets, e.data = a.ValueOffsets(), valueBytes(a.Data())
	case *array.Binary:
		e.offsets, e.data = a.ValueOffsets(), valueBytes(a.Data())
	default:
		return errs.Invalid("column of Arrow type %s: want utf8 or binary", arr.DataType())
	}
	return nil
}

// valueBytes is the whole value buffer, to which offsets refer.
func valueBytes(d arrow.ArrayData) []byte {
	if b := d.Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

func (e *bytesEncoder) dict() dictionary { return (*bytesDictionary)(e) }

func (e *bytesEncoder) appendPlain(dst []byte, lo, hi int, b *bounds) []byte {
	offs := e.offsets[lo : hi+1]
	start := offs[0]
	for _, end := range offs[1:] {
		v := e.data[start:end]
		start = end
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
		dst = append(dst, v...)
		b.addBytes(v)
	}
	return dst
}

type bytesDictionary bytesEncoder

func (e *bytesDictionary) reset() { e.d.reset() }

func (e *bytesDictionary) appendIndexes(idx []uint32, lo, hi int) []uint32 {
	offs := e.offsets[lo : hi+1]
	start := offs[0]
	for _, end := range offs[1:] {
		idx = append(idx, e.d.index(e.data[start:end]))
		start = end
	}
	return idx
}

func (e *bytesDictionary) entries() int    { return e.d.len() }
func (e *bytesDictionary) plainBytes() int { return len(e.d.data) + 4*e.d.len() }

func (e *bytesDictionary) page(dst []byte) []byte {
	for i := range e.d.len() {
		dst = appendByteArray(dst, e.d.at(uint32(i)))
	}
	return dst
}

func appendByteArray(dst, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(v))), v...)
}

func (e *bytesDictionary) appendPlain(dst []byte, idx []uint32) []byte {
	for _, i := range idx {
		dst = appendByteArray(dst, e.d.at(i))
	}
	return dst
}

func (e *bytesDictionary) bound(b *bounds) {
	for i := range e.d.len() {
		b.addBytes(e.d.at(uint32(i)))
	}
}

// boolEncoder serves BOOLEAN. Plain booleans are bits, so it keeps the bits
// apart in whole bytes per value; the page writer packs them.
type boolEncoder struct{ arr *array.Boolean }

func (e *boolEncoder) bind(arr arrow.Array) error { e.arr = arr.(*array.Boolean); return nil }
func (e *boolEncoder) dict() dictionary           { return nil }

func (e *boolEncoder) appendPlain(dst []byte, lo, hi int, b *bounds) []byte {
	any0, any1 := int64(1), int64(0)
	for i := lo; i < hi; i++ {
		v := byte(0)
		if e.arr.Value(i) {
			v = 1
		}
		any0, any1 = min(any0, int64(v)), max(any1, int64(v))
		dst = append(dst, v)
	}
	b.addIntRange(any0, any1)
	return dst
}

// packBools turns one byte per value into bits.
func packBools(dst, vals []byte) []byte {
	for len(vals) >= 8 {
		v := binary.LittleEndian.Uint64(vals)
		// gathers the low bit of every byte
		dst = append(dst, byte(v*0x0102040810204080>>56))
		vals = vals[8:]
	}
	if len(vals) > 0 {
		var b byte
		for i, v := range vals {
			b |= v << i
		}
		dst = append(dst, b)
	}
	return dst
}

// checkDecimals refuses values that do not fit the given bytes: they would lose
// their high digits. More digits than the type has are let through, as Java
// does, whose sums of small decimals may have them.
func checkDecimals(arr arrow.Array, t types.Type, bytes int) error {
	a, ok := arr.(*array.Decimal128)
	if !ok {
		return errs.Invalid("column of Arrow type %s: want decimal128", arr.DataType())
	}
	shift := uint(128 - 8*bytes)
	for i, v := range a.Values() {
		hi := v.HighBits()
		fits := true
		if shift >= 64 {
			low := int64(v.LowBits())
			fits = hi == low>>63 && low<<(shift-64)>>(shift-64) == low
		} else {
			fits = hi<<shift>>shift == hi
		}
		if !fits && a.IsValid(i) {
			return errs.Invalid("value %s does not fit %s", v.ToString(int32(t.Scale)), t)
		}
	}
	return nil
}

// decimalEncoder serves DECIMAL in INT32 and INT64.
type decimalEncoder[T int32 | int64] struct {
	fixedEncoder[T]
	typ types.Type
}

func (e *decimalEncoder[T]) bind(arr arrow.Array) error {
	if arr == e.arr {
		return nil
	}
	var v T
	if err := checkDecimals(arr, e.typ, int(unsafe.Sizeof(v))); err != nil {
		return err
	}
	e.arr = arr
	return nil
}

// wideEncoder serves DECIMAL in FIXED_LEN_BYTE_ARRAY.
type wideEncoder struct {
	arr   *array.Decimal128
	width int
	typ   types.Type
}

func (e *wideEncoder) bind(arr arrow.Array) error {
	if arr == arrow.Array(e.arr) {
		return nil
	}
	if err := checkDecimals(arr, e.typ, e.width); err != nil {
		return err
	}
	e.arr = arr.(*array.Decimal128)
	return nil
}

func (e *wideEncoder) dict() dictionary { return nil }

func (e *wideEncoder) appendPlain(dst []byte, lo, hi int, b *bounds) []byte {
	least, most := e.arr.Value(lo), e.arr.Value(lo)
	for _, v := range e.arr.Values()[lo:hi] {
		dst = e.appendOne(dst, v)
		if v.Less(least) {
			least = v
		}
		if most.Less(v) {
			most = v
		}
	}
	b.addBytes(e.appendOne(nil, least))
	b.addBytes(e.appendOne(nil, most))
	return dst
}

func (e *wideEncoder) appendOne(dst []byte, v decimal128.Num) []byte {
	var full [16]byte
	binary.BigEndian.PutUint64(full[:], uint64(v.HighBits()))
	binary.BigEndian.PutUint64(full[8:], v.LowBits())
	return append(dst, full[16-e.width:]...)
}

// int96Encoder serves TIMESTAMP of more than 6 digits.
type int96Encoder struct{ arr *array.Timestamp }

const (
	nanosPerDay = 86400_000_000_000
	// julianEpoch is the Julian day of 1970-01-01.
	julianEpoch = 2440588
)

func (e *int96Encoder) bind(arr arrow.Array) error { e.arr = arr.(*array.Timestamp); return nil }
func (e *int96Encoder) dict() dictionary           { return nil }

func (e *int96Encoder) appendPlain(dst []byte, lo, hi int, _ *bounds) []byte {
	for _, v := range e.arr.TimestampValues()[lo:hi] {
		day, nanos := int64(v)/nanosPerDay, int64(v)%nanosPerDay
		if nanos < 0 {
			day, nanos = day-1, nanos+nanosPerDay
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(nanos))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(day+julianEpoch))
	}
	return dst
}
