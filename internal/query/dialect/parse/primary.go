package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// prefix parses an operand: a literal, name, call, parenthesis or prefix operator.
func (p *Parser) prefix() ast.Expr {
	t := p.Peek()
	switch t.Kind {
	case lex.Int, lex.Decimal, lex.Float, lex.String, lex.Hex:
		return p.literal()
	case lex.Param:
		p.i++
		p.params++
		return &ast.Param{Pos: t.Pos, Index: p.params - 1}
	case lex.SysVar, lex.UserVar:
		p.i++
		return variable(t)
	case lex.Quoted:
		return p.reference()
	case lex.Op:
		return p.prefixSign(t)
	case lex.Word:
		return p.prefixWord(t)
	}
	p.Fail("expression")
	return nil
}

func variable(t lex.Token) ast.Expr {
	v := &ast.Var{Pos: t.Pos, System: t.Kind == lex.SysVar, Name: t.Value}
	if scope, name, ok := strings.Cut(t.Value, "."); ok && v.System {
		switch s := strings.ToUpper(scope); s {
		case "GLOBAL", "SESSION", "LOCAL":
			v.Scope, v.Name = s, name
		}
	}
	return v
}

func (p *Parser) prefixSign(t lex.Token) ast.Expr {
	switch t.Text {
	case "-", "+", "~":
		p.i++
		return &ast.Unary{Pos: t.Pos, Op: t.Text, X: p.binary(bindUnary)}
	case "!":
		if p.Dialect != ast.Flink {
			p.i++
			power := bindUnary
			if p.Dialect == ast.Spark {
				power = bindNot
			}
			return &ast.Unary{Pos: t.Pos, Op: "NOT", X: p.binary(power)}
		}
	case "(":
		return p.paren()
	case "*":
		p.i++
		return &ast.Star{Pos: t.Pos}
	}
	p.Fail("expression")
	return nil
}

// startsQuery tells whether a query begins here, parentheses aside.
func (p *Parser) startsQuery() bool {
	if p.Is("VALUES") {
		return !p.isCall(p.Dialect == ast.MySQL)
	}
	return p.IsAny("SELECT", "WITH") || p.Is("TABLE") && p.PeekAt(1).Kind != lex.Op
}

func (p *Parser) isCall(mysql bool) bool { return mysql && p.IsOpAt(1, "(") }

// paren parses what follows "(": a subquery, a row, lambda parameters or an expression.
func (p *Parser) paren() ast.Expr {
	pos := p.Pos()
	p.ExpectOp("(")
	if p.startsQuery() {
		s := &ast.Subquery{Pos: pos, Query: p.Query()}
		p.ExpectOp(")")
		return s
	}
	elems := []ast.Expr{p.Expr()}
	if sub, ok := elems[0].(*ast.Subquery); ok && !p.IsOp(")") && !p.IsOp(",") {
		// ((SELECT ..) UNION ..): the inner parentheses were the left side
		s := &ast.Subquery{Pos: pos, Query: p.queryFrom(sub.Query)}
		p.ExpectOp(")")
		return s
	}
	for p.AcceptOp(",") {
		elems = append(elems, p.Expr())
	}
	if !p.AcceptOp(")") {
		p.Fail("\")\"")
	}
	if p.IsOp("->") && p.Dialect != ast.MySQL {
		return p.lambda(pos, elems)
	}
	if len(elems) > 1 {
		return &ast.Row{Pos: pos, Elems: elems}
	}
	return p.difference(pos, elems[0])
}

// difference recognises Flink's (a - b) DAY TO SECOND behind the parenthesis:
// an interval in the units given.
func (p *Parser) difference(pos ast.Pos, e ast.Expr) ast.Expr {
	minus, ok := e.(*ast.Binary)
	if !ok || minus.Op != "-" || p.Dialect != ast.Flink || units[p.Peek().Upper] == "" {
		return e
	}
	d := &ast.Difference{Pos: pos, L: minus.L, R: minus.R, From: p.unit()}
	p.skipPrecision()
	if p.Accept("TO") {
		d.To = p.unit()
		p.skipPrecision()
	}
	return d
}

func (p *Parser) lambda(pos ast.Pos, params []ast.Expr) ast.Expr {
	l := &ast.Lambda{Pos: pos}
	for _, e := range params {
		c, ok := e.(*ast.ColumnRef)
		if !ok || len(c.Parts) != 1 {
			p.FailAt(e.Position(), "a lambda parameter must be a plain name", "")
		}
		l.Params = append(l.Params, c.Parts[0])
	}
	p.ExpectOp("->")
	l.Body = p.Expr()
	return l
}

func (p *Parser) literal() ast.Expr {
	t := p.Next()
	l := &ast.Literal{Pos: t.Pos, Text: t.Value, Suffix: t.Suffix}
	switch t.Kind {
	case lex.Int:
		l.Kind = ast.IntLit
	case lex.Decimal:
		l.Kind = ast.DecimalLit
	case lex.Float:
		l.Kind = ast.FloatLit
	case lex.Hex:
		l.Kind = ast.BytesLit
	default:
		l.Kind = ast.StringLit
		// Adjacent strings are one string; standard SQL wants a line break between.
		for p.IsString() && (p.Dialect != ast.Flink || p.Peek().Pos.Line > t.Pos.Line) {
			l.Text += p.Next().Value
		}
	}
	return l
}

// bareFunctions are called without parentheses.
var bareFunctions = wordSet("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
	"CURRENT_ROW_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_DATABASE", "UTC_TIMESTAMP", "UTC_DATE")

