package columnar

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// compareValues is the order that keys must have, straight from the values.
func compareValues(a arrow.Array, i, j int, desc bool) int {
	if a.IsNull(i) || a.IsNull(j) {
		return cmp.Compare(btoi(a.IsValid(i)), btoi(a.IsValid(j)))
	}
	c := 0
	switch a := a.(type) {
	case *array.Boolean:
		c = cmp.Compare(btoi(a.Value(i)), btoi(a.Value(j)))
	case *array.Int8:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Int16:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Int32:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Int64:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Date32:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Time32:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Timestamp:
		c = cmp.Compare(a.Value(i), a.Value(j))
	case *array.Float32:
		c = javaCompare(float64(a.Value(i)), float64(a.Value(j)))
	case *array.Float64:
		c = javaCompare(a.Value(i), a.Value(j))
	case *array.Decimal128:
		c = a.Value(i).Cmp(a.Value(j))
	case *array.String:
		c = bytes.Compare([]byte(a.Value(i)), []byte(a.Value(j)))
	case *array.Binary:
		c = bytes.Compare(a.Value(i), a.Value(j))
	default:
		panic(fmt.Sprintf("%T", a))
	}
	if desc {
		c = -c
	}
	return c
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func javaCompare(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case math.IsNaN(x) || math.IsNaN(y):
		return cmp.Compare(btoi(math.IsNaN(x)), btoi(math.IsNaN(y)))
	}
	return cmp.Compare(btoi(!math.Signbit(x)), btoi(!math.Signbit(y)))
}

func sign(c int) int { return cmp.Compare(c, 0) }

func TestKeysOrderLikeValues(t *testing.T) {
	r := newRand(t)
	const n = 60
	for round := range 300 {
		desc := r.IntN(2) == 0
		width := 1 + r.IntN(3)
		ts, cols := make([]types.Type, width), make([]arrow.Array, width)
		for i := range ts {
			ts[i] = atoms()[r.IntN(len(atoms()))]
			ts[i].Nullable = r.IntN(2) == 0
			cols[i] = randomArray(r, ts[i], n, 0.3)
		}
		keys, err := NewKeyEncoder(ts, KeyOptions{Descending: desc}).Encode(cols)
		require.NoError(t, err)
		require.Equal(t, n, keys.Len())
		from := r.IntN(n / 2)
		half := keys.Slice(from, n)
		skipped := half.WithSkip(CommonPrefix(false, half))
		for i := from; i < n; i++ {
			for j := from; j < n; j++ {
				want := 0
				for c := 0; c < width && want == 0; c++ {
					want = compareValues(cols[c], i, j, desc)
				}
				require.Equal(t, sign(want), sign(Compare(keys, i, keys, j)), "round %d: %v desc=%v rows %d, %d", round, ts, desc, i, j)
				require.Equal(t, sign(want), sign(Compare(half, i-from, half, j-from)))
				require.Equal(t, sign(want), sign(Compare(skipped, i-from, skipped, j-from)))
				require.Equal(t, want == 0, Equal(skipped, i-from, skipped, j-from))
			}
		}
	}
}

func TestKeyErrors(t *testing.T) {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	b.AppendNull()
	_, err := NewKeyEncoder([]types.Type{types.Of(types.Int).NotNull()}, KeyOptions{}).Encode([]arrow.Array{b.NewArray()})
	require.ErrorIs(t, err, errs.ErrInvalid)
	r := newRand(t)
	list := types.ArrayOf(types.Of(types.Int))
	_, err = NewKeyEncoder([]types.Type{list}, KeyOptions{}).Encode([]arrow.Array{randomArray(r, list, 3, 0)})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	empty, err := NewKeyEncoder([]types.Type{types.String().NotNull()}, KeyOptions{}).Encode([]arrow.Array{randomArray(r, types.String().NotNull(), 0, 0)})
	require.NoError(t, err)
	require.Zero(t, empty.Len())
}

func TestStringKeysShareTheBatch(t *testing.T) {
	r := newRand(t)
	col := randomArray(r, types.String().NotNull(), 50, 0)
	keys, err := NewKeyEncoder([]types.Type{types.String().NotNull()}, KeyOptions{}).Encode([]arrow.Array{col})
	require.NoError(t, err)
	for i := range 50 {
		require.Equal(t, col.(*array.String).Value(i), string(keys.At(i)))
	}
	raw := col.Data().Buffers()[2].Bytes()
	require.Equal(t, &raw[0], &keys.data[0])
}

// randomRefs mixes single rows, runs and NULLs.
func randomRefs(r *rand.Rand, lens []int, n int, mode int) []Ref {
	var refs []Ref
	for len(refs) < n {
		src := r.IntN(len(lens))
		if lens[src] == 0 {
			continue
		}
		row := r.IntN(lens[src])
		run := 1
		switch {
		case mode == 0 && r.IntN(5) == 0:
			refs = append(refs, NullRef)
			continue
		case mode == 1:
			run = 1 + r.IntN(30)
			if r.IntN(10) == 0 {
				src = -1
			}
		}
		for k := 0; k < run && (src < 0 || row+k < lens[src]); k++ {
			if src < 0 {
				refs = append(refs, NullRef)
			} else {
				refs = append(refs, Ref{int32(src), int32(row + k)})
			}
		}
	}
	return refs
}

