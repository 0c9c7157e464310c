package datafile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

var kvFields = []types.Field{
	{ID: 0, Name: "dt", Type: types.String().NotNull()},
	{ID: 1, Name: "id", Type: types.Of(types.Int).NotNull()},
	{ID: 2, Name: "ts", Type: types.Of(types.BigInt)},
	{ID: 3, Name: "name", Type: types.String()},
}

// kvBatch makes rows with the given ids; ts is the negated id, NULL for
// multiples of 5; names are long.
func kvBatch(t testing.TB, alloc memory.Allocator, ids []int32, firstSeq int64) *columnar.KV {
	t.Helper()
	b := array.NewRecordBuilder(alloc, types.ArrowSchema(kvFields))
	defer b.Release()
	r := rand.New(rand.NewPCG(uint64(firstSeq), 5))
	kv := &columnar.KV{}
	for i, id := range ids {
		b.Field(0).(*array.StringBuilder).Append("2026-01-01")
		b.Field(1).(*array.Int32Builder).Append(id)
		if id%5 == 0 {
			b.Field(2).AppendNull()
		} else {
			b.Field(2).(*array.Int64Builder).Append(-int64(id))
		}
		b.Field(3).(*array.StringBuilder).Append(fmt.Sprintf("%x-%x", r.Uint64(), r.Uint64()))
		kv.Seqs = append(kv.Seqs, firstSeq+int64(i))
		kv.Kinds = append(kv.Kinds, types.RowKind([]types.RowKind{0, 0, 2, 3}[i%4]))
	}
	kv.Rows = b.NewRecordBatch()
	var err error
	kv.Keys, err = columnar.NewKeyEncoder([]types.Type{kvFields[1].Type}, columnar.KeyOptions{}).Encode([]arrow.Array{kv.Rows.Column(1)})
	require.NoError(t, err)
	return kv
}

func sequence(from, to int32) []int32 {
	var out []int32
	for ; from < to; from++ {
		out = append(out, from)
	}
	return out
}

func kvOptions(store fileio.Store, alloc memory.Allocator) datafile.KVWriterOptions {
	return datafile.KVWriterOptions{
		Store: store, Paths: datafile.NewPaths(datafile.PathOptions{Table: "db.db/t"}, "dt=2026-01-01", 3),
		Fields: kvFields, KeyFields: []int{1}, SchemaID: 7, Level: 2, Source: spec.SourceCompact,
		Write: format.WriteOptions{Alloc: alloc},
		Now:   func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 999_999_999, time.Local) },
	}
}

func readOptions(store fileio.Store, alloc memory.Allocator) datafile.KVReadOptions {
	return datafile.KVReadOptions{Store: store, Fields: kvFields, KeyFields: []int{1}, Alloc: alloc,
		SchemaFields: func(int64) ([]types.Field, error) { return kvFields, nil }}
}

func TestKVWriterDescribesFiles(t *testing.T) {
	store := fileio.NewMem()
	w, err := datafile.NewKVWriter(context.Background(), kvOptions(store, nil))
	require.NoError(t, err)
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(10, 20), 100)))
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(20, 30), 50)))
	metas, err := w.Close()
	require.NoError(t, err)
	require.Len(t, metas, 1)
	m := metas[0]
	require.Regexp(t, `^data-[0-9a-f-]{36}-0\.parquet$`, m.FileName)
	info, err := store.Stat(context.Background(), "db.db/t/dt=2026-01-01/bucket-3/"+m.FileName)
	require.NoError(t, err)
	require.Equal(t, info.Size, m.FileSize)
	require.EqualValues(t, 20, m.RowCount)
	require.EqualValues(t, 50, m.MinSequence)
	require.EqualValues(t, 109, m.MaxSequence)
	require.EqualValues(t, 4, *m.DeleteRowCount)
	require.EqualValues(t, 7, m.SchemaID)
	require.Equal(t, 2, m.Level)
	require.Equal(t, spec.SourceCompact, *m.FileSource)
	require.Equal(t, time.Date(2026, 5, 4, 3, 2, 1, 999_000_000, time.UTC), m.CreationTime)
	require.Nil(t, m.ValueStatsCols)
	key := binrow.NewEncoder([]types.Type{types.Of(types.Int)})
	ends := array.NewInt32Builder(memory.DefaultAllocator)
	ends.AppendValues([]int32{10, 29}, nil)
	arr := ends.NewArray()
	require.Equal(t, key.Append(nil, []arrow.Array{arr}, 0), m.MinKey)
	require.Equal(t, key.Append(nil, []arrow.Array{arr}, 1), m.MaxKey)
	stats, err := binrow.Rows(kvFields, [][]byte{m.ValueStats.Min, m.ValueStats.Max})
	require.NoError(t, err)
	require.Equal(t, "[-29 -11]", stats.Column(2).String())
	require.EqualValues(t, 4, *m.ValueStats.NullCounts[2])
}

