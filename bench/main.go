// Command bench does the work of the Java baseline with Tarn's library, on the
// same Parquet inputs, one measurement a process, and prints a JSON line:
//
//	bench WHAT -data DIR -warehouse DIR [-buckets 2] [-every 200000]
//
// WHAT is write_batch, write_stream, write_stream_write_only, partial_none,
// partial_lookup, aggregate, scan, deletions, lookup or planning. DIR holds order_info/base/part-0.parquet and so on.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sys/unix"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

func main() {
	b := &bench{}
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
		f := flag.NewFlagSet("bench", flag.ExitOnError)
		f.StringVar(&b.data, "data", "", "folder of the inputs")
		f.StringVar(&b.dir, "warehouse", "", "folder of the tables")
		f.IntVar(&b.buckets, "buckets", 2, "buckets of the tables")
		f.Int64Var(&b.every, "every", 200000, "rows a commit")
		profile := f.String("cpuprofile", "", "file for a CPU profile")
		_ = f.Parse(os.Args[2:])
		if *profile != "" {
			out, err := os.Create(*profile)
			if err == nil {
				err = pprof.StartCPUProfile(out)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				os.Exit(1)
			}
		}
	}
	err := b.run(what)
	pprof.StopCPUProfile()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	data, dir string
	buckets   int
	every     int64
	w         *paimon.Warehouse
	started   time.Time
	cpu       time.Duration
}

func (b *bench) run(what string) error {
	store, err := fileio.NewLocal(b.dir)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	b.w = paimon.Open(store, paimon.Options{SpillDir: temp})
	switch what {
	case "write_batch":
		return b.write("batch", math.MaxInt64, nil)
	case "write_stream":
		return b.write("stream", b.every, nil)
	case "write_stream_write_only":
		return b.write("stream_write_only", b.every, map[string]string{"write-only": "true"})
	case "partial_none":
		return b.partial("none", nil)
	case "partial_lookup":
		return b.partial("lookup", map[string]string{"changelog-producer": "lookup"})
	case "aggregate":
		return b.aggregate()
	case "scan":
		return b.scan()
	case "deletions":
		return b.deletions()
	case "lookup":
		return b.lookup()
	case "planning":
		return b.planning()
	}
	return fmt.Errorf("unknown measurement %q: want write_batch, write_stream, write_stream_write_only, partial_none, partial_lookup, aggregate, scan, deletions, lookup or planning", what)
}

func (b *bench) start() {
	runtime.GC()
	b.started, b.cpu = time.Now(), cpuTime()
}

func cpuTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func peakRSS() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return float64(u.Maxrss) / 1024
}

