package paimon_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// prepared writes rows through a writer of their own and gives the messages.
func prepared(t *testing.T, table *paimon.Table, o paimon.WriteOptions, list ...string) []paimon.CommitMessage {
	t.Helper()
	ctx := context.Background()
	w, err := table.NewWriter(ctx, o)
	require.NoError(t, err)
	if len(list) > 0 {
		require.NoError(t, w.Write(ctx, rows(t, table, list...)))
	}
	messages, err := w.Prepare(ctx, true)
	require.NoError(t, err)
	require.NoError(t, w.Close(ctx))
	return messages
}

func kindsOf(t *testing.T, table *paimon.Table) []spec.CommitKind {
	t.Helper()
	snaps, err := table.Snapshots(context.Background())
	require.NoError(t, err)
	var out []spec.CommitKind
	for _, s := range snaps {
		out = append(out, s.CommitKind)
	}
	return out
}

// TestCommitGoesOnAfterAppend commits again what failed between its two
// snapshots: only the second is still to be written.
func TestCommitGoesOnAfterAppend(t *testing.T) {
	ctx := context.Background()
	for _, bucket := range []string{"1", "-1"} {
		_, table := newTable(t, map[string]string{"bucket": bucket, "changelog-producer": "lookup"})
		c := table.NewCommitter("job")
		messages := prepared(t, table, paimon.WriteOptions{}, "+I 1 a", "+I 2 b")
		half := []paimon.CommitMessage{messages[0]}
		half[0].CompactBefore, half[0].CompactAfter, half[0].CompactChangelog = nil, nil, nil
		_, err := c.Commit(ctx, paimon.Commit{Identifier: 1, Messages: half})
		require.NoError(t, err)
		for range 2 {
			snap, err := c.Commit(ctx, paimon.Commit{Identifier: 1, Messages: messages})
			require.NoError(t, err)
			require.Equal(t, spec.CommitCompact, snap.CommitKind)
		}
		require.Equal(t, []spec.CommitKind{spec.CommitAppend, spec.CommitCompact}, kindsOf(t, table))
		require.Equal(t, []string{"1 a", "2 b"}, state(t, table))
	}
}

// TestCommitOfAnotherRun lets another run of the same job commit under the
// same identifier, before and in the midst of a commit: nothing of the second
// may reach the table, and its caller is told by the snapshot.
func TestCommitOfAnotherRun(t *testing.T) {
	ctx := context.Background()
	for _, producer := range []string{"none", "lookup"} { // with and without a snapshot for compaction
		for _, when := range []string{"before", "amid"} {
			t.Run(producer+"/"+when, func(t *testing.T) {
				_, table := newTable(t, map[string]string{"bucket": "1", "changelog-producer": producer, "write-only": "false"})
				first := paimon.Commit{Identifier: 1, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 1 a"), Properties: map[string]string{"run": "first"}}
				if producer == "lookup" { // its run ended between the two snapshots
					first.Messages[0].CompactBefore, first.Messages[0].CompactAfter, first.Messages[0].CompactChangelog = nil, nil, nil
				}
				second := paimon.Commit{Identifier: 1, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 2 b"), Properties: map[string]string{"run": "second"}}
				other := func() {
					_, err := table.NewCommitter("job").Commit(ctx, first)
					require.NoError(t, err)
				}
				now := time.Now
				if when == "before" {
					other()
				} else {
					done := false
					now = func() time.Time {
						if !done {
							done = true
							other()
						}
						return time.Now()
					}
				}
				snap, err := table.CommitterWithClock("job", now).Commit(ctx, second)
				require.NoError(t, err)
				require.Equal(t, "first", snap.Properties["run"])
				require.Equal(t, []spec.CommitKind{spec.CommitAppend}, kindsOf(t, table))
			})
		}
	}
}

// TestOverwriteThatCompacts overwrites tables whose writer compacts in the
// same commit.
func TestOverwriteThatCompacts(t *testing.T) {
	ctx := context.Background()
	for name, options := range map[string]map[string]string{
		"lookup":    {"bucket": "2", "changelog-producer": "lookup"},
		"full":      {"bucket": "1", "changelog-producer": "full-compaction"},
		"first row": {"bucket": "1", "merge-engine": "first-row", "changelog-producer": "lookup"},
		"dynamic":   {"changelog-producer": "lookup"},
	} {
		t.Run(name, func(t *testing.T) {
			_, table := newTable(t, options)
			_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 1 a", "+I 2 b", "+I 3 c")})
			require.NoError(t, err)
			before := len(kindsOf(t, table))
			_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Overwrite: &paimon.Overwrite{},
				Messages: prepared(t, table, paimon.WriteOptions{Overwrite: true}, "+I 2 x", "+I 4 y")})
			require.NoError(t, err)
			require.ElementsMatch(t, []string{"2 x", "4 y"}, state(t, table))
			require.Equal(t, []spec.CommitKind{spec.CommitOverwrite, spec.CommitCompact}, kindsOf(t, table)[before:])
			snaps, err := table.Snapshots(ctx)
			require.NoError(t, err)
			for _, s := range snaps[before:] {
				require.Nil(t, s.ChangelogManifestList, "overwrites tell no changes")
			}
			// The index of dynamic buckets knows the keys that are there now.
			_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 4 z", "+I 5 v")})
			require.NoError(t, err)
			want := []string{"2 x", "4 z", "5 v"}
			if name == "first row" {
				want[1] = "4 y"
			}
			require.ElementsMatch(t, want, state(t, table))
		})
	}
}

