package paimon_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// changeKinds are the tables without a primary key of which rows are changed.
var changeKinds = map[string]map[string]string{
	"rewritten":          {"bucket": "-1"},
	"rewritten, buckets": {"bucket": "2", "bucket-key": "k"},
	"vectors":            {"bucket": "-1", "deletion-vectors.enabled": "true", "deletion-vector.index-file.target-size": "40 b"},
	"vectors, 64 bits":   {"bucket": "-1", "deletion-vectors.enabled": "true", "deletion-vectors.bitmap64": "true"},
	"vectors, buckets":   {"bucket": "2", "bucket-key": "k", "deletion-vectors.enabled": "true"},
}

// appendTable makes d.users (k INT, p INT, v STRING) without a key.
func changeTable(t *testing.T, w *paimon.Warehouse, options map[string]string, parts ...string) *paimon.Table {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(t, w.Catalog().CreateTable(ctx, users, catalog.Definition{
		Fields:        []types.Field{{Name: "k", Type: types.Of(types.Int)}, {Name: "p", Type: types.Of(types.Int)}, {Name: "v", Type: types.String()}},
		PartitionKeys: parts, Options: options,
	}))
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	return table
}

// appendRow is one row (k, p, v).
type appendRow struct {
	k, p int32
	v    string
}

func appendBatch(table *paimon.Table, rows []appendRow) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	for _, r := range rows {
		b.Field(0).(*array.Int32Builder).Append(r.k)
		b.Field(1).(*array.Int32Builder).Append(r.p)
		b.Field(2).(*array.StringBuilder).Append(r.v)
	}
	return b.NewRecordBatch()
}

func appendRows(t *testing.T, table *paimon.Table, rows ...appendRow) {
	t.Helper()
	ctx := context.Background()
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer w.Close(ctx)
	require.NoError(t, w.Write(ctx, paimon.Batch{Rows: appendBatch(table, rows)}))
	messages, err := w.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(t, err)
}

func texts(rows []appendRow) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		out = append(out, fmt.Sprintf("[%d %d %s]", r.k, r.p, r.v))
	}
	slices.Sort(out)
	return out
}

// louder is an UPDATE … SET v = v || '!'.
func louder(table *paimon.Table) func(arrow.RecordBatch) (arrow.RecordBatch, error) {
	return func(b arrow.RecordBatch) (arrow.RecordBatch, error) {
		var rows []appendRow
		for i := range int(b.NumRows()) {
			rows = append(rows, appendRow{b.Column(0).(*array.Int32).Value(i), b.Column(1).(*array.Int32).Value(i), b.Column(2).ValueStr(i) + "!"})
		}
		return appendBatch(table, rows), nil
	}
}

