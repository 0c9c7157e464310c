package manifest

import (
	"context"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/spec"
)

// checkEvery is how many entries are written between looks at a manifest's
// size, as in Paimon.
const checkEvery = 1000

// Write writes entries as data manifests that roll at the target size, with
// their statistics. Nothing is written for no entries. When it fails, it
// removes what it wrote.
// Source: org.apache.paimon.manifest.ManifestFile.
func (f *Files) Write(ctx context.Context, entries []spec.ManifestEntry) ([]spec.ManifestFileMeta, error) {
	w := roller{f: f}
	for i := range entries {
		if err := w.add(ctx, &entries[i]); err != nil {
			w.abort(ctx)
			return nil, err
		}
	}
	return w.finish(ctx)
}

// roller writes a sequence of entries to as many manifests as it takes. All
// but the last have at least the target size: smaller ones would count as
// waiting to be merged.
type roller struct {
	f       *Files
	pending []spec.ManifestEntry
	done    []spec.ManifestFileMeta
	tryAt   int // entries at which the size is looked at next
}

// add takes a copy of e, whose parts stay shared.
func (w *roller) add(ctx context.Context, e *spec.ManifestEntry) error {
	w.pending = append(w.pending, *e)
	n := len(w.pending)
	if n%checkEvery != 0 || n < w.tryAt {
		return nil
	}
	data, err := spec.EncodeManifest(w.pending, w.f.o.Arity, w.f.o.Codec)
	if err != nil {
		return err
	}
	if size := int64(len(data)); size < w.f.o.TargetSize {
		w.tryAt = max(int(int64(n)*w.f.o.TargetSize/size), n+checkEvery)
		return nil
	}
	return w.put(ctx, data)
}

// put writes data, which are the pending entries.
func (w *roller) put(ctx context.Context, data []byte) error {
	meta, err := w.f.describe(w.pending)
	if err != nil {
		return err
	}
	if meta.FileName, meta.FileSize, err = w.f.put(ctx, dataKind, data, nil); err != nil {
		return err
	}
	w.done = append(w.done, meta)
	w.pending, w.tryAt = w.pending[:0], 0
	return nil
}

// finish writes the rest; on failure nothing stays.
func (w *roller) finish(ctx context.Context) ([]spec.ManifestFileMeta, error) {
	if len(w.pending) == 0 {
		return w.done, nil
	}
	data, err := spec.EncodeManifest(w.pending, w.f.o.Arity, w.f.o.Codec)
	if err == nil {
		err = w.put(ctx, data)
	}
	if err != nil {
		w.abort(ctx)
		return nil, err
	}
	return w.done, nil
}

// abort removes what was written, also when ctx is already done. Files that
// cannot be removed are orphans, which the cleaner finds.
func (w *roller) abort(ctx context.Context) {
	names := make([]string, len(w.done))
	for i, m := range w.done {
		names[i] = m.FileName
	}
	_ = w.f.Delete(context.WithoutCancel(ctx), names...)
}

// describe gives the record of a manifest list for entries (at least one).
func (f *Files) describe(entries []spec.ManifestEntry) (spec.ManifestFileMeta, error) {
	first := &entries[0]
	m := spec.ManifestFileMeta{SchemaID: first.File.SchemaID}
	minBucket, maxBucket := first.Bucket, first.Bucket
	minLevel, maxLevel := first.File.Level, first.File.Level
	rowIDs := true
	var minRow, maxRow int64
	for i := range entries {
		e := &entries[i]
		if e.Kind == spec.KindAdd {
			m.NumAdded++
		} else {
			m.NumDeleted++
		}
		m.SchemaID = max(m.SchemaID, e.File.SchemaID)
		minBucket, maxBucket = min(minBucket, e.Bucket), max(maxBucket, e.Bucket)
		minLevel, maxLevel = min(minLevel, e.File.Level), max(maxLevel, e.File.Level)
		if id := e.File.FirstRowID; id == nil {
			rowIDs = false
		} else if last := *id + e.File.RowCount - 1; i == 0 {
			minRow, maxRow = *id, last
		} else {
			minRow, maxRow = min(minRow, *id), max(maxRow, last)
		}
	}
	m.MinBucket, m.MaxBucket = pointer(int32(minBucket)), pointer(int32(maxBucket))
	m.MinLevel, m.MaxLevel = pointer(int32(minLevel)), pointer(int32(maxLevel))
	if rowIDs {
		m.MinRowID, m.MaxRowID = &minRow, &maxRow
	}
	var err error
	if m.PartitionStats, err = f.partitionStats(entries); err != nil {
		return m, fmt.Errorf("statistics of partitions: %w", err)
	}
	return m, nil
}

func pointer[T any](v T) *T { return &v }

// partitionStats takes least and greatest value of every partition column on
// its own, and counts NULLs, over all entries.
func (f *Files) partitionStats(entries []spec.ManifestEntry) (spec.SimpleStats, error) {
	if len(f.o.PartitionFields) == 0 {
		return spec.SimpleStats{Min: binrow.Empty, Max: binrow.Empty, NullCounts: []*int64{}}, nil
	}
	counts := map[string]int64{}
	for i := range entries {
		counts[string(entries[i].Partition)]++
	}
	rows := make([][]byte, 0, len(counts))
	for p := range counts {
		rows = append(rows, []byte(p))
	}
	slices.SortFunc(rows, slices.Compare) // the result must not depend on the map
	weights := make([]int64, len(rows))
	for i, r := range rows {
		weights[i] = counts[string(r)]
	}
	lo, hi, nulls, err := binrow.Stats(f.o.PartitionFields, rows, weights)
	return spec.SimpleStats{Min: lo, Max: hi, NullCounts: nulls}, err
}
