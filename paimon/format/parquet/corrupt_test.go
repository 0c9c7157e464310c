package parquet

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/types"
)

func damagedSeed(t testing.TB, codec string) ([]byte, []types.Field) {
	r := rand.New(rand.NewPCG(11, 12))
	fields := formattest.Fields(r, allTypes, 0)
	b := formattest.Batch(r, memory.DefaultAllocator, fields, 300)
	return formattest.Write(t, New(), fields, format.WriteOptions{Compression: codec, Params: map[string]string{"parquet.page.row.count.limit": "120"}}, b), fields
}

func TestTruncatedFiles(t *testing.T) {
	file, fields := damagedSeed(t, "zstd")
	require.NoError(t, formattest.ReadDamaged(t, New(), file, fields, "t/f.parquet"))
	for n := 0; n < len(file); n += 1 + len(file)/200 {
		err := formattest.ReadDamaged(t, New(), file[:n], fields, "t/f.parquet")
		require.ErrorIs(t, err, errs.ErrCorrupt, "cut at %d", n)
		require.ErrorContains(t, err, "t/f.parquet")
	}
}

func TestDamagedFiles(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, codec := range []string{"zstd", "none", "snappy", "lz4"} {
		file, fields := damagedSeed(t, codec)
		noticed := 0
		for range 300 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(4) {
				bad[r.IntN(len(bad))] ^= byte(1 + r.IntN(255))
			}
			if formattest.ReadDamaged(t, New(), bad, fields, "t/f.parquet") != nil {
				noticed++
			}
		}
		require.Greater(t, noticed, 20, codec)
	}
}

func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	var fields []types.Field
	for i, text := range []string{"INT", "STRING", "BOOLEAN NOT NULL", "DECIMAL(20, 2)", "ARRAY<ROW<a STRING, b BIGINT>>"} {
		t, err := types.Parse(text)
		require.NoError(f, err)
		id := i * 10
		formattest.Number(&t, &id)
		fields = append(fields, types.Field{ID: 100 + i, Name: text, Type: t})
	}
	for _, codec := range []string{"none", "snappy"} {
		f.Add(formattest.Write(f, New(), fields, format.WriteOptions{Compression: codec}, formattest.Batch(r, memory.DefaultAllocator, fields, 20)))
	}
	f.Fuzz(func(t *testing.T, file []byte) { _ = formattest.ReadDamaged(t, New(), file, fields, "t/f.parquet") })
}

func FuzzPageHeader(f *testing.F) {
	h := pageHeader{kind: dataPage, uncompressed: 100, compressed: 50, values: 7}
	f.Add(h.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, n, err := parsePageHeader(data); err == nil && (n <= 0 || n > len(data)) {
			t.Fatalf("header of %d bytes in %d", n, len(data))
		}
	})
}

func FuzzHybrid(f *testing.F) {
	f.Add(appendHybrid(nil, []uint32{1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 9}, 4), 4)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		var h hybrid
		if width < 0 || h.reset(data, width) != nil {
			return
		}
		_ = decodeHybrid(&h, make([]uint32, 1000))
	})
}
