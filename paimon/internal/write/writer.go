// Package write takes batches of rows to the buckets of a table and makes
// commit messages of them.
//
// The way of a batch:
//
//  1. rows that the table ignores (`ignore-delete`) are left out; NULL in a
//     NOT NULL column is an error;
//  2. keys are encoded once for the whole batch;
//  3. rows are routed to partitions and buckets as lists of row numbers: the
//     batch itself is shared by all buckets, never copied;
//  4. the LSM buffer sorts, folds and writes level-0 files when the commit is
//     prepared, all buckets in parallel;
//  5. unless the table is write-only, compactions run beside and their results
//     join the commit that finds them finished.
package write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/bucket"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Options of a writer.
type Options struct {
	// Budget bounds the memory of all writers that share it.
	Budget *lsm.Budget
	// SpillDir is a local directory for what does not fit; "" to flush early
	// instead.
	SpillDir string
	// Overwrite says that the rows replace what is there: buckets start empty.
	Overwrite bool
	// KindsGiven says that rows have their kinds, whatever 'rowkind.field' says:
	// a row to delete still says +I there.
	KindsGiven bool
	// Batch says that the rows are all that a job writes: those of a table with
	// postponed buckets go to real ones then ('postpone.batch-write-fixed-bucket').
	Batch bool
	// User is the job, for the names of files in postponed buckets; "" for any.
	User string
	// NoCompaction writes level-0 files only, whatever 'write-only' says.
	NoCompaction bool
}

// Writer writes one table. It serves one goroutine.
type Writer struct {
	t       *table.Table
	o       Options
	router  *router
	buffer  *lsm.Buffer // tables with a primary key
	plain   *plain      // rows that are not merged when written
	buckets map[bucketID]*bucketWriter
	index   *bucket.Index // dynamic buckets
	cross   *crossing     // keys that move between partitions; nil before the first row
	keys    *columnar.KeyEncoder
	seqs    *columnar.KeyEncoder // `sequence.field`; nil for none
	base    *spec.Snapshot       // state that buckets are restored from
	live    map[bucketID]scan.Split
	seen    int64 // newest snapshot whose files are known
	fresh   bool  // looked for newer ones since the last commit
	compact *compactions
	appends *appendCompactions // tables without a primary key
	// deletions writes deletion vectors, nil where no compaction makes any;
	// indexes are the committed ones.
	deletions *deletion.Files
	indexes   map[scan.Bucket][]spec.IndexFileMeta
	ignore    func(types.RowKind) bool
	defaults  defaults
	kinds     int // column of 'rowkind.field'; -1: rows have theirs
	commits   int64
}

type bucketID struct {
	partition string
	bucket    int32
}

// New makes a writer on the newest snapshot.
func New(ctx context.Context, t *table.Table, o Options) (*Writer, error) {
	if err := t.CheckWritable(); err != nil {
		return nil, err
	}
	w := &Writer{t: t, o: o, buckets: map[bucketID]*bucketWriter{}, kinds: -1}
	var err error
	if w.defaults, err = newDefaults(t.Schema.Fields); err != nil {
		return nil, fmt.Errorf("write table %s: %w", t.Name, err)
	}
	if !o.KindsGiven {
		if w.kinds, err = kindColumn(t); err != nil {
			return nil, fmt.Errorf("write table %s: %w", t.Name, err)
		}
	}
	if w.router, err = newRouter(t); err != nil {
		return nil, err
	}
	if w.base, err = t.History.Snapshots.Latest(ctx); err != nil {
		return nil, fmt.Errorf("write table %s: %w", t.Name, err)
	}
	if postponed(t, o) {
		w.router.postponed = true
		w.setIgnore()
		return w, w.openPostponed()
	}
	if err := w.restore(ctx); err != nil {
		return nil, err
	}
	w.setIgnore()
	if !t.Keyed() {
		if !t.Options.WriteOnly && !o.NoCompaction && !o.Overwrite {
			w.watchAppends()
		}
		w.plain, err = newPlain(t, o)
		return w, err
	}
	if t.Options.Bucket == -1 && !t.Schema.CrossPartition() {
		w.index = bucket.New(t.Store, t.IndexPath, bucket.Options{TargetRows: t.Options.DynamicBucketTargetRows, MaxBuckets: t.Options.DynamicBucketMax}, w.currentIndex)
	}
	w.keys = columnar.NewKeyEncoder(typesAt(t.Schema.Fields, t.KeyAt), columnar.KeyOptions{})
	if len(t.SeqAt) > 0 {
		w.seqs = columnar.NewKeyEncoder(typesAt(t.Schema.Fields, t.SeqAt), columnar.KeyOptions{Descending: t.Options.SequenceDescending})
	}
	return w, w.openBuffer()
}

