package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

func (p *Parser) selectBlock() *ast.Select {
	s := &ast.Select{Pos: p.Next().Pos, Hints: p.Hints()}
	for p.Dialect == ast.MySQL && p.AcceptAny("SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS", "SQL_CACHE", "HIGH_PRIORITY", "SQL_SMALL_RESULT", "SQL_BIG_RESULT") != "" {
	}
	if p.Accept("DISTINCT") {
		s.Distinct = true
	} else {
		p.Accept("ALL")
	}
	p.CommaList(func() { s.Items = append(s.Items, p.selectItem()) })
	if p.Accept("FROM") {
		p.CommaList(func() { s.From = append(s.From, p.tableExpr()) })
		for p.Is("LATERAL", "VIEW") {
			s.Laterals = append(s.Laterals, p.lateralView())
		}
	}
	if p.Accept("WHERE") {
		s.Where = p.Expr()
	}
	if p.Accept("GROUP") {
		p.Expect("BY")
		p.groupBy(s)
	}
	if p.Accept("HAVING") {
		s.Having = p.Expr()
	}
	p.windowsAndQualify(s)
	if p.Dialect == ast.Spark && (p.Accept("DISTRIBUTE", "BY") || p.Accept("CLUSTER", "BY")) {
		p.CommaList(func() { s.Arranged = append(s.Arranged, p.Expr()) })
	}
	return s
}

func (p *Parser) windowsAndQualify(s *ast.Select) {
	for {
		switch {
		case p.Is("WINDOW") && p.PeekAt(2).Upper == "AS":
			p.i++
			p.CommaList(func() {
				w := ast.NamedWindow{Name: p.Ident("window name")}
				p.Expect("AS")
				w.Spec = p.windowSpec()
				s.Windows = append(s.Windows, w)
			})
		case p.Accept("QUALIFY"):
			s.Qualify = p.Expr()
		default:
			return
		}
	}
}

func (p *Parser) selectItem() ast.SelectItem {
	start := p.Pos()
	it := ast.SelectItem{Pos: start}
	if p.IsOp("*") {
		p.i++
		it.Expr = p.star(start, nil)
		it.Text = p.textFrom(start.Offset)
		return it
	}
	if p.IsAny("FROM", "WHERE") || p.AtStatementEnd() {
		p.Fail("column or expression")
	}
	it.Expr = p.Expr()
	it.Text = p.textFrom(start.Offset)
	if p.Dialect == ast.Spark && (p.Is("AS") && p.IsOpAt(1, "(") || p.IsOp("(")) {
		p.Accept("AS")
		it.Aliases = p.IdentList("column")
		return it
	}
	it.Alias = p.optAlias()
	return it
}

func (p *Parser) groupBy(s *ast.Select) {
	if p.Dialect == ast.Spark && p.Is("ALL") {
		p.i++
		s.GroupAll = true
		return
	}
	if !p.Accept("ALL") {
		p.Accept("DISTINCT")
	}
	p.CommaList(func() { s.GroupBy = append(s.GroupBy, p.groupItem()) })
	pos := p.Pos()
	switch {
	case p.Accept("WITH", "ROLLUP"):
		s.GroupBy = []ast.GroupItem{{Pos: pos, Kind: "ROLLUP", Sets: s.GroupBy}}
	case p.Accept("WITH", "CUBE"):
		s.GroupBy = []ast.GroupItem{{Pos: pos, Kind: "CUBE", Sets: s.GroupBy}}
	case p.Dialect == ast.Spark && p.Is("GROUPING", "SETS"):
		s.GroupBy = []ast.GroupItem{p.groupItem()}
	}
}

func (p *Parser) groupItem() ast.GroupItem {
	defer p.enter()()
	g := ast.GroupItem{Pos: p.Pos()}
	switch {
	case p.Is("ROLLUP") && p.IsOpAt(1, "("), p.Is("CUBE") && p.IsOpAt(1, "("):
		g.Kind = p.Next().Upper
		p.Parens(func() { g.Sets = append(g.Sets, p.groupItem()) })
	case p.Is("GROUPING", "SETS"):
		p.i += 2
		g.Kind = "GROUPING SETS"
		p.Parens(func() { g.Sets = append(g.Sets, p.groupItem()) })
	case p.IsOp("(") && p.IsOpAt(1, ")"):
		p.i += 2
	default:
		e := p.Expr()
		if r, ok := e.(*ast.Row); ok && !r.Explicit {
			g.Exprs = r.Elems
		} else {
			g.Exprs = []ast.Expr{e}
		}
	}
	return g
}

func (p *Parser) lateralView() ast.LateralView {
	v := ast.LateralView{Pos: p.Pos()}
	p.Expect("LATERAL", "VIEW")
	v.Outer = p.Accept("OUTER")
	v.Call = p.call(p.Name("function"))
	if !p.Is("AS") {
		v.Alias = p.Ident("table alias")
	}
	if p.Accept("AS") {
		p.CommaList(func() { v.Columns = append(v.Columns, p.Ident("column alias")) })
	}
	return v
}

// Hints parses zero or more /*+ ... */.
func (p *Parser) Hints() []ast.Hint {
	var out []ast.Hint
	for p.AcceptOp("/*+") {
		for !p.AcceptOp("*/") {
			out = append(out, p.hint())
			p.AcceptOp(",")
		}
	}
	return out
}

func (p *Parser) hint() ast.Hint {
	t := p.Peek()
	if t.Kind != lex.Word {
		p.Fail("hint name")
	}
	p.i++
	h := ast.Hint{Pos: t.Pos, Name: t.Upper}
	if !p.IsOp("(") {
		return h
	}
	if h.Name == "OPTIONS" {
		h.Options = p.Properties()
		return h
	}
	p.i++
	for depth := 1; ; {
		t := p.Peek()
		switch {
		case t.Kind == lex.EOF || t.Text == "*/":
			p.Fail("\")\"")
		case p.IsOp("("):
			depth++
		case p.IsOp(")"):
			if depth--; depth == 0 {
				p.i++
				return h
			}
		}
		if !p.IsOp(",") {
			h.Args = append(h.Args, t.Text)
		}
		p.i++
	}
}

// Properties parses ('k' = 'v', ...). Spark also takes bare dotted keys and
// unquoted values.
func (p *Parser) Properties() []ast.Property {
	out := []ast.Property{}
	p.ExpectOp("(")
	if p.AcceptOp(")") {
		return out
	}
	p.CommaList(func() {
		kv := ast.Property{Pos: p.Pos()}
		kv.Key = p.propertyKey()
		if p.Dialect == ast.Flink || p.IsOp("=") {
			p.ExpectOp("=")
		}
		kv.Value = p.propertyValue()
		out = append(out, kv)
	})
	p.ExpectOp(")")
	return out
}

func (p *Parser) propertyKey() string {
	if p.IsString() {
		return p.String("option name")
	}
	if p.Dialect == ast.Flink {
		p.FailHint("option name in single quotes", "write 'key' = 'value'")
	}
	start := p.Pos().Offset
	p.anyIdent("option name")
	for p.AcceptOp(".") || p.AcceptOp("-") {
		p.anyIdent("option name")
	}
	return p.textFrom(start)
}

func (p *Parser) propertyValue() string {
	if p.IsString() {
		return p.String("option value")
	}
	t := p.Peek()
	if p.Dialect == ast.Flink {
		p.FailHint("option value in single quotes", "write 'key' = 'value'")
	}
	switch t.Kind {
	case lex.Int, lex.Decimal, lex.Float, lex.Word:
		p.i++
		return t.Text
	}
	p.Fail("option value")
	return ""
}
