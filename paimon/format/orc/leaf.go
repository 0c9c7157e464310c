package orc

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// encoding is how a column is encoded in a stripe.
type encoding struct {
	kind  uint8
	words int // of the dictionary
}

const (
	encDirect uint8 = iota
	encDictionary
	encDirect2
	encDictionary2
)

func (e encoding) v2() bool         { return e.kind == encDirect2 || e.kind == encDictionary2 }
func (e encoding) dictionary() bool { return e.kind == encDictionary || e.kind == encDictionary2 }

// leaf decodes the values of a column that has no children.
type leaf interface {
	// start opens the streams of a stripe.
	start(s *stripe, column int) error
	// decode gives n slots, of which the k that valid marks have a value; valid
	// is nil when all do. It does not keep valid.
	decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error)
}

// integer is the type of values that integer columns hold.
type integer interface{ int8 | int16 | int32 | int64 }

// intLeaf decodes integers, dates and times.
type intLeaf[D integer] struct {
	typ     arrow.DataType
	alloc   memory.Allocator
	in      ints
	out     slots[D]
	scratch []int64
}

func (l *intLeaf[D]) start(s *stripe, column int) error {
	enc, err := s.encoding(column, false)
	l.in.open(s.section(column, streamData), s.unpack, enc.v2(), true)
	return err
}

func (l *intLeaf[D]) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	for at := 0; at < k; {
		m := min(step, k-at)
		l.out.grow(min(at+m, n))
		dst := l.out.vals[at : at+m]
		if wide, ok := any(dst).([]int64); ok {
			if err := l.in.read(wide); err != nil {
				return nil, err
			}
		} else {
			if l.scratch == nil {
				l.scratch = make([]int64, step)
			}
			if err := l.in.read(l.scratch[:m]); err != nil {
				return nil, err
			}
			for i, v := range l.scratch[:m] {
				dst[i] = D(v)
			}
		}
		at += m
	}
	return l.out.finish(l.typ, valid, k, n), nil
}

// byteLeaf decodes TINYINT.
type byteLeaf struct {
	alloc memory.Allocator
	in    byteRuns
	out   slots[byte]
}

func (l *byteLeaf) start(s *stripe, column int) error {
	_, err := s.encoding(column, false)
	l.in.open(s.section(column, streamData), s.unpack)
	return err
}

func (l *byteLeaf) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	for at := 0; at < k; {
		m := min(step, k-at)
		l.out.grow(at + m)
		if err := l.in.read(l.out.vals[at : at+m]); err != nil {
			return nil, err
		}
		at += m
	}
	return l.out.finish(arrow.PrimitiveTypes.Int8, valid, k, n), nil
}

// boolLeaf decodes BOOLEAN.
type boolLeaf struct {
	alloc memory.Allocator
	in    bitRuns
	out   slots[byte]
}

func (l *boolLeaf) start(s *stripe, column int) error {
	_, err := s.encoding(column, false)
	l.in.open(s.section(column, streamData), s.unpack)
	return err
}

func (l *boolLeaf) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	for at := 0; at < k; {
		m := min(8*step, k-at)
		have := len(l.out.vals)
		l.out.grow((at+m)/8 + 1)
		clear(l.out.vals[have:])
		if err := l.in.read(l.out.vals, at, m); err != nil {
			return nil, err
		}
		at += m
	}
	have := len(l.out.vals)
	l.out.resize(n/8 + 1)
	if have < len(l.out.vals) {
		clear(l.out.vals[have:])
	}
	if k < n {
		from := k
		for i := n - 1; i >= 0; i-- {
			set := false
			if bitutil.BitIsSet(valid.Bytes(), i) {
				from--
				set = bitutil.BitIsSet(l.out.vals, from)
			}
			bitutil.SetBitTo(l.out.vals, i, set)
		}
	}
	l.out.resize((n + 7) / 8)
	return array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{valid, l.out.buf}, nil, n-k, 0), nil
}

// floatLeaf decodes FLOAT and DOUBLE.
type floatLeaf[D float32 | float64] struct {
	typ   arrow.DataType
	alloc memory.Allocator
	in    stream
	out   slots[D]
}

func (l *floatLeaf[D]) start(s *stripe, column int) error {
	_, err := s.encoding(column, false)
	l.in.open(s.section(column, streamData), s.unpack)
	return err
}

