package merge

import (
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// rowState is what PartialUpdateMergeFunction remembers about a key besides
// its row.
type rowState struct {
	filled  bool // the merged row has been started
	insert  bool // an insert or +U has been seen
	deleted bool // the newest row removed the record
	seq     int64
}

// planPartialUpdate writes the ops of PartialUpdateMergeFunction.
func (e *fold) planPartialUpdate(p *pass, out *Result) error {
	w := p.w
	for k := range w.Keys() {
		from, to := w.Starts[k], w.Starts[k+1]
		if w.single(k) {
			p.single(out, k)
			continue
		}
		var s rowState
		for g := range p.groups {
			p.groups[g].stored = -1
		}
		for i := from; i < to; i++ {
			s.deleted = false
			if p.kinds[i].IsRetract() {
				if err := e.retractRow(p, i, &s); err != nil {
					return err
				}
				continue
			}
			r := w.Refs[i]
			s.seq = w.Sources[r.Src].Seqs[r.Row]
			p.outer[i] = opAgg
			for g := range p.groups {
				p.groups[g].add(i, opAgg)
			}
			s.insert, s.filled = true, true
		}
		kind := types.Insert
		if s.deleted || !s.insert {
			kind = types.Delete
		}
		p.finish(out, k, kind, s.seq)
	}
	return nil
}

// newer reports whether row i is not older than what the group has stored.
func (g *groupState) newer(i int32) bool {
	return g.stored < 0 || columnar.Compare(g.keys, int(i), g.keys, int(g.stored)) >= 0
}

// add writes what row i does to the group. A row whose sequence columns are all
// NULL does nothing.
func (g *groupState) add(i int32, what op) {
	switch {
	case g.empty[i]:
	case g.newer(i):
		g.ops[i] |= what
		g.stored = i
	default:
		g.ops[i] |= what | opOld
	}
}

// retractRow writes the ops of a -U or -D row.
func (e *fold) retractRow(p *pass, i int32, s *rowState) error {
	if !s.filled {
		p.setAll(i, opInit)
		s.filled = true
	}
	if e.c.ignoreDelete {
		return nil
	}
	r := p.w.Refs[i]
	s.seq = p.w.Sources[r.Src].Seqs[r.Row]
	if e.c.grouped {
		for g := range p.groups {
			if gs := &p.groups[g]; gs.removes && p.kinds[i] == types.Delete && !gs.empty[i] && gs.newer(i) {
				p.setAll(i, opInit)
				s.deleted = true
				return nil
			}
		}
		for g := range p.groups {
			p.groups[g].add(i, opRetract)
		}
		return nil
	}
	if !e.c.removeOnDelete {
		return errs.Invalid("merge rows with merge-engine %s: a key has a %s row, which this engine cannot take by default; set one of ignore-delete (drop such rows), %s (remove the row), or sequence groups (set a group's columns to NULL, or the row with %s)",
			PartialUpdate, p.kinds[i], removeOnDelete, removeOnGroup)
	}
	if p.kinds[i] == types.Delete {
		p.setAll(i, opInit)
		s.deleted = true
	}
	return nil
}
