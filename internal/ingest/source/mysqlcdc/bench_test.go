package mysqlcdc

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/source"
)

// BenchmarkRead reads 200,000 rows of the order table of a membership system:
// from the snapshot, and from the binlog.
func BenchmarkRead(b *testing.B) {
	for _, mode := range []string{"snapshot", "binlog"} {
		b.Run(mode, func(b *testing.B) { benchmarkRead(b, mode == "snapshot") })
	}
}

const orderTable = `CREATE OR REPLACE TABLE order_info (order_id VARCHAR(32) PRIMARY KEY, product VARCHAR(40), qid VARCHAR(32),
	order_create_time DATETIME(3), order_end_time DATETIME(3), order_status INT, order_real_fee DECIMAL(10,2), sku_id INT)`

const orderRows = `INSERT INTO order_info SELECT CONCAT('ord', LPAD(seq, 10, '0')), 'gold', CONCAT('q', seq * 7919 MOD 100003),
	'2025-06-01 10:00:00.123' + INTERVAL seq SECOND, '2026-06-01 10:00:00', seq MOD 5, seq / 7, seq MOD 100 FROM seq_1_to_200000`

func benchmarkRead(b *testing.B, snapshot bool) {
	shared.once.Do(func() { shared.server, shared.err = startShared() })
	require.NoError(b, shared.err)
	admin, err := shared.server.Open("")
	require.NoError(b, err)
	defer admin.Close()
	db := &testDB{DB: admin, server: shared.server, name: "bench"}
	_, err = admin.Exec("CREATE DATABASE IF NOT EXISTS bench; USE bench; " + orderTable)
	require.NoError(b, err)
	cfg := db.config("order_info")
	if !snapshot {
		var ignored string
		cfg.Startup = StartSpecific
		require.NoError(b, admin.QueryRow("SHOW MASTER STATUS").Scan(&cfg.SpecificFile, &cfg.SpecificPos, &ignored, &ignored))
	}
	_, err = admin.Exec("USE bench; " + orderRows)
	require.NoError(b, err)
	fields := schema(b, "order_id STRING NOT NULL", "product STRING", "qid STRING", "order_create_time TIMESTAMP(3)",
		"order_end_time TIMESTAMP(3)", "order_status INT", "order_real_fee DECIMAL(10,2)", "sku_id INT")
	src, err := New(cfg, fields, []string{"order_id"})
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r, err := src.Open(context.Background(), "")
		require.NoError(b, err)
		begin := time.Now()
		require.NoError(b, drain(r, 200000))
		b.ReportMetric(200000/time.Since(begin).Seconds(), "rows/s")
		require.NoError(b, r.Close())
	}
}

func drain(r source.Reader, n int64) error {
	for n > 0 {
		batch, err := r.Next(context.Background())
		if err != nil {
			return err
		}
		n -= batch.Rows.NumRows()
		batch.Release()
	}
	return nil
}
