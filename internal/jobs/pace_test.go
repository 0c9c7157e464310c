package jobs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// When a sink commits next, counted from the beginning of its last commit.
func TestDue(t *testing.T) {
	last := time.Now()
	ms := func(n int) time.Time { return last.Add(time.Duration(n) * time.Millisecond) }
	for _, c := range []struct {
		name     string
		sink     sink
		interval time.Duration
		want     time.Time
	}{
		{"rows wait for the interval", sink{rows: 1, first: ms(10)}, time.Second, ms(1000)},
		{"rows of tables wait for half of it", sink{rows: 1, first: ms(10), follows: true}, time.Second, ms(500)},
		{"late rows of tables wait for their companions", sink{rows: 1, first: ms(900), follows: true}, time.Second, ms(920)},
		{"and less where the interval is short", sink{rows: 1, first: ms(40), follows: true}, 50 * time.Millisecond, ms(50)},
		{"positions alone wait long", sink{moved: true, open: 1}, time.Second, ms(60000)},
		{"but not when all inputs have ended", sink{moved: true}, time.Second, time.Time{}},
	} {
		c.sink.last = last
		require.Equal(t, c.want, c.sink.due(c.interval), c.name)
	}
	require.Greater(t, time.Until((&sink{open: 1}).due(time.Second)), time.Minute, "nothing to commit")
}
