package datafile

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// RowReadOptions says how files of a table without primary key are read.
type RowReadOptions struct {
	Store fileio.Store
	// Formats are the known formats; default Formats().
	Formats format.Registry
	// Fields are all columns of the table's current schema.
	Fields []types.Field
	// Columns are the positions in Fields of the wanted columns, in the order
	// of the batches' columns; nil means all.
	Columns []int
	// Partition gives the values of the partition columns: position in Fields
	// to an array with one row. They are not read from files.
	Partition map[int]arrow.Array
	// SchemaFields gives the columns of a schema by its id.
	SchemaFields func(schemaID int64) ([]types.Field, error)
	// SkipBlock, if set, leaves out row groups; see format.ReadOptions. It gets
	// one ColumnStats per entry of Columns. RowAt tells where rows lie.
	SkipBlock func(rows int64, stats []format.ColumnStats) bool
	// Deleted are the rows of the file to leave out, nil for none. As the other
	// options serve many files, it is set for each.
	Deleted *deletion.Vector
	// Selected are the rows of the file that may be wanted, nil for all; the
	// others may be left out. It is set for each file, too.
	Selected *fileindex.Rows
	// BatchRows bounds the rows of a batch; default 8192.
	BatchRows int
	// Params are the table's options; formats take theirs from them.
	Params map[string]string
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// RowReader reads one file of a table without primary key in file order. It
// serves one goroutine.
type RowReader struct {
	set     *readSet
	schema  *arrow.Schema
	columns []int
}

// OpenRows opens the file at path, described by meta, whatever schema it was
// written with. Damaged files give errs.ErrCorrupt, absent ones
// errs.ErrNotFound.
func OpenRows(ctx context.Context, o RowReadOptions, path string, meta *spec.DataFileMeta) (*RowReader, error) {
	r := &RowReader{columns: allColumns(o.Columns, len(o.Fields))}
	r.schema = types.ArrowSchema(pick(o.Fields, r.columns))
	src := readSource{store: o.Store, formats: o.Formats, fields: o.Fields, partition: o.Partition,
		schemaFields: o.SchemaFields, batchRows: o.BatchRows, params: o.Params, alloc: o.Alloc, skip: o.SkipBlock, skipColumns: r.columns, deleted: o.Deleted}
	if o.Selected != nil {
		if int64(o.Selected.Len()) != meta.RowCount {
			return nil, errs.Invalid("read %s: rows of a file with %d rows are selected, it has %d", path, o.Selected.Len(), meta.RowCount)
		}
		src.deleted = o.Deleted.Union(deletion.FromBitmap(o.Selected.Excluded()))
		src.skip = skipUnselected(o.Selected, o.SkipBlock)
	}
	set, err := src.open(ctx, path, meta, r.columns, nil)
	if err != nil {
		return nil, err
	}
	r.set = set
	return r, nil
}

// skipUnselected leaves out row groups without a selected row, besides those
// that skip does. Row groups come in order, each once.
func skipUnselected(rows *fileindex.Rows, skip func(int64, []format.ColumnStats) bool) func(int64, []format.ColumnStats) bool {
	next := int64(0)
	return func(n int64, stats []format.ColumnStats) bool {
		first := next
		next += n
		at := int64(rows.Next(int(first)))
		return at < 0 || at >= next || skip != nil && skip(n, stats)
	}
}

// RowAt gives the row number, in the file, of row i of the last batch.
func (r *RowReader) RowAt(i int) int64 { return r.set.rowAt(i) }

// Next gives the next batch (at least one row) or io.EOF. The caller releases
// it.
func (r *RowReader) Next() (arrow.RecordBatch, error) {
	if err := r.set.next(); err != nil {
		return nil, err
	}
	defer r.set.release()
	return r.set.rows(r.schema, r.columns)
}

// Close closes the file; batches stay valid.
func (r *RowReader) Close() error { return r.set.close() }
