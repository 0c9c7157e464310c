package commit

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// checkBase refuses a commit whose rows were made for another state of the
// table than that of latest. As the snapshot after latest is put if absent,
// none can come in between.
func (a *attempt) checkBase(ctx context.Context, latest *spec.Snapshot) error {
	if a.Base == nil {
		return nil
	}
	var base, newest int64
	if a.Base.Snapshot != nil {
		base = a.Base.Snapshot.ID
	}
	if latest != nil {
		newest = latest.ID
	}
	gone := func() error {
		return a.conflict(latest, "snapshot %d, which this commit follows from, is gone: the table was rolled back or made anew; the work is done again on the newest snapshot", base)
	}
	if newest < base {
		return gone()
	}
	if base > 0 {
		now, err := a.c.history.Snapshots.Get(ctx, base)
		switch {
		case errors.Is(err, errs.ErrNotFound) && newest > base: // expired
		case err != nil:
			return fmt.Errorf("check commit to %s: %w", a.c.o.Table, err)
		case !same(now, a.Base.Snapshot):
			return gone()
		}
	}
	if newest == base {
		return nil
	}
	since, err := a.c.history.Snapshots.Range(ctx, base+1, newest)
	if err != nil {
		return fmt.Errorf("check commit to %s: %w", a.c.o.Table, err)
	}
	for _, s := range since {
		if s.CommitKind == spec.CommitOverwrite || s.CommitKind == spec.CommitAppend && !a.Base.Growing {
			return a.conflict(s, "the rows of this commit follow from snapshot %d, and another job (%s) has changed the table since; the work is done again on the newest snapshot", base, s.CommitUser)
		}
	}
	if int64(len(since)) < newest-base {
		return a.conflict(latest, "the rows of this commit follow from snapshot %d, and snapshots since have expired unseen; the work is done again on the newest snapshot", base)
	}
	return nil
}

// checkKnown refuses a commit if another job has added rows, or taken some
// away, since those that its writer knew.
func (a *attempt) checkKnown(ctx context.Context, latest *spec.Snapshot) error {
	if a.kind == spec.CommitCompact || latest == nil {
		return nil
	}
	known := int64(-1)
	for i := range a.Messages {
		if k := a.Messages[i].Known; k != nil && (known < 0 || *k < known) {
			known = *k
		}
	}
	if known < 0 {
		return nil
	}
	known = max(known, a.c.followed)
	if latest.ID <= known {
		return nil
	}
	since, err := a.c.history.Snapshots.Range(ctx, known+1, latest.ID)
	if err != nil {
		return fmt.Errorf("check commit to %s: %w", a.c.o.Table, err)
	}
	for _, s := range since {
		if s.CommitUser != a.c.o.User && (s.CommitKind == spec.CommitAppend || s.CommitKind == spec.CommitOverwrite) {
			return a.conflict(s, "another job (%s) has written since this one read where the keys are: a table whose primary key lacks partition columns takes one writing job at a time; this one begins again on the newest snapshot", s.CommitUser)
		}
	}
	if int64(len(since)) < latest.ID-known {
		return a.conflict(latest, "snapshots since %d have expired unseen; this job begins again on the newest one", known)
	}
	a.c.followed = latest.ID
	return nil
}

// same reports whether two snapshots of one id are one.
func same(a, b *spec.Snapshot) bool {
	if a.UUID != nil && b.UUID != nil {
		return *a.UUID == *b.UUID
	}
	return a.CommitUser == b.CommitUser && a.CommitIdentifier == b.CommitIdentifier && a.TimeMillis == b.TimeMillis && a.BaseManifestList == b.BaseManifestList
}
