package paimon_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
)

// grown makes a table with commits, compactions, tags of which one has
// expired, and branches that share files with main and have some of their own.
func grown(t *testing.T, store fileio.Store) *lake {
	t.Helper()
	l := newLake(t, store, catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "2", "changelog-producer": "input"}})
	must := func(err error) { t.Helper(); require.NoError(t, err) }
	must(l.write("", 1, 2))
	must(l.table("").CreateTag(l.ctx, "old", paimon.TagOptions{}))
	must(l.write("", 2, 3))
	must(l.write("", 4))
	_, err := l.table("").Expire(l.ctx, paimon.ExpireOptions{RetainMax: 2, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)})
	must(err)
	must(l.table("").CreateTag(l.ctx, "mid", paimon.TagOptions{}))
	must(l.table("").CreateBranch(l.ctx, "b", paimon.BranchOptions{Tag: "mid"}))
	must(l.table("").CreateBranch(l.ctx, "older", paimon.BranchOptions{Tag: "old"}))
	must(l.write("b", 5))
	must(l.write("", 6, -1))
	must(l.write("b", 7))
	must(l.write("", 8))
	must(l.write("", 9))
	must(l.table("").CreateTag(l.ctx, "new", paimon.TagOptions{}))
	l.check("grown")
	return l
}

