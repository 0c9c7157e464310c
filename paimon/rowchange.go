package paimon

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
)

// RowChange deletes rows of a table without a primary key by where they lie,
// adds others, and commits both at once, as an OVERWRITE. With
// 'deletion-vectors.enabled' rows are marked in vectors and no file is written
// again; otherwise the other rows of the files go to new files. It serves one
// goroutine.
//
// Rows are found by reading the plan of its snapshot: Reader.Location gives the
// arguments of Delete.
type RowChange struct {
	t    *Table
	c    *write.RowChange
	snap *spec.Snapshot
}

// NewRowChange starts a change of the newest snapshot.
func (t *Table) NewRowChange(ctx context.Context) (*RowChange, error) {
	snap, err := t.t.History.Snapshots.Latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("change rows of table %s: %w", t.Name(), err)
	}
	c, err := write.NewRowChange(t.t, snap, write.Options{Budget: t.w.budget, SpillDir: t.w.o.SpillDir, KindsGiven: true})
	if err != nil {
		return nil, err
	}
	return &RowChange{t: t, c: c, snap: snap}, nil
}

// Plan plans a read of the snapshot that is changed; filter lets it skip files.
// A fallback branch does not count.
func (c *RowChange) Plan(ctx context.Context, filter predicate.Filter) (*Plan, error) {
	return c.t.plan(ctx, c.snap, filter)
}

// Delete deletes rows of a file of a split by their numbers in it; it sorts the
// slice. Each row may be named several times.
func (c *RowChange) Delete(s *Split, file string, rows ...uint64) error {
	return c.c.Delete(s, file, rows...)
}

// Write adds rows, as Writer.Write does.
func (c *RowChange) Write(ctx context.Context, b Batch) error { return c.c.Write(ctx, b) }

// Commit commits the change and gives its snapshot, nil if it changes nothing.
// operation is for the snapshot: "DELETE", "UPDATE", "MERGE". When another job
// has compacted the files, overwritten them, or deleted rows of them, the error
// matches errs.ErrConflict, nothing is left of the change, and it can be made
// again from the start.
func (c *RowChange) Commit(ctx context.Context, operation string) (*spec.Snapshot, error) {
	messages, err := c.c.Prepare(ctx)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	snap, err := c.t.NewCommitter("").Commit(ctx, Commit{Identifier: BatchIdentifier, Messages: messages, Operation: operation})
	if errors.Is(err, errs.ErrConflict) {
		c.t.Abort(context.WithoutCancel(ctx), messages)
	}
	return snap, err
}

// Close drops what was not committed.
func (c *RowChange) Close(ctx context.Context) error { return c.c.Close(ctx) }

// UpdateWhere changes the rows of a table without a primary key that satisfy
// all conditions of filter: update gives the new rows for some old ones, with
// all columns of the table, and leaves the old ones to their owner. The old rows
// go and the new ones come in one commit. It gives the number of old rows; when
// another job changes the files meanwhile, it is tried again.
func (t *Table) UpdateWhere(ctx context.Context, filter predicate.Filter, update func(arrow.RecordBatch) (arrow.RecordBatch, error)) (int64, *spec.Snapshot, error) {
	if t.t.Keyed() {
		return 0, nil, errs.Invalid("update table %s: it has a primary key; write the changed rows", t.Name())
	}
	n, snap, err := t.changeWhere(ctx, filter, "UPDATE", update)
	if err != nil {
		err = fmt.Errorf("update table %s: %w", t.Name(), err)
	}
	return n, snap, err
}

// changeTries is how often a change by condition is made when other jobs come
// in between.
const changeTries = 5

// changeWhere deletes the rows that match and adds those that update, if not
// nil, makes of them.
func (t *Table) changeWhere(ctx context.Context, filter predicate.Filter, operation string, update func(arrow.RecordBatch) (arrow.RecordBatch, error)) (int64, *spec.Snapshot, error) {
	for try := 1; ; try++ {
		n, snap, err := t.tryChange(ctx, filter, operation, update)
		if !errors.Is(err, errs.ErrConflict) || try == changeTries {
			return n, snap, err
		}
		if t, err = t.Reopen(ctx); err != nil { // files may have columns that t does not know
			return 0, nil, err
		}
	}
}

func (t *Table) tryChange(ctx context.Context, filter predicate.Filter, operation string, update func(arrow.RecordBatch) (arrow.RecordBatch, error)) (n int64, snap *spec.Snapshot, err error) {
	match, err := newRowFilter(filter, t.Fields())
	if err != nil {
		return 0, nil, err
	}
	c, err := t.NewRowChange(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		if cerr := c.Close(context.WithoutCancel(ctx)); err == nil {
			err = cerr
		}
	}()
	p, err := c.Plan(ctx, filter)
	if err != nil {
		return 0, nil, err
	}
	r := p.Read(ctx, p.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, nil, err
		}
		found, err := c.change(ctx, r, match, b.Rows, update)
		b.Rows.Release()
		if err != nil {
			return 0, nil, err
		}
		n += found
	}
	if n == 0 {
		return 0, nil, nil
	}
	snap, err = c.Commit(ctx, operation)
	return n, snap, err
}

// change deletes the rows of a batch of r that match and writes the new ones.
func (c *RowChange) change(ctx context.Context, r *Reader, match *rowFilter, rows arrow.RecordBatch, update func(arrow.RecordBatch) (arrow.RecordBatch, error)) (int64, error) {
	refs, err := match.rows(rows)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	at := make([]uint64, len(refs))
	var s *Split
	var file string
	for i, ref := range refs {
		var row int64
		var ok bool
		if s, file, row, ok = r.Location(int(ref.Row)); !ok {
			return 0, errs.Unsupported("rows of table %s do not tell where they lie", c.t.Name())
		}
		at[i] = uint64(row)
	}
	if err := c.Delete(s, file, at...); err != nil || update == nil {
		return int64(len(refs)), err
	}
	old, err := columnar.GatherBatch(memory.DefaultAllocator, rows.Schema(), []arrow.RecordBatch{rows}, refs)
	if err != nil {
		return 0, err
	}
	defer old.Release()
	changed, err := update(old)
	if err != nil {
		return 0, err
	}
	defer changed.Release()
	return int64(len(refs)), c.Write(ctx, Batch{Rows: changed})
}
