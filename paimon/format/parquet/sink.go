package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var (
	errShortValues = errors.New("values end too early")
	errBadIndex    = errors.New("dictionary index out of range")
)

// sink decodes the values of one leaf column, NULLs left out, straight into
// Arrow buffers.
type sink interface {
	// begin readies buffers for a batch of up to n slots.
	begin(n int)
	// reserve makes room for n more values than were begun with, for columns
	// whose rows hold many.
	reserve(n int)
	// plain takes k values from the front of plainly encoded data.
	plain(data []byte, k int) (rest []byte, err error)
	// setDict takes the plain dictionary of n values.
	setDict(data []byte, n int) error
	// indexed takes dictionary values.
	indexed(idx []uint32) error
	// finish gives n slots: the values taken since begin, in order, where
	// valid has ones, and NULL elsewhere; valid nil stands for ones. It takes
	// over valid.
	finish(valid *memory.Buffer, n, nulls int) arrow.ArrayData
	// drop frees the buffers of a batch that is not finished.
	drop()
}

// physical are the decoded forms of fixed-width values.
type physical interface {
	int32 | int64 | float32 | float64 | [12]byte
}

// fixedSink decodes values of physical type P into Arrow values of type D.
type fixedSink[P physical, D any] struct {
	alloc memory.Allocator
	typ   arrow.DataType
	// convert is nil when P and D have the same form.
	convert func(dst []D, src []P)
	buf     *memory.Buffer
	out     []D
	n       int
	dict    []D
	scratch []P
}

func (s *fixedSink[P, D]) begin(n int) {
	var d D
	s.buf = memory.NewResizableBuffer(s.alloc)
	s.buf.Resize(n * int(unsafe.Sizeof(d)))
	s.out = castSlice[D](s.buf.Bytes(), n)
	s.n = 0
}

// castSlice views bytes as values; Arrow buffers are aligned.
func castSlice[D any](b []byte, n int) []D {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*D)(unsafe.Pointer(&b[0])), n)
}

func (s *fixedSink[P, D]) reserve(n int) {
	if s.n+n <= len(s.out) {
		return
	}
	var d D
	size := max(s.n+n, 2*len(s.out))
	s.buf.Resize(size * int(unsafe.Sizeof(d)))
	s.out = castSlice[D](s.buf.Bytes(), size)
}

func (s *fixedSink[P, D]) plain(data []byte, k int) ([]byte, error) {
	var p P
	size := k * int(unsafe.Sizeof(p))
	if len(data) < size || k > len(s.out)-s.n {
		return nil, errShortValues
	}
	s.decode(s.out[s.n:s.n+k], data[:size])
	s.n += k
	return data[size:], nil
}

// decode turns plainly encoded values into dst.
func (s *fixedSink[P, D]) decode(dst []D, data []byte) {
	if len(dst) == 0 {
		return
	}
	if s.convert == nil {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), len(data)), data)
		return
	}
	if cap(s.scratch) < len(dst) {
		s.scratch = make([]P, len(dst))
	}
	src := s.scratch[:len(dst)]
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&src[0])), len(data)), data)
	s.convert(dst, src)
}

func (s *fixedSink[P, D]) setDict(data []byte, n int) error {
	var p P
	if n < 0 || len(data)/int(unsafe.Sizeof(p)) < n {
		return errShortValues
	}
	s.dict = make([]D, n)
	s.decode(s.dict, data[:n*int(unsafe.Sizeof(p))])
	return nil
}

func (s *fixedSink[P, D]) indexed(idx []uint32) error {
	if len(idx) > len(s.out)-s.n {
		return errShortValues
	}
	out, dict := s.out[s.n:s.n+len(idx)], s.dict
	for i, k := range idx {
		if int(k) >= len(dict) {
			return errBadIndex
		}
		out[i] = dict[k]
	}
	s.n += len(idx)
	return nil
}

func (s *fixedSink[P, D]) finish(valid *memory.Buffer, n, nulls int) arrow.ArrayData {
	if nulls > 0 {
		s.reserve(n - s.n)
		spread(s.out[:n], s.n, valid.Bytes())
	}
	var d D
	s.buf.Resize(n * int(unsafe.Sizeof(d)))
	data := array.NewData(s.typ, n, []*memory.Buffer{valid, s.buf}, nil, nulls, 0)
	s.drop()
	if valid != nil {
		valid.Release()
	}
	return data
}

func (s *fixedSink[P, D]) drop() {
	if s.buf != nil {
		s.buf.Release()
		s.buf, s.out = nil, nil
	}
}

// spread moves the first k values to the places where valid has ones, zeros
// elsewhere.
func spread[D any](out []D, k int, valid []byte) {
	var zero D
	for i := len(out) - 1; i >= 0; i-- {
		if bitutil.BitIsSet(valid, i) {
			k--
			out[i] = out[k]
		} else {
			out[i] = zero
		}
	}
}

