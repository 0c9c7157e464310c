package dict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// denseProperty is the snapshot property that holds the highest id given so
// far: rows may be deleted, their ids are not given again.
const denseProperty = "tarn.dense-id"

// freshMost bounds the hashes kept to take back what was not committed; beyond
// it the set is read from the table again.
const freshMost = 4 << 20

// DenseOptions of a Dense.
type DenseOptions struct {
	// Memory bounds the table of keys in memory, bytes; what is larger lies in a
	// file. Default 256 MiB, which is 12 million keys.
	Memory int64
	// Dir is where that file lies; default the system's folder for such.
	Dir string
}

// Dense gives the ids 1, 2, 3, … to the keys that a dictionary does not have,
// in the order of the rows, and drops the rows of keys that it has or that came
// before. It knows the keys by their hashes. Ids count as given when they are
// committed: the commit conflicts if any row came from elsewhere since Begin,
// and Begin takes back what was not committed. It serves one goroutine.
type Dense struct {
	o      DenseOptions
	column int // of the ids
	hasher

	keys      *keySet
	files     map[string]bool // whose keys are in keys
	base      *spec.Snapshot  // whose keys are in keys; nil: the empty table
	begun     bool
	next      int64  // the highest id given
	committed int64  // the highest one in a commit
	fresh     []hash // added since
	partial   bool   // fresh lacks some
}

// CheckDense tells why column of a table cannot take gap-free ids, or nil.
func CheckDense(t *paimon.Table, column int) error {
	f := t.Fields()[column]
	switch {
	case t.Options().MergeEngine != options.FirstRow || len(t.Schema().PrimaryKeys) == 0:
		return errs.Invalid("table %s is no dictionary: dense_id needs a primary key and 'merge-engine' = 'first-row'", t.Name())
	case slices.Contains(t.Schema().PrimaryKeys, f.Name):
		return errs.Invalid("column %s of table %s is part of the primary key; dense_id is for the column that the key maps to", f.Name, t.Name())
	case f.Type.Root != types.BigInt:
		return errs.Invalid("column %s of table %s is %s; dense_id needs a BIGINT column", f.Name, t.Name(), f.Type.AsNullable().SQL())
	}
	return nil
}

// NewDense makes a Dense for the BIGINT at position column of a table that
// CheckDense accepts. Close it.
func NewDense(t *paimon.Table, column int, o DenseOptions) (*Dense, error) {
	if err := CheckDense(t, column); err != nil {
		return nil, err
	}
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	h, err := newHasher(t)
	if err != nil {
		return nil, err
	}
	d := &Dense{o: o, column: column, hasher: h}
	d.keys, err = newKeySet(o.Memory, o.Dir)
	return d, err
}

// Close frees the set.
func (d *Dense) Close() error { return d.keys.close() }

// Begin reads what the newest snapshot of t has, or what came since the last
// Begin or Committed, and forgets what was not committed. Call it before the
// first Apply and after every failure, with t opened anew.
func (d *Dense) Begin(ctx context.Context, t *paimon.Table) error {
	snap, err := t.LatestSnapshot(ctx)
	if err == nil {
		err = d.takeBack(ctx, t, snap)
	}
	if err != nil {
		return err
	}
	highest, err := d.read(ctx, t, snap)
	if err != nil {
		d.begun = false
		return fmt.Errorf("dense_id: read the keys of %s: %w", t.Name(), err)
	}
	given, err := lastGiven(ctx, t, snap)
	if err != nil {
		return err
	}
	if d.next = max(d.next, highest, given); d.next > max(given, int64(d.keys.n)) {
		return errs.Invalid("table %s has %d keys with ids up to %d: dense_id goes on with a dictionary whose ids are 1 to the number of its keys; fill a new one, or give its ids with auto_id()", t.Name(), d.keys.n, d.next)
	}
	d.committed, d.base, d.begun = d.next, snap, true
	return nil
}

// takeBack leaves in the set what snapshot base has, and nothing if snap does
// not follow from it by adding rows only.
func (d *Dense) takeBack(ctx context.Context, t *paimon.Table, snap *spec.Snapshot) error {
	keep := d.begun && !d.partial
	if keep {
		var err error
		if keep, err = extends(ctx, t, d.base, snap); err != nil {
			return err
		}
	}
	if keep {
		for _, h := range d.fresh {
			d.keys.remove(h)
		}
		d.next = d.committed
	} else {
		if err := d.keys.clear(); err != nil {
			return err
		}
		d.next, d.files = 0, map[string]bool{}
	}
	d.fresh, d.partial = d.fresh[:0], false
	return nil
}

// extends reports whether every row of snapshot from is in snapshot to.
func extends(ctx context.Context, t *paimon.Table, from, to *spec.Snapshot) (bool, error) {
	if from == nil || to == nil || to.ID < from.ID {
		return false, nil
	}
	for id := from.ID; id <= to.ID; id++ {
		s, err := t.Snapshot(ctx, id)
		switch {
		case errors.Is(err, errs.ErrNotFound):
			return false, nil
		case err != nil:
			return false, err
		case id == from.ID && (s.CommitUser != from.CommitUser || s.CommitIdentifier != from.CommitIdentifier || s.TimeMillis != from.TimeMillis || s.DeltaManifestList != from.DeltaManifestList):
			return false, nil
		case id > from.ID && s.CommitKind == spec.CommitOverwrite:
			return false, nil
		}
	}
	return true, nil
}

