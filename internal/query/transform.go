package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// kindColumn carries row kinds through the engine.
const kindColumn = "__tarn_kind"

// transform plans the SELECT of a streaming INSERT over batches with columns
// fields. Where it only picks columns, batches never leave Arrow.
func (s *Session) transform(ctx context.Context, in *ast.Insert, t *target, ref *ast.TableRef, fields []types.Field) (jobs.Transform, error) {
	if p := projection(in.Query, fields, t); p != nil {
		return p, nil
	}
	schema := types.ArrowSchema(append(append([]types.Field{}, fields...), types.Field{ID: -1, Name: kindColumn, Type: types.Of(types.TinyInt)}))
	x := &transform{fields: fields, out: append(append([]types.Field{}, t.fields...), types.Field{ID: -1, Name: kindColumn, Type: types.Of(types.TinyInt)}), schema: schema}
	// The plan outlives the statement that made it.
	x.input = s.e.o.Duck.Register(context.Background(), &batchScan{schema: schema})
	if err := x.prepare(ctx, s, in, t, ref); err != nil {
		_ = x.Close()
		return nil, err
	}
	return x, nil
}

// transform runs batches through a prepared query of the engine.
type transform struct {
	fields []types.Field // of the input
	out    []types.Field // of the sink, then the kind
	schema *arrow.Schema
	input  *duck.Registered
	conn   *duck.Conn
	stmt   *duck.Stmt
}

func (x *transform) prepare(ctx context.Context, s *Session, in *ast.Insert, t *target, ref *ast.TableRef) error {
	p := s.planner(ctx, nil)
	defer p.close()
	p.onlyFields = x.inputFields()
	p.only = func(r *ast.TableRef) (string, bool, error) { return x.input.SQL(), r == ref, nil }
	q := *in.Query
	sel := *q.Body.(*ast.Select)
	items := slices.Clone(sel.Items)
	for i, item := range items {
		if star, ok := item.Expr.(*ast.Star); ok { // the kind column is not part of *
			hidden := *star
			hidden.Except = append(slices.Clone(star.Except), ast.Ident{Name: kindColumn})
			items[i].Expr = &hidden
		}
	}
	sel.Items = append(items, ast.SelectItem{Expr: columnRef(kindColumn), Text: kindColumn})
	q.Body = &sel
	p.ordered = true
	text, columns, err := p.sqlColumns(&q)
	if err != nil {
		return withoutKind(err)
	}
	if text, err = p.wrap(t, in, text, columns, 1); err != nil {
		return err
	}
	if x.conn, err = s.conn(ctx); err != nil {
		return err
	}
	x.stmt, err = x.conn.Prepare(ctx, text)
	return explainEngine(err)
}

// inputFields are the columns of the input with the kind.
func (x *transform) inputFields() []types.Field {
	return append(append([]types.Field{}, x.fields...), types.Field{ID: -1, Name: kindColumn, Type: types.Of(types.TinyInt)})
}

// withoutKind takes the kind column out of the list of columns that an error
// may hold.
func withoutKind(err error) error {
	var e *ast.SyntaxError
	if errors.As(err, &e) {
		e.Hint = strings.ReplaceAll(e.Hint, ", "+kindColumn, "")
	}
	return err
}

func columnRef(name string) ast.Expr {
	return &ast.ColumnRef{Parts: []ast.Ident{{Name: name, Quoted: true}}}
}

// Apply implements jobs.Transform.
func (x *transform) Apply(ctx context.Context, b change.Batch) (change.Batch, error) {
	defer b.Release()
	in := withKinds(b, x.schema)
	defer in.Release()
	if err := x.input.Replace(&batchScan{schema: x.schema, batches: []arrow.RecordBatch{in}}); err != nil {
		return change.Batch{}, err
	}
	res, err := x.stmt.Query(ctx)
	if err != nil {
		return change.Batch{}, fmt.Errorf("transform: %w", explainEngine(err))
	}
	defer res.Close()
	var parts []arrow.RecordBatch
	for {
		part, err := res.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return change.Batch{}, fmt.Errorf("transform: %w", explainEngine(err))
		}
		parts = append(parts, part)
	}
	return x.collect(b, parts)
}

