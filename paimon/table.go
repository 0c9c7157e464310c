package paimon

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Table is one branch of a table with the schema that was newest when it was
// opened. It may be shared by goroutines; open it again to see a new schema.
type Table struct {
	w    *Warehouse
	t    *table.Table
	id   catalog.Identifier
	hint map[string]string
}

// Name gives "db.table", with the branch if it is not main.
func (t *Table) Name() string { return t.t.Name }

// ID gives the table's identifier.
func (t *Table) ID() catalog.Identifier { return t.id }

// Schema gives the schema; do not change it.
func (t *Table) Schema() *spec.TableSchema { return t.t.Schema }

// Fields gives the columns.
func (t *Table) Fields() []types.Field { return t.t.Schema.Fields }

// Options gives the table's options, those of the hint included.
func (t *Table) Options() options.Table { return t.t.Options }

// RawOptions gives the options as they were written.
func (t *Table) RawOptions() map[string]string { return t.t.Raw }

// LatestSnapshot gives the newest snapshot; nil for an empty table.
func (t *Table) LatestSnapshot(ctx context.Context) (*spec.Snapshot, error) {
	return t.t.History.Snapshots.Latest(ctx)
}

// Snapshots lists all snapshots, oldest first.
func (t *Table) Snapshots(ctx context.Context) ([]*spec.Snapshot, error) {
	ids, err := t.t.History.Snapshots.IDs(ctx)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return t.t.History.Snapshots.Range(ctx, ids[0], ids[len(ids)-1])
}

// Tags lists the names of the table's tags.
func (t *Table) Tags(ctx context.Context) ([]string, error) { return t.t.History.Tags.List(ctx) }

// Travel resolves which snapshot a batch read shows: by the scan options
// (scan.snapshot-id, scan.tag-name, scan.timestamp-millis, scan.timestamp,
// scan.version), else the newest; nil for an empty table. With
// 'scan.fallback-branch', the snapshot of the branch comes with it.
func (t *Table) Travel(ctx context.Context) (*spec.Snapshot, error) {
	if err := options.CheckBatchScan(t.t.Raw); err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name(), err)
	}
	snap, err := t.travel(ctx)
	if snap == nil || err != nil {
		return nil, err
	}
	branch, err := t.openFallback(ctx)
	if branch == nil || err != nil {
		return snap, err
	}
	both := *snap
	if both.Fallback, err = branch.travel(ctx, snap); err != nil {
		return nil, branch.fail(err)
	}
	return &both, nil
}

func (t *Table) travel(ctx context.Context) (*spec.Snapshot, error) {
	o, h := t.t.Options.Scan, t.t.History
	switch {
	case o.SnapshotID > 0:
		return h.Snapshots.Get(ctx, o.SnapshotID)
	case o.TagName != "":
		return t.tag(ctx, o.TagName)
	case o.Timestamp != "" || o.TimestampMillis > 0:
		millis, err := travelMillis(o)
		if err != nil {
			return nil, err
		}
		return t.asOf(ctx, millis)
	case o.Version != "":
		return t.version(ctx, o.Version)
	}
	return h.Snapshots.Latest(ctx)
}

// travelMillis gives the time that the scan options name, in epoch
// milliseconds; texts are read as UTC.
func travelMillis(o options.Scan) (int64, error) {
	if o.Timestamp == "" {
		return o.TimestampMillis, nil
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05.999999999", strings.Replace(o.Timestamp, "T", " ", 1), time.UTC)
	if err != nil {
		return 0, errs.Invalid("option 'scan.timestamp' = '%s': want yyyy-MM-dd HH:mm:ss", o.Timestamp)
	}
	return at.UnixMilli(), nil
}

func (t *Table) tag(ctx context.Context, name string) (*spec.Snapshot, error) {
	tag, err := t.t.History.Tags.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return &tag.Snapshot, nil
}

func (t *Table) version(ctx context.Context, v string) (*spec.Snapshot, error) {
	snap, err := t.tag(ctx, v)
	if err == nil {
		return snap, nil
	}
	id, perr := strconv.ParseInt(v, 10, 64)
	if perr != nil {
		return nil, err
	}
	return t.t.History.Snapshots.Get(ctx, id)
}

func (t *Table) asOf(ctx context.Context, millis int64) (*spec.Snapshot, error) {
	snap, err := t.t.History.Snapshots.AtOrBefore(ctx, millis)
	if err == nil && snap == nil {
		err = errs.Kinded(errs.ErrNotFound, "table %s has no snapshot at or before %s", t.Name(), time.UnixMilli(millis).UTC().Format(time.RFC3339Nano))
	}
	return snap, err
}

// Reopen opens the table again, with its newest schema and the same hint.
func (t *Table) Reopen(ctx context.Context) (*Table, error) {
	return t.w.Table(ctx, t.id, t.hint)
}