// TestOverwriteNothing: without rows, a table without partitions becomes empty
// also where the overwrite would be dynamic.
func TestOverwriteNothing(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1"})
	_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 1 a")})
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Overwrite: &paimon.Overwrite{Dynamic: true}})
	require.NoError(t, err)
	require.Empty(t, state(t, table))
}

// TestOverwritePartition names the partition as a user does, whatever the
// form in its path is, and refuses rows of other partitions.
func TestOverwritePartition(t *testing.T) {
	ctx := context.Background()
	w, _ := newTable(t, nil)
	id := catalog.Identifier{Database: "d", Table: "days"}
	require.NoError(t, w.Catalog().CreateTable(ctx, id, catalog.Definition{
		Fields:        []types.Field{{Name: "dt", Type: types.Of(types.Date)}, {Name: "hh", Type: types.Of(types.Int)}, {Name: "id", Type: types.Of(types.Int)}},
		PartitionKeys: []string{"dt", "hh"}, PrimaryKeys: []string{"dt", "hh", "id"}, Options: map[string]string{"bucket": "1"},
	}))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	write := func(day arrow.Date32, hour, n int32, o *paimon.Overwrite) error {
		b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
		b.Field(0).(*array.Date32Builder).Append(day)
		b.Field(1).(*array.Int32Builder).Append(hour)
		b.Field(2).(*array.Int32Builder).Append(n)
		w, err := table.NewWriter(ctx, paimon.WriteOptions{Overwrite: o != nil})
		require.NoError(t, err)
		defer w.Close(ctx)
		require.NoError(t, w.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
		messages, err := w.Prepare(ctx, true)
		require.NoError(t, err)
		_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: o})
		return err
	}
	count := func() int64 {
		snap, err := table.LatestSnapshot(ctx)
		require.NoError(t, err)
		return snap.TotalRecordCount
	}
	require.NoError(t, write(20089, 3, 1, nil)) // 2025-01-01
	require.NoError(t, write(20090, 3, 2, nil))
	require.NoError(t, write(20089, 3, 3, &paimon.Overwrite{Static: map[string]string{"dt": "2025-01-01"}}))
	require.Equal(t, int64(2), count())
	require.NoError(t, write(20089, 3, 4, &paimon.Overwrite{Static: map[string]string{"dt": "20089", "hh": "03"}}))
	require.Equal(t, int64(2), count())
	err = write(20090, 3, 5, &paimon.Overwrite{Static: map[string]string{"dt": "2025-01-01"}})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "dt=2025-01-02/hh=3")
	require.ErrorIs(t, write(20089, 3, 5, &paimon.Overwrite{Static: map[string]string{"dt": "yesterday"}}), errs.ErrInvalid)
	require.Equal(t, int64(2), count())
}