func typesAt(fields []types.Field, at []int) []types.Type {
	out := make([]types.Type, len(at))
	for i, j := range at {
		out[i] = fields[j].Type
	}
	return out
}

// restore finds the live files of all buckets: sequence numbers go on after
// theirs, and compaction works on them.
func (w *Writer) restore(ctx context.Context) error {
	w.live = map[bucketID]scan.Split{}
	if w.base != nil {
		w.seen = w.base.ID
	}
	postponed := w.t.Options.Bucket == datafile.PostponeBucket
	if w.o.Overwrite && !postponed {
		return nil
	}
	splits, err := w.t.Scanner.Live(ctx, w.base, scan.Request{AllLevels: true})
	if err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	if postponed {
		w.router.counts = realBuckets(splits)
		if w.o.Overwrite {
			return nil
		}
	}
	if w.indexes, err = w.t.Scanner.DeletionFiles(ctx, w.base); err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	for _, s := range splits {
		if w.t.Options.Bucket > 0 && s.TotalBuckets > 0 && s.TotalBuckets != w.t.Options.Bucket {
			w.router.rescaled[string(s.Partition)] = s.TotalBuckets
		}
		w.live[bucketID{string(s.Partition), int32(s.Bucket)}] = s
	}
	return nil
}

// watchAppends looks for files to compact among those that are there.
func (w *Writer) watchAppends() {
	w.appends = newAppendCompactions(w.t)
	if w.t.Options.DeletionVectors.Enabled {
		w.deletions = w.t.DeletionFiles()
	}
	for id, s := range w.live {
		w.appends.changed(id, &fileChanges{came: s.Files})
	}
	if w.appends.unaware() {
		w.live = nil // there is no order to go on with
	}
}

func (w *Writer) setIgnore() {
	o := w.t.Options
	switch {
	case o.IgnoreDelete:
		w.ignore = types.RowKind.IsRetract
	case o.IgnoreUpdateBefore:
		w.ignore = func(k types.RowKind) bool { return k == types.UpdateBefore }
	}
}

func (w *Writer) openBuffer() error {
	read, _, err := w.t.ReadOptions(nil)
	if err != nil {
		return err
	}
	w.buffer, err = lsm.NewBuffer(lsm.BufferOptions{
		NewEngine: read.NewEngine, Fold: w.t.Folds(), InputChangelog: w.t.Options.Changelog.Producer == options.ChangelogInput && !w.o.Overwrite,
		Budget: w.o.Budget, SpillDir: w.o.SpillDir, SpillCompression: w.t.Raw["spill-compression"],
	})
	if err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	if !w.t.Options.WriteOnly && !w.o.NoCompaction && w.t.Options.Bucket != datafile.PostponeBucket {
		w.compact = newCompactions(w.t, read, w.o.Overwrite)
		if w.t.Options.DeletionVectors.Enabled {
			w.deletions = w.t.DeletionFiles()
		}
	}
	return nil
}

func (w *Writer) currentIndex(ctx context.Context, partition []byte) ([]spec.IndexManifestEntry, error) {
	if w.o.Overwrite {
		return nil, nil
	}
	snap, err := w.t.History.Snapshots.Latest(ctx) // the one that the writer began with may have expired
	if err != nil || snap == nil || snap.IndexManifest == nil {
		return nil, err
	}
	all, err := w.t.Manifests.ReadIndex(ctx, *snap.IndexManifest)
	if err != nil {
		return nil, err
	}
	var out []spec.IndexManifestEntry
	for _, e := range all {
		if e.File.IndexType == bucket.IndexType && bytes.Equal(e.Partition, partition) {
			out = append(out, e)
		}
	}
	return out, nil
}