// TestRowsOfAppendTablesChange inserts, deletes, updates and compacts at
// random, against a list of rows.
func TestRowsOfAppendTablesChange(t *testing.T) {
	seed := seedOf(t)
	ctx := context.Background()
	for name, options := range changeKinds {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, uint64(len(name))))
			w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
			table := changeTable(t, w, options, [][]string{nil, {"p"}}[r.IntN(2)]...)
			var rows []appendRow
			type version struct {
				id   int64
				rows []string
			}
			var versions []version
			next := 0
			for step := range 40 {
				k := r.Int32N(20)
				where := leaf(t, "k", types.Of(types.Int), pickOp(r), strconv.Itoa(int(k)))
				hit := func(a appendRow) bool { return holds(where[0].Op, a.k, k) }
				switch op := r.IntN(10); {
				case op < 4 || len(rows) == 0:
					var more []appendRow
					for range 1 + r.IntN(30) {
						next++
						more = append(more, appendRow{r.Int32N(20), r.Int32N(3), "v" + strconv.Itoa(next)})
					}
					appendRows(t, table, more...)
					rows = append(rows, more...)
				case op < 7:
					before := len(rows)
					rows = slices.DeleteFunc(rows, hit)
					out, err := table.DeleteWhere(ctx, where)
					require.NoError(t, err)
					require.EqualValues(t, before-len(rows), out.Rows)
					require.Equal(t, before == len(rows), out.Snapshot == nil)
					if s := out.Snapshot; s != nil {
						require.Equal(t, spec.CommitOverwrite, s.CommitKind)
						require.Equal(t, "DELETE", *s.Operation)
						if table.Options().DeletionVectors.Enabled {
							require.Zero(t, s.DeltaRecordCount, "files stay")
						} else {
							require.EqualValues(t, len(rows)-before, s.DeltaRecordCount)
						}
					}
				case op < 8:
					n := int64(0)
					for i := range rows {
						if hit(rows[i]) {
							rows[i].v += "!"
							n++
						}
					}
					got, s, err := table.UpdateWhere(ctx, where, louder(table))
					require.NoError(t, err)
					require.Equal(t, n, got)
					if n > 0 {
						require.Equal(t, "UPDATE", *s.Operation)
					}
				default:
					_, err := table.Compact(ctx, paimon.CompactOptions{Full: r.IntN(2) == 0})
					require.NoError(t, err)
				}
				require.Equal(t, texts(rows), numbers(t, table), "step %d", step)
				snap, err := table.LatestSnapshot(ctx)
				require.NoError(t, err)
				versions = append(versions, version{snap.ID, texts(rows)})
			}
			for _, v := range versions {
				old, err := w.Table(ctx, users, map[string]string{"scan.snapshot-id": strconv.FormatInt(v.id, 10)})
				require.NoError(t, err)
				snap, err := old.Travel(ctx)
				require.NoError(t, err)
				p, err := old.Plan(ctx, snap, nil)
				require.NoError(t, err)
				require.Equal(t, v.rows, readSorted(t, p.Read(ctx, p.Splits, nil)), "snapshot %d", v.id)
			}
			_, err := table.Expire(ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)})
			require.NoError(t, err)
			require.Equal(t, texts(rows), numbers(t, table), "after expiry")
			found, err := table.RemoveOrphans(ctx, time.Now().Add(time.Hour), true)
			require.NoError(t, err)
			require.Empty(t, found.Paths, "nothing is left of what has gone")
		})
	}
}

func readSorted(t *testing.T, r *paimon.Reader) []string {
	t.Helper()
	defer r.Close()
	out := []string{}
	for {
		b, err := r.Next()
		if err != nil {
			slices.Sort(out)
			return out
		}
		for i := range int(b.Rows.NumRows()) {
			var row []string
			for _, c := range b.Rows.Columns() {
				row = append(row, c.ValueStr(i))
			}
			out = append(out, fmt.Sprint(row))
		}
		b.Rows.Release()
	}
}

func pickOp(r *rand.Rand) predicate.Op {
	return []predicate.Op{predicate.Eq, predicate.Lt, predicate.Ge, predicate.Ne}[max(0, r.IntN(12)-8)]
}

func holds(op predicate.Op, a, b int32) bool {
	switch op {
	case predicate.Eq:
		return a == b
	case predicate.Lt:
		return a < b
	case predicate.Ge:
		return a >= b
	}
	return a != b
}

