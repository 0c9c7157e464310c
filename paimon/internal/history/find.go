package history

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// AtWatermark gives the oldest snapshot whose watermark is not below w (epoch
// milliseconds), nil if there is none. Watermarks grow from snapshot to
// snapshot; those before the first one have none.
// Source: org.apache.paimon.utils.SnapshotManager.laterOrEqualWatermark.
func (s *Snapshots) AtWatermark(ctx context.Context, w int64) (*spec.Snapshot, error) {
	_, at, err := s.around(ctx, func(snap *spec.Snapshot) bool { return snap.Watermark != nil && *snap.Watermark >= w })
	return at, err
}

// BeforeWatermark gives the newest snapshot whose watermark is not above w, nil
// if there is none. Source: SnapshotManager.earlierOrEqualWatermark.
func (s *Snapshots) BeforeWatermark(ctx context.Context, w int64) (*spec.Snapshot, error) {
	before, _, err := s.around(ctx, func(snap *spec.Snapshot) bool { return snap.Watermark != nil && *snap.Watermark > w })
	if before != nil && before.Watermark == nil {
		return nil, err
	}
	return before, err
}

// around gives the newest snapshot for which from is false and the oldest for
// which it is true; snapshots grow into it.
func (s *Snapshots) around(ctx context.Context, from func(*spec.Snapshot) bool) (before, at *spec.Snapshot, err error) {
	all, err := s.IDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for lo, hi := 0, len(all); lo < hi; {
		mid := (lo + hi) / 2
		snap, err := s.Get(ctx, all[mid])
		switch {
		case errors.Is(err, errs.ErrNotFound): // expired meanwhile: too old
			lo = mid + 1
		case err != nil:
			return nil, nil, err
		case from(snap):
			at, hi = snap, mid
		default:
			before, lo = snap, mid+1
		}
	}
	return before, at, nil
}

// NewestWhere gives the newest snapshot for which pick is true, else the newest
// of all; nil for an empty table. It reads backwards from the newest.
// Source: org.apache.paimon.utils.SnapshotManager.pickOrLatest.
func (s *Snapshots) NewestWhere(ctx context.Context, pick func(*spec.Snapshot) bool) (*spec.Snapshot, error) {
	latest, err := s.Latest(ctx)
	if latest == nil || err != nil {
		return nil, err
	}
	earliest, err := s.EarliestID(ctx)
	if err != nil {
		return nil, err
	}
	for id := latest.ID; id >= earliest; id-- {
		snap, err := s.Get(ctx, id)
		if errors.Is(err, errs.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if pick(snap) {
			return snap, nil
		}
	}
	return latest, nil
}

// EarliestChange gives the oldest id whose changes can be read: of the
// long-lived changelogs, if decoupled says that the table keeps them, else of
// the snapshots; 0 for none.
func (h *History) EarliestChange(ctx context.Context, decoupled bool) (int64, error) {
	if decoupled {
		if id, err := h.Changelogs.EarliestID(ctx); id > 0 || err != nil {
			return id, err
		}
	}
	return h.Snapshots.EarliestID(ctx)
}

// FirstSince gives the id of the oldest change committed at or after millis
// (epoch milliseconds), the id to come when all are older, and 0 for an empty
// table. complete is false when changes from before that time are gone: then
// it is the oldest that there is.
// Source: org.apache.paimon.table.source.snapshot.TimeTravelUtil.earlierThanTimeMills.
func (h *History) FirstSince(ctx context.Context, millis int64, decoupled bool) (id int64, complete bool, err error) {
	latest, err := h.Snapshots.LatestID(ctx)
	if latest == 0 || err != nil {
		return 0, false, err
	}
	earliest, err := h.EarliestChange(ctx, decoupled)
	if err != nil || earliest == 0 {
		return latest, false, err
	}
	older := func(id int64) (bool, error) {
		snap, err := h.Change(ctx, id)
		if errors.Is(err, errs.ErrNotFound) { // expired meanwhile
			return true, nil
		}
		return err == nil && snap.TimeMillis < millis, err
	}
	if old, err := older(earliest); err != nil || !old {
		return earliest, false, err
	}
	lo, hi := earliest, latest // lo is older; what follows hi is not
	for lo < hi {
		mid := (lo + hi + 1) / 2
		old, err := older(mid)
		if err != nil {
			return 0, false, err
		}
		if old {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo + 1, true, nil
}

// Change reads a snapshot or, once it has expired, its long-lived changelog;
// errs.ErrNotFound if there is neither.
func (h *History) Change(ctx context.Context, id int64) (*spec.Snapshot, error) {
	snap, err := h.Snapshots.Get(ctx, id)
	if !errors.Is(err, errs.ErrNotFound) {
		return snap, err
	}
	return h.Changelogs.Get(ctx, id)
}
