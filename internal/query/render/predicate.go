package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

func boolean(sql string) val { return val{sql: "(" + sql + ")", t: typ("BOOLEAN")} }

func not(b bool) string {
	if b {
		return "NOT "
	}
	return ""
}

func (r *renderer) predicate(s *scope, e ast.Expr) val {
	switch e := e.(type) {
	case *ast.Is:
		return r.is(s, e)
	case *ast.Between:
		return r.between(s, e)
	case *ast.In:
		return r.in(s, e)
	case *ast.Like:
		return r.like(s, e)
	case *ast.Exists:
		sql, _, _ := r.query(s, e.Query)
		return boolean("EXISTS (" + sql + ")")
	case *ast.Quantified:
		l := r.expr(s, e.L)
		sql, cols, _ := r.query(s, e.Query)
		r.oneColumn(e, cols)
		kind := "ANY"
		if e.All {
			kind = "ALL"
		}
		return boolean(l.sql + " " + e.Op + " " + kind + " (" + sql + ")")
	}
	return val{}
}

func (r *renderer) oneColumn(at ast.Node, cols []Column) {
	if len(cols) > 1 {
		r.fail(at, "", "the subquery must have one column, this has %d", len(cols))
	}
}

func (r *renderer) is(s *scope, e *ast.Is) val {
	x := r.expr(s, e.X)
	switch e.Kind {
	case "NULL":
		return boolean(x.sql + " IS " + not(e.Not) + "NULL")
	case "TRUE", "FALSE":
		return boolean(x.sql + " IS " + not(e.Not) + e.Kind)
	case "UNKNOWN":
		return boolean(x.sql + " IS " + not(e.Not) + "NULL")
	case "DISTINCT FROM":
		y := r.expr(s, e.Y)
		a, b := r.comparable(e, x, y)
		return boolean(a + " IS " + not(e.Not) + "DISTINCT FROM " + b)
	}
	kind := strings.TrimSpace(strings.TrimPrefix(e.Kind, "JSON"))
	test := "tarn_is_json(" + x.sql + ")"
	switch kind {
	case "OBJECT", "ARRAY":
		test = "(" + test + " AND json_type(" + x.sql + ") = '" + kind + "')"
	case "SCALAR":
		test = "(" + test + " AND json_type(" + x.sql + ") NOT IN ('OBJECT', 'ARRAY'))"
	}
	return boolean(not(e.Not) + test)
}

func (r *renderer) between(s *scope, e *ast.Between) val {
	x, lo, hi := r.expr(s, e.X), r.expr(s, e.Low), r.expr(s, e.High)
	xl, l := r.comparable(e, x, lo)
	xh, h := r.comparable(e, x, hi)
	if e.Symmetric {
		return boolean(not(e.Not) + "((" + xl + " BETWEEN " + l + " AND " + h + ") OR (" + xl + " BETWEEN " + h + " AND " + l + "))")
	}
	if xl == xh {
		return boolean(xl + " " + not(e.Not) + "BETWEEN " + l + " AND " + h)
	}
	return boolean(not(e.Not) + "(" + xl + " >= " + l + " AND " + xh + " <= " + h + ")")
}

func (r *renderer) in(s *scope, e *ast.In) val {
	x := r.expr(s, e.X)
	if e.Query != nil {
		sql, cols, known := r.query(s, e.Query)
		if _, row := e.X.(*ast.Row); !row {
			r.oneColumn(e, cols)
			if known && len(cols) == 1 && cols[0].Type != nil && x.t != nil && common(x.t, cols[0].Type) == nil {
				r.fail(e, "add a CAST", "types %s and %s do not go together", x.t.SQL(), cols[0].Type.SQL())
			}
		}
		return boolean(x.sql + " " + not(e.Not) + "IN (" + sql + ")")
	}
	parts := make([]string, len(e.List))
	left := ""
	for i, item := range e.List {
		v := r.expr(s, item)
		a, b := r.comparable(item, x, v)
		if left != "" && a != left {
			return r.inByOne(s, e, x)
		}
		left, parts[i] = a, b
	}
	return boolean(left + " " + not(e.Not) + "IN (" + strings.Join(parts, ", ") + ")")
}

// inByOne is for lists whose items have to be compared in different types.
func (r *renderer) inByOne(s *scope, e *ast.In, x val) val {
	parts := make([]string, len(e.List))
	for i, item := range e.List {
		parts[i] = r.compare(item, "=", x, r.expr(s, item))
	}
	return boolean(not(e.Not) + "(" + strings.Join(parts, " OR ") + ")")
}

