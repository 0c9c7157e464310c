package mysqlcdc

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
)

// writer runs random transactions over one table until it is stopped: inserts,
// updates, deletes, changes of the key, many rows at once, rollbacks.
type writer struct {
	db    *testDB
	table string
	keys  func(n int) string // the n-th key, as SQL
	space int
	stop  chan struct{}
	wg    sync.WaitGroup
	err   error
}

// startWriters starts several: the server then commits in groups.
func startWriters(t *testing.T, db *testDB, table string, keys func(int) string, space int, rnd *rand.Rand) (end func()) {
	var all []*writer
	for range 3 {
		all = append(all, startWriter(db, table, keys, space, rnd.Int63()))
	}
	return func() {
		for _, w := range all {
			w.end(t)
		}
	}
}

func startWriter(db *testDB, table string, keys func(int) string, space int, seed int64) *writer {
	w := &writer{db: db, table: table, keys: keys, space: space, stop: make(chan struct{})}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		w.err = w.run(rand.New(rand.NewSource(seed)))
	}()
	return w
}

func (w *writer) run(rnd *rand.Rand) error {
	for {
		select {
		case <-w.stop:
			return nil
		default:
		}
		tx, err := w.db.Begin()
		if err != nil {
			return err
		}
		for range 1 + rnd.Intn(5) {
			if _, err = tx.Exec(w.statement(rnd)); err != nil {
				break
			}
		}
		switch {
		case err != nil && strings.Contains(err.Error(), "Error 1213"): // a deadlock with another writer
			_ = tx.Rollback()
			continue
		case err != nil:
			return err
		}
		if rnd.Intn(6) == 0 {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
		}
		if err != nil {
			return err
		}
	}
}

func (w *writer) statement(rnd *rand.Rand) string {
	k := func() string { return w.keys(rnd.Intn(w.space)) }
	v := fmt.Sprintf("'v%d', %d.%02d", rnd.Intn(1e6), rnd.Intn(1000)-500, rnd.Intn(100))
	switch rnd.Intn(8) {
	case 0, 1:
		return fmt.Sprintf("INSERT IGNORE INTO %s VALUES (%s, %s), (%s, %s)", w.table, k(), v, k(), v)
	case 2:
		return fmt.Sprintf("REPLACE INTO %s VALUES (%s, %s)", w.table, k(), v)
	case 3:
		return fmt.Sprintf("INSERT INTO %s VALUES (%s, %s) ON DUPLICATE KEY UPDATE n = n + 1", w.table, k(), v)
	case 4:
		return fmt.Sprintf("DELETE FROM %s WHERE id = %s", w.table, k())
	case 5:
		return fmt.Sprintf("UPDATE IGNORE %s SET id = %s WHERE id = %s", w.table, k(), k())
	case 6:
		return fmt.Sprintf("UPDATE %s SET n = n + 1, s = CONCAT('u', LEFT(s, 20)) WHERE id >= %s ORDER BY id LIMIT 7", w.table, k())
	}
	return fmt.Sprintf("UPDATE %s SET n = n + 0.5 WHERE id IN (%s, %s, %s)", w.table, k(), k(), k())
}

func (w *writer) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	require.NoError(t, w.err)
}

func fill(db *testDB, table string, keys func(int) string, space int) {
	var rows []string
	for i := 0; i < space; i += 2 {
		rows = append(rows, fmt.Sprintf("(%s, 'start', %d)", keys(i), i%100))
	}
	db.exec("INSERT IGNORE INTO " + table + " VALUES " + strings.Join(rows, ", "))
}

// content reads the table as the state shows it.
func content(t *testing.T, db *sql.DB, table string) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT id, CONCAT_WS(', ', id, IFNULL(s, '(null)'), n) FROM " + table)
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, row string
		require.NoError(t, rows.Scan(&id, &row))
		out[id] = row
	}
	require.NoError(t, rows.Err())
	return out
}

