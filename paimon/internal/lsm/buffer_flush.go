package lsm

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
)

// Flush sorts the rows of bucket, folds them by key and writes them to level-0
// files; the bucket is then empty. Different buckets may be flushed at the same
// time. After an error no file is left and the rows are still there.
func (b *Buffer) Flush(ctx context.Context, bucket BucketRef, files Files) (FlushResult, error) {
	taken := b.takeRows(bucket)
	if taken.rows == 0 {
		return FlushResult{}, nil
	}
	f := flusher{b: b, folder: newFolder(b.o.NewEngine(), b.mem, nil)}
	f.data = newPipe(files.NewWriter(ctx, 0, spec.SourceAppend))
	if b.o.InputChangelog {
		f.changelog = newPipe(files.NewChangelogWriter(ctx, 0))
	}
	err := f.write(ctx, taken)
	var res FlushResult
	if err == nil {
		res, err = f.finish(ctx, files)
	} else {
		f.data.abort()
		if f.changelog != nil {
			f.changelog.abort()
		}
	}
	if err != nil {
		b.putBack(bucket, taken)
		return FlushResult{}, fmt.Errorf("flush write buffer: %w", err)
	}
	return res, b.forget(taken)
}

// takeRows empties the bucket; its batches are no longer asked to spill.
func (b *Buffer) takeRows(bucket BucketRef) *bucketRows {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.buckets[bucket]
	b.buckets[bucket] = &bucketRows{}
	for _, c := range taken.chunks {
		c.p.busy++
	}
	return taken
}

func (b *Buffer) putBack(bucket BucketRef, taken *bucketRows) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.buckets[bucket]
	for _, c := range taken.chunks {
		c.p.busy--
	}
	t.chunks = append(taken.chunks, t.chunks...)
	t.segments = append(taken.segments, t.segments...)
	t.rows += taken.rows
}

func (b *Buffer) forget(taken *bucketRows) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range taken.chunks {
		c.p.busy--
		b.drop(c.p)
	}
	var errs []error
	for _, s := range taken.segments {
		errs = append(errs, s.file.release())
	}
	return errors.Join(errs...)
}

// flusher writes the rows of one bucket.
type flusher struct {
	b               *Buffer
	folder          *folder
	data, changelog *pipe
}

func (f *flusher) finish(ctx context.Context, files Files) (FlushResult, error) {
	var res FlushResult
	var err error
	if res.Files, err = f.data.close(); err != nil {
		if f.changelog != nil {
			f.changelog.abort()
		}
		return FlushResult{}, err
	}
	if f.changelog != nil {
		if res.Changelog, err = f.changelog.close(); err != nil {
			return FlushResult{}, errors.Join(err, files.Delete(context.WithoutCancel(ctx), res.Files...))
		}
	}
	return res, nil
}

func (f *flusher) write(ctx context.Context, t *bucketRows) error {
	var sorter columnar.Sorter
	rows := sortChunks(&sorter, t.chunks)
	if len(t.segments) == 0 {
		return rows.windows(f.b.o.BatchRows, func(w *merge.Window) error { return f.window(ctx, w) })
	}
	if err := f.b.reduceSegments(ctx, t); err != nil {
		return err
	}
	runs := segmentRuns(t.segments)
	if len(rows.refs) > 0 {
		runs = append(runs, &cursor{run: &memoryRun{rows: rows, mem: f.b.mem}})
	}
	m, err := newMerger(runs, nil, MergeAll, false, f.b.o.BatchRows)
	if err != nil {
		return err
	}
	if f.b.o.Fold && f.changelog == nil {
		m.fold = f.folder.foldKey
	}
	for {
		s, err := m.next()
		if s == stepEnd || err != nil {
			return errors.Join(err, m.close())
		}
		if err := f.window(ctx, &m.view.Window); err != nil {
			return errors.Join(err, m.close())
		}
	}
}

