package binrow

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
)

// bindColumn gives the putter of a column of type t.
func bindColumn(t types.Type, a arrow.Array) putter {
	put := bindValue(t, a)
	if put == nil {
		panic(fmt.Sprintf("binrow: column of type %s cannot be held as Arrow %s", t, a.DataType()))
	}
	if wide := reserve(t); wide > 0 {
		// Paimon keeps room for a value that may come later; it counts for
		// hashes.
		return func(buf []byte, p place, row int) []byte {
			if !a.IsNull(row) {
				return put(buf, p, row)
			}
			p.setNull(buf)
			if !p.inRow {
				return buf
			}
			at := len(buf)
			buf = grow(buf, wide)
			p.point(buf, at, 0)
			return buf
		}
	}
	if a.NullN() == 0 {
		return put
	}
	return func(buf []byte, p place, row int) []byte {
		if a.IsNull(row) {
			p.setNull(buf)
			return buf
		}
		return put(buf, p, row)
	}
}

// reserve is the room that a value of t takes behind the slots of a row even
// when it is NULL.
func reserve(t types.Type) int {
	switch {
	case t.Root == types.Decimal && t.Precision > maxCompactDecimal:
		return 16
	case (t.Root == types.Timestamp || t.Root == types.TimestampLTZ) && t.Precision > 3:
		return 8
	}
	return 0
}

// maxCompactDecimal is the most digits of a decimal kept as int64.
const maxCompactDecimal = 18

// bindValue gives the putter of values that are not NULL; nil when the Arrow
// type does not fit.
func bindValue(t types.Type, a arrow.Array) putter {
	switch t.Root {
	case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Blob:
		return bindBytes(a)
	case types.Decimal:
		return bindDecimal(t, a)
	case types.Timestamp, types.TimestampLTZ:
		return bindTimestamp(t, a)
	case types.Array:
		return bindArray(t, a)
	case types.Map, types.Multiset:
		return bindMap(t, a)
	case types.Row:
		return bindRow(t, a)
	case types.Variant:
		return bindVariant(a)
	}
	return bindFixed(t, a)
}

// bindFixed handles the types whose slot is their value.
func bindFixed(t types.Type, a arrow.Array) putter {
	switch c := a.(type) {
	case *array.Boolean:
		if t.Root == types.Boolean {
			return func(buf []byte, p place, row int) []byte {
				if c.Value(row) {
					buf[p.slot] = 1
				}
				return buf
			}
		}
	case *array.Int8:
		if t.Root == types.TinyInt {
			return func(buf []byte, p place, row int) []byte { buf[p.slot] = byte(c.Value(row)); return buf }
		}
	case *array.Int16:
		if t.Root == types.SmallInt {
			return func(buf []byte, p place, row int) []byte {
				binary.LittleEndian.PutUint16(buf[p.slot:], uint16(c.Value(row)))
				return buf
			}
		}
	case *array.Int64:
		if t.Root == types.BigInt {
			v := c.Int64Values()
			return func(buf []byte, p place, row int) []byte {
				binary.LittleEndian.PutUint64(buf[p.slot:], uint64(v[row]))
				return buf
			}
		}
	case *array.Float32:
		if t.Root == types.Float {
			return put32(func(row int) uint32 { return math.Float32bits(c.Value(row)) })
		}
	case *array.Float64:
		if t.Root == types.Double {
			return func(buf []byte, p place, row int) []byte {
				binary.LittleEndian.PutUint64(buf[p.slot:], math.Float64bits(c.Value(row)))
				return buf
			}
		}
	}
	if read := int32Reader(t, a); read != nil {
		return put32(func(row int) uint32 { return uint32(read(row)) })
	}
	return nil
}

func put32(read func(int) uint32) putter {
	return func(buf []byte, p place, row int) []byte {
		binary.LittleEndian.PutUint32(buf[p.slot:], read(row))
		return buf
	}
}