// follow applies batches until the state equals want, for at most 20 s.
func follow(t *testing.T, r source.Reader, s *state, want map[string]string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !maps.Equal(s.rows, want) {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		b, err := r.Next(ctx)
		cancel()
		if err != nil {
			require.NoError(t, err, "state and table differ: %s", difference(s.rows, want))
		}
		require.NoError(t, s.apply(b))
		b.Release()
	}
}

func difference(got, want map[string]string) string {
	var out []string
	for k, v := range want {
		if got[k] != v {
			out = append(out, fmt.Sprintf("%s: got %q, want %q", k, got[k], v))
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			out = append(out, fmt.Sprintf("%s: got %q, want none", k, v))
		}
	}
	slices.Sort(out)
	return fmt.Sprintf("%d: %s", len(out), strings.Join(out[:min(len(out), 5)], "; "))
}

// keyKind is a kind of primary key for the model tests.
type keyKind struct {
	name, column, declared string
	keys                   func(int) string
}

func keyKinds() []keyKind {
	text := func(format string) func(int) string {
		return func(n int) string { return "'" + fmt.Sprintf(format, n*7919%1000) + "'" }
	}
	return []keyKind{
		{"int", "INT", "INT NOT NULL", func(n int) string { return fmt.Sprint(n - 50) }},
		{"ubigint", "BIGINT UNSIGNED", "DECIMAL(20,0) NOT NULL", func(n int) string { return fmt.Sprint(uint64(n)*36893488147419103 + 5) }},
		{"general_ci", "VARCHAR(40) COLLATE utf8mb4_general_ci", "STRING NOT NULL", text("Ord-%d_x")},
		{"unicode_ci", "VARCHAR(40) COLLATE utf8mb4_unicode_ci", "STRING NOT NULL", text("é_%d-中")},
		{"bin", "CHAR(40) COLLATE utf8mb4_bin", "STRING NOT NULL", text("键%d")},
		{"latin1", "VARCHAR(40) CHARACTER SET latin1", "STRING NOT NULL", text("ÿ%d")},
	}
}

// A snapshot under a concurrent writer is an exact changelog, and what it gives
// is the table; for all kinds of keys, with the ways of MariaDB and of MySQL to
// know what is visible.
func TestSnapshotUnderWrites(t *testing.T) {
	for _, kind := range keyKinds() {
		for _, bracket := range []bool{false, true} {
			name := kind.name + "_mariadb"
			if bracket {
				name = kind.name + "_mysql"
			}
			t.Run(name, func(t *testing.T) { testSnapshotUnderWrites(t, kind, bracket) })
		}
	}
}

