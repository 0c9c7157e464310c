package paimon_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

var items = catalog.Identifier{Database: "d", Table: "items"}

var itemFields = []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "name", Type: types.String()}, {Name: "cat", Type: types.String()},
	{Name: "amount", Type: types.Of(types.BigInt)}, {Name: "price", Type: types.Of(types.Int)}}

var itemIndexes = map[string]string{"file-index.bloom-filter.columns": "name", "file-index.bloom-filter.name.items": "300", "file-index.bitmap.columns": "cat",
	"file-index.bsi.columns": "amount", "file-index.range-bitmap.columns": "price,name"}

// indexedTable makes a table d.items; commits are made of random rows in groups
// that differ from file to file.
func indexedTable(t *testing.T, rnd *rand.Rand, keys []string, options map[string]string, commits int) (*paimon.Warehouse, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := fileio.NewLocal(dir)
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
	ctx := context.Background()
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(t, w.Catalog().CreateTable(ctx, items, catalog.Definition{Fields: itemFields, PrimaryKeys: keys, Options: options}))
	for c := range commits {
		writeItems(t, w, rnd, c, len(keys) > 0)
	}
	return w, dir
}

func writeItems(t *testing.T, w *paimon.Warehouse, rnd *rand.Rand, c int, keyed bool) {
	t.Helper()
	ctx := context.Background()
	table, err := w.Table(ctx, items, nil)
	require.NoError(t, err)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	var kinds []types.RowKind
	for i := range 60 {
		null := func(at int, add func()) {
			if rnd.IntN(8) == 0 {
				b.Field(at).AppendNull()
			} else {
				add()
			}
		}
		id := 60*c + i
		if keyed {
			id = rnd.IntN(150)
		}
		b.Field(0).(*array.Int32Builder).Append(int32(id))
		null(1, func() { b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("n%d", rnd.IntN(400))) })
		null(2, func() { b.Field(2).(*array.StringBuilder).Append(string(rune('a' + (c+rnd.IntN(3))%8))) })
		null(3, func() { b.Field(3).(*array.Int64Builder).Append(int64(rnd.IntN(300) - 100*c)) })
		null(4, func() { b.Field(4).(*array.Int32Builder).Append(int32(rnd.IntN(40) + 10*(c%4))) })
		kind := types.Insert
		if keyed && rnd.IntN(6) == 0 {
			kind = types.Delete
		}
		kinds = append(kinds, kind)
	}
	wr, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, wr.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}))
	messages, err := wr.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: int64(c + 1), Messages: messages})
	require.NoError(t, err)
	require.NoError(t, wr.Close(ctx))
}

func randomFilter(t *testing.T, rnd *rand.Rand) predicate.Filter {
	leaf := func() predicate.Leaf {
		f := itemFields[1+rnd.IntN(4)]
		value := func() string {
			switch f.Name {
			case "name":
				return fmt.Sprintf("n%d", rnd.IntN(400))
			case "cat":
				return string(rune('a' + rnd.IntN(9)))
			case "amount":
				return fmt.Sprint(rnd.IntN(600) - 300)
			}
			return fmt.Sprint(rnd.IntN(80))
		}
		ops := []predicate.Op{predicate.Eq, predicate.Eq, predicate.Lt, predicate.Le, predicate.Gt, predicate.Ge, predicate.In, predicate.IsNull, predicate.IsNotNull, predicate.Ne, predicate.NotIn, predicate.StartsWith}
		op := ops[rnd.IntN(len(ops))]
		values := []string{value()}
		if op == predicate.In || op == predicate.NotIn {
			values = append(values, value())
		}
		l, err := predicate.New(f.Name, f.Type, op, values...)
		if op == predicate.StartsWith && f.Type.Root != types.Varchar {
			require.ErrorIs(t, err, errs.ErrUnsupported)
			return predicate.Leaf{Column: f.Name, Op: predicate.IsNull}
		}
		require.NoError(t, err)
		return l
	}
	out := predicate.Filter{leaf()}
	if rnd.IntN(3) == 0 {
		out = append(out, leaf())
	}
	if rnd.IntN(3) == 0 {
		out = append(out, predicate.AnyOf(predicate.Filter{leaf()}, predicate.Filter{leaf(), leaf()}))
	}
	return out
}

// matching gives the rows of a plan that satisfy the filter, sorted, and the
// numbers of its files and of the rows read.
func matching(t *testing.T, table *paimon.Table, f predicate.Filter) (out []string, files, read int) {
	t.Helper()
	ctx := context.Background()
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	p, err := table.Plan(ctx, snap, f)
	require.NoError(t, err)
	for _, s := range p.Splits {
		files += len(s.Files)
	}
	r := p.Read(ctx, p.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			slices.Sort(out)
			return out, files, read
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			read++
			holds := f.MayMatch(func(column string) (types.Type, predicate.Range, bool) { // exact: bounds of one row
				at := table.Schema().Index(column)
				v := array.NewSlice(b.Rows.Column(at), int64(i), int64(i+1))
				return table.Fields()[at].Type, predicate.Range{Min: v, Max: v, Rows: 1, NullCount: int64(v.NullN())}, true
			})
			if holds {
				var cells []string
				for _, c := range b.Rows.Columns() {
					cells = append(cells, c.ValueStr(i))
				}
				out = append(out, strings.Join(cells, "|"))
			}
		}
		b.Rows.Release()
	}
}

