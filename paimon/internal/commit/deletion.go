package commit

import (
	"bytes"
	"slices"

	"github.com/tarndb/tarn/paimon/spec"
)

// deletionVectors is the type of index files with deletion vectors.
const deletionVectors = "DELETION_VECTORS"

func (ch *indexChange) isDeletions() bool {
	return ch.added != nil && ch.added.IndexType == deletionVectors || ch.removed != nil && ch.removed.IndexType == deletionVectors
}

// deletesRows reports whether deletion vectors change, so that an append is an
// OVERWRITE.
func (c *change) deletesRows() bool {
	return slices.ContainsFunc(c.index, func(ch indexChange) bool { return ch.isDeletions() })
}

// applyDeletions replaces index files with deletion vectors, each whole. What
// is replaced has to be there: else another job has deleted rows that this
// change does not know of. Only a table without buckets has several for one
// bucket, and then one vector a data file.
// Source: org.apache.paimon.manifest.IndexManifestFileHandler.
func (a *attempt) applyDeletions(index []spec.IndexManifestEntry) ([]spec.IndexManifestEntry, error) {
	if !a.change.deletesRows() {
		return index, nil
	}
	for _, ch := range a.change.index {
		if !ch.isDeletions() || ch.removed == nil || a.Overwrite != nil {
			continue
		}
		at := slices.IndexFunc(index, func(e spec.IndexManifestEntry) bool {
			return e.File.FileName == ch.removed.FileName && e.Bucket == ch.bucket && bytes.Equal(e.Partition, ch.partition)
		})
		if at < 0 {
			return nil, a.deletionConflict(ch)
		}
		index = slices.Delete(index, at, at+1)
	}
	marked := map[string]bool{}
	for i := range index {
		for _, d := range index[i].File.Deletions {
			marked[d.DataFile] = true
		}
	}
	unaware := !a.c.o.HasKey && a.c.o.Bucket == -1
	for _, ch := range a.change.index {
		if !ch.isDeletions() || ch.added == nil {
			continue
		}
		if !unaware && slices.ContainsFunc(index, func(e spec.IndexManifestEntry) bool {
			return e.File.IndexType == deletionVectors && e.Bucket == ch.bucket && bytes.Equal(e.Partition, ch.partition)
		}) {
			return nil, a.deletionConflict(ch)
		}
		for _, d := range ch.added.Deletions {
			if marked[d.DataFile] {
				return nil, a.deletionConflict(ch)
			}
			marked[d.DataFile] = true
		}
		index = append(index, spec.IndexManifestEntry{Kind: spec.KindAdd, Partition: ch.partition, Bucket: ch.bucket, File: *ch.added})
	}
	return index, nil
}

func (a *attempt) deletionConflict(ch indexChange) error {
	return a.conflict(nil, "another job has deleted rows of bucket %d of %s, or compacted it, since this one read its deletion vectors; the work is done again on the newest snapshot",
		ch.bucket, a.partition(ch.partition))
}

// checkDead refuses a change that takes a file away of which rows have been
// deleted meanwhile: they would come back with the files that replace it.
func (a *attempt) checkDead(latest *spec.Snapshot, entries []spec.ManifestEntry, index []spec.IndexManifestEntry) error {
	if !slices.ContainsFunc(index, func(e spec.IndexManifestEntry) bool { return e.File.IndexType == deletionVectors }) {
		return nil
	}
	gone := map[string]bool{}
	for i := range entries {
		if entries[i].Kind == spec.KindDelete {
			gone[entries[i].File.FileName] = true
		}
	}
	for i := range entries { // upgraded
		if entries[i].Kind == spec.KindAdd {
			delete(gone, entries[i].File.FileName)
		}
	}
	for i := range index {
		for _, d := range index[i].File.Deletions {
			if gone[d.DataFile] {
				return a.conflict(latest, "rows of file %s (%s), which this commit rewrites, were deleted by another job meanwhile; the work is done again on the newest snapshot",
					d.DataFile, a.partition(index[i].Partition))
			}
		}
	}
	return nil
}

// checkMarked refuses new deletion vectors of files that are not in the table,
// and the loss of vectors of those that are.
func (a *attempt) checkMarked(latest *spec.Snapshot, live []spec.ManifestEntry) error {
	if !a.change.deletesRows() {
		return nil
	}
	files := make(map[string]bool, len(live))
	for i := range live {
		files[live[i].File.FileName] = true
	}
	before, after := map[string]bool{}, map[string]bool{}
	for _, ch := range a.change.index {
		if !ch.isDeletions() {
			continue
		}
		if ch.removed != nil {
			collect(before, ch.removed)
		}
		if ch.added != nil {
			collect(after, ch.added)
		}
	}
	for f := range after {
		if !before[f] && !files[f] {
			return a.conflict(latest, "file %s, of which this commit deletes rows, is gone: another job compacted or overwrote it; the work is done again on the newest snapshot", f)
		}
	}
	for f := range before {
		if !after[f] && files[f] && a.Overwrite == nil {
			return a.conflict(latest, "the deletion vector of file %s would be lost, which another job has put back; the work is done again on the newest snapshot", f)
		}
	}
	return nil
}

func collect(dst map[string]bool, f *spec.IndexFileMeta) {
	for _, d := range f.Deletions {
		dst[d.DataFile] = true
	}
}
