package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// Start is what a batch read shows.
type Start struct {
	Snapshot *spec.Snapshot // whose state is read, or that ends the increment; nil for an empty table
	// Since leaves out files that were made before it, in epoch milliseconds;
	// 0 for none. Their ages are wall clocks of their writers.
	Since int64
	// Increment is what is read instead of a state; nil for a state.
	Increment *Increment
	// Schema says that rows come in the columns that the snapshot was written
	// with: the options name a version.
	Schema bool
}

// Batch resolves what a batch read of t shows, by its options.
// Source: org.apache.paimon.table.source.AbstractDataTableScan.createStartingScanner.
func Batch(ctx context.Context, t *table.Table) (Start, error) {
	s, err := batch(ctx, t)
	if err != nil && !strings.Contains(err.Error(), t.Name) {
		err = fmt.Errorf("read table %s: %w", t.Name, err)
	}
	return s, err
}

func batch(ctx context.Context, t *table.Table) (s Start, err error) {
	o, mode, err := resolve(ctx, t)
	if err != nil {
		return Start{}, err
	}
	snaps := t.History.Snapshots
	switch mode {
	case options.LatestFull, options.Latest:
		s.Snapshot, err = snaps.Latest(ctx)
	case options.CompactedFull:
		s.Snapshot, err = newestCompacted(ctx, t)
	case options.FromTimestamp:
		s.Schema = true
		var millis int64
		if millis, err = Moment(o); err == nil {
			s.Snapshot, err = AsOf(ctx, t, millis)
		}
	case options.FromSnapshot, options.FromSnapshotFull:
		s.Schema = true
		s.Snapshot, err = version(ctx, t, o)
	case options.FromFileCreationTime:
		s.Since = o.FileCreationMs
		s.Snapshot, err = snaps.Latest(ctx)
	case options.FromCreationTimestamp:
		s, err = batchSince(ctx, t, o.CreationMillis)
	case options.LatestDelta:
		s, err = latestDelta(ctx, t)
	case options.Incremental:
		s, err = increment(ctx, t, o.Between)
	}
	return s, err
}

// resolve gives the scan options with 'scan.version' replaced by what it
// stands for, and the mode of starting that they mean.
func resolve(ctx context.Context, t *table.Table) (options.Scan, string, error) {
	o, raw := t.Options.Scan, t.Raw
	v := o.Version
	if v == "" {
		mode, err := raw.Startup()
		return o, mode, err
	}
	_, err := t.History.Tags.Get(ctx, v)
	if err != nil && !errors.Is(err, errs.ErrNotFound) {
		return o, "", err
	}
	extra := map[string]string{}
	mark, isMark := strings.CutPrefix(v, "watermark-")
	n, nerr := strconv.ParseInt(strings.TrimPrefix(v, "watermark-"), 10, 64)
	switch {
	case err == nil:
		extra["scan.tag-name"], o.TagName = v, v
	case isMark && nerr == nil:
		extra["scan.watermark"], o.Watermark = mark, &n
	case !isMark && nerr == nil:
		extra["scan.snapshot-id"], o.SnapshotID = v, n
	default:
		return o, "", errs.Kinded(errs.ErrNotFound, "table %s: Cannot find a time travel version for %s: it is neither a tag nor a snapshot id", t.Name, v)
	}
	mode, err := raw.With(extra).Startup()
	return o, mode, err
}

// version gives the snapshot that the options name by id, tag or watermark.
func version(ctx context.Context, t *table.Table, o options.Scan) (*spec.Snapshot, error) {
	switch {
	case o.TagName != "":
		tag, err := t.History.Tags.Get(ctx, o.TagName)
		if err != nil {
			return nil, err
		}
		return &tag.Snapshot, nil
	case o.Watermark != nil:
		snap, err := t.History.Snapshots.AtWatermark(ctx, *o.Watermark)
		if err == nil && snap == nil {
			err = errs.Kinded(errs.ErrNotFound, "table %s: There is currently no snapshot later than or equal to watermark[%d]", t.Name, *o.Watermark)
		}
		return snap, err
	}
	return At(ctx, t, o.SnapshotID)
}

