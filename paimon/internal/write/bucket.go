package write

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// bucketWriter is the state of one bucket: where its sequence numbers are,
// which files it made since the last commit.
type bucketWriter struct {
	id      bucketID
	files   *table.BucketFiles
	ref     lsm.BucketRef
	nextSeq int64
	levels  *lsm.Levels // nil when no compaction runs here
	state   lsm.PickState
	message spec.CommitMessage
	dead    *deletion.Bucket // deletion vectors, where compaction runs; nil for none

	// Rows that go to files in the order they come, see plain.
	direct    lsm.Writer // nil: no file is open
	queued    bool       // they wait in plain's buffer, as bucket ref
	queuedSeq int64      // sequence number of the first of them
	hasRef    bool
	plainRows int64
}

func (id bucketID) compare(o bucketID) int {
	return cmp.Or(strings.Compare(id.partition, o.partition), cmp.Compare(id.bucket, o.bucket))
}

// bucket gives the writer of a bucket, restoring it on first use.
func (w *Writer) bucket(partition string, b int32) (*bucketWriter, error) {
	id := bucketID{partition, b}
	if bw := w.buckets[id]; bw != nil {
		return bw, nil
	}
	files, err := w.t.Files([]byte(partition), int(b), nil)
	if err != nil {
		return nil, err
	}
	bw := &bucketWriter{id: id, files: files}
	bw.reset(w.router.total(partition))
	live := w.live[id]
	bw.raise(live.Files)
	if w.buffer != nil {
		bw.ref = w.buffer.Bucket()
	}
	if w.compact != nil {
		if bw.levels, err = lsm.NewLevels(w.t.KeyOf, w.t.Options.Compaction.NumLevels, live.Files); err != nil {
			return nil, err
		}
	}
	if err := bw.openDeletions(w.deletions, w.indexes[id.scan()]); err != nil {
		return nil, err
	}
	w.buckets[id] = bw
	return bw, nil
}

func (bw *bucketWriter) reset(totalBuckets int) {
	bw.message = spec.CommitMessage{Partition: []byte(bw.id.partition), Bucket: int(bw.id.bucket), TotalBuckets: totalBuckets}
}

func (id bucketID) scan() scan.Bucket {
	return scan.Bucket{Partition: id.partition, Number: int(id.bucket)}
}

// openDeletions takes up the deletion vectors of the bucket; files is nil for
// tables without any.
func (bw *bucketWriter) openDeletions(files *deletion.Files, base []spec.IndexFileMeta) (err error) {
	if files == nil {
		return nil
	}
	if bw.dead, err = deletion.OpenBucket(files, []byte(bw.id.partition), int(bw.id.bucket), base); err != nil {
		return err
	}
	bw.files = bw.files.WithDeletions(bw.dead)
	return nil
}

// writeDeletions adds the index file of new deletion vectors to the message.
func (bw *bucketWriter) writeDeletions(ctx context.Context) error {
	if bw.dead == nil || !bw.dead.Changed() {
		return nil
	}
	var keep func(file string) bool // append tables delete rows of files that their writers do not know
	if bw.levels != nil {
		live := map[string]bool{}
		for _, f := range bw.levels.Files() {
			live[f.FileName] = true
		}
		keep = func(file string) bool { return live[file] }
	}
	added, removed, err := bw.dead.Write(ctx, keep)
	bw.message.CompactNewIndexFiles = append(bw.message.CompactNewIndexFiles, added...)
	bw.message.CompactDeletedIndexFiles = append(bw.message.CompactDeletedIndexFiles, removed...)
	return err
}

// source gives the deleted rows of the bucket's files; nil for none.
func (bw *bucketWriter) source() deletion.Source {
	if bw.dead == nil {
		return nil
	}
	return bw.dead
}

// take gives the message of the commit being prepared and starts the next.
func (bw *bucketWriter) take() spec.CommitMessage {
	m := bw.message
	bw.reset(m.TotalBuckets)
	return m
}

func (bw *bucketWriter) buffered(w *Writer) int64 {
	switch {
	case w.plain != nil:
		return bw.plainRows
	case w.buffer != nil:
		return w.buffer.Rows(bw.ref)
	}
	return 0
}

