package paimon_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// TestSortCompact sorts partitions with less memory than rows: none is lost,
// those that were added meanwhile stay, and they are in order.
func TestSortCompact(t *testing.T) {
	for _, strategy := range []string{"order", "zorder", "hilbert"} {
		t.Run(strategy, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seedOf(t), 6))
			m := newModes(t, fileio.NewMem(), catalog.Definition{PartitionKeys: []string{"p"}, Options: map[string]string{"write-only": "true"}})
			m.memory = 50_000
			table := m.table(nil)
			var want []cells
			for range 4 {
				list := make([]cells, 1500)
				for i := range list {
					list[i] = cells{p: int32(r.IntN(2)), k: int32(r.IntN(50) - 25), n: r.Int64(), v: fmt.Sprint(r.IntN(1000))}
				}
				require.NoError(t, m.insert(table, list...))
				want = append(want, list...)
			}
			snap, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{OrderStrategy: strategy, OrderBy: []string{"k", " v"}})
			require.NoError(t, err)
			require.Equal(t, spec.CommitOverwrite, snap.CommitKind)
			require.Equal(t, int64(len(want)), snap.TotalRecordCount)
			require.Zero(t, snap.DeltaRecordCount)
			require.Equal(t, 2, m.files(table))
			m.sameRows(table, want, false)
			if strategy == "order" {
				type at struct {
					p, k int
					v    string
				}
				var got []at
				for _, s := range m.rows(table) {
					var a at
					var n int64
					_, err := fmt.Sscan(s, &a.p, &a.k, &n, &a.v)
					require.NoError(t, err)
					got = append(got, a)
				}
				require.True(t, slices.IsSortedFunc(got, func(x, y at) int {
					return cmp.Or(cmp.Compare(x.p, y.p), cmp.Compare(x.k, y.k), cmp.Compare(x.v, y.v))
				}))
			}
			m.noOrphansButExpired()
		})
	}
}

// noOrphansButExpired lets old snapshots go first.
func (m *modes) noOrphansButExpired() {
	m.t.Helper()
	_, err := m.table(nil).Expire(m.ctx, paimon.ExpireOptions{RetainMax: 1, RetainMin: 1, OlderThan: time.Now().Add(time.Hour)})
	require.NoError(m.t, err)
	m.noOrphans()
}

func TestCompactSome(t *testing.T) {
	m := newModes(t, fileio.NewMem(), catalog.Definition{PartitionKeys: []string{"p"}, Options: map[string]string{"compaction.min.file-num": "2"}})
	table := m.table(nil)
	for range 2 {
		require.NoError(t, m.insert(table, cells{p: 1, n: 1}, cells{p: 2, n: 1}, cells{p: 3, n: 1}, cells{p: 4, n: 1}))
	}
	compact := func(o paimon.CompactOptions) { t.Helper(); _, err := table.Compact(m.ctx, o); require.NoError(t, err) }
	compact(paimon.CompactOptions{IdleFor: time.Hour})
	require.Equal(t, 8, m.files(table))
	compact(paimon.CompactOptions{Partitions: []map[string]string{{"p": "1"}, {"p": "3"}}})
	require.Equal(t, 6, m.files(table))
	compact(paimon.CompactOptions{OrderStrategy: "order", OrderBy: []string{"n"}, Partition: map[string]string{"p": "2"}})
	require.Equal(t, 5, m.files(table))
	compact(paimon.CompactOptions{Full: true})
	require.Equal(t, 4, m.files(table))

	for _, o := range []paimon.CompactOptions{
		{OrderStrategy: "order"}, {OrderBy: []string{"n"}}, {OrderStrategy: "spiral", OrderBy: []string{"n"}},
		{OrderStrategy: "order", OrderBy: []string{"nope"}}, {OrderStrategy: "hilbert", OrderBy: []string{"n"}},
		{OrderStrategy: "order", OrderBy: []string{"n"}, IdleFor: time.Hour},
	} {
		_, err := table.Compact(m.ctx, o)
		require.ErrorIs(t, err, errs.ErrInvalid, "%+v", o)
	}
	keyed := newModes(t, fileio.NewMem(), postponedTable(nil))
	_, err := keyed.table(nil).Compact(m.ctx, paimon.CompactOptions{OrderStrategy: "order", OrderBy: []string{"n"}})
	require.ErrorIs(t, err, errs.ErrUnsupported)
}
