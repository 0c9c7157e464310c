package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// oneTable is a database with one table, loaded into ods.t of a lake.
type oneTable struct {
	t      *testing.T
	db     *sql.DB
	server *mariadb.Server
	lake   *lake
	job    string
	args   []string
}

var plain = businessTable{name: "t", key: "id", columns: []column{{"id", "INT", "INT"}, {"v", "VARCHAR(2000)", "STRING"}}}

// ddlT makes the table of the lake; what is loaded into it is compacted by the
// job that loads it.
const ddlT = "CREATE DATABASE IF NOT EXISTS ods;\nCREATE TABLE ods.t (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'input');\n"

func newOneTable(t *testing.T, s *mariadb.Server, dir string) *oneTable {
	t.Helper()
	database := "d_" + strings.ToLower(strings.NewReplacer("/", "_").Replace(t.Name()))
	admin, err := s.Open("")
	require.NoError(t, err)
	defer admin.Close()
	_, err = admin.Exec("CREATE OR REPLACE DATABASE " + database + "; CREATE TABLE " + database + ".t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(2000))")
	require.NoError(t, err)
	db, err := s.Open(database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	o := &oneTable{t: t, db: db, server: s, lake: openLake(t, dir)}
	mustTarn(t, "run", script(t, t.TempDir(), "ddl.sql", ddlT), "-w", dir)
	o.job = script(t, t.TempDir(), "load.sql", fmt.Sprintf("SET 'execution.checkpointing.interval' = '50 ms';\n"+
		"CREATE TEMPORARY TABLE t (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '%d',\n"+
		"'username' = 'root', 'password' = '%s', 'database-name' = '%s', 'table-name' = 't');\nINSERT INTO ods.t SELECT * FROM t;\n", s.Port(), mariadb.RootPassword, database))
	o.args = []string{"run", o.job, "-w", dir}
	return o
}

// add inserts n rows in one transaction.
func (o *oneTable) add(n, size int) {
	o.t.Helper()
	_, err := o.db.Exec("INSERT INTO t (v) SELECT LEFT(CONCAT(UUID(), REPEAT(SHA2(RAND(), 512), 16)), ?) FROM seq_1_to_"+fmt.Sprint(n), size)
	require.NoError(o.t, err)
}

// same waits until the lake has what the database has.
func (o *oneTable) same(limit time.Duration, p *process) {
	o.t.Helper()
	want := mirror(o.t, o.db, plain)
	eventually(o.t, limit, func() error {
		if err := differ("ods.t", want, o.lake.state("ods.t")); err != nil {
			return fmt.Errorf("%w\n%s", err, p.out.lines(10))
		}
		return nil
	})
	require.False(o.t, p.ended(), "the job has ended: %s", p.out.lines(10))
}

// A job goes on by itself when its database was killed and comes back.
func TestServerRestart(t *testing.T) {
	// What the server has answered is on its disk, or it would lose it itself.
	s, err := mariadb.Start(context.Background(), mariadb.Options{Args: []string{"--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	o := newOneTable(t, s, filepath.Join(t.TempDir(), "lake"))
	p := start(t, "load", o.args...)
	for range 3 {
		o.add(20, 100)
		o.same(20*time.Second, p)
		require.NoError(t, s.Kill())
		time.Sleep(300 * time.Millisecond)
		require.NoError(t, s.Restart(context.Background()))
		o.add(20, 100)
		o.same(30*time.Second, p)
	}
	state, _, err := o.lake.replay("ods.t")
	require.NoError(t, err)
	require.NoError(t, differ("changelog", mirror(t, o.db, plain), state))
}

// A table that is rolled back under a running job gets again what it lost.
func TestTableRolledBack(t *testing.T) {
	o := newOneTable(t, sharedServer(t), filepath.Join(t.TempDir(), "lake"))
	p := start(t, "load", o.args...)
	for range 4 {
		o.add(10, 20)
		o.same(20*time.Second, p)
	}
	tbl := o.lake.table("ods.t")
	latest, err := tbl.LatestSnapshot(context.Background())
	require.NoError(t, err)
	require.GreaterOrEqual(t, latest.ID, int64(4))
	// What Paimon's rollback_to does, to the snapshots.
	dir := filepath.Join(o.lake.dir, "ods.db/t/snapshot")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LATEST"), []byte("2"), 0o644))
	for id := latest.ID; id > 2; id-- {
		require.NoError(t, os.Remove(filepath.Join(dir, fmt.Sprintf("snapshot-%d", id))))
	}
	o.add(10, 20)
	p.await("rolled back", 20*time.Second)
	o.same(20*time.Second, p)
	// The same while the job is down.
	require.True(t, p.kill())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LATEST"), []byte("1"), 0o644))
	latest, err = tbl.LatestSnapshot(context.Background())
	require.NoError(t, err)
	for id := latest.ID; id > 1; id-- {
		_ = os.Remove(filepath.Join(dir, fmt.Sprintf("snapshot-%d", id)))
	}
	p.launch()
	o.same(20*time.Second, p)
}

// A job whose table is dropped ends and says so; on a table made anew it starts
// from the beginning.
func TestTableDropped(t *testing.T) {
	o := newOneTable(t, sharedServer(t), filepath.Join(t.TempDir(), "lake"))
	p := start(t, "load", o.args...)
	o.add(10, 20)
	o.same(20*time.Second, p)
	mustTarn(t, "run", script(t, t.TempDir(), "drop.sql", "DROP TABLE ods.t;"), "-w", o.lake.dir)
	o.add(10, 20)
	eventually(t, 20*time.Second, func() error {
		if !p.ended() {
			return fmt.Errorf("the job goes on without its table: %s", p.out.lines(5))
		}
		return nil
	})
	require.Error(t, p.err)
	require.Contains(t, p.out.String(), "table ods.t does not exist")
	mustTarn(t, "run", script(t, t.TempDir(), "ddl.sql", ddlT), "-w", o.lake.dir)
	p.launch()
	o.same(20*time.Second, p)
}

// Damaged files are named, by queries and by jobs, and what is mended works on.
func TestDamagedFiles(t *testing.T) {
	o := newOneTable(t, sharedServer(t), filepath.Join(t.TempDir(), "lake"))
	p := start(t, "load", o.args...)
	o.add(100, 50)
	o.same(20*time.Second, p)
	require.NoError(t, p.stop())
	dir := filepath.Join(o.lake.dir, "ods.db/t")
	follow := script(t, t.TempDir(), "follow.sql", "CREATE TABLE IF NOT EXISTS ods.u (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1');\nINSERT INTO ods.u SELECT * FROM ods.t;\n")
	for _, c := range []struct{ name, glob string }{
		{"data file", "bucket-0/data-*"}, {"manifest", "manifest/manifest-[0-9a-f]*-0"}, {"manifest list", "manifest/manifest-list-*-1"}, {"snapshot", "snapshot/snapshot-*"}, {"schema", "schema/schema-0"},
	} {
		for _, d := range []struct {
			name string
			do   func([]byte) []byte
		}{
			{"cut off", func(b []byte) []byte { return b[:len(b)/2] }},
			{"empty", func([]byte) []byte { return nil }},
			{"overwritten", func(b []byte) []byte { return bytes.Repeat([]byte{0xA5}, len(b)) }},
		} {
			t.Run(c.name+" "+d.name, func(t *testing.T) {
				files, err := filepath.Glob(filepath.Join(dir, c.glob))
				require.NoError(t, err)
				require.NotEmpty(t, files)
				whole := map[string][]byte{}
				for _, f := range files {
					b, err := os.ReadFile(f)
					require.NoError(t, err)
					whole[f] = b
					require.NoError(t, os.WriteFile(f, d.do(b), 0o644))
				}
				// A count may come from metadata alone, so values are asked for.
				for _, command := range [][]string{{"sql", "-e", "SELECT max(v) FROM ods.t"}, {"dump", "ods.t"}, {"run", follow}} {
					out, err := tarn(t, append(command, "-w", o.lake.dir)...)
					require.Error(t, err, "%v: %s", command, out)
					named := false
					for _, f := range files {
						named = named || strings.Contains(out, filepath.Base(f))
					}
					require.True(t, named, "%v names no damaged file: %s", command, out)
					require.NotContains(t, out, "panic")
				}
				for f, b := range whole {
					require.NoError(t, os.WriteFile(f, b, 0o644))
				}
				mustTarn(t, "dump", "ods.t", "-w", o.lake.dir)
			})
		}
	}
	p.launch()
	o.add(10, 10)
	o.same(20*time.Second, p)
}

// A job whose disk is full says so, loses nothing, and goes on by itself when
// there is room again. Making a small disk needs the right to mount.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tarn-e2e", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no right to mount a small disk (run as root): %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	o := newOneTable(t, sharedServer(t), filepath.Join(dir, "lake"))
	p := start(t, "load", o.args...)
	o.add(20, 1000)
	o.same(20*time.Second, p)
	for i := 0; i < 300 && !strings.Contains(p.out.String(), "no space left"); i++ {
		o.add(20, 1000)
		time.Sleep(50 * time.Millisecond)
	}
	p.await("no space left", 20*time.Second)
	require.False(t, p.ended(), p.out.lines(5))
	mustTarn(t, "dump", "ods.t", "-w", o.lake.dir) // what is committed stays readable
	require.NoError(t, unix.Mount("tarn-e2e", dir, "tmpfs", unix.MS_REMOUNT, "size=300m"))
	o.same(60*time.Second, p)
	state, _, err := o.lake.replay("ods.t")
	require.NoError(t, err)
	require.NoError(t, differ("changelog", mirror(t, o.db, plain), state))
}