// At gives a snapshot by id, or says which there are.
// Source: org.apache.paimon.table.source.snapshot.StaticFromSnapshotStartingScanner.
func At(ctx context.Context, t *table.Table, id int64) (*spec.Snapshot, error) {
	snaps := t.History.Snapshots
	snap, err := snaps.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	earliest, err := snaps.EarliestID(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := snaps.LatestID(ctx)
	switch {
	case err != nil:
		return nil, err
	case latest == 0:
		return nil, errs.Kinded(errs.ErrNotFound, "table %s: There is currently no snapshot.", t.Name)
	}
	return nil, errs.Kinded(errs.ErrNotFound, "table %s: The specified scan snapshotId %d is out of available snapshotId range [%d, %d]; 'snapshot.time-retained' and tags keep snapshots longer", t.Name, id, earliest, latest)
}

// AsOf gives the newest snapshot that is not younger than millis (epoch
// milliseconds). Source: StaticFromTimestampStartingScanner.
func AsOf(ctx context.Context, t *table.Table, millis int64) (*spec.Snapshot, error) {
	snap, err := t.History.Snapshots.AtOrBefore(ctx, millis)
	if err == nil && snap == nil {
		err = errs.Kinded(errs.ErrNotFound, "table %s has no snapshot at or before %s", t.Name, time.UnixMilli(millis).UTC().Format(time.RFC3339Nano))
	}
	return snap, err
}

// Moment gives the time that 'scan.timestamp' or 'scan.timestamp-millis' names,
// in epoch milliseconds; texts are read as UTC.
func Moment(o options.Scan) (int64, error) {
	if o.Timestamp == "" {
		return o.TimestampMillis, nil
	}
	millis, ok := options.ParseTime(o.Timestamp, time.UTC)
	if !ok {
		return 0, errs.Invalid("option 'scan.timestamp' = '%s': want yyyy-MM-dd HH:mm:ss", o.Timestamp)
	}
	return millis, nil
}

// newestCompacted gives the newest snapshot of a compaction; with
// 'full-compaction.delta-commits' of a full one. It is the newest of all when
// there is none. Source: CompactedStartingScanner, FullCompactedStartingScanner.
func newestCompacted(ctx context.Context, t *table.Table) (*spec.Snapshot, error) {
	_, set := t.Raw["full-compaction.delta-commits"]
	every := int64(1)
	if set {
		every = int64(max(1, t.Options.Compaction.FullEvery))
	}
	full := set || t.Options.Changelog.Producer == options.ChangelogFullCompaction
	return t.History.Snapshots.NewestWhere(ctx, func(s *spec.Snapshot) bool {
		return s.CommitKind == spec.CommitCompact && (!full || s.CommitIdentifier%every == 0 || s.CommitIdentifier == math.MaxInt64)
	})
}

// since finds where 'scan.creation-time-millis' starts: at the first change
// since, if older ones are there to tell that; else 0: by the files' ages.
// Source: AbstractDataTableScan.createCreationTimestampStartingScanner.
func since(ctx context.Context, t *table.Table, millis int64) (int64, error) {
	id, complete, err := t.History.FirstSince(ctx, millis, t.Options.Changelog.DecoupledRetention)
	if err != nil || !complete {
		return 0, err
	}
	_, err = t.History.Change(ctx, id)
	if errors.Is(err, errs.ErrNotFound) {
		return 0, nil
	}
	return id, err
}

func batchSince(ctx context.Context, t *table.Table, millis int64) (Start, error) {
	id, err := since(ctx, t, millis)
	if err != nil {
		return Start{}, err
	}
	if id > 0 {
		snap, err := At(ctx, t, id)
		return Start{Snapshot: snap}, err
	}
	snap, err := t.History.Snapshots.Latest(ctx)
	return Start{Snapshot: snap, Since: millis}, err
}

// start resolves where a stream begins, gives its first piece if there is one,
// and nil while the table is empty.
func (s *Scanner) start(ctx context.Context) (*Plan, error) {
	t := s.t
	if id := t.Options.Scan.Consumer.ID; id != "" && !t.Options.Scan.Consumer.IgnoreProgress {
		at, ok, err := t.History.Consumers.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read table %s as a stream: consumer %s: %w", t.Name, id, err)
		}
		if ok {
			return s.fromChange(ctx, at.NextSnapshot)
		}
	}
	mode, err := streamMode(t)
	if err != nil {
		return nil, err
	}
	return s.startIn(ctx, t.Options.Scan, mode)
}

