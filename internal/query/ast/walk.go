package ast

import "strings"

// Visitor is called for each node, parents first; false skips the node's children.
type Visitor func(n Node) bool

// Walk visits a query, expression, FROM item or query body with all below it,
// subqueries included. Nil nodes are not visited.
func Walk(n Node, visit Visitor) {
	if isNil(n) || !visit(n) {
		return
	}
	switch n := n.(type) {
	case *Query:
		for i := range n.With {
			Walk(n.With[i].Query, visit)
		}
		Walk(n.Body, visit)
		walkOrder(n.OrderBy, visit)
		walkExprs(visit, n.Limit, n.Offset)
	case *Select:
		walkSelect(n, visit)
	case *SetOp:
		Walk(n.L, visit)
		Walk(n.R, visit)
	case *Values:
		for _, row := range n.Rows {
			walkExprs(visit, row...)
		}
	case *TableBody:
		Walk(n.Table, visit)
	case TableExpr:
		walkTable(n, visit)
	case Expr:
		walkExpr(n, visit)
	}
}

func isNil(n Node) bool {
	switch n := n.(type) {
	case nil:
		return true
	case *Query:
		return n == nil
	case *TableRef:
		return n == nil
	case *Call:
		return n == nil
	}
	return false
}

func walkExprs(visit Visitor, list ...Expr) {
	for _, e := range list {
		if e != nil {
			Walk(e, visit)
		}
	}
}

func walkOrder(items []OrderItem, visit Visitor) {
	for _, o := range items {
		walkExprs(visit, o.Expr)
	}
}

func walkSelect(s *Select, visit Visitor) {
	for _, it := range s.Items {
		walkExprs(visit, it.Expr)
	}
	for _, t := range s.From {
		Walk(t, visit)
	}
	for i := range s.Laterals {
		Walk(s.Laterals[i].Call, visit)
	}
	walkExprs(visit, s.Where)
	walkGroups(s.GroupBy, visit)
	walkExprs(visit, s.Having, s.Qualify)
	for _, w := range s.Windows {
		walkWindow(w.Spec, visit)
	}
}

func walkGroups(items []GroupItem, visit Visitor) {
	for _, g := range items {
		walkExprs(visit, g.Exprs...)
		walkGroups(g.Sets, visit)
	}
}

func walkWindow(w *WindowSpec, visit Visitor) {
	if w == nil {
		return
	}
	walkExprs(visit, w.PartitionBy...)
	walkOrder(w.OrderBy, visit)
	if w.Frame != nil {
		walkExprs(visit, w.Frame.Start.Offset, w.Frame.End.Offset)
	}
}

func walkTable(t TableExpr, visit Visitor) {
	switch t := t.(type) {
	case *TableRef:
		if t.AsOf != nil {
			walkExprs(visit, t.AsOf.Expr)
		}
	case *Derived:
		Walk(t.Query, visit)
	case *Unnest:
		walkExprs(visit, t.Exprs...)
	case *TableFunc:
		Walk(t.Call, visit)
	case *Join:
		Walk(t.L, visit)
		Walk(t.R, visit)
		walkExprs(visit, t.On)
	}
}

func walkExpr(e Expr, visit Visitor) {
	switch e := e.(type) {
	case *Interval:
		walkExprs(visit, e.Value)
		for i := range e.More {
			walkExprs(visit, e.More[i].Value)
		}
	case *Difference:
		walkExprs(visit, e.L, e.R)
	case *Unary:
		walkExprs(visit, e.X)
	case *Binary:
		walkExprs(visit, e.L, e.R)
	case *Quantified:
		walkExprs(visit, e.L)
		Walk(e.Query, visit)
	case *Is:
		walkExprs(visit, e.X, e.Y)
	case *Between:
		walkExprs(visit, e.X, e.Low, e.High)
	case *In:
		walkExprs(visit, e.X)
		walkExprs(visit, e.List...)
		Walk(e.Query, visit)
	case *Like:
		walkExprs(visit, e.X, e.Pattern, e.Escape)
		walkExprs(visit, e.List...)
	case *Exists:
		Walk(e.Query, visit)
	case *Subquery:
		Walk(e.Query, visit)
	case *Case:
		walkExprs(visit, e.Operand)
		for _, w := range e.Whens {
			walkExprs(visit, w.Cond, w.Result)
		}
		walkExprs(visit, e.Else)
	default:
		walkExprMore(e, visit)
	}
}

func walkExprMore(e Expr, visit Visitor) {
	switch e := e.(type) {
	case *Cast:
		walkExprs(visit, e.X)
	case *Call:
		walkCall(e, visit)
	case *NamedArg:
		walkExprs(visit, e.Value)
	case *TableArg:
		Walk(e.Table, visit)
	case *Extract:
		walkExprs(visit, e.X)
	case *Trim:
		walkExprs(visit, e.Chars, e.X)
	case *Array:
		walkExprs(visit, e.Elems...)
	case *Row:
		walkExprs(visit, e.Elems...)
	case *Map:
		walkExprs(visit, e.Elems...)
	case *Subscript:
		walkExprs(visit, e.X, e.Index)
	case *Field:
		walkExprs(visit, e.X)
	case *AtTimeZone:
		walkExprs(visit, e.X, e.Zone)
	case *Lambda:
		walkExprs(visit, e.Body)
	case *Collate:
		walkExprs(visit, e.X)
	}
}

