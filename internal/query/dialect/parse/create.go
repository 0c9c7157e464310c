package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// IfNotExists parses the optional clause.
func (p *Parser) IfNotExists() bool { return p.Accept("IF", "NOT", "EXISTS") }

// IfExists parses the optional clause.
func (p *Parser) IfExists() bool { return p.Accept("IF", "EXISTS") }

// Create parses CREATE ... of every dialect; the current token is CREATE.
func (p *Parser) Create() ast.Statement {
	stmt := ast.Stmt{Pos: p.Next().Pos}
	replace := p.Accept("OR", "REPLACE")
	p.Accept("GLOBAL") // Spark: GLOBAL TEMPORARY VIEW
	temporary := p.AcceptAny("TEMPORARY", "TEMP") != ""
	switch {
	case p.Accept("EXTERNAL", "TABLE"), p.Accept("TABLE"):
		return p.createTable(&ast.CreateTable{Stmt: stmt, Temporary: temporary, Replace: replace})
	case p.Accept("VIEW"):
		return p.createView(&ast.CreateView{Stmt: stmt, Temporary: temporary, Replace: replace})
	case p.Accept("SYSTEM", "FUNCTION"):
		return p.createFunction(&ast.CreateFunction{Stmt: stmt, Temporary: temporary, System: true, Replace: replace})
	case p.Accept("FUNCTION"):
		return p.createFunction(&ast.CreateFunction{Stmt: stmt, Temporary: temporary, Replace: replace})
	case temporary:
		p.Fail("TABLE, VIEW or FUNCTION")
	case p.Accept("CATALOG"), p.Accept("EXTERNAL", "CATALOG"):
		return p.createCatalog(stmt)
	case p.AcceptAny("DATABASE", "SCHEMA", "NAMESPACE") != "":
		return p.createDatabase(stmt)
	case p.Accept("MATERIALIZED", "TABLE"):
		return p.createMaterialized(stmt)
	case p.IsAny("MATERIALIZED", "INDEX", "MODEL", "USER", "ROLE", "CONNECTION", "RESOURCE", "PROCEDURE", "TRIGGER"):
		p.Unsupported(p.Pos(), "CREATE "+p.Peek().Upper, "")
	}
	p.Fail("TABLE, VIEW, DATABASE, CATALOG or FUNCTION")
	return nil
}

func (p *Parser) createCatalog(stmt ast.Stmt) ast.Statement {
	c := &ast.CreateCatalog{Stmt: stmt, IfNotExists: p.IfNotExists(), Name: p.Ident("catalog name")}
	if p.Accept("COMMENT") {
		c.Comment = p.String("comment")
	}
	if p.Accept("WITH") || p.Accept("PROPERTIES") {
		c.Options = p.Properties()
	}
	return c
}

func (p *Parser) createDatabase(stmt ast.Stmt) ast.Statement {
	c := &ast.CreateDatabase{Stmt: stmt, IfNotExists: p.IfNotExists(), Name: p.Name("database name")}
	for {
		switch {
		case p.Accept("COMMENT"):
			c.Comment = p.String("comment")
		case p.Accept("LOCATION"):
			c.Location = p.String("location")
		case p.Accept("WITH", "DBPROPERTIES"), p.Accept("WITH", "PROPERTIES"), p.Accept("WITH"), p.Accept("PROPERTIES"):
			c.Options = p.Properties()
		case p.Dialect == ast.MySQL && p.defaultCharset():
		default:
			return c
		}
	}
}

// defaultCharset reads over [DEFAULT] CHARACTER SET x and COLLATE x: all texts are UTF-8.
func (p *Parser) defaultCharset() bool {
	at := p.i
	p.Accept("DEFAULT")
	if p.Accept("CHARACTER", "SET") || p.Accept("CHARSET") || p.Accept("COLLATE") {
		p.AcceptOp("=")
		p.collation()
		return true
	}
	p.i = at
	return false
}

func (p *Parser) createFunction(c *ast.CreateFunction) ast.Statement {
	c.IfNotExists = p.IfNotExists()
	c.Name = p.Name("function name")
	p.Expect("AS")
	c.Class = p.String("class name in single quotes")
	if p.Accept("LANGUAGE") {
		c.Language = strings.ToUpper(p.anyIdent("language").Name)
	}
	if p.Is("USING") {
		p.Unsupported(p.Pos(), "CREATE FUNCTION ... USING JAR", "Tarn runs no Java; built-in functions stand in for known classes")
	}
	return c
}

func (p *Parser) createView(c *ast.CreateView) ast.Statement {
	c.IfNotExists = p.IfNotExists()
	c.Name = p.Name("view name")
	if p.IsOp("(") {
		p.Parens(func() {
			col := ast.ColumnDef{Pos: p.Pos(), Name: p.Ident("column")}
			if p.Accept("COMMENT") {
				col.Comment, col.HasComment = p.String("comment"), true
			}
			c.Columns = append(c.Columns, col)
		})
	}
	if p.Accept("COMMENT") {
		c.Comment = p.String("comment")
	}
	if p.Is("TBLPROPERTIES") || p.Is("WITH") && p.IsOpAt(1, "(") {
		p.Unsupported(p.Pos(), "view options", "remove them")
	}
	p.Expect("AS")
	c.Query = p.Query()
	return c
}