// temporalLiterals are words that make a literal of the string behind them.
var temporalLiterals = map[string]ast.LiteralKind{
	"DATE": ast.DateLit, "TIME": ast.TimeLit, "TIMESTAMP": ast.TimestampLit,
	"TIMESTAMP_NTZ": ast.TimestampLit, "TIMESTAMP_LTZ": ast.TimestampLTZLit, "DATETIME": ast.TimestampLit,
}

func (p *Parser) prefixWord(t lex.Token) ast.Expr {
	next := p.PeekAt(1)
	if kind, ok := temporalLiterals[t.Upper]; ok && next.Kind == lex.String {
		p.i += 2
		if t.Upper == "TIMESTAMP" && p.Dialect == ast.Spark {
			kind = ast.TimestampLTZLit
		}
		return &ast.Literal{Pos: t.Pos, Kind: kind, Text: next.Value}
	}
	switch t.Upper {
	case "NULL":
		p.i++
		return &ast.Literal{Pos: t.Pos, Kind: ast.NullLit}
	case "TRUE", "FALSE":
		p.i++
		return &ast.Literal{Pos: t.Pos, Kind: ast.BoolLit, Text: strings.ToLower(t.Upper)}
	case "UNKNOWN":
		if p.Dialect == ast.Flink {
			p.i++
			return &ast.Cast{Pos: t.Pos, X: &ast.Literal{Pos: t.Pos}, Type: &ast.TypeName{Pos: t.Pos, Name: "BOOLEAN"}}
		}
	case "NOT":
		p.i++
		return &ast.Unary{Pos: t.Pos, Op: "NOT", X: p.binary(bindNot)}
	case "CASE":
		return p.caseExpr()
	case "INTERVAL":
		if p.startsInterval(next) {
			return p.interval()
		}
	case "EXISTS":
		if e, ok := p.exists(t.Pos); ok {
			return e
		}
	case "BINARY":
		if p.Dialect == ast.MySQL && next.Kind != lex.Op {
			p.i++
			return p.binary(bindUnary)
		}
	}
	if next.Kind == lex.Op && (next.Text == "(" || next.Text == "[") {
		if e := p.special(t); e != nil {
			return e
		}
	}
	if reserved[t.Upper] && (!p.IsOpAt(1, "(") || !reservedFunctions[t.Upper]) {
		p.failExpr(t)
	}
	return p.reference()
}

// reservedFunctions are reserved words that are functions before "(".
var reservedFunctions = wordSet("LEFT", "RIGHT", "EXISTS")

func (p *Parser) failExpr(t lex.Token) {
	hint := ""
	if !wordSet("FROM", "WHERE", "GROUP", "ORDER", "SELECT", "ON", "AND", "OR", "THEN", "AS", "LIMIT")[t.Upper] {
		hint = "\"" + t.Text + "\" is a reserved word; write `" + t.Text + "` to use it as a name"
	}
	p.FailHint("expression", hint)
}

func (p *Parser) exists(pos ast.Pos) (ast.Expr, bool) {
	at := 1
	for p.IsOpAt(at, "(") {
		at++
	}
	if at == 1 || !wordSet("SELECT", "WITH", "VALUES", "TABLE")[p.PeekAt(at).Upper] {
		return nil, false // Spark's exists(array, lambda)
	}
	p.i++
	p.ExpectOp("(")
	e := &ast.Exists{Pos: pos, Query: p.Query()}
	p.ExpectOp(")")
	return e, true
}

func (p *Parser) caseExpr() ast.Expr {
	c := &ast.Case{Pos: p.Next().Pos}
	if !p.Is("WHEN") {
		c.Operand = p.Expr()
	}
	for p.Accept("WHEN") {
		w := ast.When{Cond: p.Expr()}
		p.Expect("THEN")
		w.Result = p.Expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.Fail("WHEN")
	}
	if p.Accept("ELSE") {
		c.Else = p.Expr()
	}
	if !p.Accept("END") {
		p.Fail("WHEN, ELSE or END")
	}
	return c
}

// reference parses a column reference, t.*, a lambda with one parameter or a call.
func (p *Parser) reference() ast.Expr {
	first := p.anyIdent("name")
	parts := []ast.Ident{first}
	for p.IsOp(".") && len(parts) < 16 {
		if p.IsOpAt(1, "*") {
			p.i += 2
			return p.star(first.Pos, parts)
		}
		p.i++
		parts = append(parts, p.anyIdent("name"))
	}
	if p.IsOp("(") {
		return p.call(ast.Name{Pos: first.Pos, Parts: parts})
	}
	if p.IsOp("->") && len(parts) == 1 && p.Dialect != ast.MySQL {
		return p.lambda(first.Pos, []ast.Expr{&ast.ColumnRef{Pos: first.Pos, Parts: parts}})
	}
	if len(parts) == 1 && !first.Quoted && bareFunctions[strings.ToUpper(first.Name)] {
		return &ast.Call{Pos: first.Pos, Name: ast.Name{Pos: first.Pos, Parts: parts}, Bare: true}
	}
	return &ast.ColumnRef{Pos: first.Pos, Parts: parts}
}

func (p *Parser) star(pos ast.Pos, qualifier []ast.Ident) *ast.Star {
	s := &ast.Star{Pos: pos, Qualifier: qualifier}
	if p.Dialect == ast.Spark && p.Is("EXCEPT") && p.IsOpAt(1, "(") {
		p.i++
		s.Except = p.IdentList("column")
	}
	return s
}
