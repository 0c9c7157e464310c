package duck

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

func scalarTypes() []arrow.DataType {
	out := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32,
		arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32,
		arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us,
		arrow.BinaryTypes.String, arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.LargeBinary,
		&arrow.FixedSizeBinaryType{ByteWidth: 3}, &arrow.FixedSizeBinaryType{ByteWidth: 20},
	}
	for _, u := range []arrow.TimeUnit{arrow.Second, arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond} {
		out = append(out, &arrow.TimestampType{Unit: u}, &arrow.TimestampType{Unit: u, TimeZone: "UTC"})
	}
	for p := int32(1); p <= 38; p++ {
		out = append(out, &arrow.Decimal128Type{Precision: p, Scale: p / 2})
	}
	return out
}

// randomType nests up to depth levels.
func randomType(r *rand.Rand, depth int) arrow.DataType {
	scalars := scalarTypes()
	if depth == 0 || r.IntN(3) > 0 {
		return scalars[r.IntN(len(scalars))]
	}
	switch r.IntN(3) {
	case 0:
		return arrow.ListOf(randomType(r, depth-1))
	case 1:
		return arrow.MapOf(scalars[1+r.IntN(4)], randomType(r, depth-1))
	}
	var fields []arrow.Field
	for i := range 1 + r.IntN(3) {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("f%d", i), Type: randomType(r, depth-1), Nullable: true})
	}
	return arrow.StructOf(fields...)
}

