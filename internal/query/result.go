package query

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/query/duck"
)

func noRows() (arrow.RecordBatch, error) { return nil, io.EOF }

// table is a result of text columns, as SHOW gives; null stands for NULL.
func table(columns []string, rows [][]string) *Result {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			if f := b.Field(i).(*array.StringBuilder); v == null {
				f.AppendNull()
			} else {
				f.Append(v)
			}
		}
	}
	return batchResult(b.NewRecordBatch())
}

// batchResult is a result of one batch.
func batchResult(rec arrow.RecordBatch) *Result {
	r := &Result{Affected: rec.NumRows()}
	for _, f := range rec.Schema().Fields() {
		r.Columns = append(r.Columns, Column{Name: f.Name, Type: f.Type, Nullable: true, SQL: "VARCHAR"})
	}
	r.next = func() (arrow.RecordBatch, error) {
		if rec == nil || rec.NumRows() == 0 {
			return nil, io.EOF
		}
		out := rec
		rec = nil
		return out, nil
	}
	r.close = func() {
		if rec != nil {
			rec.Release()
		}
	}
	return r
}

// queryResult streams a query of the engine; release is called at the end.
func queryResult(q *duck.Result, release func()) *Result {
	r := &Result{}
	for _, f := range q.Schema().Fields() {
		r.Columns = append(r.Columns, Column{Name: f.Name, Type: f.Type, Nullable: f.Nullable})
	}
	r.next = q.Next
	r.close = func() {
		_ = q.Close()
		release()
	}
	return r
}

func describeColumns(columns []duck.Column) []Column {
	out := make([]Column, len(columns))
	for i, c := range columns {
		out[i] = Column{Name: c.Name, Type: c.Arrow, Nullable: true, SQL: c.Type}
	}
	return out
}