func TestGather(t *testing.T) {
	r := newRand(t)
	for _, typ := range append(atoms(), nestedTypes()...) {
		for round := range 12 {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			var arrays []arrow.Array
			var lens []int
			for i := range 1 + r.IntN(3) {
				n := r.IntN(40)
				if i == 0 {
					n++
				}
				arrays = append(arrays, randomArray(r, typ, n, []float64{0, 0.3}[r.IntN(2)]))
				lens = append(lens, n)
			}
			refs := randomRefs(r, lens, r.IntN(120), round%3)
			got, err := Gather(mem, arrays, refs)
			require.NoError(t, err, typ)
			require.Equal(t, len(refs), got.Len())
			nulls := 0
			for i, ref := range refs {
				want := "NULL"
				if ref.Src >= 0 {
					want = show(arrays[ref.Src], int(ref.Row))
				}
				if want == "NULL" {
					nulls++
				}
				require.Equal(t, want, show(got, i), "%s row %d", typ, i)
			}
			require.Equal(t, nulls, got.NullN())
			got.Release()

			whole, err := Concat(mem, arrays)
			require.NoError(t, err)
			at := 0
			for _, a := range arrays {
				for i := range a.Len() {
					require.Equal(t, show(a, i), show(whole, at), typ)
					require.True(t, EqualRows(a, i, whole, at), "%s %s", typ, show(a, i))
					at++
				}
			}
			whole.Release()
			one := array.NewSlice(arrays[0], 0, 1)
			same, err := Constant(mem, typ.Arrow(), one, 5)
			require.NoError(t, err)
			for i := range 5 {
				require.Equal(t, show(one, 0), show(same, i))
			}
			same.Release()
			mem.AssertSize(t, 0)
		}
	}
}

func TestGatherErrors(t *testing.T) {
	r := newRand(t)
	_, err := Gather(memory.DefaultAllocator, nil, nil)
	require.ErrorIs(t, err, errs.ErrInvalid)
	a, b := randomArray(r, types.DecimalOf(9, 2), 3, 0), randomArray(r, types.DecimalOf(9, 3), 3, 0)
	_, err = Gather(memory.DefaultAllocator, []arrow.Array{a, b}, []Ref{{0, 0}})
	require.ErrorIs(t, err, errs.ErrInvalid)
	nulls, err := GatherType(memory.DefaultAllocator, arrow.BinaryTypes.String, nil, []Ref{NullRef, NullRef})
	require.NoError(t, err)
	require.Equal(t, 2, nulls.NullN())
}

func TestGatherBatch(t *testing.T) {
	r := newRand(t)
	fields := []types.Field{{Name: "a", Type: types.Of(types.Int)}, {ID: 1, Name: "b", Type: types.String()}}
	schema := types.ArrowSchema(fields)
	var batches []arrow.RecordBatch
	for range 2 {
		cols := []arrow.Array{randomArray(r, fields[0].Type, 20, 0.2), randomArray(r, fields[1].Type, 20, 0.2)}
		batches = append(batches, array.NewRecordBatch(schema, cols, 20))
	}
	refs := randomRefs(r, []int{20, 20}, 50, 0)
	got, err := GatherBatch(memory.DefaultAllocator, schema, batches, refs)
	require.NoError(t, err)
	for i, ref := range refs {
		for c := range 2 {
			want := "NULL"
			if ref.Src >= 0 {
				want = show(batches[ref.Src].Column(c), int(ref.Row))
			}
			require.Equal(t, want, show(got.Column(c), i))
		}
	}
}

// TestEqualRows compares with the text of values; -0.0 and 0.0 are equal.
func TestEqualRows(t *testing.T) {
	r := newRand(t)
	for _, typ := range append(atoms(), nestedTypes()...) {
		if typ.Root == types.Float || typ.Root == types.Double || typ.Root == types.Map || typ.Root == types.Multiset {
			continue
		}
		a, b := randomArray(r, typ, 30, 0.3), randomArray(r, typ, 30, 0.3)
		same := make([]bool, 30)
		ra := make([]Ref, 30)
		for i := range 30 {
			for j := range 30 {
				require.Equal(t, show(a, i) == show(b, j), EqualRows(a, i, b, j), "%s: %s, %s", typ, show(a, i), show(b, j))
			}
			ra[i], same[i] = Ref{0, int32(i)}, true
		}
		EqualColumn([]arrow.Array{a}, ra, []arrow.Array{b}, ra, same)
		for i := range same {
			require.Equal(t, show(a, i) == show(b, i), same[i])
		}
	}
	f := array.NewFloat64Builder(memory.DefaultAllocator)
	f.AppendValues(floats[:5], nil)
	a := f.NewArray()
	require.True(t, EqualRows(a, 0, a, 1), "zeros")
	require.True(t, EqualRows(a, 4, a, 4), "NaN")
	require.False(t, EqualRows(a, 4, a, 2))
}

