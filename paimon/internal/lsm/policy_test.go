package lsm_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/lsm/lsmtest"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Of versions above level 0 the one on the lowest level stands for all. It
// passes untouched only where it is the only one: else the engine's logic runs
// on it, which here leaves out the column of a sequence group without sequence.
func TestLookupPolicyFoldsWhatIsLeft(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := lsmtest.NewTable(map[string]string{"merge-engine": "partial-update", "fields.ts.sequence-group": "v"})
	files := lsmtest.NewFiles(table, mem, 1<<30, 1000)
	one, two := int64(1), int64(2)
	metas := []spec.DataFileMeta{
		write(t, files, 2, lsmtest.Row{Kind: types.Delete, K: "b", V: &one, S: "old", Seq: 1}),
		write(t, files, 1, lsmtest.Row{K: "a", V: &two, S: "new", Seq: 2}, lsmtest.Row{K: "b", V: &two, S: "new", Seq: 3}, lsmtest.Row{K: "c", V: &two, S: "new", Seq: 4}),
	}
	r, err := lsm.NewReader(context.Background(), files, metas, lsm.ReadOptions{
		KeyOf: lsmtest.KeyOf, NewEngine: table.NewEngine, Policy: lsm.MergeLookup, DropDeletes: true, Alloc: mem})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range lsmtest.Rows(b) {
			got = append(got, row.Values())
		}
		b.Release()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		lsmtest.Row{K: "a", V: &two, S: "new"}.Values(), lsmtest.Row{K: "b", S: "new"}.Values(), lsmtest.Row{K: "c", V: &two, S: "new"}.Values(),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// write writes one file.
func write(t *testing.T, files *lsmtest.Files, level int, rows ...lsmtest.Row) spec.DataFileMeta {
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
