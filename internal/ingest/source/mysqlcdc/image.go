package mysqlcdc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// Column types of the binlog (enum_field_types of the server).
const (
	tTiny       = 1
	tShort      = 2
	tLong       = 3
	tFloat      = 4
	tDouble     = 5
	tNull       = 6
	tTimestamp  = 7
	tLongLong   = 8
	tInt24      = 9
	tDate       = 10
	tTime       = 11
	tDatetime   = 12
	tYear       = 13
	tNewDate    = 14
	tVarchar    = 15
	tBit        = 16
	tTimestamp2 = 17
	tDatetime2  = 18
	tTime2      = 19
	tBlobComp   = 140
	tVarComp    = 141
	tVector     = 242
	tJSON       = 245
	tNewDecimal = 246
	tEnum       = 247
	tSet        = 248
	tTinyBlob   = 249
	tMediumBlob = 250
	tLongBlob   = 251
	tBlob       = 252
	tVarString  = 253
	tString     = 254
	tGeometry   = 255
)

var errShort = errors.New("the row image is cut short")

// decimalBytes is the size of a number of decimal digits below nine.
func decimalBytes(digits int) int { return [10]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}[digits] }

// valueType resolves the types that hide behind tString and gives the width or
// maximum length that its metadata holds.
func valueType(typ byte, meta uint16) (byte, int) {
	if typ != tString {
		return typ, int(meta)
	}
	real, length := byte(meta>>8), int(meta&0xff)
	if real == tEnum || real == tSet {
		return real, length
	}
	// Bits 4 and 5 of the type byte, inverted, are bits 8 and 9 of the length.
	return tString, length | int((meta>>4)&0x300^0x300)
}

// valueSize is the size in bytes of the value at the start of b.
func valueSize(typ byte, meta uint16, b []byte) (int, error) {
	typ, n := valueType(typ, meta)
	switch typ {
	case tNull:
		return 0, nil
	case tTiny, tYear:
		return 1, nil
	case tShort:
		return 2, nil
	case tInt24, tDate, tTime, tNewDate:
		return 3, nil
	case tLong, tFloat, tTimestamp:
		return 4, nil
	case tLongLong, tDouble, tDatetime:
		return 8, nil
	case tTimestamp2:
		return 4 + (n+1)/2, nil
	case tDatetime2:
		return 5 + (n+1)/2, nil
	case tTime2:
		return 3 + (n+1)/2, nil
	case tEnum, tSet:
		return n, nil
	case tBit:
		return (n>>8*8 + n&0xff + 7) / 8, nil
	case tNewDecimal:
		precision, scale := n>>8, n&0xff
		if precision < scale || precision > 65 {
			return 0, fmt.Errorf("malformed DECIMAL(%d,%d)", precision, scale)
		}
		whole := precision - scale
		return whole/9*4 + decimalBytes(whole%9) + scale/9*4 + decimalBytes(scale%9), nil
	case tVarchar, tVarString, tString, tVarComp:
		if n > 255 {
			return prefixed(b, 2)
		}
		return prefixed(b, 1)
	case tBlob, tTinyBlob, tMediumBlob, tLongBlob, tJSON, tGeometry, tBlobComp, tVector:
		return prefixed(b, n)
	}
	return 0, fmt.Errorf("the binlog holds a column of the unknown type %d", typ)
}

func prefixed(b []byte, size int) (int, error) {
	if size < 1 || size > 4 {
		return 0, fmt.Errorf("malformed length of %d bytes", size)
	}
	if len(b) < size {
		return 0, errShort
	}
	return size + int(littleEndian(b[:size])), nil
}

