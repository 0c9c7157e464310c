package mysqlcdc

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// parseText decodes a value of the text protocol, which selectExpr made exact.
// It gives the same cell as the row image of the same value in the binlog.
func (c *column) parseText(b []byte, out *cell) error {
	if b == nil {
		*out = cell{}
		return nil
	}
	switch c.family() {
	case famInt, famBit:
		return c.parseInt(b, out)
	case famDecimal:
		d, err := parseDecimal(b, c.scale)
		*out = cell{kind: cellDecimal, d: d}
		return err
	case famFloat, famDouble:
		f, err := strconv.ParseFloat(string(b), 64)
		*out = cell{kind: cellDouble, f: f}
		return err
	case famText, famBytes, famJSON, famLong, famEnum, famSet:
		*out = cell{kind: cellBytes, b: b}
		return nil
	case famDate, famDatetime, famInstant:
		return c.parseDate(b, out)
	case famTime:
		return parseTime(b, out)
	}
	return fmt.Errorf("type %s is not supported", c.columnType)
}

func (c *column) parseInt(b []byte, out *cell) error {
	if c.family() == famBit || c.unsigned && c.dataType == "bigint" {
		u, err := strconv.ParseUint(string(b), 10, 64)
		*out = cell{kind: cellUint, i: int64(u)}
		return err
	}
	i, err := strconv.ParseInt(string(b), 10, 64)
	*out = cell{kind: cellInt, i: i}
	return err
}

func parseDecimal(b []byte, scale int) (decimal128.Num, error) {
	var n decimal128.Num
	negative, fraction, seen := false, -1, false
	for i, ch := range b {
		switch {
		case ch == '-' && i == 0:
			negative = true
		case ch == '.' && fraction < 0:
			fraction = 0
		case ch >= '0' && ch <= '9':
			ok := true
			if n, ok = mulAdd(n, 10, uint64(ch-'0')); !ok {
				return n, fmt.Errorf("decimal %q has more than 38 digits", b)
			}
			seen = true
			if fraction >= 0 {
				fraction++
			}
		default:
			return n, fmt.Errorf("%q is not a decimal", b)
		}
	}
	if !seen || fraction > scale {
		return n, fmt.Errorf("%q is not a decimal of scale %d", b, scale)
	}
	for fraction = max(fraction, 0); fraction < scale; fraction++ {
		n, _ = mulAdd(n, 10, 0)
	}
	if negative {
		n = n.Negate()
	}
	return n, nil
}

// parseDate reads "2006-01-02" and "2006-01-02 15:04:05.999999".
func (c *column) parseDate(b []byte, out *cell) error {
	year, rest, ok1 := digits(b, '-')
	month, rest, ok2 := digits(rest, '-')
	if !ok1 || !ok2 {
		return fmt.Errorf("%q is not a date", b)
	}
	day, rest, _ := digits(rest, ' ')
	*out = dateCell(year, month, day)
	if c.family() == famDate || out.kind == cellZero {
		return nil
	}
	us, ok := timeOfDay(rest)
	if !ok {
		return fmt.Errorf("%q is not a date and time", b)
	}
	out.kind, out.i = cellWall, out.i*microsPerDay+us
	if c.family() == famInstant {
		out.kind = cellInstant
	}
	return nil
}

func parseTime(b []byte, out *cell) error {
	rest := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		rest = b[1:]
	}
	us, ok := timeOfDay(rest)
	if !ok {
		return fmt.Errorf("%q is not a time", b)
	}
	if negative {
		us = -us
	}
	*out = cell{kind: cellTime, i: us}
	return nil
}

// timeOfDay reads "15:04:05.999999" to microseconds.
func timeOfDay(b []byte) (int64, bool) {
	h, rest, ok1 := digits(b, ':')
	m, rest, ok2 := digits(rest, ':')
	s, rest, _ := digits(rest, '.')
	us := 0
	for i := range 6 {
		us *= 10
		if i < len(rest) {
			if rest[i] < '0' || rest[i] > '9' {
				return 0, false
			}
			us += int(rest[i] - '0')
		}
	}
	return micros(h, m, s, us), ok1 && ok2
}

// digits reads a number up to a separator or the end; found tells whether the
// separator was there.
func digits(b []byte, separator byte) (n int, rest []byte, found bool) {
	for i, ch := range b {
		if ch == separator {
			return n, b[i+1:], true
		}
		if ch < '0' || ch > '9' {
			return n, b[i:], false
		}
		n = n*10 + int(ch-'0')
	}
	return n, nil, false
}
