package columnar

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// KeyOptions says how keys are encoded.
type KeyOptions struct {
	// Descending turns the order of values around. NULL stays the smallest,
	// as Paimon has it for `sequence.field.sort-order`.
	Descending bool
}

// KeyEncoder turns key columns into Keys. Its order is that of Paimon's key
// comparator: column by column, NULL first, decimals by value, strings and
// binary by unsigned bytes, floats by Float.compare of Java (-0.0 before 0.0,
// NaN last and equal to itself).
//
// The form: a column of a nullable type starts with a marker byte (0 NULL, 1
// value); numbers follow big-endian with the sign turned; strings follow with
// 0x00 escaped as 00 FF and end with 00 00 unless they are the last column. A
// KeyEncoder is immutable and may be shared.
type KeyEncoder struct {
	types []types.Type
	desc  bool
}

// NewKeyEncoder makes an encoder for columns of these types. Types that have no
// order are errors of Encode.
func NewKeyEncoder(ts []types.Type, opts KeyOptions) *KeyEncoder {
	return &KeyEncoder{types: ts, desc: opts.Descending}
}

// Encode gives one key per row of the columns, which have the encoder's types
// in order and the same length. The keys may share the columns' memory: keep
// those until the keys are dropped. Errors: ErrInvalid for a NULL in a NOT
// NULL column, ErrUnsupported for types without order.
func (e *KeyEncoder) Encode(cols []arrow.Array) (Keys, error) {
	if len(cols) != len(e.types) || len(cols) == 0 {
		return Keys{}, errs.Invalid("encode keys: %d columns for %d key fields", len(cols), len(e.types))
	}
	n := cols[0].Len()
	fixed, variable := 0, 0
	for i, t := range e.types {
		if cols[i].Len() != n {
			return Keys{}, errs.Invalid("encode keys: column %d has %d rows, column 0 has %d", i, cols[i].Len(), n)
		}
		if !t.Nullable && cols[i].NullN() > 0 {
			return Keys{}, errs.Invalid("encode keys: NULL in column %d, which is %s", i, t)
		}
		if t.Nullable {
			fixed++
		}
		if isVariable(t.Root) {
			variable++
			continue
		}
		w := fixedWidth(t)
		if w == 0 {
			return Keys{}, errs.Unsupported("encode keys: values of type %s have no order", t)
		}
		fixed += w
	}
	if len(cols) == 1 && variable == 1 && !e.types[0].Nullable && !e.desc {
		offsets, data := varBuffers(cols[0].Data())
		return NewKeys(data, offsets), nil
	}
	if variable == 0 {
		return e.encodeFixed(cols, n, fixed)
	}
	return e.encodeVariable(cols, n, fixed)
}

// layout says where the next part of each key goes.
type layout struct {
	out    []byte
	stride int
	at     int     // offset in the stride
	cursor []int32 // position per row when keys differ in length
}

func (e *KeyEncoder) encodeFixed(cols []arrow.Array, n, stride int) (Keys, error) {
	l := layout{out: make([]byte, n*stride), stride: stride}
	scratch := make([]uint64, n)
	for i, c := range cols {
		if err := e.putFixed(&l, c, e.types[i], scratch); err != nil {
			return Keys{}, err
		}
	}
	return NewFixedKeys(l.out, stride, n), nil
}

func (e *KeyEncoder) encodeVariable(cols []arrow.Array, n, fixed int) (Keys, error) {
	sizes := make([]int64, n)
	for i := range sizes {
		sizes[i] = int64(fixed)
	}
	for i, c := range cols {
		if isVariable(e.types[i].Root) {
			e.addSizes(sizes, c, e.terminated(i))
		}
	}
	offsets := make([]int32, n+1)
	total := int64(0)
	for i, s := range sizes {
		if total += s; total > math.MaxInt32 {
			return Keys{}, errs.Invalid("encode keys: the keys of %d rows take over 2 GiB; use smaller batches", n)
		}
		offsets[i+1] = int32(total)
	}
	cursor := make([]int32, n)
	copy(cursor, offsets)
	l := layout{out: make([]byte, total), cursor: cursor}
	scratch := make([]uint64, n)
	for i, c := range cols {
		if isVariable(e.types[i].Root) {
			e.putVariable(&l, c, e.types[i], e.terminated(i))
			continue
		}
		if err := e.putFixed(&l, c, e.types[i], scratch); err != nil {
			return Keys{}, err
		}
	}
	return NewKeys(l.out, offsets), nil
}

// terminated reports whether the string column i needs an end mark. With
// Descending the last one does too: a prefix has to sort after its extensions.
func (e *KeyEncoder) terminated(i int) bool { return e.desc || i < len(e.types)-1 }

func (e *KeyEncoder) addSizes(sizes []int64, c arrow.Array, term bool) {
	offsets, data := varBuffers(c.Data())
	nulls := validity(c)
	for i := range sizes {
		if !nulls.valid(i) {
			continue
		}
		v := data[offsets[i]:offsets[i+1]]
		sizes[i] += int64(len(v))
		if term {
			sizes[i] += 2 + int64(bytes.Count(v, zeroByte))
		}
	}
}

var zeroByte = []byte{0}

func (e *KeyEncoder) putVariable(l *layout, c arrow.Array, t types.Type, term bool) {
	offsets, data := varBuffers(c.Data())
	nulls := validity(c)
	flip := byte(0)
	if e.desc {
		flip = 0xff
	}
	for i := range l.cursor {
		p := l.cursor[i]
		ok := nulls.valid(i)
		if t.Nullable {
			l.out[p] = marker(ok)
			p++
		}
		if ok {
			p = putString(l.out, p, data[offsets[i]:offsets[i+1]], term, flip)
		}
		l.cursor[i] = p
	}
}