// collect joins the answer's batches and takes the kinds out again.
func (x *transform) collect(b change.Batch, parts []arrow.RecordBatch) (change.Batch, error) {
	out := change.Batch{Position: b.Position, Watermark: b.Watermark}
	if len(parts) == 0 {
		return out, nil
	}
	joined, err := columnar.Join(parts[0].Schema(), parts...)
	for _, p := range parts {
		p.Release()
	}
	if err != nil {
		return out, err
	}
	defer joined.Release()
	all, err := conform(joined, x.out)
	if err != nil {
		return out, err
	}
	defer all.Release()
	kinds := all.Column(len(x.out) - 1).(*array.Int8).Int8Values()
	out.Kinds = make([]types.RowKind, len(kinds))
	for i, k := range kinds {
		out.Kinds[i] = types.RowKind(k)
	}
	columns := make([]int, len(x.out)-1)
	for i := range columns {
		columns[i] = i
	}
	out.Rows = pick(all, columns)
	return out, nil
}

// withKinds adds the kinds of b as a column.
func withKinds(b change.Batch, schema *arrow.Schema) arrow.RecordBatch {
	kinds := array.NewInt8Builder(memory.DefaultAllocator)
	defer kinds.Release()
	n := int(b.Rows.NumRows())
	kinds.Reserve(n)
	for i := range n {
		kinds.UnsafeAppend(int8(b.Kind(i)))
	}
	k := kinds.NewArray()
	defer k.Release()
	return array.NewRecordBatch(schema, append(append([]arrow.Array{}, b.Rows.Columns()...), k), b.Rows.NumRows())
}

// Close implements jobs.Transform.
func (x *transform) Close() error {
	if x.stmt != nil {
		_ = x.stmt.Close()
	}
	if x.conn != nil {
		_ = x.conn.Close()
	}
	x.input.Release()
	return nil
}

// pass is a SELECT that only picks columns of equal types.
type pass struct {
	from   []int // per sink column: the input column, -1 for NULL
	schema *arrow.Schema
}

// projection gives a pass for queries of that kind, nil for others.
func projection(q *ast.Query, fields []types.Field, t *target) jobs.Transform {
	sel := q.Body.(*ast.Select)
	if sel.Where != nil || len(sel.From) != 1 {
		return nil
	}
	ref, plain := sel.From[0].(*ast.TableRef)
	if !plain || ref.Alias != nil && len(ref.Alias.Columns) > 0 {
		return nil
	}
	picked := pickedColumns(sel.Items, ref, fields)
	if len(picked) != len(t.columns) {
		return nil // the planner reports it
	}
	p := &pass{from: make([]int, len(t.fields)), schema: types.ArrowSchema(t.fields)}
	for i := range p.from {
		p.from[i] = -1
		if t.fields[i].Default != nil {
			return nil
		}
	}
	for i, at := range picked {
		if !arrow.TypeEqual(fields[at].Type.Arrow(), t.fields[t.columns[i]].Type.Arrow()) {
			return nil
		}
		p.from[t.columns[i]] = at
	}
	return p
}

// pickedColumns gives the columns that items name, nil if any is not a column.
func pickedColumns(items []ast.SelectItem, ref *ast.TableRef, fields []types.Field) []int {
	table := ref.Name.Parts[len(ref.Name.Parts)-1].Name
	if ref.Alias != nil {
		table = ref.Alias.Name.Name
	}
	var out []int
	for _, item := range items {
		switch e := item.Expr.(type) {
		case *ast.Star:
			if len(e.Except) > 0 {
				return nil
			}
			for i := range fields {
				out = append(out, i)
			}
		case *ast.ColumnRef:
			at := -1
			for i, f := range fields {
				if f.Name == e.Parts[len(e.Parts)-1].Name {
					at = i
				}
			}
			if at < 0 || len(e.Parts) > 2 || len(e.Parts) == 2 && (e.Parts[0].Name != table || hasField(fields, table)) {
				return nil // nothing, or a field of a ROW
			}
			out = append(out, at)
		default:
			return nil
		}
	}
	return out
}

func hasField(fields []types.Field, name string) bool {
	return slices.ContainsFunc(fields, func(f types.Field) bool { return f.Name == name })
}

// Apply implements jobs.Transform.
func (p *pass) Apply(_ context.Context, b change.Batch) (change.Batch, error) {
	defer b.Release()
	n := int(b.Rows.NumRows())
	cols := make([]arrow.Array, len(p.from))
	for i, at := range p.from {
		if at >= 0 {
			cols[i] = b.Rows.Column(at)
			continue
		}
		cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, p.schema.Field(i).Type, n)
		defer cols[i].Release()
	}
	return change.Batch{Rows: array.NewRecordBatch(p.schema, cols, int64(n)), Kinds: b.Kinds, Position: b.Position, Watermark: b.Watermark}, nil
}

// Close implements jobs.Transform.
func (p *pass) Close() error { return nil }
