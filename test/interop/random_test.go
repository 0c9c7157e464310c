//go:build witness

package interop

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/types"
)

// words are texts that have broken readers before.
var words = []string{
	"", "a", "zebra", "Ärger", "数据湖", "naïve", "emoji😀", "tab\tnew\nline", "quote\"back\\", " lead", "trail ", "0", "-1", "null",
	"NULL", "true", "ÿþ", "\u0001ctl", "it's", "x,y;z|w", "percent%20", "longer value that is past sixteen bytes", "aaaaaaaaaaaaaaaaaaaaa",
}

// values draws random values. With small, numbers stay far from overflow, so
// that sums of them do too.
type values struct {
	r        *rand.Rand
	nulls    float64
	small    bool
	sketches map[string][][]byte // that Java made
}

// append adds one random value of type t to b.
func (v values) append(b array.Builder, t types.Type) {
	if t.Nullable && v.r.Float64() < v.nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(v.integer(math.MinInt8, math.MaxInt8)))
	case *array.Int16Builder:
		b.Append(int16(v.integer(math.MinInt16, math.MaxInt16)))
	case *array.Int32Builder:
		b.Append(int32(v.integer(math.MinInt32, math.MaxInt32)))
	case *array.Int64Builder:
		b.Append(v.integer(math.MinInt64, math.MaxInt64))
	case *array.Float32Builder:
		b.Append(pick(v.r, float32(v.r.NormFloat64()*1e4), 0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 0.1))
	case *array.Float64Builder:
		b.Append(pick(v.r, v.r.NormFloat64()*1e8, 0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, 0.1, 1e17))
	case *array.Decimal128Builder:
		b.Append(v.decimal(t.Precision))
	case *array.StringBuilder:
		b.Append(v.text(t))
	case *array.BinaryBuilder:
		b.Append(v.bytes(t))
	case *array.Date32Builder:
		b.Append(arrow.Date32(pick(v.r, v.r.IntN(25_000), -1-v.r.IntN(30_000))))
	case *array.Time32Builder:
		ms := v.r.IntN(86_400_000)
		if t.Precision < 3 {
			ms -= ms % 1000
		}
		b.Append(arrow.Time32(ms))
	case *array.TimestampBuilder:
		b.Append(v.timestamp(t.Precision, b.Type().(*arrow.TimestampType).Unit))
	default:
		v.appendNested(b, t)
	}
}

func (v values) appendNested(b array.Builder, t types.Type) {
	switch b := b.(type) {
	case *array.MapBuilder: // before ListBuilder, of which it is a kind
		b.Append(true)
		key, value := t.Key, t.Elem
		if t.Root == types.Multiset {
			key = t.Elem
		}
		n := v.r.IntN(4)
		for i := range n {
			v.appendKey(b.KeyBuilder(), *key, i)
			if t.Root == types.Multiset {
				b.ItemBuilder().(*array.Int32Builder).Append(1 + int32(v.r.IntN(5)))
			} else {
				v.append(b.ItemBuilder(), *value)
			}
		}
	case *array.ListBuilder:
		b.Append(true)
		for i := range v.r.IntN(4) {
			if v.small && t.Elem.Root == types.Row {
				v.appendLine(b.ValueBuilder().(*array.StructBuilder), t.Elem.Fields, i)
				continue
			}
			v.append(b.ValueBuilder(), *t.Elem)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range t.Fields {
			v.append(b.FieldBuilder(i), f.Type)
		}
	default:
		panic(fmt.Sprintf("no random value for %s", t))
	}
}

// appendLine adds the i-th row of a nested table: its first column is a key,
// which no other row of the table has. Releases differ about doubled keys
// inside one value (1.4 keeps them in the first value, 2.x does not).
func (v values) appendLine(b *array.StructBuilder, fields []types.Field, i int) {
	b.Append(true)
	b.FieldBuilder(0).(*array.Int32Builder).Append(int32(i*10 + v.r.IntN(10)))
	for c, f := range fields[1:] {
		v.append(b.FieldBuilder(c+1), f.Type)
	}
}

// appendKey adds the i-th key of a map: keys of one map differ.
func (v values) appendKey(b array.Builder, t types.Type, i int) {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(fmt.Sprintf("%d%s", i, words[v.r.IntN(len(words))]))
	case *array.Int32Builder:
		b.Append(int32(i*1000 + v.r.IntN(1000) - 1500))
	default:
		panic(fmt.Sprintf("no random map key for %s", t))
	}
}

