package scan

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tarndb/tarn/paimon/spec"
)

// epochOf gives the epoch milliseconds of a file's creation time, which is
// kept as the wall clock of its writer.
func epochOf(wall time.Time) int64 {
	u := wall.UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), time.Local).UnixMilli()
}

// Diff plans what makes after another version than before: of each bucket the
// files that only one of them has. Files that both have are not looked at, as
// in Paimon. Source: org.apache.paimon.table.source.snapshot.SnapshotReaderImpl.readIncrementalDiff.
func (s *Scanner) Diff(ctx context.Context, before, after *spec.Snapshot, r Request) ([]Split, error) {
	r = s.Visible(r)
	old, err := s.Live(ctx, before, r)
	if err != nil {
		return nil, err
	}
	live, err := s.Live(ctx, after, r)
	if err != nil {
		return nil, err
	}
	return s.cut(s.against(live, old), r.AllLevels), nil
}

// against leaves out of the buckets in live the files that old has too, and
// notes what only old has, of tables with a key.
func (s *Scanner) against(live, old []Split) []Split {
	type place struct {
		name  string
		level int
	}
	var out []Split
	for _, b := range live {
		at := slices.IndexFunc(old, func(o Split) bool { return ByBucket(o, b) == 0 })
		if at >= 0 {
			both := map[place]bool{}
			for i := range b.Files {
				both[place{b.Files[i].FileName, b.Files[i].Level}] = false
			}
			for i := range old[at].Files {
				f := &old[at].Files[i]
				p := place{f.FileName, f.Level}
				if _, ok := both[p]; ok {
					both[p] = true
				} else if len(s.Schema.PrimaryKeys) > 0 {
					b.Before = append(b.Before, *f)
				}
			}
			b.BeforeDeletions = old[at].Deletions
			b.Files = slices.DeleteFunc(b.Files, func(f spec.DataFileMeta) bool { return both[place{f.FileName, f.Level}] })
		}
		if len(b.Files) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// Replaced gives the files that a snapshot takes away and those that it adds,
// each as splits to be read merged.
func (s *Scanner) Replaced(ctx context.Context, snap *spec.Snapshot, r Request) (removed, added []Split, err error) {
	lists, err := s.Manifests.Delta(ctx, snap)
	if err != nil {
		return nil, nil, fmt.Errorf("plan changes of snapshot %d: %w", snap.ID, err)
	}
	keep, err := s.keeper(r)
	if err != nil {
		return nil, nil, err
	}
	entries, err := s.Manifests.Entries(ctx, lists, keep)
	if err != nil {
		return nil, nil, fmt.Errorf("plan changes of snapshot %d: %w", snap.ID, err)
	}
	var gone, come []spec.ManifestEntry
	for i := range entries {
		if entries[i].Kind == spec.KindAdd {
			come = append(come, entries[i])
		} else {
			gone = append(gone, entries[i])
		}
	}
	return s.cut(group(gone), false), s.cut(group(come), false), nil
}
