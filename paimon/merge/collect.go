package merge

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// collect joins arrays: FieldCollectAgg.
type collect struct {
	fn      *function
	encoder *columnar.KeyEncoder // nil for elements that have no order

	elems arrow.Array
	set   rowSet
	null  bool
	clean bool // has every element once
	spare []int32
}

func newCollect(fn *function, t types.Type) folder {
	c := &collect{fn: fn}
	if columnar.HasOrder(*t.Elem) {
		c.encoder = columnar.NewKeyEncoder([]types.Type{t.Elem.AsNullable()}, columnar.KeyOptions{})
	}
	return &listFold{fn: fn, typ: t, state: c}
}

func (c *collect) prepare(elems arrow.Array) (err error) {
	c.elems = elems
	c.set.clear()
	if c.encoder != nil {
		c.set.keys, err = c.encoder.Encode([]arrow.Array{elems})
	}
	return err
}

func (c *collect) load(in elements) {
	c.set.clear()
	c.null, c.clean = in.null, false
	for r := in.from; r < in.to; r++ {
		c.set.rows = append(c.set.rows, r)
	}
}

func (c *collect) same(i, j int32) bool {
	if c.encoder != nil {
		return columnar.Equal(c.set.keys, int(i), c.set.keys, int(j))
	}
	return columnar.EqualRows(c.elems, int(i), c.elems, int(j))
}

// addDistinct appends an element that is not there yet.
func (c *collect) addDistinct(row int32) {
	if c.encoder != nil {
		if c.set.find(row) < 0 {
			c.set.append(row)
		}
		return
	}
	if !slices.ContainsFunc(c.set.rows, func(r int32) bool { return c.same(r, row) }) {
		c.set.rows = append(c.set.rows, row)
	}
}

func (c *collect) add(in elements) error {
	if c.null && in.null {
		return nil
	}
	if !c.fn.distinct {
		c.null = false
		for r := in.from; r < in.to; r++ {
			c.set.rows = append(c.set.rows, r)
		}
		return nil
	}
	c.null = false
	c.settle()
	for r := in.from; r < in.to; r++ {
		c.addDistinct(r)
	}
	return nil
}

// addOld does not turn the order around, as in Paimon; but it does where
// retracts are ignored: FieldIgnoreRetractAgg hides that collect would not.
func (c *collect) addOld(in elements) error {
	if !c.fn.ignoreRetract {
		return c.add(in)
	}
	if in.null && (c.null || !c.fn.distinct) {
		return nil
	}
	newer := slices.Clone(c.set.rows)
	c.load(in)
	c.null = false
	if c.fn.distinct {
		c.settle()
	}
	for _, r := range newer {
		if c.fn.distinct {
			c.addDistinct(r)
		} else {
			c.set.rows = append(c.set.rows, r)
		}
	}
	return nil
}

// settle makes every element appear once, as in Java's HashSet; elements of
// other types count as distinct already.
func (c *collect) settle() {
	if c.encoder == nil || c.clean {
		return
	}
	c.spare = append(c.spare[:0], c.set.rows...)
	c.set.clear()
	for _, r := range c.spare {
		c.addDistinct(r)
	}
	c.clean = true
}

// retract removes one occurrence for every element taken back.
func (c *collect) retract(in elements) error {
	if c.null || in.null || in.len() == 0 {
		return nil
	}
	gone := c.spare[:0]
	for r := in.from; r < in.to; r++ {
		gone = append(gone, r)
	}
	c.spare = gone
	c.set.ready = false
	c.set.rows = slices.DeleteFunc(c.set.rows, func(have int32) bool {
		i := slices.IndexFunc(gone, func(r int32) bool { return c.same(have, r) })
		if i >= 0 {
			gone = slices.Delete(gone, i, i+1)
		}
		return i >= 0
	})
	return nil
}

func (c *collect) emit(out *listResult) bool {
	if c.null {
		return false
	}
	emitRows(out, c.set.rows)
	return true
}

// mapFold is merge_map and merge_map_with_keytime.
type mapFold struct {
	fn      *function
	encoder *columnar.KeyEncoder
	time    int // field of the time in the values; -1 for merge_map

	values arrow.Array
	times  *array.String
	set    rowSet
	null   bool
	raw    bool
	spare  []int32
	newer  []int32
}

func newMapFold(fn *function, t types.Type) folder {
	m := &mapFold{fn: fn, time: -1, encoder: columnar.NewKeyEncoder([]types.Type{t.Key.AsNullable()}, columnar.KeyOptions{})}
	if fn.name == "merge_map_with_keytime" {
		m.time = fn.timeField(*t.Elem)
	}
	return &listFold{fn: fn, typ: t, state: m}
}

func (m *mapFold) prepare(elems arrow.Array) (err error) {
	entries := elems.(*array.Struct)
	m.values = entries.Field(1)
	if m.time >= 0 {
		m.times = m.values.(*array.Struct).Field(m.time).(*array.String)
	}
	m.set.clear()
	m.set.keys, err = m.encoder.Encode([]arrow.Array{entries.Field(0)})
	return err
}

func (m *mapFold) load(in elements) {
	m.set.clear()
	m.null, m.raw = in.null, true
	for r := in.from; r < in.to; r++ {
		m.set.rows = append(m.set.rows, r)
	}
}

// settle makes every key appear once, the last entry winning.
func (m *mapFold) settle() {
	if !m.raw {
		return
	}
	m.raw = false
	m.spare = append(m.spare[:0], m.set.rows...)
	m.set.clear()
	for _, r := range m.spare {
		m.set.put(r)
	}
}

func (m *mapFold) add(in elements) error {
	if in.null {
		return nil
	}
	if m.null {
		m.load(in)
		return nil
	}
	m.settle()
	for r := in.from; r < in.to; r++ {
		m.put(r)
	}
	return nil
}

// put adds an entry by the rules of the function.
func (m *mapFold) put(row int32) {
	if m.time < 0 {
		m.set.put(row)
		return
	}
	at := m.set.find(row)
	switch {
	case m.values.IsNull(int(row)):
		if at >= 0 {
			m.set.remove(at)
		}
	case m.times.IsNull(int(row)):
	case at < 0:
		m.set.append(row)
	default:
		have := int(m.set.rows[at])
		if m.values.IsNull(have) || m.times.IsNull(have) || m.times.Value(int(row)) > m.times.Value(have) {
			m.set.rows[at] = row
		}
	}
}

func (m *mapFold) addOld(in elements) error {
	if m.null {
		m.load(in)
		return nil
	}
	if in.null {
		return nil
	}
	m.newer = append(m.newer[:0], m.set.rows...)
	m.load(in)
	m.settle()
	for _, r := range m.newer {
		m.put(r)
	}
	return nil
}

func (m *mapFold) retract(in elements) error {
	if m.time >= 0 {
		return noRetract(m.fn.name)
	}
	if m.null || in.null || in.len() == 0 {
		return nil
	}
	m.settle()
	for r := in.from; r < in.to; r++ {
		if i := m.set.find(r); i >= 0 {
			m.set.remove(i)
		}
	}
	return nil
}

func (m *mapFold) emit(out *listResult) bool {
	if m.null {
		return false
	}
	emitRows(out, m.set.rows)
	return true
}
