package write

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/internal/changelog"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// newCompactor makes the compactor of a bucket with the given number of levels.
func newCompactor(t *table.Table, read lsm.ReadOptions, files lsm.Files, maxLevel int, overwrite bool) (*lsm.Compactor, error) {
	c := t.Options.Compaction
	e, err := newExpiry(t, time.Now)
	if err != nil {
		return nil, err
	}
	return lsm.NewCompactor(e.files(files), lsm.CompactOptions{Read: read, MinUpgradeSize: int64(float64(t.Options.Files.TargetSize) * c.SmallFileRatio),
		Rewrite: rewrites(t, e), Changelog: producer(t, maxLevel, overwrite), Parallelism: runtime.GOMAXPROCS(0),
		Mark: t.Options.DeletionVectors.Enabled, Blind: latestWins(t.Options) && t.Options.Changelog.Producer != options.ChangelogLookup}), nil
}

// latestWins reports whether the newest record of a key is the row whatever
// older ones say.
func latestWins(o options.Table) bool {
	return o.MergeEngine == options.Deduplicate && len(o.SequenceFields) == 0
}

// rewrites names the files that may not stay as they are; nil for none.
func rewrites(t *table.Table, e *expiry) func(*lsm.File) bool {
	switch {
	case t.Options.Compaction.ForceRewriteAll:
		return func(*lsm.File) bool { return true }
	case e != nil:
		return e.holds
	}
	return nil
}

// pickFull picks all files of a bucket.
func pickFull(t *table.Table, bw *bucketWriter) (lsm.Unit, bool, error) {
	e, err := newExpiry(t, time.Now)
	if err != nil {
		return lsm.Unit{}, false, err
	}
	rewrite := rewrites(t, e)
	if bw.dead != nil && !t.Options.Compaction.ForceRewriteAll {
		rewrite = func(f *lsm.File) bool { return bw.dead.Has(f.FileName) || e != nil && e.holds(f) }
	}
	u, ok := lsm.PickFull(bw.levels.NumLevels(), bw.levels.Runs(), rewrite)
	return u, ok, nil
}

// producer gives what makes changelog while compacting; nil for none. Files of
// an overwrite make none: it could not tell what they replaced.
func producer(t *table.Table, maxLevel int, overwrite bool) lsm.ChangelogProducer {
	o := t.Options
	var dedup *changelog.Dedup
	if o.Changelog.RowDeduplicate {
		dedup = &changelog.Dedup{}
		for i, f := range t.Schema.Fields {
			if !slices.Contains(o.Changelog.RowDedupIgnore, f.Name) {
				dedup.Columns = append(dedup.Columns, i)
			}
		}
	}
	lookup := changelog.LookupOptions{
		MaxLevel: maxLevel, NoChangelog: overwrite || o.Changelog.Producer != options.ChangelogLookup, Dedup: dedup,
		Latest:   latestWins(o),
		FormatOf: func(level int) string { return o.DataForm(level).Format },
	}
	switch {
	case o.MergeEngine == options.FirstRow:
		return changelog.NewFirstRow(lookup)
	case o.Changelog.Producer == options.ChangelogLookup:
		return changelog.NewLookup(lookup)
	case o.Changelog.Producer == options.ChangelogFullCompaction && !overwrite:
		return changelog.NewFull(maxLevel, dedup)
	case o.DeletionVectors.Enabled, o.ForceLookup:
		return changelog.NewLookup(lookup)
	}
	return nil
}

func pickOptions(o options.Table) lsm.PickOptions {
	c := o.Compaction
	p := lsm.DefaultPickOptions()
	p.Trigger, p.SizeAmpPercent, p.SizeRatio, p.FullInterval = c.Trigger, c.MaxSizeAmpPercent, c.SizeRatio, c.OptimizationInterval
	p.TotalSizeThreshold, p.IncrementalSizeThreshold, p.MaxInterval = c.TotalSizeThreshold, c.IncrementalSizeThreshold, c.LookupMaxInterval
	switch {
	case o.NeedsLookup() && c.LookupRadical, c.ForceUpLevel0:
		p.Strategy = lsm.UpLevel0
	case o.NeedsLookup():
		p.Strategy = lsm.UpLevel0Gentle
	}
	return p
}

// compactions runs the compactions of a writer's buckets, at most one per
// bucket at a time, beside the writing.
type compactions struct {
	t       *table.Table
	read    lsm.ReadOptions
	replace bool // the writer's files replace partitions
	pick    lsm.PickOptions
	running map[*bucketWriter]*task
	slots   chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
}

