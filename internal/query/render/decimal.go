package render

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// DuckDB divides decimals as doubles, and adds and multiplies them within 18 or
// 38 digits. What does not fit that is computed here on the unscaled integers,
// in HUGEINT: exactly, rounding half up once at the end. A result that exceeds
// the dialect's type is null, as in Flink and Spark; an intermediate that
// exceeds HUGEINT is an error.

// operands of a decimal operation and the type of its result.
type decimalOperands struct {
	a, b           string
	p1, s1, p2, s2 int
	p, s           int // of the result
}

func (r *renderer) decimalOp(op string, l, rr val) val {
	o := decimalOperands{}
	o.p1, o.s1 = r.operandPrecision(l, rr)
	o.p2, o.s2 = r.operandPrecision(rr, l)
	t := decimalType(op, o.p1, o.s1, o.p2, o.s2)
	o.p, o.s = precision(t)
	o.a, o.b = decimalSQL(l, o.p1, o.s1), decimalSQL(rr, o.p2, o.s2)
	switch op {
	case "/":
		return val{sql: r.quotient(o, rr), t: t}
	case "%":
		return val{sql: r.remainder(o, rr, t), t: t}
	case "*":
		return val{sql: o.product(t), t: t}
	}
	return val{sql: o.sum(op, t), t: t}
}

func (o decimalOperands) product(t *ast.TypeName) string {
	if o.p1+o.p2 > 38 {
		n := "(" + unscaled(o.a, o.p1, o.s1) + " * " + unscaled(o.b, o.p2, o.s2) + ")"
		return o.result(n, o.s1+o.s2)
	}
	a := o.a
	if o.p1+o.p2 > 18 && o.p1 <= 18 && o.p2 <= 18 {
		a = fmt.Sprintf("CAST(%s AS DECIMAL(19,%d))", a, o.s1)
	}
	return fmt.Sprintf("CAST(%s * %s AS %s)", a, o.b, mustDuck(t))
}

func (o decimalOperands) sum(op string, t *ast.TypeName) string {
	s := max(o.s1, o.s2)
	w := max(o.p1-o.s1, o.p2-o.s2) + s + 1
	if w > 38 {
		n := fmt.Sprintf("(%s%s %s %s%s)", unscaled(o.a, o.p1, o.s1), times(s-o.s1), op, unscaled(o.b, o.p2, o.s2), times(s-o.s2))
		return o.result(n, s)
	}
	a := o.a
	if w > 18 {
		a = fmt.Sprintf("CAST(%s AS DECIMAL(%d,%d))", a, w, s)
	}
	return fmt.Sprintf("CAST(%s %s %s AS %s)", a, op, o.b, mustDuck(t))
}

// remainder brings both sides to one scale first: DuckDB's % on decimals of
// different types goes through doubles.
func (r *renderer) remainder(o decimalOperands, divisor val, t *ast.TypeName) string {
	s := max(o.s1, o.s2)
	w := max(o.p1-o.s1, o.p2-o.s2) + s
	if w <= 38 {
		d := fmt.Sprintf("DECIMAL(%d,%d)", w, s)
		return fmt.Sprintf("CAST(CAST(%s AS %s) %% %s AS %s)", o.a, d, r.zeroCheckedSQL("CAST("+o.b+" AS "+d+")", divisor), mustDuck(t))
	}
	n := "(" + unscaled(o.a, o.p1, o.s1) + times(s-o.s1) + ")"
	d := "(" + unscaled(o.b, o.p2, o.s2) + times(s-o.s2) + ")"
	return o.result("("+n+" % "+r.zeroCheckedSQL(d, divisor)+")", s)
}

// quotient: a/10^s1 / (b/10^s2), scaled by 10^s, is a*10^(s+s2-s1) / b.
func (r *renderer) quotient(o decimalOperands, divisor val) string {
	n, d := unscaled(o.a, o.p1, o.s1), unscaled(o.b, o.p2, o.s2)
	shift := o.s + o.s2 - o.s1
	if shift >= 0 {
		n = "(" + n + times(shift) + ")"
	} else {
		d = "(" + d + times(-shift) + ")"
	}
	return o.result("tarn_quot("+n+", "+r.zeroCheckedSQL(d, divisor)+")", o.s)
}

// result makes the DECIMAL(p,s) of an unscaled integer whose scale is from.
func (o decimalOperands) result(n string, from int) string {
	if from > o.s {
		n = "tarn_quot(" + n + ", " + power(from-o.s) + ")"
	}
	return scaled("tarn_fit("+n+", "+power(o.p)+")", o.p, o.s)
}

// largest is the greatest DECIMAL(p,s).
func largest(p, s int) string {
	return fmt.Sprintf("CAST('%s.%s' AS DECIMAL(%d,%d))", strings.Repeat("9", p-s), strings.Repeat("9", s), p, s)
}

func power(n int) string {
	return "CAST('1" + strings.Repeat("0", n) + "' AS HUGEINT)"
}

func times(n int) string {
	if n == 0 {
		return ""
	}
	return " * " + power(n)
}

// unscaled is a decimal's digits as HUGEINT.
func unscaled(sql string, p, s int) string {
	switch {
	case s == 0:
		return "CAST(" + sql + " AS HUGEINT)"
	case p+s+1 <= 38:
		return fmt.Sprintf("CAST(CAST(%s AS DECIMAL(%d,%d)) * CAST('1%s' AS DECIMAL(%d,0)) AS HUGEINT)", sql, max(p, 19), s, strings.Repeat("0", s), s+1)
	default:
		return "CAST(replace(CAST(" + sql + " AS VARCHAR), '.', '') AS HUGEINT)"
	}
}

// scaled is the decimal of the digits n, which has at most p of them.
func scaled(n string, p, s int) string {
	switch {
	case s == 0:
		return fmt.Sprintf("CAST(%s AS DECIMAL(%d,0))", n, p)
	case max(p, 19)+s <= 38:
		return fmt.Sprintf("CAST(CAST(%s AS DECIMAL(%d,0)) * CAST('0.%s1' AS DECIMAL(%d,%d)) AS DECIMAL(%d,%d))", n, max(p, 19), strings.Repeat("0", s-1), s, s, p, s)
	default:
		return fmt.Sprintf("CAST(tarn_point(%s, %d) AS DECIMAL(%d,%d))", n, s, p, s)
	}
}

func (r *renderer) zeroCheckedSQL(sql string, v val) string {
	v.sql = sql
	return r.zeroChecked(v)
}

// operandPrecision sees integers as decimals; Spark takes just the digits of a literal.
func (r *renderer) operandPrecision(v, other val) (int, int) {
	if isInt(v.t) && v.lit != nil && v.lit.Kind == ast.IntLit && r.d == ast.Spark && isDecimal(other.t) {
		return len(strings.TrimPrefix(v.lit.Text, "-")), 0
	}
	if r.d == ast.Flink && is(v.t, "BIGINT") {
		return 19, 0
	}
	return precision(v.t)
}

func decimalSQL(v val, p, s int) string {
	if isDecimal(v.t) {
		return v.sql
	}
	return fmt.Sprintf("CAST(%s AS DECIMAL(%d,%d))", v.sql, p, s)
}
