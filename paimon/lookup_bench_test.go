package paimon_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// lookupRows is the size of the benchmark's table; TARN_LOOKUP_ROWS overrides.
func lookupRows() int {
	if n, err := strconv.Atoi(os.Getenv("TARN_LOOKUP_ROWS")); err == nil {
		return n
	}
	return 2_000_000
}

// lookupTable makes a table of even ids, and overwrites every tenth row.
func lookupTable(b *testing.B, n int) *paimon.Table {
	ctx := context.Background()
	store, err := fileio.NewLocal(b.TempDir())
	require.NoError(b, err)
	w := paimon.Open(store, paimon.Options{SpillDir: b.TempDir()})
	require.NoError(b, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(b, w.Catalog().CreateTable(ctx, wide, catalog.Definition{PrimaryKeys: []string{"id"}, Options: map[string]string{"bucket": "4", "write-only": "true"},
		Fields: []types.Field{{Name: "id", Type: types.Of(types.BigInt).NotNull()}, {Name: "name", Type: types.String()}, {Name: "city", Type: types.String()},
			{Name: "amount", Type: types.Of(types.BigInt)}, {Name: "score", Type: types.Of(types.Double)}}}))
	table, err := w.Table(ctx, wide, nil)
	require.NoError(b, err)
	for round, step := range []int{1, 10} {
		wr, err := table.NewWriter(ctx, paimon.WriteOptions{})
		require.NoError(b, err)
		rec := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
		flush := func() {
			rows := rec.NewRecordBatch()
			require.NoError(b, wr.Write(ctx, paimon.Batch{Rows: rows}))
			rows.Release()
		}
		for i := 0; i < n; i += step {
			rec.Field(0).(*array.Int64Builder).Append(int64(2 * i))
			rec.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("name of %d", i))
			rec.Field(2).(*array.StringBuilder).Append([]string{"Berlin", "Paris", "Rome"}[i%3])
			rec.Field(3).(*array.Int64Builder).Append(int64(i * 7))
			rec.Field(4).(*array.Float64Builder).Append(float64(i) / 3)
			if i/step%8192 == 8191 {
				flush()
			}
		}
		flush()
		messages, err := wr.Prepare(ctx, true)
		require.NoError(b, err)
		_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: int64(round + 1), Messages: messages})
		require.NoError(b, err)
		require.NoError(b, wr.Close(ctx))
		if round == 0 {
			_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
			require.NoError(b, err)
		}
	}
	return table
}

// BenchmarkLookup: gets of 2 million rows, a tenth of them overwritten in level
// 0, at steady state, and what the first get of all costs.
func BenchmarkLookup(b *testing.B) {
	ctx := context.Background()
	n := lookupRows()
	table := lookupTable(b, n)
	start := time.Now()
	l, err := table.NewLookup(ctx, paimon.LookupOptions{})
	require.NoError(b, err)
	defer l.Close()
	opened := time.Since(start)
	key := l.NewKey()
	for id := range 64 {
		require.NoError(b, key.SetInt(0, int64(id)))
		_, _, err := l.Find(ctx, key)
		require.NoError(b, err)
	}
	b.Logf("%d rows: opened in %v, all files ready after %v", n, opened, time.Since(start))
	rnd := rand.New(rand.NewPCG(1, 2))
	ids := make([]int64, 1<<20)
	for i := range ids {
		ids[i] = rnd.Int64N(int64(n)) * 2
	}
	for _, c := range []struct {
		name string
		add  int64
	}{{"hit", 0}, {"miss", 1}} {
		b.Run("find/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			var sum int64
			for i := range b.N {
				_ = key.SetInt(0, ids[i&(len(ids)-1)]+c.add)
				rows, row, err := l.Find(ctx, key)
				if err != nil || (row >= 0) != (c.add == 0) {
					b.Fatal(row, err)
				}
				if row >= 0 {
					sum += rows.Column(3).(*array.Int64).Value(row) + int64(len(rows.Column(1).(*array.String).Value(row)))
				}
			}
		})
		b.Run("get1024/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
			for i := 0; i < b.N; i += 1024 {
				kb := array.NewInt64Builder(memory.DefaultAllocator)
				for j := range 1024 {
					kb.Append(ids[(i+j)&(len(ids)-1)] + c.add)
				}
				rows, at, err := l.Get(ctx, array.NewRecordBatch(schema, []arrow.Array{kb.NewArray()}, 1024))
				if err != nil || (at[0] >= 0) != (c.add == 0) {
					b.Fatal(err)
				}
				rows.Release()
			}
		})
	}
}
