package types

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of types in text and JSON.
const maxDepth = 64

// Parse reads a type from SQL text: "DECIMAL(10, 2) NOT NULL",
// "ARRAY<ROW<a STRING COMMENT 'x', b INT>>", "MAP<STRING, INT>",
// "TIMESTAMP_LTZ(3)". Names are not case-sensitive. Fields of rows get ID -1.
// It errors with the text and the byte position (1-based).
func Parse(text string) (Type, error) {
	p := &parser{in: text}
	t, err := p.parseType(0)
	if err == nil {
		p.space()
		if p.pos < len(p.in) {
			err = p.fail("unexpected text after the type")
		}
	}
	if err != nil {
		return Type{}, err
	}
	return t, nil
}

type parser struct {
	in  string
	pos int
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("type %q, position %d: %s", p.in, p.pos+1, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.pos]) >= 0 {
		p.pos++
	}
}

// word reads a bare or back-quoted name.
func (p *parser) word() (string, bool) {
	p.space()
	if p.pos < len(p.in) && p.in[p.pos] == '`' {
		var b strings.Builder
		for i := p.pos + 1; i < len(p.in); i++ {
			if p.in[i] == '`' {
				if i+1 < len(p.in) && p.in[i+1] == '`' {
					i++
				} else {
					p.pos = i + 1
					return b.String(), true
				}
			}
			b.WriteByte(p.in[i])
		}
		return "", false
	}
	start := p.pos
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf || c == '$' {
			p.pos++
			continue
		}
		break
	}
	return p.in[start:p.pos], p.pos > start
}

// keyword takes the next word when it is w.
func (p *parser) keyword(words ...string) bool {
	save := p.pos
	for _, w := range words {
		got, ok := p.word()
		if !ok || !strings.EqualFold(got, w) {
			p.pos = save
			return false
		}
	}
	return true
}

