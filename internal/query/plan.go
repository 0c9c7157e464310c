package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// planner turns one query into the engine's SQL. Every table is read at one
// snapshot, however often it is named.
type planner struct {
	ctx     context.Context
	s       *Session
	params  []any
	dialect dialect.Dialect
	depth   int // of views
	scans   map[string]string
	// snapshots that the query sees, by table and hints
	snapshots map[string]*spec.Snapshot
	info      map[string]textTable // of information_schema
	release   []func()
	// only, when set, stands for one table reference: the micro-batch of a
	// streaming job.
	only       func(*ast.TableRef) (string, bool, error)
	onlyFields []types.Field
	ordered    bool // rows must stay in the order of the table
}

func (s *Session) planner(ctx context.Context, params []any) *planner {
	return &planner{ctx: ctx, s: s, params: params, dialect: s.o.Dialect, scans: map[string]string{}, snapshots: map[string]*spec.Snapshot{}, info: map[string]textTable{}}
}

func (p *planner) close() {
	for _, f := range p.release {
		f()
	}
	p.release = nil
}

// sql renders a query with all its tables resolved.
func (p *planner) sql(q *ast.Query) (string, error) {
	text, _, err := p.sqlColumns(q)
	return text, err
}

// sqlColumns is sql with the result's columns; nil where they are not known.
func (p *planner) sqlColumns(q *ast.Query) (string, []render.Column, error) {
	p.s.bindFunctions(q)
	if err := refuseDenseID(q); err != nil {
		return "", nil, err
	}
	filters := render.Filters(q, p.params...)
	o := p.renderOptions()
	if q.Script != nil {
		o.File, o.Source = q.Script.File, q.Script.Text
	}
	o.Table = func(r *ast.TableRef) (string, error) { return p.table(r, filters[r]) }
	return render.QueryColumns(q, o)
}

func (p *planner) renderOptions() render.Options {
	return render.Options{Dialect: p.dialect, Params: p.params, Columns: p.columns, CatalogName: p.s.catalog, DatabaseName: p.s.database, User: p.s.o.User, Functions: engineFunctions(), Ordered: p.ordered}
}

// columns gives the columns of a table reference to the renderer; nil where
// only the engine knows them.
func (p *planner) columns(r *ast.TableRef) ([]render.Column, error) {
	if p.only != nil && p.onlyFields != nil {
		return typeNames(p.onlyFields)
	}
	if v := p.s.viewOf(r.Name); v != nil {
		return p.viewColumns(v)
	}
	if d := p.s.declared(r.Name); d != nil {
		return typeNames(d.Fields)
	}
	if name, ok := p.s.informationName(r.Name); ok {
		return p.informationColumns(name)
	}
	id, err := p.s.identify(r.Name)
	if err != nil {
		return nil, err
	}
	if g, err := p.globalTable(id); g != nil || err != nil {
		return typeNames(g.Fields())
	}
	hint, err := p.hint(r)
	if err != nil {
		return nil, err
	}
	if id.System != "" {
		t, err := p.s.e.o.Warehouse.SystemTable(p.ctx, id, hint)
		if err != nil {
			return nil, err
		}
		return typeNames(t.Fields())
	}
	if len(hint) > 0 { // which may travel to a time of other columns
		t, err := p.s.e.o.Warehouse.Table(p.ctx, id, hint)
		if err != nil {
			return nil, err
		}
		fields, err := t.TravelFields(p.ctx)
		if err != nil {
			return nil, err
		}
		return typeNames(fields)
	}
	schema, err := p.s.e.o.Warehouse.Catalog().Schema(p.ctx, id)
	if err != nil {
		return nil, err
	}
	return typeNames(schema.Fields)
}

// typeNames gives columns as the renderer knows them.
func typeNames(fields []types.Field) ([]render.Column, error) {
	out := make([]render.Column, len(fields))
	for i, f := range fields {
		t, err := dialect.ParseType(dialect.Flink, f.Type.AsNullable().SQL())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		out[i] = render.Column{Name: f.Name, Type: t}
	}
	return out, nil
}

// table gives the FROM item of a table reference, without alias.
func (p *planner) table(r *ast.TableRef, conds []render.Condition) (string, error) {
	if p.only != nil {
		if text, ok, err := p.only(r); ok || err != nil {
			return text, err
		}
	}
	if v := p.s.viewOf(r.Name); v != nil {
		return p.view(v)
	}
	if d := p.s.declared(r.Name); d != nil {
		return p.declared(d)
	}
	if text, ok, err := p.s.informationSchema(p, r.Name); ok || err != nil {
		return text, err
	}
	id, err := p.s.identify(r.Name)
	if err != nil {
		return "", err
	}
	hint, err := p.hint(r)
	if err != nil {
		return "", err
	}
	if g, err := p.globalTable(id); g != nil || err != nil {
		return p.systemScan(g)
	}
	if id.System != "" {
		return p.system(id, hint)
	}
	t, err := p.s.e.o.Warehouse.Table(p.ctx, id, hint)
	if err != nil {
		return "", err
	}
	return p.scan(t, hint, toFilter(t, conds))
}

