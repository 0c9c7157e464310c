package paimon_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/types"
)

// TestModelEvolution is TestModel with schemas that change between the other
// operations, deletion vectors and file indexes. Writers and streams that were
// opened before a change go on as well.
func TestModelEvolution(t *testing.T) {
	seed, rounds := seedOf(t), 12
	if n, err := strconv.Atoi(os.Getenv("TARN_ROUNDS")); err == nil {
		rounds = n
	}
	steps := 0
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) { steps += runHistory(t, seed, round, true) })
	}
	t.Logf("%d histories, %d operations on two tables each", rounds, steps)
}

// moreOptions picks what the histories without changes of schema do not have.
func moreOptions(r *rand.Rand, u rules, o map[string]string) {
	o["alter-column-null-to-not-null.disabled"] = "false"
	if r.IntN(3) == 0 {
		o["file.format"], o["data-file.thin-mode"] = "orc", "false"
		if o["file.compression"] == "null" {
			o["file.compression"] = "none"
		}
	} else if r.IntN(4) == 0 && o["file.compression"] != "none" && o["file.compression"] != "null" {
		o["file.format.per.level"], o["data-file.thin-mode"] = pickOne(r, "0:avro,5:orc", "0:orc,4:avro,5:parquet"), "false"
	}
	if u.engine != "first-row" && u.producer != "full-compaction" && r.IntN(3) == 0 {
		o["deletion-vectors.enabled"] = "true"
		o["deletion-vectors.bitmap64"] = pickOne(r, "true", "false")
		delete(o, "write-only") // level 0 would not show
		delete(o, "lookup-compact")
	}
	if r.IntN(2) == 0 {
		o["file-index.bloom-filter.columns"] = "a,b"
		o["file-index.bitmap.columns"] = "s,c"
		o["file-index.in-manifest-threshold"] = pickOne(r, "0 b", "10 kb")
	}
}

// writer gives the columns that whatever writes next has: those of the oldest
// job that goes on.
func (x *modelRun) writer() layout {
	out := x.m.at
	for _, v := range x.variants {
		if v.job != nil {
			out = slices.DeleteFunc(slices.Clone(out), func(c modelColumn) bool { return v.columns.of(c.slot) < 0 })
		}
	}
	return out
}

// under is the table's rows of then in the columns of now.
func (m *model) under(l layout) *model {
	out := m.clone()
	out.at = l
	return out
}

// layoutOf gives the columns that a snapshot shows.
func (x *modelRun) layoutOf(v *variant, snapshot int64) layout {
	s, err := v.table(nil).Snapshot(v.ctx, snapshot)
	require.NoError(x.t, err)
	return x.layouts[s.SchemaID]
}

// follower reads a stream in the columns of the schema that it was opened with.
type follower struct {
	stream  *paimon.Stream
	columns layout            // keys first
	rows    map[string]string // key → row, words apart by \x00
}

// open begins a stream from the first snapshot, unless there is one.
func (v *variant) open(l layout) {
	if v.early == nil && v.newest() > 0 {
		v.early = &follower{stream: v.table(nil).RawStream(1), columns: l, rows: map[string]string{}}
		v.t.Cleanup(v.early.stream.Close)
	}
}

// follow takes up what there is.
func (f *follower) follow(v *variant) {
	at := f.columns.keysFirst()
	for {
		p, err := f.stream.TryNext(v.ctx)
		require.NoError(v.t, err)
		if p == nil {
			return
		}
		r, err := p.Read(v.ctx, at)
		require.NoError(v.t, err)
		eachRow(v.t, r, func(kind types.RowKind, words []string) {
			key := words[0] + " " + words[1]
			if kind == types.Delete || kind == types.UpdateBefore {
				delete(f.rows, key)
			} else {
				f.rows[key] = strings.Join(words, "\x00")
			}
		})
	}
}

// lines are the rows that came out, in the columns that both schemas show in
// the same way, with those columns.
func (f *follower) lines(now layout) (layout, []string) {
	var same layout
	var at []int
	for i, p := range f.columns.keysFirst() {
		c := f.columns[p]
		if j := now.of(c.slot); j >= 0 && now[j].typ.EqualIgnoringNull(c.typ) && slices.EqualFunc(now[j].fields, c.fields, sameColumn) {
			same, at = append(same, c), append(at, i)
		}
	}
	out := []string{}
	for _, row := range f.rows {
		words := strings.Split(row, "\x00")
		var line []string
		for _, i := range at {
			line = append(line, words[i])
		}
		out = append(out, strings.Join(line, " "))
	}
	slices.Sort(out)
	return same, out
}

