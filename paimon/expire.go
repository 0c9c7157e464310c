package paimon

import (
	"context"
	"time"

	"github.com/tarndb/tarn/paimon/internal/maintain"
)

// ExpireOptions change what Expire keeps; the zero value is what the table's
// options say.
type ExpireOptions struct {
	// RetainMax and RetainMin are how many snapshots stay at most and at
	// least; 0 for snapshot.num-retained.max and .min.
	RetainMax, RetainMin int
	// OlderThan lets only snapshots from before go, while there are no more
	// than RetainMax; zero for snapshot.time-retained before now.
	OlderThan time.Time
	// MaxDeletes bounds how many go at once; 0 for snapshot.expire.limit.
	MaxDeletes int
	// Keep, when above 0, is a snapshot that stays, with all newer ones: the
	// next one of a reader that is no consumer of the table.
	Keep int64
}

// Expired counts what an expiry deleted.
type Expired struct {
	Snapshots  int
	Changelogs int
}

// Expire deletes old snapshots with all files that no snapshot, tag, branch or
// long-lived changelog uses any more. Where changelogs stay longer
// (changelog.num-retained.*, changelog.time-retained), old ones of these go
// too. Consumers keep what they have not read. It is safe beside writers,
// streams and other expiries; whenever it stops, everything that is still
// there can be read. Source: org.apache.paimon.table.ExpireSnapshots.
func (t *Table) Expire(ctx context.Context, o ExpireOptions) (Expired, error) {
	var out Expired
	p := maintain.SnapshotPolicy(t.t.Options, time.Now())
	p = o.over(p)
	var err error
	if out.Snapshots, err = maintain.Expire(ctx, t.t, p); err == nil && t.t.Options.Changelog.DecoupledRetention {
		out.Changelogs, err = maintain.ExpireChangelogs(ctx, t.t, maintain.ChangelogPolicy(t.t.Options, time.Now(), o.Keep))
	}
	return out, t.versionError("expire snapshots of", err)
}

// over gives a policy with what o changes.
func (o ExpireOptions) over(p maintain.Policy) maintain.Policy {
	if o.RetainMax > 0 {
		p.Max = o.RetainMax
	}
	if o.RetainMin > 0 {
		p.Min = o.RetainMin
	}
	if !o.OlderThan.IsZero() {
		p.OlderThan = o.OlderThan.UnixMilli()
	}
	if o.MaxDeletes > 0 {
		p.Limit = o.MaxDeletes
	}
	p.Floor = o.Keep
	return p
}

// Orphans are files that no version of a table uses: of commits and expiries
// that were interrupted, of rollbacks and deleted branches.
type Orphans = maintain.Orphans

// RemoveOrphans deletes the files of the table, of all its branches, that
// nothing uses and that were written before olderThan, which has to leave
// running writers the time to commit. dry only looks.
// Source: org.apache.paimon.operation.OrphanFilesClean.
func (t *Table) RemoveOrphans(ctx context.Context, olderThan time.Time, dry bool) (Orphans, error) {
	found, err := maintain.FindOrphans(ctx, t.t, olderThan)
	if err == nil && !dry {
		err = maintain.DeleteOrphans(ctx, t.t, found, olderThan)
	}
	return found, t.versionError("remove orphan files of", err)
}
