package cast

import (
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Where Java asks the zone of its machine, Tarn takes UTC: a table reads the
// same everywhere.

const (
	millisPerDay = 86_400_000
	nanosPerMs   = 1_000_000
)

// timeReader gives a row's value in milliseconds, floored, and the rest in
// nanoseconds: of DATE, TIME and TIMESTAMP columns.
func timeReader(arr arrow.Array) func(i int) (ms, nanos int64) {
	switch a := arr.(type) {
	case *array.Date32:
		return func(i int) (int64, int64) { return int64(a.Value(i)) * millisPerDay, 0 }
	case *array.Time32:
		return func(i int) (int64, int64) { return int64(a.Value(i)), 0 }
	}
	a := arr.(*array.Timestamp)
	unit := int64(a.DataType().(*arrow.TimestampType).Unit.Multiplier())
	perMs := nanosPerMs / unit
	return func(i int) (int64, int64) {
		v := int64(a.Value(i))
		ms := FloorDiv(v, perMs)
		return ms, (v - ms*perMs) * unit
	}
}

// timestampOf gives the value of a TIMESTAMP column with more digits cut off:
// towards 1970 where none finer than milliseconds stay, as Java does.
func timestampOf(to types.Type) func(ms, nanos int64) int64 {
	unit := int64(to.Arrow().(*arrow.TimestampType).Unit.Multiplier())
	if to.Precision <= 3 {
		step := pow10(3 - to.Precision).Int64()
		return func(ms, _ int64) int64 { return ms / step * step / (unit / nanosPerMs) }
	}
	cut := pow10(9 - to.Precision).Int64()
	return func(ms, nanos int64) int64 {
		sub := FloorDiv(ms, 1000)
		part := ((ms-sub*1000)*nanosPerMs + nanos) / cut * cut
		return sub*(1_000_000_000/unit) + part/unit
	}
}

// castTime casts from DATE, TIME and TIMESTAMP with and without local zone.
// Source: the Timestamp…, Date… and Time…CastRule classes.
func castTime(from, to types.Type, alloc memory.Allocator) Func {
	typ := to.Arrow()
	each := func(conv func(ms, nanos int64) int64) func(arr arrow.Array) func(i int) int64 {
		return func(arr arrow.Array) func(i int) int64 {
			read := timeReader(arr)
			return func(i int) int64 { return conv(read(i)) }
		}
	}
	var conv func(arr arrow.Array) func(i int) int64
	switch {
	case to.Root.IsTimestamp():
		conv = each(timestampOf(to))
		return func(arr arrow.Array) (arrow.Array, error) {
			read := conv(arr)
			return mapFixed(alloc, arr, typ, func(i int) (int64, bool) { return read(i), true }), nil
		}
	case to.Root == types.Varchar:
		return timeText(from, to, alloc)
	case !from.Root.IsTimestamp():
		return nil
	case to.Root == types.Date:
		divide := func(ms, _ int64) int64 { return ms / millisPerDay } // towards 1970, as Java
		if from.Root == types.TimestampLTZ {
			divide = func(ms, _ int64) int64 { return FloorDiv(ms, millisPerDay) }
		}
		conv = each(divide)
	case to.Root == types.Time:
		rest := func(ms, _ int64) int64 { return ms % millisPerDay }
		if from.Root == types.TimestampLTZ {
			rest = func(ms, _ int64) int64 { return ms - FloorDiv(ms, millisPerDay)*millisPerDay }
		}
		conv = each(rest)
	case to.Root == types.Int || to.Root == types.BigInt:
		conv = each(func(ms, _ int64) int64 { return ms / 1000 })
		return func(arr arrow.Array) (arrow.Array, error) { return narrowInts(alloc, arr, to, conv(arr)), nil }
	default:
		return nil
	}
	return func(arr arrow.Array) (arrow.Array, error) {
		read := conv(arr)
		return mapFixed(alloc, arr, typ, func(i int) (int32, bool) { return int32(read(i)), true }), nil
	}
}

// secondsToTimestamp reads INT and BIGINT as seconds since 1970.
// Source: NumericPrimitiveToTimestamp.
func secondsToTimestamp(to types.Type, alloc memory.Allocator) Func {
	make64 := timestampOf(to)
	return func(arr arrow.Array) (arrow.Array, error) {
		read := intReader(arr)
		return mapFixed(alloc, arr, to.Arrow(), func(i int) (int64, bool) { return make64(read(i)*1000, 0), true }), nil
	}
}

func timeText(from, to types.Type, alloc memory.Allocator) Func {
	return func(arr arrow.Array) (arrow.Array, error) {
		read := timeReader(arr)
		return mapBytes(alloc, arr, to.Arrow(), func(dst []byte, i int) []byte {
			ms, nanos := read(i)
			return appendTime(dst, from, ms, nanos)
		}), nil
	}
}

// appendTime gives 2026-01-31, 13:00:00.1 or 2026-01-31 13:00:00.123. TIME
// drops zeros behind the first digit of the fraction, TIMESTAMP keeps as many
// as its precision says. Source: DateTimeUtils.
func appendTime(dst []byte, t types.Type, ms, nanos int64) []byte {
	at := time.UnixMilli(ms).UTC().Add(time.Duration(nanos))
	switch t.Root {
	case types.Date:
		return at.AppendFormat(dst, "2006-01-02")
	case types.Time:
		dst = at.AppendFormat(dst, "15:04:05")
		if t.Precision > 0 {
			digits := strings.TrimRight(leftPad(at.Nanosecond()/nanosPerMs, 3)[:min(t.Precision, 3)], "0")
			if digits == "" {
				digits = "0"
			}
			dst = append(append(dst, '.'), digits...)
		}
		return dst
	}
	dst = at.AppendFormat(dst, "2006-01-02 15:04:05")
	digits := leftPad(at.Nanosecond(), 9)
	for len(digits) > t.Precision && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if digits != "" {
		dst = append(append(dst, '.'), digits...)
	}
	return dst
}

func leftPad(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(width-len(s), 0)) + s
}

