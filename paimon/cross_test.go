package paimon_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

func crossTable(options map[string]string) catalog.Definition {
	d := catalog.Definition{PrimaryKeys: []string{"k"}, PartitionKeys: []string{"p"}, Options: map[string]string{"dynamic-bucket.target-row-num": "5", "num-sorted-run.compaction-trigger": "3"}}
	for k, v := range options {
		d.Options[k] = v
	}
	return d
}

// crossRule is what a merge engine makes of a row whose key may be elsewhere.
func crossRule(engine string, state newest, list []cells) {
	for _, c := range list {
		key := fmt.Sprint(c.k)
		old, there := state[key]
		switch {
		case c.kind.IsRetract():
			delete(state, key)
		case !there || engine == "deduplicate":
			state[key] = c
		case engine == "first-row":
		case engine == "aggregation":
			c.p, c.n, c.v = old.p, old.n+c.n, old.v+","+c.v
			state[key] = c
		default: // partial-update
			c.p = old.p
			if c.v == "" {
				c.v = old.v
			}
			state[key] = c
		}
	}
}

// TestCrossPartitionModel moves keys between partitions at random, in streams
// and batches, with compactions, restarts, and keys in files.
func TestCrossPartitionModel(t *testing.T) {
	for engine, options := range map[string]map[string]string{
		"deduplicate":    {},
		"partial-update": {},
		"aggregation":    {"fields.n.aggregate-function": "sum", "fields.v.aggregate-function": "listagg"},
		"first-row":      {"changelog-producer": "lookup"},
	} {
		t.Run(engine, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 5))
			options["merge-engine"] = engine
			m := newModes(t, fileio.NewMem(), crossTable(options))
			m.memory = 100_000 // some 500 keys
			state, n := newest{}, int64(0)
			table := m.table(nil)
			c, id := table.NewCommitter("job"), int64(0)
			w, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
			require.NoError(t, err)
			restart := func() {
				require.NoError(t, w.Close(m.ctx))
				w, err = table.NewWriter(m.ctx, paimon.WriteOptions{})
				require.NoError(t, err)
			}
			for range 18 {
				list := randomCells(r, &n, 4, 900, 250)
				for i := range list {
					if engine != "deduplicate" {
						list[i].kind = types.Insert
					}
					if engine == "partial-update" && r.IntN(3) == 0 {
						list[i].v = ""
					}
				}
				switch r.IntN(6) {
				case 0:
					_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
					require.NoError(t, err)
					restart() // it may have compacted what the job does
				case 1:
					require.NoError(t, m.insert(m.table(nil), list...))
					crossRule(engine, state, list)
					restart()
				default:
					for len(list) > 0 {
						n := 1 + r.IntN(len(list))
						require.NoError(t, w.Write(m.ctx, batchOf(table, list[:n])))
						crossRule(engine, state, list[:n])
						list = list[n:]
					}
					messages, err := w.Prepare(m.ctx, r.IntN(2) == 0)
					require.NoError(t, err)
					id++
					_, err = c.Commit(m.ctx, paimon.Commit{Identifier: id, Messages: messages})
					require.NoError(t, err)
				}
				if engine != "first-row" { // its level 0 does not show
					require.Equal(t, state.rows(), m.sortedRows())
				}
			}
			require.NoError(t, w.Close(m.ctx))
			_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			require.Equal(t, state.rows(), m.sortedRows())
			m.noOrphans()
		})
	}
}

// TestCrossPartitionOneWriter refuses a second job, whose index knows nothing
// of the first's rows, and lets it begin again.
func TestCrossPartitionOneWriter(t *testing.T) {
	m := newModes(t, fileio.NewMem(), crossTable(nil))
	table := m.table(nil)
	first, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer first.Close(m.ctx)
	require.NoError(t, first.Write(m.ctx, batchOf(table, []cells{{p: 1, k: 1, n: 1, v: "a"}})))
	messages, err := first.Prepare(m.ctx, true)
	require.NoError(t, err)
	require.NoError(t, m.insert(m.table(nil), cells{p: 2, k: 1, n: 2, v: "b"}))
	c := table.NewCommitter("job")
	_, err = c.Commit(m.ctx, paimon.Commit{Identifier: 1, Messages: messages})
	require.ErrorIs(t, err, errs.ErrConflict)
	require.ErrorContains(t, err, "one writing job at a time")
	require.NoError(t, m.insert(m.table(nil), cells{p: 1, k: 1, n: 3, v: "c"}))
	require.Equal(t, []string{"1 1 3 c"}, m.rows(table))

	err = m.commit(table, &paimon.Overwrite{Dynamic: true}, cells{p: 2, k: 1, n: 4, v: "d"})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.NoError(t, m.commit(table, &paimon.Overwrite{}, cells{p: 2, k: 1, n: 4, v: "d"}))
	require.Equal(t, []string{"2 1 4 d"}, m.rows(table))
	snap, err := table.Travel(m.ctx)
	require.NoError(t, err)
	require.Equal(t, spec.CommitOverwrite, snap.CommitKind)
	require.Nil(t, snap.IndexManifest) // where keys are is not in the table
}

// TestCrossPartitionFaults wants each key in one partition, whatever failed.
func TestCrossPartitionFaults(t *testing.T) {
	rows := func(id int64) []cells {
		return []cells{{p: int32(id % 3), k: 1, n: id, v: "x"}, {p: int32(id % 2), k: int32(id), n: id, v: "y"}}
	}
	faults(t, crossTable(nil), 5, rows, func(m *modes, what string) {
		require.Equal(t, "0 2 2 y\n0 4 4 y\n1 3 3 y\n1 5 5 y\n2 1 5 x", strings.Join(m.sortedRows(), "\n"), what)
	})
}
