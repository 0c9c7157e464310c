package merge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// benchWindow makes 100,000 rows of an order table in 4 sorted runs, with this
// many versions of each key.
func benchWindow(s Schema, versions int) *Window {
	const rows = 100_000
	r := rand.New(rand.NewPCG(1, 2))
	runs := make([][]version, 4)
	for i := range rows {
		k := i % (rows / versions)
		v := version{seq: int64(i)}
		for c, f := range s.Fields {
			switch {
			case c == 0:
				v.vals = append(v.vals, fmt.Sprintf("O20250601%07d", k))
			case r.IntN(3) == 0:
				v.vals = append(v.vals, nil)
			case f.Type.Root == types.Varchar:
				v.vals = append(v.vals, fmt.Sprintf("value-%d", r.IntN(1000)))
			case f.Type.Root == types.Array:
				v.vals = append(v.vals, []any{[]any{int64(i % 5), int64(i)}})
			default:
				v.vals = append(v.vals, int64(r.IntN(1000)))
			}
		}
		runs[i*4/rows] = append(runs[i*4/rows], v)
	}
	w := &Window{}
	for _, run := range runs {
		kv := toKV(s, run)
		encodeKeys(kv, s, nil, false)
		w.Sources = append(w.Sources, kv)
	}
	w.Refs = columnar.SortRefs(w.Sources, nil)
	w.Starts = columnar.KeyStarts(w.Sources, w.Refs, nil)
	return w
}

func benchSchema(n int, more ...types.Field) Schema {
	s := Schema{PrimaryKey: []string{"k"}, Fields: []types.Field{{Name: "k", Type: types.String().NotNull()}}}
	for i := range n {
		t := types.Of(types.BigInt)
		if i%2 == 1 {
			t = types.String()
		}
		s.Fields = append(s.Fields, types.Field{ID: i + 1, Name: fmt.Sprintf("c%d", i), Type: t})
	}
	s.Fields = append(s.Fields, more...)
	return s
}

// materialize gathers a result's columns, as the writer of a merged file does.
func materialize(b *testing.B, s Schema, w *Window, r *Result) {
	for c := range s.Fields {
		if r.Columns[c].Values != nil {
			r.Columns[c].Values.Release()
			continue
		}
		refs := r.Columns[c].Refs
		if refs == nil {
			refs = r.From
		}
		var srcs []arrow.Array
		for _, kv := range w.Sources {
			srcs = append(srcs, kv.Rows.Column(c))
		}
		a, err := columnar.Gather(memory.DefaultAllocator, srcs, refs)
		if err != nil {
			b.Fatal(err)
		}
		a.Release()
	}
}

func BenchmarkMerge(b *testing.B) {
	nested := types.Field{ID: 90, Name: "n", Type: types.ArrayOf(types.RowOf(types.Field{Name: "id", Type: types.Of(types.Int)}, types.Field{Name: "v", Type: types.Of(types.BigInt)}))}
	for _, c := range []struct {
		name    string
		s       Schema
		options map[string]string
	}{
		{"dedup", benchSchema(10), nil},
		{"partial", benchSchema(10), map[string]string{"merge-engine": PartialUpdate}},
		{"partial-groups", benchSchema(10), map[string]string{"merge-engine": PartialUpdate, "fields.c0.sequence-group": "c1,c2,c3,c4", "fields.c6.sequence-group": "c5,c7,c8,c9"}},
		{"partial-nested", benchSchema(2, nested), map[string]string{"merge-engine": PartialUpdate, "fields.c0.sequence-group": "n", "fields.n.aggregate-function": "nested_update", "fields.n.nested-key": "id"}},
		{"sum", benchSchema(10), map[string]string{"merge-engine": Aggregation, "fields.c0.aggregate-function": "sum", "fields.c2.aggregate-function": "sum", "fields.c4.aggregate-function": "max"}},
	} {
		for _, versions := range []int{1, 4} {
			w := benchWindow(c.s, versions)
			e, err := New(c.s, c.options)
			if err != nil {
				b.Fatal(err)
			}
			for _, gather := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/versions=%d/gather=%v", c.name, versions, gather), func(b *testing.B) {
					var r Result
					b.ReportAllocs()
					for b.Loop() {
						if err := e.Merge(w, &r); err != nil {
							b.Fatal(err)
						}
						if gather {
							materialize(b, c.s, w, &r)
						}
					}
					b.ReportMetric(float64(len(w.Refs))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
				})
			}
		}
	}
}
