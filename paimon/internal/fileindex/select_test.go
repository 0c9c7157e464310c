package fileindex

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

func parseType(tb testing.TB, text string) types.Type {
	t, err := types.Parse(text)
	require.NoError(tb, err)
	return t
}

// TestAnswers: an index gives exactly the rows that satisfy a condition, a Bloom
// filter at least those; and it tells nothing only where it may.
func TestAnswers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 1))
	names := []string{"TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "TIME(3)", "TIMESTAMP(3)",
		"TIMESTAMP(6)", "TIMESTAMP(9)", "DECIMAL(10, 2)", "STRING", "BYTES"}
	skipped := map[string]int{}
	for round := range 150 {
		typ := parseType(t, names[rnd.IntN(len(names))])
		kind := []string{Bloom, Bitmap, BSI, RangeBitmap}[rnd.IntN(4)]
		o := map[string]string{"version": fmt.Sprint(1 + rnd.IntN(2)), "items": "300", "chunk-size": fmt.Sprint(rnd.IntN(300)), "index-block-size": fmt.Sprint(rnd.IntN(200))}
		b, err := newBuilder(kind, typ, o)
		if err != nil {
			continue
		}
		n, distinct := rnd.IntN(300), 1+rnd.IntN(40)
		rows := rowsOf(typ, n, distinct, rnd.IntN(4))
		var col column
		require.NoError(t, col.set(rows))
		b.add(&col)
		raw := Encode([]Payload{{Column: "c", Type: kind, Bytes: b.bytes()}})
		c, err := Open(bytes.NewReader(raw), int64(len(raw)))
		require.NoError(t, err)
		for range 20 {
			l := randomLeaf(rnd, typ, distinct)
			where := fmt.Sprintf("seed %d round %d: %s %v on %s, op %d %v", seed, round, kind, o, typ.SQL(), l.Op, l.Values)
			got, err := c.Select(predicate.Filter{l}, int64(n), func(string) (types.Field, bool) { return types.Field{Name: "c", Type: typ}, true })
			require.NoError(t, err, where)
			if got == nil {
				require.True(t, kind == Bloom || typ.Precision == 9 || kind == Bitmap && l.Op != predicate.Eq && l.Op != predicate.In && l.Op != predicate.Ne && l.Op != predicate.NotIn, where)
				continue
			}
			require.Equal(t, n, got.Len())
			require.NotEqual(t, Bloom == kind && !got.Empty(), true, where)
			for i := range n {
				want := satisfies(t, typ, l, rows, i)
				if kind == Bloom || typ.Precision == 9 { // may give more
					require.False(t, want && !got.Contains(i), "%s: row %d", where, i)
				} else {
					require.Equal(t, want, got.Contains(i), "%s: row %d: %v", where, i, rows.ValueStr(i))
				}
			}
			if got.Empty() {
				skipped[kind]++
			}
		}
	}
	for _, kind := range []string{Bloom, Bitmap, BSI, RangeBitmap} {
		require.Positive(t, skipped[kind], "%s never left a file out; seed %d", kind, seed)
	}
}

// randomLeaf makes a condition whose literals are values of a column and ones
// that it does not have. It goes round predicate.New, which refuses FLOAT.
func randomLeaf(rnd *rand.Rand, t types.Type, distinct int) predicate.Leaf {
	ops := []predicate.Op{predicate.Eq, predicate.Lt, predicate.Le, predicate.Gt, predicate.Ge, predicate.In, predicate.IsNull, predicate.IsNotNull, predicate.Ne, predicate.NotIn}
	l := predicate.Leaf{Column: "c", Op: ops[rnd.IntN(len(ops))]}
	if l.Op == predicate.IsNull || l.Op == predicate.IsNotNull {
		return l
	}
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	n := 1
	if l.Op == predicate.In || l.Op == predicate.NotIn {
		n += rnd.IntN(4)
	}
	for range n {
		o := int64(rnd.IntN(2 * distinct))
		if t.Root == types.Float || t.Root == types.Double {
			o += 8 // byte order of keys is not Java's for NaN and zeros
		}
		appendValue(b, t, o)
	}
	l.Values = b.NewArray()
	return l
}

