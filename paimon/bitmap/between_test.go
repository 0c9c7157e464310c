package bitmap

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBetween(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, dense := range []uint64{2, 30, 3000} { // words, arrays and runs
		var all []uint64
		for v := uint64(0); v < 300_000; v += 1 + r.Uint64N(dense) {
			all = append(all, v)
			for dense == 3000 && r.IntN(50) > 0 {
				v++
				all = append(all, v)
			}
		}
		b := Of(slices.Clone(all)...)
		raw, err := b.Append(nil, Portable32)
		require.NoError(t, err)
		b, err = Decode(raw) // with runs
		require.NoError(t, err)
		for range 200 {
			from := r.Uint64N(310_000)
			to := from + r.Uint64N(1<<r.IntN(19))
			want := slices.DeleteFunc(slices.Clone(all), func(v uint64) bool { return v < from || v >= to })
			require.Equal(t, want, append([]uint64{}, slices.Collect(b.Between(from, to))...), "%d..%d", from, to)
		}
		for range b.Between(0, 10) {
			break // ends early
		}
		c := b.Clone()
		c.Or(Of(1 << 40))
		require.False(t, b.Contains(1<<40))
	}
}