func (p *parser) token(c byte) bool {
	p.space()
	if p.pos < len(p.in) && p.in[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// args reads "(n)" or "(n, m)"; none when there is no parenthesis.
func (p *parser) args(limit int) ([]int, error) {
	if !p.token('(') {
		return nil, nil
	}
	var out []int
	for {
		w, _ := p.word()
		n, err := strconv.Atoi(w)
		if err != nil {
			return nil, p.fail("expected a number")
		}
		if out = append(out, n); len(out) > limit {
			return nil, p.fail("at most %d parameters", limit)
		}
		if p.token(')') {
			return out, nil
		}
		if !p.token(',') {
			return nil, p.fail("expected , or )")
		}
	}
}

func (p *parser) parseType(depth int) (Type, error) {
	if depth > maxDepth {
		return Type{}, p.fail("nested deeper than %d", maxDepth)
	}
	start := p.pos
	name, ok := p.word()
	if !ok {
		return Type{}, p.fail("expected a type name")
	}
	t, err := p.named(strings.ToUpper(name), start, depth)
	if err != nil {
		return t, err
	}
	for {
		switch {
		case p.keyword("NOT", "NULL"):
			t.Nullable = false
		case p.keyword("NULL"):
			t.Nullable = true
		case p.keyword("ARRAY"):
			t = ArrayOf(t)
		case p.keyword("MULTISET"):
			e := t
			t = Type{Root: Multiset, Nullable: true, Elem: &e}
		default:
			return t, nil
		}
		if depth++; depth > maxDepth {
			return Type{}, p.fail("nested deeper than %d", maxDepth)
		}
	}
}

func (p *parser) named(name string, start, depth int) (Type, error) {
	switch name {
	case "BOOLEAN", "BOOL":
		return Of(Boolean), nil
	case "TINYINT", "BYTE":
		return Of(TinyInt), nil
	case "SMALLINT", "SHORT":
		return Of(SmallInt), nil
	case "INT", "INTEGER":
		return Of(Int), nil
	case "BIGINT", "LONG":
		return Of(BigInt), nil
	case "FLOAT", "REAL":
		return Of(Float), nil
	case "DOUBLE":
		p.keyword("PRECISION")
		return Of(Double), nil
	case "DATE":
		return Of(Date), nil
	case "VARIANT":
		return Of(Variant), nil
	case "BLOB":
		return Of(Blob), nil
	case "STRING":
		return String(), nil
	case "BYTES":
		return Of(Varbinary), nil
	case "CHAR":
		return p.sized(Char, 1)
	case "VARCHAR":
		return p.sized(Varchar, 1)
	case "BINARY":
		return p.sized(Binary, 1)
	case "VARBINARY":
		return p.sized(Varbinary, 1)
	case "DECIMAL", "NUMERIC", "DEC":
		return p.decimal()
	case "TIME":
		t, err := p.fraction(Time, 0)
		if err == nil && p.keyword("WITHOUT") && !p.keyword("TIME", "ZONE") {
			err = p.fail("expected TIME ZONE")
		}
		return t, err
	case "TIMESTAMP_LTZ":
		return p.fraction(TimestampLTZ, 6)
	case "TIMESTAMP":
		return p.timestamp()
	case "ARRAY", "MULTISET", "MAP", "ROW", "STRUCT":
		return p.nested(name, depth)
	}
	p.pos = start
	return Type{}, p.fail("unknown type %s", name)
}

func (p *parser) sized(r Root, def int) (Type, error) {
	a, err := p.args(1)
	if err != nil {
		return Type{}, err
	}
	n := def
	if len(a) == 1 {
		n = a[0]
	}
	if n < 1 {
		return Type{}, p.fail("length must be between 1 and %d", MaxLength)
	}
	return Type{Root: r, Nullable: true, Precision: n}, nil
}

func (p *parser) decimal() (Type, error) {
	a, err := p.args(2)
	if err != nil {
		return Type{}, err
	}
	prec, scale := 10, 0
	if len(a) > 0 {
		prec = a[0]
	}
	if len(a) > 1 {
		scale = a[1]
	}
	if prec < 1 || prec > 38 || scale < 0 || scale > prec {
		return Type{}, p.fail("DECIMAL needs a precision of 1 to 38 and a scale of 0 to the precision")
	}
	return DecimalOf(prec, scale), nil
}

func (p *parser) fraction(r Root, def int) (Type, error) {
	a, err := p.args(1)
	if err != nil {
		return Type{}, err
	}
	n := def
	if len(a) == 1 {
		n = a[0]
	}
	if n < 0 || n > 9 {
		return Type{}, p.fail("precision must be between 0 and 9")
	}
	return Type{Root: r, Nullable: true, Precision: n}, nil
}

func (p *parser) timestamp() (Type, error) {
	t, err := p.fraction(Timestamp, 6)
	if err != nil {
		return t, err
	}
	switch {
	case p.keyword("WITHOUT", "TIME", "ZONE"):
	case p.keyword("WITH", "LOCAL", "TIME", "ZONE"):
		t.Root = TimestampLTZ
	case p.keyword("WITH"):
		return t, p.fail("only TIMESTAMP WITH LOCAL TIME ZONE is known")
	}
	return t, nil
}

func (p *parser) nested(name string, depth int) (Type, error) {
	paren := name == "ROW" && p.token('(')
	if !paren && !p.token('<') {
		return Type{}, p.fail("expected < after %s", name)
	}
	t := Type{Nullable: true}
	first, err := Type{}, error(nil)
	if name == "ROW" || name == "STRUCT" {
		t.Root = Row
		t.Fields, err = p.rowFields(depth)
	} else if first, err = p.parseType(depth + 1); err == nil {
		t.Elem = &first
		switch name {
		case "ARRAY":
			t.Root = Array
		case "MULTISET":
			t.Root = Multiset
		case "MAP":
			if !p.token(',') {
				return t, p.fail("expected , between the key and the value of MAP")
			}
			var v Type
			v, err = p.parseType(depth + 1)
			t.Root, t.Key, t.Elem = Map, &first, &v
		}
	}
	if err != nil {
		return t, err
	}
	if paren && !p.token(')') || !paren && !p.token('>') {
		return t, p.fail("%s is not closed", name)
	}
	return t, nil
}

func (p *parser) rowFields(depth int) ([]Field, error) {
	var out []Field
	for {
		name, ok := p.word()
		if !ok || name == "" {
			return nil, p.fail("expected a field name")
		}
		p.token(':')
		t, err := p.parseType(depth + 1)
		if err != nil {
			return nil, err
		}
		f := Field{ID: -1, Name: name, Type: t}
		if p.keyword("COMMENT") {
			if f.Description, err = p.quoted(); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
		if !p.token(',') {
			return out, nil
		}
	}
}

func (p *parser) quoted() (string, error) {
	if !p.token('\'') {
		return "", p.fail("expected a quoted text")
	}
	var b strings.Builder
	for ; p.pos < len(p.in); p.pos++ {
		if p.in[p.pos] == '\'' {
			if p.pos+1 < len(p.in) && p.in[p.pos+1] == '\'' {
				p.pos++
			} else {
				p.pos++
				return b.String(), nil
			}
		}
		b.WriteByte(p.in[p.pos])
	}
	return "", p.fail("text is not closed")
}