func testSnapshotUnderWrites(t *testing.T, kind keyKind, bracket bool) {
	rnd := seeded(t)
	db := sharedDB(t)
	const space = 400
	db.exec("CREATE TABLE t (id " + kind.column + " PRIMARY KEY, s VARCHAR(40), n DECIMAL(12,2) NOT NULL) CHARSET utf8mb4")
	fill(db, "t", kind.keys, space)
	cfg := db.config("t")
	cfg.ChunkSize = 13 + rnd.Intn(20)
	cfg.MaxBatchRows = 1 + rnd.Intn(30)
	src, err := newSource(cfg, schema(t, "id "+kind.declared, "s STRING", "n DECIMAL(12,2)"), []string{"id"})
	require.NoError(t, err)
	src.bracket = bracket
	end := startWriters(t, db, "t", kind.keys, space, rnd)
	s, positions := newState(), 0
	r, err := src.Open(testContext(t), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for during := true; during; positions++ {
		b, err := r.Next(testContext(t))
		require.NoError(t, err)
		require.NoError(t, s.apply(b))
		p, err := parsePosition(b.Position)
		require.NoError(t, err)
		during = p.Snapshot != nil || positions < 60
		b.Release()
	}
	end()
	follow(t, r, s, content(t, db.DB, "t"))
	t.Logf("%d rows in %d batches", s.applied, positions)
}

// From each position of a run, in the snapshot, between and inside
// transactions, a new reader goes on exactly: no row is missed or doubled.
func TestResumeFromEveryPosition(t *testing.T) {
	rnd := seeded(t)
	for _, bracket := range []bool{false, true} {
		db := sharedDB(t)
		const space = 60
		keys := keyKinds()[0].keys
		// In a fresh file the server finds a GTID at once.
		db.exec("FLUSH BINARY LOGS", "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, s VARCHAR(40), n DECIMAL(12,2) NOT NULL)")
		fill(db, "t", keys, space)
		cfg := db.config("t")
		cfg.ChunkSize, cfg.MaxBatchRows = 4, 3
		src, err := newSource(cfg, schema(t, "id INT NOT NULL", "s STRING", "n DECIMAL(12,2)"), []string{"id"})
		require.NoError(t, err)
		src.bracket = bracket
		w := startWriter(db, "t", keys, space, rnd.Int63())
		type save struct {
			position change.Position
			state    *state
		}
		var saves []save
		skips, snapshots := 0, 0
		s := newState()
		r, err := src.Open(testContext(t), "")
		require.NoError(t, err)
		for len(saves) < 70 {
			b, err := r.Next(testContext(t))
			require.NoError(t, err)
			require.NoError(t, s.apply(b))
			p, err := parsePosition(b.Position)
			require.NoError(t, err)
			if p.Skip > 0 {
				skips++
			}
			if p.Snapshot != nil {
				snapshots++
			}
			saves = append(saves, save{b.Position, s.clone()})
			b.Release()
		}
		w.end(t)
		want := content(t, db.DB, "t")
		follow(t, r, s, want)
		require.NoError(t, r.Close())
		require.Positive(t, snapshots)
		require.Positive(t, skips, "no batch ended inside a transaction")
		for _, save := range saves {
			r, err := src.Open(testContext(t), save.position)
			require.NoError(t, err, save.position)
			follow(t, r, save.state, want)
			require.NoError(t, r.Close())
		}
		t.Logf("resumed from %d positions, %d in the snapshot, %d inside a transaction", len(saves), snapshots, skips)
	}
}

// A chain of readers, each killed after a random number of batches while the
// writer runs, is one exact changelog.
func TestKilledReaders(t *testing.T) {
	rnd := seeded(t)
	db := sharedDB(t)
	const space = 300
	keys := keyKinds()[2].keys
	db.exec("CREATE TABLE t (id VARCHAR(40) COLLATE utf8mb4_general_ci PRIMARY KEY, s VARCHAR(40), n DECIMAL(12,2) NOT NULL)")
	fill(db, "t", keys, space)
	cfg := db.config("t")
	cfg.ChunkSize, cfg.MaxBatchRows = 11, 5
	src, err := New(cfg, schema(t, "id STRING NOT NULL", "s STRING", "n DECIMAL(12,2)"), []string{"id"})
	require.NoError(t, err)
	end := startWriters(t, db, "t", keys, space, rnd)
	s, at := newState(), change.Position("")
	for range 40 {
		r, err := src.Open(testContext(t), at)
		require.NoError(t, err)
		for range rnd.Intn(12) {
			// Now and then the caller gives up in the middle and asks again.
			ctx, cancel := context.WithTimeout(testContext(t), time.Duration(rnd.Intn(3000)+50)*time.Microsecond)
			b, err := r.Next(ctx)
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				continue
			}
			require.NoError(t, s.apply(b))
			at = b.Position
			b.Release()
		}
		require.NoError(t, r.Close())
	}
	end()
	r, err := src.Open(testContext(t), at)
	require.NoError(t, err)
	follow(t, r, s, content(t, db.DB, "t"))
	require.NoError(t, r.Close())
}
