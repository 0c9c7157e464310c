package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// once is a source of n rows, numbered, that ends. Its position says whether
// they have been given.
type once struct {
	n      int32
	fields []types.Field
}

func (s once) Fields() []types.Field { return s.fields }
func (s once) Bounded() bool         { return true }
func (s once) Open(_ context.Context, from change.Position) (source.Reader, error) {
	return &onceReader{s, from != ""}, nil
}

type onceReader struct {
	once
	done bool
}

func (r *onceReader) Next(context.Context) (change.Batch, error) {
	if r.done {
		return change.Batch{}, io.EOF
	}
	r.done = true
	return change.Batch{Rows: numbers(r.fields, r.n), Position: `{"done":true}`}, nil
}

func (r *onceReader) Close() error { return nil }

func numbers(fields []types.Field, n int32) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	for id := range n {
		b.Field(0).(*array.Int32Builder).Append(id)
	}
	return b.NewRecordBatch()
}

// asIs passes batches on.
type asIs struct{}

func (asIs) Apply(_ context.Context, b change.Batch) (change.Batch, error) { return b, nil }
func (asIs) Close() error                                                  { return nil }

func newSink(t *testing.T, options map[string]string) (*paimon.Warehouse, *paimon.Table) {
	t.Helper()
	ctx := context.Background()
	w := paimon.Open(fileio.NewMem(), paimon.Options{})
	id := catalog.Identifier{Database: "d", Table: "t"}
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	require.NoError(t, w.Catalog().CreateTable(ctx, id, catalog.Definition{
		Fields: []types.Field{{Name: "id", Type: types.Of(types.Int)}}, PrimaryKeys: []string{"id"}, Options: options}))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	return w, table
}

func runJob(t *testing.T, m *Manager, table *paimon.Table, rows int32) {
	t.Helper()
	j, err := m.Submit(Spec{Name: "job", Interval: time.Millisecond, Sinks: []*paimon.Table{table},
		Inputs: []Input{{Key: "in", Source: once{rows, table.Fields()}, Transform: asIs{}}}})
	require.NoError(t, err)
	for !j.Status().State.over() { // not Done: the next is submitted as early as can be
		time.Sleep(50 * time.Microsecond)
	}
	require.Equal(t, Finished, j.Status().State, "%v", j.Status().Err)
}

// TestCatchUp starts a job on a table whose last commit was killed before its
// second snapshot: the rows of the first get their changelog.
func TestCatchUp(t *testing.T) {
	ctx := context.Background()
	w, table := newSink(t, map[string]string{"bucket": "1", "changelog-producer": "lookup"})
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, writer.Write(ctx, paimon.Batch{Rows: numbers(table.Fields(), 3)}))
	messages, err := writer.Prepare(ctx, true)
	require.NoError(t, err)
	require.NoError(t, writer.Close(ctx))
	messages[0].CompactBefore, messages[0].CompactAfter, messages[0].CompactChangelog = nil, nil, nil
	_, err = table.NewCommitter("job").Commit(ctx, paimon.Commit{Identifier: 1, Messages: messages,
		Properties: map[string]string{positionsProperty: `{"in":"{\"done\":true}"}`}})
	require.NoError(t, err)

	m := NewManager(Options{Warehouse: w})
	defer m.Close()
	runJob(t, m, table, 3)
	snaps, err := table.Snapshots(ctx)
	require.NoError(t, err)
	require.Len(t, snaps, 2, "the source had ended: nothing but the compaction")
	require.Equal(t, int64(3), *snaps[1].ChangelogRecordCount)
}

// TestSubmitAgain submits a job under a name whose last job is just over.
func TestSubmitAgain(t *testing.T) {
	w, table := newSink(t, map[string]string{"bucket": "1", "write-only": "true"})
	m := NewManager(Options{Warehouse: w, LockDir: t.TempDir()})
	defer m.Close()
	for range 50 {
		runJob(t, m, table, 2)
	}
	snap, err := table.LatestSnapshot(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(2), snap.TotalRecordCount, "rows once, whatever was compacted")
}

// TestExpiry runs a job on a table that keeps few snapshots: the others go by
// themselves, and what is left is whole.
func TestExpiry(t *testing.T) {
	ctx := context.Background()
	w, table := newSink(t, map[string]string{"bucket": "1", "write-only": "true", "snapshot.num-retained.min": "2", "snapshot.num-retained.max": "3"})
	m := NewManager(Options{Warehouse: w, ExpireEvery: 5 * time.Millisecond, CompactEvery: time.Millisecond})
	defer m.Close()
	for i := range int32(10) {
		j, err := m.Submit(Spec{Name: fmt.Sprint("job", i), Interval: time.Millisecond, Sinks: []*paimon.Table{table},
			Inputs: []Input{{Key: "in", Source: once{i + 1, table.Fields()}, Transform: asIs{}}}})
		require.NoError(t, err)
		<-j.Done()
		require.NoError(t, j.Status().Err)
	}
	require.Eventually(t, func() bool {
		snaps, err := table.Snapshots(ctx)
		require.NoError(t, err)
		return len(snaps) <= 3
	}, 10*time.Second, 5*time.Millisecond)
	snap, err := table.LatestSnapshot(ctx)
	require.NoError(t, err)
	plan, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	rows := int64(0)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		rows += b.Rows.NumRows()
		b.Rows.Release()
	}
	require.Equal(t, int64(10), rows)
}
