package paimon

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/spec"
)

// CompactOptions say what a compaction does.
type CompactOptions struct {
	// Full rewrites every bucket into its top level; otherwise the table's
	// own strategy decides.
	Full bool
	// Partition restricts it to partitions with these values; nil for all.
	Partition map[string]string
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
	matches, err := partitionMatcher(t.t, o.Partition)
	if err != nil {
		return nil, err
	}
	messages, err := write.Compact(ctx, t.t, write.CompactRequest{Full: o.Full, Partition: matches, Budget: t.w.budget, SpillDir: t.w.o.SpillDir})
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
