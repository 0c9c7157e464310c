package history

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

const (
	latestHint   = "LATEST"
	earliestHint = "EARLIEST"

	// maxSteps is how many new snapshots LatestID passes one by one before it
	// asks the hint again.
	maxSteps = 8
	// maxRaces is how often a read starts again because the snapshot that was
	// found has just been expired.
	maxRaces = 3
)

// Snapshots are the snapshot files of a branch, or its long-lived changelogs.
// The newest id seen is remembered as a hint, never as the truth: another
// process may commit, expire or roll back at any time.
// Source: org.apache.paimon.utils.SnapshotManager, HintFileUtils.
type Snapshots struct {
	store  fileio.Store
	dir    string
	prefix string
	what   string
	seen   atomic.Int64 // newest id known to have existed; 0 for none
}

// Path gives the path of a snapshot's file in the store.
func (s *Snapshots) Path(id int64) string {
	return fileio.Join(s.dir, s.prefix+strconv.FormatInt(id, 10))
}

// LatestID gives the newest id, 0 when there is none. It costs two small
// requests while nothing was committed since the last call.
func (s *Snapshots) LatestID(ctx context.Context) (int64, error) {
	if id := s.seen.Load(); id > 0 {
		if last, ok, err := s.follow(ctx, id); err != nil || ok {
			return last, err
		}
	}
	if id := s.hint(ctx, latestHint); id > 0 {
		if last, ok, err := s.follow(ctx, id); err != nil || ok {
			return last, err
		}
	}
	all, err := s.IDs(ctx)
	if err != nil {
		return 0, err
	}
	last := int64(0)
	if len(all) > 0 {
		last = all[len(all)-1]
	}
	s.seen.Store(last)
	return last, nil
}

// follow finds the newest snapshot at or shortly after id. It is not ok if id
// is too old or gone.
func (s *Snapshots) follow(ctx context.Context, id int64) (int64, bool, error) {
	start := id
	for {
		ok, err := s.Exists(ctx, id+1)
		if err != nil {
			return 0, false, err
		}
		if !ok {
			break
		}
		if id++; id-start >= maxSteps {
			return 0, false, nil
		}
	}
	if id == start {
		if ok, err := s.Exists(ctx, id); err != nil || !ok {
			return 0, false, err
		}
	}
	s.seen.Store(id)
	return id, true, nil
}