// Write takes the rows of b, which has all columns of the table in order. It
// keeps references to b's memory, which must not change afterwards; b itself
// stays the caller's to release.
func (w *Writer) Write(ctx context.Context, b columnar.Batch) error {
	n := int(b.Rows.NumRows())
	if n == 0 {
		return nil
	}
	if int(b.Rows.NumCols()) != len(w.t.Schema.Fields) {
		return errs.Invalid("write table %s: %d columns, the table has %d", w.t.Name, b.Rows.NumCols(), len(w.t.Schema.Fields))
	}
	if err := w.check(b); err != nil {
		return err
	}
	if w.defaults != nil {
		var err error
		if b, err = w.defaults.fill(b); err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
		defer b.Rows.Release()
	}
	if w.kinds >= 0 {
		var err error
		if b, err = withKinds(b, w.kinds, w.t.Name); err != nil {
			return err
		}
	}
	rows := w.selected(b)
	if rows != nil && len(rows) == 0 {
		return nil
	}
	if w.plain == nil || w.t.Options.Bucket > 0 { // where sequence numbers count
		if err := w.refresh(ctx); err != nil {
			return err
		}
	}
	if w.plain != nil {
		return w.append(ctx, b, rows)
	}
	if w.t.Schema.CrossPartition() {
		return w.writeCrossing(ctx, b, rows)
	}
	routes, err := w.router.route(ctx, b.Rows, rows, w.index)
	if err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	return w.addRoutes(ctx, b, routes)
}

// addRoutes buffers the rows of a batch for their buckets.
func (w *Writer) addRoutes(ctx context.Context, b columnar.Batch, routes []route) error {
	n := int(b.Rows.NumRows())
	kv := &columnar.KV{Rows: b.Rows, Kinds: b.Kinds}
	var err error
	if kv.Keys, err = w.keys.Encode(columnsAt(b.Rows, w.t.KeyAt)); err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	if w.seqs != nil {
		if kv.UserSeq, err = w.seqs.Encode(columnsAt(b.Rows, w.t.SeqAt)); err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
	}
	for _, r := range routes {
		bw, err := w.bucket(r.partition, r.bucket)
		if err != nil {
			return err
		}
		err = w.buffer.Add(ctx, bw.ref, kv, r.rows, bw.nextSeq)
		if errors.Is(err, lsm.ErrBufferFull) { // no place to spill to: level 0 gets its files early
			if err = w.flush(ctx); err == nil {
				err = w.buffer.Add(ctx, bw.ref, kv, r.rows, bw.nextSeq)
			}
		}
		if err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
		bw.nextSeq += int64(r.count(n))
	}
	return nil
}

// check refuses rows that the table cannot hold.
func (w *Writer) check(b columnar.Batch) error {
	for i, f := range w.t.Schema.Fields {
		col := b.Rows.Column(i)
		if f.Type.Nullable || col.NullN() == 0 {
			continue
		}
		key := slices.Contains(w.t.KeyAt, i) || slices.Contains(w.t.PartAt, i)
		for row := range col.Len() {
			if !col.IsNull(row) || w.ignore != nil && w.ignore(b.Kind(row)) {
				continue
			}
			if !key && b.Kind(row).IsRetract() {
				continue // it may know only the key; where it reaches a file, that refuses it
			}
			return errs.Invalid("write table %s: column %s is NOT NULL, row %d of the batch has NULL in it", w.t.Name, f.Name, row)
		}
	}
	return nil
}