func TestKVRolling(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	store := fileio.NewMem()
	o := kvOptions(store, alloc)
	o.TargetFileSize = 100_000
	w, err := datafile.NewKVWriter(context.Background(), o)
	require.NoError(t, err)
	for i := range int32(10) {
		b := kvBatch(t, alloc, sequence(i*3000, (i+1)*3000), int64(i)*3000)
		require.NoError(t, w.Write(b))
		b.Release()
	}
	require.EqualValues(t, 30000, w.Rows())
	metas, err := w.Close()
	require.NoError(t, err)
	require.Greater(t, len(metas), 3)
	next := int64(0)
	for i, m := range metas {
		if i+1 < len(metas) {
			require.InDelta(t, o.TargetFileSize, m.FileSize, 60_000, "file %d", i)
		}
		require.Equal(t, next, m.MinSequence)
		next = m.MaxSequence + 1
		r, err := datafile.OpenKV(context.Background(), readOptions(store, alloc), o.Paths.DataFile(&m), &m)
		require.NoError(t, err)
		rows := int64(0)
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.Equal(t, rows, r.RowAt(0))
			require.Equal(t, m.MinSequence+rows, b.Seqs[0])
			rows += int64(b.Len())
			b.Release()
		}
		require.Equal(t, m.RowCount, rows)
		require.NoError(t, r.Close())
	}
	alloc.AssertSize(t, 0)
}

func TestKeysAreNotSplit(t *testing.T) {
	ids := make([]int32, 5000) // one key
	for _, level := range []int{0, 1} {
		store := fileio.NewMem()
		o := kvOptions(store, nil)
		o.Level, o.TargetFileSize = level, 20_000
		w, err := datafile.NewKVWriter(context.Background(), o)
		require.NoError(t, err)
		require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, ids, 0)))
		require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, append(ids, 1), 0)))
		metas, err := w.Close()
		require.NoError(t, err)
		if level == 0 {
			require.Greater(t, len(metas), 3)
		} else {
			require.LessOrEqual(t, len(metas), 2)
			require.GreaterOrEqual(t, metas[0].RowCount, int64(10_000))
		}
	}
}

func TestKVAbort(t *testing.T) {
	for _, closed := range []bool{false, true} {
		store := fileio.NewMem()
		o := kvOptions(store, nil)
		o.TargetFileSize = 50_000
		w, err := datafile.NewKVWriter(context.Background(), o)
		require.NoError(t, err)
		require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 9000), 0)))
		if closed {
			_, err := w.Close()
			require.NoError(t, err)
		}
		w.Abort()
		for info, err := range store.List(context.Background(), o.Paths.Dir()) {
			t.Fatal(info, err)
		}
		require.ErrorIs(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 1), 0)), errs.ErrInvalid)
	}
}

// failingStore fails writes after a number of bytes.
type failingStore struct {
	fileio.Store
	left int
}

type failingWriter struct {
	fileio.Writer
	s *failingStore
}

var errDisk = errors.New("disk full")

func (s *failingStore) Create(ctx context.Context, path string) (fileio.Writer, error) {
	w, err := s.Store.Create(ctx, path)
	return failingWriter{w, s}, err
}

func (w failingWriter) Write(p []byte) (int, error) {
	if w.s.left -= len(p); w.s.left < 0 {
		return 0, errDisk
	}
	return w.Writer.Write(p)
}

func TestKVStorageFailure(t *testing.T) {
	for _, left := range []int{0, 3, 10_000, 60_000, 130_000} {
		mem := fileio.NewMem()
		o := kvOptions(&failingStore{mem, left}, nil)
		o.TargetFileSize = 50_000
		w, err := datafile.NewKVWriter(context.Background(), o)
		require.NoError(t, err)
		err = w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 9000), 0))
		if err == nil {
			_, err = w.Close()
		}
		require.ErrorIs(t, err, errDisk)
		for info, err := range mem.List(context.Background(), o.Paths.Dir()) {
			t.Fatal(info, err)
		}
	}
}

func TestChangelogAndThinFiles(t *testing.T) {
	store := fileio.NewMem()
	o := kvOptions(store, nil)
	o.Changelog, o.Level, o.ThinMode = true, 0, true
	o.Stats.Mode = "none"
	w, err := datafile.NewKVWriter(context.Background(), o)
	require.NoError(t, err)
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, []int32{1, 1, 2}, 0)))
	metas, err := w.Close()
	require.NoError(t, err)
	require.Regexp(t, `^changelog-`, metas[0].FileName)
	require.Equal(t, []string{"id"}, metas[0].ValueStatsCols)
	require.Equal(t, metas[0].KeyStats.Max, metas[0].MaxKey)
}