func littleEndian(b []byte) uint64 {
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func bigEndian(b []byte) uint64 {
	var v uint64
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// decoder turns values of row images to cells. It is one per reader; scratch
// holds the bytes of the last decoded cell where they are not in the image.
type decoder struct {
	scratch []byte
	latin1  *[256]rune
	value   cell // the value at hand, here so that it is not allocated
}

// decode reads the value in b, which is exactly its size (valueSize). It gives
// the same cell that parseText gives for the same value.
func (d *decoder) decode(c *column, typ byte, meta uint16, b []byte, out *cell) error {
	typ, n := valueType(typ, meta)
	switch typ {
	case tTiny, tShort, tInt24, tLong, tLongLong:
		decodeInt(c, b, out)
	case tYear:
		*out = cell{kind: cellInt, i: int64(b[0])}
		if b[0] != 0 {
			out.i += 1900
		}
	case tFloat:
		*out = cell{kind: cellDouble, f: float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))}
	case tDouble:
		*out = cell{kind: cellDouble, f: math.Float64frombits(binary.LittleEndian.Uint64(b))}
	case tNewDecimal:
		return d.decodeDecimal(n>>8, n&0xff, b, out)
	case tBit:
		*out = cell{kind: cellUint, i: int64(bigEndian(b))}
	case tEnum:
		return d.decodeEnum(c, b, out)
	case tSet:
		return d.decodeSet(c, b, out)
	case tVarchar, tVarString, tString:
		size := 1
		if n > 255 {
			size = 2
		}
		return d.decodeString(c, b[size:], out)
	case tBlob, tTinyBlob, tMediumBlob, tLongBlob:
		return d.decodeString(c, b[n:], out)
	case tJSON:
		var err error
		d.scratch, err = appendJSON(d.scratch[:0], b[n:])
		*out = cell{kind: cellBytes, b: d.scratch}
		return err
	default:
		return d.decodeTemporal(c, typ, n, b, out)
	}
	return nil
}

func decodeInt(c *column, b []byte, out *cell) {
	u := littleEndian(b)
	if c.unsigned {
		*out = cell{kind: cellInt, i: int64(u)}
		if len(b) == 8 {
			out.kind = cellUint
		}
		return
	}
	shift := 64 - 8*len(b)
	*out = cell{kind: cellInt, i: int64(u<<shift) >> shift}
}

func (d *decoder) decodeString(c *column, b []byte, out *cell) error {
	*out = cell{kind: cellBytes, b: b}
	switch {
	case c.family() == famText && c.charset == "latin1":
		if d.latin1 == nil {
			d.latin1 = latin1()
		}
		d.scratch = d.scratch[:0]
		for _, x := range b {
			d.scratch = utf8.AppendRune(d.scratch, d.latin1[x])
		}
		out.b = d.scratch
	case c.dataType == "binary" && len(b) < c.bytes:
		// The binlog drops the zero bytes at the end of BINARY(n).
		d.scratch = append(d.scratch[:0], b...)
		for len(d.scratch) < c.bytes {
			d.scratch = append(d.scratch, 0)
		}
		out.b = d.scratch
	}
	return nil
}

func (d *decoder) decodeEnum(c *column, b []byte, out *cell) error {
	i := int(littleEndian(b))
	*out = cell{kind: cellBytes}
	if i == 0 { // the error value ''
		return nil
	}
	if i > len(c.labels) {
		return fmt.Errorf("ENUM index %d is not one of the %d labels that the table has now", i, len(c.labels))
	}
	d.scratch = append(d.scratch[:0], c.labels[i-1]...)
	out.b = d.scratch
	return nil
}

func (d *decoder) decodeSet(c *column, b []byte, out *cell) error {
	u := littleEndian(b)
	d.scratch = d.scratch[:0]
	for i := 0; u != 0; i, u = i+1, u>>1 {
		if u&1 == 0 {
			continue
		}
		if i >= len(c.labels) {
			return fmt.Errorf("SET bit %d is not one of the %d labels that the table has now", i, len(c.labels))
		}
		if len(d.scratch) > 0 {
			d.scratch = append(d.scratch, ',')
		}
		d.scratch = append(d.scratch, c.labels[i]...)
	}
	*out = cell{kind: cellBytes, b: d.scratch}
	return nil
}

// decodeDecimal reads groups of nine digits, big-endian, the first bit
// inverted, all bits inverted when negative. Above 38 digits it makes text.
func (d *decoder) decodeDecimal(precision, scale int, b []byte, out *cell) error {
	var buf [32]byte
	if len(b) == 0 || len(b) > len(buf) {
		return errShort
	}
	w := buf[:copy(buf[:], b)]
	negative := w[0]&0x80 == 0
	w[0] ^= 0x80
	if negative {
		for i := range w {
			w[i] ^= 0xff
		}
	}
	if precision > 38 {
		d.longDecimal(precision, scale, w, negative, out)
		return nil
	}
	var n decimal128.Num
	digitGroups(precision, scale, w, func(group uint64, digits int) {
		n, _ = mulAdd(n, pow10(digits), group)
	})
	if negative {
		n = n.Negate()
	}
	*out = cell{kind: cellDecimal, d: n}
	return nil
}

