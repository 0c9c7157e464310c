// Package flink parses the statements of Flink SQL, as in the SQL client and gateway.
package flink

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
)

// Statement is the grammar of one Flink statement.
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
	case "EXECUTE":
		return execute(p)
	case "BEGIN":
		return beginSet(p)
	case "CALL":
		return p.Call()
	case "DELETE":
		return p.Delete()
	case "UPDATE":
		return p.Update()
	case "TRUNCATE":
		return p.Truncate()
	case "ANALYZE":
		return p.Analyze()
	case "STOP":
		return stopJob(p)
	case "ADD", "REMOVE", "LOAD", "UNLOAD", "COMPILE", "MERGE":
		p.Unsupported(t.Pos, t.Upper+" "+p.PeekAt(1).Text, "")
	}
	if p.IsOp("(") {
		return p.QueryStatement()
	}
	unknown(p)
	return nil
}

// verbs start a statement; they serve the hint for misspelled ones.
var verbs = []string{"SELECT", "WITH", "VALUES", "INSERT", "CREATE", "ALTER", "DROP", "USE", "SET", "RESET", "SHOW", "DESCRIBE",
	"EXPLAIN", "EXECUTE", "BEGIN", "CALL", "DELETE", "UPDATE", "TRUNCATE", "ANALYZE", "STOP"}

func unknown(p *parse.Parser) {
	hint := ""
	if near := ast.Nearest(p.Peek().Text, verbs); near != "" {
		hint = "did you mean " + near + "?"
	}
	p.FailHint("a statement", hint)
}

// shows are Flink's SHOW statements.
var shows = []parse.ShowForm{
	{Words: "CATALOGS"}, {Words: "CURRENT CATALOG"}, {Words: "CURRENT DATABASE"}, {Words: "DATABASES"},
	{Words: "TABLES"}, {Words: "VIEWS"}, {Words: "FUNCTIONS"}, {Words: "PROCEDURES"}, {Words: "JOBS"}, {Words: "MODULES"}, {Words: "JARS"},
	{Words: "MATERIALIZED TABLES"},
	{Words: "CREATE TABLE", Named: true}, {Words: "CREATE VIEW", Named: true}, {Words: "CREATE CATALOG", Named: true},
	{Words: "CREATE DATABASE", Named: true}, {Words: "CREATE MATERIALIZED TABLE", Named: true},
	{Words: "COLUMNS", Of: true}, {Words: "PARTITIONS", Named: true},
}

// set parses SET, SET 'key' = 'value' and the older SET key = value.
func set(p *parse.Parser) ast.Statement {
	s := &ast.Set{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	if p.AtStatementEnd() {
		return s
	}
	it := ast.SetItem{Pos: p.Pos(), HasValue: true}
	if p.IsString() {
		it.Key = p.String("key")
	} else {
		it.Key = p.RawKey()
	}
	p.ExpectOp("=")
	if p.IsString() {
		it.Value = p.String("value")
	} else if it.Value = p.RawToEnd(); it.Value == "" {
		p.Fail("value in single quotes")
	}
	s.Items = append(s.Items, it)
	return s
}

func reset(p *parse.Parser) ast.Statement {
	r := &ast.Reset{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	switch {
	case p.AtStatementEnd():
	case p.IsString():
		r.Key = p.String("key")
	default:
		r.Key = p.RawKey()
	}
	return r
}

// execute parses EXECUTE STATEMENT SET BEGIN ... END, EXECUTE INSERT and EXECUTE PLAN.
func execute(p *parse.Parser) ast.Statement {
	pos := p.Next().Pos
	if p.Accept("STATEMENT", "SET") {
		p.Expect("BEGIN")
		return statementSet(p, pos)
	}
	switch {
	case p.Is("INSERT"):
		return p.Insert()
	case p.IsAny("SELECT", "WITH"):
		return p.QueryStatement()
	case p.Is("PLAN"):
		p.Unsupported(p.Pos(), "EXECUTE PLAN", "run the INSERT itself")
	}
	p.Fail("STATEMENT SET")
	return nil
}

func beginSet(p *parse.Parser) ast.Statement {
	pos := p.Next().Pos
	p.Expect("STATEMENT", "SET")
	p.ExpectOp(";")
	return statementSet(p, pos)
}

// statementSet parses the inserts up to END.
func statementSet(p *parse.Parser, pos ast.Pos) ast.Statement {
	s := &ast.StatementSet{Stmt: ast.Stmt{Pos: pos}}
	for {
		for p.AcceptOp(";") {
		}
		if p.Accept("END") {
			break
		}
		p.Accept("EXECUTE")
		if !p.Is("INSERT") {
			p.Fail("INSERT or END")
		}
		s.Inserts = append(s.Inserts, p.Insert())
		if !p.IsOp(";") {
			p.Fail("\";\"")
		}
	}
	if len(s.Inserts) == 0 {
		p.FailAt(pos, "statement set without INSERT", "")
	}
	return s
}

func stopJob(p *parse.Parser) ast.Statement {
	s := &ast.StopJob{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	p.Expect("JOB")
	s.ID = p.String("job id in single quotes")
	for p.Accept("WITH") {
		switch p.AcceptAny("SAVEPOINT", "DRAIN") {
		case "SAVEPOINT":
			s.WithSavepoint = true
		case "DRAIN":
			s.WithDrain = true
		default:
			p.Fail("SAVEPOINT or DRAIN")
		}
	}
	return s
}
