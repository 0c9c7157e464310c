package paimon_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// counted counts the requests that a store gets.
type counted struct {
	fileio.Store
	n atomic.Int64
}

func (c *counted) Open(ctx context.Context, path string) (fileio.Reader, error) {
	c.n.Add(1)
	return c.Store.Open(ctx, path)
}

func (c *counted) Stat(ctx context.Context, path string) (fileio.Info, error) {
	c.n.Add(1)
	return c.Store.Stat(ctx, path)
}

func (c *counted) List(ctx context.Context, dir string) iter.Seq2[fileio.Info, error] {
	return func(yield func(fileio.Info, error) bool) {
		c.n.Add(1)
		for info, err := range c.Store.List(ctx, dir) {
			c.n.Add(1) // a listing of many entries is many requests
			if !yield(info, err) {
				return
			}
		}
	}
}

// TestRequestsStayFlat opens a table with few and with many snapshots: to find
// the newest one, to plan a read, to commit and to see that nothing is due for
// expiry takes as many requests.
func TestRequestsStayFlat(t *testing.T) {
	ctx := context.Background()
	measure := func(snapshots int64) map[string]int64 {
		store := &counted{Store: fileio.NewMem()}
		l := newLake(t, store, catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "1", "write-only": "true", "snapshot.num-retained.min": "100000", "snapshot.num-retained.max": "100000"}})
		require.NoError(t, l.write("", 1, 2, 3))
		path := func(id int64) string { return fmt.Sprintf("d.db/users/snapshot/snapshot-%d", id) }
		data, err := fileio.ReadAll(ctx, store, path(1), 1<<20)
		require.NoError(t, err)
		for id := int64(2); id <= snapshots; id++ {
			require.NoError(t, store.Put(ctx, path(id), []byte(replaceID(string(data), id))))
		}
		require.NoError(t, store.Put(ctx, "d.db/users/snapshot/LATEST", []byte(fmt.Sprint(snapshots))))
		out := map[string]int64{}
		count := func(what string, do func()) {
			before := store.n.Load()
			do()
			out[what] = store.n.Load() - before
		}
		w := paimon.Open(store, paimon.Options{})
		var table *paimon.Table
		count("open", func() { table, err = w.Table(ctx, users, nil); require.NoError(t, err) })
		count("latest", func() { require.EqualValues(t, snapshots, latestOf(t, table).ID) })
		count("plan", func() {
			snap, err := table.Travel(ctx)
			require.NoError(t, err)
			p, err := table.Plan(ctx, snap, nil)
			require.NoError(t, err)
			require.Len(t, p.Splits, 1)
		})
		count("stream", func() {
			s, err := table.Stream(0)
			require.NoError(t, err)
			defer s.Close()
			p, err := s.TryNext(ctx)
			require.NoError(t, err)
			require.True(t, p.Full)
		})
		count("commit", func() {
			messages := prepared(t, table, paimon.WriteOptions{}, "+I 9 x")
			_, err := table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
			require.NoError(t, err)
		})
		count("nothing due", func() { _, err := table.ExpireDue(ctx, 0); require.NoError(t, err) })
		return out
	}
	few := measure(10)
	require.Equal(t, few, measure(1000))
	require.Equal(t, few, measure(5000))
	t.Log(few)
}
