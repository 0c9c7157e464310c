package write

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/spec"
)

// refresh learns what was committed since: sequence numbers go on above those
// of other writers, so that what is written later wins, and compaction sees
// their files, so that it drops no delete that still hides a row of theirs.
// The order of rows that are written at the same time by two writers is not
// defined, in Paimon neither.
func (w *Writer) refresh(ctx context.Context) error {
	if w.fresh || w.o.Overwrite || w.plain != nil && w.t.Options.Bucket < 0 && w.appends == nil {
		return nil
	}
	latest, err := w.t.History.Snapshots.LatestID(ctx)
	if err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	changes := map[bucketID]*fileChanges{}
	var newest *spec.Snapshot
	for id := w.seen + 1; id <= latest; id++ {
		snap, err := w.t.History.Snapshots.Get(ctx, id)
		newest = snap
		if errors.Is(err, errs.ErrNotFound) {
			return w.restart(ctx)
		}
		if err == nil {
			err = w.collect(ctx, snap, changes)
		}
		if err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
	}
	for id, c := range changes {
		if err := w.adopt(id, c); err != nil {
			return err
		}
	}
	if err := w.adoptDeletions(ctx, newest); err != nil {
		return err
	}
	w.seen, w.fresh = max(w.seen, latest), true
	return nil
}

// restart finds the state again where snapshots in between have expired.
func (w *Writer) restart(ctx context.Context) error {
	if (w.compact != nil || w.appends != nil) && len(w.buckets) > 0 {
		return &errs.ConflictError{Table: w.t.Name, Base: w.seen, Detail: "snapshots that this writer has not seen have expired; it begins again on the newest one"}
	}
	var err error
	if w.base, err = w.t.History.Snapshots.Latest(ctx); err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	if err := w.restore(ctx); err != nil {
		return err
	}
	for id, bw := range w.buckets {
		bw.raise(w.live[id].Files)
	}
	w.fresh = true
	return nil
}

// fileChanges are the files that came to a bucket to stay, and all that went.
type fileChanges struct {
	totalBuckets int
	came, went   []spec.DataFileMeta
}

func sameFile(f *spec.DataFileMeta) func(spec.DataFileMeta) bool {
	return func(o spec.DataFileMeta) bool { return o.FileName == f.FileName && o.Level == f.Level }
}

// collect adds the changes of a snapshot.
func (w *Writer) collect(ctx context.Context, snap *spec.Snapshot, changes map[bucketID]*fileChanges) error {
	lists, err := w.t.Manifests.Delta(ctx, snap)
	if err != nil {
		return err
	}
	entries, err := w.t.Manifests.Entries(ctx, lists, nil)
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		id := bucketID{string(e.Partition), int32(e.Bucket)}
		c := changes[id]
		if c == nil {
			c = &fileChanges{totalBuckets: e.TotalBuckets}
			changes[id] = c
		}
		if e.Kind == spec.KindAdd {
			c.came = append(c.came, e.File)
			continue
		}
		c.came = slices.DeleteFunc(c.came, sameFile(&e.File))
		c.went = append(c.went, e.File) // also what came before: it may be this writer's
	}
	return nil
}

// adopt applies the changes of a bucket. The writer's own are known to an open
// bucket.
func (w *Writer) adopt(id bucketID, c *fileChanges) error {
	if w.appends != nil {
		if w.appends.changed(id, c); w.appends.unaware() {
			return nil
		}
	}
	bw := w.buckets[id]
	if bw == nil {
		s, ok := w.live[id]
		if !ok {
			s = scan.Split{Partition: []byte(id.partition), Bucket: int(id.bucket), TotalBuckets: c.totalBuckets}
		}
		s.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f spec.DataFileMeta) bool { return slices.ContainsFunc(c.went, sameFile(&f)) })
		s.Files = append(s.Files, c.came...)
		w.live[id] = s
		return nil
	}
	bw.raise(c.came)
	if bw.levels == nil {
		return nil
	}
	have := bw.levels.Files()
	came := slices.DeleteFunc(slices.Clone(c.came), func(f spec.DataFileMeta) bool { return slices.ContainsFunc(have, sameFile(&f)) })
	went := slices.DeleteFunc(slices.Clone(c.went), func(f spec.DataFileMeta) bool { return !slices.ContainsFunc(have, sameFile(&f)) })
	if len(went) > 0 && w.compact.running[bw] != nil {
		return &errs.ConflictError{Table: w.t.Name, Base: w.seen, Detail: fmt.Sprintf("another job compacted or overwrote bucket %d while this one was compacting it; this one begins again on the newest snapshot", id.bucket)}
	}
	return bw.levels.Update(went, came)
}

// adoptDeletions takes up the deletion vectors that others have committed;
// newest is nil when nothing was.
func (w *Writer) adoptDeletions(ctx context.Context, newest *spec.Snapshot) error {
	if newest == nil || w.deletions == nil {
		return nil
	}
	var err error
	if w.indexes, err = w.t.Scanner.DeletionFiles(ctx, newest); err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	for id, bw := range w.buckets {
		files := w.indexes[id.scan()]
		if bw.dead == nil || bw.dead.Knows(files) {
			continue
		}
		if bw.dead.Changed() || w.compact != nil && w.compact.running[bw] != nil {
			return &errs.ConflictError{Table: w.t.Name, Base: w.seen, Detail: fmt.Sprintf("another job changed the deletion vectors of bucket %d while this one was compacting it; this one begins again on the newest snapshot", id.bucket)}
		}
		if err := bw.dead.Reset(files); err != nil {
			return err
		}
	}
	return nil
}

func (bw *bucketWriter) raise(files []spec.DataFileMeta) {
	for i := range files {
		bw.nextSeq = max(bw.nextSeq, files[i].MaxSequence+1)
	}
}
