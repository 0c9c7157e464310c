package columnar

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Join copies batches of one schema into one, in order; none make an empty one. The caller releases it, and still owns the parts.
func Join(schema *arrow.Schema, parts ...arrow.RecordBatch) (arrow.RecordBatch, error) {
	switch len(parts) {
	case 0:
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		return b.NewRecordBatch(), nil
	case 1:
		parts[0].Retain()
		return parts[0], nil
	}
	var rows int64
	for _, p := range parts {
		rows += p.NumRows()
	}
	columns := make([]arrow.Array, schema.NumFields())
	in := make([]arrow.Array, len(parts))
	for i := range columns {
		for j, p := range parts {
			in[j] = p.Column(i)
		}
		c, err := Concat(memory.DefaultAllocator, in)
		if err != nil {
			return nil, fmt.Errorf("join batches: column %q: %w", schema.Field(i).Name, err)
		}
		defer c.Release()
		columns[i] = c
	}
	return array.NewRecordBatch(schema, columns, rows), nil
}
