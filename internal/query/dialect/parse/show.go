package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// ShowForm describes one SHOW statement.
type ShowForm struct {
	Words string // what follows SHOW, in upper case
	As    string // the tree's name for it; "" means Words
	Named bool   // a name follows, as in SHOW CREATE TABLE t
	Of    bool   // FROM t names the object, as in SHOW COLUMNS FROM t [FROM db]
}

// Show parses SHOW with the forms of a dialect; longer forms must come before
// their prefixes. The current token is SHOW.
func (p *Parser) Show(forms []ShowForm) ast.Statement {
	s := &ast.Show{Stmt: ast.Stmt{Pos: p.Next().Pos}}
	p.showFlags(s)
	form := p.showForm(forms)
	s.What = form.Words
	if form.As != "" {
		s.What = form.As
	}
	if form.Named {
		s.Name = p.Name("name")
		if p.Is("PARTITION") {
			s.Partition = p.PartitionSpec()
		}
	} else if form.Of {
		if p.AcceptAny("FROM", "IN") == "" {
			p.Fail("FROM")
		}
		s.Name = p.Name("table name")
	}
	p.showFilters(s)
	return s
}

func (p *Parser) showFlags(s *ast.Show) {
	for {
		switch {
		case p.Accept("FULL"), p.Accept("EXTENDED"):
			s.Full = true
		case p.IsAny("GLOBAL", "SESSION", "LOCAL"):
			s.Scope = p.Next().Upper
		case p.Is("USER") && p.PeekAt(1).Upper == "FUNCTIONS", p.Is("SYSTEM") && p.PeekAt(1).Upper == "FUNCTIONS",
			p.Is("ALL") && p.PeekAt(1).Upper == "FUNCTIONS":
			s.User = p.Next().Upper == "USER"
		default:
			return
		}
	}
}

func (p *Parser) showForm(forms []ShowForm) ShowForm {
	var known []string
	for _, f := range forms {
		words := strings.Fields(f.Words)
		if p.Accept(words...) {
			return f
		}
		known = append(known, words[0])
	}
	hint := ""
	if near := ast.Nearest(p.Peek().Text, known); near != "" {
		hint = "did you mean SHOW " + near + "?"
	}
	p.FailHint("what to show, such as TABLES, DATABASES or CREATE TABLE", hint)
	return ShowForm{}
}

func (p *Parser) showFilters(s *ast.Show) {
	for {
		switch {
		case p.IsAny("FROM", "IN"):
			p.i++
			s.From = p.Name("database name")
		case p.Is("NOT") && p.PeekAt(1).Upper == "LIKE":
			p.i++
			s.NotLike = true
		case p.IsAny("LIKE", "ILIKE"):
			s.ILike = p.Next().Upper == "ILIKE"
			like := p.String("pattern")
			s.Like = &like
		case p.Is("WHERE"):
			p.i++
			s.Where = p.Expr()
		case p.Is("LIMIT"):
			p.i++
			s.Limit = p.Expr()
		case p.IsString() && s.What == "TABLES":
			like := p.String("pattern")
			s.Like = &like
		case p.Is("PARTITION"):
			s.Partition = p.PartitionSpec()
		default:
			return
		}
	}
}
