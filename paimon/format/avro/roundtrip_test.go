package avro

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/types"
)

// allTypes has every kind of column that an Avro file holds.
var allTypes = append(slices.Clip(formattest.Types), "MULTISET<STRING>")

func TestRoundTrip(t *testing.T) {
	formattest.RoundTrip(t, New(), formattest.Shape{Types: allTypes, Codecs: []string{"zstd", "snappy", "deflate", "null", "zstandard"}})
}

func TestEmptyFile(t *testing.T) {
	fields := formattest.Fields(rand.New(rand.NewPCG(1, 1)), allTypes, 0)
	got := formattest.Read(t, New(), formattest.Write(t, New(), fields, format.WriteOptions{}), format.ReadOptions{Fields: fields})
	require.Zero(t, got.NumRows())
}

func TestProjection(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	fields := formattest.Fields(r, allTypes, 0)
	b := formattest.Batch(r, memory.DefaultAllocator, fields, 500)
	file := formattest.Write(t, New(), fields, format.WriteOptions{}, b)
	pick := []int{5, 0, 31, 12}
	var want []types.Field
	for _, i := range pick {
		f := fields[i]
		f.Name += "_renamed"
		want = append(want, f)
	}
	want = append(want, types.Field{ID: 9999, Name: "new", Type: types.ArrayOf(types.String())})
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: want, FileFields: fields})
	for i, p := range pick {
		require.True(t, array.Equal(b.Column(p), got.Column(i)), "column %d", p)
	}
	require.Equal(t, 500, got.Column(4).NullN())

	none := formattest.Read(t, New(), file, format.ReadOptions{Fields: want[4:], FileFields: fields})
	require.EqualValues(t, 500, none.NumRows())
}
