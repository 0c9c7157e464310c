package datafile

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
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
	// BatchRows bounds the rows of a batch; default 8192.
	BatchRows int
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// KVReader reads one file of keyed rows in file order. It serves one
// goroutine.
// Source: org.apache.paimon.io.KeyValueFileReaderFactory.
type KVReader struct{}

// OpenKV opens the file at path, described by meta, whatever schema it was
// written with. Damaged files give errs.ErrCorrupt, absent ones
// errs.ErrNotFound.
func OpenKV(ctx context.Context, o KVReadOptions, path string, meta *spec.DataFileMeta) (*KVReader, error) {
	return nil, errs.Unsupported("KVReader")
}

// Next gives the next batch (at least one row) or io.EOF. The caller releases
// it; its Keys, Seqs, Kinds and UserSeq live as long as it.
func (r *KVReader) Next() (*columnar.KV, error) { return nil, nil }

// Close closes the file; batches stay valid.
func (r *KVReader) Close() error { return nil }
