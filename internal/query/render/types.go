package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

func typ(name string, args ...int) *ast.TypeName { return &ast.TypeName{Name: name, Args: args} }

func decimalOf(p, s int) *ast.TypeName { return typ("DECIMAL", p, s) }

func arrayOf(t *ast.TypeName) *ast.TypeName {
	if t == nil {
		return nil
	}
	return &ast.TypeName{Name: "ARRAY", Elem: []*ast.TypeName{t}}
}

func mapOf(k, v *ast.TypeName) *ast.TypeName {
	if k == nil || v == nil {
		return nil
	}
	return &ast.TypeName{Name: "MAP", Elem: []*ast.TypeName{k, v}}
}

// elem is the type of an array's elements, or nil.
func elem(t *ast.TypeName) *ast.TypeName {
	if t != nil && (t.Name == "ARRAY" || t.Name == "MULTISET") && len(t.Elem) == 1 {
		return t.Elem[0]
	}
	return nil
}

func is(t *ast.TypeName, names ...string) bool {
	if t == nil {
		return false
	}
	for _, n := range names {
		if t.Name == n {
			return true
		}
	}
	return false
}

// intRank orders the integer types; 0 for others.
func intRank(t *ast.TypeName) int {
	if t == nil {
		return 0
	}
	switch t.Name {
	case "TINYINT":
		return 1
	case "SMALLINT":
		return 2
	case "INT":
		return 3
	case "BIGINT":
		return 4
	}
	return 0
}

var intNames = [...]string{"", "TINYINT", "SMALLINT", "INT", "BIGINT"}

func isInt(t *ast.TypeName) bool     { return intRank(t) > 0 }
func isFloat(t *ast.TypeName) bool   { return is(t, "FLOAT", "DOUBLE") }
func isDecimal(t *ast.TypeName) bool { return is(t, "DECIMAL") }
func isNumeric(t *ast.TypeName) bool { return isInt(t) || isFloat(t) || isDecimal(t) }
func isText(t *ast.TypeName) bool    { return is(t, "STRING", "VARCHAR", "CHAR") }
func isBinary(t *ast.TypeName) bool  { return is(t, "BYTES", "BINARY", "VARBINARY") }
func isStamp(t *ast.TypeName) bool   { return is(t, "TIMESTAMP", "TIMESTAMP_LTZ") }
func isTime(t *ast.TypeName) bool    { return is(t, "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ") }

// precision and scale of a decimal, or of an integer seen as a decimal.
func precision(t *ast.TypeName) (p, s int) {
	switch t.Name {
	case "TINYINT":
		return 3, 0
	case "SMALLINT":
		return 5, 0
	case "INT":
		return 10, 0
	case "BIGINT":
		return 20, 0
	}
	p, s = 10, 0
	if len(t.Args) > 0 {
		p = t.Args[0]
	}
	if len(t.Args) > 1 {
		s = t.Args[1]
	}
	return p, s
}

// arg is the i-th type argument, or def.
func arg(t *ast.TypeName, i, def int) int {
	if t != nil && len(t.Args) > i {
		return t.Args[i]
	}
	return def
}

// boundDecimal fits a decimal into 38 digits, as Hive, Spark and Flink do: the
// digits before the point are kept and the scale gives way, down to 6.
func boundDecimal(p, s int) *ast.TypeName {
	if p <= 38 {
		return decimalOf(max(p, 1), s)
	}
	return decimalOf(38, max(38-(p-s), min(s, 6)))
}

// DuckType gives DuckDB's name for a type.
func DuckType(t *ast.TypeName) (string, error) {
	switch t.Name {
	case "BOOLEAN", "TINYINT", "SMALLINT", "BIGINT", "DOUBLE", "DATE", "TIME", "INTERVAL":
		return t.Name, nil
	case "INT":
		return "INTEGER", nil
	case "FLOAT":
		return "REAL", nil
	case "DECIMAL":
		p, s := precision(t)
		if p < 1 || p > 38 || s > p {
			return "", fmt.Errorf("type %s: precision must be 1 to 38 and scale at most the precision", t.SQL())
		}
		return fmt.Sprintf("DECIMAL(%d,%d)", p, s), nil
	case "STRING", "VARCHAR", "CHAR":
		return "VARCHAR", nil
	case "BYTES", "BINARY", "VARBINARY":
		return "BLOB", nil
	case "TIMESTAMP":
		if arg(t, 0, 6) > 6 {
			return "TIMESTAMP_NS", nil
		}
		return "TIMESTAMP", nil
	case "TIMESTAMP_LTZ":
		return "TIMESTAMPTZ", nil
	case "NULL":
		return `"NULL"`, nil
	case "ARRAY", "MAP", "MULTISET", "ROW":
		return duckNested(t)
	}
	return "", fmt.Errorf("type %s cannot be used in a query", t.SQL())
}

