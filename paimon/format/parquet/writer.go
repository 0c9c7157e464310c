package parquet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	magic     = "PAR1"
	createdBy = "tarn version 1.0"
	// stepRows is how many rows of a column are taken at a time: its values
	// stay in the processor's cache, pages end near their size.
	stepRows = 4096
)

// writerOptions are the settings of a Parquet file.
type writerOptions struct {
	pageBytes  int // plain bytes of a page
	pageRows   int // rows of a page
	dictBytes  int // plain bytes of a dictionary
	blockBytes int64
	dict       bool
	dictOf     map[string]bool // by column
}

func parseOptions(o format.WriteOptions) (writerOptions, error) {
	out := writerOptions{pageBytes: 1 << 20, pageRows: 20000, dictBytes: 1 << 20, blockBytes: 32 << 20, dict: true, dictOf: map[string]bool{}}
	if o.BlockBytes > 0 {
		out.blockBytes = o.BlockBytes
	}
	for key, text := range o.Params {
		name, column, perColumn := strings.Cut(key, "#")
		var err error
		switch name {
		case "parquet.page.size":
			out.pageBytes, err = strconv.Atoi(text)
		case "parquet.page.row.count.limit":
			out.pageRows, err = strconv.Atoi(text)
		case "parquet.dictionary.page.size":
			out.dictBytes, err = strconv.Atoi(text)
		case "parquet.block.size":
			out.blockBytes, err = strconv.ParseInt(text, 10, 64)
		case "parquet.enable.dictionary":
			var on bool
			on, err = strconv.ParseBool(text)
			if perColumn {
				out.dictOf[column] = on
			} else {
				out.dict = on
			}
		}
		if err != nil {
			return out, errs.Invalid("option %q = %q: %w", key, text, err)
		}
	}
	if out.pageBytes < 1 || out.pageRows < 1 || out.blockBytes < 1 {
		return out, errs.Invalid("parquet.page.size = %d, parquet.page.row.count.limit = %d, parquet.block.size = %d: must be positive",
			out.pageBytes, out.pageRows, out.blockBytes)
	}
	return out, nil
}

// writer writes one Parquet file.
type writer struct {
	out    io.Writer
	fields []types.Field
	o      writerOptions
	comp   *compressor
	schema *schema.Schema
	meta   *metadata.FileMetaDataBuilder
	leaves []*leafWriter
	shreds []*shredder // by column; nil for columns without nesting
	same   map[int]int // columns that repeat an earlier one
	first  []int       // by column: its first leaf

	written int64 // bytes given to out
	rows    int64 // of the current row group
	groups  int
	body    []byte
	packed  []byte
	closed  bool
}

