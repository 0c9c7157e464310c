package orc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/bounds"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/format/parquet"
	"github.com/tarndb/tarn/paimon/types"
)

// TestRandomRoundTrip writes what ORC can hold: CHAR loses spaces at the end, and
// times before 1970 have whole milliseconds only.
func TestRandomRoundTrip(t *testing.T) {
	held := slices.DeleteFunc(slices.Clone(formattest.Types), func(text string) bool {
		return strings.Contains(text, "TIMESTAMP") || strings.HasPrefix(text, "CHAR") || strings.HasPrefix(text, "BINARY")
	})
	formattest.RoundTrip(t, New(), formattest.Shape{Types: held, Codecs: []string{"zstd", "zlib", "snappy", "lz4", "none"},
		Vary: func(r *rand.Rand, o *format.WriteOptions) { o.BlockBytes = []int64{0, 1, 20_000}[r.IntN(3)] }})
}

// TestRoundTrip writes the rows of the goldens in pieces and reads them.
func TestRoundTrip(t *testing.T) {
	for _, g := range goldens {
		fields := columns(t, g.columns)
		o := format.ReadOptions{Path: g.name, Fields: fields, FileFields: fields}
		want := formattest.Read(t, parquet.New(), golden(t, g.name+".parquet"), o)
		defer want.Release()
		var pieces []arrow.RecordBatch
		for at := int64(0); at < want.NumRows(); at += 333 {
			pieces = append(pieces, want.NewSlice(at, min(at+333, want.NumRows())))
		}
		for i, codec := range []string{"", "none", "snappy", "lz4", "zlib"} {
			t.Run(g.name+" "+codec, func(t *testing.T) {
				alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
				defer alloc.AssertSize(t, 0)
				block := []int64{0, 1, 20_000}[i%3]
				file, stats := formattest.WriteStats(t, New(), fields, format.WriteOptions{Compression: codec, BlockBytes: block}, pieces...)
				o.Alloc = alloc
				o.SkipBlock = inBounds(t, want)
				got := formattest.Read(t, New(), file, o)
				formattest.RequireSame(t, want, got)
				got.Release()
				if block == 1 {
					m, err := readMeta(bytes.NewReader(file), int64(len(file)), &unpacker{pool: &codecs{}})
					require.NoError(t, err)
					require.Len(t, m.stripes, len(pieces))
				}
				requireStats(t, fields, want, stats)
			})
		}
	}
}

// inBounds checks the statistics of stripes against the rows.
func inBounds(t *testing.T, want arrow.RecordBatch) func(int64, []format.ColumnStats) bool {
	at := int64(0)
	return func(rows int64, stats []format.ColumnStats) bool {
		for i, s := range stats {
			if !s.Known {
				continue
			}
			part := array.NewSlice(want.Column(i), at, at+rows)
			require.EqualValues(t, part.NullN(), s.NullCount, want.ColumnName(i))
			if a, ok := part.(*array.Int64); ok && s.HasBounds {
				for j, v := range a.Int64Values() {
					require.True(t, a.IsNull(j) || s.Ints[0] <= v && v <= s.Ints[1])
				}
			}
			part.Release()
		}
		at += rows
		return false
	}
}

func requireStats(t *testing.T, fields []types.Field, want arrow.RecordBatch, stats []format.ColumnStats) {
	t.Helper()
	for i, f := range fields {
		c := bounds.New(f.Type)
		c.Add(want.Column(i))
		exact := c.Stats()
		if f.Type.Root == types.Float { // NaN differs from itself
			exact.Floats, stats[i].Floats = [2]float64{}, [2]float64{}
		}
		require.Equal(t, exact, stats[i], f.Name)
	}
}

// TestIntegers encodes runs of every shape.
func TestIntegers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	for range 2000 {
		n := 1 + r.IntN(1200)
		vals := make([]int64, n)
		v, width := int64(r.Uint64())>>r.IntN(64), r.IntN(64)
		shape := r.IntN(5)
		for i := range vals {
			d := int64(r.Uint64() >> width)
			switch shape {
			case 0:
				v += d
			case 1:
				v -= d
			case 2:
				v = d
			case 3:
				v += 7
			}
			if r.IntN(100) == 0 {
				shape = r.IntN(5)
			}
			vals[i] = v
		}
		requireInts(t, vals, true)
		requireInts(t, vals, false)
	}
	requireInts(t, []int64{math.MinInt64, math.MaxInt64, math.MinInt64, 0}, true)
	requireInts(t, []int64{0, math.MinInt64, 0}, true)
}

func requireInts(t *testing.T, vals []int64, signed bool) {
	t.Helper()
	p := &packer{comp: &compressor{}}
	e := &intEncoder{out: p, signed: signed}
	for _, v := range vals {
		e.add(v)
	}
	e.flush()
	p.flush()
	got := make([]int64, len(vals))
	in := intsOf(p.out, true, signed)
	require.NoError(t, in.read(got))
	require.True(t, slices.Equal(vals, got), "%v\n%v", vals, got)
	require.Error(t, in.read(got[:1]), "more than was written")
}

func TestByteRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		want := make([]byte, 0, 1000)
		for len(want) < 1+r.IntN(1000) {
			want = append(want, bytes.Repeat([]byte{byte(r.IntN(3))}, 1+r.IntN(4)*r.IntN(200))...)
		}
		p := &packer{comp: &compressor{}}
		e := &byteEncoder{out: p}
		for _, v := range want {
			e.add(v)
		}
		e.flush()
		p.flush()
		var in byteRuns
		in.open(section{data: p.out}, &unpacker{})
		got := make([]byte, len(want))
		require.NoError(t, in.read(got))
		require.Equal(t, want, got)
		require.Error(t, in.read(got[:1]))
	}
}

func TestTimestamps(t *testing.T) {
	fields := columns(t, "ts TIMESTAMP(6)")
	write := func(v ...int64) ([]byte, error) {
		b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
		defer b.Release()
		for _, x := range v {
			b.Append(arrow.Timestamp(x))
		}
		arr := b.NewArray()
		defer arr.Release()
		var out bytes.Buffer
		w, err := New().NewWriter(&out, fields, format.WriteOptions{})
		require.NoError(t, err)
		rows := array.NewRecordBatch(types.ArrowSchema(fields), []arrow.Array{arr}, int64(len(v)))
		defer rows.Release()
		return out.Bytes(), errors.Join(w.Write(rows), w.Close())
	}
	want := []int64{0, 1, -1_000_000, -1_000_001, -999_000, -500_000, -1000, -2_500_000, -2_000_001, 1 << 50, -(1 << 50), -999_999 - 1_000_000}
	var out bytes.Buffer
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
	for _, x := range want {
		b.Append(arrow.Timestamp(x))
	}
	arr := b.NewArray()
	w, err := New().NewWriter(&out, fields, format.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, w.Write(array.NewRecordBatch(types.ArrowSchema(fields), []arrow.Array{arr}, int64(len(want)))))
	require.NoError(t, w.Close())
	got := formattest.Read(t, New(), out.Bytes(), format.ReadOptions{Fields: fields, FileFields: fields})
	for i, v := range want {
		require.EqualValues(t, v, got.Column(0).(*array.Timestamp).Value(i))
	}
	_, err = write(-500_001) // no reader would give it back
	require.ErrorContains(t, err, "1969")
	_, err = write(-1_500_001)
	require.NoError(t, err)
}

// TestDictionary says when words are numbered.
func TestDictionary(t *testing.T) {
	fields := columns(t, "few STRING, many STRING, later STRING")
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	defer b.Release()
	for i := range 30_000 {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprint("word ", i%7))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("word ", i))
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprint("word ", i%max(1, i-20_000)))
	}
	want := b.NewRecordBatch()
	defer want.Release()
	file, _ := formattest.WriteStats(t, New(), fields, format.WriteOptions{}, want)
	got := formattest.Read(t, New(), file, format.ReadOptions{Fields: fields, FileFields: fields})
	defer got.Release()
	formattest.RequireSame(t, want, got)
	u := &unpacker{pool: &codecs{}}
	m, err := readMeta(bytes.NewReader(file), int64(len(file)), u)
	require.NoError(t, err)
	s := stripe{unpack: u}
	require.NoError(t, s.open(bytes.NewReader(file), m.stripes[0], len(m.columns), make([]bool, len(m.columns))))
	require.Equal(t, encoding{encDictionary2, 7}, s.encodings[1])
	require.Equal(t, encDirect2, s.encodings[2].kind)
	require.Equal(t, encDictionary2, s.encodings[3].kind)
}

func TestNoRows(t *testing.T) {
	fields := columns(t, nestedColumns)
	for _, codec := range []string{"zstd", "none"} {
		file, stats := formattest.WriteStats(t, New(), fields, format.WriteOptions{Compression: codec})
		require.Len(t, stats, len(fields))
		r, err := New().Open(formattest.Open(file), format.ReadOptions{Fields: fields})
		require.NoError(t, err)
		require.Zero(t, r.Rows())
		_, err = r.Next()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, r.Close())
	}
}

func TestWriterRefuses(t *testing.T) {
	open := func(row string, o format.WriteOptions) error {
		_, err := New().NewWriter(io.Discard, columns(t, row), o)
		return err
	}
	require.NoError(t, open("a INT", format.WriteOptions{}))
	require.ErrorIs(t, open("a INT", format.WriteOptions{Compression: "brotli"}), errs.ErrUnsupported)
	require.ErrorIs(t, open("a VARIANT", format.WriteOptions{}), errs.ErrUnsupported)
	require.ErrorIs(t, open("a ROW<b BLOB>", format.WriteOptions{}), errs.ErrUnsupported)
	require.ErrorIs(t, open("a INT", format.WriteOptions{Params: map[string]string{"orc.stripe.size": "x"}}), errs.ErrInvalid)
	w, err := New().NewWriter(io.Discard, columns(t, "a INT"), format.WriteOptions{})
	require.NoError(t, err)
	w.Abort()
}
