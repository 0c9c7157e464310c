package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/dict"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/ingest/source/tablesource"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// insert runs INSERTs: in batch mode, and where nothing streams, once and to
// the end; otherwise as one streaming job.
func (s *Session) insert(ctx context.Context, inserts []*ast.Insert, text string) (*Result, error) {
	stream := !s.batchMode() && slices.ContainsFunc(inserts, func(in *ast.Insert) bool { return s.streams(in.Query) })
	if !stream {
		var rows int64
		for _, in := range inserts {
			n, err := s.insertBatch(ctx, in)
			if err != nil {
				return nil, fmt.Errorf("INSERT INTO %s: %w", in.Target, err)
			}
			rows += n
		}
		r := done("%d rows written", rows)
		if rows == 1 {
			r = done("1 row written")
		}
		r.Affected = rows
		return r, nil
	}
	spec, err := s.jobSpec(ctx, inserts, text)
	if err != nil {
		return nil, err
	}
	job, err := s.e.o.Jobs.Submit(spec)
	if err != nil {
		return nil, err
	}
	r := done("job %s started", spec.Name)
	r.Job = job
	return r, nil
}

// streams reports whether a query reads any table.
func (s *Session) streams(q *ast.Query) bool { return len(ast.Tables(q)) > 0 }

// target is the table of an INSERT and which of its columns the query fills.
type target struct {
	table   *paimon.Table
	fields  []types.Field
	columns []int // position in fields of each query column
}

func (s *Session) target(ctx context.Context, in *ast.Insert) (*target, error) {
	if d := s.declared(in.Target); d != nil {
		return nil, errs.Unsupported("a table of connector '%s' cannot be written", d.Options["connector"])
	}
	id, err := s.identify(in.Target)
	if err != nil {
		return nil, err
	}
	if id.System != "" {
		return nil, errs.Invalid("%s is a system table and cannot be written", in.Target)
	}
	hint := map[string]string{}
	for _, h := range in.Hints {
		for _, o := range h.Options {
			hint[o.Key] = o.Value
		}
	}
	if err := checkOptions(hint); err != nil {
		return nil, fmt.Errorf("table %s: %w", in.Target, err)
	}
	t, err := s.e.o.Warehouse.Table(ctx, id, hint)
	if err != nil {
		return nil, err
	}
	out := &target{table: t, fields: t.Fields()}
	static, err := out.checkPartition(in)
	if err != nil {
		return nil, err
	}
	names := in.Columns
	if len(names) == 0 {
		for i, f := range out.fields {
			if !static[f.Name] {
				out.columns = append(out.columns, i)
			}
		}
		return out, nil
	}
	for _, c := range names {
		at := slices.IndexFunc(out.fields, func(f types.Field) bool { return f.Name == c.Name })
		if at < 0 {
			return nil, errs.Invalid("line %d, column %d: table %s has no column %s", c.Line, c.Column, t.Name(), c.Name)
		}
		if slices.Contains(out.columns, at) {
			return nil, errs.Invalid("line %d, column %d: column %s is named twice", c.Line, c.Column, c.Name)
		}
		if static[c.Name] {
			return nil, errs.Invalid("line %d, column %d: column %s has its value in PARTITION already", c.Line, c.Column, c.Name)
		}
		out.columns = append(out.columns, at)
	}
	return out, out.checkRequired(static)
}

// checkPartition checks PARTITION (…) and gives the columns that have a value.
func (t *target) checkPartition(in *ast.Insert) (map[string]bool, error) {
	if in.IfNotExist {
		return nil, errs.Unsupported("line %d, column %d: INSERT … PARTITION … IF NOT EXISTS", in.Line, in.Column)
	}
	keys := t.table.Schema().PartitionKeys
	static := map[string]bool{}
	for _, p := range in.Partition {
		_, literal := p.Value.(*ast.Literal)
		switch _, twice := static[p.Name.Name]; {
		case !slices.Contains(keys, p.Name.Name):
			return nil, errs.Invalid("line %d, column %d: %s is not a partition column of table %s; they are (%s)", p.Line, p.Column, p.Name.Name, t.table.Name(), strings.Join(keys, ", "))
		case twice:
			return nil, errs.Invalid("line %d, column %d: partition column %s is named twice", p.Line, p.Column, p.Name.Name)
		case p.Value != nil && !literal:
			return nil, errs.Unsupported("line %d, column %d: PARTITION (%s = …) with an expression; write a literal", p.Line, p.Column, p.Name.Name)
		}
		static[p.Name.Name] = literal
	}
	return static, nil
}

