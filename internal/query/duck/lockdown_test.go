package duck

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lockedEngine has an allowed directory that holds t.parquet, t.csv, a link out of it and a link to it.
func lockedEngine(t *testing.T) (c *Conn, dir, link string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "lake")
	link = filepath.Join(t.TempDir(), "alias")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Symlink(dir, link))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "out.parquet")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(dir, "etc")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.csv"), []byte("a\n1\n"), 0o644))
	e := openEngine(t, Options{AllowedDirs: []string{dir, link}, TempDir: t.TempDir()})
	c = connOf(t, e)
	// Only the package itself can write there, by the internal path that skips the check of statements.
	_, err := c.run(context.Background(), "COPY (SELECT 42 AS a) TO "+quote(dir+"/t.parquet"), anyStatement)
	require.NoError(t, err)
	return c, dir, link
}

func TestLockDown(t *testing.T) {
	c, dir, _ := lockedEngine(t)
	secret := filepath.Join(t.TempDir(), "secret.parquet")
	require.NoError(t, os.WriteFile(secret, []byte("x"), 0o644))
	out := filepath.Join(t.TempDir(), "out")
	for _, sql := range []string{
		"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM read_blob('/etc/passwd')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM '/etc/passwd'",
		"SELECT * FROM '/etc/passwd.csv'", "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM read_json('/etc/passwd')",
		"SELECT * FROM read_parquet('SECRET')", "SELECT * FROM 'SECRET'", `SELECT * FROM "SECRET"`,
		"SELECT * FROM parquet_scan('SECRET')", "SELECT * FROM parquet_metadata('DIR/t.parquet')",
		"SELECT * FROM read_parquet(['DIR/t.parquet', 'SECRET'])",
		"SELECT * FROM read_parquet('DIR/../../../../../../etc/passwd')", "SELECT * FROM read_parquet('DIR/out.parquet')",
		"SELECT * FROM read_parquet('DIR/etc/passwd')", "SELECT * FROM read_parquet('DIRx/t.parquet')",
		"SELECT * FROM read_parquet('http://127.0.0.1/x.parquet')", "SELECT * FROM read_parquet('s3://b/x.parquet')",
		"SELECT * FROM read_csv('DIR/t.csv')", "SELECT * FROM read_text('DIR/t.csv')", "SELECT * FROM glob('DIR/*')",
		"COPY (SELECT 1) TO 'OUT'", "COPY (SELECT 1) TO 'DIR/new.csv'", "COPY x FROM '/etc/passwd'",
		"EXPLAIN ANALYZE COPY (SELECT 1) TO 'DIR/new.csv'", "EXPORT DATABASE 'DIR/new.csv'", "IMPORT DATABASE 'DIR'",
		"ATTACH 'OUT'", "ATTACH 'DIR/new.csv'", "ATTACH ':memory:' AS m", "INSTALL httpfs", "LOAD httpfs", "LOAD 'OUT'",
		"SET threads = 1", "SET memory_limit = '100GB'", "SET TimeZone = 'Asia/Tokyo'", "SET VARIABLE x = 1",
		"RESET threads", "USE system", "PRAGMA enable_profiling", "PRAGMA memory_limit = '1GB'", "BEGIN", "VACUUM",
		"CALL enable_logging()", "PREPARE p AS SELECT 1", "CREATE TABLE x(a INT)", "CREATE MACRO abs(x) AS 7",
		"CREATE PERSISTENT SECRET s (TYPE http)", "CREATE SECRET s (TYPE s3)", "INSERT INTO x VALUES (1)", "DROP TABLE x",
		"SELECT getenv('PATH')", "SELECT 1; SET threads = 1", "SELECT 1; EXPORT DATABASE 'DIR/new.csv'", ";EXPORT DATABASE 'DIR/new.csv'",
		"", ";", "-- nothing", "SELECT * FROM\u2003enable_logging\u00a0(\u3000)", "SELECT * FROM\ufeffenable_logging\u200b()",
		"SELECT 1e5e'\\', * FROM enable_logging() --'", "SELECT 1e'\\', * FROM enable_logging() --'",
		"SELECT $é$'$é$, * FROM enable_logging() --'", "SELECT 1$$'$$, * FROM enable_logging() --'",
		"SELECT a$$'$$, * FROM enable_logging() --'", "SELECT x'\\', * FROM enable_logging() --'",
		"SELECT 'a'\n'\\', * FROM enable_logging() --'", "SELECT 1 --\r, * FROM enable_logging()",
		"SELECT * FROM enable_logging(storage='file', storage_path='OUT')", "SELECT * FROM enable_profiling(save_location='OUT')",
		`SELECT * FROM system.main."Enable_Logging" ()`, "SELECT * FROM/**/enable_logging/* ( */--\n()",
		"SELECT E'\\\\', * FROM enable_logging('\\')", "SELECT $$'$$, * FROM enable_logging() --'", "SELECT * FROM query('SELECT 1')",
		"SELECT '''', * FROM enable_logging() --'", "SELECT /* /* */ ' */ 1 FROM enable_logging() --'", "SELECT $1, * FROM enable_logging($1)",
		"SELECT * FROM arrow_scan(1, 2, 3)", "SELECT * FROM checkpoint()", "SELECT * FROM json_execute_serialized_sql('{}')",
		"SELECT (SELECT count(*) FROM disable_logging())", "WITH x AS MATERIALIZED (FROM read_duckdb('OUT')) FROM x",
	} {
		sql = strings.NewReplacer("DIR", dir, "SECRET", secret, "OUT", out).Replace(sql)
		_, err := drain(c.Query(context.Background(), sql))
		require.Error(t, err, sql)
		require.NotContains(t, err.Error(), "INTERNAL", sql)
		if testing.Verbose() {
			t.Logf("%s\n\t%.160s", sql, err)
		}
		_, err = c.Describe(context.Background(), sql)
		if !strings.Contains(sql, "sniff_csv") {
			require.Error(t, err, sql)
		}
	}
	for _, sql := range []string{"COPY (SELECT 1) TO 'DIR/new.csv'", "SET threads = 1", "ATTACH ':memory:' AS m", "LOAD icu",
		"PRAGMA enable_profiling", "EXPORT DATABASE 'DIR/new'", "CREATE TABLE y AS FROM read_csv('DIR/t.csv')", "SELECT 1", "CHECKPOINT"} {
		_, err := c.Exec(context.Background(), strings.ReplaceAll(sql, "DIR", dir))
		require.Error(t, err, sql)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 4, "nothing was written")
	require.NoFileExists(t, out)
	require.Equal(t, "2", rowsOf(t, c, "SELECT current_setting('threads')"), "nothing was changed")
}

