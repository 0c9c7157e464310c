package mysqlcdc

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// appender puts cells of one source column into the builder of one declared
// field. It errors when the value does not fit the declared type.
type appender func(v *cell) error

// fit makes the appender of a column, or says why its type does not fit the
// declared one. A type fits when every value either keeps its exact meaning or
// is refused by itself (a BIGINT that is too large for INT); a type that would
// round most values (DATETIME(6) into TIMESTAMP(3)) does not fit.
func fit(c *column, f types.Field, b array.Builder, zone *time.Location) (appender, error) {
	a := &fitter{c: c, t: f.Type, zone: zone}
	put := a.choose(b)
	if put == nil {
		return nil, errs.Invalid("column %s of the source table does not fit the declared type %s: %s",
			c.describe(), f.Type.SQL(), a.hint())
	}
	if err := c.checkCharset(); err != nil {
		return nil, err
	}
	nullable := f.Type.Nullable
	return func(v *cell) error {
		switch v.kind {
		case cellNull:
			if !nullable {
				return errs.Invalid("NULL in a column declared NOT NULL")
			}
			b.AppendNull()
			return nil
		case cellZero:
			if !nullable {
				return errs.Invalid("a zero date in a column declared NOT NULL: it is read as NULL")
			}
			b.AppendNull()
			return nil
		}
		return put(v)
	}, nil
}

type fitter struct {
	c    *column
	t    types.Type
	zone *time.Location
}

func (a *fitter) choose(b array.Builder) appender {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		return a.boolean(b)
	case *array.Int8Builder:
		return a.integer(math.MinInt8, math.MaxInt8, func(i int64) { b.Append(int8(i)) })
	case *array.Int16Builder:
		return a.integer(math.MinInt16, math.MaxInt16, func(i int64) { b.Append(int16(i)) })
	case *array.Int32Builder:
		return a.integer(math.MinInt32, math.MaxInt32, func(i int64) { b.Append(int32(i)) })
	case *array.Int64Builder:
		return a.integer(math.MinInt64, math.MaxInt64, b.Append)
	case *array.Float32Builder:
		if a.c.family() == famFloat {
			return func(v *cell) error { b.Append(float32(v.f)); return nil }
		}
	case *array.Float64Builder:
		if f := a.c.family(); f == famFloat || f == famDouble {
			return func(v *cell) error { b.Append(v.f); return nil }
		}
	case *array.Decimal128Builder:
		return a.decimal(b)
	case *array.StringBuilder:
		return a.text(b)
	case *array.BinaryBuilder:
		return a.bytes(b)
	case *array.Date32Builder:
		if a.c.family() == famDate {
			return func(v *cell) error { b.Append(arrow.Date32(v.i)); return nil }
		}
	case *array.Time32Builder:
		return a.timeOfDay(b)
	case *array.TimestampBuilder:
		return a.timestamp(b)
	}
	return nil
}

func (a *fitter) boolean(b *array.BooleanBuilder) appender {
	if a.c.dataType != "tinyint" && !(a.c.family() == famBit && a.c.precision == 1) {
		return nil
	}
	return func(v *cell) error { b.Append(v.i != 0); return nil }
}

func (a *fitter) integer(low, high int64, put func(int64)) appender {
	if f := a.c.family(); f != famInt && f != famBit {
		return nil
	}
	return func(v *cell) error {
		if v.kind == cellUint && v.i < 0 || v.i < low || v.i > high {
			return a.overflow(v)
		}
		put(v.i)
		return nil
	}
}

func (a *fitter) overflow(v *cell) error {
	return errs.Invalid("value %s is out of range of the declared type %s; declare a wider type", appendText(nil, v, a.c), a.t.SQL())
}

func (a *fitter) decimal(b *array.Decimal128Builder) appender {
	switch a.c.family() {
	case famInt:
	case famDecimal:
		if a.c.scale > a.t.Scale {
			return nil
		}
	default:
		return nil
	}
	up, room := 0, true
	if a.c.family() == famDecimal {
		up = a.t.Scale - a.c.scale
		room = a.c.precision-a.c.scale > a.t.Precision-a.t.Scale
	} else {
		up = a.t.Scale
	}
	scale := decimal128.GetScaleMultiplier(up)
	return func(v *cell) error {
		d := v.d
		switch v.kind {
		case cellInt:
			d = decimal128.FromI64(v.i)
		case cellUint:
			d = decimal128.FromU64(uint64(v.i))
		}
		if room && !d.FitsInPrecision(int32(a.t.Precision-up)) {
			return a.overflow(v)
		}
		if up > 0 {
			d = d.Mul(scale)
		}
		b.Append(d)
		return nil
	}
}

