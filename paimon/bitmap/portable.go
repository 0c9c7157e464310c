package bitmap

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The 32-bit Roaring format, all numbers little endian:
//
//	cookie      u32 3a300000 and u32 number of containers; or, when some have runs, u16 3b30, u16 number - 1 and a bit
//	            a container that says which
//	header      u16 key, u16 cardinality - 1, for each container
//	offsets     u32 for each container; left out when there are runs and fewer than four containers
//	containers  array: u16 for each value, up to 4096 of them; words: 1024 u64; runs: u16 number, then u16 first
//	            value and u16 number of further values for each
const (
	cookieNoRuns  = 12346
	cookieRuns    = 12347
	offsetsFrom   = 4 // containers
	minContainer  = 6 // bytes of header and payload
	minPortable32 = 8 // bytes of a bitmap
)

// portable32 reads a 32-bit Roaring whose values get high as their upper 32 bits.
func (r *reader) portable32(b *Bitmap, high uint32) {
	start := r.at
	cookie := r.u32("cookie")
	var hasRuns []byte
	n := 0
	switch {
	case r.err != nil:
		return
	case cookie == cookieNoRuns:
		n = r.count(uint64(r.u32("number of containers")), minContainer, "containers")
	case cookie&0xffff == cookieRuns:
		n = r.count(uint64(cookie>>16)+1, minContainer, "containers")
		hasRuns = r.take((n+7)/8, "marks of runs")
	default:
		r.at = start
		r.fail("cookie %#x is neither %#x nor %#x", cookie, cookieNoRuns, cookieRuns)
	}
	if n > full {
		r.fail("%d containers are more than %d", n, full)
	}
	header := r.take(4*n, "header")
	var offsets []byte
	if hasRuns == nil || n >= offsetsFrom {
		offsets = r.take(4*n, "offsets")
	}
	if r.err != nil {
		return
	}
	b.chunks = slices.Grow(b.chunks, n)
	last := -1
	for i := range n {
		key, card := int(binary.LittleEndian.Uint16(header[4*i:])), int(binary.LittleEndian.Uint16(header[4*i+2:]))+1
		if key <= last {
			r.fail("key %d of container %d does not follow %d", key, i, last)
		}
		if offsets != nil {
			if o := binary.LittleEndian.Uint32(offsets[4*i:]); int64(o) != int64(r.at-start) {
				r.fail("container %d is said to begin at %d, not %d", i, o, r.at-start)
			}
		}
		k := array
		if hasRuns != nil && hasRuns[i/8]>>(i%8)&1 != 0 {
			k = runs
		} else if card > maxArray {
			k = words
		}
		c := r.container(k, card)
		if r.err != nil {
			return
		}
		b.chunks = append(b.chunks, chunk{uint64(high)<<16 | uint64(key), c})
		last = key
	}
}

// container reads the values; card is what the bytes before them say.
func (r *reader) container(k kind, card int) container {
	c := container{kind: k, card: card}
	switch k {
	case array:
		r.array(&c)
	case words:
		r.words(&c)
	case runs:
		r.runs(&c)
	default:
		r.fail("container of unknown kind %d", k)
	}
	return c
}

func (r *reader) array(c *container) {
	raw := r.take(2*c.card, "array")
	if raw == nil {
		return
	}
	c.vals = make([]uint16, c.card)
	last := -1
	for i := range c.vals {
		v := binary.LittleEndian.Uint16(raw[2*i:])
		if int(v) <= last {
			r.at += 2*i - len(raw)
			r.fail("value %d of an array does not follow %d", v, last)
			return
		}
		c.vals[i], last = v, int(v)
	}
}

func (r *reader) words(c *container) {
	raw := r.take(wordsSize, "bits")
	if raw == nil {
		return
	}
	c.bits = new([1024]uint64)
	n := 0
	for i := range c.bits {
		c.bits[i] = binary.LittleEndian.Uint64(raw[8*i:])
		n += bits.OnesCount64(c.bits[i])
	}
	if n != c.card {
		r.at -= wordsSize
		r.fail("%d bits are set, the cardinality is %d", n, c.card)
	}
}

