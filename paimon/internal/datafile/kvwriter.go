package datafile

import (
	"bytes"
	"context"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
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
	// Indexes says which indexes of the columns are made.
	Indexes IndexOptions
	// Write tunes the format writer.
	Write format.WriteOptions
	// Now is the clock of creation times; default time.Now.
	Now func() time.Time
}

// KVWriter writes keyed rows into rolling data files of one bucket and level.
// Rows come in key order, for data files with unique keys. A KVWriter serves
// one goroutine. Exactly one of Close and Abort ends it.
// Source: org.apache.paimon.io.KeyValueFileWriterFactory, RollingFileWriterImpl.
type KVWriter struct {
	o      KVWriterOptions
	files  files
	schema *arrow.Schema
	modes  []statsMode
	thin   bool
	keyRow *binrow.Encoder

	rows    int64
	metas   []spec.DataFileMeta
	ended   bool
	minKey  []byte // of the open file
	maxKey  []byte
	lastKey []byte // encoded key of the last row written, at levels above 0
	minSeq  int64
	maxSeq  int64
	deletes int64
}

// NewKVWriter makes a writer; it creates no file before the first row.
func NewKVWriter(ctx context.Context, o KVWriterOptions) (*KVWriter, error) {
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
		o.TargetFileSize = 128 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.KeyFields) == 0 {
		return nil, errs.Invalid("write data files: no key columns")
	}
	f, err := o.Formats.ByName(o.Format)
	if err != nil {
		return nil, err
	}
	w := &KVWriter{o: o, thin: o.ThinMode, keyRow: binrow.NewEncoder(typesOf(o.Fields, o.KeyFields))}
	var fields []types.Field
	keys := map[string]bool{}
	if w.thin {
		for _, k := range o.KeyFields {
			keys[o.Fields[k].Name] = true
		}
	} else {
		fields = keyFields(o.Fields, o.KeyFields)
	}
	fields = append(append(fields, sequenceField(), kindField()), o.Fields...)
	if w.modes, err = o.Stats.keyedModes(o.Format, fields, keys); err != nil {
		return nil, err
	}
	w.schema = types.ArrowSchema(fields)
	if !w.thin {
		o.Write.Same = map[int]int{}
		for i, k := range o.KeyFields {
			o.Write.Same[len(o.KeyFields)+2+k] = i
		}
	}
	w.files = files{ctx: ctx, store: o.Store, format: f, write: o.Write, fields: fields, target: o.TargetFileSize, name: w.newName,
		indexes: o.Indexes, indexFields: o.Fields}
	return w, nil
}

func (w *KVWriter) newName() (path, name string, external *string) {
	if w.o.Changelog {
		name = w.o.Paths.NewChangelog(w.o.Format)
	} else {
		name = w.o.Paths.NewData(w.o.Format)
	}
	path, external = w.o.Paths.NewFile(name)
	return path, name, external
}

// Write appends the batch: its Rows are the columns KVWriterOptions.Fields.
// It does not keep the batch. On error everything written is deleted.
func (w *KVWriter) Write(b *columnar.KV) error {
	if w.ended {
		return errs.Invalid("write data file: the writer has ended")
	}
	if int(b.Rows.NumCols()) != len(w.o.Fields) || int(b.Rows.NumRows()) != b.Len() || len(b.Kinds) != b.Len() {
		return errs.Invalid("write data file: %d columns, %d rows, %d kinds, %d sequence numbers; want %d columns",
			b.Rows.NumCols(), b.Rows.NumRows(), len(b.Kinds), b.Len(), len(w.o.Fields))
	}
	rec := w.fileBatch(b)
	defer rec.Release()
	for from := 0; from < b.Len(); {
		if w.files.full() && !w.sameKey(b.Keys, from) {
			if err := w.endFile(); err != nil {
				w.Abort()
				return err
			}
		}
		to := min(from+w.files.room(), b.Len())
		if err := w.writeRows(b, rec, from, to); err != nil {
			w.Abort()
			return err
		}
		from = to
	}
	return nil
}

// sameKey says that row i continues the key of the last row written. Files of
// levels above 0 must not share a key.
func (w *KVWriter) sameKey(keys columnar.Keys, i int) bool {
	return w.o.Level > 0 && !w.o.Changelog && keys.Len() > i && bytes.Equal(w.lastKey, keys.At(i))
}

