package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	pq "github.com/apache/arrow-go/v18/parquet"

	"github.com/tarndb/tarn/paimon/errs"
)

var errBadDelta = errors.New("delta encoding is malformed")

// decodeDelta turns the encodings of version 2 pages, which other writers
// use, into plain values.
func (l *leafReader) decodeDelta(p dataPageBody) ([]byte, error) {
	n, err := l.countValues(p)
	if err != nil {
		return nil, err
	}
	phys := l.node.PhysicalType()
	switch {
	case p.encoding == pq.Encodings.DeltaBinaryPacked && phys == pq.Types.Int32:
		vals, _, err := deltaInts(p.data, n)
		out := make([]byte, 0, 4*len(vals))
		for _, v := range vals {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		return out, err
	case p.encoding == pq.Encodings.DeltaBinaryPacked && phys == pq.Types.Int64:
		vals, _, err := deltaInts(p.data, n)
		out := make([]byte, 0, 8*len(vals))
		for _, v := range vals {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		}
		return out, err
	case p.encoding == pq.Encodings.DeltaLengthByteArray && phys == pq.Types.ByteArray:
		return deltaLengths(p.data, n)
	case p.encoding == pq.Encodings.DeltaByteArray && (phys == pq.Types.ByteArray || phys == pq.Types.FixedLenByteArray):
		return deltaStrings(p.data, n, phys == pq.Types.ByteArray)
	case p.encoding == pq.Encodings.ByteStreamSplit:
		return splitStreams(p.data, n, valueWidth(phys, l.node.TypeLength()))
	}
	return nil, errs.Unsupported("parquet encoding %s of %s", p.encoding, phys)
}

func valueWidth(phys pq.Type, length int) int {
	switch phys {
	case pq.Types.Int32, pq.Types.Float:
		return 4
	case pq.Types.Int64, pq.Types.Double:
		return 8
	case pq.Types.FixedLenByteArray:
		return length
	}
	return 0
}

func splitStreams(data []byte, n, width int) ([]byte, error) {
	if width <= 0 || len(data) < n*width {
		return nil, errShortValues
	}
	out := make([]byte, n*width)
	for i := range n {
		for j := range width {
			out[i*width+j] = data[j*n+i]
		}
	}
	return out, nil
}

// deltaInts decodes DELTA_BINARY_PACKED: blocks of zigzag minimum, bit widths
// of miniblocks, packed differences. It gives at most n values and what
// follows them.
func deltaInts(data []byte, n int) ([]int64, []byte, error) {
	r := compactReader{data: data}
	block, minis, total := r.uvarint(), r.uvarint(), r.uvarint()
	first := r.uvarint()
	if r.short || block == 0 || block > 1<<20 || block%128 != 0 || minis == 0 || block%minis != 0 || block/minis%32 != 0 {
		return nil, nil, errBadDelta
	}
	if total < uint64(n) || total > uint64(n)+block {
		return nil, nil, fmt.Errorf("%w: %d values, want %d", errBadDelta, total, n)
	}
	if total == 0 {
		return nil, data[r.pos:], nil
	}
	out := make([]int64, 1, total)
	out[0] = unzigzag(first)
	per := int(block / minis)
	for len(out) < int(total) {
		least := unzigzag(r.uvarint())
		if r.short || r.pos+int(minis) > len(data) {
			return nil, nil, errBadDelta
		}
		widths := data[r.pos : r.pos+int(minis)]
		r.pos += int(minis)
		for _, w := range widths {
			if len(out) == int(total) {
				break
			}
			size := per * int(w) / 8
			if w > 64 || r.pos+size > len(data) {
				return nil, nil, errBadDelta
			}
			out = appendDeltas(out, data[r.pos:r.pos+size], int(w), min(per, int(total)-len(out)), least)
			r.pos += size
		}
	}
	return out, data[r.pos:], nil
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func appendDeltas(out []int64, data []byte, width, n int, least int64) []int64 {
	last := out[len(out)-1]
	for i := range n {
		off := i * width
		var v uint64
		for got := 0; got < width; {
			b := uint64(data[(off+got)/8]) >> ((off + got) % 8)
			take := min(8-(off+got)%8, width-got)
			v |= b & (1<<take - 1) << got
			got += take
		}
		last += least + int64(v)
		out = append(out, last)
	}
	return out
}

func deltaLengths(data []byte, n int) ([]byte, error) {
	lens, rest, err := deltaInts(data, n)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(rest)+4*n)
	for _, k := range lens {
		if k < 0 || k > int64(len(rest)) {
			return nil, errBadDelta
		}
		out = appendByteArray(out, rest[:k])
		rest = rest[k:]
	}
	return out, nil
}

// deltaStrings decodes DELTA_BYTE_ARRAY: lengths of the prefixes shared with
// the value before, then the suffixes.
func deltaStrings(data []byte, n int, withLength bool) ([]byte, error) {
	prefixes, rest, err := deltaInts(data, n)
	if err != nil {
		return nil, err
	}
	lens, rest, err := deltaInts(rest, n)
	if err != nil || len(lens) != len(prefixes) {
		return nil, errBadDelta
	}
	var out, value []byte
	for i, k := range lens {
		if k < 0 || k > int64(len(rest)) || prefixes[i] < 0 || prefixes[i] > int64(len(value)) {
			return nil, errBadDelta
		}
		if len(out) > maxPageBytes {
			return nil, errBadDelta
		}
		value = append(value[:prefixes[i]], rest[:k]...)
		rest = rest[k:]
		if withLength {
			out = appendByteArray(out, value)
		} else {
			out = append(out, value...)
		}
	}
	return out, nil
}
