package write

import (
	"context"
	"errors"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// compactAppend compacts the files of a table without a primary key.
// Source: AppendCompactCoordinator for unaware buckets, where full is as
// minor: only small files are worth it; BucketedAppendCompactManager for
// buckets whose order counts.
func compactAppend(ctx context.Context, t *table.Table, splits []scan.Split, full bool) ([]spec.CommitMessage, error) {
	p := newAppendPolicy(t.Options)
	messages := make([]spec.CommitMessage, len(splits))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range splits {
		messages[i] = spec.CommitMessage{Partition: s.Partition, Bucket: s.Bucket, TotalBuckets: s.TotalBuckets}
		tasks := p.tasks(t, s, full)
		results := make([][]spec.DataFileMeta, len(tasks))
		g.Go(func() error {
			// Tasks of one bucket run one after the other: partitions are many.
			for j, task := range tasks {
				var err error
				if results[j], err = rewriteAppend(gctx, t, appendJob{id: bucketID{string(s.Partition), int32(s.Bucket)}, files: task}); err != nil {
					return err
				}
				messages[i].CompactBefore = append(messages[i].CompactBefore, task...)
				messages[i].CompactAfter = append(messages[i].CompactAfter, results[j]...)
			}
			return nil
		})
	}
	return messages, g.Wait()
}

// tasks plans one bucket.
func (p appendPolicy) tasks(t *table.Table, s scan.Split, full bool) [][]spec.DataFileMeta {
	var picked []spec.DataFileMeta
	switch {
	case t.Options.Bucket == -1:
		tasks, _ := p.pack(p.candidates(s.Files))
		return tasks
	case full:
		picked = p.full(s.Files)
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
	in, err := datafile.OpenRows(ctx, files.RowReadOptions(nil), files.Path(f), f)
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
