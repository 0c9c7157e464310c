package parquet

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// fileBytes is an open file in memory.
type fileBytes struct{ *bytes.Reader }

func (fileBytes) Close() error { return nil }

func openBytes(b []byte) fileBytes { return fileBytes{bytes.NewReader(b)} }

func writeFile(t testing.TB, fields []types.Field, opts format.WriteOptions, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := New().NewWriter(&buf, fields, opts)
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	require.EqualValues(t, buf.Len(), w.Size())
	return buf.Bytes()
}

// readAll gives the file's rows as one batch.
func readAll(t testing.TB, file []byte, opts format.ReadOptions) arrow.RecordBatch {
	t.Helper()
	r, err := New().Open(openBytes(file), opts)
	require.NoError(t, err)
	defer r.Close()
	var batches []arrow.RecordBatch
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		defer b.Release()
		batches = append(batches, b)
	}
	return concat(t, opts.Allocator(), types.ArrowSchema(opts.Fields), batches)
}

func concat(t testing.TB, alloc memory.Allocator, schema *arrow.Schema, batches []arrow.RecordBatch) arrow.RecordBatch {
	t.Helper()
	cols := make([]arrow.Array, schema.NumFields())
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	for i := range cols {
		parts := []arrow.Array{array.MakeArrayOfNull(alloc, schema.Field(i).Type, 0)}
		for _, b := range batches {
			parts = append(parts, b.Column(i))
		}
		c, err := array.Concatenate(parts, alloc)
		require.NoError(t, err)
		parts[0].Release()
		defer c.Release()
		cols[i] = c
	}
	return array.NewRecordBatch(schema, cols, rows)
}

// requireSame compares column by column.
func requireSame(t testing.TB, want, got arrow.RecordBatch) {
	t.Helper()
	require.Equal(t, want.NumRows(), got.NumRows())
	for i := range int(want.NumCols()) {
		if !array.Equal(want.Column(i), got.Column(i)) {
			t.Fatalf("column %d %s differs:\nwant %.2000s\ngot  %.2000s", i, want.Schema().Field(i), want.Column(i), got.Column(i))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	codecNames := []string{"zstd", "snappy", "gzip", "lz4", "lz4_raw", "none"}
	for round := range 30 {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		fields := randomFields(r, boolInt(round > 0)*(1+r.IntN(6)))
		var batches []arrow.RecordBatch
		for range 1 + r.IntN(4) {
			batches = append(batches, randomBatch(r, alloc, fields, r.IntN(3000)))
		}
		opts := format.WriteOptions{Compression: codecNames[r.IntN(len(codecNames))], Params: map[string]string{}}
		if r.IntN(2) == 0 {
			opts.BlockBytes = 1 + r.Int64N(100_000)
			opts.Params["parquet.page.size"] = "500"
			opts.Params["parquet.page.row.count.limit"] = "777"
			opts.Params["parquet.dictionary.page.size"] = "2000"
		}
		file := writeFile(t, fields, opts, batches...)
		want := concat(t, alloc, types.ArrowSchema(fields), batches)
		got := readAll(t, file, format.ReadOptions{Fields: fields, BatchRows: 1 + r.IntN(5000), Alloc: alloc})
		requireSame(t, want, got)
		got.Release()
		want.Release()
		for _, b := range batches {
			b.Release()
		}
		alloc.AssertSize(t, 0)
	}
}

func TestEmptyFile(t *testing.T) {
	fields := randomFields(rand.New(rand.NewPCG(1, 1)), 0)
	got := readAll(t, writeFile(t, fields, format.WriteOptions{}), format.ReadOptions{Fields: fields})
	require.Zero(t, got.NumRows())
}

func TestProjection(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	fields := randomFields(r, 0)
	b := randomBatch(r, memory.DefaultAllocator, fields, 500)
	file := writeFile(t, fields, format.WriteOptions{}, b)
	pick := []int{5, 0, 31, 12}
	var want []types.Field
	for _, i := range pick {
		f := fields[i]
		f.Name += "_renamed"
		want = append(want, f)
	}
	want = append(want, types.Field{ID: 9999, Name: "new", Type: types.ArrayOf(types.String())})
	got := readAll(t, file, format.ReadOptions{Fields: want, FileFields: fields})
	for i, p := range pick {
		require.True(t, array.Equal(b.Column(p), got.Column(i)), "column %d", p)
	}
	require.Equal(t, 500, got.Column(4).NullN())

	none := readAll(t, file, format.ReadOptions{Fields: want[4:], FileFields: fields})
	require.EqualValues(t, 500, none.NumRows())
}

type failingFile struct {
	fileBytes
	err error
}

func (f failingFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 1000 {
		return 0, f.err
	}
	return f.fileBytes.ReadAt(p, off)
}

func TestStorageErrorsAreNotCorruption(t *testing.T) {
	fields := orderFields()
	file := writeFile(t, fields, format.WriteOptions{}, orderBatches(50_000, 50_000)...)
	lost := errors.New("connection lost")
	r, err := New().Open(failingFile{openBytes(file), lost}, format.ReadOptions{Fields: fields, Path: "t/f.parquet"})
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, "t/f.parquet")
	require.NotContains(t, err.Error(), "corrupt")
}

func TestRepeatedColumn(t *testing.T) {
	fields := orderFields()
	key := fields[0]
	key.ID, key.Name = 100, "_KEY_order_id"
	fields = append([]types.Field{key}, fields...)
	var batches []arrow.RecordBatch
	for _, b := range orderBatches(30_000, 7000) {
		cols := append([]arrow.Array{b.Column(0)}, b.Columns()...)
		batches = append(batches, array.NewRecordBatch(types.ArrowSchema(fields), cols, b.NumRows()))
	}
	opts := format.WriteOptions{Same: map[int]int{1: 0}, BlockBytes: 100_000}
	file := writeFile(t, fields, opts, batches...)
	got := readAll(t, file, format.ReadOptions{Fields: fields})
	requireSame(t, concat(t, memory.DefaultAllocator, got.Schema(), batches), got)

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
	fields := orderFields()
	batches := orderBatches(50_000, 1000)
	file := writeFile(t, fields, format.WriteOptions{BlockBytes: 200_000}, batches...)
	want := fields[3:5]
	var groups, rows int64
	var least []int64
	r, err := New().Open(openBytes(file), format.ReadOptions{Fields: want, FileFields: fields, SkipBlock: func(n int64, stats []format.ColumnStats) bool {
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
	all := concat(t, memory.DefaultAllocator, types.ArrowSchema(fields), batches).Column(3).(*array.Timestamp)
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
	_, err = New().NewWriter(io.Discard, orderFields(), format.WriteOptions{Compression: "brotli"})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, err = New().NewWriter(io.Discard, orderFields(), format.WriteOptions{Compression: "zstd", Params: map[string]string{"parquet.compression": "lzo"}})
	require.ErrorContains(t, err, "lzo")
}
