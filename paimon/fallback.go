package paimon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/stream"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// fallback is a branch that reads put beside the table, seen with the columns
// of the table. With 'scan.fallback-branch', partitions that the table has come
// from the table, all others from the branch; with 'scan.primary-branch' it is
// the other way round.
// Source: org.apache.paimon.table.FallbackReadFileStoreTable.
type fallback struct {
	of      *Table // names the branch
	t       *Table // the branch
	primary bool
}

// fallbackName gives the branch to read beside the table, "" for none, and the
// option that names it. A branch that is beside itself has none.
func (t *Table) fallbackName() (name, option string) {
	option = fallbackOption
	if name = t.t.Raw[option]; strings.TrimSpace(name) == "" {
		option = primaryOption
		name = t.t.Raw[option]
	}
	if strings.TrimSpace(name) == "" || name == branchName(t) {
		return "", ""
	}
	return name, option
}

// openFallback opens the branch to read beside the table, nil if it names none.
func (t *Table) openFallback(ctx context.Context) (*fallback, error) {
	name, option := t.fallbackName()
	if name == "" {
		return nil, nil
	}
	if option == fallbackOption && strings.TrimSpace(t.t.Raw[primaryOption]) != "" {
		return nil, errs.Invalid("read table %s: Cannot set both '%s' and '%s' at the same time.", t.Name(), fallbackOption, primaryOption)
	}
	id := t.id
	if id.Branch = name; name == "main" {
		id.Branch = ""
	}
	hint := maps.Clone(t.hint)
	delete(hint, "bucket") // the branch may have another number
	branch, err := t.w.Table(ctx, id, hint)
	if errors.Is(err, errs.ErrNotFound) {
		which := "that it lacks"
		if option == primaryOption {
			which = "that the branch has"
		}
		return nil, errs.Kinded(errs.ErrNotFound, "read table %s: option '%s' = '%s': the table has no branch '%s', from which partitions %s are read; make the branch with CALL sys.create_branch('%s.%s', '%s'), or reset the option with ALTER TABLE %s.%s RESET ('%s')",
			t.Name(), option, name, name, which, id.Database, id.Table, name, id.Database, id.Table, option)
	}
	f := &fallback{of: t, t: branch, primary: option == primaryOption}
	if err == nil {
		_, err = f.columnsIn(t, branch)
	}
	return f, f.fail(err)
}

func (f *fallback) option() string {
	if f.primary {
		return primaryOption
	}
	return fallbackOption
}

// fail says that an error came from the branch and which option leads there.
func (f *fallback) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read table %s: branch '%s' ('%s'): %w", f.of.Name(), f.of.t.Raw[f.option()], f.option(), err)
}

// columnsIn gives where the columns of a table are in the branch.
// Paimon wants the same types in the same order and then goes by column ids.
func (f *fallback) columnsIn(t, branch *Table) ([]int, error) {
	fields, others := t.Fields(), branch.Fields()
	same := len(fields) == len(others) && slices.Equal(t.t.Schema.PartitionKeys, branch.t.Schema.PartitionKeys)
	for i := 0; same && i < len(fields); i++ {
		same = fields[i].Type.EqualIgnoringNull(others[i].Type)
	}
	if !same {
		return nil, errs.Invalid("Branch %s and %s does not have the same row type.\nRow type of branch %s is %s.\nRow type of branch %s is %s.\nMake the columns alike with ALTER TABLE, or reset '%s'",
			branchName(t), branchName(branch), branchName(t), rowType(fields), branchName(branch), rowType(others), f.option())
	}
	at := make([]int, len(fields))
	for i, c := range fields {
		at[i] = slices.IndexFunc(others, func(o types.Field) bool { return o.ID == c.ID })
		if at[i] < 0 || !c.Type.EqualIgnoringNull(others[at[i]].Type) {
			return nil, errs.Invalid("column %s of %s was made after the branch parted: the branch's column of that type (%s) is another one; reset '%s'", c.Name, t.Name(), others[i].Name, f.option())
		}
	}
	return at, nil
}

func branchName(t *Table) string {
	if t.id.Branch == "" {
		return "main"
	}
	return t.id.Branch
}

func rowType(fields []types.Field) string {
	return types.Type{Root: types.Row, Fields: fields, Nullable: true}.String()
}

// travel gives the snapshot of the branch that belongs to the scan options of
// the table, of which main is the snapshot; nil for an empty branch. Ids
// differ between branches: an id stands for its time, as in Paimon.
func (f *fallback) travel(ctx context.Context, main *spec.Snapshot) (*spec.Snapshot, error) {
	o, snaps := f.of.t.Options.Scan, f.t.t.History.Snapshots
	switch {
	case o.SnapshotID > 0:
		return f.asOf(ctx, main)
	case o.TagName != "":
		return tagged(ctx, f.t, o.TagName)
	case o.Timestamp != "" || o.TimestampMillis > 0:
		millis, err := stream.Moment(o)
		if err != nil {
			return nil, err
		}
		snap, err := snaps.AtOrBefore(ctx, millis)
		if snap == nil && err == nil {
			err = f.began(ctx, millis)
		}
		return snap, err
	case o.Version != "":
		snap, err := tagged(ctx, f.t, o.Version)
		if _, perr := strconv.ParseInt(o.Version, 10, 64); err != nil && perr == nil {
			return f.asOf(ctx, main)
		}
		return snap, err
	}
	return snaps.Latest(ctx)
}

