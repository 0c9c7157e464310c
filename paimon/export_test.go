package paimon

import (
	"context"
	"time"

	"github.com/tarndb/tarn/paimon/internal/commit"
	"github.com/tarndb/tarn/paimon/internal/write"
)

// CommitterWithClock is NewCommitter with a clock, which a commit reads before
// it looks for the newest snapshot.
func (t *Table) CommitterWithClock(user string, now func() time.Time) *Committer {
	return &Committer{t: t, c: commit.New(t.t.History, t.t.Manifests, commit.Options{
		Table: t.Name(), User: user, Commit: t.t.Options.Commit, Bucket: t.t.Options.Bucket, HasKey: t.t.Keyed(),
		KeyOf: t.t.KeyOf, PartitionString: t.t.Parts.String, Now: now,
	})}
}

// PrepareCompact does a full compaction and leaves the commit to the caller.
func (t *Table) PrepareCompact(ctx context.Context) ([]CommitMessage, error) {
	return write.Compact(ctx, t.t, write.CompactRequest{Full: true, Budget: t.w.budget})
}
