// Package parquet writes and reads Parquet files as Paimon does: the same
// schema, field ids and physical types. Pages are encoded from and decoded to
// Arrow buffers here; the footer is arrow-go's.
package parquet

import (
	"io"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// Format is the Parquet format. Make it with New; a Format that lives long
// saves making compressors.
// Source: org.apache.paimon.format.parquet.ParquetFileFormat.
type Format struct {
	pool *codecs
}

var _ format.Format = (*Format)(nil)

// New makes the format.
func New() *Format { return &Format{pool: &codecs{}} }

// NewWriter starts a Parquet file on out.
func (f *Format) NewWriter(out io.Writer, fields []types.Field, opts format.WriteOptions) (format.Writer, error) {
	return newWriter(out, fields, opts, f.pool)
}

// Open opens a Parquet file.
func (f *Format) Open(in fileio.Reader, opts format.ReadOptions) (format.Reader, error) {
	r, err := openReader(in, opts, f.pool)
	if err != nil {
		return nil, err
	}
	return r, nil
}
