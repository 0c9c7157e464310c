package paimon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/commit"
	"github.com/tarndb/tarn/paimon/internal/write"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Deleted says what a deletion did.
type Deleted struct {
	// Snapshot is what was committed; nil when there was nothing to delete.
	Snapshot *spec.Snapshot
	// Rows is how many rows were deleted one by one; 0 when whole partitions
	// were dropped.
	Rows int64
}

// Truncate removes all rows in one OVERWRITE commit. Streams of the table do
// not see it unless they read overwrites.
func (t *Table) Truncate(ctx context.Context) (*spec.Snapshot, error) {
	return t.overwriteNothing(ctx, func([]byte) bool { return true })
}

// DropPartitions removes the partitions that have the values of one of specs
// (column → text) in one OVERWRITE commit; those of which none exists are no
// error. Source: BatchTableCommit.truncatePartitions.
func (t *Table) DropPartitions(ctx context.Context, specs ...map[string]string) (*spec.Snapshot, error) {
	var tests []func([]byte) bool
	for _, values := range specs {
		if len(values) == 0 {
			return nil, errs.Invalid("drop partitions of table %s: name values of %v; Truncate removes all rows", t.Name(), t.t.Schema.PartitionKeys)
		}
		test, err := partitionMatcher(t.t, values)
		if err != nil {
			return nil, fmt.Errorf("drop partitions of %w", err)
		}
		tests = append(tests, test)
	}
	return t.overwriteNothing(ctx, func(p []byte) bool {
		return slices.ContainsFunc(tests, func(test func([]byte) bool) bool { return test(p) })
	})
}

// overwriteNothing puts nothing in the place of partitions.
func (t *Table) overwriteNothing(ctx context.Context, matches func(partition []byte) bool) (*spec.Snapshot, error) {
	if err := t.t.CheckWritable(); err != nil {
		return nil, err
	}
	return t.NewCommitter("").c.Commit(ctx, commit.Committable{Identifier: BatchIdentifier, Overwrite: &commit.Overwrite{Matches: matches}})
}

// DeleteWhere deletes the rows that satisfy all conditions of filter; an empty
// filter means all rows. With conditions on partition columns alone whole
// partitions are dropped, unless 'delete.force-produce-changelog' wants every row
// to be seen. Of a table without a primary key, rows are deleted by
// their place (see RowChange), again and again when other jobs change the files
// meanwhile. Of others they are read from the newest snapshot and written again
// as -D, which takes a merge engine that deletes, errs.ErrUnsupported for
// others; a row that another job changes meanwhile is deleted all the same.
func (t *Table) DeleteWhere(ctx context.Context, filter predicate.Filter) (Deleted, error) {
	rowByRow := t.t.Keyed() && strings.EqualFold(t.t.Raw["delete.force-produce-changelog"], "true")
	if only := filter.Only(t.t.Schema.PartitionKeys...); len(only) == len(filter) && !rowByRow {
		test, err := t.t.Scanner.PartitionTest(filter)
		if err != nil {
			return Deleted{}, fmt.Errorf("delete from table %s: %w", t.Name(), err)
		}
		if test == nil {
			test = func([]byte) bool { return true }
		}
		snap, err := t.overwriteNothing(ctx, test)
		return Deleted{Snapshot: snap}, err
	}
	var out Deleted
	var err error
	if t.t.Keyed() {
		if err := t.checkDeletes(); err != nil {
			return Deleted{}, err
		}
		out, err = t.deleteRows(ctx, filter)
	} else {
		out.Rows, out.Snapshot, err = t.changeWhere(ctx, filter, "DELETE", nil)
	}
	if err != nil {
		return out, fmt.Errorf("delete from table %s: %w", t.Name(), err)
	}
	return out, nil
}

// checkDeletes refuses tables in which a -D does not take its row away.
func (t *Table) checkDeletes() error {
	o := t.t.Options
	on := func(key string) bool { return strings.EqualFold(t.t.Raw[key], "true") }
	switch {
	case o.IgnoreDelete:
		return errs.Invalid("delete from table %s: the table ignores deletes ('ignore-delete')", t.Name())
	case o.MergeEngine == options.Deduplicate,
		o.MergeEngine == options.PartialUpdate && on("partial-update.remove-record-on-delete"),
		o.MergeEngine == options.Aggregation && on("aggregation.remove-record-on-delete"):
		return nil
	}
	return errs.Unsupported("delete from table %s: merge-engine %s does not delete rows one by one (deduplicate does; partial-update and aggregation with 'remove-record-on-delete')", t.Name(), o.MergeEngine)
}

func (t *Table) deleteRows(ctx context.Context, filter predicate.Filter) (out Deleted, err error) {
	match, err := newRowFilter(filter, t.Fields())
	if err != nil {
		return out, err
	}
	snap, err := t.t.History.Snapshots.Latest(ctx)
	if err != nil {
		return out, err
	}
	p, err := t.plan(ctx, snap, filter)
	if err != nil {
		return out, err
	}
	w, err := t.newWriter(ctx, write.Options{KindsGiven: true})
	if err != nil {
		return out, err
	}
	defer func() {
		if cerr := w.Close(context.WithoutCancel(ctx)); err == nil {
			err = cerr
		}
	}()
	r := p.Read(ctx, p.Splits, nil)
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return out, err
		}
		n, err := writeDeletes(ctx, w, match, b.Rows)
		b.Rows.Release()
		if err != nil {
			return out, err
		}
		out.Rows += n
	}
	if out.Rows == 0 {
		return out, nil
	}
	messages, err := w.Prepare(ctx, true)
	if err != nil {
		return out, err
	}
	out.Snapshot, err = t.NewCommitter("").Commit(ctx, Commit{Identifier: BatchIdentifier, Messages: messages})
	return out, err
}

