package paimon_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// days is d.users by day, with helpers that write and read "day/id=value".
type days struct {
	t   *testing.T
	ctx context.Context
	w   *paimon.Warehouse
}

func newDays(t *testing.T, options map[string]string, keys ...string) *days {
	t.Helper()
	l := &days{t: t, ctx: context.Background(), w: paimon.Open(fileio.NewMem(), paimon.Options{})}
	require.NoError(t, l.w.Catalog().CreateDatabase(l.ctx, "d"))
	d := catalog.Definition{
		Fields:        []types.Field{{Name: "dt", Type: types.String()}, {Name: "id", Type: types.Of(types.Int)}, {Name: "v", Type: types.Of(types.Int)}},
		PartitionKeys: []string{"dt"}, PrimaryKeys: keys, Options: map[string]string{},
	}
	maps.Copy(d.Options, options)
	require.NoError(t, l.w.Catalog().CreateTable(l.ctx, users, d))
	return l
}

func (l *days) open(branch string, hint map[string]string) *paimon.Table {
	l.t.Helper()
	id := users
	id.Branch = branch
	t, err := l.w.Table(l.ctx, id, hint)
	require.NoError(l.t, err)
	return t
}

func (l *days) write(branch string, rows ...string) {
	l.t.Helper()
	t := l.open(branch, nil)
	w, err := t.NewWriter(l.ctx, paimon.WriteOptions{})
	require.NoError(l.t, err)
	defer w.Close(l.ctx)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields()))
	for _, r := range rows {
		var day string
		var id, v int32
		_, err := fmt.Sscanf(r, "%1s/%d=%d", &day, &id, &v)
		require.NoError(l.t, err)
		b.Field(0).(*array.StringBuilder).Append(day)
		b.Field(1).(*array.Int32Builder).Append(id)
		b.Field(2).(*array.Int32Builder).Append(v)
	}
	require.NoError(l.t, w.Write(l.ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
	messages, err := w.Prepare(l.ctx, true)
	require.NoError(l.t, err)
	_, err = t.NewCommitter("").Commit(l.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(l.t, err)
	time.Sleep(2 * time.Millisecond) // commit times differ
}

// rows reads the table, with only some columns (nil for all).
func (l *days) rows(t *paimon.Table, filter predicate.Filter) ([]string, error) {
	snap, err := t.Travel(l.ctx)
	if err != nil {
		return nil, err
	}
	p, err := t.Plan(l.ctx, snap, filter)
	if err != nil {
		return nil, err
	}
	out := []string{}
	r := p.Read(l.ctx, p.Splits, []int{2, 0, 1})
	defer r.Close()
	for {
		b, err := r.Next()
		if err != nil {
			slices.Sort(out)
			if err.Error() == "EOF" {
				err = nil
			}
			return out, err
		}
		require.Equal(l.t, "v", b.Rows.ColumnName(0))
		for i := range int(b.Rows.NumRows()) {
			out = append(out, fmt.Sprintf("%s/%s=%s", b.Rows.Column(1).ValueStr(i), b.Rows.Column(2).ValueStr(i), b.Rows.Column(0).ValueStr(i)))
		}
		b.Rows.Release()
	}
}

func (l *days) want(t *paimon.Table, filter predicate.Filter, rows ...string) {
	l.t.Helper()
	got, err := l.rows(t, filter)
	require.NoError(l.t, err)
	require.Equal(l.t, append([]string{}, rows...), got)
}

func leaf(t *testing.T, column string, typ types.Type, op predicate.Op, values ...string) predicate.Filter {
	t.Helper()
	l, err := predicate.New(column, typ, op, values...)
	require.NoError(t, err)
	return predicate.Filter{l}
}

func TestFallbackBatch(t *testing.T) {
	for name, c := range map[string]struct {
		options map[string]string
		keys    []string
	}{
		"keyed":  {map[string]string{"bucket": "2"}, []string{"dt", "id"}},
		"append": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newDays(t, c.options, c.keys...)
			require.NoError(t, l.open("", nil).CreateBranch(l.ctx, "rt", paimon.BranchOptions{}))
			require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, users, map[string]string{"scan.fallback-branch": "rt"}, nil))
			l.want(l.open("", nil), nil)
			l.write("rt", "a/1=1", "b/1=2") // main is empty
			l.want(l.open("", nil), nil, "a/1=1", "b/1=2")
			l.write("", "a/9=9")
			require.NoError(t, l.open("", nil).CreateTag(l.ctx, "t", paimon.TagOptions{}))
			l.want(l.open("", nil), nil, "a/9=9", "b/1=2")

			// Conditions on other columns do not make a partition main's less.
			l.want(l.open("", nil), leaf(t, "dt", types.String(), predicate.Eq, "b"), "b/1=2")
			l.want(l.open("", nil), leaf(t, "dt", types.String(), predicate.Eq, "a"), "a/9=9")
			// They only let files be skipped; rows of a stay those of main.
			got, err := l.rows(l.open("", nil), leaf(t, "v", types.Of(types.Int), predicate.Lt, "5"))
			require.NoError(t, err)
			require.NotContains(t, got, "a/1=1")
			require.Contains(t, got, "b/1=2")

			l.write("rt", "b/2=3", "c/1=4")
			l.write("", "c/7=7")
			l.want(l.open("", nil), nil, "a/9=9", "b/1=2", "b/2=3", "c/7=7")

			// An id of main stands for its time in the branch.
			l.want(l.open("", map[string]string{"scan.snapshot-id": "1"}), nil, "a/9=9", "b/1=2")
			l.want(l.open("", map[string]string{"scan.version": "1"}), nil, "a/9=9", "b/1=2")
			at, err := l.open("rt", nil).LatestSnapshot(l.ctx)
			require.NoError(t, err)
			l.want(l.open("", map[string]string{"scan.timestamp-millis": fmt.Sprint(at.TimeMillis)}), nil, "a/9=9", "b/1=2", "b/2=3", "c/1=4")
			_, err = l.rows(l.open("", map[string]string{"scan.tag-name": "t"}), nil)
			require.ErrorIs(t, err, errs.ErrNotFound)
			require.ErrorContains(t, err, "branch 'rt' ('scan.fallback-branch'): Tag 't' doesn't exist.")
			require.NoError(t, l.open("rt", nil).CreateTag(l.ctx, "t", paimon.TagOptions{Snapshot: 1}))
			l.want(l.open("", map[string]string{"scan.tag-name": "t"}), nil, "a/9=9", "b/1=2")

			parts, err := l.open("", nil).Partitions(l.ctx, nil)
			require.NoError(t, err)
			require.Len(t, parts, 3) // all of the branch: no snapshot of main was given

			// A query keeps its snapshots, also that of the branch.
			table := l.open("", nil)
			snap, err := table.Travel(l.ctx)
			require.NoError(t, err)
			l.write("rt", "d/1=1")
			p, err := table.Plan(l.ctx, snap, nil)
			require.NoError(t, err)
			require.EqualValues(t, 4, p.Rows())
		})
	}
}