// read adds the keys of files that are not known and gives the highest id.
func (d *Dense) read(ctx context.Context, t *paimon.Table, snap *spec.Snapshot) (int64, error) {
	live := map[string]bool{}
	plan, err := t.PlanFiles(ctx, snap, func(file string) bool {
		live[file] = true
		return !d.files[file]
	})
	if err != nil {
		return 0, err
	}
	highest := int64(0)
	r := plan.Read(ctx, plan.Splits, append(slices.Clone(d.keyAt), d.column))
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			d.files = live
			return highest, nil
		}
		if err != nil {
			return 0, err
		}
		err = d.learn(b.Rows, &highest)
		b.Rows.Release()
		if err != nil {
			return 0, err
		}
	}
}

// learn adds the keys of rows of the table: the key columns, then the ids.
func (d *Dense) learn(rows arrow.RecordBatch, highest *int64) error {
	last := len(d.keyAt)
	ids := rows.Column(last).(*array.Int64)
	keys, err := d.encoder.Encode(rows.Columns()[:last])
	if err != nil {
		return err
	}
	for i := range ids.Len() {
		if ids.IsNull(i) || ids.Value(i) < 1 {
			return errs.Invalid("key %s has the id %s: ids of dense_id are 1 and more; fill a new dictionary", printed(rows, i, last), ids.ValueStr(i))
		}
		*highest = max(*highest, ids.Value(i))
		if _, err := d.keys.add(d.hash(keys.At(i))); err != nil {
			return err
		}
	}
	return nil
}

// printed shows the first columns of a row.
func printed(rows arrow.RecordBatch, row, columns int) string {
	var parts []string
	for _, c := range rows.Columns()[:columns] {
		parts = append(parts, c.ValueStr(row))
	}
	return fmt.Sprint(parts)
}

// lastGiven gives the highest id that the newest snapshot knows to be given,
// which those of other writers do not say.
func lastGiven(ctx context.Context, t *paimon.Table, snap *spec.Snapshot) (int64, error) {
	for s := snap; s != nil; {
		if text, ok := s.Properties[denseProperty]; ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return 0, errs.Corrupt(fmt.Sprintf("snapshot %d of %s", s.ID, t.Name()), "property %s = %q is no number", denseProperty, text)
			}
			return n, nil
		}
		older, err := t.Snapshot(ctx, s.ID-1)
		if errors.Is(err, errs.ErrNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		s = older
	}
	return 0, nil
}

// Apply gives the rows that are new, with their ids, in a batch that the caller
// releases; its Rows are nil when there is none. Deletions and rows without a
// key pass as they are: the table's own rules hold for them.
func (d *Dense) Apply(b paimon.Batch) (paimon.Batch, error) {
	if !d.begun {
		return paimon.Batch{}, errors.New("dense_id: Apply without Begin")
	}
	keys, err := d.encode(b)
	if err != nil {
		return paimon.Batch{}, err
	}
	n := int(b.Rows.NumRows())
	ids := array.NewInt64Builder(memory.DefaultAllocator)
	defer ids.Release()
	refs := make([]columnar.Ref, 0, n)
	for i := range n {
		h, ok := keys.at(i)
		if !ok {
			ids.AppendNull()
			refs = append(refs, columnar.Ref{Row: int32(i)})
			continue
		}
		added, err := d.keys.add(h)
		if err != nil {
			return paimon.Batch{}, err
		}
		if !added {
			continue
		}
		if d.next == math.MaxInt64 {
			return paimon.Batch{}, errs.Invalid("dense_id: all ids up to %d are given", d.next)
		}
		d.next++
		d.remember(h)
		ids.Append(d.next)
		refs = append(refs, columnar.Ref{Row: int32(i)})
	}
	return d.gather(b, refs, ids)
}

// remember keeps what Begin has to take back.
func (d *Dense) remember(h hash) {
	if len(d.fresh) == freshMost {
		d.fresh, d.partial = d.fresh[:0], true
	}
	if !d.partial {
		d.fresh = append(d.fresh, h)
	}
}

// gather makes the batch of the named rows with ids.
func (d *Dense) gather(b paimon.Batch, refs []columnar.Ref, ids *array.Int64Builder) (paimon.Batch, error) {
	filled := ids.NewInt64Array()
	defer filled.Release()
	return gather(b, refs, map[int]arrow.Array{d.column: filled})
}

// Bind makes c the commit of what Apply gave since the last one.
func (d *Dense) Bind(c *paimon.Commit) {
	c.Base = &paimon.Base{Snapshot: d.base}
	properties := map[string]string{denseProperty: strconv.FormatInt(d.next, 10)}
	for k, v := range c.Properties {
		properties[k] = v
	}
	c.Properties = properties
}

// Committed says that the commit that Bind made, which keeps empty snapshots,
// has become snap, the newest snapshot of it, with messages.
func (d *Dense) Committed(ctx context.Context, t *paimon.Table, snap *spec.Snapshot, messages []paimon.CommitMessage) error {
	base, err := rowsOf(ctx, t, snap)
	if err != nil {
		d.begun = false
		return err
	}
	d.base, d.committed = base, d.next
	d.fresh, d.partial = d.fresh[:0], false
	for i := range messages {
		for _, f := range messages[i].NewFiles {
			d.files[f.FileName] = true
		}
		for _, f := range messages[i].CompactAfter {
			d.files[f.FileName] = true
		}
	}
	return nil
}
