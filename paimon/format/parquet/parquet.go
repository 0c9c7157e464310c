// Package parquet writes and reads Parquet files as Paimon does: the same
// schema, field ids and physical types.
package parquet

import (
	"io"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// Format is the Parquet format; its zero value is ready.
type Format struct{}

var _ format.Format = Format{}

// NewWriter starts a Parquet file on out.
func (Format) NewWriter(out io.Writer, fields []types.Field, opts format.WriteOptions) (format.Writer, error) {
	return nil, errs.Unsupported("writing parquet")
}

// Open opens a Parquet file.
func (Format) Open(in fileio.Reader, opts format.ReadOptions) (format.Reader, error) {
	return nil, errs.Unsupported("reading parquet")
}
