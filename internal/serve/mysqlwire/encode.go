package mysqlwire

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// appendValue appends row i of one column, which is not null there.
type appendValue func(dst []byte, i int) []byte

// textOf prints the values of a column as MySQL's text protocol has them,
// without their length. Instants are shown in zone. It returns nil for types
// that wireTypeOf refuses.
func textOf(arr arrow.Array, zone *time.Location) appendValue {
	if f := numberText(arr); f != nil {
		return f
	}
	if text := stringOf(arr); text != nil {
		return func(dst []byte, i int) []byte { return append(dst, text(i)...) }
	}
	if binary := bytesOf(arr); binary != nil {
		return func(dst []byte, i int) []byte { return append(dst, binary(i)...) }
	}
	if f := temporalText(arr, zone); f != nil {
		return f
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		values := textOf(a.Dictionary(), zone)
		return func(dst []byte, i int) []byte { return values(dst, a.GetValueIndex(i)) }
	case array.ExtensionArray:
		if id, ok := uuidOf(a); ok {
			return id
		}
		return textOf(a.Storage(), zone)
	case *array.Null:
		return func(dst []byte, _ int) []byte { return dst }
	}
	return nestedText(arr, zone)
}

func uuidOf(a array.ExtensionArray) (appendValue, bool) {
	storage, ok := a.Storage().(*array.FixedSizeBinary)
	if !ok || a.ExtensionType().ExtensionName() != uuidExtension {
		return nil, false
	}
	return func(dst []byte, i int) []byte { return appendUUID(dst, storage.Value(i)) }, true
}

type signed interface {
	~int8 | ~int16 | ~int32 | ~int64
}

type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

func signedText[T signed](a interface{ Value(int) T }) appendValue {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(a.Value(i)), 10) }
}

func unsignedText[T unsigned](a interface{ Value(int) T }) appendValue {
	return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, uint64(a.Value(i)), 10) }
}

// numberText prints booleans and numbers.
func numberText(arr arrow.Array) appendValue {
	switch a := arr.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) []byte {
			if a.Value(i) {
				return append(dst, '1')
			}
			return append(dst, '0')
		}
	case *array.Int8:
		return signedText(a)
	case *array.Int16:
		return signedText(a)
	case *array.Int32:
		return signedText(a)
	case *array.Int64:
		return signedText(a)
	case *array.Uint8:
		return unsignedText(a)
	case *array.Uint16:
		return unsignedText(a)
	case *array.Uint32:
		return unsignedText(a)
	case *array.Uint64:
		return unsignedText(a)
	case *array.Float32:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(a.Value(i)), 32) }
	case *array.Float64:
		return func(dst []byte, i int) []byte { return appendFloat(dst, a.Value(i), 64) }
	}
	return decimalText(arr)
}

func decimalText(arr arrow.Array) appendValue {
	t, ok := arr.DataType().(arrow.DecimalType)
	if !ok {
		return nil
	}
	scale := int(t.GetScale())
	switch a := arr.(type) {
	case *array.Decimal32:
		return func(dst []byte, i int) []byte {
			return appendDecimal(dst, decimal128.FromI64(int64(a.Value(i))), scale)
		}
	case *array.Decimal64:
		return func(dst []byte, i int) []byte {
			return appendDecimal(dst, decimal128.FromI64(int64(a.Value(i))), scale)
		}
	case *array.Decimal128:
		return func(dst []byte, i int) []byte { return appendDecimal(dst, a.Value(i), scale) }
	case *array.Decimal256:
		return func(dst []byte, i int) []byte { return appendBigDecimal(dst, a.Value(i).BigInt(), scale) }
	}
	return nil
}

func stringOf(arr arrow.Array) func(i int) string {
	switch a := arr.(type) {
	case *array.String:
		return a.Value
	case *array.LargeString:
		return a.Value
	case *array.StringView:
		return a.Value
	}
	return nil
}

func bytesOf(arr arrow.Array) func(i int) []byte {
	switch a := arr.(type) {
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.BinaryView:
		return a.Value
	case *array.FixedSizeBinary:
		return a.Value
	}
	return nil
}

// temporalText prints dates, times and timestamps with the digits of their
// unit.
func temporalText(arr arrow.Array, zone *time.Location) appendValue {
	switch a := arr.(type) {
	case *array.Date32:
		return func(dst []byte, i int) []byte { return appendDate(dst, int64(a.Value(i))) }
	case *array.Date64:
		return func(dst []byte, i int) []byte { return appendDate(dst, floorDiv(int64(a.Value(i)), daySeconds*1000)) }
	case *array.Time32:
		return clockText(a, a.DataType().(*arrow.Time32Type).Unit)
	case *array.Time64:
		return clockText(a, a.DataType().(*arrow.Time64Type).Unit)
	case *array.Timestamp:
		moments, digits := momentsOf(a, zone)
		return func(dst []byte, i int) []byte { return appendMoment(dst, moments(i), digits) }
	}
	return nil
}

