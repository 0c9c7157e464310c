package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// lake is a table whose versions are written down as they come: whatever
// version is found later, it has to read as it did at first. Versions are known
// by the name of their delta, which no two commits share.
type lake struct {
	t      *testing.T
	ctx    context.Context
	store  fileio.Store
	states map[string]string
	deltas map[string]string
	serial int
}

func newLake(t *testing.T, store fileio.Store, d catalog.Definition) *lake {
	t.Helper()
	l := &lake{t: t, ctx: context.Background(), store: store, states: map[string]string{}, deltas: map[string]string{}}
	w := paimon.Open(store, paimon.Options{})
	require.NoError(t, w.Catalog().CreateDatabase(l.ctx, "d"))
	d.Fields = []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "name", Type: types.String()}}
	require.NoError(t, w.Catalog().CreateTable(l.ctx, users, d))
	return l
}

// open opens a branch ("" is main) with a cache of its own.
func (l *lake) open(branch string, hint map[string]string) (*paimon.Table, error) {
	id := users
	id.Branch = branch
	return paimon.Open(l.store, paimon.Options{}).Table(l.ctx, id, hint)
}

func (l *lake) table(branch string) *paimon.Table {
	l.t.Helper()
	t, err := l.open(branch, nil)
	require.NoError(l.t, err)
	return t
}

// write commits rows; each is unlike any before.
func (l *lake) write(branch string, ids ...int) error {
	t := l.table(branch)
	w, err := t.NewWriter(l.ctx, paimon.WriteOptions{})
	if err != nil {
		return err
	}
	defer w.Close(l.ctx)
	var list []string
	for _, id := range ids {
		l.serial++
		kind := "+I"
		if id < 0 {
			kind, id = "-D", -id
		}
		list = append(list, fmt.Sprintf("%s %d v%d", kind, id, l.serial))
	}
	if err := w.Write(l.ctx, rows(l.t, t, list...)); err != nil {
		return err
	}
	messages, err := w.Prepare(l.ctx, true)
	if err != nil {
		return err
	}
	_, err = t.NewCommitter("").Commit(l.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	return err
}

func (l *lake) read(t *paimon.Table, snap *spec.Snapshot) (string, error) {
	p, err := t.Plan(l.ctx, snap, nil)
	if err != nil {
		return "", err
	}
	return digest(p.Read(l.ctx, p.Splits, nil))
}

func digest(r *paimon.Reader) (string, error) {
	defer r.Close()
	var out []string
	for {
		b, err := r.Next()
		if err != nil {
			slices.Sort(out)
			if strings.Contains(err.Error(), "EOF") {
				err = nil
			}
			return strings.Join(out, ","), err
		}
		for i := range int(b.Rows.NumRows()) {
			out = append(out, fmt.Sprint(b.Kind(i), b.Rows.Column(0).ValueStr(i), b.Rows.Column(1).ValueStr(i)))
		}
		b.Rows.Release()
	}
}

// check reads every version that there is. New ones are written down; old ones
// have to be as they were.
func (l *lake) check(what string) {
	l.t.Helper()
	main := l.table("")
	branches, err := main.Branches(l.ctx)
	require.NoError(l.t, err, what)
	for _, branch := range append(branches, "") {
		t := l.table(branch)
		all, err := t.Snapshots(l.ctx)
		require.NoError(l.t, err, what)
		for _, s := range all {
			l.same(what, fmt.Sprintf("branch %q, snapshot %d", branch, s.ID), t, s)
		}
		tags, err := t.Tags(l.ctx)
		require.NoError(l.t, err, what)
		for _, name := range tags {
			tag, err := t.Tag(l.ctx, name)
			require.NoError(l.t, err, what)
			l.same(what, fmt.Sprintf("branch %q, tag %s", branch, name), t, &tag.Snapshot)
		}
		l.sameChanges(what, branch, t)
	}
}

func (l *lake) same(what, version string, t *paimon.Table, s *spec.Snapshot) {
	l.t.Helper()
	got, err := l.read(t, s)
	require.NoError(l.t, err, "%s: %s", what, version)
	if want, known := l.states[s.DeltaManifestList]; known {
		require.Equal(l.t, want, got, "%s: %s", what, version)
	}
	l.states[s.DeltaManifestList] = got
}

// sameChanges follows the branch from its oldest change.
func (l *lake) sameChanges(what, branch string, t *paimon.Table) {
	l.t.Helper()
	from, err := t.EarliestChange(l.ctx)
	require.NoError(l.t, err)
	if from == 0 {
		return
	}
	s := t.RawStream(from)
	defer s.Close()
	for {
		p, err := s.TryNext(l.ctx)
		if errors.Is(err, errs.ErrNotFound) && strings.Contains(err.Error(), "has expired") {
			return // a gap that a rollback to an old tag left
		}
		require.NoError(l.t, err, "%s: changes of branch %q", what, branch)
		if p == nil {
			return
		}
		r, err := p.Read(l.ctx, nil)
		require.NoError(l.t, err)
		got, err := digest(r)
		require.NoError(l.t, err, "%s: changes of branch %q, snapshot %d", what, branch, p.Snapshot.ID)
		if want, known := l.deltas[p.Snapshot.DeltaManifestList]; known {
			require.Equal(l.t, want, got, "%s: changes of branch %q, snapshot %d", what, branch, p.Snapshot.ID)
		}
		l.deltas[p.Snapshot.DeltaManifestList] = got
	}
}

// orphans gives the files that nothing uses.
func (l *lake) orphans() []string {
	l.t.Helper()
	o, err := l.table("").RemoveOrphans(l.ctx, time.Now().Add(time.Hour), true)
	require.NoError(l.t, err)
	return o.Paths
}

// kinds of tables that versions are made of in different ways.
func versionKinds() map[string]catalog.Definition {
	key := []string{"id"}
	return map[string]catalog.Definition{
		"fixed":    {PrimaryKeys: key, Options: map[string]string{"bucket": "2", "num-sorted-run.compaction-trigger": "3"}},
		"dynamic":  {PrimaryKeys: key, Options: map[string]string{"dynamic-bucket.target-row-num": "4", "num-sorted-run.compaction-trigger": "2"}},
		"lookup":   {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "changelog-producer": "lookup"}},
		"input":    {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "changelog-producer": "input", "num-sorted-run.compaction-trigger": "2"}},
		"firstrow": {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "merge-engine": "first-row", "ignore-delete": "true"}},
		"append":   {Options: map[string]string{}},
		"changelogs": {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "changelog-producer": "input", "changelog.num-retained.min": "6", "changelog.num-retained.max": "6",
			"num-sorted-run.compaction-trigger": "2"}},
		"deltas": {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "changelog.num-retained.min": "6", "changelog.num-retained.max": "6",
			"num-sorted-run.compaction-trigger": "2"}},
		"manifests": {PrimaryKeys: key, Options: map[string]string{"bucket": "1", "manifest.merge-min-count": "2", "num-sorted-run.compaction-trigger": "3"}},
	}
}

