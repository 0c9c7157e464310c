package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// special parses the functions with a syntax of their own. The current token is
// the name and "(" or "[" follows. It returns nil, consuming nothing, for
// ordinary functions.
func (p *Parser) special(t lex.Token) ast.Expr {
	if p.IsOpAt(1, "[") {
		switch t.Upper {
		case "ARRAY":
			p.i++
			return &ast.Array{Pos: t.Pos, Elems: p.bracketList()}
		case "MAP":
			p.i++
			return &ast.Map{Pos: t.Pos, Elems: p.bracketList()}
		}
		return nil
	}
	switch t.Upper {
	case "CAST", "TRY_CAST", "SAFE_CAST":
		p.i++
		return p.cast(t)
	case "CONVERT":
		if p.Dialect == ast.MySQL {
			p.i++
			return p.convert(t.Pos)
		}
	case "ROW":
		p.i++
		return &ast.Row{Pos: t.Pos, Elems: p.argList(), Explicit: true}
	case "EXTRACT":
		p.i++
		return p.extract(t.Pos)
	case "TRIM":
		p.i++
		return p.trim(t)
	case "SUBSTRING", "SUBSTR", "OVERLAY":
		p.i++
		return p.keywordArgs(t)
	case "POSITION":
		p.i++
		return p.position(t)
	case "JSON_OBJECT", "JSON_OBJECTAGG":
		p.i++
		return p.jsonObject(t)
	}
	return nil
}

func (p *Parser) bracketList() []ast.Expr {
	p.ExpectOp("[")
	var out []ast.Expr
	if !p.IsOp("]") {
		p.CommaList(func() { out = append(out, p.Expr()) })
	}
	p.ExpectOp("]")
	return out
}

func (p *Parser) argList() []ast.Expr {
	p.ExpectOp("(")
	var out []ast.Expr
	if !p.IsOp(")") {
		p.CommaList(func() { out = append(out, p.Expr()) })
	}
	p.ExpectOp(")")
	return out
}

func (p *Parser) cast(t lex.Token) ast.Expr {
	c := &ast.Cast{Pos: t.Pos, Try: t.Upper != "CAST"}
	p.ExpectOp("(")
	c.X = p.Expr()
	p.Expect("AS")
	c.Type = p.TypeName()
	p.ExpectOp(")")
	return c
}

// convert parses MySQL's CONVERT(x, type) and CONVERT(x USING charset).
func (p *Parser) convert(pos ast.Pos) ast.Expr {
	p.ExpectOp("(")
	x := p.Expr()
	if p.Accept("USING") {
		p.anyIdent("character set")
		p.ExpectOp(")")
		return x // every text is UTF-8
	}
	p.ExpectOp(",")
	c := &ast.Cast{Pos: pos, X: x, Type: p.TypeName()}
	p.ExpectOp(")")
	return c
}

func (p *Parser) trim(t lex.Token) ast.Expr {
	p.ExpectOp("(")
	e := &ast.Trim{Pos: t.Pos, Where: p.AcceptAny("BOTH", "LEADING", "TRAILING")}
	if e.Where != "" && p.Accept("FROM") {
		e.X = p.Expr()
		p.ExpectOp(")")
		return e
	}
	x := p.Expr()
	switch {
	case p.Accept("FROM"):
		e.Chars, e.X = x, p.Expr()
	case e.Where == "" && p.IsOp(","):
		c := &ast.Call{Pos: t.Pos, Name: nameOf(t), Args: []ast.Expr{x}}
		for p.AcceptOp(",") {
			c.Args = append(c.Args, p.Expr())
		}
		p.ExpectOp(")")
		return c
	default:
		e.X = x
	}
	if e.Where == "" {
		e.Where = "BOTH"
	}
	p.ExpectOp(")")
	return e
}

func nameOf(t lex.Token) ast.Name {
	return ast.Name{Pos: t.Pos, Parts: []ast.Ident{{Pos: t.Pos, Name: t.Value}}}
}

// keywordArgs parses SUBSTRING(a FROM b FOR c), OVERLAY(a PLACING b FROM c FOR d)
// and their comma forms.
func (p *Parser) keywordArgs(t lex.Token) ast.Expr {
	c := &ast.Call{Pos: t.Pos, Name: nameOf(t)}
	p.ExpectOp("(")
	c.Args = append(c.Args, p.Expr())
	for p.AcceptOp(",") || p.AcceptAny("FROM", "FOR", "PLACING") != "" {
		c.Args = append(c.Args, p.Expr())
	}
	p.ExpectOp(")")
	return c
}

