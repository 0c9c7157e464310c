package paimon_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// variant is one table of a run: the same rows under other options, which say
// how they are kept and must not say what they are.
type variant struct {
	t       *testing.T
	ctx     context.Context
	options map[string]string
	w       *paimon.Warehouse
	after   map[int]int64 // operation → newest snapshot after it
	tagged  map[string]int64

	job       *paimon.Writer // writes on from commit to commit; nil: each has its own
	committer *paimon.Committer
	jobTable  *paimon.Table
	commits   int64
	columns   layout // of job
	early     *follower
}

// randomVariant picks options that change files, not rows.
func randomVariant(r *rand.Rand, u rules) map[string]string {
	o := map[string]string{
		"bucket":                             pickOne(r, "1", "2", "5", "-1"),
		"file.format":                        pickOne(r, "parquet", "parquet", "avro"),
		"file.compression":                   pickOne(r, "zstd", "snappy", "none"),
		"target-file-size":                   pickOne(r, "1 kb", "4 kb", "128 mb"),
		"metadata.stats-mode":                pickOne(r, "none", "counts", "truncate(4)", "full"),
		"metadata.stats-dense-store":         pickOne(r, "true", "false"),
		"data-file.thin-mode":                pickOne(r, "true", "false"),
		"num-sorted-run.compaction-trigger":  pickOne(r, "1", "2", "3", "5"),
		"compaction.force-rewrite-all-files": pickOne(r, "false", "false", "true"),
		"manifest.merge-min-count":           pickOne(r, "2", "30"),
		"spill-compression":                  pickOne(r, "zstd", "lz4", "none"),
		"dynamic-bucket.target-row-num":      "7",
	}
	if o["file.format"] == "avro" && o["file.compression"] == "none" {
		o["file.compression"] = "null"
	}
	if o["file.format"] == "avro" || r.IntN(2) == 0 {
		o["data-file.thin-mode"] = "false"
	}
	if u.engine != "first-row" && u.producer != "lookup" { // level 0 would not show, or make no changelog
		o["write-only"] = pickOne(r, "true", "false", "false")
	}
	if u.producer == "full-compaction" {
		o["full-compaction.delta-commits"] = pickOne(r, "1", "3")
	}
	if u.producer == "lookup" {
		o["changelog-producer.row-deduplicate"] = pickOne(r, "true", "false")
		o["lookup-compact"] = pickOne(r, "radical", "gentle")
		if u.engine == "first-row" {
			delete(o, "lookup-compact")
		}
	}
	return o
}

func newVariant(t *testing.T, r *rand.Rand, u rules, evolve bool) *variant {
	v := &variant{t: t, ctx: context.Background(), options: randomVariant(r, u), after: map[int]int64{}, tagged: map[string]int64{}}
	o := paimon.Options{SpillDir: t.TempDir(), WriteMemory: pickOne(r, int64(0), 4<<10)}
	if r.IntN(4) == 0 {
		o.SpillDir = ""
	}
	v.w = paimon.Open(fileio.NewMem(), o)
	for k, x := range u.options() {
		v.options[k] = x
	}
	if evolve {
		moreOptions(r, u, v.options)
	}
	d := catalog.Definition{PrimaryKeys: []string{"k"}, Options: v.options}
	if u.partitioned {
		d.PrimaryKeys, d.PartitionKeys = []string{"p", "k"}, []string{"p"}
	}
	for _, f := range modelFields {
		name, typ, _ := strings.Cut(f, " ")
		parsed, err := types.Parse(typ)
		require.NoError(t, err)
		d.Fields = append(d.Fields, types.Field{Name: name, Type: parsed})
	}
	require.NoError(t, v.w.Catalog().CreateDatabase(v.ctx, "d"))
	require.NoError(t, v.w.Catalog().CreateTable(v.ctx, users, d))
	w, err := v.table(nil).NewWriter(v.ctx, paimon.WriteOptions{})
	if errors.Is(err, errs.ErrUnsupported) && v.options["file.format"] != "parquet" {
		v.options["file.format"], v.options["file.compression"] = "parquet", "zstd"
		require.NoError(t, v.w.Catalog().DropTable(v.ctx, users))
		require.NoError(t, v.w.Catalog().CreateTable(v.ctx, users, d))
	} else {
		require.NoError(t, err)
		require.NoError(t, w.Close(v.ctx))
	}
	if r.IntN(3) == 0 {
		v.committer = v.table(nil).NewCommitter("job")
	}
	return v
}