// expire keeps few snapshots, whatever their age.
func expire(l *lake, branch string) error {
	_, err := l.table(branch).Expire(l.ctx, paimon.ExpireOptions{RetainMax: 3, RetainMin: 2, OlderThan: time.Now().Add(time.Hour)})
	return err
}

// seedOf gives a new seed, or that of TARN_SEED to repeat a run.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("TARN_SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("TARN_SEED=%d repeats this run", seed)
	return seed
}

func randomIDs(r *rand.Rand, deletes bool) []int {
	var out []int
	for range 1 + r.IntN(4) {
		id := 1 + r.IntN(8)
		if deletes && r.IntN(5) == 0 {
			id = -id
		}
		out = append(out, id)
	}
	return out
}

// TestExpiryLeavesNothing writes, tags, untags and expires at random: what is
// retained stays as it was, and not a file is left that nobody needs.
func TestExpiryLeavesNothing(t *testing.T) {
	for kind, d := range versionKinds() {
		t.Run(kind, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 1))
			l := newLake(t, fileio.NewMem(), d)
			for i := range 14 {
				require.NoError(t, l.write("", randomIDs(r, len(d.PrimaryKeys) > 0)...))
				l.check("write")
				what := "nothing"
				switch r.IntN(6) {
				case 0:
					what = "create tag"
					require.NoError(t, l.table("").CreateTag(l.ctx, fmt.Sprintf("t%d", i), paimon.TagOptions{}))
				case 1:
					what = "delete tag"
					tags, err := l.table("").Tags(l.ctx)
					require.NoError(t, err)
					if len(tags) > 0 {
						require.NoError(t, l.table("").DeleteTag(l.ctx, tags[r.IntN(len(tags))]))
					}
				case 2, 3:
					what = "expire"
					require.NoError(t, expire(l, ""))
				case 4:
					what = "compact"
					_, err := l.table("").Compact(l.ctx, paimon.CompactOptions{Full: true})
					require.NoError(t, err)
				}
				l.check(what)
			}
			require.NoError(t, expire(l, ""))
			l.check("expire")
			all, err := l.table("").Snapshots(l.ctx)
			require.NoError(t, err)
			require.LessOrEqual(t, len(all), 3)
			require.Empty(t, l.orphans())
		})
	}
}

