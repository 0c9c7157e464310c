package formattest

import (
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// OrderFields are the columns of the benchmark's order table.
func OrderFields() []types.Field {
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

// OrderBatches makes rows sorted by order_id, in batches of size.
func OrderBatches(rows, size int) []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(7, 7))
	var out []arrow.RecordBatch
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(OrderFields()))
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
