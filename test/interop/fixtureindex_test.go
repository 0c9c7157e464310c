package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// fixtureTables opens the tables of the fixtures.
func fixtureTables(t *testing.T) (*paimon.Warehouse, string, []catalog.Identifier) {
	root := filepath.Join(unpack(t), "warehouse")
	store, err := fileio.NewLocal(root)
	require.NoError(t, err)
	dirs, err := filepath.Glob(filepath.Join(root, "*.db", "*"))
	require.NoError(t, err)
	var out []catalog.Identifier
	for _, d := range dirs {
		db := strings.TrimSuffix(filepath.Base(filepath.Dir(d)), ".db")
		out = append(out, catalog.Identifier{Database: db, Table: filepath.Base(d)})
	}
	return paimon.Open(store, paimon.Options{SpillDir: t.TempDir()}), root, out
}

func readPlan(t *testing.T, table *paimon.Table, f predicate.Filter) (batches []arrow.RecordBatch, files int) {
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
			return batches, files
		}
		require.NoError(t, err)
		batches = append(batches, b.Rows)
	}
}

func cells(b arrow.RecordBatch, row int) string {
	var out []string
	for _, c := range b.Columns() {
		out = append(out, c.ValueStr(row))
	}
	return strings.Join(out, "|")
}

// TestFixtureLookups: every row of every keyed table that Java wrote is found by
// its key, and is the row that a read gives.
func TestFixtureLookups(t *testing.T) {
	w, _, ids := fixtureTables(t)
	ctx := context.Background()
	looked, rows := 0, 0
	for _, id := range ids {
		table, err := w.Table(ctx, id, nil)
		require.NoError(t, err, id)
		if len(table.Schema().PrimaryKeys) == 0 {
			continue
		}
		l, err := table.NewLookup(ctx, paimon.LookupOptions{})
		if errors.Is(err, errs.ErrUnsupported) {
			require.Regexp(t, "lacks partition columns|scan.fallback-branch", err.Error(), id)
			continue
		}
		require.NoError(t, err, id)
		looked++
		all, _ := readPlan(t, table, nil)
		for _, b := range all {
			var fields []arrow.Field
			var cols []arrow.Array
			for _, k := range table.Schema().PrimaryKeys {
				at := table.Schema().Index(k)
				fields, cols = append(fields, b.Schema().Field(at)), append(cols, b.Column(at))
			}
			got, at, err := l.Get(ctx, array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows()))
			require.NoError(t, err, id)
			for i := range at {
				require.GreaterOrEqual(t, at[i], int32(0), "%s: row %d: %s", id, i, cells(b, i))
				require.Equal(t, cells(b, i), cells(got, int(at[i])), id)
				rows++
			}
			got.Release()
		}
		require.NoError(t, l.Close())
	}
	t.Logf("%d rows of %d tables looked up", rows, looked)
	require.Greater(t, looked, 80)
	require.Greater(t, rows, 500)
}

// TestFixtureIndexes: filters find the same rows with the indexes that Java made
// as without them, in fewer files; and indexes made anew have Java's bytes.
func TestFixtureIndexes(t *testing.T) {
	w, root, ids := fixtureTables(t)
	ctx := context.Background()
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 1))
	for _, id := range ids {
		if id.Database != "index" {
			continue
		}
		t.Run(id.Table, func(t *testing.T) {
			table, err := w.Table(ctx, id, nil)
			require.NoError(t, err)
			without, err := w.Table(ctx, id, map[string]string{"file-index.read.enabled": "false"})
			require.NoError(t, err)
			all, _ := readPlan(t, table, nil)
			require.NotEmpty(t, all)
			fewer := 0
			for range 200 {
				f := fixtureFilter(t, rnd, table, all)
				want, allFiles := readPlan(t, without, f)
				got, files := readPlan(t, table, f)
				require.Equal(t, holding(t, table, f, want), holding(t, table, f, got), "seed %d: %v", seed, f)
				if files < allFiles {
					fewer++
				}
			}
			t.Logf("%d of 200 filters read fewer files", fewer)
			if id.Table != "dv_bitmap" {
				require.Positive(t, fewer, "seed %d", seed)
			}
			old := liveFiles(t, table)
			if _, err := table.RewriteFileIndex(ctx); errors.Is(err, errs.ErrUnsupported) {
				require.Equal(t, "dv_bitmap", id.Table, "%v", err)
				return
			} else {
				require.NoError(t, err)
			}
			compared := 0
			for name, f := range liveFiles(t, table) {
				require.Equal(t, indexBytes(t, root, id, old[name]), indexBytes(t, root, id, f), name)
				compared++
			}
			require.Positive(t, compared)
		})
	}
}

// fixtureFilter makes a condition of values that the table has, or nearly.
func fixtureFilter(t *testing.T, rnd *rand.Rand, table *paimon.Table, all []arrow.RecordBatch) predicate.Filter {
	at := rnd.IntN(len(table.Fields()))
	f := table.Fields()[at]
	value := func() string {
		b := all[rnd.IntN(len(all))]
		v := b.Column(at).ValueStr(rnd.IntN(int(b.NumRows())))
		if v == array.NullValueStr || rnd.IntN(4) == 0 {
			if f.Type.Root == types.Varchar {
				return fmt.Sprintf("no such %d", rnd.IntN(9))
			}
			return fmt.Sprint(rnd.IntN(10_000))
		}
		return v
	}
	ops := []predicate.Op{predicate.Eq, predicate.Eq, predicate.Lt, predicate.Ge, predicate.In, predicate.IsNull, predicate.Ne, predicate.NotIn}
	l, err := predicate.New(f.Name, f.Type, ops[rnd.IntN(len(ops))], value(), value())
	if err == nil && l.Op != predicate.In && l.Op != predicate.NotIn && l.Op != predicate.IsNull {
		l, err = predicate.New(f.Name, f.Type, l.Op, value())
	}
	require.NoError(t, err)
	return predicate.Filter{l}
}

func holding(t *testing.T, table *paimon.Table, f predicate.Filter, all []arrow.RecordBatch) map[string]int {
	out := map[string]int{}
	for _, b := range all {
		for i := range int(b.NumRows()) {
			if f.MayMatch(func(column string) (types.Type, predicate.Range, bool) {
				at := table.Schema().Index(column)
				v := array.NewSlice(b.Column(at), int64(i), int64(i+1))
				return table.Fields()[at].Type, predicate.Range{Min: v, Max: v, Rows: 1, NullCount: int64(v.NullN())}, true
			}) {
				out[cells(b, i)]++
			}
		}
	}
	return out
}

func liveFiles(t *testing.T, table *paimon.Table) map[string]spec.DataFileMeta {
	ctx := context.Background()
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	p, err := table.PlanFiles(ctx, snap, nil)
	require.NoError(t, err)
	out := map[string]spec.DataFileMeta{}
	for _, s := range p.Splits {
		for _, f := range s.Files {
			out[f.FileName] = f
		}
	}
	return out
}

func indexBytes(t *testing.T, root string, id catalog.Identifier, f spec.DataFileMeta) []byte {
	if f.EmbeddedIndex != nil {
		return f.EmbeddedIndex
	}
	require.Len(t, f.ExtraFiles, 1, f.FileName)
	found, err := filepath.Glob(filepath.Join(root, id.Database+".db", id.Table, "bucket-*", f.ExtraFiles[0]))
	require.NoError(t, err)
	require.Len(t, found, 1, f.FileName)
	raw, err := os.ReadFile(found[0])
	require.NoError(t, err)
	return raw
}
