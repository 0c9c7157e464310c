package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon/errs"
)

// view is a temporary view.
type view struct {
	name     string // database.name; in Spark the name alone
	query    *ast.Query
	dialect  dialect.Dialect
	database string   // in which names of the query are looked up
	columns  []string // as the statement renames them; nil for the query's own
}

// maxViewDepth bounds views over views.
const maxViewDepth = 32

// viewOf finds a temporary view by its plain name or, but for Spark, whose
// temporary views belong to no database, by database.name.
func (s *Session) viewOf(n ast.Name) *view {
	if s.o.Dialect == dialect.Spark && len(n.Parts) > 1 {
		return nil
	}
	return s.views[s.viewName(n)]
}

func (s *Session) viewName(n ast.Name) string {
	if s.o.Dialect == dialect.Spark {
		return n.Parts[len(n.Parts)-1].Name
	}
	return s.declaredName(n)
}

// createView keeps a query under a name after trying it.
func (s *Session) createView(ctx context.Context, st *ast.CreateView) (*Result, error) {
	if !st.Temporary {
		return nil, errs.Unsupported("CREATE VIEW: only TEMPORARY views")
	}
	name := s.viewName(st.Name)
	if s.o.Dialect == dialect.Spark && len(st.Name.Parts) > 1 {
		return nil, errs.Invalid("view %s: a temporary view belongs to no database; write its name alone", st.Name)
	}
	if _, taken := s.views[name]; taken && !st.Replace {
		if st.IfNotExists {
			return done("view %s exists", name), nil
		}
		return nil, errs.Kinded(errs.ErrExists, "view %s exists", name)
	}
	columns, err := s.DescribeQuery(ctx, st.Query, nil)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", name, err)
	}
	v := &view{name: name, query: st.Query, dialect: s.o.Dialect, database: s.database}
	for _, c := range st.Columns {
		if slices.Contains(v.columns, c.Name.Name) {
			return nil, errs.Invalid("line %d, column %d: view %s: column %s is named twice", c.Line, c.Column, name, c.Name.Name)
		}
		v.columns = append(v.columns, c.Name.Name)
	}
	if n := len(v.columns); n > 0 && n != len(columns) {
		return nil, errs.Invalid("view %s: %d columns are named, the query gives %d", name, n, len(columns))
	}
	if old := s.views[name]; old != nil && s.reads(v, name, 0) {
		return nil, errs.Invalid("view %s: it would read itself", name)
	}
	s.views[name] = v
	return done("view %s created", name), nil
}

// reads reports whether v reads the view called name, itself or through others.
func (s *Session) reads(v *view, name string, depth int) bool {
	if depth > maxViewDepth {
		return true
	}
	in := s.inView(v)
	return slices.ContainsFunc(ast.Tables(v.query), func(r *ast.TableRef) bool {
		of := in.viewOf(r.Name)
		return of != nil && (of.name == name || s.reads(of, name, depth+1))
	})
}

// inView is the session as the query of a view sees it.
func (s *Session) inView(v *view) *Session {
	inner := *s
	inner.database = v.database
	return &inner
}

// within makes a planner for the query of a view, which shares what p knows.
func (p *planner) within(v *view) (*planner, error) {
	if p.depth >= maxViewDepth {
		return nil, errs.Invalid("view %s: more than %d views over views", v.name, maxViewDepth)
	}
	inner := *p
	inner.depth++
	inner.s = p.s.inView(v)
	inner.dialect, inner.params = v.dialect, nil
	return &inner, nil
}

// view gives the FROM item of a view.
func (p *planner) view(v *view) (string, error) {
	inner, err := p.within(v)
	if err != nil {
		return "", err
	}
	text, columns, err := inner.sqlColumns(v.query)
	p.release = inner.release
	if err != nil {
		return "", fmt.Errorf("view %s: %w", v.name, err)
	}
	if v.columns == nil {
		return "(" + text + ")", nil
	}
	if columns != nil && len(columns) != len(v.columns) {
		return "", errs.Invalid("view %s: its query gives %d columns now, not %d; create it again", v.name, len(columns), len(v.columns))
	}
	names := make([]string, len(v.columns))
	for i, c := range v.columns {
		names[i] = quoteIdent(c)
	}
	return "(SELECT * FROM (" + text + ") AS v(" + strings.Join(names, ", ") + "))", nil
}

// viewColumns gives the columns of a view; nil where only the engine knows.
func (p *planner) viewColumns(v *view) ([]render.Column, error) {
	inner, err := p.within(v)
	if err != nil {
		return nil, err
	}
	o := inner.renderOptions()
	o.Table = func(*ast.TableRef) (string, error) { return "t", nil }
	_, columns, err := render.QueryColumns(v.query, o)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", v.name, err)
	}
	for i := range columns {
		if v.columns != nil && i < len(v.columns) {
			columns[i].Name = v.columns[i]
		}
	}
	return columns, nil
}

func (s *Session) describeView(ctx context.Context, v *view) (*Result, error) {
	columns, err := s.inView(v).DescribeQuery(ctx, v.query, nil)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", v.name, err)
	}
	var rows [][]string
	for i, c := range columns {
		if v.columns != nil && i < len(v.columns) {
			c.Name = v.columns[i]
		}
		rows = append(rows, []string{c.Name, c.SQL})
	}
	return table([]string{"name", "type"}, rows), nil
}

func (s *Session) showViews(st *ast.Show) *Result {
	var names []string
	for name := range s.views {
		if rest, ok := strings.CutPrefix(name, s.database+"."); ok {
			names = append(names, rest)
		} else if s.o.Dialect == dialect.Spark {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return s.list(s.heading("view name", "Views_in_"+s.database), names, st)
}