func walkCall(c *Call, visit Visitor) {
	walkExprs(visit, c.Args...)
	walkOrder(c.OrderBy, visit)
	walkOrder(c.WithinGroup, visit)
	walkExprs(visit, c.Separator, c.Filter)
	walkWindow(c.Over, visit)
	if c.JSON != nil {
		walkExprs(visit, c.JSON.EmptyExpr, c.JSON.ErrorExpr)
	}
}

// Tables lists the tables that a query reads, in order of appearance, each
// reference once. Names that WITH defines are left out.
func Tables(q *Query) []*TableRef {
	var out []*TableRef
	queryTables(q, nil, &out)
	return out
}

// queryTables collects with the names of the WITH tables that are visible.
func queryTables(q *Query, ctes map[string]bool, out *[]*TableRef) {
	if q == nil {
		return
	}
	if len(q.With) > 0 {
		inner := make(map[string]bool, len(ctes)+len(q.With))
		for n := range ctes {
			inner[n] = true
		}
		ctes = inner
		for _, c := range q.With {
			if q.Recursive {
				ctes[strings.ToLower(c.Name.Name)] = true
			}
			queryTables(c.Query, ctes, out)
			ctes[strings.ToLower(c.Name.Name)] = true
		}
	}
	visit := func(n Node) bool {
		switch n := n.(type) {
		case *Query:
			queryTables(n, ctes, out)
			return false
		case *TableRef:
			if len(n.Name.Parts) != 1 || n.AsOf != nil || !ctes[strings.ToLower(n.Name.Last())] {
				*out = append(*out, n)
			}
		}
		return true
	}
	Walk(q.Body, visit)
	walkOrder(q.OrderBy, visit)
	walkExprs(visit, q.Limit, q.Offset)
}

// aggregateNames are the functions that make a query an aggregation, in any dialect.
var aggregateNames = map[string]bool{
	"COUNT": true, "SUM": true, "AVG": true, "MIN": true, "MAX": true, "MEAN": true, "STDDEV": true, "STDDEV_POP": true,
	"STDDEV_SAMP": true, "VARIANCE": true, "VAR_POP": true, "VAR_SAMP": true, "LISTAGG": true, "GROUP_CONCAT": true, "STRING_AGG": true,
	"COLLECT": true, "COLLECT_LIST": true, "COLLECT_SET": true, "ARRAY_AGG": true, "FIRST_VALUE": true, "LAST_VALUE": true, "FIRST": true,
	"LAST": true, "ANY_VALUE": true, "SINGLE_VALUE": true, "JSON_OBJECTAGG": true, "JSON_ARRAYAGG": true, "BITMAP_AGG": true,
	"BITMAP_UNION": true, "BITMAP_UNION_COUNT": true, "BITMAP_UNION_INT": true, "BITMAP_INTERSECT": true, "BITMAP_BUILD_AGG": true,
	"BITMAP_OR_AGG": true, "BITMAP_AND_AGG": true, "BITMAP_XOR_AGG": true, "BITMAP_BUILD_CARDINALITY_AGG": true,
	"BITMAP_OR_CARDINALITY_AGG": true, "BITMAP_AND_CARDINALITY_AGG": true, "BITMAP_XOR_CARDINALITY_AGG": true, "BIT_AND": true, "BIT_OR": true, "BIT_XOR": true,
	"BOOL_AND": true, "BOOL_OR": true, "EVERY": true, "SOME": true, "MAX_BY": true, "MIN_BY": true, "APPROX_COUNT_DISTINCT": true,
	"COUNT_IF": true, "MEDIAN": true, "MODE": true, "PERCENTILE": true, "NDV": true, "CORR": true, "COVAR_POP": true, "COVAR_SAMP": true,
	"GROUPING": true, "GROUPING_ID": true, "PERCENTILE_CONT": true, "PERCENTILE_DISC": true, "PERCENTILE_APPROX": true, "SKEWNESS": true, "KURTOSIS": true,
	"HISTOGRAM_NUMERIC": true, "REGR_COUNT": true, "REGR_SLOPE": true, "APPROX_PERCENTILE": true, "TRY_SUM": true, "TRY_AVG": true,
}

// FindAggregate returns the name of the first aggregate or window function in e
// outside subqueries, or "".
func FindAggregate(e Expr) string {
	found := ""
	if e == nil {
		return ""
	}
	Walk(e, func(n Node) bool {
		switch n := n.(type) {
		case *Query:
			return false
		case *Call:
			name := strings.ToUpper(n.Name.Last())
			if found == "" && (n.Over != nil || aggregateNames[name] && len(n.Name.Parts) == 1) {
				found = name
			}
		}
		return found == ""
	})
	return found
}
