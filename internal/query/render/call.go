package render

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// fn describes one function of a dialect.
//
// sql is a template: $1, $2... are arguments, $* all of them. Templates for
// growing numbers of arguments, from min on, are separated by " ;; "; the last
// one serves the rest. t names the result type: a type, "=1" for that of
// argument 1, "[1" for an array of it, "]1" for the element of it, "~" for the
// common type of all, to which they are brought, "" for unknown.
//
// args has a letter for each argument, the last one for the rest: s text,
// t timestamp, d date, f double, i integer, b boolean, . as it is.
//
// do replaces the template.
type fn struct {
	min, max int // max -1: any number
	args     string
	sql      string
	t        string
	do       func(c *call) val
	agg      bool // aggregate: DISTINCT, FILTER, OVER and ORDER BY are allowed
	window   bool // needs OVER
	lambda   bool // do renders the arguments itself
}

// call is one function call being rendered.
type call struct {
	r    *renderer
	s    *scope
	e    *ast.Call
	name string
	args []val
}

func (r *renderer) call(s *scope, e *ast.Call) val {
	name := strings.ToUpper(e.Name.Last())
	if len(e.Name.Parts) > 1 {
		r.unsupported(e, "function "+e.Name.String(), "functions have no database")
	}
	if f, ok := r.opts.Functions[name]; ok {
		return r.registered(s, e, name, f)
	}
	f, ok := r.lookupFunction(name)
	if !ok {
		r.unknownFunction(e, name)
	}
	c := &call{r: r, s: s, e: e, name: name}
	if n := len(e.Args); n < f.min || f.max >= 0 && n > f.max {
		r.fail(e, "", "%s takes %s, not %d", name, counts(f.min, f.max), n)
	}
	r.checkModifiers(e, name, f)
	if f.lambda {
		return f.do(c)
	}
	for i, a := range e.Args {
		c.args = append(c.args, c.argument(f, i, a))
	}
	var v val
	switch {
	case f.do != nil:
		v = f.do(c)
	default:
		v = c.template(f)
	}
	v.agg = f.agg || v.agg
	for _, a := range c.args {
		v.agg = v.agg || a.agg
	}
	return v
}

func counts(lo, hi int) string {
	switch {
	case lo == hi:
		return strconv.Itoa(lo) + " arguments"
	case hi < 0:
		return "at least " + strconv.Itoa(lo) + " arguments"
	}
	return strconv.Itoa(lo) + " to " + strconv.Itoa(hi) + " arguments"
}

func (r *renderer) checkModifiers(e *ast.Call, name string, f *fn) {
	if f.agg {
		if f.window && e.Over == nil {
			r.fail(e, "write "+name+"(...) OVER (...)", "%s needs OVER", name)
		}
		return
	}
	if e.Distinct || e.Filter != nil || e.Over != nil || len(e.OrderBy)+len(e.WithinGroup) > 0 || e.RespectNulls != "" {
		r.fail(e, "", "%s is no aggregate function: DISTINCT, FILTER, ORDER BY and OVER do not apply", name)
	}
}

// registered renders a function that the caller bound by CREATE FUNCTION.
func (r *renderer) registered(s *scope, e *ast.Call, name string, f Function) val {
	if n := len(e.Args); n < f.MinArgs || n > f.MaxArgs {
		r.fail(e, "", "%s takes %s, not %d", name, counts(f.MinArgs, f.MaxArgs), n)
	}
	parts := make([]string, len(e.Args))
	for i, a := range e.Args {
		parts[i] = r.expr(s, a).sql
	}
	return val{sql: f.SQL + "(" + strings.Join(parts, ", ") + ")", t: f.Type}
}

func (r *renderer) unknownFunction(e *ast.Call, name string) {
	var names []string
	for _, m := range r.fns {
		for n := range m {
			names = append(names, n)
		}
	}
	for n := range r.opts.Functions {
		names = append(names, n)
	}
	best := ast.Nearest(name, sorted(names))
	hint := ""
	if best != "" {
		hint = "did you mean " + best + "?"
	}
	r.fail(e, hint, "function %s does not exist", name)
}

// argument renders the i-th argument with the coercion that f asks for.
func (c *call) argument(f *fn, i int, e ast.Expr) val {
	r := c.r
	switch e := e.(type) {
	case *ast.Word:
		return val{sql: e.Name, lit: &ast.Literal{Pos: e.Pos, Kind: ast.StringLit, Text: e.Name}}
	case *ast.Star:
		if c.name != "COUNT" {
			r.fail(e, "", "%s(*) has no meaning", c.name)
		}
		return val{sql: "*"}
	case *ast.NamedArg:
		r.unsupported(e, "named argument "+e.Name.Name+" of "+c.name, "give arguments by position")
	}
	v := r.expr(c.s, e)
	letter := byte('.')
	if len(f.args) > 0 {
		letter = f.args[min(i, len(f.args)-1)]
	}
	switch letter {
	case 's':
		v = c.text(e, v)
	case 't':
		v = val{sql: r.stamp(e, v), t: v.t, lit: v.lit, agg: v.agg}
	case 'd':
		v = c.date(e, v)
	case 'f':
		v = c.number(e, v, "DOUBLE")
	case 'i':
		v = c.number(e, v, "INT")
	}
	return v
}

