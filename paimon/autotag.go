package paimon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// CreateDueTags makes the tags that 'tag.automatic-creation' = 'process-time'
// or 'watermark' asks for and that are not there yet, deletes the oldest
// automatic tags beyond 'tag.num-retained-max', and gives the names of those
// made. A period's tag is the first snapshot behind its end and
// 'tag.creation-delay'. When none is due it costs a few small requests.
// Source: org.apache.paimon.tag.TagAutoCreation.
func (t *Table) CreateDueTags(ctx context.Context) ([]string, error) {
	o := t.t.Options.Tags
	if o.Creation != "process-time" && o.Creation != "watermark" {
		return nil, nil
	}
	if err := o.Check(); err != nil {
		return nil, t.versionError("create tags of", err)
	}
	made, err := t.createDueTags(ctx)
	return made, t.versionError("create tags of", err)
}

// autoTags gives the automatic tags, oldest snapshot first.
func (t *Table) autoTags(ctx context.Context) ([]autoTag, error) {
	all, err := t.t.History.Tags.All(ctx)
	if err != nil {
		return nil, err
	}
	var out []autoTag
	for name, tag := range all {
		if start, ok := t.t.Options.Tags.Period.Time(name); ok {
			out = append(out, autoTag{name, tag.ID, start})
		}
	}
	slices.SortFunc(out, func(a, b autoTag) int { return cmp.Or(cmp.Compare(a.snapshot, b.snapshot), a.start.Compare(b.start)) })
	return out, nil
}

type autoTag struct {
	name     string
	snapshot int64
	start    time.Time // of the period, as a wall clock in UTC
}

func (t *Table) createDueTags(ctx context.Context) ([]string, error) {
	o, period := t.t.Options.Tags, t.t.Options.Tags.Period
	tags, err := t.autoTags(ctx)
	if err != nil {
		return nil, err
	}
	var made []string
	var next time.Time // the start of the period that is tagged next; zero for any
	from := int64(1)
	if len(tags) > 0 {
		last := tags[len(tags)-1]
		next, from = last.start.Add(period.Length()), last.snapshot+1
	}
	for {
		snap, err := t.firstTagged(ctx, from, next)
		if snap == nil || err != nil {
			return made, err
		}
		start := period.Previous(t.tagTime(snap))
		if o.Completion && !next.IsZero() {
			start = next
		}
		name := period.Name(start)
		if err := t.CreateTag(ctx, name, TagOptions{Snapshot: snap.ID, IgnoreIfExists: true}); err != nil {
			return made, err
		}
		made = append(made, name)
		next, from = start.Add(period.Length()), snap.ID+1
		if err := t.retireTags(ctx); err != nil {
			return made, err
		}
	}
}

// firstTagged gives the first snapshot, from an id on, that is late enough for
// the tag of the period that starts at next; nil if there is none yet. Times of
// snapshots grow with their ids.
func (t *Table) firstTagged(ctx context.Context, from int64, next time.Time) (*spec.Snapshot, error) {
	o, snaps := t.t.Options.Tags, t.t.History.Snapshots
	due := func(s *spec.Snapshot) bool {
		at := t.tagTime(s)
		return !at.IsZero() && (next.IsZero() || !at.Add(-o.Delay).Before(next.Add(o.Period.Length())))
	}
	latest, err := snaps.Latest(ctx)
	if latest == nil || err != nil || latest.ID < from || !due(latest) {
		return nil, err
	}
	earliest, err := snaps.EarliestID(ctx)
	if err != nil {
		return nil, err
	}
	found := latest
	for lo, hi := max(from, earliest), latest.ID-1; lo <= hi; {
		mid := (lo + hi) / 2
		s, err := snaps.Get(ctx, mid)
		switch {
		case errors.Is(err, errs.ErrNotFound): // expired meanwhile
			lo = mid + 1
		case err != nil:
			return nil, err
		case due(s):
			found, hi = s, mid-1
		default:
			lo = mid + 1
		}
	}
	return found, nil
}

// tagTime gives the wall clock of a snapshot that periods are cut from, in UTC;
// zero when it has none. Source: org.apache.paimon.tag.TagTimeExtractor.
func (t *Table) tagTime(s *spec.Snapshot) time.Time {
	o := t.t.Options.Tags
	millis, zone := s.TimeMillis, o.ProcessZone
	if o.Creation == "watermark" {
		const none = -1 << 63
		if s.Watermark == nil || *s.Watermark == none {
			return time.Time{}
		}
		millis, zone = *s.Watermark, o.WatermarkZone
	}
	at := time.UnixMilli(millis).In(zone)
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// retireTags deletes the oldest automatic tags beyond 'tag.num-retained-max'.
func (t *Table) retireTags(ctx context.Context) error {
	most := t.t.Options.Tags.NumRetainedMax
	if most == 0 {
		return nil
	}
	tags, err := t.autoTags(ctx)
	if err != nil {
		return err
	}
	for len(tags) > most {
		if err := t.DeleteTag(ctx, tags[0].name); err != nil {
			return err
		}
		tags = tags[1:]
	}
	return nil
}

// CreateBatchTag tags the newest snapshot of a batch job, if the table says so
// ('tag.automatic-creation' = 'batch'): as 'tag.batch.customized-name', or
// batch-write-yyyy-MM-dd. A tag of that name is replaced, and with
// 'tag.num-retained-max' the oldest tags of the table go.
// Source: org.apache.paimon.tag.TagBatchCreation.
func (t *Table) CreateBatchTag(ctx context.Context) error {
	o := t.t.Options.Tags
	if o.Creation != "batch" {
		return nil
	}
	snap, err := t.LatestSnapshot(ctx)
	if snap == nil || err != nil {
		return err
	}
	name := o.BatchName
	if name == "" {
		name = "batch-write-" + time.UnixMilli(snap.TimeMillis).In(o.ProcessZone).Format(time.DateOnly)
	}
	if err := t.DeleteTag(ctx, name); err != nil {
		return err
	}
	if err := t.CreateTag(ctx, name, TagOptions{Snapshot: snap.ID}); err != nil {
		return err
	}
	if o.NumRetainedMax == 0 {
		return nil
	}
	all, err := t.t.History.Tags.All(ctx)
	if err != nil {
		return t.versionError("expire tags of", err)
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(all[a].ID, all[b].ID), cmp.Compare(a, b)) })
	for len(names) > o.NumRetainedMax {
		if err := t.DeleteTag(ctx, names[0]); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
}

// successPath is where 'tag.create-success-file' marks a tag.
// Source: org.apache.paimon.tag.SuccessFileTagCallback.
func (t *Table) successPath(tag string) string {
	return fileio.Join(t.t.History.Dir(), "tag", "tag-success-file", tag+"_SUCCESS")
}

// markSuccess writes, or touches, a file that says that something is complete.
func (t *Table) markSuccess(ctx context.Context, path string) error {
	before, err := fileio.ReadAll(ctx, t.t.Store, path, 1<<16)
	if errors.Is(err, errs.ErrNotFound) {
		before, err = nil, nil
	}
	if err != nil {
		return err
	}
	data, err := spec.Touched(before, time.Now())
	if err != nil {
		return errs.Corrupt(path, "%w", err)
	}
	if err := t.t.Store.Put(ctx, path, data); err != nil {
		return fmt.Errorf("mark as complete: %w", err)
	}
	return nil
}
