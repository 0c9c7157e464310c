package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// from renders the FROM list and fills the scope's relations; "" without FROM.
func (r *renderer) from(s *scope, q *ast.Select) string {
	var parts []string
	for _, t := range q.From {
		if ref, ok := t.(*ast.TableRef); ok && r.d == ast.MySQL && len(q.From) == 1 && strings.EqualFold(ref.Name.String(), "dual") {
			continue
		}
		if sql, rels, ok := r.multiply(s, &ast.Join{Kind: "CROSS", R: t}, strings.Join(parts, ", "), s.rels); ok {
			parts, s.rels = []string{sql}, rels
			continue
		}
		sql, rels := r.table(s, t)
		parts = append(parts, sql)
		s.rels = append(s.rels, rels...)
	}
	out := strings.Join(parts, ", ")
	for i := range q.Laterals {
		out, s.rels = r.lateralView(s, &q.Laterals[i], out)
	}
	return out
}

// table renders one FROM item. s holds the relations to its left, which lateral
// items may use.
func (r *renderer) table(s *scope, t ast.TableExpr) (string, []*relation) {
	switch t := t.(type) {
	case *ast.TableRef:
		return r.tableRef(s, t)
	case *ast.Derived:
		return r.derived(s, t)
	case *ast.Unnest:
		return r.unnest(s, t)
	case *ast.TableFunc:
		return r.tableFunc(s, t)
	case *ast.Join:
		return r.join(s, t)
	}
	r.fail(t, "", "table expression is not known")
	return "", nil
}

func (r *renderer) tableRef(s *scope, t *ast.TableRef) (string, []*relation) {
	rel := &relation{alias: t.Name.Last(), names: qualifiers(t.Name)}
	var item string
	cols, known, isCTE := s.cte(t.Name.Last())
	if isCTE && len(t.Name.Parts) == 1 && t.AsOf == nil {
		item = quote(t.Name.Last())
		rel.cols, rel.known = cols, known
	} else {
		item = r.namedTable(t, rel)
	}
	return r.aliased(t, item, t.Alias, rel)
}

// qualifiers are the names by which columns of a table without alias may be
// qualified. `db.t` in one pair of backticks counts as two.
func qualifiers(n ast.Name) []string {
	names := n.Strings()
	if len(names) == 1 && strings.Contains(names[0], ".") {
		return append(strings.Split(names[0], "."), names[0])
	}
	return names
}

func (r *renderer) namedTable(t *ast.TableRef, rel *relation) string {
	if r.opts.Table == nil {
		r.fail(t, "", "table %s: no tables can be used here", t.Name)
	}
	item, err := r.opts.Table(t)
	if err != nil {
		r.failTable(t, err)
	}
	if r.opts.Columns != nil {
		cols, err := r.opts.Columns(t)
		if err != nil {
			r.failTable(t, err)
		}
		rel.cols, rel.known = cols, cols != nil
	}
	return item
}

// aliased writes item AS "alias"(columns) and names the relation so.
func (r *renderer) aliased(at ast.Node, item string, a *ast.TableAlias, rel *relation) (string, []*relation) {
	var names []ast.Ident
	if a != nil {
		rel.alias = a.Name.Name
		rel.names = []string{rel.alias}
		names = a.Columns
		rel.cols, rel.known = r.rename(at, rel.cols, rel.known, names)
	}
	sql := item + " AS " + quote(rel.alias)
	if len(names) > 0 {
		sql += columnList(names, nil, false)
	}
	return sql, []*relation{rel}
}

func (r *renderer) derived(s *scope, d *ast.Derived) (string, []*relation) {
	outer := &scope{outer: s.outer} // not the tables to its left
	if d.Lateral {
		outer = s
	}
	sql, cols, known := r.query(outer, d.Query)
	rel := &relation{cols: cols, known: known, alias: r.name("q")}
	if d.Alias != nil {
		rel.alias = d.Alias.Name.Name
		rel.cols, rel.known = r.rename(d, cols, known, d.Alias.Columns)
	}
	rel.names = []string{rel.alias}
	var names []ast.Ident
	if d.Alias != nil {
		names = d.Alias.Columns
	}
	item := "(" + sql + ") AS " + quote(rel.alias) + columnList(names, rel.cols, rel.known)
	if d.Lateral {
		item = "LATERAL " + item
	}
	return item, []*relation{rel}
}

func (r *renderer) join(s *scope, j *ast.Join) (string, []*relation) {
	ls, lrels := r.table(s, j.L)
	if len(s.rels) == 0 { // else the right side may name what is left of the join
		if sql, rels, ok := r.multiply(s, j, ls, lrels); ok {
			return sql, rels
		}
	}
	inner := &scope{outer: s.outer, rels: append(append([]*relation{}, s.rels...), lrels...)}
	rs, rrels := r.table(inner, j.R)
	if _, nested := j.R.(*ast.Join); nested {
		rs = "(" + rs + ")"
	}
	kind := j.Kind + " JOIN "
	switch j.Kind {
	case "LEFT SEMI":
		kind = "SEMI JOIN "
	case "LEFT ANTI":
		kind = "ANTI JOIN "
	}
	rels := append(append([]*relation{}, lrels...), rrels...)
	if strings.HasPrefix(j.Kind, "LEFT ") {
		rels = lrels
	}
	if j.Natural {
		return ls + " NATURAL " + kind + rs, r.natural(j, lrels, rrels, rels)
	}
	sql := ls + " " + kind + rs
	switch {
	case j.On != nil:
		on := &scope{outer: s.outer, rels: append(append([]*relation{}, inner.rels...), rrels...)}
		sql += " ON " + r.condition(on, j.On)
	case len(j.Using) > 0:
		names := make([]string, len(j.Using))
		for i, u := range j.Using {
			names[i] = quote(u.Name)
			merge(lrels, rrels, u.Name)
		}
		sql += " USING (" + strings.Join(names, ", ") + ")"
	}
	return sql, rels
}

// merge marks a column as one column of both sides.
func merge(l, rr []*relation, name string) {
	for _, rels := range [][]*relation{l, rr} {
		for _, rel := range rels {
			if rel.using == nil {
				rel.using = map[string]bool{}
			}
			rel.using[fold(name)] = true
		}
	}
}

func (r *renderer) natural(j *ast.Join, l, rr, rels []*relation) []*relation {
	for _, a := range l {
		for _, b := range rr {
			if !a.known || !b.known {
				r.fail(j, "use USING (...)", "NATURAL JOIN needs the columns of both tables")
			}
			for _, c := range a.cols {
				if _, both := b.column(c.Name); both {
					merge(l, rr, c.Name)
				}
			}
		}
	}
	return rels
}