func (c *call) text(e ast.Expr, v val) val {
	if isText(v.t) || v.t == nil || is(v.t, "NULL") || isBinary(v.t) {
		return v
	}
	if c.r.d == ast.Flink && (is(v.t, "ARRAY", "MAP", "ROW") || isNumeric(v.t) || isTime(v.t) || is(v.t, "BOOLEAN")) && c.name != "JSON_VALUE" {
		c.r.fail(e, "CAST it AS STRING", "%s needs a text, this is %s", c.name, v.t.SQL())
	}
	out := c.r.cast(v, typ("STRING"), false)
	out.agg = v.agg
	return out
}

func (c *call) date(e ast.Expr, v val) val {
	switch {
	case is(v.t, "DATE"), v.t == nil:
		return v
	case isText(v.t) && c.r.d == ast.Flink:
		return c.r.cast(v, typ("DATE"), true)
	}
	out := c.r.cast(v, typ("DATE"), false)
	out.agg = v.agg
	return out
}

func (c *call) number(e ast.Expr, v val, want string) val {
	switch {
	case v.t == nil || is(v.t, "NULL"):
		return v
	case want == "DOUBLE" && isNumeric(v.t):
		return val{sql: "CAST(" + v.sql + " AS DOUBLE)", t: typ("DOUBLE"), lit: v.lit, agg: v.agg}
	case want == "INT" && isInt(v.t):
		return v
	case c.r.d != ast.Flink:
		return c.r.cast(v, typ(want), true)
	}
	c.r.fail(e, "add a CAST", "%s needs a number, this is %s", c.name, v.t.SQL())
	return v
}

// template fills f's template with the arguments.
func (c *call) template(f *fn) val {
	t := c.resultType(f.t)
	forms := strings.Split(f.sql, " ;; ")
	form := forms[max(0, min(len(c.args)-f.min, len(forms)-1))]
	return val{sql: fill(form, c.args), t: t}
}

func fill(form string, args []val) string {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '$' || i+1 == len(form) {
			b.WriteByte(form[i])
			continue
		}
		i++
		if form[i] == '*' {
			for j, a := range args {
				if j > 0 {
					b.WriteString(", ")
				}
				b.WriteString(a.sql)
			}
			continue
		}
		b.WriteString(args[form[i]-'1'].sql)
	}
	return b.String()
}

// resultType reads the type notation of fn.t.
func (c *call) resultType(t string) *ast.TypeName {
	if t == "" {
		return nil
	}
	n := int(t[len(t)-1] - '1')
	switch t[0] {
	case '=':
		return c.args[n].t
	case '[':
		return arrayOf(c.args[n].t)
	case ']':
		return elem(c.args[n].t)
	case '~':
		return c.r.unify(c.e, c.args)
	case '<': // array of the named type
		return arrayOf(typ(t[1:]))
	}
	if i := strings.IndexByte(t, '('); i > 0 {
		var args []int
		for _, a := range strings.Split(strings.TrimSuffix(t[i+1:], ")"), ",") {
			k, _ := strconv.Atoi(a)
			args = append(args, k)
		}
		return typ(t[:i], args...)
	}
	return typ(t)
}

// aggregate writes name(args) with the call's DISTINCT, ORDER BY, FILTER and OVER.
func (c *call) aggregate(name string, args ...string) string {
	r, e := c.r, c.e
	var b strings.Builder
	b.WriteString(name + "(")
	if e.Distinct {
		b.WriteString("DISTINCT ")
	}
	b.WriteString(strings.Join(args, ", "))
	order := e.OrderBy
	if len(order) == 0 {
		order = e.WithinGroup
	}
	if len(order) > 0 && orderMatters[name] {
		b.WriteString(" ORDER BY " + r.orderBy(c.s, order))
	}
	if e.RespectNulls == "IGNORE" {
		b.WriteString(" IGNORE NULLS")
	}
	b.WriteString(")")
	if e.Filter != nil {
		b.WriteString(" FILTER (WHERE " + r.condition(c.s, e.Filter) + ")")
	}
	if e.Over != nil {
		b.WriteString(" OVER " + c.over())
	}
	return b.String()
}

// orderMatters are the aggregates whose result depends on the order of rows.
var orderMatters = map[string]bool{"string_agg": true, "array_agg": true, "list": true, "first": true, "last": true, "any_value": true}

func (c *call) over() string {
	w := c.e.Over
	if w.Name != "" && len(w.PartitionBy)+len(w.OrderBy) == 0 && w.Frame == nil {
		for at := c.s; at != nil; at = at.outer {
			if at.windows[fold(w.Name)] != nil {
				return quote(w.Name)
			}
		}
		c.r.fail(c.e, "", "window %q does not exist", w.Name)
	}
	return "(" + c.r.windowSpec(c.s, w) + ")"
}
