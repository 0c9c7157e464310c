// Package spark parses the statements of Spark SQL.
package spark

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
)

// Statement is the grammar of one Spark statement.
func Statement(p *parse.Parser) ast.Statement {
	t := p.Peek()
	switch t.Upper {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return p.QueryStatement()
	case "INSERT":
		return p.Insert()
	case "CREATE":
		return p.Create()
	case "ALTER":
		return p.Alter()
	case "DROP":
		return p.Drop()
	case "USE":
		return p.Use()
	case "SET":
		return set(p)
	case "RESET":
		return reset(p)
	case "SHOW":
		return p.Show(shows)
	case "DESCRIBE", "DESC":
		return p.Describe()
	case "EXPLAIN":
		return p.Explain()
	case "CALL":
		return p.Call()
	case "DELETE":
		return p.Delete()
	case "UPDATE":
		return p.Update()
	case "MERGE":
		return p.Merge()
	case "TRUNCATE":
		return p.Truncate()
	case "ANALYZE":
		return p.Analyze()
	case "REFRESH":
		return refresh(p)
	case "COMMENT":
		return p.CommentOn()
	case "CACHE", "UNCACHE", "ADD", "MSCK", "REPAIR", "LOAD", "FROM", "REPLACE", "EXPORT", "IMPORT", "MAP", "REDUCE":
		p.Unsupported(t.Pos, strings.TrimSpace(t.Upper+" "+p.PeekAt(1).Text), "")
	}
	if p.IsOp("(") {
		return p.QueryStatement()
	}
	hint := ""
	if near := ast.Nearest(t.Text, verbs); near != "" {
		hint = "did you mean " + near + "?"
	}
	p.FailHint("a statement", hint)
	return nil
}

// verbs start a statement; they serve the hint for misspelled ones.
var verbs = []string{"SELECT", "WITH", "VALUES", "INSERT", "CREATE", "ALTER", "DROP", "USE", "SET", "RESET", "SHOW", "DESCRIBE",
	"EXPLAIN", "CALL", "DELETE", "UPDATE", "MERGE", "TRUNCATE", "ANALYZE", "REFRESH", "COMMENT"}

// shows are Spark's SHOW statements.
var shows = []parse.ShowForm{
	{Words: "CATALOGS"}, {Words: "DATABASES"}, {Words: "SCHEMAS", As: "DATABASES"}, {Words: "NAMESPACES", As: "DATABASES"},
	{Words: "CURRENT DATABASE"}, {Words: "CURRENT NAMESPACE", As: "CURRENT DATABASE"}, {Words: "TABLES"}, {Words: "TABLE EXTENDED", As: "TABLES"}, {Words: "VIEWS"}, {Words: "FUNCTIONS"},
	{Words: "CREATE TABLE", Named: true}, {Words: "TBLPROPERTIES", Named: true}, {Words: "PARTITIONS", Named: true},
	{Words: "COLUMNS", Of: true}, {Words: "PROCEDURES"},
}

// set parses SET, SET -v, SET key and SET key=value, where the value is any text.
func set(p *parse.Parser) ast.Statement {
	s := &ast.Set{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	if p.AtStatementEnd() {
		return s
	}
	if p.IsOp("-") && p.PeekAt(1).Upper == "V" {
		p.Next()
		p.Next()
		return s
	}
	if p.Is("TIME", "ZONE") {
		it := ast.SetItem{Pos: p.Pos(), Key: "spark.sql.session.timeZone", HasValue: true}
		p.Expect("TIME", "ZONE")
		it.Value = unquote(p)
		s.Items = append(s.Items, it)
		return s
	}
	it := ast.SetItem{Pos: p.Pos()}
	if p.IsString() {
		it.Key = p.String("setting name")
	} else {
		it.Key = p.RawKey()
	}
	if p.AcceptOp("=") {
		it.HasValue = true
		it.Value = unquote(p)
	}
	s.Items = append(s.Items, it)
	return s
}

// unquote reads a value that is one string literal, or any text up to the end.
func unquote(p *parse.Parser) string {
	next := p.PeekAt(1)
	if p.IsString() && (next.Kind == lex.EOF || p.IsOpAt(1, ";")) {
		return p.String("value")
	}
	return p.RawToEnd()
}

func reset(p *parse.Parser) ast.Statement {
	r := &ast.Reset{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	if !p.AtStatementEnd() {
		r.Key = p.RawKey()
	}
	return r
}

// refresh parses REFRESH [TABLE] t: readers always see the newest snapshot, so it does nothing.
func refresh(p *parse.Parser) ast.Statement {
	n := &ast.NoOp{Stmt: ast.Stmt{Pos: p.Next().Pos}, What: "REFRESH"}
	p.AcceptAny("TABLE", "FUNCTION")
	p.RawToEnd()
	return n
}