func (a *fitter) text(b *array.StringBuilder) appender {
	limit := a.t.Precision
	check := func(s []byte) error {
		if len(s) > limit && utf8.RuneCount(s) > limit {
			return errs.Invalid("a text of %d characters is too long for the declared type %s", utf8.RuneCount(s), a.t.SQL())
		}
		return nil
	}
	switch a.c.family() {
	case famText, famEnum, famSet, famJSON, famLong:
		return func(v *cell) error {
			if err := check(v.b); err != nil {
				return err
			}
			b.BinaryBuilder.Append(v.b)
			return nil
		}
	case famInt, famDecimal, famFloat, famDouble, famDate, famDatetime, famInstant, famTime:
		var scratch []byte
		return func(v *cell) error {
			w := *v
			if w.kind == cellInstant {
				w.i = toWall(w.i, a.zone)
			}
			scratch = appendText(scratch[:0], &w, a.c)
			if err := check(scratch); err != nil {
				return err
			}
			b.BinaryBuilder.Append(scratch)
			return nil
		}
	}
	return nil
}

func (a *fitter) bytes(b *array.BinaryBuilder) appender {
	limit := a.t.Precision
	if a.t.Root == types.Blob {
		limit = math.MaxInt
	}
	switch a.c.family() {
	case famBytes:
		return func(v *cell) error {
			if len(v.b) > limit {
				return fmt.Errorf("%d bytes are too many for the declared type %s", len(v.b), a.t.SQL())
			}
			b.Append(v.b)
			return nil
		}
	case famBit:
		width := (a.c.precision + 7) / 8
		if width > limit {
			return nil
		}
		return func(v *cell) error {
			var w [8]byte
			for i := range w {
				w[i] = byte(v.i >> (8 * (7 - i)))
			}
			b.Append(w[8-width:])
			return nil
		}
	}
	return nil
}

func (a *fitter) timeOfDay(b *array.Time32Builder) appender {
	if a.c.family() != famTime || a.c.fsp > min(a.t.Precision, 3) {
		return nil
	}
	return func(v *cell) error {
		if v.i < 0 || v.i >= microsPerDay {
			return a.overflow(v)
		}
		b.Append(arrow.Time32(v.i / 1000))
		return nil
	}
}

func (a *fitter) timestamp(b *array.TimestampBuilder) appender {
	fam := a.c.family()
	if fam != famDatetime && fam != famInstant && fam != famDate || a.c.fsp > a.t.Precision {
		return nil
	}
	zone := a.zone
	local := a.t.Root == types.Timestamp
	unit := b.Type().(*arrow.TimestampType).Unit
	return func(v *cell) error {
		us := v.i
		switch {
		case v.kind == cellDate:
			us *= microsPerDay
			if !local {
				us = toInstant(us, zone)
			}
		case v.kind == cellInstant && local:
			us = toWall(us, zone)
		case v.kind == cellWall && !local:
			us = toInstant(us, zone)
		}
		switch unit {
		case arrow.Millisecond:
			us = floorDiv(us, 1000)
		case arrow.Nanosecond:
			if us > math.MaxInt64/1000 || us < math.MinInt64/1000 {
				return a.overflow(v)
			}
			us *= 1000
		}
		b.Append(arrow.Timestamp(us))
		return nil
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// hint names a declaration that fits.
func (a *fitter) hint() string {
	switch a.c.family() {
	case famInt:
		if a.c.unsigned && a.c.dataType == "bigint" {
			return "declare DECIMAL(20, 0), BIGINT or STRING"
		}
		return "declare an integer type, DECIMAL or STRING"
	case famDecimal:
		return fmt.Sprintf("declare DECIMAL(%d, %d) or STRING", a.c.precision, a.c.scale)
	case famLong:
		return "declare STRING (more than 38 digits)"
	case famFloat:
		return "declare FLOAT or DOUBLE"
	case famDouble:
		return "declare DOUBLE"
	case famText, famEnum, famSet, famJSON:
		return "declare STRING"
	case famBytes:
		return "declare BYTES"
	case famBit:
		return "declare BYTES or BIGINT (BOOLEAN for BIT(1))"
	case famDate:
		return "declare DATE"
	case famDatetime, famInstant:
		return fmt.Sprintf("declare TIMESTAMP(%d)", max(a.c.fsp, 3))
	case famTime:
		if a.c.fsp > 3 {
			return "declare STRING (TIME holds milliseconds)"
		}
		return fmt.Sprintf("declare TIME(%d)", a.c.fsp)
	}
	return "this source type is not supported; leave the column out of the declared columns"
}
