package lsm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/changelog"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// orders are Parquet files of a table of orders.
type orders struct {
	store  fileio.Store
	target int64
	fields []types.Field
	keys   *columnar.KeyEncoder
}

func newOrders(target int64) *orders {
	fields := []types.Field{
		{ID: 0, Name: "order_id", Type: types.String().NotNull()},
		{ID: 1, Name: "product", Type: types.String()},
		{ID: 2, Name: "qid", Type: types.String()},
		{ID: 3, Name: "order_create_time", Type: types.TimestampOf(3)},
		{ID: 4, Name: "order_end_time", Type: types.TimestampOf(3)},
		{ID: 5, Name: "order_status", Type: types.Of(types.Int)},
		{ID: 6, Name: "order_real_fee", Type: types.DecimalOf(10, 2)},
		{ID: 7, Name: "sku_id", Type: types.Of(types.Int)},
	}
	return &orders{store: fileio.NewMem(), target: target, fields: fields,
		keys: columnar.NewKeyEncoder([]types.Type{fields[0].Type}, columnar.KeyOptions{})}
}

func (o *orders) path(name string) string { return "orders/bucket-0/" + name }

func (o *orders) Open(ctx context.Context, f *spec.DataFileMeta, p lsm.OpenOptions) (lsm.Stream, error) {
	return datafile.OpenKV(ctx, datafile.KVReadOptions{Store: o.store, Fields: o.fields, KeyFields: []int{0}, BatchRows: p.BatchRows,
		SchemaFields: func(int64) ([]types.Field, error) { return o.fields, nil }}, o.path(f.FileName), f)
}

func (o *orders) writer(ctx context.Context, level int, source int8, changes bool) lsm.Writer {
	w, err := datafile.NewKVWriter(ctx, datafile.KVWriterOptions{Store: o.store, Paths: datafile.NewPaths(datafile.PathOptions{Table: "orders"}, "", 0),
		Fields: o.fields, KeyFields: []int{0}, Level: level, Source: source, Changelog: changes, TargetFileSize: o.target})
	if err != nil {
		panic(err)
	}
	return w
}

func (o *orders) NewWriter(ctx context.Context, level int, source int8) lsm.Writer {
	return o.writer(ctx, level, source, false)
}

func (o *orders) NewChangelogWriter(ctx context.Context, level int) lsm.Writer {
	return o.writer(ctx, 0, spec.SourceAppend, true)
}

func (o *orders) Delete(ctx context.Context, files ...spec.DataFileMeta) error {
	for _, f := range files {
		if err := o.store.Delete(ctx, o.path(f.FileName)); err != nil {
			return err
		}
	}
	return nil
}

// keyOf decodes a key of DataFileMeta.
func (o *orders) keyOf(row []byte) ([]byte, error) {
	keys, err := binrow.Keys([]types.Type{o.fields[0].Type}, [][]byte{row})
	if err != nil {
		return nil, err
	}
	return keys.At(0), nil
}

func (o *orders) engine() merge.Engine {
	e, err := merge.New(merge.Schema{Fields: o.fields, PrimaryKey: []string{"order_id"}}, nil)
	if err != nil {
		panic(err)
	}
	return e
}

// batch makes rows of these orders; version varies the values.
func (o *orders) batch(ids []int, version int, kinds []types.RowKind) *columnar.KV {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(o.fields))
	defer rb.Release()
	for _, id := range ids {
		rb.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("order_%010d", id))
		rb.Field(1).(*array.StringBuilder).Append([]string{"vip", "svip", "gift"}[id%3])
		rb.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("q%08d", id%5000))
		rb.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(1_750_000_000_000 + int64(id)*1000))
		rb.Field(4).(*array.TimestampBuilder).AppendNull()
		rb.Field(5).(*array.Int32Builder).Append(int32(version))
		rb.Field(6).(*array.Decimal128Builder).Append(decimal128.FromI64(int64(id % 99999)))
		rb.Field(7).(*array.Int32Builder).Append(int32(id % 77))
	}
	rows := rb.NewRecordBatch()
	keys, err := o.keys.Encode([]arrow.Array{rows.Column(0)})
	if err != nil {
		panic(err)
	}
	return &columnar.KV{Rows: rows, Keys: keys, Kinds: kinds}
}

