package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// appendBits appends n bits of src, starting at bit off, to a bitmap that
// holds have bits; the bits after the last are zero. src nil stands for ones.
func appendBits(dst []byte, have int, src []byte, off, n int) []byte {
	need := (have + n + 7) / 8
	for len(dst) < need {
		dst = append(dst, 0)
	}
	if src == nil {
		bitutil.SetBitsTo(dst, int64(have), int64(n), true)
		return dst
	}
	if have%8 == 0 && off%8 == 0 {
		copy(dst[have/8:need], src[off/8:(off+n+7)/8])
	} else {
		bitutil.CopyBitmap(src, off, n, dst, have)
	}
	if tail := (have + n) % 8; tail != 0 {
		dst[need-1] &= 1<<tail - 1
	}
	return dst
}

// validRuns calls add for every stretch of ones among the bits [lo, hi) of
// bitmap, as positions of the bitmap; nil stands for ones.
func validRuns(bitmap []byte, lo, hi int, add func(lo, hi int)) {
	if bitmap == nil {
		if hi > lo {
			add(lo, hi)
		}
		return
	}
	for pos := lo; pos < hi; {
		start := nextBit(bitmap, pos, hi, true)
		if start == hi {
			return
		}
		pos = nextBit(bitmap, start, hi, false)
		add(start, pos)
	}
}

// nextBit gives the first position in [pos, hi) whose bit is want, or hi.
func nextBit(bitmap []byte, pos, hi int, want bool) int {
	var flip uint64
	if !want {
		flip = ^uint64(0)
	}
	for pos < hi {
		word := (load64(bitmap, pos/8) ^ flip) >> (pos % 8)
		if word != 0 {
			return min(pos+bits.TrailingZeros64(word), hi)
		}
		pos += 64 - pos%8
	}
	return hi
}

// load64 reads 8 bytes of the bitmap from byte i, zeros after its end.
func load64(bitmap []byte, i int) uint64 {
	if i+8 <= len(bitmap) {
		return binary.LittleEndian.Uint64(bitmap[i:])
	}
	var b [8]byte
	copy(b[:], bitmap[i:])
	return binary.LittleEndian.Uint64(b[:])
}
