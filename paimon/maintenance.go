package paimon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/maintain"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// ExpireDue is what Paimon does after a commit, by the table's options: tags
// that are due are made, those whose time is over go ('tag.time-expire-enabled'),
// then partitions ('partition.expiration-time', every
// 'partition.expiration-check-interval'), consumers ('consumer.expiration-time'),
// snapshots and changelogs. Paimon leaves a 'write-only' table to whoever
// compacts it. keep is as ExpireOptions.Keep. When nothing is due it costs a
// few small requests. Source: org.apache.paimon.table.sink.TableCommitImpl.maintain.
func (t *Table) ExpireDue(ctx context.Context, keep int64) (Expired, error) {
	now := time.Now()
	_, err := t.CreateDueTags(ctx)
	if t.t.Options.Tags.TimeExpire {
		_, xerr := t.ExpireTags(ctx, now, time.Time{})
		err = errors.Join(err, xerr)
	}
	if p := t.t.Options.Partitions; p.Expiration > 0 && len(t.t.PartAt) > 0 && t.w.due(t.t.Dir+"$"+branchName(t), p.CheckInterval, now) {
		_, xerr := t.ExpirePartitions(ctx, now)
		err = errors.Join(err, xerr)
	}
	if xerr := t.expireConsumers(ctx, now); xerr != nil {
		err = errors.Join(err, xerr)
	}
	if err != nil { // snapshots that a tag was to hold must not go
		return Expired{}, err
	}
	return t.Expire(ctx, ExpireOptions{Keep: keep})
}

// ExpirePartitions drops the partitions that are older than
// 'partition.expiration-time' at now, at most 'partition.expiration-max-num',
// and gives their names. How old one is its values tell, or its youngest file
// ('partition.expiration-strategy'). A value that is no time never goes.
// Source: org.apache.paimon.operation.PartitionExpire.
func (t *Table) ExpirePartitions(ctx context.Context, now time.Time) ([]string, error) {
	p := t.t.Options.Partitions
	if p.Expiration <= 0 || len(t.t.PartAt) == 0 {
		return nil, errs.Invalid("expire partitions of table %s: Both the partition expiration time and partition field can not be null.", t.Name())
	}
	snap, err := t.LatestSnapshot(ctx)
	if snap == nil || err != nil {
		return nil, t.versionError("expire partitions of", err)
	}
	live, err := t.t.Scanner.Live(ctx, snap, scan.Request{})
	if err != nil {
		return nil, t.versionError("expire partitions of", err)
	}
	over, err := t.partitionsOver(live, wallClock(now).Add(-p.Expiration))
	if err != nil {
		return nil, t.versionError("expire partitions of", err)
	}
	var names []string
	size := p.BatchSize
	if size == 0 {
		size = max(1, len(over))
	}
	for part := range slices.Chunk(over, size) {
		gone := map[string]bool{}
		for _, row := range part {
			gone[string(row)] = true
		}
		if _, err := t.overwriteNothing(ctx, func(row []byte) bool { return gone[string(row)] }); err != nil {
			return names, t.versionError("expire partitions of", err)
		}
		for _, row := range part {
			names = append(names, t.PartitionString(row))
		}
	}
	return names, nil
}

// partitionsOver gives the partitions (BinaryRows) older than a wall clock, in
// the order of their values.
func (t *Table) partitionsOver(live []Split, limit time.Time) ([][]byte, error) {
	p := t.t.Options.Partitions
	newest := map[string]time.Time{}
	for i := range live {
		s := &live[i]
		at := newest[string(s.Partition)]
		for j := range s.Files {
			if made := s.Files[j].CreationTime; made.After(at) {
				at = made
			}
		}
		newest[string(s.Partition)] = at
	}
	texts := map[string]string{}
	var out [][]byte
	for row, at := range newest {
		values, err := t.t.Parts.Values([]byte(row))
		if err != nil {
			return nil, err
		}
		if !p.ByUpdate {
			var ok bool
			if at, ok, err = p.Time(t.t.Schema.PartitionKeys, values); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
		}
		if at.Before(limit) {
			texts[row] = strings.Join(values, ",")
			out = append(out, []byte(row))
		}
	}
	slices.SortFunc(out, func(a, b []byte) int { return strings.Compare(texts[string(a)], texts[string(b)]) })
	return out[:min(len(out), p.MaxNum)], nil
}

