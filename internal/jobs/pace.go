package jobs

import (
	"time"

	"github.com/tarndb/tarn/internal/ingest/source"
)

// idleCommitEvery is how often a sink commits positions that moved without
// any row, so that sources may forget what lies behind them.
const idleCommitEvery = time.Minute

// lingerMost is how long a sink that follows tables waits for more of them at most:
// the tables of one job are committed within some milliseconds.
const lingerMost = 20 * time.Millisecond

// comesInCommits reports whether a source's rows come commit by commit of a
// table, so that their writer has set the pace already.
func comesInCommits(s source.Source) bool {
	c, ok := s.(interface{ ComesInCommits() bool })
	return ok && c.ComesInCommits()
}

// due is when the sink's next commit is; far away if it has nothing to commit.
//
// The interval counts from the beginning of one commit to that of the next. A
// sink that follows tables may commit after half of it: the tables' own
// interval keeps the pace, and waiting for the rest of this one would delay
// every row by the distance of two clocks of the same speed.
func (s *sink) due(interval time.Duration) time.Time {
	switch {
	case s.rows > 0 && s.follows:
		due := s.last.Add(interval / 2)
		if linger := s.first.Add(min(interval/5, lingerMost)); linger.After(due) {
			return linger
		}
		return due
	case s.rows > 0:
		return s.last.Add(interval)
	case s.moved && s.open == 0:
		return time.Time{}
	case s.moved:
		return s.last.Add(max(idleCommitEvery, interval))
	}
	return time.Now().Add(time.Hour)
}
