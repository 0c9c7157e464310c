package merge

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// fold is the engine of partial-update and aggregation. It works in two steps:
//
//  1. Walk the rows of every key in order and write down, per row and sequence
//     group, what the row does to the group's columns (an op). Only kinds and
//     sequence columns are looked at.
//  2. Fold column by column, following the ops of the column's group. Columns
//     without an aggregate function, and functions that pick one of the
//     versions, yield Refs: no value is copied. The others compute values.
//
// Aggregation is the case of one group without sequence columns.
type fold struct {
	schema  Schema
	c       *config
	folders []folder // per column; nil: taken from From or from its group
	checked []int    // NOT NULL columns that are not part of the key

	p      pass
	refs   [][]columnar.Ref // scratch per column
	seqRef [][]columnar.Ref // scratch per group: sequence columns
	picked [][]columnar.Ref // scratch per group: columns without function
}

// op says what a row does to the columns of its group.
type op = uint8

const (
	opInit    op = 1 << iota // the columns become the row's values, before all else
	opAgg                    // the row is added
	opRetract                // the row is taken back
	opOld                    // …though it is older than what is stored
)

// folder folds one column over a window.
type folder interface {
	fold(p *pass, col int, ops []op) (Column, error)
}

func newFold(s Schema, c *config) (*fold, error) {
	n := len(s.Fields)
	e := &fold{schema: s, c: c, folders: make([]folder, n), refs: make([][]columnar.Ref, n)}
	for i, f := range s.Fields {
		if !f.Type.Nullable && !c.isKey[i] {
			e.checked = append(e.checked, i)
		}
		if c.isKey[i] || c.isSeq[i] {
			continue
		}
		if fn := c.functions[i]; fn != nil {
			var err error
			if e.folders[i], err = e.newFolder(i, fn); err != nil {
				return nil, err
			}
		} else if c.group[i] < 0 {
			e.folders[i] = &pick{fn: lastNonNull, keepOnRetract: true}
		}
	}
	for _, g := range c.groups {
		ts := make([]types.Type, len(g.seq))
		for i, f := range g.seq {
			ts[i] = s.Fields[f].Type.AsNullable()
		}
		e.p.groups = append(e.p.groups, groupState{seqGroup: g, encoder: columnar.NewKeyEncoder(ts, columnar.KeyOptions{})})
	}
	e.seqRef = make([][]columnar.Ref, len(c.groups))
	e.picked = make([][]columnar.Ref, len(c.groups))
	return e, nil
}

// pass is the state of folding one window.
type pass struct {
	e       *fold
	w       *Window
	kinds   []types.RowKind // per row of the window
	retract bool            // some row is a -U or -D
	outer   []op            // per row: what it does to columns outside groups
	groups  []groupState
	columns []arrow.Array // per column: gathered in window order, on demand
}

// groupState is a sequence group in one window.
type groupState struct {
	seqGroup
	encoder *columnar.KeyEncoder
	ops     []op          // per row
	keys    columnar.Keys // per row: encoded sequence columns
	empty   []bool        // per row: all sequence columns are NULL
	stored  int32         // row whose sequence is stored; -1 for none
}

// Merge folds the window; see Engine.
func (e *fold) Merge(w *Window, out *Result) error {
	if w.Keys() == len(w.Refs) && !w.Always && len(w.Thinned) == 0 {
		out.reset(w.Keys(), len(e.schema.Fields))
		for k, r := range w.Refs {
			out.add(w, k, r)
		}
		return nil
	}
	p := &e.p
	defer p.release()
	if err := p.start(e, w); err != nil {
		return err
	}
	out.reset(w.Keys(), len(e.schema.Fields))
	var err error
	if e.c.name == Aggregation {
		e.planAggregation(p, out)
	} else {
		err = e.planPartialUpdate(p, out)
	}
	if err == nil {
		err = e.checkNotNull(p)
	}
	if err != nil {
		return err
	}
	if err := e.foldColumns(p, out); err != nil {
		for _, c := range out.Columns {
			if c.Values != nil {
				c.Values.Release()
			}
		}
		clear(out.Columns)
		return err
	}
	return nil
}

func (p *pass) start(e *fold, w *Window) error {
	p.e, p.w = e, w
	n := len(w.Refs)
	p.kinds = slices.Grow(p.kinds[:0], n)
	p.retract = false
	for _, r := range w.Refs {
		kind := kindOf(w.Sources[r.Src], r.Row)
		p.retract = p.retract || kind.IsRetract()
		p.kinds = append(p.kinds, kind)
	}
	p.outer = slices.Grow(p.outer[:0], n)[:n]
	clear(p.outer)
	p.columns = slices.Grow(p.columns[:0], len(e.schema.Fields))[:len(e.schema.Fields)]
	for i := range p.groups {
		g := &p.groups[i]
		g.ops = slices.Grow(g.ops[:0], n)[:n]
		clear(g.ops)
		if err := g.encode(p); err != nil {
			return err
		}
	}
	return nil
}

// encode makes the sequence keys of the window's rows.
func (g *groupState) encode(p *pass) error {
	cols := make([]arrow.Array, len(g.seq))
	for i, f := range g.seq {
		c, err := p.column(f)
		if err != nil {
			return err
		}
		cols[i] = c
	}
	keys, err := g.encoder.Encode(cols)
	if err != nil {
		return fmt.Errorf("compare sequence groups: %w", err)
	}
	g.keys = keys
	n := len(p.w.Refs)
	g.empty = slices.Grow(g.empty[:0], n)[:n]
	clear(g.empty)
	if cols[0].NullN() == 0 {
		return nil
	}
	for i := range g.empty {
		g.empty[i] = true
		for _, c := range cols {
			g.empty[i] = g.empty[i] && c.IsNull(i)
		}
	}
	return nil
}

