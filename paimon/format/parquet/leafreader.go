package parquet

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/errs"
)

// leafReader reads one leaf column, row group by row group.
type leafReader struct {
	index  int // among the file's leaves
	node   *schema.PrimitiveNode
	maxDef int
	maxRep int
	isFlat bool // a column by itself: no levels but its own NULLs
	alloc  memory.Allocator
	sink   sink
	chunk  chunkReader

	// the current page
	left    int // levels of the page not yet taken
	defs    hybrid
	data    []byte
	idx     hybrid
	isDict  bool
	scratch []uint32

	// nested columns: the decoded levels of the page
	pageDefs, pageReps []uint8
	// and of the batch being read
	batchDefs, batchReps []uint8
}

// startChunk moves to another row group.
func (l *leafReader) startChunk(in io.ReaderAt, meta *metadata.ColumnChunkMetaData, fileSize int64) error {
	l.left = 0
	l.pageDefs, l.pageReps = nil, nil
	return l.chunk.reset(in, meta, fileSize)
}

// loadPage reads pages until one has levels; io.EOF at the end of the chunk.
func (l *leafReader) loadPage() error {
	for l.left == 0 {
		h, body, err := l.chunk.next()
		if err != nil {
			return err
		}
		switch h.kind {
		case dictPage:
			data, err := l.chunk.dictionary(h, body)
			if err != nil {
				return err
			}
			if err := l.sink.setDict(data, int(h.values)); err != nil {
				return fmt.Errorf("dictionary page: %w", err)
			}
		case dataPage, dataPageV2:
			p, err := l.chunk.dataPage(h, body, l.maxRep, l.maxDef)
			if err != nil {
				return err
			}
			if err := l.startPage(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *leafReader) startPage(p dataPageBody) error {
	l.left, l.data = p.levels, p.data
	if b, ok := l.sink.(*boolSink); ok {
		b.bit = 0
	}
	switch p.encoding {
	case pq.Encodings.Plain:
		l.isDict = false
	case pq.Encodings.PlainDict, pq.Encodings.RLEDict:
		l.isDict = true
		if len(p.data) == 0 {
			p.data = []byte{0} // a page of NULLs
		}
		if err := l.idx.reset(p.data[1:], int(p.data[0])); err != nil {
			return err
		}
	case pq.Encodings.RLE:
		if err := l.startRLEBools(p); err != nil {
			return err
		}
	default:
		data, err := l.decodeDelta(p)
		if err != nil {
			return err
		}
		l.isDict, l.data = false, data
	}
	if l.maxDef > 0 {
		if err := l.defs.reset(p.defs, levelWidth(l.maxDef)); err != nil {
			return err
		}
	}
	if l.isFlat {
		return nil
	}
	return l.decodeLevels(p)
}

func (l *leafReader) decodeLevels(p dataPageBody) error {
	if p.levels > maxPageBytes {
		return errBadHeader
	}
	l.pageDefs = resizeLevels(l.pageDefs, p.levels)
	if err := decodeHybrid(&l.defs, l.pageDefs); err != nil {
		return err
	}
	if p.levels > 0 && int(slices.Max(l.pageDefs)) > l.maxDef {
		return errBadLevel
	}
	l.pageReps = resizeLevels(l.pageReps, p.levels)
	if l.maxRep == 0 {
		clear(l.pageReps)
		return nil
	}
	var reps hybrid
	if err := reps.reset(p.reps, levelWidth(l.maxRep)); err != nil {
		return err
	}
	if err := decodeHybrid(&reps, l.pageReps); err != nil {
		return err
	}
	if p.levels > 0 && int(slices.Max(l.pageReps)) > l.maxRep {
		return errBadLevel
	}
	return nil
}

func resizeLevels(b []uint8, n int) []uint8 {
	if cap(b) < n {
		return make([]uint8, n)
	}
	return b[:n]
}

// startRLEBools turns run-length encoded booleans into plain ones.
func (l *leafReader) startRLEBools(p dataPageBody) error {
	if _, ok := l.sink.(*boolSink); !ok {
		return errs.Unsupported("parquet encoding %s of %s", p.encoding, l.node.PhysicalType())
	}
	data, _, err := cutLength(p.data)
	if err != nil {
		return err
	}
	var h hybrid
	if err := h.reset(data, 1); err != nil {
		return err
	}
	bits := make([]byte, (p.levels+7)/8)
	n := p.levels
	if l.maxDef > 0 {
		if n, err = l.countValues(p); err != nil {
			return err
		}
	}
	if _, err := h.bitmap(bits, 0, n); err != nil {
		return err
	}
	l.isDict, l.data = false, bits
	return nil
}

// countValues gives the values of a page that are not NULL.
func (l *leafReader) countValues(p dataPageBody) (int, error) {
	if l.maxDef == 0 {
		return p.levels, nil
	}
	var h hybrid
	if err := h.reset(p.defs, levelWidth(l.maxDef)); err != nil {
		return 0, err
	}
	var buf [512]uint8
	n := 0
	for left := p.levels; left > 0; {
		part := buf[:min(left, len(buf))]
		if err := decodeHybrid(&h, part); err != nil {
			return 0, err
		}
		for _, d := range part {
			if int(d) == l.maxDef {
				n++
			}
		}
		left -= len(part)
	}
	return n, nil
}

// values moves k values of the page to the sink.
func (l *leafReader) values(k int) error {
	if k == 0 {
		return nil
	}
	if !l.isDict {
		rest, err := l.sink.plain(l.data, k)
		l.data = rest
		return err
	}
	if cap(l.scratch) < k {
		l.scratch = make([]uint32, k)
	}
	idx := l.scratch[:k]
	if err := decodeHybrid(&l.idx, idx); err != nil {
		return err
	}
	return l.sink.indexed(idx)
}

// readFlat reads n rows of a column without nesting.
func (l *leafReader) readFlat(n int) (arrow.ArrayData, error) {
	l.sink.begin(n)
	var valid *memory.Buffer
	if l.maxDef > 0 {
		valid = memory.NewResizableBuffer(l.alloc)
		valid.Resize((n + 7) / 8)
		clear(valid.Bytes())
	}
	nulls, err := l.fillFlat(n, valid)
	if err != nil {
		l.sink.drop()
		if valid != nil {
			valid.Release()
		}
		return nil, l.wrap(err)
	}
	if nulls == 0 && valid != nil {
		valid.Release()
		valid = nil
	}
	return l.sink.finish(valid, n, nulls), nil
}

func (l *leafReader) fillFlat(n int, valid *memory.Buffer) (nulls int, err error) {
	for at := 0; at < n; {
		if err := l.loadPage(); err != nil {
			return 0, unexpected(err)
		}
		k := min(n-at, l.left)
		ones := k
		if valid != nil {
			if ones, err = l.defs.bitmap(valid.Bytes(), at, k); err != nil {
				return 0, err
			}
		}
		if err := l.values(ones); err != nil {
			return 0, err
		}
		nulls += k - ones
		at += k
		l.left -= k
	}
	return nulls, nil
}

// unexpected turns the end of a chunk into an error: rows are missing.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (l *leafReader) wrap(err error) error {
	return fmt.Errorf("column %q: %w", l.node.Path(), err)
}

// readLevels reads the levels of n rows of a nested column into batchDefs and
// batchReps and its values into the sink, which the caller finishes or drops.
func (l *leafReader) readLevels(n int) error {
	l.batchDefs, l.batchReps = l.batchDefs[:0], l.batchReps[:0]
	l.sink.begin(n)
	for rows := 0; ; {
		if err := l.loadPage(); err == io.EOF && rows == n {
			return nil
		} else if err != nil {
			return l.wrap(unexpected(err))
		}
		from := len(l.pageReps) - l.left
		to, full := from, false
		for ; to < len(l.pageReps); to++ {
			if l.pageReps[to] == 0 {
				if rows == n {
					full = true
					break
				}
				rows++
			}
		}
		if err := l.takeLevels(from, to); err != nil {
			return l.wrap(err)
		}
		if full {
			return nil
		}
	}
}

// takeLevels takes levels [from, to) of the page.
func (l *leafReader) takeLevels(from, to int) error {
	defs := l.pageDefs[from:to]
	l.batchDefs = append(l.batchDefs, defs...)
	l.batchReps = append(l.batchReps, l.pageReps[from:to]...)
	l.left -= to - from
	n := 0
	for _, d := range defs {
		if int(d) == l.maxDef {
			n++
		}
	}
	l.sink.reserve(n)
	return l.values(n)
}
