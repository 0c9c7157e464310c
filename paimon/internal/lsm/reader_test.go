package lsm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/lsm/lsmtest"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// store writes one file of rows with the keys from..to by step.
func store(t testing.TB, files *lsmtest.Files, level, from, to, step int, kind types.RowKind) spec.DataFileMeta {
	var rows []lsmtest.Row
	for i := from; i < to; i += step {
		v := int64(i)
		rows = append(rows, lsmtest.Row{K: fmt.Sprintf("key-%06d", i), V: &v, S: "s", Kind: kind, Seq: int64(1000 - 10*level)})
	}
	w := files.NewWriter(context.Background(), level, spec.SourceAppend)
	kv := files.Table.KV(files.Mem, rows)
	defer kv.Release()
	if err := w.Write(kv); err != nil {
		t.Fatal(err)
	}
	out, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

type refuse struct{}

func (refuse) Merge(*merge.Window, *merge.Result) error { return errors.New("called") }

// Rows without overlap never reach the engine.
func TestReadWithoutMerge(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	files := lsmtest.NewFiles(lsmtest.NewTable(nil), mem, 1<<30, 1000)
	metas := []spec.DataFileMeta{
		store(t, files, 5, 0, 5000, 1, types.Insert), store(t, files, 4, 5000, 9000, 1, types.Insert),
		store(t, files, 0, 9000, 9999, 1, types.Delete),
	}
	for _, drop := range []bool{false, true} {
		o := lsm.ReadOptions{KeyOf: lsmtest.KeyOf, NewEngine: func() merge.Engine { return refuse{} }, DropDeletes: drop, Alloc: mem, BatchRows: 1000}
		want := 9999
		if drop {
			want = 9000
		}
		if n := count(t, files, metas, o); n != want {
			t.Errorf("drop=%v: %d rows, want %d", drop, n, want)
		}
	}
}

func count(t testing.TB, files lsm.Files, metas []spec.DataFileMeta, o lsm.ReadOptions) int {
	r, err := lsm.NewReader(context.Background(), files, metas, o)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += b.Len()
		b.Release()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// A run that is far ahead is passed on in slices, one row apart is merged.
func TestReadProjected(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := lsmtest.NewTable(nil)
	files := lsmtest.NewFiles(table, mem, 1<<30, 500)
	metas := []spec.DataFileMeta{
		store(t, files, 5, 0, 20000, 1, types.Insert), store(t, files, 0, 3, 20000, 7000, types.UpdateAfter),
		store(t, files, 4, 10000, 12000, 2, types.Delete),
	}
	r, err := lsm.NewReader(context.Background(), files, metas, lsm.ReadOptions{
		KeyOf: lsmtest.KeyOf, NewEngine: table.NewEngine, DropDeletes: true, Alloc: mem, Columns: []int{2}, Keys: true, BatchRows: 400})
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows.NumCols() != 1 || b.Rows.ColumnName(0) != "v" || b.Keys.Len() != b.Len() {
			t.Fatalf("schema %v, %d keys", b.Rows.Schema(), b.Keys.Len())
		}
		for i, v := range b.Rows.Column(0).(*array.Int64).Int64Values() {
			for next >= 10000 && next < 12000 && next%2 == 0 {
				next++
			}
			if v != next || string(b.Keys.At(i)) != fmt.Sprintf("key-%06d", v) {
				t.Fatalf("row %d with key %s, want %d", v, b.Keys.At(i), next)
			}
			next++
		}
		b.Release()
	}
	if err := r.Close(); err != nil || next != 20000 {
		t.Fatalf("%v, %d rows", err, next)
	}
}

// Closing early gives back memory and goroutines; errors come through.
func TestReadStopsEarly(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := lsmtest.NewTable(nil)
	files := lsmtest.NewFiles(table, mem, 1<<30, 10)
	var metas []spec.DataFileMeta
	for i := range 10 {
		metas = append(metas, store(t, files, 0, 100*i, 100*i+95, 2, types.Insert), store(t, files, 1, 100*i+1, 100*i+98, 3, types.Insert))
	}
	o := lsm.ReadOptions{KeyOf: lsmtest.KeyOf, NewEngine: table.NewEngine, Alloc: mem, BatchRows: 5, Readahead: 2}
	before := runtime.NumGoroutine()
	for _, o.Parallelism = range []int{1, 3} {
		for n := range 60 {
			r, err := lsm.NewReader(context.Background(), files, metas, o)
			if err != nil {
				t.Fatal(err)
			}
			if n%2 == 1 {
				files.FailAfter(n * 3)
			}
			for range n {
				b, err := r.Next()
				if err != nil {
					if !errors.Is(err, lsmtest.ErrInjected) {
						t.Fatal(err)
					}
					break
				}
				b.Release()
			}
			files.FailAfter(0)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d goroutines, before there were %d", runtime.NumGoroutine(), before)
}