func satisfies(tb testing.TB, t types.Type, l predicate.Leaf, rows arrow.Array, i int) bool {
	switch null := rows.IsNull(i); {
	case l.Op == predicate.IsNull:
		return null
	case l.Op == predicate.IsNotNull || null:
		return !null
	}
	enc := columnar.NewKeyEncoder([]types.Type{t}, columnar.KeyOptions{})
	one := array.NewSlice(rows, int64(i), int64(i+1))
	key, err := enc.Encode([]arrow.Array{one})
	require.NoError(tb, err)
	v := bytes.Clone(key.At(0))
	lits, err := enc.Encode([]arrow.Array{l.Values})
	require.NoError(tb, err)
	in := false
	for k := range lits.Len() {
		switch order := bytes.Compare(v, lits.At(k)); l.Op {
		case predicate.Lt:
			return order < 0
		case predicate.Le:
			return order <= 0
		case predicate.Gt:
			return order > 0
		case predicate.Ge:
			return order >= 0
		default:
			in = in || order == 0
		}
	}
	return in == (l.Op == predicate.Eq || l.Op == predicate.In)
}

// TestTrees: alternatives, conjunctions and prefixes.
func TestTrees(t *testing.T) {
	str, num := parseType(t, "STRING"), parseType(t, "INT")
	b, err := NewBuilder([]Spec{{Type: RangeBitmap, Column: "s"}, {Type: Bitmap, Column: "n"}, {Type: Bloom, Column: "n", Options: map[string]string{"items": "10"}}},
		[]types.Field{{Name: "s", Type: str}, {Name: "n", Type: num}})
	require.NoError(t, err)
	sb, nb := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt32Builder(memory.DefaultAllocator)
	for i, s := range []string{"apple", "apricot", "banana", "", "appl", "apq"} {
		sb.Append(s)
		nb.Append(int32(i))
	}
	require.NoError(t, b.Write([]arrow.Array{sb.NewArray(), nb.NewArray()}))
	raw := Encode(b.Payloads())
	c, err := Open(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	leaf := func(column string, typ types.Type, op predicate.Op, values ...string) predicate.Leaf {
		l, err := predicate.New(column, typ, op, values...)
		require.NoError(t, err)
		return l
	}
	prefix := leaf("s", str, predicate.StartsWith, "app")
	two := leaf("n", num, predicate.Eq, "2")
	less := leaf("n", num, predicate.Lt, "2")
	none := leaf("n", num, predicate.Eq, "77")
	for _, x := range []struct {
		f    predicate.Filter
		want string
	}{
		{predicate.Filter{prefix}, "[0 4]"},
		{predicate.Filter{two}, "[2]"},
		{predicate.Filter{prefix, two}, "[]"},
		{predicate.Filter{less}, "all"},
		{predicate.Filter{less, prefix}, "[0 4]"},
		{predicate.Filter{predicate.AnyOf(predicate.Filter{prefix}, predicate.Filter{two})}, "[0 2 4]"},
		{predicate.Filter{predicate.AnyOf(predicate.Filter{prefix}, predicate.Filter{less})}, "all"},
		{predicate.Filter{predicate.AnyOf(predicate.Filter{none}, predicate.Filter{two, less})}, "[2]"},
		{predicate.Filter{none}, "[]"},
		{predicate.Filter{leaf("other", num, predicate.Eq, "1")}, "all"},
		{nil, "all"},
	} {
		got, err := c.Select(x.f, 6, func(name string) (types.Field, bool) {
			return types.Field{Name: name, Type: map[string]types.Type{"s": str, "n": num}[name]}, name != "other"
		})
		require.NoError(t, err)
		text := "all"
		if got != nil {
			list := []int{}
			for i := got.Next(0); i >= 0; i = got.Next(i + 1) {
				list = append(list, i)
			}
			text = fmt.Sprint(list)
		}
		require.Equal(t, x.want, text, "%v", x.f)
	}
	_, err = c.Select(predicate.Filter{two}, 7, func(string) (types.Field, bool) { return types.Field{Name: "n", Type: num}, true })
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, "6 rows, the file has 7")
}

