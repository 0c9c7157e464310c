package lsm

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
)

// folder runs the merge engine on windows and gathers what it answers. It
// serves one goroutine.
type folder struct {
	engine  merge.Engine
	mem     memory.Allocator
	columns []int // value columns to gather; nil: all
	keys    bool  // gather keys too
	res     merge.Result

	in, out *arrow.Schema // of sources, of results; kept while sources agree
	arrays  []arrow.Array
	batches []arrow.RecordBatch
}

func newFolder(engine merge.Engine, mem memory.Allocator, columns []int) *folder {
	return &folder{engine: engine, mem: mem, columns: columns}
}

// fold merges w and gathers the result; drop leaves out retracts. The batch is
// nil when no row is left. keyIndex has the window's key of every row, and is
// valid until the next call.
func (f *folder) fold(w *merge.Window, drop bool) (b *columnar.KV, keyIndex []int32, err error) {
	if err := f.engine.Merge(w, &f.res); err != nil {
		return nil, nil, fmt.Errorf("merge rows of one key: %w", err)
	}
	defer f.releaseValues()
	if drop {
		if err := f.drop(); err != nil {
			return nil, nil, err
		}
	}
	if f.res.Len() == 0 {
		return nil, nil, nil
	}
	b, err = f.gather(w.Sources)
	return b, f.res.Key, err
}

// foldKey folds the versions of one key into one row that stands for them in a
// later merge. If the engine leaves nothing, the last two versions stand for
// all.
func (f *folder) foldKey(w *Window) (*columnar.KV, error) {
	if err := f.engine.Merge(&w.Window, &f.res); err != nil {
		return nil, fmt.Errorf("merge rows of one key: %w", err)
	}
	defer f.releaseValues()
	if f.res.Len() == 0 {
		return gatherKV(f.mem, w.Sources, w.Refs[len(w.Refs)-2:], true)
	}
	columns, keys := f.columns, f.keys
	f.columns, f.keys, f.in = nil, true, nil
	b, err := f.gather(w.Sources)
	f.columns, f.keys, f.in = columns, keys, nil
	if err == nil && w.Sources[0].UserSeq.Len() > 0 {
		b.UserSeq = gatherKeys(w.Sources, f.res.From, userSeqOf)
	}
	return b, err
}

func (f *folder) releaseValues() {
	for i := range f.res.Columns {
		if v := f.res.Columns[i].Values; v != nil {
			v.Release()
			f.res.Columns[i].Values = nil
		}
	}
}

// drop takes retracts out of the result.
func (f *folder) drop() error {
	r := &f.res
	if !hasRetract(r.Kinds) {
		return nil
	}
	kept := make([]columnar.Ref, 0, r.Len())
	for i, k := range r.Kinds {
		if !k.IsRetract() {
			kept = append(kept, columnar.Ref{Row: int32(i)})
		}
	}
	picked := map[*columnar.Ref][]columnar.Ref{} // columns may share their Refs
	for c := range r.Columns {
		col := &r.Columns[c]
		if col.Values != nil {
			v, err := columnar.Gather(f.mem, []arrow.Array{col.Values}, kept)
			if err != nil {
				return err
			}
			col.Values.Release()
			col.Values = v
		} else if len(col.Refs) > 0 {
			first := &col.Refs[0]
			if picked[first] == nil {
				picked[first] = pickRows(slices.Clone(col.Refs), kept)
			}
			col.Refs = picked[first]
		}
	}
	r.From, r.Key = pickRows(r.From, kept), pickRows(r.Key, kept)
	r.Seqs, r.Kinds = pickRows(r.Seqs, kept), pickRows(r.Kinds, kept)
	return nil
}

// pickRows moves the kept elements to the front, in place.
func pickRows[T any](s []T, kept []columnar.Ref) []T {
	for i, k := range kept {
		s[i] = s[k.Row]
	}
	return s[:len(kept)]
}

// gather makes a batch of the result.
func (f *folder) gather(sources []*columnar.KV) (*columnar.KV, error) {
	r := &f.res
	out := &columnar.KV{Seqs: slices.Clone(r.Seqs), Kinds: slices.Clone(r.Kinds)}
	if s := sources[0].Rows.Schema(); s != f.in {
		f.in, f.out = s, projectSchema(s, f.columns)
	}
	var err error
	if b, row, ok := f.contiguous(sources); ok {
		out.Rows = b.Rows.NewSlice(row, row+int64(r.Len()))
		out = project(out, f.columns)
	} else if out.Rows, err = f.gatherRows(sources); err != nil {
		return nil, err
	}
	if f.keys {
		out.Keys = gatherKeys(sources, r.From, keysOf)
	}
	return out, nil
}

// contiguous reports whether the result is a stretch of one source.
func (f *folder) contiguous(sources []*columnar.KV) (b *columnar.KV, row int64, ok bool) {
	from := f.res.From
	first, last := from[0], from[len(from)-1]
	if first.Src != last.Src || int(last.Row-first.Row) != len(from)-1 {
		return nil, 0, false
	}
	for _, c := range f.res.Columns {
		if c.Values != nil || c.Refs != nil {
			return nil, 0, false
		}
	}
	for i, r := range from {
		if r.Src != first.Src || r.Row != first.Row+int32(i) {
			return nil, 0, false
		}
	}
	return sources[first.Src], int64(first.Row), true
}

func (f *folder) gatherRows(sources []*columnar.KV) (arrow.RecordBatch, error) {
	n := f.out.NumFields()
	cols := make([]arrow.Array, 0, n)
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i := range n {
		c := i
		if f.columns != nil {
			c = f.columns[i]
		}
		col, err := f.gatherColumn(sources, c)
		if err != nil {
			return nil, fmt.Errorf("gather column %s: %w", f.out.Field(i).Name, err)
		}
		cols = append(cols, col)
	}
	return array.NewRecordBatch(f.out, cols, int64(f.res.Len())), nil
}

func (f *folder) gatherColumn(sources []*columnar.KV, c int) (arrow.Array, error) {
	refs := f.res.From
	if c < len(f.res.Columns) {
		switch col := &f.res.Columns[c]; {
		case col.Values != nil:
			col.Values.Retain()
			return col.Values, nil
		case col.Refs != nil:
			refs = col.Refs
		}
	}
	f.arrays = f.arrays[:0]
	for _, s := range sources {
		f.arrays = append(f.arrays, s.Rows.Column(c))
	}
	return columnar.Gather(f.mem, f.arrays, refs)
}
