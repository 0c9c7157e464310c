// Package commit turns commit messages into snapshots.
//
// One committable becomes up to two snapshots: APPEND (or OVERWRITE) with the
// new files, then COMPACT with the results of compaction. Each is written as
//
//  1. read the newest snapshot; on a retry, first look whether an earlier
//     attempt of ours made it after all;
//  2. check for conflicts with what came since (only where needed);
//  3. write the delta, changelog and index manifests, once, and a merged base
//     list for this attempt;
//  4. put the snapshot file if absent. Taken: next attempt. Any other error:
//     the outcome is unknown, so nothing is deleted and the file is read back.
//
// Source: org.apache.paimon.operation.FileStoreCommitImpl.
package commit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/history"
	"github.com/tarndb/tarn/paimon/internal/manifest"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// BatchIdentifier is the commit identifier of batch jobs.
const BatchIdentifier = spec.BatchIdentifier

// Options of a committer.
type Options struct {
	Table  string // "db.table", for messages
	User   string // commit user; one per job
	Commit options.Commit
	// Bucket is the table's bucket option, to tell overwrites apart.
	Bucket int
	// HasKey says that levels above 0 must not overlap.
	HasKey bool
	// KeyOf encodes a BinaryRow key so that bytes order like keys.
	KeyOf func(row []byte) ([]byte, error)
	// PartitionString prints a partition for messages.
	PartitionString func(row []byte) string
	// OnCommit, when set, is told every new snapshot.
	OnCommit func(*spec.Snapshot)
	Now      func() time.Time
}

// Committer commits to one branch of a table. It serves one goroutine.
type Committer struct {
	o         Options
	history   *history.History
	manifests *manifest.Files
	buckets   map[string]int // partition → number of buckets already checked
	followed  int64          // newest snapshot up to which no other job added rows, see checkKnown
}

// New makes a committer.
func New(h *history.History, m *manifest.Files, o Options) *Committer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Committer{o: o, history: h, manifests: m, buckets: map[string]int{}}
}

// Committable is one unit of a job's progress.
type Committable struct {
	// Identifier grows by every commit of a user; BatchIdentifier for batch.
	Identifier int64
	Watermark  *int64
	// Properties go into the snapshot: positions of the sources.
	Properties map[string]string
	Messages   []spec.CommitMessage
	// Overwrite replaces partitions instead of adding to them; nil for append.
	Overwrite *Overwrite
	// Operation is written into the snapshot when not empty ("WRITE", …).
	Operation string
	// KeepEmpty makes a snapshot even if nothing changes, so that positions
	// move on.
	KeepEmpty bool
	// Base, when set, makes the commit conflict if rows were added or taken
	// away since.
	Base *Base
}

// Base is the state of a table that the content of a commit follows from.
type Base struct {
	Snapshot *spec.Snapshot // nil: the empty table
	Growing  bool           // rows that others add do not matter
}

// Overwrite says which partitions an overwrite replaces.
type Overwrite struct {
	// Matches reports whether a partition is replaced.
	Matches func(partition []byte) bool
}

// LastIdentifier gives the identifier and properties of the newest snapshot of
// the committer's user; nil if there is none.
func (c *Committer) LastIdentifier(ctx context.Context) (*spec.Snapshot, error) {
	return c.history.Snapshots.LatestOfUser(ctx, c.o.User)
}