// TestOptions: what options ask for, and what is wrong with them.
func TestOptions(t *testing.T) {
	fields := []types.Field{{Name: "a", Type: parseType(t, "INT")}, {Name: "b", Type: parseType(t, "BOOLEAN")}, {Name: "m", Type: parseType(t, "MAP<STRING, BIGINT>")},
		{Name: "x", Type: parseType(t, "MAP<INT, INT>")}}
	specs, err := Parse(options.Map{"file-index.bitmap.columns": "a, b", "file-index.bloom-filter.columns": "m[k],a,m[l]", "file-index.bloom-filter.m.items": "10",
		"file-index.bloom-filter.m[l].items": "20", "file-index.read.enabled": "true", "file-index.in-manifest-threshold": "1 kb", "bucket": "1"})
	require.NoError(t, err)
	var got []string
	for _, s := range specs {
		got = append(got, fmt.Sprint(s.Type, " ", s.Name(), " ", s.Options))
	}
	require.Equal(t, []string{"bitmap a map[]", "bitmap b map[]", "bloom-filter a map[]", "bloom-filter m[k] map[items:10]", "bloom-filter m[l] map[items:20]"}, got)
	for key, c := range map[string][2]string{
		"file-index.bitmap.columns":       {"a,,b", "Wrong option in file-index.bitmap.columns, should not have empty column"},
		"file-index.bsi.columns":          {"nope", "nope does not exist in column fields"},
		"file-index.btree.columns":        {"a", "Can't find file index for type: btree"},
		"file-index.bloom-filter.columns": {"b", "Does not support type BOOLEAN"},
		"file-index.bitmap.c.version":     {"2", `can't found column "c"`},
		"file-index.range-bitmap.columns": {"a[k]", "is not map type"},
	} {
		err := Validate(options.Map{key: c[0]}, fields)
		require.ErrorContains(t, err, c[1])
	}
	require.ErrorContains(t, Validate(options.Map{"file-index.bitmap.columns": "x[k]"}, fields), "key field of CHAR")
	require.ErrorContains(t, Validate(options.Map{"file-index.bitmap.columns": "a", "file-index.bitmap.a.version": "3"}, fields), "invalid version")
}

// TestMapKeys: the values of a key are indexed, rows without it are NULL.
func TestMapKeys(t *testing.T) {
	typ := parseType(t, "MAP<STRING, BIGINT>")
	b, err := NewBuilder([]Spec{{Type: BSI, Column: "m", Key: "k", Nested: true}}, []types.Field{{Name: "m", Type: typ}})
	require.NoError(t, err)
	mb := array.NewBuilder(memory.DefaultAllocator, typ.Arrow()).(*array.MapBuilder)
	for i := range 5 {
		if i == 3 {
			mb.AppendNull()
			continue
		}
		mb.Append(true)
		for _, k := range []string{"j", "k"}[:1+i%2] {
			mb.KeyBuilder().(*array.StringBuilder).Append(k)
			mb.ItemBuilder().(*array.Int64Builder).Append(int64(10 * i))
		}
	}
	require.NoError(t, b.Write([]arrow.Array{mb.NewArray()}))
	p := b.Payloads()
	require.Len(t, p, 1)
	require.Equal(t, "m[k]", p[0].Column)
	x, err := readBSI(5, p[0].Bytes)
	require.NoError(t, err)
	require.Equal(t, 1, x.exist().Count())
	_, eq, _ := x.compare(10)
	require.True(t, eq.Contains(1))
}

// FuzzSelect: any bytes are an answer or errs, and no panic.
func FuzzSelect(f *testing.F) {
	names := []string{"INT", "STRING", "BOOLEAN", "BIGINT", "TIMESTAMP(9)"}
	for i, name := range names {
		typ := parseType(f, name)
		rows := rowsOf(typ, 30, 7, 1)
		var p []Payload
		for _, kind := range []string{Bloom, Bitmap, BSI, RangeBitmap} {
			b, err := newBuilder(kind, typ, map[string]string{"items": "10", "chunk-size": "20", "version": fmt.Sprint(1 + i%2)})
			if err != nil {
				continue
			}
			var col column
			require.NoError(f, col.set(rows))
			b.add(&col)
			p = append(p, Payload{Column: "c", Type: kind, Bytes: b.bytes()})
		}
		f.Add(Encode(p), uint8(i))
	}
	f.Fuzz(func(t *testing.T, raw []byte, of uint8) {
		typ := parseType(t, names[int(of)%len(names)])
		c, err := Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		for op := predicate.Eq; op <= predicate.NotIn; op++ {
			l := predicate.Leaf{Column: "c", Op: op}
			b := array.NewBuilder(memory.DefaultAllocator, typ.Arrow())
			appendValue(b, typ, 1)
			l.Values = b.NewArray()
			got, err := c.Select(predicate.Filter{l}, 30, func(string) (types.Field, bool) { return types.Field{Name: "c", Type: typ}, true })
			if err == nil && got != nil {
				require.Equal(t, 30, got.Len())
			}
			require.True(t, err == nil || got == nil)
		}
		_, _ = c.Payloads()
	})
}
