package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkFreshness measures the time from COMMIT in the database until the
// row is in the answer of a query over the MySQL protocol of `tarn serve`: from
// order_info through ods.order_info into dwd.enrich_order, at 500 changes a
// second over four tables. TARN_FRESHNESS_SECONDS is the length of each run
// (default 20). It reports percentiles, and for long runs how they and the
// table's files develop.
//
//	go test ./test/e2e -run '^$' -bench Freshness -benchtime 1x
func BenchmarkFreshness(b *testing.B) {
	for _, interval := range []string{"1 s", "200 ms", "50 ms"} {
		b.Run("interval="+strings.ReplaceAll(interval, " ", ""), func(b *testing.B) {
			for range b.N {
				measureFreshness(b, interval)
			}
		})
	}
}

type freshness struct {
	b       *testing.B
	source  *sql.DB // the business database
	serve   *sql.DB // tarn
	lake    *lake
	pending sync.Mutex
	sent    []probe // not seen yet, oldest first
	seen    []time.Duration
	queries []time.Duration
	sources []time.Duration // of the statements that make a probe
}

type probe struct {
	id string
	at time.Time // when COMMIT returned
}

func measureFreshness(b *testing.B, interval string) {
	length := time.Duration(number(b, "TARN_FRESHNESS_SECONDS", 20)) * time.Second
	database := "fresh"
	server := sharedServer(b)
	dir := b.TempDir()
	f := &freshness{b: b, source: createBusiness(b, server, database), lake: openLake(b, filepath.Join(dir, "lake"))}
	f.base(10000)
	mustTarn(b, "run", script(b, dir, "ddl.sql", ddl), "../../examples/membership/00_ods.sql", "../../examples/membership/01_enrich_order_ddl.sql", "-w", f.lake.dir)
	set := "SET 'execution.checkpointing.interval' = '" + interval + "';\n"
	wide, err := os.ReadFile("../../examples/membership/02_enrich_order_job.sql")
	require.NoError(b, err)
	port := freePort(b)
	p := start(b, "serve", "serve", script(b, dir, "cdc.sql", set+cdcScript(server, database)), script(b, dir, "wide.sql", set+string(wide)),
		"-w", f.lake.dir, "--mysql", fmt.Sprintf("127.0.0.1:%d", port))
	p.await("MySQL protocol on", 20*time.Second)
	f.serve, err = sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/dwd", port))
	require.NoError(b, err)
	defer f.serve.Close()
	eventually(b, 60*time.Second, func() error {
		var n int
		if err := f.serve.QueryRow("SELECT count(*) FROM enrich_order").Scan(&n); err != nil || n < 10000 {
			return fmt.Errorf("%d orders have come: %v\n%s", n, err, p.out.lines(10))
		}
		return nil
	})
	b.ResetTimer()
	f.run(length)
	b.StopTimer()
	f.report()
	require.NoError(b, p.stop())
}

// base makes orders to change later.
func (f *freshness) base(n int) {
	for from := 0; from < n; from += 1000 {
		var v []string
		for i := from; i < from+1000; i++ {
			v = append(v, fmt.Sprintf("('o-%07d', 'p%d', 'q%d', '2025-06-01 00:00:00', %d, 9.99)", i, i%7, i%999, i%5))
		}
		_, err := f.source.Exec("INSERT INTO order_info (order_id, product, qid, order_create_time, order_status, order_real_fee) VALUES " + strings.Join(v, ","))
		require.NoError(f.b, err)
	}
}

// run writes 100 transactions of 5 changes a second and looks for the probes
// among them, minute by minute.
func (f *freshness) run(length time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); f.write(ctx) }()
	go func() { defer wg.Done(); f.watch(ctx) }()
	minutes := time.NewTicker(time.Minute)
	defer minutes.Stop()
	for at := 0; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-minutes.C:
			f.pending.Lock()
			part := slices.Clone(f.seen[at:])
			at = len(f.seen)
			f.pending.Unlock()
			f.b.Logf("%s; %s", percentiles("fresh", part), f.files())
		}
	}
	wg.Wait()
}

