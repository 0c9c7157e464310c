package orc

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// byteEncoder run-length encodes bytes.
type byteEncoder struct {
	out *packer
	buf []byte // not yet encoded; a run, or literals
	run bool
}

func (e *byteEncoder) add(v byte) {
	n := len(e.buf)
	switch {
	case e.run && (v != e.buf[0] || n == 130):
		e.flush()
	case !e.run && n >= 2 && v == e.buf[n-1] && v == e.buf[n-2]:
		e.buf = e.buf[:n-2]
		e.flush()
		e.buf = append(e.buf, v, v)
		e.run = true
	case !e.run && n == 128:
		e.flush()
	}
	e.buf = append(e.buf, v)
}

func (e *byteEncoder) flush() {
	switch n := len(e.buf); {
	case n == 0:
	case e.run:
		e.out.write([]byte{byte(n - 3), e.buf[0]})
	default:
		e.out.write([]byte{byte(-n)})
		e.out.write(e.buf)
	}
	e.buf, e.run = e.buf[:0], false
}

// bitEncoder encodes booleans.
type bitEncoder struct {
	bytes byteEncoder
	cur   byte
	n     int
}

func (e *bitEncoder) add(v bool) {
	e.cur <<= 1
	if v {
		e.cur |= 1
	}
	if e.n++; e.n == 8 {
		e.bytes.add(e.cur)
		e.cur, e.n = 0, 0
	}
}

func (e *bitEncoder) flush() {
	if e.n > 0 {
		e.bytes.add(e.cur << (8 - e.n))
		e.cur, e.n = 0, 0
	}
	e.bytes.flush()
}

// intEncoder encodes integers in runs of version 2.
type intEncoder struct {
	out    *packer
	signed bool
	vals   [maxRun]int64
	n      int
	buf    []byte
}

func (e *intEncoder) add(v int64) {
	e.vals[e.n] = v
	if e.n++; e.n == maxRun {
		e.flush()
	}
}

func (e *intEncoder) flush() {
	if e.n > 0 {
		e.buf = e.encode(e.buf[:0], e.vals[:e.n])
		e.out.write(e.buf)
		e.n = 0
	}
}

func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func (e *intEncoder) appendVarint(dst []byte, v int64) []byte {
	if e.signed {
		return binary.AppendUvarint(dst, zigzag(v))
	}
	return binary.AppendUvarint(dst, uint64(v))
}

// encode appends one run of up to maxRun values: as steps if they have some
// that are the same or go one way, otherwise as they are.
func (e *intEncoder) encode(dst []byte, vals []int64) []byte {
	n := len(vals)
	if n >= 3 {
		least, most, ok := steps(vals)
		switch {
		case ok && least == most:
			if least == 0 && n <= 10 {
				return e.shortRepeat(dst, vals[0], n)
			}
			dst = append(dst, 0xc0|byte((n-1)>>8), byte(n-1))
			return binary.AppendUvarint(e.appendVarint(dst, vals[0]), zigzag(least))
		case ok && (least >= 0 || most < 0):
			width := closestWidth(max(2, bits.Len64(max(magnitude(least), magnitude(most)))))
			if width < e.width(vals) {
				return e.delta(dst, vals, width)
			}
		}
	}
	width := e.width(vals)
	dst = append(dst, 0x40|codeOf(width)<<1|byte((n-1)>>8), byte(n-1))
	return e.pack(dst, vals, width)
}

// steps gives the least and the greatest step between values; false if one is
// too large for 63 bits.
func steps(vals []int64) (least, most int64, ok bool) {
	least, most = math.MaxInt64, math.MinInt64
	for i := 1; i < len(vals); i++ {
		a, b := vals[i-1], vals[i]
		d := b - a
		if (a^b)&(b^d) < 0 || d == math.MinInt64 {
			return 0, 0, false
		}
		least, most = min(least, d), max(most, d)
	}
	return least, most, true
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

func (e *intEncoder) shortRepeat(dst []byte, v int64, n int) []byte {
	u := uint64(v)
	if e.signed {
		u = zigzag(v)
	}
	size := max(1, (bits.Len64(u)+7)/8)
	dst = append(dst, byte((size-1)<<3|(n-3)))
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(u>>(8*i)))
	}
	return dst
}

// delta encodes values that grow, or shrink with each step.
func (e *intEncoder) delta(dst []byte, vals []int64, width int) []byte {
	n := len(vals)
	dst = append(dst, 0xc0|codeOf(width)<<1|byte((n-1)>>8), byte(n-1))
	dst = e.appendVarint(dst, vals[0])
	dst = binary.AppendUvarint(dst, zigzag(vals[1]-vals[0]))
	p := bitPacker{dst: dst}
	for i := 2; i < n; i++ {
		p.add(magnitude(vals[i]-vals[i-1]), width)
	}
	return p.end()
}

// width gives the bits that every value fits in.
func (e *intEncoder) width(vals []int64) int {
	all := uint64(0)
	for _, v := range vals {
		if e.signed {
			all |= zigzag(v)
		} else {
			all |= uint64(v)
		}
	}
	return closestWidth(max(1, bits.Len64(all)))
}

func (e *intEncoder) pack(dst []byte, vals []int64, width int) []byte {
	p := bitPacker{dst: dst}
	for _, v := range vals {
		if e.signed {
			p.add(zigzag(v), width)
		} else {
			p.add(uint64(v), width)
		}
	}
	return p.end()
}

// codeOf gives the code of a width that has one.
func codeOf(width int) byte {
	switch {
	case width <= 24:
		return byte(width - 1)
	case width <= 32:
		return byte((width-26)/2 + 24)
	}
	return byte((width-40)/8 + 28)
}

// bitPacker appends values of a fixed width, the highest bit first.
type bitPacker struct {
	dst  []byte
	cur  uint64 // its high bits are used
	free int    // bits
	used bool
}

func (p *bitPacker) add(v uint64, width int) {
	if !p.used {
		p.free, p.used = 64, true
	}
	if width < p.free {
		p.cur |= v << (p.free - width)
		p.free -= width
		return
	}
	over := width - p.free
	p.cur |= v >> over
	p.dst = binary.BigEndian.AppendUint64(p.dst, p.cur)
	p.cur, p.free = 0, 64
	if over > 0 {
		p.cur = v << (64 - over)
		p.free -= over
	}
}

func (p *bitPacker) end() []byte {
	if p.used {
		for used := 64 - p.free; used > 0; used -= 8 {
			p.dst = append(p.dst, byte(p.cur>>56))
			p.cur <<= 8
		}
	}
	return p.dst
}
