package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// The pieces of a stream with a fallback branch.
const (
	pieceFull   = "full"   // the state of both before Next and Branch
	pieceMain   = "main"   // what snapshot Next of the table changes
	pieceBranch = "branch" // what snapshot Branch of the branch changes
	pieceJoin   = "join"   // the branch's state before Branch: it was not followed so far
)

// maxAhead is how many snapshots of the branch in a row go before one of the
// table. The branch goes first, so that its newest state is what has been told
// when a partition is taken back: that one has not expired.
const maxAhead = 8

// Pair follows a table with a fallback branch: at every position the rows
// told are those of a batch read. Partitions that the table has come from the
// table, all others from the branch. When the table gains a partition, the
// branch's rows of it are taken back and the table's are given; when it loses
// one, the other way round. Splits of the branch are marked Fallback. It serves
// one goroutine.
type Pair struct {
	main, branch *Scanner
	name         string // of the branch
	primary      bool   // main is the branch that an option names, and branch the table
	at           Position
	ahead        int
	have         map[string]bool // partitions of the table before at.Next; nil: not known
}

// NewPair follows main, and branch behind it, from a position on.
func NewPair(main, branch *table.Table, name string, at Position) *Pair {
	return &Pair{main: New(main, Position{Next: at.Next}), branch: New(branch, Position{Next: at.Branch}), name: name, at: at}
}

// NewPrimaryPair is NewPair for a table whose reads prefer a branch: main is the
// branch, branch is the table, of the given branch name. Splits of main are
// marked.
func NewPrimaryPair(main, branch *table.Table, name string, at Position) *Pair {
	p := NewPair(main, branch, name, at)
	p.primary = true
	return p
}

// Next gives the next piece, or nil when nothing new has been committed.
func (p *Pair) Next(ctx context.Context) (*Plan, error) {
	plan, err := p.next(ctx)
	if plan == nil || err != nil {
		return nil, err
	}
	if p.primary {
		plan.At.Primary, plan.After.Primary = true, true
		for _, section := range plan.Sections {
			for i := range section.Splits {
				section.Splits[i].Fallback = !section.Splits[i].Fallback
			}
		}
	}
	return plan, nil
}

func (p *Pair) next(ctx context.Context) (*Plan, error) {
	switch {
	case p.at.Full > 0, p.at.Next > 0 && p.at.Branch == 0 && p.at.Piece == "":
		return p.alone(ctx)
	case p.at.Next == 0:
		return p.start(ctx)
	case p.at.Piece == pieceFull:
		return p.full(ctx)
	case p.at.Piece == pieceJoin:
		return p.join(ctx)
	}
	return p.follow(ctx)
}