// fileBatch gives the batch with the columns of the file.
func (w *KVWriter) fileBatch(b *columnar.KV) arrow.RecordBatch {
	n := b.Len()
	var cols []arrow.Array
	if !w.thin {
		for _, k := range w.o.KeyFields {
			cols = append(cols, b.Rows.Column(k))
		}
	}
	seqs := fixedArray(arrow.PrimitiveTypes.Int64, b.Seqs)
	defer seqs.Release()
	kinds := fixedArray(arrow.PrimitiveTypes.Int8, b.Kinds)
	defer kinds.Release()
	cols = append(append(cols, seqs, kinds), b.Rows.Columns()...)
	return array.NewRecordBatch(w.schema, cols, int64(n))
}

// fixedArray views a slice as an Arrow array.
func fixedArray[T any](typ arrow.DataType, vals []T) arrow.Array {
	var raw []byte
	if len(vals) > 0 {
		raw = unsafe.Slice((*byte)(unsafe.Pointer(&vals[0])), len(vals)*int(unsafe.Sizeof(vals[0])))
	}
	data := array.NewData(typ, len(vals), []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// writeRows appends rows [from, to) to the open file.
func (w *KVWriter) writeRows(b *columnar.KV, rec arrow.RecordBatch, from, to int) error {
	part := rec
	if from > 0 || to < b.Len() {
		part = rec.NewSlice(int64(from), int64(to))
		defer part.Release()
	}
	first := w.files.w == nil
	if err := w.files.append(part); err != nil {
		return err
	}
	cols := make([]arrow.Array, len(w.o.KeyFields))
	for i, k := range w.o.KeyFields {
		cols[i] = b.Rows.Column(k)
	}
	if first {
		w.minKey = w.keyRow.Append(nil, cols, from)
		w.minSeq, w.maxSeq, w.deletes = b.Seqs[from], b.Seqs[from], 0
	}
	w.maxKey = w.keyRow.Append(w.maxKey[:0], cols, to-1)
	if w.o.Level > 0 && b.Keys.Len() >= to {
		w.lastKey = append(w.lastKey[:0], b.Keys.At(to-1)...)
	}
	for i, s := range b.Seqs[from:to] {
		w.minSeq, w.maxSeq = min(w.minSeq, s), max(w.maxSeq, s)
		w.deletes += int64(b.Kinds[from+i] & 1) // -U is 1, -D is 3
	}
	w.rows += int64(to - from)
	return nil
}

// endFile closes the open file and describes it.
func (w *KVWriter) endFile() error {
	size, stats, err := w.files.close()
	if err != nil {
		return err
	}
	meta := baseMeta(&w.files, size, w.o.SchemaID, w.o.Source, w.o.Now())
	meta.MinKey, meta.MaxKey = w.minKey, append([]byte(nil), w.maxKey...)
	meta.MinSequence, meta.MaxSequence = w.minSeq, w.maxSeq
	deletes := w.deletes
	meta.DeleteRowCount, meta.Level = &deletes, w.o.Level
	cols := columnSet(w.files.fields, w.modes, stats)
	defer releaseStats(cols)
	keys, values := w.splitStats(cols)
	meta.KeyStats, _ = encodeStats(keyFields(w.o.Fields, w.o.KeyFields), keys, false)
	meta.ValueStats, meta.ValueStatsCols = encodeStats(w.o.Fields, values, !w.o.Stats.Full)
	w.metas = append(w.metas, meta)
	w.minKey = nil
	return nil
}

// splitStats parts the statistics of the file's columns. Thin files have no
// _KEY_ columns: those of the value columns stand in.
func (w *KVWriter) splitStats(cols []columnStats) (keys, values []columnStats) {
	values = cols[len(cols)-len(w.o.Fields):]
	if !w.thin {
		return cols[:len(w.o.KeyFields)], values
	}
	for _, k := range w.o.KeyFields {
		keys = append(keys, values[k])
	}
	return keys, values
}

// Rows is the number of rows written so far.
func (w *KVWriter) Rows() int64 { return w.rows }

// Close ends the last file and describes the files in the order written; nil
// when no row came. On error everything written is deleted.
func (w *KVWriter) Close() ([]spec.DataFileMeta, error) {
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
func (w *KVWriter) Abort() {
	w.ended = true
	w.metas = nil
	w.files.abort()
}
