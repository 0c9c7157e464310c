package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// queueBatches is how many batches of an input wait for its sink.
const queueBatches = 4

// run is one attempt of a job, from its recovery to an error or its end.
type run struct {
	spec  *Spec
	id    string
	store stateStore
	stat  *stat
	needs *needs
	sinks []*sink
	ended func(*paimon.Table) // a commit happened, or may have before
}

// sink is one table being written with its inputs' positions.
type sink struct {
	table     *paimon.Table
	writer    *paimon.Writer
	committer *paimon.Committer
	stage     stage // nil for most
	next      int64 // identifier of the next commit
	snapshot  int64 // that the last commit made; 0 before the first
	positions map[string]change.Position
	moved     bool // positions moved since the last commit
	rows      int64
	last      time.Time // when the last commit began
	first     time.Time // when the first row since came
	follows   bool      // all inputs follow the commits of tables
	newest    time.Time // newest source time among the rows since
	open      int       // inputs that have not ended
}

// delivery is what an input hands to the sink loop.
type delivery struct {
	input int
	batch change.Batch
	err   error // io.EOF at the end of the input
}

// execute runs the job until all inputs have ended (nil), ctx ends, or an
// error. Nothing committed is lost whatever happens.
func (r *run) execute(ctx context.Context) (err error) {
	r.id = uuid.NewString()
	defer func() { err = errors.Join(err, r.closeSinks(context.WithoutCancel(ctx))) }()
	if err := r.recover(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	deliveries := make(chan delivery, queueBatches*len(r.spec.Inputs))
	var wg sync.WaitGroup
	defer func() {
		cancel()
		go func() { wg.Wait(); close(deliveries) }()
		for d := range deliveries { // inputs end; what they still give is dropped
			d.batch.Release()
		}
	}()
	for i, in := range r.spec.Inputs {
		wg.Add(1)
		from := r.sinks[in.Sink].positions[in.Key] // before the loop writes to the map
		go func() {
			defer wg.Done()
			r.feed(ctx, i, from, deliveries)
		}()
	}
	return r.loop(ctx, deliveries)
}

// recover opens a writer per sink and finds where its inputs go on.
func (r *run) recover(ctx context.Context) error {
	r.sinks = make([]*sink, len(r.spec.Sinks))
	for i, t := range r.spec.Sinks {
		s := &sink{table: t, committer: t.NewCommitter(r.spec.Name), next: 1}
		if err := r.resume(ctx, s); err != nil {
			return err
		}
		if err := catchUp(ctx, t); err != nil {
			return err
		}
		var err error
		if err := r.openStage(ctx, s, i); err != nil {
			return err
		}
		if s.writer, err = t.NewWriter(ctx, paimon.WriteOptions{User: r.spec.Name}); err != nil {
			return err
		}
		r.sinks[i] = s
		if r.ended != nil { // a run before this one may have ended before its last commit was compacted
			r.ended(t)
		}
	}
	for _, in := range r.spec.Inputs {
		s := r.sinks[in.Sink]
		if err := r.kept(ctx, s); err != nil {
			return err
		}
		follows := comesInCommits(in.Source)
		s.follows = follows && (s.follows || s.open == 0)
		s.open++
	}
	return nil
}

// catchUp compacts a table whose writer compacts: a kill between the two
// snapshots of a commit leaves rows that readers of its changelog, or of a
// first-row table, see only when their bucket is written again.
func catchUp(ctx context.Context, t *paimon.Table) error {
	o := t.Options()
	if o.WriteOnly || o.Bucket == -2 || !o.NeedsLookup() && o.Changelog.Producer != options.ChangelogFullCompaction {
		return nil
	}
	_, err := t.Compact(ctx, paimon.CompactOptions{})
	if errors.Is(err, errs.ErrConflict) {
		return nil
	}
	return err
}

// resume finds what the job has committed to a sink: the newest snapshot of its
// user, or the state file where that has expired. A state whose snapshot has
// not expired and is not there is of commits that were rolled back, or of a
// table that was dropped and made anew: what they held is read again.
func (r *run) resume(ctx context.Context, s *sink) error {
	last, err := s.committer.Last(ctx)
	if err != nil {
		return err
	}
	saved, err := r.store.load(ctx, r.spec.Name, s.table.Name())
	if err != nil {
		return err
	}
	expired, err := s.expired(ctx, saved.Snapshot)
	if err != nil {
		return err
	}
	switch {
	case expired && last == nil:
		s.next, s.snapshot, s.positions = saved.Identifier+1, saved.Snapshot, saved.Positions
	case last != nil:
		s.next, s.snapshot = last.CommitIdentifier+1, last.ID
		if s.positions, err = decodePositions(last.Properties); err != nil {
			return fmt.Errorf("table %s, snapshot %d: %w", s.table.Name(), last.ID, err)
		}
	}
	if s.positions == nil {
		s.positions = map[string]change.Position{}
	}
	return nil
}

// expired reports whether the table has been there for longer than snapshot id.
func (s *sink) expired(ctx context.Context, id int64) (bool, error) {
	earliest, err := s.table.EarliestSnapshot(ctx)
	return earliest > id, err
}

// checkHistory makes sure that the sink's last commit is still the table's:
// else going on would leave a gap.
func (r *run) checkHistory(ctx context.Context, s *sink) error {
	if s.snapshot == 0 {
		return nil
	}
	last, err := s.committer.Last(ctx)
	if err != nil || last != nil && last.CommitIdentifier >= s.next-1 {
		return err
	}
	if expired, err := s.expired(ctx, s.snapshot); err != nil || expired {
		return err
	}
	return errs.Kinded(errs.ErrConflict, "table %s: snapshot %d, which job %s wrote, is gone: the table was rolled back, dropped or made anew; the job goes on from what is left of it",
		s.table.Name(), s.snapshot, r.spec.Name)
}

// kept tells the sources of a sink, and the expiry of this process, what the
// job still needs of them.
func (r *run) kept(ctx context.Context, s *sink) error {
	for i, in := range r.spec.Inputs {
		at, ok := s.positions[in.Key]
		k, keeps := in.Source.(source.Keeper)
		if !keeps || !ok || r.sinks[in.Sink] != s {
			continue
		}
		table, next := k.Needs(at)
		if r.needs.set(i, table, next) {
			if err := k.Committed(ctx, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) closeSinks(ctx context.Context) error {
	var all error
	for _, s := range r.sinks {
		if s != nil && s.writer != nil {
			all = errors.Join(all, s.writer.Close(ctx))
		}
		if s != nil {
			all = errors.Join(all, s.closeStage())
		}
	}
	return all
}

// feed reads one input from a position on, transforms its batches and delivers
// them.
func (r *run) feed(ctx context.Context, i int, from change.Position, out chan<- delivery) {
	in := &r.spec.Inputs[i]
	give := func(d delivery) bool {
		d.input = i
		select {
		case out <- d:
			return true
		case <-ctx.Done():
			d.batch.Release()
			return false
		}
	}
	reader, err := in.Source.Open(ctx, from)
	if err != nil {
		give(delivery{err: err})
		return
	}
	defer reader.Close()
	for {
		b, err := reader.Next(ctx)
		if err == nil && b.Rows != nil && b.Rows.NumRows() > 0 {
			r.stat.rowsIn.Add(b.Rows.NumRows())
			b, err = in.Transform.Apply(ctx, b)
		}
		if !give(delivery{batch: b, err: err}) || err != nil {
			return
		}
	}
}

// loop writes deliveries and commits: at once when the interval since the last
// commit is over, otherwise as soon as it is.
func (r *run) loop(ctx context.Context, in <-chan delivery) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := r.commitDue(ctx); err != nil {
			return err
		}
		if r.finished() {
			return nil
		}
		timer.Reset(r.untilDue())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case d := <-in:
			if err := r.take(ctx, d); err != nil {
				return err
			}
		}
		if err := r.drain(ctx, in); err != nil {
			return err
		}
	}
}

// drain takes what is there: it belongs to the next commit, even where that is
// overdue, or commits would get smaller the later they are. A source that never
// pauses is interrupted after an interval.
func (r *run) drain(ctx context.Context, in <-chan delivery) error {
	for end := time.Now().Add(r.spec.Interval); time.Now().Before(end); {
		select {
		case d := <-in:
			if err := r.take(ctx, d); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (r *run) take(ctx context.Context, d delivery) error {
	defer d.batch.Release()
	in := &r.spec.Inputs[d.input]
	s := r.sinks[in.Sink]
	if errors.Is(d.err, io.EOF) {
		s.open--
		return nil
	}
	if d.err != nil {
		return d.err
	}
	if b := d.batch; b.Rows != nil && b.Rows.NumRows() > 0 {
		n, err := s.write(ctx, paimon.Batch{Rows: b.Rows, Kinds: b.Kinds})
		if err != nil {
			return err
		}
		if s.rows == 0 {
			s.first = time.Now()
		}
		s.rows += n
		if b.Watermark.After(s.newest) {
			s.newest = b.Watermark
		}
	}
	s.positions[in.Key] = d.batch.Position
	s.moved = true
	return nil
}

func (r *run) finished() bool {
	for _, s := range r.sinks {
		if s.open > 0 || s.moved {
			return false
		}
	}
	return true
}

func (r *run) untilDue() time.Duration {
	least := time.Hour
	for _, s := range r.sinks {
		least = min(least, time.Until(s.due(r.spec.Interval)))
	}
	return max(least, 0)
}

// commitDue commits the sinks whose time has come, side by side.
func (r *run) commitDue(ctx context.Context) error {
	now := time.Now()
	var due, soon []*sink
	for _, s := range r.sinks {
		switch wait := s.due(r.spec.Interval).Sub(now); {
		case s.rows == 0 && !s.moved:
		case s.open == 0 || wait <= 0:
			due = append(due, s)
		case s.rows > 0 && wait <= r.spec.Interval/4:
			soon = append(soon, s)
		}
	}
	if len(due) == 0 {
		return nil
	}
	// Those that are almost due go along: what follows several sinks of this
	// job then sees them together.
	if due = append(due, soon...); len(due) == 1 {
		return r.commit(ctx, due[0])
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range due {
		g.Go(func() error { return r.commit(ctx, s) })
	}
	return g.Wait()
}

// commit makes one commit of a sink. After an error the attempt ends: the next
// one finds out from the table whether the commit happened.
func (r *run) commit(ctx context.Context, s *sink) error {
	begin := time.Now()
	if err := r.checkHistory(ctx, s); err != nil {
		return err
	}
	messages, err := s.writer.Prepare(ctx, s.open == 0)
	if err != nil {
		return err
	}
	c := paimon.Commit{
		Identifier: s.next, Messages: messages, KeepEmpty: true,
		Properties: map[string]string{positionsProperty: encodePositions(s.positions), runProperty: r.id},
	}
	if !s.newest.IsZero() {
		w := s.newest.UnixMilli()
		c.Watermark = &w
	}
	if s.stage != nil {
		s.stage.Bind(&c)
	}
	snap, err := s.committer.Commit(ctx, c)
	if err != nil {
		return err
	}
	if snap.Properties[runProperty] != r.id {
		return errs.Kinded(errs.ErrConflict, "job %s: commit %d of table %s was made by another run of the same job; run a job once, or give this one its own name with SET 'pipeline.name' = '…'", r.spec.Name, s.next, s.table.Name())
	}
	if err := r.store.save(ctx, r.spec.Name, s.table.Name(), savedState{Identifier: s.next, Snapshot: snap.ID, Positions: maps.Clone(s.positions)}); err != nil {
		return err
	}
	r.committed(s, snap, begin)
	if err := r.kept(ctx, s); err != nil {
		return err
	}
	if s.stage != nil {
		return s.stage.Committed(ctx, s.table, snap, messages)
	}
	return nil
}

func (r *run) committed(s *sink, snap *spec.Snapshot, begin time.Time) {
	now := time.Now()
	if most := now.Add(-r.spec.Interval * 3 / 4); begin.Before(most) {
		begin = most // slow commits leave a quarter of the interval for reading
	}
	r.stat.rowsOut.Add(s.rows)
	r.stat.commits.Add(1)
	r.stat.lastCommit.Store(now.UnixNano())
	r.stat.snapshot.Store(snap.ID)
	if !s.newest.IsZero() {
		r.stat.lag.Store(int64(now.Sub(s.newest)))
	}
	s.snapshot = snap.ID
	s.next++
	s.rows, s.moved, s.last, s.newest = 0, false, begin, time.Time{}
	if r.ended != nil {
		r.ended(s.table)
	}
}
