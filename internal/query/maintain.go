package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon/errs"
)

// deleteRows runs DELETE FROM t [WHERE].
func (s *Session) deleteRows(ctx context.Context, st *ast.Delete, params []any) (*Result, error) {
	t, err := s.open(ctx, st.Target)
	if err != nil {
		return nil, err
	}
	conds := render.FiltersOf(st.Where, st.Target, st.Alias, params...)
	filter := toFilter(t, conds)
	if st.Where != nil {
		columns, err := typeNames(t.Fields())
		if err != nil {
			return nil, err
		}
		name := st.Target.Last()
		if st.Alias != nil {
			name = st.Alias.Name.Name
		}
		p := s.planner(ctx, params)
		defer p.close()
		if _, _, err := render.Expr(st.Where, name, columns, p.renderOptions()); err != nil {
			return nil, err
		}
		if n := conjuncts(st.Where); len(conds) != n || len(filter) != n {
			return nil, errs.Unsupported("DELETE FROM %s WHERE with other conditions than comparisons of a column with literals of its type, joined by AND", st.Target)
		}
	}
	out, err := t.DeleteWhere(ctx, filter)
	if err != nil {
		return nil, err
	}
	r := done("%d rows deleted from table %s", out.Rows, t.Name())
	if out.Rows == 1 {
		r = done("1 row deleted from table %s", t.Name())
	}
	if len(filter.Only(t.Schema().PartitionKeys...)) == len(filter) {
		r = done("the rows of table %s were deleted", t.Name())
		if len(filter) > 0 {
			r = done("partitions of table %s were deleted", t.Name())
		}
	}
	r.Affected = out.Rows
	return r, nil
}

// conjuncts counts the conditions that render.FiltersOf would make of e if it
// could make them of all of it.
func conjuncts(e ast.Expr) int {
	switch e := e.(type) {
	case *ast.Binary:
		if e.Op == "AND" {
			return conjuncts(e.L) + conjuncts(e.R)
		}
	case *ast.Between:
		return 2
	}
	return 1
}

// truncate runs TRUNCATE TABLE t [PARTITION (...)].
func (s *Session) truncate(ctx context.Context, st *ast.Truncate) (*Result, error) {
	t, err := s.open(ctx, st.Target)
	if err != nil {
		return nil, err
	}
	if len(st.Partition) == 0 {
		_, err = t.Truncate(ctx)
		return reply(err, "table %s truncated", t.Name())
	}
	values, err := partitionValues(st.Partition)
	if err == nil {
		_, err = t.DropPartitions(ctx, values)
	}
	return reply(err, "partition of table %s truncated", t.Name())
}

// alterPartitions runs ALTER TABLE t DROP PARTITION (...), PARTITION (...).
func (s *Session) alterPartitions(ctx context.Context, name ast.Name, a *ast.AlterPartition) error {
	if !a.Drop {
		return errs.Unsupported("ALTER TABLE %s ADD PARTITION; a partition comes with its first row", name)
	}
	t, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	var specs []map[string]string
	for _, spec := range a.Specs {
		values, err := partitionValues(spec)
		if err != nil {
			return err
		}
		specs = append(specs, values)
	}
	_, err = t.DropPartitions(ctx, specs...)
	return err
}

func partitionValues(spec []ast.PartitionValue) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range spec {
		lit, ok := p.Value.(*ast.Literal)
		if _, twice := out[p.Name.Name]; twice {
			return nil, errs.Invalid("line %d, column %d: partition column %s is named twice", p.Line, p.Column, p.Name.Name)
		}
		if !ok || lit.Kind == ast.NullLit {
			return nil, errs.Invalid("line %d, column %d: PARTITION (%s = …) needs a literal", p.Line, p.Column, p.Name.Name)
		}
		out[p.Name.Name] = lit.Text
	}
	return out, nil
}

// showPartitions runs SHOW PARTITIONS t [PARTITION (...)].
func (s *Session) showPartitions(ctx context.Context, st *ast.Show) (*Result, error) {
	t, err := s.open(ctx, st.Name)
	if err != nil {
		return nil, err
	}
	if len(t.Schema().PartitionKeys) == 0 {
		return nil, errs.Invalid("table %s is not partitioned", t.Name())
	}
	wanted, err := partitionValues(st.Partition)
	if err != nil {
		return nil, err
	}
	for k := range wanted {
		if !slices.Contains(t.Schema().PartitionKeys, k) {
			return nil, errs.Invalid("%s is not a partition column of table %s; they are (%s)", k, t.Name(), strings.Join(t.Schema().PartitionKeys, ", "))
		}
	}
	snap, err := t.LatestSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := t.Plan(ctx, snap, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range plan.Splits {
		name := t.PartitionString(plan.Splits[i].Partition)
		parts := strings.Split(name, "/")
		fits := true
		for k, v := range wanted {
			fits = fits && slices.Contains(parts, k+"="+v)
		}
		if fits {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return s.list(s.heading("partition name", "Partition"), slices.Compact(names), st), nil
}

// createAs runs CREATE TABLE ... AS query: the table, then an INSERT. A table
// whose INSERT fails at once is dropped again.
func (s *Session) createAs(ctx context.Context, st *ast.CreateTable) (*Result, error) {
	if len(st.Columns) > 0 {
		return nil, errs.Unsupported("CREATE TABLE %s with columns and AS SELECT; name the columns in the SELECT", st.Name)
	}
	id, err := s.identify(st.Name)
	if err != nil {
		return nil, err
	}
	if _, err := s.e.o.Warehouse.Catalog().Schema(ctx, id); err == nil {
		if st.IfNotExists {
			return done("table %s exists", id), nil
		}
		return nil, errs.Kinded(errs.ErrExists, "table %s exists", id)
	}
	p := s.planner(ctx, nil)
	defer p.close()
	_, columns, err := p.sqlColumns(st.As)
	if err != nil {
		return nil, err
	}
	plain := *st
	plain.As = nil
	for i, c := range columns {
		if c.Type == nil || c.Type.Name == "NULL" {
			columns = nil
			break
		}
		t := *c.Type
		t.NotNull = false
		plain.Columns = append(plain.Columns, ast.ColumnDef{Pos: st.Pos, Name: ast.Ident{Name: columns[i].Name}, Type: &t})
	}
	if columns == nil {
		return nil, errs.Invalid("CREATE TABLE %s AS SELECT: a column has no type; CAST it", st.Name)
	}
	if _, err := s.createTable(ctx, &plain); err != nil {
		return nil, err
	}
	r, err := s.insert(ctx, []*ast.Insert{{Stmt: st.Stmt, Target: st.Name, Query: st.As}}, st.Source())
	if err != nil {
		if derr := s.e.o.Warehouse.Catalog().DropTable(ctx, id); derr != nil {
			return nil, fmt.Errorf("%w; and drop table %s: %w", err, id, derr)
		}
		return nil, err
	}
	r.Message = fmt.Sprintf("table %s created, %s", id, r.Message)
	return r, nil
}

// explainSet explains the INSERTs of a statement set, one row each.
func (s *Session) explainSet(ctx context.Context, st *ast.Explain, set *ast.StatementSet) (*Result, error) {
	var rows [][]string
	for _, in := range set.Inserts {
		plan, err := s.plan(ctx, in.Query, st.Details)
		if err != nil {
			return nil, fmt.Errorf("INSERT INTO %s: %w", in.Target, err)
		}
		rows = append(rows, []string{"INSERT INTO " + in.Target.String() + "\n" + plan})
	}
	return table([]string{"plan"}, rows), nil
}