// window writes the raw rows as changelog and the folded ones as data.
func (f *flusher) window(ctx context.Context, w *merge.Window) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.changelog != nil {
		raw, err := gatherKV(f.b.mem, w.Sources, w.Refs, false)
		if err != nil {
			return err
		}
		if err := f.changelog.write(raw); err != nil {
			return err
		}
	}
	out, _, err := f.folder.fold(w, false)
	if out == nil || err != nil {
		return err
	}
	return f.data.write(out)
}

// windows gives the rows in windows of about size rows and whole keys.
func (s *sortedRows) windows(size int, do func(*merge.Window) error) error {
	w := merge.Window{Sources: s.sources}
	for k := 0; k < len(s.starts)-1; {
		from := s.starts[k]
		w.Starts = w.Starts[:0]
		for k < len(s.starts)-1 && (len(w.Starts) == 0 || int(s.starts[k+1]-from) <= size) {
			w.Starts = append(w.Starts, s.starts[k]-from)
			k++
		}
		w.Starts = append(w.Starts, s.starts[k]-from)
		w.Refs = s.refs[from:s.starts[k]]
		if err := do(&w); err != nil {
			return err
		}
	}
	return nil
}

// memoryRun gives sorted rows in batches, to be merged with spilled segments.
type memoryRun struct {
	rows sortedRows
	at   int
	mem  memory.Allocator
}

func (r *memoryRun) next() (*columnar.KV, int32, error) {
	n := min(spillRows, len(r.rows.refs)-r.at)
	if n == 0 {
		return nil, 0, io.EOF
	}
	b, err := gatherKV(r.mem, r.rows.sources, r.rows.refs[r.at:r.at+n], true)
	r.at += n
	return b, 0, err
}

func (r *memoryRun) seek([]byte) error { return nil }
func (r *memoryRun) close() error      { return nil }

func segmentRuns(segments []*segment) []*cursor {
	var runs []*cursor
	for _, s := range segments {
		runs = append(runs, &cursor{run: &segmentRun{s: s, mem: memory.NewGoAllocator()}})
	}
	return runs
}

// reclaim implements holder: it sorts the rows of every bucket and writes them
// to one spill file, a segment for each.
func (b *Buffer) reclaim(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	file, err := b.spills.create()
	if err != nil {
		return err
	}
	var sorter columnar.Sorter
	for _, t := range b.buckets {
		if len(t.chunks) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(err, file.release())
		}
		rows := sortChunks(&sorter, t.chunks)
		w := newSegmentWriter(file, b.spills.codec)
		for at := 0; at < len(rows.refs); at += spillRows {
			if err := w.write(b.mem, rows.sources, rows.refs[at:min(at+spillRows, len(rows.refs))]); err != nil {
				return errors.Join(err, file.release())
			}
		}
		s, err := w.close()
		if err != nil {
			return errors.Join(err, file.release())
		}
		t.segments = append(t.segments, s)
		for _, c := range t.chunks {
			b.drop(c.p)
		}
		t.chunks = nil
	}
	return file.release()
}

// reduceSegments merges the oldest segments of t into one while there are too
// many to be merged at once. Rows stay as they are.
func (b *Buffer) reduceSegments(ctx context.Context, t *bucketRows) error {
	for len(t.segments) > b.o.MaxFanIn {
		some := t.segments[:b.o.MaxFanIn]
		file, err := b.spills.create()
		if err != nil {
			return err
		}
		one, err := b.mergeSegments(ctx, file, some)
		if err = errors.Join(err, file.release()); err != nil {
			return err
		}
		t.segments = append([]*segment{one}, t.segments[b.o.MaxFanIn:]...)
		for _, s := range some {
			err = errors.Join(err, s.file.release())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Buffer) mergeSegments(ctx context.Context, file *spillFile, some []*segment) (*segment, error) {
	m, err := newMerger(segmentRuns(some), nil, MergeAll, false, spillRows)
	if err != nil {
		return nil, err
	}
	w := newSegmentWriter(file, b.spills.codec)
	for {
		s, err := m.next()
		if err == nil {
			err = ctx.Err()
		}
		if s == stepWindow && err == nil {
			err = w.write(b.mem, m.view.Sources, m.view.Refs)
		}
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		if s == stepEnd {
			one, err := w.close()
			return one, errors.Join(err, m.close())
		}
	}
}
