package orc

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxRun is the most values that one run holds.
const maxRun = 512

var errBadRun = errors.New("a run of integers is damaged")

// ints decodes integers that are run-length encoded, in version 1 or 2.
type ints struct {
	in     stream
	v2     bool
	signed bool
	vals   [maxRun]int64
	pos, n int
}

// open starts over with another stream.
func (r *ints) open(src section, u *unpacker, v2, signed bool) {
	r.in.open(src, u)
	r.v2, r.signed, r.pos, r.n = v2, signed, 0, 0
}

// read fills dst.
func (r *ints) read(dst []int64) error {
	for len(dst) > 0 {
		if r.pos == r.n {
			r.pos, r.n = 0, 0
			var err error
			if r.v2 {
				err = r.run2()
			} else {
				err = r.run1()
			}
			if err != nil {
				r.n = 0
				return err
			}
		}
		n := copy(dst, r.vals[r.pos:r.n])
		r.pos += n
		dst = dst[n:]
	}
	return nil
}

func (r *ints) varint() (int64, error) {
	v, err := r.in.uvarint()
	if r.signed {
		return unzigzag(v), err
	}
	return int64(v), err
}

// run1 decodes a run of version 1.
func (r *ints) run1() error {
	head, err := r.in.byte()
	if err != nil {
		return err
	}
	if head >= 0x80 {
		r.n = 256 - int(head)
		for i := range r.n {
			if r.vals[i], err = r.varint(); err != nil {
				return err
			}
		}
		return nil
	}
	delta, err := r.in.byte()
	if err != nil {
		return err
	}
	base, err := r.varint()
	r.n = int(head) + 3
	for i := range r.n {
		r.vals[i] = base
		base += int64(int8(delta))
	}
	return err
}

// run2 decodes a run of version 2.
func (r *ints) run2() error {
	head, err := r.in.byte()
	if err != nil {
		return err
	}
	if head>>6 == 0 {
		return r.shortRepeat(head)
	}
	second, err := r.in.byte()
	if err != nil {
		return err
	}
	r.n = int(head&1)<<8 | int(second) + 1
	switch head >> 6 {
	case 1:
		return r.direct(widthOf(head >> 1 & 31))
	case 2:
		return r.patched(widthOf(head >> 1 & 31))
	}
	return r.delta(head >> 1 & 31)
}

// shortRepeat decodes 3 to 10 times the same value.
func (r *ints) shortRepeat(head byte) error {
	b, err := r.in.take(int(head>>3&7) + 1)
	if err != nil {
		return err
	}
	v := int64(bigEndian(b))
	if r.signed {
		v = unzigzag(uint64(v))
	}
	r.n = int(head&7) + 3
	for i := range r.n {
		r.vals[i] = v
	}
	return nil
}

func bigEndian(b []byte) uint64 {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// direct decodes values of a fixed width.
func (r *ints) direct(width int) error {
	if err := r.packed(r.vals[:r.n], width); err != nil {
		return err
	}
	if r.signed {
		for i, v := range r.vals[:r.n] {
			r.vals[i] = unzigzag(uint64(v))
		}
	}
	return nil
}

// packed reads values of a fixed width that begin with a byte of their own.
func (r *ints) packed(dst []int64, width int) error {
	b, err := r.in.take((len(dst)*width + 7) / 8)
	if err == nil {
		unpack(dst, b, width)
	}
	return err
}

// patched decodes values over a least one, most of them of a narrow width; a
// list of patches has the high bits of the others.
func (r *ints) patched(width int) error {
	b, err := r.in.take(2)
	if err != nil {
		return err
	}
	baseBytes, patchWidth := int(b[0]>>5)+1, widthOf(b[0]&31)
	gapWidth, patches := int(b[1]>>5)+1, int(b[1]&31)
	if patchWidth+gapWidth > 64 {
		return fmt.Errorf("%w: patches of %d and %d bits", errBadRun, gapWidth, patchWidth)
	}
	if b, err = r.in.take(baseBytes); err != nil {
		return err
	}
	base := int64(bigEndian(b))
	if sign := int64(1) << (8*baseBytes - 1); base&sign != 0 {
		base = -(base &^ sign)
	}
	if err := r.packed(r.vals[:r.n], width); err != nil {
		return err
	}
	var list [32]int64
	if err := r.packed(list[:patches], closestWidth(patchWidth+gapWidth)); err != nil {
		return err
	}
	at := 0
	for _, p := range list[:patches] {
		at += int(uint64(p) >> patchWidth)
		patch := uint64(p) & (1<<patchWidth - 1)
		if at >= r.n {
			return fmt.Errorf("%w: a patch for value %d of %d", errBadRun, at, r.n)
		}
		r.vals[at] |= int64(patch << width)
	}
	for i := range r.vals[:r.n] {
		r.vals[i] += base
	}
	return nil
}

// delta decodes values that grow, or that shrink, or whose step is fixed.
func (r *ints) delta(code byte) error {
	base, err := r.varint()
	if err != nil {
		return err
	}
	u, err := r.in.uvarint()
	if err != nil {
		return err
	}
	step := unzigzag(u)
	r.vals[0] = base
	if code == 0 {
		for i := 1; i < r.n; i++ {
			base += step
			r.vals[i] = base
		}
		return nil
	}
	if r.n < 2 {
		return fmt.Errorf("%w: steps of a single value", errBadRun)
	}
	base += step
	r.vals[1] = base
	rest := r.vals[2:r.n]
	if err := r.packed(rest, widthOf(code)); err != nil {
		return err
	}
	for i, d := range rest {
		if step < 0 {
			d = -d
		}
		base += d
		rest[i] = base
	}
	return nil
}

// widthOf gives the bits that a code of five bits stands for.
func widthOf(code byte) int {
	switch {
	case code < 24:
		return int(code) + 1
	case code < 28:
		return int(code-24)*2 + 26
	}
	return int(code-28)*8 + 40
}

// closestWidth rounds up to a width that has a code.
func closestWidth(n int) int {
	switch {
	case n <= 24:
		return n
	case n <= 32:
		return n + n&1
	}
	return (n + 7) / 8 * 8
}

// unpack gives values of width bits each, the highest bit first; b has all
// their bytes.
func unpack(dst []int64, b []byte, width int) {
	switch width {
	case 8:
		for i := range dst {
			dst[i] = int64(b[i])
		}
		return
	case 16:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint16(b[2*i:]))
		}
		return
	case 32:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint32(b[4*i:]))
		}
		return
	case 64:
		for i := range dst {
			dst[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
		}
		return
	}
	// Up to 57 bits lie within eight bytes.
	i, at := 0, 0
	for ; i < len(dst) && at/8+8 <= len(b); i++ {
		dst[i] = int64(binary.BigEndian.Uint64(b[at/8:]) << (at % 8) >> (64 - width))
		at += width
	}
	for ; i < len(dst); i++ {
		var tail [8]byte
		copy(tail[:], b[at/8:])
		dst[i] = int64(binary.BigEndian.Uint64(tail[:]) << (at % 8) >> (64 - width))
		at += width
	}
}
