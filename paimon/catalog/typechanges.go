package catalog

import (
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// TypeChanges gives the changes that turn the type of the column at path from
// one into the other, field by field: what is in both keeps its id and values.
// Fields that are in both must be in the same order.
// Mirrors org.apache.paimon.utils.NestedSchemaUtils.
func TypeChanges(path []string, from, to types.Type) ([]SchemaChange, error) {
	var out []SchemaChange
	var err error
	part := partOf(from)
	switch {
	case (from.Root == types.Row || part != "") && from.Root != to.Root:
		return nil, errs.Invalid("column %s cannot change from %s to %s: want %s", pathName(path), from, to, kindOf(from))
	case from.Root == types.Row:
		out, err = rowChanges(path, from, to)
	case part != "":
		if from.Key != nil && !from.Key.Equal(*to.Key) {
			return nil, errs.Invalid("column %s cannot change from %s to %s: it is the key of a MAP", pathName(under(path, "key")), from.Key, to.Key)
		}
		out, err = TypeChanges(under(path, part), *from.Elem, *to.Elem)
	case !from.EqualIgnoringNull(to):
		out = append(out, UpdateColumnType{Path: path, Type: to, KeepNullability: true})
	}
	if err == nil && from.Nullable != to.Nullable {
		out = append(out, UpdateColumnNullability{path, to.Nullable})
	}
	return out, err
}

func under(path []string, part string) []string { return append(slices.Clone(path), part) }

func rowChanges(path []string, from, to types.Type) ([]SchemaChange, error) {
	var out []SchemaChange
	for _, f := range from.Fields {
		if indexOf(to.Fields, f.Name) < 0 {
			out = append(out, DropColumn{under(path, f.Name)})
		}
	}
	last := -1
	for i, f := range to.Fields {
		at := indexOf(from.Fields, f.Name)
		if at < 0 {
			m := &Move{Column: f.Name, Place: First}
			if i > 0 {
				m = &Move{Column: f.Name, Place: After, Reference: to.Fields[i-1].Name}
			}
			out = append(out, AddColumn{Path: under(path, f.Name), Type: f.Type, Comment: f.Description, Move: m})
			continue
		}
		if at < last {
			return nil, errs.Invalid("column %s: fields %s and %s have changed places: the order of fields that stay must stay", pathName(path), from.Fields[last].Name, f.Name)
		}
		last = at
		if old := from.Fields[at]; old.Description != f.Description {
			out = append(out, UpdateColumnComment{under(path, f.Name), f.Description})
		}
		more, err := TypeChanges(under(path, f.Name), from.Fields[at].Type, f.Type)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}
