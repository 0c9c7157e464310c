// Package avro writes and reads Avro data files as Paimon does. Rows are
// decoded from blocks straight into the buffers of Arrow columns, by a plan
// made from the file's schema when it is opened, and encoded straight from
// them.
package avro

import (
	"io"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

// Format is the Avro format. Make it with New; a Format that lives long saves
// making compressors.
// Source: org.apache.paimon.format.avro.AvroFileFormat.
type Format struct {
	pool *avrofile.Pool
}

var _ format.Format = (*Format)(nil)

// New makes the format.
func New() *Format { return &Format{pool: &avrofile.Pool{}} }

// NewWriter starts an Avro file on out. Types that Avro lacks, names and
// codecs that Java refuses are errs.ErrUnsupported.
func (f *Format) NewWriter(out io.Writer, fields []types.Field, opts format.WriteOptions) (format.Writer, error) {
	w, err := newWriter(out, fields, opts, f.pool)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Open opens an Avro file.
func (f *Format) Open(in fileio.Reader, opts format.ReadOptions) (format.Reader, error) {
	r, err := openReader(in, opts, f.pool)
	if err != nil {
		return nil, err
	}
	return r, nil
}
