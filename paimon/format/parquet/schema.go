package parquet

import (
	"math/big"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	schemaName = "paimon_schema"
	// structuredBase is the middle of the field ids of list elements, map
	// keys and map values: MaxInt32/4, 1024 depths a column.
	structuredBase  = 536870911
	structuredDepth = 1024
)

// elementID is the field id of a list element or map value under a column.
// Source: org.apache.paimon.table.SpecialFields.getArrayElementFieldId.
func elementID(column, depth int) int32 {
	return int32(structuredBase + structuredDepth*column + depth)
}

// mapKeyID is the field id of a map key under a column.
func mapKeyID(column, depth int) int32 {
	return int32(structuredBase - structuredDepth*column - depth)
}

// fileSchema gives the Parquet schema of a file with these columns.
// Source: org.apache.paimon.format.parquet.ParquetSchemaConverter.
func fileSchema(fields []types.Field) (*schema.Schema, error) {
	nodes, err := fieldNodes(fields)
	if err != nil {
		return nil, err
	}
	root, err := schema.NewGroupNode(schemaName, pq.Repetitions.Required, nodes, -1)
	if err != nil {
		return nil, err
	}
	return schema.NewSchema(root), nil
}

func fieldNodes(fields []types.Field) (schema.FieldList, error) {
	out := make(schema.FieldList, len(fields))
	for i, f := range fields {
		n, err := typeNode(f.Name, f.Type, int32(f.ID), f.ID, 0)
		if err != nil {
			return nil, errs.Unsupported("parquet column %q: %w", f.Name, err)
		}
		out[i] = n
	}
	return out, nil
}

// typeNode makes the schema node of one value. id is the node's own field id;
// column and depth are what structured ids below it count from.
func typeNode(name string, t types.Type, id int32, column, depth int) (schema.Node, error) {
	rep := pq.Repetitions.Required
	if t.Nullable {
		rep = pq.Repetitions.Optional
	}
	switch t.Root {
	case types.Array:
		elem, err := typeNode("element", *t.Elem, elementID(column, depth+1), column, depth+1)
		if err != nil {
			return nil, err
		}
		list, err := schema.NewGroupNode("list", pq.Repetitions.Repeated, schema.FieldList{elem}, -1)
		if err != nil {
			return nil, err
		}
		return schema.NewGroupNodeLogical(name, rep, schema.FieldList{list}, schema.NewListLogicalType(), id)
	case types.Map:
		return mapNode(name, rep, *t.Key, *t.Elem, id, column, depth)
	case types.Multiset:
		return mapNode(name, rep, *t.Elem, types.Of(types.Int).NotNull(), id, column, depth)
	case types.Row:
		nodes, err := fieldNodes(t.Fields)
		if err != nil {
			return nil, err
		}
		return schema.NewGroupNode(name, rep, nodes, id)
	case types.Variant:
		return schema.NewGroupNode(name, rep, schema.FieldList{
			schema.NewByteArrayNode("value", pq.Repetitions.Required, 0),
			schema.NewByteArrayNode("metadata", pq.Repetitions.Required, 1),
		}, id)
	}
	return leafNode(name, rep, t, id)
}

func mapNode(name string, rep pq.Repetition, key, value types.Type, id int32, column, depth int) (schema.Node, error) {
	k, err := typeNode("key", key.NotNull(), mapKeyID(column, depth+1), column, depth+1)
	if err != nil {
		return nil, err
	}
	v, err := typeNode("value", value, elementID(column, depth+1), column, depth+1)
	if err != nil {
		return nil, err
	}
	entry, err := schema.NewGroupNodeConverted("key_value", pq.Repetitions.Repeated, schema.FieldList{k, v}, schema.ConvertedTypes.MapKeyValue, -1)
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNodeLogical(name, rep, schema.FieldList{entry}, schema.MapLogicalType{}, id)
}

func leafNode(name string, rep pq.Repetition, t types.Type, id int32) (schema.Node, error) {
	phys, logical, length := pq.Types.Undefined, schema.LogicalType(schema.NoLogicalType{}), -1
	switch t.Root {
	case types.Char, types.Varchar:
		phys, logical = pq.Types.ByteArray, schema.StringLogicalType{}
	case types.Binary, types.Varbinary, types.Blob:
		phys = pq.Types.ByteArray
	case types.Boolean:
		phys = pq.Types.Boolean
	case types.TinyInt:
		phys, logical = pq.Types.Int32, schema.NewIntLogicalType(8, true)
	case types.SmallInt:
		phys, logical = pq.Types.Int32, schema.NewIntLogicalType(16, true)
	case types.Int:
		phys = pq.Types.Int32
	case types.BigInt:
		phys = pq.Types.Int64
	case types.Float:
		phys = pq.Types.Float
	case types.Double:
		phys = pq.Types.Double
	case types.Date:
		phys, logical = pq.Types.Int32, schema.DateLogicalType{}
	case types.Time:
		phys, logical = pq.Types.Int32, schema.NewTimeLogicalType(true, schema.TimeUnitMillis)
	case types.Decimal:
		phys, length = decimalPhysical(t.Precision)
		logical = schema.NewDecimalLogicalType(int32(t.Precision), int32(t.Scale))
	case types.Timestamp, types.TimestampLTZ:
		phys, logical = timestampPhysical(t)
	default:
		return nil, errs.Unsupported("type %s", t)
	}
	return schema.NewPrimitiveNodeLogical(name, rep, logical, phys, length, id)
}

func timestampPhysical(t types.Type) (pq.Type, schema.LogicalType) {
	utc := t.Root == types.TimestampLTZ
	switch {
	case t.Precision <= 3:
		return pq.Types.Int64, schema.NewTimestampLogicalType(utc, schema.TimeUnitMillis)
	case t.Precision <= 6:
		return pq.Types.Int64, schema.NewTimestampLogicalType(utc, schema.TimeUnitMicros)
	}
	return pq.Types.Int96, schema.NoLogicalType{}
}

// decimalPhysical gives the physical type of DECIMAL(p, _) and, for fixed
// length arrays, the length in bytes.
func decimalPhysical(p int) (pq.Type, int) {
	if p <= 9 {
		return pq.Types.Int32, -1
	}
	if p <= 18 {
		return pq.Types.Int64, -1
	}
	return pq.Types.FixedLenByteArray, decimalBytes(p)
}

// decimalBytes gives the least n with 2^(8n-1) ≥ 10^p.
func decimalBytes(p int) int {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p)), nil)
	for n := 1; ; n++ {
		if new(big.Int).Lsh(big.NewInt(1), uint(8*n-1)).Cmp(limit) >= 0 {
			return n
		}
	}
}
