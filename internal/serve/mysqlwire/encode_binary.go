package mysqlwire

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// binaryOf encodes the values of a column as COM_STMT_EXECUTE's rows have
// them: numbers and times in binary, all else as text with its length. fail is
// called for values that the form cannot hold.
func binaryOf(arr arrow.Array, zone *time.Location, fail func(error)) appendValue {
	if f := binaryNumber(arr); f != nil {
		return f
	}
	if f := binaryTemporal(arr, zone, fail); f != nil {
		return f
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		values := binaryOf(a.Dictionary(), zone, fail)
		return func(dst []byte, i int) []byte { return values(dst, a.GetValueIndex(i)) }
	case array.ExtensionArray:
		if _, ok := uuidOf(a); !ok {
			return binaryOf(a.Storage(), zone, fail)
		}
	}
	return withLength(textOf(arr, zone))
}

// withLength puts the length before what f appends.
func withLength(f appendValue) appendValue {
	return func(dst []byte, i int) []byte {
		at := len(dst)
		return sealLenenc(f(append(dst, 0), i), at)
	}
}

func binaryNumber(arr arrow.Array) appendValue {
	switch a := arr.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) []byte {
			if a.Value(i) {
				return append(dst, 1)
			}
			return append(dst, 0)
		}
	case *array.Int8:
		return func(dst []byte, i int) []byte { return append(dst, byte(a.Value(i))) }
	case *array.Uint8:
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i)) }
	case *array.Int16:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint16(dst, uint16(a.Value(i))) }
	case *array.Uint16:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint16(dst, a.Value(i)) }
	case *array.Int32:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint32(dst, uint32(a.Value(i))) }
	case *array.Uint32:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint32(dst, a.Value(i)) }
	case *array.Int64:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint64(dst, uint64(a.Value(i))) }
	case *array.Uint64:
		return func(dst []byte, i int) []byte { return binary.LittleEndian.AppendUint64(dst, a.Value(i)) }
	case *array.Float32:
		return func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(a.Value(i)))
		}
	case *array.Float64:
		return func(dst []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.Value(i)))
		}
	}
	return nil
}

func binaryTemporal(arr arrow.Array, zone *time.Location, fail func(error)) appendValue {
	if t, ok := wireTypeOf(arr.DataType()); !ok || t.code == typeVarString {
		return nil // nanoseconds go as text
	}
	switch a := arr.(type) {
	case *array.Date32:
		return func(dst []byte, i int) []byte { return binaryDate(append(dst, 4), int64(a.Value(i)), fail) }
	case *array.Date64:
		return func(dst []byte, i int) []byte {
			return binaryDate(append(dst, 4), floorDiv(int64(a.Value(i)), daySeconds*1000), fail)
		}
	case *array.Time32:
		return binaryClock(a, a.DataType().(*arrow.Time32Type).Unit)
	case *array.Time64:
		return binaryClock(a, a.DataType().(*arrow.Time64Type).Unit)
	case *array.Timestamp:
		moments, digits := momentsOf(a, zone)
		return func(dst []byte, i int) []byte { return binaryMoment(dst, moments(i), digits, fail) }
	}
	return nil
}

// binaryDate appends year, month and day.
func binaryDate(dst []byte, days int64, fail func(error)) []byte {
	year, month, day := civil(days)
	if year < 0 || year > 9999 {
		fail(Errorf(CodeDataOutOfRange, "date %s is outside of the years 0 to 9999 that the MySQL protocol has", appendDate(nil, days)))
		year = 0
	}
	return append(dst, byte(year), byte(year>>8), byte(month), byte(day))
}

func binaryMoment(dst []byte, m moment, digits int, fail func(error)) []byte {
	length := byte(4)
	switch {
	case m.fraction != 0:
		length = 11
	case m.second != 0:
		length = 7
	}
	dst = binaryDate(append(dst, length), m.days, fail)
	if length > 4 {
		dst = append(dst, byte(m.second/3600), byte(m.second/60%60), byte(m.second%60))
	}
	if length == 11 {
		dst = binary.LittleEndian.AppendUint32(dst, micros(m.fraction, digits))
	}
	return dst
}

// micros scales a fraction of at most six digits.
func micros(fraction int64, digits int) uint32 {
	for ; digits < 6; digits++ {
		fraction *= 10
	}
	return uint32(fraction)
}

func binaryClock[T ~int32 | ~int64](a interface{ Value(int) T }, unit arrow.TimeUnit) appendValue {
	per, digits := perSecond(unit), fractionDigits(unit)
	return func(dst []byte, i int) []byte {
		v := int64(a.Value(i))
		negative := byte(0)
		if v < 0 {
			negative, v = 1, -v
		}
		second, fraction := v/per, v%per
		if v == 0 {
			return append(dst, 0)
		}
		length := byte(8)
		if fraction != 0 {
			length = 12
		}
		dst = binary.LittleEndian.AppendUint32(append(dst, length, negative), uint32(second/daySeconds))
		second %= daySeconds
		dst = append(dst, byte(second/3600), byte(second/60%60), byte(second%60))
		if length == 12 {
			dst = binary.LittleEndian.AppendUint32(dst, micros(fraction, digits))
		}
		return dst
	}
}
