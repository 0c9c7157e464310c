package mysqlcdc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
)

const plainTable = "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(40), n DECIMAL(12,2) NOT NULL DEFAULT 0)"

func plainSchema(*testing.T) []string {
	return []string{"id INT NOT NULL", "s STRING", "n DECIMAL(12,2)"}
}

// Changes are the exact changelog of what was done; a change of the key is a
// -D and a +I; a rollback is nothing.
func TestChanges(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable, "INSERT INTO t VALUES (1, 'a', 1), (2, NULL, 2)")
	r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
	require.Equal(t, []string{"+I 1, a, 1.00", "+I 2, (null), 2.00"}, take(t, r, 2))
	db.exec(
		"UPDATE t SET s = 'b', n = -0.5 WHERE id = 1",
		"START TRANSACTION; INSERT INTO t VALUES (9, 'x', 9); ROLLBACK",
		"UPDATE t SET id = 5 WHERE id = 2",
		"START TRANSACTION; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'again', 0); COMMIT",
		"REPLACE INTO t VALUES (5, 'r', 5)",
		"DELETE FROM t")
	require.Equal(t, []string{
		"-U 1, a, 1.00", "+U 1, b, -0.50",
		"-D 2, (null), 2.00", "+I 5, (null), 2.00",
		"-D 1, b, -0.50", "+I 1, again, 0.00",
		"-U 5, (null), 2.00", "+U 5, r, 5.00",
		"-D 1, again, 0.00", "-D 5, r, 5.00",
	}, take(t, r, 10))
}

// A change reaches the reader at once, and its watermark is its commit time.
func TestLatency(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable)
	r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
	b, err := r.Next(testContext(t)) // the empty snapshot
	require.NoError(t, err)
	require.Zero(t, b.Rows.NumRows())
	p, err := parsePosition(b.Position)
	require.NoError(t, err)
	require.Nil(t, p.Snapshot)
	best := time.Hour
	for i := range 20 {
		db.exec(fmt.Sprintf("INSERT INTO t (id) VALUES (%d)", i))
		begin := time.Now()
		b, err := r.Next(testContext(t))
		require.NoError(t, err)
		best = min(best, time.Since(begin))
		require.EqualValues(t, 1, b.Rows.NumRows())
		require.WithinDuration(t, begin, b.Watermark, 3*time.Second)
		b.Release()
	}
	require.Less(t, best, 50*time.Millisecond)
}

// A transaction much larger than a batch comes in bounded batches.
func TestLargeTransaction(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable)
	cfg := db.config("t")
	cfg.MaxBatchRows = 1000
	r := open(t, cfg, schema(t, plainSchema(t)...), "", "id")
	_, err := r.Next(testContext(t)) // the empty snapshot
	require.NoError(t, err)
	db.exec("INSERT INTO t (id, s) SELECT seq, REPEAT('x', 40) FROM seq_1_to_50000")
	s, largest := newState(), int64(0)
	for len(s.rows) < 50000 {
		b, err := r.Next(testContext(t))
		require.NoError(t, err)
		require.NoError(t, s.apply(b))
		largest = max(largest, b.Rows.NumRows())
		b.Release()
	}
	require.Less(t, largest, int64(2500))
}

// Over an orderly restart and a crash of the server nothing is lost or doubled.
func TestServerRestart(t *testing.T) {
	rnd := seeded(t)
	db := sharedDB(t)
	const durable = "SET GLOBAL innodb_flush_log_at_trx_commit = 1, GLOBAL sync_binlog = 1"
	db.exec(plainTable, durable)
	keys := keyKinds()[0].keys
	fill(db, "t", keys, 200)
	cfg := db.config("t")
	cfg.ChunkSize = 9
	losses := 0
	cfg.OnLoss = func(error, time.Duration) { losses++ }
	r := open(t, cfg, schema(t, plainSchema(t)...), "", "id")
	s := newState()
	for round := range 3 {
		for range 6 { // in the first round within the snapshot
			w := startWriter(db, "t", keys, 200, rnd.Int63())
			b, err := r.Next(testContext(t))
			w.end(t)
			require.NoError(t, err)
			require.NoError(t, s.apply(b))
		}
		if round == 1 {
			require.NoError(t, db.server.Kill())
		} else {
			require.NoError(t, db.server.Stop())
		}
		require.NoError(t, db.server.Restart(context.Background()))
		require.Eventually(t, func() bool { return db.Ping() == nil }, 10*time.Second, 10*time.Millisecond)
		db.exec(durable)
	}
	follow(t, r, s, content(t, db.DB, "t"))
	require.GreaterOrEqual(t, losses, 2)
}

