package duck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// The header must be the one of the linked library: the C API changes between versions.
func TestHeaderMatchesLibrary(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/duckdb/duckdb-go-bindings/include").Output()
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "duckdb.h"))
	require.NoError(t, err)
	got, err := os.ReadFile("duckdb.h")
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "copy duckdb.h anew from the duckdb-go-bindings module, folder include")
	c := openConn(t, Options{})
	require.Equal(t, "v1.5.6", rowsOf(t, c, "SELECT version()"))
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{MemoryLimit: 100}, {Threads: -1}, {TempDir: "relative"}, {AllowedDirs: []string{"/"}},
		{AllowedDirs: []string{"x"}}, {TimeZone: "Moon/Base"}} {
		_, err := Open(context.Background(), o)
		require.Error(t, err, "%+v", o)
	}
	c := openConn(t, Options{MemoryLimit: 64 << 20, Threads: 3})
	require.Equal(t, "64.0 MiB|3||UTC", rowsOf(t, c, "SELECT current_setting('memory_limit'), current_setting('threads'), "+
		"current_setting('temp_directory'), current_setting('TimeZone')"))
}

func TestSetTimeZone(t *testing.T) {
	e := openEngine(t, Options{})
	ctx := context.Background()
	c := connOf(t, e)
	require.NoError(t, c.SetTimeZone(ctx, "Asia/Tokyo"))
	require.Error(t, c.SetTimeZone(ctx, "x' y"))
	sql := "SELECT (TIMESTAMPTZ '2024-01-01 00:00:00+00')::VARCHAR"
	require.Equal(t, "2024-01-01 09:00:00+09", rowsOf(t, c, sql))
	require.NoError(t, c.Close())
	require.Equal(t, "2024-01-01 00:00:00+00", rowsOf(t, connOf(t, e), sql), "the zone must not reach the next user")
}

func TestDescribeAndExplain(t *testing.T) {
	c := openConn(t, Options{})
	ctx := context.Background()
	cols, err := c.Describe(ctx, "SELECT 1::DECIMAL(10,2) AS a, [1] AS b, {'x y': 1} AS c, MAP {'k': [2]} AS d, '1'::BIT AS e, sum(1::BIGINT) AS f")
	require.NoError(t, err)
	var got []string
	for _, col := range cols {
		got = append(got, fmt.Sprintf("%s %s %v", col.Name, col.Type, col.Arrow))
	}
	require.Equal(t, []string{"a DECIMAL(10,2) decimal(10, 2)", "b INTEGER[] list<item: int32, nullable>",
		`c STRUCT("x y" INTEGER) struct<x y: int32>`, "d MAP(VARCHAR, INTEGER[]) map<utf8, list<item: int32, nullable>, items_nullable>",
		"e BIT <nil>", "f HUGEINT decimal(38, 0)"}, got)
	_, err = c.Describe(ctx, "SELECT * FROM nowhere")
	var de *Error
	require.ErrorAs(t, err, &de)
	require.Equal(t, KindQuery, de.Kind)
	plan, err := c.Explain(ctx, "SELECT sum(x) FROM range(10) t(x)", true)
	require.NoError(t, err)
	require.Contains(t, plan, "Total Time")
	for _, sql := range []string{"ANALYZE SELECT 1", "COPY (SELECT 1) TO '/tmp/x'", "ANALYZE COPY (SELECT 1) TO '/tmp/x'", "SELECT 1; SELECT 2"} {
		_, err = c.Explain(ctx, sql, false)
		require.Error(t, err, sql)
	}
}

func TestArguments(t *testing.T) {
	c := openConn(t, Options{})
	at := time.Date(2024, 1, 2, 3, 4, 5, 6000, time.FixedZone("x", 3600))
	got := rowsOf(t, c, "SELECT $1::INT, $2, $3, $4, $5, $6, $7, $8::VARCHAR", nil, true, int64(-5), uint8(7), 1.5, "a\x00b", []byte{0, 1}, at)
	require.Equal(t, "∅|true|-5|7|1.5|a\x00b|x0001|2024-01-02 02:04:05.000006+00", got)
	for _, args := range [][]any{{}, {1, 2}, {struct{}{}}} {
		_, err := c.Query(context.Background(), "SELECT $1", args...)
		require.Error(t, err)
	}
}

