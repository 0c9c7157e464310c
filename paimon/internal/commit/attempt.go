package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// attempt holds what attempts at one snapshot share: manifests of the change
// are written once, the base list once per attempt.
type attempt struct {
	c *Committer
	change
	delta     []spec.ManifestFileMeta
	changeLog []spec.ManifestFileMeta
	written   []string // of the current attempt, deleted when it loses
	shared    []string // written once for all attempts
	unsure    bool     // an earlier attempt may have been committed after all
}

// run tries to write the snapshot after latest. errs.ErrExists says that
// another writer was first; an unknownError that it is not known.
func (a *attempt) run(ctx context.Context, latest *spec.Snapshot) (*spec.Snapshot, error) {
	c := a.c
	a.written = nil
	if err := a.checkBase(ctx, latest); err != nil {
		return nil, err
	}
	if err := a.checkKnown(ctx, latest); err != nil {
		return nil, err
	}
	entries, index, err := a.resolve(ctx, latest)
	if err != nil {
		return nil, err
	}
	if err := a.checkConflicts(ctx, latest, entries); err != nil {
		return nil, err
	}
	if err := a.checkDead(latest, entries, index); err != nil {
		return nil, err
	}
	schema, err := c.history.Schemas.Latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("commit to %s: %w", c.o.Table, err)
	}
	if a.statistics != nil && schema.ID != a.schema {
		return nil, a.conflict(latest, "the columns were analyzed under schema %d, and schema %d is newer; analyze the table again", a.schema, schema.ID)
	}
	snap := &spec.Snapshot{
		Version: spec.SnapshotVersion, UUID: newUUID(), ID: 1, SchemaID: schema.ID, CommitUser: c.o.User, CommitIdentifier: a.Identifier,
		CommitKind: a.kind, TimeMillis: c.o.Now().UnixMilli(), Watermark: a.Watermark, Properties: a.Properties,
	}
	if a.Operation != "" {
		snap.Operation = &a.Operation
	}
	if err := a.fill(ctx, snap, latest, entries, index); err != nil {
		a.cleanup(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("commit to %s: %w", c.o.Table, err)
	}
	err = c.history.Snapshots.Commit(ctx, snap)
	switch {
	case err == nil:
		return snap, nil
	case errors.Is(err, errs.ErrExists):
		if won, rerr := a.readBack(ctx, snap); rerr != nil || won {
			return snap, rerr
		}
		a.dropWritten(ctx)
		return nil, err
	}
	won, rerr := a.readBack(context.WithoutCancel(ctx), snap)
	if rerr == nil && won {
		return snap, nil
	}
	return nil, &unknownError{err}
}

// readBack looks whether the snapshot at our id is ours.
func (a *attempt) readBack(ctx context.Context, snap *spec.Snapshot) (bool, error) {
	got, err := a.c.history.Snapshots.Get(ctx, snap.ID)
	if err != nil {
		return false, &unknownError{err}
	}
	return got.UUID != nil && *got.UUID == *snap.UUID, nil
}

// fill writes the manifests and sets everything of snap that follows from
// latest and the change.
func (a *attempt) fill(ctx context.Context, snap, latest *spec.Snapshot, entries []spec.ManifestEntry, index []spec.IndexManifestEntry) error {
	m := a.c.manifests
	var base []spec.ManifestFileMeta
	if latest != nil {
		snap.ID = latest.ID + 1
		old, err := m.All(ctx, latest)
		if err != nil {
			return err
		}
		merged, written, err := m.Merge(ctx, old)
		if err != nil {
			return err
		}
		for _, w := range written {
			a.written = append(a.written, w.FileName)
		}
		base = merged
		inherit(snap, latest)
		if a.statistics == nil {
			if snap.Statistics, err = a.inherited(ctx, snap, latest); err != nil {
				return err
			}
		}
	}
	if err := a.writeShared(ctx, entries); err != nil {
		return err
	}
	var err error
	if snap.BaseManifestList, snap.BaseManifestListSize, err = a.list(ctx, base); err != nil {
		return err
	}
	if snap.DeltaManifestList, snap.DeltaManifestListSize, err = a.list(ctx, a.delta); err != nil {
		return err
	}
	if len(a.changeLog) > 0 {
		name, size, err := a.list(ctx, a.changeLog)
		if err != nil {
			return err
		}
		snap.ChangelogManifestList, snap.ChangelogManifestListSize = &name, size
	}
	if err := a.fillIndex(ctx, snap, latest, index); err != nil {
		return err
	}
	if a.statistics != nil {
		snap.Statistics = a.statistics
	}
	count(snap, entries, a.changelog)
	return nil
}

