package avro

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

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
	codecNames := []string{"zstd", "snappy", "deflate", "null", "zstandard"}
	for round := range 30 {
		alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
		fields := randomFields(r, boolInt(round > 0)*(1+r.IntN(6)))
		var batches []arrow.RecordBatch
		for range 1 + r.IntN(4) {
			whole := randomBatch(r, alloc, fields, r.IntN(3000))
			from := r.Int64N(whole.NumRows()/2 + 1)
			batches = append(batches, whole.NewSlice(from, whole.NumRows()-whole.NumRows()/5)) // offsets are not 0
			whole.Release()
		}
		file := writeFile(t, fields, format.WriteOptions{Compression: codecNames[r.IntN(len(codecNames))]}, batches...)
		want := concat(t, alloc, types.ArrowSchema(fields), batches)
		opts := format.ReadOptions{Fields: fields, BatchRows: 1 + r.IntN(5000), Alloc: alloc}
		got := readAll(t, file, opts)
		requireSame(t, want, got)
		got.Release()
		opts.Fields, opts.FileFields = []types.Field{fields[len(fields)-1]}, fields
		last := readAll(t, file, opts)
		require.True(t, array.Equal(want.Column(len(fields)-1), last.Column(0)))
		last.Release()
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
