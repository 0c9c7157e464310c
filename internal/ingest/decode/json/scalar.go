package json

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
)

type boolColumn struct {
	hole
	b *array.BooleanBuilder
	o *rules
}

func (c *boolColumn) append(v []byte) error {
	text, ok := c.o.text(v)
	switch {
	case ok && (string(text) == "true" || bytes.EqualFold(text, []byte("true"))):
		c.b.Append(true)
	case ok && (string(text) == "false" || bytes.EqualFold(text, []byte("false"))):
		c.b.Append(false)
	default:
		c.appendNull()
		return wrong(v, "true or false")
	}
	return nil
}

type intColumn[T int8 | int16 | int32 | int64] struct {
	hole
	b interface {
		Append(T)
	}
	bits int
	o    *rules
	want string
}

func (c *intColumn[T]) append(v []byte) error {
	text, ok := c.o.text(v)
	if ok {
		n, whole := parseInt(text)
		if whole && int64(T(n)) == n {
			c.b.Append(T(n))
			return nil
		}
	}
	c.appendNull()
	return wrong(v, "%s, a whole number of %d bits", c.want, c.bits)
}

type floatColumn[T float32 | float64] struct {
	hole
	b interface {
		Append(T)
	}
	bits int
	o    *rules
	want string
}

func (c *floatColumn[T]) append(v []byte) error {
	if text, ok := c.o.text(v); ok {
		if f, ok := parseFloat(text, c.bits); ok {
			c.b.Append(T(f))
			return nil
		}
	}
	c.appendNull()
	return wrong(v, "%s, a number in its range", c.want)
}

func parseFloat(text []byte, bits int) (float64, bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if _, ok := split(text); !ok { // ParseFloat also takes forms such as 0x1p-2
		return 0, false
	}
	f, err := strconv.ParseFloat(unsafe.String(&text[0], len(text)), bits) // does not keep the text
	return f, err == nil
}

type decimalColumn struct {
	hole
	b *array.Decimal128Builder
	o *rules
	t types.Type
}

// append rounds half up to the scale, as Flink does. A number with too many
// digits is an error; Flink makes it null without a word.
func (c *decimalColumn) append(v []byte) error {
	if text, ok := c.o.text(v); ok {
		if p, ok := split(text); ok {
			n, _, ok := p.scaled(c.t.Scale)
			if ok && n.FitsInPrecision(int32(c.t.Precision)) {
				c.b.Append(n)
				return nil
			}
		}
	}
	c.appendNull()
	return wrong(v, "a number that fits %s", c.t.AsNullable().SQL())
}

// textColumn takes strings, and other values as the text that they are written
// in (numbers with all their digits; objects and arrays without space).
type textColumn struct {
	hole
	b *array.StringBuilder
	o *rules
}

func (c *textColumn) append(v []byte) error {
	switch v[0] {
	case '"':
		c.b.BinaryBuilder.Append(unquote(v, &c.o.scratch))
	case '{', '[':
		c.b.BinaryBuilder.Append(compact(v, &c.o.scratch))
	default:
		c.b.BinaryBuilder.Append(v)
	}
	return nil
}

type bytesColumn struct {
	hole
	b    *array.BinaryBuilder
	o    *rules
	room []byte
}

func (c *bytesColumn) append(v []byte) error {
	if v[0] == '"' {
		var err error
		c.room, err = base64.StdEncoding.AppendDecode(c.room[:0], unquote(v, &c.o.scratch))
		if err == nil {
			c.b.Append(c.room)
			return nil
		}
	}
	c.appendNull()
	return wrong(v, "a string of base64")
}

type dateColumn struct {
	hole
	b *array.Date32Builder
	o *rules
}

func (c *dateColumn) append(v []byte) error {
	if v[0] == '"' {
		k := clock{text: unquote(v, &c.o.scratch), ok: true}
		if day := k.date(); k.done() {
			c.b.Append(arrow.Date32(day))
			return nil
		}
	}
	c.appendNull()
	return wrong(v, `a date as "2006-01-31"`)
}

type timeColumn struct {
	hole
	b         *array.Time32Builder
	o         *rules
	precision int
}

func (c *timeColumn) append(v []byte) error {
	if v[0] == '"' {
		k := clock{text: unquote(v, &c.o.scratch), ok: true}
		if s, n := k.time(false); k.done() {
			c.b.Append(arrow.Time32(s*1000 + cut(n, min(c.precision, 3))/1e6))
			return nil
		}
	}
	c.appendNull()
	return wrong(v, `a time as "15:04:05.999"`)
}

// timestampColumn reads wall clocks and, for LTZ, instants in the way that
// the option timestamp-format.standard names.
type timestampColumn struct {
	hole
	b         *array.TimestampBuilder
	o         *rules
	precision int
	perSecond int64
	zoned     bool
}

func newTimestampColumn(t types.Type, b *array.TimestampBuilder, o *rules) *timestampColumn {
	unit := b.Type().(*arrow.TimestampType).Unit
	return &timestampColumn{hole: hole{b, t.Nullable}, b: b, o: o, precision: t.Precision, perSecond: int64(1e9 / unit.Multiplier()), zoned: t.Root == types.TimestampLTZ}
}

func (c *timestampColumn) append(v []byte) error {
	if v[0] == '"' {
		if at, ok := c.parse(unquote(v, &c.o.scratch)); ok {
			c.b.Append(arrow.Timestamp(at))
			return nil
		}
	}
	c.appendNull()
	form, option := "2006-01-31 15:04:05.999", "SQL"
	if c.o.ISO {
		form, option = "2006-01-31T15:04:05.999", "ISO-8601"
	}
	if c.zoned {
		form += "Z"
	}
	if v[0] != '"' {
		return wrong(v, "a string as %q; to keep a number of milli- or microseconds, declare BIGINT", form)
	}
	return wrong(v, "a timestamp as %q (timestamp-format.standard is %s)", form, option)
}

func (c *timestampColumn) parse(text []byte) (int64, bool) {
	k := clock{text: text, ok: true}
	seconds := k.date() * daySeconds
	if c.o.ISO {
		k.want('T')
	} else {
		k.want(' ')
	}
	s, nanos := k.time(c.o.ISO)
	seconds += s
	if c.zoned {
		seconds -= k.offset()
	}
	if !k.done() {
		return 0, false
	}
	return instant(seconds, cut(nanos, c.precision), c.perSecond)
}
