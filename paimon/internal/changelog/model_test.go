package changelog_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/internal/changelog"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/lsm/lsmtest"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

var (
	inserts  = []types.RowKind{types.Insert, types.Insert, types.UpdateAfter}
	allKinds = []types.RowKind{types.Insert, types.UpdateBefore, types.UpdateAfter, types.Delete}
)

func first(v []lsmtest.Row) (lsmtest.Row, bool) { return v[0], true }
func last(v []lsmtest.Row) (lsmtest.Row, bool)  { return v[len(v)-1], true }

// overlay lets later non-null values win; sum adds v up instead.
func overlay(sum bool) func([]lsmtest.Row) (lsmtest.Row, bool) {
	return func(versions []lsmtest.Row) (lsmtest.Row, bool) {
		out := versions[0]
		for _, r := range versions[1:] {
			if r.TS != nil {
				out.TS = r.TS
			}
			switch {
			case r.V != nil && sum && out.V != nil:
				v := *out.V + *r.V
				out.V = &v
			case r.V != nil:
				out.V = r.V
			}
			out.S, out.Seq = r.S, r.Seq
		}
		out.Kind = types.Insert
		return out, true
	}
}

var (
	partialUpdate = map[string]string{"merge-engine": "partial-update"}
	sum           = map[string]string{"merge-engine": "aggregation", "fields.v.aggregate-function": "sum"}
	firstRow      = map[string]string{"merge-engine": "first-row"}
	sequence      = map[string]string{"sequence.field": "ts"}
)

// TestModel compacts at random and applies the changelog to a map: each
// before-image must be what the map holds, and the map must be the table.
func TestModel(t *testing.T) {
	dedup := &changelog.Dedup{Columns: []int{0, 1, 2}}
	lookup := func(o changelog.LookupOptions) func(int) lsm.ChangelogProducer {
		return func(maxLevel int) lsm.ChangelogProducer {
			o.MaxLevel = maxLevel
			return changelog.NewLookup(o)
		}
	}
	full := func(d *changelog.Dedup) func(int) lsm.ChangelogProducer {
		return func(maxLevel int) lsm.ChangelogProducer { return changelog.NewFull(maxLevel, d) }
	}
	none := func(int) lsm.ChangelogProducer { return nil }
	once := func(maxLevel int) lsm.ChangelogProducer {
		return changelog.NewFirstRow(changelog.LookupOptions{MaxLevel: maxLevel})
	}
	cases := []struct {
		name    string
		options map[string]string
		kinds   []types.RowKind
		fold    func([]lsmtest.Row) (lsmtest.Row, bool)
		policy  lsm.Policy
		make    func(int) lsm.ChangelogProducer
		dedup   bool
	}{
		{"lookup/latest", nil, allKinds, last, lsm.MergeLookup, lookup(changelog.LookupOptions{Latest: true}), false},
		{"lookup/deduplicate", nil, allKinds, last, lsm.MergeLookup, lookup(changelog.LookupOptions{}), false},
		{"lookup/dedup-rows", nil, allKinds, last, lsm.MergeLookup, lookup(changelog.LookupOptions{Latest: true, Dedup: dedup}), true},
		{"lookup/sequence-field", sequence, inserts, last, lsm.MergeLookup, lookup(changelog.LookupOptions{}), false},
		{"lookup/partial-update", partialUpdate, inserts, overlay(false), lsm.MergeLookup, lookup(changelog.LookupOptions{}), false},
		{"lookup/sum", sum, inserts, overlay(true), lsm.MergeLookup, lookup(changelog.LookupOptions{}), false},
		{"lookup/formats", sum, inserts, overlay(true), lsm.MergeLookup, lookup(changelog.LookupOptions{FormatOf: func(l int) string { return fmt.Sprint(l / 2) }}), false},
		{"lookup/silent", sum, inserts, overlay(true), lsm.MergeLookup, lookup(changelog.LookupOptions{NoChangelog: true}), false},
		{"lookup/none", partialUpdate, inserts, overlay(false), lsm.MergeLookup, none, false},
		{"lookup/none-first-row", firstRow, inserts, first, lsm.MergeFirstRow, none, false},
		{"lookup/first-row", firstRow, inserts, first, lsm.MergeFirstRow, once, false},
		{"full/deduplicate", nil, allKinds, last, lsm.MergeAll, full(nil), false},
		{"full/dedup-rows", nil, allKinds, last, lsm.MergeAll, full(dedup), true},
		{"full/sum", sum, inserts, overlay(true), lsm.MergeAll, full(nil), false},
	}
	for _, c := range cases {
		for i := range 3 {
			seed := uint64(time.Now().UnixNano()) + uint64(i)
			if s := os.Getenv("LSM_SEED"); s != "" {
				seed, _ = strconv.ParseUint(s, 10, 64)
			}
			t.Run(fmt.Sprintf("%s/%d", c.name, i), func(t *testing.T) {
				t.Logf("repeat with LSM_SEED=%d", seed)
				m := newModel(t, rand.New(rand.NewPCG(seed, 2)), c.options)
				p := c.make(m.Levels.MaxLevel())
				m.silent = p == nil || !p.Writes()
				m.Fold, m.Kinds, m.Policy, m.dedup = c.fold, c.kinds, c.policy, c.dedup
				_, m.full = p.(*changelog.Full)
				m.run(p)
				m.Close()
			})
		}
	}
}

// model is a bucket and what its changelog says that it holds.
type model struct {
	*lsmtest.Sim
	state map[string]lsmtest.Row
	full  bool
	dedup bool
	// silent: there is no changelog.
	silent bool
}

