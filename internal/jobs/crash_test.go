package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/ingest/source/tablesource"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
	"github.com/tarndb/tarn/paimon/types"
)

// entry is one change of the ledger: an order's product and fee.
type entry struct {
	kind     types.RowKind
	id       int32
	product  int32
	fee      int64
	together bool // the next one belongs to the same batch
}

// ledger is a source of a fixed history; its position is the next entry.
type ledger struct {
	entries []entry
	fields  []types.Field
	seed    uint64
}

func newLedger(r *rand.Rand, fields []types.Field, n int) *ledger {
	l := &ledger{fields: fields, seed: r.Uint64()}
	live := map[int32]entry{}
	var ids []int32
	for len(l.entries) < n {
		e := entry{id: int32(r.IntN(n / 4)), product: int32(r.IntN(6)), fee: int64(r.IntN(100))}
		old, there := live[e.id]
		switch {
		case !there:
			l.entries = append(l.entries, e)
			live[e.id], ids = e, append(ids, e.id)
		case r.IntN(4) == 0:
			old.kind, old.together = types.Delete, false
			l.entries = append(l.entries, old)
			delete(live, e.id)
		default:
			old.kind, old.together = types.UpdateBefore, true
			e.kind = types.UpdateAfter
			l.entries = append(l.entries, old, e)
			e.kind = types.Insert
			live[e.id] = e
		}
	}
	return l
}

func (l *ledger) Fields() []types.Field { return l.fields }
func (l *ledger) Bounded() bool         { return false }
func (l *ledger) Open(_ context.Context, from change.Position) (source.Reader, error) {
	at := 0
	if from != "" {
		at, _ = strconv.Atoi(string(from))
	}
	return &ledgerReader{l, at, rand.New(rand.NewPCG(l.seed, uint64(at)))}, nil
}

type ledgerReader struct {
	*ledger
	at int
	r  *rand.Rand
}

func (r *ledgerReader) Next(ctx context.Context) (change.Batch, error) {
	if r.at == len(r.entries) {
		<-ctx.Done()
		return change.Batch{}, ctx.Err()
	}
	time.Sleep(time.Duration(r.r.IntN(400)) * time.Microsecond)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(r.fields))
	var kinds []types.RowKind
	for most := 1 + r.r.IntN(12); r.at < len(r.entries) && (len(kinds) < most || r.entries[r.at-1].together); r.at++ {
		e := &r.entries[r.at]
		b.Field(0).(*array.Int32Builder).Append(e.id)
		b.Field(1).(*array.Int32Builder).Append(e.product)
		b.Field(2).(*array.Int64Builder).Append(e.fee)
		kinds = append(kinds, e.kind)
	}
	return change.Batch{Rows: b.NewRecordBatch(), Kinds: kinds, Position: change.Position(strconv.Itoa(r.at))}, nil
}

func (r *ledgerReader) Close() error { return nil }

// toTotals turns (id, product, fee) into (product, 1, fee).
type toTotals struct{ schema *arrow.Schema }

func (x toTotals) Apply(_ context.Context, b change.Batch) (change.Batch, error) {
	defer b.Release()
	ones := array.NewInt64Builder(memory.DefaultAllocator)
	for range b.Rows.NumRows() {
		ones.Append(1)
	}
	b.Rows = array.NewRecordBatch(x.schema, []arrow.Array{b.Rows.Column(1), ones.NewArray(), b.Rows.Column(2)}, b.Rows.NumRows())
	b.Rows.Retain()
	return b, nil
}

func (toTotals) Close() error { return nil }

// chain is a ledger → orders → totals, whose process dies again and again.
type chain struct {
	t       *testing.T
	r       *rand.Rand
	store   fileio.Store
	ledger  *ledger
	options map[string]string // of the orders
}

var (
	ordersID = catalog.Identifier{Database: "d", Table: "orders"}
	totalsID = catalog.Identifier{Database: "d", Table: "totals"}
)

func newChain(t *testing.T, seed uint64) *chain {
	ctx := context.Background()
	c := &chain{t: t, r: rand.New(rand.NewPCG(seed, 1)), store: fileio.NewMem()}
	w := paimon.Open(c.store, paimon.Options{})
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	orders := map[string]string{"bucket": "2", "changelog-producer": "input"}
	if c.r.IntN(3) == 0 {
		orders["changelog-producer"] = "lookup"
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, ordersID, catalog.Definition{PrimaryKeys: []string{"id"}, Options: orders,
		Fields: []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "product", Type: types.Of(types.Int)}, {Name: "fee", Type: types.Of(types.BigInt)}}}))
	totals := map[string]string{"bucket": "1", "merge-engine": "aggregation", "fields.orders.aggregate-function": "sum", "fields.fee.aggregate-function": "sum"}
	if c.r.IntN(2) == 0 { // snapshots go beside the commits; nobody reads them
		totals["snapshot.num-retained.min"], totals["snapshot.num-retained.max"] = "1", "4"
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, totalsID, catalog.Definition{PrimaryKeys: []string{"product"}, Options: totals,
		Fields: []types.Field{{Name: "product", Type: types.Of(types.Int)}, {Name: "orders", Type: types.Of(types.BigInt)}, {Name: "fee", Type: types.Of(types.BigInt)}}}))
	table, err := w.Table(ctx, ordersID, nil)
	require.NoError(t, err)
	c.ledger = newLedger(c.r, table.Fields(), 400+c.r.IntN(1200))
	return c
}

