package paimon_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// planned gives how many files a read with a condition looks at.
func planned(t *testing.T, table *paimon.Table, column string, op predicate.Op, literal string) int {
	t.Helper()
	typ := table.Fields()[slices.IndexFunc(table.Fields(), func(f types.Field) bool { return f.Name == column })].Type
	snap, err := table.Travel(context.Background())
	require.NoError(t, err)
	p, err := table.Plan(context.Background(), snap, leaf(t, column, typ, op, literal))
	require.NoError(t, err)
	files := 0
	for i := range p.Splits {
		files += len(p.Splits[i].Files)
	}
	return files
}

// TestSkipAfterChange skips files of an older schema by their statistics: of
// columns under another name, in a type that holds all old values in the same
// order, and of columns that the files lack. Where a change of type may
// change the order or the values, nothing is skipped.
func TestSkipAfterChange(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, nil)
	id := catalog.Identifier{Database: "d", Table: "log"}
	var d catalog.Definition
	for _, c := range []string{"a INT", "b DECIMAL(5,2)", "c VARCHAR(4)", "e INT", "gone INT"} {
		d.Fields = append(d.Fields, fieldOf(t, c))
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, id, d))
	open := func() *paimon.Table {
		table, err := w.Table(ctx, id, nil)
		require.NoError(t, err)
		return table
	}
	for i := range 4 {
		n := strconv.Itoa(i)
		require.NoError(t, writeLines(t, open(), "+I "+n+" "+n+".50 x"+n+" 38"+n+" "+n))
	}
	change := func(c ...catalog.SchemaChange) { require.NoError(t, w.Catalog().AlterTable(ctx, id, c)) }
	path := func(name string) []string { return []string{name} }
	change(catalog.UpdateColumnType{Path: path("a"), Type: types.Of(types.BigInt)}, catalog.UpdateColumnType{Path: path("b"), Type: types.DecimalOf(20, 4)},
		catalog.UpdateColumnType{Path: path("c"), Type: types.String()}, catalog.UpdateColumnType{Path: path("e"), Type: types.Of(types.TinyInt)},
		catalog.RenameColumn{Path: path("a"), NewName: "z"}, catalog.DropColumn{Path: path("gone")},
		catalog.AddColumn{Path: path("a"), Type: types.Of(types.Int), Move: &catalog.Move{Place: catalog.First}},
		catalog.UpdateColumnPosition{Move: catalog.Move{Column: "c", Place: catalog.Before, Reference: "z"}})
	table := open()
	for _, c := range []struct {
		column  string
		op      predicate.Op
		literal string
		files   int
	}{
		{"z", predicate.Eq, "2", 1}, {"z", predicate.Lt, "2", 2}, {"z", predicate.Gt, "9999999999", 0},
		{"b", predicate.Ge, "2.5000", 2}, {"b", predicate.Gt, "2.5001", 1}, {"c", predicate.Eq, "x3", 1}, {"c", predicate.StartsWith, "x", 4},
		{"e", predicate.Eq, "127", 4}, // 383 became 127
		{"a", predicate.Eq, "1", 0}, {"a", predicate.IsNotNull, "", 0}, {"a", predicate.IsNull, "", 4},
	} {
		require.Equal(t, c.files, planned(t, table, c.column, c.op, c.literal), "%s %d %s", c.column, c.op, c.literal)
	}
	// The same for the file made after it: it has the new columns.
	require.NoError(t, writeLines(t, table, "+I 7 y 5 5.5 5"))
	require.Equal(t, 1, planned(t, table, "a", predicate.Eq, "7"))
	change(catalog.UpdateColumnType{Path: path("z"), Type: types.String()})
	require.Equal(t, 5, planned(t, open(), "z", predicate.Gt, "9"), "numbers order otherwise than their texts")
}

func fieldOf(t *testing.T, text string) types.Field {
	name, typ, _ := strings.Cut(text, " ")
	return types.Field{Name: name, Type: parseType(t, typ)}
}

// TestWriterMeetsNewSchema: a writer that goes on after ALTER TABLE writes in the
// schema that it was opened with, as Paimon's do, until it would rewrite
// files that have columns which it does not know.
func TestWriterMeetsNewSchema(t *testing.T) {
	ctx := context.Background()
	w, old := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "3"})
	job, err := old.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer job.Close(ctx)
	c := old.NewCommitter("job")
	commit(t, job, c, 1, rows(t, old, "+I 1 a"))
	require.NoError(t, w.Catalog().AlterTable(ctx, users, []catalog.SchemaChange{
		catalog.RenameColumn{Path: []string{"name"}, NewName: "called"}, catalog.AddColumn{Path: []string{"n"}, Type: types.Of(types.Int), Move: &catalog.Move{Place: catalog.First}}}))
	commit(t, job, c, 2, rows(t, old, "+I 2 b"))
	now, err := w.Table(ctx, users, map[string]string{"write-only": "true"})
	require.NoError(t, err)
	require.Equal(t, []string{"(null) 1 a", "(null) 2 b"}, state(t, now))
	newest, err := now.LatestSnapshot(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, newest.SchemaID, "a snapshot shows the newest schema, whoever makes it")
	require.NoError(t, writeLines(t, now, "+I 7 3 c"))
	require.NoError(t, job.Write(ctx, rows(t, old, "+I 4 d")))
	_, err = job.Prepare(ctx, true)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "open the table again (start the job again)")
	require.Equal(t, []string{"(null) 1 a", "(null) 2 b", "7 3 c"}, state(t, now))
}