// TestFileIndexesOnlySkip: with indexes and without, a filter finds the same
// rows; with them, fewer files and rows are read.
func TestFileIndexesOnlySkip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 7))
	for name, c := range map[string]struct {
		keys    []string
		options map[string]string
	}{
		"append embedded": {nil, map[string]string{"bucket": "-1", "file-index.in-manifest-threshold": "1 mb"}},
		"append beside":   {nil, map[string]string{"bucket": "2", "bucket-key": "id", "file-index.in-manifest-threshold": "1 b"}},
		"deduplicate":     {[]string{"id"}, map[string]string{"bucket": "3", "write-only": "true"}},
		"compacted":       {[]string{"id"}, map[string]string{"bucket": "2", "full-compaction.delta-commits": "1"}},
		"partial-update":  {[]string{"id"}, map[string]string{"bucket": "3", "merge-engine": "partial-update", "ignore-delete": "true"}},
		"first-row":       {[]string{"id"}, map[string]string{"bucket": "2", "merge-engine": "first-row", "ignore-delete": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := map[string]string{}
			for _, m := range []map[string]string{itemIndexes, c.options} {
				for k, v := range m {
					o[k] = v
				}
			}
			w, _ := indexedTable(t, rnd, c.keys, o, 6)
			ctx := context.Background()
			with, err := w.Table(ctx, items, nil)
			require.NoError(t, err)
			without, err := w.Table(ctx, items, map[string]string{"file-index.read.enabled": "false"})
			require.NoError(t, err)
			fewerFiles, fewerRows := 0, 0
			for range 60 {
				f := randomFilter(t, rnd)
				got, files, read := matching(t, with, f)
				want, allFiles, allRead := matching(t, without, f)
				require.Equal(t, want, got, "seed %d filter %v", seed, f)
				require.LessOrEqual(t, files, allFiles)
				require.LessOrEqual(t, read, allRead)
				if files < allFiles {
					fewerFiles++
				}
				if read < allRead {
					fewerRows++
				}
			}
			t.Logf("of 60 filters %d read fewer files, %d fewer rows", fewerFiles, fewerRows)
			if c.keys == nil {
				require.Positive(t, fewerFiles, "seed %d", seed)
			}
			if name != "partial-update" {
				require.Positive(t, fewerRows, "seed %d", seed)
			}
		})
	}
}

// TestDamagedFileIndex: a damaged index is an error that names it.
func TestDamagedFileIndex(t *testing.T) {
	o := map[string]string{"bucket": "-1", "file-index.in-manifest-threshold": "1 b", "file-index.bitmap.columns": "cat"}
	w, dir := indexedTable(t, rand.New(rand.NewPCG(1, 2)), nil, o, 1)
	bucket := dir + "/d.db/items/bucket-0/"
	list, err := os.ReadDir(bucket)
	require.NoError(t, err)
	name := ""
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".index") {
			name = e.Name()
		}
	}
	require.NotEmpty(t, name)
	raw, err := os.ReadFile(bucket + name)
	require.NoError(t, err)
	ctx := context.Background()
	l, err := predicate.New("cat", types.String(), predicate.Eq, "a")
	require.NoError(t, err)
	for _, damaged := range [][]byte{raw[:20], {}, append([]byte{1}, raw[1:]...), raw[:len(raw)-40]} {
		require.NoError(t, os.WriteFile(bucket+name, damaged, 0o644))
		table, err := w.Table(ctx, items, nil)
		require.NoError(t, err)
		snap, err := table.Travel(ctx)
		require.NoError(t, err)
		_, err = table.Plan(ctx, snap, predicate.Filter{l})
		require.ErrorIs(t, err, errs.ErrCorrupt)
		require.ErrorContains(t, err, name)
	}
}

// TestRewriteFileIndex: files that were written without indexes get them, again
// and again; expiry takes the old ones away and leaves the data.
func TestRewriteFileIndex(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 9))
	for name, keys := range map[string][]string{"append": nil, "keyed": {"id"}} {
		t.Run(name, func(t *testing.T) {
			w, dir := indexedTable(t, rnd, keys, map[string]string{"bucket": "1", "write-only": "true", "bucket-key": "id"}, 3)
			ctx := context.Background()
			plain, err := w.Table(ctx, items, nil)
			require.NoError(t, err)
			snap, err := plain.RewriteFileIndex(ctx)
			require.NoError(t, err)
			require.Nil(t, snap, "no index is asked for")
			o := map[string]string{"file-index.in-manifest-threshold": "1 b"}
			for k, v := range itemIndexes {
				o[k] = v
			}
			want, _, _ := matching(t, plain, nil)
			for round := range 3 {
				table, err := w.Table(ctx, items, o)
				require.NoError(t, err)
				snap, err = table.RewriteFileIndex(ctx)
				require.NoError(t, err)
				require.Equal(t, "COMPACT", string(snap.CommitKind))
				_, err = table.Expire(ctx, paimon.ExpireOptions{RetainMin: 1, RetainMax: 1})
				require.NoError(t, err)
				table, err = w.Table(ctx, items, o)
				require.NoError(t, err)
				all, _, _ := matching(t, table, nil)
				require.Equal(t, want, all)
				for range 20 {
					f := randomFilter(t, rnd)
					got, _, _ := matching(t, table, f)
					without, err := w.Table(ctx, items, map[string]string{"file-index.read.enabled": "false"})
					require.NoError(t, err)
					want, _, _ := matching(t, without, f)
					require.Equal(t, want, got, "seed %d", seed)
				}
				suffix := ".parquet.index"
				if round > 0 {
					suffix = fmt.Sprintf(".parquet-%d.index", round)
				}
				list, err := os.ReadDir(dir + "/d.db/items/bucket-0/")
				require.NoError(t, err)
				var indexes []string
				for _, e := range list {
					if strings.HasSuffix(e.Name(), ".index") {
						indexes = append(indexes, e.Name())
						require.True(t, strings.HasSuffix(e.Name(), suffix), "%s: want %s", e.Name(), suffix)
					}
				}
				require.Len(t, indexes, 3)
			}
		})
	}
}
