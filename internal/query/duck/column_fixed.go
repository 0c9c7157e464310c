package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// fixedColumn holds values whose bytes are the same in DuckDB and Arrow.
type fixedColumn struct {
	nulls
	dt    arrow.DataType
	width int
	data  unsafe.Pointer
	buf   gathered[byte]
}

func (c *fixedColumn) arrowType() arrow.DataType { return c.dt }
func (c *fixedColumn) bytes() int                { return len(c.buf.vals) }

func (c *fixedColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
}

func (c *fixedColumn) append(from, n int) error {
	c.appendValid(from, n)
	c.buf.start()
	c.buf.vals = append(c.buf.vals, unsafe.Slice((*byte)(unsafe.Add(c.data, from*c.width)), n*c.width)...)
	return nil
}

func (c *fixedColumn) appendNulls(n int) {
	c.appendInvalid(n)
	c.buf.vals = append(c.buf.vals, make([]byte, n*c.width)...)
}

func (c *fixedColumn) finish() arrow.ArrayData {
	return finishFixed(&c.nulls, c.dt, c.buf.take())
}

func finishFixed(b *nulls, dt arrow.DataType, buf []byte) arrow.ArrayData {
	bits, rows, null := b.take()
	return array.NewData(dt, rows, []*memory.Buffer{bits, memory.NewBufferBytes(buf)}, nil, null, 0)
}

// boolColumn packs DuckDB's byte per value into bits.
type boolColumn struct {
	nulls
	data unsafe.Pointer
	buf  []byte
}

func (c *boolColumn) arrowType() arrow.DataType { return arrow.FixedWidthTypes.Boolean }
func (c *boolColumn) bytes() int                { return len(c.buf) }

func (c *boolColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
}

func (c *boolColumn) room(n int) {
	if need := (c.rows+n+7)/8 - len(c.buf); need > 0 {
		c.buf = append(c.buf, make([]byte, need)...)
	}
}

func (c *boolColumn) append(from, n int) error {
	c.room(n)
	at := c.rows
	for _, v := range unsafe.Slice((*byte)(unsafe.Add(c.data, from)), n) {
		c.buf[at>>3] |= v & 1 << (at & 7)
		at++
	}
	c.appendValid(from, n)
	return nil
}

func (c *boolColumn) appendNulls(n int) {
	c.room(n)
	c.appendInvalid(n)
}

func (c *boolColumn) finish() arrow.ArrayData {
	d := finishFixed(&c.nulls, arrow.FixedWidthTypes.Boolean, c.buf)
	c.buf = nil
	return d
}

// decimalColumn widens DECIMAL, which DuckDB keeps in 2, 4, 8 or 16 bytes by precision, and HUGEINT.
type decimalColumn struct {
	nulls
	dt      *arrow.Decimal128Type
	width   int
	checked bool // HUGEINT reaches beyond 38 digits
	data    unsafe.Pointer
	buf     gathered[decimal128.Num]
}

func newDecimalColumn(t C.duckdb_logical_type) column {
	c := &decimalColumn{dt: &arrow.Decimal128Type{
		Precision: int32(C.duckdb_decimal_width(t)), Scale: int32(C.duckdb_decimal_scale(t))}}
	c.width = decimalWidth(c.dt.Precision)
	return c
}

// decimalWidth is the number of bytes in which DuckDB keeps a DECIMAL of this precision.
func decimalWidth(precision int32) int {
	switch {
	case precision <= 4:
		return 2
	case precision <= 9:
		return 4
	case precision <= 18:
		return 8
	}
	return 16
}

func (c *decimalColumn) arrowType() arrow.DataType { return c.dt }
func (c *decimalColumn) bytes() int                { return len(c.buf.vals) * 16 }

func (c *decimalColumn) load(v C.duckdb_vector, size int) {
	c.loadNulls(v, size)
	c.data = C.duckdb_vector_get_data(v)
}

func (c *decimalColumn) append(from, n int) error {
	p := unsafe.Add(c.data, from*c.width)
	c.buf.start()
	buf := slices.Grow(c.buf.vals, n)
	switch c.width {
	case 2:
		buf = widen(buf, unsafe.Slice((*int16)(p), n))
	case 4:
		buf = widen(buf, unsafe.Slice((*int32)(p), n))
	case 8:
		buf = widen(buf, unsafe.Slice((*int64)(p), n))
	default:
		vals := unsafe.Slice((*decimal128.Num)(p), n)
		if c.checked {
			for i, v := range vals {
				if !v.FitsInPrecision(38) && c.valid(from+i) {
					return errors.New("HUGEINT value has more than 38 digits: cast it to VARCHAR or DOUBLE")
				}
			}
		}
		buf = append(buf, vals...)
	}
	c.buf.vals = buf
	c.appendValid(from, n)
	return nil
}

func widen[T int16 | int32 | int64](dst []decimal128.Num, src []T) []decimal128.Num {
	for _, v := range src {
		dst = append(dst, decimal128.FromI64(int64(v)))
	}
	return dst
}

func (c *decimalColumn) appendNulls(n int) {
	c.appendInvalid(n)
	c.buf.vals = append(c.buf.vals, make([]decimal128.Num, n)...)
}

func (c *decimalColumn) finish() arrow.ArrayData {
	return finishFixed(&c.nulls, c.dt, arrow.Decimal128Traits.CastToBytes(c.buf.take()))
}
