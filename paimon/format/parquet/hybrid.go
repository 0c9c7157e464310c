package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

var (
	errShortLevels = errors.New("levels or indexes end too early")
	errBadLevel    = errors.New("level out of range")
)

// hybrid decodes the RLE and bit-packing hybrid.
type hybrid struct {
	data  []byte
	width int
	run   int    // values left of a run of equal values
	value uint32 // of that run
	lits  int    // values left of a literal run
	bit   int    // position of the next literal, in bits from data[0]
}

func (h *hybrid) reset(data []byte, width int) error {
	if width > 32 {
		return errBadHeader
	}
	*h = hybrid{data: data, width: width}
	return nil
}

// next reads the header of the next run.
func (h *hybrid) next() error {
	if h.bit > 0 {
		h.data = h.data[(h.bit+7)/8:]
		h.bit = 0
	}
	head, n := binary.Uvarint(h.data)
	if n <= 0 || head>>1 == 0 || head > 1<<32 {
		return errShortLevels
	}
	h.data = h.data[n:]
	if head&1 == 0 {
		size := (h.width + 7) / 8
		if len(h.data) < size {
			return errShortLevels
		}
		h.value = 0
		for i := range size {
			h.value |= uint32(h.data[i]) << (8 * i)
		}
		h.data = h.data[size:]
		h.run = int(head >> 1)
		return nil
	}
	h.lits = int(head>>1) * 8
	if h.width > 0 {
		// The last run of some writers lacks its padding.
		h.lits = min(h.lits, len(h.data)*8/h.width)
	}
	if h.lits == 0 {
		return errShortLevels
	}
	return nil
}

// bitmap decodes n levels of width 1 into the bits of dst from at, all zero
// before, and counts the ones.
func (h *hybrid) bitmap(dst []byte, at, n int) (ones int, err error) {
	for n > 0 {
		switch {
		case h.run > 0:
			k := min(n, h.run)
			if h.value != 0 {
				bitutil.SetBitsTo(dst, int64(at), int64(k), true)
				ones += k
			}
			h.run, at, n = h.run-k, at+k, n-k
		case h.lits > 0:
			k := min(n, h.lits)
			bitutil.CopyBitmap(h.data, h.bit, k, dst, at)
			ones += bitutil.CountSetBits(h.data, h.bit, k)
			h.lits, h.bit, at, n = h.lits-k, h.bit+k, at+k, n-k
			if h.lits == 0 {
				h.align()
			}
		default:
			if err := h.next(); err != nil {
				return 0, err
			}
		}
	}
	return ones, nil
}

// align moves past the bytes of a literal run that is used up.
func (h *hybrid) align() {
	h.data = h.data[min((h.bit+7)/8, len(h.data)):]
	h.bit = 0
}

// decode fills dst.
func decodeHybrid[T level](h *hybrid, dst []T) error {
	for len(dst) > 0 {
		switch {
		case h.run > 0:
			k := min(len(dst), h.run)
			v := T(h.value)
			for i := range dst[:k] {
				dst[i] = v
			}
			h.run -= k
			dst = dst[k:]
		case h.lits > 0:
			k := min(len(dst), h.lits)
			unpack(h.data, h.bit, h.width, dst[:k])
			h.bit += k * h.width
			h.lits -= k
			dst = dst[k:]
			if h.lits == 0 {
				h.align()
			}
		default:
			if err := h.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpack reads values of width bits, starting at bit off of data.
func unpack[T level](data []byte, off, width int, dst []T) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := uint64(1)<<width - 1
	i := 0
	// A word of 8 bytes holds any value of up to 32 bits wherever it starts.
	for last := len(data)*8 - 64; i < len(dst) && off <= last; i++ {
		dst[i] = T(binary.LittleEndian.Uint64(data[off>>3:]) >> (off & 7) & mask)
		off += width
	}
	for ; i < len(dst); i++ {
		dst[i] = T(load64(data, off>>3) >> (off & 7) & mask)
		off += width
	}
}

// levelWidth is the bits of a level up to most.
func levelWidth(most int) int { return bits.Len(uint(most)) }
