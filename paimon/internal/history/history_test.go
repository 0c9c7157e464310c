package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

func golden(t *testing.T) fileio.Store {
	t.Helper()
	store, err := fileio.NewLocal("testdata/paimon-1.4.2")
	require.NoError(t, err)
	return store
}

// counting counts the requests of a store.
type counting struct {
	fileio.Store
	opens, stats, lists int
}

func (c *counting) Open(ctx context.Context, path string) (fileio.Reader, error) {
	c.opens++
	return c.Store.Open(ctx, path)
}

func (c *counting) Stat(ctx context.Context, path string) (fileio.Info, error) {
	c.stats++
	return c.Store.Stat(ctx, path)
}

func (c *counting) List(ctx context.Context, dir string) iter.Seq2[fileio.Info, error] {
	c.lists++
	return c.Store.List(ctx, dir)
}

func snapshot(id int64) *spec.Snapshot {
	return &spec.Snapshot{
		Version: 3, ID: id, BaseManifestList: "b", DeltaManifestList: "d", CommitUser: "u",
		CommitIdentifier: id, CommitKind: spec.CommitAppend, TimeMillis: id * 1000,
	}
}

func TestHistoryOfPaimon(t *testing.T) {
	ctx, store := t.Context(), golden(t)
	f := func(table, branch string, snapshots, changelogs, schemas []int64, tags ...string) {
		t.Helper()
		h := Open(store, table, branch)
		got, err := h.Snapshots.IDs(ctx)
		require.NoError(t, err)
		require.Equal(t, snapshots, got)
		got, err = h.Changelogs.IDs(ctx)
		require.NoError(t, err)
		require.Equal(t, changelogs, got)
		got, err = h.Schemas.IDs(ctx)
		require.NoError(t, err)
		require.Equal(t, schemas, got)
		list, err := h.Tags.All(ctx)
		require.NoError(t, err)
		require.Len(t, list, len(tags))
		for _, name := range tags {
			require.NotNil(t, list[name], name)
		}
		latest, err := h.Snapshots.Latest(ctx)
		require.NoError(t, err)
		require.Equal(t, snapshots[len(snapshots)-1], latest.ID)
		first, err := h.Snapshots.Earliest(ctx)
		require.NoError(t, err)
		require.Equal(t, snapshots[0], first.ID)
		schema, err := h.Schemas.Latest(ctx)
		require.NoError(t, err)
		require.Equal(t, schemas[len(schemas)-1], schema.ID)
	}
	none := []int64{}
	f("tags", "", []int64{4, 5, 6, 7, 8, 9}, none, []int64{0}, "tag_1", "tag_4", "tag_7")
	f("changelog_input", "main", []int64{10, 11}, []int64{5, 6, 7, 8, 9}, []int64{0})
	f("branches", "", []int64{1, 2, 3, 4}, none, []int64{0}, "base")
	f("branches", "empty", []int64{1, 2, 3}, none, []int64{0})
	f("branches", "from_tag", []int64{3, 4, 5, 6, 7}, none, []int64{0, 1}, "base")
	list, err := Branches(ctx, store, "branches")
	require.NoError(t, err)
	require.Equal(t, []string{"empty", "from_tag"}, list)

	at, ok, err := Open(store, "consumer", "").Consumers.Get(ctx, "c1")
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 3, at.NextSnapshot)
	s := Open(store, "tags", "").Snapshots
	snap, err := s.Get(ctx, 6)
	require.NoError(t, err)
	before, err := s.AtOrBefore(ctx, snap.TimeMillis)
	require.NoError(t, err)
	require.GreaterOrEqual(t, before.ID, int64(6))
	before, err = s.AtOrBefore(ctx, 0)
	require.NoError(t, err)
	require.Nil(t, before)
}

