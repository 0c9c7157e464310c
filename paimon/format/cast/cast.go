// Package cast turns columns written under an older type into the table's
// type, whatever the file format.
package cast

import (
	"math"
	"math/big"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Func turns the values of a column written under an older type into those
// of the wanted type, as Java does.
// Source: org.apache.paimon.casting.CastExecutors.
type Func func(arr arrow.Array) (arrow.Array, error)

// New gives the cast between two types that are not nested; nil when their
// values are the same. errs.ErrUnsupported names a change that cannot be read.
func New(from, to types.Type, alloc memory.Allocator) (Func, error) {
	if from.EqualIgnoringNull(to) {
		return nil, nil
	}
	var c Func
	switch {
	case isInteger(from) || isFloat(from) || from.Root == types.Boolean:
		c = castNumber(from, to, alloc)
	case from.Root == types.Decimal:
		c = castDecimal(from, to, alloc)
	case isText(from):
		return castText(from, to, alloc)
	case isBinary(from) && isBinary(to):
		return castBinary(from, to, alloc)
	case isBinary(from) && isText(to): // the bytes as they are, whatever the length
		return relabel(to), nil
	case from.Root == types.Time && to.Root == types.Time:
		return nil, nil
	case from.Root.IsTimestamp() || from.Root == types.Date || from.Root == types.Time:
		c = castTime(from, to, alloc)
	case from.IsNested() && from.Root != types.Multiset && isText(to):
		return nestedText(from, to, alloc)
	}
	if c == nil {
		return nil, errs.Unsupported("the file holds %s, the table %s: this change of type cannot be read yet", from, to)
	}
	return c, nil
}

func isInteger(t types.Type) bool {
	return t.Root == types.TinyInt || t.Root == types.SmallInt || t.Root == types.Int || t.Root == types.BigInt
}

func isFloat(t types.Type) bool { return t.Root == types.Float || t.Root == types.Double }
func isText(t types.Type) bool  { return t.Root == types.Char || t.Root == types.Varchar }
func isBinary(t types.Type) bool {
	return t.Root == types.Binary || t.Root == types.Varbinary
}

// mapFixed makes an array of fixed-width values: conv gives the value of row
// i, or false for NULL. It is asked for rows that are not NULL only.
func mapFixed[D any](alloc memory.Allocator, arr arrow.Array, typ arrow.DataType, conv func(i int) (D, bool)) arrow.Array {
	n := arr.Len()
	var d D
	vals := memory.NewResizableBuffer(alloc)
	vals.Resize(n * int(unsafe.Sizeof(d)))
	defer vals.Release()
	clear(vals.Bytes())
	valid := memory.NewResizableBuffer(alloc)
	valid.Resize((n + 7) / 8)
	defer valid.Release()
	clear(valid.Bytes())
	out, nulls := unsafe.Slice((*D)(unsafe.Pointer(unsafe.SliceData(vals.Bytes()))), n), 0
	for i := range out {
		ok := arr.IsValid(i)
		if ok {
			out[i], ok = conv(i)
		}
		if ok {
			bitutil.SetBit(valid.Bytes(), i)
		} else {
			nulls++
		}
	}
	data := array.NewData(typ, n, []*memory.Buffer{valid, vals}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// intReader gives the value of a row of an integer or BOOLEAN column.
func intReader(arr arrow.Array) func(i int) int64 {
	switch a := arr.(type) {
	case *array.Int8:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int16:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int32:
		return func(i int) int64 { return int64(a.Value(i)) }
	case *array.Int64:
		return a.Value
	case *array.Boolean:
		return func(i int) int64 {
			if a.Value(i) {
				return 1
			}
			return 0
		}
	}
	return nil
}

func floatReader(arr arrow.Array) func(i int) float64 {
	if a, ok := arr.(*array.Float32); ok {
		return func(i int) float64 { return float64(a.Value(i)) }
	}
	return arr.(*array.Float64).Value
}

// castNumber casts from integers, FLOAT, DOUBLE and BOOLEAN.
func castNumber(from, to types.Type, alloc memory.Allocator) Func {
	typ := to.Arrow()
	floating := isFloat(from)
	ints := func(arr arrow.Array) func(i int) int64 {
		if floating {
			read := floatReader(arr)
			if to.Root == types.BigInt {
				return func(i int) int64 { return saturate(read(i), math.MinInt64, math.MaxInt64) }
			}
			return func(i int) int64 { return saturate(read(i), math.MinInt32, math.MaxInt32) }
		}
		return intReader(arr)
	}
	floats := func(arr arrow.Array) func(i int) float64 {
		if floating {
			return floatReader(arr)
		}
		read := intReader(arr)
		return func(i int) float64 { return float64(read(i)) }
	}
	switch to.Root {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return func(arr arrow.Array) (arrow.Array, error) { return narrowInts(alloc, arr, to, ints(arr)), nil }
	case types.Float:
		if !floating { // one rounding, not two
			return func(arr arrow.Array) (arrow.Array, error) {
				read := intReader(arr)
				return mapFixed(alloc, arr, typ, func(i int) (float32, bool) { return float32(read(i)), true }), nil
			}
		}
		return func(arr arrow.Array) (arrow.Array, error) {
			read := floatReader(arr)
			return mapFixed(alloc, arr, typ, func(i int) (float32, bool) { return float32(read(i)), true }), nil
		}
	case types.Double:
		return func(arr arrow.Array) (arrow.Array, error) {
			read := floats(arr)
			return mapFixed(alloc, arr, typ, func(i int) (float64, bool) { return read(i), true }), nil
		}
	case types.Boolean:
		if !floating {
			return func(arr arrow.Array) (arrow.Array, error) { return toBool(alloc, arr), nil }
		}
	case types.Decimal:
		return func(arr arrow.Array) (arrow.Array, error) {
			if floating {
				return floatsToDecimal(alloc, arr, to), nil
			}
			read := intReader(arr)
			return mapFixed(alloc, arr, typ, func(i int) (decimal128.Num, bool) {
				return rescale(decimal128.FromI64(read(i)), 0, to)
			}), nil
		}
	case types.Char, types.Varchar:
		return numberText(from, to, alloc)
	case types.Timestamp, types.TimestampLTZ:
		if from.Root == types.Int || from.Root == types.BigInt {
			return secondsToTimestamp(to, alloc)
		}
	}
	return nil
}

// saturate is Java's cast of a double to an integer.
func saturate(f float64, least, most int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(least):
		return least
	case f >= float64(most):
		return most
	}
	return int64(f)
}

// narrowInts keeps the low bits, as Java does.
func narrowInts(alloc memory.Allocator, arr arrow.Array, to types.Type, read func(i int) int64) arrow.Array {
	typ := to.Arrow()
	switch to.Root {
	case types.TinyInt:
		return mapFixed(alloc, arr, typ, func(i int) (int8, bool) { return int8(read(i)), true })
	case types.SmallInt:
		return mapFixed(alloc, arr, typ, func(i int) (int16, bool) { return int16(read(i)), true })
	case types.Int:
		return mapFixed(alloc, arr, typ, func(i int) (int32, bool) { return int32(read(i)), true })
	}
	return mapFixed(alloc, arr, typ, func(i int) (int64, bool) { return read(i), true })
}

func toBool(alloc memory.Allocator, arr arrow.Array) arrow.Array {
	read := intReader(arr)
	b := array.NewBooleanBuilder(alloc)
	defer b.Release()
	b.Reserve(arr.Len())
	for i := range arr.Len() {
		if arr.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(read(i) != 0)
		}
	}
	return b.NewArray()
}

// rescale gives v, which has scale digits after the point, in the target's
// scale, rounded half up; false when it does not fit.
func rescale(v decimal128.Num, scale int, to types.Type) (decimal128.Num, bool) {
	if scale == to.Scale && v.FitsInPrecision(int32(to.Precision)) {
		return v, true
	}
	b := v.BigInt()
	if d := to.Scale - scale; d >= 0 {
		b.Mul(b, pow10(d))
	} else {
		p := pow10(-d)
		q, r := new(big.Int).QuoRem(b, p, new(big.Int))
		if r.Abs(r).Lsh(r, 1).Cmp(p) >= 0 {
			q.Add(q, big.NewInt(int64(b.Sign())))
		}
		b = q
	}
	if b.CmpAbs(pow10(to.Precision)) >= 0 {
		return decimal128.Num{}, false
	}
	return decimal128.FromBigInt(b), true
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// castDecimal casts from DECIMAL.
func castDecimal(from, to types.Type, alloc memory.Allocator) Func {
	typ := to.Arrow()
	read := func(arr arrow.Array) func(i int) decimal128.Num { return arr.(*array.Decimal128).Value }
	switch to.Root {
	case types.Decimal:
		return func(arr arrow.Array) (arrow.Array, error) {
			val := read(arr)
			return mapFixed(alloc, arr, typ, func(i int) (decimal128.Num, bool) { return rescale(val(i), from.Scale, to) }), nil
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		p := pow10(from.Scale)
		return func(arr arrow.Array) (arrow.Array, error) {
			val := read(arr)
			return narrowInts(alloc, arr, to, func(i int) int64 {
				q := val(i).BigInt()
				return int64(decimal128.FromBigInt(q.Quo(q, p)).LowBits())
			}), nil
		}
	case types.Double:
		return func(arr arrow.Array) (arrow.Array, error) {
			val := read(arr)
			return mapFixed(alloc, arr, typ, func(i int) (float64, bool) { return decimalFloat(val(i), from.Scale), true }), nil
		}
	case types.Float:
		return func(arr arrow.Array) (arrow.Array, error) {
			val := read(arr)
			return mapFixed(alloc, arr, typ, func(i int) (float32, bool) { return float32(decimalFloat(val(i), from.Scale)), true }), nil
		}
	case types.Char, types.Varchar:
		return numberText(from, to, alloc)
	}
	return nil
}

// decimalFloat is the double nearest to v.
func decimalFloat(v decimal128.Num, scale int) float64 {
	f, _ := new(big.Rat).SetFrac(v.BigInt(), pow10(scale)).Float64()
	return f
}

// Take casts data, which it takes over; data itself when there is no cast.
func (c Func) Take(data arrow.ArrayData) (arrow.ArrayData, error) {
	if c == nil {
		return data, nil
	}
	arr := array.MakeFromData(data)
	data.Release()
	defer arr.Release()
	out, err := c(arr)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	out.Data().Retain()
	return out.Data(), nil
}