// TestRowChangesConflict lets two jobs change the same file.
func TestRowChangesConflict(t *testing.T) {
	ctx := context.Background()
	for name, options := range changeKinds {
		t.Run(name, func(t *testing.T) {
			w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
			changeTable(t, w, options)
			table, err := w.Table(ctx, users, map[string]string{"write-only": "true"})
			require.NoError(t, err)
			for k := range int32(6) {
				appendRows(t, table, appendRow{1, 0, fmt.Sprint("a", k)}, appendRow{1, 0, fmt.Sprint("b", k)})
			}
			// first changes the first rows of files, second the second ones.
			change := func(row uint64) *paimon.RowChange {
				c, err := table.NewRowChange(ctx)
				require.NoError(t, err)
				p, err := c.Plan(ctx, nil)
				require.NoError(t, err)
				for i := range p.Splits {
					for _, f := range p.Splits[i].Files {
						require.NoError(t, c.Delete(&p.Splits[i], f.FileName, row))
					}
				}
				return c
			}
			first, second := change(0), change(1)
			compaction, err := table.PrepareCompact(ctx)
			require.NoError(t, err)
			require.NotEmpty(t, compaction)
			_, err = first.Commit(ctx, "DELETE")
			require.NoError(t, err)
			require.NoError(t, first.Close(ctx))
			_, err = second.Commit(ctx, "DELETE")
			require.ErrorIs(t, err, errs.ErrConflict, "of the same files")
			require.NoError(t, second.Close(ctx))
			_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: 1, Messages: compaction})
			require.ErrorIs(t, err, errs.ErrConflict, "deleted rows would come back")
			table.Abort(ctx, compaction)
			require.Len(t, numbers(t, table), 6)

			third := change(0)
			appendRows(t, table, appendRow{2, 0, "c"})
			_, err = third.Commit(ctx, "DELETE")
			require.NoError(t, err, "another file does not matter")
			if table.Options().DeletionVectors.Enabled {
				require.Len(t, numbers(t, table), 7, "the rows were deleted already")
			} else {
				require.Len(t, numbers(t, table), 6, "all that stayed was in one file")
			}
			require.NoError(t, third.Close(ctx))

			for i := range 6 {
				appendRows(t, table, appendRow{3, 0, fmt.Sprint("d", i)})
			}
			fourth := change(0)
			snap, err := table.Compact(ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			require.NotNil(t, snap)
			before := numbers(t, table)
			_, err = fourth.Commit(ctx, "DELETE")
			require.ErrorIs(t, err, errs.ErrConflict, "the files are gone")
			require.Equal(t, before, numbers(t, table))
			require.NoError(t, fourth.Close(ctx))
			orphans, err := table.RemoveOrphans(ctx, time.Now().Add(time.Hour), true)
			require.NoError(t, err)
			require.Empty(t, orphans.Paths)
		})
	}
}

// TestRowsAreDeletedBesideAJob deletes rows of files that a job compacts while
// it writes.
func TestRowsAreDeletedBesideAJob(t *testing.T) {
	ctx := context.Background()
	for name, options := range changeKinds {
		t.Run(name, func(t *testing.T) {
			w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
			changeTable(t, w, options)
			table, err := w.Table(ctx, users, map[string]string{"compaction.min.file-num": "2"})
			require.NoError(t, err)
			c := table.NewCommitter("job")
			var want []appendRow
			open := func() *paimon.Writer {
				job, err := table.NewWriter(ctx, paimon.WriteOptions{})
				require.NoError(t, err)
				return job
			}
			job := open()
			lost := 0
			for id := int64(1); id <= 25; id++ {
				rows := []appendRow{{int32(id % 4), 0, fmt.Sprint("a", id)}, {int32(id%4) + 1, 0, fmt.Sprint("b", id)}}
				require.NoError(t, job.Write(ctx, paimon.Batch{Rows: appendBatch(table, rows)}))
				messages, err := job.Prepare(ctx, id == 25)
				if err == nil && id%5 == 0 { // after the writer has looked
					_, derr := table.DeleteWhere(ctx, leaf(t, "k", types.Of(types.Int), predicate.Eq, fmt.Sprint(id%4)))
					require.NoError(t, derr)
					want = slices.DeleteFunc(want, func(r appendRow) bool { return r.k == int32(id%4) })
				}
				if err == nil {
					_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages})
				}
				if err != nil { // as jobs do
					require.ErrorIs(t, err, errs.ErrConflict)
					require.NoError(t, job.Close(ctx))
					job = open()
					last, lerr := c.Last(ctx)
					require.NoError(t, lerr)
					if last == nil || last.CommitIdentifier < id {
						rows = nil
					}
					lost++
				}
				want = append(want, rows...)
				require.Equal(t, texts(want), numbers(t, table), "commit %d", id)
			}
			require.NoError(t, job.Close(ctx))
			snaps, err := table.Snapshots(ctx)
			require.NoError(t, err)
			compacted := slices.ContainsFunc(snaps, func(s *spec.Snapshot) bool { return s.CommitKind == spec.CommitCompact })
			require.True(t, compacted)
			t.Logf("%d commits conflicted", lost)
		})
	}
}
