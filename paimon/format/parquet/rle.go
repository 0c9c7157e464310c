package parquet

import "encoding/binary"

// level is what the RLE and bit-packing hybrid carries: levels and dictionary
// indexes.
type level interface{ ~uint8 | ~uint32 }

// minRun is the shortest run of equal values that is worth a run of its own.
const minRun = 8

// appendHybrid encodes vals, each of width bits, as runs: varint(n<<1) and the
// value, or varint(groups<<1|1) and groups of 8 bit-packed values.
func appendHybrid[T level](dst []byte, vals []T, width int) []byte {
	lit := 0 // start of the values not yet written
	for pos := 0; pos < len(vals); {
		v, end := vals[pos], pos+1
		for end < len(vals) && vals[end] == v {
			end++
		}
		// A literal run holds whole groups of 8: it takes what it lacks from
		// the run of equal values.
		fill := (8 - (pos-lit)%8) % 8
		if end-pos-fill >= minRun {
			dst = appendPacked(dst, vals[lit:pos+fill], width)
			dst = appendRun(dst, end-pos-fill, uint32(v), width)
			lit = end
		}
		pos = end
	}
	return appendPacked(dst, vals[lit:], width)
}

func appendRun(dst []byte, n int, v uint32, width int) []byte {
	dst = binary.AppendUvarint(dst, uint64(n)<<1)
	for b := 0; b < width; b += 8 {
		dst = append(dst, byte(v>>b))
	}
	return dst
}

// appendPacked writes a literal run; the last group is padded with zeros.
func appendPacked[T level](dst []byte, vals []T, width int) []byte {
	if len(vals) == 0 {
		return dst
	}
	groups := (len(vals) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	var acc uint64
	bits := 0
	for _, v := range vals {
		acc |= uint64(v) << bits
		if bits += width; bits >= 32 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(acc))
			acc >>= 32
			bits -= 32
		}
	}
	total := groups * width
	written := (len(vals)*width - bits) / 8
	for ; written < total; written++ {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// appendBitmapLevels encodes the first n bits of a validity bitmap as
// definition levels 0 and 1.
func appendBitmapLevels(dst, bitmap []byte, n, nulls int) []byte {
	switch nulls {
	case 0:
		return appendRun(dst, n, 1, 1)
	case n:
		return appendRun(dst, n, 0, 1)
	}
	const worth = 4 // bytes of equal bits that are worth a run
	whole, lit := n/8, 0
	flush := func(to int) {
		if to > lit {
			dst = binary.AppendUvarint(dst, uint64(to-lit)<<1|1)
			dst = append(dst, bitmap[lit:to]...)
		}
	}
	for i := 0; i < whole; {
		b, end := bitmap[i], i+1
		if b != 0 && b != 0xFF {
			i++
			continue
		}
		for end < whole && bitmap[end] == b {
			end++
		}
		if end-i >= worth {
			flush(i)
			dst = appendRun(dst, (end-i)*8, uint32(b&1), 1)
			lit = end
		}
		i = end
	}
	flush((n + 7) / 8)
	return dst
}