func clockText[T ~int32 | ~int64](a interface{ Value(int) T }, unit arrow.TimeUnit) appendValue {
	per, digits := perSecond(unit), fractionDigits(unit)
	return func(dst []byte, i int) []byte {
		v := int64(a.Value(i))
		if v < 0 {
			dst, v = append(dst, '-'), -v
		}
		return appendClock(dst, v/per, v%per, digits)
	}
}

// momentsOf splits timestamps; those with a zone are instants and are shown in
// the session's zone.
func momentsOf(a *array.Timestamp, zone *time.Location) (func(i int) moment, int) {
	t := a.DataType().(*arrow.TimestampType)
	if t.TimeZone == "" {
		zone = nil
	}
	per := perSecond(t.Unit)
	return func(i int) moment { return splitMoment(int64(a.Value(i)), per, zone) }, fractionDigits(t.Unit)
}

func perSecond(u arrow.TimeUnit) int64 {
	switch u {
	case arrow.Millisecond:
		return 1e3
	case arrow.Microsecond:
		return 1e6
	case arrow.Nanosecond:
		return 1e9
	}
	return 1
}

// nestedText prints arrays, maps and structs as StarRocks does: [1,2],
// {"k":1}, {"field":"text"}, with null for nulls.
func nestedText(arr arrow.Array, zone *time.Location) appendValue {
	switch a := arr.(type) {
	case *array.Map: // before ListLike, which it is too
		keys, items := elementText(a.Keys(), zone), elementText(a.Items(), zone)
		return func(dst []byte, i int) []byte {
			from, to := a.ValueOffsets(i)
			dst = append(dst, '{')
			for j := from; j < to; j++ {
				if j > from {
					dst = append(dst, ',')
				}
				dst = append(keys(dst, int(j)), ':')
				dst = items(dst, int(j))
			}
			return append(dst, '}')
		}
	case array.ListLike:
		items := elementText(a.ListValues(), zone)
		return func(dst []byte, i int) []byte {
			from, to := a.ValueOffsets(i)
			dst = append(dst, '[')
			for j := from; j < to; j++ {
				if j > from {
					dst = append(dst, ',')
				}
				dst = items(dst, int(j))
			}
			return append(dst, ']')
		}
	case *array.Struct:
		return structText(a, zone)
	}
	return nil
}

func structText(a *array.Struct, zone *time.Location) appendValue {
	names := make([][]byte, a.NumField())
	fields := make([]appendValue, a.NumField())
	for f, field := range a.DataType().(*arrow.StructType).Fields() {
		names[f] = append(appendQuoted(nil, field.Name), ':')
		fields[f] = elementText(a.Field(f), zone)
	}
	return func(dst []byte, i int) []byte {
		dst = append(dst, '{')
		for f, field := range fields {
			if f > 0 {
				dst = append(dst, ',')
			}
			dst = field(append(dst, names[f]...), i)
		}
		return append(dst, '}')
	}
}

// elementText prints values inside of others: numbers bare, text in quotes,
// binaries as hex digits in quotes, nulls as null.
func elementText(arr arrow.Array, zone *time.Location) appendValue {
	null := nullsOf(arr)
	value := elementValue(arr, zone)
	return func(dst []byte, i int) []byte {
		if null != nil && null(i) {
			return append(dst, "null"...)
		}
		return value(dst, i)
	}
}

func elementValue(arr arrow.Array, zone *time.Location) appendValue {
	if text := stringOf(arr); text != nil {
		return func(dst []byte, i int) []byte { return appendQuoted(dst, text(i)) }
	}
	if binary := bytesOf(arr); binary != nil {
		return quoted(func(dst []byte, i int) []byte { return hex.AppendEncode(dst, binary(i)) })
	}
	if f := temporalText(arr, zone); f != nil {
		return quoted(f)
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		values := elementValue(a.Dictionary(), zone)
		return func(dst []byte, i int) []byte { return values(dst, a.GetValueIndex(i)) }
	case array.ExtensionArray:
		if id, ok := uuidOf(a); ok {
			return quoted(id)
		}
		return elementValue(a.Storage(), zone)
	}
	return textOf(arr, zone)
}

func quoted(f appendValue) appendValue {
	return func(dst []byte, i int) []byte { return append(f(append(dst, '"'), i), '"') }
}

// nullsOf tells nulls; it is nil for a column without any.
func nullsOf(arr arrow.Array) func(i int) bool {
	switch a := arr.(type) {
	case *array.Null:
		return func(int) bool { return true }
	case *array.Dictionary:
		if values := nullsOf(a.Dictionary()); values != nil {
			return func(i int) bool { return a.IsNull(i) || values(a.GetValueIndex(i)) }
		}
	case array.ExtensionArray:
		return nullsOf(a.Storage())
	}
	if arr.NullN() == 0 {
		return nil
	}
	return arr.IsNull
}