// writeDeletes writes the rows that match as -D and gives their number.
func writeDeletes(ctx context.Context, w *Writer, match *rowFilter, rows arrow.RecordBatch) (int64, error) {
	refs, err := match.rows(rows)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	picked, err := columnar.GatherBatch(memory.DefaultAllocator, rows.Schema(), []arrow.RecordBatch{rows}, refs)
	if err != nil {
		return 0, err
	}
	defer picked.Release()
	kinds := make([]types.RowKind, len(refs))
	for i := range kinds {
		kinds[i] = types.Delete
	}
	return int64(len(refs)), w.Write(ctx, Batch{Rows: picked, Kinds: kinds})
}

// rowFilter decides on rows, column by column. It serves one goroutine.
type rowFilter struct {
	conds []rowCond
	keep  []bool
	refs  []columnar.Ref
}

type rowCond struct {
	column int
	op     predicate.Op
	enc    *columnar.KeyEncoder
	values columnar.Keys
	any    []*rowFilter // of predicate.Or
}

func newRowFilter(filter predicate.Filter, fields []types.Field) (*rowFilter, error) {
	out := &rowFilter{}
	for _, l := range filter {
		c, err := newRowCond(l, fields)
		if err != nil {
			return nil, err
		}
		out.conds = append(out.conds, c)
	}
	return out, nil
}

func newRowCond(l predicate.Leaf, fields []types.Field) (rowCond, error) {
	if l.Op == predicate.Or {
		out := rowCond{op: l.Op}
		for _, one := range l.Any {
			f, err := newRowFilter(one, fields)
			if err != nil {
				return out, err
			}
			out.any = append(out.any, f)
		}
		return out, nil
	}
	at := slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == l.Column })
	if at < 0 {
		return rowCond{}, errs.Invalid("there is no column %s", l.Column)
	}
	c := rowCond{column: at, op: l.Op, enc: columnar.NewKeyEncoder([]types.Type{fields[at].Type.AsNullable()}, columnar.KeyOptions{})}
	switch l.Op {
	case predicate.IsNull, predicate.IsNotNull:
		return c, nil
	case predicate.Eq, predicate.In, predicate.Ne, predicate.NotIn, predicate.Lt, predicate.Le, predicate.Gt, predicate.Ge, predicate.StartsWith:
	default:
		return c, errs.Unsupported("column %s: condition %d decides on files only, not on rows", l.Column, l.Op)
	}
	var err error
	if c.values, err = c.enc.Encode([]arrow.Array{l.Values}); err != nil {
		return c, fmt.Errorf("column %s: %w", l.Column, err)
	}
	return c, nil
}

// rows gives the rows of a batch that satisfy all conditions; valid until the
// next call.
func (f *rowFilter) rows(b arrow.RecordBatch) ([]columnar.Ref, error) {
	n := int(b.NumRows())
	f.keep = slices.Grow(f.keep[:0], n)[:n]
	for i := range f.keep {
		f.keep[i] = true
	}
	for i := range f.conds {
		if err := f.conds[i].apply(b, f.keep); err != nil {
			return nil, err
		}
	}
	f.refs = f.refs[:0]
	for i, ok := range f.keep {
		if ok {
			f.refs = append(f.refs, columnar.Ref{Row: int32(i)})
		}
	}
	return f.refs, nil
}

// apply clears keep where the condition is not TRUE; comparisons with NULL are
// not.
func (c *rowCond) apply(b arrow.RecordBatch, keep []bool) error {
	if c.op == predicate.Or {
		return c.applyAny(b, keep)
	}
	col := b.Column(c.column)
	if c.op == predicate.IsNull || c.op == predicate.IsNotNull {
		for i := range keep {
			keep[i] = keep[i] && col.IsNull(i) == (c.op == predicate.IsNull)
		}
		return nil
	}
	keys, err := c.enc.Encode([]arrow.Array{col})
	if err != nil {
		return err
	}
	for i := range keep {
		keep[i] = keep[i] && !col.IsNull(i) && c.holds(keys.At(i))
	}
	return nil
}

func (c *rowCond) applyAny(b arrow.RecordBatch, keep []bool) error {
	some := make([]bool, len(keep))
	for _, f := range c.any {
		refs, err := f.rows(b)
		if err != nil {
			return err
		}
		for _, r := range refs {
			some[r.Row] = true
		}
	}
	for i := range keep {
		keep[i] = keep[i] && some[i]
	}
	return nil
}

func (c *rowCond) holds(v []byte) bool {
	switch c.op {
	case predicate.Ne, predicate.NotIn:
		return !c.equals(v)
	case predicate.Eq, predicate.In:
		return c.equals(v)
	case predicate.StartsWith: // from the prefix to the first text behind all that begin so
		return bytes.Compare(v, c.values.At(0)) >= 0 && (c.values.Len() == 1 || bytes.Compare(v, c.values.At(1)) < 0)
	}
	order := bytes.Compare(v, c.values.At(0))
	switch c.op {
	case predicate.Lt:
		return order < 0
	case predicate.Le:
		return order <= 0
	case predicate.Gt:
		return order > 0
	}
	return order >= 0
}

func (c *rowCond) equals(v []byte) bool {
	for i := range c.values.Len() {
		if bytes.Equal(v, c.values.At(i)) {
			return true
		}
	}
	return false
}
