package binrow

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// TestLayout spells rows out byte by byte, as the format describes them.
func TestLayout(t *testing.T) {
	f := func(want string, ts []types.Type, values ...*string) {
		t.Helper()
		cols := make([]arrow.Array, len(ts))
		for i := range ts {
			cols[i] = column(t, ts[i], values[i:i+1])
		}
		require.Equal(t, want, hex.EncodeToString(NewEncoder(ts).Encode(cols, 0)))
	}
	i, s := types.Of(types.Int), types.String()
	f("0000000000000000", nil)
	f("0000000000000000"+"0700000000000000", []types.Type{i}, text("7"))
	f("0001000000000000"+"0000000000000000", []types.Type{i}, nil)
	f("0000000000000000"+"616263000000"+"0083", []types.Type{s}, text("abc"))
	f("0000000000000000"+"0000000000000080", []types.Type{s}, text(""))
	f("0000000000000000"+"0800000018000000"+"ffffffff00000000"+"6162636465666768", []types.Type{s, i}, text("abcdefgh"), text("-1"))
	f("0000000000000000"+"0900000010000000"+"6162636465666768"+"6900000000000000", []types.Type{s}, text("abcdefghi"))
	// decimals up to 18 digits are numbers, wider ones take 16 bytes, NULL too
	f("0000000000000000"+"85ffffffffffffff", []types.Type{types.DecimalOf(9, 2)}, text("-1.23"))
	f("0000000000000000"+"0200000010000000"+"ff38000000000000"+"0000000000000000", []types.Type{types.DecimalOf(20, 0)}, text("-200"))
	f("0001000000000000"+"0000000010000000"+"0000000000000000"+"0000000000000000", []types.Type{types.DecimalOf(20, 0)}, nil)
	// timestamps: milliseconds, and nanoseconds within them where they fit
	f("0000000000000000"+"ffffffffffffffff", []types.Type{types.TimestampOf(3)}, text("1969-12-31 23:59:59.999"))
	f("0000000000000000"+"2823000010000000"+"feffffffffffffff", []types.Type{types.TimestampOf(6)}, text("1969-12-31 23:59:59.998009096"[:26]))
	f("0001000000000000"+"0000000010000000"+"0000000000000000", []types.Type{types.TimestampOf(9)}, nil)
}

