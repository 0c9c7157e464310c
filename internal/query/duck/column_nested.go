package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// listEntry is DuckDB's place of one list in the child vector.
type listEntry struct{ offset, length uint64 }

// listColumn copies LIST, and MAP as the list of structs that it is in both worlds.
type listColumn struct {
	nulls
	dt    arrow.DataType
	child column
	data  unsafe.Pointer
	offs  []int32
}

func newListColumn(t C.duckdb_logical_type) (column, error) {
	et := C.duckdb_list_type_child_type(t)
	defer C.duckdb_destroy_logical_type(&et)
	elem, err := newColumn(et)
	if err != nil {
		return nil, fmt.Errorf("list element: %w", err)
	}
	return &listColumn{dt: arrow.ListOf(elem.arrowType()), child: elem}, nil
}

func newMapColumn(t C.duckdb_logical_type) (column, error) {
	kt, vt := C.duckdb_map_type_key_type(t), C.duckdb_map_type_value_type(t)
	defer C.duckdb_destroy_logical_type(&kt)
	defer C.duckdb_destroy_logical_type(&vt)
	key, err := newColumn(kt)
	if err != nil {
		return nil, fmt.Errorf("map key: %w", err)
	}
	val, err := newColumn(vt)
	if err != nil {
		return nil, fmt.Errorf("map value: %w", err)
	}
	dt := arrow.MapOf(key.arrowType(), val.arrowType())
	entries := &structColumn{dt: dt.Elem().(*arrow.StructType), fields: []column{key, val}}
	return &listColumn{dt: dt, child: entries}, nil
}

func (c *listColumn) arrowType() arrow.DataType { return c.dt }
func (c *listColumn) bytes() int                { return 4*len(c.offs) + c.child.bytes() }

func (c *listColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
	c.child.load(C.duckdb_list_vector_get_child(v), int(C.duckdb_list_vector_get_size(v)))
}

func (c *listColumn) start() {
	if c.offs == nil {
		c.offs = []int32{0}
	}
}

// append copies the elements in runs: lists mostly lie one behind the other in the child vector.
func (c *listColumn) append(from, n int) error {
	c.start()
	anyNull := c.appendValid(from, n)
	entries := unsafe.Slice((*listEntry)(unsafe.Add(c.data, from*int(unsafe.Sizeof(listEntry{})))), n)
	end := uint64(c.offs[len(c.offs)-1])
	var run listEntry
	for i, e := range entries {
		if anyNull && !c.valid(from+i) {
			e.length = 0
		}
		if e.length > 0 {
			if run.length > 0 && e.offset != run.offset+run.length {
				if err := c.child.append(int(run.offset), int(run.length)); err != nil {
					return err
				}
				run.length = 0
			}
			if run.length == 0 {
				run.offset = e.offset
			}
			run.length += e.length
			end += e.length
		}
		if end > math.MaxInt32 {
			return errors.New("lists of one batch have more than 2^31-1 elements")
		}
		c.offs = append(c.offs, int32(end))
	}
	if run.length > 0 {
		return c.child.append(int(run.offset), int(run.length))
	}
	return nil
}

func (c *listColumn) appendNulls(n int) {
	c.start()
	c.appendInvalid(n)
	for range n {
		c.offs = append(c.offs, c.offs[len(c.offs)-1])
	}
}

func (c *listColumn) finish() arrow.ArrayData {
	c.start()
	child := c.child.finish()
	defer child.Release()
	bits, rows, null := c.nulls.take()
	offs := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.offs))
	c.offs = nil
	return array.NewData(c.dt, rows, []*memory.Buffer{bits, offs}, []arrow.ArrayData{child}, null, 0)
}

// structColumn copies STRUCT field by field.
type structColumn struct {
	nulls
	dt     *arrow.StructType
	fields []column
}

func newStructColumn(t C.duckdb_logical_type) (column, error) {
	n := C.duckdb_struct_type_child_count(t)
	c := &structColumn{}
	fields := make([]arrow.Field, n)
	for i := range n {
		name := structFieldName(t, i)
		ft := C.duckdb_struct_type_child_type(t, i)
		f, err := newColumn(ft)
		C.duckdb_destroy_logical_type(&ft)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		c.fields = append(c.fields, f)
		fields[i] = arrow.Field{Name: name, Type: f.arrowType(), Nullable: true}
	}
	c.dt = arrow.StructOf(fields...)
	return c, nil
}

func (c *structColumn) arrowType() arrow.DataType { return c.dt }

func (c *structColumn) bytes() int {
	size := 0
	for _, f := range c.fields {
		size += f.bytes()
	}
	return size
}

func (c *structColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	for i, f := range c.fields {
		f.load(C.duckdb_struct_vector_get_child(v, C.idx_t(i)), size)
	}
}

// append keeps away from the fields of null structs: what lies there is undefined.
func (c *structColumn) append(from, n int) error {
	anyNull := c.appendValid(from, n)
	for i := from; i < from+n; {
		end := from + n
		valid := true
		if anyNull {
			valid = c.valid(i)
			for end = i + 1; end < from+n && c.valid(end) == valid; end++ {
			}
		}
		for _, f := range c.fields {
			if !valid {
				f.appendNulls(end - i)
			} else if err := f.append(i, end-i); err != nil {
				return err
			}
		}
		i = end
	}
	return nil
}

func (c *structColumn) appendNulls(n int) {
	c.appendInvalid(n)
	for _, f := range c.fields {
		f.appendNulls(n)
	}
}

func (c *structColumn) finish() arrow.ArrayData {
	children := make([]arrow.ArrayData, len(c.fields))
	for i, f := range c.fields {
		children[i] = f.finish()
		defer children[i].Release()
	}
	bits, rows, null := c.nulls.take()
	return array.NewData(c.dt, rows, []*memory.Buffer{bits}, children, null, 0)
}
