package render

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// maxDepth bounds the recursion over the tree; the parser bounds it too, but
// trees may also be built or combined by hand.
const maxDepth = 6000

func (r *renderer) top(q *ast.Query) (string, []Column, error) {
	sql, cols, known := r.query(&scope{}, q)
	r.checkSize(q, sql)
	if !known {
		cols = nil
	}
	return sql, cols, nil
}

// checkSize refuses what would grow without bound in DuckDB's binder.
func (r *renderer) checkSize(at ast.Node, sql string) {
	if expansion(sql) > maxExpansion {
		r.fail(at, "put inner calls into a subquery or a WITH table", "functions are nested too deeply")
	}
}

// query renders a query. known tells whether cols are complete.
func (r *renderer) query(outer *scope, q *ast.Query) (sql string, cols []Column, known bool) {
	if r.depth++; r.depth > maxDepth {
		r.fail(q, "", "query is nested too deeply")
	}
	defer func() { r.depth-- }()
	var b strings.Builder
	s := outer.child()
	r.with(&b, s, q)
	var order *scope
	var body string
	body, cols, known, order = r.body(s, q.Body)
	b.WriteString(body)
	if len(q.OrderBy) > 0 {
		b.WriteString(" ORDER BY " + r.orderBy(order, q.OrderBy))
	}
	if q.Limit != nil {
		b.WriteString(" LIMIT " + r.limit(s, q.Limit))
	}
	if q.Offset != nil {
		b.WriteString(" OFFSET " + r.limit(s, q.Offset))
	}
	return b.String(), cols, known
}

// with renders the tables of WITH; each sees those before it.
func (r *renderer) with(b *strings.Builder, s *scope, q *ast.Query) {
	if len(q.With) == 0 {
		return
	}
	s.ctes, s.ctesUnknown = map[string][]Column{}, map[string]bool{}
	b.WriteString("WITH ")
	if q.Recursive {
		b.WriteString("RECURSIVE ")
	}
	for i, c := range q.With {
		if i > 0 {
			b.WriteString(", ")
		}
		if q.Recursive {
			s.ctes[c.Name.Name], s.ctesUnknown[c.Name.Name] = nil, true
		}
		sql, cols, known := r.query(s, c.Query)
		cols, known = r.rename(c, cols, known, c.Columns)
		s.ctes[c.Name.Name], s.ctesUnknown[c.Name.Name] = cols, !known
		b.WriteString(quote(c.Name.Name) + columnList(c.Columns, cols, known) + " AS (" + sql + ")")
	}
	b.WriteByte(' ')
}

// rename gives columns the names of an alias list.
func (r *renderer) rename(at ast.Node, cols []Column, known bool, names []ast.Ident) ([]Column, bool) {
	if len(names) == 0 {
		return cols, known
	}
	if known && len(names) != len(cols) {
		r.fail(at, "", "%d column names are given for %d columns", len(names), len(cols))
	}
	out := make([]Column, len(names))
	for i, n := range names {
		out[i].Name = n.Name
		if known {
			out[i].Type = cols[i].Type
		}
	}
	return out, true
}

