package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// clauseWords are the keywords after a table or a projection that a mistyped
// alias most probably was meant to be.
var clauseWords = []string{"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS", "ON", "WITH", "VALUES"}

// reserved are the words that no dialect lets be a bare identifier here: those
// that begin a clause or glue expressions together. The engines reserve many
// more (VALUE, DATE, USER...), which Tarn accepts as names wherever the text
// stays unambiguous.
var reserved = wordSet(
	"ALL", "AND", "AS", "BETWEEN", "BY", "CASE", "CAST", "CROSS", "DISTINCT", "ELSE", "EXCEPT", "EXISTS", "FETCH", "FOR", "FROM", "FULL",
	"GROUP", "HAVING", "IN", "INNER", "INTERSECT", "INTO", "IS", "JOIN", "LATERAL", "LEFT", "LIKE",
	"LIMIT", "NATURAL", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "RIGHT", "SELECT", "TABLE",
	"THEN", "UNION", "USING", "WHEN", "WHERE", "WITH",
)

// notAlias are further words that may be names but not an alias without AS,
// because a clause can begin with them.
var notAlias = wordSet(
	"ANTI", "CLUSTER", "DISTRIBUTE", "END", "ESCAPE", "FILTER", "IGNORE", "INSERT", "MATCH_RECOGNIZE", "MINUS", "OVER", "PIVOT", "UNPIVOT",
	"QUALIFY", "RESPECT", "SEMI", "SET", "SORT", "STRAIGHT_JOIN", "TABLESAMPLE", "VALUES", "VERSION", "WINDOW", "WITHIN",
	"FORCE", "PARTITION",
)

func wordSet(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

func (p *Parser) isIdent(t lex.Token) bool {
	return t.Kind == lex.Quoted || t.Kind == lex.Word && !reserved[t.Upper]
}

// IsIdent tells whether an identifier comes next.
func (p *Parser) IsIdent() bool { return p.isIdent(p.Peek()) }

// Ident parses one identifier. Behind a dot use anyIdent.
func (p *Parser) Ident(what string) ast.Ident {
	t := p.Peek()
	if !p.isIdent(t) {
		p.failName(t, what)
	}
	p.i++
	return ast.Ident{Pos: t.Pos, Name: t.Value, Quoted: t.Kind == lex.Quoted}
}

func (p *Parser) failName(t lex.Token, what string) {
	switch {
	case t.Kind == lex.Word:
		p.FailHint(what, "\""+t.Text+"\" is a reserved word; write `"+t.Text+"` to use it as a name")
	case t.Kind == lex.String && p.Dialect == ast.Flink:
		p.FailHint(what, "single quotes make a text; write names in `backticks`")
	}
	p.Fail(what)
}

// anyIdent parses an identifier where reserved words cannot be mistaken.
func (p *Parser) anyIdent(what string) ast.Ident {
	t := p.Peek()
	if t.Kind != lex.Word && t.Kind != lex.Quoted {
		p.failName(t, what)
	}
	p.i++
	return ast.Ident{Pos: t.Pos, Name: t.Value, Quoted: t.Kind == lex.Quoted}
}

// Name parses a dotted name.
func (p *Parser) Name(what string) ast.Name {
	first := p.Ident(what)
	n := ast.Name{Pos: first.Pos, Parts: []ast.Ident{first}}
	for p.IsOp(".") {
		p.i++
		n.Parts = append(n.Parts, p.anyIdent(what))
		if len(n.Parts) > 8 {
			p.FailAt(n.Pos, "name with too many parts", "")
		}
	}
	return n
}

// IdentList parses (a, b, c).
func (p *Parser) IdentList(what string) []ast.Ident {
	var out []ast.Ident
	p.Parens(func() { out = append(out, p.Ident(what)) })
	return out
}

// String parses a string literal and returns its decoded text.
func (p *Parser) String(what string) string {
	t := p.Peek()
	if t.Kind != lex.String {
		p.Fail(what)
	}
	p.i++
	return t.Value
}

// IsString tells whether a string literal comes next.
func (p *Parser) IsString() bool { return p.Peek().Kind == lex.String }

// Int parses a non-negative integer that fits 31 bits.
func (p *Parser) Int(what string) int {
	t := p.Peek()
	if t.Kind != lex.Int || len(t.Value) > 9 {
		p.Fail(what)
	}
	p.i++
	n := 0
	for _, c := range t.Value {
		n = n*10 + int(c-'0')
	}
	return n
}

// optAlias parses an alias with or without AS; nil when there is none.
func (p *Parser) optAlias() *ast.Ident {
	if p.Accept("AS") {
		id := p.aliasName()
		return &id
	}
	t := p.Peek()
	if t.Kind == lex.String && p.Dialect != ast.Flink {
		id := p.aliasName()
		return &id
	}
	if !p.isIdent(t) || t.Kind == lex.Word && notAlias[t.Upper] {
		return nil
	}
	p.alias = p.i
	id := p.Ident("alias")
	return &id
}

// aliasName also takes 'text' as a name, which MySQL and Spark allow.
func (p *Parser) aliasName() ast.Ident {
	if t := p.Peek(); t.Kind == lex.String && p.Dialect != ast.Flink {
		p.i++
		return ast.Ident{Pos: t.Pos, Name: t.Value, Quoted: true}
	}
	return p.Ident("alias")
}