// report prints what was measured since start.
func (b *bench) report(name string, rows int64, more map[string]any) {
	wall, cpu := time.Since(b.started).Seconds(), (cpuTime() - b.cpu).Seconds()
	out := map[string]any{"bench": name, "engine": "tarn", "rows": rows, "s": round(wall), "rows_per_s": int64(float64(rows) / wall), "cpu_s": round(cpu),
		"rows_per_cpu_s": int64(float64(rows) / cpu), "peak_rss_mb": int64(peakRSS())}
	for k, v := range more {
		out[k] = v
	}
	line, _ := json.Marshal(out)
	fmt.Println(string(line))
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// table makes bench.NAME anew.
func (b *bench) table(name string, d catalog.Definition) (*paimon.Table, error) {
	ctx := context.Background()
	c := b.w.Catalog()
	_ = c.CreateDatabase(ctx, "bench")
	id := catalog.Identifier{Database: "bench", Table: name}
	_ = c.DropTable(ctx, id)
	if err := c.CreateTable(ctx, id, d); err != nil {
		return nil, err
	}
	return b.w.Table(ctx, id, nil)
}

// writer counts rows and commits every so many.
type writer struct {
	t     *paimon.Table
	w     *paimon.Writer
	c     *paimon.Committer
	every int64
	rows  int64 // since the last commit
	total int64
	id    int64
}

func newWriter(t *paimon.Table, every int64) (*writer, error) {
	w, err := t.NewWriter(context.Background(), paimon.WriteOptions{})
	return &writer{t: t, w: w, c: t.NewCommitter("bench"), every: every}, err
}

func (w *writer) write(b arrow.RecordBatch) error {
	for at := int64(0); at < b.NumRows(); {
		n := min(b.NumRows()-at, w.every-w.rows)
		part := b.NewSlice(at, at+n)
		err := w.w.Write(context.Background(), paimon.Batch{Rows: part})
		part.Release()
		if err != nil {
			return err
		}
		at, w.rows, w.total = at+n, w.rows+n, w.total+n
		if w.rows == w.every {
			if err := w.commit(false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) commit(wait bool) error {
	ctx := context.Background()
	messages, err := w.w.Prepare(ctx, wait)
	if err != nil {
		return err
	}
	w.id++
	w.rows = 0
	_, err = w.c.Commit(ctx, paimon.Commit{Identifier: w.id, Messages: messages})
	return err
}

func (w *writer) close() error {
	if err := w.commit(true); err != nil {
		return err
	}
	return w.w.Close(context.Background())
}

func (b *bench) orderTable(name string, options map[string]string) (*paimon.Table, error) {
	d := catalog.Definition{Fields: orderInfo(), PrimaryKeys: []string{"order_id"}, Options: map[string]string{"bucket": fmt.Sprint(b.buckets)}}
	for k, v := range options {
		d.Options[k] = v
	}
	return b.table(name, d)
}

func (b *bench) write(name string, every int64, options map[string]string) error {
	t, err := b.orderTable(name, options)
	if err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, every)
	if err != nil {
		return err
	}
	if err := b.source("order_info", "base", w.write); err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return err
	}
	b.report("write_"+name, w.total, map[string]any{"commits": w.id, "bytes": b.size(t)})
	return nil
}

func (b *bench) partial(name string, options map[string]string) error {
	d := catalog.Definition{Fields: enrichOrder(), PrimaryKeys: []string{"order_id"}, Options: map[string]string{
		"bucket": fmt.Sprint(b.buckets), "merge-engine": "partial-update", "fields.g_refund_seq.sequence-group": "refund_info",
		"fields.refund_info.aggregate-function": "nested_update", "fields.refund_info.nested-key": "refund_mer_trade_code",
	}}
	for k, v := range options {
		d.Options[k] = v
	}
	t, err := b.table(name, d)
	if err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, b.every)
	if err != nil {
		return err
	}
	for _, phase := range []string{"base", "delta"} {
		for _, s := range streams() {
			err := b.source(s.name, phase, func(rec arrow.RecordBatch) error {
				wide := s.widen(rec)
				defer wide.Release()
				return w.write(wide)
			})
			if err != nil {
				return err
			}
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	b.report("partial_"+name, w.total, map[string]any{"commits": w.id, "bytes": b.size(t)})
	return nil
}

func (b *bench) scan() error {
	t, err := b.orderTable("mor_order_info", map[string]string{"write-only": "true"})
	if err != nil {
		return err
	}
	var total int64
	if err := b.source("order_info", "base", func(rec arrow.RecordBatch) error { total += rec.NumRows(); return nil }); err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, total/8+1)
	if err != nil {
		return err
	}
	if err := b.source("order_info", "base", w.write); err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return err
	}
	b.report("scan_prepare_8_commits_write_only", total, map[string]any{"bytes": b.size(t)})
	if err := b.scans("mor", t); err != nil {
		return err
	}
	b.start()
	if _, err := t.Compact(context.Background(), paimon.CompactOptions{Full: true}); err != nil {
		return err
	}
	b.report("full_compact", total, map[string]any{"bytes": b.size(t)})
	return b.scans("compacted", t)
}

func (b *bench) scans(kind string, t *paimon.Table) error {
	for _, threads := range []int{1, 2} {
		for _, c := range []struct {
			name    string
			columns []int
			fee     int
		}{{"full_row", nil, 6}, {"project2", []int{5, 6}, 1}} {
			for iter := range 3 {
				b.start()
				rows, fees, err := scan(t, c.columns, c.fee, threads)
				if err != nil {
					return err
				}
				b.report(kind+"_scan_"+c.name, rows, map[string]any{"threads": threads, "iter": iter, "sum_fee_cents": fees})
			}
		}
	}
	return nil
}

// scan reads the table with so many goroutines, summing the fees.
func scan(t *paimon.Table, columns []int, fee, threads int) (rows, fees int64, err error) {
	ctx := context.Background()
	snap, err := t.LatestSnapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	p, err := t.Plan(ctx, snap, nil)
	if err != nil {
		return 0, 0, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var mine []paimon.Split
			for j := i; j < len(p.Splits); j += threads {
				mine = append(mine, p.Splits[j])
			}
			n, sum, rerr := sumFees(p.Read(ctx, mine, columns), fee)
			mu.Lock()
			defer mu.Unlock()
			rows, fees = rows+n, fees+sum
			if rerr != nil {
				err = rerr
			}
		}()
	}
	wg.Wait()
	return rows, fees, err
}

func sumFees(r *paimon.Reader, fee int) (rows, sum int64, err error) {
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, sum, nil
		}
		if err != nil {
			return rows, sum, err
		}
		rows += b.Rows.NumRows()
		for _, v := range b.Rows.Column(fee).(*array.Decimal128).Values() {
			sum += int64(v.LowBits())
		}
		b.Rows.Release()
	}
}

// size is the bytes of all files of a table.
func (b *bench) size(t *paimon.Table) int64 {
	var n int64
	_ = filepath.Walk(filepath.Join(b.dir, "bench.db", t.ID().Table), func(_ string, i os.FileInfo, err error) error {
		if err == nil && !i.IsDir() {
			n += i.Size()
		}
		return nil
	})
	return n
}
