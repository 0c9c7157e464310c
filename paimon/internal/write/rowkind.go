package write

import (
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/types"
)

// kindColumn gives the column that `rowkind.field` names; -1 for none.
func kindColumn(t *table.Table) (int, error) {
	if t.Options.RowKindField == "" {
		return -1, nil
	}
	if err := t.Options.CheckColumns(t.Schema.Fields); err != nil {
		return -1, err
	}
	return t.Schema.Index(t.Options.RowKindField), nil
}

// withKinds gives rows the kinds that column at says, whatever theirs are. The
// column is written like any other. Source: org.apache.paimon.table.sink.RowKindGenerator.
func withKinds(b columnar.Batch, at int, table string) (columnar.Batch, error) {
	col, ok := b.Rows.Column(at).(*array.String)
	if !ok {
		return b, errs.Invalid("write table %s: column %s of 'rowkind.field' comes as %s", table, b.Rows.ColumnName(at), b.Rows.Column(at).DataType())
	}
	kinds := make([]types.RowKind, col.Len())
	for row := range kinds {
		if col.IsNull(row) {
			return b, errs.Invalid("write table %s: column %s of 'rowkind.field' is NULL in row %d of the batch: want +I, -U, +U or -D", table, b.Rows.ColumnName(at), row)
		}
		kind, err := types.ParseRowKind(col.Value(row))
		if err != nil {
			return b, errs.Invalid("write table %s: column %s of 'rowkind.field', row %d of the batch: %v", table, b.Rows.ColumnName(at), row, err)
		}
		kinds[row] = kind
	}
	return columnar.Batch{Rows: b.Rows, Kinds: kinds}, nil
}
