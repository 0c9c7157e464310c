//go:build unix

package avro

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/parquet"
)

// cpuTime is the processor time that the process has used: benchmarks on
// shared machines go by it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func rate(b *testing.B, rows int, run func()) {
	b.ReportAllocs()
	start := cpuTime()
	for range b.N {
		run()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/(cpuTime()-start).Seconds()/1e6, "Mrows/cpu-s")
}

// BenchmarkOrders writes and reads the same rows as Avro and as Parquet.
func BenchmarkOrders(b *testing.B) {
	const rows = 200_000
	batches := orderBatches(rows, 8192)
	for _, f := range []struct {
		name string
		format.Format
	}{{"avro", New()}, {"parquet", parquet.New()}} {
		for _, codec := range []string{"zstd", "snappy"} {
			var file memFile
			write := func() {
				file = file[:0]
				w, err := f.NewWriter(&file, orderFields(), format.WriteOptions{Compression: codec})
				require.NoError(b, err)
				for _, batch := range batches {
					require.NoError(b, w.Write(batch))
				}
				require.NoError(b, w.Close())
			}
			b.Run(f.name+"/"+codec+"/write", func(b *testing.B) {
				rate(b, rows, write)
				b.ReportMetric(float64(len(file))/1e6, "MB")
			})
			write()
			for name, fields := range map[string]int{"read": 8, "read2": 2} {
				b.Run(f.name+"/"+codec+"/"+name, func(b *testing.B) {
					rate(b, rows, func() {
						r, err := f.Open(openBytes(file), format.ReadOptions{Fields: orderFields()[:fields], FileFields: orderFields()})
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
