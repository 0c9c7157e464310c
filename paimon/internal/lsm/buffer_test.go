package lsm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/lsm/lsmtest"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/types"
)

func newBuffer(t testing.TB, table *lsmtest.Table, limit int64, edit func(*lsm.BufferOptions)) (*lsm.Buffer, *lsm.Budget, string) {
	budget, dir := lsm.NewBudget(limit), t.TempDir()
	o := lsm.BufferOptions{NewEngine: table.NewEngine, Budget: budget, SpillDir: dir}
	if edit != nil {
		edit(&o)
	}
	b, err := lsm.NewBuffer(o)
	if err != nil {
		t.Fatal(err)
	}
	return b, budget, dir
}

func rowsOf(files *lsmtest.Files, res lsm.FlushResult) []string {
	var out []string
	for _, m := range res.Files {
		for _, r := range files.Read(m.FileName) {
			out = append(out, fmt.Sprintf("%s @%d", r, r.Seq))
		}
	}
	return out
}

// Batches are shared by all buckets that have rows of them; buckets spill into
// one file and are flushed side by side.
func TestBufferBuckets(t *testing.T) {
	const buckets, pushes, perPush = 5, 60, 100
	for _, limit := range []int64{1 << 30, 30000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			table := lsmtest.NewTable(nil)
			files := lsmtest.NewFiles(table, mem, 1<<30, 100)
			b, budget, dir := newBuffer(t, table, limit, nil)
			var refs [buckets]lsm.BucketRef
			var next [buckets]int64
			want := [buckets]map[string]string{}
			for i := range refs {
				refs[i], want[i] = b.Bucket(), map[string]string{}
			}
			for p := range pushes {
				var lists [buckets][]int32
				rows := make([]lsmtest.Row, perPush)
				for i := range rows {
					key := (i*31 + p*17) % 211
					rows[i] = lsmtest.Row{K: fmt.Sprintf("%03d", key), S: fmt.Sprint(p, "/", i)}
					lists[key%buckets] = append(lists[key%buckets], int32(i))
					rows[i].Seq = next[key%buckets] + int64(len(lists[key%buckets])-1)
					want[key%buckets][rows[i].K] = fmt.Sprintf("%s @%d", rows[i], rows[i].Seq)
				}
				kv := table.KV(mem, rows)
				kv.Seqs, kv.Kinds = nil, nil
				for i, list := range lists {
					if err := b.Add(context.Background(), refs[i], kv, list, next[i]); err != nil {
						t.Fatal(err)
					}
					next[i] += int64(len(list))
				}
				kv.Release()
			}
			if limit > 1<<20 && b.Pushes() != pushes {
				t.Errorf("the buffer holds %d batches, %d were pushed", b.Pushes(), pushes)
			}
			if got := b.Bytes(); got > limit {
				t.Errorf("the buffer holds %d bytes of %d", got, limit)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("spill files have names: %v", left)
			}
			var g errgroup.Group
			for i, ref := range refs {
				g.Go(func() error {
					if n := b.Rows(ref); n != next[i] {
						return fmt.Errorf("bucket %d has %d rows, want %d", i, n, next[i])
					}
					res, err := b.Flush(context.Background(), ref, files)
					var expect []string
					for _, row := range want[i] {
						expect = append(expect, row)
					}
					slices.Sort(expect)
					if got := rowsOf(files, res); !slices.Equal(got, expect) {
						return errors.Join(err, fmt.Errorf("bucket %d: got\n%v\nwant\n%v", i, got, expect))
					}
					return err
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil || budget.Used() != 0 {
				t.Fatalf("close: %v; %d bytes still taken", err, budget.Used())
			}
		})
	}
}

// Many small batches are joined: what the buffer refers to stays small.
func TestBufferJoinsSmallBatches(t *testing.T) {
	const pushes = 2000
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := lsmtest.NewTable(nil)
	files := lsmtest.NewFiles(table, mem, 1<<30, 100)
	b, budget, _ := newBuffer(t, table, 1<<30, nil)
	refs := []lsm.BucketRef{b.Bucket(), b.Bucket()}
	want := [2][]string{}
	for p := range pushes {
		rows := []lsmtest.Row{{K: fmt.Sprintf("%05d", p)}, {K: fmt.Sprintf("%05d", p), S: "b"}, {K: fmt.Sprintf("%05d", p), S: "c"}}
		kv := table.KV(mem, rows)
		kv.Seqs = nil
		for i, list := range [][]int32{{0, 2}, {1}} {
			if p%3 == 0 { // also without a list
				list = nil
			}
			if err := b.Add(context.Background(), refs[i], kv, list, int64(10*p)); err != nil {
				t.Fatal(err)
			}
			last := rows[2]
			if list != nil {
				last = rows[list[len(list)-1]]
			}
			seq := 10*p + len(list) - 1
			if list == nil {
				seq = 10*p + 2
			}
			want[i] = append(want[i], fmt.Sprintf("%s @%d", last, seq))
			if p%3 == 0 {
				kv.Release()
				kv = table.KV(mem, rows) // each row once
				kv.Seqs = nil
			}
		}
		kv.Release()
		if n := b.Pushes(); n > 400 {
			t.Fatalf("the buffer refers to %d batches after %d pushes", n, p)
		}
	}
	for i, ref := range refs {
		res, err := b.Flush(context.Background(), ref, files)
		if got := rowsOf(files, res); err != nil || !slices.Equal(got, want[i]) {
			t.Fatalf("bucket %d: %v, got %d rows, want %d", i, err, len(got), len(want[i]))
		}
	}
	if err := b.Close(); err != nil || budget.Used() != 0 {
		t.Fatalf("close: %v; %d bytes still taken", err, budget.Used())
	}
}

// widest remembers the largest window.
type widest struct {
	merge.Engine
	rows *int
}

func (w widest) Merge(win *merge.Window, out *merge.Result) error {
	*w.rows = max(*w.rows, len(win.Refs))
	return w.Engine.Merge(win, out)
}

// A key with very many versions is folded on the way if the engine allows it.
func TestBufferHotKey(t *testing.T) {
	const pushes, perPush, window = 200, 50, 20
	for _, engine := range []string{"deduplicate", "first-row", "partial-update"} {
		t.Run(engine, func(t *testing.T) {
			table := lsmtest.NewTable(map[string]string{"merge-engine": engine})
			files := lsmtest.NewFiles(table, memory.DefaultAllocator, 1<<30, 100)
			rows := 0
			b, _, _ := newBuffer(t, table, 20000, func(o *lsm.BufferOptions) {
				o.NewEngine = func() merge.Engine { return widest{table.NewEngine(), &rows} }
				o.Fold, o.BatchRows = engine != "partial-update", window
			})
			defer b.Close()
			ref := b.Bucket()
			for p := range pushes {
				list := make([]lsmtest.Row, perPush)
				for i := range list {
					list[i] = lsmtest.Row{K: "hot", S: fmt.Sprint(p, "/", i)}
					if i%10 == 0 {
						list[i].K = []string{"a", "b", "x", "y"}[i/10%4]
					}
				}
				kv := table.KV(memory.DefaultAllocator, list)
				if err := b.Add(context.Background(), ref, kv, nil, int64(p*perPush)); err != nil {
					t.Fatal(err)
				}
			}
			res, err := b.Flush(context.Background(), ref, files)
			if err != nil {
				t.Fatal(err)
			}
			want := "+I hot - - 199/49 @9999"
			if engine == "first-row" {
				want = "+I hot - - 0/1 @1"
			}
			if got := rowsOf(files, res); len(got) != 5 || got[2] != want {
				t.Fatalf("got %v, want %s in the middle", got, want)
			}
			if folds := engine != "partial-update"; folds != (rows < 10*window) {
				t.Errorf("largest window has %d rows", rows)
			}
		})
	}
}

func TestBufferWithoutSpill(t *testing.T) {
	table := lsmtest.NewTable(nil)
	files := lsmtest.NewFiles(table, memory.DefaultAllocator, 1<<30, 100)
	b, budget, _ := newBuffer(t, table, 200, func(o *lsm.BufferOptions) { o.SpillDir = "" })
	ref := b.Bucket()
	add := func(k string) error {
		kv := table.KV(memory.DefaultAllocator, []lsmtest.Row{{K: k, S: "a long value that does not fit twice"}})
		return b.Add(context.Background(), ref, kv, nil, 0)
	}
	if err := add("a"); err != nil {
		t.Fatal(err)
	}
	if err := add("b"); !errors.Is(err, nil) && !errors.Is(err, lsm.ErrBufferFull) {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; err = add("c") {
		if budget.Used() > 200 {
			t.Fatal("the budget is exceeded")
		}
	}
	if err := add("c"); !errors.Is(err, lsm.ErrBufferFull) {
		t.Fatalf("got %v, want ErrBufferFull", err)
	}
	if _, err := b.Flush(context.Background(), ref, files); err != nil {
		t.Fatal(err)
	}
	if err := add("c"); err != nil {
		t.Fatalf("after a flush: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// A batch larger than the budget goes through, and the larger of two buffers
// is the one that spills.
func TestBudgetIsShared(t *testing.T) {
	table := lsmtest.NewTable(nil)
	big, budget, _ := newBuffer(t, table, 10000, nil)
	defer big.Close()
	small, err := lsm.NewBuffer(lsm.BufferOptions{NewEngine: table.NewEngine, Budget: budget, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	add := func(b *lsm.Buffer, ref lsm.BucketRef, rows int) {
		if err := b.Add(context.Background(), ref, table.KV(memory.DefaultAllocator, make([]lsmtest.Row, rows)), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	x, y := big.Bucket(), small.Bucket()
	add(small, y, 20)
	held := small.Bytes()
	add(big, x, 130)
	add(small, y, 60)
	if big.Bytes() != 0 || small.Bytes() <= held {
		t.Errorf("big holds %d bytes, small %d: want the big one to have spilled", big.Bytes(), small.Bytes())
	}
	add(big, x, 10000)
	if big.Rows(x) != 10130 || big.Bytes() <= budget.Limit() {
		t.Errorf("big holds %d rows in %d bytes", big.Rows(x), big.Bytes())
	}
}

func TestFlushCancelled(t *testing.T) {
	table := lsmtest.NewTable(nil)
	files := lsmtest.NewFiles(table, memory.DefaultAllocator, 1<<30, 100)
	b, _, _ := newBuffer(t, table, 1<<30, nil)
	defer b.Close()
	ref := b.Bucket()
	if err := b.Add(context.Background(), ref, table.KV(memory.DefaultAllocator, []lsmtest.Row{{K: "a", Kind: types.Delete}}), nil, 7); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Flush(ctx, ref, files); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if b.Rows(ref) != 1 || len(files.Names()) != 0 {
		t.Fatalf("%d rows, files %v", b.Rows(ref), files.Names())
	}
	res, err := b.Flush(context.Background(), ref, files)
	if got := rowsOf(files, res); err != nil || fmt.Sprint(got) != "[-D a - -  @7]" {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestRemoveSpills(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{lsm.SpillPrefix + "1", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := lsm.RemoveSpills(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != "other" {
		t.Fatalf("left: %v", left)
	}
}

// A dropped bucket gives back what it held, and its place.
func TestDropBucket(t *testing.T) {
	table := lsmtest.NewTable(nil)
	b, budget, _ := newBuffer(t, table, 2000, nil)
	defer b.Close()
	first, second := b.Bucket(), b.Bucket()
	for range 10 {
		kv := table.KV(memory.DefaultAllocator, make([]lsmtest.Row, 10))
		if err := b.Add(context.Background(), second, kv, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Drop(second); err != nil || budget.Used() != 0 {
		t.Fatalf("%v; %d bytes still taken", err, budget.Used())
	}
	if ref := b.Bucket(); ref != second || b.Rows(ref) != 0 || ref == first {
		t.Fatalf("new bucket %d has %d rows", ref, b.Rows(ref))
	}
}