// TestOverwriteBesideWriter overwrites what a job is writing: the commits decide
// by their order. What the job committed before the overwrite is replaced, also
// where that had begun earlier; what it commits afterwards stays; and a
// compaction of files that the overwrite removed is a conflict that says so.
func TestOverwriteBesideWriter(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2"})
	job, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer job.Close(ctx)
	c := table.NewCommitter("job")
	overwrite := func(messages []paimon.CommitMessage) {
		_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: &paimon.Overwrite{}})
		require.NoError(t, err)
	}
	replacement := prepared(t, table, paimon.WriteOptions{Overwrite: true}, "+I 9 batch")
	commit(t, job, c, 1, rows(t, table, "+I 1 before"))
	overwrite(replacement)
	require.Equal(t, []string{"9 batch"}, state(t, table))
	commit(t, job, c, 2, rows(t, table, "+I 2 after"))
	require.Equal(t, []string{"2 after", "9 batch"}, sorted(state(t, table)))

	// The job's next commit compacts; the overwrite comes between.
	id := int64(3)
	var messages []paimon.CommitMessage
	for ; ; id++ {
		require.Less(t, id, int64(20), "no compaction in so many commits")
		require.NoError(t, job.Write(ctx, rows(t, table, "+I 3 later")))
		messages, err = job.Prepare(ctx, true)
		require.NoError(t, err)
		if len(messages[0].CompactBefore) > 0 {
			break
		}
		_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages})
		require.NoError(t, err)
	}
	overwrite(prepared(t, table, paimon.WriteOptions{Overwrite: true}, "+I 9 again"))
	_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages})
	require.ErrorIs(t, err, errs.ErrConflict)
	require.ErrorContains(t, err, "another job compacted or overwrote it")
	require.Equal(t, []string{"3 later", "9 again"}, sorted(state(t, table)), "the rows are in; only the compaction is not")
}

// TestForceCompact: the commit that calls for a compaction waits for it.
func TestForceCompact(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2", "commit.force-compact": "true"})
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer w.Close(ctx)
	c := table.NewCommitter("job")
	for i := range int64(2) {
		require.NoError(t, w.Write(ctx, rows(t, table, "+I 1 a")))
		messages, err := w.Prepare(ctx, false)
		require.NoError(t, err)
		_, err = c.Commit(ctx, paimon.Commit{Identifier: i + 1, Messages: messages})
		require.NoError(t, err)
	}
	require.Equal(t, []spec.CommitKind{spec.CommitAppend, spec.CommitAppend, spec.CommitCompact}, kindsOf(t, table))
}

