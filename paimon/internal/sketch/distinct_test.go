package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDistinct wants estimates within four standard errors, and small numbers
// exactly. Values come twice.
func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 100, 1000, 1500, 1600, 5000, 20_000, 100_000, 1_000_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			numbers, texts := NewDistinct(), NewDistinct()
			var b [8]byte
			for range 2 {
				for i := range n {
					binary.LittleEndian.PutUint64(b[:], uint64(i))
					numbers.Add(b[:])
					texts.AddText(fmt.Sprint("user-", i))
				}
			}
			for _, d := range []*Distinct{numbers, texts} {
				if n <= 1500 {
					require.EqualValues(t, n, d.Estimate())
				}
				require.LessOrEqual(t, math.Abs(float64(d.Estimate())-float64(n)), 0.026*float64(n))
			}
		})
	}
}

func BenchmarkDistinct(b *testing.B) {
	d := NewDistinct()
	var v [8]byte
	b.ReportAllocs()
	for i := range b.N {
		binary.LittleEndian.PutUint64(v[:], uint64(i))
		d.Add(v[:])
	}
}