func (l *floatLeaf[D]) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.out.begin(l.alloc)
	defer l.out.drop()
	var d D
	size := int(unsafe.Sizeof(d))
	for at := 0; at < k; {
		m := min(step, k-at)
		l.out.grow(at + m)
		// The file's order of bytes is that of the machines Tarn runs on.
		if err := l.in.read(l.out.buf.Bytes()[at*size : (at+m)*size]); err != nil {
			return nil, err
		}
		at += m
	}
	return l.out.finish(l.typ, valid, k, n), nil
}

// bytesLeaf decodes text and binary values, of a dictionary or not.
type bytesLeaf struct {
	typ   arrow.DataType
	alloc memory.Allocator
	// trim cuts the spaces that fill CHAR, as Java does.
	trim    bool
	lengths ints
	data    stream
	indexed bool
	dict    []byte // with room for copyShort behind the last word
	dictAt  []int32
	offsets slots[int32]
	bytes   *memory.Buffer
	hint    int // bytes of the last batch
	scratch []int64
}

// maxDictionary bounds the bytes of a dictionary.
const maxDictionary = 1 << 30

func (l *bytesLeaf) start(s *stripe, column int) error {
	enc, err := s.encoding(column, true)
	if err != nil {
		return err
	}
	if l.scratch == nil {
		l.scratch = make([]int64, step)
	}
	if l.indexed = enc.dictionary(); !l.indexed {
		l.lengths.open(s.section(column, streamLength), s.unpack, enc.v2(), false)
		l.data.open(s.section(column, streamData), s.unpack)
		return nil
	}
	l.lengths.open(s.section(column, streamLength), s.unpack, enc.v2(), false)
	l.data.open(s.section(column, streamWords), s.unpack)
	if err := l.readDictionary(enc.words); err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	l.lengths.open(s.section(column, streamData), s.unpack, enc.v2(), false)
	return nil
}

func (l *bytesLeaf) readDictionary(words int) error {
	l.dictAt, l.dict = append(l.dictAt[:0], 0), l.dict[:0]
	for len(l.dictAt) <= words {
		m := min(step, words+1-len(l.dictAt))
		total, err := l.readLengths(m)
		if err != nil {
			return err
		}
		at := len(l.dict)
		if at+total > maxDictionary {
			return fmt.Errorf("more than %d bytes", maxDictionary)
		}
		for _, n := range l.scratch[:m] {
			at += int(n)
			l.dictAt = append(l.dictAt, int32(at))
		}
		if l.dict, err = l.appendBytes(l.dict, total); err != nil {
			return err
		}
		// Words differ, so all but one have bytes.
		if len(l.dictAt)-2 > len(l.dict) {
			return fmt.Errorf("%d words in %d bytes", len(l.dictAt)-1, len(l.dict))
		}
	}
	l.dict = append(l.dict, make([]byte, 32)...)
	return nil
}

// readLengths reads m lengths into scratch and gives their sum.
func (l *bytesLeaf) readLengths(m int) (int, error) {
	if err := l.lengths.read(l.scratch[:m]); err != nil {
		return 0, err
	}
	total := int64(0)
	for _, n := range l.scratch[:m] {
		if total += n; n < 0 || n > math.MaxInt32 || total > math.MaxInt32 {
			return 0, fmt.Errorf("a value of %d bytes, %d with those before it", uint64(n), uint64(total))
		}
	}
	return int(total), nil
}

// appendBytes appends n bytes of data, making room as they come.
func (l *bytesLeaf) appendBytes(dst []byte, n int) ([]byte, error) {
	for n > 0 {
		if l.data.pos == len(l.data.buf) {
			if err := l.data.fill(); err != nil {
				return dst, err
			}
		}
		m := min(n, len(l.data.buf)-l.data.pos)
		dst = append(dst, l.data.buf[l.data.pos:l.data.pos+m]...)
		l.data.pos += m
		n -= m
	}
	return dst, nil
}

func (l *bytesLeaf) decode(valid *memory.Buffer, k, n int) (arrow.ArrayData, error) {
	l.offsets.begin(l.alloc)
	defer l.offsets.drop()
	l.bytes = memory.NewResizableBuffer(l.alloc)
	defer l.bytes.Release()
	l.bytes.Reserve(l.hint + l.hint/8)
	l.offsets.grow(1)
	l.offsets.vals[0] = 0
	for at := 0; at < k; {
		m := min(step, k-at)
		l.offsets.grow(at + m + 1)
		read := l.readDirect
		if l.indexed {
			read = l.readIndexed
		}
		if err := read(l.offsets.vals[at+1:at+m+1], m); err != nil {
			return nil, err
		}
		at += m
	}
	if l.trim {
		l.trimSpaces(k)
	}
	l.hint = max(l.bytes.Len(), l.hint-l.hint/8)
	l.offsets.resize(n + 1)
	spreadOffsets(l.offsets.vals, valid, k, n)
	return array.NewData(l.typ, n, []*memory.Buffer{valid, l.offsets.buf, l.bytes}, nil, n-k, 0), nil
}

