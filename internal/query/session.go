package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
)

// SessionOptions of a session.
type SessionOptions struct {
	Dialect  dialect.Dialect
	Database string            // current database; "default"
	Settings map[string]string // as if SET
	Dir      string            // folder of the script, for relative file names
	Script   string            // name of the script, for job names
	User     string
	// External lets CREATE TEMPORARY TABLE name files and servers. It is for
	// scripts that the owner of the process runs, not for network clients.
	External bool
}

// Session is one user's state: current catalog and database, settings and
// temporary objects. It serves one goroutine.
type Session struct {
	e         *Engine
	id        int64
	o         SessionOptions
	catalog   string
	database  string
	catalogs  []string
	settings  map[string]string
	temporary map[string]*Declaration
	views     map[string]*view
	functions map[string]string // of CREATE FUNCTION, by functionKey: the built-in function
	inserts   int               // INSERTs so far, to name jobs
}

// ID identifies the session in its engine.
func (s *Session) ID() int64 { return s.id }

// Database gives the current database.
func (s *Session) Database() string { return s.database }

// Close ends the session; its jobs go on.
func (s *Session) Close() error {
	s.e.forget(s.id)
	return nil
}

// Column describes a column of a result.
type Column struct {
	Name     string
	Type     arrow.DataType
	Nullable bool
	SQL      string // the engine's name of the type
}

// Result is what a statement gives: rows, or only a message. Close it.
type Result struct {
	Columns []Column
	// Message says what a statement without rows did: "table dwd.t created".
	Message  string
	Affected int64
	// Job is the streaming job that an INSERT started.
	Job *jobs.Job
	// Zone is where TIMESTAMP WITH LOCAL TIME ZONE is shown; nil is UTC.
	Zone *time.Location

	next  func() (arrow.RecordBatch, error)
	close func()
}

// Next gives the next batch, io.EOF at the end; the caller releases it.
func (r *Result) Next() (arrow.RecordBatch, error) { return r.next() }

// Close frees what the result holds.
func (r *Result) Close() error {
	if r.close != nil {
		r.close()
		r.close = nil
	}
	return nil
}

// done is a result without rows.
func done(format string, args ...any) *Result {
	return &Result{Message: fmt.Sprintf(format, args...), next: noRows}
}

// Execute parses text, which must be one statement, and runs it.
func (s *Session) Execute(ctx context.Context, text string, params []any) (*Result, error) {
	stmts, err := dialect.Parse(s.o.Dialect, "", text)
	if err != nil {
		return nil, err
	}
	if len(stmts) != 1 {
		return nil, errs.Invalid("%d statements in one: send them one by one", len(stmts))
	}
	return s.RunWith(ctx, stmts[0], params)
}

// Run runs one statement.
func (s *Session) Run(ctx context.Context, st ast.Statement) (*Result, error) {
	return s.RunWith(ctx, st, nil)
}

// RunWith runs one statement with values for its ? parameters.
func (s *Session) RunWith(ctx context.Context, st ast.Statement, params []any) (*Result, error) {
	r, err := s.dispatch(ctx, st, params)
	if errors.Is(err, errs.ErrUnsupported) && !strings.Contains(err.Error(), "support") {
		err = errs.Unsupported("not supported: %w", err) // many name only what it is
	}
	return r, err
}

func (s *Session) dispatch(ctx context.Context, st ast.Statement, params []any) (*Result, error) {
	switch st := st.(type) {
	case *ast.QueryStmt:
		return s.selects(ctx, st.Query, params)
	case *ast.Insert:
		return s.insert(ctx, []*ast.Insert{st}, st.Source())
	case *ast.StatementSet:
		return s.insert(ctx, st.Inserts, st.Source())
	case *ast.Explain:
		return s.explain(ctx, st)
	case *ast.Show:
		return s.show(ctx, st)
	case *ast.Describe:
		return s.describe(ctx, st)
	case *ast.CallStmt:
		return s.call(ctx, st)
	case *ast.Set:
		return s.set(st)
	case *ast.Reset:
		return s.reset(st)
	case *ast.Transaction, *ast.NoOp:
		return done("OK"), nil
	case *ast.StopJob:
		return s.stopJob(st)
	case *ast.Delete:
		return s.deleteRows(ctx, st, params)
	case *ast.Analyze:
		return s.analyze(ctx, st)
	}
	return s.ddl(ctx, st)
}

func (s *Session) setting(key, def string) string {
	if v, ok := s.settings[key]; ok {
		return v
	}
	return def
}