func TestConnRules(t *testing.T) {
	e := openEngine(t, Options{})
	ctx := context.Background()
	c, err := e.Conn(ctx)
	require.NoError(t, err)
	r, err := c.Query(ctx, "FROM range(100000)")
	require.NoError(t, err)
	_, err = c.Query(ctx, "SELECT 1")
	require.ErrorContains(t, err, "close its open result")
	require.NoError(t, r.Close())
	_, err = r.Next()
	require.ErrorIs(t, err, ErrClosed)
	_, err = c.Exec(ctx, "CREATE TEMP TABLE secret AS SELECT 42 AS x")
	require.NoError(t, err)
	n, err := c.Exec(ctx, "INSERT INTO secret FROM range(7)")
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = c.Query(ctx, "SELECT 1")
	require.ErrorIs(t, err, ErrClosed)
	c2 := connOf(t, e)
	_, err = c2.Query(ctx, "FROM secret")
	require.Error(t, err, "temporary tables must not outlive their user")
}

func TestEngineCloseStopsQueries(t *testing.T) {
	e, err := Open(context.Background(), Options{})
	require.NoError(t, err)
	c, err := e.Conn(context.Background())
	require.NoError(t, err)
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = e.Close()
	}()
	_, err = drain(c.Query(context.Background(), "SELECT count(*) FROM range(100000000000) t(x) WHERE x*x%7=3"))
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, c.Close())
	_, err = e.Conn(context.Background())
	require.ErrorIs(t, err, ErrClosed)
}

func intTable(streams, batches, rows int) *memTable {
	m := &memTable{schema: schemaOf(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String)}
	n := 0
	for range streams {
		var s []arrow.RecordBatch
		for range batches {
			b := array.NewRecordBuilder(memory.DefaultAllocator, m.schema)
			for range rows {
				b.Field(0).(*array.Int64Builder).Append(int64(n))
				b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("value number %d", n))
				n++
			}
			s = append(s, b.NewRecordBatch())
		}
		m.streams = append(m.streams, s)
	}
	return m
}

func TestCancel(t *testing.T) {
	c := openConn(t, Options{})
	blocked := intTable(1, 2, 10)
	blocked.onNext = func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	slow := register(t, c, blocked)
	for name, sql := range map[string]string{
		"running":  "SELECT count(*) FROM range(100000000000) t(x) WHERE x*x%7=3",
		"stream":   "SELECT x FROM range(100000000000) t(x) WHERE x*x%7=3",
		"in scan":  "SELECT * FROM " + slow.SQL(),
		"planning": "SELECT sum(c0) FROM " + slow.SQL(),
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		start := time.Now()
		_, err := drain(c.Query(ctx, sql))
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.Less(t, time.Since(start), 2*time.Second, name)
		require.Zero(t, blocked.open.Load(), name)
		require.Equal(t, "7", rowsOf(t, c, "SELECT 7"), name)
		cancel()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("user pressed stop"))
	_, err := c.Query(ctx, "SELECT 1")
	require.ErrorContains(t, err, "user pressed stop")
	for range 200 { // a cancelled query never disturbs the next one
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Microsecond)
		_, _ = drain(c.Query(ctx, "SELECT sum(x) FROM range(1000) t(x)"))
		cancel()
		require.Equal(t, "499500", rowsOf(t, c, "SELECT sum(x) FROM range(1000) t(x)"))
	}
}

func TestCloseEarly(t *testing.T) {
	c := openConn(t, Options{})
	m := intTable(2, 50, 5000)
	reg := register(t, c, m)
	for range 5 {
		r, err := c.Query(context.Background(), "SELECT * FROM "+reg.SQL())
		require.NoError(t, err)
		b, err := r.Next()
		require.NoError(t, err)
		b.Release()
		require.NoError(t, r.Close())
		require.Zero(t, m.open.Load())
	}
	require.EqualValues(t, 5, m.scans.Load())
	require.Equal(t, "500000", rowsOf(t, c, "SELECT count(*) FROM "+reg.SQL()))
}

