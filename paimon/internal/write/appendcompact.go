package write

import (
	"context"
	"errors"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// compactAppend compacts the files of a table without a primary key.
// Source: AppendCompactCoordinator for unaware buckets, where full is as
// minor: only small files are worth it; BucketedAppendCompactManager for
// buckets whose order counts.
func compactAppend(ctx context.Context, t *table.Table, snap *spec.Snapshot, splits []scan.Split, full bool) ([]spec.CommitMessage, error) {
	vectors, indexes, err := openVectors(ctx, t, snap)
	if err != nil {
		return nil, err
	}
	p := newAppendPolicy(t.Options)
	messages := make([]spec.CommitMessage, len(splits))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range splits {
		tasks := p.tasks(t, s, full)
		if len(tasks) == 0 {
			continue
		}
		bw, err := openAppend(t, s, vectors, indexes[scan.Bucket{Partition: string(s.Partition), Number: s.Bucket}])
		if err != nil {
			return messages, errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			defer func() { messages[i] = bw.message }()
			// Tasks of one bucket run one after the other: partitions are many.
			for _, task := range tasks {
				after, err := rewriteAppend(gctx, t, appendJob{id: bw.id, files: task, dead: bw.source()})
				if err != nil {
					return err
				}
				if err := bw.compacted(gctx, lsm.CompactResult{Before: task, After: after}); err != nil {
					return err
				}
			}
			return bw.writeDeletions(gctx)
		})
	}
	return messages, g.Wait()
}

// openAppend takes up a bucket as a dedicated compaction does.
func openAppend(t *table.Table, s scan.Split, vectors *deletion.Files, base []spec.IndexFileMeta) (*bucketWriter, error) {
	files, err := t.Files(s.Partition, s.Bucket, nil)
	if err != nil {
		return nil, err
	}
	bw := &bucketWriter{id: bucketID{string(s.Partition), int32(s.Bucket)}, files: files}
	bw.reset(s.TotalBuckets)
	return bw, bw.openDeletions(vectors, base)
}

// tasks plans one bucket.
func (p appendPolicy) tasks(t *table.Table, s scan.Split, full bool) [][]spec.DataFileMeta {
	var picked []spec.DataFileMeta
	switch {
	case t.Options.Bucket == -1:
		whole, marked := p.candidates(s.Files, s.Deletions)
		tasks, _ := p.pack(whole)
		return append(p.packMarked(marked), tasks...)
	case full:
		picked = p.full(s.Files, s.Deletions)
	default:
		picked, _ = p.next(s.Files)
	}
	if len(picked) == 0 {
		return nil
	}
	return [][]spec.DataFileMeta{picked}
}

// appendJob is the rewriting of some files of one bucket.
type appendJob struct {
	id    bucketID
	files []spec.DataFileMeta
	own   []spec.DataFileMeta // those that are not committed yet
	dead  deletion.Source     // of rows that are left out; nil for none
}

// rewriteAppend writes the rows of the files, in this order, into new ones. On
// error nothing is left of them. Source: BaseAppendFileStoreWrite.compactRewrite.
func rewriteAppend(ctx context.Context, t *table.Table, j appendJob) ([]spec.DataFileMeta, error) {
	for i := range j.files {
		if err := checkSchema(t, &j.files[i]); err != nil {
			return nil, err
		}
	}
	files, err := t.Files([]byte(j.id.partition), int(j.id.bucket), nil)
	if err != nil {
		return nil, err
	}
	files = files.WithDeletions(j.dead)
	out, err := files.RowWriter(ctx, j.files[0].MinSequence, spec.SourceCompact)
	if err != nil {
		return nil, err
	}
	for i := range j.files {
		if err := copyRows(ctx, files, &j.files[i], out); err != nil {
			out.Abort()
			if errors.Is(err, errs.ErrNotFound) && replaced(ctx, t, j.id, j.files, j.own) {
				err = &errs.ConflictError{Table: t.Name, Detail: "another job compacted or overwrote files that this one was compacting, and they have been deleted since: " + err.Error()}
			}
			return nil, err
		}
	}
	return out.Close()
}

func copyRows(ctx context.Context, files *table.BucketFiles, f *spec.DataFileMeta, out *datafile.RowWriter) error {
	in, err := files.OpenRows(ctx, files.RowReadOptions(nil), f)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		rows, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = out.Write(rows)
		rows.Release()
		if err != nil {
			return err
		}
	}
}