// TestVersionsModel does anything to versions at random; every version that is
// still there has to read as it did at first, also after orphans were removed.
func TestVersionsModel(t *testing.T) {
	for kind, d := range versionKinds() {
		t.Run(kind, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 2))
			l := newLake(t, fileio.NewMem(), d)
			for i := range 36 {
				what := l.step(r, i, len(d.PrimaryKeys) > 0)
				l.check(what)
			}
			_, err := l.table("").RemoveOrphans(l.ctx, time.Now().Add(time.Hour), false)
			require.NoError(t, err)
			l.check("remove orphans")
			require.Empty(t, l.orphans())
			require.NoError(t, l.write("", 1))
			l.check("write")
		})
	}
}

// step does one thing to one branch and says what.
func (l *lake) step(r *rand.Rand, i int, keyed bool) string {
	branches, err := l.table("").Branches(l.ctx)
	require.NoError(l.t, err)
	at := ""
	if len(branches) > 0 && r.IntN(2) == 0 {
		at = branches[r.IntN(len(branches))]
	}
	t := l.table(at)
	tags, err := t.Tags(l.ctx)
	require.NoError(l.t, err)
	snaps, err := t.Snapshots(l.ctx)
	require.NoError(l.t, err)
	pickTag := func() string { return tags[r.IntN(len(tags))] }
	what := fmt.Sprintf("step %d on branch %q: ", i, at)
	switch op := r.IntN(14); {
	case op < 5 || len(snaps) == 0:
		what += "write"
		err = l.write(at, randomIDs(r, keyed)...)
	case op == 5:
		what += "compact"
		_, err = t.Compact(l.ctx, paimon.CompactOptions{Full: true})
	case op == 6:
		what += "create tag"
		err = t.CreateTag(l.ctx, fmt.Sprintf("t%d", i), paimon.TagOptions{Snapshot: snaps[r.IntN(len(snaps))].ID})
	case op == 7 && len(tags) > 0:
		what += "delete tag"
		err = t.DeleteTag(l.ctx, pickTag())
	case op == 8 && len(branches) < 3:
		tag := ""
		if len(tags) > 0 && r.IntN(4) > 0 {
			tag = pickTag()
		}
		what += "create branch from tag " + tag
		err = t.CreateBranch(l.ctx, fmt.Sprintf("b%d", i), paimon.BranchOptions{Tag: tag})
	case op == 9 && len(branches) > 0 && r.IntN(2) == 0:
		what += "delete branch"
		if name := branches[r.IntN(len(branches))]; name != at {
			err = t.DeleteBranch(l.ctx, name)
		}
	case op == 10 && len(branches) > 0 && r.IntN(2) == 0:
		name := branches[r.IntN(len(branches))]
		what += "fast-forward to " + name
		if err = t.FastForward(l.ctx, name); errors.Is(err, errs.ErrInvalid) { // itself, or an empty one
			err = nil
		}
	case op == 11 && r.IntN(2) == 0:
		id := snaps[r.IntN(len(snaps))].ID
		what += fmt.Sprintf("roll back to %d", id)
		err = t.RollbackTo(l.ctx, id)
	case op == 12 && len(tags) > 0 && r.IntN(2) == 0:
		tag := pickTag()
		what += "roll back to tag " + tag
		err = t.RollbackToTag(l.ctx, tag)
	default:
		what += "expire"
		err = expire(l, at)
	}
	require.NoError(l.t, err, what)
	return what
}
