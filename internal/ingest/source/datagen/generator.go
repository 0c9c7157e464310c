package datagen

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/types"
)

// seed makes words that depend on a column, a row and a counter only.
type seed uint64

func newSeed(s uint64, path string) seed {
	h := fnv.New64a()
	_, _ = h.Write([]byte(path)) // never fails
	return seed(mix(mix(s) ^ h.Sum64()))
}

// word gives the k-th word of row n.
func (s seed) word(n, k uint64) uint64 { return mix(mix(uint64(s)^n) + k*golden) }

const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64: every bit depends on every bit.
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below maps a word to 0 … n-1; n = 0 stands for 2⁶⁴.
func below(word, n uint64) uint64 {
	if n == 0 {
		return word
	}
	high, _ := bits.Mul64(word, n)
	return high
}

// unit maps a word to [0, 1).
func unit(word uint64) float64 { return float64(word>>11) / (1 << 53) }

// generator appends the value of row n.
type generator interface{ append(n uint64) }

// Words of a row: 0 decides about null, 1 about length, values begin at 2.
const (
	wordNull = iota
	wordLength
	wordValue
)

func (f *field) generator(b array.Builder, s seed, c *clock) generator {
	g := f.values(b, s, c)
	if f.nullRate > 0 {
		return &nullable{b: b, s: s, rate: f.nullRate, g: g}
	}
	return g
}

type nullable struct {
	b    array.Builder
	s    seed
	rate float64
	g    generator
}

func (g *nullable) append(n uint64) {
	if unit(g.s.word(n, wordNull)) < g.rate {
		g.b.AppendNull()
		return
	}
	g.g.append(n)
}

func (f *field) values(b array.Builder, s seed, c *clock) generator {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		return of(func(n uint64) { b.Append(s.word(n, wordValue)&1 == 1) })
	case *array.Int8Builder:
		return integers(f, s, func(v int64) { b.Append(int8(v)) })
	case *array.Int16Builder:
		return integers(f, s, func(v int64) { b.Append(int16(v)) })
	case *array.Int32Builder:
		return integers(f, s, func(v int64) { b.Append(int32(v)) })
	case *array.Int64Builder:
		return integers(f, s, b.Append)
	case *array.Float32Builder:
		return floats(f, s, func(v float64) { b.Append(float32(v)) })
	case *array.Float64Builder:
		return floats(f, s, b.Append)
	case *array.Decimal128Builder:
		return decimals(f, s, b)
	case *array.StringBuilder:
		return &text{f: f, s: s, b: b.BinaryBuilder, hex: true}
	case *array.BinaryBuilder:
		return &text{f: f, s: s, b: b}
	case *array.ListBuilder:
		return &list{f: f, s: s, b: b, element: f.parts[0].generator(b.ValueBuilder(), newSeed(uint64(s), "element"), c)}
	case *array.StructBuilder:
		g := &row{b: b}
		for i, p := range f.parts {
			g.parts = append(g.parts, p.generator(b.FieldBuilder(i), newSeed(uint64(s), p.path), c))
		}
		return g
	}
	return f.times(b, s, c)
}

