package avro

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/format/cast"
)

// leaf is what the readers of types without parts share.
type leaf struct {
	slots
	typ  arrow.DataType
	cast cast.Func // nil when the file's type is the wanted one
}

// ints reads int and long.
type ints[D int8 | int16 | int32 | int64] struct {
	leaf
	values[D]
	unit  func(int64) int64 // of times in another unit; nil for none
	wraps bool              // low bits are kept, as Java does for TINYINT and SMALLINT
}

func (r *ints[D]) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, n)
}

func (r *ints[D]) read(b []byte, i int) int {
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.out[r.n] = 0
			r.mark(false)
			return i
		} else if i < 0 {
			return i
		}
	}
	v, i := varint(b, i)
	if i < 0 {
		return i
	}
	if r.unit != nil {
		v = r.unit(v)
	}
	if int64(D(v)) != v && !r.wraps {
		return badInt
	}
	r.out[r.n] = D(v)
	r.mark(true)
	return i
}

func (r *ints[D]) null() {
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	r.out[r.n] = 0
	r.mark(false)
}

func (r *ints[D]) finish() (arrow.ArrayData, error) {
	return seal(r.cast, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity(), r.take(r.n)}, nil)
}

func (r *ints[D]) drop() {
	r.slots.drop()
	r.values.drop()
}

// floats reads float and double.
type floats[D float32 | float64] struct {
	leaf
	values[D]
	size int
}

func (r *floats[D]) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, n)
}

func (r *floats[D]) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	if r.size > len(b)-i {
		return short
	}
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	if r.size == 4 {
		r.out[r.n] = D(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
	} else {
		r.out[r.n] = D(math.Float64frombits(binary.LittleEndian.Uint64(b[i:])))
	}
	r.mark(true)
	return i + r.size
}

func (r *floats[D]) null() {
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	r.out[r.n] = 0
	r.mark(false)
}

func (r *floats[D]) finish() (arrow.ArrayData, error) {
	return seal(r.cast, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity(), r.take(r.n)}, nil)
}

func (r *floats[D]) drop() {
	r.slots.drop()
	r.values.drop()
}

// bools reads boolean.
type bools struct {
	leaf
	values[byte] // bits
}

func (r *bools) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, (n+7)/8)
}

func (r *bools) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	if i >= len(b) {
		return short
	}
	if b[i] > 1 {
		return badBool
	}
	r.set(b[i])
	r.mark(true)
	return i + 1
}

func (r *bools) set(v byte) {
	at := r.n >> 3
	if at == len(r.out) {
		r.grow(2 * at)
	}
	if r.n&7 == 0 {
		r.out[at] = 0
	}
	r.out[at] |= v << (r.n & 7)
}

func (r *bools) null() {
	r.set(0)
	r.mark(false)
}

func (r *bools) finish() (arrow.ArrayData, error) {
	n := r.n
	return seal(r.cast, r.typ, n, r.nulls, []*memory.Buffer{r.validity(), r.take((n + 7) / 8)}, nil)
}

func (r *bools) drop() {
	r.slots.drop()
	r.values.drop()
}

// texts reads bytes and string, and fixed where size is not negative.
type texts struct {
	leaf
	values[int32] // offsets
	size          int
	data          *memory.Buffer
	bytes         []byte // the used part of data
	hint          int    // bytes of the last batch
}

func (r *texts) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, n+1)
	r.out[0] = 0
	r.data = memory.NewResizableBuffer(r.alloc)
	r.data.Reserve(r.hint + r.hint/8)
	r.bytes = r.data.Buf()[:0]
}

func (r *texts) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	n := r.size
	if n < 0 {
		if n, i = length(b, i); i < 0 {
			return i
		}
	} else if n > len(b)-i {
		return short
	}
	r.append(b[i:], n)
	r.mark(true)
	return i + n
}

// append copies the first n bytes of src.
func (r *texts) append(src []byte, n int) {
	at := len(r.bytes)
	if cap(r.bytes)-at < n+32 {
		r.room(n + 32)
	}
	if n <= 32 && len(src) >= 32 { // most values: no call
		*(*[32]byte)(r.bytes[at : at+32]) = *(*[32]byte)(src)
	} else {
		copy(r.bytes[at:at+n], src[:n])
	}
	r.bytes = r.bytes[:at+n]
	r.offset()
}

// room makes room for n more bytes.
func (r *texts) room(n int) {
	used := len(r.bytes)
	r.data.Resize(used)
	r.data.Reserve(max(used+n, 2*used))
	r.bytes = r.data.Buf()[:used]
}

// offset ends the value.
func (r *texts) offset() {
	if r.n+1 >= len(r.out) {
		r.grow(2 * len(r.out))
	}
	r.out[r.n+1] = int32(len(r.bytes))
}

func (r *texts) null() {
	r.offset()
	r.mark(false)
}

func (r *texts) finish() (arrow.ArrayData, error) {
	r.hint = max(len(r.bytes), r.hint-r.hint/8)
	r.data.Resize(len(r.bytes))
	data := r.data
	r.data, r.bytes = nil, nil
	return seal(r.cast, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity(), r.take(r.n + 1), data}, nil)
}

func (r *texts) drop() {
	r.slots.drop()
	r.values.drop()
	if r.data != nil {
		r.data.Release()
		r.data, r.bytes = nil, nil
	}
}

// decimals reads decimal: big-endian two's complement in bytes, or in fixed
// where size is not negative.
type decimals struct {
	leaf
	values[decimal128.Num]
	size int
}

func (r *decimals) begin(n int) {
	r.slots.begin(n)
	r.values.begin(r.alloc, n)
}

func (r *decimals) read(b []byte, i int) int {
	if r.union {
		var isNull bool
		if isNull, i = r.branch(b, i); isNull {
			r.null()
			return i
		} else if i < 0 {
			return i
		}
	}
	n := r.size
	if n < 0 {
		if n, i = length(b, i); i < 0 {
			return i
		}
	} else if n > len(b)-i {
		return short
	}
	v, ok := decimalOf(b[i : i+n])
	if !ok {
		return badInt
	}
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	r.out[r.n] = v
	r.mark(true)
	return i + n
}

// decimalOf reads big-endian two's complement of any length; false when the
// number needs more than 128 bits, or there is none.
func decimalOf(b []byte) (decimal128.Num, bool) {
	if len(b) == 0 {
		return decimal128.Num{}, false
	}
	sign := int64(int8(b[0])) >> 63
	for len(b) > 16 {
		if b[0] != byte(sign) || (b[1]^b[0])&0x80 != 0 {
			return decimal128.Num{}, false
		}
		b = b[1:]
	}
	high, low := sign, uint64(sign)
	if len(b) <= 8 {
		for _, c := range b {
			low = low<<8 | uint64(c)
		}
		return decimal128.New(high, low), true
	}
	for _, c := range b[:len(b)-8] {
		high = high<<8 | int64(c)
	}
	return decimal128.New(high, binary.BigEndian.Uint64(b[len(b)-8:])), true
}

func (r *decimals) null() {
	if r.n == len(r.out) {
		r.grow(2 * r.n)
	}
	r.out[r.n] = decimal128.Num{}
	r.mark(false)
}

func (r *decimals) finish() (arrow.ArrayData, error) {
	return seal(r.cast, r.typ, r.n, r.nulls, []*memory.Buffer{r.validity(), r.take(r.n)}, nil)
}

func (r *decimals) drop() {
	r.slots.drop()
	r.values.drop()
}
