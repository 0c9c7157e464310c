package orc

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// maxElements bounds what the lists of one batch hold.
const maxElements = 1 << 26

// node is the plan of one value.
type node struct {
	column int // missing when the file lacks it
	want   types.Type
	typ    arrow.DataType
	alloc  memory.Allocator
	kids   []*node
	leaf   leaf       // of a leaf
	from   types.Type // of a leaf: what it decodes
	cast   cast.Func  // nil when the types agree

	repeated bool // ARRAY, MAP or MULTISET
	lengths  ints
	scratch  []int64

	present  bitRuns
	nullable bool // the stripe says which values are NULL
	bits     []byte
}

// columns marks the columns that the plan reads.
func (n *node) columns(wanted []bool) {
	if n.column == missing {
		return
	}
	wanted[n.column] = true
	for _, k := range n.kids {
		k.columns(wanted)
	}
}

// start opens the streams of a stripe.
func (n *node) start(s *stripe) error {
	if n.column == missing {
		return nil
	}
	sec := s.section(n.column, streamPresent)
	if n.nullable = sec.left() > 0; n.nullable {
		n.present.open(sec, s.unpack)
	}
	if n.leaf != nil {
		return n.wrap(n.leaf.start(s, n.column))
	}
	enc, err := s.encoding(n.column, false)
	if err != nil {
		return n.wrap(err)
	}
	if n.repeated {
		n.lengths.open(s.section(n.column, streamLength), s.unpack, enc.v2(), false)
	}
	for _, k := range n.kids {
		if err := k.start(s); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("column %d: %w", n.column, err)
}

// read gives the next slots of the column. Where mask, if not nil, has a zero
// the file holds nothing, since the struct around is NULL.
func (n *node) read(mask *memory.Buffer, slots int) (arrow.ArrayData, error) {
	if n.column == missing {
		arr := array.MakeArrayOfNull(n.alloc, n.typ, slots)
		defer arr.Release()
		arr.Data().Retain()
		return arr.Data(), nil
	}
	valid, k, err := n.validity(mask, slots)
	if err != nil {
		return nil, n.wrap(err)
	}
	if valid != nil {
		defer valid.Release()
	}
	switch {
	case n.leaf != nil:
		data, err := n.leaf.decode(valid, k, slots)
		if err != nil {
			return nil, n.wrap(err)
		}
		return n.cast.Take(data)
	case n.repeated:
		data, err := n.readList(valid, k, slots)
		if err != nil {
			return nil, err
		}
		return n.cast.Take(data)
	}
	kids, err := n.readKids(valid, slots)
	defer releaseAll(kids)
	if err != nil {
		return nil, err
	}
	return n.cast.Take(array.NewData(n.typ, slots, []*memory.Buffer{valid}, kids, slots-k, 0))
}

func (n *node) readKids(mask *memory.Buffer, slots int) (kids []arrow.ArrayData, err error) {
	for _, k := range n.kids {
		data, err := k.read(mask, slots)
		if err != nil {
			return kids, err
		}
		kids = append(kids, data)
	}
	return kids, nil
}

func releaseAll(data []arrow.ArrayData) {
	for _, d := range data {
		d.Release()
	}
}

// validity gives which of the slots have a value, nil when all do, and how
// many do. The caller releases it.
func (n *node) validity(mask *memory.Buffer, slots int) (*memory.Buffer, int, error) {
	if mask == nil && !n.nullable {
		return nil, slots, nil
	}
	if !n.nullable {
		mask.Retain()
		return mask, bitutil.CountSetBits(mask.Bytes(), 0, slots), nil
	}
	valid := memory.NewResizableBuffer(n.alloc)
	valid.Resize((slots + 7) / 8)
	bits := valid.Bytes()
	clear(bits)
	var err error
	if mask == nil {
		err = n.present.read(bits, 0, slots)
	} else {
		err = n.masked(bits, mask.Bytes(), slots)
	}
	if err != nil {
		valid.Release()
		return nil, 0, err
	}
	k := bitutil.CountSetBits(bits, 0, slots)
	if k == slots {
		valid.Release()
		return nil, slots, nil
	}
	return valid, k, nil
}

// masked reads bits for the slots that mask has.
func (n *node) masked(dst, mask []byte, slots int) error {
	m := bitutil.CountSetBits(mask, 0, slots)
	n.bits = sized(n.bits, (m+7)/8)
	clear(n.bits)
	if err := n.present.read(n.bits, 0, m); err != nil {
		return err
	}
	at := 0
	for i := range slots {
		if bitutil.BitIsSet(mask, i) {
			if bitutil.BitIsSet(n.bits, at) {
				bitutil.SetBit(dst, i)
			}
			at++
		}
	}
	return nil
}

// readList makes an ARRAY, MAP or MULTISET of which k slots have a value.
func (n *node) readList(valid *memory.Buffer, k, slots int) (arrow.ArrayData, error) {
	var offsets slots32
	offsets.begin(n.alloc)
	defer offsets.drop()
	total, err := n.readOffsets(&offsets, k)
	if err != nil {
		return nil, n.wrap(err)
	}
	offsets.resize(slots + 1)
	spreadOffsets(offsets.vals, valid, k, slots)
	kids, err := n.readKids(nil, total)
	defer releaseAll(kids)
	if err != nil {
		return nil, err
	}
	bufs := []*memory.Buffer{valid, offsets.buf}
	mt, isMap := n.typ.(*arrow.MapType)
	if !isMap {
		return array.NewData(n.typ, slots, bufs, kids, slots-k, 0), nil
	}
	entries := array.NewData(mt.Elem(), total, []*memory.Buffer{nil}, kids, 0, 0)
	defer entries.Release()
	return array.NewData(n.typ, slots, bufs, []arrow.ArrayData{entries}, slots-k, 0), nil
}

type slots32 = slots[int32]

func (n *node) readOffsets(offsets *slots32, k int) (int, error) {
	if n.scratch == nil {
		n.scratch = make([]int64, step)
	}
	offsets.grow(1)
	offsets.vals[0] = 0
	total := int64(0)
	for at := 0; at < k; {
		m := min(step, k-at)
		offsets.grow(at + m + 1)
		if err := n.lengths.read(n.scratch[:m]); err != nil {
			return 0, err
		}
		for i, v := range n.scratch[:m] {
			if v < 0 || v > math.MaxInt32 {
				return 0, fmt.Errorf("a list of %d elements", uint64(v))
			}
			if total += v; total > maxElements {
				return 0, errs.Unsupported("lists of %d elements in one batch: lower the batch size", total)
			}
			offsets.vals[at+i+1] = int32(total)
		}
		at += m
	}
	return int(total), nil
}
