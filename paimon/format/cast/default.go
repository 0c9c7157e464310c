package cast

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Default gives a column's default value, written as text, as an array of one
// row, which the caller releases. Single quotes around the text are not part
// of it. Source: DefaultValueUtils.convertDefaultValue.
func Default(t types.Type, text string) (arrow.Array, error) {
	if len(text) >= 2 && strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") {
		text = text[1 : len(text)-1]
	}
	return parseTexts(t, []*string{&text})
}

// parseTexts gives a column of the values that texts say; nil is NULL. Nested
// values are written [1, 2] or ARRAY(1, 2), {a -> 1} or MAP(a, 1), {1, x} or
// STRUCT(1, x).
// Source: StringToArrayCastRule, StringToMapCastRule, StringToRowCastRule.
func parseTexts(t types.Type, texts []*string) (arrow.Array, error) {
	switch t.Root {
	case types.Array, types.Map:
		return parseLists(t, texts)
	case types.Row:
		return parseRows(t, texts)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for _, s := range texts {
		if s == nil {
			b.AppendNull()
		} else {
			b.Append(*s)
		}
	}
	in := b.NewArray()
	c, err := New(types.String(), t, memory.DefaultAllocator)
	if err == nil && c == nil {
		return in, nil
	}
	defer in.Release()
	if err != nil {
		return nil, errs.Unsupported("a column of type %s cannot have a default value", t)
	}
	out, err := c(in)
	if err == nil {
		return out, nil
	}
	for _, s := range texts { // the one that is wrong
		if len(texts) == 1 {
			return nil, errs.Invalid("'%s' is no %s", *s, t)
		}
		one, err := parseTexts(t, []*string{s})
		if err != nil {
			return nil, err
		}
		one.Release()
	}
	return nil, err
}

func parseLists(t types.Type, texts []*string) (arrow.Array, error) {
	offsets := make([]int32, 1, len(texts)+1)
	var keys, items []*string
	for _, s := range texts {
		var more, moreKeys []*string
		var err error
		switch {
		case s == nil:
		case t.Root == types.Array:
			more, err = splitItems(t, *s, "[", "]", "ARRAY")
		default:
			moreKeys, more, err = splitPairs(t, *s)
		}
		if err != nil {
			return nil, err
		}
		items, keys = append(items, more...), append(keys, moreKeys...)
		offsets = append(offsets, int32(len(items)))
	}
	child, err := parseTexts(*t.Elem, items)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	if t.Root == types.Map {
		k, err := parseTexts(*t.Key, keys)
		if err != nil {
			return nil, err
		}
		defer k.Release()
		pairs := array.NewData(t.Arrow().(*arrow.MapType).Elem(), len(items), []*memory.Buffer{nil}, []arrow.ArrayData{k.Data(), child.Data()}, 0, 0)
		defer pairs.Release()
		return withOffsets(t, texts, offsets, pairs), nil
	}
	return withOffsets(t, texts, offsets, child.Data()), nil
}

func withOffsets(t types.Type, texts []*string, offsets []int32, child arrow.ArrayData) arrow.Array {
	valid, nulls := validTexts(texts)
	buffers := []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	d := array.NewData(t.Arrow(), len(texts), buffers, []arrow.ArrayData{child}, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

func validTexts(texts []*string) (*memory.Buffer, int) {
	bits, nulls := make([]byte, (len(texts)+7)/8), 0
	for i, s := range texts {
		if s == nil {
			nulls++
		} else {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return memory.NewBufferBytes(bits), nulls
}

func parseRows(t types.Type, texts []*string) (arrow.Array, error) {
	columns := make([][]*string, len(t.Fields))
	for _, s := range texts {
		values := make([]*string, len(t.Fields))
		if s != nil {
			items, err := splitItems(t, *s, "{", "}", "STRUCT")
			if err != nil {
				return nil, err
			}
			if len(items) > 0 && len(items) != len(values) {
				return nil, notNested(t, *s)
			}
			copy(values, items)
		}
		for i, v := range values {
			columns[i] = append(columns[i], v)
		}
	}
	children := make([]arrow.ArrayData, len(columns))
	for i, f := range t.Fields {
		c, err := parseTexts(f.Type, columns[i])
		if err != nil {
			return nil, err
		}
		defer c.Release()
		children[i] = c.Data()
	}
	valid, nulls := validTexts(texts)
	d := array.NewData(t.Arrow(), len(texts), []*memory.Buffer{valid}, children, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

func notNested(t types.Type, text string) error {
	form := map[types.Root]string{types.Array: "[a, b] or ARRAY(a, b)", types.Map: "{k -> v} or MAP(k, v)"}[t.Root]
	if t.Root == types.Row {
		form = "{a, b} or STRUCT(a, b), a value for each field"
	}
	return errs.Invalid("'%s' is no %s: write %s", text, t, form)
}

// splitPairs gives the keys and the values of a MAP.
func splitPairs(t types.Type, text string) (keys, values []*string, err error) {
	items, err := splitItems(t, text, "{", "}", "MAP")
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		if len(items)%2 != 0 {
			return nil, nil, notNested(t, text)
		}
		for i := 0; i < len(items); i += 2 {
			keys, values = append(keys, items[i]), append(values, items[i+1])
		}
		return keys, values, nil
	}
	for _, item := range items {
		if item == nil {
			return nil, nil, notNested(t, text)
		}
		k, v, ok := strings.Cut(*item, "->")
		if !ok {
			return nil, nil, notNested(t, text)
		}
		keys, values = append(keys, orNil(k)), append(values, orNil(v))
	}
	return keys, values, nil
}

func orNil(s string) *string {
	if s = strings.TrimSpace(s); s == "null" {
		return nil
	}
	return &s
}

// splitItems takes the brackets or the function's name away and splits at the
// commas that are in no inner brackets and no double quotes; the word null is
// nil.
func splitItems(t types.Type, text, open, end, function string) ([]*string, error) {
	text = strings.TrimSpace(text)
	content, ok := strings.CutPrefix(text, open)
	if ok {
		content, ok = strings.CutSuffix(content, end)
	} else if len(text) > len(function) && strings.EqualFold(text[:len(function)], function) {
		if content, ok = strings.CutPrefix(strings.TrimSpace(text[len(function):]), "("); ok {
			content, ok = strings.CutSuffix(content, ")")
		}
	}
	if !ok {
		return nil, notNested(t, text)
	}
	var out []*string
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth = max(depth-1, 0)
		case c == ',' && depth == 0:
			out = append(out, orNil(content[from:i]))
			from = i + 1
		}
	}
	if strings.TrimSpace(content[from:]) != "" || len(out) > 0 {
		out = append(out, orNil(content[from:]))
	}
	return out, nil
}