func TestAllowedDirectory(t *testing.T) {
	c, dir, link := lockedEngine(t)
	for _, path := range []string{dir + "/t.parquet", link + "/t.parquet", dir + "/./t.parquet", dir + "/t*.parquet"} {
		require.Equal(t, "42", rowsOf(t, c, "SELECT a FROM read_parquet("+quote(path)+")"), path)
	}
}

func TestHarmlessStatementsPass(t *testing.T) {
	c := openConn(t, Options{})
	for sql, want := range map[string]string{
		"SELECT 'it''s read_csv(' || '--glob(' || $1":                           "it's read_csv(--glob(arg",
		"SELECT E'a\\'b' || $$c$$ /* d */ -- e":                                 "a'bc",
		"SELECT checkpoint FROM range(3) t(checkpoint) WHERE checkpoint IN (1)": "1",
		"SELECT 1 -- comment\n":                                                 "1",
		" (SELECT 1 AS \"query\")":                                              "1",
		"SELECT sum(x) FROM generate_series(1, 3) t(x)":                         "6",
		"SELECT /* /* */ x */ 1":                                                "1",
		"SELECT unnest([1])":                                                    "1",
		"FROM (VALUES (1), (2)) LIMIT 1":                                        "1",
		"WITH a AS (SELECT 1) SELECT * FROM a":                                  "1",
		"SELECT json_extract('{\"a\": 1}', '$.a')::INT":                         "1",
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{"arg"}
		}
		require.Equal(t, want, rowsOf(t, c, sql, args...), sql)
	}
}

// FuzzCheck: whatever stands around it in plain SQL, a call of a denied function is found.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"select 'a''b' \"x\"\"y\" $t$ x $t$ e'\\'' /* /* */ */ -- x\n", "$", "'", "\"", "$a", "e'\\", "/*"} {
		f.Add(s)
	}
	denied := map[string]bool{"glob": true}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Count(s, "'")%2 == 0 && !strings.Contains(s, `"`) && onlySelect.check("select "+s+" glob (", denied) == nil {
			t.Fatalf("missed after %q", s)
		}
		if err := onlySelect.check("select '"+strings.Map(func(r rune) rune {
			if r == '\'' {
				return 'x'
			}
			return r
		}, s)+" glob('", denied); err != nil {
			t.Fatalf("refused inside a literal: %q: %v", s, err)
		}
	})
}
