package dict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

var dictionaryID = catalog.Identifier{Database: "dict", Table: "ids"}

func newDictionary(t *testing.T, options map[string]string) *paimon.Table {
	t.Helper()
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "dict"))
	o := map[string]string{"merge-engine": "first-row", "ignore-delete": "true", "snapshot.num-retained.min": "1000", "snapshot.num-retained.max": "1000"}
	for k, v := range options {
		o[k] = v
	}
	var fields []types.Field
	for i, f := range [][2]string{{"id", "BIGINT"}, {"k", "STRING NOT NULL"}, {"note", "INT"}} {
		ty, err := types.Parse(f[1])
		require.NoError(t, err)
		fields = append(fields, types.Field{ID: i, Name: f[0], Type: ty})
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, dictionaryID, catalog.Definition{Fields: fields, PrimaryKeys: []string{"k"}, Options: o}))
	table, err := w.Table(ctx, dictionaryID, nil)
	require.NoError(t, err)
	return table
}

// keyRows makes rows without ids; note is the row's number.
func keyRows(t *paimon.Table, keys ...string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields()))
	defer b.Release()
	for i, k := range keys {
		b.Field(0).AppendNull()
		if k == "" {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(k)
		}
		b.Field(2).(*array.Int32Builder).Append(int32(i))
	}
	return b.NewRecordBatch()
}

// worker is a job that fills the dictionary.
type worker struct {
	table     *paimon.Table
	d         *Dense
	w         *paimon.Writer
	committer *paimon.Committer
	next      int64
	given     map[string]int64 // since the last commit
}

func newWorker(t *testing.T, table *paimon.Table, user string) *worker {
	t.Helper()
	w := &worker{table: table, committer: table.NewCommitter(user), next: 1}
	last, err := w.committer.Last(context.Background())
	require.NoError(t, err)
	if last != nil {
		w.next = last.CommitIdentifier + 1
	}
	w.d, err = NewDense(table, 0, DenseOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	w.begin(t)
	return w
}

func (w *worker) begin(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	if w.w != nil {
		require.NoError(t, w.w.Close(ctx))
	}
	require.NoError(t, w.d.Begin(ctx, w.table))
	var err error
	w.w, err = w.table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	w.given = map[string]int64{}
}

func (w *worker) apply(t *testing.T, keys ...string) {
	t.Helper()
	in := keyRows(w.table, keys...)
	defer in.Release()
	out, err := w.d.Apply(paimon.Batch{Rows: in})
	require.NoError(t, err)
	if out.Rows == nil {
		return
	}
	defer out.Rows.Release()
	for i := range int(out.Rows.NumRows()) {
		k := out.Rows.Column(1).(*array.String).Value(i)
		require.Equal(t, keys[out.Rows.Column(2).(*array.Int32).Value(i)], k, "the other columns stay with their keys")
		require.NotContains(t, w.given, k)
		w.given[k] = out.Rows.Column(0).(*array.Int64).Value(i)
	}
	require.NoError(t, w.w.Write(context.Background(), out))
}

func (w *worker) commit() error {
	ctx := context.Background()
	messages, err := w.w.Prepare(ctx, true)
	if err != nil {
		return err
	}
	c := paimon.Commit{Identifier: w.next, Messages: messages, KeepEmpty: true}
	w.d.Bind(&c)
	snap, err := w.committer.Commit(ctx, c)
	if err != nil {
		return err
	}
	w.next++
	w.given = map[string]int64{}
	return w.d.Committed(ctx, w.table, snap, messages)
}

// state reads the dictionary, what is not compacted included.
func state(t *testing.T, table *paimon.Table) map[string]int64 {
	t.Helper()
	ctx := context.Background()
	snap, err := table.LatestSnapshot(ctx)
	require.NoError(t, err)
	plan, err := table.PlanFiles(ctx, snap, nil)
	require.NoError(t, err)
	out := map[string]int64{}
	r := plan.Read(ctx, plan.Splits, []int{1, 0})
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			k, id := b.Rows.Column(0).(*array.String).Value(i), b.Rows.Column(1).(*array.Int64).Value(i)
			if old, ok := out[k]; ok {
				require.Equal(t, old, id, "key %s was given two ids", k)
			}
			out[k] = id
		}
		b.Rows.Release()
	}
}

// Two jobs write one dictionary, are killed at any moment and go on; batch
// commits and compactions come in between. In the end every committed key has
// one id, and the ids are 1 to the number of keys.
func TestDenseModel(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"one bucket":          {"bucket": "1"},
		"dynamic buckets":     {"bucket": "-1", "dynamic-bucket.target-row-num": "50"},
		"compacted elsewhere": {"bucket": "2", "write-only": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			seed := time.Now().UnixNano()
			r := rand.New(rand.NewSource(seed))
			table := newDictionary(t, options)
			users := []string{"a", "b"}
			workers := []*worker{newWorker(t, table, "a"), newWorker(t, table, "b")}
			kept := map[string]int64{} // as committed: no id may change
			conflicts := 0
			for step := range 250 {
				what := fmt.Sprintf("seed %d, step %d", seed, step)
				i := r.Intn(2)
				w := workers[i]
				switch k := r.Intn(10); {
				case k < 6:
					var keys []string
					for range r.Intn(30) {
						keys = append(keys, fmt.Sprint("k", r.Intn(50+3*step)))
					}
					w.apply(t, keys...)
				case k < 8:
					given := w.given
					err := w.commit()
					switch {
					case errors.Is(err, errs.ErrConflict):
						conflicts++
						w.begin(t)
					case err != nil:
						require.NoError(t, err, what)
					default:
						for k, id := range given {
							require.NotContains(t, kept, k, what)
							kept[k] = id
						}
					}
				case k == 8 && r.Intn(2) == 0: // killed
					require.NoError(t, w.d.Close())
					workers[i] = newWorker(t, table, users[i])
				case k == 9:
					_, err := table.Compact(context.Background(), paimon.CompactOptions{Full: r.Intn(3) == 0})
					if !errors.Is(err, errs.ErrConflict) {
						require.NoError(t, err, what)
					}
				}
			}
			have := state(t, table)
			require.Equal(t, kept, have, "seed %d", seed)
			ids := map[int64]bool{}
			for _, id := range have {
				ids[id] = true
			}
			require.Len(t, ids, len(have))
			for id := range int64(len(have)) {
				require.True(t, ids[id+1], "seed %d: id %d is missing", seed, id+1)
			}
			t.Logf("%d keys, %d conflicts", len(have), conflicts)
			require.NotZero(t, conflicts)
		})
	}
}

