package paimon_test

import (
	"context"
	"io"
	"math/rand"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// TestProjection reads every pair of columns of tables with each merge engine
// and wants what a read of all columns gives.
func TestProjection(t *testing.T) {
	ctx := context.Background()
	for name, options := range map[string]map[string]string{
		"deduplicate":    {},
		"sequence field": {"sequence.field": "g"},
		"partial-update": {"merge-engine": "partial-update"},
		"sequence group": {"merge-engine": "partial-update", "fields.g.sequence-group": "a,b", "fields.b.aggregate-function": "sum"},
		"aggregation":    {"merge-engine": "aggregation", "fields.a.aggregate-function": "max", "fields.b.aggregate-function": "sum"},
		"first-row":      {"merge-engine": "first-row"},
		"lookup":         {"merge-engine": "partial-update", "changelog-producer": "lookup"},
	} {
		t.Run(name, func(t *testing.T) {
			w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
			require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
			d := catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "2"}}
			for _, c := range []string{"id", "g", "a", "b"} {
				d.Fields = append(d.Fields, types.Field{Name: c, Type: types.Of(types.Int)})
			}
			for k, v := range options {
				d.Options[k] = v
			}
			require.NoError(t, w.Catalog().CreateTable(ctx, users, d))
			table, err := w.Table(ctx, users, nil)
			require.NoError(t, err)
			seed := rand.Int63()
			t.Logf("seed %d", seed)
			writeRandom(t, table, rand.New(rand.NewSource(seed)))
			all := readInts(t, table, nil)
			for x := range 4 {
				for y := range 4 {
					got := readInts(t, table, []int{x, y})
					require.Len(t, got, len(all))
					for i := range all {
						require.Equal(t, []string{all[i][x], all[i][y]}, got[i], "columns %d, %d of row %v", x, y, all[i])
					}
				}
			}
		})
	}
}

func writeRandom(t *testing.T, table *paimon.Table, r *rand.Rand) {
	ctx := context.Background()
	w, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer w.Close(ctx)
	c := table.NewCommitter("job")
	for id := int64(1); id <= 6; id++ {
		b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
		for range 20 {
			b.Field(0).(*array.Int32Builder).Append(r.Int31n(15))
			for col := 1; col < 4; col++ {
				if f := b.Field(col).(*array.Int32Builder); r.Intn(4) == 0 {
					f.AppendNull()
				} else {
					f.Append(r.Int31n(9))
				}
			}
		}
		require.NoError(t, w.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
		messages, err := w.Prepare(ctx, r.Intn(2) == 0)
		require.NoError(t, err)
		_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages})
		require.NoError(t, err)
	}
}

func readInts(t *testing.T, table *paimon.Table, columns []int) [][]string {
	ctx := context.Background()
	snap, err := table.LatestSnapshot(ctx)
	require.NoError(t, err)
	p, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := p.Read(ctx, p.Splits, columns)
	defer r.Close()
	var out [][]string
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			var row []string
			for _, c := range b.Rows.Columns() {
				row = append(row, c.ValueStr(i))
			}
			out = append(out, row)
		}
		b.Rows.Release()
	}
}