func (v *variant) table(hint map[string]string) *paimon.Table {
	t, err := v.w.Table(v.ctx, users, hint)
	require.NoError(v.t, err)
	return t
}

// write commits changes; rows come in several batches.
func (v *variant) write(r *rand.Rand, o *paimon.Overwrite, changes []modelChange, columns layout) {
	table := v.table(nil)
	w, c, id, wait := v.job, v.committer, v.commits+1, r.IntN(2) == 0
	if w == nil || o != nil {
		var err error
		w, err = table.NewWriter(v.ctx, paimon.WriteOptions{Overwrite: o != nil})
		require.NoError(v.t, err)
	} else {
		table, columns = v.jobTable, v.columns
	}
	if c == nil || o != nil {
		c, id, wait = table.NewCommitter(""), paimon.BatchIdentifier, true
	}
	for len(changes) > 0 {
		n := 1 + r.IntN(len(changes))
		require.NoError(v.t, w.Write(v.ctx, columns.batch(v.t, table, changes[:n])))
		changes = changes[n:]
	}
	messages, err := w.Prepare(v.ctx, wait)
	require.NoError(v.t, err)
	_, err = c.Commit(v.ctx, paimon.Commit{Identifier: id, Messages: messages, Overwrite: o})
	require.NoError(v.t, err)
	if v.committer == nil || o != nil {
		require.NoError(v.t, w.Close(v.ctx))
		return
	}
	v.job, v.jobTable, v.columns, v.commits = w, table, columns, id
}

// restart ends the writer that goes on from commit to commit.
func (v *variant) restart() {
	if v.job != nil {
		require.NoError(v.t, v.job.Close(v.ctx))
		v.job = nil
	}
}

func (v *variant) compact(full bool) {
	v.restart() // two that compact the same bucket are in each other's way
	_, err := v.table(nil).Compact(v.ctx, paimon.CompactOptions{Full: full})
	require.NoError(v.t, err)
}

func (v *variant) newest() int64 {
	s, err := v.table(nil).LatestSnapshot(v.ctx)
	require.NoError(v.t, err)
	if s == nil {
		return 0
	}
	return s.ID
}

func (v *variant) rows(hint map[string]string) []string {
	t := v.table(hint)
	snap, err := t.Travel(v.ctx)
	require.NoError(v.t, err)
	p, err := t.Plan(v.ctx, snap, nil)
	require.NoError(v.t, err)
	out := drain(v.t, p.Read(v.ctx, p.Splits, nil), false)
	slices.Sort(out)
	return out
}

