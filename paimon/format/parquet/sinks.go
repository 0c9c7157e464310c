package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// newSink makes the decoder of leaf column n into values of type t, which
// must be naturalType(n) or a type of the same physical form.
func newSink(n *schema.PrimitiveNode, t types.Type, alloc memory.Allocator) (sink, error) {
	arrowType := t.Arrow()
	switch n.PhysicalType() {
	case pq.Types.Boolean:
		if t.Root == types.Boolean {
			return &boolSink{alloc: alloc}, nil
		}
	case pq.Types.Int32:
		if s := int32Sink(t, arrowType, alloc); s != nil {
			return s, nil
		}
	case pq.Types.Int64:
		if s := int64Sink(n, t, arrowType, alloc); s != nil {
			return s, nil
		}
	case pq.Types.Int96:
		if t.Root == types.Timestamp || t.Root == types.TimestampLTZ {
			unit := arrowType.(*arrow.TimestampType).Unit
			return &fixedSink[[12]byte, int64]{alloc: alloc, typ: arrowType, convert: int96Converter(unit)}, nil
		}
	case pq.Types.Float:
		if t.Root == types.Float {
			return &fixedSink[float32, float32]{alloc: alloc, typ: arrowType}, nil
		}
	case pq.Types.Double:
		if t.Root == types.Double {
			return &fixedSink[float64, float64]{alloc: alloc, typ: arrowType}, nil
		}
	case pq.Types.ByteArray:
		switch t.Root {
		case types.Char, types.Varchar, types.Binary, types.Varbinary, types.Blob:
			return &bytesSink{alloc: alloc, typ: arrowType}, nil
		case types.Decimal:
			return newDecimalSink(0, arrowType, alloc), nil
		}
	case pq.Types.FixedLenByteArray:
		if t.Root == types.Decimal && n.TypeLength() >= 1 && n.TypeLength() <= 16 {
			return newDecimalSink(n.TypeLength(), arrowType, alloc), nil
		}
	}
	return nil, errs.Unsupported("parquet column %q of physical type %s as %s", n.Path(), n.PhysicalType(), t)
}

func newDecimalSink(width int, typ arrow.DataType, alloc memory.Allocator) sink {
	return &decimalSink{fixedSink: fixedSink[int64, decimal128.Num]{alloc: alloc, typ: typ}, width: width}
}

func int32Sink(t types.Type, typ arrow.DataType, alloc memory.Allocator) sink {
	switch t.Root {
	case types.TinyInt:
		return &fixedSink[int32, int8]{alloc: alloc, typ: typ, convert: narrow[int8]}
	case types.SmallInt:
		return &fixedSink[int32, int16]{alloc: alloc, typ: typ, convert: narrow[int16]}
	case types.Int, types.Date, types.Time:
		return &fixedSink[int32, int32]{alloc: alloc, typ: typ}
	case types.BigInt: // UINT_32
		return &fixedSink[int32, int64]{alloc: alloc, typ: typ, convert: func(dst []int64, src []int32) {
			for i, v := range src {
				dst[i] = int64(uint32(v))
			}
		}}
	case types.Decimal:
		return &fixedSink[int32, decimal128.Num]{alloc: alloc, typ: typ, convert: func(dst []decimal128.Num, src []int32) {
			for i, v := range src {
				dst[i] = decimal128.New(int64(v)>>63, uint64(int64(v)))
			}
		}}
	}
	return nil
}

func narrow[D int8 | int16](dst []D, src []int32) {
	for i, v := range src {
		dst[i] = D(v)
	}
}

func int64Sink(n *schema.PrimitiveNode, t types.Type, typ arrow.DataType, alloc memory.Allocator) sink {
	switch t.Root {
	case types.BigInt:
		return &fixedSink[int64, int64]{alloc: alloc, typ: typ}
	case types.Decimal:
		return &fixedSink[int64, decimal128.Num]{alloc: alloc, typ: typ, convert: func(dst []decimal128.Num, src []int64) {
			for i, v := range src {
				dst[i] = decimal128.New(v>>63, uint64(v))
			}
		}}
	case types.Time: // TIME(MICROS), TIME(NANOS)
		if per := unitsPerMilli(n.LogicalType()); per > 0 {
			return &fixedSink[int64, int32]{alloc: alloc, typ: typ, convert: func(dst []int32, src []int64) {
				for i, v := range src {
					dst[i] = int32(v / per)
				}
			}}
		}
	case types.Timestamp, types.TimestampLTZ:
		from, ok := timestampUnit(n.LogicalType())
		to := typ.(*arrow.TimestampType).Unit
		if ok && from != to {
			return &fixedSink[int64, int64]{alloc: alloc, typ: typ, convert: cast.Units(from, to)}
		}
		return &fixedSink[int64, int64]{alloc: alloc, typ: typ}
	}
	return nil
}

