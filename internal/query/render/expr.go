package render

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// expr renders one expression with its type.
func (r *renderer) expr(s *scope, e ast.Expr) val {
	v := r.anyExpr(s, e)
	if len(v.sql) > maxText {
		r.fail(e, "put inner parts into a subquery or a WITH table", "expression is too large")
	}
	return v
}

func (r *renderer) anyExpr(s *scope, e ast.Expr) val {
	if r.depth++; r.depth > maxDepth {
		r.fail(e, "", "expression is nested too deeply")
	}
	defer func() { r.depth-- }()
	r.at = e
	switch e := e.(type) {
	case *ast.ColumnRef:
		return r.columnRef(s, e)
	case *ast.Literal:
		return r.literal(e)
	case *ast.Call:
		return r.call(s, e)
	case *ast.Binary:
		return r.binary(s, e)
	case *ast.Unary:
		return r.unary(s, e)
	case *ast.Cast:
		x := r.expr(s, e.X)
		r.strict = e.Try && r.d == ast.Spark
		r.at = e
		v := r.cast(x, e.Type, e.Try)
		r.strict = false
		v.sql = r.checked(e, v)
		return v
	case *ast.Case:
		return r.caseExpr(s, e)
	case *ast.Is, *ast.Between, *ast.In, *ast.Like, *ast.Exists, *ast.Quantified:
		return r.predicate(s, e)
	case *ast.Subquery:
		return r.scalarQuery(s, e)
	}
	return r.rareExpr(s, e)
}

// checked is a hook for values whose type DuckDB cannot hold.
func (r *renderer) checked(n ast.Node, v val) string {
	if v.t != nil {
		r.duck(n, v.t)
	}
	return v.sql
}

func (r *renderer) rareExpr(s *scope, e ast.Expr) val {
	switch e := e.(type) {
	case *ast.Interval:
		return r.interval(s, e)
	case *ast.Difference:
		return r.difference(s, e)
	case *ast.Extract:
		return r.extract(e, e.Unit, r.expr(s, e.X))
	case *ast.Trim:
		return r.trim(s, e)
	case *ast.Array:
		return r.array(s, e.Elems)
	case *ast.Map:
		return r.mapValue(s, e, e.Elems)
	case *ast.Row:
		return r.row(s, e)
	case *ast.Subscript:
		return r.subscript(s, e)
	case *ast.Field:
		return r.field(r.expr(s, e.X), e.Name, e)
	case *ast.Param:
		return r.param(s, e)
	case *ast.Var:
		return r.variable(e)
	case *ast.AtTimeZone:
		return r.atTimeZone(s, e)
	case *ast.Collate:
		return r.expr(s, e.X)
	case *ast.Lambda:
		r.fail(e, "", "a lambda can only be the argument of a function such as TRANSFORM or FILTER")
	case *ast.Star:
		r.fail(e, "", "* can only stand in SELECT and in COUNT(*)")
	case *ast.Word, *ast.NamedArg, *ast.TableArg:
		r.fail(e, "", "argument is not an expression here")
	}
	r.unsupported(e, fmt.Sprintf("%T", e), "")
	return val{}
}

func (r *renderer) literal(l *ast.Literal) val {
	v := val{lit: l}
	switch l.Kind {
	case ast.NullLit:
		v.sql, v.t = "NULL", typ("NULL")
	case ast.BoolLit:
		v.sql, v.t = l.Text, typ("BOOLEAN")
	case ast.IntLit, ast.DecimalLit, ast.FloatLit:
		return r.number(l)
	case ast.StringLit:
		v.sql, v.t = text(l.Text), typ("STRING")
	case ast.BytesLit:
		v.sql, v.t = "unhex('"+l.Text+"')", typ("BYTES")
	case ast.DateLit:
		v.sql, v.t = "CAST("+text(strings.TrimSpace(l.Text))+" AS DATE)", typ("DATE")
	case ast.TimeLit:
		v.sql, v.t = "CAST("+text(strings.TrimSpace(l.Text))+" AS TIME)", typ("TIME", fraction(l.Text))
	case ast.TimestampLit:
		p := fraction(l.Text)
		v.t = typ("TIMESTAMP", p)
		v.sql = "CAST(" + text(strings.TrimSpace(l.Text)) + " AS " + r.duck(l, v.t) + ")"
	case ast.TimestampLTZLit:
		v.sql, v.t = "CAST("+text(strings.TrimSpace(l.Text))+" AS TIMESTAMPTZ)", typ("TIMESTAMP_LTZ", 6)
	}
	return v
}

