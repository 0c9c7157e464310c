package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/types"
)

// appendJSON appends a value in the JSON form of the fixtures.
func appendJSON(b array.Builder, t types.Type, raw json.RawMessage) error {
	if raw == nil || string(raw) == "null" {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		return appendList(raw, func(v json.RawMessage) error { return appendJSON(b.ValueBuilder(), *t.Elem, v) })
	case *array.MapBuilder:
		b.Append(true)
		key, value := *t.Elem, types.Of(types.Int).NotNull() // MULTISET
		if t.Root == types.Map {
			key, value = *t.Key, *t.Elem
		}
		return appendList(raw, func(v json.RawMessage) error {
			var pair [2]json.RawMessage
			if err := json.Unmarshal(v, &pair); err != nil {
				return err
			}
			if err := appendJSON(b.KeyBuilder(), key, pair[0]); err != nil {
				return err
			}
			return appendJSON(b.ItemBuilder(), value, pair[1])
		})
	case *array.StructBuilder:
		var row map[string]json.RawMessage
		if err := json.Unmarshal(raw, &row); err != nil {
			return err
		}
		b.Append(true)
		for i, f := range t.Fields {
			if err := appendJSON(b.FieldBuilder(i), f.Type, row[f.Name]); err != nil {
				return err
			}
		}
		return nil
	case *array.BooleanBuilder:
		b.Append(string(raw) == "true")
		return nil
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	return appendText(b, t, text)
}

func appendList(raw json.RawMessage, one func(json.RawMessage) error) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for _, v := range list {
		if err := one(v); err != nil {
			return err
		}
	}
	return nil
}

// appendText appends a value without parts.
func appendText(b array.Builder, t types.Type, text string) error {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		v, err := base64.StdEncoding.DecodeString(text)
		b.Append(v)
		return err
	case *array.Float32Builder:
		v, err := parseFloat(text, 32)
		b.Append(float32(v))
		return err
	case *array.Float64Builder:
		v, err := parseFloat(text, 64)
		b.Append(v)
		return err
	case *array.Decimal128Builder:
		v, err := decimal128.FromString(text, int32(t.Precision), int32(t.Scale))
		b.Append(v)
		return err
	case *array.Date32Builder:
		at, err := time.Parse("2006-01-02", text)
		b.Append(arrow.Date32FromTime(at))
		return err
	case *array.Time32Builder:
		at, err := time.Parse("15:04:05.999999999", text)
		b.Append(arrow.Time32(at.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds()))
		return err
	case *array.TimestampBuilder:
		layout := "2006-01-02T15:04:05.999999999"
		if t.Root == types.TimestampLTZ {
			layout += "Z"
		}
		at, err := time.Parse(layout, text)
		if err != nil {
			return err
		}
		switch b.Type().(*arrow.TimestampType).Unit {
		case arrow.Millisecond:
			b.Append(arrow.Timestamp(at.UnixMilli()))
		case arrow.Microsecond:
			b.Append(arrow.Timestamp(at.UnixMicro()))
		default:
			b.Append(arrow.Timestamp(at.UnixNano()))
		}
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		switch b := b.(type) {
		case *array.Int8Builder:
			b.Append(int8(n))
		case *array.Int16Builder:
			b.Append(int16(n))
		case *array.Int32Builder:
			b.Append(int32(n))
		case *array.Int64Builder:
			b.Append(n)
		default:
			return fmt.Errorf("no value of type %s", t)
		}
	}
	return nil
}

func parseFloat(text string, bits int) (float64, error) {
	if text == "-0" {
		return math.Copysign(0, -1), nil
	}
	return strconv.ParseFloat(text, bits)
}
