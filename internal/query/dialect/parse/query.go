package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// Query parses a query with its WITH, set operations, ordering and limits.
func (p *Parser) Query() *ast.Query {
	defer p.enter()()
	start := p.Pos()
	q := &ast.Query{Pos: start, Script: p.script}
	if p.Accept("WITH") {
		q.Recursive = p.Accept("RECURSIVE")
		p.CommaList(func() { q.With = append(q.With, p.cte()) })
	}
	q.Body = p.setOps(p.queryPrimary(), 1)
	p.queryTail(q)
	q.Text = p.textFrom(start.Offset)
	return q
}

// queryFrom continues a query whose first operand was read as a subquery.
func (p *Parser) queryFrom(first *ast.Query) *ast.Query {
	q := &ast.Query{Pos: first.Pos, Script: p.script}
	q.Body = p.setOps(first, 1)
	if !p.queryTail(q) && q.Body == ast.QueryBody(first) {
		p.Fail("\")\"")
	}
	q.Text = p.textFrom(first.Pos.Offset)
	return q
}

func (p *Parser) cte() ast.CTE {
	name := p.Ident("table name")
	c := ast.CTE{Pos: name.Pos, Name: name}
	if p.IsOp("(") {
		c.Columns = p.IdentList("column")
	}
	p.Expect("AS")
	p.ExpectOp("(")
	c.Query = p.Query()
	p.ExpectOp(")")
	return c
}

// setOps extends left by set operations of at least the power: INTERSECT binds
// tighter (2) than UNION and EXCEPT (1).
func (p *Parser) setOps(left ast.QueryBody, least int) ast.QueryBody {
	defer p.enter()()
	for {
		power := 1
		if p.Is("INTERSECT") {
			power = 2
		}
		if !p.IsAny("UNION", "INTERSECT", "EXCEPT", "MINUS") || power < least {
			return left
		}
		p.deepen()
		t := p.Next()
		s := &ast.SetOp{Pos: t.Pos, Op: t.Upper, L: left}
		if s.Op == "MINUS" {
			s.Op = "EXCEPT"
		}
		if p.Accept("ALL") {
			s.All = true
		} else {
			p.Accept("DISTINCT")
		}
		s.R = p.setOps(p.queryPrimary(), power+1)
		left = s
	}
}

func (p *Parser) queryPrimary() ast.QueryBody {
	t := p.Peek()
	switch {
	case p.Is("SELECT"):
		return p.selectBlock()
	case p.Is("VALUES"):
		return p.values()
	case p.Is("TABLE"):
		p.i++
		n := p.Name("table name")
		return &ast.TableBody{Pos: t.Pos, Table: &ast.TableRef{Pos: n.Pos, Name: n, EndOff: p.toks[p.i-1].End}}
	case p.IsOp("("):
		p.i++
		q := p.Query()
		p.ExpectOp(")")
		return q
	}
	p.Fail("SELECT, VALUES or WITH")
	return nil
}

func (p *Parser) values() *ast.Values {
	v := &ast.Values{Pos: p.Next().Pos}
	p.CommaList(func() {
		p.Accept("ROW")
		if p.IsOp("(") {
			pos := p.Pos()
			switch e := p.Expr().(type) {
			case *ast.Row:
				if !e.Explicit && e.Pos == pos {
					v.Rows = append(v.Rows, e.Elems)
					return
				}
				v.Rows = append(v.Rows, []ast.Expr{e})
			default:
				v.Rows = append(v.Rows, []ast.Expr{e})
			}
			return
		}
		v.Rows = append(v.Rows, []ast.Expr{p.Expr()})
	})
	return v
}

// queryTail parses ORDER BY, LIMIT, OFFSET and FETCH; it tells whether any was there.
func (p *Parser) queryTail(q *ast.Query) bool {
	start := p.i
	if p.Accept("ORDER") {
		p.Expect("BY")
		q.OrderBy = p.orderItems()
	} else if p.Dialect == ast.Spark && p.Accept("SORT", "BY") {
		q.OrderBy = p.orderItems()
	}
	for p.limitClause(q) {
	}
	if p.Is("FOR", "UPDATE") || p.Is("FOR", "SHARE") || p.Is("LOCK", "IN") {
		p.Unsupported(p.Pos(), "locking clause of SELECT", "reads see one consistent snapshot and take no locks")
	}
	if p.Is("INTO") && p.PeekAt(1).Kind == lex.Word {
		p.Unsupported(p.Pos(), "SELECT ... INTO", "use INSERT INTO ... SELECT")
	}
	return p.i > start
}