// Commit writes the snapshots of b and gives the newest one; nil when there
// was nothing to write. A committable that the user already committed, wholly
// or only its first snapshot, is recognised by its identifier and not written
// again. What earlier calls for a BatchIdentifier wrote is not looked for:
// batch jobs commit once, as a user of their own.
func (c *Committer) Commit(ctx context.Context, b Committable) (*spec.Snapshot, error) {
	appended, compacted := split(b)
	var last *spec.Snapshot
	since := int64(-1)
	if b.Identifier != BatchIdentifier {
		// What comes after this snapshot is searched again before writing:
		// another run of the job may commit in between.
		var err error
		if since, err = c.history.Snapshots.LatestID(ctx); err != nil {
			return nil, fmt.Errorf("commit to %s: %w", c.o.Table, err)
		}
		if last, err = c.LastIdentifier(ctx); err != nil {
			return nil, err
		}
		switch {
		case last == nil || last.CommitIdentifier < b.Identifier:
			last = nil
		case last.CommitIdentifier > b.Identifier || last.CommitKind == spec.CommitCompact || !b.made(last):
			return last, nil
		}
	}
	something := len(appended.entries)+len(appended.changelog)+len(appended.index) > 0 || b.KeepEmpty || c.o.Commit.ForceSnapshot || b.Overwrite != nil
	if something && last == nil {
		s, err := c.write(ctx, appended, since)
		if err != nil {
			return nil, err
		}
		if last = s; !b.made(s) {
			return s, nil
		}
	}
	if len(compacted.entries)+len(compacted.changelog)+len(compacted.index) > 0 {
		s, err := c.write(ctx, compacted, since)
		if last != nil && b.Identifier == BatchIdentifier && errors.Is(err, errs.ErrConflict) {
			// The rows are in; a batch job that failed now would be run again
			// and double them. Whoever won has compacted, or will.
			return last, nil
		}
		if err != nil {
			return last, err
		}
		last = s
	}
	return last, nil
}

// made tells a snapshot of b from one that another run of the same job
// committed under the same identifier: its compaction must not follow that.
func (b *Committable) made(s *spec.Snapshot) bool { return maps.Equal(s.Properties, b.Properties) }

// change is the content of one snapshot to be.
type change struct {
	Committable
	kind      spec.CommitKind
	entries   []spec.ManifestEntry
	changelog []spec.ManifestEntry
	index     []indexChange
	check     bool
	// statistics names the statistics file of an ANALYZE.
	statistics *string
	schema     int64 // of the statistics
}

type indexChange struct {
	partition []byte
	bucket    int
	added     *spec.IndexFileMeta
	removed   *spec.IndexFileMeta
}

// split sorts the messages' files into the APPEND and the COMPACT snapshot.
func split(b Committable) (appended, compacted change) {
	appended = change{Committable: b, kind: spec.CommitAppend}
	compacted = change{Committable: b, kind: spec.CommitCompact, check: true}
	compacted.Overwrite = nil // the partitions have been replaced by then
	compacted.Base = nil      // no row comes or goes
	for i := range b.Messages {
		m := &b.Messages[i]
		entry := func(kind int8, f spec.DataFileMeta) spec.ManifestEntry {
			return spec.ManifestEntry{Kind: kind, Partition: m.Partition, Bucket: m.Bucket, TotalBuckets: m.TotalBuckets, File: f}
		}
		each := func(dst *[]spec.ManifestEntry, kind int8, files []spec.DataFileMeta) {
			for _, f := range files {
				*dst = append(*dst, entry(kind, f))
			}
		}
		each(&appended.entries, spec.KindDelete, m.DeletedFiles)
		each(&appended.entries, spec.KindAdd, m.NewFiles)
		each(&appended.changelog, spec.KindAdd, m.ChangelogFiles)
		each(&compacted.entries, spec.KindDelete, m.CompactBefore)
		each(&compacted.entries, spec.KindAdd, m.CompactAfter)
		each(&compacted.changelog, spec.KindAdd, m.CompactChangelog)
		appended.check = appended.check || len(m.DeletedFiles) > 0
		for j := range m.DeletedIndexFiles {
			appended.index = append(appended.index, indexChange{partition: m.Partition, bucket: m.Bucket, removed: &m.DeletedIndexFiles[j]})
		}
		for j := range m.NewIndexFiles {
			appended.index = append(appended.index, indexChange{partition: m.Partition, bucket: m.Bucket, added: &m.NewIndexFiles[j]})
		}
		for j := range m.CompactDeletedIndexFiles {
			compacted.index = append(compacted.index, indexChange{partition: m.Partition, bucket: m.Bucket, removed: &m.CompactDeletedIndexFiles[j]})
		}
		for j := range m.CompactNewIndexFiles {
			compacted.index = append(compacted.index, indexChange{partition: m.Partition, bucket: m.Bucket, added: &m.CompactNewIndexFiles[j]})
		}
	}
	appended.check = appended.check || appended.deletesRows()
	if appended.check || b.Overwrite != nil {
		appended.kind, appended.check = spec.CommitOverwrite, true
		if b.Overwrite != nil {
			appended.changelog, compacted.changelog = nil, nil // no change tells what an overwrite took away
		}
	}
	return appended, compacted
}

