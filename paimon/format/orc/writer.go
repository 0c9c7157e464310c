package orc

import (
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/bounds"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	// defaultStripeBytes are bytes compressed: what Java gets from its 64 MiB of
	// memory, or more.
	defaultStripeBytes = 32 << 20
	// stepRows is how many rows are taken before the size of the stripe is
	// looked at.
	stepRows = 8192
	// writerVersion is that of the Java writer whose rules are kept: ORC_14.
	writerVersion = 9
	software      = "tarn"
)

// writer writes one ORC file.
type writer struct {
	out     io.Writer
	fields  []types.Field
	comp    *compressor
	stripe  int64 // bytes
	root    *columnWriter
	types   [][]byte
	columns []*columnWriter      // by number
	bounds  []*bounds.Collector  // of the stripe, by field; nil where there are none
	stats   []format.ColumnStats // of the file, by field
	blocks  [][]byte             // statistics of the stripes
	stripes [][]byte             // where they are
	written int64
	rows    int64 // of the stripe
	all     int64
	closed  bool
}

func newWriter(out io.Writer, fields []types.Field, opts format.WriteOptions, pool *codecs) (*writer, error) {
	c, err := codecByName(opts.Compression)
	if err != nil {
		return nil, err
	}
	w := &writer{out: out, fields: fields, stripe: defaultStripeBytes, comp: &compressor{codec: c, level: opts.Level, pool: pool}}
	if opts.BlockBytes > 0 {
		w.stripe = opts.BlockBytes
	}
	for key, text := range map[string]string{"orc.stripe.size": "", "orc.compression.zstd.level": ""} {
		if text = opts.Params[key]; text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return nil, errs.Invalid("option %q = %q: want a positive number", key, text)
		}
		if key == "orc.stripe.size" {
			if opts.BlockBytes <= 0 { // "file.block-size" goes first
				w.stripe = n
			}
		} else {
			w.comp.level = int(min(n, 22))
		}
	}
	s := &schemaWriter{comp: w.comp}
	if w.root, err = s.column(types.RowOf(fields...), -1, 0, 0); err != nil {
		return nil, err
	}
	w.types, w.columns = s.types, make([]*columnWriter, s.all)
	w.root.each(func(c *columnWriter) { w.columns[c.id] = c })
	for _, f := range fields {
		var b *bounds.Collector
		if !f.Type.IsNested() {
			b = bounds.New(f.Type)
		}
		w.bounds = append(w.bounds, b)
		w.stats = append(w.stats, format.ColumnStats{Known: true})
	}
	return w, w.emit([]byte(magic))
}

func (w *writer) emit(b []byte) error {
	n, err := w.out.Write(b)
	w.written += int64(n)
	return err
}