func (p *Parser) createMaterialized(stmt ast.Stmt) ast.Statement {
	c := &ast.CreateMaterialized{Stmt: stmt, IfNotExists: p.IfNotExists(), Name: p.Name("table name")}
	if p.IsOp("(") {
		p.Parens(func() {
			if !p.tableConstraint(&c.PrimaryKey) {
				p.Fail("PRIMARY KEY")
			}
		})
	}
	if p.Accept("COMMENT") {
		c.Comment = p.String("comment")
	}
	if p.Accept("PARTITIONED", "BY") {
		c.PartitionBy = p.IdentList("partition column")
	}
	if p.Accept("WITH") {
		c.Options = p.Properties()
	}
	if p.Accept("FRESHNESS") {
		p.ExpectOp("=")
		if !p.Is("INTERVAL") {
			p.Fail("INTERVAL")
		}
		c.Freshness, _ = p.interval().(*ast.Interval)
	}
	if p.Accept("REFRESH_MODE") {
		p.ExpectOp("=")
		if c.RefreshMode = p.AcceptAny("FULL", "CONTINUOUS"); c.RefreshMode == "" {
			p.Fail("FULL or CONTINUOUS")
		}
	}
	p.Expect("AS")
	c.Query = p.Query()
	return c
}

func (p *Parser) createTable(c *ast.CreateTable) ast.Statement {
	c.IfNotExists = p.IfNotExists()
	c.Name = p.Name("table name")
	if p.IsOp("(") && !p.IsOpAt(1, ")") {
		p.Parens(func() { p.tableElement(c) })
	} else if p.AcceptOp("(") {
		p.ExpectOp(")")
	}
	for p.tableClause(c) {
	}
	if p.Is("LIKE") {
		p.Unsupported(p.Pos(), "CREATE TABLE ... LIKE", "write the columns, or use CREATE TABLE ... AS SELECT ... WHERE FALSE")
	}
	if p.Accept("AS") {
		c.As = p.Query()
	} else if p.Is("SELECT") && p.Dialect != ast.Flink {
		c.As = p.Query()
	}
	inlineKey(p, c)
	return c
}

// inlineKey moves PRIMARY KEY written behind a column to the table.
func inlineKey(p *Parser, c *ast.CreateTable) {
	for _, col := range c.Columns {
		if !col.PrimaryKey {
			continue
		}
		if c.PrimaryKey != nil {
			p.FailAt(col.Pos, "more than one primary key", "write PRIMARY KEY (a, b) NOT ENFORCED once")
		}
		c.PrimaryKey = []ast.Ident{col.Name}
	}
}

// tableClause parses one clause behind the column list; false when none follows.
func (p *Parser) tableClause(c *ast.CreateTable) bool {
	switch {
	case p.Accept("COMMENT"):
		p.AcceptOp("=")
		c.Comment = p.String("comment")
	case p.Accept("PARTITIONED", "BY"), p.Dialect == ast.MySQL && p.Accept("PARTITION", "BY"):
		p.partitionedBy(c)
	case p.Is("DISTRIBUTED"), p.Is("CLUSTERED", "BY"):
		p.distribution(c)
	case p.Accept("USING"):
		c.Using = strings.ToLower(p.anyIdent("table provider").Name)
	case p.Accept("LOCATION"):
		c.Location = p.String("location")
	case p.Is("WITH") && p.IsOpAt(1, "("):
		p.i++
		c.Options = append(c.Options, p.Properties()...)
	case p.AcceptAny("TBLPROPERTIES", "OPTIONS", "PROPERTIES") != "":
		c.Options = append(c.Options, p.Properties()...)
	case p.Dialect == ast.MySQL && p.Is("PRIMARY", "KEY"):
		p.tableConstraint(&c.PrimaryKey)
	case p.Dialect == ast.MySQL && p.Accept("ENGINE"):
		p.AcceptOp("=")
		p.anyIdent("engine")
	case p.Dialect == ast.MySQL && p.defaultCharset():
	case p.IsAny("DUPLICATE", "AGGREGATE", "UNIQUE") && p.PeekAt(1).Upper == "KEY", p.Is("ROW", "FORMAT"), p.Is("STORED", "AS"):
		p.Unsupported(p.Pos(), p.Peek().Upper+" "+p.PeekAt(1).Upper+" of CREATE TABLE", "Tarn creates Paimon tables; use PRIMARY KEY and table options")
	default:
		return false
	}
	return true
}

func (p *Parser) partitionedBy(c *ast.CreateTable) {
	p.Parens(func() {
		if p.IsOpAt(1, "(") {
			p.Unsupported(p.Pos(), "partition transform "+p.Peek().Text, "partition by plain columns")
		}
		col := ast.ColumnDef{Pos: p.Pos(), Name: p.Ident("partition column")}
		if !p.IsOp(",") && !p.IsOp(")") { // Hive form: the type stands here
			p.columnRest(&col)
			c.Columns = append(c.Columns, col)
		}
		c.PartitionBy = append(c.PartitionBy, col.Name)
	})
}