// int32Reader reads INT, DATE (days) and TIME (milliseconds).
func int32Reader(t types.Type, a arrow.Array) func(int) int32 {
	switch c := a.(type) {
	case *array.Int32:
		if t.Root == types.Int {
			return c.Value
		}
	case *array.Date32:
		if t.Root == types.Date {
			return func(row int) int32 { return int32(c.Value(row)) }
		}
	case *array.Time32:
		if t.Root == types.Time {
			if c.DataType().(*arrow.Time32Type).Unit == arrow.Second {
				return func(row int) int32 { return int32(c.Value(row)) * 1000 }
			}
			return func(row int) int32 { return int32(c.Value(row)) }
		}
	case *array.Time64:
		if t.Root == types.Time {
			per := int64(1000)
			if c.DataType().(*arrow.Time64Type).Unit == arrow.Nanosecond {
				per = 1000000
			}
			return func(row int) int32 { return int32(int64(c.Value(row)) / per) }
		}
	}
	return nil
}

// bytesReader reads text and bytes without copying.
func bytesReader(a arrow.Array) func(int) []byte {
	text := func(read func(int) string) func(int) []byte {
		return func(row int) []byte {
			s := read(row)
			return unsafe.Slice(unsafe.StringData(s), len(s))
		}
	}
	switch c := a.(type) {
	case *array.String:
		return text(c.Value)
	case *array.LargeString:
		return text(c.Value)
	case *array.StringView:
		return text(c.Value)
	case *array.Binary:
		return c.Value
	case *array.LargeBinary:
		return c.Value
	case *array.BinaryView:
		return c.Value
	case *array.FixedSizeBinary:
		return c.Value
	}
	return nil
}

func bindBytes(a arrow.Array) putter {
	read := bytesReader(a)
	if read == nil {
		return nil
	}
	return func(buf []byte, p place, row int) []byte { return putPiece(buf, p, read(row)) }
}

func bindDecimal(t types.Type, a arrow.Array) putter {
	c, ok := a.(*array.Decimal128)
	if !ok || c.DataType().(*arrow.Decimal128Type).Scale != int32(t.Scale) {
		return nil
	}
	if t.Precision <= maxCompactDecimal {
		return func(buf []byte, p place, row int) []byte {
			binary.LittleEndian.PutUint64(buf[p.slot:], c.Value(row).LowBits())
			return buf
		}
	}
	return func(buf []byte, p place, row int) []byte {
		var be [16]byte
		v := c.Value(row)
		binary.BigEndian.PutUint64(be[:], uint64(v.HighBits()))
		binary.BigEndian.PutUint64(be[8:], v.LowBits())
		short := trimSign(be[:])
		at := len(buf)
		buf = grow(buf, 16)
		copy(buf[at:], short)
		p.point(buf, at, len(short))
		return buf
	}
}

// trimSign gives the shortest two's complement form of a big-endian number.
func trimSign(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// timeReader reads a timestamp as epoch milliseconds and the nanoseconds
// within the millisecond.
func timeReader(a arrow.Array) func(int) (millis int64, nanos int32) {
	c, ok := a.(*array.Timestamp)
	if !ok {
		return nil
	}
	v := c.TimestampValues()
	switch c.DataType().(*arrow.TimestampType).Unit {
	case arrow.Second:
		return func(row int) (int64, int32) { return int64(v[row]) * 1000, 0 }
	case arrow.Millisecond:
		return func(row int) (int64, int32) { return int64(v[row]), 0 }
	case arrow.Microsecond:
		return func(row int) (int64, int32) {
			q, r := floorDiv(int64(v[row]), 1000)
			return q, int32(r) * 1000
		}
	}
	return func(row int) (int64, int32) {
		q, r := floorDiv(int64(v[row]), 1000000)
		return q, int32(r)
	}
}

func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

func bindTimestamp(t types.Type, a arrow.Array) putter {
	read := timeReader(a)
	if read == nil {
		return nil
	}
	if t.Precision <= 3 {
		return func(buf []byte, p place, row int) []byte {
			millis, _ := read(row)
			binary.LittleEndian.PutUint64(buf[p.slot:], uint64(millis))
			return buf
		}
	}
	return func(buf []byte, p place, row int) []byte {
		millis, nanos := read(row)
		at := len(buf)
		buf = binary.LittleEndian.AppendUint64(buf, uint64(millis))
		p.point(buf, at, int(nanos))
		return buf
	}
}
