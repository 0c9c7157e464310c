package write

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/types"
)

// defaults are the default values of a table's columns, one row each, nil
// where a column has none; nil when no column has one.
type defaults []arrow.Array

func newDefaults(fields []types.Field) (defaults, error) {
	var d defaults
	for i, f := range fields {
		if f.Default == nil {
			continue
		}
		if d == nil {
			d = make(defaults, len(fields))
		}
		v, err := cast.Default(f.Type, *f.Default)
		if err != nil {
			return nil, fmt.Errorf("default value of column %s: %w", f.Name, err)
		}
		d[i] = v // on the Go heap, which frees it
	}
	return d, nil
}

// fill gives the batch with defaults in place of NULLs: of values that the
// statement left out, and of those that it wrote. The caller releases the rows.
// Source: org.apache.paimon.casting.DefaultValueRow.
func (d defaults) fill(b columnar.Batch) (columnar.Batch, error) {
	cols := make([]arrow.Array, b.Rows.NumCols())
	for i, col := range b.Rows.Columns() {
		cols[i] = col
		if d[i] == nil || col.NullN() == 0 {
			continue
		}
		refs := make([]columnar.Ref, col.Len())
		for row := range refs {
			if refs[row] = (columnar.Ref{Row: int32(row)}); col.IsNull(row) {
				refs[row] = columnar.Ref{Src: 1}
			}
		}
		filled, err := columnar.Gather(memory.DefaultAllocator, []arrow.Array{col, d[i]}, refs)
		if err != nil {
			return b, fmt.Errorf("default value of column %s: %w", b.Rows.ColumnName(i), err)
		}
		defer filled.Release()
		cols[i] = filled
	}
	return columnar.Batch{Rows: array.NewRecordBatch(b.Rows.Schema(), cols, b.Rows.NumRows()), Kinds: b.Kinds}, nil
}
