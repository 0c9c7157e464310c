package paimon

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// changeForm turns rows with kinds into the rows of $audit_log, which have the
// kind as a column, or of $binlog, whose columns are arrays of the values
// before and after a change. Values are not copied: arrays are offsets over
// the columns. Source: AuditLogTable, BinlogTable.
type changeForm struct {
	binlog bool
	pairs  bool // -U and +U that follow each other become one row
}

func (c *changeForm) fields(of []types.Field) []types.Field {
	out := []types.Field{{ID: spec.RowKindFieldID, Name: spec.RowKindField, Type: types.String()}}
	for _, f := range of {
		if c.binlog {
			f.Type = types.ArrayOf(f.Type.AsNullable())
		}
		out = append(out, f)
	}
	return out
}

// batch takes b over.
func (c *changeForm) batch(b columnar.Batch) arrow.RecordBatch {
	defer b.Rows.Release()
	n := int(b.Rows.NumRows())
	ends := make([]int32, 1, n+1) // of the changes, in rows
	for i := 0; i < n; i++ {
		if c.pairs && b.Kind(i) == types.UpdateBefore && i+1 < n && b.Kind(i+1) == types.UpdateAfter {
			i++
		}
		ends = append(ends, int32(i+1))
	}
	kinds := array.NewStringBuilder(memory.DefaultAllocator)
	defer kinds.Release()
	kinds.Reserve(len(ends) - 1)
	for _, end := range ends[1:] {
		kinds.Append(b.Kind(int(end) - 1).String())
	}
	first := kinds.NewArray()
	defer first.Release()
	schema := b.Rows.Schema()
	fields := []arrow.Field{types.Field{ID: spec.RowKindFieldID, Name: spec.RowKindField, Type: types.String()}.ArrowField()}
	cols := []arrow.Array{first}
	var offsets *memory.Buffer
	if c.binlog {
		offsets = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends))
	}
	for i, col := range b.Rows.Columns() {
		f := schema.Field(i)
		if c.binlog {
			t := arrow.ListOfField(arrow.Field{Name: "element", Type: f.Type, Nullable: true})
			d := array.NewData(t, len(ends)-1, []*memory.Buffer{nil, offsets}, []arrow.ArrayData{col.Data()}, 0, 0)
			col = array.MakeFromData(d)
			d.Release()
			defer col.Release()
			f.Type, f.Nullable = t, true
		}
		fields, cols = append(fields, f), append(cols, col)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(len(ends)-1))
}

// hold puts the -U that was kept in front of b and keeps one at the end of b;
// the rows of what it gives are nil when all of it is kept.
func (r *SystemReader) hold(b columnar.Batch) (columnar.Batch, error) {
	if r.held.Rows != nil {
		var refs []columnar.Ref
		kinds := make([]types.RowKind, 0, b.Rows.NumRows()+1)
		for k, part := range []columnar.Batch{r.held, b} {
			for i := range int(part.Rows.NumRows()) {
				refs = append(refs, columnar.Ref{Src: int32(k), Row: int32(i)})
				kinds = append(kinds, part.Kind(i))
			}
		}
		rows, err := columnar.GatherBatch(memory.DefaultAllocator, b.Rows.Schema(), []arrow.RecordBatch{r.held.Rows, b.Rows}, refs)
		b.Rows.Release()
		r.held.Rows.Release()
		r.held = columnar.Batch{}
		if err != nil {
			return b, err
		}
		b = columnar.Batch{Rows: rows, Kinds: kinds}
	}
	n := int(b.Rows.NumRows())
	if n == 0 || b.Kind(n-1) != types.UpdateBefore {
		return b, nil
	}
	r.held = columnar.Batch{Rows: b.Rows.NewSlice(int64(n-1), int64(n)), Kinds: []types.RowKind{types.UpdateBefore}}
	rest := columnar.Batch{Kinds: slices.Clone(b.Kinds[:n-1])}
	if n > 1 {
		rest.Rows = b.Rows.NewSlice(0, int64(n-1))
	}
	b.Rows.Release()
	return rest, nil
}