// checkRequired refuses a column list that leaves a NOT NULL column empty.
func (t *target) checkRequired(static map[string]bool) error {
	for i, f := range t.fields {
		if f.Type.Nullable || f.Default != nil || static[f.Name] || slices.Contains(t.columns, i) {
			continue
		}
		if slices.Contains(t.table.Schema().PrimaryKeys, f.Name) {
			return errs.Invalid("table %s: the column list lacks the primary key column %s", t.table.Name(), f.Name)
		}
		return errs.Invalid("table %s: the column list lacks column %s, which is NOT NULL", t.table.Name(), f.Name)
	}
	return nil
}

// wrap makes the query give all columns of the table in their types: columns
// cast, columns left out NULL or their default, static partition values.
// extra columns of the query, behind the named ones, are passed on.
func (p *planner) wrap(t *target, in *ast.Insert, text string, columns []render.Column, extra int) (string, error) {
	if columns == nil {
		described, err := p.s.columnsOf(p.ctx, text)
		if err != nil {
			return "", err
		}
		for _, c := range described {
			columns = append(columns, render.Column{Name: c.Name})
		}
	}
	if in.ByName {
		if err := t.byName(columns); err != nil {
			return "", err
		}
	}
	if got := len(columns) - extra; got != len(t.columns) {
		return "", errs.Invalid("the query gives %d columns, table %s takes %d: %s", got, t.table.Name(), len(t.columns), columnNames(t))
	}
	given := map[int]int{}
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = fmt.Sprintf("c%d", i)
		if i < len(t.columns) {
			given[t.columns[i]] = i
		}
	}
	out := make([]string, len(t.fields))
	for i, f := range t.fields {
		expr := "NULL"
		if at, ok := given[i]; ok {
			var err error
			if expr, err = p.assign(t, f, names[at], at, columns[at]); err != nil {
				return "", err
			}
		} else if v, ok := staticValue(in, f.Name); ok {
			expr = quoteText(v)
		} else if f.Default != nil && !f.Type.Nullable { // others get it where they are written
			expr = quoteText(unquotedDefault(f))
		}
		out[i] = "CAST(" + expr + " AS " + duckType(f.Type) + ") AS " + quoteIdent(f.Name)
	}
	for i := range extra {
		out = append(out, names[len(t.columns)+i])
	}
	return "SELECT " + strings.Join(out, ", ") + " FROM (" + text + ") AS q(" + strings.Join(names, ", ") + ")", nil
}

// byName sorts the target's columns as the query names them, as Spark's BY NAME.
func (t *target) byName(columns []render.Column) error {
	order := make([]int, 0, len(columns))
	for _, c := range columns {
		at := slices.IndexFunc(t.columns, func(i int) bool { return strings.EqualFold(t.fields[i].Name, c.Name) })
		if at < 0 {
			return errs.Invalid("BY NAME: table %s takes no column %s; it takes %s", t.table.Name(), c.Name, columnNames(t))
		}
		if slices.Contains(order, t.columns[at]) {
			return errs.Invalid("BY NAME: the query gives column %s twice", c.Name)
		}
		order = append(order, t.columns[at])
	}
	static := map[string]bool{}
	for _, i := range t.columns { // those of PARTITION are not among them
		static[t.fields[i].Name] = false
	}
	for _, f := range t.fields {
		if _, open := static[f.Name]; !open {
			static[f.Name] = true
		}
	}
	t.columns = order
	return t.checkRequired(static)
}

