package orc

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// byteRuns decodes bytes that are run-length encoded.
type byteRuns struct {
	in      stream
	left    int // of the current run or literals
	literal bool
	value   byte
}

func (r *byteRuns) open(src section, u *unpacker) { r.in.open(src, u); r.left = 0 }

func (r *byteRuns) head() error {
	b, err := r.in.byte()
	if err != nil {
		return err
	}
	if r.literal = b >= 0x80; r.literal {
		r.left = 256 - int(b)
		return nil
	}
	r.left = int(b) + 3
	r.value, err = r.in.byte()
	return err
}

// read fills dst.
func (r *byteRuns) read(dst []byte) error {
	for len(dst) > 0 {
		if r.left == 0 {
			if err := r.head(); err != nil {
				r.left = 0
				return err
			}
		}
		n := min(r.left, len(dst))
		if r.literal {
			if err := r.in.read(dst[:n]); err != nil {
				return err
			}
		} else {
			for i := range dst[:n] {
				dst[i] = r.value
			}
		}
		r.left -= n
		dst = dst[n:]
	}
	return nil
}

// bitRuns decodes booleans: bits, the highest of a byte first, in byteRuns.
type bitRuns struct {
	bytes byteRuns
	cur   byte
	left  int // bits of cur, its highest ones
	buf   [512]byte
}

func (r *bitRuns) open(src section, u *unpacker) { r.bytes.open(src, u); r.left = 0 }

// read sets the first n bits of dst, in Arrow's order, from position at on;
// those that it sets to one must be zero before.
func (r *bitRuns) read(dst []byte, at, n int) error {
	for n > 0 && (r.left > 0 || at%8 != 0 || n < 8) {
		if r.left == 0 {
			if err := r.bytes.read(r.buf[:1]); err != nil {
				return err
			}
			r.cur, r.left = r.buf[0], 8
		}
		if r.cur&0x80 != 0 {
			bitutil.SetBit(dst, at)
		}
		r.cur <<= 1
		r.left--
		at++
		n--
		if r.left == 0 && at%8 != 0 && n >= 8 {
			return r.readShifted(dst, at, n)
		}
	}
	for n >= 8 {
		b := r.buf[:min(n/8, len(r.buf))]
		if err := r.bytes.read(b); err != nil {
			return err
		}
		for i, v := range b {
			dst[at/8+i] = bits.Reverse8(v)
		}
		at += 8 * len(b)
		n -= 8 * len(b)
	}
	if n > 0 {
		return r.read(dst, at, n)
	}
	return nil
}

// readShifted is read where bytes of the stream lie across those of dst.
func (r *bitRuns) readShifted(dst []byte, at, n int) error {
	shift := at % 8
	for n >= 8 {
		b := r.buf[:min(n/8, len(r.buf))]
		if err := r.bytes.read(b); err != nil {
			return err
		}
		for i, v := range b {
			v = bits.Reverse8(v)
			dst[at/8+i] |= v << shift
			dst[at/8+i+1] |= v >> (8 - shift)
		}
		at += 8 * len(b)
		n -= 8 * len(b)
	}
	if n > 0 {
		return r.read(dst, at, n)
	}
	return nil
}
