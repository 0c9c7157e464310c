package parquet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// readDamaged reads a file that may be damaged: rows or an error of a known
// kind, no panic, no leak.
func readDamaged(t testing.TB, file []byte, fields []types.Field) error {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	r, err := New().Open(openBytes(file), format.ReadOptions{Fields: fields, FileFields: fields, Path: "t/f.parquet", BatchRows: 100, Alloc: alloc})
	if err == nil {
		defer r.Close()
	}
	for rows := 0; err == nil && rows < 100_000; {
		b, next := r.Next()
		if next == io.EOF {
			return nil
		}
		if err = next; err == nil {
			rows += int(b.NumRows())
			b.Release()
		}
	}
	if err != nil && !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrUnsupported) && !errors.Is(err, errs.ErrInvalid) {
		t.Fatalf("error of no known kind: %v", err)
	}
	return err
}

func damagedSeed(t testing.TB, codec string) ([]byte, []types.Field) {
	r := rand.New(rand.NewPCG(11, 12))
	fields := randomFields(r, 0)
	b := randomBatch(r, memory.DefaultAllocator, fields, 300)
	return writeFile(t, fields, format.WriteOptions{Compression: codec, Params: map[string]string{"parquet.page.row.count.limit": "120"}}, b), fields
}

func TestTruncatedFiles(t *testing.T) {
	file, fields := damagedSeed(t, "zstd")
	require.NoError(t, readDamaged(t, file, fields))
	for n := 0; n < len(file); n += 1 + len(file)/200 {
		err := readDamaged(t, file[:n], fields)
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
			if readDamaged(t, bad, fields) != nil {
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
		number(&t, &id)
		fields = append(fields, types.Field{ID: 100 + i, Name: text, Type: t})
	}
	for _, codec := range []string{"none", "snappy"} {
		f.Add(writeFile(f, fields, format.WriteOptions{Compression: codec}, randomBatch(r, memory.DefaultAllocator, fields, 20)))
	}
	f.Fuzz(func(t *testing.T, file []byte) { _ = readDamaged(t, file, fields) })
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
