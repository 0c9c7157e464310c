package history

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// RollbackTo makes the snapshot with an id the newest one: newer snapshots,
// long-lived changelogs and tags go. A snapshot that has expired comes back if
// a tag holds it. Data files of what goes become orphans, as in Paimon. Nobody
// may commit meanwhile; doing it again after an error completes it.
// Source: org.apache.paimon.table.AbstractFileStoreTable.rollbackTo, RollbackHelper.
func (h *History) RollbackTo(ctx context.Context, id int64) error {
	there, err := h.Snapshots.Exists(ctx, id)
	if err != nil {
		return err
	}
	if there {
		return h.dropAbove(ctx, id)
	}
	tags, err := h.Tags.All(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(tags) {
		if tags[name].ID == id {
			return h.RollbackToTag(ctx, name)
		}
	}
	return errs.Kinded(errs.ErrNotFound, "Rollback snapshot '%d' doesn't exist.", id)
}

// RollbackToTag is RollbackTo for the snapshot of a tag.
func (h *History) RollbackToTag(ctx context.Context, name string) error {
	tag, err := h.Tags.Get(ctx, name)
	if err != nil {
		return err
	}
	there, err := h.Snapshots.Exists(ctx, tag.ID)
	if err != nil {
		return err
	}
	if !there { // first, so that there is always a snapshot
		snap, err := h.untagged(ctx, &tag.Snapshot)
		if err != nil {
			return err
		}
		if err := h.Snapshots.Put(ctx, snap); err != nil {
			return err
		}
	}
	if err := h.dropAbove(ctx, tag.ID); err != nil {
		return err
	}
	ids, err := h.Snapshots.IDs(ctx)
	if err != nil || len(ids) == 0 || ids[0] == h.Snapshots.hint(ctx, earliestHint) {
		return err
	}
	return h.Snapshots.SetEarliestHint(ctx, ids[0])
}

// untagged gives the snapshot of a tag as a snapshot again: a changelog that
// expired with the snapshot is not named any more.
func (h *History) untagged(ctx context.Context, tagged *spec.Snapshot) (*spec.Snapshot, error) {
	snap := *tagged
	if snap.ChangelogManifestList == nil {
		return &snap, nil
	}
	there, err := exists(ctx, h.store, fileio.Join(h.table, "manifest", *snap.ChangelogManifestList))
	if err == nil && !there {
		snap.ChangelogManifestList, snap.ChangelogManifestListSize, snap.ChangelogRecordCount = nil, nil, nil
	}
	return &snap, err
}

// dropAbove removes everything newer than snapshot id.
func (h *History) dropAbove(ctx context.Context, id int64) error {
	ids, err := h.Snapshots.IDs(ctx)
	if err != nil {
		return err
	}
	// Without the hint the newest file counts, until all newer ones are gone.
	if err := h.Snapshots.DeleteLatestHint(ctx); err != nil {
		return err
	}
	if err := h.deleteAbove(ctx, ids, id); err != nil {
		return err
	}
	if err := h.Snapshots.SetLatestHint(ctx, id); err != nil {
		return err
	}
	if err := h.dropChangelogs(ctx, id); err != nil {
		return err
	}
	tags, err := h.Tags.All(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(tags) {
		if tags[name].ID <= id {
			continue
		}
		if err := h.Tags.Delete(ctx, name); err != nil && !errors.Is(err, errs.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (h *History) dropChangelogs(ctx context.Context, id int64) error {
	ids, err := h.Changelogs.IDs(ctx)
	if err != nil || len(ids) == 0 || ids[len(ids)-1] <= id {
		return err
	}
	hint := id
	if ids[0] > id {
		hint = -1 // none is left
	}
	if err := h.Changelogs.SetLatestHint(ctx, hint); err != nil {
		return err
	}
	for i := len(ids) - 1; i >= 0 && ids[i] > id; i-- {
		if err := h.Changelogs.Delete(ctx, ids[i]); err != nil {
			return err
		}
	}
	return nil
}
