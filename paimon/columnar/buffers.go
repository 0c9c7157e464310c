package columnar

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// view gives the values of a fixed-width array, its offset applied. The
// result shares the array's memory.
func view[T any](d arrow.ArrayData) []T {
	return cast[T](d.Buffers()[1], d.Offset(), d.Len())
}

// cast looks at a buffer as n values of T from value off on.
func cast[T any](b *memory.Buffer, off, n int) []T {
	if b == nil || n == 0 {
		return nil
	}
	var zero T
	raw := b.Bytes()
	if len(raw) < (off+n)*int(unsafe.Sizeof(zero)) {
		panic("columnar: Arrow buffer is shorter than its array")
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), off+n)[off:]
}

// varBuffers gives the offsets (one more than rows) and the bytes of a string
// or binary array, its offset applied to the offsets.
func varBuffers(d arrow.ArrayData) ([]int32, []byte) {
	if d.Len() == 0 {
		return []int32{0}, nil
	}
	var data []byte
	if b := d.Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	return cast[int32](d.Buffers()[1], d.Offset(), d.Len()+1), data
}

// bits looks at a validity bitmap; without words all rows are valid.
type bits struct {
	words []byte
	off   int
}

// validity gives the bitmap of an array, or none when it has no nulls.
func validity(a arrow.Array) bits {
	if a.NullN() == 0 {
		return bits{}
	}
	return bits{words: a.NullBitmapBytes(), off: a.Data().Offset()}
}

func (b bits) valid(i int) bool { return b.words == nil || bitutil.BitIsSet(b.words, b.off+i) }
