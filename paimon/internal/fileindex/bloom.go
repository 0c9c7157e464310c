package fileindex

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// bloom is a Bloom filter: i32 number of probes, then the bits.
// Sources: BloomFilterFileIndex, BloomFilter64.
type bloom struct {
	d    domain
	root types.Root
	k    int32
	bits []byte
}

const (
	bloomItems = 1_000_000
	bloomFPP   = 0.1
	maxBloom   = 1 << 30 // bytes
)

func newBloom(d domain, t types.Type, o settings) (builder, error) {
	items, fpp := o.integer("items", bloomItems), o.number("fpp", bloomFPP)
	if *o.err != nil {
		return nil, *o.err
	}
	if items <= 0 || fpp <= 0 || fpp >= 1 {
		return nil, errs.Invalid("want items above 0 and fpp between 0 and 1, got %d and %g", items, fpp)
	}
	n := math.Floor(-float64(items) * math.Log(fpp) / (math.Ln2 * math.Ln2))
	if n >= math.MaxInt32-8 {
		return nil, errs.Invalid("%d items with fpp %g need more than 256 MiB: lower items", items, fpp)
	}
	size := int32(n) + 8 - int32(n)%8
	k := max(1, int32(math.Floor(float64(size)/float64(items)*math.Ln2+0.5)))
	return &bloom{d: d, root: t.Root, k: k, bits: make([]byte, size/8)}, nil
}

// hash gives the 64 bits that a value is known by.
func (x *bloom) hash(num int64, text []byte) uint64 {
	if x.d.text {
		return xxhash.Sum64(text)
	}
	return wang(x.d.bits(num))
}

// wang is Thomas Wang's hash of a number, with shifts that keep the sign.
// Source: FastHash.
func wang(key int64) uint64 {
	key = ^key + key<<21
	key ^= key >> 24
	key = key + key<<3 + key<<8
	key ^= key >> 14
	key = key + key<<2 + key<<4
	key ^= key >> 28
	return uint64(key + key<<31)
}

// probes calls f with the bits of a hash until it gives false.
func (x *bloom) probes(hash uint64, f func(bit int32) bool) bool {
	lo, hi, size := int32(hash), int32(hash>>32), int32(len(x.bits)*8)
	for i := int32(1); i <= x.k; i++ {
		h := lo + i*hi
		if h < 0 {
			h = ^h
		}
		if !f(h % size) {
			return false
		}
	}
	return true
}

func (x *bloom) set(bit int32) bool {
	x.bits[bit>>3] |= 1 << (bit & 7)
	return true
}

func (x *bloom) isSet(bit int32) bool { return x.bits[bit>>3]>>(bit&7)&1 != 0 }

func (x *bloom) add(c *column) {
	set := x.set
	for i := range c.n {
		if c.null(i) {
			continue
		}
		if x.d.text {
			x.probes(x.hash(0, c.at(i)), set)
		} else {
			x.probes(x.hash(c.nums[i], nil), set)
		}
	}
}

func (x *bloom) bytes() []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(x.k)), x.bits...)
}

func readBloom(d domain, t types.Type, raw []byte) (*bloom, error) {
	r := &input{raw: raw}
	x := &bloom{d: d, root: t.Root, k: int32(r.i32("number of probes"))}
	x.bits = r.take(len(raw)-r.at, "bits")
	if r.err == nil && (x.k <= 0 || x.k > 1<<16 || len(x.bits) == 0 || len(x.bits) > math.MaxInt32/8) {
		r.fail("%d probes in %d bytes", x.k, len(x.bits))
	}
	return x, r.err
}

// eq implements reader: all rows or none.
func (x *bloom) sel(q *question) (*Rows, error) {
	if q.op != opIn {
		return nil, nil
	}
	for _, v := range q.values {
		if x.probes(x.hash(v.num, []byte(v.text)), x.isSet) {
			return nil, nil
		}
	}
	return NewRows(q.rows), nil
}
