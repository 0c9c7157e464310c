//go:build unix

package parquet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
)

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