func TestLatest(t *testing.T) {
	ctx, c := t.Context(), &counting{Store: fileio.NewMem()}
	s := Open(c, "t", "").Snapshots
	cost := func(want int64, opens, stats, lists int) {
		t.Helper()
		*c = counting{Store: c.Store}
		id, err := s.LatestID(ctx)
		require.NoError(t, err)
		require.Equal(t, want, id)
		require.Equal(t, []int{opens, stats, lists}, []int{c.opens, c.stats, c.lists})
	}
	snap, err := s.Latest(ctx)
	require.NoError(t, err)
	require.Nil(t, snap)
	for id := int64(1); id <= 3; id++ {
		require.NoError(t, s.Commit(ctx, snapshot(id)))
	}
	cost(3, 0, 2, 0) // remembered: is there a 4, is 3 still there
	other := Open(c.Store, "t", "").Snapshots
	require.NoError(t, other.Commit(ctx, snapshot(4)))
	cost(4, 0, 2, 0) // someone else committed: 4 is there, 5 is not

	s = Open(c, "t", "").Snapshots
	cost(4, 1, 2, 0) // by the hint
	require.NoError(t, other.SetLatestHint(ctx, 2))
	s = Open(c, "t", "").Snapshots
	cost(4, 1, 3, 0) // an old hint is followed
	require.NoError(t, c.Store.Put(ctx, "t/snapshot/LATEST", []byte("4x")))
	s = Open(c, "t", "").Snapshots
	cost(4, 1, 0, 1) // a useless hint
	require.NoError(t, other.SetLatestHint(ctx, 99))
	s = Open(c, "t", "").Snapshots
	cost(4, 1, 2, 1) // a hint at a snapshot that is gone

	// rolled back by another process
	require.NoError(t, other.DeleteLatestHint(ctx))
	require.NoError(t, other.Delete(ctx, 3, 4))
	id, err := s.LatestID(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
	// far ahead without hints
	for id := int64(3); id <= 40; id++ {
		require.NoError(t, other.Commit(ctx, snapshot(id)))
	}
	id, err = s.LatestID(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 40, id)
	id, err = s.EarliestID(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
	require.NoError(t, s.Delete(ctx, 1, 2, 3))
	id, err = s.EarliestID(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 4, id)
}

func TestCommitHasOneWinner(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		wg.Go(func() {
			snap := snapshot(1)
			snap.CommitUser = fmt.Sprint("user", i)
			err := Open(store, "t", "").Snapshots.Commit(ctx, snap)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, errs.ErrExists)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, won)
}

// lostReply fails the first exclusive write after it was done, as a network
// does, and answers the repetition with "exists".
type lostReply struct{ fileio.Store }

func (l lostReply) PutIfAbsent(ctx context.Context, path string, data []byte) error {
	if err := l.Store.PutIfAbsent(ctx, path, data); err != nil {
		return err
	}
	return l.Store.PutIfAbsent(ctx, path, data)
}

func TestCommitAfterLostReply(t *testing.T) {
	ctx, store := t.Context(), lostReply{fileio.NewMem()}
	s := Open(store, "t", "").Snapshots
	require.NoError(t, s.Commit(ctx, snapshot(1)))
	other := snapshot(1)
	other.CommitUser = "someone else"
	require.ErrorIs(t, s.Commit(ctx, other), errs.ErrExists)
}

func TestDamagedSnapshotNamesItsFile(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	s := Open(store, "db.db/t", "b1").Snapshots
	require.NoError(t, s.Commit(ctx, snapshot(1)))
	data, err := snapshot(2).JSON()
	require.NoError(t, err)
	require.NoError(t, store.Put(ctx, s.Path(2), data[:len(data)/2]))
	_, err = s.Latest(ctx)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, "db.db/t/branch/branch-b1/snapshot/snapshot-2")
	require.NoError(t, store.Put(ctx, s.Path(2), nil))
	_, err = s.Get(ctx, 2)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	_, err = s.Get(ctx, 3)
	require.ErrorIs(t, err, errs.ErrNotFound)
	one, err := s.Get(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, snapshot(1), one)
	require.NoError(t, store.Put(ctx, s.Path(5), data))
	_, err = s.Get(ctx, 5)
	require.ErrorContains(t, err, "holds snapshot 2")
}

func TestByTimeAndUser(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	s := Open(store, "t", "").Snapshots
	for id := int64(1); id <= 20; id++ {
		snap := snapshot(id)
		snap.CommitUser = fmt.Sprint("user", id%3)
		require.NoError(t, s.Commit(ctx, snap))
	}
	require.NoError(t, s.Delete(ctx, 1, 2, 3, 4))
	f := func(millis, want int64) {
		t.Helper()
		snap, err := s.AtOrBefore(ctx, millis)
		require.NoError(t, err)
		if want == 0 {
			require.Nil(t, snap)
			return
		}
		require.Equal(t, want, snap.ID)
	}
	f(4999, 0)
	f(5000, 5)
	f(7500, 7)
	f(20000, 20)
	f(math.MaxInt64, 20)
	user := func(name string, want int64) {
		t.Helper()
		snap, err := s.LatestOfUser(ctx, name)
		require.NoError(t, err)
		if want == 0 {
			require.Nil(t, snap)
			return
		}
		require.Equal(t, want, snap.ID)
	}
	user("user2", 20)
	user("user0", 18)
	user("nobody", 0)
	some, err := s.Range(ctx, 3, 6)
	require.NoError(t, err)
	require.Len(t, some, 2)
}

func schema(id int64, column string) *spec.TableSchema {
	return &spec.TableSchema{Version: 3, ID: id, Fields: []types.Field{{Name: column, Type: types.Of(types.Int)}}, Options: map[string]string{}}
}

func TestSchemas(t *testing.T) {
	ctx, c := t.Context(), &counting{Store: fileio.NewMem()}
	s := Open(c, "t", "").Schemas
	_, err := s.Latest(ctx)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "t/schema")
	require.NoError(t, s.Create(ctx, schema(0, "a")))
	require.ErrorIs(t, s.Create(ctx, schema(0, "b")), errs.ErrExists)
	require.NoError(t, Open(c, "t", "").Schemas.Create(ctx, schema(1, "b")))
	latest, err := s.Latest(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, latest.ID)
	*c = counting{Store: c.Store}
	for range 3 {
		again, err := s.Get(ctx, 1)
		require.NoError(t, err)
		require.Same(t, latest, again)
	}
	require.Zero(t, c.opens)
	again, err := s.Latest(ctx)
	require.NoError(t, err)
	require.Same(t, latest, again)
	require.Equal(t, []int{1, 1, 0}, []int{c.opens, c.stats, c.lists})

	// the table is dropped and made anew by someone else
	require.NoError(t, c.DeleteTree(ctx, "t"))
	require.NoError(t, Open(c, "t", "").Schemas.Create(ctx, schema(0, "new")))
	latest, err = s.Latest(ctx)
	require.NoError(t, err)
	require.Equal(t, "new", latest.Fields[0].Name)

	require.NoError(t, c.Put(ctx, "t/schema/schema-1", []byte(`{"version":3,`)))
	_, err = s.Latest(ctx)
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, "t/schema/schema-1")
}

