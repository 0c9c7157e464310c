package avro

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/bounds"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

// syncInterval is the number of bytes at which a block ends, as in Java
// (DataFileConstants.DEFAULT_SYNC_INTERVAL).
const syncInterval = 64_000

// writer writes one Avro file.
// Source: org.apache.paimon.format.avro.AvroBulkWriter.
type writer struct {
	file     *avrofile.Writer
	fields   []types.Field
	encoders []encoder
	stats    []*bounds.Collector
	fail     failure
	block    []byte
	rows     int64 // of block
	blocks   int64 // bytes of the blocks before, unpacked
	closed   bool
}

func newWriter(out io.Writer, fields []types.Field, opts format.WriteOptions, pool *avrofile.Pool) (*writer, error) {
	name, level := opts.Compression, opts.Level
	if own, ok := opts.Params["avro.codec"]; ok {
		if name = own; strings.EqualFold(own, "zstd") {
			return nil, errs.Unsupported("option 'avro.codec' = '%s': want Avro's own name, zstandard", own)
		}
	}
	codec, err := avrofile.CodecByName(name, level)
	if err != nil {
		return nil, err
	}
	text, err := schemaText(fields)
	if err != nil {
		return nil, err
	}
	w := &writer{fields: fields}
	for _, f := range fields {
		w.encoders = append(w.encoders, newEncoder(f.Type, &w.fail))
		w.stats = append(w.stats, bounds.New(f.Type))
	}
	w.file, err = avrofile.NewWriter(out, pool, text, codec)
	return w, err
}

// Write appends the rows of b.
func (w *writer) Write(b arrow.RecordBatch) error {
	if w.closed {
		return errors.New("write a closed Avro file")
	}
	if int(b.NumCols()) != len(w.fields) {
		return errs.Invalid("write Avro: batch of %d columns for a file of %d", b.NumCols(), len(w.fields))
	}
	for i, f := range w.fields {
		arr := b.Column(i)
		if want := f.Type.Arrow(); arr.DataType().ID() != want.ID() {
			return errs.Invalid("write Avro column %q: Arrow type %s, want %s for %s", f.Name, arr.DataType(), want, f.Type)
		}
		if !f.Type.Nullable && arr.NullN() > 0 {
			return errs.Invalid("write Avro column %q: %s holds NULL", f.Name, f.Type)
		}
		w.encoders[i].bind(arr)
		w.stats[i].Add(arr)
	}
	for i := range int(b.NumRows()) {
		for _, e := range w.encoders {
			w.block = e.append(w.block, i)
		}
		w.rows++
		if len(w.block) >= syncInterval {
			if err := w.endBlock(); err != nil {
				return err
			}
		}
	}
	if w.fail.err != nil {
		return fmt.Errorf("write Avro: %w", w.fail.err)
	}
	return nil
}

func (w *writer) endBlock() error {
	if w.rows == 0 {
		return nil
	}
	if w.fail.err != nil {
		return fmt.Errorf("write Avro: %w", w.fail.err)
	}
	if err := w.file.Block(w.rows, w.block); err != nil {
		return fmt.Errorf("write Avro block: %w", err)
	}
	w.blocks += int64(len(w.block))
	w.block, w.rows = w.block[:0], 0
	return nil
}

// Size estimates the bytes of the file if it were closed now: the open block
// is taken to shrink as those before.
func (w *writer) Size() int64 {
	size := w.file.Written()
	if w.blocks == 0 {
		return size + int64(len(w.block))
	}
	return size + int64(float64(len(w.block))*float64(size)/float64(w.blocks))
}

// Close writes the last block.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.endBlock()
}

// Abort drops what is buffered.
func (w *writer) Abort() { w.closed = true }

// Stats gives the bounds of the columns over the whole file.
func (w *writer) Stats() []format.ColumnStats {
	out := make([]format.ColumnStats, len(w.stats))
	for i, s := range w.stats {
		out[i] = s.Stats()
	}
	return out
}