// TestVersionChangesFailAnywhere fails each write of each change of a table's
// versions once, in each way. Whatever can be seen afterwards has to read as it
// did before, main has to have a newest snapshot, and doing the change again
// has to complete it.
func TestVersionChangesFailAnywhere(t *testing.T) {
	future := func() time.Time { return time.Now().Add(time.Hour) }
	changes := map[string]struct {
		do   func(l *lake, t *paimon.Table) error
		done string // rows of main afterwards
	}{
		"expire": {func(l *lake, t *paimon.Table) error {
			_, err := t.Expire(l.ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: future()})
			return err
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"delete a tag whose snapshot expired": {func(l *lake, t *paimon.Table) error { return t.DeleteTag(l.ctx, "old") }, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"create tag": {func(l *lake, t *paimon.Table) error {
			return t.CreateTag(l.ctx, "again", paimon.TagOptions{IgnoreIfExists: true})
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"create branch": {func(l *lake, t *paimon.Table) error {
			return t.CreateBranch(l.ctx, "again", paimon.BranchOptions{Tag: "new", IgnoreIfExists: true})
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"delete branch": {func(l *lake, t *paimon.Table) error {
			if err := t.DeleteBranch(l.ctx, "b"); !errors.Is(err, errs.ErrNotFound) || errors.Is(err, faultio.ErrInjected) {
				return err
			}
			return nil
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"fast-forward":                 {func(l *lake, t *paimon.Table) error { return t.FastForward(l.ctx, "b") }, "+I1v1,+I2v3,+I3v4,+I4v5,+I5v6,+I7v9"},
		"fast-forward to an older one": {func(l *lake, t *paimon.Table) error { return t.FastForward(l.ctx, "older") }, "+I1v1,+I2v2"},
		"roll back":                    {func(l *lake, t *paimon.Table) error { return t.RollbackTo(l.ctx, 5) }, "+I2v3,+I3v4,+I4v5,+I6v7"},
		"roll back to an expired tag":  {func(l *lake, t *paimon.Table) error { return t.RollbackToTag(l.ctx, "old") }, "+I1v1,+I2v2"},
		"rename tag": {func(l *lake, t *paimon.Table) error {
			if err := t.RenameTag(l.ctx, "old", "older"); !errors.Is(err, errs.ErrNotFound) || errors.Is(err, faultio.ErrInjected) {
				return err
			}
			return nil
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"replace a tag whose snapshot expired": {func(l *lake, t *paimon.Table) error { return t.ReplaceTag(l.ctx, "old", paimon.TagOptions{}) }, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"rename branch": {func(l *lake, t *paimon.Table) error {
			if err := t.RenameBranch(l.ctx, "b", "c"); !errors.Is(err, errs.ErrNotFound) || errors.Is(err, faultio.ErrInjected) {
				return err
			}
			return nil
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"compact manifests": {func(l *lake, t *paimon.Table) error {
			if _, err := t.CompactManifests(l.ctx); err != nil {
				return err
			}
			return t.CreateTag(l.ctx, "compacted", paimon.TagOptions{IgnoreIfExists: true}) // the hint of a snapshot may fail unseen
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"rescale": {func(l *lake, t *paimon.Table) error {
			if _, err := t.Rescale(l.ctx, paimon.RescaleOptions{Buckets: 3}); err != nil {
				return err
			}
			return t.CreateTag(l.ctx, "rescaled", paimon.TagOptions{IgnoreIfExists: true}) // the hint of a snapshot may fail unseen
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"analyze": {func(l *lake, t *paimon.Table) error {
			if _, err := t.Analyze(l.ctx, paimon.AnalyzeOptions{AllColumns: true}); err != nil {
				return err
			}
			s, err := t.Statistics(l.ctx)
			if err != nil {
				return err
			}
			require.EqualValues(l.t, 6, *s.MergedRecordCount)
			return t.CreateTag(l.ctx, "analyzed", paimon.TagOptions{IgnoreIfExists: true}) // the hint of a snapshot may fail unseen
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
		"remove orphans": {func(l *lake, t *paimon.Table) error {
			_, err := t.RemoveOrphans(l.ctx, future(), false)
			return err
		}, "+I2v3,+I3v4,+I4v5,+I6v7,+I8v10,+I9v11"},
	}
	origin := grown(t, fileio.NewMem())
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			l := origin.copy(t)
			writes := faultio.New(l.store, faultio.Fail, 0)
			l.store = writes
			require.NoError(t, change.do(l, l.table("")))
			total := writes.Writes()
			l.newest(t, name, change.done)
			for mode, label := range map[faultio.Mode]string{faultio.Fail: "error", faultio.LostReply: "lost reply", faultio.Crash: "crash"} {
				for at := int64(1); at <= total; at++ {
					what := fmt.Sprintf("%s: %s at write %d of %d", name, label, at, total)
					l := origin.copy(t)
					faulty := faultio.New(l.store, mode, at)
					l.store = faulty
					if err := change.do(l, l.table("")); err == nil {
						require.NotEqual(t, faultio.Crash, mode, what)
					}
					faulty.Heal()
					l.check(what)
					l.newest(t, what, "")
					require.NoError(t, change.do(l, l.table("")), what)
					l.check(what + ", done again")
					l.newest(t, what, change.done)
				}
			}
		})
	}
}

// copy gives the same table in a store of its own.
func (l *lake) copy(t *testing.T) *lake {
	t.Helper()
	out := &lake{t: t, ctx: l.ctx, store: fileio.NewMem(), states: maps.Clone(l.states), deltas: maps.Clone(l.deltas), serial: l.serial}
	var walk func(dir string)
	walk = func(dir string) {
		for info, err := range l.store.List(l.ctx, dir) {
			require.NoError(t, err)
			if info.Dir {
				walk(info.Path)
				continue
			}
			data, err := fileio.ReadAll(l.ctx, l.store, info.Path, 1<<30)
			require.NoError(t, err)
			require.NoError(t, out.store.Put(l.ctx, info.Path, data))
		}
	}
	walk("")
	return out
}

// newest wants main to have a newest snapshot with these rows; "" for any.
func (l *lake) newest(t *testing.T, what, rows string) {
	t.Helper()
	snap, err := l.table("").LatestSnapshot(l.ctx)
	require.NoError(t, err, what)
	require.NotNil(t, snap, what)
	got, err := l.read(l.table(""), snap)
	require.NoError(t, err, what)
	if rows != "" {
		require.Equal(t, rows, got, what)
	}
}
