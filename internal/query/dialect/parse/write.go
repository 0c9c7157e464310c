package parse

import "github.com/tarndb/tarn/internal/query/ast"

// Insert parses INSERT INTO|OVERWRITE; the current token is INSERT.
func (p *Parser) Insert() *ast.Insert {
	start := p.Pos()
	ins := &ast.Insert{Stmt: ast.Stmt{Pos: start}}
	p.Expect("INSERT")
	if p.Is("IGNORE") {
		p.Unsupported(p.Pos(), "INSERT IGNORE", "use a table with merge-engine = first-row")
	}
	switch {
	case p.Accept("OVERWRITE"):
		ins.Overwrite = true
		if p.Is("DIRECTORY") || p.Is("LOCAL") {
			p.Unsupported(p.Pos(), "INSERT OVERWRITE DIRECTORY", "")
		}
		p.Accept("INTO")
	case p.Accept("INTO"):
	case p.Dialect == ast.Flink:
		p.Fail("INTO or OVERWRITE")
	}
	if p.Is("TABLE") {
		p.i++
	}
	ins.Target = p.Name("table name")
	ins.Hints = p.Hints()
	if p.Is("PARTITION") {
		ins.Partition = p.PartitionSpec()
		for _, v := range ins.Partition {
			ins.Dynamic = ins.Dynamic || v.Value == nil
		}
		ins.IfNotExist = p.IfNotExists()
	}
	if p.Accept("BY", "NAME") {
		ins.ByName = true
	}
	if p.IsOp("(") && !p.parenStartsQuery() {
		ins.Columns = p.columnList()
	}
	ins.Hints = append(ins.Hints, p.Hints()...)
	if !p.IsAny("SELECT", "VALUES", "WITH", "TABLE") && !p.IsOp("(") {
		p.Fail("SELECT or VALUES")
	}
	ins.Query = p.Query()
	if p.Is("ON", "DUPLICATE") {
		p.Unsupported(p.Pos(), "ON DUPLICATE KEY UPDATE", "a primary-key table already merges rows by key")
	}
	ins.SetSource(p.textFrom(start.Offset))
	return ins
}

func (p *Parser) parenStartsQuery() bool {
	n := 0
	for p.IsOpAt(n, "(") {
		n++
	}
	return wordSet("SELECT", "VALUES", "WITH", "TABLE")[p.PeekAt(n).Upper]
}

// columnList parses the target columns. Nested ones are refused by name.
func (p *Parser) columnList() []ast.Ident {
	var out []ast.Ident
	p.Parens(func() {
		out = append(out, p.Ident("column"))
		if p.IsOp(".") {
			p.Unsupported(p.Pos(), "nested column in an INSERT list", "write the whole row column")
		}
	})
	return out
}

// PartitionSpec parses PARTITION (a = 1, b); a column without value is dynamic.
func (p *Parser) PartitionSpec() []ast.PartitionValue {
	var out []ast.PartitionValue
	p.Expect("PARTITION")
	p.Parens(func() {
		v := ast.PartitionValue{Pos: p.Pos(), Name: p.Ident("partition column")}
		if p.AcceptOp("=") {
			v.Value = p.binary(bindCompare + 1)
		}
		out = append(out, v)
	})
	return out
}

