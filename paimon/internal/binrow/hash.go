package binrow

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/types"
)

const hashSeed = 42

// Hash is Paimon's hash of a BinaryRow (Murmur3, seed 42, over all its bytes),
// which is also the key hash of dynamic buckets and HASH index files.
// Source: org.apache.paimon.data.BinaryRow.hashCode.
func Hash(row []byte) int32 {
	h := uint32(hashSeed)
	for i := 0; i+4 <= len(row); i += 4 {
		h = mixWord(h, binary.LittleEndian.Uint32(row[i:]))
	}
	return finish(h, len(row))
}

func mixWord(h, k uint32) uint32 {
	k *= 0xcc9e2d51
	k = bits.RotateLeft32(k, 15)
	k *= 0x1b873593
	h ^= k
	h = bits.RotateLeft32(h, 13)
	return h*5 + 0xe6546b64
}

func finish(h uint32, length int) int32 {
	h ^= uint32(length)
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	h ^= h >> 16
	return int32(h)
}

// hashFixed hashes rows of a single column of 4 or 8 bytes without building
// them: most keys are such. It reports whether it did.
func hashFixed(t types.Type, a arrow.Array, out []int32) bool {
	if a.NullN() > 0 {
		return false
	}
	// header and null bits: two zero words
	start := mixWord(mixWord(hashSeed, 0), 0)
	switch c := a.(type) {
	case *array.Int64:
		if t.Root != types.BigInt {
			return false
		}
		for i, v := range c.Int64Values()[:len(out)] {
			out[i] = finish(mixWord(mixWord(start, uint32(v)), uint32(v>>32)), 16)
		}
	case *array.Int32:
		if t.Root != types.Int {
			return false
		}
		for i, v := range c.Int32Values()[:len(out)] {
			out[i] = finish(mixWord(mixWord(start, uint32(v)), 0), 16)
		}
	default:
		return false
	}
	return true
}
