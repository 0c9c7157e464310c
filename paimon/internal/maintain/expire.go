package maintain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// Policy says which versions may go. Source: org.apache.paimon.options.ExpireConfig.
type Policy struct {
	Min, Max  int   // how many stay at least and at most
	OlderThan int64 // epoch milliseconds: younger ones stay, while there are no more than Max
	Limit     int   // how many go at once at most
	// Floor, when above 0, is a version that stays, with all newer ones:
	// somebody goes on from there.
	Floor int64
}

func (p Policy) check() error {
	switch {
	case p.Min < 1:
		return errs.Invalid("retainMin (%d) must be at least 1: the newest snapshot stays", p.Min)
	case p.Max < p.Min:
		return errs.Invalid("retainMax (%d) must not be less than retainMin (%d).", p.Max, p.Min)
	}
	return nil
}

// SnapshotPolicy is what the options of a table say of its snapshots.
func SnapshotPolicy(o options.Table, now time.Time) Policy {
	r := o.Retention
	return Policy{Min: r.MinSnapshots, Max: r.MaxSnapshots, OlderThan: now.Add(-r.TimeRetained).UnixMilli(), Limit: r.ExpireLimit}
}

// ChangelogPolicy is what the options say of long-lived changelogs: what is not
// set is as for snapshots. floor is as Policy.Floor.
func ChangelogPolicy(o options.Table, now time.Time, floor int64) Policy {
	p, c := SnapshotPolicy(o, now), o.Changelog
	p.Floor = floor
	if c.NumRetainedMax > 0 {
		p.Max = c.NumRetainedMax
	}
	if c.NumRetainedMin > 0 {
		p.Min = c.NumRetainedMin
	}
	if c.TimeRetained > 0 {
		p.OlderThan = now.Add(-c.TimeRetained).UnixMilli()
	}
	return p
}

// end gives the first version that stays. earliest and latest are of those
// there are; timeOf gives the time of one, or errs.ErrNotFound.
// Source: org.apache.paimon.table.ExpireSnapshotsImpl.expire.
func (p Policy) end(earliest, latest int64, timeOf func(id int64) (int64, error)) (int64, error) {
	first := max(latest-int64(p.Max)+1, earliest)
	end := latest - int64(p.Min) + 1
	if p.Floor > 0 {
		end = min(end, p.Floor)
	}
	if p.Limit < math.MaxInt32 {
		end = min(end, earliest+int64(p.Limit))
	}
	for id := first; id < end; id++ {
		at, err := timeOf(id)
		if errors.Is(err, errs.ErrNotFound) {
			continue // another process was first
		}
		if err != nil {
			return 0, err
		}
		if p.OlderThan <= at {
			return id, nil
		}
	}
	return end, nil
}

// Expire deletes the snapshots of t's branch that p lets go and gives their
// number. Consumers keep what they have not read. It is safe beside writers,
// readers of what stays, and other expiries.
// Source: org.apache.paimon.table.ExpireSnapshotsImpl.
func Expire(ctx context.Context, t *table.Table, p Policy) (int, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	h := t.History
	latest, err := h.Snapshots.LatestID(ctx)
	if err != nil || latest == 0 {
		return 0, err
	}
	earliest, err := h.Snapshots.EarliestID(ctx)
	if err != nil || earliest == 0 || earliest >= latest {
		return 0, err
	}
	if !changelogOnly(t) {
		if p, err = p.protect(ctx, t); err != nil {
			return 0, err
		}
	}
	end, err := p.end(earliest, latest, func(id int64) (int64, error) {
		s, err := h.Snapshots.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		return s.TimeMillis, nil
	})
	if err != nil || end <= earliest {
		return 0, err
	}
	return expireUntil(ctx, t, earliest, end)
}

// changelogOnly reports whether consumers keep changelogs but not snapshots.
func changelogOnly(t *table.Table) bool {
	return t.Options.Scan.Consumer.ChangelogOnly && t.Options.Changelog.DecoupledRetention
}

// protect lowers the floor to what consumers have yet to read.
func (p Policy) protect(ctx context.Context, t *table.Table) (Policy, error) {
	next, ok, err := t.History.Consumers.MinNext(ctx)
	if ok && (p.Floor <= 0 || next < p.Floor) {
		p.Floor = next
	}
	return p, err
}

