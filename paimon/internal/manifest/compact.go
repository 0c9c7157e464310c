package manifest

import (
	"context"
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/spec"
)

// Merge prepares the base list of the next snapshot from the manifests of the
// latest one (base and delta). It gives the new list and the manifests that it
// wrote, which the caller deletes if the commit does not happen. Any list that
// merges to the same live files is right; this is what it does:
//
//  1. Manifests that are small or hold DELETEs are dirty. When they have
//     FullCompactionSize bytes together, all of them are rewritten without
//     the dead entries, and so are clean ones with files that were deleted;
//     clean ones whose partitions saw no DELETE are not even read.
//  2. Otherwise consecutive manifests are joined whenever they reach the
//     target size, and the rest when it counts MergeMinCount.
//
// Source: org.apache.paimon.operation.ManifestFileMerger.
func (f *Files) Merge(ctx context.Context, files []spec.ManifestFileMeta) (merged, written []spec.ManifestFileMeta, err error) {
	dirty := int64(0)
	for i := range files {
		if f.dirty(&files[i]) {
			dirty += files[i].FileSize
		}
	}
	if dirty >= f.o.FullCompactionSize && len(files) > 1 {
		return f.mergeFully(ctx, files)
	}
	return f.mergeSmall(ctx, files)
}

func (f *Files) dirty(m *spec.ManifestFileMeta) bool {
	return m.NumDeleted > 0 || m.FileSize < f.o.TargetSize
}

func (f *Files) mergeSmall(ctx context.Context, files []spec.ManifestFileMeta) (merged, written []spec.ManifestFileMeta, err error) {
	start, size := 0, int64(0)
	for i := range files {
		if size += files[i].FileSize; size < f.o.TargetSize {
			continue
		}
		if merged, written, err = f.join(ctx, files[start:i+1], merged, written); err != nil {
			return nil, nil, err
		}
		start, size = i+1, 0
	}
	rest := files[start:]
	if len(rest) < f.o.MergeMinCount {
		return append(merged, rest...), written, nil
	}
	return f.join(ctx, rest, merged, written)
}

// join rewrites group as one and appends the result to merged and written.
// DELETEs whose ADD is in an earlier manifest stay.
func (f *Files) join(ctx context.Context, group, merged, written []spec.ManifestFileMeta) ([]spec.ManifestFileMeta, []spec.ManifestFileMeta, error) {
	if len(group) == 1 {
		return append(merged, group[0]), written, nil
	}
	m := newMerger(0)
	m.partial = true
	err := f.readAll(ctx, group, func(_ int, entries []spec.ManifestEntry) error {
		for i := range entries {
			if err := m.add(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	var fresh []spec.ManifestFileMeta
	if err == nil {
		fresh, err = f.Write(ctx, m.result())
	}
	if err != nil {
		f.forget(ctx, written)
		return nil, nil, err
	}
	return append(merged, fresh...), append(written, fresh...), nil
}

// forget removes manifests of a merge that failed.
func (f *Files) forget(ctx context.Context, written []spec.ManifestFileMeta) {
	w := roller{f: f, done: written}
	w.abort(ctx)
}

// mergeFully rewrites every dirty manifest. Only what was ever deleted is kept
// in memory: the entry of such a file that is live at the end (it was added
// again) is written last.
func (f *Files) mergeFully(ctx context.Context, files []spec.ManifestFileMeta) (merged, written []spec.ManifestFileMeta, err error) {
	deleted, partitions, err := f.deletedEntries(ctx, files)
	if err != nil {
		return nil, nil, err
	}
	merged, files, err = f.setAside(files, partitions)
	if err != nil {
		return nil, nil, err
	}
	if len(files) <= 1 && len(deleted) == 0 {
		return append(merged, files...), nil, nil // nothing to join
	}
	w := roller{f: f}
	again := newMerger(0)
	var key []byte
	rewrite := func(i int, entries []spec.ManifestEntry) error {
		change := f.dirty(&files[i])
		for j := range entries {
			key = Identity(key[:0], &entries[j])
			if deleted[string(key)] {
				change = true
				if err := again.add(&entries[j]); err != nil {
					return err
				}
			}
		}
		if !change {
			merged = append(merged, files[i])
			return nil
		}
		for j := range entries {
			key = Identity(key[:0], &entries[j])
			if deleted[string(key)] {
				continue
			}
			if err := w.add(ctx, &entries[j]); err != nil {
				return err
			}
		}
		return nil
	}
	if err = f.readAll(ctx, files, rewrite); err != nil {
		w.abort(ctx)
		return nil, nil, err
	}
	for _, e := range again.result() {
		if e.Kind == spec.KindDelete {
			continue // the file it deletes is in no manifest any more
		}
		if err := w.add(ctx, &e); err != nil {
			w.abort(ctx)
			return nil, nil, err
		}
	}
	if written, err = w.finish(ctx); err != nil {
		return nil, nil, err
	}
	return append(slices.Clip(merged), written...), written, nil
}

// deletedEntries gives the identities of all DELETE entries, and their
// partitions.
func (f *Files) deletedEntries(ctx context.Context, files []spec.ManifestFileMeta) (map[string]bool, [][]byte, error) {
	var some []spec.ManifestFileMeta
	for _, m := range files {
		if m.NumDeleted > 0 {
			some = append(some, m)
		}
	}
	deleted, seen := map[string]bool{}, map[string]bool{}
	var partitions [][]byte
	var key []byte
	err := f.readAll(ctx, some, func(_ int, entries []spec.ManifestEntry) error {
		for i := range entries {
			if entries[i].Kind != spec.KindDelete {
				continue
			}
			key = Identity(key[:0], &entries[i])
			deleted[string(key)] = true
			if p := entries[i].Partition; !seen[string(p)] {
				seen[string(p)] = true
				partitions = append(partitions, p)
			}
		}
		return nil
	})
	return deleted, partitions, err
}

// setAside takes the clean manifests out of files that hold none of the
// partitions, by their statistics.
func (f *Files) setAside(files []spec.ManifestFileMeta, partitions [][]byte) (aside, rest []spec.ManifestFileMeta, err error) {
	fields := f.o.PartitionFields
	if len(fields) == 0 && len(partitions) > 0 {
		return nil, files, nil
	}
	touched, err := binrow.ColumnKeys(fields, partitions)
	if err != nil {
		return nil, nil, err
	}
	for i := range files {
		m := &files[i]
		if f.dirty(m) {
			rest = append(rest, *m)
			continue
		}
		bounds, err := binrow.ColumnKeys(fields, [][]byte{m.PartitionStats.Min, m.PartitionStats.Max})
		if err != nil {
			return nil, nil, errs.Corrupt(f.Path(m.FileName), "statistics of partitions: %w", err)
		}
		if mayHold(m, bounds, touched, len(partitions)) {
			rest = append(rest, *m)
		} else {
			aside = append(aside, *m)
		}
	}
	return aside, rest, nil
}

// mayHold reports whether one of n partitions is within the bounds of a
// manifest. A column with NULLs is no bound: NULL is below the least value.
func mayHold(m *spec.ManifestFileMeta, bounds, partitions []columnar.Keys, n int) bool {
	for p := range n {
		inside := true
		for c := range bounds {
			if nulls := m.PartitionStats.NullCounts[c]; nulls == nil || *nulls > 0 {
				continue
			}
			if columnar.Compare(partitions[c], p, bounds[c], 0) < 0 || columnar.Compare(partitions[c], p, bounds[c], 1) > 0 {
				inside = false
				break
			}
		}
		if inside {
			return true
		}
	}
	return false
}
