package render

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

func (r *renderer) selectBlock(outer *scope, q *ast.Select) (sql string, cols []Column, known bool, order *scope) {
	s := outer.child()
	from := r.from(s, q)
	s.windows = map[string]*ast.WindowSpec{}
	for _, w := range q.Windows {
		s.windows[fold(w.Name.Name)] = w.Spec
	}
	items, cols, known := r.items(s, q)
	var b strings.Builder
	b.WriteString("SELECT ")
	if q.Distinct {
		b.WriteString("DISTINCT ")
	}
	b.WriteString(items)
	if from != "" {
		b.WriteString(" FROM " + from)
	}
	if where := r.where(s, q); where != "" {
		b.WriteString(" WHERE " + where)
	}
	r.groupBy(&b, s, q)
	if q.Having != nil && !r.havingIsWhere(q) {
		b.WriteString(" HAVING " + r.condition(s, q.Having))
	}
	for i, w := range q.Windows {
		b.WriteString(map[bool]string{true: " WINDOW ", false: ", "}[i == 0])
		b.WriteString(quote(w.Name.Name) + " AS (" + r.windowSpec(s, w.Spec) + ")")
	}
	if q.Qualify != nil {
		b.WriteString(" QUALIFY " + r.condition(s, q.Qualify))
	}
	order = &scope{outer: s.outer, rels: s.rels, aliases: s.aliases, aliasFirst: true, windows: s.windows}
	return b.String(), cols, known, order
}

// where renders WHERE, and MySQL's HAVING of a query that does not group: a
// filter that sees the output columns.
func (r *renderer) where(s *scope, q *ast.Select) string {
	var parts []string
	if q.Where != nil { // names that no column has may be those of the output
		in := *s
		in.aliasWhere = true
		parts = append(parts, r.condition(&in, q.Where))
	}
	if r.havingIsWhere(q) {
		out := &scope{outer: s.outer, rels: s.rels, aliases: s.aliases, aliasInline: true}
		parts = append(parts, r.condition(out, q.Having))
	}
	return strings.Join(parts, " AND ")
}

func (r *renderer) havingIsWhere(q *ast.Select) bool {
	if q.Having == nil || r.d != ast.MySQL || len(q.GroupBy) > 0 || ast.FindAggregate(q.Having) != "" {
		return false
	}
	for _, it := range q.Items {
		if ast.FindAggregate(it.Expr) != "" {
			return false
		}
	}
	return true
}

// condition renders a truth value.
func (r *renderer) condition(s *scope, e ast.Expr) string {
	v := r.expr(s, e)
	if v.t != nil && !is(v.t, "BOOLEAN", "NULL") {
		switch {
		case r.d == ast.MySQL && isNumeric(v.t):
			return "(" + v.sql + " <> 0)"
		case r.d == ast.Flink || !isText(v.t):
			r.fail(e, "compare it with something", "a condition must be BOOLEAN, this is %s", v.t.SQL())
		default:
			return r.cast(v, typ("BOOLEAN"), false).sql
		}
	}
	return v.sql
}

// items renders the projection and fills the scope's output names.
func (r *renderer) items(s *scope, q *ast.Select) (string, []Column, bool) {
	var parts []string
	var cols []Column
	known := true
	s.aliases = map[string]val{}
	for i, it := range q.Items {
		if star, ok := it.Expr.(*ast.Star); ok {
			list, starCols, k := r.star(s, star)
			parts = append(parts, list...)
			cols = append(cols, starCols...)
			known = known && k
			continue
		}
		if g, gcols, ok := r.generator(s, it); ok {
			parts = append(parts, g...)
			cols = append(cols, gcols...)
			continue
		}
		v := r.expr(s, it.Expr)
		name := r.itemName(it, i)
		if it.Alias != nil {
			if _, dup := s.aliases[fold(name)]; !dup {
				s.aliases[fold(name)] = v
			}
		}
		parts = append(parts, v.sql+" AS "+quote(name))
		cols = append(cols, Column{Name: name, Type: v.t})
	}
	return strings.Join(parts, ", "), cols, known
}

// itemName is the result column's name in the dialect.
func (r *renderer) itemName(it ast.SelectItem, i int) string {
	if it.Alias != nil {
		return it.Alias.Name
	}
	switch e := it.Expr.(type) {
	case *ast.ColumnRef:
		return e.Parts[len(e.Parts)-1].Name
	case *ast.Field:
		return e.Name.Name
	}
	if r.d == ast.Flink || it.Text == "" {
		return fmt.Sprintf("EXPR$%d", i)
	}
	if r.d == ast.Spark {
		if l, ok := it.Expr.(*ast.Literal); ok && l.Kind == ast.StringLit {
			return l.Text
		}
	}
	return it.Text
}

