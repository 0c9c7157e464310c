package orc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/format/parquet"
	"github.com/tarndb/tarn/paimon/types"
)

// columns gives the columns of a ROW type, nested ones too, with ids.
func columns(t testing.TB, row string) []types.Field {
	t.Helper()
	typ, err := types.Parse("ROW<" + row + ">")
	require.NoError(t, err)
	id := 0
	formattest.Number(&typ, &id)
	return typ.Fields
}

const (
	intColumns = "same BIGINT, steps BIGINT, up BIGINT, down BIGINT, short BIGINT, narrow BIGINT, outliers BIGINT, negative BIGINT, " +
		"wide BIGINT, `nulls` BIGINT, i32 INT, i16 SMALLINT, i8 TINYINT"
	scalarColumns = "b BOOLEAN, b_null BOOLEAN, f FLOAT, d DOUBLE, few STRING, many STRING, bin BYTES, d9 DECIMAL(9, 2), " +
		"d38 DECIMAL(38, 10), `date` DATE, ts TIMESTAMP(9), empty STRING"
	nestedColumns = "id INT, `list` ARRAY<BIGINT>, `row` ROW<x BIGINT, y ROW<s STRING>>, `map` MAP<STRING, BIGINT>, " +
		"`rows` ARRAY<ROW<x BIGINT, y ROW<s STRING>>>, lists ARRAY<ARRAY<BIGINT>>"
)

// goldens are files of Apache ORC's C++ writer; testdata/make.py made them.
var goldens = []struct {
	name, columns string
	stripes       int
}{
	{"ints", intColumns, 3},
	{"ints_v1", intColumns, 1},
	{"widths", "v BIGINT", 1},
	{"scalars", scalarColumns, 1},
	{"scalars_v1", scalarColumns, 1},
	{"scalars_dict", scalarColumns, 1},
	{"scalars_stripes", scalarColumns, 3},
	{"nested", nestedColumns, 2},
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return b
}

func TestGoldens(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			fields := columns(t, g.columns)
			alloc := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer alloc.AssertSize(t, 0)
			o := format.ReadOptions{Path: g.name, Fields: fields, FileFields: fields, Alloc: alloc}
			want := formattest.Read(t, parquet.New(), golden(t, g.name+".parquet"), o)
			defer want.Release()
			file := golden(t, g.name+".orc")
			for _, rows := range []int{0, 1000, 64, 7} {
				o.BatchRows = rows
				got := formattest.Read(t, New(), file, o)
				formattest.RequireSame(t, want, got)
				got.Release()
			}
			m, err := readMeta(bytes.NewReader(file), int64(len(file)), &unpacker{pool: &codecs{}})
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(m.stripes), g.stripes)
			require.Len(t, m.stats, len(m.stripes))
		})
	}
}

// TestEncodings says that the goldens have every encoding, so that the test
// above means something.
func TestEncodings(t *testing.T) {
	seen := map[uint8]bool{}
	runs := map[byte]bool{}
	for _, g := range goldens {
		file := golden(t, g.name+".orc")
		u := &unpacker{pool: &codecs{}}
		m, err := readMeta(bytes.NewReader(file), int64(len(file)), u)
		require.NoError(t, err)
		wanted := make([]bool, len(m.columns))
		for i := range wanted {
			wanted[i] = true
		}
		s := stripe{unpack: u}
		require.NoError(t, s.open(bytes.NewReader(file), m.stripes[0], len(m.columns), wanted))
		for i, c := range m.columns {
			seen[s.encodings[i].kind] = true
			if c.kind != kindLong || !s.encodings[i].v2() {
				continue
			}
			var r ints
			r.open(s.section(i, streamData), u, true, true)
			for r.in.fill() == nil {
				runs[r.in.buf[r.in.pos]>>6] = true
				require.NoError(t, r.run2())
			}
		}
	}
	require.Len(t, seen, 4, "of DIRECT, DICTIONARY and their second versions")
	require.Len(t, runs, 4, "of the ways to encode a run")
}

func TestProjection(t *testing.T) {
	file := golden(t, "nested.orc")
	all := columns(t, nestedColumns)
	o := format.ReadOptions{Fields: all, FileFields: all}
	full := formattest.Read(t, New(), file, o)
	defer full.Release()

	// a column that the file lacks, others in another order, a part of a ROW
	row := all[2]
	row.Type.Fields = []types.Field{{ID: 99, Name: "new", Type: types.Of(types.Int)}, row.Type.Fields[1]}
	o.Fields = []types.Field{{ID: 77, Name: "added", Type: types.String()}, row, all[0]}
	got := formattest.Read(t, New(), file, o)
	defer got.Release()
	require.EqualValues(t, got.NumRows(), got.Column(0).NullN())
	require.True(t, array.Equal(full.Column(0), got.Column(2)))
	want, part := full.Column(2).(*array.Struct), got.Column(1).(*array.Struct)
	require.EqualValues(t, got.NumRows(), part.Field(0).NullN())
	for i := range want.Len() {
		require.Equal(t, want.IsNull(i), part.IsNull(i))
		require.Equal(t, want.Field(1).ValueStr(i), part.Field(1).ValueStr(i))
	}

	// a name that the table's schema had when the file was written
	renamed := all[0]
	renamed.Name = "number"
	o.Fields = []types.Field{renamed}
	got2 := formattest.Read(t, New(), file, o)
	defer got2.Release()
	require.True(t, array.Equal(full.Column(0), got2.Column(0)))
}