// hint reads a hint file; 0 when it says nothing usable.
func (s *Snapshots) hint(ctx context.Context, name string) int64 {
	data, err := fileio.ReadAll(ctx, s.store, fileio.Join(s.dir, name), 64)
	if err != nil {
		return 0
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// EarliestID gives the oldest id, 0 when there is none.
func (s *Snapshots) EarliestID(ctx context.Context) (int64, error) {
	if id := s.hint(ctx, earliestHint); id > 0 {
		if ok, err := s.Exists(ctx, id); err != nil || ok {
			return id, err
		}
	}
	all, err := s.IDs(ctx)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[0], nil
}

// Latest gives the newest snapshot, nil when there is none.
func (s *Snapshots) Latest(ctx context.Context) (*spec.Snapshot, error) {
	return s.retry(ctx, s.LatestID)
}

// Earliest gives the oldest snapshot, nil when there is none.
func (s *Snapshots) Earliest(ctx context.Context) (*spec.Snapshot, error) {
	return s.retry(ctx, s.EarliestID)
}

func (s *Snapshots) retry(ctx context.Context, find func(context.Context) (int64, error)) (*spec.Snapshot, error) {
	for race := 0; ; race++ {
		id, err := find(ctx)
		if err != nil || id == 0 {
			return nil, err
		}
		snap, err := s.Get(ctx, id)
		if !errors.Is(err, errs.ErrNotFound) || race == maxRaces {
			return snap, err
		}
	}
}

// Get reads one snapshot: errs.ErrNotFound if there is none, errs.ErrCorrupt
// naming the file if it is damaged.
func (s *Snapshots) Get(ctx context.Context, id int64) (*spec.Snapshot, error) {
	snap, err := load(ctx, s.store, s.Path(id), spec.ParseSnapshot)
	if err != nil {
		return nil, err
	}
	if snap.ID != id {
		return nil, errs.Corrupt(s.Path(id), "it holds %s %d", s.what, snap.ID)
	}
	return snap, nil
}

// Exists reports whether there is a snapshot with this id.
func (s *Snapshots) Exists(ctx context.Context, id int64) (bool, error) {
	return exists(ctx, s.store, s.Path(id))
}

// IDs lists all ids, ascending.
func (s *Snapshots) IDs(ctx context.Context) ([]int64, error) {
	return ids(ctx, s.store, s.dir, s.prefix)
}

// Range reads the snapshots from..to (inclusive) that exist, ascending.
func (s *Snapshots) Range(ctx context.Context, from, to int64) ([]*spec.Snapshot, error) {
	all, err := s.IDs(ctx)
	if err != nil {
		return nil, err
	}
	var out []*spec.Snapshot
	for _, id := range all {
		if id < from || id > to {
			continue
		}
		snap, err := s.Get(ctx, id)
		if errors.Is(err, errs.ErrNotFound) {
			continue // expired meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, snap)
	}
	return out, nil
}

// Commit writes the file of a new snapshot, or gives errs.ErrExists when
// another writer was first. Any other error leaves the outcome unknown: look
// with Get, and delete nothing. On success the hint LATEST follows; a hint
// that cannot be written is no error.
func (s *Snapshots) Commit(ctx context.Context, snap *spec.Snapshot) error {
	data, err := snap.JSON()
	if err != nil {
		return err
	}
	path := s.Path(snap.ID)
	if err := s.mayFollow(ctx, snap.ID); err != nil {
		return err
	}
	err = s.store.PutIfAbsent(ctx, path, data)
	if errors.Is(err, errs.ErrExists) {
		// A store that repeats a request whose reply was lost finds its own file.
		if there, rerr := fileio.ReadAll(ctx, s.store, path, maxFile); rerr != nil || !bytes.Equal(there, data) {
			return err
		}
	} else if err != nil {
		return err
	}
	s.seen.Store(snap.ID)
	s.SetLatestHint(ctx, snap.ID)
	if snap.ID == 1 {
		s.SetEarliestHint(ctx, 1)
	}
	return nil
}

// mayFollow refuses a snapshot whose place is in the past. Being absent is not
// enough to be next: while this writer slept, others may have taken the id and
// expired it. Expiry begins with the oldest, so an id is next only while the one
// before it is there; and who made the first snapshot left a hint. What remains
// is the time between this request and the next.
func (s *Snapshots) mayFollow(ctx context.Context, id int64) error {
	var there bool
	var err error
	if id > 1 {
		there, err = s.Exists(ctx, id-1)
	} else {
		there, err = exists(ctx, s.store, fileio.Join(s.dir, latestHint))
		there = !there
	}
	if err != nil || there {
		return err
	}
	return errs.Kinded(errs.ErrExists, "%s: others have gone on, and have expired or rolled back what this was based on", s.Path(id))
}

// Put writes a file without being first: copies into branches, long-lived
// changelogs. Hints do not follow.
func (s *Snapshots) Put(ctx context.Context, snap *spec.Snapshot) error {
	data, err := snap.JSON()
	if err != nil {
		return err
	}
	return s.store.Put(ctx, s.Path(snap.ID), data)
}

// SetLatestHint writes the hint of the newest snapshot.
func (s *Snapshots) SetLatestHint(ctx context.Context, id int64) error {
	return s.setHint(ctx, latestHint, id)
}

// SetEarliestHint writes the hint of the oldest snapshot.
func (s *Snapshots) SetEarliestHint(ctx context.Context, id int64) error {
	return s.setHint(ctx, earliestHint, id)
}

func (s *Snapshots) setHint(ctx context.Context, name string, id int64) error {
	return s.store.Put(ctx, fileio.Join(s.dir, name), strconv.AppendInt(nil, id, 10))
}

// DeleteLatestHint removes the hint, before newer snapshots are taken away.
func (s *Snapshots) DeleteLatestHint(ctx context.Context) error {
	s.seen.Store(0)
	return s.store.Delete(ctx, fileio.Join(s.dir, latestHint))
}

// DeleteHints removes both hints: nothing is left.
func (s *Snapshots) DeleteHints(ctx context.Context) error {
	s.seen.Store(0)
	return s.store.Delete(ctx, fileio.Join(s.dir, latestHint), fileio.Join(s.dir, earliestHint))
}

// Delete removes snapshot files (expiry, rollback).
func (s *Snapshots) Delete(ctx context.Context, ids ...int64) error {
	s.seen.Store(0)
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = s.Path(id)
	}
	return s.store.Delete(ctx, paths...)
}

// AtOrBefore gives the newest snapshot whose commit time is not after millis
// (epoch milliseconds), nil if all are younger.
func (s *Snapshots) AtOrBefore(ctx context.Context, millis int64) (*spec.Snapshot, error) {
	all, err := s.IDs(ctx)
	if err != nil {
		return nil, err
	}
	var found *spec.Snapshot
	for lo, hi := 0, len(all); lo < hi; {
		mid := (lo + hi) / 2
		snap, err := s.Get(ctx, all[mid])
		switch {
		case errors.Is(err, errs.ErrNotFound): // expired meanwhile: too old
			lo = mid + 1
		case err != nil:
			return nil, err
		case snap.TimeMillis <= millis:
			found, lo = snap, mid+1
		default:
			hi = mid
		}
	}
	return found, nil
}

// LatestOfUser gives the newest snapshot of a commit user, nil if there is
// none among those that exist. It reads backwards from the newest.
func (s *Snapshots) LatestOfUser(ctx context.Context, user string) (*spec.Snapshot, error) {
	snap, err := s.Latest(ctx)
	for err == nil && snap != nil && snap.CommitUser != user {
		if snap.ID <= 1 {
			return nil, nil
		}
		snap, err = s.Get(ctx, snap.ID-1)
	}
	if errors.Is(err, errs.ErrNotFound) {
		return nil, nil
	}
	return snap, err
}
