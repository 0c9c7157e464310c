package merge

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// functionNames lists Paimon's aggregate functions.
var functionNames = []string{
	"sum", "product", "max", "min", "last_value", "last_non_null_value", "first_value", "first_non_null_value",
	"bool_and", "bool_or", "listagg", "collect", "merge_map", "merge_map_with_keytime", "nested_update",
	"nested_partial_update", "rbm32", "rbm64", "hll_sketch", "theta_sketch", "primary-key",
}

// check compares the function with the column's type, as the factories of
// Paimon's aggregators do.
func (fn *function) check(f types.Field) error {
	if !slices.Contains(functionNames, fn.name) {
		return errs.Invalid("column %q: unknown aggregate function %q; known: %s", f.Name, fn.name, strings.Join(functionNames, ", "))
	}
	want := ""
	t := f.Type
	switch fn.name {
	case "sum", "product":
		if !isNumber(t.Root) {
			want = "a number"
		}
	case "max", "min":
		if !columnar.HasOrder(t) {
			want = "a type with an order"
		}
	case "bool_and", "bool_or":
		if t.Root != types.Boolean {
			want = "BOOLEAN"
		}
	case "listagg":
		if t.Root != types.Varchar {
			want = "STRING"
		}
	case "rbm32", "rbm64", "hll_sketch", "theta_sketch":
		if t.Root != types.Varbinary {
			want = "VARBINARY"
		}
	case "collect":
		if t.Root != types.Array {
			want = "ARRAY"
		}
	case "merge_map":
		if t.Root != types.Map || !columnar.HasOrder(*t.Key) {
			want = "MAP with keys of an atomic type"
		}
	case "merge_map_with_keytime":
		return fn.checkKeyTime(f)
	case "nested_update", "nested_partial_update":
		return fn.checkNested(f)
	}
	if want != "" {
		return errs.Invalid("column %q: aggregate function %s needs %s, the column is %s", f.Name, fn.name, want, t)
	}
	return nil
}

func (fn *function) checkKeyTime(f types.Field) error {
	t := f.Type
	if t.Root != types.Map || t.Elem.Root != types.Row || len(t.Elem.Fields) < 2 || !columnar.HasOrder(*t.Key) {
		return errs.Invalid("column %q: aggregate function %s needs MAP<key, ROW<…>> with two or more fields, the column is %s", f.Name, fn.name, t)
	}
	at := fn.timeField(*t.Elem)
	if at < 0 {
		return errs.Invalid("option fields.%s.ts-field: no field %q in %s", f.Name, fn.tsField, t.Elem)
	}
	if r := t.Elem.Fields[at].Type.Root; r != types.Varchar && r != types.Char {
		return errs.Unsupported("column %q: %s compares times as strings, field %s is %s", f.Name, fn.name, t.Elem.Fields[at].Name, t.Elem.Fields[at].Type)
	}
	return nil
}

// timeField gives the index of the time in the ROW of merge_map_with_keytime,
// by default its last field; -1 when the named one is not there.
func (fn *function) timeField(row types.Type) int {
	if fn.tsField == "" {
		return len(row.Fields) - 1
	}
	return fieldIndex(row.Fields, fn.tsField)
}

func (fn *function) checkNested(f types.Field) error {
	if f.Type.Root != types.Array || f.Type.Elem.Root != types.Row {
		return errs.Invalid("column %q: aggregate function %s needs ARRAY<ROW<…>>, the column is %s", f.Name, fn.name, f.Type)
	}
	if fn.name == "nested_partial_update" && len(fn.nestedKey) == 0 {
		return errs.Invalid("column %q: aggregate function %s needs fields.%s.nested-key", f.Name, fn.name, f.Name)
	}
	for _, name := range append(slices.Clone(fn.nestedKey), fn.nestedSeq...) {
		i := fieldIndex(f.Type.Elem.Fields, name)
		if i < 0 {
			return errs.Invalid("column %q: option nested-key or nested-sequence-field names %q, which is no field of %s", f.Name, name, f.Type.Elem)
		}
		if !columnar.HasOrder(f.Type.Elem.Fields[i].Type) {
			return errs.Unsupported("column %q: nested-key or nested-sequence-field %q of type %s", f.Name, name, f.Type.Elem.Fields[i].Type)
		}
	}
	return nil
}

func isNumber(r types.Root) bool {
	switch r {
	case types.Decimal, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double:
		return true
	}
	return false
}
