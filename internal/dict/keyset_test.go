package dict

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The set holds what a map holds, in memory and in a file, also where hashes
// collide at the end of the table.
func TestKeySetModel(t *testing.T) {
	for name, memory := range map[string]int64{"memory": 1 << 30, "file": 1 << 17} {
		t.Run(name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			r := rand.New(rand.NewPCG(seed, 0))
			dir := t.TempDir()
			s, err := newKeySet(memory, dir)
			require.NoError(t, err)
			defer s.close()
			model := map[hash]bool{}
			random := func() hash {
				h := hash{r.Uint64(), r.Uint64N(2)}
				switch r.IntN(4) {
				case 0:
					h.hi |= 0xfff << 52 // the end of the table
				case 1:
					h.hi &= 0xff // its beginning
				}
				return h
			}
			var all []hash
			for range 40_000 {
				h := random()
				if len(all) > 0 && r.IntN(3) == 0 {
					h = all[r.IntN(len(all))]
				}
				if r.IntN(4) == 0 {
					s.remove(h)
					delete(model, h.nonZero())
				} else {
					added, err := s.add(h)
					if err != nil || added == model[h.nonZero()] {
						t.Fatalf("seed %d: add gives %v, %v", seed, added, err)
					}
					model[h.nonZero()] = true
					all = append(all, h)
				}
				if s.n != len(model) {
					t.Fatalf("seed %d: %d hashes, want %d", seed, s.n, len(model))
				}
			}
			for _, h := range all {
				if h = h.nonZero(); model[h] != (s.slots[s.find(h)] == h) {
					t.Fatalf("seed %d: %x is there: %v", seed, h, !model[h])
				}
			}
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "the file has a name")
			require.NoError(t, s.clear())
			require.Zero(t, s.n)
		})
	}
}

func TestKeySetWithoutDisk(t *testing.T) {
	s, err := newKeySet(hashBytes<<leastBits, t.TempDir()+"/absent")
	require.NoError(t, err)
	defer s.close()
	for i := range uint64(3 << (leastBits - 2)) {
		_, err = s.add(hash{i << 40, i})
		require.NoError(t, err)
	}
	_, err = s.add(hash{1, 1})
	require.ErrorContains(t, err, "for the keys of a dictionary")
	_, err = s.add(hash{2 << 40, 2})
	require.Error(t, err, "the set stays as it was")
	require.Equal(t, 3<<(leastBits-2), s.n)
}

func BenchmarkKeySet(b *testing.B) {
	for _, dir := range []string{"memory", "file"} {
		memory := int64(1 << 30)
		if dir == "file" {
			memory = 0
		}
		b.Run(dir, func(b *testing.B) {
			for b.Loop() {
				s, err := newKeySet(memory, b.TempDir())
				require.NoError(b, err)
				r := rand.New(rand.NewPCG(1, 0))
				for range 4_000_000 {
					_, _ = s.add(hash{r.Uint64(), r.Uint64()})
				}
				require.NoError(b, s.close())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4e6, "ns/key")
		})
	}
}
