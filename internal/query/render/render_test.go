package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
)

// TestScripts runs testdata/scripts. "tables" declares tables, one a line as
// name(column type, ...); flink, spark and mysql render a query; filters,
// columns and tables-of show what a planner learns from it.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		tables := map[string][]Column{}
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			if td.Cmd == "tables" {
				declare(t, tables, td.Input)
				return ""
			}
			show := ""
			d, ok := dialect.Named(td.Cmd)
			if !ok {
				show, d = td.Cmd, dialect.Flink
			}
			q, err := dialect.ParseQuery(d, "", td.Input)
			if err != nil {
				return err.Error()
			}
			switch show {
			case "filters":
				return showFilters(q)
			case "columns":
				return showColumns(q)
			case "":
				return showQuery(q, d, tables, td)
			}
			t.Fatalf("%s: unknown command %s", td.Pos, td.Cmd)
			return ""
		})
	})
}

func declare(t *testing.T, tables map[string][]Column, input string) {
	for _, line := range strings.Split(input, "\n") {
		name, cols, _ := strings.Cut(strings.TrimSuffix(line, ")"), "(")
		ty, err := dialect.ParseType(dialect.Flink, "ROW<"+cols+">")
		require.NoError(t, err, line)
		var out []Column
		for _, f := range ty.Fields {
			out = append(out, Column{f.Name, f.Type})
		}
		tables[name] = out
	}
}

func showQuery(q *ast.Query, d ast.Dialect, tables map[string][]Column, td *datadriven.TestData) string {
	opts := Options{Dialect: d, File: "q.sql", Source: td.Input, DatabaseName: "db", Table: func(r *ast.TableRef) (string, error) {
		return fmt.Sprintf("tarn_scan(%s)", r.Name.Last()), nil
	}}
	if !td.HasArg("untyped") {
		opts.Columns = func(r *ast.TableRef) ([]Column, error) {
			cols, ok := tables[r.Name.Last()]
			if !ok {
				return nil, fmt.Errorf("table %s does not exist", r.Name)
			}
			return cols, nil
		}
	}
	sql, cols, err := QueryColumns(q, opts)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, c := range cols {
		ty := "?"
		if c.Type != nil {
			ty = c.Type.SQL()
		}
		names = append(names, c.Name+" "+ty)
	}
	return sql + "\n-> " + strings.Join(names, ", ")
}

func showFilters(q *ast.Query) string {
	var b strings.Builder
	f := Filters(q)
	for _, t := range ast.Tables(q) {
		b.WriteString(t.Name.String() + ":")
		showConditions(&b, f[t])
		b.WriteByte('\n')
	}
	return b.String()
}

func showConditions(b *strings.Builder, conds []Condition) {
	for _, c := range conds {
		if c.Op != "OR" {
			fmt.Fprintf(b, " [%s %s %s]", c.Column, c.Op, strings.Join(c.Values, ","))
			continue
		}
		b.WriteString(" (OR")
		for _, any := range c.Any {
			b.WriteString(" {")
			showConditions(b, any)
			b.WriteString(" }")
		}
		b.WriteString(")")
	}
}

func showColumns(q *ast.Query) string {
	var b strings.Builder
	cols, all := ReadColumns(q)
	for _, t := range ast.Tables(q) {
		var names []string
		for n := range cols[t] {
			names = append(names, n)
		}
		fmt.Fprintf(&b, "%s: all=%v %s\n", t.Name, all[t], strings.Join(sorted(names), " "))
	}
	return b.String()
}

// TestLockedDown holds that no function of DuckDB gets through by its name.
func TestLockedDown(t *testing.T) {
	f := func(sql string) {
		t.Helper()
		for _, d := range []ast.Dialect{ast.Flink, ast.Spark, ast.MySQL} {
			q, err := dialect.ParseQuery(d, "", sql)
			if err != nil {
				continue
			}
			_, err = Query(q, Options{Dialect: d, Table: func(*ast.TableRef) (string, error) { return "tarn_scan(1)", nil }})
			require.Error(t, err, "%s: %s", d, sql)
		}
	}
	f("SELECT read_text('/etc/passwd')")
	f("SELECT getenv('HOME')")
	f("SELECT * FROM read_csv('/etc/passwd')")
	f("SELECT * FROM glob('/*')")
	f("SELECT * FROM duckdb_settings()")
	f("SELECT * FROM pragma_version()")
	f("SELECT current_setting('access_mode')")
	f("SELECT tarn_nonzero(1)")
	f("SELECT tarn_scan(1)")
	f("SELECT * FROM tarn_scan(1)")
	f("SELECT query('select 1')")
	f("SELECT * FROM query_table('x')")
	f("SELECT main.getvariable('x')")
}

// TestNamesCannotBreakOut holds that identifiers and texts stay what they are.
func TestNamesCannotBreakOut(t *testing.T) {
	q, err := dialect.ParseQuery(ast.Flink, "", "SELECT `a\"; DROP TABLE x; --` AS `b\"c`, 'it''s' FROM `t\"u`")
	require.NoError(t, err)
	sql, err := Query(q, Options{Table: func(*ast.TableRef) (string, error) { return "tarn_scan(1)", nil }})
	require.NoError(t, err)
	require.Equal(t, `SELECT "a""; DROP TABLE x; --" AS "b""c", 'it''s' AS "EXPR$1" FROM tarn_scan(1) AS "t""u"`, sql)
}

