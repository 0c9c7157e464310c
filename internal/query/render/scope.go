package render

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// relation is one table visible by name.
type relation struct {
	alias string   // as written in the rendered FROM; "" for none
	names []string // further qualifiers that mean it: catalog, database, table
	cols  []Column
	known bool // cols are complete
	// refs, where set, say for each of cols how it is written: those of rows
	// that were taken apart are columns of a subquery
	refs []string
	// using are columns merged with another relation by USING or NATURAL;
	// a bare name is not ambiguous then
	using map[string]bool
}

// scope is what a name may mean at some place.
type scope struct {
	outer *scope
	rels  []*relation
	// aliases are output columns of the SELECT, reachable by bare name where
	// the dialect or DuckDB allows it
	aliases     map[string]val
	aliasInline bool // an output column stands for its expression and hides an input column
	aliasFirst  bool // ORDER BY: an output column hides an input column
	aliasWhere  bool // an output column stands for its expression where no input column has its name
	lambda      map[string]val
	ctes        map[string][]Column
	ctesUnknown map[string]bool
	windows     map[string]*ast.WindowSpec
}

func (s *scope) child() *scope { return &scope{outer: s} }

// cte finds a table of WITH by name.
func (s *scope) cte(name string) (cols []Column, known, found bool) {
	for ; s != nil; s = s.outer {
		for n, c := range s.ctes {
			if strings.EqualFold(n, name) {
				return c, !s.ctesUnknown[n], true
			}
		}
	}
	return nil, false, false
}

func fold(s string) string { return strings.ToLower(s) }

// column finds a column by name in one relation.
func (rel *relation) column(name string) (Column, bool) {
	if i := rel.index(name); i >= 0 {
		return rel.cols[i], true
	}
	return Column{}, false
}

