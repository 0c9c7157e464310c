package paimon

import (
	"context"
	"errors"
	"io"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/spec"
)

// RescaleOptions say what is written anew with how many buckets.
type RescaleOptions struct {
	// Buckets is the number of buckets; 0 for that of the option 'bucket',
	// which a table with postponed buckets has not.
	Buckets int
	// Partition restricts it to partitions with these values; nil for all.
	Partition map[string]string
}

// Rescale writes partitions anew with another number of buckets, as one
// OVERWRITE. A table without data in them is errs.ErrInvalid; rows that another
// job commits meanwhile make it errs.ErrConflict: call again. The option
// 'bucket' stays; writers of the partitions need it to be the same number.
// Source: RescaleAction.
func (t *Table) Rescale(ctx context.Context, o RescaleOptions) (*spec.Snapshot, error) {
	t, err := t.Reopen(ctx)
	if err != nil {
		return nil, err
	}
	n := o.Buckets
	if n == 0 {
		n = t.t.Options.Bucket
	}
	switch {
	case n == -2:
		return nil, errs.Invalid("rescale table %s: when rescaling postpone bucket tables, you must provide the resulting bucket number", t.Name())
	case n < 1:
		return nil, errs.Invalid("rescale table %s: 'bucket' = '%d' is not a number of buckets", t.Name(), n)
	}
	snap, err := t.t.History.Snapshots.Latest(ctx)
	if err != nil {
		return nil, err
	}
	if snap == nil {
		return nil, errs.Invalid("table %s has no snapshot: no need to rescale", t.Name())
	}
	messages, err := t.rewrite(ctx, snap, n, o.Partition)
	if err != nil {
		return nil, err
	}
	real := t.withBuckets(n) // whose commits leave postponed rows alone
	out, err := real.NewCommitter("").Commit(ctx, Commit{Identifier: BatchIdentifier, Messages: messages, Overwrite: &Overwrite{Static: o.Partition}, Base: &Base{Snapshot: snap}})
	if errors.Is(err, errs.ErrConflict) {
		real.Abort(context.WithoutCancel(ctx), messages)
	}
	return out, err
}

func (t *Table) withBuckets(n int) *Table { return &Table{w: t.w, t: t.t.WithBuckets(n), id: t.id} }

// rewrite writes the rows of partitions into n buckets each.
func (t *Table) rewrite(ctx context.Context, snap *spec.Snapshot, n int, partition map[string]string) ([]CommitMessage, error) {
	matches, err := partitionMatcher(t.t, partition)
	if err != nil {
		return nil, err
	}
	splits, err := t.t.Scanner.Plan(ctx, snap, scan.Request{Partition: matches, Level0: true})
	if err != nil {
		return nil, err
	}
	if len(splits) == 0 {
		return nil, errs.Invalid("rescale table %s: the specified partition does not have any data files; no need to rescale", t.Name())
	}
	w, err := t.withBuckets(n).newWriter(ctx, write.Options{Overwrite: true, KindsGiven: true})
	if err != nil {
		return nil, err
	}
	defer w.Close(context.WithoutCancel(ctx))
	in := (&Plan{Table: t, Snapshot: snap, Splits: splits}).Read(ctx, splits, nil)
	defer in.Close()
	for {
		b, err := in.Next()
		if err == io.EOF {
			return w.Prepare(ctx, true)
		}
		if err != nil {
			return nil, err
		}
		err = w.Write(ctx, b)
		b.Rows.Release()
		if err != nil {
			return nil, err
		}
	}
}
