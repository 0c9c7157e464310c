package orc

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
	skip := func(int64, []format.ColumnStats) bool { return false }
	r, err := New().Open(openBytes(file), format.ReadOptions{Fields: fields, FileFields: fields, Path: "t/f.orc", BatchRows: 100, Alloc: alloc, SkipBlock: skip})
	if err == nil {
		defer r.Close()
	}
	for rows := 0; err == nil && rows < 20_000; {
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

func TestTruncatedFiles(t *testing.T) {
	file, fields := golden(t, "scalars_dict.orc"), columns(t, scalarColumns)
	require.NoError(t, readDamaged(t, file, fields))
	for n := 0; n < len(file); n += 1 + len(file)/200 {
		err := readDamaged(t, file[:n], fields)
		require.ErrorIs(t, err, errs.ErrCorrupt, "cut at %d", n)
		require.ErrorContains(t, err, "t/f.orc")
	}
}

func TestDamagedFiles(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, g := range goldens {
		file, fields := golden(t, g.name+".orc"), columns(t, g.columns)
		noticed := 0
		for range 100 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(4) {
				at := r.IntN(len(bad))
				if r.IntN(3) == 0 { // near the metadata
					at = len(bad) - 1 - r.IntN(min(len(bad), 600))
				}
				bad[at] ^= byte(1 + r.IntN(255))
			}
			if readDamaged(t, bad, fields) != nil {
				noticed++
			}
		}
		require.Positive(t, noticed, g.name)
	}
}

func FuzzRead(f *testing.F) {
	for i, g := range goldens {
		f.Add(golden(f, g.name+".orc"), uint8(i))
	}
	f.Fuzz(func(t *testing.T, file []byte, which uint8) {
		_ = readDamaged(t, file, columns(t, goldens[int(which)%len(goldens)].columns))
	})
}
