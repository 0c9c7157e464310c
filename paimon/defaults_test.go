package paimon_test

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// TestDefaults: a default stands where NULL was written; NOT NULL wants a value
// all the same, as in Paimon. A writer that was open before the ALTER goes on
// with the schema it knows.
func TestDefaults(t *testing.T) {
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	id := catalog.Identifier{Database: "d", Table: "t"}
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	five := "5"
	require.NoError(t, w.Catalog().CreateTable(ctx, id, catalog.Definition{PrimaryKeys: []string{"k"}, Options: map[string]string{"bucket": "1"}, Fields: []types.Field{
		{Name: "k", Type: types.Of(types.Int)}, {Name: "n", Type: types.Of(types.Int), Default: &five}, {Name: "m", Type: types.Of(types.Int).NotNull(), Default: &five}}}))
	write := func(w *paimon.Writer, fields []types.Field, null ...int) error {
		b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
		defer b.Release()
		for i := range fields {
			if len(null) > 0 && null[0] == i {
				b.Field(i).AppendNull()
				null = null[1:]
			} else {
				b.Field(i).(*array.Int32Builder).Append(1)
			}
		}
		return w.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()})
	}
	old, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	open, err := old.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, write(open, old.Fields(), 2), errs.ErrInvalid)
	require.NoError(t, write(open, old.Fields(), 1))

	seven := "7"
	require.NoError(t, w.Catalog().AlterTable(ctx, id, []catalog.SchemaChange{
		catalog.UpdateColumnDefaultValue{Path: []string{"n"}, Default: &seven},
		catalog.AddColumn{Path: []string{"x"}, Type: types.Of(types.Int)},
		catalog.RenameColumn{Path: []string{"n"}, NewName: "nn"},
		catalog.UpdateColumnType{Path: []string{"nn"}, Type: types.Of(types.BigInt)}}))
	messages, err := open.Prepare(ctx, true)
	require.NoError(t, err)
	snap, err := old.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(t, err)
	require.NoError(t, open.Close(ctx))
	require.Equal(t, int64(1), snap.SchemaID, "a snapshot names the newest schema")
	require.Zero(t, messages[0].NewFiles[0].SchemaID, "a file that of its writer")

	now, err := old.Reopen(ctx)
	require.NoError(t, err)
	plan, err := now.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	b, err := r.Next()
	require.NoError(t, err)
	defer b.Rows.Release()
	require.Equal(t, "nn", b.Rows.ColumnName(1))
	require.Equal(t, int64(5), b.Rows.Column(1).(*array.Int64).Value(0), "the default of then, in the type of now")
	require.True(t, b.Rows.Column(3).IsNull(0))
}
