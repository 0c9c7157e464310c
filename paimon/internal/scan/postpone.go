package scan

import (
	"context"
	"slices"

	"github.com/tarndb/tarn/paimon/spec"
)

// InWrittenOrder sorts files of a postponed bucket as they were written: their
// rows have to be replayed so. Files come in the order of their commits, which
// decides where clocks are too coarse.
// Source: org.apache.paimon.flink.postpone.PostponeBucketCompactSplitSource.
func InWrittenOrder(files []spec.DataFileMeta) {
	slices.SortStableFunc(files, func(a, b spec.DataFileMeta) int { return a.CreationTime.Compare(b.CreationTime) })
}

// Postponed gives the files whose rows wait for a real bucket in a snapshot,
// to be read one after the other.
func (s *Scanner) Postponed(ctx context.Context, snap *spec.Snapshot, r Request) ([]Split, error) {
	bucket := -2
	r.Bucket, r.AllLevels = &bucket, true
	splits, err := s.Live(ctx, snap, r)
	for i := range splits {
		splits[i].Raw = true
		InWrittenOrder(splits[i].Files)
	}
	return splits, err
}
