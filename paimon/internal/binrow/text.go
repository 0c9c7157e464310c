package binrow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// valueText prints value 0 of col, legacy as Java's toString of the internal
// value, else as Paimon casts it to STRING. TIMESTAMP_LTZ is printed in UTC.
func valueText(t types.Type, col arrow.Array, legacy bool) (string, error) {
	switch c := col.(type) {
	case *array.Boolean:
		return strconv.FormatBool(c.Value(0)), nil
	case *array.Int8:
		return strconv.Itoa(int(c.Value(0))), nil
	case *array.Int16:
		return strconv.Itoa(int(c.Value(0))), nil
	case *array.Int32:
		return strconv.Itoa(int(c.Value(0))), nil
	case *array.Int64:
		return strconv.FormatInt(c.Value(0), 10), nil
	case *array.Float32:
		return javaFloat(float64(c.Value(0)), 32), nil
	case *array.Float64:
		return javaFloat(c.Value(0), 64), nil
	case *array.String:
		return c.Value(0), nil
	case *array.Decimal128:
		return c.Value(0).ToString(int32(t.Scale)), nil
	case *array.Date32:
		if legacy {
			return strconv.Itoa(int(c.Value(0))), nil
		}
		return dayText(c.Value(0)), nil
	case *array.Time32:
		if legacy {
			return strconv.Itoa(int(c.Value(0))), nil
		}
		return timeText(int(c.Value(0)), t.Precision), nil
	case *array.Timestamp:
		at := c.Value(0).ToTime(c.DataType().(*arrow.TimestampType).Unit)
		if legacy {
			return isoText(at), nil
		}
		return castText(at, t.Precision), nil
	case *array.Binary:
		if !legacy {
			return string(c.Value(0)), nil
		}
	}
	return "", errs.Unsupported("a partition column of type %s has no text form", t)
}

func dayText(d arrow.Date32) string {
	at := d.ToTime()
	return fmt.Sprintf("%04d-%02d-%02d", at.Year(), at.Month(), at.Day())
}

// timeText prints milliseconds of the day; as in Paimon, digits end with the
// last that is not zero.
func timeText(ms, precision int) string {
	s := fmt.Sprintf("%02d:%02d:%02d", ms/3600000, ms/60000%60, ms/1000%60)
	if precision == 0 {
		return s
	}
	s += "."
	for rest := ms % 1000; precision > 0; precision-- {
		s += strconv.Itoa(rest / 100)
		if rest = rest % 100 * 10; rest == 0 {
			break
		}
	}
	return s
}

// isoText is java.time.LocalDateTime.toString.
func isoText(t time.Time) string {
	s := yearText(t.Year()) + t.Format("-01-02T15:04")
	nanos := t.Nanosecond()
	if t.Second() == 0 && nanos == 0 {
		return s
	}
	s += t.Format(":05")
	switch {
	case nanos == 0:
		return s
	case nanos%1000000 == 0:
		return s + fmt.Sprintf(".%03d", nanos/1000000)
	case nanos%1000 == 0:
		return s + fmt.Sprintf(".%06d", nanos/1000)
	}
	return s + fmt.Sprintf(".%09d", nanos)
}

func yearText(y int) string {
	switch {
	case y > 9999:
		return fmt.Sprintf("+%d", y)
	case y < 0:
		return fmt.Sprintf("-%04d", -y)
	}
	return fmt.Sprintf("%04d", y)
}

// castText is Paimon's cast of a timestamp to STRING: trailing zeros beyond
// the precision are left out.
func castText(t time.Time, precision int) string {
	fraction := fmt.Sprintf("%09d", t.Nanosecond())
	for len(fraction) > precision && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	s := fmt.Sprintf("%04d", t.Year()) + t.Format("-01-02 15:04:05")
	if fraction != "" {
		s += "." + fraction
	}
	return s
}

// javaFloat is Float.toString and Double.toString.
func javaFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e7) {
		s := strconv.FormatFloat(v, 'E', -1, bits)
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		e, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(e)
	}
	s := strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// parseValue reads text as a value of type t. Dates, times and timestamps are
// taken in both forms that paths have.
func parseValue(b array.Builder, t types.Type, text string) error {
	switch b := b.(type) {
	case *array.BooleanBuilder:
		switch strings.ToLower(text) {
		case "true", "t", "yes", "y", "1":
			b.Append(true)
		case "false", "f", "no", "n", "0":
			b.Append(false)
		default:
			return fmt.Errorf("want true or false")
		}
	case *array.Int8Builder:
		return parseInt(text, 8, func(v int64) { b.Append(int8(v)) })
	case *array.Int16Builder:
		return parseInt(text, 16, func(v int64) { b.Append(int16(v)) })
	case *array.Int32Builder:
		return parseInt(text, 32, func(v int64) { b.Append(int32(v)) })
	case *array.Int64Builder:
		return parseInt(text, 64, b.Append)
	case *array.Float32Builder:
		v, err := strconv.ParseFloat(text, 32)
		b.Append(float32(v))
		return err
	case *array.Float64Builder:
		v, err := strconv.ParseFloat(text, 64)
		b.Append(v)
		return err
	case *array.StringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.Decimal128Builder:
		v, err := decimal128.FromString(text, int32(t.Precision), int32(t.Scale))
		if err != nil {
			return err
		}
		b.Append(v)
	case *array.Date32Builder:
		if at, err := time.Parse("2006-1-2", text); err == nil {
			b.Append(arrow.Date32FromTime(at))
			return nil
		}
		return parseInt(text, 32, func(v int64) { b.Append(arrow.Date32(v)) })
	case *array.Time32Builder:
		if at, err := time.Parse("15:04:05", text); err == nil {
			b.Append(arrow.Time32(at.Hour()*3600000 + at.Minute()*60000 + at.Second()*1000 + at.Nanosecond()/1000000))
			return nil
		}
		return parseInt(text, 32, func(v int64) { b.Append(arrow.Time32(v)) })
	case *array.TimestampBuilder:
		return parseTimestamp(b, text)
	default:
		return errs.Unsupported("columns of type %s cannot be read from text", t)
	}
	return nil
}

func parseInt(text string, bits int, add func(int64)) error {
	v, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return err
	}
	add(v)
	return nil
}

func parseTimestamp(b *array.TimestampBuilder, text string) error {
	text = strings.Replace(text, "T", " ", 1)
	for _, layout := range []string{"2006-1-2 15:04:05", "2006-1-2 15:04", "2006-1-2"} {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		v, err := arrow.TimestampFromTime(at, b.Type().(*arrow.TimestampType).Unit)
		if err != nil {
			return err
		}
		b.Append(v)
		return nil
	}
	return fmt.Errorf("want a form like 2025-01-31 13:00:00")
}

// Text prints value 0 of col as Java's toString of the internal value, which
// is how $files shows keys and bounds; "null" for NULL. Bytes are in hex.
func Text(t types.Type, col arrow.Array) (string, error) {
	if col.IsNull(0) {
		return "null", nil
	}
	if b, ok := col.(*array.Binary); ok {
		return fmt.Sprintf("%x", b.Value(0)), nil
	}
	return valueText(t, col, true)
}

// StatText prints value 0 of col, which is not NULL, as statistics files have
// it: days of DATE and milliseconds of TIME are numbers.
// Source: org.apache.paimon.data.serializer.Serializer.serializeToString.
func StatText(t types.Type, col arrow.Array) (string, error) {
	_, isTimestamp := col.(*array.Timestamp)
	return valueText(t, col, !isTimestamp)
}
