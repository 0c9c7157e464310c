// Package dict gives ids to the keys of dictionary tables: tables with
// merge-engine = first-row that map a key, such as a device, to a BIGINT.
//
// AutoID makes ids that are unique without looking at the table: the first-row
// engine keeps the first one of each key. Dense makes the ids 1, 2, 3, … without
// gaps; it has to know which keys the table has.
package dict

import (
	"context"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// The layout of an id, from high to low: milliseconds since baseMillis (41
// bits), worker (15), sequence number (7). It is that of yitter's IdGenerator
// with WorkerIdBitLength 15 and SeqBitLength 7, so ids of a dictionary that its
// users filled before fit beside those made here.
const (
	baseMillis = 1582136402000 // 2020-02-19 18:20:02 UTC
	workerBits = 15
	seqBits    = 7
	tickShift  = workerBits + seqBits
	maxTick    = 1<<(63-tickShift) - 1

	// Sequence number 0 is left to ids made by hand, 1 to 4 are for times at
	// which the clock stepped back.
	minSeq  = 5
	maxSeq  = 1<<seqBits - 1
	backSeq = 4
	perTick = maxSeq - minSeq + 1

	// blockWorkers is how many worker ids a process holds: one alone makes no
	// more than 123 ids in a millisecond.
	blockWorkers = 64
	blocks       = 1 << workerBits / blockWorkers
	perBlockTick = blockWorkers * perTick

	// driftMost is how far, in milliseconds, ids may run ahead of the clock
	// while more are asked for than fit into a millisecond.
	driftMost = 2000
)

// AutoIDOptions of an AutoID; the zero value is right outside tests.
type AutoIDOptions struct {
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Sleep waits, or returns ctx.Err(); default with a timer.
	Sleep func(ctx context.Context, d time.Duration) error
}

// AutoID makes ids that no other AutoID of the warehouse makes: not in another
// goroutine or process, not before or after a restart, not when the clock steps
// back. It may be shared by goroutines. Ids are positive; those of one AutoID
// grow but for those made while the clock was back. Nothing is written to the
// warehouse before the first id is asked for.
type AutoID struct {
	o      AutoIDOptions
	leases leases

	mu    sync.Mutex
	lease *lease // nil before the first id and after Close
	clock int64  // newest reading, in ticks
	tick  int64  // of the ids being made; ahead of the clock at times
	used  int    // ids of tick that are given
	turn  turn
}

// turn is a time in which the clock is behind its newest reading. Its ids have
// the reserved sequence numbers, at ticks of this lease that have passed, from
// the newest down. Each turn has a number of its own, or where that comes
// again, stays above the ticks that its last turn used.
type turn struct {
	on    bool
	turns int
	tick  int64              // of the ids being made
	used  int                // ids of tick that are given, one a worker
	top   [backSeq + 1]int64 // per number: the newest tick that it was used at
}

// NewAutoID makes a generator of ids over the warehouse in store.
func NewAutoID(store fileio.Store, o AutoIDOptions) *AutoID {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &AutoID{o: o, leases: leases{store}}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Fill sets every element of out to a new id.
func (a *AutoID) Fill(ctx context.Context, out []int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(out) > 0 {
		n, err := a.some(ctx, out)
		if err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// some fills the beginning of out and gives how much; 0 asks to be called again.
func (a *AutoID) some(ctx context.Context, out []int64) (int, error) {
	now := a.o.Now().UnixMilli() - baseMillis
	if now <= 0 || now >= maxTick-driftMost {
		return 0, errs.Invalid("auto_id: the clock shows %s, ids hold times from 2020-02-20 to 2089; set the clock", a.o.Now().UTC().Format(time.RFC3339))
	}
	if a.lease == nil {
		return 0, a.begin(ctx, now)
	}
	if now < a.clock {
		return a.fromThePast(ctx, now, out)
	}
	a.clock, a.turn.on = now, false
	if now > a.tick {
		a.tick, a.used = now, 0
	}
	if a.used == perBlockTick {
		if ahead := a.tick + 1 - now; ahead > driftMost {
			return 0, a.o.Sleep(ctx, time.Millisecond)
		}
		a.tick, a.used = a.tick+1, 0
	}
	if a.tick > a.lease.until {
		if ok, err := a.leases.renew(ctx, a.lease, max(now, a.tick)); err != nil || !ok {
			a.lease = nil // it lapsed and another process has it
			return 0, err
		}
	}
	n := min(len(out), perBlockTick-a.used)
	emit(out[:n], a.tick, a.lease.block, a.used)
	a.used += n
	return n, nil
}

// emit writes ids of one tick, from the used-th on.
func emit(out []int64, tick int64, block, used int) {
	base := tick<<tickShift | int64(block*blockWorkers)<<seqBits
	worker, seq := int64(used/perTick), int64(used%perTick)
	for i := range out {
		out[i] = base + worker<<seqBits + seq + minSeq
		if seq++; seq == perTick {
			worker, seq = worker+1, 0
		}
	}
}

// begin takes a lease that nobody has.
func (a *AutoID) begin(ctx context.Context, now int64) error {
	l, err := a.leases.take(ctx, now)
	if err != nil {
		return err
	}
	a.lease, a.clock, a.tick, a.used, a.turn = l, now, l.from, 0, turn{}
	for i := range a.turn.top {
		a.turn.top[i] = l.from - 1
	}
	return nil
}

// fromThePast makes ids while the clock is back. When the lease's past is used
// up, another lease goes on from the time that the clock shows now.
func (a *AutoID) fromThePast(ctx context.Context, now int64, out []int64) (int, error) {
	t := &a.turn
	seq := (t.turns - 1) % backSeq
	if !t.on {
		seq = t.turns % backSeq
		t.on, t.tick, t.used = true, a.tick-1, 0
		t.turns++
		t.top[0] = t.top[seq+1] // what the number used before
		t.top[seq+1] = max(t.top[seq+1], t.tick)
	}
	if t.used == blockWorkers {
		t.tick, t.used = t.tick-1, 0
	}
	if t.tick <= t.top[0] {
		return 0, a.begin(ctx, now)
	}
	n := min(len(out), blockWorkers-t.used)
	base := t.tick<<tickShift | int64(a.lease.block*blockWorkers+t.used)<<seqBits | int64(seq+1)
	for i := range n {
		out[i] = base + int64(i)<<seqBits
	}
	t.used += n
	return n, nil
}

// Close gives the worker ids back, so that the next process may take them at
// once. Ids may still be asked for: they are of another lease.
func (a *AutoID) Close(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lease == nil {
		return nil
	}
	l := a.lease
	a.lease = nil
	return a.leases.release(ctx, l, max(a.tick, a.clock))
}
