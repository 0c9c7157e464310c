package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// atJSONNull recognises JSON_ARRAY(NULL ON NULL), which has no arguments.
func (p *Parser) atJSONNull(fn string) bool {
	return fn == "JSON_ARRAY" && (p.Is("NULL", "ON", "NULL") || p.Is("ABSENT", "ON", "NULL"))
}

// jsonObject parses JSON_OBJECT([KEY] k VALUE v, ...) and JSON_OBJECTAGG, also
// with k : v and, outside Flink, plain arguments.
func (p *Parser) jsonObject(t lex.Token) ast.Expr {
	c := &ast.Call{Pos: t.Pos, Name: nameOf(t), JSON: &ast.JSONClause{Pairs: true}}
	p.ExpectOp("(")
	if !p.IsOp(")") && !p.Is("NULL", "ON", "NULL") && !p.Is("ABSENT", "ON", "NULL") {
		p.CommaList(func() { p.jsonPair(c) })
	}
	p.onNull(c.JSON)
	p.ExpectOp(")")
	p.afterCall(c)
	return c
}

func (p *Parser) jsonPair(c *ast.Call) {
	keyed := p.Is("KEY") && !p.IsOpAt(1, ",") && !p.IsOpAt(1, ".") && p.PeekAt(1).Upper != "VALUE"
	if keyed {
		p.i++
	}
	c.Args = append(c.Args, p.Expr())
	if p.Accept("VALUE") || p.AcceptOp(":") || p.Dialect != ast.Flink && p.AcceptOp(",") {
		c.Args = append(c.Args, p.Expr())
		return
	}
	p.Fail("VALUE")
}

func (p *Parser) onNull(j *ast.JSONClause) {
	if (p.Is("NULL") || p.Is("ABSENT")) && p.PeekAt(1).Upper == "ON" {
		j.OnNull = p.Next().Upper
		p.Expect("ON", "NULL")
	}
}

// jsonClauses parses RETURNING, the wrapper, ON EMPTY, ON ERROR and ON NULL.
func (p *Parser) jsonClauses(c *ast.Call) {
	j := &ast.JSONClause{}
	if p.Accept("RETURNING") {
		j.Returning = p.TypeName()
	}
	switch {
	case p.Accept("WITHOUT"):
		p.Accept("ARRAY")
		p.Expect("WRAPPER")
		j.Wrapper = "WITHOUT"
	case p.Accept("WITH"):
		j.Wrapper = "WITH"
		if w := p.AcceptAny("CONDITIONAL", "UNCONDITIONAL"); w != "" {
			j.Wrapper += " " + w
		}
		p.Accept("ARRAY")
		p.Expect("WRAPPER")
	}
	if p.Is("NULL", "ON", "NULL") || p.Is("ABSENT", "ON", "NULL") {
		p.onNull(j)
	}
	for p.IsAny("NULL", "ERROR", "DEFAULT", "EMPTY", "TRUE", "FALSE", "UNKNOWN") {
		p.jsonBehaviour(j)
	}
	if p.Accept("RETURNING") {
		j.Returning = p.TypeName()
	}
	if *j != (ast.JSONClause{}) {
		c.JSON = j
	}
}

func (p *Parser) jsonBehaviour(j *ast.JSONClause) {
	kind := p.Next().Upper
	var def ast.Expr
	switch kind {
	case "EMPTY":
		what := p.AcceptAny("ARRAY", "OBJECT")
		if what == "" {
			what = "ARRAY"
		}
		kind += " " + what
	case "DEFAULT":
		def = p.Expr()
	}
	p.Expect("ON")
	switch {
	case p.Accept("EMPTY"):
		j.OnEmpty, j.EmptyExpr = kind, def
	case p.Accept("ERROR"):
		j.OnError, j.ErrorExpr = kind, def
	default:
		p.Fail("EMPTY or ERROR")
	}
}
