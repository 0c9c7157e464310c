package scan

import (
	"context"
	"fmt"

	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/spec"
)

// addDeletions gives the splits of a snapshot, one for each bucket, the places
// of their deletion vectors.
// Source: org.apache.paimon.table.source.snapshot.SnapshotReaderImpl.
func (s *Scanner) addDeletions(ctx context.Context, snap *spec.Snapshot, splits []Split) error {
	files, err := s.DeletionFiles(ctx, snap)
	if err != nil {
		return fmt.Errorf("plan snapshot %d: %w", snap.ID, err)
	}
	for i := range splits {
		sp := &splits[i]
		sp.Deletions, err = s.Locations(sp.Partition, sp.Bucket, files[Bucket{string(sp.Partition), sp.Bucket}])
		if err != nil {
			return fmt.Errorf("plan snapshot %d: %w", snap.ID, err)
		}
	}
	return nil
}

// Bucket names a bucket of a partition.
type Bucket struct {
	Partition string // BinaryRow
	Number    int
}

// DeletionFiles gives the index files with deletion vectors of a snapshot, by
// bucket; none when the table does not use them.
func (s *Scanner) DeletionFiles(ctx context.Context, snap *spec.Snapshot) (map[Bucket][]spec.IndexFileMeta, error) {
	if !s.Options.DeletionVectors.Enabled || snap == nil {
		return nil, nil
	}
	entries, err := s.Manifests.Index(ctx, snap)
	if err != nil {
		return nil, err
	}
	out := map[Bucket][]spec.IndexFileMeta{}
	for i := range entries {
		if e := &entries[i]; e.File.IndexType == deletion.IndexType {
			b := Bucket{string(e.Partition), e.Bucket}
			out[b] = append(out[b], e.File)
		}
	}
	return out, nil
}

// Locations gives where the vectors of a bucket's index files lie, by data
// file.
func (s *Scanner) Locations(partition []byte, bucket int, files []spec.IndexFileMeta) (map[string]deletion.Location, error) {
	paths := make(map[string]string, len(files))
	for i := range files {
		p, err := s.IndexPath(partition, bucket, &files[i])
		if err != nil {
			return nil, err
		}
		paths[files[i].FileName] = p
	}
	return deletion.Locations(files, func(f *spec.IndexFileMeta) string { return paths[f.FileName] }), nil
}
