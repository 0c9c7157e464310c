package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// cells is a row of the tables of these tests: p, k, n and v; v "" is NULL.
type cells struct {
	kind types.RowKind
	p, k int32
	n    int64
	v    string
}

func (c cells) String() string { return fmt.Sprintf("%d %d %d %s", c.p, c.k, c.n, c.v) }

// modes is a table d.users (p INT, k INT, n BIGINT, v STRING) of any bucket mode.
type modes struct {
	t      *testing.T
	ctx    context.Context
	store  fileio.Store
	memory int64 // for buffers; 0: enough
}

func newModes(t *testing.T, store fileio.Store, d catalog.Definition) *modes {
	t.Helper()
	m := &modes{t: t, ctx: context.Background(), store: store}
	d.Fields = []types.Field{{Name: "p", Type: types.Of(types.Int)}, {Name: "k", Type: types.Of(types.Int)}, {Name: "n", Type: types.Of(types.BigInt)}, {Name: "v", Type: types.String()}}
	c := m.open().Catalog()
	require.NoError(t, c.CreateDatabase(m.ctx, "d"))
	require.NoError(t, c.CreateTable(m.ctx, users, d))
	return m
}

// open opens the warehouse as a new process would.
func (m *modes) open() *paimon.Warehouse {
	return paimon.Open(m.store, paimon.Options{SpillDir: m.t.TempDir(), WriteMemory: m.memory})
}

func (m *modes) table(hint map[string]string) *paimon.Table {
	m.t.Helper()
	table, err := m.open().Table(m.ctx, users, hint)
	require.NoError(m.t, err)
	return table
}

func batchOf(table *paimon.Table, list []cells) paimon.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	kinds := make([]types.RowKind, len(list))
	for i, c := range list {
		kinds[i] = c.kind
		b.Field(0).(*array.Int32Builder).Append(c.p)
		b.Field(1).(*array.Int32Builder).Append(c.k)
		b.Field(2).(*array.Int64Builder).Append(c.n)
		if c.v == "" {
			b.Field(3).AppendNull()
			continue
		}
		b.Field(3).(*array.StringBuilder).Append(c.v)
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}
}

// insert is a batch job of its own.
func (m *modes) insert(table *paimon.Table, list ...cells) error {
	return m.commit(table, nil, list...)
}

func (m *modes) commit(table *paimon.Table, o *paimon.Overwrite, list ...cells) error {
	w, err := table.NewWriter(m.ctx, paimon.WriteOptions{Overwrite: o != nil})
	if err != nil {
		return err
	}
	defer w.Close(m.ctx)
	if len(list) > 0 {
		if err := w.Write(m.ctx, batchOf(table, list)); err != nil {
			return err
		}
	}
	messages, err := w.Prepare(m.ctx, true)
	if err != nil {
		return err
	}
	_, err = table.NewCommitter("").Commit(m.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: o})
	return err
}

func (m *modes) rows(table *paimon.Table) []string {
	m.t.Helper()
	snap, err := table.Travel(m.ctx)
	require.NoError(m.t, err)
	p, err := table.Plan(m.ctx, snap, nil)
	require.NoError(m.t, err)
	return cellsOf(m.t, p.Read(m.ctx, p.Splits, nil), false)
}

func cellsOf(t *testing.T, r *paimon.Reader, kinds bool) []string {
	t.Helper()
	defer r.Close()
	var out []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			c := cells{p: b.Rows.Column(0).(*array.Int32).Value(i), k: b.Rows.Column(1).(*array.Int32).Value(i), n: b.Rows.Column(2).(*array.Int64).Value(i)}
			if v := b.Rows.Column(3).(*array.String); v.IsValid(i) {
				c.v = v.Value(i)
			}
			s := c.String()
			if kinds {
				s = b.Kind(i).String() + " " + s
			}
			out = append(out, s)
		}
		b.Rows.Release()
	}
}

// files counts the live data files.
func (m *modes) files(table *paimon.Table) int {
	m.t.Helper()
	snap, err := table.Travel(m.ctx)
	require.NoError(m.t, err)
	p, err := table.PlanFiles(m.ctx, snap, nil)
	require.NoError(m.t, err)
	return len(p.Splits)
}

// settle wants no file that nobody uses.
func (m *modes) noOrphans() {
	m.t.Helper()
	o, err := m.table(nil).RemoveOrphans(m.ctx, time.Now().Add(time.Hour), true)
	require.NoError(m.t, err)
	require.Empty(m.t, o.Paths)
}

// appendKinds are append tables of every kind.
func appendKinds() map[string]catalog.Definition {
	return map[string]catalog.Definition{
		"unaware":             {Options: map[string]string{}},
		"unaware partitioned": {PartitionKeys: []string{"p"}, Options: map[string]string{"source.split.open-file-cost": "1 b"}},
		"bucketed":            {Options: map[string]string{"bucket": "2", "bucket-key": "k"}},
		"bucketed partitions": {PartitionKeys: []string{"p"}, Options: map[string]string{"bucket": "1", "bucket-key": "k"}},
		"write-only":          {Options: map[string]string{"write-only": "true"}},
	}
}

