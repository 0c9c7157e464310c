package paimon_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
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
	"github.com/tarndb/tarn/paimon/types"
)

var wide = catalog.Identifier{Database: "d", Table: "wide"}

// lookupModel is a table that is read both ways.
type lookupModel struct {
	w     *paimon.Warehouse
	rnd   *rand.Rand
	keys  []string
	seed  uint64
	id    int64
	write bool
}

func (m *lookupModel) batch(t *testing.T, table *paimon.Table, n int) paimon.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	var kinds []types.RowKind
	for range n {
		for i, f := range table.Fields() {
			if f.Type.Nullable && m.rnd.IntN(4) == 0 {
				b.Field(i).AppendNull()
				continue
			}
			switch c := b.Field(i).(type) {
			case *array.Int32Builder:
				c.Append(int32(m.rnd.IntN(120)))
			case *array.Int64Builder:
				c.Append(int64(m.rnd.IntN(1000)))
			case *array.StringBuilder:
				c.Append([]string{"a", "b\x00", "", "cc"}[m.rnd.IntN(4)])
			}
		}
		kinds = append(kinds, []types.RowKind{types.Insert, types.Insert, types.Insert, types.Delete}[m.rnd.IntN(4)])
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}
}

func (m *lookupModel) commit(t *testing.T) {
	ctx := context.Background()
	table, err := m.w.Table(ctx, wide, nil)
	require.NoError(t, err)
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, w.Write(ctx, m.batch(t, table, 1+m.rnd.IntN(60))))
	messages, err := w.Prepare(ctx, true)
	require.NoError(t, err)
	m.id++
	_, err = table.NewCommitter("u").Commit(ctx, paimon.Commit{Identifier: m.id, Messages: messages})
	require.NoError(t, err)
	require.NoError(t, w.Close(ctx))
}

func line(b arrow.RecordBatch, row, n int) string {
	var cells []string
	for _, c := range b.Columns()[:n] {
		cells = append(cells, c.ValueStr(row))
	}
	return strings.Join(cells, "|")
}

// state reads the table: its rows by key.
func (m *lookupModel) state(t *testing.T, table *paimon.Table) map[string]string {
	ctx := context.Background()
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	p, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := p.Read(ctx, p.Splits, nil)
	defer r.Close()
	out := map[string]string{}
	for {
		b, err := r.Next()
		if err != nil {
			require.ErrorContains(t, err, "EOF")
			return out
		}
		for i := range int(b.Rows.NumRows()) {
			var key []string
			for _, k := range m.keys {
				key = append(key, b.Rows.Column(table.Schema().Index(k)).ValueStr(i))
			}
			out[strings.Join(key, "|")] = line(b.Rows, i, int(b.Rows.NumCols()))
		}
	}
}

// TestLookupIsARead: whatever the engine, the buckets, the partitions and the
// compactions, a key has the row that a read gives, or none.
func TestLookupIsARead(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	engines := map[string]map[string]string{
		"deduplicate": {}, "sequence": {"sequence.field": "s"}, "partial": {"merge-engine": "partial-update", "ignore-delete": "true"},
		"first":       {"merge-engine": "first-row", "ignore-delete": "true"},
		"aggregate":   {"merge-engine": "aggregation", "fields.s.aggregate-function": "sum", "fields.v.aggregate-function": "last_non_null_value", "ignore-delete": "true"},
		"lookup":      {"changelog-producer": "lookup"},
		"vectors":     {"deletion-vectors.enabled": "true"},
		"vectors sum": {"deletion-vectors.enabled": "true", "merge-engine": "aggregation", "fields.s.aggregate-function": "sum", "ignore-delete": "true"},
	}
	shapes := []struct {
		name    string
		keys    []string
		parts   []string
		options map[string]string
	}{
		{"one", []string{"k"}, nil, map[string]string{"bucket": "1"}},
		{"text", []string{"x", "k"}, nil, map[string]string{"bucket": "3", "bucket-key": "k", "write-only": "true"}},
		{"parts", []string{"k", "x", "p"}, []string{"p"}, map[string]string{"bucket": "2"}},
		{"dynamic", []string{"p", "k"}, []string{"p"}, map[string]string{"bucket": "-1", "dynamic-bucket.target-row-num": "20"}},
	}
	for name, engine := range engines {
		for _, s := range shapes {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				store := fileio.NewMem()
				m := &lookupModel{w: paimon.Open(store, paimon.Options{SpillDir: t.TempDir()}), rnd: rand.New(rand.NewPCG(seed, 3)), keys: s.keys, seed: seed}
				o := maps.Clone(s.options)
				maps.Copy(o, engine)
				o["num-sorted-run.compaction-trigger"] = "4"
				ctx := context.Background()
				require.NoError(t, m.w.Catalog().CreateDatabase(ctx, "d"))
				require.NoError(t, m.w.Catalog().CreateTable(ctx, wide, catalog.Definition{
					Fields: []types.Field{{Name: "p", Type: types.Of(types.Int).NotNull()}, {Name: "k", Type: types.Of(types.Int).NotNull()}, {Name: "x", Type: types.String().NotNull()},
						{Name: "s", Type: types.Of(types.BigInt)}, {Name: "v", Type: types.String()}},
					PrimaryKeys: s.keys, PartitionKeys: s.parts, Options: o}))
				m.run(t)
			})
		}
	}
}