func tagged(ctx context.Context, t *Table, name string) (*spec.Snapshot, error) {
	tag, err := t.t.History.Tags.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return &tag.Snapshot, nil
}

// checkMode refuses reads of something else than a state.
func (f *fallback) checkMode() error {
	mode, err := f.of.t.Raw.Startup()
	if f.of.t.Options.Scan.Version != "" || err != nil {
		return nil // a version, or refused elsewhere
	}
	switch mode {
	case options.Incremental, options.LatestDelta, options.FromCreationTimestamp, options.FromFileCreationTime, options.CompactedFull:
		return errs.Unsupported("read table %s: '%s' together with 'scan.mode' = '%s': reset one of them", f.of.Name(), f.option(), mode)
	}
	return nil
}

// asOf gives the branch's snapshot at the time of main, its first one when it
// is younger.
func (f *fallback) asOf(ctx context.Context, main *spec.Snapshot) (*spec.Snapshot, error) {
	snaps := f.t.t.History.Snapshots
	latest, err := snaps.LatestID(ctx)
	if err != nil || latest == 0 {
		return nil, err
	}
	snap, err := snaps.AtOrBefore(ctx, main.TimeMillis)
	if snap != nil || err != nil {
		return snap, err
	}
	return stream.At(ctx, f.t.t, 1)
}

// began makes sure that the branch was empty at a time before its oldest
// snapshot: an older one may have expired.
func (f *fallback) began(ctx context.Context, millis int64) error {
	earliest, err := f.t.t.History.Snapshots.Earliest(ctx)
	if err != nil || earliest == nil || earliest.ID == 1 {
		return err
	}
	return errs.Kinded(errs.ErrNotFound, "There is currently no snapshot earlier than or equal to timestamp [%d], the earliest snapshot's timestamp is [%d]", millis, earliest.TimeMillis)
}

// add completes a plan of the table by the partitions that come from the branch.
func (f *fallback) add(ctx context.Context, p *Plan, filter predicate.Filter) error {
	if err := f.checkMode(); err != nil {
		return err
	}
	var snap *spec.Snapshot
	var err error
	if p.Snapshot != nil && p.Snapshot.Fallback != nil {
		snap = p.Snapshot.Fallback
	} else if p.Snapshot != nil || !f.of.traveling() {
		if snap, err = f.travel(ctx, p.Snapshot); err != nil {
			return f.fail(err)
		}
	}
	if snap == nil {
		return nil
	}
	theirs, err := f.t.plan(ctx, snap, sameColumns(filter, p.Table.Fields(), f.t.Fields()))
	if err != nil {
		return f.fail(err)
	}
	f.t = theirs.Table
	if _, err := f.columnsIn(p.Table, f.t); err != nil { // those of then
		return f.fail(err)
	}
	p.fallback = f
	if f.primary {
		have, err := f.t.t.Scanner.Partitions(ctx, snap, sameColumns(filter, p.Table.Fields(), f.t.Fields()))
		if err != nil {
			return f.fail(err)
		}
		p.Splits = slices.DeleteFunc(p.Splits, func(s Split) bool { return have[string(s.Partition)] })
		p.addFallback(theirs.Splits, nil)
		return nil
	}
	have, err := p.Table.t.Scanner.Partitions(ctx, p.Snapshot, filter)
	if err != nil {
		return fmt.Errorf("read table %s: %w", p.Table.Name(), err)
	}
	p.addFallback(theirs.Splits, have)
	return nil
}

// addFallback adds splits of the branch but those of some partitions.
func (p *Plan) addFallback(splits []Split, but map[string]bool) {
	for _, s := range splits {
		if !but[string(s.Partition)] {
			s.Fallback = true
			p.Splits = append(p.Splits, s)
		}
	}
}

// sameNames reports whether the branch has the very columns, in order.
func (f *fallback) sameNames(fields []types.Field) bool {
	return slices.EqualFunc(fields, f.t.Fields(), func(a, b types.Field) bool { return a.ID == b.ID && a.Name == b.Name })
}

// read opens a split of the branch; rows come in the columns of t.
func (f *fallback) read(ctx context.Context, t *Table, s Split, columns []int, mode read.Mode) (read.Reader, error) {
	at, err := f.columnsIn(t, f.t)
	if err != nil {
		return nil, f.fail(err)
	}
	fields := t.Fields()
	if columns != nil {
		picked := make([]int, len(columns))
		fields = make([]types.Field, len(columns))
		for i, c := range columns {
			picked[i], fields[i] = at[c], t.Fields()[c]
		}
		at = picked
	} else if slices.IsSorted(at) {
		at = nil
	}
	r, err := read.Open(ctx, f.t.t, s, at, mode)
	if err != nil {
		return nil, f.fail(err)
	}
	return &relabeled{Reader: r, schema: types.ArrowSchema(fields), f: f}, nil
}

// relabeled gives the rows of a branch under the columns of the table.
type relabeled struct {
	read.Reader
	schema *arrow.Schema
	f      *fallback
}

func (r *relabeled) Next() (columnar.Batch, error) {
	b, err := r.Reader.Next()
	if err != nil && err != io.EOF {
		err = r.f.fail(err)
	}
	if err != nil || b.Rows == nil {
		return b, err
	}
	rows := array.NewRecordBatch(r.schema, b.Rows.Columns(), b.Rows.NumRows())
	b.Rows.Release()
	b.Rows = rows
	return b, nil
}
