package ast

import (
	"strconv"
	"strings"
)

// TypeName is a data type as written. Name is upper case and canonical
// (aliases such as INTEGER, NUMERIC, LONG or STRUCT are already resolved):
// BOOLEAN TINYINT SMALLINT INT BIGINT FLOAT DOUBLE DECIMAL CHAR VARCHAR STRING
// BINARY VARBINARY BYTES DATE TIME TIMESTAMP TIMESTAMP_LTZ ARRAY MAP MULTISET
// ROW VARIANT NULL INTERVAL, or any other word, which the type parser refuses.
type TypeName struct {
	Pos
	Name    string
	Args    []int       // length, precision, scale, as written
	Elem    []*TypeName // ARRAY, MULTISET: 1; MAP: key and value
	Fields  []TypeField // ROW
	Unit    string      // INTERVAL: "DAY", "YEAR TO MONTH", ...
	NotNull bool
}

// TypeField is one field of a ROW type.
type TypeField struct {
	Pos
	Name    string
	Type    *TypeName
	Comment string
}

// SQL gives the canonical text, such as
// ARRAY<ROW<a STRING COMMENT 'x', b INT NOT NULL>>, which types.Parse accepts.
func (t *TypeName) SQL() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t *TypeName) write(b *strings.Builder) {
	switch t.Name {
	case "TIMESTAMP_LTZ":
		b.WriteString("TIMESTAMP")
		t.writeArgs(b)
		b.WriteString(" WITH LOCAL TIME ZONE")
	case "ROW":
		t.writeRow(b)
	case "INTERVAL":
		b.WriteString("INTERVAL " + t.Unit)
	default:
		b.WriteString(t.Name)
		t.writeArgs(b)
		for i, e := range t.Elem {
			b.WriteString(map[bool]string{true: "<", false: ", "}[i == 0])
			e.write(b)
		}
		if len(t.Elem) > 0 {
			b.WriteByte('>')
		}
	}
	if t.NotNull {
		b.WriteString(" NOT NULL")
	}
}

func (t *TypeName) writeArgs(b *strings.Builder) {
	for i, a := range t.Args {
		if i == 0 {
			b.WriteByte('(')
		} else {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(a))
	}
	if len(t.Args) > 0 {
		b.WriteByte(')')
	}
}

func (t *TypeName) writeRow(b *strings.Builder) {
	b.WriteString("ROW<")
	for i, f := range t.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteName(f.Name))
		b.WriteByte(' ')
		f.Type.write(b)
		if f.Comment != "" {
			b.WriteString(" COMMENT '" + strings.ReplaceAll(f.Comment, "'", "''") + "'")
		}
	}
	b.WriteByte('>')
}

// quoteName puts backticks around names that are not plain ASCII words.
func quoteName(s string) string {
	plain := s != ""
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			plain = false
		}
	}
	if plain {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}