func TestParams(t *testing.T) {
	q, err := dialect.ParseQuery(ast.MySQL, "", "SELECT ?, ?, ?, ?")
	require.NoError(t, err)
	sql, err := Query(q, Options{Dialect: ast.MySQL, Params: []any{int64(-5), "a'b", nil, 1.5}})
	require.NoError(t, err)
	require.Equal(t, `SELECT (-5) AS "?", 'a''b' AS "?", NULL AS "?", CAST(1.5e+00 AS DOUBLE) AS "?"`, sql)
	sql, err = Query(q, Options{Dialect: ast.MySQL})
	require.NoError(t, err)
	require.Equal(t, `SELECT $1 AS "?", $2 AS "?", $3 AS "?", $4 AS "?"`, sql)
	_, err = Query(q, Options{Dialect: ast.MySQL, Params: []any{1}})
	require.ErrorContains(t, err, "parameter 2 has no value, 1 are given")
}

// TestSetupIsWellFormed holds that every macro that renderers write exists.
func TestSetupIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Setup() {
		name, _, ok := strings.Cut(strings.TrimPrefix(s, "CREATE OR REPLACE MACRO "), "(")
		require.True(t, ok, s)
		require.False(t, seen[name], "macro %s twice", name)
		seen[name] = true
		require.NotContains(t, s, ";")
	}
	require.Greater(t, len(seen), 100)
}

// FuzzRender holds that what parses renders without a panic, or is refused with
// a typed error, with and without known columns.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"SELECT a, sum(b) OVER (PARTITION BY c) FROM t WHERE d IN (1, '2') GROUP BY ROLLUP (a)",
		"SELECT * FROM t CROSS JOIN UNNEST(arr) AS u(x)", "SELECT CAST(a AS ROW<x INT>).x / 0.5 FROM t",
		"SELECT transform(arr, x -> x + 1), date_format(a, 'yyyy-MM') FROM t LATERAL VIEW explode(arr) e AS v",
		"SELECT if(a, 1, 'x'), group_concat(b ORDER BY a SEPARATOR ';') FROM t LIMIT 1, 2",
		"VALUES (1, NULL), (2.5, INTERVAL '1' DAY)", "SELECT json_object('a' VALUE r), arr[1], r.x, m['k'] FROM t",
		"SELECT * FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR))",
		"SELECT t.*, y, n FROM t AS t LEFT JOIN UNNEST(arr) WITH ORDINALITY AS u(y, n) ON TRUE, UNNEST(m) AS w(k, v) WHERE yy < 2",
		"SELECT upper(b) AS ub FROM t JOIN UNNEST(arr, arr) AS u(x, y) ON x > y RIGHT JOIN t AS o USING (a) WHERE ub = 'X'",
		"SELECT * FROM t LATERAL VIEW OUTER posexplode(m) e AS p, k, v LATERAL VIEW inline(array(r)) f AS z WHERE k IS NULL",
		"SELECT count(*) AS n FROM t WHERE n > 1 AND EXISTS (SELECT 1 FROM t AS i, UNNEST(i.arr) AS u(x) WHERE u.x = t.a)",
		"WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a JOIN t USING (a)",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	ty, err := dialect.ParseType(dialect.Flink, "ROW<a INT, b STRING, c DECIMAL(10,2), d DOUBLE, ts TIMESTAMP(3), dt DATE, arr ARRAY<INT>, r ROW<x INT>, m MAP<STRING, INT>>")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, sql string, typed bool) {
		for _, d := range []ast.Dialect{ast.Flink, ast.Spark, ast.MySQL} {
			q, err := dialect.ParseQuery(d, "", sql)
			if err != nil {
				continue
			}
			opts := Options{Dialect: d, Source: sql, Table: func(*ast.TableRef) (string, error) { return "tarn_scan(1)", nil }}
			if typed {
				opts.Columns = func(*ast.TableRef) ([]Column, error) {
					var cols []Column
					for _, f := range ty.Fields {
						cols = append(cols, Column{f.Name, f.Type})
					}
					return cols, nil
				}
			}
			if _, _, err := QueryColumns(q, opts); err != nil {
				_ = err.Error()
			}
			_ = Filters(q)
			_, _ = ReadColumns(q)
		}
	})
}

// TestNestingIsBounded holds that nested calls, which repeat their arguments,
// end in an error and not in an expression that nobody can bind.
func TestNestingIsBounded(t *testing.T) {
	f := func(open, end, hint string, depth int, ok bool) {
		t.Helper()
		q, err := dialect.ParseQuery(ast.Spark, "", "SELECT "+strings.Repeat(open, depth)+"'x'"+strings.Repeat(end, depth))
		require.NoError(t, err)
		sql, err := Query(q, Options{Dialect: ast.Spark})
		if ok {
			require.NoError(t, err, open)
			return
		}
		require.Error(t, err, "%s: %d bytes", open, len(sql))
		require.Contains(t, err.Error(), hint)
	}
	f("substring(", ", -3, 2)", "nested too deeply", 3, true)
	f("substring(", ", -3, 2)", "nested too deeply", 30, false)
	f("json_value(", ", '$.a' default 'x' on empty)", "expression is too large", 30, false)
	f("upper(", ")", "", 300, true)
	f("(1 + ", ")", "", 300, true)
}

func TestMacroCosts(t *testing.T) {
	costs := macroCosts()
	require.Equal(t, 1, costs["tarn_i32"])
	require.Equal(t, 2, costs["tarn_nonzero"])
	require.Greater(t, costs["tarn_substring"], 3)
	for name, n := range costs {
		require.Less(t, n, 500, name)
	}
}
