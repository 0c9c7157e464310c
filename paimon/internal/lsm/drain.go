package lsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
)

// Drain gives the rows of bucket in the order of their keys and sequence
// numbers, none merged and none left out; then the bucket is empty. Batches
// have no keys and are do's until it returns. Rows with the same key are in
// memory together: where that could be many, put a number behind the key.
// After an error the rows are still there.
func (b *Buffer) Drain(ctx context.Context, bucket BucketRef, do func(*columnar.KV) error) error {
	taken := b.takeRows(bucket)
	if taken.rows == 0 {
		return nil
	}
	if err := b.drain(ctx, taken, do); err != nil {
		b.putBack(bucket, taken)
		return fmt.Errorf("drain write buffer: %w", err)
	}
	return b.forget(taken)
}

func (b *Buffer) drain(ctx context.Context, t *bucketRows, do func(*columnar.KV) error) error {
	window := func(w *merge.Window) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := gatherKV(b.mem, w.Sources, w.Refs, false)
		if err != nil {
			return err
		}
		defer rows.Release()
		return do(rows)
	}
	var sorter columnar.Sorter
	rows := sortChunks(&sorter, t.chunks)
	if len(t.segments) == 0 {
		return rows.windows(b.o.BatchRows, window)
	}
	if err := b.reduceSegments(ctx, t); err != nil {
		return err
	}
	runs := segmentRuns(t.segments)
	if len(rows.refs) > 0 {
		runs = append(runs, &cursor{run: &memoryRun{rows: rows, mem: b.mem}})
	}
	m, err := newMerger(runs, nil, MergeAll, false, b.o.BatchRows)
	if err != nil {
		return err
	}
	for {
		s, err := m.next()
		if s == stepEnd || err != nil {
			return errors.Join(err, m.close())
		}
		if err := window(&m.view.Window); err != nil {
			return errors.Join(err, m.close())
		}
	}
}
