package bitmap

import (
	"encoding/binary"
	"math"
	"slices"
)

// The type bytes of StarRocks (BitmapTypeCode of its bitmap_value.h); the first five are Doris's too.
const (
	srEmpty      = 0
	srSingle32   = 1  // u32
	srBitmap32   = 2  // 32-bit Roaring
	srSingle64   = 3  // u64
	srBitmap64   = 4  // varint number, then u32 upper half and 32-bit Roaring for each
	srSet        = 10 // u32 number, u64 for each value, in any order
	srBitmap32V2 = 12 // CRoaring's own form: 1, u32 number and u32 for each value; or 2 and a 32-bit Roaring
	srBitmap64V2 = 13 // as BITMAP64, with bodies in CRoaring's own form
)

func (r *reader) starRocks(b *Bitmap) {
	switch code := r.u8("type"); code {
	case srEmpty:
	case srSingle32:
		*b = *Of(uint64(r.u32("value")))
	case srSingle64:
		*b = *Of(r.u64("value"))
	case srBitmap32:
		r.portable32(b, 0)
	case srBitmap64:
		r.entries(b, r.varint(4+minPortable32), (*reader).portable32)
	case srSet:
		r.set(b)
	case srBitmap32V2:
		r.croaring(b, 0)
	case srBitmap64V2:
		r.entries(b, r.varint(4+5), (*reader).croaring)
	default:
		r.at = 0
		r.fail("unknown type %d", code)
	}
}

func (r *reader) varint(size int) int {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.raw[r.at:])
	if n <= 0 {
		r.fail("number of entries is no varint")
		return 0
	}
	r.at += n
	return r.count(v, size, "entries")
}

func (r *reader) set(b *Bitmap) {
	n := r.count(uint64(r.u32("number of values")), 8, "values")
	values := make([]uint64, n)
	for i := range values {
		values[i] = r.u64("value")
	}
	slices.Sort(values)
	if unique := slices.Compact(values); len(unique) < n {
		r.fail("the set has a value twice")
	}
	*b = *OfSorted(values)
}

// croaring reads a bitmap of CRoaring's roaring_bitmap_serialize.
func (r *reader) croaring(b *Bitmap, high uint32) {
	switch mark := r.u8("mark"); mark {
	case 1:
		n := r.count(uint64(r.u32("number of values")), 4, "values")
		values := make([]uint64, n)
		for i := range values {
			values[i] = uint64(high)<<32 | uint64(r.u32("value"))
			if i > 0 && values[i] <= values[i-1] {
				r.fail("value %d does not follow %d", uint32(values[i]), uint32(values[i-1]))
				return
			}
		}
		b.chunks = append(b.chunks, OfSorted(values).chunks...)
	case 2:
		r.portable32(b, high)
	default:
		r.fail("unknown mark %d of a body", mark)
	}
}

func appendStarRocks(dst []byte, chunks []chunk) []byte {
	b := &Bitmap{chunks: chunks}
	last := b.Max()
	switch {
	case len(chunks) == 0:
		return append(dst, srEmpty)
	case len(chunks) == 1 && chunks[0].c.card == 1 && last <= math.MaxUint32:
		return binary.LittleEndian.AppendUint32(append(dst, srSingle32), uint32(last))
	case len(chunks) == 1 && chunks[0].c.card == 1:
		return binary.LittleEndian.AppendUint64(append(dst, srSingle64), last)
	case last <= math.MaxUint32:
		return appendPortable32(append(dst, srBitmap32), chunks)
	}
	dst = binary.AppendUvarint(append(dst, srBitmap64), uint64(countHighs(chunks)))
	return appendEntries(dst, chunks)
}