// assign gives the expression that puts a query column into a table column.
// Without CAST only what cannot lose anything is taken, as in Flink.
func (p *planner) assign(t *target, f types.Field, name string, at int, c render.Column) (string, error) {
	if c.Type == nil || c.Type.Name == "NULL" {
		return name, nil
	}
	to, err := dialect.ParseType(dialect.Flink, f.Type.AsNullable().SQL())
	if err != nil {
		return "", err
	}
	from, err := types.Parse(c.Type.SQL())
	if err == nil && !p.assignable(from, f.Type) {
		return "", errs.Invalid("column %s of table %s is %s, but column %d of the query (%s) is %s: add CAST(… AS %s)", f.Name, t.table.Name(), f.Type.SQL(), at+1, c.Name, from.AsNullable().SQL(), f.Type.AsNullable().SQL())
	}
	return render.CastTo(name, c.Type, to, p.renderOptions())
}

func columnNames(t *target) string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = t.fields[c].Name
	}
	return strings.Join(names, ", ")
}

func staticValue(in *ast.Insert, column string) (string, bool) {
	for _, p := range in.Partition {
		if lit, ok := p.Value.(*ast.Literal); ok && p.Name.Name == column {
			return lit.Text, true
		}
	}
	return "", false
}

// denseTries bounds how often an INSERT with gap-free ids is run because others
// wrote to the dictionary meanwhile.
const denseTries = 5

// insertBatch runs one INSERT to the end and commits once.
func (s *Session) insertBatch(ctx context.Context, in *ast.Insert) (rows int64, err error) {
	for try := 1; ; try++ {
		t, err := s.target(ctx, in)
		if err != nil {
			return 0, err
		}
		planned, dense, err := s.takeDense(in, t)
		if err != nil {
			return 0, err
		}
		rows, err := s.insertOnce(ctx, planned, t, dense)
		if dense == nil || try == denseTries || !errors.Is(err, errs.ErrConflict) {
			return rows, err
		}
	}
}

func (s *Session) insertOnce(ctx context.Context, in *ast.Insert, t *target, dense *denseItem) (rows int64, err error) {
	p := s.planner(ctx, nil)
	defer p.close()
	text, columns, err := p.sqlColumns(in.Query)
	if err != nil {
		return 0, err
	}
	if text, err = p.wrap(t, in, text, columns, 0); err != nil {
		return 0, err
	}
	c, err := s.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	res, err := c.Query(ctx, text)
	if err != nil {
		return 0, explainEngine(err)
	}
	defer res.Close()
	if dense == nil {
		return s.write(ctx, t, in, res, nil)
	}
	stage, err := dense.stage(s, t)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.Begin(ctx, t.table); err != nil {
		return 0, err
	}
	return s.write(ctx, t, in, res, stage)
}

// write writes a result to the table and commits; dense, which may be nil,
// gives rows their ids.
func (s *Session) write(ctx context.Context, t *target, in *ast.Insert, res *duck.Result, dense *dict.Dense) (rows int64, err error) {
	var first *dict.First // Dense does the same and more
	if dense == nil {
		first, err = dict.NewFirst(t.table)
	}
	if err != nil {
		return 0, err
	}
	if first != nil {
		defer func() { err = errors.Join(err, first.Close()) }()
	}
	w, err := t.table.NewWriter(ctx, paimon.WriteOptions{Overwrite: in.Overwrite, Batch: true})
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := w.Close(context.WithoutCancel(ctx)); err == nil {
			err = cerr
		}
	}()
	for {
		b, err := res.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return rows, explainEngine(err)
		}
		out, err := conform(b, t.fields)
		b.Release()
		if err != nil {
			return rows, err
		}
		n, err := writeBatch(ctx, w, out, dense, first)
		rows += n
		if err != nil {
			return rows, err
		}
	}
	messages, err := w.Prepare(ctx, true)
	if err != nil {
		return rows, err
	}
	c := paimon.Commit{Identifier: paimon.BatchIdentifier, Messages: messages, Overwrite: s.overwrite(t, in)}
	if dense != nil {
		dense.Bind(&c)
	}
	if _, err = t.table.NewCommitter("").Commit(ctx, c); err != nil {
		return rows, err
	}
	// The rows are in, whatever becomes of the tag: an error would have them
	// inserted twice. CALL sys.create_tag makes it later.
	_ = t.table.CreateBatchTag(ctx)
	return rows, nil
}