// index finds a column by its name as written, else without regard to case; -1
// if there is none.
func (rel *relation) index(name string) int {
	if i := slices.IndexFunc(rel.cols, func(c Column) bool { return c.Name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(rel.cols, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// qualifies returns how many leading parts of a reference name the relation, or 0.
func (rel *relation) qualifies(parts []ast.Ident) int {
	if len(parts) < 2 {
		return 0
	}
	for n := min(3, len(parts)-1, len(rel.names)); n >= 1; n-- {
		tail := rel.names[len(rel.names)-n:]
		match := true
		for i := range tail {
			match = match && strings.EqualFold(tail[i], parts[i].Name)
		}
		if match {
			return n
		}
	}
	return 0
}

func (rel *relation) ref(col string) string {
	if rel.refs != nil {
		if i := rel.index(col); i >= 0 {
			return rel.refs[i]
		}
	}
	if rel.alias == "" {
		return quote(col)
	}
	return quote(rel.alias) + "." + quote(col)
}

// columnRef renders a reference, looking outwards scope by scope.
func (r *renderer) columnRef(s *scope, e *ast.ColumnRef) val {
	for at := s; at != nil; at = at.outer {
		if v, ok := r.lookup(at, e); ok {
			return v
		}
	}
	// No scope knows it. Where a table's columns are not known, DuckDB decides.
	for at := s; at != nil; at = at.outer {
		for _, rel := range at.rels {
			if !rel.known {
				return r.fields(val{sql: quote(e.Parts[0].Name)}, e.Parts[1:], e)
			}
		}
	}
	r.unknownColumn(s, e)
	return val{}
}

func (r *renderer) lookup(s *scope, e *ast.ColumnRef) (val, bool) {
	first := e.Parts[0].Name
	if v, ok := s.lambda[fold(first)]; ok {
		return r.fields(v, e.Parts[1:], e), true
	}
	if s.aliasInline && len(e.Parts) == 1 {
		if v, ok := s.aliases[fold(first)]; ok {
			return v, true
		}
	}
	if s.aliasFirst && len(e.Parts) == 1 {
		if v, ok := s.aliases[fold(first)]; ok {
			return val{sql: quote(first), t: v.t, agg: v.agg}, true
		}
	}
	if v, ok := r.bareColumn(s, e); ok {
		return v, true
	}
	for _, rel := range s.rels {
		n := rel.qualifies(e.Parts)
		if n == 0 {
			continue
		}
		name := e.Parts[n].Name
		c, ok := rel.column(name)
		if !ok && rel.known {
			continue
		}
		v := val{sql: rel.ref(name), t: c.Type}
		return r.fields(v, e.Parts[n+1:], e), true
	}
	if v, ok := s.aliases[fold(first)]; ok {
		return r.fields(r.output(s, first, v, e), e.Parts[1:], e), true
	}
	return val{}, false
}

// output is a reference to an output column of the SELECT.
func (r *renderer) output(s *scope, name string, v val, e *ast.ColumnRef) val {
	if !s.aliasWhere || slices.ContainsFunc(s.rels, func(rel *relation) bool { return !rel.known }) {
		return val{sql: quote(name), t: v.t, agg: v.agg} // DuckDB decides
	}
	if v.agg {
		r.fail(e, "filter by HAVING", "column %q is an aggregate, which WHERE cannot see", name)
	}
	return val{sql: "(" + v.sql + ")", t: v.t}
}

// bareColumn finds the first part as a column of any relation; the rest are fields.
func (r *renderer) bareColumn(s *scope, e *ast.ColumnRef) (val, bool) {
	name := e.Parts[0].Name
	var found *relation
	var col Column
	for _, rel := range s.rels {
		c, ok := rel.column(name)
		if !ok {
			continue
		}
		if found != nil {
			if found.using[fold(name)] {
				return r.fields(val{sql: quote(name), t: col.Type}, e.Parts[1:], e), true
			}
			if len(e.Parts) > 1 {
				return val{}, false // t.a where t is also a column: the qualifier decides
			}
			r.fail(e, "write "+found.alias+"."+name+" or "+rel.alias+"."+name, "column %q is ambiguous", name)
		}
		found, col = rel, c
	}
	if found == nil {
		return val{}, false
	}
	if len(e.Parts) > 1 && !is(col.Type, "ROW") && col.Type != nil {
		return val{}, false // a qualifier that is also a column's name
	}
	if found.using[fold(name)] {
		return r.fields(val{sql: quote(name), t: col.Type}, e.Parts[1:], e), true
	}
	return r.fields(val{sql: found.ref(name), t: col.Type}, e.Parts[1:], e), true
}

// fields applies .a.b to a value.
func (r *renderer) fields(v val, parts []ast.Ident, at ast.Node) val {
	for _, p := range parts {
		v = r.field(v, p, at)
	}
	return v
}

func (r *renderer) field(v val, name ast.Ident, at ast.Node) val {
	out := val{sql: "(" + v.sql + ")." + quote(name.Name), agg: v.agg}
	if !is(v.t, "ROW") {
		if v.t != nil && !is(v.t, "NULL") {
			r.fail(at, "", "%s has no field %q: its type is %s", v.sql, name.Name, v.t.SQL())
		}
		return out
	}
	var names []string
	for _, f := range v.t.Fields {
		if strings.EqualFold(f.Name, name.Name) {
			out.t = f.Type
			return out
		}
		names = append(names, f.Name)
	}
	r.fail(at, didYouMean(name.Name, names), "the row has no field %q", name.Name)
	return out
}

func didYouMean(name string, candidates []string) string {
	if near := ast.Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func (r *renderer) unknownColumn(s *scope, e *ast.ColumnRef) {
	var names []string
	for at := s; at != nil; at = at.outer {
		for _, rel := range at.rels {
			for _, c := range rel.cols {
				names = append(names, c.Name)
			}
		}
	}
	parts := make([]string, len(e.Parts))
	for i, p := range e.Parts {
		parts[i] = p.Name
	}
	hint := didYouMean(parts[len(parts)-1], names)
	if hint == "" && len(names) > 0 && len(names) <= 20 {
		hint = "the columns are " + strings.Join(names, ", ")
	}
	r.fail(e, hint, "column %q does not exist", strings.Join(parts, "."))
}
