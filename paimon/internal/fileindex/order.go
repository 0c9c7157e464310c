package fileindex

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// hashOrder gives the order in which Java's HashMap walks n keys that were put,
// one after the other, by computeIfAbsent: by bin, in a bin the newest first.
// more says that the map was asked again after the last key had come, which may
// have made it grow.
func hashOrder(n int, hash func(i int) int32, more bool) []int32 {
	bins := 16
	asked := n - 1 // keys that were there when it was asked last
	if more {
		asked = n
	}
	for asked > bins/4*3 {
		bins *= 2
	}
	at := make([]uint32, n)
	out := make([]int32, n)
	for i := range out {
		h := uint32(hash(i))
		at[i] = (h ^ h>>16) & uint32(bins-1)
		out[i] = int32(n - 1 - i)
	}
	slices.SortStableFunc(out, func(a, b int32) int { return cmp.Compare(at[a], at[b]) })
	return out
}

// textHash is java.lang.String.hashCode.
func textHash(s string) int32 {
	h := int32(0)
	for _, c := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(c)
	}
	return h
}

// bytesHash is Paimon's BinaryString.hashCode: Murmur3 with seed 42, whose last
// bytes are mixed one by one, with their sign.
func bytesHash(p []byte) int32 {
	h := uint32(42)
	mix := func(k uint32) {
		k = bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593
		h = bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
	}
	i := 0
	for ; i+4 <= len(p); i += 4 {
		mix(binary.LittleEndian.Uint32(p[i:]))
	}
	for ; i < len(p); i++ {
		mix(uint32(int32(int8(p[i]))))
	}
	h ^= uint32(len(p))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return int32(h ^ h>>16)
}

// appendUTF writes a text as java.io.DataOutput.writeUTF does.
func appendUTF(dst []byte, s string) []byte {
	p := encodeUTF(s)
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(p))), p...)
}

// encodeUTF gives modified UTF-8: NUL takes two bytes, and what is beyond the
// basic plane two surrogates of three.
func encodeUTF(s string) []byte {
	var out []byte
	for _, c := range utf16.Encode([]rune(s)) {
		switch {
		case c != 0 && c < 0x80:
			out = append(out, byte(c))
		case c < 0x800:
			out = append(out, 0xc0|byte(c>>6), 0x80|byte(c&0x3f))
		default:
			out = append(out, 0xe0|byte(c>>12), 0x80|byte(c>>6&0x3f), 0x80|byte(c&0x3f))
		}
	}
	return out
}

func decodeUTF(p []byte) string {
	if utf8.Valid(p) {
		return string(p)
	}
	var units []uint16
	for len(p) > 0 {
		switch {
		case p[0] >= 0xe0 && len(p) > 2:
			units = append(units, uint16(p[0]&0xf)<<12|uint16(p[1]&0x3f)<<6|uint16(p[2]&0x3f))
			p = p[3:]
		case p[0] >= 0xc0 && len(p) > 1:
			units = append(units, uint16(p[0]&0x1f)<<6|uint16(p[1]&0x3f))
			p = p[2:]
		default:
			units = append(units, uint16(p[0]))
			p = p[1:]
		}
	}
	return string(utf16.Decode(units))
}
