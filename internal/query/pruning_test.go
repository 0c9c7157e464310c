package query_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/dialect"
)

// batch is a session that runs INSERTs once.
func (b *bench) batch() *query.Session {
	s := b.session("main", dialect.Flink)
	b.must(s, "SET 'execution.runtime-mode' = 'batch'")
	return s
}

// must runs statements that may not fail.
func (b *bench) must(s *query.Session, text string) string {
	b.t.Helper()
	var out strings.Builder
	for _, piece := range dialect.Split(dialect.Flink, text) {
		answer, err := b.one(s, dialect.Flink, piece.Text, false, nil)
		require.NoError(b.t, err, piece.Text)
		out.WriteString(answer)
	}
	return out.String()
}

// dataFiles lists the data files of a table below its folder.
func (b *bench) dataFiles(table string) []string {
	b.t.Helper()
	var out []string
	root := filepath.Join(b.dir, table)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), "data-") {
			out = append(out, path)
		}
		return err
	})
	require.NoError(b.t, err)
	require.NotEmpty(b.t, out)
	return out
}

// spoil makes files unreadable until the returned function is called.
func (b *bench) spoil(files []string) (restore func()) {
	kept := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(b.t, err)
		kept[f] = data
		require.NoError(b.t, os.WriteFile(f, []byte(strings.Repeat("x", len(data))), 0o644))
	}
	return func() {
		for f, data := range kept {
			require.NoError(b.t, os.WriteFile(f, data, 0o644))
		}
	}
}

func having(files []string, part string) []string {
	var out []string
	for _, f := range files {
		if strings.Contains(f, part) {
			out = append(out, f)
		}
	}
	return out
}

// Files that a condition rules out are never opened: here they are unreadable.
func TestPruningByPartition(t *testing.T) {
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE p (id INT, v STRING, dt STRING, PRIMARY KEY (dt, id) NOT ENFORCED) PARTITIONED BY (dt) WITH ('bucket' = '2');
		INSERT INTO p VALUES (1, 'a', '2025-06-01'), (2, 'b', '2025-06-02'), (3, 'c', '2025-06-03');
		INSERT INTO p VALUES (1, 'aa', '2025-06-01'), (22, 'b', '2025-06-02')`)
	bad := having(b.dataFiles("default.db/p"), "dt=2025-06-02")
	require.Len(t, bad, 2)
	b.spoil(bad)
	for where, want := range map[string]string{
		"dt = '2025-06-01'":                        "1\n",
		"dt IN ('2025-06-01', '2025-06-03')":       "1\n3\n",
		"dt > '2025-06-02'":                        "3\n",
		"dt <= '2025-06-01' AND id > 0":            "1\n",
		"dt BETWEEN '2025-06-03' AND '2025-06-09'": "3\n",
		"id IN (SELECT id FROM p WHERE dt = '2025-06-03') AND dt = '2025-06-03'": "3\n",
	} {
		require.Equal(t, "id\n"+want, b.must(s, "SELECT id FROM p WHERE "+where+" ORDER BY id"), where)
	}
	b.must(s, "CREATE TEMPORARY VIEW pv AS SELECT * FROM p WHERE dt = '2025-06-01'")
	require.Equal(t, "v\n\"aa\"\n", b.must(s, "SELECT v FROM pv"))
	require.Equal(t, "id | k\n1 | 3\n", b.must(s, "SELECT a.id, b.id AS k FROM p a JOIN p b ON a.id < b.id WHERE a.dt = '2025-06-01' AND b.dt = '2025-06-03'"))
	_, err := b.one(s, dialect.Flink, "SELECT * FROM p", false, nil)
	require.ErrorContains(t, err, "data-")
	_, err = b.one(s, dialect.Flink, "SELECT * FROM p WHERE dt <> '2025-06-01'", false, nil)
	require.Error(t, err)
}

func TestPruningByBucket(t *testing.T) {
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE t (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '4')`)
	for i := range 2 { // two sorted runs a bucket
		var values []string
		for id := range 24 {
			values = append(values, fmt.Sprintf("(%d, 'v%d-%d')", id, id, i))
		}
		b.must(s, "INSERT INTO t VALUES "+strings.Join(values, ", "))
	}
	files := b.dataFiles("default.db/t")
	for id := range 24 {
		where, fails := fmt.Sprintf("id = %d", id), 0
		for bucket := range 4 {
			bad := having(files, fmt.Sprintf("bucket-%d/", bucket))
			require.NotEmpty(t, bad)
			restore := b.spoil(bad)
			out, err := b.one(s, dialect.Flink, "SELECT v FROM t WHERE "+where, false, nil)
			restore()
			if err != nil {
				fails++
			} else {
				require.Equal(t, fmt.Sprintf("v\n\"v%d-1\"\n", id), out)
			}
		}
		require.Equal(t, 1, fails, "id = %d lies in one bucket, the others need not be read", id)
	}
}