// The position moves on with changes of other tables, so that the server may
// purge; a purged position is named.
func TestIdlePositionAndPurge(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable, "CREATE TABLE other (a INT)", "INSERT INTO t (id) VALUES (1)")
	cfg := db.config("t")
	cfg.Heartbeat = 50 * time.Millisecond
	r := open(t, cfg, schema(t, plainSchema(t)...), "", "id")
	b, err := r.Next(testContext(t))
	require.NoError(t, err)
	old := b.Position
	time.Sleep(cfg.Heartbeat)
	db.exec("FLUSH BINARY LOGS", "INSERT INTO other VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO other VALUES (2)")
	newest := db.binlogs()[len(db.binlogs())-1]
	var position change.Position
	for {
		b, err = r.Next(testContext(t))
		require.NoError(t, err)
		require.Zero(t, b.Rows.NumRows())
		position = b.Position
		if p, err := parsePosition(position); err == nil && p.File == newest {
			break
		}
		db.exec("INSERT INTO other VALUES (3)")
	}
	require.NoError(t, r.Close())
	db.exec("INSERT INTO t (id) VALUES (2)")
	require.Eventually(t, func() bool { // not before the server's own checkpoint
		db.exec("PURGE BINARY LOGS TO '" + newest + "'")
		return len(db.binlogs()) == 1
	}, 10*time.Second, 20*time.Millisecond)
	r = open(t, cfg, schema(t, plainSchema(t)...), position, "id")
	require.Equal(t, []string{"+I 2, (null), 0.00"}, take(t, r, 1))
	_, err = openErr(t, cfg, schema(t, plainSchema(t)...), old, "id")
	require.ErrorContains(t, err, "purged")
	require.ErrorContains(t, err, "start from a new snapshot")
}

func (d *testDB) binlogs() []string {
	d.t.Helper()
	rows, err := d.Query("SHOW BINARY LOGS")
	require.NoError(d.t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		var size int
		require.NoError(d.t, rows.Scan(&name, &size))
		out = append(out, name)
	}
	return out
}

// The startup modes begin where they say, and resume where they were even when
// nothing has changed in between.
func TestStartupModes(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable, "INSERT INTO t (id) VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO t (id) VALUES (2)")
	var file, ignored string
	var pos uint64
	require.NoError(t, db.QueryRow("SHOW MASTER STATUS").Scan(&file, &pos, &ignored, &ignored))
	var gtid string
	require.NoError(t, db.QueryRow("SELECT @@gtid_binlog_pos").Scan(&gtid))
	time.Sleep(1100 * time.Millisecond) // binlog times are seconds
	after := time.Now()
	db.exec("INSERT INTO t (id) VALUES (3)", "FLUSH BINARY LOGS", "INSERT INTO t (id) VALUES (4)")
	f := func(set func(*Config), want string) {
		t.Helper()
		cfg := db.config("t")
		set(&cfg)
		r := open(t, cfg, schema(t, "id INT NOT NULL"), "", "id")
		b, err := r.Next(testContext(t))
		require.NoError(t, err)
		require.Zero(t, b.Rows.NumRows(), "the first batch tells the place only")
		require.NoError(t, r.Close())
		r = open(t, cfg, schema(t, "id INT NOT NULL"), b.Position, "id")
		n := strings.Count(want, " ") + 1
		if want == "" {
			db.exec("INSERT INTO t (id) VALUES (5)")
			want, n = "5", 1
		}
		require.Equal(t, "+I "+strings.ReplaceAll(want, " ", " +I "), strings.Join(take(t, r, n), " "))
		require.NoError(t, r.Close())
	}
	f(func(c *Config) { c.Startup = StartEarliest }, "1 2 3 4")
	f(func(c *Config) { c.Startup, c.SpecificFile, c.SpecificPos = StartSpecific, file, pos }, "3 4")
	f(func(c *Config) { c.Startup, c.SpecificGTID = StartSpecific, gtid }, "3 4")
	f(func(c *Config) { c.Startup, c.StartupTimestamp = StartTimestamp, after }, "3 4")
	f(func(c *Config) { c.Startup = StartLatest }, "")
}