func (p *planner) declared(d *Declaration) (string, error) {
	src, err := p.s.e.source(d)
	if err != nil {
		return "", err
	}
	if !src.Bounded() {
		return "", errs.Unsupported("SELECT from %s: the source never ends; INSERT it INTO a table and query that, or bound the source (datagen: 'number-of-rows')", d.Name)
	}
	return p.register(newSourceScan(src)), nil
}

func (p *planner) register(t duck.Table) string {
	r := p.s.e.o.Duck.Register(p.ctx, t)
	p.release = append(p.release, r.Release)
	return r.SQL()
}

// hint collects dynamic options: /*+ OPTIONS */ and time travel.
func (p *planner) hint(r *ast.TableRef) (map[string]string, error) {
	hint := map[string]string{}
	for _, h := range r.Hints {
		if h.Name == "OPTIONS" {
			for _, o := range h.Options {
				hint[o.Key] = o.Value
			}
		}
	}
	if err := checkOptions(hint); err != nil {
		return nil, fmt.Errorf("table %s: %w", r.Name, err)
	}
	if r.AsOf == nil {
		return hint, nil
	}
	lit, ok := r.AsOf.Expr.(*ast.Literal)
	if !ok {
		return nil, errs.Unsupported("table %s: time travel to an expression; write a literal", r.Name)
	}
	if r.AsOf.Kind == "VERSION" {
		hint["scan.version"] = lit.Text
		return hint, nil
	}
	at, err := parseTimestamp(lit.Text, p.s.setting("table.local-time-zone", "UTC"))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", r.Name, err)
	}
	hint["scan.timestamp-millis"] = fmt.Sprint(at.UnixMilli())
	return hint, nil
}

func parseTimestamp(text, zone string) (time.Time, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, strings.TrimSpace(text), loc); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errs.Invalid("timestamp '%s': want yyyy-MM-dd HH:mm:ss[.SSS]", text)
}

// scan gives the FROM item that reads a table at its snapshot: files that need
// no merging are read by the engine itself, the rest through tarn_scan.
func (p *planner) scan(t *paimon.Table, hint map[string]string, filter predicate.Filter) (string, error) {
	key := scanKey(t, hint, filter)
	if text, ok := p.scans[key]; ok {
		return text, nil
	}
	snap, err := p.snapshot(t, hint)
	if err != nil {
		return "", err
	}
	plan, err := t.Plan(p.ctx, snap, filter)
	if err != nil {
		return "", err
	}
	var merged []paimon.Split
	var raw []string
	for i := range plan.Splits {
		if paths, ok := plan.RawFiles(&plan.Splits[i]); ok && p.s.e.o.Native {
			raw = append(raw, paths...)
		} else {
			merged = append(merged, plan.Splits[i])
		}
	}
	var parts []string
	if len(raw) > 0 {
		parts = append(parts, rawScan(raw, plan.Table.Fields()))
	}
	if len(merged) > 0 || len(raw) == 0 {
		from := p.register(newPlanScan(plan, merged))
		if len(raw) == 0 {
			p.scans[key] = from
			return from, nil
		}
		parts = append(parts, "SELECT * FROM "+from)
	}
	text := "(" + strings.Join(parts, " UNION ALL ") + ")"
	p.scans[key] = text
	return text, nil
}

// snapshot gives the snapshot that the query sees of a table: every reference
// with the same hints sees the same one.
func (p *planner) snapshot(t *paimon.Table, hint map[string]string) (*spec.Snapshot, error) {
	key := scanKey(t, hint, nil)
	if snap, ok := p.snapshots[key]; ok {
		return snap, nil
	}
	snap, err := t.Travel(p.ctx)
	if err != nil {
		if !strings.Contains(err.Error(), t.Name()) {
			err = fmt.Errorf("table %s: %w", t.Name(), err)
		}
		return nil, err
	}
	p.snapshots[key] = snap
	return snap, nil
}

func scanKey(t *paimon.Table, hint map[string]string, filter predicate.Filter) string {
	keys := make([]string, 0, len(hint))
	for k, v := range hint {
		keys = append(keys, k+"="+v)
	}
	sort.Strings(keys)
	for _, l := range filter {
		keys = append(keys, l.String())
	}
	return t.Name() + "?" + strings.Join(keys, "&")
}

// toFilter makes pruning conditions of those that the table's types can hold.
func toFilter(t *paimon.Table, conds []render.Condition) predicate.Filter {
	ops := map[string]predicate.Op{"=": predicate.Eq, "<": predicate.Lt, "<=": predicate.Le, ">": predicate.Gt, ">=": predicate.Ge,
		"IN": predicate.In, "IS NULL": predicate.IsNull, "IS NOT NULL": predicate.IsNotNull,
		"<>": predicate.Ne, "NOT IN": predicate.NotIn, "PREFIX": predicate.StartsWith}
	var out predicate.Filter
	for _, c := range conds {
		if c.Op == "OR" {
			if l, ok := alternatives(t, c.Any); ok {
				out = append(out, l)
			}
			continue
		}
		f, ok := t.Schema().Field(c.Column)
		op, known := ops[c.Op]
		if !ok || !known || !literalFits(f.Type, c) {
			continue
		}
		if l, err := predicate.New(f.Name, f.Type, op, c.Values...); err == nil {
			out = append(out, l)
		}
	}
	return out
}