func (v values) integer(low, high int64) int64 {
	switch {
	case v.small:
		return int64(v.r.IntN(200)) - 100
	case v.r.IntN(12) == 0:
		return pick(v.r, low, high)
	}
	return low + int64(v.r.Uint64N(uint64(high-low)))
}

func (v values) decimal(precision int) decimal128.Num {
	bound := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	u := new(big.Int).Sub(bound, big.NewInt(1))
	if v.small {
		u = big.NewInt(int64(v.r.IntN(100)))
	} else if v.r.IntN(8) > 0 {
		u.SetUint64(v.r.Uint64())
		u.Mul(u, new(big.Int).SetUint64(v.r.Uint64()))
		u.Rsh(u, uint(v.r.IntN(128))).Mod(u, bound)
	}
	if v.r.IntN(2) == 0 {
		u.Neg(u)
	}
	return decimal128.FromBigInt(u)
}

func (v values) text(t types.Type) string {
	if t.Root == types.Char {
		b := make([]byte, t.Precision)
		for i := range b {
			b[i] = byte('a' + v.r.IntN(26))
		}
		return string(b)
	}
	s := fmt.Sprintf("v%x", v.r.IntN(1<<20))
	if v.r.IntN(3) == 0 {
		s = words[v.r.IntN(len(words))]
	}
	if v.small && s == "" {
		s = "-" // releases differ about "" at the start of a listagg
	}
	if runes := []rune(s); len(runes) > t.Precision {
		s = string(runes[:t.Precision])
	}
	return s
}

func (v values) bytes(t types.Type) []byte {
	n := t.Precision
	if t.Root != types.Binary {
		n = v.r.IntN(min(24, n) + 1)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v.r.Uint32())
	}
	return b
}

// appendBitmap adds a serialized set whose parts are stored in each way that
// there is: lists of a few, runs, bit vectors, many of them and far apart.
func (v values) appendBitmap(b *array.BinaryBuilder, form bitmap.Form) {
	if v.r.Float64() < v.nulls {
		b.AppendNull()
		return
	}
	var ids []uint64
	for range v.r.IntN(4) {
		start := uint64(v.r.IntN(300_000))
		switch {
		case v.r.IntN(6) == 0:
			start = uint64(v.r.Uint32())
		case form == bitmap.RBM64 && v.r.IntN(4) == 0:
			start = v.r.Uint64() >> v.r.IntN(32)
		}
		count, step := v.r.IntN(6), 1+v.r.IntN(50)
		switch v.r.IntN(8) {
		case 0:
			count, step = 10+v.r.IntN(3000), 1
		case 1:
			count, step = 4000+v.r.IntN(300), 2 // about as many as make a list a bit vector
		}
		for range count {
			if form == bitmap.RBM32 {
				start &= math.MaxUint32
			}
			ids = append(ids, start)
			start += 1 + v.r.Uint64N(uint64(step))
		}
	}
	raw, err := bitmap.Of(ids...).Append(nil, form)
	if err != nil {
		panic(err)
	}
	b.Append(raw)
}

func (v values) timestamp(precision int, unit arrow.TimeUnit) arrow.Timestamp {
	seconds := int64(v.r.IntN(2_000_000_000))
	if v.r.IntN(8) == 0 {
		seconds = -1 - int64(v.r.IntN(1_000_000_000))
	}
	step := int64(math.Pow10(9 - precision))
	nanos := seconds*1e9 + v.r.Int64N(1e9)/step*step
	return arrow.Timestamp(nanos / int64(unit.Multiplier()))
}

// pick gives usual mostly, and one of the others now and then.
func pick[T any](r *rand.Rand, usual T, others ...T) T {
	if r.IntN(6) > 0 {
		return usual
	}
	return others[r.IntN(len(others))]
}
