package binrow

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
)

// elementWidth is the room of an element in a BinaryArray.
func elementWidth(t types.Type) int {
	switch t.Root {
	case types.Boolean, types.TinyInt:
		return 1
	case types.SmallInt:
		return 2
	case types.Int, types.Float, types.Date, types.Time:
		return 4
	}
	return 8
}

// arrayHeader is the length of the size and the null bits of a BinaryArray.
func arrayHeader(n int) int { return 4 + (n+31)/32*4 }

// appendArray writes elements [from, to) of a column as a BinaryArray.
func appendArray(buf []byte, put putter, width, from, to int) []byte {
	n := to - from
	start, head := len(buf), arrayHeader(n)
	buf = pad(grow(buf, head+n*width), start)
	binary.LittleEndian.PutUint32(buf[start:], uint32(n))
	for i := range n {
		buf = put(buf, place{start: start, slot: start + head + i*width, bit: (start+4)*8 + i}, from+i)
	}
	return buf
}

func bindArray(t types.Type, a arrow.Array) putter {
	c, ok := a.(array.ListLike)
	if _, isMap := a.(*array.Map); !ok || isMap {
		return nil
	}
	put, width := bindColumn(*t.Elem, c.ListValues()), elementWidth(*t.Elem)
	return func(buf []byte, p place, row int) []byte {
		from, to := c.ValueOffsets(row)
		at := len(buf)
		buf = appendArray(buf, put, width, int(from), int(to))
		p.point(buf, at, len(buf)-at)
		return buf
	}
}

func bindMap(t types.Type, a arrow.Array) putter {
	c, ok := a.(*array.Map)
	if !ok {
		return nil
	}
	key, value := mapTypes(t)
	putKey, putValue := bindColumn(key, c.Keys()), bindColumn(value, c.Items())
	keyWidth, valueWidth := elementWidth(key), elementWidth(value)
	return func(buf []byte, p place, row int) []byte {
		from, to := c.ValueOffsets(row)
		at := len(buf)
		buf = grow(buf, 4)
		buf = appendArray(buf, putKey, keyWidth, int(from), int(to))
		binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
		buf = appendArray(buf, putValue, valueWidth, int(from), int(to))
		p.point(buf, at, len(buf)-at)
		return pad(buf, at)
	}
}

// mapTypes gives the types of key and value; a multiset maps to counts.
func mapTypes(t types.Type) (key, value types.Type) {
	if t.Root == types.Multiset {
		return *t.Elem, types.Of(types.Int).NotNull()
	}
	return *t.Key, *t.Elem
}

func bindRow(t types.Type, a arrow.Array) putter {
	c, ok := a.(*array.Struct)
	if !ok || c.NumField() != len(t.Fields) {
		return nil
	}
	puts := make([]putter, len(t.Fields))
	for i, f := range t.Fields {
		puts[i] = bindColumn(f.Type, c.Field(i))
	}
	return func(buf []byte, p place, row int) []byte {
		at := len(buf)
		buf = appendRow(buf, puts, row)
		p.point(buf, at, len(buf)-at)
		return buf
	}
}

func bindVariant(a arrow.Array) putter {
	c, ok := a.(*array.Struct)
	if !ok || c.NumField() != 2 {
		return nil
	}
	value, metadata := bytesReader(c.Field(0)), bytesReader(c.Field(1))
	if value == nil || metadata == nil {
		return nil
	}
	return func(buf []byte, p place, row int) []byte {
		at := len(buf)
		v := value(row)
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(v)))
		buf = append(append(buf, v...), metadata(row)...)
		p.point(buf, at, len(buf)-at)
		return pad(buf, at)
	}
}
