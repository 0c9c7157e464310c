package parse

import "github.com/tarndb/tarn/internal/query/ast"

// Alter parses ALTER ...; the current token is ALTER.
func (p *Parser) Alter() ast.Statement {
	stmt := ast.Stmt{Pos: p.Next().Pos}
	switch {
	case p.Accept("TABLE"):
		return p.alterTable(stmt)
	case p.AcceptAny("DATABASE", "SCHEMA", "NAMESPACE") != "":
		a := &ast.AlterDatabase{Stmt: stmt, Name: p.Name("database name")}
		p.Expect("SET")
		p.AcceptAny("DBPROPERTIES", "PROPERTIES")
		a.Options = p.Properties()
		return a
	case p.Accept("CATALOG"):
		a := &ast.AlterCatalog{Stmt: stmt, Name: p.Ident("catalog name")}
		if p.Accept("RESET") {
			a.Reset = p.keyList()
			return a
		}
		p.Expect("SET")
		p.Accept("PROPERTIES")
		a.Set = p.Properties()
		return a
	case p.Accept("VIEW"):
		a := &ast.AlterView{Stmt: stmt, Name: p.Name("view name")}
		if p.Accept("RENAME", "TO") {
			to := p.Name("view name")
			a.Rename = &to
			return a
		}
		p.Expect("AS")
		a.Query = p.Query()
		return a
	case p.AtStatementEnd():
		p.Fail("TABLE, VIEW, DATABASE or CATALOG")
	}
	p.Unsupported(p.Pos(), "ALTER "+p.Peek().Text, "TABLE, VIEW, DATABASE and CATALOG can be altered")
	return nil
}

func (p *Parser) alterTable(stmt ast.Stmt) ast.Statement {
	a := &ast.AlterTable{Stmt: stmt, IfExists: p.IfExists(), Name: p.Name("table name")}
	a.Actions = append(a.Actions, p.alterAction())
	for p.AcceptOp(",") {
		a.Actions = append(a.Actions, p.alterAction())
	}
	return a
}

func (p *Parser) alterAction() ast.AlterAction {
	pos := p.Pos()
	switch {
	case p.Accept("SET"):
		p.AcceptAny("TBLPROPERTIES", "PROPERTIES")
		return &ast.SetOptions{Pos: pos, Options: p.Properties()}
	case p.Accept("RESET"):
		return &ast.ResetOptions{Pos: pos, Keys: p.keyList()}
	case p.Accept("UNSET"):
		p.Expect("TBLPROPERTIES")
		p.IfExists()
		return &ast.ResetOptions{Pos: pos, Keys: p.keyList()}
	case p.Accept("RENAME"):
		return p.alterRename(pos)
	case p.Accept("ADD"):
		return p.alterAdd(pos)
	case p.Accept("DROP"):
		return p.alterDrop(pos)
	case p.Accept("MODIFY"):
		p.Accept("COLUMN")
		p.refuseNonColumn("MODIFY")
		return &ast.ModifyColumns{Pos: pos, Columns: p.columnDefs()}
	case p.Accept("ALTER"), p.Accept("CHANGE"):
		return p.alterColumn(pos)
	}
	p.Fail("SET, RESET, RENAME, ADD, DROP or MODIFY")
	return nil
}

func (p *Parser) keyList() []string {
	var out []string
	p.Parens(func() { out = append(out, p.propertyKey()) })
	return out
}

func (p *Parser) alterRename(pos ast.Pos) ast.AlterAction {
	if p.Accept("TO") {
		return &ast.RenameTable{Pos: pos, To: p.Name("table name")}
	}
	p.Accept("COLUMN")
	r := &ast.RenameColumn{Pos: pos, From: p.Name("column")}
	p.Expect("TO")
	r.To = p.Ident("column")
	return r
}

func (p *Parser) refuseNonColumn(verb string) {
	switch {
	case p.Is("WATERMARK"), p.Is("PRIMARY"), p.Is("CONSTRAINT"), p.Is("DISTRIBUTION"), p.Is("UNIQUE"):
		if p.Is("WATERMARK") && p.PeekAt(1).Upper != "FOR" && verb != "DROP" {
			return
		}
		p.Unsupported(p.Pos(), "ALTER TABLE ... "+verb+" "+p.Peek().Upper, "a Paimon table's keys cannot change; create a new table")
	}
}

func (p *Parser) columnDefs() []ast.ColumnDef {
	if !p.IsOp("(") {
		return []ast.ColumnDef{p.columnDef()}
	}
	var out []ast.ColumnDef
	p.Parens(func() {
		p.refuseNonColumn("ADD")
		out = append(out, p.columnDef())
	})
	return out
}

func (p *Parser) alterAdd(pos ast.Pos) ast.AlterAction {
	if p.Is("PARTITION") || p.Is("IF", "NOT", "EXISTS") {
		a := &ast.AlterPartition{Pos: pos, If: p.IfNotExists()}
		a.Specs = p.partitionSpecs()
		return a
	}
	if p.AcceptAny("COLUMN", "COLUMNS") == "" {
		p.refuseNonColumn("ADD")
	}
	return &ast.AddColumns{Pos: pos, Columns: p.columnDefs()}
}

func (p *Parser) partitionSpecs() [][]ast.PartitionValue {
	out := [][]ast.PartitionValue{p.PartitionSpec()}
	for p.AcceptOp(",") || p.Is("PARTITION") {
		out = append(out, p.PartitionSpec())
	}
	return out
}

func (p *Parser) alterDrop(pos ast.Pos) ast.AlterAction {
	exists := p.IfExists()
	if p.Is("PARTITION") {
		return &ast.AlterPartition{Pos: pos, Drop: true, If: exists, Specs: p.partitionSpecs()}
	}
	if p.AcceptAny("COLUMN", "COLUMNS") == "" {
		p.refuseNonColumn("DROP")
	}
	d := &ast.DropColumns{Pos: pos, IfExists: exists || p.IfExists()}
	if p.IsOp("(") {
		p.Parens(func() { d.Names = append(d.Names, p.Name("column")) })
	} else {
		d.Names = append(d.Names, p.Name("column"))
	}
	return d
}

// alterColumn parses Spark's ALTER [COLUMN] c TYPE t | COMMENT 'x' | FIRST | AFTER d | SET NOT NULL | DROP NOT NULL.
func (p *Parser) alterColumn(pos ast.Pos) ast.AlterAction {
	p.Accept("COLUMN")
	a := &ast.AlterColumn{Pos: pos, Name: p.Name("column")}
	for first := true; ; first = false {
		switch {
		case p.Accept("TYPE"):
			a.Type = p.bareType()
		case p.Accept("COMMENT"):
			c := p.String("comment")
			a.Comment = &c
		case p.Accept("FIRST"):
			a.Place = "FIRST"
		case p.Accept("AFTER"):
			a.Place, a.After = "AFTER", p.Ident("column")
		case p.Accept("SET", "NOT", "NULL"):
			a.Null = "SET NOT NULL"
		case p.Accept("DROP", "NOT", "NULL"):
			a.Null = "DROP NOT NULL"
		case first:
			p.Fail("TYPE, COMMENT, FIRST, AFTER, SET NOT NULL or DROP NOT NULL")
		default:
			return a
		}
	}
}