func (p *Parser) position(t lex.Token) ast.Expr {
	c := &ast.Call{Pos: t.Pos, Name: nameOf(t)}
	p.ExpectOp("(")
	c.Args = append(c.Args, p.binary(bindCompare+1))
	if !p.Accept("IN") && !p.AcceptOp(",") {
		p.Fail("IN")
	}
	c.Args = append(c.Args, p.Expr())
	for p.AcceptOp(",") || p.Accept("FROM") {
		c.Args = append(c.Args, p.Expr())
	}
	p.ExpectOp(")")
	return c
}

// unitFirst are the functions whose first argument may be a bare time unit.
var unitFirst = wordSet("TIMESTAMPDIFF", "TIMESTAMPADD", "DATEDIFF", "DATEADD", "DATE_ADD", "DATE_DIFF")

// call parses the argument list and what may follow it.
func (p *Parser) call(name ast.Name) *ast.Call {
	defer p.enter()()
	c := &ast.Call{Pos: name.Pos, Name: name}
	fn := ""
	if len(name.Parts) == 1 && !name.Parts[0].Quoted {
		fn = strings.ToUpper(name.Parts[0].Name)
	}
	p.ExpectOp("(")
	if p.Accept("DISTINCT") {
		c.Distinct = true
	} else if p.Is("ALL") {
		p.i++
	}
	if unitFirst[fn] && units[p.Peek().Upper] != "" && p.IsOpAt(1, ",") {
		w := p.Peek()
		c.Args = append(c.Args, &ast.Word{Pos: w.Pos, Name: p.unit()})
		p.ExpectOp(",")
	}
	if !p.IsOp(")") && !p.atJSONNull(fn) {
		p.CommaList(func() { c.Args = append(c.Args, p.argument(fn)) })
	}
	p.insideCall(c, fn)
	p.ExpectOp(")")
	p.afterCall(c)
	return c
}

func (p *Parser) argument(fn string) ast.Expr {
	t := p.Peek()
	switch {
	case p.IsOp("*"):
		p.i++
		return p.star(t.Pos, nil)
	case p.Is("TABLE") && (p.PeekAt(1).Kind == lex.Word || p.PeekAt(1).Kind == lex.Quoted || p.IsOpAt(1, "(")):
		return p.tableArg()
	case (t.Kind == lex.Word || t.Kind == lex.Quoted) && p.IsOpAt(1, "=>"):
		id := p.anyIdent("argument name")
		p.ExpectOp("=>")
		return &ast.NamedArg{Pos: id.Pos, Name: id, Value: p.argument(fn)}
	}
	return p.Expr()
}

// tableArg parses TABLE t or TABLE (query) in a table function's arguments.
func (p *Parser) tableArg() ast.Expr {
	pos := p.Next().Pos
	if p.IsOp("(") {
		return &ast.TableArg{Pos: pos, Table: p.tablePrimary()}
	}
	n := p.Name("table name")
	return &ast.TableArg{Pos: pos, Table: &ast.TableRef{Pos: n.Pos, Name: n, EndOff: p.toks[p.i-1].End}}
}

// insideCall parses what may stand before the closing parenthesis.
func (p *Parser) insideCall(c *ast.Call, fn string) {
	switch fn {
	case "CEIL", "FLOOR", "CEILING":
		if p.Accept("TO") {
			w := p.Peek()
			c.Args = append(c.Args, &ast.Word{Pos: w.Pos, Name: p.unit()})
		}
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_ARRAY", "JSON_ARRAYAGG":
		p.jsonClauses(c)
	}
	if p.Accept("ORDER", "BY") {
		c.OrderBy = p.orderItems()
	}
	if p.Accept("SEPARATOR") {
		c.Separator = p.Expr()
	}
	p.nullTreatment(c)
}

func (p *Parser) nullTreatment(c *ast.Call) {
	if p.IsAny("IGNORE", "RESPECT") && p.PeekAt(1).Upper == "NULLS" {
		c.RespectNulls = p.Next().Upper
		p.i++
	}
}

func (p *Parser) afterCall(c *ast.Call) {
	if p.Is("WITHIN", "GROUP") {
		p.Expect("WITHIN", "GROUP")
		p.ExpectOp("(")
		p.Expect("ORDER", "BY")
		c.WithinGroup = p.orderItems()
		p.ExpectOp(")")
	}
	if p.Is("FILTER") && p.IsOpAt(1, "(") {
		p.i += 2
		p.Expect("WHERE")
		c.Filter = p.Expr()
		p.ExpectOp(")")
	}
	p.nullTreatment(c)
	if p.Is("OVER") && (p.IsOpAt(1, "(") || p.isIdent(p.PeekAt(1))) {
		p.i++
		c.Over = p.over()
	}
}
