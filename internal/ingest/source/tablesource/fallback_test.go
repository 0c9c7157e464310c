package tablesource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// pair is d.users, by day, with the fallback branch "rt", or with "rt" before
// it, and a reader that stops and goes on at random.
type pair struct {
	option        string // names rt
	first, second string // branches: partitions that first has come from there

	t      *testing.T
	ctx    context.Context
	w      *paimon.Warehouse
	r      *rand.Rand
	serial int32
	from   change.Position
	state  map[string]string // what the reader was told
}

func newPair(t *testing.T, r *rand.Rand, option string, options map[string]string) *pair {
	t.Helper()
	p := &pair{option: option, second: "rt", t: t, ctx: context.Background(), w: paimon.Open(fileio.NewMem(), paimon.Options{}), r: r, state: map[string]string{}}
	if option == "scan.primary-branch" {
		p.first, p.second = p.second, p.first
	}
	require.NoError(t, p.w.Catalog().CreateDatabase(p.ctx, "d"))
	d := catalog.Definition{
		Fields:        []types.Field{{Name: "dt", Type: types.String()}, {Name: "id", Type: types.Of(types.Int)}, {Name: "v", Type: types.Of(types.Int)}},
		PartitionKeys: []string{"dt"}, PrimaryKeys: []string{"dt", "id"}, Options: map[string]string{"bucket": "1", "read.batch-size": "3"},
	}
	maps.Copy(d.Options, options)
	require.NoError(t, p.w.Catalog().CreateTable(p.ctx, users, d))
	require.NoError(t, p.table("").CreateBranch(p.ctx, "rt", paimon.BranchOptions{}))
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, map[string]string{option: "rt"}, nil))
	return p
}

func (p *pair) table(branch string) *paimon.Table {
	p.t.Helper()
	id := users
	id.Branch = branch
	t, err := p.w.Table(p.ctx, id, nil)
	require.NoError(p.t, err)
	return t
}

// write commits n random rows of some days.
func (p *pair) write(branch string, days []string, n int, overwrite *paimon.Overwrite) {
	p.t.Helper()
	t := p.table(branch)
	w, err := t.NewWriter(p.ctx, paimon.WriteOptions{Overwrite: overwrite != nil})
	require.NoError(p.t, err)
	defer w.Close(p.ctx)
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(t.Fields()))
	var kinds []types.RowKind
	for range n {
		p.serial++
		b.Field(0).(*array.StringBuilder).Append(days[p.r.IntN(len(days))])
		b.Field(1).(*array.Int32Builder).Append(int32(p.r.IntN(9)))
		b.Field(2).(*array.Int32Builder).Append(p.serial)
		kind := types.Insert
		if overwrite == nil && p.r.IntN(5) == 0 {
			kind = types.Delete
		}
		kinds = append(kinds, kind)
	}
	require.NoError(p.t, w.Write(p.ctx, paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}))
	messages, err := w.Prepare(p.ctx, true)
	require.NoError(p.t, err)
	_, err = t.NewCommitter("").Commit(p.ctx, paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: overwrite})
	require.NoError(p.t, err)
}

// batch gives the rows of a batch read.
func (p *pair) batch() map[string]string {
	p.t.Helper()
	t := p.table("")
	snap, err := t.Travel(p.ctx)
	require.NoError(p.t, err)
	plan, err := t.Plan(p.ctx, snap, nil)
	require.NoError(p.t, err)
	out := map[string]string{}
	r := plan.Read(p.ctx, plan.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if err != nil {
			require.ErrorContains(p.t, err, "EOF")
			return out
		}
		for i := range int(b.Rows.NumRows()) {
			out[b.Rows.Column(0).ValueStr(i)+"/"+b.Rows.Column(1).ValueStr(i)] = b.Rows.Column(2).ValueStr(i)
		}
		b.Rows.Release()
	}
}

// follow reads until the reader has the rows of a batch read and nothing more
// comes, stopping and going on at random.
func (p *pair) follow(what string) {
	p.t.Helper()
	want := p.batch()
	deadline := time.Now().Add(20 * time.Second)
	for {
		p.some()
		if maps.Equal(want, p.state) {
			break
		}
		require.True(p.t, time.Now().Before(deadline), "%s:\nwant %v\ntold %v\nposition %s", what, want, p.state, p.from)
	}
}

// some reads some batches, or until nothing comes for a while.
func (p *pair) some() {
	r, err := New(p.table(""), nil).Open(p.ctx, p.from)
	require.NoError(p.t, err)
	defer r.Close()
	for range 1 + p.r.IntN(6) {
		ctx, cancel := context.WithTimeout(p.ctx, 15*time.Millisecond)
		b, err := r.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		require.NoError(p.t, err)
		p.from = b.Position
		if b.Rows == nil {
			continue
		}
		for i := range int(b.Rows.NumRows()) {
			key := b.Rows.Column(0).ValueStr(i) + "/" + b.Rows.Column(1).ValueStr(i)
			switch b.Kind(i) {
			case types.Insert, types.UpdateAfter:
				p.state[key] = b.Rows.Column(2).ValueStr(i)
			case types.Delete:
				delete(p.state, key)
			}
		}
		b.Release()
	}
}