func (p *Parser) distribution(c *ast.CreateTable) {
	d := &ast.Distribution{Pos: p.Next().Pos}
	if p.Accept("BY") {
		if p.AcceptAny("HASH", "RANGE", "RANDOM") == "RANGE" {
			p.Unsupported(d.Pos, "DISTRIBUTED BY RANGE", "use HASH")
		}
		if p.IsOp("(") {
			d.Columns = p.IdentList("column")
		}
	}
	if p.Accept("INTO") || p.Is("BUCKETS") {
		if p.Accept("BUCKETS") {
			d.Buckets = p.Int("number of buckets")
		} else {
			d.Buckets = p.Int("number of buckets")
			p.Expect("BUCKETS")
		}
	}
	c.Distributed = d
}

func (p *Parser) tableElement(c *ast.CreateTable) {
	if p.tableConstraint(&c.PrimaryKey) {
		return
	}
	if p.Is("WATERMARK", "FOR") {
		w := ast.Watermark{Pos: p.Pos()}
		p.i += 2
		w.Column = p.Name("rowtime column")
		p.Expect("AS")
		w.Expr = p.Expr()
		c.Watermarks = append(c.Watermarks, w)
		return
	}
	if p.Is("LIKE") {
		p.Unsupported(p.Pos(), "CREATE TABLE ... LIKE", "write the columns")
	}
	c.Columns = append(c.Columns, p.columnDef())
}

// tableConstraint parses [CONSTRAINT name] PRIMARY KEY (a, b) [NOT ENFORCED].
func (p *Parser) tableConstraint(key *[]ast.Ident) bool {
	pos := p.Pos()
	if p.Is("CONSTRAINT") {
		p.i++
		p.Ident("constraint name")
		if p.IsAny("UNIQUE", "FOREIGN", "CHECK") {
			p.Unsupported(p.Pos(), p.Peek().Upper+" constraint", "only PRIMARY KEY exists")
		}
	} else if !p.Is("PRIMARY", "KEY") {
		if p.Is("UNIQUE") && p.IsOpAt(1, "(") {
			p.Unsupported(pos, "UNIQUE constraint", "only PRIMARY KEY exists")
		}
		return false
	}
	p.Expect("PRIMARY", "KEY")
	if *key != nil {
		p.FailAt(pos, "more than one primary key", "")
	}
	*key = p.IdentList("primary key column")
	p.enforcement(pos)
	return true
}

func (p *Parser) enforcement(pos ast.Pos) {
	if p.Accept("NOT", "ENFORCED") {
		return
	}
	if p.Is("ENFORCED") || p.Dialect == ast.Flink {
		p.FailAt(pos, "a primary key must be declared NOT ENFORCED", "write PRIMARY KEY (...) NOT ENFORCED")
	}
}

func (p *Parser) columnDef() ast.ColumnDef {
	col := ast.ColumnDef{Pos: p.Pos(), Name: p.Ident("column name")}
	if p.IsOp(",") || p.IsOp(")") {
		return col // CTAS: names only
	}
	p.columnRest(&col)
	return col
}

// columnRest parses a column's type and what follows it.
func (p *Parser) columnRest(col *ast.ColumnDef) {
	if p.Is("AS") {
		p.Unsupported(col.Pos, "computed column "+col.Name.Name, "compute it in the query that writes or reads the table")
	}
	p.AcceptOp(":") // Spark
	col.Type = p.TypeName()
	for {
		switch {
		case p.Accept("COMMENT"):
			col.Comment, col.HasComment = p.String("comment"), true
		case p.Is("CONSTRAINT"):
			p.i++
			p.Ident("constraint name")
		case p.Is("PRIMARY", "KEY"):
			pos := p.Pos()
			p.i += 2
			col.PrimaryKey = true
			p.enforcement(pos)
		case p.Accept("NOT", "NULL"):
			col.Type.NotNull = true
		case p.Accept("METADATA"):
			col.Metadata = true
			if p.Accept("FROM") {
				col.MetadataKey = p.String("metadata key")
			}
			col.Virtual = p.Accept("VIRTUAL")
		case p.Accept("DEFAULT"):
			col.Default = p.binary(bindCompare + 1)
		case p.Accept("FIRST"):
			col.Place = "FIRST"
		case p.Accept("AFTER"):
			col.Place, col.After = "AFTER", p.Ident("column")
		case p.Is("GENERATED"), p.Is("AUTO_INCREMENT"), p.Is("UNIQUE"):
			p.Unsupported(p.Pos(), p.Peek().Upper+" column", "")
		case p.Is("AS"):
			p.Unsupported(col.Pos, "computed column "+col.Name.Name, "compute it in the query that writes or reads the table")
		default:
			return
		}
	}
}
