package app

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/internal/serve/mysqlwire"
	"github.com/tarndb/tarn/paimon/errs"
)

// MySQL gives the backend of the MySQL server.
func (a *App) MySQL() mysqlwire.Backend { return backend{a.Engine} }

type backend struct{ e *query.Engine }

// NewSession implements mysqlwire.Backend.
func (b backend) NewSession(ctx context.Context, user, database string) (mysqlwire.Session, error) {
	s := &session{s: b.e.NewSession(query.SessionOptions{Dialect: dialect.MySQL, User: user})}
	if database != "" {
		if err := s.SetDatabase(ctx, database); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

type session struct{ s *query.Session }

// Query implements mysqlwire.Session.
func (s *session) Query(ctx context.Context, sql string, params []any) (mysqlwire.Result, error) {
	r, err := s.s.Execute(ctx, sql, params)
	if err != nil {
		return nil, coded(err)
	}
	return &result{r}, nil
}

// Describe implements mysqlwire.Session.
func (s *session) Describe(ctx context.Context, sql string) ([]mysqlwire.Column, int, error) {
	columns, params, err := s.s.Describe(ctx, sql)
	return wireColumns(columns), params, coded(err)
}

func (s *session) Database() string { return s.s.Database() }
func (s *session) Close() error     { return s.s.Close() }

// SetDatabase implements mysqlwire.Session.
func (s *session) SetDatabase(ctx context.Context, name string) error {
	err := s.s.SetDatabase(ctx, name)
	if errors.Is(err, errs.ErrNotFound) {
		return mysqlwire.Errorf(mysqlwire.CodeUnknownDatabase, "Unknown database '%s'", name)
	}
	return err
}

// SetVariable implements mysqlwire.VariableSetter.
func (s *session) SetVariable(_ context.Context, name, value string) error {
	if name == "time_zone" {
		return s.s.SetTimeZone(value)
	}
	return nil
}

func wireColumns(in []query.Column) []mysqlwire.Column {
	var out []mysqlwire.Column
	for _, c := range in {
		out = append(out, mysqlwire.Column{Name: c.Name, Type: c.Type, Nullable: c.Nullable})
	}
	return out
}

type result struct{ *query.Result }

func (r *result) Columns() []mysqlwire.Column { return wireColumns(r.Result.Columns) }
func (r *result) Affected() uint64            { return uint64(max(r.Result.Affected, 0)) }

// Next implements mysqlwire.Result.
func (r *result) Next(context.Context) (arrow.RecordBatch, error) {
	b, err := r.Result.Next()
	if err != nil && err != io.EOF {
		err = coded(err)
	}
	return b, err
}

// coded gives errors the codes that MySQL clients know.
func coded(err error) error {
	var engine *duck.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ast.ErrSyntax):
		return mysqlwire.Errorf(mysqlwire.CodeSyntax, "%s", err)
	case errors.As(err, &engine) && engine.Kind == duck.KindQuery:
		return mysqlwire.Errorf(mysqlwire.CodeSyntax, "%s", err)
	}
	return err
}
