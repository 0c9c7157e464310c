package bitmap

import (
	"iter"
	"math/bits"
	"slices"
)

// Clone gives a set of its own with the same values.
func (b *Bitmap) Clone() *Bitmap { return &Bitmap{chunks: slices.Clone(b.chunks)} }

// Between gives the values v with from <= v < to in ascending order.
func (b *Bitmap) Between(from, to uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if from >= to {
			return
		}
		at, _ := slices.BinarySearchFunc(b.chunks, from>>16, compareKey)
		for _, ch := range b.chunks[at:] {
			high := ch.key << 16
			if high >= to {
				return
			}
			first, last := uint16(0), uint16(full-1)
			if from > high {
				first = uint16(from - high)
			}
			if to-high < full {
				last = uint16(to - high - 1)
			}
			if !ch.c.between(first, last, func(v uint16) bool { return yield(high | uint64(v)) }) {
				return
			}
		}
	}
}

// between is each for the values from first to last.
func (c *container) between(first, last uint16, f func(uint16) bool) bool {
	switch c.kind {
	case array:
		at, _ := slices.BinarySearch(c.vals, first)
		for _, v := range c.vals[at:] {
			if v > last {
				return true
			}
			if !f(v) {
				return false
			}
		}
	case runs:
		for i := 0; i < len(c.vals) && c.vals[i] <= last; i += 2 {
			end := min(int(c.vals[i])+int(c.vals[i+1]), int(last))
			for v := max(int(c.vals[i]), int(first)); v <= end; v++ {
				if !f(uint16(v)) {
					return false
				}
			}
		}
	case words:
		for i := int(first >> 6); i <= int(last>>6); i++ {
			w := c.bits[i]
			if i == int(first>>6) {
				w &= ^uint64(0) << (first & 63)
			}
			if i == int(last>>6) {
				w &= ^uint64(0) >> (63 - last&63)
			}
			for ; w != 0; w &= w - 1 {
				if !f(uint16(i<<6 + bits.TrailingZeros64(w))) {
					return false
				}
			}
		}
	}
	return true
}
