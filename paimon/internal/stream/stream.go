// Package stream follows a table: first its state, if wanted, then what every
// snapshot changed.
package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// Position is where a stream goes on.
type Position struct {
	// Next is the next snapshot to read; 0 is the start.
	Next int64 `json:"next"`
	// Full, when above 0, starts again with the state of this snapshot.
	Full int64 `json:"full,omitempty"`
	// Branch is Next of the fallback branch, of a stream that has one.
	Branch int64 `json:"branch,omitempty"`
	// Piece is the piece that comes next, where Next and Branch do not tell:
	// half of it was read.
	Piece string `json:"piece,omitempty"`
}

// Section is a part of a piece whose rows are read in one way.
type Section struct {
	Splits []scan.Split
	Mode   read.Mode
	// Retract gives the rows as -D: they are taken back.
	Retract bool
}

// Plan is the next piece of a stream.
type Plan struct {
	Sections []Section
	// Full says that this is the table's state, not a change.
	Full bool
	// Snapshot is the snapshot that the piece comes from; nil for an empty
	// table.
	Snapshot *spec.Snapshot
	// At gives the piece again, After goes on behind it.
	At, After Position
}

// Empty reports whether the piece has no files to read.
func (p *Plan) Empty() bool {
	for i := range p.Sections {
		if len(p.Sections[i].Splits) > 0 {
			return false
		}
	}
	return true
}

// Scanner plans a streaming read. It serves one goroutine.
// Source: org.apache.paimon.table.source.DataTableStreamScan.
type Scanner struct {
	t    *table.Table
	next int64 // 0: not started
}

// New makes a scanner that starts where the options say (scan.mode) or, when
// next is above 0, with the changes of snapshot next.
func New(t *table.Table, next int64) *Scanner { return &Scanner{t: t, next: next} }

// CheckChanges refuses options that a stream cannot honour, and tables whose
// files do not tell what changed: rows of merge engines that compute, or keep
// the first, are no changes until a changelog producer makes some of them.
func CheckChanges(t *table.Table) error {
	if err := options.CheckStreamScan(t.Raw); err != nil {
		return fmt.Errorf("read table %s as a stream: %w", t.Name, err)
	}
	o := t.Options
	if t.Keyed() && o.Changelog.Producer == options.ChangelogNone && o.MergeEngine != options.Deduplicate {
		return errs.Unsupported("read table %s as a stream: with merge-engine %s its changes are known only with 'changelog-producer' = 'lookup' or 'full-compaction'", t.Name, o.MergeEngine)
	}
	return nil
}

// Next gives the next piece, or nil when nothing new has been committed.
func (s *Scanner) Next(ctx context.Context) (*Plan, error) {
	if s.next == 0 {
		return s.start(ctx)
	}
	for {
		snap, err := s.get(ctx, s.next)
		if err != nil || snap == nil {
			return nil, err
		}
		p, err := s.follow(ctx, snap, nil)
		if err != nil {
			return nil, err
		}
		s.next = snap.ID + 1
		if p != nil {
			return p, nil
		}
	}
}

