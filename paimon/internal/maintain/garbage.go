// Package maintain deletes what no version of a table needs any more: expired
// snapshots and changelogs, deleted tags, orphans.
//
// Data files, manifests and index files are shared between snapshots, tags and
// branches. Every deletion goes in four steps:
//
//  1. collect what the versions that go use and their successors do not;
//  2. spare what tags and other branches still use;
//  3. delete the version's own file (snapshot-7, tag-x): from now on nobody
//     starts to read it;
//  4. look for tags and branches that came meanwhile, spare what they use, and
//     delete the rest.
//
// So a crash leaves at most some orphans of one version, never a version that
// names files which are gone.
package maintain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// step is the garbage of one version: paths of data files, changelog files,
// manifests, index files and statistics.
type step map[string]struct{}

// garbage is what versions leave behind when they go. It belongs to one
// goroutine.
type garbage struct {
	t     *table.Table
	going *uses // what the versions that go use
	kept  *uses // what those that stay use
	steps []step
	owner map[string]int  // path → the step that deletes it
	seen  map[string]bool // branches and tags whose files have been spared
	last  int64           // newest id of the versions that go
}

func newGarbage(t *table.Table, last int64) *garbage {
	return &garbage{t: t, going: newUses(t, true), kept: newUses(t, false), owner: map[string]int{}, seen: map[string]bool{}, last: last}
}

// begin starts the garbage of the next version.
func (g *garbage) begin() { g.steps = append(g.steps, step{}) }

func (g *garbage) add(path string) {
	if _, known := g.owner[path]; !known {
		at := len(g.steps) - 1
		g.owner[path] = at
		g.steps[at][path] = struct{}{}
	}
}

func (g *garbage) drop(path string) {
	if at, ok := g.owner[path]; ok {
		delete(g.owner, path)
		delete(g.steps[at], path)
	}
}

// replaced adds the data files that the delta of s takes away; with keepAppend
// only those that compaction made, since the others are changelogs.
func (g *garbage) replaced(ctx context.Context, s *spec.Snapshot, keepAppend bool) error {
	entries, err := g.going.entries(ctx, s.DeltaManifestList)
	if err != nil {
		return err
	}
	for _, kind := range []int8{spec.KindDelete, spec.KindAdd} {
		for i := range entries {
			e := &entries[i]
			switch {
			case e.Kind != kind:
			case kind == spec.KindAdd: // moved to another level, it is in use
				err = g.going.files(e, g.drop)
			case !keepAppend || e.File.FileSource != nil && *e.File.FileSource == spec.SourceCompact:
				err = g.going.files(e, g.add)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// spare keeps everything that reading the state of s needs.
func (g *garbage) spare(ctx context.Context, s *spec.Snapshot) error {
	if len(g.owner) == 0 {
		return nil
	}
	if err := g.kept.metadata(ctx, s, g.drop); err != nil {
		return err
	}
	return g.kept.live(ctx, s, g.drop)
}

// spareTags keeps what the tags of h use. wanted, when set, says of which.
func (g *garbage) spareTags(ctx context.Context, h *history.History, wanted func(*spec.Tag) bool) error {
	names, err := h.Tags.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		key := h.Branch() + "\x00" + name
		if g.seen[key] {
			continue
		}
		g.seen[key] = true
		tag, err := h.Tags.Get(ctx, name)
		if errors.Is(err, errs.ErrNotFound) { // deleted meanwhile
			continue
		}
		if err == nil && (wanted == nil || wanted(tag)) {
			err = g.spare(ctx, &tag.Snapshot)
		}
		if err != nil {
			return fmt.Errorf("tag %s: %w", name, err)
		}
	}
	return nil
}

// spareBranches keeps what the other branches of the table use. A file that
// two branches share was added before they parted, so of the other branch only
// what it had at first, and snapshots not newer than those that go, count.
func (g *garbage) spareBranches(ctx context.Context) error {
	own := g.t.History
	names, err := history.Branches(ctx, g.t.Store, own.Table())
	if err != nil {
		return err
	}
	for _, name := range append(names, history.MainBranch) {
		if name == own.Branch() || g.seen[name] || len(g.owner) == 0 {
			continue
		}
		g.seen[name] = true
		if err := g.spareBranch(ctx, own.On(name)); err != nil {
			return fmt.Errorf("branch %s: %w", name, err)
		}
	}
	return nil
}

func (g *garbage) spareBranch(ctx context.Context, h *history.History) error {
	ids, err := h.Snapshots.IDs(ctx)
	if err != nil {
		return err
	}
	first := true
	for _, id := range ids {
		if !first && id > g.last {
			break
		}
		s, err := h.Snapshots.Get(ctx, id)
		if err == nil && first {
			err = g.spare(ctx, s)
		}
		if err == nil {
			err = g.kept.changes(ctx, s, g.drop)
		}
		if errors.Is(err, errs.ErrNotFound) {
			if there, xerr := h.Snapshots.Exists(ctx, id); xerr != nil || !there { // expired meanwhile
				if xerr != nil {
					return xerr
				}
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("snapshot %d: %w", id, err)
		}
		first = false
	}
	if err := g.spareChangelogs(ctx, h); err != nil {
		return err
	}
	return g.spareTags(ctx, h, nil)
}

// spareChangelogs keeps what the long-lived changelogs of h use: their
// changelog files or, where there are none, the rows that were added.
func (g *garbage) spareChangelogs(ctx context.Context, h *history.History) error {
	ids, err := h.Changelogs.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s, err := h.Changelogs.Get(ctx, id)
		if errors.Is(err, errs.ErrNotFound) { // expired meanwhile
			continue
		}
		switch {
		case err != nil:
		case s.ChangelogManifestList != nil:
			err = g.kept.changelog(ctx, s, g.drop)
		case g.t.Options.Changelog.Producer == options.ChangelogNone: // the manifests are gone else
			err = g.kept.changes(ctx, s, g.drop)
		}
		if errors.Is(err, errs.ErrNotFound) {
			if there, xerr := h.Changelogs.Exists(ctx, id); xerr == nil && !there {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("changelog %d: %w", id, err)
		}
	}
	return nil
}

// sweep deletes the garbage of a step, after sparing what tags and branches
// that came meanwhile use.
func (g *garbage) sweep(ctx context.Context, at int) error {
	if err := g.spareTags(ctx, g.t.History, nil); err != nil {
		return err
	}
	if err := g.spareBranches(ctx); err != nil {
		return err
	}
	var data, manifests []string
	dir := g.t.Manifests.Path("")
	for path := range g.steps[at] {
		if name, ok := strings.CutPrefix(path, dir+"/"); ok {
			manifests = append(manifests, name)
		} else {
			data = append(data, path)
		}
	}
	slices.Sort(data)
	slices.Sort(manifests)
	if len(data) > 0 {
		if err := g.t.Store.Delete(ctx, data...); err != nil {
			return err
		}
	}
	if len(manifests) > 0 {
		return g.t.Manifests.Delete(ctx, manifests...)
	}
	return nil
}
