package dict

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// fakeClock is a clock that tests turn; sleeping turns it too.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *fakeClock { return &fakeClock{at: time.UnixMilli(baseMillis + 1_000_000_000)} }

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *fakeClock) options() AutoIDOptions {
	return AutoIDOptions{Now: c.now, Sleep: func(_ context.Context, d time.Duration) error { c.turn(d); return nil }}
}

// given collects ids and fails on the second of its kind.
type given struct {
	t   *testing.T
	ids map[int64]bool
}

func (g *given) take(a *AutoID, n int, what string) []int64 {
	g.t.Helper()
	out := make([]int64, n)
	require.NoError(g.t, a.Fill(context.Background(), out), what)
	for _, id := range out {
		if id <= 0 || g.ids[id] {
			g.t.Fatalf("%s: id %s was given before", what, parts(id))
		}
		g.ids[id] = true
	}
	return out
}

func parts(id int64) string {
	return fmt.Sprintf("%d = tick %d, worker %d, number %d", id, id>>tickShift, id>>seqBits&(1<<workerBits-1), id&(1<<seqBits-1))
}

func TestAutoIDLayout(t *testing.T) {
	clock := newClock()
	a := NewAutoID(fileio.NewMem(), clock.options())
	g := given{t, map[int64]bool{}}
	ids := g.take(a, perTick+2, "first")
	require.Equal(t, int64(1_000_000_000)<<22|0<<7|5, ids[0], parts(ids[0]))
	require.Equal(t, int64(1_000_000_000)<<22|0<<7|127, ids[perTick-1], parts(ids[perTick-1]))
	require.Equal(t, int64(1_000_000_000)<<22|1<<7|5, ids[perTick], parts(ids[perTick]))
	clock.turn(time.Millisecond)
	require.Equal(t, int64(1_000_000_001)<<22|5, g.take(a, 1, "a millisecond later")[0])

	// More than a millisecond has runs ahead of the clock, but not far.
	many := make([]int64, 3000*perBlockTick)
	require.NoError(t, a.Fill(context.Background(), many))
	for i := 1; i < len(many); i++ {
		if many[i] <= many[i-1] {
			t.Fatalf("%s comes after %s", parts(many[i]), parts(many[i-1]))
		}
	}
	require.LessOrEqual(t, many[len(many)-1]>>tickShift, clock.now().UnixMilli()-baseMillis+driftMost)
}

func TestAutoIDClockSteppedBack(t *testing.T) {
	clock := newClock()
	store := fileio.NewMem()
	a := NewAutoID(store, clock.options())
	g := given{t, map[int64]bool{}}
	g.take(a, 10, "begin")
	clock.turn(10 * time.Millisecond)
	top := g.take(a, 10, "10 ms later")[0] >> tickShift
	clock.turn(-5 * time.Millisecond)
	back := g.take(a, 2*blockWorkers, "clock is back")
	require.Equal(t, top-1, back[0]>>tickShift, parts(back[0]))
	require.Equal(t, int64(1), back[0]&maxSeq)
	require.Equal(t, top-2, back[blockWorkers]>>tickShift)
	require.Equal(t, int64(0), a.lease.from-(top-10), "one lease")

	g.take(a, 8*blockWorkers, "the past is used up")
	g.take(a, 1, "another lease goes on")
	require.NotZero(t, a.lease.block)
	clock.turn(time.Hour)
	g.take(a, 100, "the clock is right again")
}

// Turns of one number must not overlap, however often the clock steps back.
func TestAutoIDManyTurns(t *testing.T) {
	clock := newClock()
	a := NewAutoID(fileio.NewMem(), clock.options())
	g := given{t, map[int64]bool{}}
	g.take(a, 1, "begin")
	clock.turn(time.Second)
	for i := range 50 {
		g.take(a, 3, "forward")
		clock.turn(-3 * time.Millisecond)
		g.take(a, 5*blockWorkers, fmt.Sprintf("turn %d", i))
		clock.turn(4 * time.Millisecond)
	}
}

// Processes start, stop, are killed and sleep in any order, with clocks of
// their own that go wrong; no id comes twice.
func TestAutoIDModel(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	store := fileio.NewMem()
	type process struct {
		a     *AutoID
		clock *fakeClock
	}
	shared := newClock()
	var running []*process
	g := given{t, map[int64]bool{}}
	for step := range 2000 {
		what := fmt.Sprintf("seed %d, step %d", seed, step)
		switch k := r.Intn(20); {
		case k < 2 && len(running) < 6 || len(running) == 0:
			c := &fakeClock{at: shared.now().Add(time.Duration(r.Intn(2000)-1000) * time.Millisecond)}
			running = append(running, &process{NewAutoID(store, c.options()), c})
		case k == 2: // killed
			running = append(running[:0:0], running[1:]...)
		case k == 3:
			require.NoError(t, running[0].a.Close(context.Background()), what)
		case k == 4:
			running[r.Intn(len(running))].clock.turn(-time.Duration(r.Intn(5000)) * time.Millisecond)
		case k == 5:
			running[r.Intn(len(running))].clock.turn(time.Duration(r.Intn(60)) * time.Second)
		case k < 10:
			d := time.Duration(r.Intn(50)) * time.Millisecond
			shared.turn(d)
			for _, p := range running {
				p.clock.turn(d)
			}
		default:
			g.take(running[r.Intn(len(running))].a, 1+r.Intn(3*blockWorkers), what)
		}
	}
}

func TestAutoIDGoroutines(t *testing.T) {
	store := fileio.NewMem()
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for range 3 {
		a := NewAutoID(store, AutoIDOptions{})
		for range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 20 {
					out := make([]int64, 1000)
					if err := a.Fill(context.Background(), out); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, id := range out {
						if seen[id] {
							t.Errorf("id %s came twice", parts(id))
						}
						seen[id] = true
					}
					mu.Unlock()
				}
			}()
		}
	}
	wg.Wait()
	require.Len(t, seen, 9*20*1000)
}

func TestAutoIDErrors(t *testing.T) {
	ctx := context.Background()
	clock := &fakeClock{at: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)}
	store := fileio.NewMem()
	err := NewAutoID(store, clock.options()).Fill(ctx, make([]int64, 1))
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "set the clock")

	clock = newClock()
	require.NoError(t, store.Put(ctx, leasePath(0, 7), []byte("{")))
	err = NewAutoID(store, clock.options()).Fill(ctx, make([]int64, 1))
	require.ErrorIs(t, err, errs.ErrCorrupt)
	require.ErrorContains(t, err, ".tarn/workers/000-7")

	store = fileio.NewMem()
	for range blocks {
		require.NoError(t, NewAutoID(store, clock.options()).Fill(ctx, make([]int64, 1)))
	}
	err = NewAutoID(store, clock.options()).Fill(ctx, make([]int64, 1))
	require.ErrorContains(t, err, "all 512 blocks of worker ids")
	clock.turn(leaseTicks*time.Millisecond + time.Millisecond)
	require.NoError(t, NewAutoID(store, clock.options()).Fill(ctx, make([]int64, 1)))
}

func BenchmarkAutoID(b *testing.B) {
	a := NewAutoID(fileio.NewMem(), AutoIDOptions{})
	out := make([]int64, 2048)
	for b.Loop() {
		if err := a.Fill(context.Background(), out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*2048/b.Elapsed().Seconds()/1e6, "Mids/s")
}
