package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// tableExpr parses one FROM item with its joins.
func (p *Parser) tableExpr() ast.TableExpr {
	defer p.enter()()
	return p.joins(p.tablePrimary())
}

func (p *Parser) joins(left ast.TableExpr) ast.TableExpr {
	for {
		j := p.joinStart()
		if j == nil {
			return left
		}
		p.deepen()
		j.L = left
		j.R = p.tablePrimary()
		p.joinCondition(j)
		left = j
	}
}

// joinStart consumes the words of a join; nil when none begins.
func (p *Parser) joinStart() *ast.Join {
	j := &ast.Join{Pos: p.Pos(), Kind: "INNER"}
	start := p.i
	j.Natural = p.Accept("NATURAL")
	switch {
	case p.Accept("CROSS"):
		j.Kind = "CROSS"
	case p.Accept("INNER"):
	case p.IsAny("LEFT", "RIGHT", "FULL"):
		j.Kind = p.Next().Upper
		p.sideWord(j)
	case p.Is("SEMI", "JOIN"), p.Is("ANTI", "JOIN"):
		j.Kind = "LEFT " + p.Next().Upper
	case p.Dialect == ast.MySQL && p.Accept("STRAIGHT_JOIN"):
		return j
	}
	if p.Accept("JOIN") {
		return j
	}
	if p.i > start {
		p.Fail("JOIN")
	}
	return nil
}

func (p *Parser) sideWord(j *ast.Join) {
	switch w := p.AcceptAny("OUTER", "SEMI", "ANTI"); {
	case w == "SEMI" || w == "ANTI":
		if j.Kind != "LEFT" {
			p.Unsupported(j.Pos, j.Kind+" "+w+" JOIN", "swap the tables and use LEFT "+w+" JOIN")
		}
		j.Kind = "LEFT " + w
	}
}

func (p *Parser) joinCondition(j *ast.Join) {
	switch {
	case p.Accept("ON"):
		j.On = p.Expr()
	case p.Accept("USING"):
		j.Using = p.IdentList("column")
	case j.Natural || j.Kind == "CROSS":
	case p.Dialect == ast.Flink:
		p.FailHint("ON or USING", "a join without a condition is written CROSS JOIN")
	case j.Kind == "INNER":
		j.Kind = "CROSS"
	case !isLateral(j.R):
		p.Fail("ON or USING")
	}
}

func isLateral(t ast.TableExpr) bool {
	switch t := t.(type) {
	case *ast.Unnest:
		return true
	case *ast.TableFunc:
		return t.Lateral
	case *ast.Derived:
		return t.Lateral
	}
	return false
}

// tablePrimary parses one table without joins, with its alias.
func (p *Parser) tablePrimary() ast.TableExpr {
	defer p.enter()()
	t := p.Peek()
	switch {
	case p.IsOp("("):
		return p.parenTable()
	case p.Accept("LATERAL"):
		return p.lateral(t.Pos)
	case p.Is("UNNEST") && p.IsOpAt(1, "("):
		return p.unnest()
	case p.Is("TABLE") && p.IsOpAt(1, "("):
		return p.tableFunc(false)
	case p.Is("VALUES") && p.Dialect == ast.Spark:
		q := &ast.Query{Pos: t.Pos, Body: p.values(), Script: p.script}
		q.Text = p.textFrom(t.Pos.Offset)
		return &ast.Derived{Pos: t.Pos, Query: q, Alias: p.tableAlias()}
	case p.IsAny("SELECT", "VALUES", "WITH"):
		p.FailHint("table", "put the subquery in parentheses")
	}
	n := p.Name("table name")
	if p.IsOp("(") {
		if r := p.increment(n); r != nil {
			return r
		}
		f := &ast.TableFunc{Pos: n.Pos, Call: p.call(n)}
		f.Alias = p.tableAlias()
		return f
	}
	return p.tableRef(n)
}

func (p *Parser) tableRef(n ast.Name) *ast.TableRef {
	if len(n.Parts) > 3 {
		p.FailAt(n.Pos, "table name "+n.String()+" has too many parts", "write catalog.database.table")
	}
	r := &ast.TableRef{Pos: n.Pos, Name: n, EndOff: p.toks[p.i-1].End}
	r.Hints = p.Hints()
	r.AsOf = p.asOf()
	p.refuseAfterTable()
	r.Alias = p.tableAlias()
	if r.AsOf == nil {
		r.AsOf = p.asOf()
	}
	r.Hints = append(r.Hints, p.Hints()...)
	p.refuseAfterTable()
	return r
}