func (f *freshness) write(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		id := fmt.Sprintf("n-%09d", i)
		if i%5 == 0 { // these are looked for
			id = fmt.Sprintf("z-%09d", i)
		}
		begin := time.Now()
		_, err := f.source.Exec("BEGIN; INSERT INTO order_info (order_id, product, order_status) VALUES ('" + id + "', 'p1', 1);" +
			"INSERT INTO order_device_info (order_id, mid) VALUES ('" + id + "', 'm');" +
			fmt.Sprintf("UPDATE order_info SET order_status = order_status + 1 WHERE order_id IN ('o-%07d', 'o-%07d');", i%10000, (i*7+1)%10000) +
			fmt.Sprintf("INSERT INTO order_refund_info (order_id, refund_mer_trade_code, refund_fee) VALUES ('o-%07d', 'r-%d', 1);", i*3%10000, i) + "COMMIT")
		if err != nil {
			f.b.Errorf("write to the database: %v", err)
			return
		}
		if i%5 == 0 {
			f.pending.Lock()
			f.sent = append(f.sent, probe{id, time.Now()})
			f.sources = append(f.sources, time.Since(begin))
			f.pending.Unlock()
		}
	}
}

// watch asks for the newest probes again and again.
func (f *freshness) watch(ctx context.Context) {
	last := "z-"
	for ctx.Err() == nil {
		begin := time.Now()
		var newest sql.NullString
		err := f.serve.QueryRow("SELECT max(order_id) FROM enrich_order WHERE order_id > '" + last + "'").Scan(&newest)
		now := time.Now()
		if err != nil {
			f.b.Errorf("query: %v", err)
			return
		}
		f.pending.Lock()
		f.queries = append(f.queries, now.Sub(begin))
		if newest.Valid {
			last = newest.String
			for len(f.sent) > 0 && f.sent[0].id <= last {
				f.seen = append(f.seen, now.Sub(f.sent[0].at))
				f.sent = f.sent[1:]
			}
		}
		f.pending.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*p), len(sorted)-1)]
}

func percentiles(what string, list []time.Duration) string {
	s := slices.Sorted(slices.Values(list))
	ms := func(p float64) float64 { return float64(percentile(s, p).Microseconds()) / 1000 }
	return fmt.Sprintf("%s n=%d p50=%.1f p90=%.1f p99=%.1f max=%.1f ms", what, len(s), ms(.5), ms(.9), ms(.99), ms(1))
}

// files counts what reading and committing have to look at.
func (f *freshness) files() string {
	ctx := context.Background()
	var out []string
	for _, name := range []string{"ods.order_info", "dwd.enrich_order"} {
		t := f.lake.table(name)
		snap, err := t.LatestSnapshot(ctx)
		require.NoError(f.b, err)
		plan, err := t.Plan(ctx, snap, nil)
		require.NoError(f.b, err)
		level0, all := 0, 0
		for _, s := range plan.Splits {
			for _, file := range s.Files {
				all++
				if file.Level == 0 {
					level0++
				}
			}
		}
		manifests, _ := filepath.Glob(filepath.Join(f.lake.dir, strings.Replace(name, ".", ".db/", 1), "manifest", "*"))
		out = append(out, fmt.Sprintf("%s snapshot %d, %d files, %d on level 0, %d in manifest/", name, snap.ID, all, level0, len(manifests)))
	}
	return strings.Join(out, "; ")
}

func (f *freshness) report() {
	sorted := slices.Sorted(slices.Values(f.seen))
	for _, p := range []int{50, 90, 99} {
		f.b.ReportMetric(float64(percentile(sorted, float64(p)/100).Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	f.b.ReportMetric(0, "ns/op")
	f.b.Logf("%s; %s; %s; waiting %d; %s", percentiles("fresh", f.seen), percentiles("query", f.queries), percentiles("write", f.sources), len(f.sent), f.files())
}