// inherit carries forward what a snapshot keeps from its predecessor.
func inherit(snap, latest *spec.Snapshot) {
	snap.TotalRecordCount = latest.TotalRecordCount
	snap.NextRowID = latest.NextRowID
	if latest.Watermark != nil && (snap.Watermark == nil || *snap.Watermark < *latest.Watermark) {
		snap.Watermark = latest.Watermark
	}
}

func count(snap *spec.Snapshot, entries, changelog []spec.ManifestEntry) {
	for i := range entries {
		if entries[i].Kind == spec.KindAdd {
			snap.DeltaRecordCount += entries[i].File.RowCount
		} else {
			snap.DeltaRecordCount -= entries[i].File.RowCount
		}
	}
	snap.TotalRecordCount += snap.DeltaRecordCount
	if len(changelog) > 0 {
		var n int64
		for i := range changelog {
			n += changelog[i].File.RowCount
		}
		snap.ChangelogRecordCount = &n
	}
	if snap.NextRowID == nil {
		snap.NextRowID = new(int64)
	}
}

// writeShared writes the manifests that do not depend on the attempt.
func (a *attempt) writeShared(ctx context.Context, entries []spec.ManifestEntry) error {
	if a.delta == nil || a.Overwrite != nil {
		files, err := a.c.manifests.Write(ctx, entries)
		if err != nil {
			return err
		}
		a.delta = files
		dst := &a.shared
		if a.Overwrite != nil {
			dst = &a.written
		}
		for _, f := range files {
			*dst = append(*dst, f.FileName)
		}
	}
	if a.changeLog == nil && len(a.changelog) > 0 {
		files, err := a.c.manifests.Write(ctx, a.changelog)
		if err != nil {
			return err
		}
		a.changeLog = files
		for _, f := range files {
			a.shared = append(a.shared, f.FileName)
		}
	}
	return nil
}

func (a *attempt) list(ctx context.Context, files []spec.ManifestFileMeta) (string, *int64, error) {
	name, size, err := a.c.manifests.WriteList(ctx, files)
	if err != nil {
		return "", nil, err
	}
	a.written = append(a.written, name)
	return name, &size, nil
}

// resolve gives the entries of this attempt: an overwrite adds the DELETEs of
// all live files of the partitions it replaces; and the complete index.
func (a *attempt) resolve(ctx context.Context, latest *spec.Snapshot) ([]spec.ManifestEntry, []spec.IndexManifestEntry, error) {
	entries := a.entries
	var index []spec.IndexManifestEntry
	if latest != nil && latest.IndexManifest != nil {
		old, err := a.c.manifests.ReadIndex(ctx, *latest.IndexManifest)
		if err != nil {
			return nil, nil, fmt.Errorf("commit to %s: %w", a.c.o.Table, err)
		}
		index = slices.Clone(old)
	}
	if a.Overwrite != nil && latest != nil {
		lists, err := a.c.manifests.All(ctx, latest)
		if err != nil {
			return nil, nil, fmt.Errorf("commit to %s: %w", a.c.o.Table, err)
		}
		live, err := a.c.manifests.Live(ctx, lists, func(e *spec.ManifestEntry) bool { return a.replaces(e.Partition, e.Bucket) })
		if err != nil {
			return nil, nil, fmt.Errorf("commit to %s: %w", a.c.o.Table, err)
		}
		entries = make([]spec.ManifestEntry, 0, len(live)+len(a.entries))
		for _, e := range live {
			e.Kind = spec.KindDelete
			entries = append(entries, e)
		}
		entries = append(entries, a.entries...)
		index = slices.DeleteFunc(index, func(e spec.IndexManifestEntry) bool { return a.replaces(e.Partition, e.Bucket) })
	}
	index, err := a.applyIndex(index)
	return entries, index, err
}

