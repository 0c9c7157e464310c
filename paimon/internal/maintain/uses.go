package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// uses tells which files versions of a table use, as paths in the store. It
// belongs to one goroutine.
type uses struct {
	t *table.Table
	// lenient takes missing manifests for empty ones: of versions that go, an
	// interrupted deletion of another engine may have taken some already. What
	// stays has to be whole.
	lenient bool
	dirs    map[string]*datafile.Paths
}

func newUses(t *table.Table, lenient bool) *uses {
	return &uses{t: t, lenient: lenient, dirs: map[string]*datafile.Paths{}}
}

// forgive turns the error of a missing file into nil.
func (u *uses) forgive(err error) error {
	if u.lenient && errors.Is(err, errs.ErrNotFound) {
		return nil
	}
	return err
}

// files calls use with the paths of a data file and what belongs to it. Files
// that the store does not reach are left alone.
func (u *uses) files(e *spec.ManifestEntry, use func(path string)) error {
	if e.File.ExternalPath != nil {
		if _, err := datafile.KeyOf(u.t.Store, *e.File.ExternalPath); err != nil {
			return nil
		}
	}
	key := fmt.Sprintf("%d/%s", e.Bucket, e.Partition)
	dir := u.dirs[key]
	if dir == nil {
		part, err := u.t.Parts.Path(e.Partition)
		if err != nil {
			return err
		}
		dir = datafile.NewPaths(u.t.PathOptions(), part, e.Bucket)
		u.dirs[key] = dir
	}
	use(dir.DataFile(&e.File))
	for _, x := range e.File.ExtraFiles {
		use(dir.ExtraFile(&e.File, x))
	}
	return nil
}

// entries reads the entries of a manifest list.
func (u *uses) entries(ctx context.Context, list string) ([]spec.ManifestEntry, error) {
	files, err := u.t.Manifests.ReadList(ctx, list)
	if err != nil {
		return nil, u.forgive(err)
	}
	out, err := u.t.Manifests.Entries(ctx, files, nil)
	return out, u.forgive(err)
}

// added calls use with the data files that a manifest list adds.
func (u *uses) added(ctx context.Context, list string, use func(string)) error {
	entries, err := u.entries(ctx, list)
	if err != nil {
		return err
	}
	for i := range entries {
		if entries[i].Kind == spec.KindAdd {
			if err := u.files(&entries[i], use); err != nil {
				return err
			}
		}
	}
	return nil
}

// live calls use with the data files of s, or with those of them that wanted
// (nil for all) is true for by their names: then it costs little more than
// looking at the names.
func (u *uses) live(ctx context.Context, s *spec.Snapshot, wanted func(name string) bool, use func(string)) error {
	lists, err := u.t.Manifests.All(ctx, s)
	if err != nil {
		return u.forgive(err)
	}
	var keep func(*spec.ManifestEntry) bool
	if wanted != nil {
		keep = func(e *spec.ManifestEntry) bool { return wanted(e.File.FileName) }
	}
	live, err := u.t.Manifests.Live(ctx, lists, keep)
	if err != nil {
		return u.forgive(err)
	}
	for i := range live {
		if err := u.files(&live[i], use); err != nil {
			return err
		}
	}
	return nil
}

// list calls use with a manifest list and the manifests in it.
func (u *uses) list(ctx context.Context, name string, use func(string)) error {
	files, err := u.t.Manifests.ReadList(ctx, name)
	if err != nil {
		if err := u.forgive(err); err != nil {
			return err
		}
	}
	for i := range files {
		use(u.t.Manifests.Path(files[i].FileName))
	}
	use(u.t.Manifests.Path(name))
	return nil
}

// lists is list for the base and the delta of s.
func (u *uses) lists(ctx context.Context, s *spec.Snapshot, use func(string)) error {
	if err := u.list(ctx, s.BaseManifestList, use); err != nil {
		return err
	}
	return u.list(ctx, s.DeltaManifestList, use)
}

// changelog calls use with the changelog files of s and their manifests.
func (u *uses) changelog(ctx context.Context, s *spec.Snapshot, use func(string)) error {
	if s.ChangelogManifestList == nil {
		return nil
	}
	if err := u.added(ctx, *s.ChangelogManifestList, use); err != nil {
		return err
	}
	return u.list(ctx, *s.ChangelogManifestList, use)
}

// indexes calls use with the index manifest of s, its index files, and its
// statistics.
func (u *uses) indexes(ctx context.Context, s *spec.Snapshot, use func(string)) error {
	if s.Statistics != nil {
		use(fileio.Join(u.t.Dir, "statistics", *s.Statistics))
	}
	if s.IndexManifest == nil {
		return nil
	}
	entries, err := u.t.Manifests.ReadIndex(ctx, *s.IndexManifest)
	if err != nil {
		if err := u.forgive(err); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if e.File.ExternalPath != nil {
			continue
		}
		use(fileio.Join(u.t.Dir, "index", e.File.FileName)) // also when the option was set later
		path, err := u.t.IndexPath(e.Partition, e.Bucket, &e.File)
		if err != nil {
			return err
		}
		use(path)
	}
	use(u.t.Manifests.Path(*s.IndexManifest))
	return nil
}

// sameState reports whether nothing lies between the snapshots a and b: b starts
// from the very manifests of a. That it may be false all the same is no harm.
func (u *uses) sameState(ctx context.Context, a, b *spec.Snapshot) (bool, error) {
	all, err := u.t.Manifests.All(ctx, a)
	if err != nil {
		return false, err
	}
	base, err := u.t.Manifests.ReadList(ctx, b.BaseManifestList)
	if err != nil || len(base) != len(all) {
		return false, err
	}
	names := make(map[string]bool, len(all))
	for i := range all {
		names[all[i].FileName] = true
	}
	for i := range base {
		if !names[base[i].FileName] {
			return false, nil
		}
	}
	return true, nil
}

// metadata calls use with all manifests of s but those of its changelog.
func (u *uses) metadata(ctx context.Context, s *spec.Snapshot, use func(string)) error {
	if err := u.lists(ctx, s, use); err != nil {
		return err
	}
	return u.indexes(ctx, s, use)
}