// changes applies the changelog from the first snapshot on and gives the rows
// that come out. What it takes away must be there.
func (v *variant) changes(strict bool, columns []int) []string {
	s := v.table(nil).RawStream(1)
	defer s.Close()
	have := map[string]bool{}
	for {
		p, err := s.TryNext(v.ctx)
		require.NoError(v.t, err)
		if p == nil {
			break
		}
		r, err := p.Read(v.ctx, columns)
		require.NoError(v.t, err)
		byKey := map[string]string{}
		for row := range have {
			byKey[keyText(row)] = row
		}
		for _, line := range drain(v.t, r, true) {
			kind, row := line[:2], line[3:]
			old, there := byKey[keyText(row)]
			if kind == "-U" || kind == "-D" {
				if strict {
					require.Equal(v.t, old, row, "snapshot %d: %s takes away what is not there", p.Snapshot.ID, line)
				}
				delete(have, old)
				delete(byKey, keyText(row))
				continue
			}
			if strict {
				require.False(v.t, there, "snapshot %d: %s, but there is %s", p.Snapshot.ID, line, old)
			}
			delete(have, old)
			have[row], byKey[keyText(row)] = true, row
		}
	}
	out := make([]string, 0, len(have))
	for row := range have {
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// keyText is p and k; tables without partitions have 0 for p.
func keyText(row string) string {
	words := strings.SplitN(row, " ", 3)
	return words[0] + " " + words[1]
}

// modelRun is one random history of a model and its variants.
type modelRun struct {
	t        *testing.T
	r        *rand.Rand
	m        *model
	variants []*variant
	keys     int
	states   map[int]*model // operation → model after it
	evolve   bool           // the schema changes
	layouts  []layout       // schema → its columns
	slots    int            // next slot of a column
	tags     map[string]*model
	streams  bool // every commit shows in the changelog
	log      []string
}

func newModelRun(t *testing.T, r *rand.Rand, evolve bool) *modelRun {
	u, l := randomRules(r), newLayout(t)
	x := &modelRun{t: t, r: r, evolve: evolve, layouts: []layout{l}, slots: modelColumns, m: newModel(u, l), keys: pickOne(r, 3, 12, 80), states: map[int]*model{}, tags: map[string]*model{}, streams: r.IntN(2) == 0}
	for range 2 {
		x.variants = append(x.variants, newVariant(t, r, u, evolve))
	}
	x.log = append(x.log, fmt.Sprintf("%+v", u))
	for _, v := range x.variants {
		x.log = append(x.log, fmt.Sprint(v.options))
	}
	return x
}

func (x *modelRun) makeChanges(n int) []modelChange {
	var out []modelChange
	for range n {
		c := x.m.change(x.r, x.keys, x.writer())
		x.m.apply(c)
		out = append(out, c)
		x.log = append(x.log, "  "+c.line(x.m.at))
	}
	return out
}

// step does operation i to the model and all variants.
func (x *modelRun) step(i int) {
	op := 12
	if !x.evolve || x.r.IntN(4) > 0 {
		op = x.r.IntN(12)
	}
	if x.streams && op > 7 && op < 12 { // streams do not see what these do
		op = x.r.IntN(8)
	}
	x.log = append(x.log, fmt.Sprintf("%d: operation %d", i, op))
	seed := x.r.Uint64()
	each := func(do func(v *variant, r *rand.Rand)) {
		for n, v := range x.variants {
			do(v, rand.New(rand.NewPCG(seed, uint64(n))))
		}
	}
	switch {
	case op < 5:
		changes := x.makeChanges(1 + x.r.IntN(40))
		each(func(v *variant, r *rand.Rand) { v.write(r, nil, changes, x.m.at) })
	case op < 7:
		each(func(v *variant, r *rand.Rand) { v.compact(r.IntN(2) == 0) })
	case op == 7:
		each(func(v *variant, r *rand.Rand) { v.restart() })
	case op == 8:
		x.overwrite(each)
	case op == 9 && x.m.rules.engine == "deduplicate":
		x.deleteWhere(each)
	case op == 10 && len(x.states) > 0 && x.variants[0].newest() > 0:
		tag := "t" + strconv.Itoa(i)
		x.tags[tag] = x.m.clone()
		each(func(v *variant, _ *rand.Rand) {
			v.tagged[tag] = v.newest()
			require.NoError(x.t, v.table(nil).CreateTag(v.ctx, tag, paimon.TagOptions{}))
		})
	case op == 11 && len(x.states) > 0:
		x.rollback(each)
	case op == 12:
		x.alter(each)
	}
	if x.evolve && x.streams && x.r.IntN(6) == 0 {
		each(func(v *variant, _ *rand.Rand) { v.open(x.m.at) })
	}
	x.states[i] = x.m.clone()
	each(func(v *variant, _ *rand.Rand) { v.after[i] = v.newest() })
}

func (x *modelRun) overwrite(each func(func(*variant, *rand.Rand))) {
	o := &paimon.Overwrite{Dynamic: x.m.rules.partitioned && x.r.IntN(2) == 0}
	n := 1 + x.r.IntN(10)
	fresh := newModel(x.m.rules, x.m.at)
	var changes []modelChange
	touched := map[int]bool{}
	for range n {
		c := fresh.change(x.r, x.keys, x.m.at)
		c.kind = types.Insert
		fresh.apply(c)
		touched[c.row[colP].(int)] = true
		changes = append(changes, c)
		x.log = append(x.log, fmt.Sprintf("  overwrite (dynamic %t): %s", o.Dynamic, c.line(x.m.at)))
	}
	for k, s := range x.m.rows {
		if o.Dynamic && !touched[k.p] {
			fresh.rows[k] = s
		}
	}
	for k, f := range x.m.floor {
		if o.Dynamic && !touched[k.p] {
			fresh.floor[k] = f
		}
	}
	x.m = fresh
	each(func(v *variant, r *rand.Rand) {
		v.restart()
		v.write(r, o, changes, x.m.at)
	})
}

func (x *modelRun) deleteWhere(each func(func(*variant, *rand.Rand))) {
	column, typ, at, least := "k", types.Of(types.Int), colK, x.r.IntN(x.keys)
	if x.r.IntN(3) == 0 {
		column, typ, at, least = "c", types.Of(types.BigInt), colC, 900
	}
	for key, s := range x.m.rows {
		if v, ok := s.row[at].(int); ok && v >= least {
			x.m.remove(key, s.row)
		}
	}
	c := x.m.at[x.m.at.of(at)]
	column, typ = c.name, c.typ
	x.log = append(x.log, fmt.Sprintf("  delete where %s >= %d", column, least))
	each(func(v *variant, _ *rand.Rand) {
		v.restart()
		_, err := v.table(nil).DeleteWhere(v.ctx, leaf(x.t, column, typ, predicate.Ge, strconv.Itoa(least)))
		require.NoError(x.t, err)
	})
}

func (x *modelRun) rollback(each func(func(*variant, *rand.Rand))) {
	ops := make([]int, 0, len(x.states))
	for i := range x.states {
		ops = append(ops, i)
	}
	slices.Sort(ops)
	to := ops[x.r.IntN(len(ops))]
	for _, v := range x.variants {
		if v.after[to] == 0 {
			return
		}
	}
	x.log = append(x.log, fmt.Sprintf("  back to after %d", to))
	x.m = x.states[to].under(x.m.at)
	each(func(v *variant, _ *rand.Rand) {
		v.restart()
		require.NoError(x.t, v.table(nil).RollbackTo(v.ctx, v.after[to]))
	})
	for _, i := range ops {
		if i > to {
			delete(x.states, i)
		}
	}
	for tag := range x.tags {
		if slices.ContainsFunc(x.variants, func(v *variant) bool { return v.tagged[tag] > v.after[to] }) {
			delete(x.tags, tag)
			each(func(v *variant, _ *rand.Rand) { _ = v.table(nil).DeleteTag(v.ctx, tag) }) // where it is left
		}
	}
}

// check holds all variants against the model.
func (x *modelRun) check(end bool) {
	want := x.m.lines()
	for n, v := range x.variants {
		what := fmt.Sprintf("variant %d", n)
		if end && (x.m.rules.producer == "full-compaction" || x.m.rules.producer == "lookup") {
			v.restart()
			v.compact(true)
		}
		require.Equal(x.t, want, nonNil(v.rows(nil)), what)
		for tag, m := range x.tags {
			require.Equal(x.t, m.linesIn(x.layoutOf(v, v.tagged[tag])), nonNil(v.rows(map[string]string{"scan.tag-name": tag})), what+" tag "+tag)
		}
		if x.evolve {
			x.checkEvolved(v, end, what)
		}
		if !end || !x.streams || len(want) == 0 && v.newest() == 0 {
			continue
		}
		columns := x.m.at.keysFirst()
		want := x.m.linesIn(x.m.at.pick(columns))
		switch u := x.m.rules; {
		case u.producer == "lookup" || u.producer == "full-compaction":
			require.Equal(x.t, want, v.changes(true, columns), what+" changelog")
		case u.engine == "deduplicate" && !u.sequence:
			require.Equal(x.t, want, v.changes(false, columns), what+" changes")
		}
		var kinds []spec.CommitKind
		snaps, err := v.table(nil).Snapshots(v.ctx)
		require.NoError(x.t, err)
		for _, s := range snaps {
			kinds = append(kinds, s.CommitKind)
		}
		require.NotContains(x.t, kinds, spec.CommitOverwrite)
	}
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// TestModel writes, compacts, overwrites, deletes, tags and rolls back at
// random, under random options, and holds every table against the model.
// TARN_ROUNDS says how many histories; TARN_SEED repeats one.
func TestModel(t *testing.T) {
	seed, rounds := seedOf(t), 12
	if n, err := strconv.Atoi(os.Getenv("TARN_ROUNDS")); err == nil {
		rounds = n
	}
	steps := 0
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) { steps += runHistory(t, seed, round, false) })
	}
	t.Logf("%d histories, %d operations on two tables each", rounds, steps)
}

// TestModelKept repeats histories that once failed: changelog of two
// compactions in one commit, read in another order.
func TestModelKept(t *testing.T) {
	for seed, round := range map[uint64]int{5472418570809718145: 208} {
		runHistory(t, seed, round, false)
	}
}

func runHistory(t *testing.T, seed uint64, round int, evolve bool) int {
	r := rand.New(rand.NewPCG(seed, uint64(round)))
	x := newModelRun(t, r, evolve)
	defer func() {
		for _, v := range x.variants {
			v.restart()
		}
		if t.Failed() {
			t.Logf("TARN_SEED=%d TARN_ROUNDS=%d go test ./paimon -run '%s/%d$'\n%s", seed, round+1, map[bool]string{false: "TestModel", true: "TestModelEvolution"}[evolve], round, strings.Join(x.log, "\n"))
		}
	}()
	n := 4 + r.IntN(20)
	for i := range n {
		x.step(i)
		x.check(i == n-1)
	}
	return n
}
