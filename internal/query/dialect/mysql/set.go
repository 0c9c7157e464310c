package mysql

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
)

// set parses SET in its many MySQL forms.
func set(p *parse.Parser) ast.Statement {
	pos := p.Next().Pos
	if p.Is("CATALOG") && !p.IsOpAt(1, "=") {
		p.Next()
		return &ast.UseCatalog{Stmt: ast.Stmt{Pos: pos}, Name: p.Ident("catalog name")}
	}
	s := &ast.Set{Stmt: ast.Stmt{Pos: pos}}
	scope := ""
	p.CommaList(func() {
		it := item(p, scope)
		if it.Scope != "USER" {
			scope = it.Scope // SET GLOBAL a = 1, b = 2: the scope holds on
		}
		s.Items = append(s.Items, it)
	})
	return s
}

func item(p *parse.Parser, scope string) ast.SetItem {
	it := ast.SetItem{Pos: p.Pos(), HasValue: true, Scope: scope}
	if w := p.AcceptAny("GLOBAL", "SESSION", "LOCAL", "PERSIST"); w != "" {
		it.Scope = w
	}
	t := p.Peek()
	switch {
	case p.Accept("NAMES"):
		it.Key = "names"
		it.Value = p.Next().Value
		if p.Accept("COLLATE") {
			p.Next()
		}
		return it
	case p.Accept("CHARACTER", "SET"), p.Accept("CHARSET"):
		it.Key = "character_set"
		it.Value = p.Next().Value
		return it
	case p.Accept("TRANSACTION"):
		it.Key = "transaction"
		it.Value = p.RawToEnd()
		return it
	case p.Is("PASSWORD"), p.Is("ROLE"), p.Is("DEFAULT", "ROLE"):
		p.Unsupported(t.Pos, "SET "+t.Upper, "users are configured on the server")
	case t.Kind == lex.UserVar:
		p.Next()
		it.Key, it.Scope = t.Value, "USER"
	case t.Kind == lex.SysVar:
		p.Next()
		it.Key = t.Value
		if s, name, ok := strings.Cut(t.Value, "."); ok {
			it.Scope, it.Key = strings.ToUpper(s), name
		}
	default:
		it.Key = p.Name("variable name").String()
	}
	if !p.AcceptOp("=") {
		p.ExpectOp(":=")
	}
	value(p, &it)
	return it
}

func value(p *parse.Parser, it *ast.SetItem) {
	if t := p.Peek(); t.Kind == lex.Word && (t.Upper == "ON" || t.Upper == "DEFAULT" || t.Upper == "ALL") {
		p.Next()
		it.Value = t.Text
		return
	}
	e := p.Expr()
	it.Expr = e
	switch e := e.(type) {
	case *ast.Literal:
		it.Value = e.Text
	case *ast.ColumnRef: // SET sql_mode = ansi
		if len(e.Parts) == 1 {
			it.Value = e.Parts[0].Name
		}
	}
}
