package bitmap

import (
	"math/bits"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
)

// Numbers are the widths in which callers hold values.
type Numbers interface{ ~uint32 | ~uint64 }

// OfBits makes a bitmap of the numbers of the set bits: bit i of words[j] is
// 64*j+i. It does not keep words.
func OfBits(words []uint64) *Bitmap {
	b := &Bitmap{}
	for key := 0; len(words) > 0; key++ {
		n := min(len(words), len(container{}.bits))
		if slices.ContainsFunc(words[:n], func(w uint64) bool { return w != 0 }) {
			w := new([1024]uint64)
			copy(w[:], words[:n])
			b.chunks = append(b.chunks, chunk{uint64(key), ofWords(w)})
		}
		words = words[n:]
	}
	return b
}

// SetBits sets the bit of every value in words. A value that words has no bit
// for is errs.ErrInvalid; words may have changed then.
func (b *Bitmap) SetBits(words []uint64) error {
	if !b.IsEmpty() && b.Max() >= 64*uint64(len(words)) {
		return errs.Invalid("bitmap: value %d is not below %d", b.Max(), 64*len(words))
	}
	for i := range b.chunks {
		c := &b.chunks[i]
		at := words[c.key<<10:]
		if len(at) >= 1024 {
			c.c.orInto((*[1024]uint64)(at))
			continue
		}
		var w [1024]uint64
		c.c.orInto(&w)
		for j := range at {
			at[j] |= w[j]
		}
	}
	return nil
}

// Portable32Prefix reads a 32-bit Roaring at the start of raw and gives the
// bytes behind it. Errors are of type *Error.
func Portable32Prefix(raw []byte) (*Bitmap, []byte, error) {
	r := &reader{form: Portable32, raw: raw}
	b := &Bitmap{}
	r.portable32(b, 0)
	if r.err != nil {
		return nil, nil, r.err
	}
	return b, raw[r.at:], nil
}

// Count gives the number of set bits.
func Count(words []uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}
