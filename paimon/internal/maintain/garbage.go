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
	"path"
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

// item is a file to delete.
type item struct {
	step int
	path string
}

// garbage is what versions leave behind when they go. It belongs to one
// goroutine.
type garbage struct {
	t     *table.Table
	going *uses // what the versions that go use
	kept  *uses // what those that stay use
	steps []step
	owner map[string]item // by file name, which is unique: paths follow options, that branches may change
	seen  map[string]bool // branches and tags whose files have been spared
	from  int64           // snapshots of the own branch below it go
	last  int64           // newest id that a commit can have that wrote garbage
}

func newGarbage(t *table.Table, last int64) *garbage {
	return &garbage{t: t, going: newUses(t, true), kept: newUses(t, false), owner: map[string]item{}, seen: map[string]bool{}, last: last}
}

// begin starts the garbage of the next version.
func (g *garbage) begin() { g.steps = append(g.steps, step{}) }

func (g *garbage) add(name string) {
	base := path.Base(name)
	if _, known := g.owner[base]; !known {
		at := len(g.steps) - 1
		g.owner[base] = item{at, name}
		g.steps[at][name] = struct{}{}
	}
}

func (g *garbage) drop(name string) {
	base := path.Base(name)
	if it, ok := g.owner[base]; ok {
		delete(g.owner, base)
		delete(g.steps[it.step], it.path)
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
	return g.kept.live(ctx, s, g.isGarbage, g.drop)
}

// spareTags keeps what the tags of h use. wanted, when set, says of which. A tag
// that goes meanwhile may only have got another name: then the names are listed
// once more.
func (g *garbage) spareTags(ctx context.Context, h *history.History, wanted func(*spec.Tag) bool) error {
	for again := true; again; {
		again = false
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
			gone, err := g.spareTag(ctx, h, name, wanted)
			if err != nil {
				return fmt.Errorf("tag %s: %w", name, err)
			}
			again = again || gone
		}
	}
	return nil
}

// spareTag reports whether the tag has gone meanwhile.
func (g *garbage) spareTag(ctx context.Context, h *history.History, name string, wanted func(*spec.Tag) bool) (gone bool, err error) {
	tag, err := h.Tags.Get(ctx, name)
	if err == nil && (wanted == nil || wanted(tag)) {
		err = g.spare(ctx, &tag.Snapshot)
	}
	if !errors.Is(err, errs.ErrNotFound) {
		return false, err
	}
	if _, xerr := h.Tags.Get(ctx, name); errors.Is(xerr, errs.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// isGarbage reports whether a data file is to be deleted so far.
func (g *garbage) isGarbage(name string) bool {
	_, ok := g.owner[name]
	return ok
}

// spareBranches keeps what the other branches of the table use.
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
		if err := g.spareBranch(ctx, own.On(name), 0); err != nil {
			return fmt.Errorf("branch %s: %w", name, err)
		}
	}
	return nil
}

// spareSpliced is spareBranch for the snapshots of the own branch that stay. It
// is needed only where branches are, or were: then a fast-forward may have put
// snapshots behind others that they do not come from, and what one takes away
// the next may have again.
func (g *garbage) spareSpliced(ctx context.Context) error {
	return g.spareBranch(ctx, g.t.History, g.from)
}

// spareBranch keeps what the snapshots from an id on, the changelogs and the
// tags of a branch use. A snapshot that starts from the one before it needs
// only what it added, and that is not garbage when the commit is younger.
func (g *garbage) spareBranch(ctx context.Context, h *history.History, from int64) error {
	ids, err := h.Snapshots.IDs(ctx)
	if err != nil {
		return err
	}
	var prev *spec.Snapshot
	for _, id := range ids {
		if id < from {
			continue
		}
		s, err := h.Snapshots.Get(ctx, id)
		if err == nil {
			if err = g.spareNext(ctx, prev, s); errors.Is(err, errs.ErrNotFound) && prev != nil { // that one has expired meanwhile
				err = g.spareNext(ctx, nil, s)
			}
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
		prev = s
	}
	if err := g.spareChangelogs(ctx, h); err != nil {
		return err
	}
	return g.spareTags(ctx, h, nil)
}

// spareNext keeps what s uses, when all that prev uses is kept already.
func (g *garbage) spareNext(ctx context.Context, prev, s *spec.Snapshot) error {
	follows := false
	if prev != nil {
		var err error
		if follows, err = g.kept.sameState(ctx, prev, s); err != nil {
			return err
		}
	}
	if !follows {
		if err := g.spare(ctx, s); err != nil {
			return err
		}
	} else if err := g.kept.metadata(ctx, s, g.drop); err != nil {
		return err
	}
	if s.ID > g.last {
		return nil
	}
	if follows {
		if err := g.kept.added(ctx, s.DeltaManifestList, g.drop); err != nil {
			return err
		}
	}
	return g.kept.changelog(ctx, s, g.drop)
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
			if err = g.kept.metadata(ctx, s, g.drop); err == nil {
				err = g.kept.added(ctx, s.DeltaManifestList, g.drop)
			}
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
	for file := range g.steps[at] {
		if name, ok := strings.CutPrefix(file, dir+"/"); ok {
			manifests = append(manifests, name)
		} else {
			data = append(data, file)
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
