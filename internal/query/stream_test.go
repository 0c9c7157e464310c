package query_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon/errs"
)

// start starts a streaming job.
func (b *bench) start(s *query.Session, text string) *jobs.Job {
	b.t.Helper()
	res, err := s.Execute(b.t.Context(), text, nil)
	require.NoError(b.t, err)
	require.NotNil(b.t, res.Job, res.Message)
	require.NoError(b.t, res.Close())
	return res.Job
}

// eventually waits until a query gives an answer.
func (b *bench) eventually(s *query.Session, text, want string) {
	b.t.Helper()
	var got string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = b.must(s, text); got == want {
			return
		}
	}
	require.Equal(b.t, want, got)
}

// A job over a table, stopped and started at random moments and through
// restarts of the process, adds each row exactly once to a sum.
func TestResumeExactlyOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE src (id INT, v BIGINT) WITH ('bucket' = '-1');
		CREATE TABLE total (k INT, v BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'aggregation',
			'fields.v.aggregate-function' = 'sum', 'fields.n.aggregate-function' = 'sum')`)
	var sum, n int64
	for round := range 6 {
		b.must(s, "SET 'execution.runtime-mode' = 'streaming'")
		job := b.start(s, "INSERT INTO total SELECT 1, v, 1 FROM src WHERE v > 0")
		b.must(s, "SET 'execution.runtime-mode' = 'batch'")
		for range 3 {
			var values []string
			for range 1 + r.IntN(50) {
				v := r.Int64N(100) - 20
				if v > 0 {
					sum, n = sum+v, n+1
				}
				values = append(values, fmt.Sprintf("(%d, %d)", round, v))
			}
			b.must(s, "INSERT INTO src VALUES "+strings.Join(values, ", "))
			time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
		}
		job.Stop()
		require.Equal(t, jobs.Canceled, job.Status().State)
		if round == 2 {
			b.close()
			b.open()
			s = b.batch()
		}
	}
	b.must(s, "SET 'execution.runtime-mode' = 'streaming'")
	job := b.start(s, "INSERT INTO total SELECT 1, v, 1 FROM src WHERE v > 0")
	b.eventually(s, "SELECT v, n FROM total", fmt.Sprintf("v | n\n%d | %d\n", sum, n))
	job.Stop()
}

// Row kinds of a table's changelog go through a query of the engine: what the
// filter lets in and takes back is what the target holds.
func TestTransformKeepsKinds(t *testing.T) {
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE src (id INT, v INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'lookup');
		CREATE TABLE dst (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1');
		CREATE TABLE total (k INT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.v.aggregate-function' = 'sum')`)
	other := b.session("streams", dialect.Flink)
	job := b.start(other, `EXECUTE STATEMENT SET BEGIN
		INSERT INTO dst SELECT id, 'v' || CAST(v AS STRING) FROM src WHERE v < 100;
		INSERT INTO total SELECT 1, v FROM src WHERE v < 100;
	END`)
	defer job.Stop()
	step := func(insert, rows, sum string) {
		t.Helper()
		b.must(s, insert)
		b.eventually(s, "SELECT * FROM dst ORDER BY id", "id | v\n"+rows)
		b.eventually(s, "SELECT v FROM total", "v\n"+sum+"\n")
	}
	step("INSERT INTO src VALUES (1, 1), (2, 2), (3, 300)", "1 | \"v1\"\n2 | \"v2\"\n", "3")
	step("INSERT INTO src VALUES (1, 10)", "1 | \"v10\"\n2 | \"v2\"\n", "12")
	step("INSERT INTO src VALUES (2, 200)", "1 | \"v10\"\n", "10")
	step("INSERT INTO src VALUES (3, 3), (2, 5)", "1 | \"v10\"\n2 | \"v5\"\n3 | \"v3\"\n", "18")
}