// star expands * and t.* where the columns are known.
func (r *renderer) star(s *scope, e *ast.Star) (parts []string, cols []Column, known bool) {
	known = true
	except := map[string]bool{}
	for _, x := range e.Except {
		except[fold(x.Name)] = true
	}
	matched := false
	seen := map[string]bool{}
	for _, rel := range s.rels {
		if len(e.Qualifier) > 0 && rel.qualifies(append(append([]ast.Ident{}, e.Qualifier...), ast.Ident{})) != len(e.Qualifier) {
			continue
		}
		matched = true
		if !rel.known {
			known = false
			if len(e.Qualifier) == 0 {
				return []string{"*" + exclude(e.Except)}, nil, false
			}
			parts = append(parts, quote(rel.alias)+".*"+exclude(e.Except))
			continue
		}
		for _, c := range rel.cols {
			merged := rel.using[fold(c.Name)] && len(e.Qualifier) == 0
			if except[fold(c.Name)] || merged && seen[fold(c.Name)] {
				continue
			}
			ref := rel.ref(c.Name)
			if merged {
				seen[fold(c.Name)] = true
				ref = quote(c.Name)
			}
			parts = append(parts, ref+" AS "+quote(c.Name))
			cols = append(cols, c)
		}
	}
	switch {
	case !matched && len(e.Qualifier) > 0:
		r.fail(e, "", "table %q does not exist in FROM", e.Qualifier[len(e.Qualifier)-1].Name)
	case !matched:
		r.fail(e, "", "SELECT * needs a FROM")
	}
	return parts, cols, known
}

func exclude(names []ast.Ident) string {
	if len(names) == 0 {
		return ""
	}
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = quote(n.Name)
	}
	return " EXCLUDE (" + strings.Join(parts, ", ") + ")"
}

func (r *renderer) groupBy(b *strings.Builder, s *scope, q *ast.Select) {
	if q.GroupAll {
		b.WriteString(" GROUP BY ALL")
		return
	}
	for i, g := range q.GroupBy {
		b.WriteString(map[bool]string{true: " GROUP BY ", false: ", "}[i == 0])
		b.WriteString(r.groupItem(s, g, q))
	}
}

func (r *renderer) groupItem(s *scope, g ast.GroupItem, q *ast.Select) string {
	var parts []string
	if g.Kind == "" {
		for _, e := range g.Exprs {
			parts = append(parts, r.groupExpr(s, e, q))
		}
		if len(parts) == 1 {
			return parts[0]
		}
		return "(" + strings.Join(parts, ", ") + ")"
	}
	for _, x := range g.Sets {
		parts = append(parts, r.groupItem(s, x, q))
	}
	return g.Kind + " (" + strings.Join(parts, ", ") + ")"
}

func (r *renderer) groupExpr(s *scope, e ast.Expr, q *ast.Select) string {
	if l, ok := e.(*ast.Literal); ok && l.Kind == ast.IntLit {
		n := 0
		if _, err := fmt.Sscan(l.Text, &n); err != nil || n < 1 || n > len(q.Items) {
			r.fail(e, "", "GROUP BY position %s: there are %d columns", l.Text, len(q.Items))
		}
		it := q.Items[n-1].Expr
		if _, star := it.(*ast.Star); !star {
			return r.expr(s, it).sql
		}
		return l.Text
	}
	return r.expr(s, e).sql
}

func (r *renderer) windowSpec(s *scope, w *ast.WindowSpec) string {
	var parts []string
	if w.Name != "" {
		parts = append(parts, quote(w.Name))
	}
	if len(w.PartitionBy) > 0 {
		list := make([]string, len(w.PartitionBy))
		for i, e := range w.PartitionBy {
			list[i] = r.expr(s, e).sql
		}
		parts = append(parts, "PARTITION BY "+strings.Join(list, ", "))
	}
	if len(w.OrderBy) > 0 {
		parts = append(parts, "ORDER BY "+r.orderBy(s, w.OrderBy))
	}
	if f := w.Frame; f != nil {
		parts = append(parts, f.Unit+" BETWEEN "+r.bound(s, f.Start)+" AND "+r.bound(s, f.End))
	}
	return strings.Join(parts, " ")
}

func (r *renderer) bound(s *scope, b ast.Bound) string {
	if b.Offset == nil {
		return b.Kind
	}
	return r.expr(s, b.Offset).sql + " " + b.Kind
}
