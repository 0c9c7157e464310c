package binrow

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// Rows decodes BinaryRows into a batch with these columns (Release it). It is
// for partitions, key ranges and statistics, all of whose columns may be NULL.
// Damaged rows are errors, never panics, and cost memory in proportion to
// their length.
func Rows(fields []types.Field, rows [][]byte) (arrow.RecordBatch, error) {
	nullable := make([]types.Field, len(fields))
	for i, f := range fields {
		f.Type = f.Type.AsNullable()
		nullable[i] = f
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(nullable))
	defer b.Release()
	b.Reserve(len(rows))
	for n, row := range rows {
		if err := checkLength(row, len(fields)); err != nil {
			return nil, fmt.Errorf("row %d: %w", n, err)
		}
		s := section{data: row, budget: newBudget(row)}
		for i, f := range fields {
			if err := s.appendField(b.Field(i), f.Type, len(fields), i); err != nil {
				return nil, fmt.Errorf("row %d, field %s: %w", n, f.Name, err)
			}
		}
	}
	if len(fields) == 0 {
		return array.NewRecordBatch(b.Schema(), nil, int64(len(rows))), nil
	}
	return b.NewRecordBatch(), nil
}

// Decode is Rows of one row without column names.
func Decode(ts []types.Type, row []byte) (arrow.RecordBatch, error) {
	return Rows(unnamed(ts), [][]byte{row})
}

func unnamed(ts []types.Type) []types.Field {
	fields := make([]types.Field, len(ts))
	for i, t := range ts {
		fields[i] = types.Field{ID: i, Name: fmt.Sprintf("f%d", i), Type: t}
	}
	return fields
}

// Keys encodes rows for comparison: Keys order as Paimon orders the rows.
func Keys(ts []types.Type, rows [][]byte) (columnar.Keys, error) {
	batch, err := Rows(unnamed(ts), rows)
	if err != nil {
		return columnar.Keys{}, err
	}
	return columnar.NewKeyEncoder(ts, columnar.KeyOptions{}).Encode(batch.Columns())
}

func checkLength(row []byte, arity int) error {
	if len(row) < nullBytes(arity)+8*arity {
		return fmt.Errorf("%d bytes are too short for a row of %d fields", len(row), arity)
	}
	return nil
}

// section is a row or an array being decoded.
type section struct {
	data   []byte
	budget *int // bytes that pieces may still name: pieces of real rows never overlap
}

// maxNesting bounds how often a byte of a row can be part of a piece: once per
// level of nesting.
const maxNesting = 64

func newBudget(row []byte) *int {
	n := len(row) * maxNesting
	return &n
}

// piece resolves the slot of a value of variable length.
func (s section) piece(slot int) ([]byte, error) {
	v := binary.LittleEndian.Uint64(s.data[slot:])
	return s.cut(int64(v>>32), int64(uint32(v)))
}

func (s section) cut(at, size int64) ([]byte, error) {
	if at+size > int64(len(s.data)) {
		return nil, fmt.Errorf("a value at offset %d of %d bytes leaves its row of %d bytes", at, size, len(s.data))
	}
	if *s.budget -= int(size); *s.budget < 0 {
		return nil, fmt.Errorf("values overlap")
	}
	return s.data[at : at+size : at+size], nil
}

func (s section) appendField(b array.Builder, t types.Type, arity, i int) error {
	if bit := i + headerBits; s.data[bit>>3]&(1<<(bit&7)) != 0 {
		b.AppendNull()
		return nil
	}
	return s.appendValue(b, t, nullBytes(arity)+8*i)
}

// appendValue decodes the value of type t whose slot starts at slot.
func (s section) appendValue(b array.Builder, t types.Type, slot int) error {
	d := s.data[slot:]
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(d[0] != 0)
	case *array.Int8Builder:
		b.Append(int8(d[0]))
	case *array.Int16Builder:
		b.Append(int16(binary.LittleEndian.Uint16(d)))
	case *array.Int32Builder:
		b.Append(int32(binary.LittleEndian.Uint32(d)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(int32(binary.LittleEndian.Uint32(d))))
	case *array.Time32Builder:
		b.Append(arrow.Time32(int32(binary.LittleEndian.Uint32(d))))
	case *array.Int64Builder:
		b.Append(int64(binary.LittleEndian.Uint64(d)))
	case *array.Float32Builder:
		b.Append(math.Float32frombits(binary.LittleEndian.Uint32(d)))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(binary.LittleEndian.Uint64(d)))
	case *array.StringBuilder:
		v, err := s.bytes(slot)
		if err != nil {
			return err
		}
		b.Append(string(v))
	case *array.BinaryBuilder:
		v, err := s.bytes(slot)
		if err != nil {
			return err
		}
		b.Append(v)
	case *array.Decimal128Builder:
		return s.appendDecimal(b, t, slot)
	case *array.TimestampBuilder:
		return s.appendTimestamp(b, t, slot)
	default:
		return s.appendNested(b, t, slot)
	}
	return nil
}

// bytes reads text and bytes, which are in the slot when short.
func (s section) bytes(slot int) ([]byte, error) {
	if mark := s.data[slot+7]; mark&0x80 != 0 {
		n := int(mark & 0x7f)
		if n > 7 {
			return nil, fmt.Errorf("a value in a slot has %d bytes", n)
		}
		return s.data[slot : slot+n], nil
	}
	return s.piece(slot)
}

func (s section) appendDecimal(b *array.Decimal128Builder, t types.Type, slot int) error {
	if t.Precision <= maxCompactDecimal {
		b.Append(decimal128.FromI64(int64(binary.LittleEndian.Uint64(s.data[slot:]))))
		return nil
	}
	v, err := s.piece(slot)
	if err != nil {
		return err
	}
	if len(v) < 1 || len(v) > 16 {
		return fmt.Errorf("a decimal has %d bytes", len(v))
	}
	var be [16]byte
	if v[0] >= 0x80 {
		for i := range be {
			be[i] = 0xff
		}
	}
	copy(be[16-len(v):], v)
	b.Append(decimal128.New(int64(binary.BigEndian.Uint64(be[:])), binary.BigEndian.Uint64(be[8:])))
	return nil
}

func (s section) appendTimestamp(b *array.TimestampBuilder, t types.Type, slot int) error {
	v := binary.LittleEndian.Uint64(s.data[slot:])
	if t.Precision <= 3 {
		b.Append(arrow.Timestamp(int64(v)))
		return nil
	}
	at, err := s.cut(int64(v>>32), 8)
	if err != nil {
		return err
	}
	nanos := int64(uint32(v))
	if nanos > 999999 {
		return fmt.Errorf("a timestamp has %d nanoseconds in a millisecond", nanos)
	}
	scale, rest := int64(1000), nanos/1000
	if t.Precision > 6 {
		scale, rest = 1000000, nanos
	}
	millis := int64(binary.LittleEndian.Uint64(at))
	if millis > math.MaxInt64/scale-1 || millis < math.MinInt64/scale+1 {
		return fmt.Errorf("timestamp of %d ms does not fit its Arrow unit", millis)
	}
	b.Append(arrow.Timestamp(millis*scale + rest))
	return nil
}
