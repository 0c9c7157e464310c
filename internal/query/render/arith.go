package render

import (
	"github.com/tarndb/tarn/internal/query/ast"
)

func (r *renderer) unary(s *scope, e *ast.Unary) val {
	if e.Op == "NOT" {
		return boolean("NOT " + r.condition(s, e.X))
	}
	if l, ok := e.X.(*ast.Literal); ok && e.Op == "-" && (l.Kind == ast.IntLit || l.Kind == ast.DecimalLit || l.Kind == ast.FloatLit) {
		return r.negative(l)
	}
	x := r.expr(s, e.X)
	switch {
	case e.Op == "~":
		return val{sql: "(~" + x.sql + ")", t: x.t}
	case isText(x.t):
		if r.d == ast.Flink {
			r.fail(e, "add a CAST", "%s of %s", e.Op, x.t.SQL())
		}
		x = r.cast(x, typ("DOUBLE"), true)
	}
	if e.Op == "+" {
		return x
	}
	if is(x.t, "INTERVAL") {
		return val{sql: "(-" + x.sql + ")", t: x.t}
	}
	if isInt(x.t) && r.d != ast.MySQL {
		return val{sql: wrap(x.t, "(-CAST("+x.sql+" AS "+wider(x.t)+"))"), t: x.t, agg: x.agg}
	}
	return val{sql: "(-" + x.sql + ")", t: x.t, agg: x.agg}
}

// negative folds the sign into a number, so that the smallest BIGINT stays one.
func (r *renderer) negative(l *ast.Literal) val {
	folded := *l
	v := r.number(&folded)
	if l.Kind == ast.IntLit && l.Suffix == "" {
		if l.Text == "2147483648" {
			v.t = typ("INT")
		}
		if l.Text == "9223372036854775808" {
			return val{sql: "CAST('-9223372036854775808' AS BIGINT)", t: typ("BIGINT"), lit: &ast.Literal{Kind: ast.IntLit, Text: "-" + l.Text}}
		}
	}
	return val{sql: "(-" + v.sql + ")", t: v.t, lit: &ast.Literal{Pos: l.Pos, Kind: l.Kind, Text: "-" + l.Text}}
}

// wider is the DuckDB type in which arithmetic on t cannot overflow.
func wider(t *ast.TypeName) string {
	if is(t, "BIGINT") {
		return "HUGEINT"
	}
	return "BIGINT"
}

// wrap brings a wider result back to t the way Java does: it wraps around.
func wrap(t *ast.TypeName, sql string) string {
	switch t.Name {
	case "TINYINT":
		return "tarn_i8(" + sql + ")"
	case "SMALLINT":
		return "tarn_i16(" + sql + ")"
	case "INT":
		return "tarn_i32(" + sql + ")"
	}
	return "tarn_i64(" + sql + ")"
}

func (r *renderer) binary(s *scope, e *ast.Binary) val {
	switch e.Op {
	case "AND", "OR":
		return boolean(r.condition(s, e.L) + " " + e.Op + " " + r.condition(s, e.R))
	case "XOR":
		return boolean(r.condition(s, e.L) + " <> " + r.condition(s, e.R))
	case "OVERLAPS", "CONTAINS", "PRECEDES", "SUCCEEDS", "EQUALS":
		return r.period(s, e)
	}
	l, rr := r.expr(s, e.L), r.expr(s, e.R)
	agg := l.agg || rr.agg
	var v val
	switch e.Op {
	case "=", "<>", "<", "<=", ">", ">=":
		v = val{sql: r.compare(e, e.Op, l, rr), t: typ("BOOLEAN")}
	case "<=>":
		a, b := r.comparable(e, l, rr)
		v = boolean(a + " IS NOT DISTINCT FROM " + b)
	case "||":
		v = r.concat(e, l, rr)
	case "->", "->>":
		v = r.jsonArrow(e.Op, l, rr)
	case "&", "|", "^", "<<", ">>":
		v = r.bits(e, l, rr)
	default:
		v = r.arithmetic(e, e.Op, l, rr)
	}
	v.agg = agg
	return v
}

