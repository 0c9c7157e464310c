package bitmap

import (
	"math/bits"
	"slices"
)

// kind is how a container holds its values; the numbers are those of rbm64.
type kind uint8

const (
	runs  kind = 0 // pairs of first value and number of further ones
	words kind = 1 // a bit a value
	array kind = 2 // the values
)

const (
	maxArray  = 4096  // a longer array would be larger than words
	wordsSize = 8192  // bytes
	full      = 65536 // values
)

// container holds values of 16 bits, at least one. Its slices and words are never changed after it is made, so
// containers are copied freely.
type container struct {
	kind kind
	// settled: optimise would give the container itself.
	settled bool
	card    int
	vals    []uint16 // array: ascending values; runs: pairs
	bits    *[1024]uint64
}

func (c *container) contains(v uint16) bool {
	switch c.kind {
	case words:
		return c.bits[v>>6]>>(v&63)&1 != 0
	case array:
		_, ok := slices.BinarySearch(c.vals, v)
		return ok
	}
	lo, hi := 0, len(c.vals)/2 // the first run that begins after v
	for lo < hi {
		if mid := (lo + hi) / 2; c.vals[2*mid] <= v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo > 0 && v-c.vals[2*lo-2] <= c.vals[2*lo-1]
}

// each calls f with the values in order until it returns false.
func (c *container) each(f func(uint16) bool) bool {
	switch c.kind {
	case array:
		for _, v := range c.vals {
			if !f(v) {
				return false
			}
		}
	case runs:
		for i := 0; i < len(c.vals); i += 2 {
			for n := 0; n <= int(c.vals[i+1]); n++ {
				if !f(c.vals[i] + uint16(n)) {
					return false
				}
			}
		}
	case words:
		for i, w := range c.bits {
			for ; w != 0; w &= w - 1 {
				if !f(uint16(i<<6 + bits.TrailingZeros64(w))) {
					return false
				}
			}
		}
	}
	return true
}

// numRuns counts the runs of consecutive values.
func (c *container) numRuns() int {
	n := 0
	switch c.kind {
	case runs:
		return len(c.vals) / 2
	case array:
		for i, v := range c.vals {
			if i == 0 || v != c.vals[i-1]+1 {
				n++
			}
		}
	case words:
		carry := uint64(0) // the bit before this word
		for _, w := range c.bits {
			n += bits.OnesCount64(w &^ (w<<1 | carry))
			carry = w >> 63
		}
	}
	return n
}

// orInto sets the bits of the values.
func (c *container) orInto(w *[1024]uint64) {
	switch c.kind {
	case words:
		for i, b := range c.bits {
			w[i] |= b
		}
	case array:
		for _, v := range c.vals {
			w[v>>6] |= 1 << (v & 63)
		}
	case runs:
		for i := 0; i < len(c.vals); i += 2 {
			setRange(w, int(c.vals[i]), int(c.vals[i])+int(c.vals[i+1]))
		}
	}
}

// setRange sets the bits from first to last.
func setRange(w *[1024]uint64, first, last int) {
	for i := first >> 6; i <= last>>6; i++ {
		mask := ^uint64(0)
		if i == first>>6 {
			mask <<= first & 63
		}
		if i == last>>6 {
			mask &= ^uint64(0) >> (63 - last&63)
		}
		w[i] |= mask
	}
}

// ofWords makes an array or words, whichever the number of values asks for; card 0 stands for no container.
func ofWords(w *[1024]uint64) container {
	c := container{kind: words, bits: w}
	for _, b := range w {
		c.card += bits.OnesCount64(b)
	}
	if c.card <= maxArray {
		return c.toArray()
	}
	return c
}

func (c *container) toArray() container {
	out := container{kind: array, card: c.card, vals: make([]uint16, 0, c.card)}
	c.each(func(v uint16) bool { out.vals = append(out.vals, v); return true })
	return out
}

func (c *container) toWords() container {
	out := container{kind: words, card: c.card, bits: new([1024]uint64)}
	c.orInto(out.bits)
	return out
}

func (c *container) toRuns(n int) container {
	out := container{kind: runs, card: c.card, vals: make([]uint16, 0, 2*n)}
	c.each(func(v uint16) bool { out.vals = appendRun(out.vals, v, 0); return true })
	return out
}

// appendRun adds a run that begins no earlier than the last one, to which it is joined when they touch.
func appendRun(to []uint16, first, more uint16) []uint16 {
	if n := len(to); n > 0 {
		start, last := int(to[n-2]), int(to[n-2])+int(to[n-1])
		if int(first) <= last+1 {
			to[n-1] = uint16(max(last, int(first)+int(more)) - start)
			return to
		}
	}
	return append(to, first, more)
}

// optimise chooses the smallest kind, in Java's way: runs only when they are really smaller.
func (c container) optimise() container {
	if c.settled {
		return c
	}
	if c.kind == runs {
		c = c.efficient()
	} else {
		size := wordsSize
		if c.kind == array {
			size = 2 * c.card
		}
		if n := c.numRuns(); 2+4*n < size {
			c = c.toRuns(n)
		}
	}
	c.settled = true
	return c
}

// efficient turns runs into what is smaller; at the same size they stay.
func (c container) efficient() container {
	if 2+2*len(c.vals) <= min(wordsSize, 2*c.card+2) {
		return c
	}
	if c.card <= maxArray {
		return c.toArray()
	}
	return c.toWords()
}

// or is the union, with the kind that Java's in-place union gives.
func or(a, b container) container {
	switch {
	case a.kind == words || b.kind == words:
		w := new([1024]uint64)
		a.orInto(w)
		b.orInto(w)
		out := container{kind: words, bits: w}
		for _, v := range w {
			out.card += bits.OnesCount64(v)
		}
		if out.card == full {
			return container{kind: runs, card: full, vals: []uint16{0, full - 1}}
		}
		return out
	case a.kind == array && b.kind == array:
		out := container{kind: array, vals: merge(a.vals, b.vals)}
		out.card = len(out.vals)
		if out.card > maxArray {
			return out.toWords()
		}
		return out
	}
	return orRuns(a, b).efficient()
}

// merge joins ascending lists.
func merge(a, b []uint16) []uint16 {
	out := make([]uint16, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		v := min(a[0], b[0])
		out = append(out, v)
		if a[0] == v {
			a = a[1:]
		}
		if b[0] == v {
			b = b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// orRuns joins two containers, at least one of them of runs and none of words.
func orRuns(a, b container) container {
	out := container{kind: runs, vals: make([]uint16, 0, len(a.vals)+len(b.vals)+2)}
	x, y := runsOf{c: &a}, runsOf{c: &b}
	for x.more() || y.more() {
		from := &x
		if !x.more() || y.more() && y.first() < x.first() {
			from = &y
		}
		out.vals = appendRun(out.vals, from.first(), from.length())
		from.i++
	}
	for i := 1; i < len(out.vals); i += 2 {
		out.card += int(out.vals[i]) + 1
	}
	return out
}

// runsOf walks the runs of a container; each value of an array is one.
type runsOf struct {
	c *container
	i int
}

func (r *runsOf) more() bool {
	if r.c.kind == array {
		return r.i < len(r.c.vals)
	}
	return 2*r.i < len(r.c.vals)
}

func (r *runsOf) first() uint16 {
	if r.c.kind == array {
		return r.c.vals[r.i]
	}
	return r.c.vals[2*r.i]
}

func (r *runsOf) length() uint16 {
	if r.c.kind == array {
		return 0
	}
	return r.c.vals[2*r.i+1]
}

// and, xor and andNot give card 0 when nothing is left.
func and(a, b container) container {
	if b.kind == array && a.kind != array {
		a, b = b, a
	}
	if a.kind == array {
		return a.filter(func(v uint16) bool { return b.contains(v) })
	}
	x, y := new([1024]uint64), new([1024]uint64)
	a.orInto(x)
	b.orInto(y)
	for i := range x {
		x[i] &= y[i]
	}
	return ofWords(x)
}

func andNot(a, b container) container {
	if a.kind == array {
		return a.filter(func(v uint16) bool { return !b.contains(v) })
	}
	x, y := new([1024]uint64), new([1024]uint64)
	a.orInto(x)
	b.orInto(y)
	for i := range x {
		x[i] &^= y[i]
	}
	return ofWords(x)
}

func xor(a, b container) container {
	x, y := new([1024]uint64), new([1024]uint64)
	a.orInto(x)
	b.orInto(y)
	for i := range x {
		x[i] ^= y[i]
	}
	return ofWords(x)
}

func (c *container) filter(keep func(uint16) bool) container {
	out := container{kind: array}
	for _, v := range c.vals {
		if keep(v) {
			out.vals = append(out.vals, v)
		}
	}
	out.card = len(out.vals)
	return out
}
