// Package orc writes ORC files as Paimon does and reads them, its own and those
// of others. Streams are decoded straight into Arrow buffers, batch by batch.
//
// A file ends with a postscript of one length byte, before it lie the footer
// (types, stripes) and the statistics of the stripes. A stripe holds, for each
// column, streams of one kind of value each; its own footer tells where they
// lie and how they are encoded. Every part but the postscript is cut into
// compressed chunks.
package orc

import (
	"io"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// Format is the ORC format.
// Source: org.apache.paimon.format.orc.OrcFileFormat.
type Format struct {
	pool *codecs
}

var _ format.Format = (*Format)(nil)

// New makes the format; one that lives long saves making decompressors.
func New() *Format { return &Format{pool: &codecs{}} }

// NewWriter starts an ORC file on out. The codecs are zstd, zlib, snappy, lz4
// and none; of the table's options it takes "orc.stripe.size" and
// "orc.compression.zstd.level". TIMESTAMP is written as clocks of UTC show it.
func (f *Format) NewWriter(out io.Writer, fields []types.Field, opts format.WriteOptions) (format.Writer, error) {
	w, err := newWriter(out, fields, opts, f.pool)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Open opens an ORC file.
func (f *Format) Open(in fileio.Reader, opts format.ReadOptions) (format.Reader, error) {
	r, err := openReader(in, opts, f.pool)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// instantLTZ reads the option that says what a TIMESTAMP_LTZ is in a file:
// false a point in time, true (the default) a clock of the writer's zone that
// shows UTC. Where that zone is UTC it is the same.
// Source: org.apache.paimon.format.OrcOptions.ORC_TIMESTAMP_LTZ_LEGACY_TYPE.
func instantLTZ(params map[string]string) (bool, error) {
	const key = "orc.timestamp-ltz.legacy.type"
	switch text := strings.ToLower(strings.TrimSpace(params[key])); text {
	case "", "true":
		return false, nil
	case "false":
		return true, nil
	default:
		return false, errs.Invalid("option %q: %q is neither true nor false", key, text)
	}
}
