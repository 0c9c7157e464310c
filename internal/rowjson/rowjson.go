// Package rowjson prints rows of Arrow batches as JSON: one line a row,
// columns in schema order. The form is exact, so that two programs can compare
// what they read byte by byte: BIGINT as numbers, DECIMAL and times as text
// with all their digits, binary as base64, maps as sorted lists of pairs.
package rowjson

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
	"github.com/tarndb/tarn/paimon/variant"
)

// AppendRow appends row i of b, whose columns are fields, as an object.
// members, if any, are put first as they are (`"_kind":"+I"`).
func AppendRow(dst []byte, fields []types.Field, b arrow.RecordBatch, i int, members string) []byte {
	dst = append(append(dst, '{'), members...)
	for c, f := range fields {
		if c > 0 || members != "" {
			dst = append(dst, ',')
		}
		dst = append(Quote(dst, f.Name), ':')
		dst = AppendValue(dst, f.Type, b.Column(c), i)
	}
	return append(dst, '}')
}

// AppendValue appends value i of a, which is of type t.
func AppendValue(dst []byte, t types.Type, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Int8:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(i)), 10)
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10)
	case *array.Float32:
		return appendFloat(dst, float64(a.Value(i)), 32)
	case *array.Float64:
		return appendFloat(dst, a.Value(i), 64)
	case *array.Decimal128:
		return append(appendDecimal(append(dst, '"'), a.Value(i).BigInt(), a.DataType().(*arrow.Decimal128Type).Scale), '"')
	case *array.String:
		return Quote(dst, a.Value(i))
	case *array.Binary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, a.Value(i))
		return append(dst, '"')
	case *array.Date32:
		return append(a.Value(i).ToTime().AppendFormat(append(dst, '"'), "2006-01-02"), '"')
	case *array.Time32:
		at := time.UnixMilli(int64(a.Value(i))).UTC()
		return append(appendFraction(at.AppendFormat(append(dst, '"'), "15:04:05"), at.Nanosecond(), t.Precision), '"')
	case *array.Time64:
		at := time.UnixMicro(int64(a.Value(i))).UTC()
		return append(appendFraction(at.AppendFormat(append(dst, '"'), "15:04:05"), at.Nanosecond(), t.Precision), '"')
	case *array.Null:
		return append(dst, "null"...)
	case *array.Timestamp:
		return appendTimestamp(dst, t, a, i)
	case *array.Map: // before List, of which it is a kind
		return appendMap(dst, t, a, i)
	case *array.List:
		return appendList(dst, t, a, i)
	case *array.Struct:
		if t.Root == types.Variant {
			return appendVariant(dst, a, i)
		}
		return appendStruct(dst, t, a, i)
	}
	return Quote(dst, fmt.Sprintf("<%s>", a.DataType()))
}

func appendTimestamp(dst []byte, t types.Type, a *array.Timestamp, i int) []byte {
	at := a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit)
	dst = at.AppendFormat(append(dst, '"'), "2006-01-02T15:04:05")
	dst = appendFraction(dst, at.Nanosecond(), t.Precision)
	if t.Root == types.TimestampLTZ {
		dst = append(dst, 'Z')
	}
	return append(dst, '"')
}

func appendFraction(dst []byte, nanos, precision int) []byte {
	if precision == 0 {
		return dst
	}
	return append(append(dst, '.'), fmt.Sprintf("%09d", nanos)[:precision]...)
}

func appendDecimal(dst []byte, unscaled *big.Int, scale int32) []byte {
	text := new(big.Int).Abs(unscaled).String()
	if unscaled.Sign() < 0 {
		dst = append(dst, '-')
	}
	if pad := int(scale) + 1 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	dst = append(dst, text[:len(text)-int(scale)]...)
	if scale > 0 {
		dst = append(append(dst, '.'), text[len(text)-int(scale):]...)
	}
	return dst
}

// appendFloat uses the notation of encoding/json.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	text := strconv.FormatFloat(v, format, -1, bits)
	if n := len(text); format == 'e' && n >= 4 && text[n-4] == 'e' && text[n-2] == '0' {
		text = text[:n-2] + text[n-1:] // e-09 becomes e-9
	}
	return append(dst, text...)
}

func appendList(dst []byte, t types.Type, a *array.List, i int) []byte {
	from, to := a.ValueOffsets(i)
	dst = append(dst, '[')
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, *t.Elem, a.ListValues(), int(j))
	}
	return append(dst, ']')
}

// appendMap prints a MAP or MULTISET as pairs sorted by the text of the key.
func appendMap(dst []byte, t types.Type, a *array.Map, i int) []byte {
	key, value := t.Key, t.Elem
	if t.Root == types.Multiset {
		count := types.Of(types.Int)
		key, value = t.Elem, &count
	}
	from, to := a.ValueOffsets(i)
	pairs := make([][2]string, 0, to-from)
	for j := from; j < to; j++ {
		pairs = append(pairs, [2]string{
			string(AppendValue(nil, *key, a.Keys(), int(j))), string(AppendValue(nil, *value, a.Items(), int(j))),
		})
	}
	slices.SortStableFunc(pairs, func(x, y [2]string) int { return strings.Compare(x[0], y[0]) })
	dst = append(dst, '[')
	for j, p := range pairs {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, "["+p[0]+","+p[1]+"]"...)
	}
	return append(dst, ']')
}

// appendVariant prints a VARIANT as a text of JSON.
func appendVariant(dst []byte, a *array.Struct, i int) []byte {
	text, err := variant.New(a.Field(0).(*array.Binary).Value(i), a.Field(1).(*array.Binary).Value(i)).JSON()
	if err != nil {
		return Quote(dst, "<"+err.Error()+">")
	}
	return Quote(dst, text)
}

func appendStruct(dst []byte, t types.Type, a *array.Struct, i int) []byte {
	dst = append(dst, '{')
	for c, f := range t.Fields {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(Quote(dst, f.Name), ':')
		dst = AppendValue(dst, f.Type, a.Field(c), i)
	}
	return append(dst, '}')
}

// Quote appends s as a JSON text; only what JSON demands is escaped.
func Quote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, fmt.Sprintf("\\u%04x", c)...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// AppendArrow appends value i of a query result's column, whose type only
// Arrow knows.
func AppendArrow(dst []byte, a arrow.Array, i int) []byte {
	return AppendValue(dst, typeOf(a.DataType()), a, i)
}

// typeOf gives the type that prints an Arrow type with all its digits.
func typeOf(t arrow.DataType) types.Type {
	switch t := t.(type) {
	case *arrow.TimestampType:
		out := types.TimestampOf(3 * int(t.Unit))
		if t.TimeZone != "" {
			out.Root = types.TimestampLTZ
		}
		return out
	case *arrow.Time32Type:
		return types.Type{Root: types.Time, Precision: 3}
	case *arrow.Time64Type:
		return types.Type{Root: types.Time, Precision: 6}
	case *arrow.MapType:
		return types.MapOf(typeOf(t.KeyType()), typeOf(t.ItemType()))
	case *arrow.ListType:
		return types.ArrayOf(typeOf(t.Elem()))
	case *arrow.StructType:
		out := types.Type{Root: types.Row}
		for _, f := range t.Fields() {
			out.Fields = append(out.Fields, types.Field{Name: f.Name, Type: typeOf(f.Type)})
		}
		return out
	}
	return types.Type{}
}