func (d *decoder) longDecimal(precision, scale int, w []byte, negative bool, out *cell) {
	digits := d.scratch[:0]
	digitGroups(precision, scale, w, func(group uint64, n int) {
		digits = appendPadded(digits, int64(group), n)
	})
	start := 0
	for start < precision-scale-1 && digits[start] == '0' {
		start++
	}
	end := len(digits)
	if negative {
		digits = append(digits, '-')
	}
	digits = append(digits, digits[start:precision-scale]...)
	if precision == scale {
		digits = append(digits, '0')
	}
	if scale > 0 {
		digits = append(digits, '.')
		digits = append(digits, digits[precision-scale:end]...)
	}
	d.scratch = digits
	*out = cell{kind: cellBytes, b: digits[end:]}
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// digitGroups calls f with each group of digits, the most significant first.
func digitGroups(precision, scale int, w []byte, f func(group uint64, digits int)) {
	take := func(digits int) {
		if size := decimalBytes(digits); size > 0 {
			f(bigEndian(w[:size]), digits)
			w = w[size:]
		}
	}
	whole := precision - scale
	take(whole % 9)
	for range whole / 9 {
		take(9)
	}
	for range scale / 9 {
		take(9)
	}
	take(scale % 9)
}

func (d *decoder) decodeTemporal(c *column, typ byte, fsp int, b []byte, out *cell) error {
	switch typ {
	case tDate, tNewDate:
		v := littleEndian(b)
		*out = dateCell(int(v>>9), int(v>>5&15), int(v&31))
	case tTimestamp2:
		*out = cell{kind: cellInstant, i: int64(bigEndian(b[:4]))*microsPerSecond + fraction(b[4:])}
		if out.i == 0 {
			out.kind = cellZero
		}
	case tDatetime2:
		v := bigEndian(b[:5]) - 0x8000000000
		ym := int(v >> 22)
		*out = dateCell(ym/13, ym%13, int(v>>17&31))
		if out.kind == cellDate {
			out.kind = cellWall
			out.i = out.i*microsPerDay + micros(int(v>>12&31), int(v>>6&63), int(v&63), 0) + fraction(b[5:])
		}
	case tTime2:
		*out = cell{kind: cellTime, i: timeMicros(b)}
	case tTimestamp, tDatetime, tTime:
		return decodeOldTemporal(c, typ, b, out)
	default:
		return fmt.Errorf("type %d of the binlog is not supported", typ)
	}
	return nil
}

// fraction reads 1 to 3 bytes of a second's fraction, two digits a byte.
func fraction(b []byte) int64 {
	v := int64(bigEndian(b))
	for range 3 - len(b) {
		v *= 100
	}
	return v
}

// timeMicros reads TIME(fsp): sign, hours, minutes, seconds and fraction are
// one number with an offset, so that negative times borrow through all parts.
func timeMicros(b []byte) int64 {
	size := len(b)
	v := int64(bigEndian(b)) - int64(0x80)<<(8*(size-1))
	negative := v < 0
	if negative {
		v = -v
	}
	bits := 8 * (size - 3)
	hms, frac := v>>bits, v&(1<<bits-1)
	for range 6 - size {
		frac *= 100
	}
	us := micros(int(hms>>12&0x3ff), int(hms>>6&63), int(hms&63), 0) + frac
	if negative {
		us = -us
	}
	return us
}

// decodeOldTemporal reads the formats before MySQL 5.6, which MariaDB also
// keeps with mysql56_temporal_format=OFF; there with a fraction they cannot be
// told apart.
func decodeOldTemporal(c *column, typ byte, b []byte, out *cell) error {
	if c.fsp != 0 {
		return fmt.Errorf("the old storage format of %s is not supported; rebuild the table with mysql56_temporal_format=ON", c.columnType)
	}
	v := int64(littleEndian(b))
	switch typ {
	case tTimestamp:
		*out = cell{kind: cellInstant, i: v * microsPerSecond}
		if v == 0 {
			out.kind = cellZero
		}
	case tDatetime:
		day, tod := int(v/1000000), int(v%1000000)
		*out = dateCell(day/10000, day/100%100, day%100)
		if out.kind == cellDate {
			out.kind = cellWall
			out.i = out.i*microsPerDay + micros(tod/10000, tod/100%100, tod%100, 0)
		}
	case tTime:
		v = v << 40 >> 40
		sign := int64(1)
		if v < 0 {
			sign, v = -1, -v
		}
		*out = cell{kind: cellTime, i: sign * micros(int(v/10000), int(v/100%100), int(v%100), 0)}
	}
	return nil
}