// TestKVProjection reads few columns, a partition column, evolved columns and
// the user's sequence, in both orders.
func TestKVProjection(t *testing.T) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	store := fileio.NewMem()
	o := kvOptions(store, nil)
	w, err := datafile.NewKVWriter(context.Background(), o)
	require.NoError(t, err)
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 20), 0)))
	metas, err := w.Close()
	require.NoError(t, err)

	part := array.NewStringBuilder(memory.DefaultAllocator)
	part.Append("from partition")
	now := []types.Field{
		{ID: 9, Name: "added", Type: types.Of(types.Double)},
		kvFields[1],
		{ID: 2, Name: "renamed", Type: types.DecimalOf(20, 1)},
		kvFields[0],
	}
	for _, desc := range []bool{false, true} {
		ro := datafile.KVReadOptions{Store: store, Fields: now, KeyFields: []int{1}, Columns: []int{3, 0, 2}, Alloc: alloc,
			SequenceFields: []int{2}, SequenceDescending: desc, BatchRows: 7, Partition: map[int]arrow.Array{3: part.NewArray()},
			SchemaFields: func(id int64) ([]types.Field, error) { require.EqualValues(t, 7, id); return kvFields, nil }}
		part.Append("from partition")
		r, err := datafile.OpenKV(context.Background(), ro, o.Paths.DataFile(&metas[0]), &metas[0])
		require.NoError(t, err)
		b, err := r.Next()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, 7, b.Len())
		require.Equal(t, "from partition", b.Rows.Column(0).(*array.String).Value(6))
		require.Equal(t, 7, b.Rows.Column(1).NullN())
		require.Equal(t, []string{"dt", "added", "renamed"}, []string{b.Rows.ColumnName(0), b.Rows.ColumnName(1), b.Rows.ColumnName(2)})
		require.Equal(t, "-1", b.Rows.Column(2).ValueStr(1))
		require.Less(t, columnar.Compare(b.Keys, 1, b.Keys, 2), 0)
		require.Less(t, columnar.Compare(b.UserSeq, 5, b.UserSeq, 6), 0, "NULL is least")
		require.Equal(t, desc, columnar.Compare(b.UserSeq, 1, b.UserSeq, 2) < 0)
		b.Release()
	}
	alloc.AssertSize(t, 0)
}

func TestRowFiles(t *testing.T) {
	store := fileio.NewMem()
	paths := datafile.NewPaths(datafile.PathOptions{Table: "t", Directory: "data", DataPrefix: "part-", Compression: "zstd"}, "", 0)
	w, err := datafile.NewRowWriter(context.Background(), datafile.RowWriterOptions{Store: store, Paths: paths, Fields: kvFields, FirstSequence: 40, TargetFileSize: 60_000})
	require.NoError(t, err)
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 9000), 0).Rows))
	require.EqualValues(t, 9040, w.NextSequence())
	metas, err := w.Close()
	require.NoError(t, err)
	require.Greater(t, len(metas), 2)
	next := int64(40)
	for _, m := range metas {
		require.Regexp(t, `^part-.*\.zst\.parquet$`, m.FileName)
		require.Equal(t, next, m.MinSequence)
		next = m.MaxSequence + 1
		r, err := datafile.OpenRows(context.Background(), datafile.RowReadOptions{Store: store, Fields: kvFields, Columns: []int{1},
			SchemaFields: func(int64) ([]types.Field, error) { return kvFields, nil }}, paths.DataFile(&m), &m)
		require.NoError(t, err)
		b, err := r.Next()
		require.NoError(t, err)
		require.EqualValues(t, m.MinSequence-40, b.Column(0).(*array.Int32).Value(0))
		require.NoError(t, r.Close())
	}
	require.EqualValues(t, 9040, next)
}

func TestWrongRowCountIsCorrupt(t *testing.T) {
	store := fileio.NewMem()
	o := kvOptions(store, nil)
	w, err := datafile.NewKVWriter(context.Background(), o)
	require.NoError(t, err)
	require.NoError(t, w.Write(kvBatch(t, memory.DefaultAllocator, sequence(0, 20), 0)))
	metas, err := w.Close()
	require.NoError(t, err)
	metas[0].RowCount++
	_, err = datafile.OpenKV(context.Background(), readOptions(store, nil), o.Paths.DataFile(&metas[0]), &metas[0])
	require.ErrorIs(t, err, errs.ErrCorrupt)
	_, err = datafile.OpenKV(context.Background(), readOptions(store, nil), "nowhere.parquet", &metas[0])
	require.ErrorIs(t, err, errs.ErrNotFound)
	metas[0].FileName = "x.csv"
	_, err = datafile.OpenKV(context.Background(), readOptions(store, nil), o.Paths.DataFile(&metas[0]), &metas[0])
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, `"csv"`)
}
