package datafile

import (
	"context"
	"time"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// KVWriterOptions describes the files that a KVWriter makes. Fields without a
// stated default must be set.
type KVWriterOptions struct {
	Store fileio.Store
	Paths *Paths
	// Formats are the known formats; default Formats().
	Formats format.Registry
	// Format is the identifier of the files' format; default "parquet". Table
	// options "file.format", "changelog-file.format".
	Format string
	// Fields are all columns of the table, in order.
	Fields []types.Field
	// KeyFields are the positions in Fields of the trimmed primary key, in
	// primary-key order.
	KeyFields []int
	// SchemaID is the table schema that Fields come from.
	SchemaID int64
	// Level is the level of the files; 0 for changelog files.
	Level int
	// Source is spec.SourceAppend (default) or spec.SourceCompact.
	Source int8
	// Changelog makes changelog files: their prefix, any kinds, keys not
	// unique.
	Changelog bool
	// ThinMode leaves the _KEY_ columns out. Table option
	// "data-file.thin-mode"; default false.
	ThinMode bool
	// TargetFileSize is the size in bytes at which a file is ended; default
	// 128 MiB. Table option "target-file-size".
	TargetFileSize int64
	// Stats says which statistics are kept.
	Stats StatsOptions
	// Write tunes the format writer.
	Write format.WriteOptions
	// Now is the clock of creation times; default time.Now.
	Now func() time.Time
}

// KVWriter writes keyed rows into rolling data files of one bucket and level.
// Rows come in key order, for data files with unique keys. A KVWriter serves
// one goroutine. Exactly one of Close and Abort ends it.
// Source: org.apache.paimon.io.KeyValueFileWriterFactory, RollingFileWriterImpl.
type KVWriter struct{}

// NewKVWriter makes a writer; it creates no file before the first row.
func NewKVWriter(ctx context.Context, o KVWriterOptions) (*KVWriter, error) {
	return nil, errs.Unsupported("KVWriter")
}

// Write appends the batch: its Rows are the columns KVWriterOptions.Fields.
// It does not keep the batch.
func (w *KVWriter) Write(b *columnar.KV) error { return nil }

// Rows is the number of rows written so far.
func (w *KVWriter) Rows() int64 { return 0 }

// Close ends the last file and describes the files in the order written; nil
// when no row came. On error everything written is deleted.
func (w *KVWriter) Close() ([]spec.DataFileMeta, error) { return nil, nil }

// Abort deletes all files that the writer made.
func (w *KVWriter) Abort() {}