// TestAppendCompactionModel streams rows into append tables of all kinds, with
// compactions beside and in between, batch jobs and jobs that lose races: every
// row stays there once, and in buckets in its order.
func TestAppendCompactionModel(t *testing.T) {
	for kind, d := range appendKinds() {
		t.Run(kind, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 3))
			d.Options["compaction.min.file-num"] = fmt.Sprint(2 + r.IntN(3))
			if r.IntN(2) == 0 {
				d.Options["target-file-size"] = "4 kb"
			}
			m := newModes(t, fileio.NewMem(), d)
			table := m.table(nil)
			c, id := table.NewCommitter("job"), int64(0)
			w, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
			require.NoError(t, err)
			restart := func() {
				require.NoError(t, w.Close(m.ctx))
				w, err = table.NewWriter(m.ctx, paimon.WriteOptions{})
				require.NoError(t, err)
			}
			var want []cells
			next := func() []cells {
				out := make([]cells, 1+r.IntN(200))
				for i := range out {
					out[i] = cells{p: int32(r.IntN(3)), k: int32(r.IntN(4)), n: int64(len(want) + i), v: fmt.Sprint(r.Uint64())}
				}
				return out
			}
			for range 40 {
				list := next()
				switch r.IntN(6) {
				case 0:
					require.NoError(t, m.insert(m.table(nil), list...))
					want = append(want, list...)
				case 1:
					_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: r.IntN(2) == 0})
					require.NoError(t, err)
				default:
					require.NoError(t, w.Write(m.ctx, batchOf(table, list)))
					messages, err := w.Prepare(m.ctx, r.IntN(4) == 0)
					require.True(t, err == nil || errors.Is(err, errs.ErrConflict), "%v", err)
					if err != nil {
						restart()
						continue
					}
					id++
					if r.IntN(3) == 0 {
						_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
						require.NoError(t, err)
					}
					_, err = c.Commit(m.ctx, paimon.Commit{Identifier: id, Messages: messages})
					want = append(want, list...)
					if err != nil { // the rows are in: only the compaction lost its files
						require.ErrorIs(t, err, errs.ErrConflict)
						restart()
					}
				}
			}
			require.NoError(t, w.Close(m.ctx))
			before := m.files(table)
			_, err = m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
			require.LessOrEqual(t, m.files(table), before)
			m.sameRows(table, want, d.Options["bucket"] != "")
		})
	}
}

// sameRows wants just these rows; if ordered, those of a key in their order.
func (m *modes) sameRows(table *paimon.Table, want []cells, ordered bool) {
	m.t.Helper()
	perKey := func(list []string) map[string][]string {
		out := map[string][]string{}
		for _, s := range list {
			var p, k int
			_, err := fmt.Sscan(s, &p, &k)
			require.NoError(m.t, err)
			key := fmt.Sprint(p, " ", k)
			out[key] = append(out[key], s)
		}
		return out
	}
	text := make([]string, len(want))
	for i, c := range want {
		text[i] = c.String()
	}
	have, wanted := perKey(m.rows(table)), perKey(text)
	for _, side := range []map[string][]string{have, wanted} {
		for _, list := range side {
			if !ordered {
				slices.Sort(list)
			}
		}
	}
	require.Equal(m.t, wanted, have)
}

// TestUnawareStreamCompacts wants a streaming job to keep the number of files
// small by itself, in COMPACT snapshots, and a batch job to leave files alone.
func TestUnawareStreamCompacts(t *testing.T) {
	m := newModes(t, fileio.NewMem(), catalog.Definition{})
	table := m.table(nil)
	w, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	c := table.NewCommitter("job")
	var want []cells
	for id := range int64(40) {
		row := cells{k: 1, n: id, v: "x"}
		want = append(want, row)
		require.NoError(t, w.Write(m.ctx, batchOf(table, []cells{row})))
		messages, err := w.Prepare(m.ctx, false)
		require.NoError(t, err)
		_, err = c.Commit(m.ctx, paimon.Commit{Identifier: id + 1, Messages: messages})
		require.NoError(t, err)
	}
	messages, err := w.Prepare(m.ctx, true)
	require.NoError(t, err)
	_, err = c.Commit(m.ctx, paimon.Commit{Identifier: 41, Messages: messages})
	require.NoError(t, err)
	require.NoError(t, w.Close(m.ctx))
	require.Less(t, m.files(table), 15)
	require.Contains(t, kindsOf(t, table), spec.CommitCompact)
	m.sameRows(table, want, false)
	m.noOrphans()
	files := m.files(table)
	for range 6 {
		require.NoError(t, m.insert(table, cells{k: 2}))
	}
	require.Equal(t, files+6, m.files(table))
	snap, err := table.Compact(m.ctx, paimon.CompactOptions{})
	require.NoError(t, err)
	require.Equal(t, spec.CommitCompact, snap.CommitKind)
	require.Equal(t, 1, m.files(table))
	snap, err = table.Compact(m.ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	require.Nil(t, snap)
}
