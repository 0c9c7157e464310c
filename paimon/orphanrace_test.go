package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// race runs writers, a compactor, an expirer, one that tags and one that
// removes orphans on one table. Files that are younger than the oldest change
// under way are what 'older_than' has to spare, and nothing more.
type race struct {
	l     *lake
	until time.Time

	mu      sync.Mutex
	begun   map[int]time.Time // changes under way
	rows    map[int]string    // committed
	removed int
	err     error
}

// under runs a change that files may be written for, of which none counts as
// an orphan meanwhile. Clocks of file systems may be a few milliseconds behind.
func (r *race) under(who int, change func() error) error {
	r.mu.Lock()
	r.begun[who] = time.Now().Add(-20 * time.Millisecond)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.begun, who)
		r.mu.Unlock()
	}()
	return change()
}

// oldest is the time that files have to be older than to be orphans.
func (r *race) oldest() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := time.Now().Add(-20 * time.Millisecond)
	for _, b := range r.begun {
		if b.Before(at) {
			at = b
		}
	}
	return at
}

func (r *race) loop(what string, step func(i int) error) {
	for i := 0; time.Now().Before(r.until); i++ {
		r.mu.Lock()
		stop := r.err != nil
		r.mu.Unlock()
		if stop {
			return
		}
		if err := step(i); err != nil {
			r.mu.Lock()
			r.err = errors.Join(r.err, fmt.Errorf("%s, step %d: %w", what, i, err))
			r.mu.Unlock()
			return
		}
	}
}

// write commits some rows of its own; one in four times the writer is gone
// before it commits, and what it wrote is left lying.
func (r *race) write(who int, rnd *rand.Rand) func(i int) error {
	return func(i int) error {
		return r.under(who, func() error {
			t, err := r.l.open("", nil)
			if err != nil {
				return err
			}
			w, err := t.NewWriter(r.l.ctx, paimon.WriteOptions{})
			if err != nil {
				return err
			}
			defer w.Close(r.l.ctx)
			var list []string
			mine := map[int]string{}
			for range 1 + rnd.IntN(4) {
				id := who*10 + rnd.IntN(10)
				if _, twice := mine[id]; twice {
					continue
				}
				mine[id] = fmt.Sprintf("v%d.%d", who, i)
				list = append(list, fmt.Sprintf("+I %d %s", id, mine[id]))
			}
			if err := w.Write(r.l.ctx, rows(r.l.t, t, list...)); err != nil {
				return err
			}
			messages, err := w.Prepare(r.l.ctx, true)
			if err != nil || rnd.IntN(4) == 0 {
				return err
			}
			if _, err := t.NewCommitter("").Commit(r.l.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages}); err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			for id, v := range mine {
				r.rows[id] = v
			}
			return nil
		})
	}
}

// lost forgives that another was first, or that what was looked at expired.
func lost(err error) error {
	if errors.Is(err, errs.ErrConflict) || errors.Is(err, errs.ErrNotFound) {
		return nil
	}
	return err
}

func (r *race) start() *sync.WaitGroup {
	var all sync.WaitGroup
	ctx, l := r.l.ctx, r.l
	with := func(do func(t *paimon.Table, i int) error) func(int) error {
		return func(i int) error {
			t, err := l.open("", nil)
			if err != nil {
				return err
			}
			return do(t, i)
		}
	}
	seed := seedOf(l.t)
	for who := range 3 {
		all.Go(func() {
			step := r.write(who, rand.New(rand.NewPCG(seed, uint64(who))))
			r.loop("writer", func(i int) error { return lost(step(i)) })
		})
	}
	all.Go(func() {
		r.loop("compactor", with(func(t *paimon.Table, i int) error {
			return r.under(10, func() error {
				_, err := t.Compact(ctx, paimon.CompactOptions{Full: i%2 == 0})
				return lost(err)
			})
		}))
	})
	all.Go(func() {
		r.loop("analyzer", with(func(t *paimon.Table, i int) error {
			time.Sleep(5 * time.Millisecond)
			return r.under(11, func() error {
				_, err := t.Analyze(ctx, paimon.AnalyzeOptions{})
				return lost(err)
			})
		}))
	})
	all.Go(func() {
		r.loop("expirer", with(func(t *paimon.Table, i int) error {
			time.Sleep(3 * time.Millisecond)
			_, err := t.Expire(ctx, paimon.ExpireOptions{RetainMax: 6, RetainMin: 5, OlderThan: time.Now().Add(time.Hour)})
			return err
		}))
	})
	all.Go(func() {
		r.loop("tagger", with(func(t *paimon.Table, i int) error {
			time.Sleep(20 * time.Millisecond)
			if err := t.CreateTag(ctx, fmt.Sprint("t", i), paimon.TagOptions{}); err != nil {
				return err
			}
			if i < 4 {
				return nil
			}
			if i%2 == 0 {
				return t.RenameTag(ctx, fmt.Sprint("t", i-4), fmt.Sprint("kept", i))
			}
			return t.DeleteTag(ctx, fmt.Sprint("t", i-4))
		}))
	})
	all.Go(func() {
		r.loop("cleaner", with(func(t *paimon.Table, i int) error {
			found, err := t.RemoveOrphans(ctx, r.oldest(), i%4 == 3)
			r.mu.Lock()
			defer r.mu.Unlock()
			if i%4 != 3 {
				r.removed += len(found.Paths)
			}
			return err
		}))
	})
	return &all
}

// TestOrphansBesideWriters removes orphans as fast as it can while others write,
// compact, analyze, tag and expire: every version reads on, and the table has the rows
// that were committed.
func TestOrphansBesideWriters(t *testing.T) {
	for _, kind := range []string{"memory", "files"} {
		t.Run(kind, func(t *testing.T) {
			var store fileio.Store = fileio.NewMem()
			if kind == "files" {
				var err error
				store, err = fileio.NewLocal(t.TempDir())
				require.NoError(t, err)
			}
			l := newLake(t, store, catalog.Definition{PrimaryKeys: []string{"id"},
				Options: map[string]string{"bucket": "2", "write-only": "true", "commit.max-retries": "1000", "commit.min-retry-wait": "1 ms", "commit.max-retry-wait": "20 ms"}})
			require.NoError(t, l.write("", 1))
			r := &race{l: l, until: time.Now().Add(1500 * time.Millisecond), begun: map[int]time.Time{}, rows: map[int]string{1: "v1"}}
			r.start().Wait()
			require.NoError(t, r.err)
			require.Positive(t, r.removed)
			l.check("after the race")
			var want []string
			for id, v := range r.rows {
				want = append(want, fmt.Sprintf("+I%d%s", id, v))
			}
			slices.Sort(want)
			l.newest(t, "after the race", strings.Join(want, ","))
			_, err := l.table("").RemoveOrphans(context.Background(), time.Now().Add(time.Hour), false)
			require.NoError(t, err)
			require.Empty(t, l.orphans())
			l.check("after all orphans are gone")
			snap, err := l.table("").LatestSnapshot(l.ctx)
			require.NoError(t, err)
			t.Logf("%d snapshots, %d orphans removed meanwhile", snap.ID, r.removed)
		})
	}
}
