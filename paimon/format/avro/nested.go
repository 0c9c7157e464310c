package avro

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/format/cast"
)

// step is a field of a record in the file: read by a node, or passed over. A
// field without bytes that nobody wants has neither.
type step struct {
	into node
	pass *skipper
}

// rows reads records into the nodes of their fields.
type rows []step

func (r rows) read(b []byte, i int) int {
	for k := range r {
		if s := &r[k]; s.into != nil {
			i = s.into.read(b, i)
		} else if s.pass != nil {
			i = s.pass.skip(b, i)
		}
		if i < 0 {
			return i
		}
	}
	return i
}

// record reads ROW.
type record struct {
	slots
	rows
	typ  arrow.DataType
	kids []node // by wanted field; nil where the file lacks it
}

func (r *record) begin(n int) {
	r.slots.begin(n)
	for _, k := range r.kids {
		if k != nil {
			k.begin(n)
		}
	}
}

func (r *record) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	i = r.rows.read(b, i)
	r.mark(true)
	return i
}

func (r *record) null() {
	for _, k := range r.kids {
		if k != nil {
			k.null()
		}
	}
	r.mark(false)
}

func (r *record) finish() (arrow.ArrayData, error) {
	kids, err := finishAll(r.alloc, r.kids, r.typ.(*arrow.StructType), r.n)
	if err != nil {
		r.slots.drop()
		return nil, err
	}
	return seal(nil, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity()}, kids)
}

// finishAll gives the columns of a struct of n slots.
func finishAll(alloc memory.Allocator, kids []node, typ *arrow.StructType, n int) ([]arrow.ArrayData, error) {
	var out []arrow.ArrayData
	var failed error
	for i, k := range kids {
		if k == nil {
			out = append(out, nullData(alloc, typ.Field(i).Type, n))
			continue
		}
		if failed != nil {
			k.drop()
			continue
		}
		data, err := k.finish()
		if err != nil {
			failed = err
			continue
		}
		out = append(out, data)
	}
	if failed != nil {
		for _, d := range out {
			d.Release()
		}
		return nil, failed
	}
	return out, nil
}

func (r *record) drop() {
	r.slots.drop()
	for _, k := range r.kids {
		if k != nil {
			k.drop()
		}
	}
}

// list reads ARRAY, and MAP and MULTISET where keys is set. Maps whose keys
// are no text lie in the file as arrays of records of two fields.
type list struct {
	slots
	values[int32] // offsets
	typ           arrow.DataType
	keys          *mapKeys // of maps; nil for ARRAY
	items         node
	total         int // items so far
}

// mapKeys are the keys of a map.
type mapKeys struct {
	node
	// entries reads key and value of a record; nil where the file has a map.
	entries rows
	// counts says that the values are those of a MULTISET, which are not NULL.
	counts bool
}

func (r *list) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, n+1)
	r.out[0] = 0
	r.total = 0
	r.items.begin(n)
	if r.keys != nil {
		r.keys.begin(n)
	}
}

func (r *list) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	for {
		n, _, next := count(b, i)
		if i = next; i < 0 {
			return i
		}
		if n == 0 {
			break
		}
		r.total += n
		if i = r.readItems(b, i, n); i < 0 {
			return i
		}
	}
	r.offset()
	r.mark(true)
	return i
}

func (r *list) readItems(b []byte, i, n int) int {
	switch {
	case r.keys == nil:
		for ; n > 0 && i >= 0; n-- {
			i = r.items.read(b, i)
		}
	case r.keys.entries != nil:
		for ; n > 0 && i >= 0; n-- {
			i = r.keys.entries.read(b, i)
		}
	default:
		for ; n > 0 && i >= 0; n-- {
			if i = r.keys.read(b, i); i >= 0 {
				i = r.items.read(b, i)
			}
		}
	}
	if i >= 0 && r.keys != nil && (r.keys.nullCount() > 0 || r.keys.counts && r.items.nullCount() > 0) {
		return badNull
	}
	return i
}

// offset ends the items of a slot.
func (r *list) offset() {
	if r.n+1 >= len(r.out) {
		r.grow(2 * len(r.out))
	}
	r.out[r.n+1] = int32(r.total)
}

func (r *list) null() {
	r.offset()
	r.mark(false)
}

func (r *list) finish() (arrow.ArrayData, error) {
	kids := []node{r.items}
	if r.keys != nil {
		kids = []node{r.keys.node, r.items}
	}
	data, err := finishAll(r.alloc, kids, nil, r.total)
	if err != nil {
		r.slots.drop()
		r.values.drop()
		return nil, err
	}
	if mt, ok := r.typ.(*arrow.MapType); ok {
		entries := array.NewData(mt.Elem(), r.total, []*memory.Buffer{nil}, data, 0, 0)
		for _, d := range data {
			d.Release()
		}
		data = []arrow.ArrayData{entries}
	}
	return seal(nil, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity(), r.take(r.n + 1)}, data)
}

func (r *list) drop() {
	r.slots.drop()
	r.values.drop()
	r.items.drop()
	if r.keys != nil {
		r.keys.drop()
	}
}

// converted reads a nested value that the table has as text since.
type converted struct {
	node
	cast cast.Func
}

func (r *converted) finish() (arrow.ArrayData, error) {
	data, err := r.node.finish()
	if err != nil {
		return nil, err
	}
	return r.cast.Take(data)
}