func TestTagsAndConsumers(t *testing.T) {
	ctx, store := t.Context(), fileio.NewMem()
	h := Open(store, "t", "")
	keep := 24 * time.Hour
	tag := &spec.Tag{Snapshot: *snapshot(7), TimeRetained: &keep}
	require.NoError(t, h.Tags.Create(ctx, "20250601", tag))
	require.ErrorIs(t, h.Tags.Create(ctx, "20250601", tag), errs.ErrExists)
	got, err := h.Tags.Get(ctx, "20250601")
	require.NoError(t, err)
	require.Equal(t, tag, got)
	require.NoError(t, h.Tags.Replace(ctx, "20250601", &spec.Tag{Snapshot: *snapshot(8)}))
	got, err = h.Tags.Get(ctx, "20250601")
	require.NoError(t, err)
	require.EqualValues(t, 8, got.ID)
	for _, bad := range []string{"", " ", "../x", "a/b"} {
		require.ErrorIs(t, h.Tags.Create(ctx, bad, tag), errs.ErrInvalid, bad)
		_, err := h.Tags.Get(ctx, bad)
		require.ErrorIs(t, err, errs.ErrNotFound)
	}
	require.NoError(t, h.Tags.Delete(ctx, "20250601"))
	list, err := h.Tags.List(ctx)
	require.NoError(t, err)
	require.Empty(t, list)

	_, ok, err := h.Consumers.MinNext(ctx)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, h.Consumers.Set(ctx, "a", spec.Consumer{NextSnapshot: 9}))
	require.NoError(t, h.Consumers.Set(ctx, "b", spec.Consumer{NextSnapshot: 4}))
	next, ok, err := h.Consumers.MinNext(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 4, next)
	require.NoError(t, h.Consumers.Delete(ctx, "b"))
	_, ok, err = h.Consumers.Get(ctx, "b")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestBranchNames(t *testing.T) {
	for name, ok := range map[string]bool{"rt": true, "b1": true, "": false, "  ": false, "main": false, "123": false, "a/b": false} {
		err := CheckBranchName(name)
		require.Equal(t, ok, err == nil, name)
		require.True(t, ok || errors.Is(err, errs.ErrInvalid))
	}
	ctx, store := t.Context(), fileio.NewMem()
	h := Open(store, "t", "rt")
	require.Equal(t, "rt", h.Branch())
	require.Equal(t, "t/branch/branch-rt", h.Dir())
	require.NoError(t, h.Schemas.Create(ctx, schema(0, "a")))
	list, err := Branches(ctx, store, "t")
	require.NoError(t, err)
	require.Equal(t, []string{"rt"}, list)
	require.NoError(t, Open(store, "t", "").DeleteBranch(ctx, "rt"))
	list, err = Branches(ctx, store, "t")
	require.NoError(t, err)
	require.Empty(t, list)
	require.ErrorIs(t, Open(store, "t", "").DeleteBranch(ctx, ".."+"/x"), errs.ErrNotFound)
}

// TestHalfWrittenConsumer meets a file while another engine writes it in place.
func TestHalfWrittenConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, store := t.Context(), fileio.NewMem()
		c := Open(store, "t", "").Consumers
		require.NoError(t, store.Put(ctx, "t/consumer/consumer-a", []byte(`{"nextSna`)))
		time.AfterFunc(time.Second, func() { c.Set(ctx, "a", spec.Consumer{NextSnapshot: 6}) })
		at, ok, err := c.Get(ctx, "a")
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 6, at.NextSnapshot)

		require.NoError(t, store.Put(ctx, "t/consumer/consumer-a", []byte(`{}`)))
		_, _, err = c.Get(ctx, "a")
		require.ErrorIs(t, err, errs.ErrCorrupt)
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, _, err = c.Get(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