// writeBatch writes rows, which it releases, and tells how many the table took
// on: all, or those with new ids. What first drops, the table would have.
func writeBatch(ctx context.Context, w *paimon.Writer, rows arrow.RecordBatch, dense *dict.Dense, first *dict.First) (int64, error) {
	defer rows.Release()
	b, n := paimon.Batch{Rows: rows}, rows.NumRows()
	var err error
	switch {
	case dense != nil:
		if b, err = dense.Apply(b); b.Rows == nil {
			return 0, err
		}
		n = b.Rows.NumRows()
	case first != nil:
		b, err = first.Apply(b)
	default:
		return n, w.Write(ctx, b)
	}
	if err != nil || b.Rows == nil {
		return n, err
	}
	defer b.Rows.Release()
	return n, w.Write(ctx, b)
}

// overwrite says what INSERT OVERWRITE replaces.
func (s *Session) overwrite(t *target, in *ast.Insert) *paimon.Overwrite {
	if !in.Overwrite {
		return nil
	}
	// Flink goes by the table's option, even where PARTITION names values;
	// Spark by its own setting.
	dynamic := t.table.Options().DynamicOverwrite
	if s.o.Dialect == dialect.Spark {
		dynamic = strings.EqualFold(s.setting("spark.sql.sources.partitionOverwriteMode", "static"), "dynamic")
	}
	o := &paimon.Overwrite{Static: map[string]string{}, Dynamic: dynamic && len(t.table.Schema().PartitionKeys) > 0}
	for _, p := range in.Partition {
		if lit, ok := p.Value.(*ast.Literal); ok {
			o.Static[p.Name.Name] = lit.Text
		}
	}
	return o
}

// jobSpec plans a streaming job of one or several INSERTs. INSERTs into one
// table share its writer and its commits.
func (s *Session) jobSpec(ctx context.Context, inserts []*ast.Insert, text string) (jobs.Spec, error) {
	spec := jobs.Spec{Name: s.jobName(inserts, text), Interval: s.interval(), SQL: text}
	sinks := map[string]int{}
	keys := map[string]int{}
	for _, in := range inserts {
		target := in.Target
		t, err := s.target(ctx, in)
		if err == nil && in.Overwrite {
			err = errs.Unsupported("INSERT OVERWRITE as a stream; SET 'execution.runtime-mode' = 'batch' first")
		}
		var dense *denseItem
		if err == nil {
			in, dense, err = s.takeDense(in, t)
		}
		var input jobs.Input
		if err == nil {
			input, err = s.input(ctx, in, t)
		}
		if err != nil {
			spec.Close()
			return spec, fmt.Errorf("INSERT INTO %s: %w", target, err)
		}
		at, ok := sinks[t.table.Name()]
		if !ok {
			at = len(spec.Sinks)
			sinks[t.table.Name()] = at
			spec.Sinks = append(spec.Sinks, t.table)
		}
		input.Sink = at
		if err := s.addDense(&spec, at, dense, t); err != nil {
			_ = input.Transform.Close()
			spec.Close()
			return spec, fmt.Errorf("INSERT INTO %s: %w", in.Target, err)
		}
		keys[input.Key]++
		if n := keys[input.Key]; n > 1 {
			input.Key = fmt.Sprintf("%s#%d", input.Key, n)
		}
		spec.Inputs = append(spec.Inputs, input)
	}
	return spec, nil
}