func randomText(r *rand.Rand) string {
	letters := []rune("aé漢🙂 'z")
	var b strings.Builder
	for range r.IntN(3) * r.IntN(12) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// appendRandom adds one value; nulls is the share of nulls in percent.
func appendRandom(r *rand.Rand, b array.Builder, nulls int) {
	if r.IntN(100) < nulls {
		b.AppendNull()
		return
	}
	span := int64(1) << (1 + r.IntN(40))
	n := r.Int64N(2*span) - span
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(n&1 == 0)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(n)
	case *array.Uint8Builder:
		b.Append(uint8(n))
	case *array.Uint16Builder:
		b.Append(uint16(n))
	case *array.Uint32Builder:
		b.Append(uint32(n))
	case *array.Uint64Builder:
		b.Append(uint64(n))
	case *array.Float32Builder:
		b.Append(float32(n) / 8)
	case *array.Float64Builder:
		b.Append(float64(n) / 8)
	case *array.Date32Builder:
		b.Append(arrow.Date32(n % 100000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(r.IntN(86400000)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.Int64N(86400000000)))
	case *array.TimestampBuilder:
		if b.Type().(*arrow.TimestampType).Unit == arrow.Nanosecond {
			n *= 1000 // whole microseconds, for those with a zone
		}
		b.Append(arrow.Timestamp(n))
	case *array.Decimal128Builder:
		appendDecimal(r, b)
	case *array.StringBuilder:
		b.Append(randomText(r))
	case *array.LargeStringBuilder:
		b.Append(randomText(r))
	case *array.BinaryBuilder:
		b.Append([]byte(randomText(r)))
	case *array.FixedSizeBinaryBuilder:
		v := make([]byte, b.Type().(*arrow.FixedSizeBinaryType).ByteWidth)
		for i := range v {
			v[i] = byte(r.Uint32())
		}
		b.Append(v)
	default:
		appendNested(r, b, nulls)
	}
}

func appendDecimal(r *rand.Rand, b *array.Decimal128Builder) {
	p := b.Type().(*arrow.Decimal128Type).Precision
	digits := 1 + r.Int32N(p)
	text := "9"
	for range digits - 1 {
		text += string(rune('0' + r.IntN(10)))
	}
	v, err := decimal128.FromString(text, p, 0)
	if err != nil {
		panic(err)
	}
	if r.IntN(2) == 0 {
		v = v.Negate()
	}
	b.Append(v)
}

func appendNested(r *rand.Rand, b array.Builder, nulls int) {
	n := r.IntN(5)
	if r.IntN(50) == 0 {
		n = 300
	}
	switch b := b.(type) {
	case *array.MapBuilder: // before the list
		b.Append(true)
		for i := range n % 5 {
			switch k := b.KeyBuilder().(type) {
			case *array.Int8Builder:
				k.Append(int8(i))
			case *array.Int16Builder:
				k.Append(int16(i))
			case *array.Int32Builder:
				k.Append(int32(i))
			case *array.Int64Builder:
				k.Append(int64(i))
			}
			appendRandom(r, b.ItemBuilder(), nulls)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range n {
			appendRandom(r, b.ValueBuilder(), nulls)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(r, b.FieldBuilder(i), nulls)
		}
	default:
		panic(fmt.Sprintf("%T", b))
	}
}

// randomBatch is a slice from the middle of a larger batch.
func randomBatch(r *rand.Rand, schema *arrow.Schema, rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	front, back := r.IntN(20), r.IntN(20)
	for i := range schema.NumFields() {
		nulls := []int{0, 0, 10, 50, 100}[r.IntN(5)]
		for range front + rows + back {
			appendRandom(r, b.Field(i), nulls)
		}
	}
	all := b.NewRecordBatch()
	defer all.Release()
	return all.NewSlice(int64(front), int64(front+rows))
}

func schemaOf(types ...arrow.DataType) *arrow.Schema {
	var fields []arrow.Field
	for i, t := range types {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: t, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// checkRoundTrip reads the table through sql and compares with the batches, in order.
func checkRoundTrip(t *testing.T, c *Conn, sql string, batches []arrow.RecordBatch) {
	t.Helper()
	r, err := c.Query(context.Background(), sql)
	require.NoError(t, err)
	defer r.Close()
	in, row := 0, 0
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for i := range int(b.NumRows()) {
			for in < len(batches) && row >= int(batches[in].NumRows()) {
				in, row = in+1, 0
			}
			require.Less(t, in, len(batches), "too many rows")
			for col := range b.Columns() {
				want, got := cell(batches[in].Column(col), row), cell(b.Column(col), i)
				if want != got {
					t.Fatalf("batch %d row %d column %d (%s): want %s, got %s", in, row, col,
						batches[in].Column(col).DataType(), want, got)
				}
			}
			row++
		}
		b.Release()
	}
	for in < len(batches) && row >= int(batches[in].NumRows()) {
		in, row = in+1, 0
	}
	require.Equal(t, len(batches), in, "rows are missing")
}

func TestRoundTripEveryType(t *testing.T) {
	c := openConn(t, Options{})
	r := rand.New(rand.NewPCG(1, 2))
	for _, dt := range scalarTypes() {
		for _, dt := range []arrow.DataType{dt, arrow.ListOf(dt), arrow.StructOf(arrow.Field{Name: "x", Type: dt, Nullable: true}),
			arrow.MapOf(arrow.PrimitiveTypes.Int32, dt)} {
			batches := []arrow.RecordBatch{randomBatch(r, schemaOf(dt), 70)}
			reg := register(t, c, newTable(batches...))
			checkRoundTrip(t, c, "SELECT * FROM "+reg.SQL(), batches)
		}
	}
}

func TestRoundTripRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := openConn(t, Options{})
	r := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		var types []arrow.DataType
		for range 1 + r.IntN(4) {
			types = append(types, randomType(r, 3))
		}
		schema := schemaOf(types...)
		var batches []arrow.RecordBatch
		for range 1 + r.IntN(3) {
			batches = append(batches, randomBatch(r, schema, []int{0, 1, 63, 200, 2048, 2500}[r.IntN(6)]))
		}
		m := newTable(batches...)
		reg := register(t, c, m)
		t.Logf("%v", schema)
		checkRoundTrip(t, c, "SELECT * FROM "+reg.SQL(), batches)
		_, err := c.Exec(context.Background(), "CREATE OR REPLACE TEMP TABLE t AS FROM "+reg.SQL())
		require.NoError(t, err)
		checkRoundTrip(t, c, "FROM t", batches)
		require.Zero(t, m.open.Load(), "scans left open")
	}
}

// The two directions could be wrong in the same way: this pins what DuckDB itself sees.
func TestScanMeaning(t *testing.T) {
	at := func(s string) arrow.Timestamp {
		v, err := arrow.TimestampFromString(s, arrow.Nanosecond)
		require.NoError(t, err)
		return v
	}
	nanos := at("2024-02-29 13:14:15.123456")
	tests := []struct {
		dt   arrow.DataType
		json string
		typ  string
		text string
	}{
		{arrow.FixedWidthTypes.Boolean, `true`, "BOOLEAN", "true"},
		{arrow.PrimitiveTypes.Int8, `-128`, "TINYINT", "-128"},
		{arrow.PrimitiveTypes.Int16, `-32768`, "SMALLINT", "-32768"},
		{arrow.PrimitiveTypes.Int32, `-2147483648`, "INTEGER", "-2147483648"},
		{arrow.PrimitiveTypes.Int64, `-4611686018427387904`, "BIGINT", "-4611686018427387904"},
		{arrow.PrimitiveTypes.Float32, `1.5`, "FLOAT", "1.5"},
		{arrow.PrimitiveTypes.Float64, `-2.25`, "DOUBLE", "-2.25"},
		{arrow.FixedWidthTypes.Date32, `"2024-02-29"`, "DATE", "2024-02-29"},
		{arrow.FixedWidthTypes.Time32ms, `"13:14:15.123"`, "TIME", "13:14:15.123"},
		{arrow.BinaryTypes.String, `"short"`, "VARCHAR", "short"},
		{arrow.BinaryTypes.String, `"much longer than twelve bytes"`, "VARCHAR", "much longer than twelve bytes"},
		{arrow.BinaryTypes.Binary, `"AP8="`, "BLOB", `\x00\xFF`},
		{&arrow.Decimal128Type{Precision: 4, Scale: 2}, `"-12.34"`, "DECIMAL(4,2)", "-12.34"},
		{&arrow.Decimal128Type{Precision: 9, Scale: 2}, `"-1234567.89"`, "DECIMAL(9,2)", "-1234567.89"},
		{&arrow.Decimal128Type{Precision: 18, Scale: 0}, `"999999999999999999"`, "DECIMAL(18,0)", "999999999999999999"},
		{&arrow.Decimal128Type{Precision: 38, Scale: 10}, `"-1234567890123456789012345678.0123456789"`, "DECIMAL(38,10)",
			"-1234567890123456789012345678.0123456789"},
		{arrow.ListOf(arrow.PrimitiveTypes.Int32), `[1,null,3]`, "INTEGER[]", "[1, NULL, 3]"},
		{arrow.StructOf(arrow.Field{Name: "a b", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
			arrow.Field{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}), `{"a b":1,"s":"x"}`,
			`STRUCT("a b" INTEGER, s VARCHAR)`, `{'a b': 1, 's': x}`},
		{arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), `[{"key":"k","value":7}]`,
			"MAP(VARCHAR, BIGINT)", "{k=7}"},
	}
	c := openConn(t, Options{TimeZone: "Asia/Tokyo"})
	check := func(a arrow.Array, typ, text string) {
		t.Helper()
		m := newTable(array.NewRecordBatch(schemaOf(a.DataType()), []arrow.Array{a}, 1))
		reg := register(t, c, m)
		got := rowsOf(t, c, "SELECT typeof(c0), c0::VARCHAR FROM "+reg.SQL())
		require.Equal(t, typ+"|"+text, got)
	}
	for _, test := range tests {
		a, _, err := array.FromJSON(memory.DefaultAllocator, test.dt, strings.NewReader("["+test.json+"]"))
		require.NoError(t, err)
		check(a, test.typ, test.text)
	}
	for unit, per := range map[arrow.TimeUnit]int64{arrow.Millisecond: 1e6, arrow.Microsecond: 1e3, arrow.Nanosecond: 1} {
		b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: unit})
		b.Append(nanos / arrow.Timestamp(per))
		typ := map[arrow.TimeUnit]string{arrow.Millisecond: "TIMESTAMP_MS", arrow.Microsecond: "TIMESTAMP", arrow.Nanosecond: "TIMESTAMP_NS"}[unit]
		text := map[arrow.TimeUnit]string{arrow.Millisecond: "2024-02-29 13:14:15.123"}[unit]
		if text == "" {
			text = "2024-02-29 13:14:15.123456"
		}
		check(b.NewArray(), typ, text)
		b = array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: unit, TimeZone: "UTC"})
		b.Append(nanos / arrow.Timestamp(per))
		check(b.NewArray(), "TIMESTAMP WITH TIME ZONE", strings.Replace(text, " 13", " 22", 1)+"+09")
	}
}

