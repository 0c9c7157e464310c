package parse

import (
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// Binding powers, loosest first. An operator takes operands that bind tighter.
const (
	bindOr      = 10
	bindXor     = 15
	bindAnd     = 20
	bindNot     = 30
	bindCompare = 40
	bindBitOr   = 50
	bindBitXor  = 52
	bindBitAnd  = 54
	bindShift   = 56
	bindAdd     = 60
	bindMul     = 70
	bindPower   = 75 // MySQL's ^
	bindUnary   = 80
	bindPostfix = 90
)

// Expr parses one expression.
func (p *Parser) Expr() ast.Expr { return p.binary(0) }

// binary parses an expression whose operators all bind at least as tightly as least.
func (p *Parser) binary(least int) ast.Expr {
	defer p.enter()()
	left := p.prefix()
	for {
		p.deepen()
		next, ok := p.infix(left, least)
		if !ok {
			return left
		}
		left = next
	}
}

// infix extends left by one operator; ok is false when none follows.
func (p *Parser) infix(left ast.Expr, least int) (ast.Expr, bool) {
	t := p.Peek()
	if t.Kind == lex.Word {
		return p.infixWord(left, least, t)
	}
	if t.Kind != lex.Op {
		return nil, false
	}
	if bindPostfix >= least {
		if e, ok := p.postfix(left, t); ok {
			return e, true
		}
	}
	op, power, width := p.operator(t)
	if width == 0 || power < least {
		return nil, false
	}
	p.i += width
	if power == bindCompare && p.IsAny("ANY", "SOME", "ALL") && p.IsOpAt(1, "(") {
		all := p.Next().Upper == "ALL"
		p.ExpectOp("(")
		q := &ast.Quantified{Pos: t.Pos, L: left, Op: op, All: all, Query: p.Query()}
		p.ExpectOp(")")
		return q, true
	}
	return &ast.Binary{Pos: t.Pos, Op: op, L: left, R: p.binary(power + 1)}, true
}

// operator maps a sign to the tree's operator, its power and the number of its
// tokens (0: not an operator here).
func (p *Parser) operator(t lex.Token) (op string, power, width int) {
	switch t.Text {
	case "=", "==":
		return "=", bindCompare, 1
	case "<>", "!=":
		return "<>", bindCompare, 1
	case "<", "<=", ">=", "<=>":
		return t.Text, bindCompare, 1
	case ">":
		if n := p.PeekAt(1); n.Kind == lex.Op && n.Text == ">" && n.Pos.Offset == t.End {
			return ">>", bindShift, 2
		}
		return ">", bindCompare, 1
	case "+", "-":
		return t.Text, bindAdd, 1
	case "*", "/", "%":
		return t.Text, bindMul, 1
	case "||":
		return p.pipes()
	case "&&":
		return "AND", bindAnd, 1
	case "|":
		return "|", bindBitOr, 1
	case "&":
		return "&", bindBitAnd, 1
	case "^":
		if p.Dialect == ast.MySQL {
			return "^", bindPower, 1
		}
		return "^", bindBitXor, 1
	case "<<":
		return "<<", bindShift, 1
	case "->", "->>":
		if p.Dialect == ast.MySQL {
			return t.Text, bindPostfix, 1
		}
	}
	return "", 0, 0
}

// pipes: || concatenates in Flink with the power of *, in Spark with that of +;
// in MySQL it is OR.
func (p *Parser) pipes() (string, int, int) {
	switch p.Dialect {
	case ast.MySQL:
		return "OR", bindOr, 1
	case ast.Spark:
		return "||", bindAdd, 1
	default:
		return "||", bindMul, 1
	}
}

func (p *Parser) postfix(left ast.Expr, t lex.Token) (ast.Expr, bool) {
	switch t.Text {
	case "[":
		p.i++
		idx := p.Expr()
		p.ExpectOp("]")
		return &ast.Subscript{Pos: t.Pos, X: left, Index: idx}, true
	case ".":
		p.i++
		return &ast.Field{Pos: t.Pos, X: left, Name: p.anyIdent("field name")}, true
	case "::":
		p.i++
		return &ast.Cast{Pos: t.Pos, X: left, Type: p.bareType()}, true
	}
	return nil, false
}

func (p *Parser) infixWord(left ast.Expr, least int, t lex.Token) (ast.Expr, bool) {
	switch t.Upper {
	case "OR":
		return p.wordOp(left, least, bindOr)
	case "XOR":
		if p.Dialect == ast.MySQL {
			return p.wordOp(left, least, bindXor)
		}
	case "AND":
		return p.wordOp(left, least, bindAnd)
	case "DIV":
		if p.Dialect != ast.Flink {
			return p.wordOp(left, least, bindMul)
		}
	case "MOD":
		if p.Dialect == ast.MySQL && bindMul >= least {
			p.i++
			return &ast.Binary{Pos: t.Pos, Op: "%", L: left, R: p.binary(bindMul + 1)}, true
		}
	case "AT":
		if bindPostfix >= least && p.IsAny("AT") && p.PeekAt(1).Upper == "TIME" {
			p.Expect("AT", "TIME", "ZONE")
			return &ast.AtTimeZone{Pos: t.Pos, X: left, Zone: p.binary(bindPostfix + 1)}, true
		}
	case "COLLATE":
		if bindPostfix >= least {
			p.i++
			return &ast.Collate{Pos: t.Pos, X: left, Name: p.collation()}, true
		}
	}
	if bindCompare < least {
		return nil, false
	}
	return p.predicate(left, t)
}

func (p *Parser) collation() string {
	if p.IsString() {
		return p.String("collation")
	}
	return p.anyIdent("collation").Name
}

func (p *Parser) wordOp(left ast.Expr, least, power int) (ast.Expr, bool) {
	if power < least {
		return nil, false
	}
	t := p.Next()
	return &ast.Binary{Pos: t.Pos, Op: t.Upper, L: left, R: p.binary(power + 1)}, true
}

// predicate parses IS, [NOT] BETWEEN, IN, LIKE and the period predicates.
func (p *Parser) predicate(left ast.Expr, t lex.Token) (ast.Expr, bool) {
	not := false
	word := t.Upper
	if word == "NOT" {
		not, word = true, p.PeekAt(1).Upper
	}
	switch word {
	case "IS", "OVERLAPS", "CONTAINS", "PRECEDES", "SUCCEEDS", "EQUALS":
		if not {
			return nil, false
		}
	case "BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP", "SIMILAR":
		if not {
			p.i++
		}
	default:
		return nil, false
	}
	p.i++
	switch word {
	case "IS":
		return p.is(left, t.Pos), true
	case "BETWEEN":
		return p.between(left, t.Pos, not), true
	case "IN":
		return p.in(left, t.Pos, not), true
	case "LIKE", "ILIKE", "RLIKE", "REGEXP", "SIMILAR":
		return p.like(left, t.Pos, word, not), true
	}
	return &ast.Binary{Pos: t.Pos, Op: word, L: left, R: p.binary(bindCompare + 1)}, true
}

func (p *Parser) is(x ast.Expr, pos ast.Pos) ast.Expr {
	e := &ast.Is{Pos: pos, X: x, Not: p.Accept("NOT")}
	switch {
	case p.Accept("DISTINCT", "FROM"):
		e.Kind = "DISTINCT FROM"
		e.Y = p.binary(bindCompare + 1)
	case p.Accept("JSON"):
		e.Kind = "JSON"
		if w := p.AcceptAny("VALUE", "SCALAR", "OBJECT", "ARRAY"); w != "" {
			e.Kind += " " + w
		}
	default:
		e.Kind = p.AcceptAny("NULL", "TRUE", "FALSE", "UNKNOWN")
		if e.Kind == "" {
			p.Fail("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
		}
	}
	return e
}

func (p *Parser) between(x ast.Expr, pos ast.Pos, not bool) ast.Expr {
	e := &ast.Between{Pos: pos, X: x, Not: not, Symmetric: p.Accept("SYMMETRIC")}
	p.Accept("ASYMMETRIC")
	e.Low = p.binary(bindCompare + 1)
	p.Expect("AND")
	e.High = p.binary(bindCompare + 1)
	return e
}

func (p *Parser) in(x ast.Expr, pos ast.Pos, not bool) ast.Expr {
	e := &ast.In{Pos: pos, X: x, Not: not}
	p.ExpectOp("(")
	if p.startsQuery() {
		e.Query = p.Query()
		p.ExpectOp(")")
		return e
	}
	p.CommaList(func() { e.List = append(e.List, p.Expr()) })
	if sub, ok := e.List[0].(*ast.Subquery); ok && len(e.List) == 1 && !p.IsOp(")") {
		e.Query, e.List = p.queryFrom(sub.Query), nil
	}
	p.ExpectOp(")")
	return e
}

func (p *Parser) like(x ast.Expr, pos ast.Pos, word string, not bool) ast.Expr {
	e := &ast.Like{Pos: pos, X: x, Op: word, Not: not}
	switch word {
	case "SIMILAR":
		p.Expect("TO")
		e.Op = "SIMILAR TO"
	case "REGEXP":
		e.Op = "RLIKE"
	}
	if p.Dialect == ast.Spark && p.IsAny("ANY", "SOME", "ALL") && p.IsOpAt(1, "(") {
		e.Quantifier = "ANY"
		if p.Next().Upper == "ALL" {
			e.Quantifier = "ALL"
		}
		p.Parens(func() { e.List = append(e.List, p.Expr()) })
	} else {
		e.Pattern = p.binary(bindCompare + 1)
	}
	if p.Accept("ESCAPE") {
		e.Escape = p.binary(bindCompare + 1)
	}
	return e
}