// flush writes the buffered rows to level-0 files.
func (bw *bucketWriter) flush(ctx context.Context, w *Writer) error {
	if w.plain != nil {
		return w.plain.flush(ctx, bw)
	}
	if w.buffer.Rows(bw.ref) == 0 {
		return nil
	}
	r, err := w.buffer.Flush(ctx, bw.ref, bw.files)
	if err != nil {
		return err
	}
	bw.message.NewFiles = append(bw.message.NewFiles, r.Files...)
	bw.message.ChangelogFiles = append(bw.message.ChangelogFiles, r.Changelog...)
	if bw.levels != nil {
		return bw.levels.Update(nil, r.Files)
	}
	return nil
}

// compacted takes the result of a compaction. A file that an earlier, not yet
// committed compaction made and this one replaced is in no snapshot: it leaves
// the message, and its bytes go unless it only changed level.
func (bw *bucketWriter) compacted(ctx context.Context, r lsm.CompactResult) error {
	m := &bw.message
	for _, before := range r.Before {
		at := slices.IndexFunc(m.CompactAfter, func(f spec.DataFileMeta) bool { return f.FileName == before.FileName })
		if at < 0 {
			m.CompactBefore = append(m.CompactBefore, before)
			continue
		}
		m.CompactAfter = slices.Delete(m.CompactAfter, at, at+1)
		name := func(f spec.DataFileMeta) bool { return f.FileName == before.FileName }
		if !slices.ContainsFunc(r.After, name) && !slices.ContainsFunc(m.CompactBefore, name) {
			if err := bw.files.Delete(ctx, before); err != nil {
				return err
			}
		}
	}
	if err := bw.markDead(ctx, &r); err != nil {
		return err
	}
	m.CompactAfter = append(m.CompactAfter, r.After...)
	m.CompactChangelog = append(m.CompactChangelog, r.Changelog...)
	if bw.levels == nil {
		return nil
	}
	return bw.levels.Update(r.Before, r.After)
}

// markDead takes over what a compaction says of deleted rows.
func (bw *bucketWriter) markDead(ctx context.Context, r *lsm.CompactResult) error {
	if bw.dead == nil {
		return nil
	}
	if err := bw.dead.Mark(ctx, r.Dead); err != nil {
		return err
	}
	stays := map[string]bool{}
	for i := range r.After {
		stays[r.After[i].FileName] = true
	}
	for i := range r.Before {
		if name := r.Before[i].FileName; !stays[name] {
			bw.dead.Drop(name)
		}
	}
	return nil
}

// discard deletes files that no commit took.
func (bw *bucketWriter) discard(ctx context.Context) {
	if bw.direct != nil {
		bw.direct.Abort()
	}
	m := bw.message
	var made []spec.DataFileMeta
	made = append(made, m.NewFiles...)
	made = append(made, m.ChangelogFiles...)
	made = append(made, m.CompactChangelog...)
	for _, f := range m.CompactAfter {
		if !slices.ContainsFunc(m.CompactBefore, func(b spec.DataFileMeta) bool { return b.FileName == f.FileName }) {
			made = append(made, f)
		}
	}
	_ = bw.files.Delete(ctx, made...) // what stays is an orphan
	_ = bw.files.DeleteIndex(ctx, slices.Concat(m.NewIndexFiles, m.CompactNewIndexFiles)...)
}

// append writes rows as they come: of a table without a primary key, or into
// postponed buckets.
func (w *Writer) append(ctx context.Context, b columnar.Batch, rows []int32) error {
	for i := range b.Kinds {
		if k := b.Kinds[i]; !w.t.Keyed() && k.IsRetract() && (w.ignore == nil || !w.ignore(k)) {
			return errRetract(w.t.Name, k.String())
		}
	}
	routes, err := w.router.route(ctx, b.Rows, rows, nil)
	if err != nil {
		return err
	}
	kv := &columnar.KV{Rows: b.Rows, Kinds: b.Kinds}
	for _, r := range routes {
		bw, err := w.bucket(r.partition, r.bucket)
		if err != nil {
			return err
		}
		if err := w.plain.add(ctx, w, bw, kv, r.rows); err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
	}
	return nil
}

// gather gives the listed rows of a batch; nil means all.
func gather(b arrow.RecordBatch, rows []int32) (arrow.RecordBatch, error) {
	if rows == nil {
		b.Retain()
		return b, nil
	}
	refs := make([]columnar.Ref, len(rows))
	for i, r := range rows {
		refs[i].Row = r
	}
	cols := make([]arrow.Array, b.NumCols())
	for i := range cols {
		c, err := columnar.Gather(memory.DefaultAllocator, []arrow.Array{b.Column(i)}, refs)
		if err != nil {
			return nil, err
		}
		cols[i] = c
	}
	out := array.NewRecordBatch(b.Schema(), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return out, nil
}
