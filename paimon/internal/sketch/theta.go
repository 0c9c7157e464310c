package sketch

import (
	"encoding/binary"
	"math"
	"slices"
)

// A theta sketch keeps the hashes below theta. Its image: a preamble of 1 to 3
// longs, then the hashes, all little-endian.
const (
	thetaOrdered  = 0x10
	thetaSingle   = 0x20
	thetaCompact  = 0x08
	thetaEmpty    = 0x04
	thetaReadOnly = 0x02

	thetaFamilyCompact = 3
	thetaVersion       = 3
	thetaMax           = math.MaxInt64 // theta 1.0
	thetaNominal       = 4096          // entries of a union, by default
	thetaSeedHash      = 0x93CC        // of the default seed 9001
)

// Theta unites theta sketches: ThetaSketch of Paimon, the union operator with
// its defaults. The zero value is ready; it serves one goroutine.
type Theta struct {
	hashes []uint64
	theta  uint64
}

// Union appends the union of two images to dst.
func (t *Theta) Union(dst, a, b []byte) ([]byte, error) {
	t.hashes, t.theta = t.hashes[:0], thetaMax
	if err := t.add(a); err != nil {
		return dst, err
	}
	if err := t.add(b); err != nil {
		return dst, err
	}
	return t.result(dst), nil
}

// add takes the hashes of an image; what is shorter than 16 bytes is empty.
func (t *Theta) add(img []byte) error {
	if len(img) < 16 {
		return nil
	}
	pre, version, family, flags := int(img[0]&0x3f), img[1], img[2], img[5]
	switch version {
	case 4:
		if family != thetaFamilyCompact {
			return corrupt("theta: family %d in a compressed image", family)
		}
		return t.addCompressed(img, pre, flags)
	case 2:
		if family < 1 || family > 4 {
			return corrupt("theta: family %d", family)
		}
		if pre == 1 {
			return checkSeed(img)
		}
		flags = thetaOrdered | thetaCompact
	case 1:
		if pre != 3 || family < 1 || family > 3 {
			return corrupt("theta: version 1 with a preamble of %d longs, family %d", pre, family)
		}
		flags = thetaOrdered | thetaCompact
	case thetaVersion:
		if family < 1 || family > 3 {
			return corrupt("theta: family %d is none of alpha, quick select and compact", family)
		}
		if pre == 1 {
			return t.addShort(img, flags)
		}
	default:
		return corrupt("theta: unknown version %d", version)
	}
	if version != 1 {
		if err := checkSeed(img); err != nil {
			return err
		}
	}
	return t.addHashes(img, pre, flags, version)
}

func checkSeed(img []byte) error {
	if seed := binary.LittleEndian.Uint16(img[6:]); seed != thetaSeedHash {
		return corrupt("theta: seed hash %#04x, sketches of the default seed have %#04x", seed, thetaSeedHash)
	}
	return nil
}

// addShort takes an image with a preamble of one long: one hash or none.
func (t *Theta) addShort(img []byte, flags byte) error {
	compact := img[2] == thetaFamilyCompact && flags&0x1f == thetaOrdered|thetaCompact|thetaReadOnly
	if !compact && flags&thetaSingle == 0 {
		return nil
	}
	h := binary.LittleEndian.Uint64(img[8:])
	if h > thetaMax {
		return corrupt("theta: negative hash")
	}
	if h != 0 {
		t.hashes = append(t.hashes, h)
	}
	return nil
}

