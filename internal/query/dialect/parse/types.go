package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// typeAliases maps other spellings to the canonical names of ast.TypeName.
var typeAliases = map[string]string{
	"INTEGER": "INT", "NUMERIC": "DECIMAL", "DEC": "DECIMAL", "BOOL": "BOOLEAN", "REAL": "FLOAT",
	"LONG": "BIGINT", "SHORT": "SMALLINT", "BYTE": "TINYINT", "CHARACTER": "CHAR", "TEXT": "STRING",
	"STRUCT": "ROW", "TIMESTAMP_NTZ": "TIMESTAMP", "DATETIME": "TIMESTAMP", "SIGNED": "BIGINT", "UNSIGNED": "BIGINT",
	"MEDIUMINT": "INT", "LONGTEXT": "STRING", "MEDIUMTEXT": "STRING", "TINYTEXT": "STRING", "BLOB": "BYTES",
	"DECIMALV3": "DECIMAL", "VOID": "NULL",
}

// TypeName parses a data type with an optional [NOT] NULL behind it.
func (p *Parser) TypeName() *ast.TypeName {
	t := p.bareType()
	for {
		switch {
		case p.Accept("NOT", "NULL"):
			t.NotNull = true
		case p.Is("NULL"):
			p.i++
		case p.Is("ARRAY"), p.Is("MULTISET"):
			// INT ARRAY, an older spelling of ARRAY<INT>
			t = &ast.TypeName{Pos: t.Pos, Name: p.Next().Upper, Elem: []*ast.TypeName{t}}
		default:
			return t
		}
	}
}

// columnType is TypeName without the [NOT] NULL, which is a column's constraint.
func (p *Parser) bareType() *ast.TypeName {
	defer p.enter()()
	tok := p.Peek()
	if tok.Kind != lex.Word {
		p.Fail("data type")
	}
	p.i++
	t := &ast.TypeName{Pos: tok.Pos, Name: tok.Upper}
	if a, ok := typeAliases[t.Name]; ok {
		t.Name = a
	}
	switch t.Name {
	case "ARRAY", "MULTISET", "MAP":
		p.elementTypes(t)
	case "ROW":
		p.rowType(t)
	case "INTERVAL":
		p.intervalType(t)
	default:
		p.scalarType(t, tok.Upper)
	}
	return t
}

func (p *Parser) elementTypes(t *ast.TypeName) {
	p.openAngle(t.Name)
	t.Elem = append(t.Elem, p.TypeName())
	if t.Name == "MAP" {
		p.ExpectOp(",")
		t.Elem = append(t.Elem, p.TypeName())
	}
	p.closeAngle()
}

func (p *Parser) openAngle(name string) {
	if !p.AcceptOp("<") {
		p.FailHint("\"<\"", "write "+name+"<...>")
	}
}

// closeAngle takes one ">". The lexer has no ">>" token, so nested types close
// one by one; ">=" appears in ARRAY<INT>=..., which no dialect accepts.
func (p *Parser) closeAngle() { p.ExpectOp(">") }

func (p *Parser) rowType(t *ast.TypeName) {
	end := ">"
	if p.AcceptOp("(") {
		end = ")"
	} else if p.AcceptOp("<>") {
		return
	} else {
		p.openAngle("ROW")
	}
	if p.AcceptOp(end) {
		return
	}
	p.CommaList(func() {
		id := p.anyIdent("field name")
		p.AcceptOp(":") // Spark
		f := ast.TypeField{Pos: id.Pos, Name: id.Name, Type: p.TypeName()}
		if p.IsString() && p.Dialect == ast.Flink {
			f.Comment = p.String("comment")
		} else if p.Accept("COMMENT") {
			f.Comment = p.String("comment")
		}
		t.Fields = append(t.Fields, f)
	})
	p.ExpectOp(end)
}

func (p *Parser) intervalType(t *ast.TypeName) {
	t.Unit = p.unit()
	p.skipPrecision()
	if p.Accept("TO") {
		t.Unit += " TO " + p.unit()
		p.skipPrecision()
	}
}

func (p *Parser) scalarType(t *ast.TypeName, written string) {
	if written == "DOUBLE" {
		p.Accept("PRECISION")
	}
	if t.Name == "CHAR" && p.Accept("VARYING") {
		t.Name = "VARCHAR"
	}
	if written == "BINARY" && p.Dialect == ast.Spark {
		t.Name = "BYTES"
	}
	if p.AcceptOp("(") {
		p.CommaList(func() { t.Args = append(t.Args, p.Int("length or precision")) })
		p.ExpectOp(")")
	}
	switch t.Name {
	case "TIMESTAMP", "TIME":
		p.zone(t, written)
	case "TINYINT", "SMALLINT", "INT", "BIGINT":
		if p.Dialect == ast.MySQL {
			t.Args = nil // display width
			p.AcceptAny("UNSIGNED", "SIGNED")
			p.Accept("INTEGER")
		}
	case "DECIMAL":
		if len(t.Args) == 1 {
			t.Args = append(t.Args, 0)
		}
	}
}

// zone reads WITH[OUT] [LOCAL] TIME ZONE, and knows that Spark's TIMESTAMP has
// the session's zone.
func (p *Parser) zone(t *ast.TypeName, written string) {
	switch {
	case p.Accept("WITHOUT", "TIME", "ZONE"):
	case p.Accept("WITH", "LOCAL", "TIME", "ZONE"):
		t.Name = "TIMESTAMP_LTZ"
	case p.Is("WITH", "TIME", "ZONE"):
		p.Unsupported(t.Pos, "TIMESTAMP WITH TIME ZONE", "use TIMESTAMP_LTZ")
	case p.Dialect == ast.Spark && written == "TIMESTAMP":
		t.Name = "TIMESTAMP_LTZ"
	}
}
