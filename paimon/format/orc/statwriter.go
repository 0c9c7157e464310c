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

// maxBoundBytes is the longest text that is kept as a bound.
const maxBoundBytes = 1024

// appendStats makes the statistics of a column of values and NULLs; s has its
// bounds if it is not nested.
func appendStats(dst []byte, values, nulls int64, t types.Type, s format.ColumnStats) []byte {
	dst = appendNumber(dst, 1, uint64(values))
	hasNull := uint64(0)
	if nulls > 0 {
		hasNull = 1
	}
	if num, body := boundsMessage(t, s, values); num > 0 {
		dst = appendBytes(dst, num, body)
	}
	return appendNumber(dst, 10, hasNull)
}

// boundsMessage gives the statistics that the kind of column has; 0 for none.
func boundsMessage(t types.Type, s format.ColumnStats, values int64) (int, []byte) {
	two := func(dst []byte, a, b int64) []byte {
		return appendNumber(appendNumber(dst, 1, zigzag(a)), 2, zigzag(b))
	}
	if !s.HasBounds {
		return 0, nil
	}
	switch t.Root {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Time:
		return statInts, two(nil, s.Ints[0], s.Ints[1])
	case types.Date:
		return statDates, two(nil, s.Ints[0], s.Ints[1])
	case types.Float, types.Double:
		if s.Floats[0] != s.Floats[0] || s.Floats[1] != s.Floats[1] {
			return 0, nil
		}
		return statFloats, appendFloat(appendFloat(nil, 1, s.Floats[0]), 2, s.Floats[1])
	case types.Char, types.Varchar:
		if len(s.Bytes[0]) > maxBoundBytes || len(s.Bytes[1]) > maxBoundBytes {
			return 0, nil
		}
		return statTexts, appendBytes(appendBytes(nil, 1, s.Bytes[0]), 2, s.Bytes[1])
	case types.Decimal:
		var out []byte
		for i := range 2 {
			v := decimal128.FromI64(s.Ints[i])
			if t.Precision > 18 {
				v = decimal128.New(int64(binary.BigEndian.Uint64(s.Bytes[i])), binary.BigEndian.Uint64(s.Bytes[i][8:]))
			}
			out = appendBytes(out, 1+i, decimalText(v, t.Scale))
		}
		return statDecimals, out
	case types.Timestamp, types.TimestampLTZ:
		return statTimestamp, timestampMessage(t, s)
	}
	return 0, nil
}

// timestampMessage gives bounds as milliseconds and what is behind them.
func timestampMessage(t types.Type, s format.ColumnStats) []byte {
	per := int64(t.Arrow().(*arrow.TimestampType).Unit.Multiplier())
	units := 1_000_000 / per // per millisecond
	var out []byte
	var nanos [2]int64
	for i, v := range s.Ints {
		ms, rest := v/units, v%units
		if rest < 0 {
			ms, rest = ms-1, rest+units
		}
		nanos[i] = rest * per
		out = appendNumber(out, 3+i, zigzag(ms))
	}
	for i, n := range nanos {
		out = appendNumber(out, 5+i, uint64(n+1))
	}
	return out
}

// decimalText prints an unscaled value.
func decimalText(v decimal128.Num, scale int) []byte {
	b := v.BigInt()
	text := new(big.Int).Abs(b).String()
	if pad := scale + 1 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	var out []byte
	if b.Sign() < 0 {
		out = append(out, '-')
	}
	out = append(out, text[:len(text)-scale]...)
	if scale > 0 {
		out = append(append(out, '.'), text[len(text)-scale:]...)
	}
	return out
}

// merge adds the bounds of further rows.
func merge(a, b format.ColumnStats, t types.Type) format.ColumnStats {
	nulls := a.NullCount + b.NullCount
	switch {
	case !a.Known || !a.HasBounds:
		a = b
	case b.HasBounds:
		if less(b, 0, a, 0, t) {
			a.Ints[0], a.Floats[0], a.Bytes[0] = b.Ints[0], b.Floats[0], b.Bytes[0]
		}
		if less(a, 1, b, 1, t) {
			a.Ints[1], a.Floats[1], a.Bytes[1] = b.Ints[1], b.Floats[1], b.Bytes[1]
		}
	}
	a.Known, a.NullCount = true, nulls
	return a
}

// less compares bound i of a with bound j of b as Java does.
func less(a format.ColumnStats, i int, b format.ColumnStats, j int, t types.Type) bool {
	switch t.Root {
	case types.Float, types.Double:
		return javaOrder(a.Floats[i]) < javaOrder(b.Floats[j])
	case types.Char, types.Varchar:
		return string(a.Bytes[i]) < string(b.Bytes[j])
	case types.Decimal:
		if t.Precision > 18 {
			x, y := int8(a.Bytes[i][0]), int8(b.Bytes[j][0])
			return x < y || x == y && string(a.Bytes[i]) < string(b.Bytes[j])
		}
	}
	return a.Ints[i] < b.Ints[j]
}

// javaOrder maps a float to an integer that orders as Double.compareTo does.
func javaOrder(f float64) int64 {
	if f != f {
		return math.MaxInt64
	}
	v := int64(math.Float64bits(f))
	return v ^ int64(uint64(v>>63)>>1)
}
