package parquet

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// shredder turns a nested column into the levels and values of its leaves.
// It walks the type with a list of slots: one per level entry, each with its
// levels so far and the element it stands for, or no element once a NULL or
// empty list above has ended it.
type shredder struct {
	typ       types.Type
	leafTypes []types.Type
}

// slots is that list; the three slices have equal length.
type slots struct {
	def, rep []uint8
	elem     []int32 // position in the current array; -1 when ended
}

func newShredder(t types.Type) *shredder {
	s := &shredder{typ: t}
	s.collect(t)
	return s
}

func (s *shredder) collect(t types.Type) {
	for _, c := range childTypes(t) {
		s.collect(c)
	}
	if childTypes(t) == nil {
		s.leafTypes = append(s.leafTypes, t)
	}
}

// childTypes gives the types that a nested type is made of, in the order of
// its Parquet children; nil for leaves.
func childTypes(t types.Type) []types.Type {
	switch t.Root {
	case types.Array:
		return []types.Type{*t.Elem}
	case types.Map:
		return []types.Type{t.Key.NotNull(), *t.Elem}
	case types.Multiset:
		return []types.Type{t.Elem.NotNull(), types.Of(types.Int).NotNull()}
	case types.Row:
		out := make([]types.Type, len(t.Fields))
		for i, f := range t.Fields {
			out[i] = f.Type
		}
		return out
	case types.Variant:
		b := types.Of(types.Varbinary).NotNull()
		return []types.Type{b, b}
	}
	return nil
}

// shred appends rows [lo, hi) of arr to the leaves, which start with the
// column's first.
func (s *shredder) shred(arr arrow.Array, lo, hi int, leaves []*leafWriter) error {
	n := hi - lo
	top := slots{def: make([]uint8, n), rep: make([]uint8, n), elem: make([]int32, n)}
	for i := range n {
		top.elem[i] = int32(lo + i)
	}
	w := walk{leaves: leaves, rows: n}
	return w.node(s.typ, arr, top, 0, 0)
}

type walk struct {
	leaves []*leafWriter
	next   int
	rows   int
}

// node descends into arr of type t, whose parent has definition level def and
// repetition level rep. It may change s.
func (w *walk) node(t types.Type, arr arrow.Array, s slots, def, rep uint8) error {
	if t.Nullable {
		def++
		for i, e := range s.elem {
			if e < 0 {
				continue
			}
			if arr.IsNull(int(e)) {
				s.elem[i] = -1
			} else {
				s.def[i] = def
			}
		}
	} else if arr.NullN() > 0 {
		for _, e := range s.elem {
			if e >= 0 && arr.IsNull(int(e)) {
				return errs.Invalid("%s holds NULL", t)
			}
		}
	}
	switch a := arr.(type) {
	case *array.Struct:
		return w.children(t, a, s, def, rep)
	case *array.Map:
		inner := expand(s, a.Offsets(), a.Data().Offset(), def+1, rep+1)
		kids := childTypes(t)
		if err := w.node(kids[0], a.Keys(), inner.clone(), def+1, rep+1); err != nil {
			return err
		}
		return w.node(kids[1], a.Items(), inner, def+1, rep+1)
	case *array.List:
		inner := expand(s, a.Offsets(), a.Data().Offset(), def+1, rep+1)
		return w.node(*t.Elem, a.ListValues(), inner, def+1, rep+1)
	}
	return w.leaf(arr, s)
}

func (w *walk) children(t types.Type, a *array.Struct, s slots, def, rep uint8) error {
	for i, kid := range childTypes(t) {
		in := s
		if i+1 < a.NumField() {
			in = s.clone()
		}
		if err := w.node(kid, a.Field(i), in, def, rep); err != nil {
			return err
		}
	}
	return nil
}

func (s slots) clone() slots {
	return slots{
		def:  append([]uint8(nil), s.def...),
		rep:  append([]uint8(nil), s.rep...),
		elem: append([]int32(nil), s.elem...),
	}
}

// expand replaces every list by its elements. def and rep are the levels of
// an element.
func expand(s slots, offsets []int32, off int, def, rep uint8) slots {
	n := 0
	for _, e := range s.elem {
		n++
		if e >= 0 {
			n += max(int(offsets[int(e)+off+1]-offsets[int(e)+off])-1, 0)
		}
	}
	out := slots{def: make([]uint8, 0, n), rep: make([]uint8, 0, n), elem: make([]int32, 0, n)}
	for i, e := range s.elem {
		if e < 0 {
			out.add(s.def[i], s.rep[i], -1)
			continue
		}
		from, to := offsets[int(e)+off], offsets[int(e)+off+1]
		if from == to {
			out.add(s.def[i], s.rep[i], -1)
			continue
		}
		out.add(def, s.rep[i], from)
		for j := from + 1; j < to; j++ {
			out.add(def, rep, j)
		}
	}
	return out
}

func (s *slots) add(def, rep uint8, elem int32) {
	s.def = append(s.def, def)
	s.rep = append(s.rep, rep)
	s.elem = append(s.elem, elem)
}

func (w *walk) leaf(arr arrow.Array, s slots) error {
	l := w.leaves[w.next]
	w.next++
	if err := l.enc.bind(arr); err != nil {
		return err
	}
	l.defs = append(l.defs, s.def...)
	if l.maxRep > 0 {
		l.reps = append(l.reps, s.rep...)
	}
	before := l.nvals
	for i := 0; i < len(s.elem); {
		e := s.elem[i]
		if e < 0 {
			i++
			continue
		}
		end := i + 1
		for end < len(s.elem) && s.elem[end] == e+int32(end-i) {
			end++
		}
		l.addValues(int(e), int(e)+end-i)
		i = end
	}
	l.nulls += int64(len(s.elem) - (l.nvals - before))
	l.nlevels += len(s.elem)
	l.rows += w.rows
	return l.maybeFlush()
}
