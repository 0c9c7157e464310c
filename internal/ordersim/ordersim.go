// Package ordersim behaves like the order system of a shop: orders, devices,
// coupons and refunds, as transactions over the four business tables of the
// membership example. It writes them as Debezium event files or runs them
// against a MySQL or MariaDB server, and works out on its own, without any code
// of Tarn, what the tables of the lake must hold in the end.
//
// What happens: orders go from created over paid to finished, cancelled or
// refunded; an order has up to three refunds, whose status changes; coupons
// are claimed and used. Device data come with the order or minutes later; some
// refunds and coupons come before their order. Rows are updated with the values
// that they have. Texts hold Chinese, emoji, quotes and control characters;
// many columns are NULL. Some transactions are rolled back.
//
// # What keeps the result defined
//
// The wide table merges four streams that are ordered within a key only, so
// the simulator never does what would make its rows depend on the order of
// arrival, or on when the LSM merges:
//
//   - An order has at most one coupon, ever: two coupons are two keys of
//     order_coupon_info, and whichever comes last would win.
//   - Keys never change. A deleted key never comes back, but for rows that are
//     replaced: deleted and inserted in one transaction, with a value for every
//     column that had one.
//   - Refunds are not deleted. nested_update forgets a retraction that meets
//     other records of its key before the record that it takes back (in a write
//     buffer or an intermediate compaction).
//   - With Options.Settled, no column of orders, devices and coupons that has a
//     value is set to NULL, and no coupon is deleted.
//
// Without Settled the result is defined only for a wide table whose job saw
// every change by itself, not as part of the state that a first snapshot holds:
// partial-update takes non-null values only, so the wide table keeps the value
// from before the NULL; and a deleted coupon stays in it, because its columns
// are in no sequence group, which a retraction leaves alone. A job that begins
// with the rows as they are never hears of either.
//
// Events are told once. A log that repeats itself is allowed to repeat an
// event, but an exact changelog is not, so what is doubled here is an update
// whose before equals its after.
package ordersim

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Options configure a simulator. The zero value is usable.
type Options struct {
	// Seed: simulators with equal options make the same transactions.
	Seed uint64
	// Start is when the simulator's clock begins; default 2024-03-01 00:00 UTC.
	// Times are written as that wall clock in UTC.
	Start time.Time
	// Step is the mean time between two transactions on that clock; default
	// 500 ms.
	Step time.Duration
	// Settled leaves out columns set to NULL and deleted coupons, so that the
	// result does not depend on when a job began to read; see the package
	// comment.
	Settled bool
}

// Sim is a simulator. It serves one goroutine.
type Sim struct {
	o        Options
	tables   []Table
	rnd      *rand.Rand
	now      int64 // ms since 1970
	orders   []*order
	late     queue
	refunds  int
	tx       *Tx
	expected *Expected
	log      eventLog
}

// order is what the business database holds about one order.
type order struct {
	id, qid string
	row     Row // nil until it arrives
	device  Row
	coupon  Row // nil when there is none
	claimed bool
	refunds []Row
}

// New makes a simulator.
func New(o Options) *Sim {
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Step <= 0 {
		o.Step = 500 * time.Millisecond
	}
	return &Sim{o: o, tables: Tables(), rnd: rand.New(rand.NewPCG(o.Seed, 0x7461726e)), now: o.Start.UnixMilli(), expected: newExpected()}
}

// Expected is what the tables must hold after the transactions that Events and
// Run have written so far.
func (s *Sim) Expected() *Expected { return s.expected }

// next makes the next transaction. Its changes count as done for the
// transactions after it, except when it is rolled back.
func (s *Sim) next() *Tx {
	s.now += 1 + s.rnd.Int64N(2*max(1, s.o.Step.Milliseconds()))
	s.tx = &Tx{At: s.now}
	if len(s.orders) > 20 && s.chance(3) {
		s.tx.Rollback = true
		s.regret()
		return s.tx
	}
	for len(s.late) > 0 && s.late[0].at <= s.now {
		heap.Pop(&s.late).(*event).do()
	}
	for len(s.tx.Ops) == 0 || s.chance(55) && len(s.tx.Ops) < 40 {
		s.act()
	}
	return s.tx
}

// act does one thing that users or the system do.
func (s *Sim) act() {
	switch p := s.rnd.IntN(100); {
	case p < 30:
		s.create()
	case p < 50:
		s.pay()
	case p < 62:
		s.finish()
	case p < 66:
		s.cancel()
	case p < 73:
		s.refund()
	case p < 83:
		s.refundMoves()
	case p < 87:
		s.double()
	case p < 89:
		s.replace()
	case p < 94:
		s.fill()
	case p < 97:
		s.blank()
	default:
		s.deleteCoupon()
	}
}

// chance is true in that many of a hundred cases.
func (s *Sim) chance(percent int) bool { return s.rnd.IntN(100) < percent }

// soon is a time in the next so many seconds, but the first.
func (s *Sim) soon(seconds int) int64 { return s.now + 1000 + s.rnd.Int64N(int64(seconds)*1000) }

func (s *Sim) insert(table int, r Row) Row {
	s.tx.Ops = append(s.tx.Ops, Op{Table: table, After: r})
	return r
}

func (s *Sim) update(table int, before, after Row) Row {
	s.tx.Ops = append(s.tx.Ops, Op{Table: table, Before: before, After: after})
	return after
}

func (s *Sim) remove(table int, r Row) {
	s.tx.Ops = append(s.tx.Ops, Op{Table: table, Before: r})
}

// event is something that happens later.
type event struct {
	at int64
	do func()
}

// queue is a heap of events by time.
type queue []*event

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is part of heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(*event)) }

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (s *Sim) later(at int64, do func()) {
	heap.Push(&s.late, &event{at: at, do: do})
}
