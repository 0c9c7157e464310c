//go:build witness

package interop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// TestWitnessVersions lets Tarn make branches and tags, expire, roll back and
// fast-forward at random. The Java Paimon then verifies every file of every
// snapshot, tag and branch, goes on writing to each branch, and reads the
// same rows, those of fallback branches included.
func TestWitnessVersions(t *testing.T) {
	witness, seed, _ := witnessSettings(t)
	for _, java := range []string{"witness-1.4", "witness-2.0"} {
		t.Run(java, func(t *testing.T) {
			r := newRelay(t, "versions-"+java)
			w := r.warehouse(t)
			require.NoError(t, w.Catalog().CreateDatabase(context.Background(), "t"))
			for _, v := range versionTables(t, w, seed) {
				r.tables = append(r.tables, runner{id: v.id, omit: regexp.MustCompile("changes"), excused: v.excused, about: func() string { return "operations:\n" + v.log }})
			}
			r.pass(t, filepath.Join(witness, java))
		})
	}
}

// versioned is a table whose versions are changed at random.
type versioned struct {
	t      *testing.T
	ctx    context.Context
	w      *paimon.Warehouse
	id     catalog.Identifier
	r      *rand.Rand
	serial int
	log    string
}

func versionTables(t *testing.T, w *paimon.Warehouse, seed uint64) []*versioned {
	kinds := map[string]map[string]string{
		"fixed":     {"bucket": "2", "num-sorted-run.compaction-trigger": "3"},
		"dynamic":   {"dynamic-bucket.target-row-num": "5"},
		"lookup":    {"bucket": "1", "changelog-producer": "lookup"},
		"input":     {"bucket": "1", "changelog-producer": "input", "changelog.num-retained.min": "5", "changelog.num-retained.max": "5"},
		"first_row": {"bucket": "1", "merge-engine": "first-row", "ignore-delete": "true"},
		"append":    {},
		"fallback":  {"bucket": "1"},
	}
	var out []*versioned
	for i, name := range sorted(kinds) {
		v := &versioned{t: t, ctx: context.Background(), w: w, id: catalog.Identifier{Database: "t", Table: name}, r: rand.New(rand.NewPCG(seed, uint64(i)))}
		d := catalog.Definition{
			Fields:        []types.Field{{Name: "dt", Type: types.String()}, {Name: "id", Type: types.Of(types.Int)}, {Name: "v", Type: types.String()}},
			PartitionKeys: []string{"dt"}, PrimaryKeys: []string{"dt", "id"}, Options: maps.Clone(kinds[name]),
		}
		if name == "append" {
			d.PrimaryKeys = nil
		}
		require.NoError(t, w.Catalog().CreateTable(v.ctx, v.id, d))
		if name == "fallback" {
			v.fallback()
		} else {
			for range 35 {
				v.step(name != "append")
			}
		}
		out = append(out, v)
	}
	return out
}

func (v *versioned) table(branch string, hint map[string]string) *paimon.Table {
	v.t.Helper()
	id := v.id
	id.Branch = branch
	t, err := v.w.Table(v.ctx, id, hint)
	require.NoError(v.t, err)
	return t
}

// write commits some rows of some days.
func (v *versioned) write(branch string, deletes bool, days ...string) {
	v.t.Helper()
	t := v.table(branch, nil)
	w, err := t.NewWriter(v.ctx, paimon.WriteOptions{})
	require.NoError(v.t, err)
	defer w.Close(v.ctx)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields()))
	var kinds []types.RowKind
	for range 2 + v.r.IntN(9) {
		v.serial++
		b.Field(0).(*array.StringBuilder).Append(days[v.r.IntN(len(days))])
		b.Field(1).(*array.Int32Builder).Append(int32(v.r.IntN(12)))
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprint("v", v.serial))
		kind := types.Insert
		if deletes && v.r.IntN(5) == 0 {
			kind = types.Delete
		}
		kinds = append(kinds, kind)
	}
	require.NoError(v.t, w.Write(v.ctx, paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}))
	messages, err := w.Prepare(v.ctx, true)
	require.NoError(v.t, err)
	_, err = t.NewCommitter("").Commit(v.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(v.t, err)
}

