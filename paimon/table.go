package paimon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
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

// PartitionInfo sums up the live files of one partition.
type PartitionInfo struct {
	Name     string // "dt=2025-06-01/hh=3"; "" for a table without partitions
	Rows     int64  // of the files, unmerged
	Bytes    int64
	Files    int64
	LastFile time.Time // when the youngest file was made; its writer's wall clock
}

// Partitions gives the partitions of a snapshot (see Travel), by name; those
// of the fallback branch are among them.
// Source: org.apache.paimon.table.system.PartitionsTable.
func (t *Table) Partitions(ctx context.Context, snap *spec.Snapshot) ([]PartitionInfo, error) {
	splits, err := t.t.Scanner.Live(ctx, snap, scan.Request{})
	if err != nil {
		return nil, fmt.Errorf("list partitions of table %s: %w", t.Name(), err)
	}
	branch, err := t.openFallback(ctx)
	if err != nil {
		return nil, err
	}
	if branch != nil {
		p := &Plan{Table: t, Snapshot: snap}
		if err := branch.add(ctx, p, nil); err != nil {
			return nil, err
		}
		splits = append(splits, p.Splits...)
	}
	sums := map[string]*PartitionInfo{}
	for i := range splits {
		s := &splits[i]
		p := sums[string(s.Partition)]
		if p == nil {
			p = &PartitionInfo{Name: t.PartitionString(s.Partition)}
			sums[string(s.Partition)] = p
		}
		p.Files += int64(len(s.Files))
		p.Rows += s.Rows()
		for j := range s.Files {
			p.Bytes += s.Files[j].FileSize
			if at := s.Files[j].CreationTime; at.After(p.LastFile) {
				p.LastFile = at
			}
		}
	}
	out := make([]PartitionInfo, 0, len(sums))
	for _, p := range sums {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b PartitionInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

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
	if err := oneTravel(o); err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name(), err)
	}
	switch {
	case o.SnapshotID > 0:
		return t.snapshotAt(ctx, o.SnapshotID)
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

// oneTravel refuses options that name several versions at once.
func oneTravel(o options.Scan) error {
	n := 0
	for _, set := range []bool{o.SnapshotID > 0, o.TagName != "", o.Timestamp != "", o.TimestampMillis > 0, o.Version != ""} {
		if set {
			n++
		}
	}
	if n > 1 {
		return errs.Invalid("Only one of the following parameters may be set : [scan.snapshot-id, scan.tag-name, scan.timestamp, scan.timestamp-millis, scan.version]")
	}
	return nil
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
	if perr == nil && errors.Is(err, errs.ErrNotFound) {
		return t.snapshotAt(ctx, id)
	}
	if errors.Is(err, errs.ErrNotFound) {
		err = errs.Kinded(errs.ErrNotFound, "table %s: Cannot find a time travel version for %s: it is neither a tag nor a snapshot id", t.Name(), v)
	}
	return nil, err
}

// snapshotAt gives a snapshot by id, or says which there are.
func (t *Table) snapshotAt(ctx context.Context, id int64) (*spec.Snapshot, error) {
	snaps := t.t.History.Snapshots
	snap, err := snaps.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	earliest, err := snaps.EarliestID(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := snaps.LatestID(ctx)
	switch {
	case err != nil:
		return nil, err
	case latest == 0:
		return nil, errs.Kinded(errs.ErrNotFound, "table %s: There is currently no snapshot.", t.Name())
	}
	return nil, errs.Kinded(errs.ErrNotFound, "table %s: The specified scan snapshotId %d is out of available snapshotId range [%d, %d]; 'snapshot.time-retained' and tags keep snapshots longer", t.Name(), id, earliest, latest)
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

// With opens the table again with further options, as Flink's hint
// /*+ OPTIONS(...) */ does: 'scan.snapshot-id', 'scan.tag-name', 'consumer-id'
// and others that say how this one use of it goes.
func (t *Table) With(ctx context.Context, more map[string]string) (*Table, error) {
	return t.w.Table(ctx, t.id, options.Map(t.hint).With(more))
}