// Columns may come, go and move while the reader runs, as long as the declared
// ones stay; the layout is followed at the place of the binlog where it changes.
func TestAlterTable(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable, "INSERT INTO t VALUES (1, 'a', 1)")
	r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
	require.Equal(t, []string{"+I 1, a, 1.00"}, take(t, r, 1))
	db.exec("INSERT INTO t VALUES (2, 'b', 2)",
		"ALTER TABLE t ADD COLUMN extra VARCHAR(10) DEFAULT 'e' AFTER id, ADD COLUMN blobby JSON FIRST",
		"UPDATE t SET n = 20 WHERE id = 2")
	require.Equal(t, []string{"+I 2, b, 2.00", "-U 2, b, 2.00", "+U 2, b, 20.00"}, take(t, r, 3))
	db.exec("ALTER TABLE t DROP COLUMN blobby, MODIFY COLUMN n DECIMAL(12,2) FIRST",
		"CREATE TABLE u LIKE t", "DROP TABLE u", "TRUNCATE TABLE mysql.gtid_slave_pos",
		"INSERT INTO t (id, s, n) VALUES (3, 'c', 3)")
	require.Equal(t, []string{"+I 3, c, 3.00"}, take(t, r, 1))
	// A copy of the table takes its name, as tools for large tables do.
	db.exec("CREATE TABLE copy LIKE t", "INSERT INTO copy SELECT * FROM t",
		"RENAME TABLE t TO old_t, copy TO t", "DELETE FROM t WHERE id = 1")
	require.Equal(t, []string{"-D 1, a, 1.00"}, take(t, r, 1))
}

// With names in the binlog a reader that is behind several changes of the
// table follows them all; without them it says that it cannot.
func TestAlterTableBehind(t *testing.T) {
	for _, names := range []bool{true, false} {
		db := sharedDB(t)
		db.exec("DROP TABLE IF EXISTS t", plainTable)
		if names {
			db.exec("SET GLOBAL binlog_row_metadata = FULL")
			t.Cleanup(func() { db.exec("SET GLOBAL binlog_row_metadata = NO_LOG") })
		} else {
			db.exec("SET GLOBAL binlog_row_metadata = NO_LOG")
		}
		r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
		b, err := r.Next(testContext(t))
		require.NoError(t, err)
		require.NoError(t, r.Close())
		db.exec("INSERT INTO t VALUES (1, 'a', 1)",
			"ALTER TABLE t ADD COLUMN x BIGINT FIRST, ADD COLUMN gone TEXT", "INSERT INTO t VALUES (7, 2, 'b', 2, 'text')",
			"ALTER TABLE t MODIFY COLUMN n DECIMAL(12,2) AFTER id, DROP COLUMN gone", "INSERT INTO t VALUES (8, 3, 3, 'c')")
		r = open(t, db.config("t"), schema(t, plainSchema(t)...), b.Position, "id")
		if !names {
			require.ErrorContains(t, nextError(t, r), "binlog_row_metadata=FULL")
			continue
		}
		require.Equal(t, []string{"+I 1, a, 1.00", "+I 2, b, 2.00", "+I 3, c, 3.00"}, take(t, r, 3))
	}
}

