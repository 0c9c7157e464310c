package avro

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/format/cast"
)

// node collects the values of one column, or of a part of a nested one, from
// rows that are decoded one after the other.
type node interface {
	// begin starts an array that will have about n slots.
	begin(n int)
	// read appends the value at b[i:] and gives where the next one begins, or
	// one of the problems.
	read(b []byte, i int) int
	// null appends a NULL that is not in the file: the value of a row that is
	// NULL itself.
	null()
	// nullCount is the number of NULLs since begin.
	nullCount() int
	// finish gives the array, which the caller releases.
	finish() (arrow.ArrayData, error)
	// drop frees an array that is not finished.
	drop()
}

// slots are the places of an array and which of them hold a value.
type slots struct {
	alloc memory.Allocator
	// union says that the number of a branch stands before each value: nullCode
	// before NULL, valCode before others. They are the same where NULL is none
	// of the branches.
	union             bool
	nullCode, valCode byte

	valid *memory.Buffer
	bits  []byte
	n     int // slots so far
	room  int // slots that bits has room for
	nulls int
}

// newSlots takes the union apart.
func newSlots(alloc memory.Allocator, nullAt int, union bool) slots {
	s := slots{alloc: alloc, union: union}
	switch nullAt {
	case 0:
		s.valCode = 2
	case 1:
		s.nullCode = 2
	}
	return s
}

func (s *slots) nullCount() int { return s.nulls }

func (s *slots) begin(n int) {
	s.valid = memory.NewResizableBuffer(s.alloc)
	s.n, s.nulls, s.room, s.bits = 0, 0, 0, nil
	s.widen(n)
}

// widen makes room for n slots.
func (s *slots) widen(n int) {
	n = max(n, 64)
	have := s.valid.Len()
	s.valid.Resize((n + 7) / 8)
	s.bits = s.valid.Bytes()
	clear(s.bits[have:])
	s.room = len(s.bits) * 8
}

// mark counts a slot in, which holds a value or NULL.
func (s *slots) mark(value bool) {
	if s.n == s.room {
		s.widen(2 * s.room)
	}
	if value {
		s.bits[s.n>>3] |= 1 << (s.n & 7)
	} else {
		s.nulls++
	}
	s.n++
}

// branch reads the number of a branch: isNull says that the value is NULL.
func (s *slots) branch(b []byte, i int) (isNull bool, next int) {
	if i >= len(b) {
		return false, short
	}
	switch b[i] {
	case s.valCode:
		return false, i + 1
	case s.nullCode:
		return true, i + 1
	}
	return false, badBranch
}

// validity gives the bitmap, nil when no slot is NULL.
func (s *slots) validity() *memory.Buffer {
	if s.nulls == 0 {
		s.valid.Release()
		s.valid = nil
		return nil
	}
	s.valid.Resize((s.n + 7) / 8)
	out := s.valid
	s.valid = nil
	return out
}

func (s *slots) drop() {
	if s.valid != nil {
		s.valid.Release()
		s.valid = nil
	}
}

// view sees bytes as values; Arrow buffers are aligned.
func view[D any](b []byte) []D {
	var d D
	n := len(b) / int(unsafe.Sizeof(d))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*D)(unsafe.Pointer(&b[0])), n)
}

// values is a growing buffer of fixed-width values.
type values[D any] struct {
	buf *memory.Buffer
	out []D
}

func (v *values[D]) begin(alloc memory.Allocator, n int) {
	v.buf = memory.NewResizableBuffer(alloc)
	v.grow(n)
}

func (v *values[D]) grow(n int) {
	var d D
	v.buf.Resize(max(n, 64) * int(unsafe.Sizeof(d)))
	v.out = view[D](v.buf.Bytes())
}

func (v *values[D]) take(n int) *memory.Buffer {
	var d D
	v.buf.Resize(n * int(unsafe.Sizeof(d)))
	out := v.buf
	v.buf, v.out = nil, nil
	return out
}

func (v *values[D]) drop() {
	if v.buf != nil {
		v.buf.Release()
		v.buf, v.out = nil, nil
	}
}

// seal makes the array of buffers that it takes over, and casts it.
func seal(convert cast.Func, typ arrow.DataType, n, nulls int, bufs []*memory.Buffer, kids []arrow.ArrayData) (arrow.ArrayData, error) {
	data := array.NewData(typ, n, bufs, kids, nulls, 0)
	for _, b := range bufs {
		if b != nil {
			b.Release()
		}
	}
	for _, k := range kids {
		k.Release()
	}
	return convert.Take(data)
}

// nullData makes n NULLs of a type.
func nullData(alloc memory.Allocator, typ arrow.DataType, n int) arrow.ArrayData {
	arr := array.MakeArrayOfNull(alloc, typ, n)
	defer arr.Release()
	arr.Data().Retain()
	return arr.Data()
}
