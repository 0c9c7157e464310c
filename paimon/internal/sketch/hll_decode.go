package sketch

import (
	"encoding/binary"
	"math"
	"math/bits"
)

func log2(n int) int { return bits.Len(uint(n)) - 1 }

// decode reads an image, compact or updatable.
func (s *hll) decode(img []byte) error {
	const minLgK, maxLgK = 4, 21
	if len(img) < 8 {
		return corrupt("hll: %d bytes", len(img))
	}
	pre, mode := img[0]&0x3f, hllMode(img[7]&3)
	s.lgK, s.kind, s.mode = int(img[3]), img[7]>>2&3, mode
	switch {
	case img[1] != 1 || img[2] != 7:
		return corrupt("hll: version %d, family %d", img[1], img[2])
	case s.lgK < minLgK || s.lgK > maxLgK:
		return corrupt("hll: lgK %d is not in 4 to 21", s.lgK)
	case mode > hllRegisters || s.kind > 2 || pre != [...]byte{2, 3, 10}[mode] || len(img) < int(pre)*4:
		return corrupt("hll: mode %d with a preamble of %d ints in %d bytes", img[7], pre, len(img))
	}
	compact := img[5]&8 != 0
	switch mode {
	case hllList:
		return s.decodeList(img[8:], int(img[6]))
	case hllSet:
		return s.decodeSet(img[12:], int(binary.LittleEndian.Uint32(img[8:])), img[4], compact)
	}
	s.outOfOrder = img[5]&16 != 0
	s.hip = math.Float64frombits(binary.LittleEndian.Uint64(img[8:]))
	if err := s.decodeRegisters(img, compact); err != nil {
		return err
	}
	s.sum()
	return nil
}

func (s *hll) decodeList(body []byte, count int) error {
	if count > listSize || len(body) < 4*count {
		return corrupt("hll: list of %d coupons in %d bytes", count, len(body))
	}
	s.coupons, s.count = zeros(s.coupons, listSize), count
	for i := range count {
		c := binary.LittleEndian.Uint32(body[4*i:])
		if c>>couponKeyBits == 0 {
			return corrupt("hll: coupon without value")
		}
		s.coupons[i] = c
	}
	return nil
}

// decodeSet reads a set; an updatable image is the table itself.
func (s *hll) decodeSet(body []byte, count int, lgTable byte, compact bool) error {
	if s.lgK < minSetLgK || 4*count > 3<<(s.lgK-3) {
		return corrupt("hll: set of %d coupons with lgK %d", count, s.lgK)
	}
	size := count
	if !compact {
		lg := int(lgTable)
		if lg < lgFirstSet {
			for lg = lgFirstSet; 4*count > 3<<lg; lg++ {
			}
		}
		if lg > s.lgK-3 {
			return corrupt("hll: table of 2^%d coupons with lgK %d", lg, s.lgK)
		}
		size = 1 << lg
	}
	if len(body) < 4*size {
		return corrupt("hll: %d coupons in %d bytes", size, len(body))
	}
	if compact {
		s.coupons, s.count = zeros(s.coupons, 1<<lgFirstSet), 0
	} else {
		s.coupons, s.count = zeros(s.coupons, size), count
	}
	have := 0
	for i := range size {
		c := binary.LittleEndian.Uint32(body[4*i:])
		switch {
		case c == 0 && !compact:
			continue
		case c>>couponKeyBits == 0:
			return corrupt("hll: coupon without value")
		case compact:
			s.insert(c)
		default:
			s.coupons[i] = c
		}
		have++
	}
	if have != count || 4*have > 3*len(s.coupons) {
		return corrupt("hll: %d of %d coupons in a table of %d", have, count, len(s.coupons))
	}
	return nil
}

func (s *hll) decodeRegisters(img []byte, compact bool) error {
	k := 1 << s.lgK
	body, size := img[40:], [...]int{k / 2, k*3/4 + 1, k}[s.kind]
	if len(body) < size {
		return corrupt("hll: %d registers in %d bytes", k, len(body))
	}
	s.regs = zeros(s.regs, k)
	switch s.kind {
	case 2:
		for i, b := range body[:k] {
			s.regs[i] = b & 0x3f
		}
	case 1:
		for i := 0; i < k; i += 4 {
			b := body[i/4*3:]
			v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
			for j := range 4 {
				s.regs[i+j] = byte(v>>(6*j)) & 0x3f
			}
		}
	default:
		return s.decodeNibbles(body[:size], body[size:], img, compact)
	}
	return nil
}

// decodeNibbles reads registers of four bits, counted from the lowest one.
// What does not fit into four bits is 15 and stands among the exceptions.
func (s *hll) decodeNibbles(nibbles, aux, img []byte, compact bool) error {
	low, count := img[6], int(binary.LittleEndian.Uint32(img[36:]))
	if low > 63 {
		return corrupt("hll: lowest register %d", low)
	}
	missing := 0
	for i, b := range nibbles {
		for j, v := range [2]byte{b & 15, b >> 4} {
			switch {
			case v == 15:
				missing++
				s.regs[2*i+j] = 0xff
			case low+v > 63:
				return corrupt("hll: register of %d", low+v)
			default:
				s.regs[2*i+j] = low + v
			}
		}
	}
	size := count
	if !compact && count > 0 {
		if img[4] > 26 {
			return corrupt("hll: table of 2^%d exceptions", img[4])
		}
		size = 1 << img[4]
	}
	if count != missing || size > len(aux)/4 {
		return corrupt("hll: %d exceptions in %d bytes for %d registers", count, len(aux), missing)
	}
	for i := range size {
		e := binary.LittleEndian.Uint32(aux[4*i:])
		if e == 0 && !compact {
			continue
		}
		slot := int(e&couponKeyMask) & (len(s.regs) - 1)
		if s.regs[slot] != 0xff {
			return corrupt("hll: exception for register %d, which is none or has one", slot)
		}
		s.regs[slot] = byte(e >> couponKeyBits)
		missing--
	}
	if missing != 0 {
		return corrupt("hll: %d registers without exception", missing)
	}
	return nil
}
