package cast

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// nestedText casts ARRAY, MAP and ROW to text: [1, 2], {a -> 1}, {1, x}. The
// length of the text type is not looked at.
// Source: ArrayToStringCastRule, MapToStringCastRule, RowToStringCastRule.
func nestedText(from, to types.Type, alloc memory.Allocator) (Func, error) {
	if _, err := elementText(from, alloc); err != nil {
		return nil, err
	}
	return func(arr arrow.Array) (arrow.Array, error) {
		text, err := elementText(from, alloc)
		if err != nil {
			return nil, err
		}
		write, release, err := text(arr)
		if err != nil {
			return nil, err
		}
		defer release()
		return mapBytes(alloc, arr, to.Arrow(), write), nil
	}, nil
}

// texter prepares an array for printing: write appends the text of row i.
type texter func(arr arrow.Array) (write func(dst []byte, i int) []byte, release func(), err error)

func elementText(t types.Type, alloc memory.Allocator) (texter, error) {
	switch t.Root {
	case types.Array:
		elem, err := elementText(*t.Elem, alloc)
		return func(arr arrow.Array) (func([]byte, int) []byte, func(), error) {
			l := arr.(*array.List)
			write, release, err := elem(l.ListValues())
			return func(dst []byte, i int) []byte {
				from, to := l.ValueOffsets(i)
				return appendJoined(dst, '[', ']', int(from), int(to), func(dst []byte, i int) []byte { return orNull(dst, l.ListValues(), i, write) })
			}, release, err
		}, err
	case types.Map:
		return mapText(t, alloc)
	case types.Row:
		return rowText(t, alloc)
	case types.Varchar, types.Char:
		return func(arr arrow.Array) (func([]byte, int) []byte, func(), error) {
			read := bytesReader(arr)
			return func(dst []byte, i int) []byte { return append(dst, read(i)...) }, func() {}, nil
		}, nil
	}
	c, err := New(t, types.String(), alloc)
	if err != nil {
		return nil, err
	}
	return func(arr arrow.Array) (func([]byte, int) []byte, func(), error) {
		out, err := c(arr)
		if err != nil {
			return nil, nil, err
		}
		read := bytesReader(out)
		return func(dst []byte, i int) []byte { return append(dst, read(i)...) }, out.Release, nil
	}, nil
}

func appendJoined(dst []byte, open, end byte, from, to int, write func(dst []byte, i int) []byte) []byte {
	dst = append(dst, open)
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ", "...)
		}
		dst = write(dst, i)
	}
	return append(dst, end)
}

func orNull(dst []byte, arr arrow.Array, i int, write func([]byte, int) []byte) []byte {
	if arr.IsNull(i) {
		return append(dst, "null"...)
	}
	return write(dst, i)
}

func mapText(t types.Type, alloc memory.Allocator) (texter, error) {
	key, err := elementText(*t.Key, alloc)
	if err != nil {
		return nil, err
	}
	value, err := elementText(*t.Elem, alloc)
	return func(arr arrow.Array) (func([]byte, int) []byte, func(), error) {
		m := arr.(*array.Map)
		keys, dropKeys, err := key(m.Keys())
		if err != nil {
			return nil, nil, err
		}
		values, dropValues, err := value(m.Items())
		if err != nil {
			dropKeys()
			return nil, nil, err
		}
		write := func(dst []byte, i int) []byte {
			from, to := m.ValueOffsets(i)
			return appendJoined(dst, '{', '}', int(from), int(to), func(dst []byte, i int) []byte {
				dst = append(orNull(dst, m.Keys(), i, keys), " -> "...)
				return orNull(dst, m.Items(), i, values)
			})
		}
		return write, func() { dropKeys(); dropValues() }, nil
	}, err
}

func rowText(t types.Type, alloc memory.Allocator) (texter, error) {
	parts := make([]texter, len(t.Fields))
	for i, f := range t.Fields {
		p, err := elementText(f.Type, alloc)
		if err != nil {
			return nil, err
		}
		parts[i] = p
	}
	return func(arr arrow.Array) (func([]byte, int) []byte, func(), error) {
		s := arr.(*array.Struct)
		writes, releases := make([]func([]byte, int) []byte, len(parts)), make([]func(), 0, len(parts))
		release := func() {
			for _, r := range releases {
				r()
			}
		}
		for i, p := range parts {
			w, r, err := p(s.Field(i))
			if err != nil {
				release()
				return nil, nil, err
			}
			writes[i], releases = w, append(releases, r)
		}
		return func(dst []byte, row int) []byte {
			return appendJoined(dst, '{', '}', 0, len(parts), func(dst []byte, i int) []byte { return orNull(dst, s.Field(i), row, writes[i]) })
		}, release, nil
	}, nil
}
