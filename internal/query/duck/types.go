package duck

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// logicalType gives the DuckDB type in which a scan delivers an Arrow type. The caller destroys it.
func logicalType(t arrow.DataType) (C.duckdb_logical_type, error) {
	if id := scalarType(t); id != C.DUCKDB_TYPE_INVALID {
		return C.duckdb_create_logical_type(id), nil
	}
	switch t := t.(type) {
	case *arrow.Decimal128Type:
		if t.Precision < 1 || t.Precision > 38 || t.Scale < 0 || t.Scale > t.Precision {
			return nil, unsupported("Arrow type %s", t)
		}
		return C.duckdb_create_decimal_type(C.uint8_t(t.Precision), C.uint8_t(t.Scale)), nil
	case *arrow.MapType: // before the list, which it is too
		return mapType(t)
	case *arrow.ListType:
		elem, err := logicalType(t.Elem())
		if err != nil {
			return nil, err
		}
		defer C.duckdb_destroy_logical_type(&elem)
		return C.duckdb_create_list_type(elem), nil
	case *arrow.StructType:
		return structType(t)
	}
	return nil, unsupported("Arrow type %s", t)
}

// scalarType maps the types without parameters, INVALID for all others.
func scalarType(t arrow.DataType) C.duckdb_type {
	switch t := t.(type) {
	case *arrow.TimestampType:
		if t.TimeZone != "" {
			return C.DUCKDB_TYPE_TIMESTAMP_TZ // always microseconds
		}
		return [...]C.duckdb_type{arrow.Second: C.DUCKDB_TYPE_TIMESTAMP_S, arrow.Millisecond: C.DUCKDB_TYPE_TIMESTAMP_MS,
			arrow.Microsecond: C.DUCKDB_TYPE_TIMESTAMP, arrow.Nanosecond: C.DUCKDB_TYPE_TIMESTAMP_NS}[t.Unit]
	case *arrow.Time64Type:
		if t.Unit == arrow.Nanosecond {
			return C.DUCKDB_TYPE_TIME_NS
		}
		return C.DUCKDB_TYPE_TIME
	}
	switch t.ID() {
	case arrow.BOOL:
		return C.DUCKDB_TYPE_BOOLEAN
	case arrow.INT8:
		return C.DUCKDB_TYPE_TINYINT
	case arrow.INT16:
		return C.DUCKDB_TYPE_SMALLINT
	case arrow.INT32:
		return C.DUCKDB_TYPE_INTEGER
	case arrow.INT64:
		return C.DUCKDB_TYPE_BIGINT
	case arrow.UINT8:
		return C.DUCKDB_TYPE_UTINYINT
	case arrow.UINT16:
		return C.DUCKDB_TYPE_USMALLINT
	case arrow.UINT32:
		return C.DUCKDB_TYPE_UINTEGER
	case arrow.UINT64:
		return C.DUCKDB_TYPE_UBIGINT
	case arrow.FLOAT32:
		return C.DUCKDB_TYPE_FLOAT
	case arrow.FLOAT64:
		return C.DUCKDB_TYPE_DOUBLE
	case arrow.DATE32:
		return C.DUCKDB_TYPE_DATE
	case arrow.TIME32:
		return C.DUCKDB_TYPE_TIME
	case arrow.STRING, arrow.LARGE_STRING:
		return C.DUCKDB_TYPE_VARCHAR
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.FIXED_SIZE_BINARY:
		return C.DUCKDB_TYPE_BLOB
	}
	return C.DUCKDB_TYPE_INVALID
}

func mapType(t *arrow.MapType) (C.duckdb_logical_type, error) {
	key, err := logicalType(t.KeyType())
	if err != nil {
		return nil, err
	}
	defer C.duckdb_destroy_logical_type(&key)
	item, err := logicalType(t.ItemType())
	if err != nil {
		return nil, err
	}
	defer C.duckdb_destroy_logical_type(&item)
	return C.duckdb_create_map_type(key, item), nil
}

func structType(t *arrow.StructType) (C.duckdb_logical_type, error) {
	n := t.NumFields()
	if n == 0 {
		return nil, unsupported("Arrow type %s (no fields)", t)
	}
	// The arrays of pointers live in C memory: Go memory that holds pointers may not be passed.
	types := (*C.duckdb_logical_type)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0)))))
	names := (**C.char)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0)))))
	ts, ns := unsafe.Slice(types, n), unsafe.Slice(names, n)
	defer func() {
		for i := range n {
			C.duckdb_destroy_logical_type(&ts[i])
			C.free(unsafe.Pointer(ns[i]))
		}
		C.free(unsafe.Pointer(types))
		C.free(unsafe.Pointer(names))
	}()
	for i, f := range t.Fields() {
		ft, err := logicalType(f.Type)
		if err != nil {
			return nil, err
		}
		ts[i], ns[i] = ft, C.CString(f.Name)
	}
	return C.duckdb_create_struct_type(types, names, C.idx_t(n)), nil
}

