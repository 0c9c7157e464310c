package avro

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// encoder appends values of one column, or of a part of a nested one.
type encoder interface {
	// bind takes the array that later calls refer to.
	bind(arr arrow.Array)
	// append appends row i to dst.
	append(dst []byte, i int) []byte
}

// failure is the first error of an encoder.
type failure struct{ err error }

// cells say which rows are NULL.
type cells struct {
	typ   types.Type
	valid []byte // nil: no row is NULL
	off   int
	fail  *failure
}

func (c *cells) bindNulls(arr arrow.Array) {
	c.valid = nil
	if arr.NullN() > 0 {
		c.valid, c.off = arr.NullBitmapBytes(), arr.Data().Offset()
	}
}

// head appends the number of the branch of row i; false when it is NULL.
func (c *cells) head(dst []byte, i int) ([]byte, bool) {
	isNull := c.valid != nil && !bitutil.BitIsSet(c.valid, c.off+i)
	if c.typ.Nullable {
		if isNull {
			return append(dst, 0), false
		}
		return append(dst, 2), true
	}
	if isNull && c.fail.err == nil {
		c.fail.err = errs.Invalid("NULL in a column of type %s (merge engines partial-update and aggregation give it when all values are retracted)", c.typ)
	}
	return dst, !isNull
}

// newEncoder makes the encoder of a type that schemaText has allowed.
func newEncoder(t types.Type, fail *failure) encoder {
	c := cells{typ: t, fail: fail}
	switch t.Root {
	case types.Boolean:
		return &boolEncoder{cells: c}
	case types.TinyInt:
		return &intEncoder[int8]{cells: c}
	case types.SmallInt:
		return &intEncoder[int16]{cells: c}
	case types.Int, types.Date, types.Time:
		return &intEncoder[int32]{cells: c}
	case types.BigInt, types.Timestamp, types.TimestampLTZ:
		return &intEncoder[int64]{cells: c}
	case types.Float:
		return &floatEncoder{cells: c}
	case types.Double:
		return &doubleEncoder{cells: c}
	case types.Decimal:
		return &decimalEncoder{cells: c}
	case types.Row:
		out := &rowEncoder{cells: c}
		for _, f := range t.Fields {
			out.kids = append(out.kids, newEncoder(f.Type, fail))
		}
		return out
	case types.Array:
		return &listEncoder{cells: c, items: newEncoder(*t.Elem, fail)}
	case types.Map, types.Multiset:
		key := keyType(t)
		if isText(key) {
			key = key.NotNull()
		}
		return &listEncoder{cells: c, keys: newEncoder(key, fail), items: newEncoder(valueType(t), fail)}
	}
	return &textEncoder{cells: c}
}

type intEncoder[D int8 | int16 | int32 | int64] struct {
	cells
	vals []D
}

func (e *intEncoder[D]) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.vals = bufferOf[D](arr)
}

// bufferOf gives the values of an array of fixed-width values.
func bufferOf[D any](arr arrow.Array) []D {
	b := arr.Data().Buffers()[1]
	if b == nil {
		return nil
	}
	from := arr.Data().Offset()
	return view[D](b.Bytes())[from : from+arr.Len()]
}

func (e *intEncoder[D]) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	v := int64(e.vals[i])
	u := uint64(v<<1) ^ uint64(v>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

type floatEncoder struct {
	cells
	vals []float32
}

func (e *floatEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.vals = bufferOf[float32](arr)
}

func (e *floatEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(e.vals[i]))
}

type doubleEncoder struct {
	cells
	vals []float64
}

func (e *doubleEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.vals = bufferOf[float64](arr)
}

func (e *doubleEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(e.vals[i]))
}

type boolEncoder struct {
	cells
	arr *array.Boolean
}

func (e *boolEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.arr = arr.(*array.Boolean)
}

func (e *boolEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	switch {
	case !ok:
		return dst
	case e.arr.Value(i):
		return append(dst, 1)
	}
	return append(dst, 0)
}

type textEncoder struct {
	cells
	offsets []int32
	data    []byte
}

func (e *textEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.offsets, e.data = nil, nil
	if bufs := arr.Data().Buffers(); arr.Len() > 0 {
		from := arr.Data().Offset()
		e.offsets = view[int32](bufs[1].Bytes())[from : from+arr.Len()+1]
		if bufs[2] != nil {
			e.data = bufs[2].Bytes()
		}
	}
}

func (e *textEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	v := e.data[e.offsets[i]:e.offsets[i+1]]
	return append(binary.AppendVarint(dst, int64(len(v))), v...)
}

type decimalEncoder struct {
	cells
	vals []decimal128.Num
}

func (e *decimalEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	e.vals = bufferOf[decimal128.Num](arr)
}

func (e *decimalEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	var full [16]byte
	v := e.vals[i]
	binary.BigEndian.PutUint64(full[:], uint64(v.HighBits()))
	binary.BigEndian.PutUint64(full[8:], v.LowBits())
	from := 0 // as few bytes as keep the sign
	for from < 15 && full[from] == byte(int8(full[from+1])>>7) {
		from++
	}
	dst = append(dst, byte(16-from)<<1)
	return append(dst, full[from:]...)
}

type rowEncoder struct {
	cells
	kids []encoder
}

func (e *rowEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	for i, k := range e.kids {
		k.bind(arr.(*array.Struct).Field(i))
	}
}

func (e *rowEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	for _, k := range e.kids {
		dst = k.append(dst, i)
	}
	return dst
}

// listEncoder writes ARRAY, MAP and MULTISET: a map and an array of records of
// key and value have the same bytes.
type listEncoder struct {
	cells
	keys    encoder // nil for ARRAY
	items   encoder
	offsets []int32
}

func (e *listEncoder) bind(arr arrow.Array) {
	e.bindNulls(arr)
	from := arr.Data().Offset()
	switch a := arr.(type) {
	case *array.Map:
		e.offsets = a.Offsets()
		e.keys.bind(a.Keys())
		e.items.bind(a.Items())
	case *array.List:
		e.offsets = a.Offsets()
		e.items.bind(a.ListValues())
	}
	if arr.Len() > 0 {
		e.offsets = e.offsets[from : from+arr.Len()+1]
	}
}

func (e *listEncoder) append(dst []byte, i int) []byte {
	dst, ok := e.head(dst, i)
	if !ok {
		return dst
	}
	from, to := e.offsets[i], e.offsets[i+1]
	if to > from {
		dst = binary.AppendVarint(dst, int64(to-from))
		for j := int(from); j < int(to); j++ {
			if e.keys != nil {
				dst = e.keys.append(dst, j)
			}
			dst = e.items.append(dst, j)
		}
	}
	return append(dst, 0)
}
