package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// Increment is what lies between two versions of a table.
type Increment struct {
	// Before is the version that is compared with, of a diff; else nil.
	Before *spec.Snapshot
	// After is the snapshot behind which changes are read, of anything else.
	After int64
	// Changelog reads changelogs, else what was appended.
	Changelog bool
}

// latestDelta is what the newest snapshot appended.
// Source: CoreOptions.StartupMode.LATEST_DELTA of Paimon 2.1.
func latestDelta(ctx context.Context, t *table.Table) (Start, error) {
	latest, err := t.History.Snapshots.Latest(ctx)
	if latest == nil || err != nil {
		return Start{}, err
	}
	return Start{Snapshot: latest, Increment: &Increment{After: latest.ID - 1}}, nil
}

// increment resolves the options 'incremental-…'. A Start without a snapshot
// has nothing to read.
// Source: AbstractDataTableScan.createIncrementalStartingScanner.
func increment(ctx context.Context, t *table.Table, b options.Between) (Start, error) {
	switch {
	case b.Versions != "":
		return betweenVersions(ctx, t, b)
	case b.Timestamps != "":
		return betweenTimes(ctx, t, b)
	}
	return toAutoTag(ctx, t, b.ToAutoTag)
}

func betweenVersions(ctx context.Context, t *table.Table, b options.Between) (Start, error) {
	from, to, ok := pair(b.Versions)
	if !ok {
		return Start{}, errs.Invalid("The incremental-between must specific start(exclusive) and end snapshot, for example, 'incremental-between'='5,10' means changes between snapshot 5 and snapshot 10. But is: %s", b.Versions)
	}
	first, err := tagOr(ctx, t, from)
	if err != nil {
		return Start{}, err
	}
	last, err := tagOr(ctx, t, to)
	if err != nil {
		return Start{}, err
	}
	switch {
	case first != nil && last != nil && b.TagToSnapshot:
		return changesBetween(ctx, t, first.ID, last.ID, b)
	case first != nil && last != nil:
		if last.ID < first.ID {
			return Start{}, errs.Invalid("Tag end %s with snapshot id %d should be >= tag start %s with snapshot id %d", to, last.ID, from, first.ID)
		}
		if first.ID == last.ID {
			return Start{}, nil
		}
		return diff(ctx, t, first, last)
	}
	start, serr := strconv.ParseInt(from, 10, 64)
	end, eerr := strconv.ParseInt(to, 10, 64)
	if serr != nil || eerr != nil {
		return Start{}, errs.Invalid("Didn't find two tags for start '%s' and end '%s', and they are not two snapshot Ids. Please set two tags or two snapshot Ids.", from, to)
	}
	if end < start {
		return Start{}, errs.Invalid("Ending snapshotId should >= starting snapshotId %d. [%d]", end, start)
	}
	latest, err := t.History.Snapshots.LatestID(ctx)
	if latest == 0 || start == end || err != nil {
		return Start{}, err
	}
	if b.Mode != "diff" {
		return changesBetween(ctx, t, start, end, b)
	}
	before, err := At(ctx, t, start)
	if err != nil {
		return Start{}, err
	}
	after, err := At(ctx, t, end)
	if err != nil {
		return Start{}, err
	}
	return diff(ctx, t, before, after)
}