func newModel(t *testing.T, rng *rand.Rand, options map[string]string) *model {
	s := &lsmtest.Sim{T: t, Rng: rng, Table: lsmtest.NewTable(options), Keys: 1 + rng.IntN(200), Rows: map[string][]lsmtest.Row{}}
	s.Mem = memory.NewCheckedAllocator(memory.NewGoAllocator())
	s.Files = lsmtest.NewFiles(s.Table, s.Mem, 1+rng.IntN(60), 1+rng.IntN(30))
	s.Budget = lsm.NewBudget(1 << 40)
	var err error
	if s.Levels, err = lsm.NewLevels(lsmtest.KeyOf, 2+rng.IntN(5), nil); err != nil {
		t.Fatal(err)
	}
	if s.Buffer, err = lsm.NewBuffer(lsm.BufferOptions{NewEngine: s.Table.NewEngine, Budget: s.Budget}); err != nil {
		t.Fatal(err)
	}
	s.Bucket = s.Buffer.Bucket()
	return &model{Sim: s, state: map[string]lsmtest.Row{}}
}

func (m *model) run(p lsm.ChangelogProducer) {
	pick := lsm.DefaultPickOptions()
	pick.Trigger, pick.Strategy = 1+m.Rng.IntN(5), lsm.UpLevel0
	if m.full {
		pick.Strategy = lsm.Strategy(m.Rng.IntN(2))
	}
	c := lsm.NewCompactor(m.Files, lsm.CompactOptions{
		Read: lsm.ReadOptions{KeyOf: lsmtest.KeyOf, NewEngine: m.Table.NewEngine, Policy: m.Policy,
			BatchRows: 1 + m.Rng.IntN(60), Readahead: m.Rng.IntN(3), Alloc: m.Mem},
		MinUpgradeSize: int64(m.Rng.IntN(40 * lsmtest.RowBytes)), Parallelism: 1 + m.Rng.IntN(3), Changelog: p,
	})
	var st lsm.PickState
	for range 20 {
		for range 1 + m.Rng.IntN(3) {
			m.Push(1 + m.Rng.IntN(80))
			m.Flush()
		}
		m.Check()
		var unit lsm.Unit
		var ok bool
		if m.Rng.IntN(6) == 0 {
			unit, ok = lsm.PickFull(m.Levels.NumLevels(), m.Levels.Runs(), nil)
		} else {
			unit, st, ok = lsm.Pick(pick, st, m.Levels.NumLevels(), m.Levels.Runs(), time.Now())
		}
		if !ok {
			continue
		}
		res := m.Compact(c, unit)
		rows := m.Changelog(res.Changelog)
		m.CheckTree()
		if m.full && unit.OutputLevel < m.Levels.MaxLevel() {
			if len(rows) > 0 {
				m.T.Fatalf("changelog below the top level: %v", rows)
			}
			continue
		}
		m.apply(rows)
		m.compare()
	}
}

// apply replays changelog rows.
func (m *model) apply(rows []lsmtest.Row) {
	for i, r := range rows {
		old, had := m.state[r.K]
		switch {
		case r.Kind.IsRetract():
			if !had || !m.same(old, r) || old.Seq != r.Seq && !m.dedup {
				m.T.Fatalf("changelog says %s (sequence %d), the table had %s (%d)", r, r.Seq, old, old.Seq)
			}
			if r.Kind == types.UpdateBefore && (i+1 == len(rows) || rows[i+1].K != r.K || rows[i+1].Kind != types.UpdateAfter) {
				m.T.Fatalf("%s is not followed by +U", r)
			}
			delete(m.state, r.K)
		case had:
			m.T.Fatalf("changelog says %s, the table had %s", r, old)
		case r.Kind == types.UpdateAfter && (i == 0 || rows[i-1].K != r.K || rows[i-1].Kind != types.UpdateBefore):
			m.T.Fatalf("%s does not follow a -U", r)
		default:
			if i > 0 && r.Kind == types.UpdateAfter && m.dedup && m.same(rows[i-1], r) {
				m.T.Fatalf("%s changes nothing", r)
			}
			m.state[r.K] = r
		}
	}
}

// same compares values; with row-deduplicate, column s is ignored.
func (m *model) same(a, b lsmtest.Row) bool { return m.text(a) == m.text(b) }

func (m *model) text(r lsmtest.Row) string {
	if m.dedup {
		r.S = ""
	}
	return r.Values()
}

// compare holds the state by changelog against the table above level 0 and
// against all rows written, which must be there by now.
func (m *model) compare() {
	var got, above, want []string
	for _, r := range m.state {
		got = append(got, m.text(r))
	}
	slices.Sort(got)
	metas := slices.DeleteFunc(m.Levels.Files(), func(f spec.DataFileMeta) bool { return f.Level == 0 })
	for _, r := range m.Read(metas) {
		above = append(above, m.text(r))
	}
	for _, r := range m.WantRows() {
		want = append(want, m.text(r))
	}
	slices.Sort(above)
	slices.Sort(want)
	if m.silent {
		got = want
		if n := len(m.state); n > 0 {
			m.T.Fatalf("%d rows of changelog", n)
		}
	}
	if !slices.Equal(got, above) {
		m.T.Fatalf("changelog gives\n%v\nthe files\n%v", got, above)
	}
	if !slices.Equal(got, want) {
		m.T.Fatalf("changelog gives\n%v\nwritten was\n%v", got, want)
	}
}
