// Package binrow holds Paimon's BinaryRow: encoding from Arrow columns,
// hashing and bucket choice, decoding, and the text of partitions. Rows are
// plain BinaryRow bytes; the 4-byte field count that manifests put before them
// is added and stripped by package spec.
//
// A row is: a header byte (the row kind, always +I here), null bits padded to
// 8 bytes, one 8-byte slot per field, and pieces of variable length, each
// padded to 8 bytes, that slots point to as (offset << 32 | size). All numbers
// are little-endian; offsets count from the start of the row.
package binrow

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Empty is the row without fields, the partition of unpartitioned tables.
// Do not change it.
var Empty = make([]byte, 8)

// headerBits come before the null bit of field 0.
const headerBits = 8

// nullBytes is the length of header and null bits of a row.
func nullBytes(arity int) int { return (arity + 63 + headerBits) / 64 * 8 }

// Encoder writes rows of Arrow columns as BinaryRows of kind +I. It serves one
// goroutine. Columns are those of types.Type.Arrow (any timestamp unit and
// the large and view forms of text and bytes are taken too); a column of any
// other Arrow type is a programming error and panics, as a wrong index does.
// It keeps the columns of the last call.
// Source: org.apache.paimon.data.BinaryRowWriter.
type Encoder struct {
	types []types.Type
	cols  []arrow.Array // what puts is bound to
	puts  []putter
	buf   []byte
}

// NewEncoder makes an encoder of rows with these column types.
func NewEncoder(ts []types.Type) *Encoder {
	return &Encoder{types: slices.Clone(ts), cols: make([]arrow.Array, len(ts)), puts: make([]putter, len(ts))}
}

// Encode gives row of cols. The bytes are valid until the next call.
func (e *Encoder) Encode(cols []arrow.Array, row int) []byte {
	e.bind(cols)
	e.buf = e.append(e.buf[:0], row)
	return e.buf
}

// Append appends row of cols to dst and returns it.
func (e *Encoder) Append(dst []byte, cols []arrow.Array, row int) []byte {
	e.bind(cols)
	return e.append(dst, row)
}

// HashRows puts the hashes of rows 0..len(out)-1 of cols into out.
func (e *Encoder) HashRows(cols []arrow.Array, out []int32) {
	e.bind(cols)
	if len(cols) == 1 && hashFixed(e.types[0], cols[0], out) {
		return
	}
	for i := range out {
		e.buf = e.append(e.buf[:0], i)
		out[i] = Hash(e.buf)
	}
}

// bind looks at the Arrow types of the columns once for all their rows.
func (e *Encoder) bind(cols []arrow.Array) {
	for i, t := range e.types {
		if e.cols[i] != cols[i] {
			e.puts[i] = bindColumn(t, cols[i])
			e.cols[i] = cols[i]
		}
	}
}

func (e *Encoder) append(buf []byte, row int) []byte { return appendRow(buf, e.puts, row) }

func appendRow(buf []byte, puts []putter, row int) []byte {
	start := len(buf)
	nulls := nullBytes(len(puts))
	buf = grow(buf, nulls+8*len(puts))
	for i, put := range puts {
		buf = put(buf, place{start: start, slot: start + nulls + 8*i, bit: start*8 + headerBits + i, inRow: true}, row)
	}
	return buf
}

// place is where a value goes: a slot of a row or an element of an array.
type place struct {
	start int // of the row or array, which offsets count from
	slot  int // first byte of the slot; the slot is zero
	bit   int // null bit, counted from the first bit of the buffer
	inRow bool
}

func (p place) setNull(buf []byte) { buf[p.bit>>3] |= 1 << (p.bit & 7) }

// point makes the slot name the piece at offset at of buf.
func (p place) point(buf []byte, at, size int) {
	binary.LittleEndian.PutUint64(buf[p.slot:], uint64(at-p.start)<<32|uint64(uint32(size)))
}

// putter writes the value of a row of the column it is bound to and returns
// the buffer, to which variable parts are appended.
type putter func(buf []byte, p place, row int) []byte

// grow appends n zero bytes.
func grow(buf []byte, n int) []byte {
	at := len(buf)
	buf = slices.Grow(buf, n)[:at+n]
	clear(buf[at:])
	return buf
}

// pad fills up to a multiple of 8 bytes counted from at.
func pad(buf []byte, at int) []byte {
	if r := (len(buf) - at) & 7; r != 0 {
		return grow(buf, 8-r)
	}
	return buf
}

// putPiece writes bytes into the slot when they are at most 7, else behind.
func putPiece(buf []byte, p place, v []byte) []byte {
	if len(v) <= 7 {
		copy(buf[p.slot:], v)
		buf[p.slot+7] = 0x80 | byte(len(v))
		return buf
	}
	at := len(buf)
	buf = pad(append(buf, v...), at)
	p.point(buf, at, len(v))
	return buf
}
