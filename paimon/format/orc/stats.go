package orc

import (
	"encoding/binary"
	"math"
	"math/big"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// stripeStats gives the statistics of a stripe for the wanted columns.
func (r *reader) stripeStats(i int) []format.ColumnStats {
	rows := r.meta.stripes[i].rows
	out := make([]format.ColumnStats, len(r.columns))
	var cols [][]byte
	if r.meta.stats != nil {
		_ = eachField(r.meta.stats[i], func(x field) error {
			if x.num == 1 {
				cols = append(cols, x.bytes)
			}
			return nil
		})
	}
	for j, n := range r.columns {
		switch {
		case n.column == missing:
			out[j] = format.ColumnStats{Known: true, NullCount: rows}
		case n.leaf != nil && n.cast == nil && n.column < len(cols):
			out[j] = columnStats(cols[n.column], r.meta.columns[n.column], n.want, rows, r.meta.ours)
		}
	}
	return out
}

// columnStats gives the bounds of a column of type t in a block of rows; the
// bounds may be wider than the values.
func columnStats(b []byte, c column, t types.Type, rows int64, ours bool) format.ColumnStats {
	out := format.ColumnStats{NullCount: rows}
	s := statistics{ours: ours}
	err := eachField(b, func(x field) error {
		if x.num == 1 && x.plain && x.value <= uint64(rows) {
			out.Known, out.NullCount = true, rows-int64(x.value)
		}
		if x.num >= 2 && x.num <= 9 && x.bytes != nil {
			s.kind = x.num
			return s.parse(x.bytes)
		}
		return nil
	})
	if err != nil || !out.Known {
		return format.ColumnStats{}
	}
	if out.NullCount < rows {
		s.bounds(&out, rows-out.NullCount, c, t)
	}
	return out
}

// statistics are those of one column; which are there depends on its kind.
type statistics struct {
	kind    int
	ints    map[int]int64
	floats  map[int]float64
	texts   map[int][]byte
	buckets []uint64
	ours    bool // of this package's writer
}

// The kinds of statistics are the numbers of their fields.
const (
	statInts      = 2
	statFloats    = 3
	statTexts     = 4
	statBuckets   = 5
	statDecimals  = 6
	statDates     = 7
	statTimestamp = 9
)

func (s *statistics) parse(b []byte) error {
	s.ints, s.floats, s.texts = map[int]int64{}, map[int]float64{}, map[int][]byte{}
	return eachField(b, func(x field) (err error) {
		switch {
		case s.kind == statBuckets:
			s.buckets, err = x.numbers(s.buckets)
		case x.fixed:
			s.floats[x.num] = x.float()
		case x.plain:
			s.ints[x.num] = x.signed()
		default:
			s.texts[x.num] = x.bytes
		}
		return err
	})
}

// bounds sets the bounds of a column that has so many values.
func (s *statistics) bounds(out *format.ColumnStats, values int64, c column, t types.Type) {
	ok := false
	switch {
	case s.kind == statInts && isInteger(t), s.kind == statDates && t.Root == types.Date:
		out.Ints, ok = both(s.ints, 1, 2)
	case s.kind == statFloats && (t.Root == types.Float || t.Root == types.Double):
		out.Floats, ok = both(s.floats, 1, 2)
		sum, summed := s.floats[3]
		// Others leave NaN out of the bounds, but not out of the sum.
		ok = ok && (s.ours || summed && sum == sum) && out.Floats[0] == out.Floats[0] && out.Floats[1] == out.Floats[1]
		if out.Floats[0] == 0 {
			out.Floats[0] = math.Copysign(0, -1)
		}
		if out.Floats[1] == 0 {
			out.Floats[1] = 0
		}
	case s.kind == statTexts && c.kind != kindChar: // CHAR is kept with its spaces
		if out.Bytes, ok = both(s.texts, 1, 2); !ok {
			out.Bytes, ok = s.textBounds()
		}
	case s.kind == statBuckets && t.Root == types.Boolean && len(s.buckets) == 1:
		ok = true // the bucket is that of true
		if s.buckets[0] >= uint64(values) {
			out.Ints[0] = 1
		}
		if s.buckets[0] > 0 {
			out.Ints[1] = 1
		}
	case s.kind == statDecimals && t.Root == types.Decimal:
		ok = s.decimalBounds(out, t)
	case s.kind == statTimestamp && c.kind == kindTimestamp && t.Root == types.Timestamp:
		ok = s.timestampBounds(out, t)
	}
	out.HasBounds = ok
}

func isInteger(t types.Type) bool {
	switch t.Root {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Time:
		return true
	}
	return false
}

func both[V any](m map[int]V, low, high int) (out [2]V, ok bool) {
	a, ok1 := m[low]
	b, ok2 := m[high]
	return [2]V{a, b}, ok1 && ok2
}

// textBounds uses bounds that were cut short.
func (s *statistics) textBounds() (out [2][]byte, ok bool) {
	for i, at := range [2][2]int{{1, 4}, {2, 5}} {
		v, have := s.texts[at[0]]
		if !have {
			v, have = s.texts[at[1]]
		}
		if !have {
			return out, false
		}
		out[i] = v
	}
	return out, true
}

func (s *statistics) decimalBounds(out *format.ColumnStats, t types.Type) bool {
	texts, ok := both(s.texts, 1, 2)
	if !ok {
		return false
	}
	for i, text := range texts {
		v, ok := parseDecimal(string(text), t.Scale)
		if !ok || !v.FitsInPrecision(int32(t.Precision)) {
			return false
		}
		if t.Precision <= 18 {
			out.Ints[i] = int64(v.LowBits())
			continue
		}
		full := binary.BigEndian.AppendUint64(nil, uint64(v.HighBits()))
		out.Bytes[i] = binary.BigEndian.AppendUint64(full, v.LowBits())
	}
	return true
}

// parseDecimal gives the unscaled value of a decimal number; false when it
// has more digits.
func parseDecimal(text string, scale int) (decimal128.Num, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > scale || len(text) > 60 {
		return decimal128.Num{}, false
	}
	b, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
	if !ok || b.BitLen() > 127 {
		return decimal128.Num{}, false
	}
	return decimal128.FromBigInt(b), true
}

// timestampBounds gives bounds of what the clocks of the writer's zone showed.
func (s *statistics) timestampBounds(out *format.ColumnStats, t types.Type) bool {
	millis, ok := both(s.ints, 3, 4)
	if !ok {
		return false
	}
	per := int64(t.Arrow().(*arrow.TimestampType).Unit.Multiplier())
	units := 1_000_000 / per // per millisecond
	if limit := math.MaxInt64/units - 1; millis[0] < -limit || millis[1] > limit {
		return false
	}
	if millis[0] < 0 {
		millis[0]-- // Arrow's writer rounds up before 1970
	}
	out.Ints = [2]int64{millis[0] * units, millis[1]*units + units - 1}
	return true
}
