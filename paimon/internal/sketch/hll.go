package sketch

import (
	"encoding/binary"
	"math"
	"slices"
)

// A HyperLogLog sketch starts as a list of up to 7 coupons, goes on as a hash
// set of coupons when 2^lgK is large enough for one, and ends as 2^lgK
// registers. A coupon is a 26-bit key with a 6-bit value; a register holds the
// largest value of the keys that end in its number.
type hllMode byte

const (
	hllList hllMode = iota
	hllSet
	hllRegisters
)

const (
	couponKeyBits = 26
	couponKeyMask = 1<<couponKeyBits - 1
	listSize      = 8
	lgFirstSet    = 5
	minSetLgK     = 8 // smaller sketches have no set
)

// hll is a sketch in memory. Registers are one byte each, whatever form the
// image had: Java's union works on HLL_8 too.
type hll struct {
	lgK  int
	mode hllMode
	kind byte // of the image: 0, 1, 2 for registers of 4, 6, 8 bits

	coupons []uint32 // list: in order; set: a hash table with zeros
	count   int

	regs       []byte
	outOfOrder bool    // the estimate cannot go on incrementally
	hip        float64 // the incremental estimate
	kxq        float64 // sum of 2^-register over registers up to 31
	kxqHigh    float64 // and over those above: both sums are exact
}

// HLL unites HyperLogLog sketches: HllSketchUtil of Paimon. The zero value is
// ready; it serves one goroutine.
type HLL struct {
	acc, in, out hll
	aux          []uint32
}

// Union appends the union of two images to dst, in compact form with registers
// of four bits. The result has the lgK of b unless a's registers are fewer.
func (u *HLL) Union(dst, a, b []byte) ([]byte, error) {
	if err := u.acc.decode(a); err != nil {
		return dst, err
	}
	if err := u.in.decode(b); err != nil {
		return dst, err
	}
	u.out.clear(u.in.lgK)
	lgK := u.in.lgK
	gadget := u.out.unite(&u.in, lgK).unite(&u.acc, lgK)
	return u.encode(dst, gadget), nil
}

func (s *hll) clear(lgK int) {
	s.lgK, s.mode, s.kind, s.count = lgK, hllList, 2, 0
	s.coupons = zeros(s.coupons, listSize)
}

func (s *hll) empty() bool { return s.mode != hllRegisters && s.count == 0 }

// unite adds src and gives the result, which is s or src, of at most maxLgK.
func (s *hll) unite(src *hll, maxLgK int) *hll {
	switch {
	case src.empty():
		return s
	case src.mode == hllSet && s.empty() && src.lgK == s.lgK:
		return src
	case src.mode != hllRegisters:
		src.mergeInto(s)
		return s
	case s.mode != hllRegisters:
		if src.lgK > maxLgK {
			src.fold(maxLgK)
		}
		s.mergeInto(src)
		return src
	}
	if src.lgK < s.lgK {
		s.fold(src.lgK)
	}
	mask := len(s.regs) - 1
	for i, v := range src.regs {
		s.regs[i&mask] = max(s.regs[i&mask], v)
	}
	s.outOfOrder, s.hip = true, 0
	return s // nothing looks at the sums of registers that came from two sketches
}

// mergeInto adds the coupons of a list or set to a sketch, in their order.
func (s *hll) mergeInto(to *hll) {
	for _, c := range s.coupons {
		if c != 0 {
			to.update(c)
		}
	}
}

// fold makes the sketch one of fewer registers.
func (s *hll) fold(lgK int) {
	mask := 1<<lgK - 1
	for i := mask + 1; i < len(s.regs); i++ {
		s.regs[i&mask] = max(s.regs[i&mask], s.regs[i])
	}
	s.lgK, s.regs = lgK, s.regs[:mask+1]
	s.sum()
	if s.outOfOrder {
		s.hip = 0
	}
}

// sum computes the sums over all registers.
func (s *hll) sum() {
	s.kxq, s.kxqHigh = float64(len(s.regs)), 0
	for _, v := range s.regs {
		if v > 0 {
			s.kxq--
			s.weigh(v, 1)
		}
	}
}

// weigh adds sign·2^-v to the sum that v belongs to.
func (s *hll) weigh(v byte, sign float64) {
	if v < 32 {
		s.kxq += math.Ldexp(sign, -int(v))
	} else {
		s.kxqHigh += math.Ldexp(sign, -int(v))
	}
}

// update adds a coupon.
func (s *hll) update(coupon uint32) {
	switch s.mode {
	case hllList:
		for i, have := range s.coupons {
			if have == coupon {
				return
			}
			if have == 0 {
				s.coupons[i] = coupon
				s.count++
				break
			}
		}
		if s.count >= listSize {
			s.promoteList()
		}
	case hllSet:
		if s.insert(coupon) && s.crowded() {
			s.promote()
		}
	default:
		at, v := int(coupon&couponKeyMask)&(len(s.regs)-1), byte(coupon>>couponKeyBits)
		old := s.regs[at]
		if v <= old {
			return
		}
		s.regs[at] = v
		s.hip += float64(len(s.regs)) / (s.kxq + s.kxqHigh)
		s.weigh(old, -1)
		s.weigh(v, 1)
	}
}

