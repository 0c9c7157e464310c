package paimon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
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
	"github.com/tarndb/tarn/paimon/spec"
)

// stamp changes when a snapshot was committed, and its watermark (nil: none).
func (l *lake) stamp(id int64, at time.Time, watermark *int64) {
	l.t.Helper()
	path := fmt.Sprintf("d.db/users/snapshot/snapshot-%d", id)
	data, err := fileio.ReadAll(l.ctx, l.store, path, 1<<20)
	require.NoError(l.t, err)
	var s map[string]any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	require.NoError(l.t, d.Decode(&s))
	s["timeMillis"] = at.UnixMilli()
	delete(s, "watermark")
	if watermark != nil {
		s["watermark"] = *watermark
	}
	data, err = json.Marshal(s)
	require.NoError(l.t, err)
	require.NoError(l.t, l.store.Put(l.ctx, path, data))
}

// wantTags is how Paimon goes about it: from snapshot to snapshot.
func wantTags(times []time.Time, period, delay time.Duration, layout string, complete bool) map[string]int64 {
	out := map[string]int64{}
	var next time.Time
	for i, at := range times {
		if !next.IsZero() && at.Add(-delay).Before(next.Add(period)) {
			continue
		}
		start := at.Truncate(period).Add(-period)
		if complete && !next.IsZero() {
			start = next
		}
		if _, ok := out[start.Format(layout)]; !ok {
			out[start.Format(layout)] = int64(i + 1)
		}
		next = start.Add(period)
	}
	return out
}

// TestAutomaticTags makes the tags of random histories, at once and as the
// snapshots come, and compares them with a walk over all snapshots.
func TestAutomaticTags(t *testing.T) {
	seed := seedOf(t)
	kinds := []struct {
		options  map[string]string
		period   time.Duration
		delay    time.Duration
		layout   string
		complete bool
	}{
		{map[string]string{"tag.creation-period": "hourly", "tag.creation-delay": "10 min"}, time.Hour, 10 * time.Minute, "2006-01-02 15", false},
		{map[string]string{"tag.creation-period": "hourly", "tag.period-formatter": "without_dashes_and_spaces", "tag.automatic-completion": "true"}, time.Hour, 0, "2006010215", true},
		{map[string]string{"tag.period-formatter": "without_dashes", "tag.creation-delay": "1 h"}, 24 * time.Hour, time.Hour, "20060102", false},
		{map[string]string{"tag.creation-period": "two-hours"}, 2 * time.Hour, 0, "2006-01-02 15", false},
		{map[string]string{"tag.creation-period-duration": "30 min"}, 30 * time.Minute, 0, "200601021504", false},
	}
	for i, k := range kinds {
		for _, by := range []string{"process-time", "watermark"} {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			options := map[string]string{"bucket": "1", "write-only": "true", "tag.automatic-creation": by, "sink.process-time-zone": "UTC"}
			for key, v := range k.options {
				options[key] = v
			}
			l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: options})
			at := time.Date(2026, 3, 1, 5, 20, 0, 0, time.UTC)
			var times []time.Time
			for id := int64(1); id <= 12; id++ {
				require.NoError(t, l.write("", int(id)))
				at = at.Add(time.Duration(r.Int64N(int64(2 * k.period))))
				times = append(times, at.Truncate(time.Millisecond))
				mark := at.UnixMilli()
				if by == "watermark" {
					l.stamp(id, time.Now(), &mark)
				} else {
					l.stamp(id, at, nil)
				}
				if r.IntN(2) == 0 {
					_, err := l.table("").CreateDueTags(l.ctx)
					require.NoError(t, err)
				}
			}
			_, err := l.table("").CreateDueTags(l.ctx)
			require.NoError(t, err)
			got := map[string]int64{}
			names, err := l.table("").Tags(l.ctx)
			require.NoError(t, err)
			for _, n := range names {
				tag, err := l.table("").Tag(l.ctx, n)
				require.NoError(t, err)
				got[n] = tag.ID
			}
			require.Equal(t, wantTags(times, k.period, k.delay, k.layout, k.complete), got, "seed %d, %v by %s", seed, k.options, by)
			again, err := l.table("").CreateDueTags(l.ctx)
			require.NoError(t, err)
			require.Empty(t, again)
		}
	}
}