// TestPrimaryBatch reads partitions that the branch has from the branch.
func TestPrimaryBatch(t *testing.T) {
	for name, c := range map[string]struct {
		options map[string]string
		keys    []string
	}{
		"keyed":  {map[string]string{"bucket": "2"}, []string{"dt", "id"}},
		"append": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newDays(t, c.options, c.keys...)
			require.NoError(t, l.open("", nil).CreateBranch(l.ctx, "rt", paimon.BranchOptions{}))
			require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, users, map[string]string{"scan.primary-branch": "rt"}, nil))
			l.want(l.open("", nil), nil)
			l.write("", "a/1=1", "b/1=2")
			l.want(l.open("", nil), nil, "a/1=1", "b/1=2") // the branch is empty
			l.write("rt", "a/9=9")
			l.want(l.open("", nil), nil, "a/9=9", "b/1=2")
			l.want(l.open("rt", nil), nil, "a/9=9")
			l.want(l.open("", nil), leaf(t, "dt", types.String(), predicate.Eq, "b"), "b/1=2")
			got, err := l.rows(l.open("", nil), leaf(t, "v", types.Of(types.Int), predicate.Lt, "5"))
			require.NoError(t, err)
			require.NotContains(t, got, "a/1=1") // the branch has the partition, if no such row
			l.write("", "c/1=4")
			l.want(l.open("", map[string]string{"scan.snapshot-id": "1"}), nil, "a/9=9", "b/1=2") // the branch at its first snapshot, as in Paimon
			l.want(l.open("", map[string]string{"scan.snapshot-id": "2"}), nil, "a/9=9", "b/1=2", "c/1=4")
			parts, err := l.open("", nil).Partitions(l.ctx, nil)
			require.NoError(t, err)
			require.Len(t, parts, 1) // of the branch: no snapshot of the table was given
			table := l.open("", nil)
			snap, err := table.Travel(l.ctx)
			require.NoError(t, err)
			parts, err = table.Partitions(l.ctx, snap)
			require.NoError(t, err)
			require.Len(t, parts, 3)
			_, err = table.Analyze(l.ctx, paimon.AnalyzeOptions{})
			require.NoError(t, err)
			s, err := table.Statistics(l.ctx)
			require.NoError(t, err)
			require.EqualValues(t, 3, *s.MergedRecordCount, "of the table itself")

			both := map[string]string{"scan.fallback-branch": "rt"}
			require.ErrorContains(t, l.w.Catalog().AlterOptions(l.ctx, users, both, nil), "Cannot set both 'scan.fallback-branch' and 'scan.primary-branch' at the same time.")
			_, err = l.rows(l.open("", both), nil)
			require.ErrorContains(t, err, "Cannot set both")
			require.ErrorContains(t, l.open("", nil).DeleteBranch(l.ctx, "rt"), "configured as 'scan.primary-branch'")
			require.ErrorContains(t, l.open("", nil).RenameBranch(l.ctx, "rt", "x"), "'scan.primary-branch' = 'rt'")
			require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, users, nil, []string{"scan.primary-branch"}))
			l.want(l.open("", nil), nil, "a/1=1", "b/1=2", "c/1=4")
			_, err = l.rows(l.open("", map[string]string{"scan.primary-branch": "gone"}), nil)
			require.ErrorContains(t, err, "option 'scan.primary-branch' = 'gone': the table has no branch 'gone'")
		})
	}
}

