package datafile

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
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
	// Indexes says which indexes of the columns are made.
	Indexes IndexOptions
	Write   format.WriteOptions
	// Now is the clock of creation times; default time.Now.
	Now func() time.Time
}

// RowWriter writes rows into rolling data files of one bucket of a table
// without primary key. It serves one goroutine. Exactly one of Close and Abort
// ends it.
// Source: org.apache.paimon.io.RowDataFileWriter.
type RowWriter struct {
	o     RowWriterOptions
	files files
	modes []statsMode
	next  int64 // sequence number of the open file's first row
	rows  int64
	metas []spec.DataFileMeta
	ended bool
}

// NewRowWriter makes a writer; it creates no file before the first row.
func NewRowWriter(ctx context.Context, o RowWriterOptions) (*RowWriter, error) {
	if o.Formats == nil {
		o.Formats = Formats()
	}
	if o.Format == "" {
		o.Format = "parquet"
	}
	if o.Write.Compression == "" {
		o.Write.Compression = "zstd"
	}
	if o.TargetFileSize <= 0 {
		o.TargetFileSize = 256 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f, err := o.Formats.ByName(o.Format)
	if err != nil {
		return nil, err
	}
	w := &RowWriter{o: o, next: o.FirstSequence}
	if w.modes, err = o.Stats.modes(o.Fields, nil); err != nil {
		return nil, err
	}
	w.files = files{ctx: ctx, store: o.Store, format: f, write: o.Write, fields: o.Fields, target: o.TargetFileSize, name: w.newName,
		indexes: o.Indexes, indexFields: o.Fields}
	return w, nil
}

func (w *RowWriter) newName() (path, name string, external *string) {
	name = w.o.Paths.NewData(w.o.Format)
	path, external = w.o.Paths.NewFile(name)
	return path, name, external
}

// Write appends the rows; it does not keep b. On error everything written is
// deleted.
func (w *RowWriter) Write(b arrow.RecordBatch) error {
	if w.ended {
		return errs.Invalid("write data file: the writer has ended")
	}
	for from := int64(0); from < b.NumRows(); {
		to := min(from+int64(w.files.room()), b.NumRows())
		part := b.NewSlice(from, to)
		err := w.files.append(part)
		part.Release()
		w.rows += to - from
		from = to
		if err == nil && w.files.full() {
			err = w.endFile()
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	return nil
}

func (w *RowWriter) endFile() error {
	size, stats, err := w.files.close()
	if err != nil {
		return err
	}
	meta := baseMeta(&w.files, size, w.o.SchemaID, w.o.Source, w.o.Now())
	meta.MinKey, meta.MaxKey = binrow.Empty, binrow.Empty
	meta.KeyStats = spec.SimpleStats{Min: binrow.Empty, Max: binrow.Empty, NullCounts: []*int64{}}
	meta.MinSequence, meta.MaxSequence = w.next, w.next+meta.RowCount-1
	meta.DeleteRowCount = new(int64)
	cols := columnSet(w.o.Fields, w.modes, stats)
	defer releaseStats(cols)
	meta.ValueStats, meta.ValueStatsCols = encodeStats(w.o.Fields, cols, !w.o.Stats.Full)
	w.next += meta.RowCount
	w.metas = append(w.metas, meta)
	return nil
}

// Rows is the number of rows written so far.
func (w *RowWriter) Rows() int64 { return w.rows }

// NextSequence is the sequence number of the next row.
func (w *RowWriter) NextSequence() int64 { return w.o.FirstSequence + w.rows }

// Close ends the last file and describes the files in the order written; nil
// when no row came. On error everything written is deleted.
func (w *RowWriter) Close() ([]spec.DataFileMeta, error) {
	if w.ended {
		return nil, errs.Invalid("close data file: the writer has ended")
	}
	if w.files.w != nil {
		if err := w.endFile(); err != nil {
			w.Abort()
			return nil, err
		}
	}
	w.ended = true
	return w.metas, nil
}

// Abort deletes all files that the writer made, also after Close.
func (w *RowWriter) Abort() {
	w.ended = true
	w.metas = nil
	w.files.abort()
}
