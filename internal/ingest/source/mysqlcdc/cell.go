package mysqlcdc

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// cellKind says which part of a cell holds its value.
type cellKind uint8

const (
	cellNull    cellKind = iota
	cellInt              // i
	cellUint             // i as uint64: BIGINT UNSIGNED, BIT
	cellDecimal          // d, of the column's scale
	cellDouble           // f: FLOAT and DOUBLE
	cellBytes            // b
	cellDate             // i: days since 1970-01-01
	cellWall             // i: microseconds since 1970-01-01 00:00:00 on an unknown clock
	cellInstant          // i: microseconds since 1970-01-01 00:00:00 UTC
	cellTime             // i: microseconds, may be negative or above a day
	cellZero             // the zero date of MySQL, or one with a zero month or day
)

// cell is one decoded value between a row image or a text row and an Arrow
// builder. It lives on the stack; b points into the packet or into scratch.
type cell struct {
	kind cellKind
	i    int64
	f    float64
	d    decimal128.Num
	b    []byte
}

const (
	microsPerSecond = int64(1e6)
	microsPerDay    = 86400 * microsPerSecond
)

// daysFromCivil counts days from 1970-01-01 in the proleptic Gregorian
// calendar.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y
	if era < 0 {
		era -= 399
	}
	era /= 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

func dateCell(y, m, d int) cell {
	if m == 0 || d == 0 {
		return cell{kind: cellZero}
	}
	return cell{kind: cellDate, i: daysFromCivil(y, m, d)}
}

// micros is the time of day; 24 hours and more are kept.
func micros(h, m, s, us int) int64 {
	return (int64(h)*3600+int64(m)*60+int64(s))*microsPerSecond + int64(us)
}

// toWall turns an instant to the wall clock of zone.
func toWall(us int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return us
	}
	_, off := time.UnixMicro(us).In(zone).Zone()
	return us + int64(off)*microsPerSecond
}

// toInstant turns a wall clock of zone to an instant.
func toInstant(us int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return us
	}
	w := time.UnixMicro(us).UTC()
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), zone).UnixMicro()
}

// mulAdd is n*factor+add without sign; ok is false on overflow of 127 bits.
func mulAdd(n decimal128.Num, factor, add uint64) (decimal128.Num, bool) {
	h1, lo := bits.Mul64(n.LowBits(), factor)
	h2, hi := bits.Mul64(uint64(n.HighBits()), factor)
	lo, carry := bits.Add64(lo, add, 0)
	hi, carry2 := bits.Add64(hi, h1, carry)
	return decimal128.New(int64(hi), lo), h2 == 0 && carry2 == 0 && hi>>63 == 0
}

// appendText gives MySQL's text of a cell: for STRING columns declared over
// other types, and for primary keys in positions.
func appendText(out []byte, v *cell, c *column) []byte {
	switch v.kind {
	case cellInt:
		return strconv.AppendInt(out, v.i, 10)
	case cellUint:
		return strconv.AppendUint(out, uint64(v.i), 10)
	case cellDecimal:
		return appendDecimal(out, v.d, c.scale)
	case cellDouble:
		size := 64
		if c.family() == famFloat {
			size = 32
		}
		return strconv.AppendFloat(out, v.f, 'g', -1, size)
	case cellBytes:
		return append(out, v.b...)
	case cellDate:
		return time.Unix(v.i*86400, 0).UTC().AppendFormat(out, "2006-01-02")
	case cellWall, cellInstant:
		out = time.UnixMicro(v.i).UTC().AppendFormat(out, "2006-01-02 15:04:05")
		return appendFraction(out, v.i, c.fsp)
	case cellTime:
		i := v.i
		if i < 0 {
			out, i = append(out, '-'), -i
		}
		s := i / microsPerSecond
		out = appendPadded(out, s/3600, 2)
		out = appendPadded(append(out, ':'), s/60%60, 2)
		out = appendPadded(append(out, ':'), s%60, 2)
		return appendFraction(out, i, c.fsp)
	}
	return out
}

func appendFraction(out []byte, us int64, fsp int) []byte {
	if fsp == 0 {
		return out
	}
	f := us % microsPerSecond
	if f < 0 {
		f += microsPerSecond
	}
	for range 6 - fsp {
		f /= 10
	}
	return appendPadded(append(out, '.'), f, fsp)
}

func appendPadded(out []byte, n int64, width int) []byte {
	var b [20]byte
	s := strconv.AppendInt(b[:0], n, 10)
	for i := len(s); i < width; i++ {
		out = append(out, '0')
	}
	return append(out, s...)
}

func appendDecimal(out []byte, n decimal128.Num, scale int) []byte {
	if n.Sign() < 0 {
		out, n = append(out, '-'), n.Negate()
	}
	digits := n.BigInt().Append(nil, 10)
	if pad := scale + 1 - len(digits); pad > 0 {
		zeros := make([]byte, pad, pad+len(digits))
		for i := range zeros {
			zeros[i] = '0'
		}
		digits = append(zeros, digits...)
	}
	out = append(out, digits[:len(digits)-scale]...)
	if scale > 0 {
		out = append(append(out, '.'), digits[len(digits)-scale:]...)
	}
	return out
}
