// Package mysql parses the statements that reach Tarn through the MySQL
// protocol: StarRocks queries, and what MySQL clients and drivers send by themselves.
package mysql

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
)

// Statement is the grammar of one MySQL or StarRocks statement.
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
	case "TRUNCATE":
		return p.Truncate()
	case "ANALYZE":
		return p.Analyze()
	case "REFRESH":
		return noOp(p)
	}
	if s := session(p); s != nil {
		return s
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
var verbs = []string{"SELECT", "WITH", "VALUES", "INSERT", "CREATE", "ALTER", "DROP", "USE", "SET", "SHOW", "DESCRIBE",
	"EXPLAIN", "CALL", "DELETE", "UPDATE", "TRUNCATE", "ANALYZE", "BEGIN", "COMMIT", "ROLLBACK", "KILL", "START"}

// session parses the statements about the connection; nil for others.
func session(p *parse.Parser) ast.Statement {
	t := p.Peek()
	switch t.Upper {
	case "BEGIN", "COMMIT", "ROLLBACK":
		p.Next()
		if p.Is("TO") || p.Is("WORK", "TO") {
			p.Unsupported(t.Pos, "ROLLBACK TO SAVEPOINT", "")
		}
		p.Accept("WORK")
		p.Accept("AND", "CHAIN")
		p.Accept("AND", "NO", "CHAIN")
		return &ast.Transaction{Stmt: ast.Stmt{Pos: t.Pos}, Kind: t.Upper}
	case "START":
		p.Next()
		p.Expect("TRANSACTION")
		p.RawToEnd() // READ ONLY, WITH CONSISTENT SNAPSHOT: every read has one snapshot
		return &ast.Transaction{Stmt: ast.Stmt{Pos: t.Pos}, Kind: "BEGIN"}
	case "KILL":
		p.Next()
		k := &ast.Kill{Stmt: ast.Stmt{Pos: t.Pos}, Query: p.AcceptAny("QUERY", "CONNECTION") == "QUERY"}
		k.ID = p.Expr()
		return k
	case "LOCK", "UNLOCK", "FLUSH":
		return noOp(p)
	case "SAVEPOINT", "RELEASE", "PREPARE", "DEALLOCATE", "LOAD", "REPLACE", "GRANT", "REVOKE", "DO", "HANDLER", "RENAME", "OPTIMIZE", "EXECUTE", "ADMIN", "SUBMIT":
		p.Unsupported(t.Pos, strings.TrimSpace(t.Upper+" "+p.PeekAt(1).Text), "")
	}
	return nil
}

// noOp reads a statement that clients send and that has nothing to do in Tarn.
func noOp(p *parse.Parser) ast.Statement {
	n := &ast.NoOp{Stmt: ast.Stmt{Pos: p.Pos()}, What: p.Peek().Upper}
	p.Next()
	p.RawToEnd()
	return n
}