// write commits one change, trying again while other writers win. checked is
// the newest snapshot that is known not to be this change, -1 when none after
// the first attempt can be.
func (c *Committer) write(ctx context.Context, ch change, checked int64) (*spec.Snapshot, error) {
	start := c.o.Now()
	a := &attempt{c: c, change: ch}
	for try := 0; ; try++ {
		latest, err := c.history.Snapshots.Latest(ctx)
		if err != nil {
			return nil, fmt.Errorf("commit to %s: %w", c.o.Table, err)
		}
		if checked >= 0 && latest != nil && latest.ID > checked {
			if s, err := c.findOwn(ctx, ch, checked+1, latest.ID); s != nil || err != nil {
				return s, err
			}
		}
		snap, err := a.run(ctx, latest)
		if err == nil {
			if c.o.OnCommit != nil {
				c.o.OnCommit(snap)
			}
			return snap, nil
		}
		checked = 0
		if latest != nil {
			checked = latest.ID
		}
		var unknown *unknownError
		if errors.As(err, &unknown) {
			a.unsure = true
		} else if !errors.Is(err, errs.ErrExists) {
			a.cleanup(context.WithoutCancel(ctx))
			return nil, err
		}
		if out := c.exhausted(try, start); out != "" {
			return nil, fmt.Errorf("commit to %s: %s (commit.max-retries, commit.timeout): %w", c.o.Table, out, err)
		}
		if err := c.wait(ctx, try); err != nil {
			return nil, err
		}
	}
}

// unknownError says that a snapshot may or may not have been written.
type unknownError struct{ err error }

func (e *unknownError) Error() string { return "the outcome is unknown: " + e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }

func (c *Committer) exhausted(try int, start time.Time) string {
	switch {
	case try >= c.o.Commit.MaxRetries:
		return fmt.Sprintf("gave up after %d attempts", try+1)
	case c.o.Commit.Timeout > 0 && c.o.Now().Sub(start) > c.o.Commit.Timeout:
		return fmt.Sprintf("gave up after %s", c.o.Commit.Timeout)
	}
	return ""
}

// wait sleeps between attempts: exponential with jitter.
func (c *Committer) wait(ctx context.Context, try int) error {
	d := c.o.Commit.MinWait << min(try, 20)
	if d > c.o.Commit.MaxWait || d <= 0 {
		d = c.o.Commit.MaxWait
	}
	d += time.Duration(rand.Int64N(int64(d)/5 + 1))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// findOwn looks in snapshots from..to for one that an earlier attempt wrote.
func (c *Committer) findOwn(ctx context.Context, ch change, from, to int64) (*spec.Snapshot, error) {
	all, err := c.history.Snapshots.Range(ctx, from, to)
	if err != nil {
		return nil, fmt.Errorf("commit to %s: %w", c.o.Table, err)
	}
	for _, s := range all {
		if s.CommitUser == c.o.User && s.CommitIdentifier == ch.Identifier && s.CommitKind == ch.kind {
			return s, nil
		}
	}
	return nil, nil
}

func newUUID() *string { u := uuid.NewString(); return &u }