// INSERTs of a statement set into one table are one job with one committer:
// each snapshot holds the positions of all of them.
func TestStatementSetSharesCommits(t *testing.T) {
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE a (id INT, v INT) WITH ('bucket' = '-1');
		CREATE TABLE c (id INT, v INT) WITH ('bucket' = '-1');
		CREATE TABLE wide (id INT, a INT, c INT, a2 INT, c2 STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'partial-update');
		INSERT INTO a VALUES (1, 10), (2, 20);
		INSERT INTO c VALUES (1, 100), (3, 300)`)
	set := `EXECUTE STATEMENT SET BEGIN
		INSERT INTO wide (id, a) SELECT id, v FROM a;
		INSERT INTO wide (id, c) SELECT id, v FROM c;
		INSERT INTO wide (id, a2) SELECT id, v * 2 FROM a;
		INSERT INTO wide (id, c2) SELECT id, CAST(v AS STRING) FROM c;
	END`
	b.must(s, "SET 'execution.runtime-mode' = 'streaming'; SET 'pipeline.name' = 'the job'")
	job := b.start(s, set)
	b.eventually(s, "SELECT * FROM wide ORDER BY id", "id | a | c | a2 | c2\n1 | 10 | 100 | 20 | \"100\"\n2 | 20 | null | 40 | null\n3 | null | 300 | null | \"300\"\n")

	_, err := s.Execute(t.Context(), set, nil)
	require.ErrorIs(t, err, errs.ErrExists, "the job runs already")
	require.ErrorContains(t, err, "pipeline.name")
	require.Contains(t, b.must(s, "SHOW JOBS LIKE 'the%'"), "RUNNING")

	b.must(s, "STOP JOB 'the job'")
	require.Equal(t, jobs.Canceled, job.Status().State)
	_, err = s.Execute(t.Context(), "STOP JOB 'nothing'", nil)
	require.ErrorIs(t, err, errs.ErrNotFound)

	snapshots, err := filepath.Glob(filepath.Join(b.dir, "default.db/wide/snapshot/snapshot-*"))
	require.NoError(t, err)
	data, err := os.ReadFile(snapshots[len(snapshots)-1])
	require.NoError(t, err)
	var snap struct {
		CommitUser string
		Properties map[string]string
	}
	require.NoError(t, json.Unmarshal(data, &snap))
	require.Equal(t, "the job", snap.CommitUser)
	positions := map[string]string{}
	require.NoError(t, json.Unmarshal([]byte(snap.Properties["tarn.positions"]), &positions))
	require.Len(t, positions, 4, "one position an INSERT: %v", positions)

	job = b.start(s, set) // stopped, it may start again
	b.must(s, "SET 'execution.runtime-mode' = 'batch'; INSERT INTO a VALUES (3, 30)")
	b.eventually(s, "SELECT a, a2 FROM wide WHERE id = 3", "a | a2\n30 | 60\n")
	job.Stop()
}

// The elements of an array follow their row: a changed element replaces its
// row, one that is gone or filtered out takes it away, in the order of changes.
func TestUnnestKeepsKinds(t *testing.T) {
	b := newBench(t)
	s := b.batch()
	b.must(s, `CREATE TABLE src (id INT, items ARRAY<ROW<code STRING, fee INT>>, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'lookup');
		CREATE TABLE dst (code STRING, id INT, fee INT, PRIMARY KEY (code) NOT ENFORCED) WITH ('bucket' = '1');
		CREATE TABLE padded (id INT, code STRING, place INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1');
		CREATE TABLE total (k INT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.v.aggregate-function' = 'sum');
		CREATE TABLE whole (id INT, items ARRAY<ROW<code STRING, fee INT>>, code STRING, fee INT) WITH ('bucket' = '-1')`)
	job := b.start(b.session("streams", dialect.Flink), `EXECUTE STATEMENT SET BEGIN
		INSERT INTO dst SELECT code, id, fee AS f FROM src AS s CROSS JOIN UNNEST(s.items) AS t(code, fee) WHERE f < 100;
		INSERT INTO padded SELECT id, code, n FROM src LEFT JOIN UNNEST(items) WITH ORDINALITY AS t(code, fee, n) ON TRUE WHERE n = 1 OR n IS NULL;
		INSERT INTO total SELECT 1, fee FROM src, UNNEST(items) AS t(code, fee) WHERE fee < 100;
	END`)
	defer job.Stop()
	step := func(insert, rows, padded, sum string) {
		t.Helper()
		b.must(s, insert)
		b.eventually(s, "SELECT * FROM dst ORDER BY code", "code | id | fee\n"+rows)
		b.eventually(s, "SELECT * FROM padded ORDER BY id", "id | code | place\n"+padded)
		b.eventually(s, "SELECT v FROM total", "v\n"+sum+"\n")
	}
	none := "CAST(NULL AS ARRAY<ROW<code STRING, fee INT>>)"
	step("INSERT INTO src VALUES (1, ARRAY[ROW('a', 1), ROW('b', 2)]), (2, "+none+"), (3, ARRAY[ROW('c', 300)])",
		"\"a\" | 1 | 1\n\"b\" | 1 | 2\n", "1 | \"a\" | 1\n2 | null | null\n3 | \"c\" | 1\n", "3")
	step("INSERT INTO src VALUES (1, ARRAY[ROW('b', 5), ROW('a', 1), ROW('d', 7)])", "\"a\" | 1 | 1\n\"b\" | 1 | 5\n\"d\" | 1 | 7\n",
		"1 | \"b\" | 1\n2 | null | null\n3 | \"c\" | 1\n", "13")
	step("INSERT INTO src VALUES (1, ARRAY[ROW('d', 700), ROW('a', 9)]), (3, ARRAY[ROW('c', 3)])", "\"a\" | 1 | 9\n\"c\" | 3 | 3\n",
		"1 | \"d\" | 1\n2 | null | null\n3 | \"c\" | 1\n", "12")
	step("INSERT INTO src VALUES (1, "+none+"), (2, ARRAY[ROW('b', 4)])", "\"b\" | 2 | 4\n\"c\" | 3 | 3\n",
		"1 | null | null\n2 | \"b\" | 1\n3 | \"c\" | 1\n", "7")
	var values []string // more rows than one vector of the engine, twice over
	for i := range 3000 {
		values = append(values, fmt.Sprintf("(%d, ARRAY[ROW('x%d', 1), ROW('y%d', 2)])", 10+i, i, i))
	}
	b.must(s, "INSERT INTO src VALUES "+strings.Join(values, ", "))
	b.eventually(s, "SELECT v FROM total", "v\n9007\n")
	b.must(s, "INSERT INTO src SELECT id, ARRAY[ROW(items[2].code, 3), ROW(items[1].code, 4)] FROM src WHERE id >= 10")
	b.eventually(s, "SELECT v FROM total", "v\n21007\n")
	b.eventually(s, "SELECT COUNT(*) AS n, SUM(fee) AS v, COUNT(DISTINCT code) AS c FROM dst", "n | v | c\n6002 | 21007 | 6002\n")

	_, err := b.session("streams", dialect.Flink).Execute(t.Context(), "INSERT INTO padded SELECT id, code, 1 FROM src LEFT JOIN UNNEST(items) AS t(code, fee) ON fee > 1", nil)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "ON TRUE")

	job = b.start(b.session("more", dialect.Flink), "INSERT INTO whole SELECT * FROM src CROSS JOIN UNNEST(items) AS t(code, fee) WHERE id < 10")
	defer job.Stop()
	b.eventually(s, "SELECT * FROM whole ORDER BY id", "id | items | code | fee\n2 | [{\"code\":\"b\",\"fee\":4}] | \"b\" | 4\n3 | [{\"code\":\"c\",\"fee\":3}] | \"c\" | 3\n")
}