func (r *reader) runs(c *container) {
	n := int(r.u16("number of runs"))
	raw := r.take(4*n, "runs")
	if raw == nil || n == 0 {
		r.fail("container without runs")
		return
	}
	c.vals = make([]uint16, 2*n)
	sum, last := 0, -2
	for i := range n {
		first, more := binary.LittleEndian.Uint16(raw[4*i:]), binary.LittleEndian.Uint16(raw[4*i+2:])
		if int(first) <= last+1 || int(first)+int(more) >= full {
			r.at += 4*i - len(raw)
			r.fail("run of %d values from %d on does not follow %d", int(more)+1, first, last)
			return
		}
		c.vals[2*i], c.vals[2*i+1] = first, more
		sum += int(more) + 1
		last = int(first) + int(more)
	}
	if sum != c.card {
		r.at -= len(raw)
		r.fail("runs hold %d values, the cardinality is %d", sum, c.card)
	}
}

// portable64 reads u64 number, then u32 upper half and a 32-bit Roaring for each.
func (r *reader) portable64(b *Bitmap) {
	n := r.count(r.u64("number of entries"), 4+minPortable32, "entries")
	r.entries(b, n, (*reader).portable32)
}

// entries reads n times an upper half and a bitmap of the lower ones.
func (r *reader) entries(b *Bitmap, n int, body func(*reader, *Bitmap, uint32)) {
	last := int64(-1)
	for range n {
		high := r.u32("key")
		if r.err == nil && int64(high) <= last {
			r.at -= 4
			r.fail("key %d does not follow %d", high, last)
		}
		if r.err != nil {
			return
		}
		body(r, b, high)
		last = int64(high)
	}
}

// appendPortable32 writes chunks whose upper 32 bits do not count.
func appendPortable32(dst []byte, chunks []chunk) []byte {
	le := binary.LittleEndian
	start, n := len(dst), len(chunks)
	marks := make([]byte, (n+7)/8)
	hasRuns := false
	for i, c := range chunks {
		if c.c.kind == runs {
			marks[i/8] |= 1 << (i % 8)
			hasRuns = true
		}
	}
	if hasRuns {
		dst = append(le.AppendUint32(dst, uint32(cookieRuns|(n-1)<<16)), marks...)
	} else {
		dst = le.AppendUint32(le.AppendUint32(dst, cookieNoRuns), uint32(n))
	}
	for _, c := range chunks {
		dst = le.AppendUint16(le.AppendUint16(dst, uint16(c.key)), uint16(c.c.card-1))
	}
	if !hasRuns || n >= offsetsFrom {
		at := len(dst) - start + 4*n
		for i := range chunks {
			dst = le.AppendUint32(dst, uint32(at))
			at += chunks[i].c.size()
		}
	}
	for i := range chunks {
		dst = chunks[i].c.appendTo(dst)
	}
	return dst
}

// size is the number of bytes that appendTo writes.
func (c *container) size() int {
	switch c.kind {
	case runs:
		return 2 + 2*len(c.vals)
	case words:
		return wordsSize
	}
	return 2 * len(c.vals)
}

func (c *container) appendTo(dst []byte) []byte {
	le := binary.LittleEndian
	if c.kind == words {
		for _, w := range c.bits {
			dst = le.AppendUint64(dst, w)
		}
		return dst
	}
	if c.kind == runs {
		dst = le.AppendUint16(dst, uint16(len(c.vals)/2))
	}
	for _, v := range c.vals {
		dst = le.AppendUint16(dst, v)
	}
	return dst
}

func appendPortable64(dst []byte, chunks []chunk) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(countHighs(chunks)))
	return appendEntries(dst, chunks)
}

// appendEntries writes an upper half and a 32-bit Roaring for each upper half.
func appendEntries(dst []byte, chunks []chunk) []byte {
	for len(chunks) > 0 {
		high, n := chunks[0].key>>16, 1
		for n < len(chunks) && chunks[n].key>>16 == high {
			n++
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(high))
		dst = appendPortable32(dst, chunks[:n])
		chunks = chunks[n:]
	}
	return dst
}

func countHighs(chunks []chunk) int {
	n := 0
	for i := range chunks {
		if i == 0 || chunks[i].key>>16 != chunks[i-1].key>>16 {
			n++
		}
	}
	return n
}