func (m *lookupModel) run(t *testing.T) {
	ctx := context.Background()
	table, err := m.w.Table(ctx, wide, nil)
	require.NoError(t, err)
	var lookups []*paimon.Lookup
	for _, o := range []paimon.LookupOptions{{}, {Memory: true, MaxBytes: 1}, {Columns: []int{4, 1}}} {
		l, err := table.NewLookup(ctx, o)
		require.NoError(t, err)
		lookups = append(lookups, l)
	}
	for round := range 6 {
		m.commit(t)
		if m.rnd.IntN(4) == 0 {
			_, err := table.Compact(ctx, paimon.CompactOptions{Full: m.rnd.IntN(2) == 0})
			require.NoError(t, err)
		}
		want := m.state(t, table)
		for i, l := range lookups {
			_, err := l.Refresh(ctx)
			require.NoError(t, err)
			m.check(t, table, l, want, i == 2, fmt.Sprintf("seed %d, round %d, lookup %d", m.seed, round, i))
		}
	}
	for _, l := range lookups {
		require.NoError(t, l.Close())
	}
}

// check asks for all keys that are there and as many others.
func (m *lookupModel) check(t *testing.T, table *paimon.Table, l *paimon.Lookup, want map[string]string, some bool, where string) {
	ctx := context.Background()
	asked := m.batch(t, table, 150).Rows
	var cols []arrow.Array
	var fields []arrow.Field
	for _, k := range m.keys {
		at := table.Schema().Index(k)
		cols, fields = append(cols, asked.Column(at)), append(fields, asked.Schema().Field(at))
	}
	rows, at, err := l.Get(ctx, array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, asked.NumRows()))
	require.NoError(t, err, where)
	require.Len(t, at, int(asked.NumRows()))
	key := l.NewKey()
	for i, r := range at {
		var name []string
		for c, a := range cols {
			name = append(name, a.ValueStr(i))
			if v, ok := a.(*array.String); ok {
				require.NoError(t, key.SetText(c, v.Value(i)))
			} else {
				require.NoError(t, key.SetInt(c, int64(a.(*array.Int32).Value(i))))
			}
		}
		full, there := want[strings.Join(name, "|")]
		show := func(b arrow.RecordBatch, row int) string {
			if some {
				return line(b, row, 2)
			}
			return line(b, row, 5)
		}
		if some && there {
			p := strings.Split(full, "|")
			full = p[4] + "|" + p[1]
		}
		b, row, err := l.Find(ctx, key)
		require.NoError(t, err, where)
		require.Equal(t, there, r >= 0, "%s: key %v of %v", where, name, full)
		require.Equal(t, there, row >= 0, "%s: key %v of %v", where, name, full)
		if there {
			require.Equal(t, full, show(rows, int(r)), where)
			require.Equal(t, full, show(b, row), where)
		}
	}
	rows.Release()
}

// TestLookupRefuses: what has no key, and keys of other types.
func TestLookupRefuses(t *testing.T) {
	w, _ := indexedTable(t, rand.New(rand.NewPCG(1, 1)), nil, map[string]string{"bucket": "-1"}, 1)
	ctx := context.Background()
	table, err := w.Table(ctx, items, nil)
	require.NoError(t, err)
	_, err = table.NewLookup(ctx, paimon.LookupOptions{})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, users := newTable(t, map[string]string{"bucket": "1"})
	l, err := users.NewLookup(ctx, paimon.LookupOptions{})
	require.NoError(t, err)
	k := l.NewKey()
	require.ErrorIs(t, k.SetText(0, "x"), errs.ErrInvalid)
	require.ErrorIs(t, k.SetFloat(0, 1), errs.ErrInvalid)
	require.NoError(t, k.SetInt(0, 1))
	_, row, err := l.Find(ctx, k)
	require.NoError(t, err)
	require.Equal(t, -1, row)
	require.NoError(t, l.Close())
}