// get reads a snapshot, or its long-lived changelog once it has expired; nil
// when it is not there yet.
func (s *Scanner) get(ctx context.Context, id int64) (*spec.Snapshot, error) {
	h := s.t.History
	snap, err := h.Snapshots.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	snap, err = h.Changelogs.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	earliest, err := h.Snapshots.EarliestID(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := h.Snapshots.LatestID(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case earliest > id:
		return nil, errs.Kinded(errs.ErrNotFound, "read table %s as a stream: snapshot %d has expired, the oldest is %d; raise 'snapshot.time-retained', or start again with 'scan.mode' = 'latest-full'", s.t.Name, id, earliest)
	case latest+1 < id:
		return nil, errs.Kinded(errs.ErrNotFound, "read table %s as a stream: snapshot %d is to come but the newest is %d: the table was rolled back or made anew; start again with 'scan.mode' = 'latest-full'", s.t.Name, id, latest)
	}
	return nil, nil
}

// follow plans the changes of one snapshot; nil when it has none to show. keep
// chooses partitions; nil for all.
func (s *Scanner) follow(ctx context.Context, snap *spec.Snapshot, keep func(partition []byte) bool) (*Plan, error) {
	o := s.t.Options
	var splits []scan.Split
	var err error
	switch {
	case o.Changelog.Producer != options.ChangelogNone:
		if snap.ChangelogManifestList == nil {
			return nil, nil
		}
		splits, err = s.t.Scanner.Changelog(ctx, snap, scan.Request{Partition: keep})
	case snap.CommitKind == spec.CommitAppend, snap.CommitKind == spec.CommitOverwrite && o.Scan.ReadOverwrite:
		splits, err = s.t.Scanner.Delta(ctx, snap, scan.Request{Partition: keep})
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Plan{Sections: []Section{{Splits: splits, Mode: read.Changes}}, Snapshot: snap, At: Position{Next: snap.ID}, After: Position{Next: snap.ID + 1}}, nil
}

// start resolves `scan.mode`. Source: CoreOptions.StartupMode and
// org.apache.paimon.table.source.snapshot.*StartingScanner.
func (s *Scanner) start(ctx context.Context) (*Plan, error) {
	snaps := s.t.History.Snapshots
	latest, err := snaps.Latest(ctx)
	if err != nil {
		return nil, err
	}
	o := s.t.Options.Scan
	mode, err := startMode(o)
	if err != nil {
		return nil, fmt.Errorf("read table %s as a stream: %w", s.t.Name, err)
	}
	switch mode {
	case "latest-full":
		if latest == nil {
			return nil, nil
		}
		return s.full(ctx, latest)
	case "latest":
		s.next = 1
		if latest != nil {
			s.next = latest.ID + 1
		}
		return &Plan{Snapshot: latest, After: Position{Next: s.next}}, nil
	case "from-snapshot":
		s.next = o.SnapshotID
		return s.Next(ctx)
	case "from-snapshot-full":
		snap, err := snaps.Get(ctx, o.SnapshotID)
		if err != nil {
			return nil, err
		}
		return s.full(ctx, snap)
	}
	at, err := firstAfter(ctx, snaps, o.TimestampMillis)
	if err != nil {
		return nil, err
	}
	s.next = at
	return s.Next(ctx)
}

func startMode(o options.Scan) (string, error) {
	mode := o.Mode
	if mode == "default" || mode == "full" {
		mode = "latest-full"
		switch {
		case o.TimestampMillis > 0:
			mode = "from-timestamp"
		case o.SnapshotID > 0:
			mode = "from-snapshot"
		}
	}
	switch mode {
	case "latest-full", "latest":
		return mode, nil
	case "from-timestamp":
		if o.TimestampMillis <= 0 {
			return "", errs.Invalid("'scan.mode' = 'from-timestamp' needs 'scan.timestamp-millis'")
		}
		return mode, nil
	case "from-snapshot", "from-snapshot-full":
		if o.SnapshotID <= 0 {
			return "", errs.Invalid("'scan.mode' = '%s' needs 'scan.snapshot-id'", mode)
		}
		return mode, nil
	}
	return "", errs.Unsupported("'scan.mode' = '%s' of streaming reads", mode)
}

// full plans the state of a snapshot and goes on after it.
func (s *Scanner) full(ctx context.Context, snap *spec.Snapshot) (*Plan, error) {
	splits, err := s.state(ctx, snap, nil)
	if err != nil {
		return nil, err
	}
	sections := []Section{{Splits: splits, Mode: read.State}}
	if s.t.Options.Bucket == -2 && s.t.Options.Changelog.Producer == options.ChangelogNone {
		waiting, err := s.t.Scanner.Postponed(ctx, snap, scan.Request{})
		if err != nil {
			return nil, err
		}
		sections = append(sections, Section{Splits: waiting, Mode: read.Changes})
	}
	s.next = snap.ID + 1
	return &Plan{Sections: sections, Full: true, Snapshot: snap, At: Position{Full: snap.ID}, After: Position{Next: s.next}}, nil
}

// state plans the rows of a snapshot that streams have told by then. With
// changelogs made by compaction, rows that no changelog has told yet are left
// for it.
func (s *Scanner) state(ctx context.Context, snap *spec.Snapshot, keep func(partition []byte) bool) ([]scan.Split, error) {
	r := scan.Request{Partition: keep}
	r.Level0 = true // unless a changelog tells its rows later
	switch s.t.Options.Changelog.Producer {
	case options.ChangelogLookup:
		r.MinLevel = 1
	case options.ChangelogFullCompaction:
		r.MinLevel = s.t.Options.Compaction.NumLevels - 1
	}
	return s.t.Scanner.Plan(ctx, snap, r)
}

// firstAfter gives the first snapshot committed at or after millis, or the one
// to come.
func firstAfter(ctx context.Context, snaps *history.Snapshots, millis int64) (int64, error) {
	before, err := snaps.AtOrBefore(ctx, millis-1)
	if err != nil {
		return 0, err
	}
	if before != nil {
		return before.ID + 1, nil
	}
	earliest, err := snaps.EarliestID(ctx)
	return max(earliest, 1), err
}
