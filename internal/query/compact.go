package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/options"
)

// callCompact mirrors CompactProcedure.
func callCompact(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	o, err := args.compaction()
	if err != nil {
		return nil, err
	}
	if o.Partitions, err = args.partitions("partitions"); err != nil {
		return nil, err
	}
	if where := args.values["where"]; where != "" {
		if o.Partitions != nil {
			return nil, errs.Invalid("CALL %s: partitions and where cannot be used together", args.call)
		}
		expr, err := dialect.ParseExpr(s.o.Dialect, where)
		if err != nil {
			return nil, fmt.Errorf("CALL %s: where: %w", args.call, err)
		}
		conds := render.FiltersOf(expr, ast.Name{Parts: []ast.Ident{{Name: t.Name()}}}, nil)
		o.Filter = toFilter(t, conds)
		if n := conjuncts(expr); len(conds) != n || len(o.Filter) != n {
			return nil, errs.Unsupported("CALL %s: where with other conditions than comparisons of a partition column with literals of its type, joined by AND", args.call)
		}
	}
	o.OrderStrategy = strings.TrimSpace(args.values["order_strategy"])
	if by := strings.TrimSpace(args.values["order_by"]); by != "" {
		o.OrderBy = strings.Split(by, ",")
	}
	snap, err := t.Compact(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case snap == nil:
		return done("table %s: nothing to compact", t.Name()), nil
	}
	return done("table %s compacted: snapshot %d", t.Name(), snap.ID), nil
}

// compaction reads the arguments that compact and compact_database share.
func (a arguments) compaction() (o paimon.CompactOptions, err error) {
	switch strategy := strings.ToLower(strings.TrimSpace(a.values["compact_strategy"])); strategy {
	case "", "full":
		o.Full = true
	case "minor":
	default:
		return o, errs.Invalid("CALL %s: compact_strategy '%s': want full or minor", a.call, strategy)
	}
	if v := a.values["partition_idle_time"]; v != "" {
		if o.IdleFor, err = options.ParseDuration(v); err != nil {
			return o, fmt.Errorf("CALL %s: partition_idle_time: %w", a.call, err)
		}
	}
	return o, nil
}

// partitions reads "dt=2025-06-01,hh=3;dt=2025-06-02"; nil when the argument is
// missing.
func (a arguments) partitions(key string) ([]map[string]string, error) {
	if a.values[key] == "" {
		return nil, nil
	}
	var out []map[string]string
	for _, p := range strings.Split(a.values[key], ";") {
		values, err := parsePairs(p)
		if err != nil {
			return nil, err
		}
		out = append(out, values)
	}
	return out, nil
}

// callCompactDatabase compacts the tables whose names match. Source:
// CompactDatabaseProcedure; both its modes do one round here.
func callCompactDatabase(ctx context.Context, s *Session, _ *paimon.Table, args arguments) (*Result, error) {
	o, err := args.compaction()
	if err != nil {
		return nil, err
	}
	if mode := strings.ToLower(args.values["mode"]); mode != "" && mode != "divided" && mode != "combined" {
		return nil, errs.Invalid("CALL %s: mode '%s': want divided or combined", args.call, mode)
	}
	hint, err := args.pairs("table_options")
	if err == nil {
		err = checkOptions(hint)
	}
	if err != nil {
		return nil, err
	}
	match := func(key, all string) (*regexp.Regexp, error) {
		text := args.values[key]
		if text == "" {
			text = all
		}
		re, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, errs.Invalid("CALL %s: %s: %v", args.call, key, err)
		}
		return re, nil
	}
	databases, err1 := match("including_databases", ".*")
	tables, err2 := match("including_tables", ".*")
	excluded, err3 := match("excluding_tables", "$.")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	names, err := s.tablesLike(ctx, func(db, table string) bool {
		name := db + "." + table
		return databases.MatchString(db) && tables.MatchString(name) && !excluded.MatchString(name)
	})
	if err != nil {
		return nil, err
	}
	compacted := 0
	for _, id := range names {
		t, err := s.e.o.Warehouse.Table(ctx, id, hint)
		if err != nil {
			return nil, err
		}
		snap, err := t.Compact(ctx, o)
		if err != nil {
			return nil, err
		}
		if snap != nil {
			compacted++
		}
	}
	return done("%d of %d tables compacted", compacted, len(names)), nil
}

// tablesLike gives the tables of the warehouse for which keep is true.
func (s *Session) tablesLike(ctx context.Context, keep func(db, table string) bool) ([]catalog.Identifier, error) {
	c := s.e.o.Warehouse.Catalog()
	databases, err := c.Databases(ctx)
	if err != nil {
		return nil, err
	}
	var out []catalog.Identifier
	for _, db := range databases {
		tables, err := c.Tables(ctx, db)
		if err != nil {
			return nil, err
		}
		for _, name := range tables {
			if keep(db, name) {
				out = append(out, catalog.Identifier{Database: db, Table: name})
			}
		}
	}
	return out, nil
}

// callRescale mirrors RescaleProcedure; how many tasks read and write is not
// for the caller to say here.
func callRescale(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error) {
	n, err := args.integer("bucket_num", 1)
	if err != nil {
		return nil, err
	}
	o := paimon.RescaleOptions{Buckets: int(n)}
	if o.Partition, err = args.pairs("partition"); err != nil {
		return nil, err
	}
	if _, err := t.Rescale(ctx, o); err != nil {
		return nil, err
	}
	return success(), nil
}
