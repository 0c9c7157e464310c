package orc

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/formattest"
)

func TestTruncatedFiles(t *testing.T) {
	file, fields := golden(t, "scalars_dict.orc"), columns(t, scalarColumns)
	require.NoError(t, formattest.ReadDamaged(t, New(), file, fields, "t/f.orc"))
	for n := 0; n < len(file); n += 1 + len(file)/200 {
		err := formattest.ReadDamaged(t, New(), file[:n], fields, "t/f.orc")
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
			if formattest.ReadDamaged(t, New(), bad, fields, "t/f.orc") != nil {
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
		_ = formattest.ReadDamaged(t, New(), file, columns(t, goldens[int(which)%len(goldens)].columns), "t/f.orc")
	})
}
