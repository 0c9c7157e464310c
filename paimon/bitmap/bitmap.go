package bitmap

import (
	"iter"
	"slices"
)

// Bitmap is a set of unsigned 64-bit integers. The zero value is empty and ready for use. It must not be changed while
// others read it.
type Bitmap struct {
	chunks []chunk // ascending by key
}

// chunk is a container with the upper 48 bits of its values.
type chunk struct {
	key uint64
	c   container
}

// Of makes a bitmap of values in any order; it sorts the slice.
func Of(values ...uint64) *Bitmap {
	slices.Sort(values)
	return OfSorted(slices.Compact(values))
}

// OfSorted makes a bitmap of strictly ascending values; it does not keep them.
func OfSorted[T Numbers](values []T) *Bitmap {
	b := &Bitmap{}
	for len(values) > 0 {
		key, n := uint64(values[0])>>16, 1
		for n < len(values) && uint64(values[n])>>16 == key {
			n++
		}
		c := container{kind: array, card: n, vals: make([]uint16, n)}
		for i, v := range values[:n] {
			c.vals[i] = uint16(v)
		}
		if n > maxArray {
			c = c.toWords()
		}
		b.chunks = append(b.chunks, chunk{key, c})
		values = values[n:]
	}
	return b
}

// Contains tells whether v is in the set.
func (b *Bitmap) Contains(v uint64) bool {
	i, ok := slices.BinarySearchFunc(b.chunks, v>>16, compareKey)
	return ok && b.chunks[i].c.contains(uint16(v))
}

func compareKey(c chunk, key uint64) int {
	switch {
	case c.key < key:
		return -1
	case c.key > key:
		return 1
	}
	return 0
}

// Cardinality is the number of values.
func (b *Bitmap) Cardinality() uint64 {
	n := uint64(0)
	for i := range b.chunks {
		n += uint64(b.chunks[i].c.card)
	}
	return n
}

// IsEmpty tells whether there are no values.
func (b *Bitmap) IsEmpty() bool { return len(b.chunks) == 0 }

// Max is the largest value, 0 when there is none.
func (b *Bitmap) Max() uint64 {
	if b.IsEmpty() {
		return 0
	}
	last, v := &b.chunks[len(b.chunks)-1], uint16(0)
	switch n := len(last.c.vals); last.c.kind {
	case array:
		v = last.c.vals[n-1]
	case runs:
		v = last.c.vals[n-2] + last.c.vals[n-1]
	case words:
		last.c.each(func(x uint16) bool { v = x; return true })
	}
	return last.key<<16 | uint64(v)
}

// Values gives the values in ascending order.
func (b *Bitmap) Values() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range b.chunks {
			key := b.chunks[i].key << 16
			if !b.chunks[i].c.each(func(v uint16) bool { return yield(key | uint64(v)) }) {
				return
			}
		}
	}
}

// Equal tells whether both hold the same values.
func (b *Bitmap) Equal(o *Bitmap) bool {
	return slices.EqualFunc(b.chunks, o.chunks, func(x, y chunk) bool {
		if x.key != y.key || x.c.card != y.c.card {
			return false
		}
		return and(x.c, y.c).card == x.c.card
	})
}

// Or adds the values of o.
func (b *Bitmap) Or(o *Bitmap) { b.combine(o, true, true, or) }

// And keeps the values that o has too.
func (b *Bitmap) And(o *Bitmap) { b.combine(o, false, false, and) }

// Xor keeps the values that exactly one of the two has.
func (b *Bitmap) Xor(o *Bitmap) { b.combine(o, true, true, xor) }

// AndNot removes the values that o has.
func (b *Bitmap) AndNot(o *Bitmap) { b.combine(o, true, false, andNot) }

// combine walks both in the order of keys; left and right say whether containers of one side only stay.
func (b *Bitmap) combine(o *Bitmap, left, right bool, f func(a, b container) container) {
	var out []chunk
	x, y := b.chunks, o.chunks
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].key < y[0].key:
			if left {
				out = append(out, x[0])
			}
			x = x[1:]
		case len(x) == 0 || y[0].key < x[0].key:
			if right {
				out = append(out, y[0])
			}
			y = y[1:]
		default:
			if c := f(x[0].c, y[0].c); c.card > 0 {
				out = append(out, chunk{x[0].key, c})
			}
			x, y = x[1:], y[1:]
		}
	}
	b.chunks = out
}