// TestFallbackBranchChanges follows schema changes, and damage, of the branch.
func TestFallbackBranchChanges(t *testing.T) {
	l := newDays(t, map[string]string{"bucket": "1"}, "dt", "id")
	require.NoError(t, l.open("", nil).CreateBranch(l.ctx, "rt", paimon.BranchOptions{}))
	require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, users, map[string]string{"scan.fallback-branch": "rt"}, nil))
	l.write("rt", "a/1=1")
	rt := users
	rt.Branch = "rt"
	require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, rt, map[string]string{"snapshot.num-retained.min": "3"}, nil))
	l.want(l.open("", nil), nil, "a/1=1") // files of another schema of the branch

	err := l.open("", nil).DeleteBranch(l.ctx, "rt")
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.NoError(t, l.w.Catalog().AlterOptions(l.ctx, users, nil, []string{"scan.fallback-branch"}))
	require.NoError(t, l.open("", nil).DeleteBranch(l.ctx, "rt"))
	_, err = l.rows(l.open("", map[string]string{"scan.fallback-branch": "rt"}), nil)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "option 'scan.fallback-branch' = 'rt': the table has no branch 'rt'")
	// Writing needs no branch.
	l.write("", "a/2=2")
	l.want(l.open("", map[string]string{"scan.fallback-branch": "main"}), nil, "a/2=2") // it is its own
}

