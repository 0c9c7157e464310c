package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// How a leaf column encodes the values of its current row group.
type encodingMode uint8

const (
	// trial builds a dictionary for the first page, to see whether it pays.
	trial encodingMode = iota
	// withDict writes indexes; a dictionary that grows too large ends it.
	withDict
	plain
)

// leafWriter writes the pages of one leaf column. Values collect in the
// current page; finished pages stay in memory, compressed, until the row group
// ends.
type leafWriter struct {
	w      *writer
	name   string
	column *schema.Column
	enc    encoder
	dict   dictionary
	bool   bool
	isFlat bool // no levels but the column's own NULLs
	maxDef int
	maxRep int
	twin   *leafWriter // the leaf whose pages this one repeats

	// the current page
	values     []byte // plain encoding, except for booleans: a byte each
	idx        []uint32
	nvals      int // values that are not NULL
	nlevels    int
	rows       int
	valid      []byte // bitmap of a flat column
	defs, reps []uint8

	// the current row group
	mode       encodingMode
	pages      [][]byte
	dictHeader []byte // dictionary page, written before the others
	sizes      metadata.ChunkMetaInfo
	rawBytes   int64 // of finished pages
	fellBack   bool
	stats      bounds
	nulls      int64

	// the file
	total      bounds
	totalNulls int64
}

func newLeafWriter(w *writer, name string, column *schema.Column, t types.Type, dictOff bool) (*leafWriter, error) {
	enc, kind, err := newEncoder(t)
	if err != nil {
		return nil, errs.Unsupported("parquet column %q: %w", name, err)
	}
	l := &leafWriter{
		w: w, name: name, column: column, enc: enc,
		maxDef: int(column.MaxDefinitionLevel()), maxRep: int(column.MaxRepetitionLevel()),
		stats: bounds{kind: kind}, total: bounds{kind: kind},
	}
	_, l.bool = enc.(*boolEncoder)
	l.isFlat = l.maxRep == 0 && l.maxDef <= 1 && len(column.ColumnPath()) == 1
	if !dictOff {
		l.dict = enc.dict()
	}
	l.mode = plain
	if l.dict != nil {
		l.mode = trial
		l.dict.reset()
	}
	return l, nil
}

// addFlat appends rows [lo, hi) of a column without nesting.
func (l *leafWriter) addFlat(arr arrow.Array, lo, hi int) error {
	if err := l.enc.bind(arr); err != nil {
		return err
	}
	var bitmap []byte
	if arr.NullN() > 0 {
		bitmap = arr.NullBitmapBytes()
		if l.maxDef == 0 {
			return errs.Invalid("column %q is NOT NULL but holds NULL", l.name)
		}
	}
	for lo < hi {
		n := min(hi-lo, l.w.o.pageRows-l.rows)
		off := arr.Data().Offset()
		if l.maxDef > 0 {
			l.valid = appendBits(l.valid, l.nlevels, bitmap, off+lo, n)
		}
		before := l.nvals
		validRuns(bitmap, off+lo, off+lo+n, func(a, b int) { l.addValues(a-off, b-off) })
		l.nulls += int64(n - (l.nvals - before))
		l.nlevels += n
		l.rows += n
		lo += n
		if err := l.maybeFlush(); err != nil {
			return err
		}
	}
	return nil
}

// addValues appends values [lo, hi) of the bound array, none of them NULL.
func (l *leafWriter) addValues(lo, hi int) {
	l.nvals += hi - lo
	if l.mode == plain {
		l.values = l.enc.appendPlain(l.values, lo, hi, &l.stats)
		return
	}
	l.idx = l.dict.appendIndexes(l.idx, lo, hi)
}

// maybeFlush ends the page when it is full and gives up on a dictionary that
// does not pay.
func (l *leafWriter) maybeFlush() error {
	switch l.mode {
	case trial:
		const early = 2048
		if n := l.dict.entries(); len(l.idx) >= early && n > len(l.idx)/10*9 || n > maxDictEntries || l.dict.plainBytes() > l.w.o.dictBytes {
			l.leaveTrial()
		}
	case withDict:
		if l.dict.entries() > maxDictEntries || l.dict.plainBytes() > l.w.o.dictBytes {
			if err := l.flushPage(); err != nil {
				return err
			}
			l.mode, l.fellBack = plain, true
			return nil
		}
	}
	if l.rows >= l.w.o.pageRows || len(l.values) >= l.w.o.pageBytes || len(l.idx)*2 >= l.w.o.pageBytes {
		return l.flushPage()
	}
	return nil
}

// leaveTrial turns the values of the first page back into plain ones.
func (l *leafWriter) leaveTrial() {
	l.values = l.dict.appendPlain(l.values, l.idx)
	l.idx = l.idx[:0]
	l.dict.bound(&l.stats)
	l.mode = plain
}

// decide ends the trial: a dictionary must save a quarter.
func (l *leafWriter) decide() {
	n := l.dict.entries()
	indexes := len(l.idx) * bits.Len(uint(max(n-1, 0))) / 8
	asPlain := l.plainSize()
	if l.dict.plainBytes()+indexes < asPlain/4*3 {
		l.mode = withDict
		return
	}
	l.leaveTrial()
}

