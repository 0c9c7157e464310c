package json

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/paimon/types"
)

type listColumn struct {
	hole
	b        *array.ListBuilder
	element  column
	nullable bool
	o        *rules
}

func (c *listColumn) append(v []byte) error {
	if v[0] != '[' {
		c.appendNull()
		return wrong(v, "an array, […]")
	}
	c.b.Append(true)
	var first error
	n := 0
	s := scanner{text: v}
	s.array(0, 0, func(e span) {
		if err := c.o.appendTo(c.element, v[e.from:e.to], c.nullable); err != nil && first == nil {
			first = inside(err, "["+strconv.Itoa(n)+"]")
		}
		n++
	})
	return first
}

// mapColumn reads objects. A multiset is a map to counts.
type mapColumn struct {
	hole
	b          *array.MapBuilder
	key, value column
	nullable   bool // values
	o          *rules
	entries    []entry
	keys       map[string]int // key text → entry
}

type entry struct{ key, value span }

func newMapColumn(t types.Type, b *array.MapBuilder, o *rules) (column, error) {
	kt, vt := t.Key, *t.Elem
	if t.Root == types.Multiset {
		kt, vt = t.Elem, types.Of(types.Int).NotNull()
	}
	key, err := newColumn(kt.NotNull(), b.KeyBuilder(), o)
	if err != nil {
		return nil, err
	}
	value, err := newColumn(vt, b.ItemBuilder(), o)
	return &mapColumn{hole: hole{b, t.Nullable}, b: b, key: key, value: value, nullable: vt.Nullable, o: o, keys: map[string]int{}}, err
}

func (c *mapColumn) append(v []byte) error {
	if v[0] != '{' {
		c.appendNull()
		return wrong(v, "an object, {…}")
	}
	// Of equal keys the last one counts.
	entries := c.entries[:0]
	clear(c.keys)
	s := scanner{text: v}
	s.object(0, 0, func(key, value span) {
		name := unquote(v[key.from:key.to], &c.o.scratch)
		if i, ok := c.keys[string(name)]; ok {
			entries[i].value = value
			return
		}
		c.keys[string(name)] = len(entries)
		entries = append(entries, entry{key, value})
	})
	c.entries = entries
	c.b.Append(true)
	var first error
	for _, e := range entries {
		key := v[e.key.from:e.key.to]
		err := c.key.append(key)
		if verr := c.o.appendTo(c.value, v[e.value.from:e.value.to], c.nullable); err == nil {
			err = verr
		}
		if err != nil && first == nil {
			first = inside(err, "["+decode.Show(key)+"]")
		}
	}
	return first
}

// structColumn reads objects into the columns of a ROW.
type structColumn struct {
	hole
	b   *array.StructBuilder
	row *members
}

func newStructColumn(t types.Type, b *array.StructBuilder, o *rules) (column, error) {
	builders := make([]array.Builder, len(t.Fields))
	for i := range builders {
		builders[i] = b.FieldBuilder(i)
	}
	row, err := newMembers(t.Fields, builders, o)
	return &structColumn{hole: hole{b, t.Nullable}, b: b, row: row}, err
}

func (c *structColumn) append(v []byte) error {
	if v[0] != '{' {
		c.appendNull()
		return wrong(v, "an object, {…}")
	}
	c.b.Append(true)
	if err := c.row.object.Scan(v); err != nil { // v was checked before
		c.row.appendNulls()
		return err
	}
	return c.row.append()
}

// members are the columns that the members of an object go to.
type members struct {
	fields  []types.Field
	columns []column
	object  *Object
	o       *rules
}

func newMembers(fields []types.Field, builders []array.Builder, o *rules) (*members, error) {
	m := &members{fields: fields, columns: make([]column, len(fields)), o: o}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
		c, err := newColumn(f.Type, builders[i], o)
		if err != nil {
			return nil, inColumn(err, f.Name)
		}
		m.columns[i] = c
	}
	m.object = NewObject(names...)
	return m, nil
}

// append takes the members of the object scanned last. It appends to every
// column and gives the first error.
func (m *members) append() error {
	var first error
	for i, c := range m.columns {
		f := &m.fields[i]
		v := m.object.Get(i)
		err := m.o.appendTo(c, v, f.Type.Nullable)
		if v == nil && m.o.FailOnMissing && err == nil {
			err = wrong(v, "a member of this name (fail-on-missing-field is set)")
		}
		if err != nil && first == nil {
			first = inside(err, f.Name)
		}
	}
	return first
}

func (m *members) appendNulls() {
	for _, c := range m.columns {
		c.appendNull()
	}
}