// textToTime parses DATE, TIME and TIMESTAMP; text that is none is an error.
func textToTime(alloc memory.Allocator, arr arrow.Array, to types.Type) (arrow.Array, error) {
	read, failed := bytesReader(arr), error(nil)
	parse := func(i int) int64 {
		v, ok := parseTimeText(string(read(i)), to)
		if !ok && failed == nil {
			failed = notText(read(i), to)
		}
		return v
	}
	var out arrow.Array
	if to.Root.IsTimestamp() {
		out = mapFixed(alloc, arr, to.Arrow(), func(i int) (int64, bool) { return parse(i), true })
	} else {
		out = mapFixed(alloc, arr, to.Arrow(), func(i int) (int32, bool) { return int32(parse(i)), true })
	}
	if failed != nil {
		out.Release()
		return nil, failed
	}
	return out, nil
}

func notText(text []byte, to types.Type) error {
	return errs.Invalid("text %q is no %s: change the column back to STRING to read it", text, to)
}

// parseTimeText gives the value in the unit of the type's column. A bare number
// is that value itself. Source: BinaryStringUtils.toDate, toTime, toTimestamp.
func parseTimeText(text string, to types.Type) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && text[0] != '+' && to.Root != types.TimestampLTZ {
		return bareNumber(n, to)
	}
	switch to.Root {
	case types.Date:
		day, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		parts := strings.Split(day, "-")
		for len(parts) < 3 {
			parts = append(parts, "1")
		}
		at, ok := parseDay(parts)
		return FloorDiv(at.Unix(), 86_400), ok
	case types.Time:
		return parseClock(text)
	}
	day, clock, _ := strings.Cut(text, " ")
	at, ok := parseDay(strings.Split(day, "-"))
	if !ok {
		return 0, false
	}
	if clock != "" || strings.HasSuffix(text, " ") {
		c, err := time.Parse("15:4:5.999999999", clock)
		if err != nil || strings.HasPrefix(clock, "-") {
			return 0, false
		}
		at = at.Add(time.Duration(c.Hour())*time.Hour + time.Duration(c.Minute())*time.Minute + time.Duration(c.Second())*time.Second + time.Duration(c.Nanosecond()))
	}
	return timestampOf(to)(at.UnixMilli(), int64(at.Nanosecond()%nanosPerMs)), true
}

func bareNumber(n int64, to types.Type) (int64, bool) {
	if !to.Root.IsTimestamp() {
		return n, int64(int32(n)) == n
	}
	// The number counts seconds, ms, µs or ns, by the type's precision.
	switch to.Precision {
	case 0:
		return timestampOf(to)(n*1000, 0), true
	case 3, 6, 9:
		return n, true
	}
	return 0, false
}

func parseDay(parts []string) (time.Time, bool) {
	var n [3]int
	if len(parts) != 3 {
		return time.Time{}, false
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(strings.TrimSpace(p), 10, 31)
		if err != nil || i == 0 && v > 9999 {
			return time.Time{}, false
		}
		n[i] = int(v)
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	return at, at.Month() == time.Month(n[1]) && at.Day() == n[2]
}

// parseClock reads h, h:m or h:m:s with a fraction, of which three digits
// count, as milliseconds of the day.
func parseClock(text string) (int64, bool) {
	whole, fraction, _ := strings.Cut(strings.TrimSpace(text), ".")
	parts := strings.Split(whole, ":")
	ms, scale := int64(0), int64(3_600_000)
	if len(parts) > 3 {
		return 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(strings.TrimSpace(p), 10, 31)
		if err != nil || i > 0 && n > 59 || n > 23 && i == 0 {
			return 0, false
		}
		ms += int64(n) * scale
		scale /= 60
	}
	if fraction == "" {
		return ms, true
	}
	n, err := strconv.ParseUint((fraction + "00")[:3], 10, 31)
	return ms + int64(n), err == nil && len(parts) == 3
}
