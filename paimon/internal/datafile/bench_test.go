//go:build unix

package datafile_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/types"
)

var orderFields = []types.Field{
	{ID: 0, Name: "order_id", Type: types.String().NotNull()},
	{ID: 1, Name: "product", Type: types.String()},
	{ID: 2, Name: "qid", Type: types.String()},
	{ID: 3, Name: "order_create_time", Type: types.TimestampOf(3)},
	{ID: 4, Name: "order_end_time", Type: types.TimestampOf(3)},
	{ID: 5, Name: "order_status", Type: types.Of(types.Int)},
	{ID: 6, Name: "order_real_fee", Type: types.DecimalOf(10, 2)},
	{ID: 7, Name: "sku_id", Type: types.Of(types.Int)},
}

func orderBatches(b *testing.B, rows, size int) []*columnar.KV {
	r := rand.New(rand.NewPCG(7, 7))
	rb := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(orderFields))
	keys := columnar.NewKeyEncoder([]types.Type{orderFields[0].Type}, columnar.KeyOptions{})
	var out []*columnar.KV
	id, created := uint64(0), int64(1709251200000)
	kv := &columnar.KV{}
	for i := range rows {
		id += 1 + r.Uint64N(1_000_000)
		created += r.Int64N(300)
		status := r.Int32N(5)
		rb.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("OD%018d", id))
		rb.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("product_%02d", r.IntN(20)))
		rb.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("q%09d", r.IntN(max(rows/4, 1))))
		rb.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(created))
		if status == 0 {
			rb.Field(4).AppendNull()
		} else {
			rb.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(created + 1000 + r.Int64N(3600000)))
		}
		rb.Field(5).(*array.Int32Builder).Append(status)
		rb.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(r.Int64N(100000)))
		rb.Field(7).(*array.Int32Builder).Append(r.Int32N(5000))
		kv.Seqs = append(kv.Seqs, r.Int64N(int64(rows)))
		kv.Kinds = append(kv.Kinds, types.Insert)
		if (i+1)%size == 0 || i+1 == rows {
			kv.Rows = rb.NewRecordBatch()
			var err error
			kv.Keys, err = keys.Encode([]arrow.Array{kv.Rows.Column(0)})
			require.NoError(b, err)
			out = append(out, kv)
			kv = &columnar.KV{}
		}
	}
	return out
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOrders writes 2 million keyed rows of 8 columns into one data file
// and reads them. Rates are per second of processor time.
func BenchmarkOrders(b *testing.B) {
	const rows = 2_000_000
	batches := orderBatches(b, rows, 8192)
	store := fileio.NewMem()
	o := kvOptions(store, nil)
	o.Fields, o.KeyFields, o.Formats = orderFields, []int{0}, datafile.Formats()
	write := func() string {
		w, err := datafile.NewKVWriter(context.Background(), o)
		require.NoError(b, err)
		for _, kv := range batches {
			require.NoError(b, w.Write(kv))
		}
		metas, err := w.Close()
		require.NoError(b, err)
		require.Len(b, metas, 1)
		ro := readOptions(store, nil)
		ro.Fields, ro.KeyFields, ro.Formats = orderFields, []int{0}, o.Formats
		ro.SchemaFields = func(int64) ([]types.Field, error) { return orderFields, nil }
		start := cpuTime(b)
		r, err := datafile.OpenKV(context.Background(), ro, o.Paths.DataFile(&metas[0]), &metas[0])
		require.NoError(b, err)
		for {
			kv, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(b, err)
			kv.Release()
		}
		require.NoError(b, r.Close())
		return fmt.Sprintf("%.2f %.1f", float64(rows)/(cpuTime(b)-start).Seconds()/1e6, float64(metas[0].FileSize)/1e6)
	}
	start := cpuTime(b)
	var reads, mb float64
	for range b.N {
		_, err := fmt.Sscan(write(), &reads, &mb)
		require.NoError(b, err)
	}
	all := (cpuTime(b) - start).Seconds() / float64(b.N)
	b.ReportMetric(rows/(all-rows/reads/1e6)/1e6, "Mwrites/cpu-s")
	b.ReportMetric(reads, "Mreads/cpu-s")
	b.ReportMetric(mb, "MB")
}
