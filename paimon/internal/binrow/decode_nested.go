package binrow

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
)

func (s section) appendNested(b array.Builder, t types.Type, slot int) error {
	body, err := s.piece(slot)
	if err != nil {
		return err
	}
	in := section{data: body, budget: s.budget}
	switch b := b.(type) {
	case *array.MapBuilder:
		b.Append(true)
		return in.appendMap(b, t)
	case *array.ListBuilder:
		b.Append(true)
		_, err := in.appendElements(b.ValueBuilder(), *t.Elem)
		return err
	case *array.StructBuilder:
		b.Append(true)
		if t.Root == types.Variant {
			return in.appendVariant(b)
		}
		if err := checkLength(body, len(t.Fields)); err != nil {
			return err
		}
		for i, f := range t.Fields {
			if err := in.appendField(b.FieldBuilder(i), f.Type, len(t.Fields), i); err != nil {
				return fmt.Errorf("field %s: %w", f.Name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("type %s cannot be decoded", t)
}

// appendElements decodes a BinaryArray and gives its size.
func (s section) appendElements(b array.Builder, t types.Type) (int, error) {
	if len(s.data) < 4 {
		return 0, fmt.Errorf("an array of %d bytes is too short", len(s.data))
	}
	n, width := int(int32(binary.LittleEndian.Uint32(s.data))), elementWidth(t)
	if n < 0 || n > len(s.data) || arrayHeader(n)+n*width > len(s.data) {
		return 0, fmt.Errorf("an array of %d bytes cannot have %d elements", len(s.data), n)
	}
	head := arrayHeader(n)
	for i := range n {
		if s.data[4+i>>3]&(1<<(i&7)) != 0 {
			if !t.Nullable {
				return 0, fmt.Errorf("element %d is NULL", i)
			}
			b.AppendNull()
		} else if err := s.appendValue(b, t, head+i*width); err != nil {
			return 0, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return n, nil
}

func (s section) appendMap(b *array.MapBuilder, t types.Type) error {
	if len(s.data) < 4 {
		return fmt.Errorf("a map of %d bytes is too short", len(s.data))
	}
	size := int64(binary.LittleEndian.Uint32(s.data))
	if size > int64(len(s.data)-4) {
		return fmt.Errorf("the keys of a map leave it")
	}
	key, value := mapTypes(t)
	keys := section{data: s.data[4 : 4+size], budget: s.budget}
	values := section{data: s.data[4+size:], budget: s.budget}
	n, err := keys.appendElements(b.KeyBuilder(), key.NotNull())
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	m, err := values.appendElements(b.ItemBuilder(), value)
	if err != nil {
		return fmt.Errorf("values: %w", err)
	}
	if n != m {
		return fmt.Errorf("a map has %d keys and %d values", n, m)
	}
	return nil
}

func (s section) appendVariant(b *array.StructBuilder) error {
	if len(s.data) < 4 {
		return fmt.Errorf("a variant of %d bytes is too short", len(s.data))
	}
	n := int64(binary.LittleEndian.Uint32(s.data))
	if n > int64(len(s.data)-4) {
		return fmt.Errorf("the value of a variant leaves it")
	}
	b.FieldBuilder(0).(*array.BinaryBuilder).Append(s.data[4 : 4+n])
	b.FieldBuilder(1).(*array.BinaryBuilder).Append(s.data[4+n:])
	return nil
}