// TestRetiredTags: of automatic tags only the newest stay, others all; each has
// a file that says that it is complete.
func TestRetiredTags(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{
		"bucket": "1", "write-only": "true", "tag.automatic-creation": "process-time", "tag.creation-period": "hourly", "sink.process-time-zone": "GMT+08:00",
		"tag.num-retained-max": "2", "tag.create-success-file": "true", "tag.default-time-retained": "1 d"}})
	for id := int64(1); id <= 5; id++ {
		require.NoError(t, l.write("", int(id)))
		l.stamp(id, time.Date(2026, 3, 1, int(id), 0, 0, 0, time.UTC), nil)
		if id == 1 {
			require.NoError(t, l.table("").CreateTag(l.ctx, "mine", paimon.TagOptions{Snapshot: 1}))
		}
	}
	_, err := l.table("").ExpireDue(l.ctx, 0)
	require.NoError(t, err)
	names, err := l.table("").Tags(l.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-01 11", "2026-03-01 12", "mine"}, names)
	var marks []string
	for info, err := range l.store.List(l.ctx, "d.db/users/tag/tag-success-file") {
		require.NoError(t, err)
		marks = append(marks, info.Name)
	}
	require.ElementsMatch(t, []string{"2026-03-01 11_SUCCESS", "2026-03-01 12_SUCCESS", "mine_SUCCESS"}, marks)
	gone, err := l.table("").ExpireTags(l.ctx, time.Now().Add(23*time.Hour), time.Time{})
	require.NoError(t, err)
	require.Empty(t, gone)
	gone, err = l.table("").ExpireTags(l.ctx, time.Now().Add(25*time.Hour), time.Time{})
	require.NoError(t, err)
	require.Len(t, gone, 3)
}

// TestTagsByTime tags by commit time and by watermark, also of snapshots that
// only a tag holds any more.
func TestTagsByTime(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "write-only": "true"}})
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for id := int64(1); id <= 6; id++ {
		require.NoError(t, l.write("", int(id)))
		mark := 10 * id
		l.stamp(id, base.Add(time.Duration(id)*time.Minute), &mark)
	}
	require.NoError(t, l.table("").CreateTag(l.ctx, "two", paimon.TagOptions{Snapshot: 2}))
	_, err := l.table("").Expire(l.ctx, paimon.ExpireOptions{RetainMax: 2, RetainMin: 2})
	require.NoError(t, err)
	for at, want := range map[int64]int64{0: 2, 1: 2, 2: 2, 3: 5, 5: 5, 6: 6} {
		snap, err := l.table("").TagSince(l.ctx, fmt.Sprint("t", at), base.Add(time.Duration(at)*time.Minute).UnixMilli(), 0)
		require.NoError(t, err)
		require.Equal(t, want, snap.ID, at)
		snap, err = l.table("").TagAtWatermark(l.ctx, fmt.Sprint("w", at), 10*at, time.Hour)
		require.NoError(t, err)
		require.Equal(t, want, snap.ID, at)
	}
	_, err = l.table("").TagSince(l.ctx, "late", base.Add(time.Hour).UnixMilli(), 0)
	require.ErrorIs(t, err, errs.ErrNotFound)
	id, err := l.table("").RollbackToWatermark(l.ctx, 59)
	require.NoError(t, err)
	require.EqualValues(t, 5, id)
	names, err := l.table("").Tags(l.ctx)
	require.NoError(t, err)
	require.NotContains(t, names, "t6") // of a snapshot that is gone
	_, err = l.table("").RollbackToWatermark(l.ctx, 3)
	require.ErrorIs(t, err, errs.ErrNotFound)
}

// TestConsumers: a stream goes on where its consumer was; expiry keeps what the
// consumer has not read, until the consumer is forgotten.
func TestConsumers(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "write-only": "true"}})
	open := func() *paimon.Table {
		table, err := l.open("", map[string]string{"consumer-id": "me", "consumer.expiration-time": "1 h"})
		require.NoError(t, err)
		return table
	}
	read := func(n int) (out []int64, at paimon.StreamPosition) {
		s, err := open().Stream(0)
		require.NoError(t, err)
		defer s.Close()
		for range n {
			p, err := s.TryNext(l.ctx)
			require.NoError(t, err)
			require.NotNil(t, p)
			out, at = append(out, p.Snapshot.ID), p.After
		}
		return out, at
	}
	for i := range 3 {
		require.NoError(t, l.write("", i))
	}
	got, at := read(1) // the state
	require.Equal(t, []int64{3}, got)
	require.NoError(t, open().RecordProgress(l.ctx, at))
	for i := range 4 {
		require.NoError(t, l.write("", i))
	}
	got, at = read(2)
	require.Equal(t, []int64{4, 5}, got)
	require.NoError(t, open().RecordProgress(l.ctx, at))
	data, err := fileio.ReadAll(l.ctx, l.store, "d.db/users/consumer/consumer-me", 100)
	require.NoError(t, err)
	require.JSONEq(t, `{"nextSnapshot":6}`, string(data))

	all := paimon.ExpireOptions{RetainMax: 1, RetainMin: 1}
	_, err = l.table("").Expire(l.ctx, all)
	require.NoError(t, err)
	earliest, err := l.table("").EarliestSnapshot(l.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 6, earliest)
	got, _ = read(2)
	require.Equal(t, []int64{6, 7}, got)

	require.ErrorIs(t, l.table("").ResetConsumer(l.ctx, "me", 3), errs.ErrNotFound)
	require.NoError(t, l.table("").ResetConsumer(l.ctx, "other", 7))
	require.NoError(t, l.table("").ClearConsumers(l.ctx, regexp.MustCompile("m.*|other"), regexp.MustCompile("oth")))
	names, err := l.table("").Consumers(l.ctx)
	require.NoError(t, err)
	require.Empty(t, names) // 'oth' is not the whole name
	_, err = l.table("").Expire(l.ctx, all)
	require.NoError(t, err)
	earliest, err = l.table("").EarliestSnapshot(l.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 7, earliest)
	got, _ = read(1) // forgotten: the state again
	require.Equal(t, []int64{7}, got)
}

