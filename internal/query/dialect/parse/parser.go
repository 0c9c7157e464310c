// Package parse is the parser that all dialects share: expressions, queries,
// types and the statements that differ by little. The packages flink, spark and
// mysql hold what is particular to one dialect and choose by the first words.
package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// maxDepth bounds nesting: of parentheses and types, and the length of operator
// chains, which nest to the left. Deeper text is an error, so that no later
// pass over the tree can overflow the stack.
const maxDepth = 2000

// Grammar parses one statement of a dialect. It is called with the parser at
// the first token, and leaves it behind the last.
type Grammar func(p *Parser) ast.Statement

// Parser is a cursor over the tokens of one text. Its methods panic with a
// private type on a syntax error; only Statements recovers it, so grammars
// need no error handling and call them freely.
type Parser struct {
	Dialect ast.Dialect
	file    string
	text    string
	script  *ast.Script
	toks    []lex.Token
	i       int
	depth   int
	params  int
	grammar Grammar
	alias   int // index of the last alias written without AS, or -1
}

type bailout struct{ err error }

// Statements parses all statements of text. file is used in messages only.
func Statements(d ast.Dialect, g Grammar, file, text string) (out []ast.Statement, err error) {
	p := &Parser{Dialect: d, file: file, text: text, script: &ast.Script{File: file, Text: text}, grammar: g, alias: -1}
	p.toks = lex.Tokens(text, lex.OptionsOf(d))
	defer p.recoverBailout(&err)
	for {
		for p.AcceptOp(";") {
		}
		if p.AtEnd() {
			return out, nil
		}
		p.params = 0
		out = append(out, p.Statement())
		if !p.AtEnd() {
			p.endOfStatement()
		}
	}
}

// Expression parses text as one expression, for options and tests.
func Expression(d ast.Dialect, text string) (e ast.Expr, err error) {
	p := &Parser{Dialect: d, text: text, alias: -1}
	p.toks = lex.Tokens(text, lex.OptionsOf(d))
	defer p.recoverBailout(&err)
	e = p.Expr()
	if !p.AtEnd() {
		p.Fail("end of expression")
	}
	return e, nil
}

// Type parses text as one data type.
func Type(d ast.Dialect, text string) (t *ast.TypeName, err error) {
	p := &Parser{Dialect: d, text: text, alias: -1}
	p.toks = lex.Tokens(text, lex.OptionsOf(d))
	defer p.recoverBailout(&err)
	t = p.TypeName()
	if !p.AtEnd() {
		p.Fail("end of type")
	}
	return t, nil
}

func (p *Parser) recoverBailout(err *error) {
	if r := recover(); r != nil {
		b, ok := r.(bailout)
		if !ok {
			panic(r)
		}
		*err = b.err
	}
}

// Statement parses one statement with the dialect's grammar and records its text.
func (p *Parser) Statement() ast.Statement {
	defer p.enter()()
	start := p.Peek().Pos.Offset
	s := p.grammar(p)
	s.SetSource(p.textFrom(start))
	return s
}

func (p *Parser) endOfStatement() {
	if p.AcceptOp(";") {
		return
	}
	// "select a frm t" reads frm as an alias of a; say what was meant.
	if p.alias == p.i-1 && p.alias >= 0 {
		if near := ast.Nearest(p.toks[p.alias].Text, clauseWords); near != "" {
			p.i = p.alias
			p.Fail(near)
		}
	}
	p.Fail("end of statement or \";\"")
}

// Peek returns the current token.
func (p *Parser) Peek() lex.Token { return p.toks[p.i] }

// PeekAt returns the token n places ahead; EOF beyond the end.
func (p *Parser) PeekAt(n int) lex.Token { return p.toks[min(p.i+n, len(p.toks)-1)] }

// Next returns the current token and moves on.
func (p *Parser) Next() lex.Token {
	t := p.toks[p.i]
	if t.Kind != lex.EOF {
		p.i++
	}
	return t
}

// Pos is the place of the current token.
func (p *Parser) Pos() ast.Pos { return p.toks[p.i].Pos }

// AtEnd tells whether the text is used up.
func (p *Parser) AtEnd() bool { return p.toks[p.i].Kind == lex.EOF }

// AtStatementEnd tells whether the current statement is over.
func (p *Parser) AtStatementEnd() bool { return p.AtEnd() || p.IsOp(";") }

// Is tells whether the next words are the given keywords.
func (p *Parser) Is(words ...string) bool {
	for n, w := range words {
		if p.PeekAt(n).Upper != w {
			return false
		}
	}
	return true
}

