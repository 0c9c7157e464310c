package interop

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// castValues are types of columns with values as Arrow reads them.
var castValues = []struct {
	from   string
	values []string
}{
	{"BOOLEAN", []string{"true", "false"}},
	{"TINYINT", []string{"0", "-128", "127", "7"}},
	{"SMALLINT", []string{"0", "-32768", "32767", "383"}},
	{"INT", []string{"0", "-2147483648", "2147483647", "1234567", "-300"}},
	{"BIGINT", []string{"0", "-9223372036854775808", "9223372036854775807", "99999999999", "-1"}},
	{"FLOAT", []string{"0", "-1.5", "3.4028235e+38", "0.1", "16777216", "1e-10", "128.7"}},
	{"DOUBLE", []string{"0", "-1.5", "1.7976931348623157e+308", "0.1", "123456789.125", "1e-10", "99999.995"}},
	{"DECIMAL(10,2)", []string{"0.00", "-1.50", "99999999.99", "12345.67", "127.50", "-0.01"}},
	{"DECIMAL(30,10)", []string{"0.0000000000", "-1.5000000000", "12345678901234567890.1234567891", "300.0000000001"}},
	{"CHAR(6)", []string{"abcdef", "a", "ä€"}},
	{"VARCHAR(30)", []string{"", "abc", "äöü€ and more", " x "}},
	{"BINARY(4)", []string{"AAECAw==", "YWJjZA=="}},
	{"VARBINARY(20)", []string{"", "AAEC", "YWJjZGVmZw=="}},
	{"DATE", []string{"1970-01-01", "2026-01-31", "1969-12-31", "0001-01-01", "9999-12-31"}},
	{"TIME(3)", []string{"00:00:00", "13:00:00.123", "23:59:59.999"}},
	{"TIMESTAMP(3)", []string{"1970-01-01 00:00:00", "2026-01-31 13:00:00.120", "1969-12-31 23:59:59.999", "0001-01-01 00:00:00"}},
	{"TIMESTAMP(6)", []string{"1970-01-01 00:00:00", "2026-01-31 13:00:00.123456", "1969-12-31 23:59:58.123456"}},
	{"TIMESTAMP(3) WITH LOCAL TIME ZONE", []string{"1970-01-01 00:00:00", "2026-01-31 13:00:00.120", "1969-12-31 23:59:59.999"}},
	{"TIMESTAMP(6) WITH LOCAL TIME ZONE", []string{"1970-01-01 00:00:00", "2026-01-31 13:00:00.123456", "1969-12-31 23:59:58.123456"}},
	{"ARRAY<INT>", []string{"[]", "[1]", "[1,null,-3]"}},
	{"ARRAY<STRING>", []string{"[]", `["a b",null,"","x, y"]`}},
	{"ARRAY<BOOLEAN>", []string{"[true,null,false]"}},
	{"ARRAY<DOUBLE>", []string{"[1.5,-0.25,1e10]"}},
	{"ARRAY<DATE>", []string{`["2026-01-31",null]`}},
	{"ARRAY<TIMESTAMP(3)>", []string{`["2026-01-31 13:00:00.120",null]`}},
	{"ARRAY<DECIMAL(5,2)>", []string{`["1.50",null]`}},
	{"ARRAY<ARRAY<INT>>", []string{`[[1,2],null,[],[null]]`}},
	{"MAP<STRING,BIGINT>", []string{`[{"key":"a","value":1},{"key":"b","value":null}]`, "[]"}},
	{"MAP<INT,ARRAY<STRING>>", []string{`[{"key":5,"value":["x",null]}]`}},
	{"ROW<x INT, y STRING>", []string{`{"x":1,"y":"a"}`, `{"x":null,"y":""}`, `{"x":null,"y":null}`}},
	{"ROW<r ROW<d DATE, b BINARY(2)>, a ARRAY<ROW<i TINYINT>>>", []string{`{"r":{"d":"2026-01-31","b":"YWI="},"a":[{"i":1},null]}`, `{"r":null,"a":null}`}},
}

// textFor are texts that a type can be made of; other casts of text fail.
var textFor = map[types.Root][]string{
	types.Boolean: {"true", "FALSE", "t", "no", "1"}, types.TinyInt: {"1", "-128", "127"}, types.SmallInt: {"1", "-300"}, types.Int: {"1", "-300", "2147483647"},
	types.BigInt: {"1", "9223372036854775807"}, types.Float: {"1.5", "-0.1", "1e10"}, types.Double: {"1.5", "-0.1", "1e-300"}, types.Decimal: {"1.5", "-0.005", "12345.678"},
	types.Date: {"2026-01-31", "1969-12-31"}, types.Time: {"13:00:00", "23:59:59.999"},
	types.Timestamp: {"2026-01-31 13:00:00", "2026-01-31 13:00:00.123456"}, types.TimestampLTZ: {"2026-01-31 13:00:00", "2026-01-31 13:00:00.123456"},
}