func TestScanErrors(t *testing.T) {
	c := openConn(t, Options{})
	ctx := context.Background()
	boom := errors.New("file f-17 is torn")
	for name, f := range map[string]func(context.Context, int) error{
		"first": func(context.Context, int) error { return boom },
		"later": func(_ context.Context, n int) error {
			if n == 3 {
				return boom
			}
			return nil
		},
		"panic": func(context.Context, int) error { panic(boom) },
	} {
		m := intTable(2, 5, 3000)
		m.onNext = f
		reg := register(t, c, m)
		for _, sql := range []string{"SELECT * FROM ", "SELECT sum(c0) FROM ", "SELECT count(*) FROM ", "SELECT c1, count(*) FROM "} {
			sql += reg.SQL()
			if strings.HasPrefix(sql, "SELECT c1") {
				sql += " GROUP BY ALL"
			}
			_, err := drain(c.Query(ctx, sql))
			require.ErrorContains(t, err, "f-17 is torn", name)
			if name != "panic" {
				require.ErrorIs(t, err, boom, name)
			}
			require.Zero(t, m.open.Load(), name)
		}
	}
	m := intTable(1, 1, 1)
	m.closeErr = boom
	_, err := drain(c.Query(ctx, "FROM "+register(t, c, m).SQL()))
	require.ErrorIs(t, err, boom)
	m = intTable(1, 1, 1) // a batch that is not what the schema promised
	m.schema = schemaOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	_, err = drain(c.Query(ctx, "FROM "+register(t, c, m).SQL()))
	require.ErrorContains(t, err, `column "c0": batch has type int64, the schema says utf8`)
	require.Equal(t, "1", rowsOf(t, c, "SELECT 1"))
}

func TestBadValues(t *testing.T) {
	c := openConn(t, Options{})
	check := func(a arrow.Array, msg string) {
		t.Helper()
		reg := register(t, c, newTable(array.NewRecordBatch(schemaOf(a.DataType()), []arrow.Array{a}, int64(a.Len()))))
		_, err := drain(c.Query(context.Background(), "FROM "+reg.SQL()))
		require.ErrorContains(t, err, `column "c0"`)
		require.ErrorContains(t, err, msg)
	}
	text := array.NewStringBuilder(memory.DefaultAllocator)
	text.AppendValues([]string{"ok", "bad \xff"}, nil)
	check(text.NewArray(), "row 1 of the batch is not valid UTF-8")
	text.AppendValues([]string{"\xc3", "\xa9"}, nil) // valid only as a whole
	check(text.NewArray(), "row 0 of the batch is not valid UTF-8")
	dec := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 4, Scale: 2})
	dec.Append(decimal128.FromI64(32767)) // more digits than declared, but the storage holds it
	ok := dec.NewArray()
	reg := register(t, c, newTable(array.NewRecordBatch(schemaOf(ok.DataType()), []arrow.Array{ok}, 1)))
	require.Equal(t, "327.67", rowsOf(t, c, "FROM "+reg.SQL()))
	dec.Append(decimal128.FromI64(32768))
	check(dec.NewArray(), "value 327.68 does not fit decimal(4, 2)")
	dec.Append(decimal128.New(1, 5))
	check(dec.NewArray(), "does not fit decimal(4, 2)")
	ts := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"})
	ts.Append(1001)
	check(ts.NewArray(), "has nanoseconds")
	ts = array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"})
	ts.Append(1 << 62)
	check(ts.NewArray(), "beyond what microseconds can hold")
}

