package paimon

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
)

// CompactOptions say what a compaction does.
type CompactOptions struct {
	// Full rewrites every bucket into its top level; otherwise the table's
	// own strategy decides.
	Full bool
	// Partition restricts it to partitions with these values; nil for all.
	Partition map[string]string
	// Partitions restricts it to partitions with the values of one of these.
	Partitions []map[string]string
	// Filter restricts it by conditions on partition columns; nil for none.
	Filter predicate.Filter
	// IdleFor leaves partitions out that got files in the time before now.
	IdleFor time.Duration
	// OrderStrategy, "order", "zorder" or "hilbert", sorts the rows of each
	// partition of an append table by OrderBy and writes them anew, as an
	// OVERWRITE of the files that were read. "" sorts nothing.
	OrderStrategy string
	OrderBy       []string
}

// partitions gives the test of the partitions that are compacted.
func (o *CompactOptions) partitions(t *table.Table) (func(row []byte) bool, error) {
	var any []func([]byte) bool
	for _, values := range o.Partitions {
		f, err := partitionMatcher(t, values)
		if err != nil {
			return nil, err
		}
		any = append(any, f)
	}
	all, err := partitionMatcher(t, o.Partition)
	if err != nil {
		return nil, err
	}
	if len(o.Filter.Only(t.Schema.PartitionKeys...)) != len(o.Filter) {
		return nil, errs.Invalid("compact table %s: only partition columns can be asked for; they are %v", t.Name, t.Schema.PartitionKeys)
	}
	fits, err := t.Scanner.PartitionTest(o.Filter)
	if err != nil {
		return nil, err
	}
	return func(row []byte) bool {
		return all(row) && (fits == nil || fits(row)) && (any == nil || slices.ContainsFunc(any, func(f func([]byte) bool) bool { return f(row) }))
	}, nil
}

// request is what the options ask for.
func (o *CompactOptions) request(t *Table) (write.CompactRequest, error) {
	r := write.CompactRequest{Full: o.Full, Budget: t.w.budget, SpillDir: t.w.o.SpillDir}
	if o.IdleFor > 0 {
		r.IdleSince = time.Now().Add(-o.IdleFor)
	}
	switch {
	case (o.OrderStrategy == "") != (len(o.OrderBy) == 0):
		return r, errs.Invalid("compact table %s: order strategy and order by columns have to be given both", t.Name())
	case o.OrderStrategy != "" && o.IdleFor > 0:
		return r, errs.Invalid("compact table %s: sort compact does not support 'partition_idle_time'", t.Name())
	case o.OrderStrategy != "":
		r.Order = &write.Order{Strategy: o.OrderStrategy, Columns: o.OrderBy}
	}
	var err error
	r.Partition, err = o.partitions(t.t)
	return r, err
}

// Compact compacts the table once and commits the result; nil when there was
// nothing to do. It may run beside writers of a write-only table. When another
// job changed the same files in between, the work is dropped and the error
// matches errs.ErrConflict: call again.
func (t *Table) Compact(ctx context.Context, o CompactOptions) (*spec.Snapshot, error) {
	t, err := t.Reopen(ctx) // files may have columns that t does not know
	if err != nil {
		return nil, err
	}
	request, err := o.request(t)
	if err != nil {
		return nil, err
	}
	messages, err := write.Compact(ctx, t.t, request)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	snap, err := t.NewCommitter("").Commit(ctx, Commit{Identifier: BatchIdentifier, Messages: messages})
	if errors.Is(err, errs.ErrConflict) {
		t.Abort(context.WithoutCancel(ctx), messages)
	}
	return snap, err
}

// withSchema gives the table under another of its schemas.
func (t *Table) withSchema(ctx context.Context, id int64) (*Table, error) {
	if id == t.t.Schema.ID {
		return t, nil
	}
	schema, err := t.t.History.Schemas.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	old, err := table.Open(table.Config{Name: t.t.Name, Dir: t.t.Dir, Branch: t.id.Branch, Store: t.t.Store, Schema: schema, Cache: t.w.cache})
	if err != nil {
		return nil, err
	}
	return &Table{w: t.w, t: old, id: t.id}, nil
}
