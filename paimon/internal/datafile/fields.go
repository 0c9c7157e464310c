package datafile

import (
	"github.com/tarndb/tarn/paimon/types"
)

// System columns of keyed files.
// Source: org.apache.paimon.table.SpecialFields.
const (
	keyPrefix      = "_KEY_"
	keyIDStart     = 1073741823
	sequenceColumn = "_SEQUENCE_NUMBER"
	sequenceID     = 2147483646
	kindColumn     = "_VALUE_KIND"
	kindID         = 2147483645
)

func sequenceField() types.Field {
	return types.Field{ID: sequenceID, Name: sequenceColumn, Type: types.Of(types.BigInt).NotNull()}
}

func kindField() types.Field {
	return types.Field{ID: kindID, Name: kindColumn, Type: types.Of(types.TinyInt).NotNull()}
}

// keyFields gives the _KEY_ columns of a trimmed primary key.
func keyFields(fields []types.Field, key []int) []types.Field {
	out := make([]types.Field, len(key))
	for i, k := range key {
		out[i] = types.Field{ID: fields[k].ID + keyIDStart, Name: keyPrefix + fields[k].Name, Type: fields[k].Type}
	}
	return out
}

func typesOf(fields []types.Field, at []int) []types.Type {
	out := make([]types.Type, len(at))
	for i, k := range at {
		out[i] = fields[k].Type
	}
	return out
}

// isSystem says that a file column is not one of the table.
func isSystem(name string) bool {
	return len(name) > len(keyPrefix) && name[:len(keyPrefix)] == keyPrefix || name == sequenceColumn || name == kindColumn ||
		name == "_LEVEL" || name == "rowkind" || name == "_ROW_ID"
}