func TestCast(t *testing.T) {
	file := golden(t, "ints.orc")
	all := columns(t, intColumns)
	wide := all[10]
	wide.Type = types.Of(types.BigInt)
	text := all[5]
	text.Type = types.String()
	o := format.ReadOptions{Fields: []types.Field{wide, text, all[10], all[5]}, FileFields: all}
	got := formattest.Read(t, New(), file, o)
	defer got.Release()
	for i := range int(got.NumRows()) {
		require.Equal(t, got.Column(2).ValueStr(i), got.Column(0).ValueStr(i))
		require.Equal(t, got.Column(3).ValueStr(i), got.Column(1).ValueStr(i))
	}

	bad := all[0]
	bad.Type = types.ArrayOf(types.Of(types.Int))
	_, err := New().Open(formattest.Open(file), format.ReadOptions{Path: "f.orc", Fields: []types.Field{bad}, FileFields: []types.Field{bad}})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "ORC bigint read as ARRAY<INT>")
}

func TestSkipBlock(t *testing.T) {
	file := golden(t, "ints.orc")
	all := columns(t, intColumns)
	fields := []types.Field{all[1], all[2], all[9]}
	full := formattest.Read(t, New(), file, format.ReadOptions{Fields: fields, FileFields: all})
	defer full.Release()
	steps := full.Column(0).(*array.Int64)
	var bounds [][2]int64
	var sizes []int64
	o := format.ReadOptions{Fields: fields, FileFields: all, SkipBlock: func(rows int64, s []format.ColumnStats) bool {
		require.True(t, s[0].HasBounds && s[1].HasBounds && s[2].HasBounds)
		require.Positive(t, s[2].NullCount)
		bounds, sizes = append(bounds, s[0].Ints), append(sizes, rows)
		return len(bounds) != 2
	}}
	r, err := New().Open(formattest.Open(file), o)
	require.NoError(t, err)
	defer r.Close()
	b, err := r.Next()
	require.NoError(t, err)
	defer b.Release()
	require.Equal(t, sizes[0], r.Position())
	require.Equal(t, sizes[1], b.NumRows())
	require.True(t, array.Equal(array.NewSlice(steps, sizes[0], sizes[0]+sizes[1]), b.Column(0)))
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	at := int64(0)
	for i, n := range sizes { // the values fall
		require.Equal(t, [2]int64{steps.Value(int(at + n - 1)), steps.Value(int(at))}, bounds[i], fmt.Sprint(i))
		at += n
	}
}

func TestStatistics(t *testing.T) {
	file := golden(t, "scalars.orc")
	all := columns(t, scalarColumns)
	full := formattest.Read(t, New(), file, format.ReadOptions{Fields: all, FileFields: all})
	defer full.Release()
	stats := make([]format.ColumnStats, len(all))
	r, err := New().Open(formattest.Open(file), format.ReadOptions{Fields: all, FileFields: all, SkipBlock: func(_ int64, s []format.ColumnStats) bool {
		copy(stats, s)
		return true
	}})
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	for i, f := range all {
		require.True(t, stats[i].Known, f.Name)
		require.EqualValues(t, full.Column(i).NullN(), stats[i].NullCount, f.Name)
		switch f.Name {
		case "f", "bin", "empty": // NaN, no bounds, no values
			require.False(t, stats[i].HasBounds, f.Name)
		default:
			require.True(t, stats[i].HasBounds, f.Name)
		}
	}
	require.Equal(t, [2]int64{0, 1}, stats[0].Ints)
	low, high := stats[10].Ints[0], stats[10].Ints[1]
	ts := full.Column(10).(*array.Timestamp)
	for i := range ts.Len() {
		if v := int64(ts.Value(i)); ts.IsValid(i) {
			require.True(t, low <= v && v <= high, v)
		}
	}
	require.Equal(t, "[]", fmt.Sprint(stats[4].Bytes[0]))
	require.Equal(t, "été", string(stats[4].Bytes[1]))
}

func TestUnsupported(t *testing.T) {
	file := golden(t, "widths.orc")
	fields := columns(t, "v BIGINT")
	open := func(file []byte, params map[string]string) error {
		_, err := New().Open(formattest.Open(file), format.ReadOptions{Path: "f.orc", Fields: fields, FileFields: fields, Params: params})
		return err
	}
	require.NoError(t, open(file, nil))
	require.ErrorIs(t, open(file, map[string]string{"orc.timestamp-ltz.legacy.type": "maybe"}), errs.ErrInvalid)
	n := int(file[len(file)-1])
	post := file[len(file)-1-n:]
	at := bytes.Index(post, []byte{2 << 3, byte(codecZstd)}) // compression
	require.Positive(t, at)
	lzo := bytes.Clone(file)
	lzo[len(file)-len(post)+at+1] = byte(codecLZO)
	err := open(lzo, nil)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "lzo")
	require.ErrorIs(t, open([]byte("no ORC at all"), nil), errs.ErrCorrupt)
}
