package app_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/serve/mysqlwire"
)

const secret = "the-secret-of-another-file"

// serve starts a MySQL server over a new warehouse that holds table d.t, with a
// file beside it that nobody may read.
func serve(t *testing.T, memory int64) (db *sql.DB, dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret.csv"), []byte("a,b\n"+secret+",1\n"), 0o644))
	a, err := app.Open(t.Context(), app.Options{Warehouse: filepath.Join(dir, "lake"), QueryMemory: memory, TempDir: t.TempDir()})
	require.NoError(t, err)
	s := a.Engine.NewSession(query.SessionOptions{Dialect: dialect.Flink, Settings: map[string]string{"execution.runtime-mode": "batch"}})
	for _, text := range []string{"CREATE DATABASE d", "CREATE TABLE d.t (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1')", "CREATE DATABASE e",
		"CREATE TABLE e.t (id INT)", "INSERT INTO d.t VALUES (1, 'a'), (2, 'b')"} {
		_, err := s.Execute(t.Context(), text, nil)
		require.NoError(t, err, text)
	}
	require.NoError(t, s.Close())
	server, err := mysqlwire.New(mysqlwire.Options{Addr: "127.0.0.1:0"}, a.MySQL())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	db, err = sql.Open("mysql", fmt.Sprintf("root@tcp(%s)/d?multiStatements=true", server.Addr()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = db.Close()
		cancel()
		<-done
		require.NoError(t, a.Close())
	})
	return db, dir
}

// all reads every value of a query, also those of later statements.
func all(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, text string, args ...any) (string, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var out strings.Builder
	for more := true; more; more = rows.NextResultSet() {
		names, err := rows.Columns()
		if err != nil {
			return out.String(), err
		}
		for rows.Next() {
			values, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return out.String(), err
			}
			for _, v := range values {
				out.Write(v)
				out.WriteByte(' ')
			}
		}
	}
	return out.String(), rows.Err()
}

// No text of a client reaches files outside the warehouse's tables, the
// network, the process's environment or the engine's own state. Each statement
// is an error, as text and prepared.
func TestNoWayOut(t *testing.T) {
	db, dir := serve(t, 0)
	lines, err := os.ReadFile("testdata/hostile.sql")
	require.NoError(t, err)
	before := tree(t, dir)
	n := 0
	for _, line := range strings.Split(string(lines), "\n") {
		if line == "" || strings.HasPrefix(line, "-- ") {
			continue
		}
		n++
		text := strings.NewReplacer("{dir}", dir, `\n`, "\n").Replace(line)
		out, err := all(t.Context(), db, text)
		require.Error(t, err, "%s: %s", text, out)
		require.NotContains(t, out+err.Error(), secret, text)
		require.NotContains(t, out+err.Error(), "root:x:", text)
		if stmt, err := db.Prepare(text); err == nil {
			rows, err := stmt.Query()
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			require.Error(t, err, "prepared: %s", text)
			stmt.Close()
		}
	}
	require.Greater(t, n, 60)
	require.Equal(t, before, tree(t, dir), "no statement may have made a file")
	out, err := all(t.Context(), db, "SELECT COUNT(*) FROM t")
	require.NoError(t, err)
	require.Equal(t, "2 ", out, "the server lives on")
}

// tree lists all files below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		out = append(out, path)
		return err
	}))
	return out
}

// Names and texts with quotes of every kind stay names and texts.
func TestQuotesStayInside(t *testing.T) {
	db, _ := serve(t, 0)
	for text, want := range map[string]string{
		"SELECT 'a'' || (SELECT 1) || '''":                      "a' || (SELECT 1) || ' ",
		`SELECT 'a\' || 1 -- '`:                                 "a' || 1 --  ",
		"SELECT 1 AS `x\" , (SELECT 2) AS \"y`":                 "1 ",
		"SELECT id AS `;DROP TABLE t` FROM t WHERE id = 1":      "1 ",
		"SELECT `t\"\"x`.id FROM t AS `t\"\"x` WHERE id = 2":    "2 ",
		"SELECT '$$', \"$x$\", '/*', '--', '\u00a0', '\u2028;'": "$$ $x$ /* -- \u00a0 \u2028; ",
		"SELECT /* ' */ 1 -- '\n + 1":                           "2 ",
		"SELECT COUNT(*) FROM t WHERE v = 'a'' OR 1 = 1 OR '''": "0 ",
		"SELECT COUNT(*) FROM t WHERE v = '\\' OR 1=1 -- '":     "0 ",
	} {
		out, err := all(t.Context(), db, text)
		require.NoError(t, err, text)
		require.Equal(t, want, out, text)
	}
	for _, v := range []string{"a' OR '1'='1", `\' OR 1=1 -- `, "a\x00b", "ü\"`'", "$1", "?"} {
		stmt, err := db.Prepare("SELECT ?, COUNT(*) FROM t WHERE v = ?")
		require.NoError(t, err)
		var got string
		var n int
		require.NoError(t, stmt.QueryRow(v, v).Scan(&got, &n), "%q", v)
		require.Equal(t, v, got)
		require.Zero(t, n)
		require.NoError(t, stmt.Close())
	}
}

