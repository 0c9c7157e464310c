package mysqlcdc

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// typeCase is a column with values; want shows them as Arrow prints them.
type typeCase struct {
	column, declared string
	values, want     []string
}

func typeCases() []typeCase {
	f := func(column, declared string, pairs ...string) typeCase {
		c := typeCase{column: column, declared: declared}
		for i := 0; i < len(pairs); i += 2 {
			c.values, c.want = append(c.values, pairs[i]), append(c.want, pairs[i+1])
		}
		return c
	}
	return []typeCase{
		f("TINYINT", "TINYINT", "-128", "-128", "127", "127"),
		f("TINYINT(1)", "BOOLEAN", "1", "true", "0", "false"),
		f("TINYINT UNSIGNED", "SMALLINT", "255", "255", "0", "0"),
		f("SMALLINT", "SMALLINT", "-32768", "-32768", "32767", "32767"),
		f("SMALLINT UNSIGNED", "INT", "65535", "65535"),
		f("MEDIUMINT", "INT", "-8388608", "-8388608", "8388607", "8388607"),
		f("MEDIUMINT UNSIGNED", "INT", "16777215", "16777215"),
		f("INT", "INT", "-2147483648", "-2147483648", "2147483647", "2147483647"),
		f("INT UNSIGNED", "BIGINT", "4294967295", "4294967295"),
		f("BIGINT", "BIGINT", "-9223372036854775808", "-9223372036854775808", "9223372036854775807", "9223372036854775807"),
		f("BIGINT UNSIGNED", "DECIMAL(20,0)", "18446744073709551615", "18446744073709551615", "0", "0"),
		f("BIGINT UNSIGNED", "BIGINT", "9223372036854775807", "9223372036854775807"),
		f("BIGINT UNSIGNED", "STRING", "18446744073709551615", "18446744073709551615"),
		f("INT", "STRING", "-17", "-17"),
		f("INT", "DECIMAL(12,2)", "-17", "-17.00"),
		f("DECIMAL(10,2)", "DECIMAL(10,2)", "-0.01", "-0.01", "99999999.99", "99999999.99", "-99999999.99", "-99999999.99", "0", "0.00", "7", "7.00"),
		f("DECIMAL(10,2)", "DECIMAL(12,4)", "-0.01", "-0.0100", "12345.67", "12345.6700"),
		f("DECIMAL(10,2)", "STRING", "-0.01", "-0.01", "0.5", "0.50"),
		f("DECIMAL(2,2)", "DECIMAL(2,2)", "-0.99", "-0.99"),
		f("DECIMAL(9,9)", "DECIMAL(9,9)", "0.000000001", "0.000000001"),
		f("DECIMAL(38,10)", "DECIMAL(38,10)", "-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789", "1000000000", "1000000000.0000000000"),
		f("DECIMAL(65,30)", "STRING", "-12345678901234567890123456789012345.000000000000000000000000000001", "-12345678901234567890123456789012345.000000000000000000000000000001", "0.5", "0.500000000000000000000000000000"),
		f("FLOAT", "FLOAT", "1.1", "1.1", "-3.4028235e38", "-3.4028235e+38", "16777217", "1.6777216e+07"),
		f("FLOAT", "DOUBLE", "1.1", "1.100000023841858"),
		f("DOUBLE", "DOUBLE", "0.1", "0.1", "-1.7976931348623157e308", "-1.7976931348623157e+308", "123456789.12345679", "1.2345678912345679e+08"),
		f("CHAR(5)", "STRING", "'ab  '", "ab", "'中文'", "中文", "''", ""),
		f("VARCHAR(300)", "STRING", "'héllo 中 😀'", "héllo 中 😀", "'trail  '", "trail  ", "REPEAT('x',260)", strings.Repeat("x", 260)),
		f("VARCHAR(10)", "VARCHAR(10)", "'0123456789'", "0123456789"),
		f("VARCHAR(50) CHARACTER SET latin1", "STRING", "'café €'", "café €"),
		f("CHAR(5) CHARACTER SET latin1", "STRING", "'é'", "é"),
		f("VARCHAR(20) CHARACTER SET ascii", "STRING", "'abc'", "abc"),
		f("TINYTEXT", "STRING", "'t'", "t"),
		f("TEXT", "STRING", "'text 中'", "text 中", "REPEAT('y', 60000)", "<long>"),
		f("MEDIUMTEXT", "STRING", "'m'", "m"),
		f("LONGTEXT", "STRING", "'l'", "l"),
		f("JSON", "STRING", `'{"a": [1, 2]}'`, `{"a": [1, 2]}`),
		f("ENUM('a','b''c','中')", "STRING", "'b''c'", "b'c", "'中'", "中"),
		f("SET('x','y','z')", "STRING", "'x,z'", "x,z", "''", ""),
		f("BINARY(4)", "BYTES", "x'0102'", "AQIAAA==", "x'00000000'", "AAAAAA=="),
		f("VARBINARY(10)", "BYTES", "x'00ff00'", "AP8A"),
		f("BLOB", "BYTES", "x'deadbeef'", "3q2+7w=="),
		f("BIT(1)", "BOOLEAN", "b'1'", "true", "b'0'", "false"),
		f("BIT(10)", "BYTES", "b'1000000001'", "AgE="),
		f("DATE", "DATE", "'2024-02-29'", "2024-02-29", "'1000-01-01'", "1000-01-01", "'9999-12-31'", "9999-12-31"),
		f("DATE", "STRING", "'2024-02-29'", "2024-02-29"),
		f("TIME", "TIME(0)", "'23:59:59'", "23:59:59.000", "'00:00:00'", "00:00:00.000"),
		f("TIME(3)", "TIME(3)", "'12:34:56.789'", "12:34:56.789"),
		f("TIME(6)", "STRING", "'-838:59:58.000001'", "-838:59:58.000001", "'00:00:00.5'", "00:00:00.500000", "'-00:00:00.25'", "-00:00:00.250000"),
		f("DATETIME", "TIMESTAMP(3)", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05Z", "'1000-01-01 00:00:00'", "1000-01-01T00:00:00Z"),
		f("DATETIME(3)", "TIMESTAMP(3)", "'1969-12-31 23:59:59.999'", "1969-12-31T23:59:59.999Z"),
		f("DATETIME(6)", "TIMESTAMP(6)", "'2024-01-02 03:04:05.123456'", "2024-01-02T03:04:05.123456Z"),
		f("DATETIME(1)", "STRING", "'2024-01-02 03:04:05.1'", "2024-01-02 03:04:05.1"),
		f("TIMESTAMP(3) NULL", "TIMESTAMP(3)", "'2024-01-02 03:04:05.678'", "2024-01-02T11:04:05.678Z"),
		f("TIMESTAMP(6) NULL", "TIMESTAMP(6) WITH LOCAL TIME ZONE", "'2024-01-02 03:04:05.000001'", "2024-01-02T03:04:05.000001Z"),
		f("TIMESTAMP NULL", "STRING", "'2024-01-02 03:04:05'", "2024-01-02 11:04:05"),
		f("DATETIME", "TIMESTAMP(0) WITH LOCAL TIME ZONE", "'2024-01-02 11:04:05'", "2024-01-02T03:04:05Z"),
		f("DATETIME", "TIMESTAMP(0)", "'0000-00-00 00:00:00'", "(null)", "'2024-00-10 00:00:00'", "(null)"),
		f("DATE", "DATE", "'0000-00-00'", "(null)"),
		f("YEAR", "INT", "2024", "2024", "0", "0", "1901", "1901"),
	}
}

// Every type gives the same value from the snapshot and from the binlog, and
// the value that is expected. NULL is tried for each as well.
func TestTypes(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testTypes(t, sharedDB(t), typeCases()) })
	t.Run("compressed", func(t *testing.T) {
		db := sharedDB(t)
		db.exec("SET GLOBAL log_bin_compress=1, GLOBAL log_bin_compress_min_len=10")
		t.Cleanup(func() { db.exec("SET GLOBAL log_bin_compress=0") })
		var texts []typeCase
		for _, c := range typeCases() {
			if strings.Contains(c.column, "TEXT") || strings.Contains(c.column, "VAR") {
				texts = append(texts, c)
			}
		}
		testTypes(t, db, texts)
	})
}