func TestResultMeaning(t *testing.T) {
	c := openConn(t, Options{})
	for sql, want := range map[string]string{
		"sum(x::BIGINT) FROM range(5) t(x)":           "decimal(38, 0) 10",
		"(-170141183460469231731)::HUGEINT":           "decimal(38, 0) -170141183460469231731",
		"1.50::DECIMAL(10,2)":                         "decimal(10, 2) 1.50",
		"TIMESTAMP '2024-02-29 01:02:03.000004'":      "timestamp[us] 1709168523000004us",
		"TIMESTAMP_MS '2024-02-29 01:02:03.004'":      "timestamp[ms] 1709168523004ms",
		"TIMESTAMPTZ '2024-02-29 01:02:03+01'":        "timestamp[us, tz=UTC] 1709164923000000usZ",
		"TIME '01:02:03'":                             "time64[us] 3723000000us",
		"'b'::ENUM('a','b')":                          "utf8 b",
		"UUID '4ac7a9e9-607c-4c8a-84f3-843f0191e3fd'": "utf8 4ac7a9e9-607c-4c8a-84f3-843f0191e3fd",
		"UUID 'fac7a9e9-607c-4c8a-04f3-843f0191e3fd'": "utf8 fac7a9e9-607c-4c8a-04f3-843f0191e3fd",
		`'\x00\xAB'::BLOB`:                            "binary x00ab",
		"NULL":                                        "int32 ∅",
		"[1, NULL, 2]":                                "list<item: int32, nullable> [1,∅,2]",
		"{'a': 1, 'b': [{'c': 'x'}]}":                 "struct<a: int32, b: list<item: struct<c: utf8>, nullable>> (1,[(x)])",
		"MAP {'k': 1.5::DOUBLE}":                      "map<utf8, float64, items_nullable> {k=1.5}",
		"list(x ORDER BY x DESC) FROM range(5) t(x)":  "list<item: int64, nullable> [4,3,2,1,0]",
		"'x' || $1":                                   "utf8 xarg",
		"DATE '1969-12-31'":                           "date32 -1d",
		"200::UTINYINT":                               "uint8 200",
		"repeat('ab', 20)":                            "utf8 " + strings.Repeat("ab", 20),
		"INTERVAL '1 year 14 months 3 days' ":         "utf8 2 years 2 months 3 days",
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{"arg"}
		}
		r, err := c.Query(context.Background(), "SELECT "+sql, args...)
		require.NoError(t, err, sql)
		b, err := r.Next()
		require.NoError(t, err, sql)
		require.Equal(t, want, fmt.Sprintf("%s %s", b.Column(0).DataType(), cell(b.Column(0), 0)), sql)
		require.NoError(t, r.Close())
	}
}

