package merge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("TARN_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("TARN_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func elementRow() types.Type {
	return types.RowOf(types.Field{Name: "id", Type: types.Of(types.Int)}, types.Field{Name: "s", Type: types.Of(types.Int)}, types.Field{Name: "ts", Type: types.String()})
}

// columnTypes are the types of random columns.
func columnTypes() []types.Type {
	return []types.Type{
		types.Of(types.TinyInt), types.Of(types.SmallInt), types.Of(types.Int), types.Of(types.BigInt), types.Of(types.Float), types.Of(types.Double),
		types.DecimalOf(4, 2), types.DecimalOf(18, 1), types.DecimalOf(38, 4), types.Of(types.Boolean), types.String(), types.String(), types.Of(types.Date),
		types.TimestampOf(3), types.Of(types.Varbinary), types.ArrayOf(elementRow()), types.ArrayOf(elementRow()), types.ArrayOf(types.Of(types.Int)),
		types.ArrayOf(types.ArrayOf(types.Of(types.Int))), types.MapOf(types.String().NotNull(), types.Of(types.Int)),
		types.MapOf(types.Of(types.Int).NotNull(), elementRow()),
	}
}

func randomValue(r *rand.Rand, t types.Type) any {
	if t.Nullable && r.IntN(3) == 0 {
		return nil
	}
	n := int64(r.IntN(7) - 2)
	switch t.Root {
	case types.Boolean:
		return r.IntN(2) == 0
	case types.TinyInt:
		return []int64{n, 127, -128}[r.IntN(8)/6*(1+r.IntN(2))]
	case types.SmallInt, types.Date:
		return n
	case types.Int:
		if r.IntN(8) == 0 {
			return int64(r.IntN(40))
		}
		return []int64{n, math.MaxInt32, math.MinInt32}[r.IntN(8)/7*(1+r.IntN(2))]
	case types.BigInt:
		return []int64{n, math.MaxInt64, math.MinInt64}[r.IntN(8)/7*(1+r.IntN(2))]
	case types.Timestamp:
		return n
	case types.Float:
		return float32(n) / 4
	case types.Double:
		return []float64{float64(n), math.NaN(), math.Inf(1), math.Copysign(0, -1)}[r.IntN(8)/7*(1+r.IntN(3))]
	case types.Decimal:
		if r.IntN(4) == 0 {
			v := decimal128.GetMaxValue(int32(t.Precision))
			if r.IntN(2) == 0 {
				v = v.Negate()
			}
			return v
		}
		return decimal128.FromI64(n * int64(1+r.IntN(100)))
	case types.Varchar, types.Varbinary:
		return []string{"", " ", "a", "b", "a,b", "c,,a", "b,b"}[r.IntN(7)]
	case types.Row:
		out := make([]any, len(t.Fields))
		for i, f := range t.Fields {
			out[i] = randomValue(r, f.Type)
		}
		return out
	case types.Array:
		out := []any{}
		n := r.IntN(4)
		if r.IntN(50) == 0 {
			n = 30
		}
		for range n {
			out = append(out, randomValue(r, *t.Elem))
		}
		return out
	case types.Map:
		m := newOrdered()
		for range r.IntN(4) {
			k := randomValue(r, *t.Key)
			m.put(showValue(k), []any{k, randomValue(r, *t.Elem)})
		}
		return m.list()
	}
	panic(t)
}

// functionsFor gives the functions that a type allows, with options.
func functionsFor(r *rand.Rand, f types.Field, options map[string]string) string {
	names := []string{"last_value", "last_non_null_value", "first_value", "first_non_null_value", "first_not_null_value"}
	t := f.Type
	set := func(k, v string) { options["fields."+f.Name+"."+k] = v }
	maybe := func(k, v string) {
		if r.IntN(2) == 0 {
			set(k, v)
		}
	}
	switch {
	case isNumber(t.Root):
		names = append(names, "sum", "sum", "product", "max", "min")
	case t.Root == types.Boolean:
		names = append(names, "bool_and", "bool_or", "bool_and")
	case t.Root == types.Varchar:
		names = append(names, "listagg", "listagg", "listagg", "max")
		maybe("distinct", "true")
		maybe("list-agg-delimiter", ";")
	case t.Root == types.Array && t.Elem.Root == types.Row:
		names = append(names, "collect", "nested_update", "nested_update", "nested_update", "nested_update", "nested_partial_update")
		set("nested-key", []string{"id", "id,ts"}[r.IntN(2)])
		maybe("nested-sequence-field", "s")
		maybe("nested-key-null-strategy", []string{"merge", "ignore", "error", "merge"}[r.IntN(4)])
		maybe("count-limit", fmt.Sprint(1+r.IntN(4)))
		maybe("distinct", "true")
	case t.Root == types.Array:
		names = append(names, "collect", "collect", "collect")
		maybe("distinct", "true")
	case t.Root == types.Map && t.Elem.Root == types.Row:
		names = append(names, "merge_map", "merge_map_with_keytime", "merge_map_with_keytime", "merge_map_with_keytime")
	case t.Root == types.Map:
		names = append(names, "merge_map", "merge_map", "merge_map")
	default:
		names = append(names, "max", "min")
	}
	name := names[r.IntN(len(names))]
	if name == "nested_update" && r.IntN(2) == 0 {
		for _, k := range []string{"nested-key", "nested-sequence-field", "nested-key-null-strategy"} {
			delete(options, "fields."+f.Name+"."+k)
		}
	}
	return name
}

// randomTable makes a schema and options.
func randomTable(r *rand.Rand) (Schema, map[string]string) {
	s := Schema{PrimaryKey: []string{"k"}}
	add := func(name string, t types.Type) {
		s.Fields = append(s.Fields, types.Field{ID: len(s.Fields), Name: name, Type: t})
	}
	add("k", types.Of(types.Int).NotNull())
	engine := []string{Deduplicate, PartialUpdate, PartialUpdate, PartialUpdate, Aggregation, Aggregation, FirstRow}[r.IntN(7)]
	options := map[string]string{"merge-engine": engine}
	if engine != Aggregation && r.IntN(3) == 0 {
		options["ignore-delete"] = "true"
	}
	all := columnTypes()
	for i := range 1 + r.IntN(6) {
		t := all[r.IntN(len(all))]
		t.Nullable = engine != PartialUpdate || r.IntN(12) > 0
		add(fmt.Sprintf("c%d", i), t)
	}
	aggregate := func(f types.Field) {
		options["fields."+f.Name+".aggregate-function"] = functionsFor(r, f, options)
		if r.IntN(2) == 0 && options[aggRemoveOnDelete] == "" {
			options["fields."+f.Name+".ignore-retract"] = "true"
		}
	}
	switch engine {
	case Aggregation:
		if r.IntN(4) == 0 {
			options[aggRemoveOnDelete] = "true"
		}
		for _, f := range s.Fields[1:] {
			if r.IntN(6) > 0 {
				aggregate(f)
			}
		}
	case PartialUpdate:
		randomGroups(r, &s, options, aggregate)
	}
	return s, options
}

func randomGroups(r *rand.Rand, s *Schema, options map[string]string, aggregate func(types.Field)) {
	groups := r.IntN(3)
	if groups == 0 {
		if options["ignore-delete"] == "" && r.IntN(2) == 0 {
			options[removeOnDelete] = "true"
		}
		return
	}
	columns := slices.Clone(s.Fields[1:])
	r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	for g := range groups {
		var seq, protected []string
		for i := range 1 + r.IntN(2) {
			name := fmt.Sprintf("g%d_%d", g, i)
			t := []types.Type{types.Of(types.Int), types.TimestampOf(3), types.String(), types.DecimalOf(38, 4)}[r.IntN(4)]
			s.Fields = append(s.Fields, types.Field{ID: len(s.Fields), Name: name, Type: t})
			seq = append(seq, name)
		}
		n := r.IntN(len(columns) + 1)
		for _, f := range columns[:n] {
			protected = append(protected, f.Name)
			if r.IntN(2) == 0 {
				aggregate(f)
			}
		}
		columns = columns[n:]
		if len(protected) == 0 {
			protected = seq[:1]
		}
		options["fields."+strings.Join(seq, ",")+".sequence-group"] = strings.Join(protected, ",")
		if options["ignore-delete"] == "" && r.IntN(3) == 0 {
			options[removeOnGroup] = seq[r.IntN(len(seq))]
		}
	}
	last := s.Fields[1:]
	r.Shuffle(len(last), func(i, j int) { last[i], last[j] = last[j], last[i] })
}

func randomHistory(r *rand.Rand, s Schema, n, keys int) []version {
	retracts := r.IntN(3)
	var out []version
	for i := range n {
		v := version{kind: []types.RowKind{types.Insert, types.UpdateAfter}[r.IntN(2)], seq: int64(i)}
		if retracts > 0 && r.IntN(5) < retracts {
			v.kind = []types.RowKind{types.UpdateBefore, types.Delete}[r.IntN(2)]
		}
		for c, f := range s.Fields {
			if c == 0 {
				v.vals = append(v.vals, int64(r.IntN(keys)))
				continue
			}
			t := f.Type
			if !t.Nullable && r.IntN(60) == 0 {
				t.Nullable = true
			}
			v.vals = append(v.vals, randomValue(r, t))
		}
		out = append(out, v)
	}
	return out
}

// deal puts a history into batches, in order or not.
func deal(r *rand.Rand, s Schema, history []version) []*columnar.KV {
	parts := make([][]version, 1+r.IntN(4))
	for _, v := range history {
		p := r.IntN(len(parts))
		parts[p] = append(parts[p], v)
	}
	var out []*columnar.KV
	for _, p := range parts {
		kv := toKV(s, p)
		if len(p) > 1 && r.IntN(2) == 0 { // a batch that starts in the middle of its buffers
			kv = toKV(s, append([]version{p[len(p)-1]}, p...))
			kv.Rows = kv.Rows.NewSlice(1, int64(len(p)+1))
			kv.Kinds, kv.Seqs = kv.Kinds[1:], kv.Seqs[1:]
		}
		if !slices.ContainsFunc(kv.Kinds, func(k types.RowKind) bool { return k != types.Insert }) {
			kv.Kinds = nil
		}
		encodeKeys(kv, s, nil, false)
		out = append(out, kv)
	}
	return out
}

// referenceMerge folds a history key by key.
func referenceMerge(s Schema, c *config, history []version, always bool) ([]version, error) {
	byKey := map[int64][]version{}
	for _, v := range history {
		k := v.vals[0].(int64)
		byKey[k] = append(byKey[k], v)
	}
	var keys []int64
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []version
	ref := &reference{s: s, c: c, always: always}
	for _, k := range keys {
		v, err := ref.mergeKey(byKey[k])
		if err != nil {
			return nil, err
		}
		if v != nil {
			out = append(out, *v)
		}
	}
	return out, nil
}

func describe(s Schema, options map[string]string, history []version) string {
	var b strings.Builder
	for _, f := range s.Fields {
		fmt.Fprintf(&b, "%s %s, ", f.Name, f.Type)
	}
	var keys []string
	for k, v := range options {
		keys = append(keys, k+"="+v)
	}
	sort.Strings(keys)
	fmt.Fprintf(&b, "\n%s\n", strings.Join(keys, "\n"))
	for _, v := range history {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

func lines(vs []version) []string {
	out := []string{}
	for _, v := range vs {
		out = append(out, fmt.Sprintf("%s seq=%d", v, v.seq))
	}
	return out
}

// TestModel compares the engines with the reference on random tables.
func TestModel(t *testing.T) {
	r := newRand(t)
	failed, merged := 0, 0
	for round := range 1500 {
		s, options := randomTable(r)
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		s.Mem = mem
		e, err := New(s, options)
		require.NoError(t, err, describe(s, options, nil))
		c, err := parseConfig(s, options)
		require.NoError(t, err)
		for range 3 { // engines keep nothing from one window to the next
			always := r.IntN(4) == 0
			history := randomHistory(r, s, r.IntN(40), 1+r.IntN(10))
			want, wantErr := referenceMerge(s, c, history, always)
			got, err := mergeKVs(e, deal(r, s, history), len(s.Fields), always)
			what := fmt.Sprintf("round %d always=%v\n%s", round, always, describe(s, options, history))
			require.Equal(t, wantErr == nil, err == nil, "%s\nreference: %v, engine: %v", what, wantErr, err)
			if err != nil {
				failed++
				continue
			}
			merged++
			require.Equal(t, lines(want), lines(got), what)
		}
		mem.AssertSize(t, 0)
	}
	require.Greater(t, merged, failed/2, "most histories should be mergeable: %d merged, %d refused", merged, failed)
}
