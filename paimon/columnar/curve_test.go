package columnar

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/types"
)

func ints(values ...int32) arrow.Array {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return b.NewArray()
}

func places(t *testing.T, e *CurveEncoder, cols ...arrow.Array) [][]byte {
	t.Helper()
	n, w := cols[0].Len(), e.Stride()
	out := make([]byte, n*w)
	require.NoError(t, e.Encode(cols, out, w))
	return slices.Collect(slices.Chunk(out, w))
}

// TestHilbertWalksByOne goes along the curve of a square: each step changes one
// coordinate by one, and the curve starts at the origin.
func TestHilbertWalksByOne(t *testing.T) {
	const side = 16
	var xs, ys []int32
	for x := range int32(side) {
		for y := range int32(side) {
			xs, ys = append(xs, x), append(ys, y)
		}
	}
	e, err := NewCurveEncoder(Hilbert, []types.Type{types.Of(types.Int), types.Of(types.Int)}, 8)
	require.NoError(t, err)
	got := places(t, e, ints(xs...), ints(ys...))
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(got[a], got[b]) })
	require.Equal(t, []int32{0, 0}, []int32{xs[order[0]], ys[order[0]]})
	for i := 1; i < len(order); i++ {
		dx, dy := xs[order[i]]-xs[order[i-1]], ys[order[i]]-ys[order[i-1]]
		require.Equal(t, int32(1), dx*dx+dy*dy, "step %d", i)
	}
}

// TestZOrderBits holds interleaving against the definition, for columns of
// different lengths, and the order of one column against its values.
func TestZOrderBits(t *testing.T) {
	require.Equal(t, []byte{0b10011001, 0b10001010}, func() []byte {
		out := make([]byte, 2)
		interleave([][]byte{{0b10101011}, {0b01010000}}, out)
		return out
	}())
	out := make([]byte, 3)
	interleave([][]byte{{0xff}, {0x00, 0xff}}, out)
	require.Equal(t, []byte{0b10101010, 0b10101010, 0xff}, out)

	r := rand.New(rand.NewPCG(1, 2))
	values := []int32{-1 << 31, -1, 0, 1, 1<<31 - 1}
	for range 100 {
		values = append(values, int32(r.Uint32()))
	}
	e, err := NewCurveEncoder(ZOrder, []types.Type{types.Of(types.Int)}, 8)
	require.NoError(t, err)
	got := places(t, e, ints(values...))
	for i := range values {
		for j := range values {
			require.Equal(t, values[i] < values[j], bytes.Compare(got[i], got[j]) < 0, "%d %d", values[i], values[j])
		}
	}
}