func duckNested(t *ast.TypeName) (string, error) {
	var parts []string
	for _, e := range t.Elem {
		s, err := DuckType(e)
		if err != nil {
			return "", err
		}
		parts = append(parts, s)
	}
	switch {
	case t.Name == "ARRAY" && len(parts) == 1:
		return parts[0] + "[]", nil
	case t.Name == "MULTISET" && len(parts) == 1:
		return "MAP(" + parts[0] + ", INTEGER)", nil
	case t.Name == "MAP" && len(parts) == 2:
		return "MAP(" + parts[0] + ", " + parts[1] + ")", nil
	case t.Name == "ROW" && len(t.Fields) > 0:
		for _, f := range t.Fields {
			s, err := DuckType(f.Type)
			if err != nil {
				return "", err
			}
			parts = append(parts, quote(f.Name)+" "+s)
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")", nil
	}
	return "", fmt.Errorf("type %s cannot be used in a query", t.SQL())
}

// duck is DuckType or an error at n.
func (r *renderer) duck(n ast.Node, t *ast.TypeName) string {
	s, err := DuckType(t)
	if err != nil {
		r.fail(n, "", "%v", err)
	}
	return s
}

// common is the type that values of two types meet in (UNION, CASE, COALESCE,
// IN, array elements); nil when unknown or when they do not meet.
func common(a, b *ast.TypeName) *ast.TypeName {
	switch {
	case is(a, "NULL"):
		return b
	case is(b, "NULL"):
		return a
	case a == nil || b == nil:
		return nil
	case isInt(a) && isInt(b):
		return typ(intNames[max(intRank(a), intRank(b))])
	case isFloat(a) && isFloat(b) || isNumeric(a) && isNumeric(b) && (isFloat(a) || isFloat(b)):
		if is(a, "FLOAT") && is(b, "FLOAT") {
			return a
		}
		return typ("DOUBLE")
	case isNumeric(a) && isNumeric(b):
		p1, s1 := precision(a)
		p2, s2 := precision(b)
		s := max(s1, s2)
		return boundDecimal(max(p1-s1, p2-s2)+s, s)
	case isText(a) && isText(b):
		return typ("STRING")
	case isBinary(a) && isBinary(b):
		return typ("BYTES")
	case isTime(a) && isTime(b):
		return meetTime(a, b)
	case a.Name == b.Name:
		return commonNested(a, b)
	}
	return nil
}

func meetTime(a, b *ast.TypeName) *ast.TypeName {
	switch {
	case a.Name == b.Name:
		if arg(a, 0, 6) >= arg(b, 0, 6) {
			return a
		}
		return b
	case is(a, "TIME") || is(b, "TIME"):
		return nil
	case is(a, "TIMESTAMP_LTZ") || is(b, "TIMESTAMP_LTZ"):
		return typ("TIMESTAMP_LTZ", max(arg(a, 0, 6), arg(b, 0, 6)))
	case is(a, "TIMESTAMP"):
		return a
	default:
		return b
	}
}

func commonNested(a, b *ast.TypeName) *ast.TypeName {
	out := &ast.TypeName{Name: a.Name}
	if len(a.Elem) != len(b.Elem) || len(a.Fields) != len(b.Fields) {
		return nil
	}
	for i := range a.Elem {
		e := common(a.Elem[i], b.Elem[i])
		if e == nil {
			return nil
		}
		out.Elem = append(out.Elem, e)
	}
	for i := range a.Fields {
		f := common(a.Fields[i].Type, b.Fields[i].Type)
		if f == nil {
			return nil
		}
		out.Fields = append(out.Fields, ast.TypeField{Name: a.Fields[i].Name, Type: f})
	}
	return out
}

func sameType(a, b *ast.TypeName) bool {
	if a == nil || b == nil {
		return false
	}
	if isText(a) && isText(b) {
		return true
	}
	return a.SQL() == b.SQL()
}

// intLiteralType is the type of an integer literal: the smallest of INT,
// BIGINT and DECIMAL that holds it.
func intLiteralType(digits string) *ast.TypeName {
	if _, err := strconv.ParseInt(digits, 10, 32); err == nil {
		return typ("INT")
	}
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return typ("BIGINT")
	}
	return decimalOf(len(strings.TrimLeft(digits, "0")), 0)
}