// selected gives the rows that are not ignored; nil for all.
func (w *Writer) selected(b columnar.Batch) []int32 {
	if w.ignore == nil || b.Kinds == nil || !slices.ContainsFunc(b.Kinds, w.ignore) {
		return nil
	}
	rows := make([]int32, 0, len(b.Kinds))
	for i, k := range b.Kinds {
		if !w.ignore(k) {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// Prepare writes what is buffered and gives the commit messages. wait makes it
// wait for running compactions (the end of a batch job); otherwise only where
// the table's options say so.
func (w *Writer) Prepare(ctx context.Context, wait bool) ([]spec.CommitMessage, error) {
	w.commits++
	w.fresh = false
	if err := w.flush(ctx); err != nil {
		return nil, fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	active := w.sorted()
	if w.compact != nil && len(active) > 0 {
		w.fresh = false
		if err := w.refresh(ctx); err != nil {
			return nil, err
		}
		w.fresh = false // the next commit comes in between
		full := w.t.Options.Compaction.FullEvery > 0 && w.commits%int64(w.t.Options.Compaction.FullEvery) == 0
		if err := w.compact.step(ctx, active, wait || w.t.Options.Commit.ForceCompact, full); err != nil {
			return nil, fmt.Errorf("compact table %s: %w", w.t.Name, err)
		}
	}
	if w.appends != nil {
		if err := w.compactAppends(ctx, wait || w.t.Options.Commit.ForceCompact); err != nil {
			return nil, fmt.Errorf("compact table %s: %w", w.t.Name, err)
		}
		active = w.sorted()
	}
	return w.messages(ctx, active)
}

// compactAppends learns what was committed since and lets compactions go on.
func (w *Writer) compactAppends(ctx context.Context, wait bool) error {
	if err := w.refresh(ctx); err != nil {
		return err
	}
	w.fresh = false // the next commit comes in between
	for _, bw := range w.sorted() {
		w.appends.add(bw.id, bw.message.NewFiles)
	}
	return w.appends.step(ctx, w, wait)
}

// sorted gives the buckets in the order of their names.
func (w *Writer) sorted() []*bucketWriter {
	active := make([]*bucketWriter, 0, len(w.buckets))
	for _, bw := range w.buckets {
		active = append(active, bw)
	}
	slices.SortFunc(active, func(a, b *bucketWriter) int { return a.id.compare(b.id) })
	return active
}

// flush writes what is buffered to level-0 files, buckets in parallel.
func (w *Writer) flush(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, bw := range w.sorted() {
		g.Go(func() error { return bw.flush(gctx, w) })
	}
	err := g.Wait()
	if err == nil && w.plain != nil {
		w.plain.open = 0
	}
	return err
}

func (w *Writer) messages(ctx context.Context, active []*bucketWriter) ([]spec.CommitMessage, error) {
	var out []spec.CommitMessage
	at := map[bucketID]int{}
	for _, bw := range active {
		if err := bw.writeDeletions(ctx); err != nil {
			return nil, fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
		m := bw.take()
		if m.Empty() {
			continue
		}
		at[bw.id] = len(out)
		out = append(out, m)
	}
	if w.cross != nil {
		w.cross.setKnown(out)
	}
	if w.index == nil {
		return out, nil
	}
	changes, err := w.index.Prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	for _, c := range changes {
		id := bucketID{string(c.Partition), int32(c.Bucket)}
		i, ok := at[id]
		if !ok {
			i = len(out)
			out = append(out, spec.CommitMessage{Partition: c.Partition, Bucket: c.Bucket, TotalBuckets: w.t.Options.Bucket})
		}
		out[i].NewIndexFiles = append(out[i].NewIndexFiles, c.New)
		if c.Old != nil {
			out[i].DeletedIndexFiles = append(out[i].DeletedIndexFiles, *c.Old)
		}
	}
	return out, nil
}

// Rows is the number of rows buffered since the last Prepare.
func (w *Writer) Rows() int64 {
	var n int64
	for _, bw := range w.buckets {
		n += bw.buffered(w)
	}
	return n
}

// Close stops compactions and drops what is buffered. Files that were written
// but never given to a commit are deleted.
func (w *Writer) Close(ctx context.Context) error {
	if w.compact != nil {
		w.compact.stop()
	}
	if w.appends != nil {
		w.appends.stop()
	}
	for _, bw := range w.buckets {
		bw.discard(context.WithoutCancel(ctx))
	}
	if w.cross != nil {
		if err := w.cross.known.Close(); err != nil {
			return err
		}
	}
	if w.plain != nil {
		return w.plain.buffer.Close()
	}
	if w.buffer != nil {
		return w.buffer.Close()
	}
	return nil
}
