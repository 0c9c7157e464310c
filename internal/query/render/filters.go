package render

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Condition is a conjunct "column op literals" that every row of a table must
// meet to count for the query's result. A scan may leave out rows that do not;
// the query applies the condition itself in any case.
type Condition struct {
	Column string
	Op     string            // =, <, <=, >, >=, IN, IS NULL or IS NOT NULL; of Filters also <>, NOT IN, PREFIX and OR
	Values []string          // decoded literal texts, none for IS ...
	Kinds  []ast.LiteralKind // of Values
	// Any are the alternatives of OR, each a conjunction. If the table lacks
	// all columns of one, the condition says nothing.
	Any [][]Condition
}

// Filters finds, for each table reference, the conditions that are safe to
// apply while scanning it. Columns are not resolved: an unqualified column is
// given to every table of its SELECT, and the caller drops those that a table
// does not have (a name that two of them have is an error of the query anyhow).
func Filters(q *ast.Query, params ...any) map[*ast.TableRef][]Condition {
	f := filterFinder{out: map[*ast.TableRef][]Condition{}, params: params, skips: true}
	ast.Walk(q, func(n ast.Node) bool {
		if s, ok := n.(*ast.Select); ok {
			f.selectBlock(s)
		}
		return true
	})
	return f.out
}

// FiltersOf is Filters for the WHERE of DELETE and UPDATE on one table.
func FiltersOf(where ast.Expr, table ast.Name, alias *ast.TableAlias, params ...any) []Condition {
	ref := &ast.TableRef{Name: table, Alias: alias}
	f := filterFinder{out: map[*ast.TableRef][]Condition{}, params: params}
	if where != nil {
		f.conjuncts(where, []source{{ref: ref}})
	}
	return f.out[ref]
}

type filterFinder struct {
	out    map[*ast.TableRef][]Condition
	params []any
	skips  bool // conditions may say less than the text
}

func (f *filterFinder) sub() filterFinder {
	return filterFinder{out: map[*ast.TableRef][]Condition{}, params: f.params, skips: f.skips}
}

// source is a table of a FROM. hidden are the column names that other FROM
// items without a table define.
type source struct {
	ref *ast.TableRef
	// optional: the table may be null-extended by an outer join, so that
	// "IS NULL" may hold for rows that do not exist
	optional bool
}

func (f *filterFinder) selectBlock(s *ast.Select) {
	var all []source
	for _, t := range s.From {
		all = append(all, f.sources(t, false)...)
	}
	if s.Where != nil {
		f.conjuncts(s.Where, all)
	}
}

// sources lists the tables below t, and uses the conditions of ON on its way.
func (f *filterFinder) sources(t ast.TableExpr, optional bool) []source {
	switch t := t.(type) {
	case *ast.TableRef:
		return []source{{ref: t, optional: optional}}
	case *ast.Join:
		left := f.sources(t.L, optional || t.Kind == "RIGHT" || t.Kind == "FULL")
		right := f.sources(t.R, optional || strings.HasPrefix(t.Kind, "LEFT") || t.Kind == "FULL")
		f.joinCondition(t, left, right)
		if t.Kind == "LEFT SEMI" || t.Kind == "LEFT ANTI" {
			return left
		}
		return append(left, right...)
	}
	return nil
}

// joinCondition: ON restricts both sides of an inner or semi join, and of an
// outer or anti join the side whose rows do not survive a failed condition.
func (f *filterFinder) joinCondition(j *ast.Join, left, right []source) {
	if j.On == nil {
		return
	}
	both := append(append([]source{}, left...), right...)
	keep := map[*ast.TableRef]bool{}
	mark := func(list []source) {
		for _, s := range list {
			keep[s.ref] = true
		}
	}
	switch j.Kind {
	case "INNER", "CROSS", "LEFT SEMI":
		mark(both)
	case "LEFT", "LEFT ANTI":
		mark(right)
	case "RIGHT":
		mark(left)
	}
	sub := f.sub()
	sub.conjuncts(j.On, both)
	for ref, conds := range sub.out {
		for _, c := range conds {
			if keep[ref] && !c.wantsNull() {
				f.out[ref] = append(f.out[ref], c)
			}
		}
	}
}

// conjuncts walks the AND tree.
func (f *filterFinder) conjuncts(e ast.Expr, sources []source) {
	switch e := e.(type) {
	case *ast.Binary:
		switch {
		case e.Op == "AND":
			f.conjuncts(e.L, sources)
			f.conjuncts(e.R, sources)
			return
		case e.Op == "OR" && f.skips:
			f.alternatives(e, sources)
			return
		}
		f.comparison(e, sources)
	case *ast.Between:
		if !e.Not && !e.Symmetric {
			f.add(e.X, ">=", []ast.Expr{e.Low}, sources)
			f.add(e.X, "<=", []ast.Expr{e.High}, sources)
		}
	case *ast.In:
		if !e.Not && e.Query == nil {
			f.add(e.X, "IN", e.List, sources)
		} else if f.skips && e.Query == nil {
			f.add(e.X, "NOT IN", e.List, sources)
		}
	case *ast.Like:
		f.like(e, sources)
	case *ast.Is:
		if e.Kind == "NULL" {
			f.add(e.X, map[bool]string{true: "IS NOT NULL", false: "IS NULL"}[e.Not], nil, sources)
		}
	}
}

// mirrored are the comparisons with their sides exchanged.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}

// wantsNull reports whether a row may satisfy the condition by a NULL.
func (c *Condition) wantsNull() bool {
	return c.Op == "IS NULL" || slices.ContainsFunc(c.Any, func(all []Condition) bool {
		return slices.ContainsFunc(all, func(x Condition) bool { return x.wantsNull() })
	})
}

