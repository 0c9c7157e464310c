//go:build unix

package parquet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

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

func BenchmarkWriteOrders(b *testing.B) {
	const rows = 500_000
	batches := orderBatches(rows, 8192)
	f := New()
	for _, codec := range []string{"zstd", "none"} {
		b.Run(codec, func(b *testing.B) {
			var size int64
			rate(b, rows, func() {
				w, err := f.NewWriter(io.Discard, orderFields(), format.WriteOptions{Compression: codec})
				require.NoError(b, err)
				for _, batch := range batches {
					require.NoError(b, w.Write(batch))
				}
				require.NoError(b, w.Close())
				size = w.Size()
			})
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}

func BenchmarkReadOrders(b *testing.B) {
	const rows = 500_000
	f := New()
	for _, codec := range []string{"zstd", "none"} {
		file := writeFile(b, orderFields(), format.WriteOptions{Compression: codec}, orderBatches(rows, 8192)...)
		for _, size := range []int{2048, 4096, 8192, 32768} {
			b.Run(fmt.Sprintf("%s/%d", codec, size), func(b *testing.B) {
				rate(b, rows, func() {
					r, err := f.Open(openBytes(file), format.ReadOptions{Fields: orderFields(), BatchRows: size})
					require.NoError(b, err)
					n := int64(0)
					for {
						batch, err := r.Next()
						if err == io.EOF {
							break
						}
						require.NoError(b, err)
						n += batch.NumRows()
						batch.Release()
					}
					require.NoError(b, r.Close())
					require.EqualValues(b, rows, n)
				})
			})
		}
	}
}

// BenchmarkReadPqarrow is what the reader is measured against.
func BenchmarkReadPqarrow(b *testing.B) {
	const rows = 500_000
	file := writeFile(b, orderFields(), format.WriteOptions{}, orderBatches(rows, 8192)...)
	rate(b, rows, func() {
		pf, err := pqfile.NewParquetReader(bytes.NewReader(file))
		require.NoError(b, err)
		fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 8192}, memory.DefaultAllocator)
		require.NoError(b, err)
		rr, err := fr.GetRecordReader(context.Background(), nil, nil)
		require.NoError(b, err)
		n := int64(0)
		for rr.Next() {
			n += rr.RecordBatch().NumRows()
		}
		rr.Release()
		require.EqualValues(b, rows, n)
	})
}
