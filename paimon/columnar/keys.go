package columnar

import (
	"bytes"
	"encoding/binary"
)

// Keys are the encoded keys of a batch's rows. Encoded keys order by bytes as
// Paimon's key comparator orders the columns (nulls first). Compare first
// looks at an 8-byte prefix. Keys share memory with the batch they were made
// from and live as long as it.
type Keys struct {
	prefix  []uint64 // first 8 bytes, big-endian, zero padded; one per key
	data    []byte
	offsets []int32 // len n+1; nil when all keys are stride bytes long
	stride  int32
}

// NewKeys wraps encoded keys laid out one after the other: key i is
// data[offsets[i]:offsets[i+1]].
func NewKeys(data []byte, offsets []int32) Keys {
	k := Keys{data: data, offsets: offsets}
	k.fillPrefix(max(len(offsets)-1, 0))
	return k
}

// NewFixedKeys wraps n keys of stride bytes each.
func NewFixedKeys(data []byte, stride, n int) Keys {
	k := Keys{data: data, stride: int32(stride)}
	k.fillPrefix(n)
	return k
}

func (k *Keys) fillPrefix(n int) {
	k.prefix = make([]uint64, n)
	for i := range k.prefix {
		k.prefix[i] = Prefix(k.At(i))
	}
}

// Prefix gives the first 8 bytes of an encoded key as a number that orders
// like them.
func Prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// Len gives the number of keys.
func (k Keys) Len() int { return len(k.prefix) }

// Prefix gives the prefix of key i.
func (k Keys) Prefix(i int) uint64 { return k.prefix[i] }

// At gives the encoded key i; do not change it.
func (k Keys) At(i int) []byte {
	if k.offsets == nil {
		return k.data[int32(i)*k.stride : int32(i+1)*k.stride : int32(i+1)*k.stride]
	}
	return k.data[k.offsets[i]:k.offsets[i+1]:k.offsets[i+1]]
}

// Compare orders key i of a and key j of b: negative, zero or positive.
func Compare(a Keys, i int, b Keys, j int) int {
	if p, q := a.prefix[i], b.prefix[j]; p != q {
		if p < q {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.At(i), b.At(j))
}

// Slice gives keys [from, to), sharing memory.
func (k Keys) Slice(from, to int) Keys {
	out := k
	out.prefix = k.prefix[from:to]
	if k.offsets != nil {
		out.offsets = k.offsets[from : to+1]
	} else {
		out.data = k.data[int32(from)*k.stride : int32(to)*k.stride]
	}
	return out
}