func pair(text string) (a, b string, ok bool) {
	parts := strings.Split(text, ",")
	if len(parts) != 2 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// tagOr gives the snapshot of a tag, nil if there is none of that name.
func tagOr(ctx context.Context, t *table.Table, name string) (*spec.Snapshot, error) {
	tag, err := t.History.Tags.Get(ctx, name)
	if errors.Is(err, errs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &tag.Snapshot, nil
}

// changesBetween reads what the snapshots in (start, end] changed.
// Source: IncrementalDeltaStartingScanner.
func changesBetween(ctx context.Context, t *table.Table, start, end int64, b options.Between) (Start, error) {
	if b.Mode == "diff" {
		return Start{}, errs.Unsupported("'incremental-between-scan-mode' = 'diff' with 'incremental-between-tag-to-snapshot': two tags are compared without it")
	}
	snaps := t.History.Snapshots
	earliest, err := snaps.EarliestID(ctx)
	if err != nil {
		return Start{}, err
	}
	latest, err := snaps.LatestID(ctx)
	if err != nil {
		return Start{}, err
	}
	if start < earliest-1 || end > latest {
		return Start{}, errs.Kinded(errs.ErrNotFound, "The specified scan snapshotId range [%d, %d] is out of available snapshotId range [%d, %d].", start, end, earliest, latest)
	}
	return changesUntil(ctx, t, start, end, b)
}

func changesUntil(ctx context.Context, t *table.Table, start, end int64, b options.Between) (Start, error) {
	if end <= start {
		return Start{}, nil
	}
	last, err := At(ctx, t, end)
	if err != nil {
		return Start{}, err
	}
	changelog := b.Mode == "changelog" || b.Mode == "auto" && t.Options.Changelog.Producer != options.ChangelogNone
	return Start{Snapshot: last, Increment: &Increment{After: start, Changelog: changelog}}, nil
}

// diff compares two versions. Source: IncrementalDiffStartingScanner.
func diff(ctx context.Context, t *table.Table, before, after *spec.Snapshot) (Start, error) {
	if before.SchemaID != after.SchemaID {
		a, err := t.History.Schemas.Get(ctx, before.SchemaID)
		if err != nil {
			return Start{}, err
		}
		b, err := t.History.Schemas.Get(ctx, after.SchemaID)
		if err != nil {
			return Start{}, err
		}
		x, y := buckets(a), buckets(b)
		if x != y {
			return Start{}, errs.Unsupported("The bucket number of two snapshots are different (%s, %s), which is not supported in incremental diff query.", x, y)
		}
	}
	return Start{Snapshot: after, Increment: &Increment{Before: before}}, nil
}

func buckets(s *spec.TableSchema) string {
	if n, ok := s.Options["bucket"]; ok {
		return n
	}
	return "-1"
}

func betweenTimes(ctx context.Context, t *table.Table, b options.Between) (Start, error) {
	bad := errs.Invalid("The incremental-between-timestamp must specific start(exclusive) and end timestamp. But is: %s", b.Timestamps)
	a, z, ok := pair(b.Timestamps)
	if !ok {
		return Start{}, bad
	}
	from, ferr := strconv.ParseInt(a, 10, 64)
	to, terr := strconv.ParseInt(z, 10, 64)
	if ferr != nil || terr != nil {
		var fok, tok bool
		from, fok = options.ParseTime(a, time.UTC)
		to, tok = options.ParseTime(z, time.UTC)
		if !fok || !tok {
			return Start{}, bad
		}
	}
	snaps := t.History.Snapshots
	earliest, err := snaps.Earliest(ctx)
	if earliest == nil || err != nil {
		return Start{}, err
	}
	latest, err := snaps.Latest(ctx)
	if latest == nil || err != nil {
		return Start{}, err
	}
	switch {
	case to < from:
		return Start{}, errs.Invalid("Ending timestamp %d should be >= starting timestamp %d.", to, from)
	case from == to, from > latest.TimeMillis, to < earliest.TimeMillis:
		return Start{}, nil
	}
	first, err := snaps.AtOrBefore(ctx, from)
	if err != nil {
		return Start{}, err
	}
	last, err := snaps.AtOrBefore(ctx, to)
	if err != nil {
		return Start{}, err
	}
	if last == nil {
		last = latest
	}
	if b.Mode == "diff" {
		if first == nil {
			first = earliest
		}
		return diff(ctx, t, first, last)
	}
	start := earliest.ID - 1
	if first != nil {
		start = first.ID
	}
	return changesUntil(ctx, t, start, last.ID, b)
}

// toAutoTag compares an automatic tag with the one before it; there is nothing
// to read while one of them is missing.
// Source: IncrementalDiffStartingScanner.toEndAutoTag.
func toAutoTag(ctx context.Context, t *table.Table, name string) (Start, error) {
	periods := t.Options.Tags.Period
	end, ok := periods.Time(name)
	if !ok {
		return Start{}, errs.Invalid("Specified tag '%s' is not an auto-created tag.", name)
	}
	last, err := tagOr(ctx, t, name)
	if last == nil || err != nil {
		return Start{}, err
	}
	all, err := t.History.Tags.All(ctx)
	if err != nil {
		return Start{}, err
	}
	var first *spec.Snapshot
	var at time.Time
	for other, tag := range all {
		if when, ok := periods.Time(other); ok && when.Before(end) && (first == nil || when.After(at)) {
			first, at = &tag.Snapshot, when
		}
	}
	if first == nil {
		return Start{}, nil
	}
	return diff(ctx, t, first, last)
}

// PlanIncrement gives the splits of an increment that ends at snapshot last.
func PlanIncrement(ctx context.Context, t *table.Table, inc *Increment, last *spec.Snapshot, r scan.Request) ([]scan.Split, error) {
	if inc.Before != nil {
		return t.Scanner.Diff(ctx, inc.Before, last, r)
	}
	var out []scan.Split
	for id := inc.After + 1; id <= last.ID; id++ {
		snap := last
		if id < last.ID {
			var err error
			if snap, err = At(ctx, t, id); err != nil {
				return nil, err
			}
		}
		splits, err := changed(ctx, t, inc, snap, r)
		if err != nil {
			return nil, fmt.Errorf("read table %s: %w", t.Name, err)
		}
		out = append(out, splits...)
	}
	slices.SortStableFunc(out, scan.ByBucket)
	return out, nil
}

// changed plans what one snapshot of an increment changed.
func changed(ctx context.Context, t *table.Table, inc *Increment, snap *spec.Snapshot, r scan.Request) ([]scan.Split, error) {
	r = t.Scanner.Visible(r)
	var splits []scan.Split
	var err error
	switch {
	case inc.Changelog:
		if snap.CommitKind == spec.CommitOverwrite || snap.ChangelogManifestList == nil {
			return nil, nil
		}
		splits, err = t.Scanner.Changelog(ctx, snap, r)
	case snap.CommitKind == spec.CommitAppend:
		splits, err = t.Scanner.Delta(ctx, snap, r)
	}
	for i := range splits {
		splits[i].Changes, splits[i].Raw = true, !t.Keyed()
	}
	return slices.DeleteFunc(splits, func(s scan.Split) bool { return s.Bucket == -2 }), err
}
