package parquet

import (
	"encoding/binary"
	"fmt"
	"io"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"github.com/tarndb/tarn/paimon/errs"
)

// windowBytes is how much of a column chunk is read at a time: few requests
// for stores, bounded memory for merges of many files.
const windowBytes = 1 << 20

// chunkReader gives the pages of one column chunk.
type chunkReader struct {
	in     io.ReaderAt
	codec  compress.Compression
	off    int64 // file offset of window[pos:]
	end    int64
	window []byte
	pos    int
	unpack *decompressor
	plain  []byte // decompressed page
	values int64  // levels not yet seen, by the footer
	total  int64
}

// dataPageBody is a decompressed data page.
type dataPageBody struct {
	levels     int // values with NULLs
	encoding   pq.Encoding
	reps, defs []byte // encoded levels
	data       []byte
}

// reset starts the chunk described by meta. fileSize bounds its pages.
func (c *chunkReader) reset(in io.ReaderAt, meta *metadata.ColumnChunkMetaData, fileSize int64) error {
	start := meta.DataPageOffset()
	if meta.HasDictionaryPage() && meta.DictionaryPageOffset() > 0 && meta.DictionaryPageOffset() < start {
		start = meta.DictionaryPageOffset()
	}
	size := meta.TotalCompressedSize()
	if start < 4 || size < 0 || start > fileSize || size > fileSize-start {
		return fmt.Errorf("column chunk at %d of %d bytes lies outside the file of %d bytes", start, size, fileSize)
	}
	if meta.NumValues() < 0 {
		return fmt.Errorf("column chunk of %d values", meta.NumValues())
	}
	c.in, c.codec, c.off, c.end = in, meta.Compression(), start, start+size
	c.window, c.pos = c.window[:0], 0
	c.values, c.total = meta.NumValues(), meta.NumValues()
	return nil
}

// fill makes at least n bytes available at window[pos:]; fewer at the end of
// the chunk.
func (c *chunkReader) fill(n int) error {
	have := len(c.window) - c.pos
	if have >= n {
		return nil
	}
	left := c.end - c.off - int64(have)
	want := min(int64(max(n-have, windowBytes-have)), left)
	if want <= 0 {
		return nil
	}
	next := c.window
	if cap(next) < have+int(want) {
		next = make([]byte, 0, have+int(want))
	}
	next = next[:have+int(want)]
	copy(next, c.window[c.pos:])
	c.window, c.pos = next, 0
	if k, err := c.in.ReadAt(next[have:], c.off+int64(have)); err != nil && !(err == io.EOF && k == int(want)) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read %d bytes at %d: %w", want, c.off+int64(have), err)
	}
	return nil
}

func (c *chunkReader) skip(n int) {
	c.pos += n
	c.off += int64(n)
}

// next reads the next page; io.EOF after the last. The bytes stay valid until
// the following call.
func (c *chunkReader) next() (pageHeader, []byte, error) {
	var h pageHeader
	if c.off >= c.end {
		return h, nil, io.EOF
	}
	n, err := 0, errShortHeader
	for want := 512; err == errShortHeader && want <= 16<<20; want *= 8 {
		if ferr := c.fill(want); ferr != nil {
			return h, nil, ferr
		}
		h, n, err = parsePageHeader(c.window[c.pos:])
		if int64(want) >= c.end-c.off {
			break
		}
	}
	if err != nil {
		return h, nil, fmt.Errorf("page at %d: %w", c.off, err)
	}
	if int64(h.compressed) > c.end-c.off-int64(n) {
		return h, nil, fmt.Errorf("page at %d of %d bytes leaves its column chunk", c.off, h.compressed)
	}
	c.skip(n)
	if err := c.fill(int(h.compressed)); err != nil {
		return h, nil, err
	}
	body := c.window[c.pos : c.pos+int(h.compressed)]
	c.skip(int(h.compressed))
	return h, body, nil
}

// dictionary decompresses the body of a dictionary page into fresh memory.
func (c *chunkReader) dictionary(h pageHeader, body []byte) ([]byte, error) {
	if h.encoding != pq.Encodings.Plain && h.encoding != pq.Encodings.PlainDict {
		return nil, errs.Unsupported("parquet dictionary in encoding %s", h.encoding)
	}
	out, err := c.unpack.decompress(c.codec, nil, body, int(h.uncompressed))
	if c.codec == compress.Codecs.Uncompressed {
		out = append([]byte(nil), out...)
	}
	return out, err
}

// dataPage decompresses a data page and finds its parts.
func (c *chunkReader) dataPage(h pageHeader, body []byte, maxRep, maxDef int) (dataPageBody, error) {
	p := dataPageBody{levels: int(h.values), encoding: h.encoding}
	if c.values -= int64(h.values); c.values < 0 {
		return p, fmt.Errorf("pages hold more than the %d values of the column chunk", c.total)
	}
	if h.kind == dataPageV2 {
		return p, c.splitV2(&p, h, body)
	}
	out, err := c.unpack.decompress(c.codec, c.plain, body, int(h.uncompressed))
	if err != nil {
		return p, err
	}
	if c.codec != compress.Codecs.Uncompressed {
		c.plain = out
	}
	if maxRep > 0 {
		if p.reps, out, err = cutLength(out); err != nil {
			return p, err
		}
	}
	if maxDef > 0 {
		if p.defs, out, err = cutLength(out); err != nil {
			return p, err
		}
	}
	p.data = out
	return p, nil
}

func cutLength(data []byte) (part, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errShortLevels
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if n > int64(len(data)-4) {
		return nil, nil, errShortLevels
	}
	return data[4 : 4+n], data[4+n:], nil
}

// splitV2 takes apart a version 2 page, whose levels are not compressed.
func (c *chunkReader) splitV2(p *dataPageBody, h pageHeader, body []byte) error {
	levels := int64(h.repBytes) + int64(h.defBytes)
	if levels > int64(len(body)) || levels > int64(h.uncompressed) {
		return errShortLevels
	}
	p.reps = body[:h.repBytes]
	p.defs = body[h.repBytes:levels]
	codec := c.codec
	if h.stored {
		codec = compress.Codecs.Uncompressed
	}
	var err error
	p.data, err = c.unpack.decompress(codec, c.plain, body[levels:], int(int64(h.uncompressed)-levels))
	if codec != compress.Codecs.Uncompressed && err == nil {
		c.plain = p.data
	}
	return err
}
