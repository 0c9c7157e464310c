package merge

import (
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// reset makes room for n rows of columns that all come from From.
func (r *Result) reset(n, columns int) {
	r.From = slices.Grow(r.From[:0], n)
	r.Key = slices.Grow(r.Key[:0], n)
	r.Kinds = slices.Grow(r.Kinds[:0], n)
	r.Seqs = slices.Grow(r.Seqs[:0], n)
	r.Columns = slices.Grow(r.Columns[:0], columns)[:columns]
	clear(r.Columns)
}

// add appends a row as it stands in its source.
func (r *Result) add(w *Window, key int, ref columnar.Ref) {
	b := w.Sources[ref.Src]
	r.From = append(r.From, ref)
	r.Key = append(r.Key, int32(key))
	r.Kinds = append(r.Kinds, kindOf(b, ref.Row))
	r.Seqs = append(r.Seqs, b.Seqs[ref.Row])
}

// kindOf gives the kind of a row; batches without kinds hold +I only.
func kindOf(b *columnar.KV, row int32) types.RowKind {
	if b.Kinds == nil {
		return types.Insert
	}
	return b.Kinds[row]
}

// deduplicate keeps the newest version: DeduplicateMergeFunction.
type deduplicate struct {
	columns      int
	ignoreDelete bool
}

func (e *deduplicate) Merge(w *Window, out *Result) error {
	n := w.Keys()
	out.reset(n, e.columns)
	if e.ignoreDelete {
		e.mergeInserts(w, out)
		return nil
	}
	for k := range n {
		out.add(w, k, w.Refs[w.Starts[k+1]-1])
	}
	return nil
}

// mergeInserts keeps the newest version that is no retract. A key of retracts
// only vanishes, except that a single version stays as it is.
func (e *deduplicate) mergeInserts(w *Window, out *Result) {
	for k := range w.Keys() {
		first, last := w.Starts[k], w.Starts[k+1]-1
		if w.single(k) {
			out.add(w, k, w.Refs[last])
			continue
		}
		for i := last; i >= first; i-- {
			if r := w.Refs[i]; !kindOf(w.Sources[r.Src], r.Row).IsRetract() {
				out.add(w, k, r)
				break
			}
		}
	}
}

// firstRow keeps the oldest version: FirstRowMergeFunction.
type firstRow struct {
	columns      int
	ignoreDelete bool
}

func (e *firstRow) Merge(w *Window, out *Result) error {
	n := w.Keys()
	out.reset(n, e.columns)
	for k := range n {
		from, to := w.Starts[k], w.Starts[k+1]
		if w.single(k) {
			out.add(w, k, w.Refs[from])
			continue
		}
		found := int32(-1)
		for i := from; i < to; i++ {
			r := w.Refs[i]
			if kind := kindOf(w.Sources[r.Src], r.Row); kind.IsRetract() {
				if !e.ignoreDelete {
					return errs.Invalid("merge rows with merge-engine %s: a key has a %s row, which this engine cannot take; set ignore-delete to drop such rows", FirstRow, kind)
				}
			} else if found < 0 {
				found = i
			}
		}
		if found >= 0 {
			out.add(w, k, w.Refs[found])
		}
	}
	return nil
}