func (r *renderer) like(s *scope, e *ast.Like) val {
	x := r.asText(r.expr(s, e.X))
	if e.Quantifier != "" {
		parts := make([]string, len(e.List))
		for i, p := range e.List {
			parts[i] = "tarn_like(" + x.sql + ", " + r.expr(s, p).sql + ")"
		}
		op := map[string]string{"ANY": " OR ", "ALL": " AND "}[e.Quantifier]
		return boolean(not(e.Not) + "(" + strings.Join(parts, op) + ")")
	}
	p := r.asText(r.expr(s, e.Pattern))
	switch e.Op {
	case "RLIKE":
		return boolean(not(e.Not) + "regexp_matches(" + x.sql + ", " + p.sql + ")")
	case "SIMILAR TO":
		return boolean(not(e.Not) + "regexp_full_match(" + x.sql + ", tarn_similar(" + p.sql + "), 's')")
	}
	op := e.Op
	if e.Escape != nil {
		return boolean(x.sql + " " + not(e.Not) + op + " " + p.sql + " ESCAPE " + r.expr(s, e.Escape).sql)
	}
	if r.d == ast.Flink {
		return boolean(x.sql + " " + not(e.Not) + op + " " + p.sql)
	}
	// Spark and MySQL escape with a backslash unless told otherwise.
	return boolean(x.sql + " " + not(e.Not) + op + " " + p.sql + ` ESCAPE '\'`)
}

// compare renders l op r with the dialect's coercion.
func (r *renderer) compare(at ast.Node, op string, l, rr val) string {
	a, b := r.comparable(at, l, rr)
	return "(" + a + " " + op + " " + b + ")"
}

// comparable brings both sides to one type: text gives way to numbers and
// times, as in all three engines; MySQL compares text with numbers as doubles.
func (r *renderer) comparable(at ast.Node, l, rr val) (string, string) {
	if l.t == nil || rr.t == nil {
		return r.comparableUntyped(l, rr)
	}
	if is(l.t, "NULL") || is(rr.t, "NULL") {
		return l.sql, rr.sql
	}
	switch {
	case isText(l.t) && isText(rr.t), isNumeric(l.t) && isNumeric(rr.t):
		return r.comparableNumbers(l, rr)
	case isText(l.t):
		return r.fromText(at, l, rr.t).sql, r.compareSide(rr, l).sql
	case isText(rr.t):
		return r.compareSide(l, rr).sql, r.fromText(at, rr, l.t).sql
	case r.d == ast.MySQL && is(l.t, "BOOLEAN") && isNumeric(rr.t):
		return "CAST(" + l.sql + " AS INTEGER)", rr.sql
	case r.d == ast.MySQL && is(rr.t, "BOOLEAN") && isNumeric(l.t):
		return l.sql, "CAST(" + rr.sql + " AS INTEGER)"
	case isTime(l.t) && isTime(rr.t):
		if c := meetTime(l.t, rr.t); c != nil {
			return r.cast(l, c, false).sql, r.cast(rr, c, false).sql
		}
	}
	if common(l.t, rr.t) == nil && r.d == ast.Flink && l.t.Name != rr.t.Name {
		r.fail(at, "add a CAST", "%s cannot be compared with %s", l.t.SQL(), rr.t.SQL())
	}
	return l.sql, rr.sql
}

// comparableUntyped: a column of unknown type may be text that MySQL and Spark
// compare with a time; as a timestamp it compares either way.
func (r *renderer) comparableUntyped(l, rr val) (string, string) {
	if r.d != ast.Flink && (is(l.t, "DATE", "TIMESTAMP") || is(rr.t, "DATE", "TIMESTAMP")) {
		return "TRY_CAST(" + l.sql + " AS TIMESTAMP)", "TRY_CAST(" + rr.sql + " AS TIMESTAMP)"
	}
	return l.sql, rr.sql
}

// comparableNumbers compares decimals with floats as doubles, exactly else.
func (r *renderer) comparableNumbers(l, rr val) (string, string) {
	if isFloat(l.t) != isFloat(rr.t) && (isDecimal(l.t) || isDecimal(rr.t)) {
		return r.cast(l, typ("DOUBLE"), false).sql, r.cast(rr, typ("DOUBLE"), false).sql
	}
	return l.sql, rr.sql
}

// fromText casts text for a comparison with a value of type other. Where the
// text is bad, Flink fails, Spark and MySQL compare with null.
func (r *renderer) fromText(at ast.Node, v val, other *ast.TypeName) val {
	target := other
	switch {
	case isNumeric(other) && (r.d == ast.MySQL || isDecimal(other)):
		target = typ("DOUBLE")
	case is(other, "DATE") && r.d == ast.MySQL:
		target = typ("TIMESTAMP", 6)
	case is(other, "TIMESTAMP"):
		target = typ("TIMESTAMP", 6)
	case !isNumeric(other) && !isTime(other) && !is(other, "BOOLEAN"):
		if r.d == ast.Flink {
			r.fail(at, "add a CAST", "%s cannot be compared with %s", v.t.SQL(), other.SQL())
		}
		return v
	}
	return r.cast(v, target, r.d != ast.Flink)
}

func (r *renderer) compareSide(v, text val) val {
	switch {
	case isNumeric(v.t) && (r.d == ast.MySQL || isDecimal(v.t)):
		return r.cast(v, typ("DOUBLE"), false)
	case is(v.t, "DATE") && r.d == ast.MySQL:
		return r.cast(v, typ("TIMESTAMP", 6), false)
	}
	return v
}
