package orc

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/types"
)

const benchRows = 200_000

func benchBatch(b *testing.B, fields []types.Field) arrow.RecordBatch {
	b.Helper()
	r := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	defer r.Release()
	for i := range benchRows {
		r.Field(0).(*array.Int64Builder).Append(int64(i))
		r.Field(1).(*array.Int64Builder).Append(int64(i) * 2654435761 % 100_000)
		r.Field(2).(*array.StringBuilder).Append(fmt.Sprint("word ", i%500))
		r.Field(3).(*array.StringBuilder).Append(fmt.Sprint("user-", i*7919%1_000_003))
		r.Field(4).(*array.Float64Builder).Append(float64(i) / 7)
		r.Field(5).(*array.TimestampBuilder).Append(arrow.Timestamp(1_700_000_000_000_000 + int64(i)*1_234_567))
	}
	return r.NewRecordBatch()
}

const benchColumns = "id BIGINT, n BIGINT, word STRING, name STRING, d DOUBLE, ts TIMESTAMP(6)"

func BenchmarkRead(b *testing.B) {
	fields := columns(b, benchColumns)
	rows := benchBatch(b, fields)
	defer rows.Release()
	var out bytes.Buffer
	w, err := New().NewWriter(&out, fields, format.WriteOptions{})
	require.NoError(b, err)
	require.NoError(b, w.Write(rows))
	require.NoError(b, w.Close())
	f := New()
	b.ReportAllocs()
	b.ReportMetric(float64(out.Len())/benchRows, "bytes/row")
	for b.Loop() {
		r, err := f.Open(formattest.Open(out.Bytes()), format.ReadOptions{Fields: fields, FileFields: fields})
		require.NoError(b, err)
		for {
			batch, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(b, err)
			batch.Release()
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkWrite(b *testing.B) {
	fields := columns(b, benchColumns)
	rows := benchBatch(b, fields)
	defer rows.Release()
	f := New()
	b.ReportAllocs()
	for b.Loop() {
		w, err := f.NewWriter(io.Discard, fields, format.WriteOptions{})
		require.NoError(b, err)
		require.NoError(b, w.Write(rows))
		require.NoError(b, w.Close())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}
