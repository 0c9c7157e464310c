package render

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Row makers turn a value into rows: UNNEST, EXPLODE and their kind. Where the
// tables to their left are known, the rows are made by unnest in the SELECT
// list of a subquery over those tables,
//
//	FROM (SELECT t.a AS "t.a", unnest(t.arr) AS x FROM t) AS j
//
// and the columns of all tables are read from there. Written as a lateral join,
// which it is, the engine joins by hash, which is slow and loses the order.

// maker is a row maker, rendered.
type maker struct {
	rel   *relation
	lists []string // what is unnested, side by side
	names []string // of the unnested values
	// takes gives the relation's columns, in terms of a prefix for names
	takes func(prefix string) []string
}

// outer makes a value without rows give one of NULLs.
func (m *maker) outer() {
	long := make([]string, len(m.lists))
	for i, l := range m.lists {
		long[i] = "coalesce(len(" + l + "), 0)"
	}
	n := long[0]
	if len(long) > 1 {
		n = "greatest(" + strings.Join(long, ", ") + ")"
	}
	for i, l := range m.lists {
		m.lists[i] = "CASE WHEN " + n + " > 0 THEN " + l + " ELSE [NULL] END"
	}
}

func (m *maker) items() string {
	out := make([]string, len(m.lists))
	for i, l := range m.lists {
		out[i] = "unnest(" + l + ") AS " + m.names[i]
	}
	return strings.Join(out, ", ")
}

// lateral is the row maker as a FROM item of its own.
func (m *maker) lateral() string {
	return "LATERAL (SELECT " + strings.Join(m.takes(""), ", ") + " FROM (SELECT " + m.items() + ")) AS " + quote(m.rel.alias) + columnList(nil, m.rel.cols, true)
}

// multiply renders "left JOIN row maker" as one subquery. ok is false where that
// cannot be: the right side is another table, or columns are not known.
func (r *renderer) multiply(s *scope, j *ast.Join, left string, rels []*relation) (sql string, out []*relation, ok bool) {
	if !r.multiplies(j, rels) {
		return "", nil, false
	}
	in := &scope{outer: s.outer, rels: rels}
	var m *maker
	switch t := j.R.(type) {
	case *ast.Unnest:
		m = r.unnestMaker(in, t)
	case *ast.TableFunc:
		m = r.rowMaker(in, t, strings.ToUpper(t.Call.Name.String()))
	}
	if m == nil {
		return "", nil, false
	}
	if j.Kind == "LEFT" {
		m.outer()
	}
	sql, alias := r.flatten(left, rels, m)
	out = append(append([]*relation{}, rels...), m.rel)
	if j.Kind == "INNER" && j.On != nil && !isTrue(j.On) {
		sql = "(SELECT * FROM " + sql + " WHERE " + r.condition(&scope{outer: s.outer, rels: out}, j.On) + ") AS " + quote(alias)
	}
	return sql, out, true
}

func (r *renderer) multiplies(j *ast.Join, rels []*relation) bool {
	switch j.R.(type) {
	case *ast.Unnest, *ast.TableFunc:
	default:
		return false
	}
	if len(rels) == 0 || j.Natural || len(j.Using) > 0 {
		return false
	}
	for _, rel := range rels {
		if !rel.known || len(rel.using) > 0 {
			return false
		}
	}
	switch j.Kind {
	case "CROSS", "INNER":
		return true
	case "LEFT":
		return j.On != nil && isTrue(j.On)
	}
	return false
}

func isTrue(e ast.Expr) bool {
	l, ok := e.(*ast.Literal)
	return ok && l.Kind == ast.BoolLit && strings.EqualFold(l.Text, "true")
}

// flatten writes the subquery that holds the columns of rels beside the rows of
// m, and lets all relations point into it.
func (r *renderer) flatten(left string, rels []*relation, m *maker) (sql, alias string) {
	alias = r.name("j")
	var items []string
	taken := map[string]bool{}
	for _, name := range m.names {
		taken[fold(name)] = true
	}
	for _, rel := range rels {
		refs := make([]string, len(rel.cols))
		for i, c := range rel.cols {
			name := rel.alias + "." + c.Name
			for n := 2; taken[fold(name)]; n++ {
				name = fmt.Sprintf("%s.%s %d", rel.alias, c.Name, n)
			}
			taken[fold(name)] = true
			items = append(items, rel.ref(c.Name)+" AS "+quote(name))
			refs[i] = quote(alias) + "." + quote(name)
		}
		rel.refs = refs
	}
	m.rel.refs = m.takes(quote(alias) + ".")
	items = append(items, m.items())
	return "(SELECT " + strings.Join(items, ", ") + " FROM " + left + ") AS " + quote(alias), alias
}

