package decode

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// Rows gathers row changes in Arrow builders. A format appends the values of a
// row to every column and then calls Add; when the row turns out to be wrong
// half-way, it completes the row with nulls and calls Undo, and the row is
// left out of the batch.
type Rows struct {
	schema   *arrow.Schema
	builder  *array.RecordBuilder
	kinds    []types.RowKind // of all rows, those undone included
	bad      []int           // ascending row numbers
	retracts bool            // some kind is not +I
}

// NewRows makes an empty gatherer of rows with these columns.
func NewRows(fields []types.Field) *Rows {
	s := types.ArrowSchema(fields)
	return &Rows{schema: s, builder: array.NewRecordBuilder(memory.DefaultAllocator, s)}
}

// Columns gives the builders, one a column. They stay the same for as long as
// the gatherer lives.
func (r *Rows) Columns() []array.Builder { return r.builder.Fields() }

// Add ends a row.
func (r *Rows) Add(kind types.RowKind) {
	r.kinds = append(r.kinds, kind)
	r.retracts = r.retracts || kind != types.Insert
}

// Mark is the place that Undo goes back to.
func (r *Rows) Mark() int { return len(r.kinds) }

// Undo takes back the rows added since a mark.
func (r *Rows) Undo(mark int) {
	for i := mark; i < len(r.kinds); i++ {
		r.bad = append(r.bad, i)
	}
}

// Len is the number of rows gathered.
func (r *Rows) Len() int { return len(r.kinds) - len(r.bad) }

// Flush gives the rows and their kinds and starts anew.
func (r *Rows) Flush() (arrow.RecordBatch, []types.RowKind, error) {
	batch := r.builder.NewRecordBatch()
	kinds, bad, retracts := r.kinds, r.bad, r.retracts
	r.kinds, r.bad, r.retracts = nil, nil, false
	if len(bad) > 0 {
		var err error
		if batch, err = without(batch, bad); err != nil {
			return nil, nil, err
		}
		kinds = kindsWithout(kinds, bad)
	}
	if !retracts {
		kinds = nil
	}
	return batch, kinds, nil
}

// Release frees the builders.
func (r *Rows) Release() { r.builder.Release() }

// without gives the batch without some rows; it takes over the batch.
func without(batch arrow.RecordBatch, bad []int) (arrow.RecordBatch, error) {
	defer batch.Release()
	columns := make([]arrow.Array, batch.NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	total := int(batch.NumRows())
	for i := range columns {
		var parts []arrow.Array
		for at, k := 0, 0; at < total; k++ {
			end := total
			if k < len(bad) {
				end = bad[k]
			}
			if end > at {
				parts = append(parts, array.NewSlice(batch.Column(i), int64(at), int64(end)))
			}
			at = end + 1
		}
		if len(parts) == 0 {
			parts = append(parts, array.NewSlice(batch.Column(i), 0, 0))
		}
		column, err := array.Concatenate(parts, memory.DefaultAllocator)
		for _, p := range parts {
			p.Release()
		}
		if err != nil {
			return nil, fmt.Errorf("leave out wrong rows of column %q: %w", batch.ColumnName(i), err)
		}
		columns[i] = column
	}
	return array.NewRecordBatch(batch.Schema(), columns, int64(total-len(bad))), nil
}

func kindsWithout(kinds []types.RowKind, bad []int) []types.RowKind {
	out := kinds[:0]
	for i, k := range kinds {
		if len(bad) > 0 && bad[0] == i {
			bad = bad[1:]
			continue
		}
		out = append(out, k)
	}
	return out
}