func (p *Parser) refuseAfterTable() {
	t := p.Peek()
	switch {
	case p.Is("TABLESAMPLE"), p.Is("MATCH_RECOGNIZE"), p.Is("PIVOT"), p.Is("UNPIVOT"):
		p.Unsupported(t.Pos, t.Upper, "")
	case p.Dialect == ast.MySQL && p.Is("PARTITION") && p.IsOpAt(1, "("):
		p.Unsupported(t.Pos, "PARTITION (...) in FROM", "filter on the partition columns in WHERE")
	case p.Dialect == ast.MySQL && p.IsAny("USE", "FORCE", "IGNORE") && (p.PeekAt(1).Upper == "INDEX" || p.PeekAt(1).Upper == "KEY"):
		p.Unsupported(t.Pos, "index hint", "remove it")
	}
}

func (p *Parser) asOf() *ast.AsOf {
	t := p.Peek()
	n := 0
	if p.Is("FOR") {
		n = 1
	}
	kind := ""
	switch p.PeekAt(n).Upper {
	case "SYSTEM_TIME":
		kind = "SYSTEM_TIME"
	case "VERSION", "SYSTEM_VERSION":
		kind = "VERSION"
	case "TIMESTAMP":
		kind = "TIMESTAMP"
	}
	if kind == "" || p.PeekAt(n+1).Upper != "AS" || p.PeekAt(n+2).Upper != "OF" {
		return nil
	}
	p.i += n + 3
	return &ast.AsOf{Pos: t.Pos, Kind: kind, Expr: p.binary(bindAdd)}
}

func (p *Parser) tableAlias() *ast.TableAlias {
	id := p.optAlias()
	if id == nil {
		return nil
	}
	a := &ast.TableAlias{Pos: id.Pos, Name: *id}
	if p.IsOp("(") {
		a.Columns = p.IdentList("column alias")
	}
	return a
}

// parenTable parses "(" query ")" alias or "(" joined tables ")".
func (p *Parser) parenTable() ast.TableExpr {
	pos := p.Pos()
	p.ExpectOp("(")
	if p.startsQuery() {
		d := &ast.Derived{Pos: pos, Query: p.Query()}
		p.ExpectOp(")")
		d.Alias = p.tableAlias()
		return d
	}
	inner := p.tablePrimary()
	d, sub := inner.(*ast.Derived)
	sub = sub && d.Alias == nil && !d.Lateral
	switch {
	case sub && (p.IsAny("UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH")):
		// ((SELECT ..) UNION ..) t
		inner = &ast.Derived{Pos: pos, Query: p.queryFrom(d.Query)}
	case !sub || !p.IsOp(")"):
		inner = p.joins(inner)
	}
	p.ExpectOp(")")
	if d, ok := inner.(*ast.Derived); ok && d.Alias == nil {
		d.Alias = p.tableAlias()
	}
	return inner
}

func (p *Parser) lateral(pos ast.Pos) ast.TableExpr {
	switch {
	case p.IsOp("("):
		p.ExpectOp("(")
		d := &ast.Derived{Pos: pos, Lateral: true, Query: p.Query()}
		p.ExpectOp(")")
		d.Alias = p.tableAlias()
		return d
	case p.Is("TABLE") && p.IsOpAt(1, "("):
		f := p.tableFunc(true)
		return f
	case p.Is("UNNEST") && p.IsOpAt(1, "("):
		return p.unnest()
	}
	f := &ast.TableFunc{Pos: pos, Lateral: true, Call: p.call(p.Name("table function"))}
	f.Alias = p.tableAlias()
	return f
}

// tableFunc parses TABLE(f(...)).
func (p *Parser) tableFunc(lateral bool) *ast.TableFunc {
	f := &ast.TableFunc{Pos: p.Next().Pos, Lateral: lateral}
	p.ExpectOp("(")
	n := p.Name("table function")
	if !p.IsOp("(") {
		p.Fail("\"(\"")
	}
	f.Call = p.call(n)
	p.ExpectOp(")")
	f.Alias = p.tableAlias()
	return f
}

func (p *Parser) unnest() ast.TableExpr {
	u := &ast.Unnest{Pos: p.Next().Pos}
	p.Parens(func() { u.Exprs = append(u.Exprs, p.Expr()) })
	if p.Peek().Kind == lex.Word {
		u.Ordinality = p.Accept("WITH", "ORDINALITY")
	}
	u.Alias = p.tableAlias()
	return u
}
