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
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// alter writes the next schema, as another engine's ALTER TABLE does.
func alter(t *testing.T, w *paimon.Warehouse, table *paimon.Table, change func(*spec.TableSchema)) *paimon.Table {
	t.Helper()
	ctx := context.Background()
	s := table.Schema().Clone()
	s.ID++
	change(s)
	data, err := s.JSON()
	require.NoError(t, err)
	require.NoError(t, w.Store().PutIfAbsent(ctx, w.Catalog().Path(table.ID())+"/schema/schema-1", data))
	again, err := table.Reopen(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(1), again.Schema().ID)
	return again
}

// TestCompactAfterNewColumn compacts through a handle that is older than the
// files: no value of a column that it does not know may be lost.
func TestCompactAfterNewColumn(t *testing.T) {
	ctx := context.Background()
	w, old := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2"})
	writer, err := old.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer writer.Close(ctx)
	c := old.NewCommitter("job")
	commit(t, writer, c, 1, rows(t, old, "+I 1 a"))
	table := alter(t, w, old, func(s *spec.TableSchema) {
		s.Fields = append(s.Fields, types.Field{ID: 2, Name: "n", Type: types.Of(types.Int)})
		s.HighestFieldID = 2
	})
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	b.Field(0).(*array.Int32Builder).Append(2)
	b.Field(1).(*array.StringBuilder).Append("b")
	b.Field(2).(*array.Int32Builder).Append(7)
	newer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, newer.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
	messages, err := newer.Prepare(ctx, false)
	require.NoError(t, err)
	require.NoError(t, newer.Close(ctx))
	messages[0].CompactBefore, messages[0].CompactAfter = nil, nil
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(t, err)

	late, err := old.NewWriter(ctx, paimon.WriteOptions{}) // sees the file with the new column
	require.NoError(t, err)
	require.NoError(t, late.Write(ctx, rows(t, old, "+I 3 c")))
	_, err = late.Prepare(ctx, true)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "open the table again")
	require.NoError(t, late.Close(ctx))

	_, err = old.Compact(ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	p, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := p.Read(ctx, p.Splits, []int{0, 2})
	require.Equal(t, []string{"1 (null)", "2 7"}, drain(t, r, false))
}

// TestTravelToOtherType filters a snapshot in which the column had another
// type: the filter's literals say nothing of its statistics.
func TestTravelToOtherType(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, nil)
	id := catalog.Identifier{Database: "d", Table: "log"}
	require.NoError(t, w.Catalog().CreateTable(ctx, id, catalog.Definition{
		Fields: []types.Field{{Name: "v", Type: types.Of(types.Int)}, {Name: "s", Type: types.String()}}}))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 5 a")})
	require.NoError(t, err)
	alter(t, w, table, func(s *spec.TableSchema) { s.Fields[0].Type = types.Of(types.BigInt) })
	back, err := w.Table(ctx, id, map[string]string{"scan.snapshot-id": "1"})
	require.NoError(t, err)
	for _, op := range []predicate.Op{predicate.Eq, predicate.Le, predicate.Ge} {
		l, err := predicate.New("v", back.Fields()[0].Type, op, "5")
		require.NoError(t, err)
		snap, err := back.Travel(ctx)
		require.NoError(t, err)
		p, err := back.Plan(ctx, snap, predicate.Filter{l})
		require.NoError(t, err)
		require.Equal(t, []string{"5 a"}, drain(t, p.Read(ctx, p.Splits, nil), false), "operator %d", op)
	}
}

// TestBatchInsertsThatCompact commits two batch jobs that compacted the same
// files. The second keeps its rows and leaves out its compaction: an error
// would make the user run it again.
func TestBatchInsertsThatCompact(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1", "changelog-producer": "lookup"})
	first := prepared(t, table, paimon.WriteOptions{}, "+I 1 a", "+I 2 a")
	second := prepared(t, table, paimon.WriteOptions{}, "+I 2 b", "+I 3 b")
	for _, m := range [][]paimon.CommitMessage{first, second} {
		_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: m})
		require.NoError(t, err)
	}
	require.Equal(t, []spec.CommitKind{spec.CommitAppend, spec.CommitCompact, spec.CommitAppend}, kindsOf(t, table))
	require.Len(t, state(t, table), 3)
	_, err := table.Compact(ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	require.Len(t, state(t, table), 3)
}

// TestReadsThatWouldBeOthers: options that ask for other rows than Tarn would
// give are refused, and those that a stream cannot start with.
func TestReadsThatWouldBeOthers(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, map[string]string{"bucket": "1"})
	for _, o := range [][2]string{{"scan.bucket", "1"}, {"scan.partitions", "max_pt()"}} {
		table, err := w.Table(ctx, users, map[string]string{o[0]: o[1]})
		require.NoError(t, err)
		_, err = table.Travel(ctx)
		require.ErrorIs(t, err, errs.ErrUnsupported, o)
		require.ErrorContains(t, err, o[0])
		_, err = table.Stream(0)
		require.ErrorIs(t, err, errs.ErrUnsupported, o)
	}
	for _, o := range [][2]string{{"incremental-between", "1,2"}, {"scan.tag-name", "a"}, {"scan.watermark", "1"}, {"scan.version", "1"}, {"scan.mode", "from-snapshot"}} {
		table, err := w.Table(ctx, users, map[string]string{o[0]: o[1]})
		require.NoError(t, err)
		_, err = table.Stream(0)
		require.ErrorIs(t, err, errs.ErrInvalid, o)
	}
}

// TestResumedFullKeepsHints resumes the first, full piece of a stream; the
// hints of the stream hold for what follows it.
func TestResumedFullKeepsHints(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, map[string]string{"bucket": "1"})
	table, err := w.Table(ctx, users, map[string]string{"streaming-read-overwrite": "true"})
	require.NoError(t, err)
	for i, o := range []*paimon.Overwrite{nil, {}} {
		_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Overwrite: o,
			Messages: prepared(t, table, paimon.WriteOptions{Overwrite: o != nil}, "+I 1 "+string(rune('a'+i)))})
		require.NoError(t, err)
	}
	s, err := table.StreamFull(1)
	require.NoError(t, err)
	defer s.Close()
	for _, want := range [][]string{{"1 a"}, {"1 a", "1 b"}} { // what the overwrite took away, and what it wrote
		p, err := s.TryNext(ctx)
		require.NoError(t, err)
		require.NotNil(t, p)
		r, err := p.Read(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, want, drain(t, r, false))
	}
}

// TestNotNull finds the NULL that may not be behind one that may.
func TestNotNull(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, nil)
	id := catalog.Identifier{Database: "d", Table: "strict"}
	require.NoError(t, w.Catalog().CreateTable(ctx, id, catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "s", Type: types.String().NotNull()}},
		PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1"}}))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	b.Field(0).(*array.Int32Builder).AppendValues([]int32{1, 2}, nil)
	b.Field(1).AppendNull()
	b.Field(1).AppendNull()
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer writer.Close(ctx)
	err = writer.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch(), Kinds: []types.RowKind{types.Delete, types.Insert}})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "row 1")
}