// Interval text must be what DuckDB's own cast writes.
func TestIntervalText(t *testing.T) {
	c := openConn(t, Options{})
	sql := "SELECT i, i::VARCHAR FROM (SELECT to_months((x*7919%61-30)::INT) + to_days((x*104729%9-4)::INT) + " +
		"to_microseconds(CASE WHEN x%4=0 THEN 0 ELSE x*7907*(x%7-3)*(CASE x%3 WHEN 0 THEN 1000 ELSE 100003 END) END) AS i FROM range(2000) t(x)) "
	r, err := c.Query(context.Background(), sql)
	require.NoError(t, err)
	defer r.Close()
	b, err := r.Next()
	require.NoError(t, err)
	require.EqualValues(t, 2000, b.NumRows())
	for i := range 2000 {
		require.Equal(t, cell(b.Column(1), i), cell(b.Column(0), i))
	}
}

func TestUnsupportedTypes(t *testing.T) {
	c := openConn(t, Options{})
	ctx := context.Background()
	for _, sql := range []string{"SELECT '101'::BIT", "SELECT [TIMETZ '01:02:03+01']", "SELECT union_value(a := 1)", "SELECT {'x': 1::UHUGEINT}"} {
		_, err := c.Query(ctx, sql)
		require.ErrorContains(t, err, "cast it to VARCHAR", sql)
	}
	_, err := drain(c.Query(ctx, "SELECT 170141183460469231731687303715884105727::HUGEINT"))
	require.ErrorContains(t, err, "more than 38 digits")
	for _, dt := range []arrow.DataType{arrow.FixedWidthTypes.Duration_ms, &arrow.Decimal256Type{Precision: 50},
		&arrow.Decimal128Type{Precision: 5, Scale: -1}, arrow.ListOf(arrow.FixedWidthTypes.MonthInterval)} {
		reg := register(t, c, &memTable{schema: schemaOf(dt)})
		_, err := c.Query(ctx, "SELECT * FROM "+reg.SQL())
		require.ErrorContains(t, err, `column "c0"`)
		require.ErrorContains(t, err, "unsupported")
	}
	require.Equal(t, "1", rowsOf(t, c, "SELECT 1"), "connection stays usable")
}
