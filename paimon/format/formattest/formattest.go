// Package formattest has what the tests of every file format need: random
// columns, files in memory, and checks that hold for all of them.
package formattest

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
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// File is an open file in memory.
type File struct{ *bytes.Reader }

// Close implements io.Closer.
func (File) Close() error { return nil }

var _ fileio.Reader = File{}

// Open opens a file in memory.
func Open(b []byte) File { return File{bytes.NewReader(b)} }

// Write makes a file of batches.
func Write(t testing.TB, f format.Format, fields []types.Field, o format.WriteOptions, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	file, _ := WriteStats(t, f, fields, o, batches...)
	return file
}

// WriteStats makes a file of batches and gives its statistics, if the format
// has some.
func WriteStats(t testing.TB, f format.Format, fields []types.Field, o format.WriteOptions, batches ...arrow.RecordBatch) ([]byte, []format.ColumnStats) {
	t.Helper()
	var buf bytes.Buffer
	w, err := f.NewWriter(&buf, fields, o)
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	require.EqualValues(t, buf.Len(), w.Size())
	if s, ok := w.(format.StatsWriter); ok {
		return buf.Bytes(), s.Stats()
	}
	return buf.Bytes(), nil
}

// Read gives the rows of a file as one batch, and holds that it tells their
// positions and number; blocks that are skipped must be none.
func Read(t testing.TB, f format.Format, file []byte, o format.ReadOptions) arrow.RecordBatch {
	t.Helper()
	r, err := f.Open(Open(file), o)
	require.NoError(t, err)
	defer r.Close()
	var batches []arrow.RecordBatch
	rows := int64(0)
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		defer b.Release()
		require.Equal(t, rows, r.Position())
		rows += b.NumRows()
		batches = append(batches, b)
	}
	require.Equal(t, r.Rows(), rows)
	return Concat(t, o.Allocator(), types.ArrowSchema(o.Fields), batches)
}

// Concat joins batches, of which there may be none.
func Concat(t testing.TB, alloc memory.Allocator, schema *arrow.Schema, batches []arrow.RecordBatch) arrow.RecordBatch {
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

// RequireSame compares column by column; NaN equals NaN.
func RequireSame(t testing.TB, want, got arrow.RecordBatch) {
	t.Helper()
	require.Equal(t, want.NumRows(), got.NumRows())
	same := func(a, b arrow.Array) bool {
		return array.ApproxEqual(a, b, array.WithNaNsEqual(true), array.WithAbsTolerance(0))
	}
	for i := range int(want.NumCols()) {
		a, b := want.Column(i), got.Column(i)
		if same(a, b) {
			continue
		}
		for row := range int64(a.Len()) {
			if x, y := array.NewSlice(a, row, row+1), array.NewSlice(b, row, row+1); !same(x, y) {
				t.Fatalf("column %s row %d:\nwant %.2000s\ngot  %.2000s", want.Schema().Field(i), row, x, y)
			}
		}
		t.Fatalf("column %s differs", want.Schema().Field(i))
	}
}

// Shape says what RoundTrip varies.
type Shape struct {
	Types  []string // of columns
	Codecs []string
	// Vary may change how a file is written; nil for the defaults.
	Vary func(r *rand.Rand, o *format.WriteOptions)
}

// RoundTrip writes random columns, slices of them and several batches, reads
// all columns and one of them, and compares; memory must be given back.
func RoundTrip(t *testing.T, f format.Format, s Shape) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for round := range 30 {
		n := 0 // all types
		if round > 0 {
			n = 1 + r.IntN(6)
		}
		roundTrip(t, r, f, s, Fields(r, s.Types, n))
	}
}

func roundTrip(t *testing.T, r *rand.Rand, f format.Format, s Shape, fields []types.Field) {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	var batches []arrow.RecordBatch
	for range 1 + r.IntN(4) {
		whole := Batch(r, alloc, fields, r.IntN(3000))
		from := r.Int64N(whole.NumRows()/2 + 1)
		part := whole.NewSlice(from, whole.NumRows()-whole.NumRows()/5) // offsets are not 0
		whole.Release()
		defer part.Release()
		batches = append(batches, part)
	}
	wo := format.WriteOptions{Compression: s.Codecs[r.IntN(len(s.Codecs))], Params: map[string]string{}}
	if s.Vary != nil {
		s.Vary(r, &wo)
	}
	file := Write(t, f, fields, wo, batches...)
	want := Concat(t, alloc, types.ArrowSchema(fields), batches)
	defer want.Release()
	o := format.ReadOptions{Fields: fields, BatchRows: 1 + r.IntN(5000), Alloc: alloc}
	got := Read(t, f, file, o)
	defer got.Release()
	RequireSame(t, want, got)
	at := r.IntN(len(fields))
	o.Fields, o.FileFields = fields[at:at+1], fields
	one := Read(t, f, file, o)
	defer one.Release()
	require.True(t, array.Equal(got.Column(at), one.Column(0)), "column %s read alone", fields[at])
}

// ReadDamaged reads a file that may be damaged: rows or an error of a known
// kind that names path, no panic, no leak.
func ReadDamaged(t testing.TB, f format.Format, file []byte, fields []types.Field, path string) error {
	alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer alloc.AssertSize(t, 0)
	skip := func(int64, []format.ColumnStats) bool { return false }
	r, err := f.Open(Open(file), format.ReadOptions{Fields: fields, FileFields: fields, Path: path, BatchRows: 100, Alloc: alloc, SkipBlock: skip})
	if err == nil {
		defer r.Close()
	}
	for rows := 0; err == nil && rows < 20_000; {
		b, next := r.Next()
		if next == io.EOF {
			return nil
		}
		if err = next; err == nil {
			rows += int(b.NumRows())
			b.Release()
		}
	}
	if err != nil && !errors.Is(err, errs.ErrCorrupt) && !errors.Is(err, errs.ErrUnsupported) && !errors.Is(err, errs.ErrInvalid) {
		t.Fatalf("error of no known kind: %v", err)
	}
	return err
}