// TestLaterWriteWins has a job open for long while others write the same keys:
// of commits one after the other the later wins, also where the job has not
// touched the bucket before.
func TestLaterWriteWins(t *testing.T) {
	ctx := context.Background()
	for _, options := range []map[string]string{{"bucket": "1"}, {"bucket": "3", "write-only": "true"}, {"bucket": "-1", "write-only": "true"}} {
		_, table := newTable(t, options)
		job, err := table.NewWriter(ctx, paimon.WriteOptions{})
		require.NoError(t, err)
		c := table.NewCommitter("job")
		other := func(list ...string) {
			_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, list...)})
			require.NoError(t, err)
		}
		other("+I 1 x", "+I 2 x", "+I 1 y", "+I 1 z", "+I 2 z")
		commit(t, job, c, 1, rows(t, table, "+I 1 a"))
		require.Equal(t, []string{"1 a", "2 z"}, sorted(state(t, table)))
		other("+I 1 x", "+I 2 x", "+I 1 y", "+I 1 z", "+I 2 z")
		require.Equal(t, []string{"1 z", "2 z"}, sorted(state(t, table)))
		commit(t, job, c, 2, rows(t, table, "+I 1 b", "+I 2 b"))
		require.Equal(t, []string{"1 b", "2 b"}, sorted(state(t, table)))
		require.NoError(t, job.Close(ctx))
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestDeleteOfOthersRow has two writers that compact, one after the other: the
// compaction of the one may not drop a delete that hides a row of the other.
func TestDeleteOfOthersRow(t *testing.T) {
	ctx := context.Background()
	for _, first := range []bool{true, false} { // whether the job has opened the bucket before
		_, table := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2"})
		job, err := table.NewWriter(ctx, paimon.WriteOptions{})
		require.NoError(t, err)
		defer job.Close(ctx)
		c := table.NewCommitter("job")
		if first {
			commit(t, job, c, 1, rows(t, table, "+I 9 a"))
		}
		_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: prepared(t, table, paimon.WriteOptions{}, "+I 1 x")})
		require.NoError(t, err)
		for i := range int64(4) {
			commit(t, job, c, i+2, rows(t, table, "-D 1 x", "+I 9 b"))
			require.Equal(t, []string{"9 b"}, state(t, table))
		}
	}
}

// TestCompactBesideWriter compacts a table between the commits of a job that
// compacts too: the job goes on with the files that are there.
func TestCompactBesideWriter(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2"})
	job, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer job.Close(ctx)
	c := table.NewCommitter("job")
	for i := range int64(6) {
		commit(t, job, c, i+1, rows(t, table, fmt.Sprintf("+I 1 v%d", i), fmt.Sprintf("+I %d w", i+10)))
		_, err := table.Compact(ctx, paimon.CompactOptions{Full: true})
		require.NoError(t, err)
		require.Len(t, state(t, table), int(i)+2)
	}
	require.Equal(t, "1 v5", sorted(state(t, table))[0])
}

// TestCommitBase: a commit that follows from a snapshot conflicts when rows
// have come or gone since, and not when the table was compacted only.
func TestCommitBase(t *testing.T) {
	ctx := context.Background()
	_, table := newTable(t, map[string]string{"bucket": "1", "write-only": "true"})
	commit := func(user string, id int64, base *paimon.Base, row string) (*spec.Snapshot, error) {
		return table.NewCommitter(user).Commit(ctx, paimon.Commit{Identifier: id, Base: base, Messages: prepared(t, table, paimon.WriteOptions{}, row)})
	}
	empty := &paimon.Base{}
	one, err := commit("a", 1, empty, "+I 1 a")
	require.NoError(t, err)
	_, err = commit("b", 1, empty, "+I 2 b")
	require.ErrorIs(t, err, errs.ErrConflict)
	require.ErrorContains(t, err, "another job (a)")

	_, err = table.Compact(ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	two, err := commit("b", 1, &paimon.Base{Snapshot: one}, "+I 2 b")
	require.NoError(t, err, "only compacted since")
	again, err := commit("b", 1, &paimon.Base{Snapshot: one}, "+I 2 b")
	require.NoError(t, err, "the same commit again is recognised")
	require.Equal(t, two.ID, again.ID)
	_, err = commit("a", 2, &paimon.Base{Snapshot: one}, "+I 3 c")
	require.ErrorIs(t, err, errs.ErrConflict)

	other := *two
	id := "another one"
	other.UUID = &id
	_, err = commit("a", 2, &paimon.Base{Snapshot: &other}, "+I 3 c")
	require.ErrorContains(t, err, "is gone: the table was rolled back")
	other.ID += 5
	_, err = commit("a", 2, &paimon.Base{Snapshot: &other}, "+I 3 c")
	require.ErrorContains(t, err, "is gone: the table was rolled back")
	_, err = commit("a", 2, &paimon.Base{Snapshot: two}, "+I 3 c")
	require.NoError(t, err)
}