// unnest is an UNNEST that stands alone, or whose left side is not known.
func (r *renderer) unnest(s *scope, u *ast.Unnest) (string, []*relation) {
	r.lateralOrder(u)
	if m := r.unnestMaker(s, u); m != nil {
		return m.lateral(), []*relation{m.rel}
	}
	// The element's fields are not known; DuckDB takes them apart, one level deep.
	if u.Ordinality {
		r.unsupported(u, "WITH ORDINALITY over an array whose type is not known", "CAST the array")
	}
	v := r.expr(s, u.Exprs[0])
	rel := &relation{alias: u.Alias.Name.Name, names: []string{u.Alias.Name.Name}}
	rel.cols, rel.known = r.rename(u, nil, false, u.Alias.Columns)
	return "LATERAL (SELECT * FROM (SELECT unnest(" + v.sql + ", max_depth := 2))) AS " + quote(rel.alias) + columnList(u.Alias.Columns, nil, false), []*relation{rel}
}

// lateralOrder refuses a lateral join where the order of rows counts.
func (r *renderer) lateralOrder(at ast.Node) {
	if r.opts.Ordered {
		r.unsupported(at, "a row maker in a streaming INSERT other than by CROSS JOIN, or LEFT JOIN ... ON TRUE, behind the table", "")
	}
}

// unnestMaker expands arrays and maps into rows; an array of rows gives one
// column for each field. It is nil where only the engine knows the fields.
func (r *renderer) unnestMaker(s *scope, u *ast.Unnest) *maker {
	m := &maker{rel: &relation{alias: r.name("u"), known: true}}
	var names []ast.Ident
	if u.Alias != nil {
		m.rel.alias, names = u.Alias.Name.Name, u.Alias.Columns
	}
	m.rel.names = []string{m.rel.alias}
	width := len(names)
	if u.Ordinality {
		width--
	}
	var paths []func(prefix string) string
	for _, e := range u.Exprs {
		v := r.expr(s, e)
		if v.t == nil && len(u.Exprs) == 1 && width > 1 {
			return nil
		}
		list, el := r.listOf(v)
		item := r.name("x")
		m.lists, m.names = append(m.lists, list), append(m.names, item)
		if !is(el, "ROW") || r.d == ast.MySQL {
			m.rel.cols = append(m.rel.cols, Column{Name: "EXPR$0", Type: el})
			paths = append(paths, func(prefix string) string { return prefix + item })
			continue
		}
		for _, f := range el.Fields {
			m.rel.cols = append(m.rel.cols, Column{Name: f.Name, Type: f.Type})
			paths = append(paths, func(prefix string) string { return "(" + prefix + item + ")." + quote(f.Name) })
		}
	}
	if u.Ordinality {
		item := r.name("x")
		m.lists, m.names = append(m.lists, "range(1, coalesce(len("+m.lists[0]+"), 0) + 1)"), append(m.names, item)
		m.rel.cols = append(m.rel.cols, Column{Name: "ORDINALITY", Type: typ("INT")})
		paths = append(paths, func(prefix string) string { return "CAST(" + prefix + item + " AS INTEGER)" })
	}
	m.rel.cols, _ = r.rename(u, m.rel.cols, true, names)
	m.takes = func(prefix string) []string {
		out := make([]string, len(paths))
		for i, p := range paths {
			out[i] = p(prefix)
		}
		return out
	}
	return m
}

// listOf gives the list of a collection's elements, and their type.
func (r *renderer) listOf(v val) (list string, el *ast.TypeName) {
	switch {
	case is(v.t, "MAP"):
		return "map_entries(" + v.sql + ")", &ast.TypeName{Name: "ROW", Fields: []ast.TypeField{{Name: "key", Type: v.t.Elem[0]}, {Name: "value", Type: v.t.Elem[1]}}}
	case is(v.t, "MULTISET"):
		return "tarn_multiset_list(" + v.sql + ")", elem(v.t)
	}
	return v.sql, elem(v.t)
}