func testTypes(t *testing.T, db *testDB, cases []typeCase) {
	for i, c := range cases {
		values := append(c.values, "NULL")
		db.exec("CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, b VARCHAR(10), v " + c.column + " NULL, a VARCHAR(10)) CHARSET utf8mb4")
		insertWithMode(db, values, 0)
		cfg := db.config("t")
		require.NoError(t, setZone(&cfg, "+08:00"))
		r := open(t, cfg, schema(t, "id INT NOT NULL", "v "+c.declared, "a STRING", "b STRING"), "", "id")
		var want, want2 []string
		for j := range values {
			shown := "(null)"
			if j < len(c.want) {
				shown = c.want[j]
			}
			want = append(want, "+I "+strconv.Itoa(j)+", "+shown+", after, before")
			want2 = append(want2, "+I "+strconv.Itoa(100+j)+", "+shown+", after, before")
		}
		got := shortenAll(take(t, r, len(values)))
		require.Equal(t, want, got, "case %d: snapshot of %s as %s", i, c.column, c.declared)
		insertWithMode(db, values, 100)
		got = shortenAll(take(t, r, len(values)))
		require.Equal(t, want2, got, "case %d: binlog of %s as %s", i, c.column, c.declared)
		require.NoError(t, r.Close())
	}
}

func insertWithMode(db *testDB, values []string, base int) {
	var rows []string
	for j, v := range values {
		rows = append(rows, "("+strconv.Itoa(base+j)+", 'before', "+v+", 'after')")
	}
	db.exec("SET SESSION sql_mode='', time_zone='+00:00'; INSERT INTO t VALUES " + strings.Join(rows, ", "))
}

func shortenAll(rows []string) []string {
	for i := range rows {
		rows[i] = strings.Replace(rows[i], strings.Repeat("y", 60000), "<long>", 1)
	}
	return rows
}