// Write appends the rows of b.
func (w *writer) Write(b arrow.RecordBatch) error {
	if int(b.NumCols()) != len(w.fields) {
		return errs.Invalid("a batch of %d columns for an ORC file of %d", b.NumCols(), len(w.fields))
	}
	for lo := int64(0); lo < b.NumRows(); lo += stepRows {
		hi := min(lo+stepRows, b.NumRows())
		for i, k := range w.root.kids {
			if err := k.add(b.Column(i), []span{{int(lo), int(hi)}}); err != nil {
				return errs.Invalid("column %q: %w", w.fields[i].Name, err)
			}
			if w.bounds[i] != nil {
				part := array.NewSlice(b.Column(i), lo, hi)
				w.bounds[i].Add(part)
				part.Release()
			}
		}
		w.rows += hi - lo
		if int64(w.buffered()) >= w.stripe {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) buffered() int { return w.root.size() }

// Size estimates the bytes of the file.
func (w *writer) Size() int64 {
	if w.closed {
		return w.written
	}
	return w.written + int64(w.buffered())
}

// flush writes the stripe.
func (w *writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	start, foot := w.written, []byte(nil)
	encodings := make([]encoding, len(w.columns))
	for _, c := range w.columns {
		var out []streamOut
		if c.nulls > 0 {
			c.present.flush()
			out = append(out, streamOut{streamPresent, &c.bits})
		}
		if c.values != nil {
			more, e := c.values.streams()
			out, encodings[c.id] = append(out, more...), e
		}
		for _, s := range out {
			s.flush()
			if s.err != nil {
				return s.err
			}
			if err := w.emit(s.out); err != nil {
				return err
			}
			one := appendNumber(appendNumber(appendNumber(nil, 1, uint64(s.kind)), 2, uint64(c.id)), 3, uint64(len(s.out)))
			foot = appendBytes(foot, 1, one)
		}
	}
	for _, e := range encodings {
		one := appendNumber(nil, 1, uint64(e.kind))
		if e.dictionary() {
			one = appendNumber(one, 2, uint64(e.words))
		}
		foot = appendBytes(foot, 2, one)
	}
	foot = appendBytes(foot, 3, []byte("UTC"))
	data := w.written - start
	n, err := w.emitPacked(foot)
	if err != nil {
		return err
	}
	info := appendNumber(appendNumber(nil, 1, uint64(start)), 2, 0)
	info = appendNumber(appendNumber(info, 3, uint64(data)), 4, uint64(n))
	w.stripes = append(w.stripes, appendNumber(info, 5, uint64(w.rows)))
	w.endStripe()
	return nil
}

// endStripe keeps the statistics and starts over.
func (w *writer) endStripe() {
	found := make([]format.ColumnStats, len(w.fields))
	for i, b := range w.bounds {
		if b != nil {
			found[i] = b.Stats()
			w.stats[i] = merge(w.stats[i], found[i], w.fields[i].Type)
			w.bounds[i] = bounds.New(w.fields[i].Type)
		}
	}
	var block []byte
	for _, one := range w.statistics(found, w.rows, func(c *columnWriter) (int64, int64) { return c.rows, c.nulls }) {
		block = appendBytes(block, 1, one)
	}
	w.blocks = append(w.blocks, block)
	for _, c := range w.columns {
		// A part of a byte of PRESENT must not stay.
		c.present.flush()
		c.reset()
	}
	w.all += w.rows
	w.rows = 0
}

// statistics gives those of all columns by their numbers.
func (w *writer) statistics(found []format.ColumnStats, rows int64, counts func(*columnWriter) (int64, int64)) [][]byte {
	out := make([][]byte, len(w.columns))
	for _, c := range w.columns[1:] {
		n, nulls := counts(c)
		out[c.id] = appendStats(nil, n-nulls, nulls, types.Type{}, format.ColumnStats{})
	}
	out[0] = appendStats(nil, rows, 0, types.Type{}, format.ColumnStats{})
	for i, k := range w.root.kids {
		n, nulls := counts(k)
		out[k.id] = appendStats(nil, n-nulls, nulls, w.fields[i].Type, found[i])
	}
	return out
}

// emitPacked writes metadata in compressed chunks and gives their size.
func (w *writer) emitPacked(b []byte) (int, error) {
	p := packer{comp: w.comp}
	p.write(b)
	p.flush()
	if p.err != nil {
		return 0, p.err
	}
	return len(p.out), w.emit(p.out)
}

// Close writes the last stripe and the footer.
func (w *writer) Close() error {
	defer w.comp.close()
	if err := w.flush(); err != nil {
		return err
	}
	for i, k := range w.root.kids {
		w.stats[i].NullCount = k.allNulls
	}
	body := w.written
	var metadata []byte
	for _, b := range w.blocks {
		metadata = appendBytes(metadata, 1, b)
	}
	metaSize, err := w.emitPacked(metadata)
	if err != nil {
		return err
	}
	footSize, err := w.emitPacked(w.footer(body))
	if err != nil {
		return err
	}
	post := appendNumber(appendNumber(nil, 1, uint64(footSize)), 2, uint64(w.comp.codec))
	if w.comp.codec != codecNone {
		post = appendNumber(post, 3, blockBytes)
	}
	post = appendBytes(post, 4, []byte{0, 12})
	post = appendNumber(appendNumber(post, 5, uint64(metaSize)), 6, writerVersion)
	post = appendBytes(post, 8000, []byte(magic))
	w.closed = true
	return w.emit(append(post, byte(len(post))))
}

func (w *writer) footer(body int64) []byte {
	out := appendNumber(appendNumber(nil, 1, uint64(len(magic))), 2, uint64(body))
	for _, s := range w.stripes {
		out = appendBytes(out, 3, s)
	}
	for _, t := range w.types {
		out = appendBytes(out, 4, t)
	}
	out = appendNumber(out, 6, uint64(w.all))
	for _, one := range w.statistics(w.stats, w.all, func(c *columnWriter) (int64, int64) { return c.allRows, c.allNulls }) {
		out = appendBytes(out, 7, one)
	}
	out = appendNumber(out, 8, 0)  // no row index
	out = appendNumber(out, 11, 1) // days are taken as Java's Paimon takes them
	return appendBytes(out, 12, []byte(software))
}

// Stats gives the statistics of the columns.
func (w *writer) Stats() []format.ColumnStats { return w.stats }

// Abort drops what is buffered.
func (w *writer) Abort() { w.comp.close() }