func (r *renderer) concat(e ast.Node, l, rr val) val {
	switch {
	case is(l.t, "ARRAY") && is(rr.t, "ARRAY"):
		return val{sql: "(" + l.sql + " || " + rr.sql + ")", t: common(l.t, rr.t)}
	case isBinary(l.t) && isBinary(rr.t):
		return val{sql: "(" + l.sql + " || " + rr.sql + ")", t: typ("BYTES")}
	}
	for _, v := range []val{l, rr} {
		if r.d == ast.Flink && v.t != nil && !isText(v.t) && !is(v.t, "NULL") {
			r.fail(e, "CAST it AS STRING", "|| joins texts, this is %s", v.t.SQL())
		}
	}
	return val{sql: "(" + r.asText(l).sql + " || " + r.asText(rr).sql + ")", t: typ("STRING")}
}

func (r *renderer) jsonArrow(op string, l, rr val) val {
	fn := "tarn_json_get"
	if op == "->>" {
		fn = "tarn_json_text"
	}
	return val{sql: fn + "(" + l.sql + ", " + rr.sql + ")", t: typ("STRING")}
}

func (r *renderer) bits(e *ast.Binary, l, rr val) val {
	t := common(l.t, rr.t)
	if t != nil && !isInt(t) && !is(t, "NULL") {
		r.fail(e, "", "%s needs integers, not %s", e.Op, t.SQL())
	}
	if r.d == ast.MySQL {
		t = typ("BIGINT")
	}
	switch e.Op {
	case "^":
		return val{sql: "xor(" + l.sql + ", " + rr.sql + ")", t: t}
	case "<<", ">>":
		return val{sql: "(CAST(" + l.sql + " AS BIGINT) " + e.Op + " " + rr.sql + ")", t: typ("BIGINT")}
	}
	return val{sql: "(" + l.sql + " " + e.Op + " " + rr.sql + ")", t: t}
}

// arithmetic renders + - * / % DIV.
func (r *renderer) arithmetic(e ast.Node, op string, l, rr val) val {
	if isTime(l.t) || isTime(rr.t) || is(l.t, "INTERVAL") || is(rr.t, "INTERVAL") {
		return r.timeArithmetic(e, op, l, rr)
	}
	l, rr = r.numeric(e, op, l), r.numeric(e, op, rr)
	switch {
	case is(l.t, "NULL") && is(rr.t, "NULL"):
		return val{sql: "NULL", t: typ("NULL")}
	case is(l.t, "NULL"):
		l.t = rr.t
	case is(rr.t, "NULL"):
		rr.t = l.t
	}
	switch {
	case l.t == nil || rr.t == nil:
		return r.untyped(op, l, rr)
	case op == "DIV":
		return r.integerQuotient(l, rr)
	case isFloat(l.t) || isFloat(rr.t):
		return r.floatOp(op, l, rr)
	case op == "/" && r.d != ast.Flink && isInt(l.t) && isInt(rr.t):
		return r.floatOp(op, l, rr)
	case isDecimal(l.t) || isDecimal(rr.t):
		return r.decimalOp(op, l, rr)
	}
	return r.intOp(op, l, rr)
}

// numeric checks one operand; text becomes DOUBLE in Spark and MySQL.
func (r *renderer) numeric(e ast.Node, op string, v val) val {
	switch {
	case v.t == nil || isNumeric(v.t) || is(v.t, "NULL"):
		return v
	case isText(v.t) && r.d != ast.Flink:
		return r.cast(v, typ("DOUBLE"), true)
	case is(v.t, "BOOLEAN") && r.d == ast.MySQL:
		return val{sql: "CAST(" + v.sql + " AS INTEGER)", t: typ("INT")}
	}
	r.fail(e, "add a CAST", "%s cannot be applied to %s", op, v.t.SQL())
	return v
}

// untyped is arithmetic on columns whose types are not known. DuckDB's // is
// integer division on integers and plain division on all else, which is what
// Flink's / means.
func (r *renderer) untyped(op string, l, rr val) val {
	switch {
	case op == "/" && r.d == ast.Flink:
		return val{sql: "tarn_div_any(" + l.sql + ", " + rr.sql + ")"}
	case op == "/":
		return val{sql: "(" + l.sql + " / nullif(" + rr.sql + ", 0))"}
	case op == "DIV":
		return val{sql: "CAST(trunc(" + l.sql + " / nullif(" + rr.sql + ", 0)) AS BIGINT)", t: typ("BIGINT")}
	case op == "%":
		return val{sql: "(" + l.sql + " % nullif(" + rr.sql + ", 0))"}
	}
	return val{sql: "(" + l.sql + " " + op + " " + rr.sql + ")"}
}