// expireUntil deletes the snapshots in [earliest, end), oldest first, each
// with the files that only it used.
func expireUntil(ctx context.Context, t *table.Table, earliest, end int64) (int, error) {
	snaps, err := t.History.Snapshots.Range(ctx, earliest, end)
	if err != nil {
		return 0, err
	}
	if len(snaps) < 2 || snaps[len(snaps)-1].ID != end { // gone meanwhile
		return 0, nil
	}
	g := newGarbage(t, end)
	for i, s := range snaps[:len(snaps)-1] {
		g.begin()
		if err := g.between(ctx, s, snaps[i+1]); err != nil {
			return 0, fmt.Errorf("expire snapshot %d: %w", s.ID, err)
		}
	}
	if !t.Options.Changelog.DecoupledRetention { // it was, perhaps
		if err := g.spareChangelogs(ctx, t.History); err != nil {
			return 0, fmt.Errorf("expire snapshots: %w", err)
		}
	}
	if err := g.spareOwn(ctx, earliest, end); err != nil {
		return 0, fmt.Errorf("expire snapshots: %w", err)
	}
	if err := g.spareBranches(ctx); err != nil {
		return 0, fmt.Errorf("expire snapshots: %w", err)
	}
	for i, s := range snaps[:len(snaps)-1] {
		if err := expireOne(ctx, g, i, s); err != nil {
			return i, fmt.Errorf("expire snapshot %d: %w", s.ID, err)
		}
	}
	return len(snaps) - 1, t.History.Snapshots.SetEarliestHint(ctx, end)
}

// spareOwn keeps what the tags and, where it can matter, the younger snapshots
// of the branch use.
func (g *garbage) spareOwn(ctx context.Context, earliest, end int64) error {
	h := g.t.History
	g.from = end
	branched, err := h.Branched(ctx)
	if err != nil {
		return err
	}
	if branched {
		return g.spareSpliced(ctx)
	}
	tags, err := overlapping(ctx, g.t, earliest, end)
	if err != nil {
		return err
	}
	return g.spareTags(ctx, h, tags)
}

func expireOne(ctx context.Context, g *garbage, at int, s *spec.Snapshot) error {
	h := g.t.History
	if g.t.Options.Changelog.DecoupledRetention {
		if err := h.Changelogs.Put(ctx, s); err != nil {
			return err
		}
		if err := h.Changelogs.SetLatestHint(ctx, s.ID); err != nil {
			return err
		}
	}
	if err := h.Snapshots.Delete(ctx, s.ID); err != nil {
		return err
	}
	return g.sweep(ctx, at)
}

// between collects what a uses and the next snapshot b does not. Files that
// long-lived changelogs are made of stay.
func (g *garbage) between(ctx context.Context, a, b *spec.Snapshot) error {
	c := g.t.Options.Changelog
	separate, files := c.DecoupledRetention, c.Producer != options.ChangelogNone
	if err := g.replaced(ctx, b, separate && !files); err != nil {
		return err
	}
	if !separate {
		if err := g.going.changelog(ctx, a, g.add); err != nil {
			return err
		}
	}
	if separate && !files {
		return g.dropped(ctx, a, b, g.going.indexes)
	}
	return g.dropped(ctx, a, b, g.going.metadata)
}

// dropped adds the metadata that a uses and b does not.
func (g *garbage) dropped(ctx context.Context, a, b *spec.Snapshot, of func(context.Context, *spec.Snapshot, func(string)) error) error {
	if ok, err := g.whole(ctx, b); err != nil || !ok {
		return err
	}
	kept := map[string]bool{}
	if err := of(ctx, b, func(path string) { kept[path] = true }); err != nil {
		return err
	}
	return of(ctx, a, func(path string) {
		if !kept[path] {
			g.add(path)
		}
	})
}

// whole reports whether the lists of s are there; without them nobody knows
// what it shares with others.
func (g *garbage) whole(ctx context.Context, s *spec.Snapshot) (bool, error) {
	_, err := g.t.Manifests.All(ctx, s)
	if err == nil {
		_, err = g.t.Manifests.Index(ctx, s)
	}
	if errors.Is(err, errs.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// overlapping selects the tags that can use files of the snapshots in
// [earliest, end): those in the range and the newest one before it.
// Source: org.apache.paimon.table.ExpireSnapshotsImpl.findSkippingTags.
func overlapping(ctx context.Context, t *table.Table, earliest, end int64) (func(*spec.Tag) bool, error) {
	all, err := t.History.Tags.All(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, tag := range all {
		ids = append(ids, tag.ID)
	}
	slices.Sort(ids)
	from := earliest
	for _, id := range ids {
		if id <= earliest {
			from = id
		}
	}
	return func(tag *spec.Tag) bool { return tag.ID >= from && tag.ID < end }, nil
}
