package catalog

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

func indexOf(fields []types.Field, name string) int {
	return slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == name })
}

// inType changes the type that path leads to: of a column, of a field, or of
// the elements of an ARRAY or the values of a MAP.
func (a *alteration) inType(path []string, do func(types.Type) (types.Type, error)) error {
	if len(path) == 0 {
		return errs.Invalid("a column has no name")
	}
	return a.inPart(path, do)
}

// inPart is inType for any part of the table, the whole of it too.
func (a *alteration) inPart(path []string, do func(types.Type) (types.Type, error)) error {
	t, err := changePart(types.RowOf(a.next.Fields...), path, 0, do)
	if err == nil {
		a.next.Fields = t.Fields
	}
	return err
}

// changePart copies what it goes through: the old schema is shared.
func changePart(t types.Type, path []string, depth int, do func(types.Type) (types.Type, error)) (types.Type, error) {
	if depth == len(path) {
		return do(t)
	}
	if t.Root == types.Row {
		at := indexOf(t.Fields, path[depth])
		if at < 0 {
			return t, noColumn(path[:depth+1])
		}
		fields := slices.Clone(t.Fields)
		f, err := changePart(fields[at].Type, path, depth+1, do)
		fields[at].Type = f
		t.Fields = fields
		return t, err
	}
	if part := partOf(t); part == "" || part != path[depth] {
		return t, noPart(t, path, depth)
	}
	e, err := changePart(*t.Elem, path, depth+1, do)
	t.Elem = &e
	return t, err
}

// inFields changes the list of fields that the last part of path belongs to:
// do gets a copy of the list and the index of that part, -1 when the list
// lacks it.
func (a *alteration) inFields(path []string, do func(fields []types.Field, at int) ([]types.Field, error)) error {
	if len(path) == 0 || path[len(path)-1] == "" {
		return errs.Invalid("a column has no name")
	}
	last := len(path) - 1
	return a.inPart(path[:last], func(t types.Type) (types.Type, error) {
		if t.Root != types.Row {
			if partOf(t) == path[last] {
				return t, errs.Invalid("%s is the %s of %s, not a column: only its type can change", pathName(path), path[last], kindOf(t))
			}
			return t, noPart(t, path, last)
		}
		fields, err := do(slices.Clone(t.Fields), indexOf(t.Fields, path[last]))
		t.Fields = fields
		return t, err
	})
}

// inField changes one field in place.
func (a *alteration) inField(path []string, do func(f *types.Field) error) error {
	return a.inFields(path, func(fields []types.Field, at int) ([]types.Field, error) {
		if at < 0 {
			return nil, noColumn(path)
		}
		return fields, do(&fields[at])
	})
}

// partOf names what an ARRAY or MAP is made of; "" for other types.
func partOf(t types.Type) string {
	switch t.Root {
	case types.Array:
		return "element"
	case types.Map:
		return "value"
	}
	return ""
}

// kindOf is the type without its parts: "ARRAY".
func kindOf(t types.Type) string {
	kind, _, _ := strings.Cut(t.AsNullable().SQL(), "<")
	return kind
}

// noPart says why path[depth] is not in t.
func noPart(t types.Type, path []string, depth int) error {
	at := pathName(path[:depth])
	switch {
	case t.Root == types.Map && path[depth] == "key":
		return errs.Invalid("column %s cannot change: it is the key of a MAP", pathName(path[:depth+1]))
	case partOf(t) != "":
		return notFound("column %s does not exist: %s is of type %s, whose part is called %s", pathName(path[:depth+1]), at, kindOf(t), partOf(t))
	}
	return notFound("column %s does not exist: %s is of type %s", pathName(path[:depth+1]), at, t)
}
