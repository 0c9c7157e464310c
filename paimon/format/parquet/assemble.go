package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// build makes the node's array from the levels and values that its leaves
// have read. above is a leaf with the levels of the node's parent, for fields
// that the file lacks.
func (n *readNode) build(above *leafReader, alloc memory.Allocator) (arrow.ArrayData, error) {
	if n.anchor == nil {
		slots := 0
		for i, d := range above.batchDefs {
			if d >= n.lv.ancestor && above.batchReps[i] <= n.lv.rep {
				slots++
			}
		}
		return nullData(alloc, n.typ, slots), nil
	}
	if n.leaf != nil {
		return n.buildLeaf(alloc)
	}
	data, err := n.buildNested(alloc)
	if err != nil {
		return nil, err
	}
	return n.cast.Take(data)
}

func (n *readNode) buildNested(alloc memory.Allocator) (arrow.ArrayData, error) {
	if n.want.Root == types.Row || n.want.Root == types.Variant {
		return n.buildStruct(alloc)
	}
	return n.buildList(alloc)
}

// validity marks the slots of the node: those whose value is not NULL.
func (n *readNode) validity(alloc memory.Allocator) (valid *memory.Buffer, slots, nulls int) {
	defs, reps := n.anchor.batchDefs, n.anchor.batchReps
	valid = memory.NewResizableBuffer(alloc)
	valid.Resize((len(defs) + 7) / 8)
	bits := valid.Bytes()
	clear(bits)
	for i, d := range defs {
		if d < n.lv.ancestor || reps[i] > n.lv.rep {
			continue
		}
		if d >= n.lv.def {
			bitutil.SetBit(bits, slots)
		} else {
			nulls++
		}
		slots++
	}
	if nulls == 0 {
		valid.Release()
		return nil, slots, 0
	}
	return valid, slots, nulls
}

func (n *readNode) buildLeaf(alloc memory.Allocator) (arrow.ArrayData, error) {
	valid, slots, nulls := n.validity(alloc)
	data := n.leaf.sink.finish(valid, slots, nulls)
	return n.cast.Take(data)
}

func (n *readNode) buildStruct(alloc memory.Allocator) (arrow.ArrayData, error) {
	valid, slots, nulls := n.validity(alloc)
	kids, err := n.buildKids(alloc)
	if err == nil {
		err = sameLength(kids, slots)
	}
	defer releaseAll(valid, kids)
	if err != nil {
		return nil, err
	}
	return array.NewData(n.typ, slots, []*memory.Buffer{valid}, kids, nulls, 0), nil
}

func sameLength(kids []arrow.ArrayData, n int) error {
	for _, k := range kids {
		if k.Len() != n {
			return fmt.Errorf("the columns of a group have %d and %d values", k.Len(), n)
		}
	}
	return nil
}

func (n *readNode) buildKids(alloc memory.Allocator) ([]arrow.ArrayData, error) {
	var kids []arrow.ArrayData
	for _, k := range n.kids {
		data, err := k.build(n.anchor, alloc)
		if err != nil {
			return kids, err
		}
		kids = append(kids, data)
	}
	return kids, nil
}

func releaseAll(buf *memory.Buffer, data []arrow.ArrayData) {
	if buf != nil {
		buf.Release()
	}
	for _, d := range data {
		d.Release()
	}
}

// buildList makes an ARRAY, MAP or MULTISET.
func (n *readNode) buildList(alloc memory.Allocator) (arrow.ArrayData, error) {
	valid, slots, nulls := n.validity(alloc)
	offs, total := n.offsets(slots, alloc)
	defer offs.Release()
	kids, err := n.buildKids(alloc)
	if err == nil {
		err = sameLength(kids, total)
	}
	defer releaseAll(valid, kids)
	if err != nil {
		return nil, err
	}
	bufs := []*memory.Buffer{valid, offs}
	mt, isMap := n.typ.(*arrow.MapType)
	if !isMap {
		return array.NewData(n.typ, slots, bufs, kids, nulls, 0), nil
	}
	entries := array.NewData(mt.Elem(), total, []*memory.Buffer{nil}, kids, 0, 0)
	defer entries.Release()
	return array.NewData(n.typ, slots, bufs, []arrow.ArrayData{entries}, nulls, 0), nil
}

// offsets gives where the elements of each slot begin, and their number.
func (n *readNode) offsets(slots int, alloc memory.Allocator) (*memory.Buffer, int) {
	buf := memory.NewResizableBuffer(alloc)
	buf.Resize((slots + 1) * 4)
	out := castSlice[int32](buf.Bytes(), slots+1)
	defs, reps := n.anchor.batchDefs, n.anchor.batchReps
	at, total := 0, int32(0)
	for i, d := range defs {
		if d < n.lv.ancestor {
			continue
		}
		if reps[i] <= n.lv.rep {
			out[at] = total
			at++
		}
		if d > n.lv.def && reps[i] <= n.lv.rep+1 {
			total++
		}
	}
	out[slots] = total
	return buf, int(total)
}

// nullData makes n NULLs of a type.
func nullData(alloc memory.Allocator, typ arrow.DataType, n int) arrow.ArrayData {
	arr := array.MakeArrayOfNull(alloc, typ, n)
	defer arr.Release()
	arr.Data().Retain()
	return arr.Data()
}
