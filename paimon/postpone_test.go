package paimon_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// newest is a table of the newest row of each key.
type newest map[string]cells

func (n newest) apply(list []cells, key func(cells) string) {
	for _, c := range list {
		if c.kind.IsRetract() {
			delete(n, key(c))
			continue
		}
		n[key(c)] = c
	}
}

func (n newest) rows() []string {
	out := []string{}
	for _, c := range n {
		out = append(out, c.String())
	}
	slices.Sort(out)
	return out
}

func (m *modes) sortedRows() []string {
	out := append([]string{}, m.rows(m.table(nil))...)
	slices.Sort(out)
	return out
}

func partitionAndKey(c cells) string { return fmt.Sprint(c.p, " ", c.k) }

func postponedTable(options map[string]string) catalog.Definition {
	d := catalog.Definition{PrimaryKeys: []string{"p", "k"}, PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "-2"}}
	for k, v := range options {
		d.Options[k] = v
	}
	return d
}

func randomCells(r *rand.Rand, n *int64, partitions, keys, most int) []cells {
	out := make([]cells, 1+r.IntN(most))
	for i := range out {
		*n++
		out[i] = cells{p: int32(r.IntN(partitions)), k: int32(r.IntN(keys)), n: *n, v: fmt.Sprint("v", r.IntN(100))}
		if r.IntN(5) == 0 {
			out[i].kind = types.Delete
		}
	}
	return out
}

// TestPostponedModel streams into postponed buckets, inserts in batches and
// compacts at random: rows show when they were compacted, in their order.
func TestPostponedModel(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"plain":        {"postpone.default-bucket-num": "2"},
		"by rows":      {"postpone.target-row-num-per-bucket": "10"},
		"lookup":       {"changelog-producer": "lookup"},
		"batch waits":  {"postpone.batch-write-fixed-bucket": "false"},
		"many writers": {"write-max-writers-to-spill": "1", "num-sorted-run.compaction-trigger": "2"},
	} {
		t.Run(name, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 4))
			m := newModes(t, fileio.NewMem(), postponedTable(options))
			visible, n := newest{}, int64(0)
			var waiting []cells
			table := m.table(nil)
			w, err := table.NewWriter(m.ctx, paimon.WriteOptions{User: "job"})
			require.NoError(t, err)
			c, id := table.NewCommitter("job"), int64(0)
			for range 30 {
				list := randomCells(r, &n, 3, 12, 40)
				switch r.IntN(5) {
				case 0, 1, 2:
					half := r.IntN(len(list) + 1)
					require.NoError(t, w.Write(m.ctx, batchOf(table, list[:half])))
					require.NoError(t, w.Write(m.ctx, batchOf(table, list[half:])))
					messages, err := w.Prepare(m.ctx, false)
					require.NoError(t, err)
					id++
					_, err = c.Commit(m.ctx, paimon.Commit{Identifier: id, Messages: messages})
					require.NoError(t, err)
					waiting = append(waiting, list...)
				case 3:
					require.NoError(t, m.batch(list...))
					if name == "batch waits" {
						waiting = append(waiting, list...)
					} else {
						visible.apply(list, partitionAndKey)
					}
				case 4:
					_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: r.IntN(2) == 0})
					require.NoError(t, err)
					visible.apply(waiting, partitionAndKey)
					waiting = nil
				}
				require.Equal(t, visible.rows(), m.sortedRows())
			}
			require.NoError(t, w.Close(m.ctx))
			_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			visible.apply(waiting, partitionAndKey)
			require.Equal(t, visible.rows(), m.sortedRows())
			m.noOrphans()
			_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true}) // now the real buckets themselves
			require.NoError(t, err)
			snap, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			require.Nil(t, snap)
			require.Equal(t, visible.rows(), m.sortedRows())
		})
	}
}

// batch is a batch job: all that it writes is one commit.
func (m *modes) batch(list ...cells) error {
	table := m.table(nil)
	w, err := table.NewWriter(m.ctx, paimon.WriteOptions{Batch: true})
	if err != nil {
		return err
	}
	defer w.Close(m.ctx)
	if err := w.Write(m.ctx, batchOf(table, list)); err != nil {
		return err
	}
	messages, err := w.Prepare(m.ctx, true)
	if err != nil {
		return err
	}
	_, err = table.NewCommitter("").Commit(m.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	return err
}

// TestPostponedFiles looks at names, numbers and kinds of commits, and at what
// a stream sees.
func TestPostponedFiles(t *testing.T) {
	m := newModes(t, fileio.NewMem(), postponedTable(nil))
	table := m.table(nil)
	require.NoError(t, m.insert(table, cells{p: 1, k: 2, n: 1, v: "a"}, cells{p: 1, k: 1, n: 2, v: "b"}, cells{p: 1, k: 2, n: 3, v: "c"}))
	snap, err := table.Travel(m.ctx)
	require.NoError(t, err)
	p, err := table.PlanFiles(m.ctx, snap, nil)
	require.NoError(t, err)
	require.Len(t, p.Splits, 1)
	f := p.Splits[0].Files[0]
	require.Regexp(t, `^data--u-.+-s-\d+-w-[0-9a-f-]{36}-0\.`, f.FileName)
	require.Equal(t, []int{-2, -2}, []int{p.Splits[0].Bucket, p.Splits[0].TotalBuckets})
	require.Equal(t, []int64{-1, -1, 3}, []int64{f.MinSequence, f.MaxSequence, f.RowCount})
	require.Empty(t, m.rows(table))

	stream, err := table.Stream(0)
	require.NoError(t, err)
	defer stream.Close()
	next := func() []string {
		plan, err := stream.TryNext(m.ctx)
		require.NoError(t, err)
		if plan == nil {
			return nil
		}
		r, err := plan.Read(m.ctx, nil)
		require.NoError(t, err)
		return cellsOf(t, r, true)
	}
	require.Equal(t, []string{"+I 1 2 1 a", "+I 1 1 2 b", "+I 1 2 3 c"}, next())
	require.NoError(t, m.insert(table, cells{kind: types.Delete, p: 1, k: 1, n: 2, v: "b"}))
	require.Equal(t, []string{"-D 1 1 2 b"}, next())
	snap, err = table.Compact(m.ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, spec.CommitCompact, snap.CommitKind)
	require.Equal(t, []string{"1 2 3 c"}, m.rows(table))
	require.Empty(t, next())
	require.NoError(t, m.commit(table, &paimon.Overwrite{Dynamic: true}, cells{p: 1, k: 9, n: 9, v: "z"}))
	require.Equal(t, []string{"1 9 9 z"}, m.rows(table))
}

// TestPostponedFaults wants every row once, whatever failed while it was
// written or moved.
func TestPostponedFaults(t *testing.T) {
	d := postponedTable(map[string]string{"merge-engine": "aggregation", "fields.n.aggregate-function": "sum", "fields.v.aggregate-function": "listagg"})
	rows := func(id int64) []cells {
		return []cells{{p: 1, k: int32(id % 2), n: 1, v: fmt.Sprint(id)}, {p: 2, k: 7, n: 1, v: fmt.Sprint(id)}}
	}
	faults(t, d, 5, rows, func(m *modes, what string) {
		for try := 0; ; try++ {
			_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{})
			if err == nil {
				break
			}
			require.True(t, try < 3 && (errors.Is(err, errs.ErrConflict) || errors.Is(err, faultio.ErrInjected)), "%s: %v", what, err)
		}
		require.Equal(t, "1 0 2 2,4\n1 1 3 1,3,5\n2 7 5 1,2,3,4,5", strings.Join(m.sortedRows(), "\n"), what)
	})
}
