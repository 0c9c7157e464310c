package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// Drop parses DROP ...; the current token is DROP.
func (p *Parser) Drop() ast.Statement {
	d := &ast.Drop{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	d.Temporary = p.AcceptAny("TEMPORARY", "TEMP") != ""
	d.System = p.Accept("SYSTEM")
	if p.Accept("MATERIALIZED") {
		p.Expect("TABLE")
		d.Kind = "MATERIALIZED TABLE"
	} else if d.Kind = p.AcceptAny("TABLE", "VIEW", "DATABASE", "SCHEMA", "NAMESPACE", "CATALOG", "FUNCTION"); d.Kind == "" {
		p.Fail("TABLE, VIEW, DATABASE, CATALOG or FUNCTION")
	}
	if d.Kind == "SCHEMA" || d.Kind == "NAMESPACE" {
		d.Kind = "DATABASE"
	}
	d.IfExists = p.IfExists()
	d.Name = p.Name("name")
	if w := p.AcceptAny("CASCADE", "RESTRICT", "PURGE", "FORCE"); w == "CASCADE" {
		d.Cascade = true
	}
	if p.IsOp(",") {
		p.Unsupported(p.Pos(), "DROP of several objects", "write one DROP for each")
	}
	return d
}

// Use parses USE; the current token is USE.
func (p *Parser) Use() ast.Statement {
	stmt := ast.Stmt{Pos: p.Next().Pos}
	if p.Is("CATALOG") && !p.IsOpAt(1, ";") && p.PeekAt(1).Kind != lex.EOF && !p.IsOpAt(1, ".") {
		p.i++
		return &ast.UseCatalog{Stmt: stmt, Name: p.Ident("catalog name")}
	}
	if p.IsAny("MODULES") {
		p.Unsupported(p.Pos(), "USE MODULES", "")
	}
	p.AcceptAny("DATABASE", "SCHEMA", "NAMESPACE")
	u := &ast.Use{Stmt: stmt, Name: p.Name("database name")}
	if len(u.Name.Parts) > 2 {
		p.FailAt(u.Name.Pos, "database name "+u.Name.String()+" has too many parts", "write catalog.database")
	}
	return u
}

// Describe parses DESCRIBE and DESC; the current token is the verb.
func (p *Parser) Describe() ast.Statement {
	d := &ast.Describe{Stmt: ast.Stmt{Pos: p.Next().Pos}, Kind: "TABLE"}
	p.describeFlags(d)
	switch {
	case p.startsQuery() || p.Is("QUERY"):
		p.Accept("QUERY")
		d.Kind, d.Query = "QUERY", p.Query()
		return d
	case p.IsAny("DATABASE", "SCHEMA", "NAMESPACE") && p.isIdent(p.PeekAt(1)):
		p.i++
		d.Kind = "DATABASE"
	case p.IsAny("CATALOG", "JOB", "FUNCTION", "TABLE") && (p.isIdent(p.PeekAt(1)) || p.PeekAt(1).Kind == lex.String):
		d.Kind = p.Next().Upper
	}
	p.describeFlags(d)
	if p.IsString() {
		d.Target = p.String("name")
		return d
	}
	d.Name = p.Name("name")
	if p.Is("PARTITION") {
		p.PartitionSpec()
	}
	if d.Kind == "TABLE" && (p.IsIdent() || p.IsString()) {
		d.Column = p.Next().Value
	}
	return d
}

func (p *Parser) describeFlags(d *ast.Describe) {
	for p.IsAny("EXTENDED", "FORMATTED") && (p.isIdent(p.PeekAt(1)) || p.PeekAt(1).Upper == "TABLE") {
		d.Extended = true
		p.i++
	}
}

// explainDetails are the words between EXPLAIN and the statement.
var explainDetails = wordSet("ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE", "ANALYZE", "EXTENDED",
	"FORMATTED", "CODEGEN", "COST", "LOGICAL", "VERBOSE", "COSTS", "PHYSICAL")

// Explain parses EXPLAIN; the current token is EXPLAIN.
func (p *Parser) Explain() ast.Statement {
	e := &ast.Explain{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	if !p.Accept("PLAN", "FOR") {
		for explainDetails[p.Peek().Upper] {
			e.Details = append(e.Details, p.Next().Upper)
			p.AcceptOp(",")
		}
		if p.Is("FORMAT") && p.IsOpAt(1, "=") {
			p.i += 2
			e.Details = append(e.Details, "FORMAT="+strings.ToUpper(p.Next().Value))
		}
	}
	if p.Dialect == ast.MySQL && p.IsIdent() && !p.IsAny("INSERT", "DELETE", "UPDATE", "VALUES") {
		d := &ast.Describe{Stmt: ast.Stmt{Pos: e.Pos}, Kind: "TABLE", Name: p.Name("table name")}
		if p.IsIdent() {
			d.Column = p.Next().Value
		}
		return d
	}
	if p.AtStatementEnd() {
		p.Fail("statement")
	}
	e.Of = p.Statement()
	return e
}

// QueryStatement parses a query as a statement.
func (p *Parser) QueryStatement() ast.Statement {
	pos := p.Pos()
	q := &ast.QueryStmt{Stmt: ast.Stmt{Pos: pos}, Query: p.Query()}
	return q
}

// RawToEnd returns the source text up to the end of the statement, trimmed, and
// moves there: Spark's SET takes anything as a value.
func (p *Parser) RawToEnd() string {
	start := p.Pos().Offset
	end := start
	for !p.AtStatementEnd() {
		if t := p.Peek(); t.Kind == lex.Bad && strings.Contains(t.Value, "without end") {
			p.Fail("value")
		}
		end = p.Next().End
	}
	return strings.TrimSpace(p.text[start:end])
}

// RawKey reads a dotted setting name, such as spark.sql.shuffle.partitions or
// execution.checkpointing.interval; dashes belong to it.
func (p *Parser) RawKey() string {
	start := p.Pos().Offset
	t := p.Peek()
	if t.Kind != lex.Word && t.Kind != lex.Quoted {
		p.Fail("setting name")
	}
	end := t.End
	p.i++
	for p.Peek().Pos.Offset == end && !p.IsOp("=") && !p.AtStatementEnd() {
		end = p.Next().End
	}
	if t.Kind == lex.Quoted && end == t.End {
		return t.Value
	}
	return p.text[start:end]
}
