package commit

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon/internal/manifest"
	"github.com/tarndb/tarn/paimon/spec"
)

// checkConflicts holds the change against the live files of the partitions
// that it touches. Plain appends of level-0 files conflict with nothing.
// Source: org.apache.paimon.operation.commit.ConflictDetection.
func (a *attempt) checkConflicts(ctx context.Context, latest *spec.Snapshot, entries []spec.ManifestEntry) error {
	if latest == nil || len(entries)+len(a.change.index) == 0 || !a.check && !a.c.newBuckets(entries) {
		return nil
	}
	touched := map[string]bool{}
	for i := range a.change.index {
		touched[string(a.change.index[i].partition)] = true
	}
	for i := range entries {
		touched[string(entries[i].Partition)] = true
	}
	lists, err := a.c.manifests.All(ctx, latest)
	if err != nil {
		return fmt.Errorf("check commit to %s: %w", a.c.o.Table, err)
	}
	live, err := a.c.manifests.Live(ctx, lists, func(e *spec.ManifestEntry) bool { return touched[string(e.Partition)] })
	if err != nil {
		return fmt.Errorf("check commit to %s: %w", a.c.o.Table, err)
	}
	if err := a.checkBuckets(latest, live, entries); err != nil {
		return err
	}
	for i := range entries {
		a.c.buckets[string(entries[i].Partition)] = entries[i].TotalBuckets
	}
	after, err := a.apply(latest, live, entries)
	if err != nil {
		return err
	}
	if err := a.checkMarked(latest, after); err != nil {
		return err
	}
	return a.checkOverlap(latest, after)
}

// newBuckets reports whether an append touches a partition for the first time
// through this committer, so that its number of buckets has to be checked.
func (c *Committer) newBuckets(entries []spec.ManifestEntry) bool {
	found := false
	for i := range entries {
		e := &entries[i]
		found = found || e.TotalBuckets > 0 && c.buckets[string(e.Partition)] != e.TotalBuckets
	}
	return found
}

// checkBuckets refuses files made with another number of buckets than the
// partition has.
func (a *attempt) checkBuckets(latest *spec.Snapshot, live, entries []spec.ManifestEntry) error {
	if a.kind == spec.CommitOverwrite {
		return nil
	}
	total := map[string]int{}
	for i := range live {
		if live[i].TotalBuckets > 0 {
			total[string(live[i].Partition)] = live[i].TotalBuckets
		}
	}
	for i := range entries {
		e := &entries[i]
		if have, ok := total[string(e.Partition)]; ok && e.TotalBuckets > 0 && e.TotalBuckets != have {
			return a.conflict(latest, "%s has %d buckets, the new files were made for %d; after changing 'bucket', rewrite the partition with INSERT OVERWRITE first",
				a.partition(e.Partition), have, e.TotalBuckets)
		}
	}
	return nil
}

// apply gives the live files after the change; every DELETE must meet a file.
func (a *attempt) apply(latest *spec.Snapshot, live, entries []spec.ManifestEntry) ([]spec.ManifestEntry, error) {
	at := make(map[string]int, len(live))
	var key []byte
	for i := range live {
		key = manifest.Identity(key[:0], &live[i])
		at[string(key)] = i
	}
	out := slices.Clone(live)
	dead := make([]bool, len(out), len(out)+len(entries))
	for i := range entries {
		e := &entries[i]
		key = manifest.Identity(key[:0], e)
		j, ok := at[string(key)]
		switch {
		case e.Kind == spec.KindDelete && (!ok || dead[j]):
			return nil, a.conflict(latest, "file %s (%s, bucket %d, level %d) that this commit rewrites is gone: another job compacted or overwrote it; the work is done again on the newest snapshot",
				e.File.FileName, a.partition(e.Partition), e.Bucket, e.File.Level)
		case e.Kind == spec.KindDelete:
			dead[j] = true
		case ok && !dead[j]:
			return nil, a.conflict(latest, "file %s is already in the table", e.File.FileName)
		default:
			at[string(key)] = len(out)
			out = append(out, *e)
			dead = append(dead, false)
		}
	}
	i := -1
	return slices.DeleteFunc(out, func(spec.ManifestEntry) bool { i++; return dead[i] }), nil
}

// checkOverlap refuses files that overlap on a level above 0 of a bucket.
func (a *attempt) checkOverlap(latest *spec.Snapshot, live []spec.ManifestEntry) error {
	if !a.c.o.HasKey {
		return nil
	}
	type file struct {
		lo, hi []byte
		name   string
	}
	runs := map[string][]file{}
	for i := range live {
		e := &live[i]
		if e.File.Level == 0 {
			continue
		}
		lo, err := a.c.o.KeyOf(e.File.MinKey)
		if err != nil {
			return fmt.Errorf("check commit to %s: key of %s: %w", a.c.o.Table, e.File.FileName, err)
		}
		hi, err := a.c.o.KeyOf(e.File.MaxKey)
		if err != nil {
			return fmt.Errorf("check commit to %s: key of %s: %w", a.c.o.Table, e.File.FileName, err)
		}
		k := fmt.Sprintf("%s\x00%d\x00%d", e.Partition, e.Bucket, e.File.Level)
		runs[k] = append(runs[k], file{lo, hi, e.File.FileName})
	}
	for _, files := range runs {
		slices.SortFunc(files, func(x, y file) int { return bytes.Compare(x.lo, y.lo) })
		for i := 1; i < len(files); i++ {
			if bytes.Compare(files[i].lo, files[i-1].hi) <= 0 {
				return a.conflict(latest, "files %s and %s would overlap on one level: two jobs compacted the same bucket; keep compaction in one place ('write-only' = 'true' on all other writers)", files[i-1].name, files[i].name)
			}
		}
	}
	return nil
}
