//go:build unix

package avro

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/format/parquet"
)

// BenchmarkOrders writes and reads the same rows as Avro and as Parquet.
func BenchmarkOrders(b *testing.B) {
	const rows = 200_000
	batches := formattest.OrderBatches(rows, 8192)
	for _, f := range []struct {
		name string
		format.Format
	}{{"avro", New()}, {"parquet", parquet.New()}} {
		for _, codec := range []string{"zstd", "snappy"} {
			var file memFile
			write := func() {
				file = file[:0]
				w, err := f.NewWriter(&file, formattest.OrderFields(), format.WriteOptions{Compression: codec})
				require.NoError(b, err)
				for _, batch := range batches {
					require.NoError(b, w.Write(batch))
				}
				require.NoError(b, w.Close())
			}
			b.Run(f.name+"/"+codec+"/write", func(b *testing.B) {
				formattest.Rate(b, rows, write)
				b.ReportMetric(float64(len(file))/1e6, "MB")
			})
			write()
			for name, fields := range map[string]int{"read": 8, "read2": 2} {
				b.Run(f.name+"/"+codec+"/"+name, func(b *testing.B) {
					formattest.Rate(b, rows, func() {
						r, err := f.Open(formattest.Open(file), format.ReadOptions{Fields: formattest.OrderFields()[:fields], FileFields: formattest.OrderFields()})
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
}

type memFile []byte

func (f *memFile) Write(p []byte) (int, error) { *f = append(*f, p...); return len(p), nil }
