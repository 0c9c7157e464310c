package datafile_test

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
)

func TestDeletedRowsAreLeftOut(t *testing.T) {
	const rows = 5000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	ctx := context.Background()
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	store := fileio.NewMem()
	o := kvOptions(store, alloc)
	w, err := datafile.NewKVWriter(ctx, o)
	require.NoError(t, err)
	b := kvBatch(t, alloc, sequence(0, rows), 0)
	require.NoError(t, w.Write(b))
	b.Release()
	metas, err := w.Close()
	require.NoError(t, err)
	require.Len(t, metas, 1)

	ends := func(from, to uint64) (out []uint64) {
		for row := from; row < to; row++ {
			out = append(out, row)
		}
		return out
	}
	var some []uint64
	for range 1500 {
		some = append(some, rnd.Uint64N(rows))
	}
	for name, dead := range map[string][]uint64{
		"none": nil, "some": some, "few": {0, 7, 900, 1023, 1024, 2500, rows - 1}, "one": {1500}, "all": ends(0, rows), "a batch": ends(1024, 2048), "edges": append(ends(0, 1500), ends(4000, rows)...),
	} {
		v := deletion.NewVector(dead...)
		ro := readOptions(store, alloc)
		ro.BatchRows, ro.Deleted = 1024, v
		r, err := datafile.OpenKV(ctx, ro, o.Paths.DataFile(&metas[0]), &metas[0])
		require.NoError(t, err)
		got := map[int64]bool{}
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.Positive(t, b.Len())
			for i, seq := range b.Seqs { // the sequence number is the row number
				require.Equal(t, seq, r.RowAt(i), name)
				got[seq] = true
			}
			b.Release()
		}
		require.NoError(t, r.Close())
		for row := range int64(rows) {
			require.Equal(t, !v.Contains(row), got[row], "%s: row %d", name, row)
		}
	}
	alloc.AssertSize(t, 0)

	ro := readOptions(store, alloc)
	ro.Deleted = deletion.NewVector(rows)
	_, err = datafile.OpenKV(ctx, ro, o.Paths.DataFile(&metas[0]), &metas[0])
	require.ErrorIs(t, err, errs.ErrCorrupt)
}