func TestReleased(t *testing.T) {
	c := openConn(t, Options{})
	ctx := context.Background()
	m := intTable(1, 5, 3000)
	reg := register(t, c, m)
	m.onNext = func(ctx context.Context, n int) error {
		if n == 2 {
			reg.Release()
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	_, err := drain(c.Query(ctx, "FROM "+reg.SQL()))
	require.ErrorContains(t, err, "released")
	_, err = c.Query(ctx, "FROM "+reg.SQL())
	require.ErrorContains(t, err, "not registered")
	for _, h := range []string{"1", "NULL", "-1", "9223372036854775807", "0"} {
		_, err = c.Query(ctx, "FROM tarn_scan("+h+")")
		require.ErrorContains(t, err, "not registered")
	}
}

func TestProjection(t *testing.T) {
	c := openConn(t, Options{})
	m := intTable(3, 4, 1000)
	reg := register(t, c, m)
	for sql, want := range map[string]struct {
		columns []int
		rows    string
	}{
		"SELECT count(*) FROM %s":                 {[]int{0}, "12000"},
		"SELECT sum(c0) FROM %s":                  {[]int{0}, "71994000"},
		"SELECT max(c1), count(c0) FROM %s":       {[]int{1, 0}, "value number 9999|12000"},
		"SELECT 1 FROM %s LIMIT 1":                {[]int{0}, "1"},
		"SELECT c0 FROM %s WHERE c1 LIKE '%% 77'": {[]int{1, 0}, "77"},
		"SELECT count(*) FROM %s WHERE c0 < 0":    {[]int{0}, "0"},
	} {
		require.Equal(t, want.rows, rowsOf(t, c, fmt.Sprintf(sql, reg.SQL())), sql)
		got := *m.columns.Load()
		require.ElementsMatch(t, want.columns, got, sql)
	}
	_, err := c.Query(context.Background(), "SELECT rowid FROM "+reg.SQL())
	require.ErrorContains(t, err, "rowid", "there is no hidden column")
}

// Without aggregate or ORDER BY the rows come in the order of the streams.
func TestOrderKept(t *testing.T) {
	c := openConn(t, Options{Threads: 4})
	m := intTable(4, 5, 3000)
	reg := register(t, c, m)
	check := func(sql string, step int64) {
		t.Helper()
		r, err := c.Query(context.Background(), sql)
		require.NoError(t, err)
		next, rows := int64(0), 0
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			for _, v := range b.Column(0).(*array.Int64).Int64Values() {
				require.Equal(t, next, v, sql)
				next += step
				rows++
			}
			b.Release()
		}
		require.NoError(t, r.Close())
		require.EqualValues(t, 60000/step, rows)
	}
	check("SELECT c0 FROM "+reg.SQL(), 1)
	check("SELECT c0, upper(c1) FROM "+reg.SQL()+" WHERE c0 % 3 = 0", 3)
	_, err := c.Exec(context.Background(), "CREATE TEMP TABLE copied AS SELECT * FROM "+reg.SQL())
	require.NoError(t, err)
	check("SELECT c0 FROM copied", 1)
}

func TestReplaceUnderPlan(t *testing.T) {
	c := openConn(t, Options{})
	ctx := context.Background()
	reg := register(t, c, intTable(1, 1, 1))
	s, err := c.Prepare(ctx, "SELECT count(*) FROM "+reg.SQL()+" WHERE c0 >= $1")
	require.NoError(t, err)
	for n := range 20 {
		require.NoError(t, reg.Replace(intTable(1, 1, n+1)))
		r, err := s.Query(ctx, 1)
		require.NoError(t, err)
		b, err := r.Next()
		require.NoError(t, err)
		require.EqualValues(t, n, b.Column(0).(*array.Int64).Value(0))
		require.NoError(t, r.Close())
	}
	other := newTable(array.NewRecordBatch(schemaOf(), nil, 0))
	require.ErrorContains(t, reg.Replace(other), "schema differs")
	require.NoError(t, s.Close())
	_, err = s.Query(ctx, 1)
	require.ErrorIs(t, err, ErrClosed)
}

func TestMemoryLimit(t *testing.T) {
	ctx := context.Background()
	sql := "SELECT x FROM range(%d) t(x) ORDER BY hash(x)"
	c := openConn(t, Options{MemoryLimit: 32 << 20, MemoryLimitName: "query.memory-limit", Threads: 2})
	_, err := drain(c.Query(ctx, fmt.Sprintf(sql, 6000000)))
	var de *Error
	require.ErrorAs(t, err, &de)
	require.Equal(t, KindMemory, de.Kind)
	require.ErrorContains(t, err, "memory limit of 32 MiB: raise query.memory-limit, or let the query spill")
	require.Equal(t, "1", rowsOf(t, c, "SELECT 1"), "the engine goes on")

	spill := openConn(t, Options{MemoryLimit: 32 << 20, Threads: 2, TempDir: filepath.Join(t.TempDir(), "new")})
	rows, err := drain(spill.Query(ctx, fmt.Sprintf(sql, 6000000)))
	require.NoError(t, err)
	require.EqualValues(t, 6000000, rows)
}

func TestConcurrent(t *testing.T) {
	e := openEngine(t, Options{Threads: 4})
	m := intTable(3, 5, 1000)
	reg := e.Register(context.Background(), m)
	defer reg.Release()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				c, err := e.Conn(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithCancel(context.Background())
				if (w+i)%4 == 0 {
					time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel)
				}
				n, err := drain(c.Query(ctx, "SELECT c1, sum(c0) FROM "+reg.SQL()+" GROUP BY c1"))
				if err == nil && n != 15000 || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%d rows, %v", n, err)
				}
				cancel()
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, m.open.Load())
}