func unitsPerMilli(l schema.LogicalType) int64 {
	t, ok := l.(schema.TimeLogicalType)
	if !ok {
		return 0
	}
	switch t.TimeUnit() {
	case schema.TimeUnitMicros:
		return 1000
	case schema.TimeUnitNanos:
		return 1_000_000
	}
	return 0
}

func timestampUnit(l schema.LogicalType) (arrow.TimeUnit, bool) {
	t, ok := l.(schema.TimestampLogicalType)
	if !ok {
		return 0, false
	}
	switch t.TimeUnit() {
	case schema.TimeUnitMillis:
		return arrow.Millisecond, true
	case schema.TimeUnitMicros:
		return arrow.Microsecond, true
	case schema.TimeUnitNanos:
		return arrow.Nanosecond, true
	}
	return 0, false
}

// int96Converter decodes INT96 timestamps into the unit. Nanoseconds of the
// day may be negative, as Java writes them before 1970.
func int96Converter(unit arrow.TimeUnit) func(dst []int64, src [][12]byte) {
	per := int64(unit.Multiplier()) // nanoseconds per unit
	return func(dst []int64, src [][12]byte) {
		for i := range src {
			nanos := int64(binary.LittleEndian.Uint64(src[i][:8]))
			day := int64(int32(binary.LittleEndian.Uint32(src[i][8:]))) - julianEpoch
			dst[i] = day*(nanosPerDay/per) + cast.FloorDiv(nanos, per)
		}
	}
}

// naturalType gives the type that a leaf column has by itself.
// Source: org.apache.paimon.format.parquet.ParquetSchemaConverter.convertToPaimonField.
func naturalType(n *schema.PrimitiveNode) types.Type {
	t := natural(n)
	t.Nullable = n.RepetitionType() != pq.Repetitions.Required
	return t
}

func natural(n *schema.PrimitiveNode) types.Type {
	if d, ok := n.LogicalType().(schema.DecimalLogicalType); ok {
		return types.DecimalOf(int(d.Precision()), int(d.Scale()))
	}
	switch n.PhysicalType() {
	case pq.Types.Boolean:
		return types.Of(types.Boolean)
	case pq.Types.Float:
		return types.Of(types.Float)
	case pq.Types.Double:
		return types.Of(types.Double)
	case pq.Types.Int96:
		return types.TimestampOf(9)
	case pq.Types.ByteArray:
		switch n.LogicalType().(type) {
		case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
			return types.String()
		}
	case pq.Types.Int32:
		return natural32(n.LogicalType())
	case pq.Types.Int64:
		return natural64(n.LogicalType())
	}
	return types.Of(types.Varbinary)
}

func natural32(l schema.LogicalType) types.Type {
	switch l := l.(type) {
	case schema.DateLogicalType:
		return types.Of(types.Date)
	case schema.TimeLogicalType:
		return types.Type{Root: types.Time, Nullable: true, Precision: 3}
	case schema.IntLogicalType:
		switch {
		case l.BitWidth() == 8 && l.IsSigned():
			return types.Of(types.TinyInt)
		case l.BitWidth() == 16 && l.IsSigned(), l.BitWidth() == 8:
			return types.Of(types.SmallInt)
		case l.BitWidth() == 32 && !l.IsSigned():
			return types.Of(types.BigInt)
		}
	}
	return types.Of(types.Int)
}

func natural64(l schema.LogicalType) types.Type {
	switch t := l.(type) {
	case schema.TimeLogicalType:
		return types.Type{Root: types.Time, Nullable: true, Precision: 3}
	case schema.TimestampLogicalType:
		out := types.TimestampOf(6)
		if unit, _ := timestampUnit(t); unit == arrow.Millisecond {
			out.Precision = 3
		} else if unit == arrow.Nanosecond {
			out.Precision = 9
		}
		if t.IsAdjustedToUTC() {
			out.Root = types.TimestampLTZ
		}
		return out
	}
	return types.Of(types.BigInt)
}
