package merge

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// Values in tests are nil, bool, int64 (all integers, dates and times), float32,
// float64, decimal128.Num, string (text and bytes), and []any: elements of an
// ARRAY, fields of a ROW, [key, value] pairs of a MAP.

// version is one row of a history.
type version struct {
	kind types.RowKind
	seq  int64
	vals []any
}

func (v version) String() string {
	parts := []string{v.kind.String()}
	for _, x := range v.vals {
		parts = append(parts, showValue(x))
	}
	return strings.Join(parts, " ")
}

func showValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = showValue(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case decimal128.Num:
		return v.BigInt().String()
	case float64:
		if v != v {
			return "NaN" // of any bits
		}
		return fmt.Sprintf("%v/%x", v, math.Float64bits(v))
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

func appendValue(b array.Builder, t types.Type, v any) {
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int8Builder:
		b.Append(int8(v.(int64)))
	case *array.Int16Builder:
		b.Append(int16(v.(int64)))
	case *array.Int32Builder:
		b.Append(int32(v.(int64)))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(int64)))
	case *array.Time32Builder:
		b.Append(arrow.Time32(v.(int64)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(int64)))
	case *array.Float32Builder:
		b.Append(v.(float32))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.Decimal128Builder:
		b.Append(v.(decimal128.Num))
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.BinaryBuilder:
		b.AppendString(v.(string))
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range v.([]any) {
			appendValue(b.FieldBuilder(i), t.Fields[i].Type, f)
		}
	case *array.MapBuilder:
		b.Append(true)
		for _, e := range v.([]any) {
			appendValue(b.KeyBuilder(), *t.Key, e.([]any)[0])
			appendValue(b.ItemBuilder(), *t.Elem, e.([]any)[1])
		}
	case *array.ListBuilder:
		b.Append(true)
		for _, e := range v.([]any) {
			appendValue(b.ValueBuilder(), *t.Elem, e)
		}
	default:
		panic(fmt.Sprintf("no test values for %T", b))
	}
}

func readValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int8:
		return int64(a.Value(i))
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Date32:
		return int64(a.Value(i))
	case *array.Time32:
		return int64(a.Value(i))
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Float32:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.Decimal128:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return string(a.Value(i))
	case *array.Struct:
		out := make([]any, a.NumField())
		for f := range out {
			out[f] = readValue(a.Field(f), i)
		}
		return out
	case *array.Map:
		from, to := a.ValueOffsets(i)
		out := []any{}
		for k := from; k < to; k++ {
			out = append(out, []any{readValue(a.Keys(), int(k)), readValue(a.Items(), int(k))})
		}
		return out
	case *array.List:
		from, to := a.ValueOffsets(i)
		out := []any{}
		for k := from; k < to; k++ {
			out = append(out, readValue(a.ListValues(), int(k)))
		}
		return out
	}
	panic(fmt.Sprintf("no test values for %T", a))
}

// jsonValue reads a value in the form of the Java fixtures.
func jsonValue(t types.Type, v any) any {
	if v == nil {
		return nil
	}
	switch t.Root {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		n, err := v.(json.Number).Int64()
		must(err)
		return n
	case types.Float, types.Double:
		f := jsonFloat(v)
		if t.Root == types.Float {
			return float32(f)
		}
		return f
	case types.Decimal:
		n, err := decimal128.FromString(v.(string), 38, int32(t.Scale))
		must(err)
		return n
	case types.Binary, types.Varbinary:
		b, err := base64.StdEncoding.DecodeString(v.(string))
		must(err)
		return string(b)
	case types.Date:
		return jsonTime("2006-01-02", v).Unix() / 86400
	case types.Time:
		return jsonTime("15:04:05.999999999", v).AddDate(1970, 0, 0).UnixMilli() % 86400000
	case types.Timestamp, types.TimestampLTZ:
		at := jsonTime("2006-01-02T15:04:05.999999999", strings.TrimSuffix(v.(string), "Z"))
		switch {
		case t.Precision <= 3:
			return at.UnixMilli()
		case t.Precision <= 6:
			return at.UnixMicro()
		}
		return at.UnixNano()
	case types.Array, types.Map:
		out := []any{}
		for _, e := range v.([]any) {
			if t.Root == types.Map {
				pair := e.([]any)
				out = append(out, []any{jsonValue(*t.Key, pair[0]), jsonValue(*t.Elem, pair[1])})
			} else {
				out = append(out, jsonValue(*t.Elem, e))
			}
		}
		return out
	case types.Row:
		out := make([]any, len(t.Fields))
		for i, f := range t.Fields {
			out[i] = jsonValue(f.Type, v.(map[string]any)[f.Name])
		}
		return out
	}
	return v
}

func jsonFloat(v any) float64 {
	if s, ok := v.(string); ok {
		return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[s]
	}
	f, err := v.(json.Number).Float64()
	must(err)
	return f
}

func jsonTime(layout string, v any) time.Time {
	at, err := time.Parse(layout, v.(string))
	must(err)
	return at
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// toKV makes a batch of versions.
func toKV(s Schema, rows []version) *columnar.KV {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(s.Fields))
	defer b.Release()
	kv := &columnar.KV{}
	for _, v := range rows {
		for i, f := range s.Fields {
			appendValue(b.Field(i), f.Type, v.vals[i])
		}
		kv.Kinds = append(kv.Kinds, v.kind)
		kv.Seqs = append(kv.Seqs, v.seq)
	}
	kv.Rows = b.NewRecordBatch()
	return kv
}

// encodeKeys fills the keys and user sequences of a batch.
func encodeKeys(kv *columnar.KV, s Schema, sequence []string, desc bool) {
	encode := func(names []string, opts columnar.KeyOptions) columnar.Keys {
		var ts []types.Type
		var cols []arrow.Array
		for _, n := range names {
			i := fieldIndex(s.Fields, n)
			ts, cols = append(ts, s.Fields[i].Type), append(cols, kv.Rows.Column(i))
		}
		keys, err := columnar.NewKeyEncoder(ts, opts).Encode(cols)
		must(err)
		return keys
	}
	kv.Keys = encode(s.PrimaryKey, columnar.KeyOptions{})
	if len(sequence) > 0 {
		kv.UserSeq = encode(sequence, columnar.KeyOptions{Descending: desc})
	}
}

// mergeKVs runs an engine over all rows of the batches and gives the merged
// versions.
func mergeKVs(e Engine, kvs []*columnar.KV, columns int, always bool) ([]version, error) {
	refs := columnar.SortRefs(kvs, nil)
	w := &Window{Sources: kvs, Refs: refs, Starts: columnar.KeyStarts(kvs, refs, nil), Always: always}
	var r Result
	if err := e.Merge(w, &r); err != nil {
		return nil, err
	}
	out := make([]version, r.Len())
	for i := range out {
		out[i] = version{kind: r.Kinds[i], seq: r.Seqs[i], vals: make([]any, columns)}
		for c := range columns {
			ref := r.From[i]
			switch {
			case r.Columns[c].Values != nil:
				out[i].vals[c] = readValue(r.Columns[c].Values, i)
				continue
			case r.Columns[c].Refs != nil:
				ref = r.Columns[c].Refs[i]
			}
			if ref.Src >= 0 {
				out[i].vals[c] = readValue(kvs[ref.Src].Rows.Column(c), int(ref.Row))
			}
		}
	}
	for _, c := range r.Columns {
		if c.Values != nil {
			c.Values.Release()
		}
	}
	return out, nil
}
