package manifest

import (
	"context"
	"errors"
	"hash/maphash"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// Live gives the live data files of the manifests of a snapshot (see All), as
// ADD entries in the order they were added. keep must decide equally for the
// ADD and the DELETE of a file (by partition, bucket, key range, …); it must
// not look at the kind. Adding a file twice is an error; a DELETE of a file
// that no manifest adds is one too. Besides the result, memory grows with the
// files that are deleted, which are few after a manifest compaction.
func (f *Files) Live(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool) ([]spec.ManifestEntry, error) {
	doomed, err := f.doomed(ctx, files, keep)
	if err != nil {
		return nil, err
	}
	m := &merger{at: map[string]int32{}, doomed: doomed, prints: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	live, err := f.fold(ctx, files, keep, m)
	if errors.Is(err, errTwins) { // by their names, then
		live, err = f.fold(ctx, files, keep, newMerger(0))
	}
	return live, err
}

// doomed gives the identities of all files that the manifests delete.
func (f *Files) doomed(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool) (map[string]struct{}, error) {
	var some []spec.ManifestFileMeta
	for i := range files {
		if files[i].NumDeleted > 0 {
			some = append(some, files[i])
		}
	}
	out := map[string]struct{}{}
	var key []byte
	return out, f.readAll(ctx, some, func(_ int, entries []spec.ManifestEntry) error {
		for i := range entries {
			if e := &entries[i]; e.Kind == spec.KindDelete && (keep == nil || keep(e)) {
				key = Identity(key[:0], e)
				out[string(key)] = struct{}{}
			}
		}
		return nil
	})
}

func (f *Files) fold(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool, m *merger) ([]spec.ManifestEntry, error) {
	err := f.readAll(ctx, files, func(i int, entries []spec.ManifestEntry) error {
		for j := range entries {
			if keep != nil && !keep(&entries[j]) {
				continue
			}
			if err := m.add(&entries[j]); err != nil {
				return errs.Corrupt(f.Path(files[i].FileName), "%w", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	live := m.result()
	for i := range live {
		if live[i].Kind == spec.KindDelete {
			return nil, errs.Corrupt(f.dir, "file %s of level %d is deleted but no manifest adds it", live[i].File.FileName, live[i].File.Level)
		}
	}
	return live, nil
}