// live runs the jobs on a store until stop says so.
func (c *chain) live(store fileio.Store, stop func(*paimon.Warehouse) bool) {
	ctx := context.Background()
	w := paimon.Open(store, paimon.Options{})
	orders, err := w.Table(ctx, ordersID, nil)
	require.NoError(c.t, err)
	totals, err := w.Table(ctx, totalsID, nil)
	require.NoError(c.t, err)
	m := NewManager(Options{Warehouse: w, RestartWait: time.Millisecond, ExpireEvery: 3 * time.Millisecond})
	defer m.Close()
	_, err = m.Submit(Spec{Name: "cdc", Interval: time.Duration(1+c.r.IntN(4)) * time.Millisecond, Sinks: []*paimon.Table{orders},
		Inputs: []Input{{Key: "ledger", Source: c.ledger, Transform: asIs{}}}})
	require.NoError(c.t, err)
	_, err = m.Submit(Spec{Name: "sums", Interval: time.Duration(1+c.r.IntN(4)) * time.Millisecond, Sinks: []*paimon.Table{totals},
		Inputs: []Input{{Key: "d.orders", Source: tablesource.New(orders, nil), Transform: toTotals{types.ArrowSchema(totals.Fields())}}}})
	require.NoError(c.t, err)
	for !stop(w) {
		for _, s := range m.List() {
			require.NotEqual(c.t, Failed, s.State, "%v", s.Err)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// totals are what the table of totals holds, as product → orders, fee.
func totalsOf(t *testing.T, w *paimon.Warehouse) map[int32][2]int64 {
	ctx := context.Background()
	table, err := w.Table(ctx, totalsID, nil)
	require.NoError(t, err)
	snap, err := table.LatestSnapshot(ctx)
	require.NoError(t, err)
	plan, err := table.Plan(ctx, snap, nil)
	require.NoError(t, err)
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	out := map[int32][2]int64{}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			sums := [2]int64{b.Rows.Column(1).(*array.Int64).Value(i), b.Rows.Column(2).(*array.Int64).Value(i)}
			if sums != [2]int64{} {
				out[b.Rows.Column(0).(*array.Int32).Value(i)] = sums
			}
		}
		b.Rows.Release()
	}
}

func (c *chain) truth() map[int32][2]int64 {
	out := map[int32][2]int64{}
	for _, e := range c.ledger.entries {
		sign := int64(1)
		if e.kind.IsRetract() {
			sign = -1
		}
		s := out[e.product]
		out[e.product] = [2]int64{s[0] + sign, s[1] + sign*e.fee}
	}
	maps.DeleteFunc(out, func(_ int32, s [2]int64) bool { return s == [2]int64{} })
	return out
}

// TestTotalsOverCrashes lets a chain of two jobs die at random writes, lose
// replies and meet failing requests: its totals are exact in the end.
func TestTotalsOverCrashes(t *testing.T) {
	chains, seed := 4, uint64(time.Now().UnixNano())
	if text := os.Getenv("TARN_CHAINS"); text != "" {
		chains, _ = strconv.Atoi(text)
	}
	if text := os.Getenv("TARN_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for i := range uint64(chains) {
		t.Run(fmt.Sprintf("TARN_SEED=%d", seed+i), func(t *testing.T) {
			c := newChain(t, seed+i)
			for range 2 + c.r.IntN(8) {
				mode := []faultio.Mode{faultio.Crash, faultio.Crash, faultio.LostReply, faultio.Fail}[c.r.IntN(4)]
				at := int64(1 + c.r.IntN(300))
				f := faultio.New(c.store, mode, at)
				deadline := time.Now().Add(500 * time.Millisecond)
				c.live(f, func(*paimon.Warehouse) bool {
					return f.Writes() >= at+int64(c.r.IntN(20)) || time.Now().After(deadline)
				})
			}
			want := c.truth()
			deadline := time.Now().Add(20 * time.Second)
			c.live(c.store, func(w *paimon.Warehouse) bool {
				have := totalsOf(t, w)
				if maps.Equal(want, have) {
					return true
				}
				require.False(t, time.Now().After(deadline), "want %v\nhave %v", want, have)
				return false
			})
		})
	}
}
