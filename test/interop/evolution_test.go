package interop

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// TestDataEvolution reads a table that Paimon 1.4.2 wrote: two commits of all
// columns (id INT, v STRING, b BLOB in files of 300 bytes, n BIGINT), one of n
// for the first 30 rows, one of v for the next 20; then v was renamed, id made
// BIGINT and extra INT added, and one commit gave extra and n for the first 30
// rows, one more 10 new rows.
func TestDataEvolution(t *testing.T) {
	root := untar(t, "testdata/evolution-1.4.2.tar.gz")
	store, err := fileio.NewLocal(filepath.Join(root, "warehouse"))
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{})
	id := catalog.Identifier{Database: "evo", Table: "columns"}
	var got bytes.Buffer
	require.NoError(t, dump.Run(context.Background(), w, dump.Options{Table: id}, &got))
	want, err := os.ReadFile(filepath.Join(root, "expected", "evo.columns.jsonl"))
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())

	ctx := context.Background()
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	snap, err := table.Travel(ctx)
	require.NoError(t, err)
	plan, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	for i := range plan.Splits {
		_, raw := plan.RawFiles(&plan.Splits[i])
		require.False(t, raw)
	}
	// One column, and none: a row is a row, however many files hold it.
	for _, columns := range [][]int{{3}, {}} {
		r := plan.Read(ctx, plan.Splits, columns)
		rows, sum := int64(0), int64(0)
		for b, err := r.Next(); err == nil; b, err = r.Next() {
			rows += b.Rows.NumRows()
			if len(columns) > 0 {
				for _, v := range b.Rows.Column(0).(*array.Int64).Int64Values() {
					sum += v
				}
			}
			b.Rows.Release()
		}
		r.Close()
		require.EqualValues(t, 60, rows)
		if len(columns) > 0 {
			require.EqualValues(t, 30*7+(30+49)*20/2*10+(50+59)*10/2, sum)
		}
	}
	_, err = table.NewWriter(ctx, paimon.WriteOptions{})
	require.ErrorIs(t, err, errs.ErrUnsupported)

	// A lost file of BLOBs is noticed, by those who read it only.
	blobs, err := filepath.Glob(filepath.Join(root, "warehouse", "evo.db", "columns", "bucket-0", "*-2.blob"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(blobs[0]))
	require.ErrorIs(t, dump.Run(ctx, w, dump.Options{Table: id}, &got), errs.ErrNotFound)
}
