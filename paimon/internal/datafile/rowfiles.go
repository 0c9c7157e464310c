package datafile

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// RowWriterOptions describes the files of a table without primary key. Fields
// without a stated default must be set.
type RowWriterOptions struct {
	Store fileio.Store
	Paths *Paths
	// Formats are the known formats; default Formats().
	Formats format.Registry
	// Format is the identifier of the files' format; default "parquet".
	Format string
	// Fields are all columns of the table, in order.
	Fields   []types.Field
	SchemaID int64
	// FirstSequence is the sequence number of the first row written.
	FirstSequence int64
	// Source is spec.SourceAppend (default) or spec.SourceCompact.
	Source int8
	// TargetFileSize is the size in bytes at which a file is ended; default
	// 256 MiB. Table option "target-file-size".
	TargetFileSize int64
	Stats          StatsOptions
	Write          format.WriteOptions
	// Now is the clock of creation times; default time.Now.
	Now func() time.Time
}

// RowWriter writes rows into rolling data files of one bucket of a table
// without primary key. It serves one goroutine. Exactly one of Close and Abort
// ends it.
// Source: org.apache.paimon.io.RowDataRollingFileWriter.
type RowWriter struct{}

// NewRowWriter makes a writer; it creates no file before the first row.
func NewRowWriter(ctx context.Context, o RowWriterOptions) (*RowWriter, error) {
	return nil, errs.Unsupported("RowWriter")
}

// Write appends the rows; it does not keep b.
func (w *RowWriter) Write(b arrow.RecordBatch) error { return nil }

// Rows is the number of rows written so far.
func (w *RowWriter) Rows() int64 { return 0 }

// NextSequence is the sequence number of the next row.
func (w *RowWriter) NextSequence() int64 { return 0 }

// Close ends the last file and describes the files in the order written. On
// error everything written is deleted.
func (w *RowWriter) Close() ([]spec.DataFileMeta, error) { return nil, nil }

// Abort deletes all files that the writer made.
func (w *RowWriter) Abort() {}

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
	// BatchRows bounds the rows of a batch; default 8192.
	BatchRows int
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// RowReader reads one file of a table without primary key in file order. It
// serves one goroutine.
type RowReader struct{}

// OpenRows opens the file at path, described by meta.
func OpenRows(ctx context.Context, o RowReadOptions, path string, meta *spec.DataFileMeta) (*RowReader, error) {
	return nil, errs.Unsupported("RowReader")
}

// Next gives the next batch (at least one row) or io.EOF. The caller releases
// it.
func (r *RowReader) Next() (arrow.RecordBatch, error) { return nil, nil }

// Close closes the file; batches stay valid.
func (r *RowReader) Close() error { return nil }
