package maintain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/internal/table"
)

// Orphans are files of a table that no version of it uses.
type Orphans struct {
	Paths []string // sorted
	Bytes int64
}

// FindOrphans looks for files of t, of all its branches, that are older than
// a time and that nothing uses. Files that a running writer has yet to commit
// are protected by their age alone. Metadata that cannot be read is an error:
// nobody knows what it names.
// Source: org.apache.paimon.operation.OrphanFilesClean.
func FindOrphans(ctx context.Context, t *table.Table, olderThan time.Time) (Orphans, error) {
	found := finder{t: t, olderThan: olderThan, size: map[string]int64{}}
	// Files are listed before versions are read: what is committed in between
	// is seen to be used.
	if err := found.list(ctx); err != nil {
		return Orphans{}, fmt.Errorf("look for orphans: %w", err)
	}
	g := newGarbage(t, math.MaxInt64)
	g.begin()
	for path := range found.size {
		g.add(path)
	}
	if err := g.spareAll(ctx); err != nil {
		return Orphans{}, fmt.Errorf("look for orphans: %w", err)
	}
	var out Orphans
	for path := range g.steps[0] {
		out.Paths = append(out.Paths, path)
		out.Bytes += found.size[path]
	}
	slices.Sort(out.Paths)
	return out, nil
}

// spareAll keeps what main and all branches use. Branches that come or go
// meanwhile may have handed their snapshots on: then all are looked at again.
func (g *garbage) spareAll(ctx context.Context) error {
	own := g.t.History
	names, err := history.Branches(ctx, g.t.Store, own.Table())
	for err == nil {
		for _, name := range append([]string{history.MainBranch}, names...) {
			if err := g.spareBranch(ctx, own.On(name), 0); err != nil {
				return fmt.Errorf("branch %s: %w", name, err)
			}
		}
		var now []string
		if now, err = history.Branches(ctx, g.t.Store, own.Table()); slices.Equal(now, names) {
			break
		}
		names = now
	}
	return err
}

// finder lists the files that can be orphans: of bucket directories, manifests,
// index files and statistics.
type finder struct {
	t         *table.Table
	olderThan time.Time
	size      map[string]int64 // path → bytes
}

func (f *finder) list(ctx context.Context) error {
	for _, dir := range []string{"manifest", "index", "statistics"} {
		if err := f.files(ctx, fileio.Join(f.t.Dir, dir)); err != nil {
			return err
		}
	}
	o := f.t.PathOptions()
	return f.buckets(ctx, fileio.Join(o.Table, o.Directory), len(f.t.Schema.PartitionKeys))
}

// buckets goes down the levels of partition directories.
func (f *finder) buckets(ctx context.Context, dir string, levels int) error {
	for info, err := range f.t.Store.List(ctx, dir) {
		switch {
		case errors.Is(err, errs.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !info.Dir:
		case levels > 0 && strings.Contains(info.Name, "="):
			err = f.buckets(ctx, info.Path, levels-1)
		case levels == 0 && strings.HasPrefix(info.Name, "bucket-"):
			err = f.files(ctx, info.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) files(ctx context.Context, dir string) error {
	for info, err := range f.t.Store.List(ctx, dir) {
		if errors.Is(err, errs.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !info.Dir && info.ModTime.Before(f.olderThan) {
			f.size[info.Path] = info.Size
		}
	}
	return nil
}

// DeleteOrphans deletes what FindOrphans gave, and the remains of branches
// that were not wholly made or deleted.
func DeleteOrphans(ctx context.Context, t *table.Table, o Orphans, olderThan time.Time) error {
	const batch = 500
	for part := range slices.Chunk(o.Paths, batch) {
		if err := t.Store.Delete(ctx, part...); err != nil {
			return fmt.Errorf("delete orphans: %w", err)
		}
	}
	return t.History.SweepBranches(ctx, olderThan)
}