// rowMaker is a function in FROM that makes rows of one value: EXPLODE(a), and
// Flink's TABLE(SPLIT(...)). It is nil for others.
func (r *renderer) rowMaker(s *scope, f *ast.TableFunc, name string) *maker {
	switch name {
	case "EXPLODE", "EXPLODE_OUTER", "POSEXPLODE", "INLINE", "UNNEST", "SPLIT", "STACK", "POSEXPLODE_OUTER":
	default:
		return nil
	}
	m := r.explode(s, f.Call, name)
	m.rel.alias = r.name("f")
	var names []ast.Ident
	if f.Alias != nil {
		m.rel.alias, names = f.Alias.Name.Name, f.Alias.Columns
	}
	m.rel.names = []string{m.rel.alias}
	m.rel.cols, _ = r.rename(f, m.rel.cols, true, names)
	return m
}

// explode gives the rows of a generator; the caller names them.
func (r *renderer) explode(s *scope, c *ast.Call, name string) *maker {
	m := &maker{rel: &relation{known: true}}
	outer := strings.HasSuffix(name, "_OUTER")
	if name = strings.TrimSuffix(name, "_OUTER"); name == "STACK" {
		lists, cols := r.stackLists(s, c)
		m.lists, m.rel.cols = lists, cols
	} else {
		var v val
		switch {
		case name == "SPLIT":
			v = r.call(s, c)
		case len(c.Args) == 1:
			v = r.expr(s, c.Args[0])
		default:
			r.fail(c, "", "%s takes 1 argument, not %d", name, len(c.Args))
		}
		list, el := r.listOf(v)
		if name == "POSEXPLODE" {
			m.lists = append(m.lists, "range(coalesce(len("+list+"), 0))")
			m.rel.cols = append(m.rel.cols, Column{"pos", typ("INT")})
		}
		m.lists = append(m.lists, list)
		if is(v.t, "MAP") || name == "INLINE" && is(el, "ROW") {
			return r.exploded(m, el.Fields, name == "POSEXPLODE", outer)
		}
		m.rel.cols = append(m.rel.cols, Column{"col", el})
	}
	return r.exploded(m, nil, name == "POSEXPLODE", outer)
}

// exploded names the lists of m; fields take the last of them apart.
func (r *renderer) exploded(m *maker, fields []ast.TypeField, positions, outer bool) *maker {
	for range m.lists {
		m.names = append(m.names, r.name("x"))
	}
	for _, f := range fields {
		m.rel.cols = append(m.rel.cols, Column{f.Name, f.Type})
	}
	if outer {
		m.outer()
	}
	m.takes = func(prefix string) []string {
		var out []string
		for i, n := range m.names {
			switch {
			case positions && i == 0:
				out = append(out, "CAST("+prefix+n+" AS INTEGER)")
			case i < len(m.names)-1 || fields == nil:
				out = append(out, prefix+n)
			}
		}
		for _, f := range fields {
			out = append(out, "("+prefix+m.names[len(m.names)-1]+")."+quote(f.Name))
		}
		return out
	}
	return m
}

// lateralView is Spark's LATERAL VIEW [OUTER] f(x) t AS a, b behind left.
func (r *renderer) lateralView(s *scope, v *ast.LateralView, left string) (string, []*relation) {
	name := strings.ToUpper(v.Call.Name.Last())
	switch name {
	case "EXPLODE", "EXPLODE_OUTER", "POSEXPLODE", "POSEXPLODE_OUTER", "INLINE", "STACK":
	default:
		r.unsupported(v, "LATERAL VIEW "+name, "EXPLODE, POSEXPLODE, INLINE and STACK can be used")
	}
	if v.Outer && !strings.HasSuffix(name, "_OUTER") {
		name += "_OUTER"
	}
	m := r.explode(s, v.Call, name)
	if m.rel.alias = v.Alias.Name; m.rel.alias == "" {
		m.rel.alias = r.name("v")
	}
	m.rel.names = []string{m.rel.alias}
	m.rel.cols, _ = r.rename(v, m.rel.cols, true, v.Columns)
	out := append(append([]*relation{}, s.rels...), m.rel)
	if !r.multiplies(&ast.Join{Kind: "CROSS", R: &ast.Unnest{}}, s.rels) {
		r.lateralOrder(v)
		if left == "" {
			return m.lateral(), out
		}
		return left + " CROSS JOIN " + m.lateral(), out
	}
	sql, _ := r.flatten(left, s.rels, m)
	return sql, out
}
