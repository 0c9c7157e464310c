package columnar

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

const benchRows = 100_000

func benchRefs(random bool) []Ref {
	r := rand.New(rand.NewPCG(1, 2))
	refs := make([]Ref, benchRows)
	for i := range refs {
		refs[i] = Ref{int32(i / (benchRows / 4)), int32(i % (benchRows / 4))}
		if random {
			refs[i] = Ref{int32(r.IntN(4)), int32(r.IntN(benchRows / 4))}
		}
	}
	return refs
}

func benchSources(make func(i int) arrow.Array) []arrow.Array {
	var out []arrow.Array
	for i := range 4 {
		out = append(out, make(i))
	}
	return out
}

func BenchmarkGather(b *testing.B) {
	ints := benchSources(func(i int) arrow.Array {
		x := array.NewInt64Builder(memory.DefaultAllocator)
		for k := range benchRows / 4 {
			x.Append(int64(k * i))
		}
		return x.NewArray()
	})
	nullable := benchSources(func(i int) arrow.Array {
		x := array.NewInt64Builder(memory.DefaultAllocator)
		for k := range benchRows / 4 {
			if k%5 == 0 {
				x.AppendNull()
			} else {
				x.Append(int64(k * i))
			}
		}
		return x.NewArray()
	})
	strs := benchSources(func(i int) arrow.Array {
		x := array.NewStringBuilder(memory.DefaultAllocator)
		for k := range benchRows / 4 {
			x.Append(fmt.Sprintf("O20250601%07d", k))
		}
		return x.NewArray()
	})
	for _, c := range []struct {
		name string
		src  []arrow.Array
	}{{"int64", ints}, {"int64-nulls", nullable}, {"string16", strs}} {
		for _, random := range []bool{true, false} {
			refs := benchRefs(random)
			b.Run(fmt.Sprintf("%s/random=%v", c.name, random), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					a, err := Gather(memory.DefaultAllocator, c.src, refs)
					if err != nil {
						b.Fatal(err)
					}
					a.Release()
				}
				b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

func BenchmarkSort(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 1_000_000
	x := array.NewStringBuilder(memory.DefaultAllocator)
	kv := &KV{Seqs: make([]int64, n)}
	for i := range n {
		x.Append(fmt.Sprintf("O20250601%08d", r.IntN(n)))
		kv.Seqs[i] = int64(i)
	}
	cols := []arrow.Array{x.NewArray()}
	enc := NewKeyEncoder([]types.Type{types.String().NotNull()}, KeyOptions{})
	var s Sorter
	var out []Ref
	b.ReportAllocs()
	for b.Loop() {
		kv.Keys, _ = enc.Encode(cols)
		out = s.Sort([]*KV{kv}, out)
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