// putString writes one string at p and gives the position after it.
func putString(out []byte, p int32, v []byte, term bool, flip byte) int32 {
	if !term {
		return p + int32(copy(out[p:], v))
	}
	if flip == 0 && bytes.IndexByte(v, 0) < 0 {
		p += int32(copy(out[p:], v))
	} else {
		for _, b := range v {
			out[p] = b ^ flip
			p++
			if b == 0 {
				out[p] = 0xff ^ flip
				p++
			}
		}
	}
	out[p], out[p+1] = flip, flip
	return p + 2
}

func marker(ok bool) byte {
	if ok {
		return 1
	}
	return 0
}

// putFixed writes the marker and the value of a column of fixed width.
func (e *KeyEncoder) putFixed(l *layout, c arrow.Array, t types.Type, scratch []uint64) error {
	if t.Nullable {
		l.putMarkers(c)
	}
	width := fixedWidth(t)
	halves := [][2]int{{width, 0}}
	if width == 16 {
		halves = [][2]int{{8, 1}, {8, 0}}
	}
	for _, h := range halves {
		if err := orderedBits(scratch, c, t, h[1] == 1, width == 16); err != nil {
			return err
		}
		if e.desc {
			for i := range scratch {
				scratch[i] = ^scratch[i]
			}
		}
		l.put(scratch, h[0], validity(c))
	}
	return nil
}

func (l *layout) putMarkers(c arrow.Array) {
	nulls := validity(c)
	if l.cursor != nil {
		for i, p := range l.cursor {
			l.out[p] = marker(nulls.valid(i))
			l.cursor[i]++
		}
		return
	}
	for i, p := 0, l.at; p < len(l.out); i, p = i+1, p+l.stride {
		l.out[p] = marker(nulls.valid(i))
	}
	l.at++
}

// put writes the low width bytes of every value, zeros for NULL.
func (l *layout) put(vals []uint64, width int, nulls bits) {
	if nulls.words != nil {
		for i := range vals {
			if !nulls.valid(i) {
				vals[i] = 0
			}
		}
	}
	for i, v := range vals {
		p := l.at + i*l.stride
		if l.cursor != nil {
			p = int(l.cursor[i])
			l.cursor[i] += int32(width)
		}
		switch width {
		case 8:
			binary.BigEndian.PutUint64(l.out[p:], v)
		case 4:
			binary.BigEndian.PutUint32(l.out[p:], uint32(v))
		case 2:
			binary.BigEndian.PutUint16(l.out[p:], uint16(v))
		default:
			l.out[p] = byte(v)
		}
	}
	l.at += width
}

func isVariable(r types.Root) bool {
	switch r {
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return true
	}
	return false
}

// fixedWidth gives the encoded bytes of a value; 0 for types without order.
func fixedWidth(t types.Type) int {
	switch t.Root {
	case types.Boolean, types.TinyInt:
		return 1
	case types.SmallInt:
		return 2
	case types.Int, types.Float, types.Date, types.Time:
		return 4
	case types.BigInt, types.Double, types.Timestamp, types.TimestampLTZ:
		return 8
	case types.Decimal:
		if t.Precision <= 18 {
			return 8
		}
		return 16
	}
	return 0
}

// orderedBits fills dst with unsigned numbers that order like the values.
// High takes the upper half of a wide decimal.
func orderedBits(dst []uint64, c arrow.Array, t types.Type, high, wide bool) error {
	d := c.Data()
	switch t.Root {
	case types.Boolean:
		b, off := d.Buffers()[1].Bytes(), d.Offset()
		for i := range dst {
			dst[i] = 0
			if bitutil.BitIsSet(b, off+i) {
				dst[i] = 1
			}
		}
	case types.TinyInt:
		signTurned(dst, view[int8](d), 1<<7)
	case types.SmallInt:
		signTurned(dst, view[int16](d), 1<<15)
	case types.Int, types.Date, types.Time:
		signTurned(dst, view[int32](d), 1<<31)
	case types.BigInt, types.Timestamp, types.TimestampLTZ:
		signTurned(dst, view[int64](d), 1<<63)
	case types.Float:
		for i, v := range view[float32](d)[:len(dst)] {
			dst[i] = uint64(OrderedFloat32(v))
		}
	case types.Double:
		for i, v := range view[float64](d)[:len(dst)] {
			dst[i] = OrderedFloat64(v)
		}
	case types.Decimal:
		vals := view[[2]uint64](d)
		for i := range dst {
			switch {
			case high:
				dst[i] = vals[i][1] ^ 1<<63
			case wide:
				dst[i] = vals[i][0]
			default:
				dst[i] = vals[i][0] ^ 1<<63
			}
		}
	default:
		return errs.Unsupported("encode keys: values of type %s have no order", t)
	}
	return nil
}

func signTurned[T int8 | int16 | int32 | int64](dst []uint64, vals []T, sign uint64) {
	for i, v := range vals[:len(dst)] {
		dst[i] = uint64(int64(v)) ^ sign
	}
}

// OrderedFloat64 gives a number that orders like Double.compare of Java.
func OrderedFloat64(v float64) uint64 {
	b := math.Float64bits(v)
	if v != v {
		b = 0x7ff8 << 48
	}
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// OrderedFloat32 gives a number that orders like Float.compare of Java.
func OrderedFloat32(v float32) uint32 {
	b := math.Float32bits(v)
	if v != v {
		b = 0x7fc0 << 16
	}
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

// HasOrder reports whether keys can be made of values of the type.
func HasOrder(t types.Type) bool { return isVariable(t.Root) || fixedWidth(t) > 0 }
