package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
)

// units maps every spelling of a time unit to its canonical name.
var units = unitTable()

func unitTable() map[string]string {
	m := map[string]string{
		"FRAC_SECOND": "MICROSECOND", "CENTURIES": "CENTURY", "MILLENNIA": "MILLENNIUM", "MONTHS": "MONTH",
		"EPOCH": "EPOCH", "DOY": "DOY", "DOW": "DOW", "ISODOW": "ISODOW", "ISOYEAR": "ISOYEAR",
		"DAYOFWEEK": "DAYOFWEEK", "DAYOFYEAR": "DOY", "DAYOFWEEK_ISO": "ISODOW", "DOW_ISO": "ISODOW",
		"YEAROFWEEK": "ISOYEAR", "MINS": "MINUTE", "SECS": "SECOND", "HRS": "HOUR",
	}
	for _, u := range []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND",
		"MILLISECOND", "MICROSECOND", "NANOSECOND", "DECADE", "CENTURY", "MILLENNIUM"} {
		m[u], m[u+"S"], m["SQL_TSI_"+u] = u, u, u
	}
	return m
}

// compoundUnits are MySQL's joined units.
var compoundUnits = map[string][2]string{
	"YEAR_MONTH": {"YEAR", "MONTH"}, "DAY_HOUR": {"DAY", "HOUR"}, "DAY_MINUTE": {"DAY", "MINUTE"},
	"DAY_SECOND": {"DAY", "SECOND"}, "HOUR_MINUTE": {"HOUR", "MINUTE"}, "HOUR_SECOND": {"HOUR", "SECOND"},
	"MINUTE_SECOND": {"MINUTE", "SECOND"},
}

func (p *Parser) unit() string {
	if u, ok := units[p.Peek().Upper]; ok {
		p.i++
		return u
	}
	p.Fail("time unit such as DAY, HOUR or MONTH")
	return ""
}

// startsInterval tells an INTERVAL literal from a column named interval.
func (p *Parser) startsInterval(next lex.Token) bool {
	switch next.Kind {
	case lex.String, lex.Int, lex.Decimal, lex.Param:
		return true
	case lex.Op:
		return next.Text == "-" || next.Text == "+" || next.Text == "("
	case lex.Word, lex.Quoted:
		return units[p.PeekAt(2).Upper] != "" && !reserved[next.Upper]
	}
	return false
}

func (p *Parser) interval() ast.Expr {
	iv := &ast.Interval{Pos: p.Next().Pos}
	if p.IsOp("-") || p.IsOp("+") {
		iv.Neg = p.Next().Text == "-"
	}
	p.intervalPart(iv)
	for p.Dialect == ast.Spark && iv.To == "" && iv.From != "" && p.anotherPart() {
		more := ast.Interval{Pos: p.Pos()}
		if p.AcceptOp("-") {
			more.Neg = true
		}
		p.intervalPart(&more)
		iv.More = append(iv.More, more)
	}
	return iv
}

// anotherPart recognises the next "2 HOURS" of Spark's INTERVAL 1 DAY 2 HOURS.
func (p *Parser) anotherPart() bool {
	n := 0
	if p.IsOp("-") {
		n = 1
	}
	k := p.PeekAt(n).Kind
	return (k == lex.Int || k == lex.Decimal || k == lex.String) && units[p.PeekAt(n+1).Upper] != ""
}

func (p *Parser) intervalPart(iv *ast.Interval) {
	iv.Value = p.binary(bindAdd)
	u := p.Peek().Upper
	if c, ok := compoundUnits[u]; ok {
		p.i++
		iv.From, iv.To = c[0], c[1]
		return
	}
	if units[u] == "" {
		if _, text := iv.Value.(*ast.Literal); text && p.Dialect == ast.Spark {
			return // INTERVAL '1 day'
		}
	}
	iv.From = p.unit()
	p.skipPrecision()
	if p.Accept("TO") {
		iv.To = p.unit()
		p.skipPrecision()
	}
}

// skipPrecision reads over DAY(3), SECOND(2, 6): the value's own digits decide.
func (p *Parser) skipPrecision() {
	if !p.AcceptOp("(") {
		return
	}
	p.Int("precision")
	if p.AcceptOp(",") {
		p.Int("precision")
	}
	p.ExpectOp(")")
}

// extract parses EXTRACT(unit FROM x).
func (p *Parser) extract(pos ast.Pos) ast.Expr {
	p.ExpectOp("(")
	e := &ast.Extract{Pos: pos}
	switch {
	case p.IsString() && p.Dialect == ast.Spark:
		e.Unit = strings.ToUpper(p.String("unit"))
	case units[p.Peek().Upper] != "":
		e.Unit = p.unit()
	case p.Dialect == ast.Spark && p.Peek().Kind == lex.Word:
		e.Unit = p.Next().Upper
	default:
		p.Fail("time unit such as YEAR, DAY or HOUR")
	}
	p.Expect("FROM")
	e.X = p.Expr()
	p.ExpectOp(")")
	return e
}