// typeName writes a type the way DuckDB's SQL does.
func typeName(t C.duckdb_logical_type) string {
	child := func(c C.duckdb_logical_type) string {
		defer C.duckdb_destroy_logical_type(&c)
		return typeName(c)
	}
	switch id := C.duckdb_get_type_id(t); id {
	case C.DUCKDB_TYPE_DECIMAL:
		return fmt.Sprintf("DECIMAL(%d,%d)", C.duckdb_decimal_width(t), C.duckdb_decimal_scale(t))
	case C.DUCKDB_TYPE_LIST:
		return child(C.duckdb_list_type_child_type(t)) + "[]"
	case C.DUCKDB_TYPE_ARRAY:
		return fmt.Sprintf("%s[%d]", child(C.duckdb_array_type_child_type(t)), C.duckdb_array_type_array_size(t))
	case C.DUCKDB_TYPE_MAP:
		return "MAP(" + child(C.duckdb_map_type_key_type(t)) + ", " + child(C.duckdb_map_type_value_type(t)) + ")"
	case C.DUCKDB_TYPE_STRUCT:
		var parts []string
		for i := range C.duckdb_struct_type_child_count(t) {
			parts = append(parts, quoteName(structFieldName(t, i))+" "+child(C.duckdb_struct_type_child_type(t, i)))
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	default:
		return scalarName(id)
	}
}

func structFieldName(t C.duckdb_logical_type, i C.idx_t) string {
	name := C.duckdb_struct_type_child_name(t, i)
	defer C.duckdb_free(unsafe.Pointer(name))
	return C.GoString(name)
}

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func scalarName(id C.duckdb_type) string {
	names := map[C.duckdb_type]string{
		C.DUCKDB_TYPE_BOOLEAN: "BOOLEAN", C.DUCKDB_TYPE_TINYINT: "TINYINT", C.DUCKDB_TYPE_SMALLINT: "SMALLINT",
		C.DUCKDB_TYPE_INTEGER: "INTEGER", C.DUCKDB_TYPE_BIGINT: "BIGINT", C.DUCKDB_TYPE_UTINYINT: "UTINYINT",
		C.DUCKDB_TYPE_USMALLINT: "USMALLINT", C.DUCKDB_TYPE_UINTEGER: "UINTEGER", C.DUCKDB_TYPE_UBIGINT: "UBIGINT",
		C.DUCKDB_TYPE_FLOAT: "FLOAT", C.DUCKDB_TYPE_DOUBLE: "DOUBLE", C.DUCKDB_TYPE_TIMESTAMP: "TIMESTAMP",
		C.DUCKDB_TYPE_DATE: "DATE", C.DUCKDB_TYPE_TIME: "TIME", C.DUCKDB_TYPE_INTERVAL: "INTERVAL",
		C.DUCKDB_TYPE_HUGEINT: "HUGEINT", C.DUCKDB_TYPE_UHUGEINT: "UHUGEINT", C.DUCKDB_TYPE_VARCHAR: "VARCHAR",
		C.DUCKDB_TYPE_BLOB: "BLOB", C.DUCKDB_TYPE_TIMESTAMP_S: "TIMESTAMP_S", C.DUCKDB_TYPE_TIMESTAMP_MS: "TIMESTAMP_MS",
		C.DUCKDB_TYPE_TIMESTAMP_NS: "TIMESTAMP_NS", C.DUCKDB_TYPE_ENUM: "ENUM", C.DUCKDB_TYPE_UUID: "UUID",
		C.DUCKDB_TYPE_UNION: "UNION", C.DUCKDB_TYPE_BIT: "BIT", C.DUCKDB_TYPE_TIME_TZ: "TIME WITH TIME ZONE",
		C.DUCKDB_TYPE_TIMESTAMP_TZ: "TIMESTAMP WITH TIME ZONE", C.DUCKDB_TYPE_BIGNUM: "BIGNUM",
		C.DUCKDB_TYPE_SQLNULL: "NULL", C.DUCKDB_TYPE_TIME_NS: "TIME_NS", C.DUCKDB_TYPE_GEOMETRY: "GEOMETRY",
		C.DUCKDB_TYPE_VARIANT: "VARIANT", C.DUCKDB_TYPE_INVALID: "UNKNOWN",
	}
	if n := names[id]; n != "" {
		return n
	}
	return fmt.Sprintf("type %d", id)
}
