package commit

import (
	"context"

	"github.com/tarndb/tarn/paimon/spec"
)

// Rewrite commits a snapshot that holds the same rows: of kind COMPACT, whose
// manifests are merged as the options of the manifest files say, or of kind
// ANALYZE, which names a statistics file. nil for an empty table.
// Source: FileStoreCommitImpl.{compactManifest,commitStatistics}.
func (c *Committer) Rewrite(ctx context.Context, kind spec.CommitKind, statistics string) (*spec.Snapshot, error) {
	latest, err := c.history.Snapshots.Latest(ctx)
	if latest == nil || err != nil {
		return nil, err
	}
	ch := change{Committable: Committable{Identifier: BatchIdentifier, KeepEmpty: true}, kind: kind}
	if statistics != "" {
		ch.statistics = &statistics
	}
	return c.write(ctx, ch, -1)
}
