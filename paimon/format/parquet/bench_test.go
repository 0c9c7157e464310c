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
	"github.com/tarndb/tarn/paimon/format/formattest"
)

func BenchmarkWriteOrders(b *testing.B) {
	const rows = 500_000
	batches := formattest.OrderBatches(rows, 8192)
	f := New()
	for _, codec := range []string{"zstd", "none"} {
		b.Run(codec, func(b *testing.B) {
			var size int64
			formattest.Rate(b, rows, func() {
				w, err := f.NewWriter(io.Discard, formattest.OrderFields(), format.WriteOptions{Compression: codec})
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
		file := formattest.Write(b, New(), formattest.OrderFields(), format.WriteOptions{Compression: codec}, formattest.OrderBatches(rows, 8192)...)
		for _, size := range []int{2048, 4096, 8192, 32768} {
			b.Run(fmt.Sprintf("%s/%d", codec, size), func(b *testing.B) {
				formattest.Rate(b, rows, func() {
					r, err := f.Open(formattest.Open(file), format.ReadOptions{Fields: formattest.OrderFields(), BatchRows: size})
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
	file := formattest.Write(b, New(), formattest.OrderFields(), format.WriteOptions{}, formattest.OrderBatches(rows, 8192)...)
	formattest.Rate(b, rows, func() {
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