// column gives a column with one value per row of the window.
func (p *pass) column(col int) (arrow.Array, error) {
	if p.columns[col] == nil {
		c, err := columnar.GatherType(p.e.schema.Mem, p.e.schema.Fields[col].Type.Arrow(), p.sources(col), p.w.Refs)
		if err != nil {
			return nil, fmt.Errorf("merge column %q: %w", p.e.schema.Fields[col].Name, err)
		}
		p.columns[col] = c
	}
	return p.columns[col], nil
}

// sources gives a column of every source batch.
func (p *pass) sources(col int) []arrow.Array {
	out := make([]arrow.Array, len(p.w.Sources))
	for i, s := range p.w.Sources {
		out[i] = s.Rows.Column(col)
	}
	return out
}

func (p *pass) release() {
	for i, c := range p.columns {
		if c != nil {
			c.Release()
			p.columns[i] = nil
		}
	}
	p.w = nil
}

// ops gives what every row does to a column.
func (p *pass) ops(col int) []op {
	if g := p.e.c.group[col]; g >= 0 {
		return p.groups[g].ops
	}
	return p.outer
}

// finish appends the result of a key whose newest row is last.
func (p *pass) finish(out *Result, key int, kind types.RowKind, seq int64) {
	out.From = append(out.From, p.w.Refs[p.w.Starts[key+1]-1])
	out.Key = append(out.Key, int32(key))
	out.Kinds = append(out.Kinds, kind)
	out.Seqs = append(out.Seqs, seq)
}

// single handles a key with one version, which no logic touches.
func (p *pass) single(out *Result, key int) {
	i := p.w.Starts[key]
	p.setAll(i, opInit)
	out.add(p.w, key, p.w.Refs[i])
}

// setAll makes row i do the same to all columns.
func (p *pass) setAll(i int32, what op) {
	p.outer[i] = what
	for g := range p.groups {
		p.groups[g].ops[i] = what
		if what&opInit != 0 {
			p.groups[g].stored = i
		}
	}
}

// planAggregation writes the ops of AggregateMergeFunction.
func (e *fold) planAggregation(p *pass, out *Result) {
	w := p.w
	for k := range w.Keys() {
		from, to := w.Starts[k], w.Starts[k+1]
		if w.single(k) {
			p.single(out, k)
			continue
		}
		kind := types.Insert
		for i := from; i < to; i++ {
			kind = types.Insert
			switch {
			case e.c.removeOnDelete && p.kinds[i] == types.Delete:
				p.outer[i] = opInit
				kind = types.Delete
			case p.kinds[i].IsRetract():
				p.outer[i] = opRetract
			default:
				p.outer[i] = opAgg
			}
		}
		last := w.Refs[to-1]
		p.finish(out, k, kind, w.Sources[last.Src].Seqs[last.Row])
	}
}

// checkNotNull refuses NULL in NOT NULL columns where Paimon does: in rows
// that start or replace the merged row, and without sequence groups in every
// row added.
func (e *fold) checkNotNull(p *pass) error {
	for _, col := range e.checked {
		valid := validityOf(p.sources(col))
		if valid == nil {
			continue
		}
		for k := range p.w.Keys() {
			from, to := p.w.Starts[k], p.w.Starts[k+1]
			if p.w.single(k) {
				continue
			}
			for i := from; i < to; i++ {
				what := p.outer[i] & opInit
				if e.c.name == PartialUpdate && !e.c.grouped {
					what |= p.outer[i] & opAgg
				}
				if r := p.w.Refs[i]; what != 0 && !valid.at(r) {
					return errs.Invalid("merge rows: column %q is %s, but a %s row with sequence number %d has NULL there",
						e.schema.Fields[col].Name, e.schema.Fields[col].Type, p.kinds[i], p.w.Sources[r.Src].Seqs[r.Row])
				}
			}
		}
	}
	return nil
}

func (e *fold) foldColumns(p *pass, out *Result) error {
	for g := range p.groups {
		e.foldGroup(p, g)
	}
	for col, f := range e.folders {
		switch g := e.c.group[col]; {
		case f != nil:
			c, err := f.fold(p, col, p.ops(col))
			if err != nil {
				return fmt.Errorf("merge column %q: %w", e.schema.Fields[col].Name, err)
			}
			out.Columns[col] = c
		case e.c.isSeq[col]:
			out.Columns[col] = Column{Refs: e.seqRef[g]}
		case g >= 0:
			out.Columns[col] = Column{Refs: e.picked[g]}
		}
	}
	return nil
}

// foldGroup finds, for every key, the row that the sequence columns of a group
// come from, and the row of its columns without function (none after a
// retract). All those columns share the two lists of Refs.
func (e *fold) foldGroup(p *pass, g int) {
	ops, n := p.groups[g].ops, p.w.Keys()
	seqs, values := slices.Grow(e.seqRef[g][:0], n), slices.Grow(e.picked[g][:0], n)
	for k := range n {
		seq, value := columnar.NullRef, columnar.NullRef
		for i := p.w.Starts[k+1] - 1; i >= p.w.Starts[k]; i-- {
			what := ops[i]
			if what == 0 || what&(opOld|opInit) == opOld {
				continue
			}
			seq = p.w.Refs[i]
			// A row that starts the merged row may at once be retracted.
			if what&opRetract == 0 || what&opOld != 0 {
				value = seq
			}
			break
		}
		seqs, values = append(seqs, seq), append(values, value)
	}
	e.seqRef[g], e.picked[g] = seqs, values
}
