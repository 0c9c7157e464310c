package parquet

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// maxDictEntries bounds a dictionary; indexes then fit 16 bits.
const maxDictEntries = 1 << 16

// fixedDict numbers the distinct values of a fixed-width column.
type fixedDict[T fixed] struct {
	vals  []T
	table []uint32 // index+1 at the hash of a value; 0 is free
	shift uint
}

// fixed are the physical types of fixed width that have a dictionary.
type fixed interface {
	int32 | int64 | float32 | float64
}

func (d *fixedDict[T]) reset() {
	d.vals = d.vals[:0]
	if d.table == nil {
		d.table = make([]uint32, 1024)
		d.shift = 64 - 10
		return
	}
	clear(d.table)
}

// appendIndexes adds vals and appends their indexes to idx.
func (d *fixedDict[T]) appendIndexes(idx []uint32, vals []T) []uint32 {
	for _, v := range vals {
		idx = append(idx, d.index(v))
	}
	return idx
}

func (d *fixedDict[T]) index(v T) uint32 {
	key := bitsOf(v)
	mask := uint64(len(d.table) - 1)
	at := key * 0x9E3779B97F4A7C15 >> d.shift
	for {
		e := d.table[at]
		if e == 0 {
			break
		}
		if bitsOf(d.vals[e-1]) == key {
			return e - 1
		}
		at = (at + 1) & mask
	}
	d.vals = append(d.vals, v)
	d.table[at] = uint32(len(d.vals))
	if len(d.vals)*2 > len(d.table) {
		d.grow()
	}
	return uint32(len(d.vals) - 1)
}

func (d *fixedDict[T]) grow() {
	d.table = make([]uint32, 2*len(d.table))
	d.shift = uint(64 - bits.Len(uint(len(d.table)-1)))
	mask := uint64(len(d.table) - 1)
	for i, v := range d.vals {
		at := bitsOf(v) * 0x9E3779B97F4A7C15 >> d.shift
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i + 1)
	}
}

// bytesDict numbers the distinct values of a byte array column.
type bytesDict struct {
	data    []byte
	offsets []uint32 // len n+1
	hashes  []uint64
	table   []uint32
	seed    maphash.Seed
}

func (d *bytesDict) reset() {
	d.data, d.hashes = d.data[:0], d.hashes[:0]
	d.offsets = append(d.offsets[:0], 0)
	if d.table == nil {
		d.table = make([]uint32, 1024)
		d.seed = maphash.MakeSeed()
		return
	}
	clear(d.table)
}

func (d *bytesDict) len() int { return len(d.hashes) }

func (d *bytesDict) at(i uint32) []byte { return d.data[d.offsets[i]:d.offsets[i+1]] }

func (d *bytesDict) index(v []byte) uint32 {
	h := maphash.Bytes(d.seed, v)
	mask := uint64(len(d.table) - 1)
	at := h & mask
	for {
		e := d.table[at]
		if e == 0 {
			break
		}
		if d.hashes[e-1] == h && bytes.Equal(d.at(e-1), v) {
			return e - 1
		}
		at = (at + 1) & mask
	}
	d.data = append(d.data, v...)
	d.offsets = append(d.offsets, uint32(len(d.data)))
	d.hashes = append(d.hashes, h)
	d.table[at] = uint32(len(d.hashes))
	if len(d.hashes)*2 > len(d.table) {
		d.grow()
	}
	return uint32(len(d.hashes) - 1)
}

func (d *bytesDict) grow() {
	d.table = make([]uint32, 2*len(d.table))
	mask := uint64(len(d.table) - 1)
	for i, h := range d.hashes {
		at := h & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i + 1)
	}
}