// TestStreamEnds: a stream ends before the first snapshot behind the watermark,
// and waits until a snapshot is old enough.
func TestStreamEnds(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "write-only": "true"}})
	for id := int64(1); id <= 4; id++ {
		require.NoError(t, l.write("", int(id)))
		mark := 10 * id
		l.stamp(id, time.Now().Add(time.Duration(id-3)*time.Hour), &mark)
	}
	follow := func(hint map[string]string) (ids []int64, err error) {
		hint["scan.mode"], hint["scan.snapshot-id"] = "from-snapshot", "1"
		table, err := l.open("", hint)
		require.NoError(t, err)
		s, err := table.Stream(0)
		require.NoError(t, err)
		defer s.Close()
		for {
			p, err := s.TryNext(l.ctx)
			if p == nil || err != nil {
				return ids, err
			}
			ids = append(ids, p.Snapshot.ID)
		}
	}
	ids, err := follow(map[string]string{"scan.bounded.watermark": "20"})
	require.Equal(t, []int64{1, 2}, ids)
	require.ErrorIs(t, err, io.EOF)
	ids, err = follow(map[string]string{"streaming.read.snapshot.delay": "30 min"})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, ids)
	ids, err = follow(map[string]string{})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3, 4}, ids)
}

// TestExpirePartitions drops partitions by their values, by patterns, and by
// the age of their files.
func TestExpirePartitions(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name    string
		options map[string]string
		parts   []string
		want    []string
	}{
		{"values", map[string]string{"partition.expiration-time": "2 d"}, []string{"2026-03-09", "2026-03-08", "2026-3-1", "nonsense", "2026-03-08 13:00:00"}, []string{"name=2026-03-08", "name=2026-3-1"}},
		{"formatter", map[string]string{"partition.expiration-time": "2 d", "partition.timestamp-formatter": "yyyyMMdd"}, []string{"20260309", "20260307", "2026-03-01"}, []string{"name=20260307"}},
		{"pattern", map[string]string{"partition.expiration-time": "1 h", "partition.timestamp-pattern": "$name:00:00", "partition.timestamp-formatter": "yyyy-MM-dd HH:mm:ss"}, []string{"2026-03-10 11", "2026-03-10 10"}, []string{"name=2026-03-10 10"}},
		{"few", map[string]string{"partition.expiration-time": "1 d", "partition.expiration-max-num": "2", "partition.expiration-batch-size": "1"}, []string{"2026-01-03", "2026-01-01", "2026-01-02"}, []string{"name=2026-01-01", "name=2026-01-02"}},
		{"ages", map[string]string{"partition.expiration-time": "1 d", "partition.expiration-strategy": "update-time"}, []string{"2026-01-03"}, nil},
	}
	for _, c := range cases {
		c.options["bucket"] = "1"
		l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id", "name"}, PartitionKeys: []string{"name"}, Options: c.options})
		table := l.table("")
		for i, p := range c.parts {
			w, err := table.NewWriter(l.ctx, paimon.WriteOptions{})
			require.NoError(t, err)
			b := rows(t, table, fmt.Sprintf("+I %d x", i))
			b.Rows = withName(b.Rows, p)
			require.NoError(t, w.Write(l.ctx, b))
			messages, err := w.Prepare(l.ctx, true)
			require.NoError(t, err)
			_, err = table.NewCommitter("").Commit(l.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
			require.NoError(t, err)
			require.NoError(t, w.Close(l.ctx))
		}
		got, err := table.ExpirePartitions(l.ctx, now)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
		left, err := table.Partitions(l.ctx, latestOf(t, table))
		require.NoError(t, err)
		require.Len(t, left, len(c.parts)-len(c.want), c.name)
		if c.name == "ages" {
			got, err = table.ExpirePartitions(l.ctx, time.Now().Add(25*time.Hour))
			require.NoError(t, err)
			require.Equal(t, []string{"name=2026-01-03"}, got)
		}
	}
	_, table := newTable(t, map[string]string{"bucket": "1", "partition.expiration-time": "1 d"})
	_, err := table.ExpirePartitions(context.Background(), now)
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// TestManifestsInOne: rewriting the manifests changes no row, and is not done
// twice.
func TestManifestsInOne(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "num-sorted-run.compaction-trigger": "3"}})
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		require.NoError(t, l.write("", randomIDs(r, true)...))
	}
	before, err := l.read(l.table(""), latestOf(t, l.table("")))
	require.NoError(t, err)
	snap, err := l.table("").CompactManifests(l.ctx)
	require.NoError(t, err)
	require.NotNil(t, snap)
	after, err := l.read(l.table(""), latestOf(t, l.table("")))
	require.NoError(t, err)
	require.Equal(t, before, after)
	again, err := l.table("").CompactManifests(l.ctx)
	require.NoError(t, err)
	require.Nil(t, again)
	require.NoError(t, l.write("", 1, 2, 3))
	l.check("written behind it")
}

