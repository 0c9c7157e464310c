package bucket

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeyIndexModel compares the index with a map, with so little memory that
// most keys are in files, and with keys that share their first half.
func TestKeyIndexModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	x := NewKeyIndex(dir, 512)
	model := map[Key]uint64{}
	for i := range 40_000 {
		k := Key{r.Uint64N(3_000), r.Uint64N(4)}
		if r.IntN(2) == 0 {
			k.Hi = 1 << 40
			k.Lo = r.Uint64N(2_000)
		}
		got, err := x.Get(k)
		require.NoError(t, err)
		require.Equal(t, model[k], got)
		if r.IntN(2) == 0 {
			require.NoError(t, x.Put(k, uint64(i+1)))
			model[k] = uint64(i + 1)
		}
	}
	for k, want := range model {
		got, err := x.Get(k)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NotEmpty(t, x.runs)
	require.Less(t, len(x.runs), 12)
	require.LessOrEqual(t, x.Bytes(), int64(2*firstSlots*entryBytes))
	require.NoError(t, x.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
