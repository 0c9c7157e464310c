package json

import (
	"math"
	"time"
)

const daySeconds = 86400

// clock reads texts of dates and times from left to right. ok turns false at
// the first thing that is not as expected.
type clock struct {
	text []byte
	ok   bool
}

// number reads exactly n digits.
func (c *clock) number(n int) int {
	if len(c.text) < n {
		c.ok = false
		return 0
	}
	out := 0
	for _, d := range c.text[:n] {
		if d < '0' || d > '9' {
			c.ok = false
			return 0
		}
		out = out*10 + int(d-'0')
	}
	c.text = c.text[n:]
	return out
}

// skip takes a separator if it is next.
func (c *clock) skip(b byte) bool {
	if len(c.text) == 0 || c.text[0] != b {
		return false
	}
	c.text = c.text[1:]
	return true
}

func (c *clock) want(b byte) { c.ok = c.skip(b) && c.ok }

// date reads yyyy-MM-dd to days since 1970-01-01.
func (c *clock) date() int64 {
	year := c.number(4)
	c.want('-')
	month := c.number(2)
	c.want('-')
	day := c.number(2)
	if !c.ok || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		c.ok = false
		return 0
	}
	return daysFromCivil(year, month, day)
}

// time reads HH:mm:ss with up to nine digits of fraction. ISO texts may leave
// the seconds out.
func (c *clock) time(iso bool) (seconds, nanos int64) {
	h := c.number(2)
	c.want(':')
	m := c.number(2)
	s := 0
	if short := iso && (len(c.text) == 0 || c.text[0] != ':'); !short {
		c.want(':')
		s = c.number(2)
		if c.skip('.') {
			nanos = c.fraction()
		}
	}
	if h > 23 || m > 59 || s > 59 {
		c.ok = false
	}
	return int64(h*3600 + m*60 + s), nanos
}

func (c *clock) fraction() int64 {
	n := digitsEnd(c.text, 0)
	if n == 0 || n > 9 {
		c.ok = false
		return 0
	}
	out := int64(0)
	for i := range 9 {
		out *= 10
		if i < n {
			out += int64(c.text[i] - '0')
		}
	}
	c.text = c.text[n:]
	return out
}

// offset reads Z or ±HH:mm to seconds east of UTC.
func (c *clock) offset() int64 {
	if c.skip('Z') {
		return 0
	}
	sign := int64(1)
	if c.skip('-') {
		sign = -1
	} else {
		c.want('+')
	}
	h := c.number(2)
	c.want(':')
	m := c.number(2)
	if h > 18 || m > 59 {
		c.ok = false
	}
	return sign * int64(h*3600+m*60)
}

func (c *clock) done() bool { return c.ok && len(c.text) == 0 }

func monthDays(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFromCivil counts days since 1970-01-01 in the proleptic Gregorian
// calendar; year ≥ 0.
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 { // years begin in March, so that the leap day is the last
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = -1
	}
	inEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return int64(era*146097 + inEra*365 + inEra/4 - inEra/100 + dayOfYear - 719468)
}

// instant gives seconds and nanoseconds in units of 1/perSecond; digits finer
// than the unit are cut. ok is false when it does not fit.
func instant(seconds, nanos, perSecond int64) (int64, bool) {
	if perSecond == int64(time.Second) && (seconds <= math.MinInt64/perSecond || seconds >= math.MaxInt64/perSecond) {
		return 0, false
	}
	return seconds*perSecond + nanos/(int64(time.Second)/perSecond), true
}

// cut drops the digits of a fraction finer than a precision.
func cut(nanos int64, precision int) int64 {
	unit := int64(1)
	for range 9 - precision {
		unit *= 10
	}
	return nanos - nanos%unit
}
