package query

import (
	"context"
	"slices"
	"time"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon/errs"
)

// Words gives what a statement may hold, for completion: keywords and the
// names of databases and tables.
func (s *Session) Words(ctx context.Context) []string {
	out := []string{"SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "INSERT INTO", "INSERT OVERWRITE", "VALUES", "CREATE TABLE", "CREATE DATABASE", "DROP TABLE",
		"SHOW TABLES", "SHOW DATABASES", "SHOW JOBS", "SHOW CREATE TABLE", "DESCRIBE", "USE", "SET", "CALL sys.compact", "EXPLAIN", "PRIMARY KEY", "NOT ENFORCED", "JOIN", "LEFT JOIN", "UNION ALL"}
	dbs, err := s.e.o.Warehouse.Catalog().Databases(ctx)
	if err != nil {
		return out
	}
	for _, db := range dbs {
		out = append(out, db)
		tables, err := s.tablesOf(ctx, db)
		if err != nil {
			continue
		}
		for _, t := range tables {
			out = append(out, db+"."+t)
			if db == s.database {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Describe gives the columns of a statement without running it and how many ?
// parameters it has. Statements that are no queries have no columns.
func (s *Session) Describe(ctx context.Context, text string) ([]Column, int, error) {
	stmts, err := dialect.Parse(s.o.Dialect, "", text)
	if err != nil {
		return nil, 0, err
	}
	if len(stmts) != 1 {
		return nil, 0, errs.Invalid("%d statements in one: prepare them one by one", len(stmts))
	}
	q, ok := stmts[0].(*ast.QueryStmt)
	if !ok {
		return nil, 0, nil
	}
	params := 0
	ast.Walk(q.Query, func(n ast.Node) bool {
		if p, ok := n.(*ast.Param); ok {
			params = max(params, p.Index+1)
		}
		return true
	})
	columns, err := s.DescribeQuery(ctx, q.Query, make([]any, params))
	return columns, params, err
}

// SetTimeZone sets the zone in which TIMESTAMP WITH LOCAL TIME ZONE is shown.
func (s *Session) SetTimeZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil {
		return errs.Invalid("time zone %q is unknown", zone)
	}
	s.settings["table.local-time-zone"] = zone
	return nil
}
