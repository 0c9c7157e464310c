package interop

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// schemaChanges gives the changes that make one schema out of another; columns
// and fields are the same if their ids are.
func schemaChanges(from, to *spec.TableSchema) []catalog.SchemaChange {
	out := fieldChanges(nil, from.Fields, to.Fields)
	// where columns stand after the changes above: new ones at the end, in order of their ids
	var now []string
	var added []types.Field
	for _, f := range from.Fields {
		if i := byID(to.Fields, f.ID); i >= 0 {
			now = append(now, to.Fields[i].Name)
		}
	}
	for _, f := range to.Fields {
		if byID(from.Fields, f.ID) < 0 {
			added = append(added, f)
		}
	}
	slices.SortFunc(added, func(a, b types.Field) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range added {
		now = append(now, f.Name)
	}
	for i, f := range to.Fields {
		if now[i] == f.Name {
			continue
		}
		m := catalog.Move{Column: f.Name, Place: catalog.First}
		if i > 0 {
			m.Place, m.Reference = catalog.After, to.Fields[i-1].Name
		}
		out = append(out, catalog.UpdateColumnPosition{Move: m})
		at := slices.Index(now, f.Name)
		now = slices.Insert(slices.Delete(now, at, at+1), i, f.Name)
	}
	for _, k := range slices.Sorted(maps.Keys(to.Options)) {
		if v, ok := from.Options[k]; !ok || v != to.Options[k] {
			out = append(out, catalog.SetOption{Key: k, Value: to.Options[k]})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(from.Options)) {
		if _, ok := to.Options[k]; !ok {
			out = append(out, catalog.RemoveOption{Key: k})
		}
	}
	if from.Comment != to.Comment {
		out = append(out, catalog.UpdateComment{Comment: to.Comment})
	}
	return out
}

func byID(fields []types.Field, id int) int {
	return slices.IndexFunc(fields, func(f types.Field) bool { return f.ID == id })
}

func fieldChanges(path []string, from, to []types.Field) (out []catalog.SchemaChange) {
	under := func(name string) []string { return append(slices.Clone(path), name) }
	for _, f := range from {
		i := byID(to, f.ID)
		if i < 0 {
			out = append(out, catalog.DropColumn{Path: under(f.Name)})
			continue
		}
		g := to[i]
		if g.Name != f.Name {
			out = append(out, catalog.RenameColumn{Path: under(f.Name), NewName: g.Name})
		}
		out = append(out, partChanges(under(g.Name), f.Type, g.Type)...)
		if g.Description != f.Description {
			out = append(out, catalog.UpdateColumnComment{Path: under(g.Name), Comment: g.Description})
		}
		if (g.Default == nil) != (f.Default == nil) || g.Default != nil && *g.Default != *f.Default {
			out = append(out, catalog.UpdateColumnDefaultValue{Path: under(g.Name), Default: g.Default})
		}
	}
	var added []types.Field
	for _, g := range to {
		if byID(from, g.ID) < 0 {
			added = append(added, g)
		}
	}
	slices.SortFunc(added, func(a, b types.Field) int { return cmp.Compare(a.ID, b.ID) })
	for _, g := range added {
		out = append(out, catalog.AddColumn{Path: under(g.Name), Type: g.Type, Comment: g.Description})
	}
	return out
}

// partChanges goes into rows, elements and values.
func partChanges(path []string, from, to types.Type) (out []catalog.SchemaChange) {
	part := map[types.Root]string{types.Array: "element", types.Map: "value"}[from.Root]
	switch {
	case from.Root == types.Row && to.Root == types.Row:
		out = fieldChanges(path, from.Fields, to.Fields)
	case part != "" && from.Root == to.Root:
		out = partChanges(append(slices.Clone(path), part), *from.Elem, *to.Elem)
	case !from.EqualIgnoringNull(to):
		out = append(out, catalog.UpdateColumnType{Path: path, Type: to, KeepNullability: true})
	}
	if from.Nullable != to.Nullable {
		out = append(out, catalog.UpdateColumnNullability{Path: path, Nullable: to.Nullable})
	}
	return out
}
