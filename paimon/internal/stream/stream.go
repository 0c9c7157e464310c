// Package stream follows a table: first its state, if wanted, then what every
// snapshot changed.
package stream

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
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
	// Full, when above 0, starts again with the state of this snapshot; Since,
	// when not 0, with those of its files that were made since then (epoch ms).
	Full  int64 `json:"full,omitempty"`
	Since int64 `json:"since,omitempty"`
	// Branch is Next of the fallback branch, of a stream that has one. With a
	// primary branch, Next is of that and Branch of the table.
	Branch  int64 `json:"branch,omitempty"`
	Primary bool  `json:"primary,omitempty"`
	// Piece is the piece that comes next, where Next and Branch do not tell:
	// half of it was read.
	Piece string `json:"piece,omitempty"`
}

// Needs is the oldest snapshot that has to stay to go on; 0 at the start.
func (p Position) Needs() int64 {
	if p.Primary {
		return p.Branch
	}
	if p.Full > 0 && (p.Next == 0 || p.Full < p.Next) {
		return p.Full
	}
	return p.Next
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
	at   Position // to start from; what Full says is done once
	next int64    // 0: not started
	over bool     // 'scan.bounded.watermark' is passed
	now  func() time.Time
}

// New makes a scanner that goes on at a position, or starts where the options
// say (scan.mode) if it is none.
func New(t *table.Table, at Position) *Scanner {
	return &Scanner{t: t, at: at, next: at.Next, now: time.Now}
}

// CheckChanges refuses options that a stream cannot honour, and tables whose
// files do not tell what changed: rows of merge engines that compute, or keep
// the first, are no changes until a changelog producer makes some of them.
func CheckChanges(t *table.Table) error {
	if _, err := streamMode(t); err != nil {
		return err
	}
	o := t.Options
	if t.Keyed() && o.Changelog.Producer == options.ChangelogNone && o.MergeEngine != options.Deduplicate {
		return errs.Unsupported("read table %s as a stream: with merge-engine %s its changes are known only with 'changelog-producer' = 'lookup' or 'full-compaction'", t.Name, o.MergeEngine)
	}
	return nil
}

// Next gives the next piece, nil when nothing new has been committed, and
// io.EOF behind 'scan.bounded.watermark'.
func (s *Scanner) Next(ctx context.Context) (*Plan, error) {
	switch {
	case s.over:
		return nil, io.EOF
	case s.at.Full > 0:
		snap, err := s.t.History.Snapshots.Get(ctx, s.at.Full)
		if err != nil {
			return nil, err
		}
		return s.full(ctx, snap, s.at.Since)
	case s.next == 0:
		return s.start(ctx)
	}
	for {
		snap, err := s.get(ctx, s.next)
		if err != nil || snap == nil {
			return nil, err
		}
		if s.ends(snap) {
			s.over = true
			return nil, io.EOF
		}
		if d := s.t.Options.Scan.Delay; d > 0 && snap.TimeMillis > s.now().Add(-d).UnixMilli() {
			return nil, nil
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

// ends reports whether 'scan.bounded.watermark' ends the stream at snap.
func (s *Scanner) ends(snap *spec.Snapshot) bool {
	bound := s.t.Options.Scan.BoundedWatermark
	return bound != nil && snap.Watermark != nil && *snap.Watermark > *bound
}

// get reads a snapshot, or its long-lived changelog once it has expired; nil
// when it is not there yet.
func (s *Scanner) get(ctx context.Context, id int64) (*spec.Snapshot, error) {
	h := s.t.History
	snap, err := h.Change(ctx, id)
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
	if overwrites := s.t.Keyed() && o.Scan.ReadOverwrite || !s.t.Keyed() && o.Scan.ReadAppendOverwrite; overwrites && snap.CommitKind == spec.CommitOverwrite {
		return s.overwritten(ctx, snap, keep)
	}
	var splits []scan.Split
	var err error
	switch {
	case o.Changelog.Producer != options.ChangelogNone:
		if snap.ChangelogManifestList == nil {
			return nil, nil
		}
		splits, err = s.t.Scanner.Changelog(ctx, snap, scan.Request{Partition: keep})
	case snap.CommitKind == spec.CommitAppend:
		splits, err = s.t.Scanner.Delta(ctx, snap, scan.Request{Partition: keep})
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pieceOf(snap, Section{Splits: splits, Mode: read.Changes}), nil
}

func pieceOf(snap *spec.Snapshot, sections ...Section) *Plan {
	return &Plan{Sections: sections, Snapshot: snap, At: Position{Next: snap.ID}, After: Position{Next: snap.ID + 1}}
}

// overwritten plans what an overwrite changed: what it removed is taken back,
// what it wrote is given. Of tables without a key only what it wrote.
// Source: FollowUpScanner.getOverwriteChangesPlan, SnapshotReaderImpl.readChanges.
func (s *Scanner) overwritten(ctx context.Context, snap *spec.Snapshot, keep func(partition []byte) bool) (*Plan, error) {
	r := scan.Request{Partition: keep}
	if !s.t.Keyed() {
		splits, err := s.t.Scanner.Delta(ctx, snap, r)
		if err != nil {
			return nil, err
		}
		return pieceOf(snap, Section{Splits: splits, Mode: read.Changes}), nil
	}
	removed, added, err := s.t.Scanner.Replaced(ctx, snap, r)
	if err != nil {
		return nil, err
	}
	return pieceOf(snap, Section{Splits: removed, Mode: read.State, Retract: true}, Section{Splits: added, Mode: read.State}), nil
}

// full plans the state of a snapshot, or those of its files that were made
// since a time, and goes on after it.
func (s *Scanner) full(ctx context.Context, snap *spec.Snapshot, since int64) (*Plan, error) {
	r := s.told()
	r.MadeSince = since
	splits, err := s.t.Scanner.Plan(ctx, snap, r)
	if err != nil {
		return nil, err
	}
	sections := []Section{{Splits: splits, Mode: read.State}}
	if s.t.Options.Bucket == -2 && s.t.Options.Changelog.Producer == options.ChangelogNone {
		waiting, err := s.t.Scanner.Postponed(ctx, snap, scan.Request{MadeSince: since})
		if err != nil {
			return nil, err
		}
		sections = append(sections, Section{Splits: waiting, Mode: read.Changes})
	}
	s.next, s.at = snap.ID+1, Position{}
	s.over = s.ends(snap)
	return &Plan{Sections: sections, Full: true, Snapshot: snap, At: Position{Full: snap.ID, Since: since}, After: Position{Next: s.next}}, nil
}

// state plans the rows of a snapshot that streams have told by then.
func (s *Scanner) state(ctx context.Context, snap *spec.Snapshot, keep func(partition []byte) bool) ([]scan.Split, error) {
	r := s.told()
	r.Partition = keep
	return s.t.Scanner.Plan(ctx, snap, r)
}

// told leaves out rows that a changelog made by compaction has yet to tell.
func (s *Scanner) told() scan.Request {
	r := scan.Request{Level0: true} // unless a changelog tells its rows later
	switch s.t.Options.Changelog.Producer {
	case options.ChangelogLookup:
		r.MinLevel = 1
	case options.ChangelogFullCompaction:
		r.MinLevel = s.t.Options.Compaction.NumLevels - 1
	}
	return r
}
