// Package format is the waist between tables and file formats: one data file
// of rows, written and read as Arrow batches. It knows nothing of keys,
// manifests or snapshots.
package format

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// Format writes and reads files of one kind. A Format is a value without
// state; its methods may be called from any goroutine.
// Source: org.apache.paimon.format.FileFormat.
type Format interface {
	// NewWriter starts a file with the given columns. The caller owns out and
	// ends it after Close or Abort.
	NewWriter(out io.Writer, fields []types.Field, opts WriteOptions) (Writer, error)
	// Open reads the file's footer. On success the Reader owns in and closes
	// it. Damaged files give errs.ErrCorrupt with opts.Path.
	Open(in fileio.Reader, opts ReadOptions) (Reader, error)
}

// Writer writes one file. Exactly one of Close and Abort ends it. A Writer
// serves one goroutine.
type Writer interface {
	// Write appends the rows of b, whose columns are those given to NewWriter,
	// in order and in the Arrow types of types.Type.Arrow. It does not keep b.
	Write(b arrow.RecordBatch) error
	// Size estimates the bytes of the file if it were closed now.
	Size() int64
	// Close writes what is buffered and the footer.
	Close() error
	// Abort drops what is buffered.
	Abort()
}

// StatsWriter is an extra power of writers that know the bounds of their
// columns.
type StatsWriter interface {
	// Stats has one entry per column given to NewWriter; call it after Close.
	Stats() []ColumnStats
}

// Reader gives the rows of one file in order. A Reader serves one goroutine.
type Reader interface {
	// Next gives the next batch, which has at least one row; io.EOF at the
	// end. The caller releases it. Its columns are ReadOptions.Fields.
	Next() (arrow.RecordBatch, error)
	// Position is the row number, in the file, of the first row of the batch
	// that Next gave last.
	Position() int64
	// Rows is the number of rows of the file.
	Rows() int64
	Close() error
}

// WriteOptions tunes a writer. The zero value means the defaults.
type WriteOptions struct {
	// Compression is the codec: "zstd" (default), "snappy", "lz4", "gzip",
	// "none". Table option "file.compression".
	Compression string
	// Level is the zstd level; default 1. Table option
	// "file.compression.zstd-level".
	Level int
	// BlockBytes is the size of a row group, compressed; default 32 MiB.
	// Table option "file.block-size".
	BlockBytes int64
	// Same maps a column to an earlier one of the same type that always holds
	// the very same array, so that its bytes need to be made only once: the
	// _KEY_ columns of keyed files.
	Same map[int]int
	// Params are table options of the format itself with their full names
	// ("parquet.page.size"); unknown ones are ignored, as Java does.
	Params map[string]string
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// ReadOptions says what to read.
type ReadOptions struct {
	// Path names the file in errors.
	Path string
	// Fields are the wanted columns, found in the file by field id. A column
	// that the file lacks is NULL in every row. A column of another type is
	// cast where Paimon casts implicitly; otherwise Open gives
	// errs.ErrUnsupported.
	Fields []types.Field
	// FileFields are the columns of the table schema that the file was written
	// with: types that the file itself does not tell (CHAR or VARCHAR length,
	// TIMESTAMP precision) and ids for files without ids. Columns that are
	// absent here are not looked for in the file. Nil means Fields.
	FileFields []types.Field
	// BatchRows bounds the rows of a batch; default 8192.
	BatchRows int
	// SkipBlock, if set, is asked for every row group before it is read; true
	// leaves its rows out. It gets one ColumnStats per entry of Fields, in the
	// file's own values (Known false where there are none).
	SkipBlock func(rows int64, stats []ColumnStats) bool
	// Params are table options of the format itself with their full names
	// ("orc.timestamp-ltz.legacy.type"); unknown ones are ignored.
	Params map[string]string
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// Allocator gives the allocator or the default.
func (o ReadOptions) Allocator() memory.Allocator { return orDefault(o.Alloc) }

// Allocator gives the allocator or the default.
func (o WriteOptions) Allocator() memory.Allocator { return orDefault(o.Alloc) }

func orDefault(a memory.Allocator) memory.Allocator {
	if a == nil {
		return memory.DefaultAllocator
	}
	return a
}

// ColumnStats are the bounds of one column over a file or row group. Which
// pair is set follows from the type: Ints for BOOLEAN (0, 1), integers, DATE,
// TIME, TIMESTAMP (in the unit of its Arrow type) and DECIMAL up to 18 digits
// (unscaled); Floats for FLOAT and DOUBLE; Bytes for CHAR, VARCHAR, BINARY,
// VARBINARY and wider DECIMAL (unscaled big-endian two's complement).
type ColumnStats struct {
	// Known is false when nothing is known, not even the null count (nested
	// columns).
	Known     bool
	NullCount int64
	// HasBounds is false when all values are NULL or the format keeps no
	// bounds for the type.
	HasBounds bool
	Ints      [2]int64
	Floats    [2]float64
	Bytes     [2][]byte
}

// Registry finds a format by its identifier ("parquet"). It is a plain value.
type Registry map[string]Format

// ByName gives the format with this identifier; errs.ErrUnsupported if there
// is none.
func (r Registry) ByName(id string) (Format, error) {
	if f, ok := r[strings.ToLower(id)]; ok {
		return f, nil
	}
	return nil, errs.Unsupported("file format %q: this version reads and writes %s only", id, r.names())
}

// CheckWrite reports whether files of a format can be written with these
// columns; errs.ErrUnsupported names what they cannot hold.
// Source: org.apache.paimon.format.FileFormat.validateDataFields.
func (r Registry) CheckWrite(id string, fields []types.Field) error {
	f, err := r.ByName(id)
	if err != nil {
		return err
	}
	w, err := f.NewWriter(io.Discard, fields, WriteOptions{Compression: "snappy"})
	if err != nil {
		return fmt.Errorf("file format %q: %w", id, err)
	}
	w.Abort()
	return nil
}

// ByFile gives the format of a data file by its last extension, text codecs
// left aside.
// Source: org.apache.paimon.io.DataFilePathFactory.formatIdentifier.
func (r Registry) ByFile(name string) (Format, error) {
	id, err := Identifier(name)
	if err != nil {
		return nil, err
	}
	f, err := r.ByName(id)
	if err != nil {
		return nil, errs.Unsupported("data file %s: %w", name, err)
	}
	return f, nil
}

func (r Registry) names() string {
	out := make([]string, 0, len(r))
	for n := range r {
		out = append(out, n)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Identifier gives the format identifier in a data file's name.
func Identifier(name string) (string, error) {
	rest := name
	for range 2 {
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 {
			break
		}
		ext := rest[dot+1:]
		if !isCodecExtension(ext) {
			return ext, nil
		}
		rest = rest[:dot]
	}
	return "", errs.Invalid("data file name %q has no format extension", name)
}

func isCodecExtension(ext string) bool {
	switch ext {
	case "gz", "bz2", "deflate", "snappy", "lz4", "zst":
		return true
	}
	return false
}
