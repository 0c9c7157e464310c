package dialect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
	"github.com/tarndb/tarn/paimon/errs"
)

// TestScripts runs testdata/scripts: the command names the dialect, the input
// is SQL, the output the tree or the error.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "split":
				return splitText(td)
			case "type":
				ty, err := ParseType(dialectArg(t, td), td.Input)
				if err != nil {
					return err.Error()
				}
				return ty.SQL()
			}
			d, ok := Named(td.Cmd)
			if !ok {
				t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
			}
			stmts, err := Parse(d, "job.sql", td.Input)
			if err != nil {
				return err.Error()
			}
			var out []string
			for _, s := range stmts {
				out = append(out, ast.Dump(s))
			}
			return strings.Join(out, "\n")
		})
	})
}

func dialectArg(t *testing.T, td *datadriven.TestData) Dialect {
	if len(td.CmdArgs) == 0 {
		return Flink
	}
	d, ok := Named(td.CmdArgs[0].Key)
	require.True(t, ok)
	return d
}

func splitText(td *datadriven.TestData) string {
	d := Flink
	if len(td.CmdArgs) > 0 {
		d, _ = Named(td.CmdArgs[0].Key)
	}
	var b strings.Builder
	for _, p := range Split(d, td.Input) {
		b.WriteString(p.Pos.String())
		if !p.Terminated {
			b.WriteString(" open")
		}
		b.WriteString(": " + strings.ReplaceAll(p.Text, "\n", "⏎") + "\n")
	}
	return b.String()
}

// TestMembershipCases parses the scripts that users run, as they stand.
func TestMembershipCases(t *testing.T) {
	want := map[string]int{
		"00_ods.sql": 4, "01_enrich_order_ddl.sql": 1, "02_enrich_order_job.sql": 3, "10_bitmap_ddl.sql": 3,
		"11_dictionary_job.sql": 2, "12_hourly_uv.spark.sql": 2, "13_uv_query.starrocks.sql": 1, "20_refund_ddl.sql": 1,
		"21_branch.sql": 2, "22_refund_stream_job.sql": 1, "23_refund_batch_job.sql": 2, "24_verify.starrocks.sql": 1,
	}
	files, err := filepath.Glob("../../../examples/membership/[0-9]*.sql")
	require.NoError(t, err)
	require.Len(t, files, len(want))
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		sql, err := Substitute(string(text), map[string]string{"dt": "2025-06-01"})
		require.NoError(t, err, f)
		stmts, err := Parse(DialectOf(f), f, sql)
		require.NoError(t, err, f)
		require.Len(t, stmts, want[filepath.Base(f)], f)
		pieces := Split(DialectOf(f), sql)
		require.Len(t, pieces, len(stmts), f)
		for i, p := range pieces {
			require.Equal(t, p.Text, stmts[i].Source(), f)
			require.Equal(t, p.Pos, stmts[i].Position(), f)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	_, err := Parse(Flink, "job.sql", "SELECT 1;\n\nselect a frm t")
	var syntax *ast.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, []any{"job.sql", 3, 10, "frm", "FROM"}, []any{syntax.File, syntax.Line, syntax.Column, syntax.Found, syntax.Expected})
	require.True(t, errors.Is(err, errs.ErrInvalid))

	_, err = Parse(Flink, "", "CREATE TABLE a LIKE b")
	var unsupported *ast.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.True(t, errors.Is(err, errs.ErrUnsupported))
}

func TestDialectOf(t *testing.T) {
	f := func(name string, want Dialect) {
		t.Helper()
		require.Equal(t, want, DialectOf(name))
	}
	f("a/b.sql", Flink)
	f("12_hourly_uv.spark.sql", Spark)
	f("Q.STARROCKS.SQL", MySQL)
	f("x.mysql.sql", MySQL)
	f("spark.sql", Flink)
	f("notes.txt", Flink)
}

// TestDepthIsBounded holds that hostile nesting is an error and not a stack overflow.
func TestDepthIsBounded(t *testing.T) {
	const n = 20_000
	for _, text := range []string{
		"SELECT " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"SELECT " + strings.Repeat("- ", n) + "1",
		"SELECT " + strings.Repeat("NOT ", n) + "1",
		"SELECT 1" + strings.Repeat(" + 1", n),
		"SELECT a" + strings.Repeat("[1]", n),
		"SELECT " + strings.Repeat("f(", n) + strings.Repeat(")", n),
		"SELECT " + strings.Repeat("CASE WHEN ", n),
		"SELECT CAST(a AS " + strings.Repeat("ARRAY<", n) + "INT" + strings.Repeat(">", n) + ")",
		"SELECT * FROM " + strings.Repeat("(", n) + "t",
		"SELECT * FROM t" + strings.Repeat(" CROSS JOIN t", n),
		strings.Repeat("(", n) + "SELECT 1",
		"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", n),
		"SELECT 1 FROM t GROUP BY " + strings.Repeat("ROLLUP(", n),
	} {
		for _, d := range []Dialect{Flink, Spark, MySQL} {
			_, err := Parse(d, "", text)
			require.Error(t, err, "%s %.40s", d, text)
			require.Contains(t, err.Error(), "nested too deeply")
			require.Less(t, len(err.Error()), 1000)
		}
	}
}

// TestLongTextsStayLinear parses long but flat statements.
func TestLongTextsStayLinear(t *testing.T) {
	list := strings.Repeat("'值', ", 100_000) + "''"
	stmts, err := Parse(Flink, "", "SELECT a FROM t WHERE b IN ("+list+")")
	require.NoError(t, err)
	in := stmts[0].(*ast.QueryStmt).Query.Body.(*ast.Select).Where.(*ast.In)
	require.Len(t, in.List, 100_001)
	require.Equal(t, 28+5*100_000+1, in.List[100_000].Position().Column)
}

func fuzzSeeds(f *testing.F) {
	files, err := filepath.Glob("../../../examples/membership/[0-9]*.sql")
	require.NoError(f, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(text))
	}
	scripts, err := filepath.Glob("testdata/scripts/*")
	require.NoError(f, err)
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		for _, part := range strings.Split(string(text), "\n\n") {
			f.Add(part)
		}
	}
}

// fuzzDialect holds for any text: no panic, errors are typed and placed inside
// the text, and splitting agrees with itself.
func fuzzDialect(f *testing.F, d Dialect) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		stmts, err := Parse(d, "x.sql", text)
		for _, s := range stmts {
			_ = ast.Dump(s)
		}
		if err != nil {
			var syntax *ast.SyntaxError
			var unsupported *ast.UnsupportedError
			if !errors.As(err, &syntax) && !errors.As(err, &unsupported) {
				t.Fatalf("error without a place: %v", err)
			}
			_ = err.Error()
		}
		last := -1
		for _, p := range Split(d, text) {
			if p.Pos.Offset <= last {
				t.Fatalf("pieces overlap at %d", p.Pos.Offset)
			}
			last = p.Pos.Offset
		}
		for _, tok := range lex.Tokens(text, lex.OptionsOf(d)) {
			if tok.Kind != lex.EOF && tok.End <= tok.Pos.Offset {
				t.Fatalf("empty token at %d", tok.Pos.Offset)
			}
		}
		_, _ = Substitute(text, map[string]string{"dt": "x"})
	})
}

func FuzzParseFlink(f *testing.F) { fuzzDialect(f, Flink) }
func FuzzParseSpark(f *testing.F) { fuzzDialect(f, Spark) }
func FuzzParseMySQL(f *testing.F) { fuzzDialect(f, MySQL) }
