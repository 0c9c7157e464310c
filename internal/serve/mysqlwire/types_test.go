package mysqlwire

import (
	"context"
	"database/sql"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/stretchr/testify/require"
)

// What a client sees of each type, in text and in binary rows.
func TestTypes(t *testing.T) {
	want := map[string][3]string{
		"bool": {"1", "NULL", "0"}, "i8": {"-8", "NULL", "127"}, "i16": {"-16", "NULL", "32767"},
		"i32": {"-32", "NULL", "2147483647"}, "i64": {"-64", "NULL", "9223372036854775807"},
		"u8": {"8", "NULL", "255"}, "u16": {"16", "NULL", "65535"}, "u32": {"32", "NULL", "4294967295"},
		"u64": {"64", "NULL", "18446744073709551615"},
		"f32": {"1.5", "NULL", "3.4e38"}, "f64": {"0.1", "NULL", "-1e-300"},
		"dec": {"123.45", "NULL", "-0.01"}, "dec38": {"-1.00000000000000000001", "NULL", "99999999999999999.99999999999999999999"},
		"str": {"äöü 'quoted' \"x\"", "NULL", ""}, "bin": {"\x00\x01\x02\xff", "NULL", ""},
		"date": {"2025-06-01", "NULL", "1969-12-31"}, "time": {"13:14:15.678", "NULL", "00:00:00.000"},
		"ts0":  {"2025-06-01 10:11:12", "NULL", "1969-12-31 23:59:59"},
		"ts3":  {"2025-06-01 10:11:12.345", "NULL", "1970-01-01 00:00:00.000"},
		"ts6":  {"2025-06-01 10:11:12.345678", "NULL", "9999-12-31 23:59:59.999999"},
		"ts9":  {"2025-06-01 10:11:12.345678901", "NULL", "1900-01-01 00:00:00.000000000"},
		"ltz":  {"2025-06-01 10:11:12.345", "NULL", "2025-01-01 00:00:00.000"},
		"list": {"[1,null,3]", "NULL", "[]"}, "map": {`{"a":1,"b":null}`, "NULL", "{}"},
		"row":  {`{"a":1,"b":"x\"y","c":1.50,"d":"2025-06-01 10:11:12.345"}`, "NULL", `{"a":null,"b":null,"c":null,"d":null}`},
		"rows": {`[{"code":"R1","fee":9.90},null]`, "NULL", "[]"},
	}
	conn := startServer(t, Options{}).connect(t, "root", "")
	prepared, err := conn.PrepareContext(context.Background(), "select types")
	require.NoError(t, err)
	defer prepared.Close()
	for _, form := range []string{"text", "binary"} {
		var rows *sql.Rows
		if form == "text" {
			rows, err = conn.QueryContext(context.Background(), "select types")
		} else {
			rows, err = prepared.Query()
		}
		columns, got := table(t, rows, err)
		require.Len(t, got, 3)
		require.Len(t, columns, len(want))
		for i, name := range columns {
			for row := range 3 {
				value := got[row][i]
				if name == "f32" { // the driver prints floats in Go's way
					value = strings.Replace(value, "e+", "e", 1)
				}
				require.Equal(t, want[name][row], value, "%s, column %s, row %d", form, name, row)
			}
		}
	}
}

func TestColumnMetadata(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	rows, err := conn.QueryContext(context.Background(), "select types")
	require.NoError(t, err)
	defer rows.Close()
	types, err := rows.ColumnTypes()
	require.NoError(t, err)
	want := map[string]string{
		"bool": "TINYINT", "i8": "TINYINT", "i16": "SMALLINT", "i32": "INT", "i64": "BIGINT", "u8": "UNSIGNED TINYINT",
		"u16": "UNSIGNED SMALLINT", "u32": "UNSIGNED INT", "u64": "UNSIGNED BIGINT", "f32": "FLOAT", "f64": "DOUBLE",
		"dec": "DECIMAL", "dec38": "DECIMAL", "str": "VARCHAR", "bin": "VARBINARY", "date": "DATE", "time": "TIME",
		"ts0": "DATETIME", "ts3": "DATETIME", "ts6": "DATETIME", "ts9": "VARCHAR", "ltz": "TIMESTAMP",
		"list": "VARCHAR", "map": "VARCHAR", "row": "VARCHAR", "rows": "VARCHAR",
	}
	for _, ct := range types {
		require.Equal(t, want[ct.Name()], ct.DatabaseTypeName(), ct.Name())
		nullable, _ := ct.Nullable()
		require.True(t, nullable)
		if ct.Name() == "dec" {
			precision, scale, _ := ct.DecimalSize()
			require.EqualValues(t, []int64{10, 2}, []int64{precision, scale})
		}
	}
}