type task struct {
	done   chan struct{}
	result lsm.CompactResult
	err    error
}

func newCompactions(t *table.Table, read lsm.ReadOptions, overwrite bool) *compactions {
	ctx, cancel := context.WithCancel(context.Background())
	return &compactions{t: t, read: read, replace: overwrite, pick: pickOptions(t.Options), running: map[*bucketWriter]*task{},
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0))), ctx: ctx, cancel: cancel}
}

// step takes finished compactions into the messages and starts new ones. It
// waits where too many runs have piled up, where lookup makes commits wait,
// or when all is wanted.
func (c *compactions) step(ctx context.Context, buckets []*bucketWriter, all, full bool) error {
	for _, bw := range buckets {
		if err := c.finish(ctx, bw, full); err != nil {
			return err
		}
		if err := c.start(bw, full); err != nil {
			return err
		}
	}
	wait := all || full || c.t.Options.NeedsLookup() && c.t.Options.Compaction.LookupWait
	for _, bw := range buckets {
		if wait || lsm.WaitToCommit(bw.levels.NumRuns(), c.t.Options.Compaction.StopTrigger) {
			if err := c.finish(ctx, bw, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish takes the result of a bucket's compaction if it is there, or waits.
func (c *compactions) finish(ctx context.Context, bw *bucketWriter, wait bool) error {
	t := c.running[bw]
	if t == nil {
		return nil
	}
	if wait {
		select {
		case <-t.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-t.done:
	default:
		return nil
	}
	delete(c.running, bw)
	if t.err != nil {
		return t.err
	}
	return bw.compacted(ctx, t.result)
}

// start picks a compaction for the bucket and runs it beside.
func (c *compactions) start(bw *bucketWriter, full bool) error {
	if c.running[bw] != nil {
		return nil
	}
	var unit lsm.Unit
	var ok bool
	var err error
	if full {
		unit, ok, err = pickFull(c.t, bw)
	} else {
		unit, bw.state, ok = lsm.Pick(c.pick, bw.state, bw.levels.NumLevels(), bw.levels.Runs(), time.Now())
	}
	if !ok || err != nil {
		return err
	}
	t := &task{done: make(chan struct{})}
	c.running[bw] = t
	j := compaction{bucket: bw.id, unit: unit, own: slices.Concat(bw.message.NewFiles, bw.message.CompactAfter), overwrite: c.replace}
	levels := *bw.levels // Update replaces its lists, so the copy stays as it is
	go func() {
		defer close(t.done)
		c.slots <- struct{}{}
		defer func() { <-c.slots }()
		t.result, t.err = compactUnit(c.ctx, c.t, c.read, bw.files, &levels, j)
	}()
	return nil
}

// stop cancels running compactions, waits for them and deletes their files.
func (c *compactions) stop() {
	c.cancel()
	for bw, t := range c.running {
		<-t.done
		if t.err == nil {
			_ = bw.compacted(context.Background(), t.result) // discard deletes them
		}
	}
	c.running = nil
}

// CompactRequest says what a dedicated compaction does.
type CompactRequest struct {
	// Full rewrites every bucket into its top level; otherwise the table's
	// compaction strategy decides.
	Full bool
	// Partition keeps some partitions; nil for all.
	Partition func(row []byte) bool
	// IdleSince keeps partitions without a file made after this time; zero for
	// all.
	IdleSince time.Time
	// Order sorts the rows of an append table instead; nil for none.
	Order *Order
	// Budget and SpillDir serve rows that are written anew, as in Options.
	Budget   *lsm.Budget
	SpillDir string
}

// Compact compacts the newest snapshot of a table and gives commit messages;
// none when there was nothing to do. It is how write-only tables are
// compacted. Source: the dedicated compaction job.
func Compact(ctx context.Context, t *table.Table, r CompactRequest) ([]spec.CommitMessage, error) {
	if err := t.CheckWritable(); err != nil {
		return nil, err
	}
	snap, err := t.History.Snapshots.Latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("compact table %s: %w", t.Name, err)
	}
	splits, err := t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true, Partition: r.Partition})
	if err != nil {
		return nil, fmt.Errorf("compact table %s: %w", t.Name, err)
	}
	if !r.IdleSince.IsZero() {
		splits = idle(splits, r.IdleSince)
	}
	var messages []spec.CommitMessage
	switch {
	case r.Order != nil:
		messages, err = sortCompact(ctx, t, snap, splits, r)
	case t.Options.Bucket == datafile.PostponeBucket:
		messages, err = compactPostponed(ctx, t, snap, splits, r)
	case t.Keyed():
		messages, err = compactKeyed(ctx, t, snap, splits, r.Full)
	default:
		messages, err = compactAppend(ctx, t, snap, splits, r.Full)
	}
	if err != nil {
		discardAll(context.WithoutCancel(ctx), t, messages)
		return nil, fmt.Errorf("compact table %s: %w", t.Name, err)
	}
	var out []spec.CommitMessage
	for _, m := range messages {
		if !m.Empty() {
			out = append(out, m)
		}
	}
	return out, nil
}

// idle keeps the buckets of partitions that nothing has been written to since.
func idle(splits []scan.Split, since time.Time) []scan.Split {
	busy := map[string]bool{}
	for _, s := range splits {
		if newerThan(s.Files, since) {
			busy[string(s.Partition)] = true
		}
	}
	return slices.DeleteFunc(splits, func(s scan.Split) bool { return busy[string(s.Partition)] })
}

func compactKeyed(ctx context.Context, t *table.Table, snap *spec.Snapshot, splits []scan.Split, full bool) ([]spec.CommitMessage, error) {
	read, _, err := t.ReadOptions(nil)
	if err != nil {
		return nil, err
	}
	vectors, indexes, err := openVectors(ctx, t, snap)
	if err != nil {
		return nil, err
	}
	messages := make([]spec.CommitMessage, len(splits))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range splits {
		g.Go(func() error {
			bw, err := openToCompact(t, s, vectors, indexes[scan.Bucket{Partition: string(s.Partition), Number: s.Bucket}])
			if err != nil {
				return err
			}
			err = compactBucket(gctx, t, read, bw, full)
			messages[i] = bw.message
			return err
		})
	}
	return messages, g.Wait()
}

// openVectors gives what the deletion vectors of a snapshot are changed with;
// nil for tables without.
func openVectors(ctx context.Context, t *table.Table, snap *spec.Snapshot) (*deletion.Files, map[scan.Bucket][]spec.IndexFileMeta, error) {
	if !t.Options.DeletionVectors.Enabled {
		return nil, nil, nil
	}
	indexes, err := t.Scanner.DeletionFiles(ctx, snap)
	return t.DeletionFiles(), indexes, err
}

func compactBucket(ctx context.Context, t *table.Table, read lsm.ReadOptions, bw *bucketWriter, full bool) error {
	levels := bw.levels
	var unit lsm.Unit
	var ok bool
	var err error
	if full || t.Options.Changelog.Producer == options.ChangelogFullCompaction { // else changes wait for the strategy
		unit, ok, err = pickFull(t, bw)
	} else {
		unit, _, ok = lsm.Pick(pickOptions(t.Options), lsm.PickState{}, levels.NumLevels(), levels.Runs(), time.Now())
	}
	if !ok || err != nil {
		return err
	}
	result, err := compactUnit(ctx, t, read, bw.files, levels, compaction{bucket: bw.id, unit: unit})
	if err != nil {
		return err
	}
	if err := bw.compacted(ctx, result); err != nil {
		return err
	}
	return bw.writeDeletions(ctx)
}

// openToCompact takes up a bucket as a dedicated compaction does.
func openToCompact(t *table.Table, s scan.Split, vectors *deletion.Files, base []spec.IndexFileMeta) (*bucketWriter, error) {
	bw, err := openAppend(t, s, vectors, base)
	if err != nil {
		return nil, err
	}
	bw.levels, err = lsm.NewLevels(t.KeyOf, t.Options.Compaction.NumLevels, s.Files)
	return bw, err
}

// discardAll deletes the files of compactions that will not be committed.
func discardAll(ctx context.Context, t *table.Table, messages []spec.CommitMessage) {
	for i := range messages {
		Discard(ctx, t, &messages[i])
	}
}

// Discard deletes the files of a message that is known not to be committed.
func Discard(ctx context.Context, t *table.Table, m *spec.CommitMessage) {
	files, err := t.Files(m.Partition, m.Bucket, nil)
	if err != nil {
		return
	}
	bw := &bucketWriter{files: files, message: *m}
	bw.discard(ctx)
}
