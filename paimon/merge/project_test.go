package merge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// TestProjection merges random tables with some of their columns: the result
// must be that of all columns, projected.
func TestProjection(t *testing.T) {
	r := newRand(t)
	compared := 0
	for range 600 {
		s, options := randomTable(r)
		var columns []string
		for i, f := range s.Fields {
			if i == 0 || r.IntN(2) == 0 {
				columns = append(columns, f.Name)
			}
		}
		r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		extra, err := RequiredColumns(s, options, columns)
		require.NoError(t, err)
		if len(extra) > 0 {
			_, err := NewProjected(s, options, columns)
			require.ErrorIs(t, err, errs.ErrInvalid)
		}
		columns = append(columns, extra...)
		part := Schema{PrimaryKey: s.PrimaryKey}
		var at []int
		for _, name := range columns {
			i := fieldIndex(s.Fields, name)
			at, part.Fields = append(at, i), append(part.Fields, s.Fields[i])
		}
		whole, err := New(s, options)
		require.NoError(t, err)
		e, err := NewProjected(s, options, columns)
		require.NoError(t, err)

		history := randomHistory(r, s, 30, 6)
		want, err := mergeKVs(whole, deal(r, s, history), len(s.Fields), false)
		if err != nil {
			continue // a column that is not read may be the one that fails
		}
		var narrow []version
		project := func(v version) version {
			vals := make([]any, len(at))
			for i, f := range at {
				vals[i] = v.vals[f]
			}
			return version{kind: v.kind, seq: v.seq, vals: vals}
		}
		for _, v := range history {
			narrow = append(narrow, project(v))
		}
		kv := toKV(part, narrow)
		encodeKeys(kv, part, nil, false)
		got, err := mergeKVs(e, []*columnar.KV{kv}, len(columns), false)
		require.NoError(t, err)
		for i := range want {
			want[i] = project(want[i])
		}
		require.Equal(t, lines(want), lines(got), describe(s, options, history))
		compared++
	}
	require.Greater(t, compared, 100)
}

func TestInspect(t *testing.T) {
	for _, c := range []struct {
		options string
		want    Info
	}{
		{"", Info{Name: Deduplicate, AcceptsDelete: true}},
		{"ignore-delete=true", Info{Name: Deduplicate, AcceptsDelete: true, IgnoresDelete: true, RemovesRows: true}},
		{"merge-engine=first-row", Info{Name: FirstRow, FirstRow: true}},
		{"merge-engine=PARTIAL_UPDATE", Info{Name: PartialUpdate, Computes: true}},
		{"merge-engine=partial-update fields.g.sequence-group=a", Info{Name: PartialUpdate, Computes: true, AcceptsDelete: true, RemovesRows: true}},
		{"merge-engine=aggregation", Info{Name: Aggregation, Computes: true, AcceptsDelete: true}},
	} {
		options := map[string]string{}
		for _, o := range strings.Fields(c.options) {
			k, v, _ := strings.Cut(o, "=")
			options[k] = v
		}
		got, err := Inspect(options)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.options)
	}
	_, err := Inspect(map[string]string{"merge-engine": "no"})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// TestWindowsReuseMemory makes sure that refs of columns survive windows of different
// sizes, growing and shrinking.
func TestWindowsReuseMemory(t *testing.T) {
	s := Schema{PrimaryKey: []string{"k"}, Fields: []types.Field{
		{Name: "k", Type: types.Of(types.Int).NotNull()}, {ID: 1, Name: "g", Type: types.Of(types.Int)}, {ID: 2, Name: "v", Type: types.Of(types.BigInt)},
	}}
	e, err := New(s, map[string]string{"merge-engine": PartialUpdate, "fields.g.sequence-group": "v", "fields.v.aggregate-function": "sum"})
	require.NoError(t, err)
	for _, n := range []int64{10, 1000, 3} {
		var rows []version
		for i := range n {
			for j := range int64(2) {
				rows = append(rows, version{seq: 2*i + j, vals: []any{i, j, i}})
			}
		}
		kv := toKV(s, rows)
		encodeKeys(kv, s, nil, false)
		got, err := mergeKVs(e, []*columnar.KV{kv}, 3, false)
		require.NoError(t, err)
		require.Len(t, got, int(n))
		for i, v := range got {
			require.Equal(t, []any{int64(i), int64(1), 2 * int64(i)}, v.vals)
		}
	}
}