// times makes the values of the types that follow the clock.
func (f *field) times(b array.Builder, s seed, c *clock) generator {
	const day = 86_400_000
	cut := int64(1) // ms that the precision does not tell apart
	for range 3 - min(f.typ.Precision, 3) {
		cut *= 10
	}
	switch b := b.(type) {
	case *array.Date32Builder:
		return of(func(uint64) { b.Append(arrow.Date32(floorDiv(c.now, day))) })
	case *array.Time32Builder:
		return of(func(uint64) {
			at := c.now - floorDiv(c.now, day)*day
			b.Append(arrow.Time32(at - at%cut))
		})
	case *array.TimestampBuilder:
		unit := int64(1e6 / b.Type().(*arrow.TimestampType).Unit.Multiplier()) // per ms
		span := uint64(f.maxPast.Milliseconds()) + 1
		return of(func(n uint64) {
			at := c.now - int64(below(s.word(n, wordValue), span))
			b.Append(arrow.Timestamp(floorDiv(at, cut) * cut * unit))
		})
	}
	return of(func(uint64) { b.AppendNull() }) // parse refuses all other types
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

type of func(n uint64)

func (f of) append(n uint64) { f(n) }

func integers(f *field, s seed, put func(int64)) generator {
	low := f.min.Int64()
	if f.sequence {
		return of(func(n uint64) { put(low + int64(n)) })
	}
	width := uint64(f.max.Int64()) - uint64(low) + 1
	return of(func(n uint64) { put(int64(uint64(low) + below(s.word(n, wordValue), width))) })
}

func floats(f *field, s seed, put func(float64)) generator {
	if f.sequence {
		low := f.min.Int64()
		return of(func(n uint64) { put(float64(low + int64(n))) })
	}
	return of(func(n uint64) {
		u := unit(s.word(n, wordValue))
		put(f.fmin*(1-u) + f.fmax*u)
	})
}

// floatLimits are Flink's: from the least positive number to the greatest.
func floatLimits(t types.Type) (low, high float64) {
	if t.Root == types.Float {
		return math.SmallestNonzeroFloat32, math.MaxFloat32
	}
	return math.SmallestNonzeroFloat64, math.MaxFloat64
}

func decimals(f *field, s seed, b *array.Decimal128Builder) generator {
	low := decimal128.FromBigInt(f.min)
	if f.sequence {
		one := decimal128.GetScaleMultiplier(f.typ.Scale)
		return of(func(n uint64) { b.Append(low.Add(decimal128.FromU64(n)).Mul(one)) })
	}
	width := new(big.Int).Sub(f.max, f.min)
	width.Add(width, big.NewInt(1)) // at most 2·10³⁸, below 2¹²⁸
	widthHigh := new(big.Int).Rsh(width, 64).Uint64()
	widthLow := new(big.Int).And(width, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return of(func(n uint64) {
		high, lo := belowWide(s.word(n, wordValue), s.word(n, wordValue+1), widthHigh, widthLow)
		b.Append(low.Add(decimal128.New(int64(high), lo)))
	})
}

// belowWide is below for numbers of 128 bits: the upper half of x·n.
func belowWide(xh, xl, nh, nl uint64) (high, low uint64) {
	carry, _ := bits.Mul64(xl, nl)
	h1, l1 := bits.Mul64(xh, nl)
	h2, l2 := bits.Mul64(xl, nh)
	high, low = bits.Mul64(xh, nh)
	mid, c1 := bits.Add64(l1, l2, 0)
	_, c2 := bits.Add64(mid, carry, 0)
	low, c := bits.Add64(low, h1, c1)
	high += c
	low, c = bits.Add64(low, h2, c2)
	return high + c, low
}

// text makes hexadecimal text, bytes, or the text of a sequence.
type text struct {
	f    *field
	s    seed
	b    *array.BinaryBuilder
	hex  bool
	room []byte
}

func (g *text) append(n uint64) {
	if g.f.sequence {
		g.room = strconv.AppendInt(g.room[:0], g.f.min.Int64()+int64(n), 10)
		g.b.Append(g.room)
		return
	}
	size := varied(g.f, g.s, n)
	g.room = g.room[:0]
	for k := uint64(wordValue); len(g.room) < size; k++ {
		w := g.s.word(n, k)
		if !g.hex {
			g.room = binary.LittleEndian.AppendUint64(g.room, w)
			continue
		}
		for range 16 {
			g.room = append(g.room, "0123456789abcdef"[w&15])
			w >>= 4
		}
	}
	g.b.Append(g.room[:size])
}

// varied gives the length of a value.
func varied(f *field, s seed, n uint64) int {
	if !f.varied || f.length == 0 {
		return f.length
	}
	return 1 + int(below(s.word(n, wordLength), uint64(f.length)))
}

type list struct {
	f       *field
	s       seed
	b       *array.ListBuilder
	element generator
}

func (g *list) append(n uint64) {
	g.b.Append(true)
	for i := range varied(g.f, g.s, n) {
		g.element.append(mix(n) + uint64(i))
	}
}

type row struct {
	b     *array.StructBuilder
	parts []generator
}

func (g *row) append(n uint64) {
	g.b.Append(true)
	for _, p := range g.parts {
		p.append(n)
	}
}