// fraction counts the digits behind the seconds.
func fraction(s string) int {
	s = strings.TrimSpace(s)
	_, f, ok := strings.Cut(s, ".")
	n := 0
	for ok && n < len(f) && f[n] >= '0' && f[n] <= '9' {
		n++
	}
	return min(n, 9)
}

func (r *renderer) number(l *ast.Literal) val {
	v := val{lit: l, sql: l.Text}
	switch l.Suffix {
	case "L":
		v.t = typ("BIGINT")
	case "S":
		v.t = typ("SMALLINT")
	case "Y":
		v.t = typ("TINYINT")
	case "D":
		v.t = typ("DOUBLE")
	case "F":
		v.t = typ("FLOAT")
	}
	if v.t != nil {
		v.sql = "CAST(" + l.Text + " AS " + r.duck(l, v.t) + ")"
		return v
	}
	switch {
	case l.Kind == ast.IntLit:
		if v.t = intLiteralType(l.Text); isDecimal(v.t) {
			if p, _ := precision(v.t); p > 38 {
				r.fail(l, "", "number %s has more than 38 digits", l.Text)
			}
			v.sql = "CAST('" + l.Text + "' AS " + r.duck(l, v.t) + ")"
		}
	case l.Kind == ast.FloatLit && l.Suffix != "BD":
		v.t, v.sql = typ("DOUBLE"), "CAST("+l.Text+" AS DOUBLE)"
	default:
		v.t = decimalLiteral(l.Text)
		if p, s := precision(v.t); p > 38 || s > p {
			r.fail(l, "", "number %s has more than 38 digits", l.Text)
		}
		v.sql = "CAST('" + l.Text + "' AS " + r.duck(l, v.t) + ")"
	}
	return v
}

// decimalLiteral is the type of 1.50: DECIMAL(3, 2).
func decimalLiteral(s string) *ast.TypeName {
	whole, frac, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	return decimalOf(max(len(whole)+len(frac), 1), len(frac))
}

func (r *renderer) caseExpr(s *scope, c *ast.Case) val {
	var b strings.Builder
	b.WriteString("CASE")
	var op val
	if c.Operand != nil {
		op = r.expr(s, c.Operand)
	}
	var results []val
	var agg bool
	conds := make([]string, len(c.Whens))
	for i, w := range c.Whens {
		if c.Operand == nil {
			conds[i] = r.condition(s, w.Cond)
		} else {
			conds[i] = r.compare(w.Cond, "=", op, r.expr(s, w.Cond))
		}
		results = append(results, r.expr(s, w.Result))
	}
	if c.Else != nil {
		results = append(results, r.expr(s, c.Else))
	}
	t := r.unify(c, results)
	for i := range c.Whens {
		b.WriteString(" WHEN " + conds[i] + " THEN " + results[i].sql)
	}
	if c.Else != nil {
		b.WriteString(" ELSE " + results[len(results)-1].sql)
	}
	for _, x := range results {
		agg = agg || x.agg
	}
	b.WriteString(" END")
	return val{sql: "(" + b.String() + ")", t: t, agg: agg}
}

// unify brings values to their common type, changing vs in place.
func (r *renderer) unify(at ast.Node, vs []val) *ast.TypeName {
	if len(vs) == 0 {
		return nil
	}
	t := vs[0].t
	for _, v := range vs[1:] {
		if t == nil || v.t == nil {
			t = nil
			break
		}
		t = r.meet(at, t, v.t)
	}
	if t == nil || is(t, "NULL") {
		return t
	}
	for i, v := range vs {
		if !sameType(v.t, t) && !is(v.t, "NULL") {
			vs[i] = r.cast(v, t, false)
			vs[i].agg = v.agg
		}
	}
	return t
}

func (r *renderer) scalarQuery(s *scope, e *ast.Subquery) val {
	sql, cols, known := r.query(s, e.Query)
	v := val{sql: "(" + sql + ")"}
	if known {
		if len(cols) != 1 {
			r.fail(e, "", "a subquery used as a value must have one column, this has %d", len(cols))
		}
		v.t = cols[0].Type
	}
	return v
}

func (r *renderer) array(s *scope, elems []ast.Expr) val {
	vs := make([]val, len(elems))
	parts := make([]string, len(elems))
	for i, e := range elems {
		vs[i] = r.expr(s, e)
	}
	var t *ast.TypeName
	if len(vs) > 0 {
		t = r.unify(elems[0], vs)
	}
	for i := range vs {
		parts[i] = vs[i].sql
		if i == 0 && isNumeric(t) && vs[i].lit != nil {
			parts[i] = "CAST(" + vs[i].sql + " AS " + r.duck(elems[i], t) + ")"
		}
	}
	return val{sql: "[" + strings.Join(parts, ", ") + "]", t: arrayOf(t)}
}

