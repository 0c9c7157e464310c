package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
)

// compactor compacts write-only tables in the background, so that readers stay
// fast and the changelog of `lookup` appears.
type compactor struct {
	w     *paimon.Warehouse
	every time.Duration
	wake  chan struct{}

	mu     sync.Mutex
	tables map[string]*service
}

// service is one table under care.
type service struct {
	table *paimon.Table
	dirty bool      // commits since the last compaction began
	last  time.Time // end of the last compaction
	busy  sync.Mutex
	err   error // of the last compaction
}

func newCompactor(w *paimon.Warehouse, every time.Duration) *compactor {
	return &compactor{w: w, every: every, wake: make(chan struct{}, 1), tables: map[string]*service{}}
}

// compactedApart reports whether the writers of a table leave compaction, or
// the choice of buckets, to somebody else.
func compactedApart(t *paimon.Table) bool { return t.Options().WriteOnly || t.Options().Bucket == -2 }

// touch says that a job committed to t.
func (c *compactor) touch(t *paimon.Table) {
	if !compactedApart(t) {
		return
	}
	c.mu.Lock()
	s := c.tables[t.Name()]
	if s == nil {
		s = &service{table: t}
		c.tables[t.Name()] = s
	}
	s.table, s.dirty = t, true // a table made anew is another one
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run compacts what was touched until ctx ends.
func (c *compactor) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s, wait := c.next()
		if s != nil {
			if err := c.compact(ctx, s); ctx.Err() == nil {
				c.mu.Lock()
				s.err = err
				c.mu.Unlock()
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// next gives the dirty table whose turn has come, or how long to wait.
func (c *compactor) next() (*service, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := time.Hour
	for _, s := range c.tables {
		if !s.dirty {
			continue
		}
		if left := time.Until(s.last.Add(c.every)); left > 0 {
			wait = min(wait, left)
			continue
		}
		return s, 0
	}
	return nil, wait
}

// compact does one compaction. Losing a race to another compactor is no
// failure: the next round sees what it did.
func (c *compactor) compact(ctx context.Context, s *service) error {
	s.busy.Lock()
	defer s.busy.Unlock()
	c.mu.Lock()
	s.dirty = false
	table := s.table
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		s.last = time.Now()
		c.mu.Unlock()
	}()
	_, err := table.Compact(ctx, paimon.CompactOptions{})
	if errors.Is(err, errs.ErrConflict) { // what the other job left is for the next round
		c.touch(table)
		return nil
	}
	if err != nil {
		c.touch(table)
		return fmt.Errorf("background compaction: %w", err)
	}
	return nil
}

// settleTries bounds how often settle begins anew because it lost a race.
const settleTries = 5

// settle compacts a write-only table once more after its last commit.
func (c *compactor) settle(ctx context.Context, t *paimon.Table) error {
	if !compactedApart(t) {
		return nil
	}
	c.touch(t)
	c.mu.Lock()
	s := c.tables[t.Name()]
	c.mu.Unlock()
	for range settleTries {
		if err := c.compact(ctx, s); err != nil {
			return err
		}
		c.mu.Lock()
		dirty := s.dirty
		c.mu.Unlock()
		if !dirty {
			break
		}
	}
	return nil
}

// failure gives the error of the last compaction of a table, nil if it went
// well; the next one may heal it.
func (c *compactor) failure(table string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.tables[table]; s != nil {
		return s.err
	}
	return nil
}