// alternatives gives a table the OR of what each side asks of it.
func (f *filterFinder) alternatives(e *ast.Binary, sources []source) {
	left, right := f.sub(), f.sub()
	left.conjuncts(e.L, sources)
	right.conjuncts(e.R, sources)
	for ref, l := range left.out {
		if r := right.out[ref]; len(r) > 0 {
			f.out[ref] = append(f.out[ref], Condition{Op: "OR", Any: [][]Condition{l, r}})
		}
	}
}

// like uses the text before the first wildcard.
func (f *filterFinder) like(e *ast.Like, sources []source) {
	lit, ok := e.Pattern.(*ast.Literal)
	if !f.skips || !ok || lit.Kind != ast.StringLit || e.Op != "LIKE" || e.Not || e.Escape != nil || e.Quantifier != "" {
		return
	}
	prefix := lit.Text
	if at := strings.IndexAny(prefix, `%_\`); at >= 0 {
		prefix = prefix[:at]
	}
	if prefix != "" {
		f.add(e.X, "PREFIX", []ast.Expr{&ast.Literal{Kind: ast.StringLit, Text: prefix}}, sources)
	}
}

func (f *filterFinder) comparison(e *ast.Binary, sources []source) {
	op, ok := mirrored[e.Op]
	if !ok || e.Op == "<>" && !f.skips {
		return
	}
	if _, col := e.L.(*ast.ColumnRef); col {
		f.add(e.L, e.Op, []ast.Expr{e.R}, sources)
		return
	}
	f.add(e.R, op, []ast.Expr{e.L}, sources)
}

func (f *filterFinder) add(x ast.Expr, op string, values []ast.Expr, sources []source) {
	col, ok := x.(*ast.ColumnRef)
	if !ok {
		return
	}
	c := Condition{Column: col.Parts[len(col.Parts)-1].Name, Op: op}
	for _, v := range values {
		l, ok := f.constant(v)
		if !ok {
			return
		}
		c.Values = append(c.Values, l.Text)
		c.Kinds = append(c.Kinds, l.Kind)
	}
	for _, s := range sources {
		if op == "IS NULL" && s.optional || !belongs(col, s.ref) {
			continue
		}
		f.out[s.ref] = append(f.out[s.ref], c)
	}
}

// constant reads a literal, a negative number or a parameter with a value.
func (f *filterFinder) constant(e ast.Expr) (*ast.Literal, bool) {
	switch e := e.(type) {
	case *ast.Literal:
		return e, e.Kind != ast.NullLit && e.Kind != ast.TimestampLTZLit
	case *ast.Unary:
		l, ok := e.X.(*ast.Literal)
		if ok && e.Op == "-" && (l.Kind == ast.IntLit || l.Kind == ast.DecimalLit || l.Kind == ast.FloatLit) {
			return &ast.Literal{Kind: l.Kind, Text: "-" + l.Text}, true
		}
	case *ast.Param:
		if e.Index < len(f.params) {
			l, ok := paramLiteral(f.params[e.Index])
			return l, ok && l.Kind != ast.NullLit
		}
	}
	return nil, false
}

// belongs tells whether a reference may mean a column of the table: it is
// unqualified, or qualified by the table's alias or name.
func belongs(col *ast.ColumnRef, t *ast.TableRef) bool {
	n := len(col.Parts) - 1
	if n == 0 {
		return true
	}
	names := qualifiers(t.Name)
	if t.Alias != nil {
		if len(t.Alias.Columns) > 0 {
			return false
		}
		names = []string{t.Alias.Name.Name}
	}
	rel := relation{names: names}
	return rel.qualifies(col.Parts) == n
}

// ReadColumns lists the columns that a query names, per table reference, as far
// as the text tells: qualified names for their table, unqualified ones for all
// tables of their SELECT and of the SELECTs around it. all is true for a table
// whose every column may be needed because of *.
func ReadColumns(q *ast.Query) (columns map[*ast.TableRef]map[string]bool, all map[*ast.TableRef]bool) {
	columns, all = map[*ast.TableRef]map[string]bool{}, map[*ast.TableRef]bool{}
	tables := ast.Tables(q)
	for _, t := range tables {
		columns[t] = map[string]bool{}
		if t.Alias != nil && len(t.Alias.Columns) > 0 {
			all[t] = true
		}
	}
	counted := map[*ast.Star]bool{}
	ast.Walk(q, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Call:
			for _, a := range n.Args {
				if star, ok := a.(*ast.Star); ok && strings.EqualFold(n.Name.Last(), "COUNT") {
					counted[star] = true // COUNT(*) reads no column
				}
			}
		case *ast.Star:
			for _, t := range tables {
				all[t] = all[t] || !counted[n] && (len(n.Qualifier) == 0 || belongs(&ast.ColumnRef{Parts: append(append([]ast.Ident{}, n.Qualifier...), ast.Ident{})}, t))
			}
		case *ast.TableBody, *ast.TableArg:
			for _, t := range tables {
				all[t] = true
			}
		case *ast.Join:
			for _, t := range tables {
				all[t] = all[t] || n.Natural
				for _, u := range n.Using {
					columns[t][u.Name] = true
				}
			}
		case *ast.ColumnRef:
			for _, t := range tables {
				// Any part may be the column: what is before it a qualifier,
				// what is behind it a field.
				for _, p := range n.Parts {
					columns[t][p.Name] = true
				}
			}
		}
		return true
	})
	return columns, all
}
