package types

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// FieldIDKey is the Arrow field metadata key that carries a Paimon field id.
const FieldIDKey = "PARQUET:field_id"

// Arrow gives the Arrow type in which Tarn holds values of t:
// CHAR/VARCHAR utf8; BINARY/VARBINARY/BLOB binary; DECIMAL decimal128;
// TIME time32[ms]; TIMESTAMP(p) timestamp in ms (p ≤ 3), us (p ≤ 6) or ns,
// with zone UTC for LTZ; ARRAY list; MAP map; MULTISET map to int32;
// ROW struct; VARIANT struct<value binary, metadata binary>.
func (t Type) Arrow() arrow.DataType {
	switch t.Root {
	case Char, Varchar:
		return arrow.BinaryTypes.String
	case Binary, Varbinary, Blob:
		return arrow.BinaryTypes.Binary
	case Boolean:
		return arrow.FixedWidthTypes.Boolean
	case TinyInt:
		return arrow.PrimitiveTypes.Int8
	case SmallInt:
		return arrow.PrimitiveTypes.Int16
	case Int:
		return arrow.PrimitiveTypes.Int32
	case BigInt:
		return arrow.PrimitiveTypes.Int64
	case Float:
		return arrow.PrimitiveTypes.Float32
	case Double:
		return arrow.PrimitiveTypes.Float64
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Time:
		return arrow.FixedWidthTypes.Time32ms
	case Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	case Timestamp, TimestampLTZ:
		return t.arrowTimestamp()
	case Array:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: t.Elem.Arrow(), Nullable: t.Elem.Nullable})
	case Multiset:
		return arrow.MapOfFields(arrow.Field{Name: "key", Type: t.Elem.Arrow()}, arrow.Field{Name: "value", Type: arrow.PrimitiveTypes.Int32})
	case Map:
		return arrow.MapOfFields(arrow.Field{Name: "key", Type: t.Key.Arrow()}, arrow.Field{Name: "value", Type: t.Elem.Arrow(), Nullable: t.Elem.Nullable})
	case Row:
		return arrow.StructOf(ArrowSchema(t.Fields).Fields()...)
	case Variant:
		return arrow.StructOf(arrow.Field{Name: "value", Type: arrow.BinaryTypes.Binary}, arrow.Field{Name: "metadata", Type: arrow.BinaryTypes.Binary})
	}
	panic(fmt.Sprintf("types: no Arrow type for root %d", t.Root))
}

func (t Type) arrowTimestamp() arrow.DataType {
	unit := arrow.Nanosecond
	if t.Precision <= 3 {
		unit = arrow.Millisecond
	} else if t.Precision <= 6 {
		unit = arrow.Microsecond
	}
	zone := ""
	if t.Root == TimestampLTZ {
		zone = "UTC"
	}
	return &arrow.TimestampType{Unit: unit, TimeZone: zone}
}

// ArrowField gives the Arrow field of a column; its metadata holds the id.
func (f Field) ArrowField() arrow.Field {
	return arrow.Field{
		Name: f.Name, Type: f.Type.Arrow(), Nullable: f.Type.Nullable,
		Metadata: arrow.NewMetadata([]string{FieldIDKey}, []string{strconv.Itoa(f.ID)}),
	}
}

// ArrowSchema gives the Arrow schema of rows with these columns.
func ArrowSchema(fields []Field) *arrow.Schema {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = f.ArrowField()
	}
	return arrow.NewSchema(out, nil)
}