func TestEqualMapsInAnyOrder(t *testing.T) {
	b := array.NewMapBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32, false)
	add := func(pairs ...any) {
		b.Append(true)
		for i := 0; i < len(pairs); i += 2 {
			b.KeyBuilder().(*array.StringBuilder).Append(pairs[i].(string))
			b.ItemBuilder().(*array.Int32Builder).Append(int32(pairs[i+1].(int)))
		}
	}
	add("a", 1, "b", 2)
	add("b", 2, "a", 1)
	add("b", 2, "a", 2)
	a := b.NewArray()
	require.True(t, EqualRows(a, 0, a, 1))
	require.False(t, EqualRows(a, 0, a, 2))
}

// sortCase makes batches with keys of a few shapes.
func sortCase(r *rand.Rand, n int) []*KV {
	shape := r.IntN(4)
	var out []*KV
	seq, jitter := int64(0), int64(r.IntN(2))
	withUser := r.IntN(2) == 0
	for n > 0 {
		rows := 1 + r.IntN(n)
		n -= rows
		b := array.NewStringBuilder(memory.DefaultAllocator)
		u := array.NewInt32Builder(memory.DefaultAllocator)
		kv := &KV{}
		for range rows {
			key := ""
			switch shape {
			case 0:
				key = fmt.Sprintf("O2025060100%06d", r.IntN(3000))
			case 1:
				key = fmt.Sprint(r.IntN(500))
			case 2:
				key = "common/prefix/" + string(bytes.Repeat([]byte{0}, r.IntN(20))) + fmt.Sprint(r.IntN(3))
			case 3:
				key = fmt.Sprintf("%010d-tail-%08d", r.IntN(3), r.IntN(200))
			}
			b.Append(key)
			u.Append(int32(r.IntN(4)))
			kv.Seqs = append(kv.Seqs, seq+int64(r.IntN(2)*3)*jitter)
			seq++
		}
		kv.Keys, _ = NewKeyEncoder([]types.Type{types.String().NotNull()}, KeyOptions{}).Encode([]arrow.Array{b.NewArray()})
		if withUser {
			kv.UserSeq, _ = NewKeyEncoder([]types.Type{types.Of(types.Int)}, KeyOptions{}).Encode([]arrow.Array{u.NewArray()})
		}
		if r.IntN(3) == 0 {
			kv.Keys = kv.Keys.WithSkip(CommonPrefix(false, kv.Keys))
		}
		out = append(out, kv)
	}
	return out
}

func TestSort(t *testing.T) {
	r := newRand(t)
	var s Sorter
	for range 60 {
		batches := sortCase(r, 1+r.IntN(5000))
		var want []Ref
		for i, b := range batches {
			for row := range b.Len() {
				want = append(want, Ref{int32(i), int32(row)})
			}
		}
		slices.SortStableFunc(want, func(x, y Ref) int {
			a, b := batches[x.Src], batches[y.Src]
			c := bytes.Compare(a.Keys.At(int(x.Row)), b.Keys.At(int(y.Row)))
			if c == 0 && a.UserSeq.Len() > 0 {
				c = bytes.Compare(a.UserSeq.At(int(x.Row)), b.UserSeq.At(int(y.Row)))
			}
			if c == 0 {
				c = cmp.Compare(a.Seqs[x.Row], b.Seqs[y.Row])
			}
			return c
		})
		got := s.Sort(batches, nil)
		require.Equal(t, want, got)
		starts := KeyStarts(batches, got, nil)
		require.Equal(t, int32(len(got)), starts[len(starts)-1])
		for i := 1; i < len(starts)-1; i++ {
			a, b := got[starts[i]-1], got[starts[i]]
			require.NotEqual(t, batches[a.Src].Keys.At(int(a.Row)), batches[b.Src].Keys.At(int(b.Row)))
		}
		distinct := map[string]bool{}
		for _, ref := range got {
			distinct[string(batches[ref.Src].Keys.At(int(ref.Row)))] = true
		}
		require.Len(t, distinct, len(starts)-1)
	}
	require.Empty(t, SortRefs(nil, nil))
}

func TestAlignPrefixes(t *testing.T) {
	enc := NewKeyEncoder([]types.Type{types.String().NotNull()}, KeyOptions{})
	build := func(keys ...string) Keys {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(keys, nil)
		k, err := enc.Encode([]arrow.Array{b.NewArray()})
		require.NoError(t, err)
		return k
	}
	runs := AlignPrefixes([]Keys{build("order-0001", "order-0007"), build(), build("order-0003", "order-0210")})
	require.Equal(t, len("order-0"), runs[0].Skip())
	require.Equal(t, Prefix([]byte("001")), runs[0].Prefix(0))
	require.Negative(t, Compare(runs[0], 1, runs[2], 1))
	require.Positive(t, Compare(runs[0], 1, runs[2], 0))
}