var castTargets = []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(5,1)", "DECIMAL(12,2)", "DECIMAL(38,18)",
	"CHAR(3)", "CHAR(30)", "VARCHAR(3)", "VARCHAR(60)", "STRING", "BINARY(2)", "BINARY(8)", "VARBINARY(2)", "VARBINARY(30)", "DATE", "TIME(0)", "TIME(3)",
	"TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP(6) WITH LOCAL TIME ZONE"}

func typeOf(t *testing.T, text string) types.Type {
	out, err := types.Parse(text)
	require.NoError(t, err)
	return out
}

// casts makes a table whose columns change from one type to all that they may
// become.
func casts(t *testing.T, w *paimon.Warehouse, id catalog.Identifier, format, from string, values []string) {
	ctx := context.Background()
	was := typeOf(t, from)
	d := catalog.Definition{Fields: []types.Field{{Name: "n", Type: types.Of(types.Int)}}, Options: map[string]string{"file.format": format, "bucket": "-1"}}
	var changes []catalog.SchemaChange
	var texts [][]string
	for _, target := range castTargets {
		to := typeOf(t, target)
		if !types.CanCast(was, to, true) || was.EqualIgnoringNull(to) {
			continue
		}
		name := fmt.Sprintf("c%d", len(changes))
		d.Fields = append(d.Fields, types.Field{Name: name, Type: was, Description: target})
		changes = append(changes, catalog.UpdateColumnType{Path: []string{name}, Type: to})
		use := values
		if special := textFor[to.Root]; was.Root.IsText() && special != nil {
			use = special
			if was.Root == types.Char || to.Precision < 6 && to.Root.IsTimestamp() {
				use = special[:1]
			}
		}
		if was.Root == types.Timestamp && to.Root == types.Time {
			use = use[:2] // those before 1970 give negative times of the day, which Java cannot print
		}
		texts = append(texts, use)
	}
	require.NotEmpty(t, changes)
	require.NoError(t, w.Catalog().CreateTable(ctx, id, d))
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	defer b.Release()
	for row := range 8 {
		b.Field(0).(*array.Int32Builder).Append(int32(row))
		for i, use := range texts {
			if row >= len(use) || was.Root == types.Char && len(use[row]) > 6 {
				b.Field(i + 1).AppendNull()
				continue
			}
			require.NoError(t, b.Field(i+1).AppendValueFromString(use[row]), "%s: %s", from, use[row])
		}
	}
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, writer.Write(ctx, paimon.Batch{Rows: b.NewRecordBatch()}))
	messages, err := writer.Prepare(ctx, true)
	require.NoError(t, err)
	_, err = table.NewCommitter("").Commit(ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages})
	require.NoError(t, err)
	require.NoError(t, writer.Close(ctx))
	require.NoError(t, w.Catalog().AlterTable(ctx, id, changes))
}

// TestCasts changes columns to every type that they may become: files of all
// formats give the same values, and those that Java gives (testdata/casts.txt.gz:
// what it read of these tables, which TARN_CASTS names a folder for).
func TestCasts(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	if keep := os.Getenv("TARN_CASTS"); keep != "" {
		dir = keep
	}
	store, err := fileio.NewLocal(dir)
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{})
	java := javaCasts(t)
	columns := 0
	for _, format := range []string{"parquet", "avro", "orc"} {
		require.NoError(t, w.Catalog().CreateDatabase(ctx, format))
	}
	for i, c := range castValues {
		t.Run(c.from, func(t *testing.T) {
			want := ""
			for _, format := range []string{"parquet", "avro", "orc"} {
				id := catalog.Identifier{Database: format, Table: fmt.Sprintf("t%d", i)}
				casts(t, w, id, format, c.from, c.values)
				var out bytes.Buffer
				require.NoError(t, dump.Run(ctx, w, dump.Options{Table: id}, &out), format)
				if want == "" {
					want = out.String()
				}
				require.Equal(t, want, out.String(), format)
				if java != nil {
					require.Equal(t, java[id.Database+"."+id.Table], out.String(), "%s in Java", format)
				}
				columns += strings.Count(want[:strings.IndexByte(want, '\n')], `"c`)
			}
		})
	}
	require.Greater(t, columns, 900)
}

// javaCasts gives what Java read, by table.
func javaCasts(t *testing.T) map[string]string {
	if os.Getenv("TARN_CASTS") != "" {
		return nil
	}
	f, err := os.Open("testdata/casts.txt.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	out := map[string]string{}
	for _, part := range strings.Split(string(data), "== ")[1:] {
		name, rows, _ := strings.Cut(part, "\n")
		out[name] = rows
	}
	return out
}
