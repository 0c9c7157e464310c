package columnar

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// newRand gives a generator whose seed is printed and can be set by TARN_SEED.
func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("TARN_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("TARN_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// atoms are all types with an order.
func atoms() []types.Type {
	return []types.Type{
		types.Of(types.Boolean), types.Of(types.TinyInt), types.Of(types.SmallInt), types.Of(types.Int), types.Of(types.BigInt),
		types.Of(types.Float), types.Of(types.Double), types.Of(types.Date), {Root: types.Time, Nullable: true, Precision: 3},
		types.TimestampOf(0), types.TimestampOf(6), types.TimestampOf(9), {Root: types.TimestampLTZ, Nullable: true, Precision: 3},
		types.DecimalOf(9, 2), types.DecimalOf(18, 0), types.DecimalOf(38, 10), types.String(), {Root: types.Char, Nullable: true, Precision: 3},
		types.Of(types.Varbinary), {Root: types.Binary, Nullable: true, Precision: 4},
	}
}

func nestedTypes() []types.Type {
	row := types.RowOf(types.Field{Name: "a", Type: types.Of(types.Int)}, types.Field{Name: "b", Type: types.String()})
	return []types.Type{
		types.ArrayOf(types.Of(types.Int)), types.ArrayOf(types.String()), types.ArrayOf(row), row,
		types.MapOf(types.String().NotNull(), types.Of(types.Double)), types.MapOf(types.Of(types.Int).NotNull(), types.ArrayOf(row)),
		types.RowOf(types.Field{Name: "x", Type: row}, types.Field{Name: "y", Type: types.ArrayOf(types.Of(types.Boolean))}),
		types.Of(types.Variant), {Root: types.Multiset, Nullable: true, Elem: ptr(types.String().NotNull())},
	}
}

func ptr[T any](v T) *T { return &v }

// randomArray makes an array of n random values, sliced out of a longer one.
func randomArray(r *rand.Rand, t types.Type, n int, nulls float64) arrow.Array {
	before, after := r.IntN(10), r.IntN(10)
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	for range before + n + after {
		appendRandom(r, b, t, nulls)
	}
	whole := b.NewArray()
	defer whole.Release()
	return array.NewSlice(whole, int64(before), int64(before+n))
}

var floats = []float64{0, math.Copysign(0, -1), 1.5, -1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64}

func appendRandom(r *rand.Rand, b array.Builder, t types.Type, nulls float64) {
	if t.Nullable && r.Float64() < nulls {
		b.AppendNull()
		return
	}
	small := func() int64 { // often equal, sometimes extreme
		switch r.IntN(4) {
		case 0:
			return r.Int64() * int64(1-2*r.IntN(2))
		default:
			return int64(r.IntN(7) - 3)
		}
	}
	text := func() []byte {
		s := make([]byte, r.IntN(6))
		for i := range s {
			s[i] = []byte{0, 1, 'a', 'b', 0xff}[r.IntN(5)]
		}
		return s
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(small()))
	case *array.Int16Builder:
		b.Append(int16(small()))
	case *array.Int32Builder:
		b.Append(int32(small()))
	case *array.Int64Builder:
		b.Append(small())
	case *array.Date32Builder:
		b.Append(arrow.Date32(small()))
	case *array.Time32Builder:
		b.Append(arrow.Time32(r.IntN(86400000)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(small()))
	case *array.Float32Builder:
		b.Append(float32(floats[r.IntN(len(floats))]))
	case *array.Float64Builder:
		b.Append(floats[r.IntN(len(floats))])
	case *array.Decimal128Builder:
		v := decimal128.FromI64(small() % 1_000_000_00)
		if t.Precision > 18 {
			v = v.Mul(decimal128.FromI64(small() % 1_000_000_000)).Mul(decimal128.FromI64(small() % 1_000_000_000))
		}
		b.Append(v)
	case *array.StringBuilder:
		b.BinaryBuilder.Append(text())
	case *array.BinaryBuilder:
		b.Append(text())
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			f := types.Type{Root: types.Varbinary, Precision: 1}
			if t.Root == types.Row {
				f = t.Fields[i].Type
			}
			appendRandom(r, b.FieldBuilder(i), f, nulls)
		}
	case *array.MapBuilder:
		b.Append(true)
		key, value := t.Key, t.Elem
		if t.Root == types.Multiset {
			key, value = t.Elem, ptr(types.Of(types.Int).NotNull())
		}
		for range r.IntN(4) {
			appendRandom(r, b.KeyBuilder(), *key, nulls)
			appendRandom(r, b.ItemBuilder(), *value, nulls)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(r, b.ValueBuilder(), *t.Elem, nulls)
		}
	default:
		panic(fmt.Sprintf("no random values for %T", b))
	}
}

// show gives a value as text that tells all values apart.
func show(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "NULL"
	}
	switch a := a.(type) {
	case *array.Float64:
		return fmt.Sprint(math.Float64bits(a.Value(i)))
	case *array.Float32:
		return fmt.Sprint(math.Float32bits(a.Value(i)))
	case *array.String:
		return fmt.Sprintf("%q", a.Value(i))
	case *array.Struct:
		s := "{"
		for f := range a.NumField() {
			s += show(a.Field(f), i) + ","
		}
		return s + "}"
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		s := "["
		for k := from; k < to; k++ {
			s += show(a.ListValues(), int(k)) + ","
		}
		return s + "]"
	}
	return a.ValueStr(i)
}
