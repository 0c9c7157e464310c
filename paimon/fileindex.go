package paimon

import (
	"context"
	"errors"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/spec"
)

// RewriteFileIndex makes the file indexes that the table's options ask for anew,
// for files that were written under other options too, and takes away those that
// are not asked for any more. Partitions are those that have the values of one
// of the maps; none means all. The data files stay: the commit is a compaction
// of each into itself. It gives nil when there was nothing to do.
// Source: org.apache.paimon.flink.procedure.RewriteFileIndexProcedure.
func (t *Table) RewriteFileIndex(ctx context.Context, partitions ...map[string]string) (*spec.Snapshot, error) {
	t, err := t.Reopen(ctx)
	if err != nil {
		return nil, err
	}
	matches, err := anyPartition(t, partitions)
	if err != nil {
		return nil, err
	}
	snap, err := t.t.History.Snapshots.Latest(ctx)
	if err != nil || snap == nil {
		return nil, err
	}
	x, err := write.NewReindex(t.t)
	if err != nil {
		return nil, err
	}
	messages, err := x.Run(ctx, snap, matches)
	if err != nil {
		x.Undo(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("rewrite file indexes of table %s: %w", t.Name(), err)
	}
	if len(messages) == 0 {
		return nil, nil
	}
	snap, err = t.NewCommitter("").Commit(ctx, Commit{Identifier: BatchIdentifier, Messages: messages})
	if errors.Is(err, errs.ErrConflict) { // else it may have been committed
		x.Undo(context.WithoutCancel(ctx))
	}
	return snap, err
}

// anyPartition tests partitions for the values of one of several maps.
func anyPartition(t *Table, partitions []map[string]string) (func([]byte) bool, error) {
	var tests []func([]byte) bool
	for _, p := range partitions {
		m, err := partitionMatcher(t.t, p)
		if err != nil {
			return nil, err
		}
		tests = append(tests, m)
	}
	return func(row []byte) bool {
		for _, m := range tests {
			if m(row) {
				return true
			}
		}
		return len(tests) == 0
	}, nil
}