// jobName is `pipeline.name`, else the script's name with the number of the
// INSERT, else the target tables with a digest of the text: a job goes on where
// one of its name was, which another query typed by hand must not.
func (s *Session) jobName(inserts []*ast.Insert, text string) string {
	if name := s.setting("pipeline.name", ""); name != "" {
		return name
	}
	s.inserts++
	if s.o.Script != "" {
		if s.inserts == 1 {
			return s.o.Script
		}
		return fmt.Sprintf("%s#%d", s.o.Script, s.inserts)
	}
	var targets []string
	for _, in := range inserts {
		if name := in.Target.String(); !slices.Contains(targets, name) {
			targets = append(targets, name)
		}
	}
	digest := sha256.Sum256([]byte(strings.Join(strings.Fields(text), " ")))
	return "insert-into_" + strings.Join(targets, "_") + "_" + hex.EncodeToString(digest[:4])
}

// input plans one INSERT of a streaming job: its source and its transform.
func (s *Session) input(ctx context.Context, in *ast.Insert, t *target) (jobs.Input, error) {
	ref, err := streamable(in.Query)
	if err != nil {
		return jobs.Input{}, err
	}
	src, key, err := s.streamSource(ctx, ref)
	if err != nil {
		return jobs.Input{}, err
	}
	transform, err := s.transform(ctx, in, t, ref, src.Fields())
	if err != nil {
		return jobs.Input{}, err
	}
	return jobs.Input{Key: key, Source: src, Transform: transform}, nil
}

// streamSource opens the one table of a streaming query.
func (s *Session) streamSource(ctx context.Context, ref *ast.TableRef) (source.Source, string, error) {
	if s.viewOf(ref.Name) != nil {
		return nil, "", errs.Unsupported("view %s in a streaming INSERT; write its query in the INSERT", ref.Name)
	}
	if d := s.declared(ref.Name); d != nil {
		src, err := s.e.source(d)
		return src, d.Name, err
	}
	p := s.planner(ctx, nil)
	hint, err := p.hint(ref)
	if err != nil {
		return nil, "", err
	}
	id, err := s.identify(ref.Name)
	if err != nil {
		return nil, "", err
	}
	if id.System != "" {
		return nil, "", errs.Unsupported("streaming read of system table %s", ref.Name)
	}
	t, err := s.e.o.Warehouse.Table(ctx, id, hint)
	if err != nil {
		return nil, "", err
	}
	return tablesource.New(t, nil), t.Name(), nil
}

// streamable gives the table of a query that can run row by row: SELECT of
// expressions FROM one table WHERE a condition. Anything that needs state is
// refused by name.
func streamable(q *ast.Query) (*ast.TableRef, error) {
	refuse := func(what string) error {
		return errs.Unsupported("%s in a streaming INSERT: it needs state that this version of Tarn does not keep; run it in batch (SET 'execution.runtime-mode' = 'batch'), let an aggregation or partial-update table do the work, or run this job with Flink on the same tables", what)
	}
	sel, ok := q.Body.(*ast.Select)
	switch {
	case !ok:
		return nil, refuse("UNION, VALUES or a nested query")
	case len(q.With) > 0:
		return nil, refuse("WITH")
	case len(q.OrderBy) > 0:
		return nil, refuse("ORDER BY")
	case q.Limit != nil || q.Offset != nil:
		return nil, refuse("LIMIT")
	case sel.Distinct:
		return nil, refuse("DISTINCT")
	case len(sel.GroupBy) > 0 || sel.GroupAll || sel.Having != nil:
		return nil, refuse("GROUP BY")
	case sel.Qualify != nil || len(sel.Windows) > 0:
		return nil, refuse("a window")
	}
	for _, item := range sel.Items {
		if f := ast.FindAggregate(item.Expr); f != "" {
			return nil, refuse("the aggregate " + f)
		}
	}
	blocks := 0
	ast.Walk(q, func(n ast.Node) bool {
		if _, ok := n.(*ast.Query); ok {
			blocks++
		}
		return true
	})
	tables := ast.Tables(q)
	if len(tables) != 1 {
		return nil, refuse(fmt.Sprintf("a query over %d tables", len(tables)))
	}
	if blocks > 1 { // it might group, order or limit
		return nil, refuse("a nested query")
	}
	return tables[0], nil
}
