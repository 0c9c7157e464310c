// Package render turns the tree of a query, in any dialect, into one text of
// DuckDB SQL with the meaning that the dialect gives it: integer division,
// casts, decimal precision, date patterns, array indexes. Only functions that
// are listed here get through; everything else is an error by name.
//
// The rendered text calls the macros of Setup, which must be run once on every
// DuckDB database before.
package render

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Column is one column of a table or a result. A nil Type is not known.
type Column struct {
	Name string
	Type *ast.TypeName
}

// Options tell the renderer what only its caller knows.
type Options struct {
	Dialect ast.Dialect
	// File is used in error messages.
	File string
	// Source is the whole text the query was parsed from; when given, errors
	// show the line.
	Source string
	// Table maps a table reference to a DuckDB FROM item without alias, such as
	// tarn_scan(17) or a subquery in parentheses. Required when tables occur.
	Table func(*ast.TableRef) (string, error)
	// Columns gives the columns of a table. Optional: without it names are not
	// checked and what depends on types follows DuckDB's own rules.
	Columns func(*ast.TableRef) ([]Column, error)
	// Params are the values of ?: nil, bool, integers, floats, string, []byte,
	// time.Time. No values at all leaves ? as $1, $2, ... for binding.
	Params []any
	// Var gives the value of @@name and @name as SQL; nil refuses variables.
	Var func(*ast.Var) (string, error)
	// Functions are further scalar functions by upper-case name: those that
	// CREATE FUNCTION bound to a known class, mapped to a DuckDB function.
	Functions map[string]Function
	// Ordered refuses what could change the order of rows: changes of one key
	// must stay as they came.
	Ordered bool
	// CatalogName and DatabaseName answer CURRENT_CATALOG and CURRENT_DATABASE.
	CatalogName, DatabaseName, User string
	// Version answers VERSION(), ConnectionID CONNECTION_ID().
	Version      string
	ConnectionID uint32
}

// Function is a scalar function that the caller registered in DuckDB.
type Function struct {
	SQL              string // name in DuckDB
	MinArgs, MaxArgs int
	Type             *ast.TypeName // of the result; nil is unknown
}

// Query renders q.
func Query(q *ast.Query, opts Options) (string, error) {
	sql, _, err := QueryColumns(q, opts)
	return sql, err
}

// QueryColumns renders q and also gives its result columns, named as the
// dialect names them. Columns are nil when they depend on a table whose columns
// are not known.
func QueryColumns(q *ast.Query, opts Options) (sql string, cols []Column, err error) {
	r := newRenderer(opts)
	defer r.catch(&err)
	return r.top(q)
}

// Expr renders an expression over one table whose alias is "" and whose columns
// are cols, as for DELETE ... WHERE and UPDATE ... SET. The type is nil when unknown.
func Expr(e ast.Expr, table string, cols []Column, opts Options) (sql string, t *ast.TypeName, err error) {
	r := newRenderer(opts)
	defer r.catch(&err)
	s := &scope{}
	if cols != nil || table != "" {
		s.rels = append(s.rels, &relation{alias: table, names: []string{table}, cols: cols, known: cols != nil})
	}
	v := r.expr(s, e)
	r.checkSize(e, v.sql)
	return v.sql, v.t, nil
}

// CastTo renders "take the value sql of type from to the type to" with the
// dialect's rules, as an INSERT does for its columns. Unlike CAST it cuts no
// text or bytes to the length of the type, which is what the engines do by default.
func CastTo(sql string, from, to *ast.TypeName, opts Options) (out string, err error) {
	r := newRenderer(opts)
	r.assign = true
	defer r.catch(&err)
	return r.cast(val{sql: sql, t: from}, to, false).sql, nil
}

type renderer struct {
	opts Options
	d    ast.Dialect
	fns  []map[string]fn // the dialect's functions, first match counts
	// fresh numbers the names that the renderer makes up itself
	fresh   int
	depth   int
	at      ast.Node // the expression last begun, for errors that know no place
	strict  bool     // within Spark's TRY_CAST, which knows less than its CAST
	assign  bool     // casts are assignments: lengths of types cut nothing
	lambdas int      // nesting of lambdas that the renderer writes itself
}

func newRenderer(opts Options) *renderer {
	return &renderer{opts: opts, d: opts.Dialect, fns: functionTables(opts.Dialect)}
}

// val is a rendered expression with what is known of it.
type val struct {
	sql string
	t   *ast.TypeName // nil: unknown
	lit *ast.Literal  // when it is a plain literal
	agg bool          // contains an aggregate function
}

type bailout struct{ err error }

func (r *renderer) catch(err *error) {
	if x := recover(); x != nil {
		b, ok := x.(bailout)
		if !ok {
			panic(x)
		}
		*err = b.err
	}
}

// fail stops with a message at a node's place.
func (r *renderer) fail(n ast.Node, hint, format string, args ...any) {
	p := n.Position()
	e := &ast.SyntaxError{File: r.opts.File, Line: p.Line, Column: p.Column, Message: fmt.Sprintf(format, args...), Hint: hint}
	if r.opts.Source != "" && p.Offset <= len(r.opts.Source) {
		e.Source = ast.SourceLine(r.opts.Source, p.Offset)
	}
	panic(bailout{e})
}

// unsupported stops with a named construct.
func (r *renderer) unsupported(n ast.Node, what, hint string) {
	p := n.Position()
	e := &ast.UnsupportedError{File: r.opts.File, Line: p.Line, Column: p.Column, What: what, Hint: hint}
	if r.opts.Source != "" && p.Offset <= len(r.opts.Source) {
		e.Source = ast.SourceLine(r.opts.Source, p.Offset)
	}
	panic(bailout{e})
}

// failTable stops with what is wrong with a table, at its place.
func (r *renderer) failTable(t *ast.TableRef, err error) {
	var placed *ast.SyntaxError
	var refused *ast.UnsupportedError
	p := t.Position()
	if errors.As(err, &placed) || errors.As(err, &refused) || p.Line == 0 { // a place within a view
		panic(bailout{err})
	}
	e := &ast.PlacedError{File: r.opts.File, Line: p.Line, Column: p.Column, Err: err}
	if r.opts.Source != "" && p.Offset <= len(r.opts.Source) {
		e.Source = ast.SourceLine(r.opts.Source, p.Offset)
	}
	panic(bailout{e})
}

func (r *renderer) name(prefix string) string {
	r.fresh++
	return fmt.Sprintf("%s_%d", prefix, r.fresh)
}

// lambdaName names the parameter of a lambda by its nesting only, so that equal
// expressions render to equal texts, as GROUP BY needs.
func (r *renderer) lambdaName() (name string, done func()) {
	r.lambdas++
	return fmt.Sprintf("x%d", r.lambdas), func() { r.lambdas-- }
}

// quote makes a DuckDB identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// text makes a DuckDB string literal. DuckDB's literals cannot hold a NUL
// character, which is therefore concatenated.
func text(s string) string {
	if !strings.ContainsRune(s, 0) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	parts := strings.Split(s, "\x00")
	for i, p := range parts {
		parts[i] = "'" + strings.ReplaceAll(p, "'", "''") + "'"
	}
	return "(" + strings.Join(parts, " || chr(0) || ") + ")"
}