func sameColumn(a, b modelColumn) bool {
	return a.slot == b.slot && a.name == b.name && a.typ.EqualIgnoringNull(b.typ)
}

func eachRow(t *testing.T, r *paimon.Reader, do func(kind types.RowKind, words []string)) {
	defer r.Close()
	for {
		b, err := r.Next()
		if b.Rows == nil {
			require.ErrorContains(t, err, "EOF")
			return
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			var words []string
			for _, c := range b.Rows.Columns() {
				words = append(words, c.ValueStr(i))
			}
			do(b.Kind(i), words)
		}
		b.Rows.Release()
	}
}

// checkEvolved holds filters, old snapshots and streams against the model.
func (x *modelRun) checkEvolved(v *variant, end bool, what string) {
	for range 3 {
		x.checkFilter(v, what)
	}
	if end {
		for i, m := range x.states {
			if id := v.after[i]; id > 0 {
				got := v.rows(map[string]string{"scan.snapshot-id": strconv.FormatInt(id, 10)})
				require.Equal(x.t, m.linesIn(x.layoutOf(v, id)), nonNil(got), "%s after operation %d", what, i)
			}
		}
	}
	if v.early == nil || !end && x.r.IntN(3) > 0 {
		return
	}
	v.early.follow(v)
	u := x.m.rules
	if end && (u.producer == "lookup" || u.producer == "full-compaction" || u.engine == "deduplicate" && !u.sequence) {
		columns, got := v.early.lines(x.m.at)
		require.Equal(x.t, x.m.linesIn(columns), got, what+" stream of before")
	}
}

// checkFilter reads with a random condition: the rows that satisfy it are those
// of the model, whatever was skipped.
func (x *modelRun) checkFilter(v *variant, what string) {
	c := pickOne(x.r, x.m.at...)
	var values []string
	for _, s := range x.m.rows {
		if w := s.row[c.slot]; w != nil {
			values = append(values, c.text(w))
		}
	}
	slices.Sort(values) // the map's order is none of the seed's
	op := pickOne(x.r, predicate.Eq, predicate.Lt, predicate.Le, predicate.Gt, predicate.Ge, predicate.Ne, predicate.IsNull, predicate.IsNotNull)
	if len(values) == 0 {
		op = predicate.IsNull
	}
	literal := "0"
	if len(values) > 0 {
		literal = pickOne(x.r, values...)
	}
	l, err := predicate.New(c.name, c.typ, op, literal)
	if err != nil {
		require.ErrorIs(x.t, err, errs.ErrUnsupported)
		return
	}
	t := v.table(nil)
	snap, err := t.Travel(v.ctx)
	require.NoError(x.t, err)
	p, err := t.Plan(v.ctx, snap, predicate.Filter{l})
	require.NoError(x.t, err)
	got, at := []string{}, x.m.at.of(c.slot)
	eachRow(x.t, p.Read(v.ctx, p.Splits, nil), func(_ types.RowKind, words []string) {
		if satisfies(c, words[at], op, literal) {
			got = append(got, strings.Join(words, " "))
		}
	})
	slices.Sort(got)
	want := []string{}
	for _, s := range x.m.rows {
		if satisfies(c, x.m.at[at:at+1].line(s.row), op, literal) {
			want = append(want, x.m.at.line(s.row))
		}
	}
	slices.Sort(want)
	require.Equal(x.t, want, got, "%s where %s %s %d %s", what, c.name, c.typ, op, literal)
}

// satisfies evaluates a condition on a value that is not nested.
func satisfies(c modelColumn, text string, op predicate.Op, literal string) bool {
	isNull := text == "(null)"
	switch {
	case op == predicate.IsNull || isNull:
		return op == predicate.IsNull && isNull
	case op == predicate.IsNotNull:
		return true
	}
	order := strings.Compare(text, literal)
	if c.typ.Root.IsNumeric() {
		a, _ := strconv.ParseFloat(text, 64)
		b, _ := strconv.ParseFloat(literal, 64)
		order = 0
		if a < b {
			order = -1
		} else if a > b {
			order = 1
		}
	}
	switch op {
	case predicate.Eq:
		return order == 0
	case predicate.Ne:
		return order != 0
	case predicate.Lt:
		return order < 0
	case predicate.Le:
		return order <= 0
	case predicate.Gt:
		return order > 0
	}
	return order >= 0
}