// columnList writes ("a", "b") for a table alias: the names given, or all that
// are known, so that DuckDB's own names for expressions never matter.
func columnList(names []ast.Ident, cols []Column, known bool) string {
	var parts []string
	for _, n := range names {
		parts = append(parts, quote(n.Name))
	}
	if len(parts) == 0 && known {
		for _, c := range cols {
			parts = append(parts, quote(c.Name))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func (r *renderer) limit(s *scope, e ast.Expr) string {
	v := r.expr(s, e)
	if v.lit != nil && v.lit.Kind != ast.IntLit {
		r.fail(e, "", "LIMIT and OFFSET take a whole number")
	}
	return v.sql
}

// body renders one query body; order is the scope that ORDER BY sees.
func (r *renderer) body(s *scope, b ast.QueryBody) (sql string, cols []Column, known bool, order *scope) {
	switch b := b.(type) {
	case *ast.Select:
		return r.selectBlock(s, b)
	case *ast.SetOp:
		sql, cols, known = r.setOp(s, b)
	case *ast.Values:
		sql, cols, known = r.values(s, b)
	case *ast.TableBody:
		item, rels := r.tableRef(s, b.Table)
		cols, known = rels[0].cols, rels[0].known
		sql = "SELECT * FROM " + item
	case *ast.Query:
		sql, cols, known = r.query(s, b)
		sql = "(" + sql + ")"
	}
	order = s.child()
	order.rels = []*relation{{cols: cols, known: known}}
	return sql, cols, known, order
}

func (r *renderer) setOp(s *scope, o *ast.SetOp) (string, []Column, bool) {
	ls, lc, lk, _ := r.body(s, o.L)
	rs, rc, rk, _ := r.body(s, o.R)
	if lk && rk && len(lc) != len(rc) {
		r.fail(o, "", "%s of %d and of %d columns", o.Op, len(lc), len(rc))
	}
	cols := append([]Column(nil), lc...)
	if lk && rk {
		for i := range cols {
			cols[i].Type = common(lc[i].Type, rc[i].Type)
			if cols[i].Type == nil && lc[i].Type != nil && rc[i].Type != nil && r.d == ast.Flink {
				r.fail(o, "add a CAST", "column %d of %s is %s on one side and %s on the other", i+1, o.Op, lc[i].Type.SQL(), rc[i].Type.SQL())
			}
		}
		ls, rs = r.align(ls, lc, cols), r.align(rs, rc, cols)
	}
	op := o.Op
	if o.All {
		op += " ALL"
	}
	return "(" + ls + ") " + op + " (" + rs + ")", cols, lk && rk
}

// align casts the columns of one side of a set operation whose types differ
// from the result's.
func (r *renderer) align(sql string, have, want []Column) string {
	parts := make([]string, len(have))
	names := make([]string, len(have))
	differ := false
	for i := range have {
		names[i] = fmt.Sprintf("c%d", i)
		parts[i] = names[i]
		if want[i].Type != nil && !sameType(have[i].Type, want[i].Type) && have[i].Type != nil && !is(have[i].Type, "NULL") {
			parts[i] = r.cast(val{sql: names[i], t: have[i].Type}, want[i].Type, false).sql
			differ = true
		}
		parts[i] += " AS " + quote(want[i].Name)
	}
	if !differ {
		return sql
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM (" + sql + ") AS u(" + strings.Join(names, ", ") + ")"
}

func (r *renderer) values(s *scope, v *ast.Values) (string, []Column, bool) {
	width := len(v.Rows[0])
	types := make([]*ast.TypeName, width)
	rows := make([][]val, len(v.Rows))
	for i, row := range v.Rows {
		if len(row) != width {
			r.fail(v, "", "row %d of VALUES has %d values, the first has %d", i+1, len(row), width)
		}
		for j, e := range row {
			x := r.expr(s, e)
			rows[i] = append(rows[i], x)
			if i == 0 {
				types[j] = x.t
			} else if types[j] != nil {
				types[j] = r.meet(e, types[j], x.t)
			}
		}
	}
	var b strings.Builder
	b.WriteString("SELECT * FROM (VALUES ")
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j, x := range row {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(r.typedValue(x, types[j], i == 0))
		}
		b.WriteByte(')')
	}
	cols := make([]Column, width)
	names := make([]string, width)
	for j := range cols {
		cols[j] = Column{Name: r.valuesName(j), Type: types[j]}
		names[j] = quote(cols[j].Name)
	}
	b.WriteString(") AS v(" + strings.Join(names, ", ") + ")")
	return b.String(), cols, true
}

// typedValue casts a value to its column's type where that is not its own. The
// first row is cast even then when it is a bare literal, so that DuckDB does
// not choose a narrower type than the dialect.
func (r *renderer) typedValue(x val, t *ast.TypeName, first bool) string {
	if t == nil || is(t, "NULL") {
		return x.sql
	}
	if sameType(x.t, t) && (!first || x.lit == nil || !isNumeric(t)) {
		return x.sql
	}
	if is(x.t, "NULL") || sameType(x.t, t) {
		d, err := DuckType(t)
		if err != nil {
			return x.sql
		}
		return "CAST(" + x.sql + " AS " + d + ")"
	}
	return r.cast(x, t, false).sql
}

func (r *renderer) valuesName(i int) string {
	switch r.d {
	case ast.Spark:
		return fmt.Sprintf("col%d", i+1)
	case ast.MySQL:
		return fmt.Sprintf("column_%d", i)
	default:
		return fmt.Sprintf("EXPR$%d", i)
	}
}

// meet is common with the dialect's own view: Spark and MySQL let text meet
// anything, Flink refuses it.
func (r *renderer) meet(at ast.Node, a, b *ast.TypeName) *ast.TypeName {
	if c := common(a, b); c != nil || a == nil || b == nil {
		return c
	}
	if r.d != ast.Flink && (isText(a) || isText(b)) {
		return typ("STRING")
	}
	if r.d == ast.Flink {
		r.fail(at, "add a CAST", "types %s and %s do not go together", a.SQL(), b.SQL())
	}
	return nil
}

func (r *renderer) orderBy(s *scope, items []ast.OrderItem) string {
	parts := make([]string, len(items))
	for i, o := range items {
		parts[i] = r.orderItem(s, o)
	}
	return strings.Join(parts, ", ")
}

// orderItem writes the place of nulls, which all three dialects put below every
// value unless told otherwise, while DuckDB puts them last.
func (r *renderer) orderItem(s *scope, o ast.OrderItem) string {
	sql := r.expr(s, o.Expr).sql
	nulls := o.Nulls
	if o.Desc {
		sql += " DESC"
		if nulls == "" {
			nulls = "LAST"
		}
	} else {
		sql += " ASC"
		if nulls == "" {
			nulls = "FIRST"
		}
	}
	return sql + " NULLS " + nulls
}