func TestDeleteWhere(t *testing.T) {
	rows := []string{"a/1=1", "a/2=2", "b/1=3", "b/5=4", "c/1=5"}
	str, num := types.String(), types.Of(types.Int)
	for name, c := range map[string]struct {
		options map[string]string
		keys    []string
		filter  predicate.Filter
		left    []string
		deleted int64
		fails   string
	}{
		"a partition":        {nil, nil, leaf(t, "dt", str, predicate.Eq, "a"), rows[2:], 0, ""},
		"some partitions":    {nil, []string{"dt", "id"}, leaf(t, "dt", str, predicate.Ge, "b"), rows[:2], 0, ""},
		"all":                {nil, nil, nil, nil, 0, ""},
		"rows":               {map[string]string{"bucket": "1"}, []string{"dt", "id"}, leaf(t, "id", num, predicate.In, "1", "7"), []string{"a/2=2", "b/5=4"}, 3, ""},
		"rows by value":      {nil, []string{"dt", "id"}, leaf(t, "v", num, predicate.Lt, "3"), rows[2:], 2, ""},
		"both":               {nil, []string{"dt", "id"}, append(leaf(t, "dt", str, predicate.Eq, "b"), leaf(t, "v", num, predicate.Gt, "3")...), []string{"a/1=1", "a/2=2", "b/1=3", "c/1=5"}, 1, ""},
		"none":               {nil, []string{"dt", "id"}, leaf(t, "v", num, predicate.IsNull), rows, 0, ""},
		"rows without a key": {nil, nil, leaf(t, "v", num, predicate.Lt, "3"), rows[2:], 2, ""},
		"first-row":          {map[string]string{"bucket": "1", "merge-engine": "first-row"}, []string{"dt", "id"}, leaf(t, "v", num, predicate.Lt, "3"), rows, 0, "merge-engine first-row"},
		"ignored":            {map[string]string{"ignore-delete": "true"}, []string{"dt", "id"}, leaf(t, "v", num, predicate.Lt, "3"), rows, 0, "'ignore-delete'"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newDays(t, c.options, c.keys...)
			l.write("", rows...)
			out, err := l.open("", nil).DeleteWhere(l.ctx, c.filter)
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.deleted, out.Rows)
			l.want(l.open("", nil), nil, c.left...)
		})
	}
}

// TestExpiryKeeps holds expiry against what must stay: for consumers, for
// readers that were named, by time, and by number.
func TestExpiryKeeps(t *testing.T) {
	future := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		options  map[string]string
		o        paimon.ExpireOptions
		consumer bool // that reads snapshot 3 next
		first    int64
	}{
		"by default all":    {nil, paimon.ExpireOptions{}, false, 1},
		"at most":           {nil, paimon.ExpireOptions{RetainMax: 2, RetainMin: 1}, false, 7},
		"at least":          {nil, paimon.ExpireOptions{RetainMin: 4, OlderThan: future}, false, 5},
		"the newest":        {nil, paimon.ExpireOptions{RetainMin: 1, OlderThan: future}, false, 8},
		"not more at once":  {nil, paimon.ExpireOptions{RetainMin: 1, OlderThan: future, MaxDeletes: 3}, false, 4},
		"a consumer's":      {nil, paimon.ExpireOptions{RetainMin: 1, OlderThan: future}, true, 3},
		"a reader's":        {nil, paimon.ExpireOptions{RetainMin: 1, OlderThan: future, Keep: 6}, false, 6},
		"by options":        {map[string]string{"snapshot.num-retained.min": "2", "snapshot.num-retained.max": "2"}, paimon.ExpireOptions{}, false, 7},
		"by time-retained":  {map[string]string{"snapshot.num-retained.min": "2", "snapshot.time-retained": "1 ms"}, paimon.ExpireOptions{}, false, 7},
		"limited by option": {map[string]string{"snapshot.num-retained.min": "1", "snapshot.time-retained": "1 ms", "snapshot.expire.limit": "2"}, paimon.ExpireOptions{}, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			l := newDays(t, c.options)
			for i := range 8 {
				l.write("", fmt.Sprintf("a/%d=1", i))
			}
			if c.consumer {
				require.NoError(t, l.w.Store().Put(l.ctx, "d.db/users/consumer/consumer-c", []byte(`{"nextSnapshot":3}`)))
			}
			table := l.open("", nil)
			out, err := table.Expire(l.ctx, c.o)
			require.NoError(t, err)
			all, err := table.Snapshots(l.ctx)
			require.NoError(t, err)
			require.Equal(t, c.first, all[0].ID)
			require.EqualValues(t, c.first-1, out.Snapshots)
			earliest, err := table.EarliestSnapshot(l.ctx)
			require.NoError(t, err)
			require.Equal(t, c.first, earliest)
		})
	}
}
