package duck

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBitmaps is exact UV: 20 million visits of 2 million users in 240 cells of an hour and a product. The cells
// are made once; any dimension is then rolled up from them, where COUNT(DISTINCT) reads the visits again.
func BenchmarkBitmaps(b *testing.B) {
	c := openConn(b, Options{MemoryLimit: 3 << 30, Threads: 2})
	ctx := context.Background()
	for _, sql := range []string{
		"CREATE TEMP TABLE visit AS SELECT (r % 24)::INTEGER AS hh, (r // 24 % 10)::INTEGER AS product, (hash(r) % 2000000)::BIGINT AS uid FROM range(20000000) t(r)",
		"CREATE TEMP TABLE cell AS SELECT hh, product, tarn_bitmap_agg(uid) AS uv FROM visit GROUP BY ALL",
	} {
		_, err := c.Exec(ctx, sql)
		require.NoError(b, err)
	}
	require.Equal(b, "240|true", rowsOf(b, c, "SELECT count(*), tarn_bitmap_union_count(uv) = (SELECT count(DISTINCT uid) FROM visit) FROM cell"))
	for _, q := range []struct{ name, sql string }{
		{"cells/bitmap_agg", "SELECT hh, product, tarn_bitmap_agg(uid) FROM visit GROUP BY ALL"},
		{"cells/count_distinct", "SELECT hh, product, count(DISTINCT uid) FROM visit GROUP BY ALL"},
		{"hour/bitmap_union_count", "SELECT hh, tarn_bitmap_union_count(uv) FROM cell GROUP BY hh"},
		{"hour/count_distinct", "SELECT hh, count(DISTINCT uid) FROM visit GROUP BY hh"},
		{"day/bitmap_union_count", "SELECT tarn_bitmap_union_count(uv) FROM cell"},
		{"day/count_distinct", "SELECT count(DISTINCT uid) FROM visit"},
	} {
		b.Run(q.name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				_, err := drain(c.Query(ctx, q.sql))
				require.NoError(b, err)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// cpuTime is what the process has used: on a busy machine it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
