package paimon_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// TestRescale changes the number of buckets partition by partition: others are
// read as they are and refuse rows until they follow.
func TestRescale(t *testing.T) {
	for kind, keys := range map[string][]string{"keyed": {"p", "k"}, "append": nil} {
		t.Run(kind, func(t *testing.T) {
			d := catalog.Definition{PrimaryKeys: keys, PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "2", "bucket-key": "k"}}
			m := newModes(t, fileio.NewMem(), d)
			var want []cells
			for k := range int32(40) {
				want = append(want, cells{p: k % 2, k: k, n: int64(k), v: "x"})
			}
			_, err := m.table(nil).Rescale(m.ctx, paimon.RescaleOptions{Buckets: 3})
			require.ErrorContains(t, err, "no need to rescale")
			require.NoError(t, m.insert(m.table(nil), want...))
			require.NoError(t, m.open().Catalog().AlterOptions(m.ctx, users, map[string]string{"bucket": "5"}, nil))
			err = m.insert(m.table(nil), cells{p: 1, k: 100})
			require.ErrorContains(t, err, "with a new bucket num 5, but the previous bucket num is 2")
			_, err = m.table(nil).Rescale(m.ctx, paimon.RescaleOptions{Partition: map[string]string{"p": "1"}})
			require.NoError(t, err)
			m.sameRows(m.table(nil), want, true)
			more := []cells{{p: 1, k: 100, v: "y"}, {p: 3, k: 1, v: "z"}}
			require.NoError(t, m.insert(m.table(nil), more...))
			require.Error(t, m.insert(m.table(nil), cells{p: 0, k: 100}))
			require.NoError(t, m.commit(m.table(nil), &paimon.Overwrite{Static: map[string]string{"p": "0"}}, cells{p: 0, k: 7, v: "w"}))
			kept := append(more, cells{p: 0, k: 7, v: "w"}, cells{p: 0, k: 8, v: "w"})
			require.NoError(t, m.insert(m.table(nil), cells{p: 0, k: 8, v: "w"}))
			for _, c := range want {
				if c.p == 1 {
					kept = append(kept, c)
				}
			}
			m.sameRows(m.table(nil), kept, true)
			m.noOrphansButExpired()
		})
	}
}

// TestRescalePostponed leaves rows that wait alone, and does not lose those of
// another job.
func TestRescalePostponed(t *testing.T) {
	m := newModes(t, fileio.NewMem(), postponedTable(nil))
	require.NoError(t, m.batch(cells{p: 1, k: 1, v: "a"}, cells{p: 1, k: 2, v: "b"}))
	require.NoError(t, m.insert(m.table(nil), cells{p: 1, k: 1, v: "c"}))
	_, err := m.table(nil).Rescale(m.ctx, paimon.RescaleOptions{})
	require.True(t, errors.Is(err, errs.ErrInvalid))
	_, err = m.table(nil).Rescale(m.ctx, paimon.RescaleOptions{Buckets: 4})
	require.NoError(t, err)
	require.Equal(t, []string{"1 1 0 a", "1 2 0 b"}, m.sortedRows())
	_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"1 1 0 c", "1 2 0 b"}, m.sortedRows())
	require.NoError(t, m.batch(cells{p: 1, k: 3, v: "d"})) // into one of the four
	require.Equal(t, []string{"1 1 0 c", "1 2 0 b", "1 3 0 d"}, m.sortedRows())
}
