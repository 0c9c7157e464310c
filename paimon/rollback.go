package paimon

import (
	"context"

	"github.com/tarndb/tarn/paimon/errs"
)

// RollbackTo makes a snapshot the newest one of the table's branch, or the one
// of a tag with this id: what was committed since is gone, with the changelogs
// and tags of it. Stop the table's writers before; streams that have read
// further have to start again. errs.ErrNotFound if there is no such snapshot.
// Source: org.apache.paimon.table.Table.rollbackTo.
func (t *Table) RollbackTo(ctx context.Context, snapshot int64) error {
	return t.rolledBack(t.t.History.RollbackTo(ctx, snapshot))
}

// RollbackToTag is RollbackTo for the snapshot of a tag, which may have
// expired.
func (t *Table) RollbackToTag(ctx context.Context, tag string) error {
	return t.rolledBack(t.t.History.RollbackToTag(ctx, tag))
}

// RollbackToTime is RollbackTo for the newest snapshot that is not younger
// than millis (epoch milliseconds), whose id it gives.
func (t *Table) RollbackToTime(ctx context.Context, millis int64) (int64, error) {
	snap, err := t.t.History.Snapshots.AtOrBefore(ctx, millis)
	if err == nil && snap == nil {
		err = errs.Kinded(errs.ErrNotFound, "there is no snapshot at or before %d", millis)
	}
	if err != nil {
		return 0, t.versionError("roll back", err)
	}
	return snap.ID, t.RollbackTo(ctx, snap.ID)
}

// RollbackToWatermark is RollbackTo for the newest snapshot whose watermark is
// not above w (epoch milliseconds), whose id it gives.
// Source: org.apache.paimon.flink.procedure.RollbackToWatermarkProcedure.
func (t *Table) RollbackToWatermark(ctx context.Context, w int64) (int64, error) {
	snap, err := t.t.History.Snapshots.BeforeWatermark(ctx, w)
	if err == nil && snap == nil {
		err = errs.Kinded(errs.ErrNotFound, "count not find snapshot earlier than %d", w)
	}
	if err != nil {
		return 0, t.versionError("roll back", err)
	}
	return snap.ID, t.RollbackTo(ctx, snap.ID)
}

func (t *Table) rolledBack(err error) error {
	if err != nil {
		return t.versionError("roll back", err)
	}
	t.w.committed(t.t.Dir)(nil)
	return nil
}