// batchMode reports whether INSERTs run once and end.
func (s *Session) batchMode() bool {
	return s.o.Dialect != dialect.Flink || strings.EqualFold(s.setting("execution.runtime-mode", "streaming"), "batch")
}

func (s *Session) set(st *ast.Set) (*Result, error) {
	if len(st.Items) == 0 || len(st.Items) == 1 && !st.Items[0].HasValue {
		var rows [][]string
		for k, v := range s.settings {
			if len(st.Items) == 0 || k == st.Items[0].Key {
				rows = append(rows, []string{k, v})
			}
		}
		slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
		return table([]string{"key", "value"}, rows), nil
	}
	for _, item := range st.Items {
		if err := checkSetting(item.Key, item.Value); err != nil {
			return nil, err
		}
		s.settings[item.Key] = item.Value
	}
	return done("OK"), nil
}

// checkSetting refuses values that would only fail later. Keys that Tarn does
// not know are kept: scripts carry settings for other engines.
func checkSetting(key, value string) error {
	switch key {
	case "execution.runtime-mode":
		if !strings.EqualFold(value, "batch") && !strings.EqualFold(value, "streaming") {
			return errs.Invalid("SET '%s' = '%s': want streaming or batch", key, value)
		}
	case "execution.checkpointing.interval":
		d, err := options.ParseDuration(value)
		if err != nil || d < 10*time.Millisecond {
			return errs.Invalid("SET '%s' = '%s': want a duration of at least 10 ms, such as 1 s", key, value)
		}
	case classesSetting:
		_, err := parseClasses(value)
		return err
	case "table.local-time-zone":
		if _, err := time.LoadLocation(value); err != nil && !strings.EqualFold(value, "default") {
			return errs.Invalid("SET '%s' = '%s': want a zone such as Asia/Shanghai or UTC", key, value)
		}
	}
	return nil
}

func (s *Session) reset(st *ast.Reset) (*Result, error) {
	if st.Key == "" {
		s.settings = map[string]string{}
	}
	delete(s.settings, st.Key)
	for k, v := range s.o.Settings { // what the session began with
		if st.Key == "" || st.Key == k {
			s.settings[k] = v
		}
	}
	return done("OK"), nil
}

// zone is where local times are.
func (s *Session) zone() *time.Location {
	if z, err := time.LoadLocation(s.setting("table.local-time-zone", "UTC")); err == nil {
		return z
	}
	return time.UTC
}

// interval is the least time between commits of a streaming job.
func (s *Session) interval() time.Duration {
	d, err := options.ParseDuration(s.setting("execution.checkpointing.interval", "1 s"))
	if err != nil {
		return time.Second
	}
	return d
}

// identify resolves a table name of one to three parts. One back-quoted part
// may hold the whole name, as in `dwd.orders`.
func (s *Session) identify(n ast.Name) (catalog.Identifier, error) {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	if len(parts) == 1 && n.Parts[0].Quoted && strings.Contains(parts[0], ".") {
		parts = strings.Split(parts[0], ".")
	}
	switch len(parts) {
	case 1:
		parts = []string{s.database, parts[0]}
	case 2:
	case 3:
		if !slices.Contains(s.catalogs, parts[0]) {
			return catalog.Identifier{}, errs.Kinded(errs.ErrNotFound, "table %s: catalog %s does not exist; there are %s", n, parts[0], strings.Join(s.catalogs, ", "))
		}
		parts = parts[1:]
	default:
		return catalog.Identifier{}, errs.Invalid("table name %s: want at most catalog.database.table", n)
	}
	for _, p := range parts { // names are folders of the warehouse, and lead to no others
		if p == "" || p == "." || p == ".." || strings.ContainsAny(p, "/\\\x00") {
			return catalog.Identifier{}, errs.Invalid("table name %s: a name must not be empty nor hold / or \\", n)
		}
	}
	return catalog.ParseObject(parts[0], parts[1])
}

// checkOptions refuses options that are unknown, or that SQL may not choose:
// where a table lies is the warehouse's.
func checkOptions(given map[string]string) error {
	if _, ok := given["path"]; ok {
		return errs.Unsupported("option 'path': a table lies in the folder of its database")
	}
	return options.CheckKnown(given)
}

// declared finds a temporary table by its plain name or database.name.
func (s *Session) declared(n ast.Name) *Declaration {
	last := n.Parts[len(n.Parts)-1].Name
	switch len(n.Parts) {
	case 1:
		return s.temporary[s.database+"."+last]
	default:
		return s.temporary[n.Parts[len(n.Parts)-2].Name+"."+last]
	}
}
