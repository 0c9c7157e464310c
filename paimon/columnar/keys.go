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
	prefix  []uint64 // 8 bytes from skip on, big-endian, zero padded; one per key
	data    []byte
	offsets []int32 // len n+1; nil when all keys are stride bytes long
	stride  int
	skip    int // leading bytes, the same in all keys, that prefixes leave out
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
	k := Keys{data: data, stride: stride}
	k.fillPrefix(n)
	return k
}

func (k *Keys) fillPrefix(n int) {
	k.prefix = make([]uint64, n)
	if k.offsets == nil && k.stride-k.skip >= 8 {
		at := k.skip
		for i := range k.prefix {
			k.prefix[i] = binary.BigEndian.Uint64(k.data[at : at+8])
			at += k.stride
		}
		return
	}
	for i := range k.prefix {
		k.prefix[i] = Prefix(k.At(i)[k.skip:])
	}
}

// Prefix gives the first 8 bytes of an encoded key as a number that orders
// like them.
func Prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var v uint64
	for i, b := range key {
		v |= uint64(b) << (56 - 8*i)
	}
	return v
}

// Len gives the number of keys.
func (k Keys) Len() int { return len(k.prefix) }

// Prefix gives the prefix of key i.
func (k Keys) Prefix(i int) uint64 { return k.prefix[i] }

// At gives the encoded key i; do not change it.
func (k Keys) At(i int) []byte {
	if k.offsets == nil {
		return k.data[i*k.stride : (i+1)*k.stride : (i+1)*k.stride]
	}
	return k.data[k.offsets[i]:k.offsets[i+1]:k.offsets[i+1]]
}

// Size gives the bytes that the encoded keys take, prefixes included.
func (k Keys) Size() int {
	if k.offsets == nil {
		return len(k.prefix) * (k.stride + 8)
	}
	if len(k.prefix) == 0 {
		return 0
	}
	return int(k.offsets[len(k.prefix)]-k.offsets[0]) + len(k.prefix)*12
}

// Compare orders key i of a and key j of b: negative, zero or positive. Both
// must have the same skip (see WithSkip).
func Compare(a Keys, i int, b Keys, j int) int {
	if p, q := a.prefix[i], b.prefix[j]; p != q {
		if p < q {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.At(i), b.At(j))
}

// Equal reports whether key i of a and key j of b are the same. Both must have
// the same skip.
func Equal(a Keys, i int, b Keys, j int) bool {
	return a.prefix[i] == b.prefix[j] && bytes.Equal(a.At(i), b.At(j))
}

// Slice gives keys [from, to), sharing memory.
func (k Keys) Slice(from, to int) Keys {
	out := k
	out.prefix = k.prefix[from:to]
	if k.offsets != nil {
		out.offsets = k.offsets[from : to+1]
	} else {
		out.data = k.data[from*k.stride : to*k.stride]
	}
	return out
}

// WithSkip gives the same keys with prefixes taken after their first skip
// bytes, so that comparing prefixes decides more often. All keys that are
// compared with each other must agree in those bytes (see CommonPrefix) and
// have the same skip.
func (k Keys) WithSkip(skip int) Keys {
	if skip == k.skip {
		return k
	}
	out := k
	out.skip = skip
	out.fillPrefix(len(k.prefix))
	return out
}

// Skip gives the number of leading bytes that prefixes leave out.
func (k Keys) Skip() int { return k.skip }

// CommonPrefix gives how many leading bytes all these keys share. Sorted says
// that each Keys is sorted: then only its ends are looked at.
func CommonPrefix(sorted bool, all ...Keys) int {
	var first []byte
	common := -1
	for _, k := range all {
		n := k.Len()
		if n == 0 {
			continue
		}
		if common < 0 {
			first = k.At(0)
			common = len(first)
		}
		if sorted {
			common = sharedLen(first[:common], k.At(0))
			common = sharedLen(first[:common], k.At(n-1))
			continue
		}
		for i := 0; i < n && common > 0; i++ {
			key := k.At(i)
			if len(key) >= common && bytes.Equal(first[:common], key[:common]) {
				continue
			}
			common = sharedLen(first[:common], key)
		}
	}
	return max(common, 0)
}

// sharedLen gives the length of the common prefix of two keys.
func sharedLen(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// AlignPrefixes gives the keys with prefixes taken after the bytes that all
// of them share: what a merge of sorted runs does once before it starts. Each
// Keys must be sorted.
func AlignPrefixes(runs []Keys) []Keys {
	skip := CommonPrefix(true, runs...)
	out := make([]Keys, len(runs))
	for i, k := range runs {
		if k.Len() == 0 {
			k.skip = skip
			out[i] = k
			continue
		}
		out[i] = k.WithSkip(skip)
	}
	return out
}