// fallback gives the table a branch that has other days than main, and some of
// the same.
func (v *versioned) fallback() {
	require.NoError(v.t, v.table("", nil).CreateBranch(v.ctx, "rt", paimon.BranchOptions{}))
	require.NoError(v.t, v.w.Catalog().AlterOptions(v.ctx, v.id, map[string]string{"scan.fallback-branch": "rt"}, nil))
	for range 4 {
		v.write("rt", true, "a", "b", "c", "d")
		v.write("", true, "b", "e")
	}
	_, err := v.table("", nil).DropPartitions(v.ctx, map[string]string{"dt": "b"})
	require.NoError(v.t, err)
	l, err := predicate.New("id", types.Of(types.Int), predicate.Lt, "4")
	require.NoError(v.t, err)
	_, err = v.table("", nil).DeleteWhere(v.ctx, predicate.Filter{l})
	require.NoError(v.t, err)
	v.write("", false, "c")
}

// step does one thing to one branch.
func (v *versioned) step(keyed bool) {
	branches, err := v.table("", nil).Branches(v.ctx)
	require.NoError(v.t, err)
	at := ""
	if len(branches) > 0 && v.r.IntN(2) == 0 {
		at = branches[v.r.IntN(len(branches))]
	}
	t := v.table(at, nil)
	tags, err := t.Tags(v.ctx)
	require.NoError(v.t, err)
	snaps, err := t.Snapshots(v.ctx)
	require.NoError(v.t, err)
	name := fmt.Sprintf("n%d", v.serial)
	what := "write"
	switch op := v.r.IntN(12); {
	case op < 4 || len(snaps) == 0:
		v.write(at, keyed, "a", "b")
	case op == 4:
		what = "compact"
		_, err = t.Compact(v.ctx, paimon.CompactOptions{Full: true})
	case op == 5:
		what = "create tag " + name
		err = t.CreateTag(v.ctx, name, paimon.TagOptions{Snapshot: snaps[v.r.IntN(len(snaps))].ID, Retained: time.Duration(v.r.IntN(2)) * time.Hour, IgnoreIfExists: true})
	case op == 6 && len(tags) > 0:
		what = "delete tag"
		err = t.DeleteTag(v.ctx, tags[v.r.IntN(len(tags))])
	case op == 7 && len(branches) < 3 && len(tags) > 0:
		what = "create branch " + name
		err = t.CreateBranch(v.ctx, name, paimon.BranchOptions{Tag: tags[v.r.IntN(len(tags))], IgnoreIfExists: true})
	case op == 8 && len(branches) > 0:
		what = "fast-forward"
		if err = t.FastForward(v.ctx, branches[v.r.IntN(len(branches))]); errors.Is(err, errs.ErrInvalid) {
			err = nil // itself
		}
	case op == 9 && v.r.IntN(2) == 0:
		what = "roll back"
		err = t.RollbackTo(v.ctx, snaps[v.r.IntN(len(snaps))].ID)
	case op == 10 && len(tags) > 0 && v.r.IntN(2) == 0:
		what = "roll back to a tag"
		err = t.RollbackToTag(v.ctx, tags[v.r.IntN(len(tags))])
	default:
		what = "expire"
		_, err = t.Expire(v.ctx, paimon.ExpireOptions{RetainMax: 3, RetainMin: 2, OlderThan: time.Now().Add(time.Hour)})
	}
	v.log += fmt.Sprintf("%s (branch %q)\n", what, at)
	require.NoError(v.t, err, "%s: %s", v.id, v.log)
}

var (
	branchTag   = regexp.MustCompile(`^branch \S+ tag \S+: \S+ Tag '\S+' doesn't exist\.$`)
	missingList = regexp.MustCompile(`^(branch \S+ )?tag \S+: .*FileNotFoundException: File '\S*/(manifest-list-[^/']+)' not found`)
)

// excused leaves out the complaints that are Java's own: it looks in main for the tags of a branch (StaticFromTagStartingScanner), and
// the witness for the changelog of a tag, which expiry takes with the snapshot
// in Paimon too (ExpireSnapshotsImpl).
func (v *versioned) excused(complaints []string) []string {
	v.t.Helper()
	expired := map[string]bool{}
	branches, err := v.table("", nil).Branches(v.ctx)
	require.NoError(v.t, err)
	for _, branch := range append(branches, "") {
		t := v.table(branch, nil)
		tags, err := t.Tags(v.ctx)
		require.NoError(v.t, err)
		for _, name := range tags {
			tag, err := t.Tag(v.ctx, name)
			require.NoError(v.t, err)
			if tag.ChangelogManifestList != nil {
				expired[*tag.ChangelogManifestList] = true
			}
		}
	}
	return slices.DeleteFunc(complaints, func(l string) bool {
		m := missingList.FindStringSubmatch(l)
		return branchTag.MatchString(l) || m != nil && expired[m[2]]
	})
}