func (o *orders) statuses(t testing.TB, s lsm.Stream, apply func(kind types.RowKind, key string, status int32)) {
	for {
		b, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		key, status := b.Rows.Column(0).(*array.String), b.Rows.Column(5).(*array.Int32)
		for i := range b.Len() {
			apply(b.Kinds[i], strings.Clone(key.Value(i)), status.Value(i))
		}
		b.Release()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestParquet runs one bucket over real data files: flushes with a spilling
// buffer, lookup compactions, reads, and a replay of the changelog.
func TestParquet(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	ctx := context.Background()
	o := newOrders(20 << 10)
	levels, err := lsm.NewLevels(o.keyOf, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	budget := lsm.NewBudget(200 << 10)
	buffer, err := lsm.NewBuffer(lsm.BufferOptions{NewEngine: o.engine, Fold: true, Budget: budget, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer buffer.Close()
	bucket := buffer.Bucket()
	pick := lsm.DefaultPickOptions()
	pick.Trigger, pick.Strategy = 3, lsm.UpLevel0
	read := lsm.ReadOptions{KeyOf: o.keyOf, NewEngine: o.engine, Policy: lsm.MergeLookup, Readahead: 2}
	compactor := lsm.NewCompactor(o, lsm.CompactOptions{Read: read, MinUpgradeSize: 14 << 10, Parallelism: 2,
		Changelog: changelog.NewLookup(changelog.LookupOptions{MaxLevel: levels.MaxLevel(), Latest: true})})
	want, replayed := map[string]int32{}, map[string]int32{}
	seq := int64(0)
	var st lsm.PickState
	for round := range 12 {
		for range 4 {
			n := 1 + rng.IntN(1500)
			from, step := rng.IntN(5000), 1+rng.IntN(3)
			ids, kinds := make([]int, n), make([]types.RowKind, n)
			for i := range ids {
				ids[i] = from + step*i
				if rng.IntN(5) == 0 {
					kinds[i] = types.Delete
				}
			}
			rng.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			if err := buffer.Add(ctx, bucket, o.batch(ids, round, kinds), nil, seq); err != nil {
				t.Fatal(err)
			}
			seq += int64(n)
			for i, id := range ids {
				want[fmt.Sprintf("order_%010d", id)] = int32(round)
				if kinds[i] == types.Delete {
					delete(want, fmt.Sprintf("order_%010d", id))
				}
			}
		}
		flushed, err := buffer.Flush(ctx, bucket, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := levels.Update(nil, flushed.Files); err != nil {
			t.Fatal(err)
		}
		unit, next, ok := lsm.Pick(pick, st, levels.NumLevels(), levels.Runs(), time.Now())
		if st = next; !ok {
			t.Fatal("nothing to compact")
		}
		res, err := compactor.Compact(ctx, levels, unit)
		if err != nil {
			t.Fatal(err)
		}
		if err := levels.Update(res.Before, res.After); err != nil {
			t.Fatal(err)
		}
		for i := range res.Changelog {
			s, err := o.Open(ctx, &res.Changelog[i], lsm.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			o.statuses(t, s, func(kind types.RowKind, key string, status int32) {
				if old, ok := replayed[key]; ok != kind.IsRetract() && kind != types.UpdateAfter || kind.IsRetract() && old != status {
					t.Fatalf("changelog says %s %s %d, the table had %d, %v", kind, key, status, old, ok)
				}
				replayed[key] = status
				if kind == types.Delete {
					delete(replayed, key)
				}
			})
		}
		got := map[string]int32{}
		o.read(t, levels.Files(), read, got)
		if !maps.Equal(got, want) || !maps.Equal(replayed, want) {
			t.Fatalf("round %d: read %d rows, replayed %d, want %d", round, len(got), len(replayed), len(want))
		}
	}
	t.Log(describe(levels))
}

func (o *orders) read(t testing.TB, metas []spec.DataFileMeta, ro lsm.ReadOptions, into map[string]int32) {
	ro.DropDeletes, ro.Parallelism = true, 2
	r, err := lsm.NewReader(context.Background(), o, metas, ro)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	o.statuses(t, r, func(_ types.RowKind, key string, status int32) {
		if key <= last {
			t.Fatalf("%s after %s", key, last)
		}
		into[key], last = status, key
	})
}

func describe(l *lsm.Levels) string {
	var out []string
	for _, r := range l.Runs() {
		out = append(out, fmt.Sprintf("level %d: %d files, %d bytes", r.Level, len(r.Files), r.Size()))
	}
	return strings.Join(out, "; ")
}

// BenchmarkFlush buffers and flushes a million orders in batches of 8192.
func BenchmarkFlush(b *testing.B) {
	const rows, perBatch = 1 << 20, 8192
	o := newOrders(128 << 20)
	var batches []*columnar.KV
	rng := rand.New(rand.NewPCG(1, 1))
	for at := 0; at < rows; at += perBatch {
		ids := make([]int, perBatch)
		for i := range ids {
			ids[i] = rng.IntN(2 * rows)
		}
		batches = append(batches, o.batch(ids, 1, nil))
	}
	for _, sink := range []string{"discard", "parquet"} {
		b.Run(sink, func(b *testing.B) {
			var files lsm.Files = o
			if sink == "discard" {
				files = discard{o}
			}
			b.ReportAllocs()
			for b.Loop() {
				buffer, err := lsm.NewBuffer(lsm.BufferOptions{NewEngine: o.engine, Fold: true, Budget: lsm.NewBudget(1 << 30)})
				if err != nil {
					b.Fatal(err)
				}
				bucket := buffer.Bucket()
				for i, kv := range batches {
					if err := buffer.Add(context.Background(), bucket, kv, nil, int64(i*perBatch)); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := buffer.Flush(context.Background(), bucket, files); err != nil {
					b.Fatal(err)
				}
				if err := buffer.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// discard takes rows and keeps none.
type discard struct{ lsm.Files }

func (discard) NewWriter(context.Context, int, int8) lsm.Writer { return discard{} }
func (discard) Write(*columnar.KV) error                        { return nil }
func (discard) Close() ([]spec.DataFileMeta, error)             { return nil, nil }
func (discard) Abort()                                          {}

// cached serves files as batches in memory, to measure the merge alone.
type cached struct {
	lsm.Files
	batches map[string][]*columnar.KV
}

type cachedStream struct{ left []*columnar.KV }

func (c *cached) Open(ctx context.Context, f *spec.DataFileMeta, _ lsm.OpenOptions) (lsm.Stream, error) {
	return &cachedStream{c.batches[f.FileName]}, nil
}

func (s *cachedStream) Next() (*columnar.KV, error) {
	if len(s.left) == 0 {
		return nil, io.EOF
	}
	kv := *s.left[0]
	kv.Retain()
	s.left = s.left[1:]
	return &kv, nil
}

func (s *cachedStream) Close() error { return nil }

// BenchmarkMergeRead merges 8 runs of 128k orders with half of the keys in
// common.
func BenchmarkMergeRead(b *testing.B) {
	const runs, perRun = 8, 1 << 17
	o := newOrders(128 << 20)
	mem := &cached{Files: o, batches: map[string][]*columnar.KV{}}
	var metas []spec.DataFileMeta
	rng := rand.New(rand.NewPCG(1, 1))
	for run := range runs {
		ids := make([]int, perRun)
		for i := range ids {
			ids[i] = rng.IntN(runs * perRun / 2)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		w := o.NewWriter(context.Background(), 0, spec.SourceAppend)
		var kvs []*columnar.KV
		for at := 0; at < len(ids); at += 8192 {
			kv := o.batch(ids[at:min(at+8192, len(ids))], run, make([]types.RowKind, min(8192, len(ids)-at)))
			kv.Seqs = make([]int64, kv.Rows.NumRows())
			for i := range kv.Seqs {
				kv.Seqs[i] = int64(run*perRun + at + i)
			}
			if err := w.Write(kv); err != nil {
				b.Fatal(err)
			}
			kvs = append(kvs, kv)
		}
		out, err := w.Close()
		if err != nil {
			b.Fatal(err)
		}
		metas = append(metas, out...)
		mem.batches[out[0].FileName] = kvs
	}
	total := int64(0)
	for _, m := range metas {
		total += m.RowCount
	}
	for name, files := range map[string]lsm.Files{"memory": mem, "parquet": o} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				count(b, files, metas, lsm.ReadOptions{KeyOf: o.keyOf, NewEngine: o.engine})
			}
			b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
