package paimon

import (
	"context"
	"fmt"

	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/stream"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// Travel resolves which snapshot a batch read shows: by `scan.mode` and the
// options that go with it (scan.snapshot-id, scan.tag-name, scan.timestamp,
// scan.timestamp-millis, scan.watermark, scan.version, scan.creation-time-millis,
// scan.file-creation-time-millis), else the newest; nil for an empty table. Of
// an incremental read (incremental-between, incremental-between-timestamp,
// incremental-to-auto-tag) it is the end, and nil if there is nothing between.
// With 'scan.fallback-branch' or 'scan.primary-branch', the snapshot of the
// branch comes with it.
// Source: org.apache.paimon.table.source.snapshot.TimeTravelUtil.
func (t *Table) Travel(ctx context.Context) (*spec.Snapshot, error) {
	s, err := stream.Batch(ctx, t.t)
	if s.Snapshot == nil || err != nil {
		return nil, err
	}
	branch, err := t.openFallback(ctx)
	if branch == nil || err != nil {
		return s.Snapshot, err
	}
	if err := branch.checkMode(); err != nil {
		return nil, err
	}
	both := *s.Snapshot
	if both.Fallback, err = branch.travel(ctx, s.Snapshot); err != nil {
		return nil, branch.fail(err)
	}
	return &both, nil
}

// traveling reports whether options ask for something else than the newest
// state.
func (t *Table) traveling() bool {
	mode, err := t.t.Raw.Startup()
	return err != nil || mode != options.LatestFull && mode != options.Latest || t.t.Options.Scan.Version != ""
}

// starts gives what a batch read shows beside the snapshot that Travel gave.
func (t *Table) starts(ctx context.Context) (stream.Start, error) {
	o := t.t.Options.Scan
	mode, err := t.t.Raw.Startup()
	switch {
	case o.Version != "":
		return stream.Start{Schema: true}, nil
	case err != nil:
		return stream.Start{}, fmt.Errorf("read table %s: %w", t.Name(), err)
	}
	switch mode {
	case options.FromSnapshot, options.FromSnapshotFull, options.FromTimestamp:
		return stream.Start{Schema: true}, nil
	case options.FromFileCreationTime:
		return stream.Start{Since: o.FileCreationMs}, nil
	case options.FromCreationTimestamp, options.Incremental, options.LatestDelta:
		return stream.Batch(ctx, t.t)
	}
	return stream.Start{}, nil
}

// splits plans what the options ask for: the state of snap, or an increment
// that ends there.
func (t *Table) splits(ctx context.Context, at *Table, s stream.Start, snap *spec.Snapshot, r scan.Request) ([]Split, error) {
	if s.Increment != nil && snap != nil {
		return stream.PlanIncrement(ctx, at.t, s.Increment, snap, r)
	}
	r.MadeSince = s.Since
	return at.t.Scanner.Plan(ctx, snap, r)
}