func TestPruningByKeyAndStatistics(t *testing.T) {
	for _, key := range []string{"", ", PRIMARY KEY (id) NOT ENFORCED"} {
		b := newBench(t)
		s := b.batch()
		b.must(s, "CREATE TABLE t (id INT, v STRING"+key+") WITH ('bucket' = '1', 'bucket-key' = 'id');"+
			"INSERT INTO t VALUES (1, 'a'), (9, 'b')")
		before := b.dataFiles("default.db/t")
		b.must(s, "INSERT INTO t VALUES (100, 'y'), (109, 'z')")
		var bad []string
		for _, f := range b.dataFiles("default.db/t") {
			if len(having(before, f)) == 0 {
				bad = append(bad, f)
			}
		}
		require.Len(t, bad, 1)
		b.spoil(bad)
		require.Equal(t, "id\n1\n9\n", b.must(s, "SELECT id FROM t WHERE id < 50 ORDER BY id"))
		require.Equal(t, "v\n\"b\"\n", b.must(s, "SELECT v FROM t WHERE id = 9"))
		require.Equal(t, "n\n0\n", b.must(s, "SELECT COUNT(*) AS n FROM t WHERE id IN (50, 60)"))
		_, err := b.one(s, dialect.Flink, "SELECT * FROM t WHERE id > 50", false, nil)
		require.Error(t, err)
	}
}

// TestPruningKeepsAnswers compares random conditions with the same condition
// made opaque to the planner, on tables of several shapes.
func TestPruningKeepsAnswers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t)
	s := b.batch()
	shapes := []string{
		"PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '3')",
		"PRIMARY KEY (k, d) NOT ENFORCED) PARTITIONED BY (d) WITH ('bucket' = '2')",
		"PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1', 'merge-engine' = 'partial-update')",
		"PRIMARY KEY (s, k) NOT ENFORCED) WITH ('bucket' = '2')",
		"x INT) PARTITIONED BY (s) WITH ('bucket' = '-1')",
	}
	for i, shape := range shapes {
		name := fmt.Sprintf("t%d", i)
		b.must(s, "CREATE TABLE "+name+" (k INT, d DATE, p DECIMAL(6, 2), s STRING, ts TIMESTAMP(3), "+shape)
		for range 3 {
			var rows []string
			for range 30 {
				rows = append(rows, "("+randomRow(r)+")")
			}
			b.must(s, "INSERT INTO "+name+" (k, d, p, s, ts) VALUES "+strings.Join(rows, ", "))
		}
		if i == 3 {
			b.must(s, "CALL sys.compact('default."+name+"')")
		}
		for range 25 {
			cond := randomCondition(r, 2)
			plain, err := b.one(s, dialect.Flink, "SELECT * FROM "+name+" WHERE "+cond, true, nil)
			require.NoError(t, err, cond)
			opaque, err := b.one(s, dialect.Flink, "SELECT * FROM "+name+" WHERE ("+cond+") IS TRUE", true, nil)
			require.NoError(t, err, cond)
			require.Equal(t, opaque, plain, "%s WHERE %s", name, cond)
		}
	}
}

func randomRow(r *rand.Rand) string {
	return strings.Join([]string{fmt.Sprint(r.IntN(40)), randomLiteral(r, "d"), fmt.Sprintf("CAST(%s AS DECIMAL(6, 2))", randomLiteral(r, "p")), randomLiteral(r, "s"),
		fmt.Sprintf("CAST(%s AS TIMESTAMP(3))", randomLiteral(r, "ts"))}, ", ")
}

func randomLiteral(r *rand.Rand, column string) string {
	switch column {
	case "k":
		return []string{fmt.Sprint(r.IntN(44) - 2), fmt.Sprintf("%d.5", r.IntN(40)), "3000000000"}[min(2, r.IntN(8)/6+r.IntN(9)/8)]
	case "d":
		return fmt.Sprintf("DATE '2025-0%d-1%d'", 1+r.IntN(3), r.IntN(3))
	case "p":
		return []string{fmt.Sprintf("%d.%02d", r.IntN(4), 25*r.IntN(4)), fmt.Sprintf("%d.%03d", r.IntN(4), 125*r.IntN(8)), fmt.Sprint(r.IntN(5))}[r.IntN(3)]
	case "s":
		return "'" + []string{"", "a", "aa", "b", "é", "zz", "a%"}[r.IntN(7)] + "'"
	default:
		return fmt.Sprintf("TIMESTAMP '2025-01-0%d 0%d:00:00.%s'", 1+r.IntN(3), r.IntN(3), []string{"000", "0005", "5", "999999"}[r.IntN(4)])
	}
}

func randomCondition(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		a, b := randomCondition(r, depth-1), randomCondition(r, depth-1)
		return []string{"(" + a + " AND " + b + ")", "(" + a + " OR " + b + ")", "NOT (" + a + ")"}[min(2, r.IntN(5)/2)]
	}
	column := []string{"k", "d", "p", "s", "ts"}[r.IntN(5)]
	value := func() string { return randomLiteral(r, column) }
	switch r.IntN(8) {
	case 0:
		return column + " IN (" + value() + ", " + value() + ")"
	case 1:
		return column + " IS NULL"
	case 2:
		return column + " IS NOT NULL"
	case 3:
		return column + " BETWEEN " + value() + " AND " + value()
	case 4:
		return value() + " < " + column
	default:
		return column + " " + []string{"=", "<", "<=", ">", ">=", "<>"}[r.IntN(6)] + " " + value()
	}
}