// bytesSink decodes BYTE_ARRAY into utf8 or binary.
type bytesSink struct {
	alloc   memory.Allocator
	typ     arrow.DataType
	offs    *memory.Buffer
	offsets []int32
	data    *memory.Buffer
	bytes   []byte // the used part of data
	n       int
	dict    []byte
	dictAt  []int32 // len n+1
	hint    int     // bytes of the last batch
}

func (s *bytesSink) begin(n int) {
	s.offs = memory.NewResizableBuffer(s.alloc)
	s.offs.Resize((n + 1) * 4)
	s.offsets = castSlice[int32](s.offs.Bytes(), n+1)
	s.offsets[0] = 0
	s.data = memory.NewResizableBuffer(s.alloc)
	s.data.Reserve(s.hint + s.hint/8)
	s.bytes = s.data.Buf()[:0]
	s.n = 0
}

func (s *bytesSink) reserve(n int) {
	if s.n+n < len(s.offsets) {
		return
	}
	size := max(s.n+n, 2*len(s.offsets)) + 1
	s.offs.Resize(size * 4)
	s.offsets = castSlice[int32](s.offs.Bytes(), size)
}

// grow makes room for n more bytes.
func (s *bytesSink) grow(n int) error {
	if need := len(s.bytes) + n; need > cap(s.bytes) {
		if need > math.MaxInt32 {
			return fmt.Errorf("a batch holds %d bytes of one column, more than 2 GiB: lower the batch size", need)
		}
		used := len(s.bytes)
		s.data.Resize(used)
		s.data.Reserve(max(need, 2*used))
		s.bytes = s.data.Buf()[:used]
	}
	return nil
}

func (s *bytesSink) plain(data []byte, k int) ([]byte, error) {
	if k > len(s.offsets)-1-s.n || len(data) < 4*k {
		return nil, errShortValues
	}
	// What k values take is at most what the page has left.
	total, pos := 0, 0
	for range k {
		if pos+4 > len(data) {
			return nil, errShortValues
		}
		n := int(binary.LittleEndian.Uint32(data[pos:]))
		total += n
		if pos += 4 + n; n > len(data) || pos > len(data) {
			return nil, errShortValues
		}
	}
	if err := s.grow(total); err != nil {
		return nil, err
	}
	out, at := s.bytes[:len(s.bytes)+total], len(s.bytes)
	pos = 0
	offsets := s.offsets[s.n+1 : s.n+1+k]
	for i := range offsets {
		n := int(binary.LittleEndian.Uint32(data[pos:]))
		pos += 4
		at += copyShort(out[at:], data[pos:], n)
		pos += n
		offsets[i] = int32(at)
	}
	s.bytes = out
	s.n += k
	return data[pos:], nil
}

// copyShort copies n bytes; short values, which most are, without a call.
func copyShort(dst, src []byte, n int) int {
	if n <= 32 && len(dst) >= 32 && len(src) >= 32 {
		*(*[32]byte)(dst) = *(*[32]byte)(src)
		return n
	}
	return copy(dst, src[:n])
}

func (s *bytesSink) setDict(data []byte, n int) error {
	if n < 0 || n > len(data)/4 {
		return errShortValues
	}
	s.dictAt = make([]int32, 1, n+1)
	s.dict = make([]byte, 0, len(data))
	for range n {
		if len(data) < 4 {
			return errShortValues
		}
		k := binary.LittleEndian.Uint32(data)
		if uint64(k) > uint64(len(data)-4) {
			return errShortValues
		}
		s.dict = append(s.dict, data[4:4+k]...)
		s.dictAt = append(s.dictAt, int32(len(s.dict)))
		data = data[4+k:]
	}
	// room for copyShort to read past the last value
	s.dict = append(s.dict, make([]byte, 32)...)
	return nil
}

func (s *bytesSink) indexed(idx []uint32) error {
	if len(idx) > len(s.offsets)-1-s.n {
		return errShortValues
	}
	at := s.dictAt
	total := 0
	for _, k := range idx {
		if int(k) >= len(at)-1 {
			return errBadIndex
		}
		total += int(at[k+1] - at[k])
	}
	if err := s.grow(total); err != nil {
		return err
	}
	out, pos := s.bytes[:len(s.bytes)+total], len(s.bytes)
	offsets := s.offsets[s.n+1 : s.n+1+len(idx)]
	for i, k := range idx {
		pos += copyShort(out[pos:], s.dict[at[k]:], int(at[k+1]-at[k]))
		offsets[i] = int32(pos)
	}
	s.bytes = out
	s.n += len(idx)
	return nil
}

