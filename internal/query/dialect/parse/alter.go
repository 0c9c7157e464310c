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
	case p.Is("SET", "LOCATION"), p.Is("SET", "SERDE"), p.Is("SET", "SERDEPROPERTIES"), p.Is("RECOVER", "PARTITIONS"), p.Is("REPLACE", "COLUMNS"):
		p.Unsupported(pos, "ALTER TABLE ... "+p.Peek().Upper+" "+p.PeekAt(1).Upper, "")
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
	case p.Accept("ALTER"):
		return p.alterColumn(pos)
	case p.Accept("CHANGE"):
		return p.changeColumn(pos)
	case p.Dialect == ast.MySQL && p.Accept("COMMENT"):
		p.AcceptOp("=")
		return &ast.SetComment{Pos: pos, Comment: p.String("comment")}
	}
	p.Fail("SET, RESET, RENAME, ADD, DROP, MODIFY, CHANGE or ALTER")
	return nil
}

// CommentOn parses Spark's COMMENT ON TABLE t IS 'text'.
func (p *Parser) CommentOn() ast.Statement {
	stmt := ast.Stmt{Pos: p.Next().Pos}
	p.Expect("ON")
	if !p.Is("TABLE") {
		p.Unsupported(p.Pos(), "COMMENT ON "+p.Peek().Upper, "tables can have comments")
	}
	p.Expect("TABLE")
	a := &ast.AlterTable{Stmt: stmt, Name: p.Name("table name")}
	p.Expect("IS")
	c := &ast.SetComment{Pos: p.Pos()}
	if !p.Accept("NULL") {
		c.Comment = p.String("comment")
	}
	a.Actions = []ast.AlterAction{c}
	return a
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
	column := p.Accept("COLUMN")
	if p.Dialect == ast.MySQL && !column {
		p.Accept("AS")
		if to := p.Name("table name"); !p.Is("TO") {
			return &ast.RenameTable{Pos: pos, To: to}
		} else {
			p.Expect("TO")
			return &ast.RenameColumn{Pos: pos, From: to, To: p.Ident("column")}
		}
	}
	if p.Is("PARTITION") {
		p.Unsupported(p.Pos(), "RENAME PARTITION", "copy the rows with INSERT, then drop the partition")
	}
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
	var out []ast.ColumnDef
	one := func() {
		p.refuseNonColumn("ADD")
		out = append(out, p.addedColumn())
	}
	switch {
	case p.IsOp("("):
		p.Parens(one)
	case p.Dialect == ast.Spark:
		p.CommaList(one)
	default:
		one()
	}
	return out
}

// addedColumn is a column that Spark may add to a ROW: a.b INT.
func (p *Parser) addedColumn() ast.ColumnDef {
	if p.Dialect != ast.Spark {
		col := ast.ColumnDef{Pos: p.Pos(), Name: p.Ident("column name")}
		p.columnRest(&col)
		return col
	}
	n := p.Name("column name")
	last := len(n.Parts) - 1
	col := ast.ColumnDef{Pos: n.Pos, Name: n.Parts[last]}
	if last > 0 {
		col.In = n.Parts[:last]
	}
	p.columnRest(&col)
	return col
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
	if p.Accept("PRIMARY", "KEY") {
		return &ast.DropKey{Pos: pos}
	}
	if p.AcceptAny("COLUMN", "COLUMNS") == "" {
		p.refuseNonColumn("DROP")
	}
	d := &ast.DropColumns{Pos: pos, IfExists: exists || p.IfExists()}
	one := func() { d.Names = append(d.Names, p.Name("column")) }
	switch {
	case p.IsOp("("):
		p.Parens(one)
	case p.Dialect == ast.Spark:
		p.CommaList(one)
	default:
		one()
	}
	return d
}

// changeColumn parses CHANGE old new TYPE ..., and Spark's CHANGE c TYPE t.
func (p *Parser) changeColumn(pos ast.Pos) ast.AlterAction {
	p.Accept("COLUMN")
	if p.Dialect != ast.MySQL {
		for i := 1; ; i += 2 { // behind the name, which may have parts
			if p.IsOpAt(i, ".") {
				continue
			}
			switch p.PeekAt(i).Upper {
			case "TYPE", "COMMENT", "FIRST", "AFTER", "SET", "DROP":
				return p.alterColumn(pos)
			}
			break
		}
	}
	c := &ast.ChangeColumn{Pos: pos, From: p.Ident("column")}
	c.Column = p.columnDef()
	if c.Column.Type == nil {
		p.Fail("data type")
	}
	return c
}

// alterColumn parses ALTER [COLUMN] c and one or more of TYPE t, COMMENT 'x',
// FIRST, AFTER d, SET NOT NULL, DROP NOT NULL, SET DEFAULT x, DROP DEFAULT.
func (p *Parser) alterColumn(pos ast.Pos) ast.AlterAction {
	p.Accept("COLUMN")
	a := &ast.AlterColumn{Pos: pos, Name: p.Name("column")}
	for first := true; ; first = false {
		switch {
		case p.Accept("TYPE"), p.Accept("SET", "DATA", "TYPE"):
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
		case p.Accept("SET", "DEFAULT"):
			a.Default = p.binary(bindCompare + 1)
		case p.Accept("DROP", "DEFAULT"):
			a.DropDefault = true
		case first:
			p.Fail("TYPE, COMMENT, FIRST, AFTER, SET NOT NULL, DROP NOT NULL, SET DEFAULT or DROP DEFAULT")
		default:
			return a
		}
	}
}