// plainSize is what the indexes of the page would take as plain values.
func (l *leafWriter) plainSize() int {
	if d, ok := l.dict.(*bytesDictionary); ok {
		n := 0
		for _, i := range l.idx {
			n += 4 + len(d.d.at(i))
		}
		return n
	}
	return len(l.idx) * (l.dict.plainBytes() / max(l.dict.entries(), 1))
}

// flushPage compresses the current page and keeps it.
func (l *leafWriter) flushPage() error {
	if l.nlevels == 0 {
		return nil
	}
	if l.mode == trial {
		l.decide()
	}
	body := l.appendLevels(l.w.body[:0])
	h := pageHeader{kind: dataPage, values: int32(l.nlevels), encoding: pq.Encodings.Plain}
	switch {
	case l.mode == withDict:
		width := bits.Len(uint(max(l.dict.entries()-1, 0)))
		body = append(body, byte(width))
		body = appendHybrid(body, l.idx, width)
		h.encoding = pq.Encodings.PlainDict
	case l.bool:
		body = packBools(body, l.values)
	default:
		body = append(body, l.values...)
	}
	l.w.body = body
	page, err := l.finishPage(&h, body)
	if err != nil {
		return err
	}
	l.pages = append(l.pages, page)
	l.sizes.NumValues += int64(l.nlevels)
	l.values, l.idx, l.valid = l.values[:0], l.idx[:0], l.valid[:0]
	l.defs, l.reps = l.defs[:0], l.reps[:0]
	l.nvals, l.nlevels, l.rows = 0, 0, 0
	return nil
}

// finishPage compresses body and puts the header before it.
func (l *leafWriter) finishPage(h *pageHeader, body []byte) ([]byte, error) {
	packed, err := l.w.comp.compress(l.w.packed, body)
	if err != nil {
		return nil, err
	}
	if l.w.comp.codec != 0 {
		l.w.packed = packed
	}
	h.uncompressed, h.compressed = int32(len(body)), int32(len(packed))
	var buf [64]byte
	head := h.append(buf[:0])
	page := make([]byte, len(head)+len(packed))
	copy(page[copy(page, head):], packed)
	l.sizes.UncompressedSize += int64(len(head) + len(body))
	l.sizes.CompressedSize += int64(len(page))
	l.rawBytes += int64(len(body))
	return page, nil
}

// appendLevels writes the repetition and definition levels of the page.
func (l *leafWriter) appendLevels(dst []byte) []byte {
	if l.maxRep > 0 {
		dst = withLength(dst, func(dst []byte) []byte {
			return appendHybrid(dst, l.reps, bits.Len(uint(l.maxRep)))
		})
	}
	if l.maxDef == 0 {
		return dst
	}
	return withLength(dst, func(dst []byte) []byte {
		if l.isFlat {
			return appendBitmapLevels(dst, l.valid, l.nlevels, l.nlevels-l.nvals)
		}
		return appendHybrid(dst, l.defs, bits.Len(uint(l.maxDef)))
	})
}

// withLength puts a 4-byte length before what add appends.
func withLength(dst []byte, add func([]byte) []byte) []byte {
	at := len(dst)
	dst = add(append(dst, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// size estimates the bytes of the column's chunk if it ended now.
func (l *leafWriter) size() int64 {
	if l.twin != nil {
		return l.twin.size()
	}
	pending := int64(len(l.values) + len(l.idx)*2 + len(l.valid) + (len(l.defs)+len(l.reps))/8)
	if l.bool {
		pending = int64(len(l.values)) / 8
	}
	if l.mode != plain {
		pending += int64(l.dict.plainBytes())
	}
	if l.rawBytes > 0 {
		pending = pending * l.sizes.CompressedSize / l.rawBytes
	}
	return l.sizes.CompressedSize + pending
}

// endChunk finishes the column's pages of this row group; the pages are then
// in dictHeader and pages.
func (l *leafWriter) endChunk() error {
	if err := l.flushPage(); err != nil {
		return err
	}
	if l.mode == withDict || l.fellBack {
		h := pageHeader{kind: dictPage, values: int32(l.dict.entries()), encoding: pq.Encodings.PlainDict}
		l.w.body = l.dict.page(l.w.body[:0])
		page, err := l.finishPage(&h, l.w.body)
		if err != nil {
			return err
		}
		l.dictHeader = page
		l.dict.bound(&l.stats)
	}
	l.total.merge(&l.stats)
	l.total.nan = l.total.nan || l.stats.nan
	l.totalNulls += l.nulls
	return nil
}

// nextChunk readies the column for another row group. A column whose
// dictionary did not pay is not tried again.
func (l *leafWriter) nextChunk() {
	wasPlain := l.mode == plain
	clear(l.pages)
	l.pages, l.dictHeader = l.pages[:0], nil
	l.sizes, l.rawBytes, l.fellBack, l.nulls = metadata.ChunkMetaInfo{}, 0, false, 0
	l.stats = bounds{kind: l.stats.kind}
	if !wasPlain {
		l.mode = trial
		l.dict.reset()
	}
}