func TestInstantsFollowTimeZone(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	for zone, want := range map[string]string{
		"+08:00": "2025-06-01 18:11:12.345", "America/New_York": "2025-06-01 06:11:12.345", "SYSTEM": "2025-06-01 10:11:12.345",
	} {
		_, err := conn.ExecContext(context.Background(), "SET time_zone = '"+zone+"'")
		require.NoError(t, err)
		columns, rows := table2(t, conn, "select types")
		for i, name := range columns {
			switch name {
			case "ltz":
				require.Equal(t, want, rows[0][i], zone)
			case "ts3":
				require.Equal(t, "2025-06-01 10:11:12.345", rows[0][i], zone)
			}
		}
	}
	backend := newFakeBackend()
	backend.plain = true
	plain := startServerWith(t, Options{}, backend).connect(t, "root", "")
	_, err := plain.ExecContext(context.Background(), "SET time_zone = '+00:00'")
	require.NoError(t, err)
	_, err = plain.ExecContext(context.Background(), "SET time_zone = '+08:00'")
	require.EqualValues(t, CodeNotSupported, codeOf(err), "a session that cannot follow must not seem to")
}

func TestCivilAgainstTimePackage(t *testing.T) {
	for days := int64(-1_000_000); days < 4_000_000; days += 37 {
		at := time.Unix(days*daySeconds, 0).UTC()
		y, m, d := civil(days)
		if int(y) != at.Year() || m != int(at.Month()) || d != at.Day() {
			t.Fatalf("day %d: %d-%d-%d, want %s", days, y, m, d, at)
		}
	}
}

func TestDecimalsAgainstBigInt(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		n := decimal128.New(int64(r.Uint64())>>r.IntN(64), r.Uint64()>>r.IntN(64))
		scale := r.IntN(39)
		unscaled := n.BigInt()
		want := new(big.Rat).SetFrac(unscaled, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
		require.Equal(t, want, string(appendDecimal(nil, n, scale)), "%s scale %d", unscaled, scale)
		require.Equal(t, want, string(appendBigDecimal(nil, unscaled, scale)))
	}
}

func TestFloats(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -1.25: "-1.25", 1e14: "100000000000000", 1e15: "1e15", 1.5e20: "1.5e20", 1e-5: "0.00001",
		1.25e-16: "1.25e-16", 1e100: "1e100", 5e-324: "5e-324", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		require.Equal(t, want, string(appendFloat(nil, f, 64)))
	}
	require.Equal(t, "NaN", string(appendFloat(nil, math.NaN(), 64)))
	require.Equal(t, "0.1", string(appendFloat(nil, float64(float32(0.1)), 32)))
}

func TestQuoted(t *testing.T) {
	require.Equal(t, `"a\"b\\c\n\t\r\u0001\u001fä€😀`+"\ufffd"+`"`, string(appendQuoted(nil, "a\"b\\c\n\t\r\x01\x1fä€😀\xff")))
}

func TestDatesOutsideOfProtocol(t *testing.T) {
	var failed error
	binaryDate(nil, -1_000_000, func(err error) { failed = err })
	require.ErrorContains(t, failed, "-0768-02-04 is outside of the years 0 to 9999")
}

func BenchmarkTextRows(b *testing.B) {
	conn := startServer(b, Options{}).connect(b, "root", "")
	b.ReportAllocs()
	for b.Loop() {
		rows, err := conn.QueryContext(context.Background(), "select numbers 100000")
		require.NoError(b, err)
		n := 0
		var raw sql.RawBytes
		var text sql.RawBytes
		for rows.Next() {
			if err := rows.Scan(&raw, &text); err != nil {
				b.Fatal(err)
			}
			n++
		}
		require.Equal(b, 100000, n)
	}
}
