package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// ExpireChangelogs deletes long-lived changelogs that p lets go and gives
// their number. Consumers keep what they have not read.
// Source: org.apache.paimon.table.ExpireChangelogImpl.
func ExpireChangelogs(ctx context.Context, t *table.Table, p Policy) (int, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	h := t.History
	ids, err := h.Changelogs.IDs(ctx)
	if err != nil || len(ids) < 2 {
		return 0, err
	}
	latest, err := h.Snapshots.LatestID(ctx)
	if err != nil || latest == 0 {
		return 0, err
	}
	if p, err = p.protect(ctx, t); err != nil {
		return 0, err
	}
	last := ids[len(ids)-1]
	end, err := p.end(ids[0], latest, func(id int64) (int64, error) {
		if id > last { // a snapshot still
			return 0, errs.ErrNotFound
		}
		s, err := h.Changelogs.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		return s.TimeMillis, nil
	})
	if err != nil {
		return 0, err
	}
	return changelogsUntil(ctx, t, ids[0], min(end, last))
}

// ExpireAllChangelogs deletes all long-lived changelogs with the files that
// nothing else uses, and gives their number.
// Source: org.apache.paimon.table.ExpireChangelogImpl.expireAll.
func ExpireAllChangelogs(ctx context.Context, t *table.Table) (int, error) {
	h := t.History
	ids, err := h.Changelogs.IDs(ctx)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	n, err := changelogsUntil(ctx, t, ids[0], ids[len(ids)-1])
	if err != nil {
		return n, err
	}
	last, err := h.Changelogs.Get(ctx, ids[len(ids)-1])
	if errors.Is(err, errs.ErrNotFound) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	next, err := h.Snapshots.Earliest(ctx) // what follows the last changelog
	if err != nil || next == nil {
		return n, err
	}
	g := newGarbage(t, last.ID)
	g.begin()
	if err = g.changelog(ctx, last, next); err == nil {
		err = g.spareRest(ctx)
	}
	if err != nil {
		return n, fmt.Errorf("expire changelog %d: %w", last.ID, err)
	}
	if err := h.Changelogs.Delete(ctx, last.ID); err != nil {
		return n, err
	}
	if err := g.sweep(ctx, 0); err != nil {
		return n, fmt.Errorf("expire changelog %d: %w", last.ID, err)
	}
	return n + 1, h.Changelogs.DeleteHints(ctx)
}

func changelogsUntil(ctx context.Context, t *table.Table, earliest, end int64) (int, error) {
	if end <= earliest {
		return 0, nil
	}
	h := t.History
	all, err := h.Changelogs.Range(ctx, earliest, end)
	if err != nil || len(all) < 2 || all[len(all)-1].ID != end {
		return 0, err
	}
	g := newGarbage(t, end)
	for i, s := range all[:len(all)-1] {
		g.begin()
		if err := g.changelog(ctx, s, all[i+1]); err != nil {
			return 0, fmt.Errorf("expire changelog %d: %w", s.ID, err)
		}
	}
	if err := g.spareRest(ctx); err != nil {
		return 0, fmt.Errorf("expire changelogs: %w", err)
	}
	for i, s := range all[:len(all)-1] {
		err := h.Changelogs.Delete(ctx, s.ID)
		if err == nil {
			err = g.sweep(ctx, i)
		}
		if err != nil {
			return i, fmt.Errorf("expire changelog %d: %w", s.ID, err)
		}
	}
	return len(all) - 1, h.Changelogs.SetEarliestHint(ctx, end)
}

// changelog collects what changelog a uses and the next one, b, does not.
func (g *garbage) changelog(ctx context.Context, a, b *spec.Snapshot) error {
	if a.ChangelogManifestList != nil {
		return g.going.changelog(ctx, a, g.add)
	}
	if g.t.Options.Changelog.Producer != options.ChangelogNone {
		return nil // the rest went with the snapshot
	}
	if err := g.replaced(ctx, a, false); err != nil {
		return err
	}
	return g.dropped(ctx, a, b, g.going.lists)
}

// spareRest keeps what the oldest snapshot, tags and other branches use.
func (g *garbage) spareRest(ctx context.Context) error {
	branched, err := g.t.History.Branched(ctx)
	if err != nil {
		return err
	}
	if branched {
		if err := g.spareSpliced(ctx); err != nil {
			return err
		}
		return g.spareBranches(ctx)
	}
	for race := 0; ; race++ {
		s, err := g.t.History.Snapshots.Earliest(ctx)
		if err == nil && s != nil {
			err = g.spare(ctx, s)
		}
		if err == nil {
			break
		}
		if race == 3 || !errors.Is(err, errs.ErrNotFound) {
			return err
		}
	}
	if err := g.spareTags(ctx, g.t.History, nil); err != nil {
		return err
	}
	return g.spareBranches(ctx)
}
