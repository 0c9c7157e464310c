package orc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The metadata of ORC are protobuf messages; this is as much of their wire
// form as they use.

var errBadMessage = errors.New("metadata are damaged")

// field is one field of a message: bytes for strings, messages and packed
// lists, otherwise a number.
type field struct {
	num   int
	value uint64
	bytes []byte
	fixed bool // value holds the bits of a double
	plain bool // value is a varint
}

// eachField calls f for every field of a message, in order.
func eachField(b []byte, f func(field) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return errBadMessage
		}
		b = b[n:]
		x := field{num: int(tag >> 3)}
		switch tag & 7 {
		case 0:
			if x.value, n = binary.Uvarint(b); n <= 0 {
				return errBadMessage
			}
			x.plain = true
		case 1:
			if n = 8; len(b) < n {
				return errBadMessage
			}
			x.value, x.fixed = binary.LittleEndian.Uint64(b), true
		case 2:
			size, k := binary.Uvarint(b)
			if k <= 0 || size > uint64(len(b)-k) {
				return errBadMessage
			}
			n = k + int(size)
			x.bytes = b[k:n:n]
		case 5:
			if n = 4; len(b) < n {
				return errBadMessage
			}
			x.value = uint64(binary.LittleEndian.Uint32(b))
		default:
			return fmt.Errorf("%w: wire type %d", errBadMessage, tag&7)
		}
		b = b[n:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// signed undoes the zigzag form.
func (x field) signed() int64 { return unzigzag(x.value) }

func (x field) float() float64 { return math.Float64frombits(x.value) }

// numbers appends a repeated number, packed or not.
func (x field) numbers(dst []uint64) ([]uint64, error) {
	if x.plain {
		return append(dst, x.value), nil
	}
	for b := x.bytes; len(b) > 0; {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errBadMessage
		}
		dst, b = append(dst, v), b[n:]
	}
	return dst, nil
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// appendNumber appends a field that is a varint.
func appendNumber(dst []byte, num int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(num)<<3), v)
}

// appendBytes appends a field that is a text, a message or a packed list.
func appendBytes(dst []byte, num int, v []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|2)
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// appendFloat appends a field that is a double.
func appendFloat(dst []byte, num int, v float64) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|1)
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}