func (s *hll) promoteList() {
	if s.lgK < minSetLgK {
		s.promote()
		return
	}
	list := [listSize]uint32(s.coupons)
	s.mode, s.count = hllSet, 0
	s.coupons = zeros(s.coupons, 1<<lgFirstSet)
	for _, c := range list {
		s.insert(c)
	}
}

// insert puts a coupon into the set's table; false if it is there.
func (s *hll) insert(coupon uint32) bool {
	if !place(s.coupons, coupon, coupon&couponKeyMask, math.MaxUint32) {
		return false
	}
	s.count++
	if 4*s.count > 3*len(s.coupons) && !s.crowded() {
		old := slices.Clone(s.coupons)
		s.coupons = zeros(s.coupons, 2*len(old))
		for _, c := range old {
			if c != 0 {
				place(s.coupons, c, c&couponKeyMask, math.MaxUint32)
			}
		}
	}
	return true
}

// crowded reports whether the set has outgrown its largest table.
func (s *hll) crowded() bool {
	return 4*s.count > 3*len(s.coupons) && len(s.coupons) >= 1<<(s.lgK-3)
}

// promote makes registers of a list or set.
func (s *hll) promote() {
	s.mode = hllRegisters
	s.regs = zeros(s.regs, 1<<s.lgK)
	s.kxq, s.kxqHigh, s.outOfOrder = float64(len(s.regs)), 0, false
	for _, c := range s.coupons {
		if c != 0 {
			s.update(c)
		}
	}
	s.hip = couponEstimate(s.count)
}

// place puts an entry into a hash table of a power of two of entries, 0 for
// none, by open addressing; false if an entry with the same key, which is the
// bits of same, is there. The table has room.
func place(table []uint32, entry, address, same uint32) bool {
	mask := uint32(len(table) - 1)
	stride := address>>log2(len(table)) | 1
	for at := address & mask; ; at = (at + stride) & mask {
		switch have := table[at]; {
		case have == 0:
			table[at] = entry
			return true
		case have&same == entry&same:
			return false
		}
	}
}

// zeros gives a slice of n zeros, reusing s.
func zeros[T byte | uint32](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// encode appends the image of a sketch.
func (u *HLL) encode(dst []byte, s *hll) []byte {
	const compact, empty, outOfOrder = 8, 4, 16
	const version, family = 1, 7
	if s.mode != hllRegisters {
		flags, pre, listed := byte(compact), byte(2), byte(s.count)
		if s.count == 0 {
			flags |= empty
		}
		if s.mode == hllSet {
			pre, listed = 3, 0
		}
		dst = append(dst, pre, version, family, byte(s.lgK), byte(log2(len(s.coupons))), flags, listed, byte(s.mode))
		if s.mode == hllSet {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(s.count))
		}
		for _, c := range s.coupons {
			if c != 0 {
				dst = binary.LittleEndian.AppendUint32(dst, c)
			}
		}
		return dst
	}
	s.sum()
	low := slices.Min(s.regs)
	lowest := 0
	for _, v := range s.regs {
		if v == low {
			lowest++
		}
	}
	start := len(dst)
	dst = append(dst, 10, version, family, byte(s.lgK), 0, compact, low, byte(hllRegisters))
	if s.outOfOrder {
		dst[start+5] |= outOfOrder
	}
	for _, f := range []float64{s.hip, s.kxq, s.kxqHigh} {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(lowest))
	dst = binary.LittleEndian.AppendUint32(dst, 0) // exceptions
	for i := 0; i < len(s.regs); i += 2 {
		dst = append(dst, min(s.regs[i]-low, 15)|min(s.regs[i+1]-low, 15)<<4)
	}
	return u.encodeExceptions(dst, start, s, low)
}

// encodeExceptions appends the registers that four bits cannot hold, in the
// order of the hash table that Java keeps them in.
func (u *HLL) encodeExceptions(dst []byte, start int, s *hll, low byte) []byte {
	n, mask := 0, uint32(len(s.regs)-1)
	for slot, v := range s.regs {
		if v < low+15 {
			continue
		}
		if n == 0 {
			u.aux = zeros(u.aux, 1<<lgExceptions(s.lgK))
		}
		place(u.aux, uint32(slot)|uint32(v)<<couponKeyBits, uint32(slot), mask)
		if n++; 4*n > 3*len(u.aux) {
			old := slices.Clone(u.aux)
			u.aux = zeros(u.aux, 2*len(old))
			for _, e := range old {
				if e != 0 {
					place(u.aux, e, e&mask, mask)
				}
			}
		}
	}
	if n == 0 {
		return dst
	}
	dst[start+4] = byte(log2(len(u.aux)))
	binary.LittleEndian.PutUint32(dst[start+36:], uint32(n))
	for _, e := range u.aux {
		if e != 0 {
			dst = binary.LittleEndian.AppendUint32(dst, e)
		}
	}
	return dst
}

// lgExceptions is the size that Java's table of exceptions starts with.
func lgExceptions(lgK int) int {
	switch {
	case lgK < 7:
		return 2
	case lgK < 10:
		return 3
	case lgK < 12:
		return 4
	case lgK < 14:
		return 5
	}
	return lgK - 8
}
