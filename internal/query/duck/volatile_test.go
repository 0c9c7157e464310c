package duck

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVolatile(t *testing.T) {
	var next, calls, longest atomic.Int64
	c := openConn(t, Options{Threads: 2, Volatile: map[string]func([]int64) error{"tarn_next": func(out []int64) error {
		calls.Add(1)
		longest.Store(max(longest.Load(), int64(len(out))))
		from := next.Add(int64(len(out))) - int64(len(out))
		for i := range out {
			out[i] = from + int64(i)
		}
		return nil
	}}})
	require.Equal(t, "0", rowsOf(t, c, "SELECT tarn_next()"))
	require.Equal(t, "1|2", rowsOf(t, c, "SELECT tarn_next(), tarn_next()"))
	require.Equal(t, "3\n4\n5", rowsOf(t, c, "SELECT tarn_next() FROM range(3)"))
	require.Equal(t, "6|7\n8|9", rowsOf(t, c, "SELECT min(a), max(a) FROM (SELECT r // 2 AS g, tarn_next() AS a FROM range(4) t(r)) GROUP BY g ORDER BY g"))
	require.Equal(t, "0|∅\n1|10\n2|∅\n3|11", rowsOf(t, c, "SELECT r, CASE WHEN r % 2 = 1 THEN tarn_next() END FROM range(4) t(r)"),
		"only the rows that need one get an id")
	calls.Store(0)
	require.Equal(t, "1000000|1000000|12|1000011", rowsOf(t, c, "SELECT count(*), count(DISTINCT a), min(a), max(a) "+
		"FROM (SELECT tarn_next() AS a FROM range(1000000))"))
	require.Equal(t, int64(2048), longest.Load())
	require.Less(t, calls.Load(), int64(600), "one call a chunk")

	s, err := c.Prepare(context.Background(), "SELECT tarn_next() WHERE $1 = 1")
	require.NoError(t, err)
	for range 2 {
		before := next.Load()
		rows, err := drain(s.Query(context.Background(), int64(1)))
		require.NoError(t, err)
		require.Equal(t, int64(1), rows)
		require.Equal(t, before+1, next.Load(), "every execution of a plan asks anew")
	}
	require.NoError(t, s.Close())
}

func TestVolatileFails(t *testing.T) {
	full := errors.New("no more ids")
	c := openConn(t, Options{Volatile: map[string]func([]int64) error{
		"tarn_full":  func([]int64) error { return full },
		"tarn_panic": func([]int64) error { panic("boom") },
	}})
	_, err := drain(c.Query(context.Background(), "SELECT tarn_full() FROM range(10)"))
	require.ErrorIs(t, err, full)
	require.ErrorContains(t, err, "tarn_full")
	_, err = drain(c.Query(context.Background(), "SELECT tarn_panic()"))
	require.ErrorContains(t, err, "boom")
	_, err = drain(c.Query(context.Background(), "SELECT tarn_full(1)"))
	require.ErrorContains(t, err, "tarn_full")
	require.Equal(t, "1", rowsOf(t, c, "SELECT 1"), "the connection stays usable")

	for name, f := range map[string]func([]int64) error{"sum": func([]int64) error { return nil }, "tarn_": func([]int64) error { return nil },
		"tarn_A": func([]int64) error { return nil }, "tarn_a b": func([]int64) error { return nil }, "tarn_nil": nil} {
		_, err := Open(context.Background(), Options{Volatile: map[string]func([]int64) error{name: f}})
		require.ErrorContains(t, err, "volatile function", name)
	}
}
