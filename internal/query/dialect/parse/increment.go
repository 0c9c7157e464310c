package parse

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// increment parses Paimon's table functions of Spark that read what lies
// between two versions, paimon_incremental_query('db.t', 'start', 'end') and
// its sisters: a table with the options that say so. It is nil for others.
// Source: PaimonTableValuedFunctions.
func (p *Parser) increment(n ast.Name) *ast.TableRef {
	option, args := "", 3
	switch strings.ToLower(n.Last()) {
	case "paimon_incremental_query":
		option = "incremental-between"
	case "paimon_incremental_between_timestamp":
		option = "incremental-between-timestamp"
	case "paimon_incremental_to_auto_tag":
		option, args = "incremental-to-auto-tag", 2
	}
	if option == "" || p.Dialect != ast.Spark || len(n.Parts) != 1 {
		return nil
	}
	call := p.call(n)
	var texts []string
	for _, a := range call.Args {
		lit, ok := a.(*ast.Literal)
		if !ok || lit.Kind == ast.NullLit {
			p.FailAt(n.Pos, n.Last()+": write literals", "")
		}
		texts = append(texts, lit.Text)
	}
	if len(texts) != args {
		p.FailAt(n.Pos, n.Last()+" takes a table and what to read of it", "write "+n.Last()+"('database.table', "+strings.Repeat("'…', ", args-2)+"'…')")
	}
	r := &ast.TableRef{Pos: n.Pos, EndOff: p.toks[p.i-1].End}
	for _, part := range strings.Split(texts[0], ".") {
		r.Name.Parts = append(r.Name.Parts, ast.Ident{Pos: n.Pos, Name: strings.Trim(part, "`")})
	}
	r.Name.Pos = n.Pos
	r.Hints = []ast.Hint{{Pos: n.Pos, Name: "OPTIONS", Options: []ast.Property{{Key: option, Value: strings.Join(texts[1:], ",")}}}}
	r.Alias = p.tableAlias()
	return r
}
