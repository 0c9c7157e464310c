package ordersim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// record is what one of the four INSERTs gives to the wide table.
type record struct {
	retract bool
	cells   Row // NULL where the INSERT does not write
	seq     bool
	nested  []Row // refund_info of a merged record; nil is NULL
}

func recordOf(table int, r Row, retract bool) record {
	out := record{retract: retract, cells: make(Row, len(wideColumns()))}
	out.cells[0] = r[orderID]
	for from, to := range wideOf(table) {
		out.cells[to] = r[from]
	}
	if table == Refunds {
		out.seq, out.nested = true, []Row{r}
	}
	return out
}

// mergeRun merges the records of a key, oldest first, as Paimon's
// PartialUpdateMergeFunction does for the options of the wide table (sequence
// group g_refund_seq over refund_info, nested_update by key), written from the
// specification, section 12.2. One record alone is left as it is.
func mergeRun(records []record) record {
	if len(records) == 1 {
		return records[0]
	}
	row := record{cells: make(Row, len(wideColumns()))}
	inserted, filled := false, false
	for _, r := range records {
		if r.retract {
			if !filled {
				row.cells, row.seq, row.nested, filled = slices.Clone(r.cells), r.seq, r.nested, true
			}
			if r.seq {
				row.seq = true
				if row.nested != nil && r.nested != nil {
					row.nested = without(row.nested, r.nested)
				}
			}
			continue
		}
		for i, c := range r.cells {
			if c.Valid {
				row.cells[i] = c
			}
		}
		if r.seq {
			row.seq = true
			switch {
			case row.nested == nil:
				row.nested = r.nested
			case r.nested != nil:
				row.nested = append(without(row.nested, r.nested), r.nested...)
			}
		}
		inserted, filled = true, true
	}
	row.retract = !inserted
	return row
}

// without gives the elements whose keys others do not have.
func without(rows, others []Row) []Row {
	out := []Row{}
	for _, r := range rows {
		if !slices.ContainsFunc(others, func(o Row) bool { return o[refundCode] == r[refundCode] }) {
			out = append(out, r)
		}
	}
	return out
}

// TestWideIsDefined merges the four changelogs as a real table would, in any
// interleaving of the streams and any grouping into intermediate merges, and
// finds the row that Expected has: this is the claim of the package comment.
// When Settled, the streams may begin anywhere, with the rows as they are.
func TestWideIsDefined(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for _, settled := range []bool{false, true} {
		s := New(Options{Seed: seed, Settled: settled})
		log := transactions(t, s, 2500)
		for range 5 {
			begin := [tableCount]int{}
			if settled {
				for i := range begin {
					begin[i] = rnd.IntN(len(log))
				}
			}
			streams := streamsOf(t, log, begin)
			for id, want := range s.expected.wide {
				got := settle(rnd, interleave(rnd, streams[id]))
				require.False(t, got.retract, "row %s vanished", id)
				w := &wideRow{cells: got.cells, refunds: map[string]Row{}}
				for _, r := range got.nested {
					w.refunds[r[refundCode].Text] = r
				}
				require.Len(t, w.refunds, len(got.nested))
				require.Equal(t, string(want.line(nil)), string(w.line(nil)), "order %s", id)
			}
			require.Len(t, streams, len(s.expected.wide))
		}
	}
}

// streamsOf gives the records of each order by stream. A stream that begins
// later first gives the rows that are there.
func streamsOf(t *testing.T, log []*Tx, begin [tableCount]int) map[string]*[tableCount][]record {
	t.Helper()
	out := map[string]*[tableCount][]record{}
	put := func(table int, r Row, retract bool) {
		id := r[orderID].Text
		if out[id] == nil {
			out[id] = &[tableCount][]record{}
		}
		out[id][table] = append(out[id][table], recordOf(table, r, retract))
	}
	before := newExpected()
	for i, tx := range log {
		for table, at := range begin {
			if at != i {
				continue
			}
			for _, r := range before.rows[table] {
				put(table, r, false)
			}
		}
		if tx.Rollback {
			continue
		}
		require.NoError(t, before.apply(tx))
		for _, op := range tx.Ops {
			if i < begin[op.Table] {
				continue
			}
			if op.Before != nil {
				put(op.Table, op.Before, true)
			}
			if op.After != nil {
				put(op.Table, op.After, false)
			}
		}
	}
	return out
}

// interleave mixes the streams; each keeps its order.
func interleave(rnd *rand.Rand, streams *[tableCount][]record) []record {
	var rest [][]record
	for _, s := range streams {
		if len(s) > 0 {
			rest = append(rest, s)
		}
	}
	var out []record
	for len(rest) > 0 {
		i := rnd.IntN(len(rest))
		n := 1 + rnd.IntN(len(rest[i]))
		out = append(out, rest[i][:n]...)
		if rest[i] = rest[i][n:]; len(rest[i]) == 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return out
}

// settle merges neighbours at random until one record is left: first runs in
// write buffers, then compactions.
func settle(rnd *rand.Rand, records []record) record {
	for len(records) > 1 {
		from := rnd.IntN(len(records))
		to := min(len(records), from+2+rnd.IntN(4))
		records = slices.Replace(slices.Clone(records), from, to, mergeRun(records[from:to]))
	}
	return records[0]
}

// TestWhyRefundsStay shows what the simulator must not do: a deleted refund
// would be gone or not, as the LSM happens to merge.
func TestWhyRefundsStay(t *testing.T) {
	refund := Row{text("O1"), text("R1"), {}, {}, {}, {}, {}, {}}
	order := Row{text("O1"), text("x"), {}, {}, {}, {}, {}, {}}
	asked, deleted, ordered := recordOf(Refunds, refund, false), recordOf(Refunds, refund, true), recordOf(Orders, order, false)
	require.Empty(t, mergeRun([]record{asked, deleted, ordered}).nested)
	require.Len(t, mergeRun([]record{asked, mergeRun([]record{deleted, ordered})}).nested, 1)
}
