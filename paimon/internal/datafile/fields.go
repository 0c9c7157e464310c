package datafile

import (
	"strings"

	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

func sequenceField() types.Field {
	return types.Field{ID: spec.SequenceFieldID, Name: spec.SequenceField, Type: types.Of(types.BigInt).NotNull()}
}

func kindField() types.Field {
	return types.Field{ID: spec.KindFieldID, Name: spec.KindField, Type: types.Of(types.TinyInt).NotNull()}
}

// keyFields gives the _KEY_ columns of a trimmed primary key.
func keyFields(fields []types.Field, key []int) []types.Field {
	out := make([]types.Field, len(key))
	for i, k := range key {
		out[i] = types.Field{ID: fields[k].ID + spec.SystemFieldIDStart, Name: spec.KeyPrefix + fields[k].Name, Type: fields[k].Type}
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
	switch name {
	case spec.SequenceField, spec.KindField, spec.LevelField, spec.RowKindField, spec.RowIDField:
		return true
	}
	return strings.HasPrefix(name, spec.KeyPrefix)
}