// What removes rows without row events, or a declared column, ends the source
// with an error that says so.
func TestDDLErrors(t *testing.T) {
	db := sharedDB(t)
	f := func(want string, statements ...string) {
		t.Helper()
		db.exec("DROP TABLE IF EXISTS t, t2",
			"CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(40), n DECIMAL(12,2) NOT NULL DEFAULT 0) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
			"INSERT INTO t (id, s) VALUES (1, 'x')")
		r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
		take(t, r, 1)
		db.exec(statements...)
		require.ErrorContains(t, nextError(t, r), want)
		require.NoError(t, r.Close())
	}
	f("was truncated", "TRUNCATE t")
	f("was truncated", "TRUNCATE TABLE `"+db.name+"`.`t`")
	f("was dropped", "DROP TABLE /* why */ t")
	f("was dropped", "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY)")
	f("was renamed", "RENAME TABLE t TO t2")
	f("was renamed", "ALTER TABLE t RENAME TO t2")
	f("partitions dropped", "ALTER TABLE t TRUNCATE PARTITION p0")
	f("partitions dropped", "ALTER TABLE t DROP PARTITION p0")
	f(`has no column "s", which is declared`, "ALTER TABLE t DROP COLUMN s", "INSERT INTO t VALUES (2, 2)")
	f("does not fit the declared type", "ALTER TABLE t MODIFY COLUMN s BLOB", "INSERT INTO t VALUES (2, 2, 2)")
	f("has the primary key (id, s)", "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, s)", "INSERT INTO t VALUES (2, 'x', 2)")
	f("not logged as rows", "SET SESSION binlog_format = STATEMENT; INSERT INTO t (id) VALUES (3); SET SESSION binlog_format = ROW")
	f("binlog_row_image=FULL", "SET SESSION binlog_row_image = MINIMAL; UPDATE t SET n = 7; SET SESSION binlog_row_image = FULL")
}

// Close ends a Next that waits; a Next whose context ends can be called again.
func TestCloseAndCancel(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable)
	r := open(t, db.config("t"), schema(t, plainSchema(t)...), "", "id")
	_, err := r.Next(testContext(t))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = r.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	db.exec("INSERT INTO t (id) VALUES (1)")
	require.Equal(t, []string{"+I 1, (null), 0.00"}, take(t, r, 1))
	failed := make(chan error)
	go func() {
		_, err := r.Next(context.Background())
		failed <- err
	}()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-failed, errClosed)
}

// Readers share a range of server ids without hurting each other; one too many
// is told so. A reader that comes back waits for its own lost connection.
func TestServerIDs(t *testing.T) {
	db := sharedDB(t)
	db.exec(plainTable)
	cfg := db.config("t")
	cfg.Startup, cfg.ConnectRetries = StartLatest, 0
	require.NoError(t, setServerID(&cfg, "7001-7002"))
	a := open(t, cfg, schema(t, plainSchema(t)...), "", "id")
	b := open(t, cfg, schema(t, plainSchema(t)...), "", "id")
	db.exec("INSERT INTO t (id) VALUES (1)")
	require.Equal(t, []string{"+I 1, (null), 0.00"}, take(t, a, 1))
	require.Equal(t, []string{"+I 1, (null), 0.00"}, take(t, b, 1))
	one := cfg
	one.ServerIDLast = 7001
	_, err := openErr(t, one, schema(t, plainSchema(t)...), "", "id")
	require.ErrorContains(t, err, "server-id 7001 to 7001: all are in use")
	require.NoError(t, a.Close())
	a = open(t, one, schema(t, plainSchema(t)...), "", "id")
	db.exec("INSERT INTO t (id) VALUES (2)")
	require.Equal(t, []string{"+I 2, (null), 0.00"}, take(t, a, 1))
}