// IsAny tells whether the next word is one of words.
func (p *Parser) IsAny(words ...string) bool {
	u := p.Peek().Upper
	if u == "" {
		return false
	}
	for _, w := range words {
		if u == w {
			return true
		}
	}
	return false
}

// Accept consumes the keywords when all of them come next.
func (p *Parser) Accept(words ...string) bool {
	if !p.Is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

// AcceptAny consumes one of the words and returns it, or "".
func (p *Parser) AcceptAny(words ...string) string {
	if !p.IsAny(words...) {
		return ""
	}
	return p.Next().Upper
}

// Expect consumes the keywords or fails.
func (p *Parser) Expect(words ...string) {
	for _, w := range words {
		if p.Peek().Upper != w {
			p.Fail(w)
		}
		p.i++
	}
}

// IsOp tells whether the current token is the operator or sign.
func (p *Parser) IsOp(op string) bool {
	t := p.toks[p.i]
	return t.Kind == lex.Op && t.Text == op
}

// IsOpAt is IsOp n tokens ahead.
func (p *Parser) IsOpAt(n int, op string) bool {
	t := p.PeekAt(n)
	return t.Kind == lex.Op && t.Text == op
}

// AcceptOp consumes the sign when it comes next.
func (p *Parser) AcceptOp(op string) bool {
	if p.IsOp(op) {
		p.i++
		return true
	}
	return false
}

// ExpectOp consumes the sign or fails.
func (p *Parser) ExpectOp(op string) {
	if !p.AcceptOp(op) {
		p.Fail("\"" + op + "\"")
	}
}

// Fail stops with a *ast.SyntaxError at the current token.
func (p *Parser) Fail(expected string) { p.FailHint(expected, "") }

// FailHint is Fail with a hint.
func (p *Parser) FailHint(expected, hint string) {
	t := p.Peek()
	e := p.errorAt(t.Pos)
	e.Found, e.Expected, e.Hint = t.Text, expected, hint
	if r := []rune(e.Found); len(r) > 60 {
		e.Found = string(r[:60]) + "..."
	}
	if t.Kind == lex.Bad {
		e.Message, e.Hint = t.Value, t.Hint
	} else if hint == "" && t.Upper != "" {
		e.Hint = misspelling(t.Upper, expected)
	}
	panic(bailout{e})
}

// FailAt stops with a message at pos.
func (p *Parser) FailAt(pos ast.Pos, message, hint string) {
	e := p.errorAt(pos)
	e.Message, e.Hint = message, hint
	panic(bailout{e})
}

// Unsupported stops with a *ast.UnsupportedError at pos.
func (p *Parser) Unsupported(pos ast.Pos, what, hint string) {
	panic(bailout{&ast.UnsupportedError{
		File: p.file, Line: pos.Line, Column: pos.Column, What: what, Hint: hint,
		Source: ast.SourceLine(p.text, pos.Offset),
	}})
}

func (p *Parser) errorAt(pos ast.Pos) *ast.SyntaxError {
	return &ast.SyntaxError{File: p.file, Line: pos.Line, Column: pos.Column, Source: ast.SourceLine(p.text, pos.Offset)}
}

// misspelling hints at the expected keyword that the word found resembles.
func misspelling(found, expected string) string {
	var words []string
	for _, w := range strings.FieldsFunc(expected, func(r rune) bool { return r == ' ' || r == ',' }) {
		if w == strings.ToUpper(w) && len(w) > 1 && w != found {
			words = append(words, w)
		}
	}
	if near := ast.Nearest(found, words); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// enter goes one level deeper and returns the function that comes back; it also
// takes back the levels that deepen added meanwhile.
func (p *Parser) enter() func() {
	d := p.depth
	p.deepen()
	return func() { p.depth = d }
}

func (p *Parser) deepen() {
	p.depth++
	if p.depth > maxDepth {
		p.FailAt(p.Pos(), "statement is nested too deeply", "split it into views or WITH tables, or use IN (...) for long OR chains")
	}
}

func (p *Parser) textFrom(start int) string {
	if p.i == 0 {
		return ""
	}
	return p.text[start:max(start, p.toks[p.i-1].End)]
}

// CommaList calls one for each element of a comma-separated list.
func (p *Parser) CommaList(one func()) {
	one()
	for p.AcceptOp(",") {
		one()
	}
}

// Parens calls one for each element of a parenthesised comma list with at least one element.
func (p *Parser) Parens(one func()) {
	p.ExpectOp("(")
	p.CommaList(one)
	p.ExpectOp(")")
}
