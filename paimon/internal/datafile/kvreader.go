package datafile

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// KVReadOptions says how the keyed files of one bucket are read; it serves all
// files of a partition. Fields without a stated default must be set.
type KVReadOptions struct {
	Store fileio.Store
	// Formats are the known formats; default Formats().
	Formats format.Registry
	// Fields are all columns of the table's current schema.
	Fields []types.Field
	// KeyFields are the positions in Fields of the trimmed primary key, in
	// primary-key order.
	KeyFields []int
	// Columns are the positions in Fields of the wanted value columns, in the
	// order of the batches' columns; nil means all.
	Columns []int
	// SequenceFields are the positions in Fields of `sequence.field`; nil
	// leaves KV.UserSeq empty.
	SequenceFields []int
	// SequenceDescending is "sequence.field.sort-order" = descending.
	SequenceDescending bool
	// Partition gives the values of the partition columns: position in Fields
	// to an array with one row. They are not read from files.
	Partition map[int]arrow.Array
	// SchemaFields gives the columns of an older (or the current) schema; it
	// is asked for the schema id of every file.
	SchemaFields func(schemaID int64) ([]types.Field, error)
	// SkipBlock, if set, leaves out row groups; see format.ReadOptions. It gets
	// one ColumnStats per entry of Columns. RowAt tells where rows lie.
	SkipBlock func(rows int64, stats []format.ColumnStats) bool
	// Deleted are the rows of the file to leave out, nil for none. As the other
	// options serve many files, it is set for each.
	Deleted *deletion.Vector
	// BatchRows bounds the rows of a batch; default 8192.
	BatchRows int
	// Params are the table's options; formats take theirs from them.
	Params map[string]string
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// KVReader reads one file of keyed rows in file order. It serves one
// goroutine.
// Source: org.apache.paimon.io.KeyValueFileReaderFactory.
type KVReader struct {
	o       KVReadOptions
	set     *readSet
	schema  *arrow.Schema
	columns []int
	keys    *columnar.KeyEncoder
	seqs    *columnar.KeyEncoder // of `sequence.field`; nil when there is none
}

// OpenKV opens the file at path, described by meta, whatever schema it was
// written with. Damaged files give errs.ErrCorrupt, absent ones
// errs.ErrNotFound.
func OpenKV(ctx context.Context, o KVReadOptions, path string, meta *spec.DataFileMeta) (*KVReader, error) {
	r := &KVReader{o: o, columns: allColumns(o.Columns, len(o.Fields))}
	r.schema = types.ArrowSchema(pick(o.Fields, r.columns))
	r.keys = columnar.NewKeyEncoder(typesOf(o.Fields, o.KeyFields), columnar.KeyOptions{})
	if len(o.SequenceFields) > 0 {
		r.seqs = columnar.NewKeyEncoder(typesOf(o.Fields, o.SequenceFields), columnar.KeyOptions{Descending: o.SequenceDescending})
	}
	src := readSource{store: o.Store, formats: o.Formats, fields: o.Fields, partition: o.Partition,
		schemaFields: o.SchemaFields, batchRows: o.BatchRows, params: o.Params, alloc: o.Alloc, skip: o.SkipBlock, skipColumns: r.columns, deleted: o.Deleted}
	wanted := slices.Concat(r.columns, o.KeyFields, o.SequenceFields)
	set, err := src.open(ctx, path, meta, wanted, []types.Field{sequenceField(), kindField()})
	if err != nil {
		return nil, err
	}
	r.set = set
	return r, nil
}

// RowAt gives the row number, in the file, of row i of the last batch.
func (r *KVReader) RowAt(i int) int64 { return r.set.rowAt(i) }

// Next gives the next batch (at least one row) or io.EOF. The caller releases
// it; its Keys, Seqs, Kinds and UserSeq live as long as it.
func (r *KVReader) Next() (*columnar.KV, error) {
	if err := r.set.next(); err != nil {
		return nil, err
	}
	defer r.set.release()
	out := &columnar.KV{
		Seqs:  slices.Clone(r.set.batch.Column(0).(*array.Int64).Int64Values()),
		Kinds: kindsOf(r.set.batch.Column(1).(*array.Int8).Int8Values()),
	}
	var err error
	if out.Keys, err = r.encode(r.keys, r.o.KeyFields); err != nil {
		return nil, errs.Corrupt(r.set.path, "key columns: %w", err)
	}
	if r.seqs != nil {
		if out.UserSeq, err = r.encode(r.seqs, r.o.SequenceFields); err != nil {
			return nil, errs.Corrupt(r.set.path, "sequence.field: %w", err)
		}
	}
	out.Rows, err = r.set.rows(r.schema, r.columns)
	return out, err
}

func kindsOf(vals []int8) []types.RowKind {
	out := make([]types.RowKind, len(vals))
	for i, v := range vals {
		out[i] = types.RowKind(v)
	}
	return out
}

// encode makes the keys of the current batch. Keys may share the memory of
// their columns: those that the batch does not hold are copied to memory that
// needs no release.
func (r *KVReader) encode(e *columnar.KeyEncoder, at []int) (columnar.Keys, error) {
	cols, err := r.set.columns(at)
	if err != nil {
		return columnar.Keys{}, err
	}
	if r.o.Alloc != nil && len(at) == 1 && !slices.Contains(r.columns, at[0]) {
		one, err := columnar.Gather(memory.NewGoAllocator(), cols, allRows(cols[0].Len()))
		if err != nil {
			return columnar.Keys{}, err
		}
		cols = []arrow.Array{one} // left to the garbage collector
	}
	return e.Encode(cols)
}

func allRows(n int) []columnar.Ref {
	out := make([]columnar.Ref, n)
	for i := range out {
		out[i].Row = int32(i)
	}
	return out
}

// Close closes the file; batches stay valid.
func (r *KVReader) Close() error { return r.set.close() }