// TestFallbackModel writes to a table and its fallback branch at random; what a
// stream tells adds up to what a batch read gives, wherever it stops and goes
// on between and inside of commits.
func TestFallbackModel(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"none":   {},
		"input":  {"changelog-producer": "input"},
		"lookup": {"changelog-producer": "lookup"},
	} {
		for _, option := range []string{"scan.fallback-branch", "scan.primary-branch"} {
			t.Run(name+" "+option, func(t *testing.T) { modelPair(t, option, options) })
		}
	}
}

func modelPair(t *testing.T, option string, options map[string]string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	p := newPair(t, rand.New(rand.NewPCG(seed, 7)), option, options)
	days := []string{"1", "2", "3", "4", "5", "6"}
	for i := range 40 {
		what := fmt.Sprintf("step %d: ", i)
		day := days[p.r.IntN(len(days))]
		switch op := p.r.IntN(10); {
		case op < 5:
			what += "write the second"
			p.write(p.second, days, 1+p.r.IntN(12), nil)
		case op < 7:
			what += "write day " + day + " of the first"
			p.write(p.first, []string{day}, 1+p.r.IntN(8), nil)
		case op == 7:
			what += "drop day " + day + " of the first"
			_, err := p.table(p.first).DropPartitions(p.ctx, map[string]string{"dt": day})
			require.NoError(t, err)
		case op == 8 && !p.has(day):
			what += "overwrite day " + day + " of the first"
			p.write(p.first, []string{day}, 1+p.r.IntN(8), &paimon.Overwrite{Static: map[string]string{"dt": day}})
		default:
			what += "compact"
			_, err := p.table([]string{"", "rt"}[p.r.IntN(2)]).Compact(p.ctx, paimon.CompactOptions{Full: true})
			require.NoError(t, err)
		}
		if p.r.IntN(2) == 0 {
			p.follow(what)
		} else if p.r.IntN(2) == 0 {
			p.some()
		}
	}
	p.follow("end")
}

// has reports whether the first itself has a day.
func (p *pair) has(day string) bool {
	require.NoError(p.t, p.w.Catalog().AlterOptions(p.ctx, users, nil, []string{p.option}))
	t := p.table(p.first)
	snap, err := t.LatestSnapshot(p.ctx)
	require.NoError(p.t, err)
	parts, err := t.Partitions(p.ctx, snap)
	require.NoError(p.t, err)
	require.NoError(p.t, p.w.Catalog().AlterOptions(p.ctx, users, map[string]string{p.option: "rt"}, nil))
	for _, part := range parts {
		if part.Name == "dt="+day {
			return true
		}
	}
	return false
}

// TestFallbackComesAndGoes gives a followed table a fallback branch, and takes
// it away: the reader gets the branch's rows, or is told why it cannot go on.
func TestFallbackComesAndGoes(t *testing.T) {
	p := newPair(t, rand.New(rand.NewPCG(1, 2)), "scan.fallback-branch", nil)
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, nil, []string{"scan.fallback-branch"}))
	p.write("", []string{"1"}, 8, nil)
	p.write("rt", []string{"1", "2"}, 12, nil)
	for p.from == "" { // stops within the first piece
		p.some()
	}
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, map[string]string{"scan.fallback-branch": "rt"}, nil))
	p.write("", []string{"1"}, 4, nil)
	p.follow("joined")
	p.write("rt", []string{"2", "3"}, 12, nil)
	p.write("", []string{"3"}, 4, nil)
	p.follow("followed")

	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, nil, []string{"scan.fallback-branch"}))
	_, err := New(p.table(""), nil).Open(p.ctx, p.from)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "scan.fallback-branch")

	require.NoError(t, p.table("").DeleteBranch(p.ctx, "rt"))
	gone, err := p.w.Table(p.ctx, users, map[string]string{"scan.fallback-branch": "rt"})
	require.NoError(t, err)
	r, err := New(gone, nil).Open(p.ctx, p.from)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next(p.ctx)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "CALL sys.create_branch('d.users', 'rt')")
}

// TestPrimaryComesLate gives a followed table a branch that goes before it: a
// position of the table alone is no position of both.
func TestPrimaryComesLate(t *testing.T) {
	p := newPair(t, rand.New(rand.NewPCG(1, 2)), "scan.primary-branch", nil)
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, nil, []string{"scan.primary-branch"}))
	p.write("", []string{"1"}, 8, nil)
	p.follow("alone")
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, map[string]string{"scan.primary-branch": "rt"}, nil))
	_, err := New(p.table(""), nil).Open(p.ctx, p.from)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "'scan.primary-branch'")
	p.from, p.state = "", map[string]string{}
	p.follow("both")
	require.NoError(t, p.w.Catalog().AlterOptions(p.ctx, users, nil, []string{"scan.primary-branch"}))
	_, err = New(p.table(""), nil).Open(p.ctx, p.from)
	require.ErrorContains(t, err, "'scan.primary-branch'")
}
