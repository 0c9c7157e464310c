package commit

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// Rewrite commits a snapshot of kind COMPACT that holds the same rows, and whose
// manifests are merged as the options of the manifest files say. nil for an
// empty table. Source: FileStoreCommitImpl.compactManifest.
func (c *Committer) Rewrite(ctx context.Context) (*spec.Snapshot, error) {
	return c.same(ctx, change{kind: spec.CommitCompact})
}

// Analyze commits a snapshot of kind ANALYZE that names a statistics file, of
// columns of a schema: another newest schema is a conflict. When no snapshot can
// name the file, it is deleted. nil for an empty table. Source: FileStoreCommitImpl.commitStatistics.
func (c *Committer) Analyze(ctx context.Context, file string, schema int64) (*spec.Snapshot, error) {
	return c.same(ctx, change{kind: spec.CommitAnalyze, statistics: &file, schema: schema})
}

func (c *Committer) same(ctx context.Context, ch change) (*spec.Snapshot, error) {
	latest, err := c.history.Snapshots.Latest(ctx)
	if latest == nil || err != nil {
		return nil, err
	}
	ch.Committable = Committable{Identifier: BatchIdentifier, KeepEmpty: true}
	return c.write(ctx, ch, -1)
}

// inherited gives the statistics that the snapshot after latest keeps: those of
// the same schema. That is looked up once after each ANALYZE, whose snapshot can
// be of a newer schema than the statistics.
func (a *attempt) inherited(ctx context.Context, snap, latest *spec.Snapshot) (*string, error) {
	if latest.SchemaID != snap.SchemaID || latest.Statistics == nil {
		return nil, nil
	}
	if latest.CommitKind == spec.CommitAnalyze {
		s, err := a.c.history.Statistics(ctx, latest)
		switch {
		case errors.Is(err, errs.ErrNotFound) || errors.Is(err, errs.ErrCorrupt):
			return nil, nil // a help for planners only: no reason to stop a writer
		case err != nil:
			return nil, err
		case s.SchemaID != snap.SchemaID:
			return nil, nil
		}
	}
	return latest.Statistics, nil
}