func TestParametersOfAllTypes(t *testing.T) {
	db, _ := serve(t, 0)
	stmt, err := db.Prepare("SELECT CAST(? AS SIGNED) + 1, ?, ?, ?, ?, ? IS NULL FROM t WHERE id = ?")
	require.NoError(t, err)
	defer stmt.Close()
	var i int
	var f float64
	var s, b, at, null string
	require.NoError(t, stmt.QueryRow(41, 2.5, "x'ü", []byte{1, 255}, time.Date(2025, 6, 1, 10, 11, 12, 345e6, time.UTC), nil, 1).Scan(&i, &f, &s, &b, &at, &null))
	require.Equal(t, 42, i)
	require.Equal(t, 2.5, f)
	require.Equal(t, "x'ü", s)
	require.Equal(t, "\x01\xff", b)
	require.Equal(t, "2025-06-01 10:11:12.345", at)
	require.Equal(t, "1", null)
}

// What one client makes for itself, another does not see.
func TestTemporaryObjectsArePrivate(t *testing.T) {
	db, _ := serve(t, 0)
	one, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer one.Close()
	two, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer two.Close()
	_, err = one.ExecContext(t.Context(), "CREATE TEMPORARY VIEW mine AS SELECT 7 AS x")
	require.NoError(t, err)
	out, err := all(t.Context(), one, "SELECT * FROM mine")
	require.NoError(t, err)
	require.Equal(t, "7 ", out)
	for _, text := range []string{"SELECT * FROM mine", "SELECT * FROM d.mine", "DROP VIEW mine"} {
		_, err = all(t.Context(), two, text)
		require.Error(t, err, text)
	}
}

const endless = "SELECT SUM(a.x * b.x % 7) FROM generate_series(1, 3000000) AS a(x), generate_series(1, 3000000) AS b(x)"

// A query that is killed, canceled or whose client goes away ends at once, and
// the server serves on.
func TestCancel(t *testing.T) {
	db, _ := serve(t, 0)
	db.SetMaxIdleConns(0)
	for _, kill := range []string{"KILL QUERY", "KILL", ""} {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		var id int64
		require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id))
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := all(ctx, conn, endless)
			failed <- err
		}()
		time.Sleep(150 * time.Millisecond)
		if kill == "" {
			cancel() // the driver closes the connection
		} else {
			_, err = db.ExecContext(t.Context(), fmt.Sprintf("%s %d", kill, id))
			require.NoError(t, err)
		}
		select {
		case err := <-failed:
			require.Error(t, err)
		case <-time.After(5 * time.Second):
			t.Fatalf("%q does not end the query", kill)
		}
		cancel()
		_ = conn.Close()
	}
	start := time.Now()
	out, err := all(t.Context(), db, "SELECT COUNT(*) FROM t")
	require.NoError(t, err)
	require.Equal(t, "2 ", out)
	require.Less(t, time.Since(start), 5*time.Second)
}

// A query that needs more memory than there is fails by name; the server and
// other queries live on.
func TestMemoryLimit(t *testing.T) {
	db, _ := serve(t, 64<<20)
	for range 2 {
		_, err := all(t.Context(), db, "SELECT GROUP_CONCAT(REPEAT(CAST(x AS CHAR), 100)) FROM generate_series(1, 3000000) AS g(x)")
		require.ErrorContains(t, err, "--query-memory")
		require.NotContains(t, err.Error(), "SET ", "advice that a user cannot follow")
		var e *mysql.MySQLError
		require.ErrorAs(t, err, &e)
		out, err := all(t.Context(), db, "SELECT COUNT(*) FROM t")
		require.NoError(t, err)
		require.Equal(t, "2 ", out)
	}
}