func newWriter(out io.Writer, fields []types.Field, opts format.WriteOptions, pool *codecs) (*writer, error) {
	o, err := parseOptions(opts)
	if err != nil {
		return nil, err
	}
	codec, err := codecByName(cmp.Or(opts.Params["parquet.compression"], opts.Compression))
	if err != nil {
		return nil, err
	}
	sc, err := fileSchema(fields)
	if err != nil {
		return nil, err
	}
	level := opts.Level
	if text, ok := opts.Params["parquet.compression.codec.zstd.level"]; ok && level == 0 {
		if level, err = strconv.Atoi(text); err != nil {
			return nil, errs.Invalid("option parquet.compression.codec.zstd.level = %q: %w", text, err)
		}
	}
	w := &writer{out: out, fields: fields, o: o, schema: sc, same: opts.Same}
	if w.comp, err = newCompressor(pool, codec, level); err != nil {
		return nil, err
	}
	props := pq.NewWriterProperties(pq.WithVersion(pq.V1_0), pq.WithCreatedBy(createdBy), pq.WithCompression(codec),
		pq.WithDictionaryDefault(true), pq.WithEncoding(pq.Encodings.Plain))
	w.meta = metadata.NewFileMetadataBuilder(sc, props, nil)
	if err := w.makeLeaves(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *writer) makeLeaves() error {
	for _, f := range w.fields {
		w.first = append(w.first, len(w.leaves))
		dictOff := !w.o.dict
		if on, ok := w.o.dictOf[f.Name]; ok {
			dictOff = !on
		}
		var leafTypes []types.Type
		var s *shredder
		if f.Type.IsNested() || f.Type.Root == types.Variant {
			s = newShredder(f.Type)
			leafTypes = s.leafTypes
		} else {
			leafTypes = []types.Type{f.Type}
		}
		w.shreds = append(w.shreds, s)
		for _, t := range leafTypes {
			i := len(w.leaves)
			if i >= w.schema.NumColumns() {
				return errs.Unsupported("parquet column %q of type %s: empty ROW", f.Name, f.Type)
			}
			l, err := newLeafWriter(w, f.Name, w.schema.Column(i), t, dictOff)
			if err != nil {
				return err
			}
			w.leaves = append(w.leaves, l)
		}
	}
	return w.linkTwins()
}

// linkTwins makes the leaves of columns that repeat another take its pages.
func (w *writer) linkTwins() error {
	for i, j := range w.same {
		if i >= len(w.fields) || j < 0 || j >= i || w.shreds[i] != nil || !w.fields[i].Type.Equal(w.fields[j].Type) {
			return errs.Invalid("parquet column %d cannot repeat column %d", i, j)
		}
		if _, chained := w.same[j]; chained {
			return errs.Invalid("parquet column %d repeats column %d, which repeats another", i, j)
		}
		w.leaves[w.first[i]].twin = w.leaves[w.first[j]]
	}
	return nil
}

// Write appends the rows of b.
func (w *writer) Write(b arrow.RecordBatch) error {
	if int(b.NumCols()) != len(w.fields) {
		return errs.Invalid("write parquet: batch of %d columns for a file of %d", b.NumCols(), len(w.fields))
	}
	for i, j := range w.same {
		if !sameArray(b.Column(i).Data(), b.Column(j).Data()) {
			return errs.Invalid("write parquet: column %q is not the array of %q", w.fields[i].Name, w.fields[j].Name)
		}
	}
	for i, f := range w.fields {
		if err := w.writeColumn(i, b.Column(i)); err != nil {
			return fmt.Errorf("write parquet column %q: %w", f.Name, err)
		}
	}
	w.rows += b.NumRows()
	if w.chunkBytes() >= w.o.blockBytes {
		return w.endRowGroup()
	}
	return nil
}

// sameArray says that two arrays view the same memory.
func sameArray(a, b arrow.ArrayData) bool {
	if a == b {
		return true
	}
	if a.Len() != b.Len() || a.Offset() != b.Offset() || len(a.Buffers()) != len(b.Buffers()) {
		return false
	}
	for i, buf := range a.Buffers() {
		if buf != b.Buffers()[i] {
			return false
		}
	}
	return true
}

func (w *writer) writeColumn(i int, arr arrow.Array) error {
	if want := w.fields[i].Type.Arrow(); arr.DataType().ID() != want.ID() {
		return errs.Invalid("Arrow type %s, want %s for %s", arr.DataType(), want, w.fields[i].Type)
	}
	leaf := w.leaves[w.first[i]]
	if leaf.twin != nil {
		return nil
	}
	for lo := 0; lo < arr.Len(); lo += stepRows {
		hi := min(lo+stepRows, arr.Len())
		var err error
		if s := w.shreds[i]; s != nil {
			err = s.shred(arr, lo, hi, w.leaves[w.first[i]:])
		} else {
			err = leaf.addFlat(arr, lo, hi)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) chunkBytes() int64 {
	var n int64
	for _, l := range w.leaves {
		n += l.size()
	}
	return n
}

// Size estimates the bytes of the file if it were closed now.
func (w *writer) Size() int64 {
	if w.rows == 0 {
		return w.written
	}
	return w.written + w.chunkBytes()
}

func (w *writer) put(b []byte) error {
	n, err := w.out.Write(b)
	w.written += int64(n)
	return err
}

// start writes the magic bytes of a file.
func (w *writer) start() error {
	if w.written > 0 {
		return nil
	}
	return w.put([]byte(magic))
}

// endRowGroup writes the pages of all columns.
func (w *writer) endRowGroup() error {
	if err := w.start(); err != nil {
		return err
	}
	group := w.meta.AppendRowGroup()
	group.SetNumRows(int(w.rows))
	start := w.written
	for _, l := range w.leaves {
		if err := w.writeChunk(l, group.NextColumnChunk()); err != nil {
			return fmt.Errorf("write parquet column %q: %w", l.name, err)
		}
	}
	if err := group.Finish(w.written-start, int16(w.groups)); err != nil {
		return fmt.Errorf("write parquet row group: %w", err)
	}
	w.groups++
	w.rows = 0
	for _, l := range w.leaves {
		l.nextChunk()
	}
	return nil
}

func (w *writer) writeChunk(l *leafWriter, chunk *metadata.ColumnChunkMetaDataBuilder) error {
	if l.twin != nil {
		l = l.twin
	} else if err := l.endChunk(); err != nil {
		return err
	}
	info := l.sizes
	info.IndexPageOffset = -1
	if l.dictHeader != nil {
		info.DictPageOffset = w.written
		if err := w.put(l.dictHeader); err != nil {
			return err
		}
	}
	info.DataPageOffset = w.written
	for _, p := range l.pages {
		if err := w.put(p); err != nil {
			return err
		}
	}
	chunk.SetStats(l.encodedStats())
	return chunk.Finish(info, l.dictHeader != nil, l.fellBack, metadata.EncodingStats{})
}

// maxStatsBytes is the longest bound that a footer keeps, as in parquet-mr.
const maxStatsBytes = 4096

// encodedStats gives the row group's statistics in Parquet's form.
func (l *leafWriter) encodedStats() metadata.EncodedStatistics {
	var out metadata.EncodedStatistics
	out.SetNullCount(l.nulls)
	out.Signed = l.stats.kind == intBounds || l.stats.kind == floatBounds
	if !l.stats.set || l.stats.nan {
		return out
	}
	low, high := l.physical()
	if len(low) <= maxStatsBytes && len(high) <= maxStatsBytes {
		out.SetMin(low)
		out.SetMax(high)
	}
	return out
}

// physical gives the bounds in the plain encoding of the column.
func (l *leafWriter) physical() (low, high []byte) {
	s := l.stats.stats(0)
	enc := func(i int) []byte {
		switch l.column.PhysicalType() {
		case pq.Types.Boolean:
			return []byte{byte(s.Ints[i])}
		case pq.Types.Int32:
			return binary.LittleEndian.AppendUint32(nil, uint32(s.Ints[i]))
		case pq.Types.Int64:
			return binary.LittleEndian.AppendUint64(nil, uint64(s.Ints[i]))
		case pq.Types.Float:
			// readers take -0 for the least and 0 for the greatest zero
			return append([]byte(nil), asBytes([]float32{float32(zeroBound(s.Floats[i], i))})...)
		case pq.Types.Double:
			return append([]byte(nil), asBytes([]float64{zeroBound(s.Floats[i], i)})...)
		}
		return s.Bytes[i]
	}
	return enc(0), enc(1)
}

// Close writes the last row group and the footer.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	defer w.Abort()
	if w.rows > 0 {
		if err := w.endRowGroup(); err != nil {
			return err
		}
	}
	if err := w.start(); err != nil {
		return err
	}
	meta, err := w.meta.Finish()
	if err != nil {
		return fmt.Errorf("write parquet footer: %w", err)
	}
	var foot footer
	if _, err := meta.WriteTo(&foot, nil); err != nil {
		return fmt.Errorf("write parquet footer: %w", err)
	}
	foot = binary.LittleEndian.AppendUint32(foot, uint32(len(foot)))
	if err := w.put(append(foot, magic...)); err != nil {
		return fmt.Errorf("write parquet footer: %w", err)
	}
	return nil
}

// footer collects the footer.
type footer []byte

func (b *footer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// Abort drops what is buffered.
func (w *writer) Abort() {
	if !w.closed {
		w.closed = true
		w.comp.close()
	}
}

// Stats gives the bounds of the columns over the whole file.
func (w *writer) Stats() []format.ColumnStats {
	out := make([]format.ColumnStats, len(w.fields))
	for i := range w.fields {
		if w.shreds[i] == nil {
			l := w.leaves[w.first[i]]
			if l.twin != nil {
				l = l.twin
			}
			out[i] = l.total.stats(l.totalNulls)
		}
	}
	return out
}
