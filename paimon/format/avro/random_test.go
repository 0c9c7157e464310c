package avro

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

// allTypes has every kind of column that a data file holds.
var allTypes = []string{
	"STRING", "CHAR(3) NOT NULL", "VARCHAR(10)", "BYTES", "BINARY(4)", "BOOLEAN", "BOOLEAN NOT NULL",
	"TINYINT", "SMALLINT", "INT", "INT NOT NULL", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME(3)",
	"DECIMAL(5, 2)", "DECIMAL(18, 3)", "DECIMAL(20, 0)", "DECIMAL(38, 10)",
	"TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)",
	"ARRAY<INT>", "ARRAY<STRING NOT NULL> NOT NULL", "ARRAY<ARRAY<TIMESTAMP(6)>>", "MAP<INT NOT NULL, STRING>",
	"MAP<STRING, INT>", "MAP<INT, ARRAY<ROW<a INT, b MAP<STRING, DOUBLE>>>>", "MULTISET<STRING>",
	"ROW<a INT, b STRING NOT NULL, c ROW<d BOOLEAN, e DECIMAL(30, 4)>>", "ROW<a ARRAY<BOOLEAN>>",
	"ARRAY<ROW<x BIGINT NOT NULL, y BYTES>>", "MAP<ROW<a INT, b STRING>, ROW<a INT>>",
}

// randomFields gives n columns of random types, or all types when n is 0.
func randomFields(r *rand.Rand, n int) []types.Field {
	picks := allTypes
	if n > 0 {
		picks = nil
		for range n {
			picks = append(picks, allTypes[r.IntN(len(allTypes))])
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
		giveIDs(&fields[i].Type, &id)
	}
	return fields
}

// giveIDs gives ids to the fields of rows.
func giveIDs(t *types.Type, id *int) {
	for _, p := range []*types.Type{t.Key, t.Elem} {
		if p != nil {
			giveIDs(p, id)
		}
	}
	for i := range t.Fields {
		t.Fields[i].ID = *id
		*id++
		giveIDs(&t.Fields[i].Type, id)
	}
}

// profile makes columns differ: share of NULLs, distinct values, run lengths.
type profile struct {
	nulls    float64
	distinct int
	sticky   float64
	last     int
}

func randomBatch(r *rand.Rand, alloc memory.Allocator, fields []types.Field, rows int) arrow.RecordBatch {
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
		for i, kid := range t.Fields {
			appendRandom(r, b.FieldBuilder(i), kid.Type, p, depth+1)
		}
	case *array.MapBuilder:
		b.Append(true)
		value := valueType(t)
		if t.Root == types.Multiset {
			value = value.NotNull()
		}
		for range r.IntN(4) {
			appendRandom(r, b.KeyBuilder(), keyType(t).NotNull(), p, depth+1)
			appendRandom(r, b.ItemBuilder(), value, p, depth+1)
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
		b.Append([]float64{float64(n) / 7, math.Copysign(0, -1), math.Inf(1), 0}[min(k%50, 3)*boolInt(k%50 < 4)])
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

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// orderFields are the columns of the benchmark's order table.
func orderFields() []types.Field {
	notNull := types.String().NotNull()
	return []types.Field{
		{ID: 0, Name: "order_id", Type: notNull},
		{ID: 1, Name: "product", Type: types.String()},
		{ID: 2, Name: "qid", Type: types.String()},
		{ID: 3, Name: "order_create_time", Type: types.TimestampOf(3)},
		{ID: 4, Name: "order_end_time", Type: types.TimestampOf(3)},
		{ID: 5, Name: "order_status", Type: types.Of(types.Int)},
		{ID: 6, Name: "order_real_fee", Type: types.DecimalOf(10, 2)},
		{ID: 7, Name: "sku_id", Type: types.Of(types.Int)},
	}
}

// orderBatches makes rows sorted by order_id, in batches of size.
func orderBatches(rows, size int) []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(7, 7))
	var out []arrow.RecordBatch
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(orderFields()))
	id, created := uint64(0), int64(1709251200000)
	for i := range rows {
		id += 1 + r.Uint64N(1_000_000)
		created += r.Int64N(300)
		status := r.Int32N(5)
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("OD%018d", id))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("product_%02d", r.IntN(20)))
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("q%09d", r.IntN(max(rows/4, 1))))
		b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(created))
		if status == 0 {
			b.Field(4).AppendNull()
		} else {
			b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(created + 1000 + r.Int64N(3600000)))
		}
		b.Field(5).(*array.Int32Builder).Append(status)
		b.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(r.Int64N(100000)))
		b.Field(7).(*array.Int32Builder).Append(r.Int32N(5000))
		if (i+1)%size == 0 || i+1 == rows {
			out = append(out, b.NewRecordBatch())
		}
	}
	return out
}
