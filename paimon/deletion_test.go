package paimon_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/types"
)

// vectorEngines are the merge engines of tables with deletion vectors. Those
// that compute, or order rows, get no deletes here: what comes after one looks at it
// until a compaction has ended it, in Paimon too.
var vectorEngines = map[string]map[string]string{
	"deduplicate":    {},
	"sequence":       {"sequence.field": "s"},
	"partial-update": {"merge-engine": "partial-update"},
	"aggregation":    {"merge-engine": "aggregation", "fields.a.aggregate-function": "sum", "fields.b.aggregate-function": "max"},
}

// vectorTable makes a table of numbers (k primary key, s, a, b).
func vectorTable(t *testing.T, w *paimon.Warehouse, name string, with ...map[string]string) *paimon.Table {
	t.Helper()
	ctx := context.Background()
	d := catalog.Definition{PrimaryKeys: []string{"k"}, Options: map[string]string{}}
	for _, c := range []string{"k", "s", "a", "b"} {
		d.Fields = append(d.Fields, types.Field{Name: c, Type: types.Of(types.Int)})
	}
	for _, o := range with {
		maps.Copy(d.Options, o)
	}
	id := catalog.Identifier{Database: "d", Table: name}
	require.NoError(t, w.Catalog().CreateTable(ctx, id, d))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	return table
}

func randomRows(r *rand.Rand, table *paimon.Table) paimon.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	var out paimon.Batch
	for range 1 + r.IntN(40) {
		b.Field(0).(*array.Int32Builder).Append(r.Int32N(60))
		for col := 1; col < 4; col++ {
			if f := b.Field(col).(*array.Int32Builder); r.IntN(4) == 0 {
				f.AppendNull()
			} else {
				f.Append(r.Int32N(9))
			}
		}
		kind := types.Insert
		if o := table.Options(); o.MergeEngine == options.Deduplicate && o.SequenceFields == nil && r.IntN(6) == 0 {
			kind = types.Delete
		}
		out.Kinds = append(out.Kinds, kind)
	}
	out.Rows = b.NewRecordBatch()
	return out
}

// numbers gives the rows of a table, sorted.
func numbers(t *testing.T, table *paimon.Table) []string {
	t.Helper()
	out := []string{}
	for _, row := range readInts(t, table, nil) {
		out = append(out, fmt.Sprint(row))
	}
	slices.Sort(out)
	return out
}

// TestVectorsShowWhatMergingShows writes the same rows into a table that is
// merged when it is read and into one with deletion vectors.
func TestVectorsShowWhatMergingShows(t *testing.T) {
	seed := seedOf(t)
	for engine, how := range vectorEngines {
		for i, producer := range []string{"none", "input", "lookup"} {
			if engine == "sequence" && producer == "input" {
				continue
			}
			t.Run(engine+"/"+producer, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, uint64(len(engine)*10+i)))
				w := paimon.Open(fileio.NewMem(), paimon.Options{SpillDir: t.TempDir()})
				require.NoError(t, w.Catalog().CreateDatabase(context.Background(), "d"))
				bucket := map[string]string{"bucket": []string{"1", "2", "-1"}[r.IntN(3)], "changelog-producer": producer}
				if bucket["bucket"] == "-1" {
					bucket["dynamic-bucket.target-row-num"] = "20"
				}
				vectors := map[string]string{
					"deletion-vectors.enabled": "true", "deletion-vectors.bitmap64": fmt.Sprint(r.IntN(2) == 0), "num-sorted-run.compaction-trigger": fmt.Sprint(2 + r.IntN(5)),
					"target-file-size": []string{"128 mb", "2 kb"}[r.IntN(2)], "index-file-in-data-file-dir": fmt.Sprint(r.IntN(2) == 0),
				}
				dedicated := r.IntN(3) == 0
				if dedicated {
					vectors["write-only"] = "true"
				}
				t.Log(bucket, vectors)
				plain := vectorTable(t, w, "plain", how, bucket, map[string]string{"changelog-producer": "none", "num-sorted-run.compaction-trigger": "1000", "num-sorted-run.stop-trigger": "1000"})
				marked := vectorTable(t, w, "marked", how, bucket, vectors)
				vectorHistory(t, r, w, plain, marked, dedicated, producer == "lookup")
			})
		}
	}
}

func vectorHistory(t *testing.T, r *rand.Rand, w *paimon.Warehouse, plain, marked *paimon.Table, dedicated, changes bool) {
	ctx := context.Background()
	pw, err := plain.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer pw.Close(ctx)
	mw, err := marked.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, mw.Close(ctx)) }()
	pc, mc := plain.NewCommitter("job"), marked.NewCommitter("job")
	merged, err := w.Table(ctx, marked.ID(), map[string]string{"deletion-vectors.merge-on-read": "true"})
	require.NoError(t, err)
	last := numbers(t, plain)
	vectors := 0
	for id := int64(1); id <= 14; id++ {
		b := randomRows(r, plain)
		commit(t, pw, pc, id, b)
		commit(t, mw, mc, id, b)
		want := numbers(t, plain)
		require.Equal(t, want, numbers(t, merged), "commit %d, merged", id)
		full := r.IntN(5) == 0
		if dedicated && !full && r.IntN(2) == 0 {
			require.Equal(t, last, numbers(t, marked), "commit %d: level 0 is not visible yet", id)
			continue
		}
		if dedicated || full {
			_, err := marked.Compact(ctx, paimon.CompactOptions{Full: full})
			require.NoError(t, err)
		}
		last = want
		require.Equal(t, want, numbers(t, marked), "commit %d", id)
		snap, err := marked.LatestSnapshot(ctx)
		require.NoError(t, err)
		p, err := marked.Plan(ctx, snap, nil)
		require.NoError(t, err)
		var rows int64
		for _, s := range p.Splits {
			require.True(t, s.Raw, "nothing is merged")
			vectors += len(s.Deletions)
			rows += s.Rows()
			for _, f := range s.Files {
				require.Positive(t, f.Level)
				require.Zero(t, *f.DeleteRowCount, "deletes end in a compaction")
			}
		}
		if full {
			require.Equal(t, int(rows), len(want), "a full compaction leaves no deleted row")
		}
	}
	t.Logf("%d vectors seen", vectors)
	if changes {
		require.Equal(t, last, replayed(t, marked), "the changelog leads to the same rows")
	}
}

// replayed applies all changes of a table.
func replayed(t *testing.T, table *paimon.Table) []string {
	ctx := context.Background()
	s := table.RawStream(1)
	defer s.Close()
	rows := map[string]string{}
	for {
		p, err := s.TryNext(ctx)
		require.NoError(t, err)
		if p == nil {
			break
		}
		r, err := p.Read(ctx, nil)
		require.NoError(t, err)
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			for i := range int(b.Rows.NumRows()) {
				var row []string
				for _, c := range b.Rows.Columns() {
					row = append(row, c.ValueStr(i))
				}
				switch text := fmt.Sprint(row); b.Kind(i) {
				case types.Insert:
					require.NotContains(t, rows, row[0])
					rows[row[0]] = text
				case types.UpdateAfter:
					rows[row[0]] = text
				default:
					require.Equal(t, rows[row[0]], text, "what goes was there")
					if b.Kind(i) == types.Delete {
						delete(rows, row[0])
					}
				}
			}
			b.Rows.Release()
		}
		r.Close()
	}
	return slices.Sorted(maps.Values(rows))
}
