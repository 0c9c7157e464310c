package parquet

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/paimon/format"
)

// boundsKind says how the values of a column are compared.
type boundsKind uint8

const (
	noBounds boundsKind = iota
	intBounds
	floatBounds
	bytesBounds
	// signedBytesBounds compares big-endian two's complement numbers of equal
	// length.
	signedBytesBounds
)

// bounds collects the least and greatest value of a column. Floats compare as
// Java does: -0.0 < 0.0, NaN above all.
type bounds struct {
	kind       boundsKind
	set        bool
	nan        bool
	ints       [2]int64
	floats     [2]int64 // ordered bits of float64
	low, high  []byte
	lowP, higP uint64 // first bytes of low and high
}

func (b *bounds) addInt32s(vals []int32) {
	lo, hi := vals[0], vals[0]
	for _, v := range vals[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	b.addIntRange(int64(lo), int64(hi))
}

func (b *bounds) addInt64s(vals []int64) {
	lo, hi := vals[0], vals[0]
	for _, v := range vals[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	b.addIntRange(lo, hi)
}

func (b *bounds) addIntRange(lo, hi int64) {
	if b.set {
		lo, hi = min(lo, b.ints[0]), max(hi, b.ints[1])
	}
	b.set, b.ints = true, [2]int64{lo, hi}
}

func addFloats[T float32 | float64](b *bounds, vals []T) {
	for _, v := range vals {
		if v != v {
			b.nan = true
			continue
		}
		b.addFloat(orderedBits(float64(v)))
	}
}

func (b *bounds) addFloat(k int64) {
	if !b.set {
		b.set, b.floats = true, [2]int64{k, k}
		return
	}
	b.floats[0], b.floats[1] = min(k, b.floats[0]), max(k, b.floats[1])
}

// orderedBits maps a float to an integer that orders like it.
func orderedBits(f float64) int64 {
	v := int64(math.Float64bits(f))
	return v ^ int64(uint64(v>>63)>>1)
}

func (b *bounds) addBytes(v []byte) {
	if b.kind == signedBytesBounds {
		b.addSigned(v)
		return
	}
	p := prefix(v)
	if !b.set {
		b.set = true
		b.low, b.high = append(b.low[:0], v...), append(b.high[:0], v...)
		b.lowP, b.higP = p, p
		return
	}
	if p < b.lowP || p == b.lowP && bytes.Compare(v, b.low) < 0 {
		b.low, b.lowP = append(b.low[:0], v...), p
	}
	if p > b.higP || p == b.higP && bytes.Compare(v, b.high) > 0 {
		b.high, b.higP = append(b.high[:0], v...), p
	}
}

func (b *bounds) addSigned(v []byte) {
	if !b.set || compareSigned(v, b.low) < 0 {
		b.low = append(b.low[:0], v...)
	}
	if !b.set || compareSigned(v, b.high) > 0 {
		b.high = append(b.high[:0], v...)
	}
	b.set = true
}

func compareSigned(a, b []byte) int {
	if x, y := int8(a[0]), int8(b[0]); x != y {
		return int(x) - int(y)
	}
	return bytes.Compare(a[1:], b[1:])
}

func prefix(v []byte) uint64 {
	if len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	var p [8]byte
	copy(p[:], v)
	return binary.BigEndian.Uint64(p[:])
}

// merge adds what o has seen.
func (b *bounds) merge(o *bounds) {
	b.nan = b.nan || o.nan
	if !o.set {
		return
	}
	switch b.kind {
	case intBounds:
		b.addIntRange(o.ints[0], o.ints[1])
	case floatBounds:
		b.addFloat(o.floats[0])
		b.addFloat(o.floats[1])
	case bytesBounds, signedBytesBounds:
		b.addBytes(o.low)
		b.addBytes(o.high)
	}
}

// stats gives the bounds in the form of the waist.
func (b *bounds) stats(nulls int64) format.ColumnStats {
	s := format.ColumnStats{Known: true, NullCount: nulls, HasBounds: b.set}
	switch b.kind {
	case intBounds:
		s.Ints = b.ints
	case floatBounds:
		s.HasBounds = b.set || b.nan
		s.Floats = [2]float64{math.NaN(), math.NaN()}
		if b.set {
			s.Floats = [2]float64{fromOrdered(b.floats[0]), fromOrdered(b.floats[1])}
			if b.nan {
				s.Floats[1] = math.NaN()
			}
		}
	case bytesBounds, signedBytesBounds:
		s.Bytes = [2][]byte{b.low, b.high}
	}
	return s
}

func fromOrdered(k int64) float64 { return math.Float64frombits(uint64(k ^ int64(uint64(k>>63)>>1))) }

// zeroBound gives zero the sign that keeps it a bound for readers that take
// -0.0 and 0.0 as equal: i is 0 for the least and 1 for the greatest value.
func zeroBound(f float64, i int) float64 {
	if f == 0 {
		return math.Copysign(0, float64(2*i-1))
	}
	return f
}
