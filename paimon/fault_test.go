package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
	"github.com/tarndb/tarn/paimon/types"
)

// counterTable is d.counters (id INT primary key, total BIGINT summed): a row
// applied twice, or not at all, shows in its total.
func counterTable(t *testing.T, store fileio.Store, options map[string]string) *paimon.Warehouse {
	t.Helper()
	ctx := context.Background()
	w := paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	d := catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "name", Type: types.String()}},
		PrimaryKeys: []string{"id"}, Options: map[string]string{"merge-engine": "aggregation", "fields.name.aggregate-function": "listagg"},
	}
	maps.Copy(d.Options, options)
	require.NoError(t, w.Catalog().CreateTable(ctx, users, d))
	return w
}

// applyCommits is a job: it goes on after its last commit and appends the
// commit's number to the list of every key it touches.
func applyCommits(ctx context.Context, t *testing.T, w *paimon.Warehouse, upTo int64) error {
	table, err := w.Table(ctx, users, nil)
	if err != nil {
		return err
	}
	c := table.NewCommitter("job")
	last, err := c.Last(ctx)
	if err != nil {
		return err
	}
	next := int64(1)
	if last != nil {
		next = last.CommitIdentifier + 1
	}
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	if err != nil {
		return err
	}
	defer writer.Close(ctx)
	for ; next <= upTo; next++ {
		if err := writer.Write(ctx, rows(t, table, fmt.Sprintf("+I %d %d", next%3, next), fmt.Sprintf("+I %d %d", 10, next))); err != nil {
			return err
		}
		messages, err := writer.Prepare(ctx, true)
		if err != nil {
			return err
		}
		if _, err := c.Commit(ctx, paimon.Commit{Identifier: next, Messages: messages}); err != nil {
			return err
		}
	}
	return nil
}

// writeFaults are the ways in which a write can fail.
var writeFaults = map[faultio.Mode]string{faultio.Fail: "error", faultio.LostReply: "lost reply", faultio.Crash: "crash", faultio.Torn: "torn file", faultio.TornCrash: "crash in the middle of a file"}

// applied is the table after so many commits of applyCommits.
func applied(commits int64) []string {
	lists := map[int64][]string{}
	for n := int64(1); n <= commits; n++ {
		for _, key := range []int64{n % 3, 10} {
			lists[key] = append(lists[key], fmt.Sprint(n))
		}
	}
	var out []string
	for key, list := range lists {
		out = append(out, fmt.Sprint(key, " ", strings.Join(list, ",")))
	}
	slices.Sort(out)
	return out
}

// TestFaultAtEveryWrite fails each write request of a job's life once, in each
// way, lets the job start again, and wants every commit applied exactly once.
func TestFaultAtEveryWrite(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		commits int64
		options map[string]string
	}{
		"fixed":         {7, map[string]string{"bucket": "2"}},
		"dynamic":       {7, map[string]string{"num-sorted-run.compaction-trigger": "2"}},
		"lookup":        {4, map[string]string{"bucket": "1", "changelog-producer": "lookup"}}, // compacts at every commit
		"vectors":       {4, map[string]string{"bucket": "1", "deletion-vectors.enabled": "true"}},
		"small commits": {6, map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2", "manifest.merge-min-count": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			commits, options, want := c.commits, c.options, applied(c.commits)
			probe := faultio.New(fileio.NewMem(), faultio.Fail, 0)
			require.NoError(t, applyCommits(ctx, t, counterTable(t, probe, options), commits))
			for mode, label := range writeFaults {
				for at := int64(3); at <= probe.Writes(); at++ { // after the catalog's two
					mem := fileio.NewMem()
					faulty := faultio.New(mem, mode, at)
					w := counterTable(t, faulty, options)
					for try := 0; ; try++ {
						err := applyCommits(ctx, t, w, commits)
						if err == nil {
							break
						}
						require.Less(t, try, 5, "%s at write %d: %v", label, at, err)
						require.True(t, errors.Is(err, faultio.ErrInjected) || errors.Is(err, errs.ErrConflict), "%s at write %d: %v", label, at, err)
						faulty.Heal()
						w = paimon.Open(faulty, paimon.Options{})
					}
					table, err := paimon.Open(mem, paimon.Options{}).Table(ctx, users, nil)
					require.NoError(t, err)
					showLevel0(t, table)
					got := state(t, table)
					slices.Sort(got)
					require.Equal(t, want, got, "%s at write %d", label, at)
				}
			}
		})
	}
}