// randomColumn fills a column with random values of a type.
func randomColumn(rnd *rand.Rand, b array.Builder, t types.Type, nullable bool) {
	if nullable && rnd.IntN(4) == 0 {
		b.AppendNull()
		return
	}
	bytes := func() []byte {
		v := make([]byte, rnd.IntN(20))
		for i := range v {
			v[i] = byte('a' + rnd.IntN(26))
		}
		return v
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(rnd.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(rnd.Int()))
	case *array.Int16Builder:
		b.Append(int16(rnd.Int()))
	case *array.Int32Builder:
		b.Append(int32(rnd.Int()))
	case *array.Int64Builder:
		b.Append(int64(rnd.Uint64()))
	case *array.Float32Builder:
		b.Append(rnd.Float32() - 0.5)
	case *array.Float64Builder:
		b.Append(rnd.NormFloat64())
	case *array.Date32Builder:
		b.Append(arrow.Date32(rnd.IntN(60000) - 30000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(rnd.IntN(86400000)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(rnd.Int64N(1<<60) - 1<<59))
	case *array.StringBuilder:
		b.Append(string(bytes()))
	case *array.BinaryBuilder:
		b.Append(bytes())
	case *array.Decimal128Builder:
		v := decimal128.FromI64(rnd.Int64() - rnd.Int64())
		if t.Precision > 18 {
			v = v.Mul(decimal128.FromI64(rnd.Int64N(1e18)))
		}
		b.Append(v)
	case *array.MapBuilder:
		key, value := mapTypes(t)
		b.Append(true)
		for range rnd.IntN(5) {
			randomColumn(rnd, b.KeyBuilder(), key, false)
			randomColumn(rnd, b.ItemBuilder(), value, t.Root == types.Map)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range rnd.IntN(70) {
			randomColumn(rnd, b.ValueBuilder(), *t.Elem, true)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range t.Fields {
			randomColumn(rnd, b.FieldBuilder(i), f.Type, true)
		}
		if t.Root == types.Variant {
			b.FieldBuilder(0).(*array.BinaryBuilder).Append(bytes())
			b.FieldBuilder(1).(*array.BinaryBuilder).Append(bytes())
		}
	default:
		panic(fmt.Sprintf("%T", b))
	}
}

func allTypes() []types.Type {
	var out []types.Type
	for _, text := range []string{
		"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIME(3)",
		"TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(9)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(9)",
		"CHAR(5)", "STRING", "BYTES", "BINARY(4)", "BLOB", "DECIMAL(9, 2)", "DECIMAL(38, 10)", "VARIANT",
		"ARRAY<INT>", "ARRAY<BOOLEAN>", "ARRAY<DECIMAL(30, 2)>", "ARRAY<ARRAY<STRING>>", "MAP<STRING, TIMESTAMP(6)>",
		"MULTISET<SMALLINT>", "ROW<a INT, b STRING, c ROW<d DECIMAL(20, 1), e ARRAY<MAP<INT, STRING>>>>",
	} {
		t, err := types.Parse(text)
		if err != nil {
			panic(err)
		}
		out = append(out, t)
	}
	return out
}

// randomBatch makes a batch with a column of every type, twice: more fields
// than one word of null bits covers.
func randomBatch(rnd *rand.Rand, rows int) ([]types.Field, arrow.RecordBatch) {
	fields := unnamed(append(allTypes(), allTypes()...))
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	defer b.Release()
	for range rows {
		for i, f := range fields {
			randomColumn(rnd, b.Field(i), f.Type, true)
		}
	}
	return fields, b.NewRecordBatch()
}

func TestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	fields, batch := randomBatch(rand.New(rand.NewPCG(seed, 1)), 200)
	ts := make([]types.Type, len(fields))
	for i, f := range fields {
		ts[i] = f.Type
	}
	e := NewEncoder(ts)
	var rows [][]byte
	for i := range int(batch.NumRows()) {
		rows = append(rows, e.Append(nil, batch.Columns(), i))
		require.Equal(t, rows[i], e.Encode(batch.Columns(), i))
		require.Zero(t, len(rows[i])%8)
		require.NoError(t, Check(ts, rows[i]))
	}
	back, err := Rows(fields, rows)
	require.NoError(t, err)
	require.True(t, array.RecordEqual(batch, back))

	// a slice of the batch encodes to the same rows
	part := batch.NewSlice(50, 90)
	for i := range 40 {
		require.Equal(t, rows[50+i], e.Encode(part.Columns(), i))
	}
	r := Row{rows[0], len(ts)}
	require.Equal(t, batch.Column(3).IsNull(0), r.IsNull(3))
	if !r.IsNull(4) {
		require.Equal(t, batch.Column(4).(*array.Int64).Value(0), r.Int64(4, ts[4]))
	}
	if !r.IsNull(16) {
		require.Equal(t, batch.Column(16).(*array.String).Value(0), string(r.Text(16)))
	}
}

func TestKeysOrder(t *testing.T) {
	ts := []types.Type{types.Of(types.Int), types.String()}
	var rows [][]byte
	for _, v := range [][2]*string{{nil, text("z")}, {text("-5"), nil}, {text("-5"), text("a")}, {text("-5"), text("ab")}, {text("3"), text("")}} {
		cols := []arrow.Array{column(t, ts[0], []*string{v[0]}), column(t, ts[1], []*string{v[1]})}
		rows = append(rows, NewEncoder(ts).Append(nil, cols, 0))
	}
	keys, err := Keys(ts, rows)
	require.NoError(t, err)
	for i := range rows {
		for j := range rows {
			c := columnar.Compare(keys, i, keys, j)
			require.Equal(t, i < j, c < 0, "%d %d", i, j)
			require.Equal(t, i == j, c == 0)
		}
	}
}

func TestStats(t *testing.T) {
	fields := unnamed([]types.Type{types.Of(types.Int), types.String()})
	ts := []types.Type{fields[0].Type, fields[1].Type}
	ints := column(t, ts[0], []*string{text("5"), nil, text("-7")})
	texts := column(t, ts[1], []*string{nil, nil, nil})
	e := NewEncoder(ts)
	var rows [][]byte
	for i := range 3 {
		rows = append(rows, e.Append(nil, []arrow.Array{ints, texts}, i))
	}
	lo, hi, nulls, err := Stats(fields, rows, []int64{1, 10, 100})
	require.NoError(t, err)
	require.Equal(t, rows[2], lo)
	require.Equal(t, rows[0], hi)
	require.EqualValues(t, 10, *nulls[0])
	require.EqualValues(t, 111, *nulls[1])
}

func TestEncodeAllocatesNothing(t *testing.T) {
	ts := []types.Type{types.Of(types.BigInt), types.String(), types.DecimalOf(30, 2), types.TimestampOf(6)}
	cols := []arrow.Array{
		column(t, ts[0], []*string{text("1"), text("2")}), column(t, ts[1], []*string{text("a long enough text"), nil}),
		column(t, ts[2], []*string{text("1.25"), nil}), column(t, ts[3], []*string{text("2025-06-01 10:00:00.123456"), nil}),
	}
	e, out := NewEncoder(ts), make([]int32, 2)
	e.HashRows(cols, out)
	require.Zero(t, testing.AllocsPerRun(100, func() { e.HashRows(cols, out); e.Encode(cols, 1) }))
}

func TestWrongColumnPanics(t *testing.T) {
	require.PanicsWithValue(t, "binrow: column of type INT cannot be held as Arrow utf8", func() {
		NewEncoder([]types.Type{types.Of(types.Int)}).Encode([]arrow.Array{column(t, types.String(), []*string{text("x")})}, 0)
	})
}

func TestDamagedRows(t *testing.T) {
	ts := append(allTypes(), allTypes()...)
	rnd := rand.New(rand.NewPCG(7, 7))
	fields, batch := randomBatch(rnd, 20)
	e := NewEncoder(ts)
	for i := range 20 {
		row := e.Append(nil, batch.Columns(), i)
		for range 60 {
			bad := append([]byte(nil), row...)
			for range 1 + rnd.IntN(4) {
				bad[rnd.IntN(len(bad))] = byte(rnd.IntN(256))
			}
			if b, err := Rows(fields, [][]byte{bad}); err == nil {
				b.Release()
			}
			_, err := Rows(fields, [][]byte{bad[:rnd.IntN(nullBytes(len(ts))+8*len(ts))]})
			require.Error(t, err)
		}
	}
}

func FuzzRows(f *testing.F) {
	fields, batch := randomBatch(rand.New(rand.NewPCG(3, 3)), 5)
	ts := append(allTypes(), allTypes()...)
	for i := range 5 {
		f.Add(NewEncoder(ts).Append(nil, batch.Columns(), i))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		if b, err := Rows(fields, [][]byte{row}); err == nil {
			again := NewEncoder(ts).Append(nil, b.Columns(), 0)
			if _, err := Rows(fields, [][]byte{again}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkHashRows(b *testing.B) {
	for _, text := range []string{"BIGINT", "STRING", "DECIMAL(20, 2)"} {
		typ, _ := types.Parse(text)
		build := array.NewBuilder(memory.DefaultAllocator, typ.Arrow())
		rnd := rand.New(rand.NewPCG(1, 1))
		for range 10000 {
			randomColumn(rnd, build, typ, false)
		}
		cols, out := []arrow.Array{build.NewArray()}, make([]int32, 10000)
		e := NewEncoder([]types.Type{typ})
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.HashRows(cols, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10000, "ns/row")
		})
	}
}