func (r *renderer) mapValue(s *scope, at ast.Node, elems []ast.Expr) val {
	if len(elems)%2 == 1 {
		r.fail(at, "", "MAP needs pairs of keys and values")
	}
	var keys, values []ast.Expr
	for i := 0; i < len(elems); i += 2 {
		keys = append(keys, elems[i])
		values = append(values, elems[i+1])
	}
	k, v := r.array(s, keys), r.array(s, values)
	return val{sql: "map_from_entries(list_zip(" + k.sql + ", " + v.sql + "))", t: mapOf(elem(k.t), elem(v.t))}
}

// row makes a struct; the fields have Flink's names EXPR$0... and are mostly
// renamed by a cast or an INSERT.
func (r *renderer) row(s *scope, e *ast.Row) val {
	t := &ast.TypeName{Name: "ROW"}
	parts := make([]string, len(e.Elems))
	for i, x := range e.Elems {
		v := r.expr(s, x)
		name := fmt.Sprintf("EXPR$%d", i)
		if r.d != ast.Flink {
			name = fmt.Sprintf("col%d", i+1)
		}
		sql := v.sql
		if v.lit != nil && isNumeric(v.t) {
			sql = "CAST(" + sql + " AS " + r.duck(x, v.t) + ")"
		}
		parts[i] = quote(name) + " := " + sql
		if t != nil && v.t != nil {
			t.Fields = append(t.Fields, ast.TypeField{Name: name, Type: v.t})
		} else {
			t = nil
		}
	}
	return val{sql: "struct_pack(" + strings.Join(parts, ", ") + ")", t: t}
}

// subscript: Flink and StarRocks count array elements from 1, as DuckDB does;
// Spark counts from 0.
func (r *renderer) subscript(s *scope, e *ast.Subscript) val {
	x, i := r.expr(s, e.X), r.expr(s, e.Index)
	if is(x.t, "MAP") {
		return val{sql: "(" + x.sql + ")[" + i.sql + "]", t: x.t.Elem[1]}
	}
	if is(x.t, "ROW") && i.lit != nil && i.lit.Kind == ast.IntLit {
		n := 0
		_, _ = fmt.Sscan(i.lit.Text, &n)
		if n < 1 || n > len(x.t.Fields) {
			r.fail(e, "", "the row has %d fields, not %s", len(x.t.Fields), i.lit.Text)
		}
		f := x.t.Fields[n-1]
		return val{sql: "(" + x.sql + ")." + quote(f.Name), t: f.Type}
	}
	if r.d == ast.Spark {
		if x.t == nil {
			r.fail(e, "use element_at", "the type of the subscripted value is not known")
		}
		return val{sql: "tarn_get(" + x.sql + ", " + i.sql + ")", t: elem(x.t)}
	}
	if r.d == ast.Flink && i.lit != nil && i.lit.Text == "0" {
		r.fail(e, "", "array indexes start at 1")
	}
	if r.d == ast.Flink && strings.HasPrefix(i.sql, "(-") && i.lit != nil {
		r.fail(e, "", "array indexes start at 1")
	}
	if r.d == ast.Flink && i.lit == nil {
		return val{sql: "tarn_flink_at(" + x.sql + ", " + i.sql + ")", t: elem(x.t)}
	}
	return val{sql: "tarn_at(" + x.sql + ", " + i.sql + ")", t: elem(x.t)}
}

func (r *renderer) variable(e *ast.Var) val {
	if r.opts.Var == nil {
		r.unsupported(e, "variable "+e.Name, "")
	}
	sql, err := r.opts.Var(e)
	if err != nil {
		panic(bailout{err})
	}
	return val{sql: sql}
}

func (r *renderer) trim(s *scope, e *ast.Trim) val {
	fn := map[string]string{"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}[e.Where]
	x := r.asText(r.expr(s, e.X))
	if e.Chars == nil {
		return val{sql: fn + "(" + x.sql + ", ' ')", t: typ("STRING")}
	}
	return val{sql: fn + "(" + x.sql + ", " + r.expr(s, e.Chars).sql + ")", t: typ("STRING")}
}

// asText casts to text what is not, where the dialect does so silently.
func (r *renderer) asText(v val) val {
	if v.t == nil || isText(v.t) || is(v.t, "NULL") {
		return v
	}
	return r.cast(v, typ("STRING"), false)
}