// ExpireChangelogs deletes long-lived changelogs; the zero value of o is what
// the table's options say. all deletes all of them. It gives their number.
// Source: org.apache.paimon.table.ExpireChangelogImpl.
func (t *Table) ExpireChangelogs(ctx context.Context, o ExpireOptions, all bool) (int, error) {
	p := o.over(maintain.ChangelogPolicy(t.t.Options, time.Now(), o.Keep))
	if all {
		n, err := maintain.ExpireAllChangelogs(ctx, t.t)
		return n, t.versionError("expire changelogs of", err)
	}
	n, err := maintain.ExpireChangelogs(ctx, t.t, p)
	return n, t.versionError("expire changelogs of", err)
}

// CompactManifests rewrites the table's manifests into as few as there can be,
// in a snapshot that holds the same rows; nil if that would change nothing.
// Source: org.apache.paimon.operation.FileStoreCommitImpl.compactManifest.
func (t *Table) CompactManifests(ctx context.Context) (*spec.Snapshot, error) {
	snap, err := t.LatestSnapshot(ctx)
	if snap == nil || err != nil {
		return nil, t.versionError("compact manifests of", err)
	}
	files, err := t.t.Manifests.All(ctx, snap)
	if err != nil {
		return nil, t.versionError("compact manifests of", err)
	}
	small, dead := 0, false
	for i := range files {
		dead = dead || files[i].NumDeleted > 0
		if files[i].FileSize < t.t.Options.Files.ManifestTargetSize {
			small++
		}
	}
	if small < 2 && !dead {
		return nil, nil
	}
	at, err := t.w.Table(ctx, t.id, options.Map(t.hint).With(map[string]string{"manifest.merge-min-count": "1", "manifest.full-compaction-threshold-size": "1 b"}))
	if err != nil {
		return nil, err
	}
	snap, err = at.NewCommitter("").c.Rewrite(ctx)
	return snap, t.versionError("compact manifests of", err)
}

// MarkPartitionsDone says of partitions (column → text) that they are complete:
// by a file _SUCCESS in their directory.
// Source: org.apache.paimon.partition.actions.SuccessFileMarkDoneAction.
func (t *Table) MarkPartitionsDone(ctx context.Context, specs ...map[string]string) error {
	if v := t.t.Raw["partition.mark-done-action"]; v != "" && v != "success-file" {
		return errs.Unsupported("mark partitions of table %s as done: 'partition.mark-done-action' = '%s'; it can be success-file", t.Name(), v)
	}
	for _, values := range specs {
		row, err := t.t.Parts.Row(values)
		if err != nil {
			return t.versionError("mark partitions as done of", err)
		}
		dir, err := t.t.Parts.Path(row)
		if err != nil {
			return t.versionError("mark partitions as done of", err)
		}
		o := t.t.PathOptions()
		if err := t.markSuccess(ctx, fileio.Join(o.Table, o.Directory, dir, "_SUCCESS")); err != nil {
			return t.versionError("mark partitions as done of", err)
		}
	}
	return nil
}

// PurgeFiles empties the table for good: its rows, with all older versions of
// them, tags, branches, consumers and changelogs. Stop its writers and readers
// before. Source: org.apache.paimon.table.FileStoreTable.purgeFiles.
func (t *Table) PurgeFiles(ctx context.Context) error {
	branches, err := t.Branches(ctx)
	for _, name := range branches {
		if err == nil {
			err = t.DeleteBranch(ctx, name)
		}
	}
	if err != nil {
		return err
	}
	tags, err := t.Tags(ctx)
	for _, name := range tags {
		if err == nil {
			err = t.DeleteTag(ctx, name)
		}
	}
	if err == nil {
		err = t.ClearConsumers(ctx, nil, nil)
	}
	if err == nil {
		_, err = t.Truncate(ctx)
	}
	if err == nil {
		_, err = t.ExpireChangelogs(ctx, ExpireOptions{}, true)
	}
	if err != nil {
		return fmt.Errorf("purge files of table %s: %w", t.Name(), err)
	}
	_, err = maintain.Expire(ctx, t.t, maintain.Policy{Min: 1, Max: 1, OlderThan: math.MaxInt64, Limit: math.MaxInt32})
	if err == nil && t.t.Options.Changelog.DecoupledRetention {
		_, err = t.ExpireChangelogs(ctx, ExpireOptions{}, true)
	}
	if err == nil {
		_, err = t.RemoveOrphans(ctx, time.Now(), false)
	}
	return t.versionError("purge files of", err)
}