func (a *attempt) replaces(partition []byte, bucket int) bool {
	return (bucket >= 0 || a.c.o.Bucket == -2) && a.Overwrite.Matches(partition)
}

// applyIndex replaces hash index files. A writer whose index is not the
// current one has assigned buckets without knowing of another writer's keys.
func (a *attempt) applyIndex(index []spec.IndexManifestEntry) ([]spec.IndexManifestEntry, error) {
	for _, ch := range a.change.index {
		if ch.isDeletions() {
			continue
		}
		same := func(e spec.IndexManifestEntry, f *spec.IndexFileMeta) bool {
			return e.Bucket == ch.bucket && bytes.Equal(e.Partition, ch.partition) && e.File.IndexType == f.IndexType
		}
		if ch.removed != nil && a.Overwrite == nil {
			at := slices.IndexFunc(index, func(e spec.IndexManifestEntry) bool {
				return same(e, ch.removed) && e.File.FileName == ch.removed.FileName
			})
			if at < 0 {
				return nil, a.conflict(nil, "another writer changed the %s index of bucket %d of %s; a table with dynamic buckets takes one writing job at a time: stop the other one, this job restarts from its last commit",
					ch.removed.IndexType, ch.bucket, a.partition(ch.partition))
			}
			index = slices.Delete(index, at, at+1)
		}
		if ch.added != nil {
			if at := slices.IndexFunc(index, func(e spec.IndexManifestEntry) bool { return same(e, ch.added) }); at >= 0 {
				return nil, a.conflict(nil, "another writer created the %s index of bucket %d of %s; a table with dynamic buckets takes one writing job at a time: stop the other one, this job restarts from its last commit",
					ch.added.IndexType, ch.bucket, a.partition(ch.partition))
			}
			index = append(index, spec.IndexManifestEntry{Kind: spec.KindAdd, Partition: ch.partition, Bucket: ch.bucket, File: *ch.added})
		}
	}
	return a.applyDeletions(index)
}

func (a *attempt) fillIndex(ctx context.Context, snap, latest *spec.Snapshot, index []spec.IndexManifestEntry) error {
	if len(a.change.index) == 0 && a.Overwrite == nil {
		if latest != nil {
			snap.IndexManifest = latest.IndexManifest
		}
		return nil
	}
	if len(index) == 0 {
		return nil
	}
	name, _, err := a.c.manifests.WriteIndex(ctx, index)
	if err != nil {
		return err
	}
	a.written = append(a.written, name)
	snap.IndexManifest = &name
	return nil
}

// dropWritten removes the files of an attempt that is known to have lost.
func (a *attempt) dropWritten(ctx context.Context) {
	_ = a.c.manifests.Delete(ctx, a.written...) // what stays is an orphan
	a.written = nil
	if a.Overwrite != nil {
		a.delta = nil
	}
}

// cleanup removes everything that was written for a commit that will not be.
func (a *attempt) cleanup(ctx context.Context) {
	a.dropWritten(ctx)
	if !a.unsure { // else a snapshot may yet appear that refers to them
		_ = a.c.manifests.Delete(ctx, a.shared...)
		if a.statistics != nil {
			a.c.history.DropStatistics(ctx, *a.statistics)
		}
	}
	a.shared, a.delta, a.changeLog = nil, nil, nil
}

func (a *attempt) partition(row []byte) string {
	if p := a.c.o.PartitionString(row); p != "" {
		return "partition " + p
	}
	return "the table"
}

func (a *attempt) conflict(latest *spec.Snapshot, format string, args ...any) error {
	e := &errs.ConflictError{Table: a.c.o.Table, Detail: fmt.Sprintf(format, args...)}
	if latest != nil {
		e.Winner, e.Base, e.By = latest.ID, latest.ID-1, fmt.Sprintf("%s by %s", latest.CommitKind, latest.CommitUser)
	}
	return e
}
