package query

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/dict"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon/errs"
)

// denseID is the function of SQL that stands for gap-free ids: alone as a
// column of INSERT INTO d SELECT key, dense_id('d') ….
const denseID = "DENSE_ID"

func isDenseID(e ast.Node) (*ast.Call, bool) {
	c, ok := e.(*ast.Call)
	return c, ok && len(c.Name.Parts) == 1 && strings.EqualFold(c.Name.Parts[0].Name, denseID)
}

// refuseDenseID reports a dense_id that takeDense has not taken.
func refuseDenseID(q *ast.Query) (err error) {
	ast.Walk(q, func(n ast.Node) bool {
		if c, ok := isDenseID(n); ok && err == nil {
			err = errs.Invalid("line %d, column %d: dense_id gives ids to the rows that an INSERT brings to a dictionary: it stands alone as a column, INSERT INTO d SELECT key, dense_id('d') FROM …, in no expression, condition or subquery", c.Line, c.Column)
		}
		return err == nil
	})
	return err
}

// denseItem is the dense_id of an INSERT.
type denseItem struct {
	call *ast.Call
	item int // column of the query
}

// takeDense takes dense_id out of an INSERT: its column of the query becomes
// NULL, for a stage behind the query to fill. in stays as it is; the item is nil
// when there is none.
func (s *Session) takeDense(in *ast.Insert, t *target) (*ast.Insert, *denseItem, error) {
	s.bindFunctions(in.Query)
	sel, ok := in.Query.Body.(*ast.Select)
	if !ok {
		return in, nil, nil
	}
	var found *denseItem
	star := false
	for i, it := range sel.Items {
		if _, ok := it.Expr.(*ast.Star); ok || len(it.Aliases) > 1 {
			star = true // several columns, nobody knows yet how many
		}
		call, ok := isDenseID(it.Expr)
		if !ok {
			continue
		}
		if found != nil {
			return nil, nil, errs.Invalid("line %d, column %d: dense_id twice in one INSERT", call.Line, call.Column)
		}
		if star {
			return nil, nil, errs.Unsupported("line %d, column %d: dense_id behind *; name the columns", call.Line, call.Column)
		}
		if err := s.checkDense(in, t, call); err != nil {
			return nil, nil, err
		}
		found = &denseItem{call, i}
	}
	if found == nil {
		return in, nil, nil
	}
	null := sel.Items[found.item]
	if null.Alias == nil {
		null.Text = strings.ToLower(denseID)
	}
	null.Expr = &ast.Cast{Pos: null.Pos, X: &ast.Literal{Pos: null.Pos, Kind: ast.NullLit, Text: "NULL"}, Type: &ast.TypeName{Pos: null.Pos, Name: "BIGINT"}}
	body, query, insert := *sel, *in.Query, *in
	body.Items = append([]ast.SelectItem{}, sel.Items...)
	body.Items[found.item] = null
	query.Body, insert.Query = &body, &query
	return &insert, found, nil
}

// checkDense checks the call and that it names the table that is written.
func (s *Session) checkDense(in *ast.Insert, t *target, call *ast.Call) error {
	bad := func(format string, args ...any) error {
		return errs.Invalid("line %d, column %d: %w", call.Line, call.Column, errs.Invalid(format, args...))
	}
	if in.Overwrite {
		return errs.Unsupported("line %d, column %d: dense_id in INSERT OVERWRITE: keys would get other ids than they have; use INSERT INTO", call.Line, call.Column)
	}
	var name *ast.Literal
	if len(call.Args) == 1 && !call.Distinct && call.Filter == nil && call.Over == nil {
		name, _ = call.Args[0].(*ast.Literal)
	}
	if name == nil || name.Kind != ast.StringLit {
		return bad("dense_id takes the name of the dictionary as a text: dense_id('%s')", in.Target)
	}
	parts := ast.Name{Pos: name.Pos}
	for _, p := range strings.Split(name.Text, ".") {
		parts.Parts = append(parts.Parts, ast.Ident{Pos: name.Pos, Name: p})
	}
	id, err := s.identify(parts)
	if err != nil {
		return bad("dense_id('%s'): %w", name.Text, err)
	}
	if id != t.table.ID() {
		return bad("dense_id('%s') in an INSERT INTO %s: ids are given to the rows of the table that is written; write dense_id('%s')", name.Text, in.Target, in.Target)
	}
	return nil
}

// stage makes what fills the column, once the query is planned.
func (d *denseItem) stage(s *Session, t *target) (*dict.Dense, error) {
	out, err := dict.NewDense(t.table, t.columns[d.item], dict.DenseOptions{Dir: s.e.o.TempDir})
	if err != nil {
		return nil, errs.Invalid("line %d, column %d: %w", d.call.Line, d.call.Column, err)
	}
	return out, nil
}

// addDense makes the stage of a job's sink. All INSERTs into it go through one,
// so all of them need dense_id.
func (s *Session) addDense(spec *jobs.Spec, sink int, d *denseItem, t *target) error {
	first := !slices.ContainsFunc(spec.Inputs, func(i jobs.Input) bool { return i.Sink == sink })
	switch _, has := spec.Dense[sink]; {
	case !first && has != (d != nil):
		return errs.Unsupported("some INSERTs of one statement set into table %s with dense_id, some without: the others' keys would have no place among the ids", t.table.Name())
	case d == nil || has:
		return nil
	}
	stage, err := d.stage(s, t)
	if err != nil {
		return err
	}
	if spec.Dense == nil {
		spec.Dense = map[int]*dict.Dense{}
	}
	spec.Dense[sink] = stage
	return nil
}
