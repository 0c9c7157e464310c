package fileindex

import (
	"encoding/binary"
	"sort"

	"github.com/tarndb/tarn/paimon/errs"
)

// A dictionary of sorted values, whose codes are their ranks, in chunks:
//
//	i32 length of the head: i8 version 1, i32 number of chunks, i32 length of offsets, i32 length of heads
//	offsets: i32 where the head of each chunk begins
//	heads: i8 version 1, the first value, i32 its code, i32 where the others begin, i32 number of others, then for numbers
//	  i32 length of the others, i32 width; for texts i32 length of the offsets of the others, i32 length of the others
//	the others of all chunks; texts with their i32 offsets before them
//
// Sources: ChunkedDictionary, FixedLengthChunk, VariableLengthChunk.
func appendDictionary(dst []byte, d domain, sorted []value, limit int64) []byte {
	be := binary.BigEndian
	var offsets, heads, others []byte
	n := uint32(0)
	for i := 0; i < len(sorted); n++ {
		first := i
		var keyOffsets, keys []byte
		for i++; i < len(sorted); i++ {
			if int64(len(keys)+d.size(sorted[i])) > limit || d.text && int64(len(keyOffsets)+4) > limit {
				break
			}
			if d.text {
				keyOffsets = be.AppendUint32(keyOffsets, uint32(len(keys)))
			}
			keys = d.put(keys, sorted[i])
		}
		offsets = be.AppendUint32(offsets, uint32(len(heads)))
		heads = d.put(append(heads, 1), sorted[first])
		heads = be.AppendUint32(be.AppendUint32(heads, uint32(first)), uint32(len(others)))
		heads = be.AppendUint32(heads, uint32(i-first-1))
		if d.text {
			heads = be.AppendUint32(be.AppendUint32(heads, uint32(len(keyOffsets))), uint32(len(keys)))
		} else {
			heads = be.AppendUint32(be.AppendUint32(heads, uint32(len(keys))), uint32(d.width))
		}
		others = append(append(others, keyOffsets...), keys...)
	}
	dst = be.AppendUint32(append(be.AppendUint32(dst, 1+4+4+4), 1), n)
	dst = be.AppendUint32(be.AppendUint32(dst, uint32(len(offsets))), uint32(len(heads)))
	return append(append(append(dst, offsets...), heads...), others...)
}

// chunk is the head of a chunk.
type chunk struct {
	first      value
	code       int
	at, n      int
	offsetsLen int
}

// findCode gives the code of v; if it is not there, that of the first above it.
func findCode(from *input, d domain, v value) (code int, found bool, err error) {
	r := &input{raw: from.raw, err: from.err}
	head := r.sub(r.i32("length of the head"), "head of the dictionary")
	if ver := head.u8("version"); head.err == nil && ver != 1 {
		return 0, false, errs.Unsupported("dictionary of version %d; this version of Tarn reads 1", ver)
	}
	n := head.i32("chunks")
	offsets := r.sub(head.i32("length of offsets"), "offsets")
	heads := r.sub(head.i32("length of heads"), "heads")
	if head.err != nil || r.err != nil || n < 0 || n > len(offsets.raw)/4 {
		r.fail("dictionary of %d chunks is damaged", n)
		return 0, false, r.err
	}
	others := r.raw[r.at:]
	read := func(i int) chunk {
		h := &input{raw: heads.raw, err: r.err}
		h.take(int(int32(binary.BigEndian.Uint32(offsets.raw[4*i:]))), "heads")
		h.u8("version")
		c := chunk{first: d.get(h), code: h.i32("code"), at: h.i32("start"), n: h.i32("number")}
		c.offsetsLen = h.i32("length")
		r.err = h.err
		return c
	}
	at := sort.Search(n, func(i int) bool { return compareValues(d, read(i).first, v) > 0 }) - 1
	if at < 0 || r.err != nil {
		return 0, false, r.err
	}
	c := read(at)
	if c.first == v {
		return c.code, true, r.err
	}
	keys := &input{raw: others, err: r.err}
	keys.take(c.at, "values")
	if d.text {
		keys.take(c.offsetsLen, "offsets of values")
	}
	for i := range max(0, min(c.n, len(others))) {
		got := d.get(keys)
		if keys.err != nil {
			return 0, false, keys.err
		}
		if o := compareValues(d, got, v); o >= 0 {
			return c.code + 1 + i, o == 0, nil
		}
	}
	return c.code + 1 + c.n, false, keys.err
}
