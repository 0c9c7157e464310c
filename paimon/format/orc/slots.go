package orc

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// step is how many values are decoded before room for more is made: lists may
// claim more elements than their streams hold.
const step = 8192

// slots are the fixed-width values of an array in the making.
type slots[D any] struct {
	buf  *memory.Buffer
	vals []D
}

func (s *slots[D]) begin(alloc memory.Allocator) {
	s.buf, s.vals = memory.NewResizableBuffer(alloc), nil
}

// grow makes room for n values.
func (s *slots[D]) grow(n int) {
	if n <= len(s.vals) {
		return
	}
	if len(s.vals) > 0 {
		n = max(n, 2*len(s.vals))
	}
	s.resize(n)
}

func (s *slots[D]) resize(n int) {
	var d D
	s.buf.Resize(n * int(unsafe.Sizeof(d)))
	s.vals = nil
	if n > 0 {
		s.vals = unsafe.Slice((*D)(unsafe.Pointer(&s.buf.Bytes()[0])), n)
	}
}

// spread moves the first k of n values to the places where valid has ones,
// zeros elsewhere.
func (s *slots[D]) spread(valid *memory.Buffer, k, n int) {
	s.resize(n)
	if k == n {
		return
	}
	var zero D
	bits := valid.Bytes()
	for i := n - 1; i >= 0; i-- {
		if bitutil.BitIsSet(bits, i) {
			k--
			s.vals[i] = s.vals[k]
		} else {
			s.vals[i] = zero
		}
	}
}

// finish makes the array of n slots from the first k values.
func (s *slots[D]) finish(typ arrow.DataType, valid *memory.Buffer, k, n int) arrow.ArrayData {
	s.spread(valid, k, n)
	data := array.NewData(typ, n, []*memory.Buffer{valid, s.buf}, nil, n-k, 0)
	s.drop()
	return data
}

func (s *slots[D]) drop() {
	if s.buf != nil {
		s.buf.Release()
		s.buf, s.vals = nil, nil
	}
}
