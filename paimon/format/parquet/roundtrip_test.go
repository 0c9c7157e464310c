package parquet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/types"
)

// allTypes has every kind of column that a Parquet file holds.
var allTypes = append(slices.Clip(formattest.Types), "TIMESTAMP(9)", "VARIANT", "MULTISET<STRING>", "ARRAY<ARRAY<TIMESTAMP(9)>>",
	"ARRAY<ROW<x BIGINT NOT NULL, y VARIANT>>")

func TestRoundTrip(t *testing.T) {
	formattest.RoundTrip(t, New(), formattest.Shape{Types: allTypes, Codecs: []string{"zstd", "snappy", "gzip", "lz4", "lz4_raw", "none"},
		Vary: func(r *rand.Rand, o *format.WriteOptions) {
			if r.IntN(2) == 0 {
				o.BlockBytes = 1 + r.Int64N(100_000)
				o.Params["parquet.page.size"] = "500"
				o.Params["parquet.page.row.count.limit"] = "777"
				o.Params["parquet.dictionary.page.size"] = "2000"
			}
		}})
}

func TestEmptyFile(t *testing.T) {
	fields := formattest.Fields(rand.New(rand.NewPCG(1, 1)), allTypes, 0)
	got := formattest.Read(t, New(), formattest.Write(t, New(), fields, format.WriteOptions{}), format.ReadOptions{Fields: fields})
	require.Zero(t, got.NumRows())
}

func TestProjection(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	fields := formattest.Fields(r, allTypes, 0)
	b := formattest.Batch(r, memory.DefaultAllocator, fields, 500)
	file := formattest.Write(t, New(), fields, format.WriteOptions{}, b)
	pick := []int{5, 0, 31, 12}
	var want []types.Field
	for _, i := range pick {
		f := fields[i]
		f.Name += "_renamed"
		want = append(want, f)
	}
	want = append(want, types.Field{ID: 9999, Name: "new", Type: types.ArrayOf(types.String())})
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: want, FileFields: fields})
	for i, p := range pick {
		require.True(t, array.Equal(b.Column(p), got.Column(i)), "column %d", p)
	}
	require.Equal(t, 500, got.Column(4).NullN())

	none := formattest.Read(t, New(), file, format.ReadOptions{Fields: want[4:], FileFields: fields})
	require.EqualValues(t, 500, none.NumRows())
}

type failingFile struct {
	formattest.File
	err error
}

func (f failingFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 1000 {
		return 0, f.err
	}
	return f.File.ReadAt(p, off)
}

func TestStorageErrorsAreNotCorruption(t *testing.T) {
	fields := formattest.OrderFields()
	file := formattest.Write(t, New(), fields, format.WriteOptions{}, formattest.OrderBatches(50_000, 50_000)...)
	lost := errors.New("connection lost")
	r, err := New().Open(failingFile{formattest.Open(file), lost}, format.ReadOptions{Fields: fields, Path: "t/f.parquet"})
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, "t/f.parquet")
	require.NotContains(t, err.Error(), "corrupt")
}

func TestRepeatedColumn(t *testing.T) {
	fields := formattest.OrderFields()
	key := fields[0]
	key.ID, key.Name = 100, "_KEY_order_id"
	fields = append([]types.Field{key}, fields...)
	var batches []arrow.RecordBatch
	for _, b := range formattest.OrderBatches(30_000, 7000) {
		cols := append([]arrow.Array{b.Column(0)}, b.Columns()...)
		batches = append(batches, array.NewRecordBatch(types.ArrowSchema(fields), cols, b.NumRows()))
	}
	opts := format.WriteOptions{Same: map[int]int{1: 0}, BlockBytes: 100_000}
	file := formattest.Write(t, New(), fields, opts, batches...)
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: fields})
	formattest.RequireSame(t, formattest.Concat(t, memory.DefaultAllocator, got.Schema(), batches), got)

	w, err := New().NewWriter(io.Discard, fields, opts)
	require.NoError(t, err)
	other := array.NewRecordBatch(batches[0].Schema(), append([]arrow.Array{batches[1].Column(0)}, batches[0].Columns()[1:]...), 7000)
	require.ErrorIs(t, w.Write(other), errs.ErrInvalid)
	w.Abort()
	for _, bad := range []map[int]int{{0: 1}, {2: 1}, {99: 0}, {1: -1}} {
		_, err = New().NewWriter(io.Discard, fields, format.WriteOptions{Same: bad})
		require.ErrorIs(t, err, errs.ErrInvalid, "%v", bad)
	}
}

func TestSkipBlock(t *testing.T) {
	fields := formattest.OrderFields()
	batches := formattest.OrderBatches(50_000, 1000)
	file := formattest.Write(t, New(), fields, format.WriteOptions{BlockBytes: 200_000}, batches...)
	want := fields[3:5]
	var groups, rows int64
	var least []int64
	r, err := New().Open(formattest.Open(file), format.ReadOptions{Fields: want, FileFields: fields, SkipBlock: func(n int64, stats []format.ColumnStats) bool {
		require.Len(t, stats, 2)
		require.True(t, stats[0].Known && stats[0].HasBounds)
		require.Positive(t, stats[1].NullCount)
		groups++
		rows += n
		least = append(least, stats[0].Ints[0])
		return groups%2 == 1
	}})
	require.NoError(t, err)
	require.EqualValues(t, 50_000, r.Rows())
	all := formattest.Concat(t, memory.DefaultAllocator, types.ArrowSchema(fields), batches).Column(3).(*array.Timestamp)
	kept := int64(0)
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		kept += b.NumRows()
		require.Equal(t, all.Value(int(r.Position())), b.Column(0).(*array.Timestamp).Value(0))
	}
	require.EqualValues(t, 50_000, rows)
	require.Greater(t, groups, int64(3))
	require.Less(t, kept, int64(35_000))
	require.Greater(t, kept, int64(10_000))
	require.IsIncreasing(t, least)
	require.NoError(t, r.Close())
}

func TestBrotliIsRead(t *testing.T) {
	c, err := compress.GetCodec(compress.Codecs.Brotli)
	require.NoError(t, err)
	plain := bytes.Repeat([]byte("tarn"), 1000)
	d := decompressor{pool: &codecs{}}
	got, err := d.decompress(compress.Codecs.Brotli, nil, c.Encode(nil, plain), len(plain))
	require.NoError(t, err)
	require.Equal(t, plain, got)
	_, err = d.decompress(compress.Codecs.Brotli, nil, []byte("no brotli"), len(plain))
	require.Error(t, err)
	_, err = New().NewWriter(io.Discard, formattest.OrderFields(), format.WriteOptions{Compression: "brotli"})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, err = New().NewWriter(io.Discard, formattest.OrderFields(), format.WriteOptions{Compression: "zstd", Params: map[string]string{"parquet.compression": "lzo"}})
	require.ErrorContains(t, err, "lzo")
}