// addHashes takes an image with a count, and theta when pre is 3.
func (t *Theta) addHashes(img []byte, pre int, flags, version byte) error {
	if pre != 2 && pre != 3 || len(img) < pre*8 {
		return corrupt("theta: %d bytes with a preamble of %d longs", len(img), pre)
	}
	count, theta := int(binary.LittleEndian.Uint32(img[8:])), uint64(thetaMax)
	if pre == 3 {
		theta = binary.LittleEndian.Uint64(img[16:])
	}
	if count == 0 && (pre == 2 || version < thetaVersion && theta == thetaMax) {
		return nil
	}
	size := count
	if flags&(thetaOrdered|thetaCompact) == 0 { // a hash table with gaps
		if img[4] > 26 {
			return corrupt("theta: table of 2^%d hashes", img[4])
		}
		size = 1 << img[4]
	}
	if theta > thetaMax || theta == 0 || size > (len(img)-pre*8)/8 {
		return corrupt("theta: theta %d and %d hashes in %d bytes", theta, size, len(img))
	}
	t.theta = min(t.theta, theta)
	for body := img[pre*8 : (pre+size)*8]; len(body) > 0; body = body[8:] {
		h := binary.LittleEndian.Uint64(body)
		if h >= t.theta && h <= thetaMax && flags&thetaOrdered != 0 {
			break
		}
		if h > thetaMax && flags&thetaOrdered != 0 {
			return corrupt("theta: negative hash")
		}
		if h != 0 && h < t.theta {
			t.hashes = append(t.hashes, h)
		}
	}
	return nil
}

// addCompressed takes an image of version 4: differences of ordered hashes in
// as few bits as they need, the highest bit first.
func (t *Theta) addCompressed(img []byte, pre int, flags byte) error {
	if err := checkSeed(img); err != nil || flags&thetaEmpty != 0 {
		return err
	}
	bits, countBytes, theta, at := int(img[3]), int(img[4]), uint64(thetaMax), 8
	if pre > 1 {
		theta, at = binary.LittleEndian.Uint64(img[8:]), 16
	}
	if bits < 1 || bits > 63 || countBytes > 4 || len(img) < at+countBytes || theta == 0 || theta > thetaMax {
		return corrupt("theta: compressed to %d bits, count of %d bytes, theta %d", bits, countBytes, theta)
	}
	count := 0
	for i := range countBytes {
		count |= int(img[at+i]) << (8 * i)
	}
	body := img[at+countBytes:]
	if count > len(body)*8/bits {
		return corrupt("theta: %d hashes of %d bits in %d bytes", count, bits, len(body))
	}
	t.theta = min(t.theta, theta)
	h, pos := uint64(0), 0
	for range count {
		h += takeBits(body, pos, bits)
		pos += bits
		if h >= t.theta {
			break
		}
		if h != 0 {
			t.hashes = append(t.hashes, h)
		}
	}
	return nil
}

// takeBits reads n < 64 bits from bit pos on, the highest first.
func takeBits(body []byte, pos, n int) uint64 {
	v := uint64(0)
	for n > 0 {
		room := 8 - pos&7
		take := min(room, n)
		v = v<<take | uint64(body[pos>>3])>>(room-take)&(1<<take-1)
		pos, n = pos+take, n-take
	}
	return v
}

// result appends the ordered compact image: at most the nominal number of
// hashes, theta being the smallest one left out.
func (t *Theta) result(dst []byte) []byte {
	slices.Sort(t.hashes)
	t.hashes = slices.Compact(t.hashes)
	end, _ := slices.BinarySearch(t.hashes, t.theta)
	if end > thetaNominal {
		end, t.theta = thetaNominal, t.hashes[thetaNominal]
	}
	n := end
	flags := byte(thetaReadOnly | thetaCompact | thetaOrdered)
	if n == 0 && t.theta == thetaMax {
		return append(dst, 1, thetaVersion, thetaFamilyCompact, 0, 0, flags|thetaEmpty, 0, 0)
	}
	pre := byte(2)
	switch {
	case t.theta < thetaMax:
		pre = 3
	case n == 1:
		pre, flags = 1, flags|thetaSingle
	}
	dst = append(dst, pre, thetaVersion, thetaFamilyCompact, 0, 0, flags, thetaSeedHash&0xff, thetaSeedHash>>8)
	if pre > 1 {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(1)) // the sampling probability
	}
	if pre > 2 {
		dst = binary.LittleEndian.AppendUint64(dst, t.theta)
	}
	for _, h := range t.hashes[:n] {
		dst = binary.LittleEndian.AppendUint64(dst, h)
	}
	return dst
}