// alternatives makes a condition of an OR, if each side says something of the
// table.
func alternatives(t *paimon.Table, sides [][]render.Condition) (predicate.Leaf, bool) {
	var any []predicate.Filter
	for _, conds := range sides {
		f := toFilter(t, conds)
		if len(f) == 0 {
			return predicate.Leaf{}, false
		}
		any = append(any, f)
	}
	return predicate.AnyOf(any...), true
}

// literalFits reports whether literals compare with a column of type t as the
// query compares them: text with text, numbers with numbers, times with times.
// Others would need the engine's casts.
func literalFits(t types.Type, c render.Condition) bool {
	for _, k := range c.Kinds {
		ok := false
		switch t.Root {
		case types.Char, types.Varchar:
			ok = k == ast.StringLit
		case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
			ok = k == ast.IntLit
		case types.Decimal:
			ok = k == ast.IntLit || k == ast.DecimalLit
		case types.Date:
			ok = k == ast.DateLit
		case types.Timestamp:
			ok = k == ast.TimestampLit
		}
		if !ok {
			return false
		}
	}
	return true
}

// selects runs a query.
func (s *Session) selects(ctx context.Context, q *ast.Query, params []any) (*Result, error) {
	p := s.planner(ctx, params)
	text, err := p.sql(q)
	if err != nil {
		p.close()
		return nil, err
	}
	c, err := s.conn(ctx)
	if err != nil {
		p.close()
		return nil, err
	}
	res, err := c.Query(ctx, text)
	if err != nil {
		c.Close()
		p.close()
		return nil, explainEngine(err)
	}
	r := queryResult(res, func() { c.Close(); p.close() })
	r.Zone = s.zone()
	r.next = func() (arrow.RecordBatch, error) {
		b, err := res.Next()
		if err != nil && err != io.EOF {
			err = explainEngine(err)
		}
		return b, err
	}
	return r, nil
}

// DescribeQuery gives the columns of a query without running it.
func (s *Session) DescribeQuery(ctx context.Context, q *ast.Query, params []any) ([]Column, error) {
	p := s.planner(ctx, params)
	defer p.close()
	text, err := p.sql(q)
	if err != nil {
		return nil, err
	}
	columns, err := s.columnsOf(ctx, text)
	return describeColumns(columns), err
}

func (s *Session) columnsOf(ctx context.Context, text string) ([]duck.Column, error) {
	c, err := s.conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	columns, err := c.Describe(ctx, text)
	return columns, explainEngine(err)
}

func (s *Session) explain(ctx context.Context, st *ast.Explain) (*Result, error) {
	var q *ast.Query
	switch of := st.Of.(type) {
	case *ast.QueryStmt:
		q = of.Query
	case *ast.Insert:
		q = of.Query
	case *ast.StatementSet:
		return s.explainSet(ctx, st, of)
	default:
		return nil, errs.Unsupported("EXPLAIN of other statements than queries, INSERT and statement sets")
	}
	plan, err := s.plan(ctx, q, st.Details)
	if err != nil {
		return nil, err
	}
	return table([]string{"plan"}, [][]string{{plan}}), nil
}

// plan gives the engine's plan of a query.
func (s *Session) plan(ctx context.Context, q *ast.Query, details []string) (string, error) {
	p := s.planner(ctx, nil)
	defer p.close()
	text, err := p.sql(q)
	if err != nil {
		return "", err
	}
	c, err := s.conn(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	plan, err := c.Explain(ctx, text, strings.Contains(strings.Join(details, " "), "ANALYZE"))
	return plan, explainEngine(err)
}

// pick gives some columns of a batch; the caller releases it.
func pick(b arrow.RecordBatch, columns []int) arrow.RecordBatch {
	fields := make([]arrow.Field, len(columns))
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		fields[i], cols[i] = b.Schema().Field(c), b.Column(c)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows())
}

// explainEngine turns the engine's refusals into the kinds of this library.
func explainEngine(err error) error {
	var e *duck.Error
	if errors.As(err, &e) && e.Kind == duck.KindMemory { // its advice is about settings that users have not
		message, _, _ := strings.Cut(e.Message, "\n\nPossible solutions")
		return &duck.Error{Kind: e.Kind, Message: message}
	}
	if errors.As(err, &e) && (e.Kind == duck.KindQuery || e.Kind == duck.KindDenied) {
		message, _, _ := strings.Cut(e.Message, "\n\nLINE ") // what it was given, nobody wrote
		message, _, _ = strings.Cut(message, " when casting from source column ")
		return errs.Invalid("%s", message)
	}
	return err
}
