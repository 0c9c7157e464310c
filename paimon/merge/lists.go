package merge

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// Aggregates over ARRAY and MAP never copy elements while they fold: a column
// is first put in window order, then a value is a list of element numbers, and
// the result is gathered at the end. Where Java keeps elements in a HashMap and
// so gives them in no particular order, they stay in the order of their first
// appearance here.

// elements is the range of one value's elements.
type elements struct {
	from, to int32
	null     bool
}

func (e elements) len() int { return int(e.to - e.from) }

// listState is the value of one key while it is folded. The calls follow the
// ops of a row: load takes a value as it stands, add and addOld aggregate a
// newer or an older one, retract takes one back.
type listState interface {
	prepare(elems arrow.Array) error
	load(in elements)
	add(in elements) error
	addOld(in elements) error
	retract(in elements) error
	// emit appends the elements of the result; false is NULL.
	emit(out *listResult) bool
}

// listResult collects the results of all keys.
type listResult struct {
	refs    []columnar.Ref // elements
	fields  [][]columnar.Ref
	offsets []int32
	valid   []byte
	nulls   int
}

// listFold folds a column of lists or maps.
type listFold struct {
	fn     *function
	typ    types.Type
	state  listState
	fields int // > 0: the state gives single fields of its elements (rows)
	out    listResult
}

// fold implements folder.
func (f *listFold) fold(p *pass, col int, ops []op) (Column, error) {
	c, err := p.column(col)
	if err != nil {
		return Column{}, err
	}
	list := c.(array.ListLike)
	if err := f.state.prepare(list.ListValues()); err != nil {
		return Column{}, err
	}
	valid := presentIn(c)
	f.out.reset(p.w.Keys(), f.fields)
	for k := range p.w.Keys() {
		f.state.load(elements{null: true})
		for i := p.w.Starts[k]; i < p.w.Starts[k+1]; i++ {
			if err := f.step(ops[i], list, valid, int(i)); err != nil {
				return Column{}, err
			}
		}
		f.out.close(k, f.state.emit(&f.out))
	}
	return f.build(p, list)
}

func (f *listFold) step(what op, list array.ListLike, valid present, i int) error {
	if what == 0 {
		return nil
	}
	in := elements{null: !valid.at(i)}
	if !in.null {
		from, to := list.ValueOffsets(i)
		in.from, in.to = int32(from), int32(to)
	}
	if what&opInit != 0 {
		f.state.load(in)
	}
	switch {
	case what&opAgg != 0 && what&opOld != 0:
		return f.state.addOld(in)
	case what&opAgg != 0:
		return f.state.add(in)
	case what&opRetract != 0 && !f.fn.ignoreRetract:
		return f.state.retract(in)
	}
	return nil
}

func (r *listResult) reset(n, fields int) {
	r.refs, r.nulls = r.refs[:0], 0
	r.offsets = append(make([]int32, 0, n+1), 0)
	r.valid = make([]byte, bitutil.BytesForBits(int64(n)))
	if r.fields == nil {
		r.fields = make([][]columnar.Ref, fields)
	}
	for i := range r.fields {
		r.fields[i] = r.fields[i][:0]
	}
}

// close ends the list of key k.
func (r *listResult) close(k int, ok bool) {
	if ok {
		bitutil.SetBit(r.valid, k)
	} else {
		r.nulls++
	}
	r.offsets = append(r.offsets, int32(len(r.refs)))
}

// build gathers the elements and makes the column.
func (f *listFold) build(p *pass, list array.ListLike) (Column, error) {
	elems := list.ListValues()
	child, err := f.gatherElements(p, elems)
	if err != nil {
		return Column{}, err
	}
	defer child.Release()
	bufs := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(f.out.offsets))}
	if f.out.nulls > 0 {
		bufs[0] = memory.NewBufferBytes(f.out.valid)
	}
	d := array.NewData(f.typ.Arrow(), len(f.out.offsets)-1, bufs, []arrow.ArrayData{child.Data()}, f.out.nulls, 0)
	defer d.Release()
	return Column{Values: array.MakeFromData(d)}, nil
}

func (f *listFold) gatherElements(p *pass, elems arrow.Array) (arrow.Array, error) {
	mem := p.e.schema.Mem
	if f.fields == 0 {
		return columnar.GatherType(mem, elems.DataType(), []arrow.Array{elems}, f.out.refs)
	}
	rows := elems.(*array.Struct)
	children := make([]arrow.ArrayData, 0, f.fields)
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	for i := range f.fields {
		c, err := columnar.GatherType(mem, rows.Field(i).DataType(), []arrow.Array{rows.Field(i)}, f.out.fields[i])
		if err != nil {
			return nil, err
		}
		c.Data().Retain()
		children = append(children, c.Data())
		c.Release()
	}
	n := len(f.out.refs)
	valid, nulls := make([]byte, bitutil.BytesForBits(int64(n))), 0
	for i, r := range f.out.refs {
		if r.Src >= 0 {
			bitutil.SetBit(valid, i)
		} else {
			nulls++
		}
	}
	d := array.NewData(elems.DataType(), n, []*memory.Buffer{memory.NewBufferBytes(valid)}, children, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}

// rowSet is an ordered set of elements, found by key: by looking at all while
// they are few, by a hash index from then on.
type rowSet struct {
	rows  []int32
	keys  columnar.Keys
	index map[string]int32 // key → position; in use when indexed
	ready bool
}

const indexFrom = 16

func (s *rowSet) clear() {
	s.rows, s.ready = s.rows[:0], false
}

// find gives the position of the element with the same key; -1 for none.
func (s *rowSet) find(row int32) int {
	if len(s.rows) < indexFrom {
		for i, r := range s.rows {
			if columnar.Equal(s.keys, int(r), s.keys, int(row)) {
				return i
			}
		}
		return -1
	}
	if !s.ready {
		if s.index == nil {
			s.index = make(map[string]int32)
		}
		clear(s.index)
		for i, r := range s.rows {
			s.index[string(s.keys.At(int(r)))] = int32(i)
		}
		s.ready = true
	}
	if i, ok := s.index[string(s.keys.At(int(row)))]; ok {
		return int(i)
	}
	return -1
}

// append adds an element whose key is not in the set.
func (s *rowSet) append(row int32) {
	if s.ready {
		s.index[string(s.keys.At(int(row)))] = int32(len(s.rows))
	}
	s.rows = append(s.rows, row)
}

// put adds an element or replaces the one with its key.
func (s *rowSet) put(row int32) {
	if i := s.find(row); i >= 0 {
		s.rows[i] = row
	} else {
		s.append(row)
	}
}

// remove takes out the element at a position.
func (s *rowSet) remove(i int) {
	s.rows = append(s.rows[:i], s.rows[i+1:]...)
	s.ready = false
}

// emitRows appends elements to the result.
func emitRows(out *listResult, rows []int32) {
	for _, r := range rows {
		out.refs = append(out.refs, columnar.Ref{Row: r})
	}
}
