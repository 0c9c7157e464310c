package parquet

import (
	"encoding/binary"
	"errors"

	pq "github.com/apache/arrow-go/v18/parquet"
)

// Page types of the Parquet format.
const (
	dataPage   = 0
	indexPage  = 1
	dictPage   = 2
	dataPageV2 = 3
)

// pageHeader is the header before every page, in Thrift's compact protocol.
// Statistics and checksums are left aside.
type pageHeader struct {
	kind         int32
	uncompressed int32
	compressed   int32
	values       int32 // with nulls
	encoding     pq.Encoding
	// version 2 only
	defBytes, repBytes int32
	stored             bool // values are not compressed
}

// Types of the compact protocol.
const (
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
)

// append encodes the header of a version 1 data page or a dictionary page.
func (h *pageHeader) append(dst []byte) []byte {
	i32 := func(delta byte, v int32) { dst = binary.AppendUvarint(append(dst, delta<<4|tI32), zigzag(v)) }
	i32(1, h.kind)
	i32(1, h.uncompressed)
	i32(1, h.compressed)
	if h.kind == dictPage {
		dst = append(dst, 4<<4|tStruct) // field 7
		i32(1, h.values)
		i32(1, int32(h.encoding))
	} else {
		dst = append(dst, 2<<4|tStruct) // field 5
		i32(1, h.values)
		i32(1, int32(h.encoding))
		i32(1, int32(pq.Encodings.RLE))
		i32(1, int32(pq.Encodings.RLE))
	}
	return append(dst, 0, 0)
}

func zigzag(v int32) uint64 { return uint64(uint32(v<<1) ^ uint32(v>>31)) }

var (
	errShortHeader = errors.New("page header is cut off")
	errBadHeader   = errors.New("page header is malformed")
)

// compactReader walks Thrift's compact protocol.
type compactReader struct {
	data  []byte
	pos   int
	short bool
}

func (r *compactReader) byte() byte {
	if r.pos >= len(r.data) {
		r.short = true
		return 0
	}
	r.pos++
	return r.data[r.pos-1]
}

func (r *compactReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data[min(r.pos, len(r.data)):])
	if n <= 0 {
		r.short = true
		return 0
	}
	r.pos += n
	return v
}

func (r *compactReader) i32() int32 {
	v := uint32(r.uvarint())
	return int32(v>>1) ^ -int32(v&1)
}

// field reads a field header; kind 0 ends the struct.
func (r *compactReader) field(last int) (id int, kind byte) {
	b := r.byte()
	if b == 0 || r.short {
		return 0, 0
	}
	if d := int(b >> 4); d != 0 {
		return last + d, b & 15
	}
	return int(r.i32()), b & 15
}

// skip passes over a value; false if it is malformed.
func (r *compactReader) skip(kind byte, depth int) bool {
	if depth > 16 || r.short {
		return false
	}
	switch kind {
	case tTrue, tFalse:
	case tByte:
		r.byte()
	case tI16, tI32, tI64:
		r.uvarint()
	case tDouble:
		r.advance(8)
	case tBinary:
		r.advance(r.uvarint())
	case tList, tSet:
		return r.skipList(depth)
	case tStruct:
		id := 0
		for {
			var k byte
			if id, k = r.field(id); k == 0 {
				return true
			}
			if !r.skip(k, depth+1) {
				return false
			}
		}
	default:
		return false
	}
	return true
}

func (r *compactReader) skipList(depth int) bool {
	b := r.byte()
	n := uint64(b >> 4)
	if n == 15 {
		n = r.uvarint()
	}
	for ; n > 0 && !r.short; n-- {
		if kind := b & 15; kind <= tFalse {
			r.byte()
		} else if !r.skip(kind, depth+1) {
			return false
		}
	}
	return true
}

func (r *compactReader) advance(n uint64) {
	if n > uint64(len(r.data)-min(r.pos, len(r.data))) {
		r.short = true
		r.pos = len(r.data)
		return
	}
	r.pos += int(n)
}

// parsePageHeader decodes the header at the start of data and gives its
// length. errShortHeader asks for more bytes.
func parsePageHeader(data []byte) (h pageHeader, n int, err error) {
	r := compactReader{data: data}
	h.kind = -1
	ok, id := true, 0
	for ok && !r.short {
		var kind byte
		if id, kind = r.field(id); kind == 0 {
			break
		}
		switch {
		case kind == tI32 && id == 1:
			h.kind = r.i32()
		case kind == tI32 && id == 2:
			h.uncompressed = r.i32()
		case kind == tI32 && id == 3:
			h.compressed = r.i32()
		case kind == tStruct && (id == 5 || id == 7 || id == 8):
			ok = h.parseInner(&r, id)
		default:
			ok = r.skip(kind, 0)
		}
	}
	if r.short {
		return h, 0, errShortHeader
	}
	if !ok || h.kind < 0 || h.uncompressed < 0 || h.compressed < 0 || h.values < 0 || h.defBytes < 0 || h.repBytes < 0 {
		return h, 0, errBadHeader
	}
	return h, r.pos, nil
}

// parseInner reads DataPageHeader (5), DictionaryPageHeader (7) or
// DataPageHeaderV2 (8).
func (h *pageHeader) parseInner(r *compactReader, outer int) bool {
	encodingID := 2
	if outer == 8 {
		encodingID = 4
	}
	id := 0
	for {
		var kind byte
		if id, kind = r.field(id); kind == 0 {
			return true
		}
		switch {
		case kind == tI32 && id == 1:
			h.values = r.i32()
		case kind == tI32 && id == encodingID:
			h.encoding = pq.Encoding(r.i32())
		case outer == 8 && kind == tI32 && id == 5:
			h.defBytes = r.i32()
		case outer == 8 && kind == tI32 && id == 6:
			h.repBytes = r.i32()
		case outer == 8 && id == 7 && (kind == tTrue || kind == tFalse):
			h.stored = kind == tFalse
		default:
			if !r.skip(kind, 0) {
				return false
			}
		}
	}
}
