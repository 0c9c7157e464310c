package paimon_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

var users = catalog.Identifier{Database: "d", Table: "users"}

// newTable makes a table d.users (id INT primary key, name STRING) with options.
func newTable(t *testing.T, options map[string]string) (*paimon.Warehouse, *paimon.Table) {
	t.Helper()
	store, err := fileio.NewLocal(t.TempDir())
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
	ctx := context.Background()
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(t, w.Catalog().CreateTable(ctx, users, catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "name", Type: types.String()}},
		PrimaryKeys: []string{"id"}, Options: options,
	}))
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	return w, table
}

// rows makes a batch of "kind id name" rows.
func rows(t *testing.T, table *paimon.Table, list ...string) paimon.Batch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	var kinds []types.RowKind
	for _, r := range list {
		var kind, name string
		var id int32
		_, err := fmt.Sscan(r, &kind, &id, &name)
		require.NoError(t, err)
		k, err := types.ParseRowKind(kind)
		require.NoError(t, err)
		kinds = append(kinds, k)
		b.Field(0).(*array.Int32Builder).Append(id)
		b.Field(1).(*array.StringBuilder).Append(name)
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}
}

func commit(t *testing.T, w *paimon.Writer, c *paimon.Committer, id int64, b paimon.Batch) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, w.Write(ctx, b))
	messages, err := w.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages, Properties: map[string]string{"at": fmt.Sprint(id)}})
	require.NoError(t, err)
}

func drain(t *testing.T, r *paimon.Reader, kinds bool) []string {
	t.Helper()
	defer r.Close()
	var out []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			var words []string
			for _, c := range b.Rows.Columns() {
				words = append(words, c.ValueStr(i))
			}
			s := strings.Join(words, " ")
			if kinds {
				s = b.Kind(i).String() + " " + s
			}
			out = append(out, s)
		}
		b.Rows.Release()
	}
}

func state(t *testing.T, table *paimon.Table) []string {
	t.Helper()
	ctx := context.Background()
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	p, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	return drain(t, p.Read(ctx, p.Splits, nil), false)
}

func TestWriteReadStream(t *testing.T) {
	for _, producer := range []string{"input", "lookup"} {
		for _, bucket := range []string{"1", "-1"} {
			t.Run(producer+"/"+bucket, func(t *testing.T) {
				ctx := context.Background()
				_, table := newTable(t, map[string]string{"bucket": bucket, "changelog-producer": producer})
				w, err := table.NewWriter(ctx, paimon.WriteOptions{})
				require.NoError(t, err)
				c := table.NewCommitter("job")
				commit(t, w, c, 1, rows(t, table, "+I 2 b", "+I 1 a", "+I 3 c"))
				commit(t, w, c, 2, rows(t, table, "-U 1 a", "+U 1 aa", "-D 3 c"))
				require.NoError(t, w.Close(ctx))
				require.Equal(t, []string{"1 aa", "2 b"}, state(t, table))

				last, err := c.Last(ctx)
				require.NoError(t, err)
				require.Equal(t, "2", last.Properties["at"])

				s, err := table.Stream(1)
				require.NoError(t, err)
				defer s.Close()
				var changes []string
				for {
					p, err := s.TryNext(ctx)
					require.NoError(t, err)
					if p == nil {
						break
					}
					r, err := p.Read(ctx, nil)
					require.NoError(t, err)
					changes = append(changes, drain(t, r, true)...)
				}
				require.Equal(t, []string{"+I 1 a", "+I 2 b", "+I 3 c", "-U 1 a", "+U 1 aa", "-D 3 c"}, changes)
			})
		}
	}
}

func TestWriteOnlyThenCompact(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "2", "write-only": "true", "changelog-producer": "lookup"})
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	c := table.NewCommitter("job")
	for i := int64(1); i <= 5; i++ {
		commit(t, w, c, i, rows(t, table, fmt.Sprintf("+I %d x%d", i%3, i), fmt.Sprintf("+I %d y", i+10)))
	}
	want := state(t, table)
	require.Len(t, want, 8)
	snap, err := table.Compact(ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	require.NotNil(t, snap.ChangelogManifestList)
	require.ElementsMatch(t, want, state(t, table))
	commit(t, w, c, 6, rows(t, table, "-D 1 gone"))
	require.Len(t, state(t, table), 7)
	snap, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	require.Equal(t, int64(7), snap.TotalRecordCount)
	require.NoError(t, w.Close(ctx))
}
