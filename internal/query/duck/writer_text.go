package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// stringWriter copies strings or bytes with 32- or 64-bit offsets.
func stringWriter[O int32 | int64](text bool) func(C.duckdb_vector, arrow.Array, int, int) error {
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		if n == 0 {
			return nil
		}
		offs := valuesOf[O](a, from, n+1)
		var blob []byte
		if b := a.Data().Buffers()[2]; b != nil {
			blob = b.Bytes()
		}
		blob = blob[offs[0]:offs[n]]
		if text && !validText(blob, offs) {
			if err := findInvalidText(a, blob, offs, from); err != nil {
				return err
			}
		}
		return writeStrings(v, blob, offs)
	}
}

func fixedBinaryWriter(width int) func(C.duckdb_vector, arrow.Array, int, int) error {
	return func(v C.duckdb_vector, a arrow.Array, from, n int) error {
		at := (a.Data().Offset() + from) * width
		offs := make([]int64, n+1)
		for i := range offs {
			offs[i] = int64(i * width)
		}
		return writeStrings(v, a.Data().Buffers()[1].Bytes()[at:at+n*width], offs)
	}
}

// writeStrings fills a vector with len(offs)-1 strings that lie in blob, which begins at offs[0]. DuckDB copies the
// whole blob once, into memory that lives as long as the vector, and the strings point into that copy.
func writeStrings[O int32 | int64](v C.duckdb_vector, blob []byte, offs []O) error {
	if len(blob) > math.MaxUint32 {
		return fmt.Errorf("%d strings have %d bytes, the most is 4 GiB", len(offs)-1, len(blob))
	}
	dst := vectorOf[stringRef](v, len(offs)-1)
	first := offs[0]
	var heap uintptr // address of DuckDB's copy, made for the first string that does not fit into its reference
	for i := range dst {
		s := blob[offs[i]-first : offs[i+1]-first]
		if len(s) <= inlineMax {
			var r stringRef // unused bytes must be zero: DuckDB compares all 16
			r.length = uint32(len(s))
			copy(unsafe.Slice(&r.prefix[0], inlineMax), s)
			dst[i] = r
			continue
		}
		if heap == 0 {
			row0 := dst[0]
			C.duckdb_unsafe_vector_assign_string_element_len(v, 0, (*C.char)(unsafe.Pointer(&blob[0])), C.idx_t(len(blob)))
			heap = dst[0].ptr
			dst[0] = row0
		}
		r := stringRef{length: uint32(len(s)), ptr: heap + uintptr(offs[i]-first)}
		copy(r.prefix[:], s)
		dst[i] = r
	}
	return nil
}

// validText checks all strings in one pass: the whole is valid UTF-8 and no string begins inside a character.
func validText[O int32 | int64](blob []byte, offs []O) bool {
	if !utf8.Valid(blob) {
		return false
	}
	for _, o := range offs[:len(offs)-1] {
		if at := o - offs[0]; int(at) < len(blob) && !utf8.RuneStart(blob[at]) {
			return false
		}
	}
	return true
}

// findInvalidText names the row that is not UTF-8; nulls may hold anything.
func findInvalidText[O int32 | int64](a arrow.Array, blob []byte, offs []O, from int) error {
	for i := range len(offs) - 1 {
		s := blob[offs[i]-offs[0] : offs[i+1]-offs[0]]
		if !utf8.Valid(s) && a.IsValid(from+i) {
			return fmt.Errorf("row %d of the batch is not valid UTF-8 (%.40q): read the column as BYTES", from+i, s)
		}
	}
	return nil
}