// showLevel0 compacts tables whose level 0 is invisible: the compaction of the
// last commit may have been lost.
func showLevel0(t *testing.T, table *paimon.Table) {
	t.Helper()
	if o := table.Options(); o.SkipsLevel0() {
		_, err := table.Compact(context.Background(), paimon.CompactOptions{})
		require.NoError(t, err)
	}
}

// TestRacingWriters lets writers of a write-only table race with a compactor;
// every row must arrive once.
func TestRacingWriters(t *testing.T) {
	t.Run("merged", func(t *testing.T) { raceWriters(t, map[string]string{"bucket": "1", "write-only": "true"}) })
	t.Run("vectors", func(t *testing.T) {
		raceWriters(t, map[string]string{"bucket": "1", "write-only": "true", "deletion-vectors.enabled": "true"})
	})
}

func raceWriters(t *testing.T, options map[string]string) {
	ctx := context.Background()
	store, err := fileio.NewLocal(t.TempDir())
	require.NoError(t, err)
	w := counterTable(t, store, options)
	const writers, each = 4, 8
	done := make(chan error, writers)
	for i := range writers {
		go func() {
			done <- func() error {
				table, err := paimon.Open(store, paimon.Options{}).Table(ctx, users, nil)
				if err != nil {
					return err
				}
				writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
				if err != nil {
					return err
				}
				defer writer.Close(ctx)
				c := table.NewCommitter(fmt.Sprintf("job-%d", i))
				for n := int64(1); n <= each; n++ {
					if err := writer.Write(ctx, rows(t, table, fmt.Sprintf("+I %d %d", i, n))); err != nil {
						return err
					}
					messages, err := writer.Prepare(ctx, true)
					if err != nil {
						return err
					}
					if _, err := c.Commit(ctx, paimon.Commit{Identifier: n, Messages: messages}); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	table, err := w.Table(ctx, users, nil)
	require.NoError(t, err)
	for left := writers; left > 0; {
		select {
		case err := <-done:
			require.NoError(t, err)
			left--
		default:
			_, err := table.Compact(ctx, paimon.CompactOptions{})
			require.True(t, err == nil || errors.Is(err, errs.ErrConflict), "%v", err)
		}
	}
	showLevel0(t, table)
	got := state(t, table)
	slices.Sort(got)
	require.Equal(t, []string{"0 1,2,3,4,5,6,7,8", "1 1,2,3,4,5,6,7,8", "2 1,2,3,4,5,6,7,8", "3 1,2,3,4,5,6,7,8"}, got)
	snaps, err := table.Snapshots(ctx)
	require.NoError(t, err)
	appends := 0
	for _, s := range snaps {
		if s.CommitKind == "APPEND" {
			appends++
		}
	}
	require.Equal(t, writers*each, appends)
}

// TestFaultAtEveryRead fails each read request of a job's life once; the job
// starts again and goes on.
func TestFaultAtEveryRead(t *testing.T) {
	options := map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2", "manifest.merge-min-count": "2", "changelog-producer": "lookup"}
	t.Run("lookup", func(t *testing.T) { faultAtEveryRead(t, options) })
	vectors := maps.Clone(options)
	vectors["deletion-vectors.enabled"], vectors["changelog-producer"] = "true", "none"
	t.Run("vectors", func(t *testing.T) { faultAtEveryRead(t, vectors) })
}

func faultAtEveryRead(t *testing.T, options map[string]string) {
	const commits = 4
	want := []string{"0 3", "1 1,4", "10 1,2,3,4", "2 2"}
	ctx := context.Background()
	probe := faultio.New(fileio.NewMem(), faultio.Fail, 0)
	require.NoError(t, applyCommits(ctx, t, counterTable(t, probe, options), commits))
	for at := int64(2); at <= probe.Reads(); at++ {
		mem := fileio.NewMem()
		w := counterTable(t, mem, options)
		faulty := faultio.New(mem, faultio.FailRead, at)
		err := applyCommits(ctx, t, paimon.Open(faulty, paimon.Options{}), commits)
		if err != nil {
			require.True(t, errors.Is(err, faultio.ErrInjected) || errors.Is(err, errs.ErrConflict), "read %d: %v", at, err)
		}
		require.NoError(t, applyCommits(ctx, t, w, commits), "read %d", at)
		table, err := paimon.Open(mem, paimon.Options{}).Table(ctx, users, nil)
		require.NoError(t, err)
		showLevel0(t, table)
		got := state(t, table)
		slices.Sort(got)
		require.Equal(t, want, got, "read %d", at)
	}
	t.Logf("%d reads failed, one at a time", probe.Reads()-1)
}

// TestSlowLists lets others commit, compact and expire between the moment that
// a listing looks and the moment that it answers.
func TestSlowLists(t *testing.T) {
	ctx := context.Background()
	options := map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2", "write-only": "true"}
	work := func(w *paimon.Warehouse) error {
		if err := applyCommits(ctx, t, w, 4); err != nil {
			return err
		}
		table, err := w.Table(ctx, users, nil)
		if err != nil {
			return err
		}
		if _, err := table.Compact(ctx, paimon.CompactOptions{Full: true}); err != nil && !errors.Is(err, errs.ErrConflict) {
			return err
		}
		if _, err := table.Expire(ctx, paimon.ExpireOptions{RetainMax: 2, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)}); err != nil {
			return err
		}
		_, err = table.RemoveOrphans(ctx, time.Now().Add(-time.Hour), false)
		return err
	}
	probe := faultio.New(fileio.NewMem(), faultio.Fail, 0)
	require.NoError(t, work(counterTable(t, probe, options)))
	for at := int64(1); at <= probe.Lists(); at++ {
		mem := fileio.NewMem()
		counterTable(t, mem, options)
		others := paimon.Open(mem, paimon.Options{})
		slow := faultio.New(mem, faultio.SlowList, at)
		met := 0
		slow.Meanwhile = func() {
			met++
			table, err := others.Table(ctx, users, nil)
			require.NoError(t, err)
			writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
			require.NoError(t, err)
			defer writer.Close(ctx)
			c := table.NewCommitter("other")
			for id := int64(1); id <= 3; id++ {
				commit(t, writer, c, id, rows(t, table, fmt.Sprintf("+I 20 %d", id)))
			}
			_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			_, err = table.Expire(ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)})
			require.NoError(t, err)
		}
		if err := work(paimon.Open(slow, paimon.Options{})); err != nil {
			// What it was about to read has expired: it says so, and works when asked again.
			require.ErrorIs(t, err, errs.ErrNotFound, "list %d", at)
			require.NoError(t, work(others), "list %d", at)
		}
		table, err := paimon.Open(mem, paimon.Options{}).Table(ctx, users, nil)
		require.NoError(t, err)
		got := state(t, table)
		slices.Sort(got)
		want := []string{"0 3", "1 1,4", "10 1,2,3,4", "2 2"}
		if met > 0 {
			want = append(want, "20 1,2,3")
		}
		require.ElementsMatch(t, want, got, "list %d", at)
	}
	t.Logf("%d listings slow, one at a time", probe.Lists())
}