// Another job's rows may come between the two snapshots of one commit: the next
// commit must not take them for known.
func TestDenseRowsBetweenTheSnapshotsOfACommit(t *testing.T) {
	ctx := context.Background()
	table := newDictionary(t, map[string]string{"bucket": "1"})
	one := newWorker(t, table, "one")
	one.apply(t, "a")
	messages, err := one.w.Prepare(ctx, true)
	require.NoError(t, err)
	c := paimon.Commit{Identifier: 1, Messages: messages, KeepEmpty: true}
	one.d.Bind(&c)
	half := c
	half.Messages = []paimon.CommitMessage{messages[0]}
	half.Messages[0].CompactBefore, half.Messages[0].CompactAfter = nil, nil
	_, err = one.committer.Commit(ctx, half)
	require.NoError(t, err)

	two := newWorker(t, table, "two")
	two.apply(t, "a", "b")
	require.Equal(t, map[string]int64{"b": 2}, two.given)
	appendOnly, err := two.w.Prepare(ctx, false)
	require.NoError(t, err)
	for i := range appendOnly {
		appendOnly[i].CompactBefore, appendOnly[i].CompactAfter = nil, nil
	}
	c2 := paimon.Commit{Identifier: 1, Messages: appendOnly}
	two.d.Bind(&c2)
	_, err = two.committer.Commit(ctx, c2)
	require.NoError(t, err)

	snap, err := one.committer.Commit(ctx, c) // its second half
	require.NoError(t, err)
	require.Equal(t, spec.CommitCompact, snap.CommitKind)
	require.NoError(t, one.d.Committed(ctx, table, snap, messages))
	one.next = 2
	one.apply(t, "b")
	require.ErrorIs(t, one.commit(), errs.ErrConflict)
	one.begin(t)
	one.apply(t, "b", "c")
	require.Equal(t, map[string]int64{"c": 3}, one.given)
	require.NoError(t, one.commit())
}

// Ids of deleted rows are not given again: the snapshots know how far they went.
func TestDenseAfterRowsAreGone(t *testing.T) {
	ctx := context.Background()
	table := newDictionary(t, map[string]string{"bucket": "1"})
	w := newWorker(t, table, "job")
	w.apply(t, "a", "b", "c")
	require.NoError(t, w.commit())
	overwrite, err := table.NewWriter(ctx, paimon.WriteOptions{Overwrite: true})
	require.NoError(t, err)
	messages, err := overwrite.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: &paimon.Overwrite{}})
	require.NoError(t, err)
	w.apply(t, "d")
	require.ErrorIs(t, w.commit(), errs.ErrConflict)
	w.begin(t)
	w.apply(t, "a", "d")
	require.Equal(t, map[string]int64{"a": 4, "d": 5}, w.given)
	require.NoError(t, w.commit())
}

func TestDensePasses(t *testing.T) {
	table := newDictionary(t, map[string]string{"bucket": "1"})
	w := newWorker(t, table, "job")
	in := keyRows(table, "a", "", "b", "a", "c")
	out, err := w.d.Apply(paimon.Batch{Rows: in, Kinds: []types.RowKind{types.UpdateAfter, types.Insert, types.Delete, types.Insert, types.Insert}})
	require.NoError(t, err)
	require.Equal(t, "[1 (null) (null) 2]", fmt.Sprint(out.Rows.Column(0)))
	require.Equal(t, `["a" (null) "b" "c"]`, fmt.Sprint(out.Rows.Column(1)))
	require.Equal(t, []types.RowKind{types.UpdateAfter, types.Insert, types.Delete, types.Insert}, out.Kinds)

	_, err = (&Dense{}).Apply(paimon.Batch{Rows: in})
	require.Error(t, err)
	w.d.next = 1<<63 - 1
	_, err = w.d.Apply(paimon.Batch{Rows: keyRows(table, "z")})
	require.ErrorContains(t, err, "all ids")
}

// A commit of more new keys than are remembered is taken back by reading the
// table again.
func TestDenseTakesBackMany(t *testing.T) {
	table := newDictionary(t, map[string]string{"bucket": "1"})
	w := newWorker(t, table, "job")
	w.apply(t, "a")
	require.NoError(t, w.commit())
	w.apply(t, "b", "c")
	w.d.partial = true // as remember has it
	w.begin(t)
	w.apply(t, "a", "x")
	require.Equal(t, map[string]int64{"x": 2}, w.given)
}
