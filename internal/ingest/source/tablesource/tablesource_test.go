package tablesource

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

var users = catalog.Identifier{Database: "d", Table: "users"}

// updated makes d.users with n rows, all of which a second commit updates: its
// changelog is n pairs, in batches that end anywhere.
func updated(t *testing.T, n int) *paimon.Warehouse {
	t.Helper()
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(t, w.Catalog().CreateTable(ctx, users, catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "v", Type: types.Of(types.Int)}},
		PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "2", "changelog-producer": "lookup"},
	}))
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer writer.Close(ctx)
	c := table.NewCommitter("job")
	for v := range 2 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
		for id := range n {
			if v > 0 || id > 0 { // the first key is new in the second commit: pairs lie across even rows
				b.Field(0).(*array.Int32Builder).Append(int32(id))
				b.Field(1).(*array.Int32Builder).Append(int32(v))
			}
		}
		require.NoError(t, writer.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
		messages, err := writer.Prepare(ctx, true)
		require.NoError(t, err)
		_, err = c.Commit(ctx, paimon.Commit{Identifier: int64(v + 1), Messages: messages})
		require.NoError(t, err)
	}
	return w
}

// read opens a source and calls use for each batch until it says stop.
func read(t *testing.T, w *paimon.Warehouse, hint map[string]string, from change.Position, use func(change.Batch) bool) {
	t.Helper()
	ctx := context.Background()
	table, err := w.Table(ctx, users, hint)
	require.NoError(t, err)
	r, err := New(table, nil).Open(ctx, from)
	require.NoError(t, err)
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		require.NoError(t, err)
		more := use(b)
		b.Release()
		if !more {
			return
		}
	}
}

func lines(b change.Batch) []string {
	var out []string
	for i := range change.Batch(b).Kinds {
		out = append(out, fmt.Sprint(b.Kind(i), b.Rows.Column(0).ValueStr(i), "=", b.Rows.Column(1).ValueStr(i)))
	}
	if b.Kinds == nil && b.Rows != nil {
		for i := range int(b.Rows.NumRows()) {
			out = append(out, b.Rows.Column(0).ValueStr(i))
		}
	}
	return out
}

// TestResume reads a state and the changes after it once in one go and once
// stopping after every batch: the rows are the same, and no update is torn.
func TestResume(t *testing.T) {
	const n = 20_000
	w := updated(t, n)
	hint := map[string]string{"scan.mode": "from-snapshot-full", "scan.snapshot-id": "2"}
	last := fmt.Sprintf(`{"next":%d}`, 5) // two commits of two snapshots
	var whole []string
	batches := 0
	read(t, w, hint, "", func(b change.Batch) bool {
		whole = append(whole, lines(b)...)
		batches++
		if len(b.Kinds) > 0 {
			require.NotEqual(t, types.UpdateBefore, b.Kinds[len(b.Kinds)-1], "batch %d ends within an update", batches)
		}
		return string(b.Position) != last
	})
	require.Greater(t, batches, 6)
	require.Len(t, whole, n-1+2*n-1)
	var parts []string
	var from change.Position
	for string(from) != last {
		read(t, w, hint, from, func(b change.Batch) bool {
			parts = append(parts, lines(b)...)
			from = b.Position
			return rand.IntN(2) == 0 && string(from) != last
		})
	}
	require.Equal(t, strings.Join(whole, " "), strings.Join(parts, " "))
}

// TestPositionBehindTheEnd goes on from a position of a table that held more.
func TestPositionBehindTheEnd(t *testing.T) {
	ctx := context.Background()
	w := updated(t, 10)
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	r, err := New(table, nil).Open(ctx, `{"next":4,"skip":1000}`)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next(ctx)
	require.True(t, errors.Is(err, errs.ErrCorrupt), "%v", err)
}

// TestSchemaChanges: a source that is open when the table's columns change goes
// on in those that it was opened with, as Paimon's does: by field, whatever
// its name, place and type are now, with NULL for what is gone. Opened again at
// the same position it has the new ones.
func TestSchemaChanges(t *testing.T) {
	ctx := context.Background()
	w := updated(t, 3)
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	r, err := New(table, nil).Open(ctx, "")
	require.NoError(t, err)
	defer r.Close()
	b, err := r.Next(ctx) // the state
	require.NoError(t, err)
	b.Release()
	for b.Position == "" || b.Rows != nil {
		b, err = r.Next(ctx)
		require.NoError(t, err)
	}
	from := b.Position
	insert := func(rows string) {
		now, err := w.Table(ctx, users, nil)
		require.NoError(t, err)
		writer, err := now.NewWriter(ctx, paimon.WriteOptions{})
		require.NoError(t, err)
		defer writer.Close(ctx)
		batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, types.ArrowSchema(now.Fields()), strings.NewReader(rows))
		require.NoError(t, err)
		require.NoError(t, writer.Write(ctx, paimon.Batch{Rows: batch}))
		messages, err := writer.Prepare(ctx, true)
		require.NoError(t, err)
		_, err = now.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
		require.NoError(t, err)
	}
	rows := func(r source.Reader) (out []string) {
		for {
			b, err := r.Next(ctx)
			require.NoError(t, err)
			if b.Rows == nil {
				if len(out) > 0 {
					return out
				}
				continue
			}
			for i := range int(b.Rows.NumRows()) {
				words := []string{b.Kind(i).String()}
				for _, c := range b.Rows.Columns() {
					words = append(words, c.ValueStr(i))
				}
				out = append(out, strings.Join(words, " "))
			}
			b.Release()
		}
	}
	path := []string{"v"}
	require.NoError(t, w.Catalog().AlterTable(ctx, users, []catalog.SchemaChange{catalog.UpdateColumnType{Path: path, Type: types.Of(types.BigInt)},
		catalog.RenameColumn{Path: path, NewName: "amount"}, catalog.AddColumn{Path: path, Type: types.String(), Move: &catalog.Move{Place: catalog.First}}}))
	insert(`[{"v": "new", "id": 9, "amount": 7}]`)
	require.Equal(t, []string{"+I 9 7"}, rows(r))
	require.NoError(t, w.Catalog().AlterTable(ctx, users, []catalog.SchemaChange{catalog.DropColumn{Path: []string{"amount"}}}))
	insert(`[{"v": "x", "id": 8}]`)
	require.Equal(t, []string{"+I 8 (null)"}, rows(r))

	table, err = table.Reopen(ctx)
	require.NoError(t, err)
	again, err := New(table, nil).Open(ctx, from)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, []string{"+I new 9"}, rows(again))
}