func (s *bytesSink) finish(valid *memory.Buffer, n, nulls int) arrow.ArrayData {
	if nulls > 0 {
		s.reserve(n - s.n)
		s.spreadOffsets(valid.Bytes(), n)
	}
	s.hint = max(len(s.bytes), s.hint-s.hint/8)
	s.offs.Resize((n + 1) * 4)
	s.data.Resize(len(s.bytes))
	data := array.NewData(s.typ, n, []*memory.Buffer{valid, s.offs, s.data}, nil, nulls, 0)
	s.drop()
	if valid != nil {
		valid.Release()
	}
	return data
}

// spreadOffsets gives NULL slots an empty range.
func (s *bytesSink) spreadOffsets(valid []byte, n int) {
	k := s.n
	for i := n; i > 0; i-- {
		s.offsets[i] = s.offsets[k]
		if bitutil.BitIsSet(valid, i-1) {
			k--
		}
	}
}

func (s *bytesSink) drop() {
	if s.offs != nil {
		s.offs.Release()
		s.data.Release()
		s.offs, s.data, s.offsets, s.bytes = nil, nil, nil, nil
	}
}

// boolSink decodes BOOLEAN.
type boolSink struct {
	alloc memory.Allocator
	buf   *memory.Buffer
	n     int
	bit   int // position in the page's bits
}

func (s *boolSink) begin(n int) {
	s.buf = memory.NewResizableBuffer(s.alloc)
	s.buf.Resize((n + 7) / 8)
	clear(s.buf.Bytes())
	s.n = 0
}

func (s *boolSink) reserve(n int) {
	if have := s.buf.Len(); s.n+n > have*8 {
		s.buf.Resize(max((s.n+n+7)/8, 2*have))
		clear(s.buf.Bytes()[have:])
	}
}

// plain keeps the position within a byte: the rest starts at the byte of the
// next value.
func (s *boolSink) plain(data []byte, k int) ([]byte, error) {
	if s.bit+k > len(data)*8 || s.n+k > s.buf.Len()*8 {
		return nil, errShortValues
	}
	bitutil.CopyBitmap(data, s.bit, k, s.buf.Bytes(), s.n)
	s.n += k
	s.bit += k
	rest := data[s.bit/8:]
	s.bit %= 8
	return rest, nil
}

func (s *boolSink) setDict([]byte, int) error { return errors.New("BOOLEAN with a dictionary") }

func (s *boolSink) indexed([]uint32) error { return errBadIndex }

func (s *boolSink) finish(valid *memory.Buffer, n, nulls int) arrow.ArrayData {
	if nulls > 0 {
		s.reserve(n - s.n)
		bits, k := s.buf.Bytes(), s.n
		for i := n - 1; i >= 0; i-- {
			set := false
			if bitutil.BitIsSet(valid.Bytes(), i) {
				k--
				set = bitutil.BitIsSet(bits, k)
			}
			bitutil.SetBitTo(bits, i, set)
		}
	}
	s.buf.Resize((n + 7) / 8)
	data := array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{valid, s.buf}, nil, nulls, 0)
	s.drop()
	if valid != nil {
		valid.Release()
	}
	return data
}

func (s *boolSink) drop() {
	if s.buf != nil {
		s.buf.Release()
		s.buf = nil
	}
}

// decimalSink decodes DECIMAL stored as big-endian two's complement bytes:
// of a fixed length, or BYTE_ARRAY when width is 0.
type decimalSink struct {
	fixedSink[int64, decimal128.Num]
	width int
}

func (s *decimalSink) plain(data []byte, k int) ([]byte, error) {
	if k > len(s.out)-s.n {
		return nil, errShortValues
	}
	rest, err := s.parse(s.out[s.n:s.n+k], data)
	s.n += k
	return rest, err
}

func (s *decimalSink) parse(dst []decimal128.Num, data []byte) ([]byte, error) {
	for i := range dst {
		n := s.width
		if n == 0 {
			if len(data) < 4 {
				return nil, errShortValues
			}
			v := binary.LittleEndian.Uint32(data)
			if v > 16 || v == 0 {
				return nil, fmt.Errorf("DECIMAL of %d bytes", v)
			}
			n, data = int(v), data[4:]
		}
		if len(data) < n {
			return nil, errShortValues
		}
		dst[i] = decimalOf(data[:n])
		data = data[n:]
	}
	return data, nil
}

func decimalOf(b []byte) decimal128.Num {
	var full [16]byte
	if int8(b[0]) < 0 {
		binary.BigEndian.PutUint64(full[:], math.MaxUint64)
		binary.BigEndian.PutUint64(full[8:], math.MaxUint64)
	}
	copy(full[16-len(b):], b)
	return decimal128.New(int64(binary.BigEndian.Uint64(full[:])), binary.BigEndian.Uint64(full[8:]))
}

func (s *decimalSink) setDict(data []byte, n int) error {
	if n < 0 || n > len(data) {
		return errShortValues
	}
	s.dict = make([]decimal128.Num, n)
	_, err := s.parse(s.dict, data)
	return err
}