func (p *Parser) limitClause(q *ast.Query) bool {
	switch {
	case p.Accept("LIMIT"):
		if p.Accept("ALL") {
			return true
		}
		q.Limit = p.Expr()
		if p.Dialect == ast.MySQL && p.AcceptOp(",") {
			q.Offset, q.Limit = q.Limit, p.Expr()
		}
	case p.Accept("OFFSET"):
		q.Offset = p.Expr()
		p.AcceptAny("ROW", "ROWS")
	case p.Accept("FETCH"):
		if p.AcceptAny("FIRST", "NEXT") == "" {
			p.Fail("FIRST or NEXT")
		}
		q.Limit = &ast.Literal{Pos: p.Pos(), Kind: ast.IntLit, Text: "1"}
		if !p.IsAny("ROW", "ROWS") {
			q.Limit = p.Expr()
		}
		if p.AcceptAny("ROW", "ROWS") == "" {
			p.Fail("ROWS")
		}
		p.Expect("ONLY")
	default:
		return false
	}
	return true
}

func (p *Parser) orderItems() []ast.OrderItem {
	var out []ast.OrderItem
	p.CommaList(func() {
		o := ast.OrderItem{Pos: p.Pos(), Expr: p.Expr()}
		if w := p.AcceptAny("ASC", "DESC"); w != "" {
			o.Desc = w == "DESC"
		}
		if p.Is("NULLS") {
			p.i++
			if o.Nulls = p.AcceptAny("FIRST", "LAST"); o.Nulls == "" {
				p.Fail("FIRST or LAST")
			}
		}
		out = append(out, o)
	})
	return out
}

func (p *Parser) over() *ast.WindowSpec {
	if !p.IsOp("(") {
		id := p.Ident("window name")
		return &ast.WindowSpec{Pos: id.Pos, Name: id.Name}
	}
	return p.windowSpec()
}

func (p *Parser) windowSpec() *ast.WindowSpec {
	w := &ast.WindowSpec{Pos: p.Pos()}
	p.ExpectOp("(")
	if p.IsIdent() && !p.IsAny("PARTITION", "ROWS", "RANGE", "GROUPS", "DISTRIBUTE", "SORT", "CLUSTER") {
		w.Name = p.Ident("window name").Name
	}
	if p.Accept("PARTITION", "BY") || p.Dialect == ast.Spark && p.Accept("DISTRIBUTE", "BY") {
		p.CommaList(func() { w.PartitionBy = append(w.PartitionBy, p.Expr()) })
	}
	if p.Accept("ORDER", "BY") || p.Dialect == ast.Spark && p.Accept("SORT", "BY") {
		w.OrderBy = p.orderItems()
	}
	if p.IsAny("ROWS", "RANGE", "GROUPS") {
		w.Frame = p.frame()
	}
	p.ExpectOp(")")
	return w
}

func (p *Parser) frame() *ast.Frame {
	t := p.Next()
	f := &ast.Frame{Pos: t.Pos, Unit: t.Upper, End: ast.Bound{Kind: "CURRENT ROW"}}
	if p.Accept("BETWEEN") {
		f.Start = p.bound()
		p.Expect("AND")
		f.End = p.bound()
		return f
	}
	f.Start = p.bound()
	return f
}

func (p *Parser) bound() ast.Bound {
	var b ast.Bound
	switch {
	case p.Accept("CURRENT", "ROW"):
		b.Kind = "CURRENT ROW"
		return b
	case p.Accept("UNBOUNDED"):
		b.Kind = "UNBOUNDED "
	default:
		b.Offset = p.binary(bindAdd)
	}
	w := p.AcceptAny("PRECEDING", "FOLLOWING")
	if w == "" {
		p.Fail("PRECEDING or FOLLOWING")
	}
	b.Kind += w
	return b
}