// TestPurge leaves a table that is as new.
func TestPurge(t *testing.T) {
	l := grown(t, fileio.NewMem())
	require.NoError(t, l.table("").ResetConsumer(l.ctx, "c", 7))
	require.NoError(t, l.table("").PurgeFiles(l.ctx))
	snaps, err := l.table("").Snapshots(l.ctx)
	require.NoError(t, err)
	require.Len(t, snaps, 1)
	rows, err := l.read(l.table(""), snaps[0])
	require.NoError(t, err)
	require.Empty(t, rows)
	var left []string
	var walk func(dir string)
	walk = func(dir string) {
		for info, err := range l.store.List(l.ctx, dir) {
			require.NoError(t, err)
			if info.Dir {
				walk(info.Path)
			} else {
				left = append(left, strings.TrimPrefix(info.Path, "d.db/users/"))
			}
		}
	}
	walk("d.db/users")
	left = slices.DeleteFunc(left, func(f string) bool { return strings.HasPrefix(f, "manifest/") || strings.HasPrefix(f, "schema/") })
	require.ElementsMatch(t, []string{"snapshot/EARLIEST", "snapshot/LATEST", fmt.Sprintf("snapshot/snapshot-%d", snaps[0].ID)}, left)
	require.NoError(t, l.write("", 1))
}

// TestPartitionsDone marks partitions as complete by a file that Java reads.
func TestPartitionsDone(t *testing.T) {
	l := newLake(t, fileio.NewMem(), catalog.Definition{PrimaryKeys: []string{"id", "name"}, PartitionKeys: []string{"name"}, Options: map[string]string{"bucket": "1"}})
	require.NoError(t, l.table("").MarkPartitionsDone(l.ctx, map[string]string{"name": "a b"}))
	require.NoError(t, l.table("").MarkPartitionsDone(l.ctx, map[string]string{"name": "a b"}))
	data, err := fileio.ReadAll(l.ctx, l.store, "d.db/users/name=a b/_SUCCESS", 1000)
	require.NoError(t, err)
	require.Regexp(t, `^\{\n  "creationTime" : \d+,\n  "modificationTime" : \d+\n\}$`, string(data))
	table, err := l.open("", map[string]string{"partition.mark-done-action": "done-partition"})
	require.NoError(t, err)
	require.ErrorIs(t, table.MarkPartitionsDone(l.ctx, map[string]string{"name": "x"}), errs.ErrUnsupported)
}

func latestOf(t *testing.T, table *paimon.Table) *spec.Snapshot {
	t.Helper()
	snap, err := table.LatestSnapshot(context.Background())
	require.NoError(t, err)
	return snap
}

func replaceID(snapshot string, id int64) string {
	return strings.Replace(snapshot, `"id" : 1,`, fmt.Sprintf(`"id" : %d,`, id), 1)
}

// withName gives the batch with another value in its column name.
func withName(b arrow.RecordBatch, name string) arrow.RecordBatch {
	names := array.NewStringBuilder(memory.DefaultAllocator)
	for range b.NumRows() {
		names.Append(name)
	}
	return array.NewRecordBatch(b.Schema(), []arrow.Array{b.Column(0), names.NewArray()}, b.NumRows())
}
