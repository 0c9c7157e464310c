// Package bounds finds the least and greatest values and counts the NULLs of
// columns, for formats that keep no statistics of their own.
package bounds

import (
	"bytes"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// Collector gathers the statistics of one column. It serves one goroutine.
// Values compare as in Java: -0.0 < 0.0, NaN above all, text by its bytes.
// Source: org.apache.paimon.statistics.FullSimpleColStatsCollector.
type Collector struct {
	typ   types.Type
	nulls int64
	set   bool

	ints     [2]int64
	floats   [2]int64 // ordered bits
	bytes    [2][]byte
	decimals [2]decimal128.Num
}

// New makes a collector for a column of type t.
func New(t types.Type) *Collector { return &Collector{typ: t} }

// Add counts in the values of arr, which has the Arrow type of the column's.
func (c *Collector) Add(arr arrow.Array) {
	c.nulls += int64(arr.NullN())
	if arr.NullN() == arr.Len() {
		return
	}
	switch a := arr.(type) {
	case *array.Boolean:
		for i := range a.Len() {
			if a.IsValid(i) {
				v := int64(0)
				if a.Value(i) {
					v = 1
				}
				c.addInt(v)
			}
		}
	case *array.Int8:
		addInts(c, a, a.Int8Values())
	case *array.Int16:
		addInts(c, a, a.Int16Values())
	case *array.Int32:
		addInts(c, a, a.Int32Values())
	case *array.Int64:
		addInts(c, a, a.Int64Values())
	case *array.Date32:
		addInts(c, a, a.Date32Values())
	case *array.Time32:
		addInts(c, a, a.Time32Values())
	case *array.Timestamp:
		addInts(c, a, a.TimestampValues())
	case *array.Float32:
		addFloats(c, a, a.Float32Values())
	case *array.Float64:
		addFloats(c, a, a.Float64Values())
	case *array.Decimal128:
		for i, v := range a.Values() {
			if a.IsValid(i) {
				c.addDecimal(v)
			}
		}
	case *array.String:
		c.addTexts(a)
	}
}

func addInts[T ~int8 | ~int16 | ~int32 | ~int64](c *Collector, arr arrow.Array, vals []T) {
	first := 0
	for arr.IsNull(first) {
		first++
	}
	low, high := vals[first], vals[first]
	if arr.NullN() == 0 {
		for _, v := range vals {
			low, high = min(low, v), max(high, v)
		}
	} else {
		for i, v := range vals {
			if (v < low || v > high) && arr.IsValid(i) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	c.addInt(int64(low))
	c.addInt(int64(high))
}

func (c *Collector) addInt(v int64) {
	if !c.set {
		c.set, c.ints = true, [2]int64{v, v}
		return
	}
	c.ints = [2]int64{min(c.ints[0], v), max(c.ints[1], v)}
}

func addFloats[T float32 | float64](c *Collector, arr arrow.Array, vals []T) {
	for i, v := range vals {
		k := orderedBits(float64(v))
		if c.set && k >= c.floats[0] && k <= c.floats[1] || arr.IsNull(i) {
			continue
		}
		if !c.set {
			c.set, c.floats = true, [2]int64{k, k}
		}
		c.floats = [2]int64{min(c.floats[0], k), max(c.floats[1], k)}
	}
}

// orderedBits maps a float to an integer that orders as Double.compareTo does.
func orderedBits(f float64) int64 {
	if f != f {
		return math.MaxInt64
	}
	v := int64(math.Float64bits(f))
	return v ^ int64(uint64(v>>63)>>1)
}

func fromOrdered(k int64) float64 {
	if k == math.MaxInt64 {
		return math.NaN()
	}
	return math.Float64frombits(uint64(k ^ int64(uint64(k>>63)>>1)))
}

func (c *Collector) addDecimal(v decimal128.Num) {
	if !c.set {
		c.set, c.decimals = true, [2]decimal128.Num{v, v}
		return
	}
	if v.Less(c.decimals[0]) {
		c.decimals[0] = v
	}
	if c.decimals[1].Less(v) {
		c.decimals[1] = v
	}
}

func (c *Collector) addTexts(arr *array.String) {
	for i := range arr.Len() {
		if arr.IsNull(i) {
			continue
		}
		v := arr.Value(i)
		if !c.set {
			c.set, c.bytes = true, [2][]byte{[]byte(v), []byte(v)}
			continue
		}
		if v < string(c.bytes[0]) {
			c.bytes[0] = append(c.bytes[0][:0], v...)
		} else if v > string(c.bytes[1]) {
			c.bytes[1] = append(c.bytes[1][:0], v...)
		}
	}
}

// Stats gives what was found. Nested columns and those of bytes, which Java
// does not compare, have their NULLs counted only.
func (c *Collector) Stats() format.ColumnStats {
	s := format.ColumnStats{Known: true, NullCount: c.nulls, HasBounds: c.set}
	if !c.set {
		return s
	}
	switch c.typ.Root {
	case types.Float, types.Double:
		s.Floats = [2]float64{fromOrdered(c.floats[0]), fromOrdered(c.floats[1])}
	case types.Char, types.Varchar:
		s.Bytes = [2][]byte{bytes.Clone(c.bytes[0]), bytes.Clone(c.bytes[1])}
	case types.Decimal:
		for i, v := range c.decimals {
			if s.Ints[i] = int64(v.LowBits()); c.typ.Precision > 18 {
				s.Bytes[i] = bigEndian(v)
			}
		}
	default:
		s.Ints = c.ints
	}
	return s
}

// bigEndian gives the 16 bytes of two's complement.
func bigEndian(v decimal128.Num) []byte {
	out := make([]byte, 16)
	for i := range 8 {
		out[i] = byte(uint64(v.HighBits()) >> (56 - 8*i))
		out[8+i] = byte(v.LowBits() >> (56 - 8*i))
	}
	return out
}
