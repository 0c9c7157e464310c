package duck

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// benchTable has the eight columns of an order: two keys, two texts, a price, an amount, a time, a flag.
func benchTable(streams, rows int) *memTable {
	m := &memTable{schema: schemaOf(arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String,
		arrow.BinaryTypes.String, &arrow.Decimal128Type{Precision: 18, Scale: 2}, arrow.PrimitiveTypes.Float64,
		&arrow.TimestampType{Unit: arrow.Microsecond}, arrow.FixedWidthTypes.Boolean)}
	const batch = 8192
	for s := range streams {
		var out []arrow.RecordBatch
		for n := s * rows / streams; n < (s+1)*rows/streams; {
			b := array.NewRecordBuilder(memory.DefaultAllocator, m.schema)
			for range min(batch, (s+1)*rows/streams-n) {
				b.Field(0).(*array.Int64Builder).Append(int64(n))
				b.Field(1).(*array.Int32Builder).Append(int32(n % 1000))
				b.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("city%d", n%100))
				b.Field(3).(*array.StringBuilder).Append(fmt.Sprintf("a note of some length, number %d", n))
				b.Field(4).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(n)))
				b.Field(5).(*array.Float64Builder).Append(float64(n) / 3)
				b.Field(6).(*array.TimestampBuilder).Append(arrow.Timestamp(n) * 1e6)
				b.Field(7).(*array.BooleanBuilder).Append(n%7 == 0)
				n++
			}
			out = append(out, b.NewRecordBatch())
		}
		m.streams = append(m.streams, out)
	}
	return m
}

func BenchmarkMillion(b *testing.B) {
	c := openConn(b, Options{MemoryLimit: 4 << 30})
	ctx := context.Background()
	reg := register(b, c, benchTable(2, 1_000_000))
	exec := func(sql string) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				_, err := c.Exec(ctx, sql)
				require.NoError(b, err)
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		}
	}
	query := func(sql string) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := drain(c.Query(ctx, sql))
				require.NoError(b, err)
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		}
	}
	b.Run("in/ctas", exec("CREATE OR REPLACE TEMP TABLE t AS FROM "+reg.SQL()))
	b.Run("in/table-to-table", exec("CREATE OR REPLACE TEMP TABLE u AS FROM t"))
	b.Run("in/sum2", query("SELECT sum(c0), sum(c5) FROM "+reg.SQL()))
	b.Run("in/count", query("SELECT count(*) FROM "+reg.SQL()))
	b.Run("in/group", query("SELECT c2, count(DISTINCT c1), sum(c4) FROM "+reg.SQL()+" GROUP BY c2"))
	b.Run("out", query("FROM t"))
	b.Run("through", query("FROM "+reg.SQL()))
}

func BenchmarkMicroBatch(b *testing.B) {
	c := openConn(b, Options{})
	ctx := context.Background()
	m := benchTable(1, 1000)
	sql := "SELECT c0, upper(c2) AS city, c4 * 2 AS twice FROM %s WHERE c1 > 10"
	b.Run("register-query", func(b *testing.B) {
		for b.Loop() {
			reg := c.engine.Register(ctx, m)
			_, err := drain(c.Query(ctx, fmt.Sprintf(sql, reg.SQL())))
			require.NoError(b, err)
			reg.Release()
		}
	})
	b.Run("replace-prepared", func(b *testing.B) {
		reg := register(b, c, m)
		s, err := c.Prepare(ctx, fmt.Sprintf(sql, reg.SQL()))
		require.NoError(b, err)
		for b.Loop() {
			require.NoError(b, reg.Replace(m))
			_, err := drain(s.Query(ctx))
			require.NoError(b, err)
		}
		require.NoError(b, s.Close())
	})
	b.Run("select-1", func(b *testing.B) {
		for b.Loop() {
			_, err := drain(c.Query(ctx, "SELECT 1"))
			require.NoError(b, err)
		}
	})
}
