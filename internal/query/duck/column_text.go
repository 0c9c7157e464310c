package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/uuid"
)

// stringRef is DuckDB's 16-byte string: up to 12 bytes lie in prefix and ptr, more behind ptr.
type stringRef struct {
	length uint32
	prefix [4]byte
	ptr    uintptr // C memory
}

const (
	stringRefSize = 16
	inlineMax     = 12
)

var errBatchTooLarge = errors.New("strings of 2048 rows exceed 2 GiB, the most an Arrow array holds")

// texts gathers variable-length values.
type texts struct {
	offs gathered[int32]
	data gathered[byte]
}

func (t *texts) end() error {
	if len(t.data.vals) > math.MaxInt32 {
		return errBatchTooLarge
	}
	t.offs.vals = append(t.offs.vals, int32(len(t.data.vals)))
	return nil
}

func (t *texts) start() {
	if t.offs.vals == nil {
		t.offs.start()
		t.data.start()
		t.offs.vals = append(t.offs.vals, 0)
	}
}

func (t *texts) repeatEnd(n int) {
	for range n {
		t.offs.vals = append(t.offs.vals, int32(len(t.data.vals)))
	}
}

func (t *texts) size() int { return len(t.data.vals) + 4*len(t.offs.vals) }

func (t *texts) take(b *nulls, dt arrow.DataType) arrow.ArrayData {
	t.start()
	bits, rows, null := b.take()
	return array.NewData(dt, rows, []*memory.Buffer{bits,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(t.offs.take())), memory.NewBufferBytes(t.data.take())}, nil, null, 0)
}

// stringColumn copies VARCHAR and BLOB.
type stringColumn struct {
	nulls
	texts
	dt   arrow.DataType
	data unsafe.Pointer
}

func newStringColumn(dt arrow.DataType) column { return &stringColumn{dt: dt} }

func (c *stringColumn) arrowType() arrow.DataType { return c.dt }
func (c *stringColumn) bytes() int                { return c.size() }

func (c *stringColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
}

func (c *stringColumn) append(from, n int) error {
	c.start()
	anyNull := c.appendValid(from, n)
	for i := from; i < from+n; i++ {
		if !anyNull || c.valid(i) { // the bytes of a null are undefined, its pointer too
			c.texts.data.vals = append(c.texts.data.vals, stringAt(c.data, i)...)
		}
		if err := c.end(); err != nil {
			return err
		}
	}
	return nil
}

// stringAt gives the bytes of a string in a vector, valid as long as the vector.
func stringAt(vector unsafe.Pointer, row int) []byte {
	p := unsafe.Add(vector, row*stringRefSize)
	n := *(*uint32)(p)
	if n <= inlineMax {
		return unsafe.Slice((*byte)(unsafe.Add(p, 4)), n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(p, 8)), n)
}

func (c *stringColumn) appendNulls(n int) {
	c.start()
	c.appendInvalid(n)
	c.repeatEnd(n)
}

func (c *stringColumn) finish() arrow.ArrayData { return c.texts.take(&c.nulls, c.dt) }

// textColumn writes values of a type without an Arrow form here as text.
type textColumn struct {
	nulls
	texts
	width  int
	format func(dst []byte, value unsafe.Pointer) []byte
	data   unsafe.Pointer
}

func newTextColumn(width int, format func([]byte, unsafe.Pointer) []byte) column {
	return &textColumn{width: width, format: format}
}

func (c *textColumn) arrowType() arrow.DataType { return arrow.BinaryTypes.String }
func (c *textColumn) bytes() int                { return c.size() }

func (c *textColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
}

func (c *textColumn) append(from, n int) error {
	c.start()
	c.appendValid(from, n)
	for i := from; i < from+n; i++ {
		if c.valid(i) {
			c.texts.data.vals = c.format(c.texts.data.vals, unsafe.Add(c.data, i*c.width))
		}
		if err := c.end(); err != nil {
			return err
		}
	}
	return nil
}

func (c *textColumn) appendNulls(n int) {
	c.start()
	c.appendInvalid(n)
	c.repeatEnd(n)
}

func (c *textColumn) finish() arrow.ArrayData {
	return c.texts.take(&c.nulls, arrow.BinaryTypes.String)
}

// newEnumColumn resolves ENUM through its dictionary.
func newEnumColumn(t C.duckdb_logical_type) column {
	words := make([]string, int(C.duckdb_enum_dictionary_size(t)))
	for i := range words {
		w := C.duckdb_enum_dictionary_value(t, C.idx_t(i))
		words[i] = C.GoString(w)
		C.duckdb_free(unsafe.Pointer(w))
	}
	switch C.duckdb_enum_internal_type(t) {
	case C.DUCKDB_TYPE_UTINYINT:
		return newTextColumn(1, func(dst []byte, p unsafe.Pointer) []byte { return append(dst, words[*(*uint8)(p)]...) })
	case C.DUCKDB_TYPE_USMALLINT:
		return newTextColumn(2, func(dst []byte, p unsafe.Pointer) []byte { return append(dst, words[*(*uint16)(p)]...) })
	default:
		return newTextColumn(4, func(dst []byte, p unsafe.Pointer) []byte { return append(dst, words[*(*uint32)(p)]...) })
	}
}

// appendUUID undoes DuckDB's order-preserving form: a HUGEINT with the highest bit flipped.
func appendUUID(dst []byte, p unsafe.Pointer) []byte {
	lo, hi := *(*uint64)(p), *(*uint64)(unsafe.Add(p, 8))^1<<63
	var u uuid.UUID
	for i := range 8 {
		u[i], u[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	text, _ := u.MarshalText() // never fails
	return append(dst, text...)
}

// appendInterval writes an INTERVAL as DuckDB's cast to VARCHAR does: 1 year 2 months -3 days 04:05:06.789.
func appendInterval(dst []byte, p unsafe.Pointer) []byte {
	iv := *(*C.duckdb_interval)(p)
	start := len(dst)
	unit := func(n int64, name string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendInt(dst, n, 10), name...)
		if n != 1 && n != -1 {
			dst = append(dst, 's')
		}
	}
	unit(int64(iv.months)/12, " year")
	unit(int64(iv.months)%12, " month")
	unit(int64(iv.days), " day")
	us := int64(iv.micros)
	if us == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	abs := uint64(us)
	if us < 0 {
		dst = append(dst, '-')
		abs = -abs
	}
	dst = appendPadded(dst, abs/3600e6, 2)
	dst = appendPadded(append(dst, ':'), abs/60e6%60, 2)
	dst = appendPadded(append(dst, ':'), abs/1e6%60, 2)
	if frac := abs % 1e6; frac != 0 {
		dst = appendPadded(append(dst, '.'), frac, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

func appendPadded(dst []byte, n uint64, width int) []byte {
	s := strconv.FormatUint(n, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}