// spreadOffsets gives slots without a value an empty range.
func spreadOffsets(offsets []int32, valid *memory.Buffer, k, n int) {
	if k == n {
		return
	}
	bits := valid.Bytes()
	for i := n; i > 0; i-- {
		offsets[i] = offsets[k]
		if bitutil.BitIsSet(bits, i-1) {
			k--
		}
	}
}

// room makes the buffer longer by n bytes and gives where they begin.
func (l *bytesLeaf) room(n int) (int, error) {
	have := l.bytes.Len()
	if have+n > math.MaxInt32 {
		return 0, fmt.Errorf("a batch holds %d bytes of one column, more than 2 GiB: lower the batch size", have+n)
	}
	if have+n > l.bytes.Cap() {
		l.bytes.Reserve(max(have+n, 2*have))
	}
	l.bytes.ResizeNoShrink(have + n)
	return have, nil
}

func (l *bytesLeaf) readDirect(offsets []int32, m int) error {
	total, err := l.readLengths(m)
	if err != nil {
		return err
	}
	at := l.bytes.Len()
	for i, n := range l.scratch[:m] {
		at += int(n)
		if at > math.MaxInt32 {
			break // room says so
		}
		offsets[i] = int32(at)
	}
	for total > 0 {
		if l.data.pos == len(l.data.buf) {
			if err := l.data.fill(); err != nil {
				return err
			}
		}
		n := min(total, len(l.data.buf)-l.data.pos)
		from, err := l.room(n)
		if err != nil {
			return err
		}
		copy(l.bytes.Bytes()[from:], l.data.buf[l.data.pos:l.data.pos+n])
		l.data.pos += n
		total -= n
	}
	return nil
}

func (l *bytesLeaf) readIndexed(offsets []int32, m int) error {
	if err := l.lengths.read(l.scratch[:m]); err != nil {
		return err
	}
	at, total := l.dictAt, 0
	for _, v := range l.scratch[:m] {
		if uint64(v) >= uint64(len(at)-1) {
			return fmt.Errorf("word %d of a dictionary of %d", uint64(v), len(at)-1)
		}
		total += int(at[v+1] - at[v])
	}
	pos, err := l.room(total)
	if err != nil {
		return err
	}
	out := l.bytes.Bytes()
	for i, v := range l.scratch[:m] {
		pos += copyShort(out[pos:], l.dict[at[v]:], int(at[v+1]-at[v]))
		offsets[i] = int32(pos)
	}
	return nil
}

// copyShort copies n bytes; short values, which most are, without a call.
func copyShort(dst, src []byte, n int) int {
	if n <= 32 && len(dst) >= 32 && len(src) >= 32 {
		*(*[32]byte)(dst) = *(*[32]byte)(src)
		return n
	}
	return copy(dst, src[:n])
}

// trimSpaces cuts the spaces at the end of the first k values.
func (l *bytesLeaf) trimSpaces(k int) {
	data, offsets := l.bytes.Bytes(), l.offsets.vals
	from, to := int32(0), int32(0)
	for i := 1; i <= k; i++ {
		v := data[from:offsets[i]]
		from = offsets[i]
		for len(v) > 0 && v[len(v)-1] == ' ' {
			v = v[:len(v)-1]
		}
		to += int32(copy(data[to:], v))
		offsets[i] = to
	}
	l.bytes.ResizeNoShrink(int(to))
}

// uvarint128 reads a number of up to 128 bits.
func (s *stream) uvarint128() (hi, lo uint64, err error) {
	if v, n := binary.Uvarint(s.buf[s.pos:]); n > 0 {
		s.pos += n
		return 0, v, nil
	}
	for shift := uint(0); shift < 133; shift += 7 {
		b, err := s.byte()
		if err != nil {
			return 0, 0, err
		}
		v := uint64(b & 0x7f)
		switch {
		case shift < 64:
			lo |= v << shift
			if shift > 57 {
				hi |= v >> (64 - shift)
			}
		case shift == 126 && v > 3:
			return 0, 0, fmt.Errorf("a decimal of more than 128 bits")
		default:
			hi |= v << (shift - 64)
		}
		if b < 0x80 {
			return hi, lo, nil
		}
	}
	return 0, 0, fmt.Errorf("a decimal of more than 128 bits")
}
