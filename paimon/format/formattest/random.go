package formattest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// Types has a column of every kind that all formats hold.
var Types = []string{
	"STRING", "CHAR(3) NOT NULL", "VARCHAR(10)", "BYTES", "BINARY(4)", "BOOLEAN", "BOOLEAN NOT NULL",
	"TINYINT", "SMALLINT", "INT", "INT NOT NULL", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME(3)",
	"DECIMAL(5, 2)", "DECIMAL(18, 3)", "DECIMAL(20, 0)", "DECIMAL(38, 10)",
	"TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)",
	"ARRAY<INT>", "ARRAY<STRING NOT NULL> NOT NULL", "ARRAY<ARRAY<TIMESTAMP(6)>>", "MAP<INT NOT NULL, STRING>",
	"MAP<STRING, INT>", "MAP<INT, ARRAY<ROW<a INT, b MAP<STRING, DOUBLE>>>>",
	"ROW<a INT, b STRING NOT NULL, c ROW<d BOOLEAN, e DECIMAL(30, 4)>>", "ROW<a ARRAY<BOOLEAN>>",
	"ARRAY<ROW<x BIGINT NOT NULL, y BYTES>>", "MAP<ROW<a INT, b STRING>, ROW<a INT>>",
}

// Fields gives n columns of types drawn from texts, or of all of them when n
// is 0, with field ids for nested ones too.
func Fields(r *rand.Rand, texts []string, n int) []types.Field {
	picks := texts
	if n > 0 {
		picks = nil
		for range n {
			picks = append(picks, texts[r.IntN(len(texts))])
		}
	}
	id := 0
	fields := make([]types.Field, len(picks))
	for i, text := range picks {
		t, err := types.Parse(text)
		if err != nil {
			panic(err)
		}
		fields[i] = types.Field{ID: id, Name: fmt.Sprintf("c%d", i), Type: t}
		id++
		Number(&fields[i].Type, &id)
	}
	return fields
}

// Number gives the fields of rows ids from next on.
func Number(t *types.Type, next *int) {
	for _, p := range []*types.Type{t.Key, t.Elem} {
		if p != nil {
			Number(p, next)
		}
	}
	for i := range t.Fields {
		t.Fields[i].ID = *next
		*next++
		Number(&t.Fields[i].Type, next)
	}
}

// profile makes columns differ: share of NULLs, distinct values, run lengths.
type profile struct {
	nulls    float64
	distinct int
	sticky   float64
	last     int
}

// Batch makes random rows: columns differ in how many values are NULL, distinct
// or repeated.
func Batch(r *rand.Rand, alloc memory.Allocator, fields []types.Field, rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(alloc, types.ArrowSchema(fields))
	defer b.Release()
	for i, f := range fields {
		p := &profile{nulls: []float64{0, 0.05, 0.5, 0.95, 1}[r.IntN(5)], distinct: 1 + r.IntN(20)*r.IntN(5000), sticky: []float64{0, 0.9, 0.999}[r.IntN(3)]}
		for range rows {
			appendRandom(r, b.Field(i), f.Type, p, 0)
		}
	}
	return b.NewRecordBatch()
}

func (p *profile) pick(r *rand.Rand) int {
	if r.Float64() >= p.sticky {
		p.last = r.IntN(p.distinct)
	}
	return p.last
}

func appendRandom(r *rand.Rand, b array.Builder, t types.Type, p *profile, depth int) {
	if t.Nullable && r.Float64() < p.nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		b.Append(true)
		for i, kid := range childTypes(t) {
			appendRandom(r, b.FieldBuilder(i), kid, p, depth+1)
		}
	case *array.MapBuilder:
		b.Append(true)
		kids := childTypes(t)
		for range r.IntN(4) {
			appendRandom(r, b.KeyBuilder(), kids[0], p, depth+1)
			appendRandom(r, b.ItemBuilder(), kids[1], p, depth+1)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(r, b.ValueBuilder(), *t.Elem, p, depth+1)
		}
	default:
		appendScalar(r, b, t, p.pick(r))
	}
}

// childTypes are the types of the values below a nested one.
func childTypes(t types.Type) []types.Type {
	switch t.Root {
	case types.Map:
		return []types.Type{t.Key.NotNull(), *t.Elem}
	case types.Multiset:
		return []types.Type{t.Elem.NotNull(), types.Of(types.Int).NotNull()}
	case types.Variant:
		b := types.Of(types.Varbinary).NotNull()
		return []types.Type{b, b}
	}
	out := make([]types.Type, len(t.Fields))
	for i, f := range t.Fields {
		out[i] = f.Type
	}
	return out
}

func appendScalar(r *rand.Rand, b array.Builder, t types.Type, k int) {
	n := int64(k)*0x9E3779B97F4A7C1 - math.MaxInt64/3
	text := fmt.Sprintf("%x", uint64(n)*31)[:k%9+1]
	if k%97 == 0 {
		text = ""
	} else if k%101 == 0 {
		text += "長い文字列、また長い文字列。"
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.BooleanBuilder:
		b.Append(k%3 == 0)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(n)
	case *array.Float32Builder:
		b.Append(float32(n) / 3)
	case *array.Float64Builder:
		v := float64(n) / 7
		if k%50 < 4 {
			v = []float64{v, math.Copysign(0, -1), math.Inf(1), 0}[k%50]
		}
		b.Append(v)
	case *array.Date32Builder:
		b.Append(arrow.Date32(n % 100000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(uint32(n) % 86400000))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n))
	case *array.Decimal128Builder:
		d := decimal128.FromI64(n)
		if t.Precision < 18 {
			d = decimal128.FromI64(n % int64(math.Pow10(t.Precision)))
		} else if t.Precision == 38 && k%2 == 0 {
			d = d.Mul(decimal128.FromI64(n))
			if k%4 == 0 {
				d = d.Negate()
			}
		}
		b.Append(d)
	default:
		panic(fmt.Sprintf("no random value for %T", b))
	}
}