// integerQuotient is a DIV b: BIGINT, null on zero.
func (r *renderer) integerQuotient(l, rr val) val {
	if isInt(l.t) && isInt(rr.t) {
		return val{sql: "(CAST(" + l.sql + " AS BIGINT) // " + rr.sql + ")", t: typ("BIGINT")}
	}
	return val{sql: "CAST(trunc(" + l.sql + " / nullif(" + rr.sql + ", 0)) AS BIGINT)", t: typ("BIGINT")}
}

// floatOp computes in DOUBLE, or in FLOAT when both sides are. Flink divides by
// zero as IEEE says; Spark and MySQL give null.
func (r *renderer) floatOp(op string, l, rr val) val {
	t := typ("DOUBLE")
	if is(l.t, "FLOAT") && is(rr.t, "FLOAT") {
		t = typ("FLOAT")
	}
	a, b := r.cast(l, t, false).sql, r.cast(rr, t, false).sql
	if (op == "/" || op == "%") && r.d != ast.Flink && !nonZero(rr) {
		b = "nullif(" + b + ", 0)"
	}
	if op == "%" {
		return val{sql: "tarn_fmod(" + a + ", " + b + ")", t: t}
	}
	return val{sql: "(" + a + " " + op + " " + b + ")", t: t}
}

func nonZero(v val) bool {
	if v.lit == nil {
		return false
	}
	for _, c := range v.lit.Text {
		if c >= '1' && c <= '9' {
			return true
		}
	}
	return false
}

// zeroChecked is a divisor: zero is an error in Flink and null elsewhere.
func (r *renderer) zeroChecked(v val) string {
	switch {
	case nonZero(v):
		return v.sql
	case r.d == ast.Flink:
		return "tarn_nonzero(" + v.sql + ")"
	}
	return "nullif(" + v.sql + ", 0)"
}

func (r *renderer) intOp(op string, l, rr val) val {
	t := typ(intNames[max(intRank(l.t), intRank(rr.t))])
	if r.d == ast.MySQL {
		// MySQL's integer arithmetic is BIGINT and an overflow is an error.
		return val{sql: "(CAST(" + l.sql + " AS BIGINT) " + op + " " + r.divisor(op, rr) + ")", t: typ("BIGINT")}
	}
	a := "CAST(" + l.sql + " AS " + wider(t) + ")"
	switch op {
	case "%":
		if r.d == ast.Flink {
			t = rr.t // MOD has the type of its second argument
		}
		return val{sql: "CAST(" + a + " % " + r.zeroChecked(rr) + " AS " + mustDuck(t) + ")", t: t}
	case "/":
		if nonZero(rr) && rr.lit.Text[0] != '-' {
			return val{sql: "CAST(" + l.sql + " // " + rr.sql + " AS " + mustDuck(t) + ")", t: t}
		}
		return val{sql: wrap(t, "("+a+" // "+r.zeroChecked(rr)+")"), t: t}
	}
	return val{sql: wrap(t, "("+a+" "+op+" "+rr.sql+")"), t: t}
}

func (r *renderer) divisor(op string, v val) string {
	if op == "%" && !nonZero(v) {
		return "nullif(" + v.sql + ", 0)"
	}
	return v.sql
}

// mustDuck is for types that the renderer made itself.
func mustDuck(t *ast.TypeName) string {
	s, err := DuckType(t)
	if err != nil {
		panic(bailout{err})
	}
	return s
}

// decimalType is the result type of an operation on two decimals, with the
// rules that Flink and Spark share with Hive.
func decimalType(op string, p1, s1, p2, s2 int) *ast.TypeName {
	switch op {
	case "*":
		return boundDecimal(p1+p2+1, s1+s2)
	case "/":
		s := max(6, s1+p2+1)
		return boundDecimal(p1-s1+s2+s, s)
	case "%":
		return boundDecimal(min(p1-s1, p2-s2)+max(s1, s2), max(s1, s2))
	}
	return boundDecimal(max(p1-s1, p2-s2)+max(s1, s2)+1, max(s1, s2))
}
