package dict

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

func TestFirst(t *testing.T) {
	ctx := context.Background()
	table := newDictionary(t, map[string]string{"bucket": "1"})
	f, err := NewFirst(table)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Begin(ctx, table))
	apply := func(kinds []types.RowKind, keys ...string) string {
		out, err := f.Apply(paimon.Batch{Rows: keyRows(table, keys...), Kinds: kinds})
		require.NoError(t, err)
		if out.Rows == nil {
			return ""
		}
		return fmt.Sprint(out.Rows.Column(1), out.Rows.Column(2), out.Kinds)
	}
	require.Equal(t, `["a" "b"] [0 1] []`, apply(nil, "a", "b", "a"))
	require.Empty(t, apply(nil, "a", "b"))
	require.Equal(t, `[(null) "a" "c"] [0 1 3] [+I -D +U]`, apply([]types.RowKind{types.Insert, types.Delete, types.UpdateAfter, types.UpdateAfter}, "", "a", "a", "c"))

	// It forgets all when it is full: the table decides on what comes again.
	f.keys.memory = int64(len(f.keys.mapped))
	for i := range len(f.keys.slots) {
		apply(nil, fmt.Sprint("key", i))
	}
	require.Less(t, f.keys.n, len(f.keys.slots)/2)
	require.Equal(t, `["a"] [0] []`, apply(nil, "a"))

	// Others may add rows; when some are taken away, the commit conflicts.
	commit := func(id int64) (*spec.Snapshot, error) {
		c := paimon.Commit{Identifier: id, KeepEmpty: true}
		f.Bind(&c)
		snap, err := table.NewCommitter("job").Commit(ctx, c)
		if err == nil {
			err = f.Committed(ctx, table, snap, nil)
		}
		return snap, err
	}
	_, err = commit(1)
	require.NoError(t, err)
	other := newWorker(t, table, "other")
	other.apply(t, "x")
	require.NoError(t, other.commit())
	_, err = commit(2)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Overwrite: &paimon.Overwrite{}})
	require.NoError(t, err)
	_, err = commit(3)
	require.ErrorIs(t, err, errs.ErrConflict)
	require.NoError(t, f.Begin(ctx, table))
	require.Equal(t, `["a"] [0] []`, apply(nil, "a"))
	_, err = commit(3)
	require.NoError(t, err)

	plain, err := NewFirst(newDictionary(t, map[string]string{"bucket": "1", "merge-engine": "deduplicate"}))
	require.NoError(t, err)
	require.Nil(t, plain)
}
