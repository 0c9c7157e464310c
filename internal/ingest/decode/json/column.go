package json

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// column appends values to the builder that it was made for. Either method
// appends exactly one value, also when it fails (a hole then): columns never
// differ in length.
type column interface {
	// append takes a value that has been checked to be JSON, and is not null.
	append(v []byte) error
	appendNull()
}

// newColumn compiles the way from JSON to a builder of type t.
func newColumn(t types.Type, b array.Builder, o *rules) (column, error) {
	h := hole{b, t.Nullable}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		return &boolColumn{hole: h, b: b, o: o}, nil
	case *array.Int8Builder:
		return &intColumn[int8]{hole: h, b: b, bits: 8, o: o, want: t.SQL()}, nil
	case *array.Int16Builder:
		return &intColumn[int16]{hole: h, b: b, bits: 16, o: o, want: t.SQL()}, nil
	case *array.Int32Builder:
		return &intColumn[int32]{hole: h, b: b, bits: 32, o: o, want: t.SQL()}, nil
	case *array.Int64Builder:
		return &intColumn[int64]{hole: h, b: b, bits: 64, o: o, want: t.SQL()}, nil
	case *array.Float32Builder:
		return &floatColumn[float32]{hole: h, b: b, bits: 32, o: o, want: t.SQL()}, nil
	case *array.Float64Builder:
		return &floatColumn[float64]{hole: h, b: b, bits: 64, o: o, want: t.SQL()}, nil
	case *array.Decimal128Builder:
		return &decimalColumn{hole: h, b: b, o: o, t: t}, nil
	case *array.StringBuilder:
		return &textColumn{hole: h, b: b, o: o}, nil
	case *array.BinaryBuilder:
		return &bytesColumn{hole: h, b: b, o: o}, nil
	case *array.Date32Builder:
		return &dateColumn{hole: h, b: b, o: o}, nil
	case *array.Time32Builder:
		return &timeColumn{hole: h, b: b, o: o, precision: t.Precision}, nil
	case *array.TimestampBuilder:
		return newTimestampColumn(t, b, o), nil
	case *array.MapBuilder:
		return newMapColumn(t, b, o)
	case *array.ListBuilder:
		element, err := newColumn(*t.Elem, b.ValueBuilder(), o)
		return &listColumn{hole: h, b: b, element: element, nullable: t.Elem.Nullable, o: o}, err
	case *array.StructBuilder:
		if t.Root == types.Row {
			return newStructColumn(t, b, o)
		}
	}
	return nil, errs.Unsupported("type %s in JSON: not supported; declare STRING and parse it in SQL", t.SQL())
}

// hole appends what stands for no value: null or, where Arrow allows none (in
// a row that is undone later), an empty value.
type hole struct {
	builder  array.Builder
	nullable bool
}

func (h hole) appendNull() {
	if h.nullable {
		h.builder.AppendNull()
	} else {
		h.builder.AppendEmptyValue()
	}
}

// rules are the options and scratch space that the columns of a row share.
type rules struct {
	Options
	scratch []byte // text of the string being read; valid until the next one
	nulled  int    // values that were wrong and became null
}

// text gives what a value says without its quotes, trimmed; ok is false for
// objects and arrays.
func (o *rules) text(v []byte) (text []byte, ok bool) {
	switch v[0] {
	case '"':
		return trim(unquote(v, &o.scratch)), true
	case '{', '[':
		return nil, false
	}
	return v, true
}

// trim drops what Java's String.trim drops.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// wrong reports that a value is not what its column takes.
func wrong(v []byte, format string, args ...any) error {
	return &decode.ValueError{Value: decode.Show(v), Want: fmt.Sprintf(format, args...)}
}

// appendTo appends a value, null or absent ones too, to a column that may or
// may not hold nulls. With ignore-parse-errors a wrong value is a null, where
// there may be one.
func (o *rules) appendTo(c column, v []byte, nullable bool) error {
	if !isNull(v) {
		err := c.append(v)
		if err == nil || !o.IgnoreParseErrors || !nullable {
			return err
		}
		o.nulled++
		return nil
	}
	c.appendNull()
	if !nullable {
		return wrong(v, "a value, for the column is NOT NULL")
	}
	return nil
}

// inside adds a step of the way to a nested value to its error.
func inside(err error, step string) error {
	var e *decode.ValueError
	if errors.As(err, &e) {
		if e.Column != "" && e.Column[0] != '[' {
			step += "."
		}
		e.Column = step + e.Column
	}
	return err
}
