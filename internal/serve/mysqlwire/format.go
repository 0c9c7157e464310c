package mysqlwire

import (
	"encoding/hex"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// appendFloat prints a number as MySQL does: plain from 1e-15 to 1e15, and with
// an exponent without sign or zeros outside. MySQL has no NaN and infinities;
// they are printed so that Java, Go and Python read them.
func appendFloat(dst []byte, f float64, bitSize int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-15 && a < 1e15 {
		return strconv.AppendFloat(dst, f, 'f', -1, bitSize)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, bitSize)
	for i := start; i < len(dst); i++ {
		if dst[i] != 'e' {
			continue
		}
		from, to := i+1, i+1
		if dst[from] == '-' {
			from, to = from+1, to+1
		} else if dst[from] == '+' {
			from++
		}
		for from < len(dst)-1 && dst[from] == '0' {
			from++
		}
		return append(dst[:to], dst[from:]...)
	}
	return dst
}

// appendDecimal prints n with scale digits behind the point.
func appendDecimal(dst []byte, n decimal128.Num, scale int) []byte {
	hi, lo := uint64(n.HighBits()), n.LowBits()
	if n.HighBits() < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	const unit = 1e19 // the largest power of ten in 64 bits
	var digits [60]byte
	at := len(digits)
	put := func(v uint64, width int) {
		for ; v > 0 || width > 0; width-- {
			at--
			digits[at] = byte('0' + v%10)
			v /= 10
		}
	}
	for hi > 0 {
		var rest uint64
		top := hi / unit
		lo, rest = bits.Div64(hi%unit, lo, unit)
		hi = top
		put(rest, 19)
	}
	put(lo, 0)
	return appendDigits(dst, digits[at:], scale)
}

// appendDigits puts a point into the digits of a whole number without a sign.
func appendDigits[T string | []byte](dst []byte, digits T, scale int) []byte {
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	whole := len(digits) - scale
	if whole > 0 {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
	} else {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendBigDecimal prints decimals that 128 bits do not hold.
func appendBigDecimal(dst []byte, n *big.Int, scale int) []byte {
	if n.Sign() < 0 {
		dst = append(dst, '-')
	}
	return appendDigits(dst, new(big.Int).Abs(n).String(), scale)
}

// appendPadded prints v with at least width digits.
func appendPadded(dst []byte, v int64, width int) []byte {
	limit := int64(1)
	for i := 1; i < width; i++ {
		limit *= 10
	}
	for ; limit > max(v, 1) && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

// civil is the date of a number of days since 1970-01-01, in the Gregorian
// calendar of all times.
func civil(days int64) (year int64, month, day int) {
	days += 719468 // counts from 0000-03-01: leap days end a year
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153
	day = int(dayOfYear - (153*shifted+2)/5 + 1)
	month = int(shifted + 3)
	year = era*400 + yearOfEra
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func appendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	dst = append(appendPadded(dst, year, 4), '-')
	dst = append(appendPadded(dst, int64(month), 2), '-')
	return appendPadded(dst, int64(day), 2)
}

// appendClock prints the time of a day with digits behind the second; fraction
// counts in units of the last digit.
func appendClock(dst []byte, second, fraction int64, digits int) []byte {
	dst = append(appendPadded(dst, second/3600, 2), ':')
	dst = append(appendPadded(dst, second/60%60, 2), ':')
	dst = appendPadded(dst, second%60, 2)
	if digits == 0 {
		return dst
	}
	return appendPadded(append(dst, '.'), fraction, digits)
}

const daySeconds = 24 * 60 * 60

// moment is a timestamp in the parts that its formats need.
type moment struct{ days, second, fraction int64 }

// splitMoment takes a count of 1/perSecond seconds since 1970, shown in zone
// unless that is nil.
func splitMoment(v, perSecond int64, zone *time.Location) moment {
	seconds := floorDiv(v, perSecond)
	fraction := v - seconds*perSecond
	if zone != nil && zone != time.UTC {
		_, offset := time.Unix(seconds, 0).In(zone).Zone()
		seconds += int64(offset)
	}
	days := floorDiv(seconds, daySeconds)
	return moment{days, seconds - days*daySeconds, fraction}
}

func appendMoment(dst []byte, m moment, digits int) []byte {
	dst = append(appendDate(dst, m.days), ' ')
	return appendClock(dst, m.second, m.fraction, digits)
}

// appendQuoted prints s as a JSON string; bytes that are not UTF-8 become the
// replacement character.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		ch := s[0]
		switch {
		case ch == '"' || ch == '\\':
			dst = append(dst, '\\', ch)
		case ch == '\n':
			dst = append(dst, '\\', 'n')
		case ch == '\t':
			dst = append(dst, '\\', 't')
		case ch == '\r':
			dst = append(dst, '\\', 'r')
		case ch < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[ch>>4], "0123456789abcdef"[ch&15])
		case ch < utf8.RuneSelf:
			dst = append(dst, ch)
		default:
			r, width := utf8.DecodeRuneInString(s)
			dst = utf8.AppendRune(dst, r)
			s = s[width:]
			continue
		}
		s = s[1:]
	}
	return append(dst, '"')
}

func appendUUID(dst, id []byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{b})
	}
	return dst
}