// alone goes on at a position from before there was a branch. A piece may have
// been half read, so it comes once more as it was; then the branch joins.
func (p *Pair) alone(ctx context.Context) (*Plan, error) {
	var plan *Plan
	id := max(p.at.Full, p.at.Next)
	snap, err := p.main.get(ctx, id)
	if err != nil {
		return nil, err
	}
	next := Position{Next: id, Piece: pieceJoin}
	if snap != nil {
		if next.Next++; p.at.Full > 0 {
			plan, err = p.main.full(ctx, snap, p.at.Since)
		} else {
			plan, err = p.main.follow(ctx, snap, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	p.at = next
	if plan == nil {
		return p.join(ctx)
	}
	plan.After = next
	return plan, nil
}

// start resolves `scan.mode` for both.
func (p *Pair) start(ctx context.Context) (*Plan, error) {
	own := p.main.t // whose scan options count
	if p.primary {
		own = p.branch.t
	}
	o := own.Options.Scan
	mode, err := streamMode(own)
	if err != nil {
		return nil, err
	}
	main, branch := p.main.t.History.Snapshots, p.branch.t.History.Snapshots
	last, err := main.LatestID(ctx)
	if err != nil {
		return nil, err
	}
	lastOther, err := branch.LatestID(ctx)
	if err != nil {
		return nil, err
	}
	switch mode {
	case "latest-full":
		if last == 0 && lastOther == 0 {
			return nil, nil
		}
		p.at = Position{Next: last + 1, Branch: lastOther + 1, Piece: pieceFull}
		return p.full(ctx)
	case "latest":
		p.at = Position{Next: last + 1, Branch: lastOther + 1}
		return &Plan{After: p.at}, nil
	case "from-snapshot", "from-snapshot-full":
		return p.fromSnapshot(ctx, o.SnapshotID, mode == "from-snapshot-full")
	}
	if mode != options.FromTimestamp {
		return nil, errs.Unsupported("read table %s as a stream: 'scan.mode' = '%s' with a fallback branch", p.main.t.Name, mode)
	}
	millis, err := Moment(o)
	if err != nil {
		return nil, err
	}
	if p.at.Next, err = firstSince(ctx, p.main.t, millis); err != nil {
		return nil, err
	}
	if p.at.Branch, err = firstSince(ctx, p.branch.t, millis); err != nil {
		return nil, err
	}
	return p.follow(ctx)
}

// fromSnapshot starts with a snapshot of the table that has the options, and
// with the other one's of that time.
func (p *Pair) fromSnapshot(ctx context.Context, id int64, full bool) (*Plan, error) {
	own, other := p.main.t.History.Snapshots, p.branch.t.History.Snapshots
	if p.primary {
		own, other = other, own
	}
	snap, err := own.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	beside, err := other.AtOrBefore(ctx, snap.TimeMillis)
	if err != nil {
		return nil, err
	}
	p.at = Position{Next: snap.ID, Branch: 1}
	if beside != nil {
		p.at.Branch = beside.ID + 1
	}
	if full {
		p.at.Next, p.at.Piece = snap.ID+1, pieceFull
	}
	if p.primary {
		p.at.Next, p.at.Branch = p.at.Branch, p.at.Next
	}
	if full {
		return p.full(ctx)
	}
	return p.follow(ctx)
}

// firstSince gives the first snapshot at or after millis, or the one to come.
func firstSince(ctx context.Context, t *table.Table, millis int64) (int64, error) {
	id, _, err := t.History.FirstSince(ctx, millis, false)
	return max(id, 1), err
}

// before gives the snapshot before a position, nil for none.
func before(ctx context.Context, s *Scanner, next int64) (*spec.Snapshot, error) {
	if next <= 1 {
		return nil, nil
	}
	return s.t.History.Snapshots.Get(ctx, next-1)
}

// full plans the state of both before the position.
func (p *Pair) full(ctx context.Context) (*Plan, error) {
	main, err := before(ctx, p.main, p.at.Next)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Full: true, Snapshot: main, At: p.at, After: Position{Next: p.at.Next, Branch: p.at.Branch}}
	if main != nil {
		splits, err := p.main.state(ctx, main, nil)
		if err != nil {
			return nil, err
		}
		plan.Sections = append(plan.Sections, Section{Splits: splits, Mode: read.State})
	}
	if err := p.known(ctx); err != nil {
		return nil, err
	}
	others, snap, err := p.branchState(ctx, func(part []byte) bool { return !p.have[string(part)] })
	if err != nil {
		return nil, err
	}
	if plan.Snapshot == nil {
		plan.Snapshot = snap
	}
	plan.Sections = append(plan.Sections, Section{Splits: others, Mode: read.State})
	p.at = plan.After
	return plan, nil
}

// join tells the branch's state: so far the stream was one of the table alone.
func (p *Pair) join(ctx context.Context) (*Plan, error) {
	if p.at.Branch == 0 {
		last, err := p.branch.t.History.Snapshots.LatestID(ctx)
		if err != nil {
			return nil, err
		}
		p.at.Branch = last + 1
	}
	if err := p.known(ctx); err != nil {
		return nil, err
	}
	splits, snap, err := p.branchState(ctx, func(part []byte) bool { return !p.have[string(part)] })
	if err != nil {
		return nil, err
	}
	plan := &Plan{Snapshot: snap, At: p.at, After: Position{Next: p.at.Next, Branch: p.at.Branch}, Sections: []Section{{Splits: splits, Mode: read.State}}}
	p.at = plan.After
	return plan, nil
}

// branchState plans what the branch has told of some partitions.
func (p *Pair) branchState(ctx context.Context, keep func([]byte) bool) ([]scan.Split, *spec.Snapshot, error) {
	snap, err := before(ctx, p.branch, p.at.Branch)
	if snap == nil || err != nil {
		return nil, nil, p.gone(err, p.at.Branch-1)
	}
	splits, err := p.branch.state(ctx, snap, keep)
	return mark(splits), snap, p.gone(err, p.at.Branch-1)
}

// gone explains that a state that has to be read again has expired.
func (p *Pair) gone(err error, id int64) error {
	if !errors.Is(err, errs.ErrNotFound) {
		return err
	}
	return errs.Kinded(errs.ErrNotFound, "read table %s as a stream: the rows that branch '%s' had at snapshot %d are needed, which has expired: raise 'snapshot.time-retained' of the branch, or start again with 'scan.mode' = 'latest-full': %w", p.main.t.Name, p.name, id, err)
}

func mark(splits []scan.Split) []scan.Split {
	for i := range splits {
		splits[i].Fallback = true
	}
	return splits
}

// follow gives the next piece of changes: of the branch, unless it has been
// ahead for long, then of the table.
func (p *Pair) follow(ctx context.Context) (*Plan, error) {
	for {
		piece := p.at.Piece
		if piece == "" {
			var err error
			if piece, err = p.choose(ctx); piece == "" || err != nil {
				return nil, err
			}
		}
		var plan *Plan
		var err error
		if piece == pieceBranch {
			plan, err = p.fromBranch(ctx)
		} else {
			plan, err = p.fromMain(ctx)
		}
		if err != nil {
			return nil, err
		}
		if plan == nil {
			return nil, errs.Kinded(errs.ErrNotFound, "read table %s as a stream: the snapshot that was being read is gone: the table was rolled back; start again with 'scan.mode' = 'latest-full'", p.main.t.Name)
		}
		p.at = plan.After
		if !plan.Empty() {
			return plan, nil
		}
	}
}

// choose looks which of both has a snapshot to follow; "" for none.
func (p *Pair) choose(ctx context.Context) (string, error) {
	pieces := []string{pieceBranch, pieceMain}
	if p.ahead >= maxAhead {
		pieces = []string{pieceMain, pieceBranch}
	}
	for _, piece := range pieces {
		s, next := p.main, p.at.Next
		if piece == pieceBranch {
			s, next = p.branch, p.at.Branch
		}
		snap, err := s.get(ctx, next)
		if err != nil {
			return "", err
		}
		if snap != nil {
			if p.ahead++; piece == pieceMain {
				p.ahead = 0
			}
			return piece, nil
		}
	}
	return "", nil
}

// fromBranch plans what snapshot at.Branch changes in partitions that the
// table has not.
func (p *Pair) fromBranch(ctx context.Context) (*Plan, error) {
	snap, err := p.branch.get(ctx, p.at.Branch)
	if snap == nil || err != nil {
		return nil, err
	}
	if err := p.known(ctx); err != nil {
		return nil, err
	}
	plan, err := p.branch.follow(ctx, snap, func(part []byte) bool { return !p.have[string(part)] })
	if err != nil {
		return nil, err
	}
	if plan == nil {
		plan = &Plan{Snapshot: snap}
	}
	for i := range plan.Sections {
		mark(plan.Sections[i].Splits)
	}
	plan.At = Position{Next: p.at.Next, Branch: p.at.Branch, Piece: pieceBranch}
	plan.After = Position{Next: p.at.Next, Branch: p.at.Branch + 1}
	return plan, nil
}

// fromMain plans what snapshot at.Next of the table changes.
func (p *Pair) fromMain(ctx context.Context) (*Plan, error) {
	snap, err := p.main.get(ctx, p.at.Next)
	if snap == nil || err != nil {
		return nil, err
	}
	if err := p.known(ctx); err != nil {
		return nil, err
	}
	gained, lost, err := p.moved(ctx, snap)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Snapshot: snap, At: Position{Next: p.at.Next, Branch: p.at.Branch, Piece: pieceMain}, After: Position{Next: p.at.Next + 1, Branch: p.at.Branch}}
	if err := p.takeBack(ctx, plan, gained, lost); err != nil {
		return nil, err
	}
	overwritten := snap.CommitKind == spec.CommitOverwrite && len(gained) > 0
	changes, err := p.main.follow(ctx, snap, func(part []byte) bool { return !overwritten || !gained[string(part)] })
	if err != nil {
		return nil, err
	}
	if changes != nil {
		plan.Sections = append(plan.Sections, changes.Sections...)
	}
	if overwritten { // an overwrite tells no changes: give what it made
		splits, err := p.main.t.Scanner.Plan(ctx, snap, scan.Request{Partition: in(gained)})
		if err != nil {
			return nil, err
		}
		plan.Sections = append(plan.Sections, Section{Splits: splits, Mode: read.State})
	}
	if len(lost) > 0 {
		splits, _, err := p.branchState(ctx, in(lost))
		if err != nil {
			return nil, err
		}
		plan.Sections = append(plan.Sections, Section{Splits: splits, Mode: read.State})
	}
	for part := range gained {
		p.have[part] = true
	}
	for part := range lost {
		delete(p.have, part)
	}
	return plan, nil
}

func in(set map[string]bool) func([]byte) bool {
	return func(part []byte) bool { return set[string(part)] }
}

// takeBack plans the -D of rows that now come from the other side.
func (p *Pair) takeBack(ctx context.Context, plan *Plan, gained, lost map[string]bool) error {
	if len(gained) > 0 {
		splits, _, err := p.branchState(ctx, in(gained))
		if err != nil {
			return err
		}
		plan.Sections = append(plan.Sections, Section{Splits: splits, Mode: read.State, Retract: true})
	}
	if len(lost) == 0 {
		return nil
	}
	snap, err := before(ctx, p.main, p.at.Next)
	if err != nil {
		return fmt.Errorf("read table %s as a stream: partitions that snapshot %d removed are to be taken back: %w", p.main.t.Name, p.at.Next, err)
	}
	splits, err := p.main.state(ctx, snap, in(lost))
	if err != nil {
		return err
	}
	plan.Sections = append(plan.Sections, Section{Splits: splits, Mode: read.State, Retract: true})
	return nil
}

// moved gives the partitions that the table gains and loses by a snapshot.
func (p *Pair) moved(ctx context.Context, snap *spec.Snapshot) (gained, lost map[string]bool, err error) {
	added, removed, err := p.main.t.Scanner.Touched(ctx, snap)
	if err != nil {
		return nil, nil, err
	}
	gained, lost = map[string]bool{}, map[string]bool{}
	for part := range added {
		if !p.have[part] {
			gained[part] = true
		}
	}
	for part := range removed {
		if p.have[part] && !added[part] {
			lost[part] = true
		}
	}
	if len(lost) == 0 {
		return gained, lost, nil
	}
	live, err := p.main.t.Scanner.Live(ctx, snap, p.visible(in(lost)))
	if err != nil {
		return nil, nil, err
	}
	for i := range live {
		delete(lost, string(live[i].Partition))
	}
	return gained, lost, nil
}

func (p *Pair) visible(keep func([]byte) bool) scan.Request {
	r := scan.Request{Partition: keep}
	if p.main.t.Options.MergeEngine == options.FirstRow {
		r.MinLevel = 1
	}
	return r
}

// known finds out which partitions the table had before at.Next: of the
// snapshot before or, if that has expired, of what at.Next started from.
func (p *Pair) known(ctx context.Context) error {
	if p.have != nil {
		return nil
	}
	snap, err := before(ctx, p.main, p.at.Next)
	switch {
	case err == nil && snap == nil:
		p.have = map[string]bool{}
		return nil
	case err == nil:
		p.have, err = p.main.t.Scanner.Partitions(ctx, snap, nil)
	}
	if !errors.Is(err, errs.ErrNotFound) {
		return err
	}
	if snap, err = p.main.get(ctx, p.at.Next); err == nil && snap != nil {
		p.have, err = p.main.t.Scanner.PartitionsBefore(ctx, snap)
	}
	return err
}