// streamMode gives the mode of starting a stream of t, and refuses what streams
// cannot start with.
func streamMode(t *table.Table) (string, error) {
	o := t.Options.Scan
	mode, err := t.Raw.Startup()
	if err == nil {
		switch {
		case mode == options.Incremental || mode == options.LatestDelta:
			err = errs.Invalid("Cannot read %s in streaming mode.", mode)
		case mode == options.FromSnapshot && o.TagName != "":
			err = errs.Invalid("Cannot scan from tag in streaming mode.")
		case mode == options.FromSnapshot && o.Watermark != nil:
			err = errs.Invalid("Cannot scan from watermark in streaming mode.")
		}
	}
	if err != nil {
		return "", fmt.Errorf("read table %s as a stream: %w", t.Name, err)
	}
	return mode, nil
}

func (s *Scanner) startIn(ctx context.Context, o options.Scan, mode string) (*Plan, error) {
	h := s.t.History
	switch mode {
	case options.LatestFull:
		return s.fullOf(ctx, h.Snapshots.Latest, 0)
	case options.CompactedFull:
		return s.fullOf(ctx, func(ctx context.Context) (*spec.Snapshot, error) { return newestCompacted(ctx, s.t) }, 0)
	case options.FromFileCreationTime:
		return s.fullOf(ctx, h.Snapshots.Latest, o.FileCreationMs)
	case options.FromSnapshotFull:
		return s.fullOf(ctx, func(ctx context.Context) (*spec.Snapshot, error) {
			earliest, err := h.Snapshots.EarliestID(ctx)
			if earliest == 0 || err != nil {
				return nil, err
			}
			return At(ctx, s.t, max(o.SnapshotID, earliest))
		}, 0)
	case options.Latest:
		last, err := h.Snapshots.LatestID(ctx)
		if err != nil {
			return nil, err
		}
		s.next = last + 1
		snap, err := s.latestOr(ctx, last)
		return &Plan{Snapshot: snap, After: Position{Next: s.next}}, err
	case options.FromSnapshot:
		return s.fromChange(ctx, o.SnapshotID)
	case options.FromTimestamp:
		millis, err := Moment(o)
		if err != nil {
			return nil, err
		}
		id, _, err := h.FirstSince(ctx, millis, s.t.Options.Changelog.DecoupledRetention)
		if id == 0 || err != nil {
			return nil, err
		}
		s.next = id
		return s.Next(ctx)
	case options.FromCreationTimestamp:
		id, err := since(ctx, s.t, o.CreationMillis)
		if err != nil {
			return nil, err
		}
		if id > 0 {
			return s.fromChange(ctx, id)
		}
		return s.fullOf(ctx, h.Snapshots.Latest, o.CreationMillis)
	}
	return nil, errs.Unsupported("read table %s as a stream: 'scan.mode' = '%s'", s.t.Name, mode)
}

// latestOr reads a snapshot that may be none.
func (s *Scanner) latestOr(ctx context.Context, id int64) (*spec.Snapshot, error) {
	if id == 0 {
		return nil, nil
	}
	return s.t.History.Snapshots.Get(ctx, id)
}

// fromChange starts with the changes of a snapshot, or with the oldest that
// there are. Source: ContinuousFromSnapshotStartingScanner.
func (s *Scanner) fromChange(ctx context.Context, id int64) (*Plan, error) {
	earliest, err := s.t.History.EarliestChange(ctx, s.t.Options.Changelog.DecoupledRetention)
	if earliest == 0 || err != nil {
		return nil, err
	}
	s.next = max(id, earliest)
	return s.Next(ctx)
}

func (s *Scanner) fullOf(ctx context.Context, find func(context.Context) (*spec.Snapshot, error), since int64) (*Plan, error) {
	snap, err := find(ctx)
	if snap == nil || err != nil {
		return nil, err
	}
	return s.full(ctx, snap, since)
}
