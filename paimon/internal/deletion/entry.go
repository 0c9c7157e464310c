package deletion

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/errs"
)

// An entry of an index file, numbers big endian where nothing else is said:
//
//	size    u32 n
//	data    n bytes: v1 u32 magic and a 32-bit Roaring; v2 little endian u32 magic, u64 number of bitmaps and, for each,
//	        u32 upper half and a 32-bit Roaring, upper halves from 0 on without a gap
//	crc32   u32 of data
//
// The index manifest says the length: v1 n, v2 n + 8.
const (
	magic32  = 1581511376
	magic64  = 1681511377
	frame    = 8       // bytes of an entry around its data
	maxRow32 = 1 << 31 // Java takes row numbers below it only
	version  = 1       // of an index file
)

// Append writes v behind dst as an entry of an index file, wide for 64 bits
// ('deletion-vectors.bitmap64'), and gives the length that the index manifest
// has to say. Row numbers that do not fit are errs.ErrUnsupported.
func Append(dst []byte, v *Vector, wide bool) ([]byte, int32, error) {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	var err error
	if wide {
		dst = binary.LittleEndian.AppendUint32(dst, magic64)
		dst, err = appendWide(dst, v)
	} else {
		if v.Max() >= maxRow32 {
			return nil, 0, errs.Unsupported("row %d of a data file is beyond 32-bit deletion vectors; set 'deletion-vectors.bitmap64' = 'true'", v.Max())
		}
		dst = binary.BigEndian.AppendUint32(dst, magic32)
		dst, err = v.bits().Append(dst, bitmap.Portable32)
	}
	if err != nil {
		return nil, 0, err
	}
	size := len(dst) - start - 4
	if size > math.MaxInt32-frame {
		return nil, 0, errs.Unsupported("a deletion vector of %d bytes: the format takes 2 GiB", size)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start+4:]))
	if wide {
		return dst, int32(size + frame), nil
	}
	return dst, int32(size), nil
}

func (v *Vector) bits() *bitmap.Bitmap {
	if v == nil || v.rows == nil {
		return &bitmap.Bitmap{}
	}
	return v.rows
}

// appendWide writes the bitmaps by upper half; the public 64-bit form leaves
// out empty ones.
func appendWide(dst []byte, v *Vector) ([]byte, error) {
	b := v.bits()
	if b.IsEmpty() || b.Max() <= math.MaxUint32 && !b.IsEmpty() {
		return b.Append(dst, bitmap.Portable64)
	}
	halves := b.Max()>>32 + 1
	dst = binary.LittleEndian.AppendUint64(dst, halves)
	for h := range halves {
		part := &bitmap.Bitmap{}
		var low []uint64
		for row := range b.Between(h<<32, (h+1)<<32) {
			low = append(low, row&math.MaxUint32)
		}
		part.Or(bitmap.Of(low...))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(h))
		var err error
		if dst, err = part.Append(dst, bitmap.Portable32); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// Decode reads an entry; length is what the index manifest says, and raw the
// bytes of the index file from the entry on.
func Decode(raw []byte, length int32) (*Vector, error) {
	if len(raw) < frame+4 {
		return nil, fmt.Errorf("%d bytes are too few for a deletion vector", len(raw))
	}
	size := int64(binary.BigEndian.Uint32(raw))
	said := int64(length)
	wide := false
	switch m := raw[4:8]; {
	case binary.BigEndian.Uint32(m) == magic32:
	case binary.LittleEndian.Uint32(m) == magic64:
		wide = true
		said -= frame
	default:
		return nil, fmt.Errorf("% x is no magic number of a deletion vector", m)
	}
	if size != said {
		return nil, fmt.Errorf("the deletion vector has %d bytes, its index manifest says %d", size, said)
	}
	if size < 4 || size+frame > int64(len(raw)) {
		return nil, fmt.Errorf("the deletion vector of %d bytes does not end before its file", size)
	}
	data := raw[4 : 4+size]
	if want, got := binary.BigEndian.Uint32(raw[4+size:]), crc32.ChecksumIEEE(data); want != got {
		return nil, fmt.Errorf("checksum %08x of the deletion vector, %08x was written", got, want)
	}
	form := bitmap.Portable32
	if wide {
		form = bitmap.Portable64
	}
	b, err := bitmap.DecodeAs(data[4:], form)
	if err != nil {
		return nil, err
	}
	if b.Max() > math.MaxInt64 {
		return nil, fmt.Errorf("%d is no row number", b.Max())
	}
	return ofBitmap(b), nil
}