// Delete parses DELETE FROM; the current token is DELETE.
func (p *Parser) Delete() ast.Statement {
	d := &ast.Delete{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	p.Expect("FROM")
	d.Target = p.Name("table name")
	d.Hints = p.Hints()
	d.Alias = p.tableAlias()
	if p.Is("USING") {
		p.Unsupported(p.Pos(), "DELETE ... USING", "use WHERE ... IN (SELECT ...)")
	}
	if p.Accept("WHERE") {
		d.Where = p.Expr()
	}
	return d
}

// Update parses UPDATE; the current token is UPDATE.
func (p *Parser) Update() ast.Statement {
	u := &ast.Update{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	u.Target = p.Name("table name")
	u.Hints = p.Hints()
	u.Alias = p.tableAlias()
	p.Expect("SET")
	p.CommaList(func() { u.Set = append(u.Set, p.assignment()) })
	if p.Accept("WHERE") {
		u.Where = p.Expr()
	}
	return u
}

func (p *Parser) assignment() ast.Assignment {
	a := ast.Assignment{Pos: p.Pos(), Column: p.Name("column")}
	p.ExpectOp("=")
	a.Value = p.Expr()
	return a
}

// Merge parses MERGE INTO; the current token is MERGE.
func (p *Parser) Merge() ast.Statement {
	m := &ast.Merge{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	p.Expect("INTO")
	m.Target = p.Name("table name")
	m.Alias = p.tableAlias()
	p.Expect("USING")
	m.Using = p.tablePrimary()
	p.Expect("ON")
	m.On = p.Expr()
	for p.Is("WHEN") {
		m.Whens = append(m.Whens, p.mergeWhen())
	}
	if len(m.Whens) == 0 {
		p.Fail("WHEN")
	}
	return m
}

func (p *Parser) mergeWhen() ast.MergeWhen {
	w := ast.MergeWhen{Pos: p.Next().Pos}
	if p.Accept("NOT") {
		w.Match = "NOT "
	}
	p.Expect("MATCHED")
	w.Match += "MATCHED"
	if p.Accept("BY", "SOURCE") {
		w.Match += " BY SOURCE"
	} else {
		p.Accept("BY", "TARGET")
	}
	if p.Accept("AND") {
		w.Cond = p.Expr()
	}
	p.Expect("THEN")
	w.Action = p.AcceptAny("UPDATE", "DELETE", "INSERT")
	switch w.Action {
	case "UPDATE":
		p.Expect("SET")
		if w.Star = p.AcceptOp("*"); !w.Star {
			p.CommaList(func() { w.Set = append(w.Set, p.assignment()) })
		}
	case "INSERT":
		if w.Star = p.AcceptOp("*"); w.Star {
			return w
		}
		if p.IsOp("(") {
			w.Columns = p.columnList()
		}
		p.Expect("VALUES")
		p.Parens(func() { w.Values = append(w.Values, p.Expr()) })
	case "":
		p.Fail("UPDATE, DELETE or INSERT")
	}
	return w
}

// Truncate parses TRUNCATE [TABLE]; the current token is TRUNCATE.
func (p *Parser) Truncate() ast.Statement {
	t := &ast.Truncate{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	if p.Is("TABLE") {
		p.i++
	} else if p.Dialect != ast.MySQL {
		p.Fail("TABLE")
	}
	t.Target = p.Name("table name")
	if p.Is("PARTITION") {
		t.Partition = p.PartitionSpec()
	}
	return t
}

// Analyze parses ANALYZE TABLE; the current token is ANALYZE.
func (p *Parser) Analyze() ast.Statement {
	a := &ast.Analyze{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	p.Expect("TABLE")
	a.Target = p.Name("table name")
	if p.Is("PARTITION") {
		a.Partition = p.PartitionSpec()
	}
	if p.Dialect == ast.MySQL && p.AtStatementEnd() {
		return a
	}
	p.Expect("COMPUTE", "STATISTICS")
	switch {
	case p.Accept("NOSCAN"):
		a.NoScan = true
	case p.Accept("FOR", "ALL", "COLUMNS"):
		a.AllColumns = true
	case p.Accept("FOR", "COLUMNS"):
		p.CommaList(func() { a.Columns = append(a.Columns, p.Ident("column")) })
	}
	return a
}

// Call parses CALL procedure(args); the current token is CALL.
func (p *Parser) Call() ast.Statement {
	c := &ast.CallStmt{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	c.Name = p.Name("procedure name")
	p.ExpectOp("(")
	if p.AcceptOp(")") {
		return c
	}
	p.CommaList(func() {
		a := ast.CallArg{Pos: p.Pos()}
		if p.IsOpAt(1, "=>") {
			a.Name = p.anyIdent("argument name").Name
			p.ExpectOp("=>")
		} else if n := len(c.Args); n > 0 && c.Args[n-1].Name != "" {
			p.FailHint("argument name", "positional arguments cannot follow named ones")
		}
		a.Value = p.Expr()
		c.Args = append(c.Args, a)
	})
	p.ExpectOp(")")
	return c
}
