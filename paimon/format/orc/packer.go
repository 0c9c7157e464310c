package orc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tarndb/tarn/paimon/errs"
)

// blockBytes is the size of a chunk before compression.
const blockBytes = 256 << 10

// codecByName maps "file.compression" to the codec.
// Source: org.apache.orc.CompressionKind.
func codecByName(name string) (codec, error) {
	switch strings.ToLower(name) {
	case "", "zstd":
		return codecZstd, nil
	case "none", "uncompressed":
		return codecNone, nil
	case "zlib":
		return codecZlib, nil
	case "snappy":
		return codecSnappy, nil
	case "lz4":
		return codecLZ4, nil
	}
	return 0, errs.Unsupported("ORC compression %q: use zstd, zlib, snappy, lz4 or none", name)
}

// compressor compresses the chunks of one file.
type compressor struct {
	codec   codec
	level   int
	pool    *codecs
	zstd    *zstdEncoder
	zlib    *flate.Writer
	lz4     lz4.Compressor
	scratch []byte
}

type zstdEncoder struct {
	*zstd.Encoder
	level int
}

func (c *compressor) close() {
	if c.zstd != nil {
		c.pool.zstd.Put(c.zstd)
		c.zstd = nil
	}
}

// appendChunk appends src, of at most blockBytes, as a chunk.
func (c *compressor) appendChunk(dst, src []byte) ([]byte, error) {
	if c.codec == codecNone {
		return append(dst, src...), nil
	}
	packed, err := c.compress(src)
	if err != nil {
		return dst, fmt.Errorf("compress chunk (%s): %w", c.codec, err)
	}
	head := len(packed) << 1
	if len(packed) == 0 || len(packed) >= len(src) {
		packed, head = src, len(src)<<1|1
	}
	dst = append(dst, byte(head), byte(head>>8), byte(head>>16))
	return append(dst, packed...), nil
}

// compress gives the compressed form of src; it stays until the next call.
func (c *compressor) compress(src []byte) (out []byte, err error) {
	switch c.codec {
	case codecZstd:
		if c.zstd == nil {
			if c.zstd, err = c.pool.encoder(max(c.level, 1)); err != nil {
				return nil, err
			}
		}
		c.scratch = c.zstd.EncodeAll(src, c.scratch[:0])
	case codecSnappy:
		c.scratch = snappy.Encode(c.scratch[:cap(c.scratch)], src)
	case codecLZ4:
		c.scratch = sized(c.scratch, lz4.CompressBlockBound(len(src)))
		n, err := c.lz4.CompressBlock(src, c.scratch)
		return c.scratch[:n], err
	case codecZlib:
		buf := bytes.NewBuffer(c.scratch[:0])
		if c.zlib == nil {
			if c.zlib, err = flate.NewWriter(buf, flate.DefaultCompression); err != nil {
				return nil, err
			}
		} else {
			c.zlib.Reset(buf)
		}
		if _, err := c.zlib.Write(src); err != nil {
			return nil, err
		}
		if err := c.zlib.Close(); err != nil {
			return nil, err
		}
		c.scratch = buf.Bytes()
	}
	return c.scratch, nil
}

func (c *codecs) encoder(level int) (*zstdEncoder, error) {
	if e, ok := c.zstd.Get().(*zstdEncoder); ok && e.level == level {
		return e, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	return &zstdEncoder{Encoder: e, level: level}, nil
}

// packer gathers the bytes of one stream and compresses them chunk by chunk.
type packer struct {
	comp  *compressor
	plain []byte // of the current chunk
	out   []byte
	err   error
}

func (p *packer) write(b []byte) {
	for len(b) > 0 {
		n := min(len(b), blockBytes-len(p.plain))
		p.plain = append(p.plain, b[:n]...)
		b = b[n:]
		if len(p.plain) == blockBytes {
			p.flush()
		}
	}
}

// flush ends the current chunk.
func (p *packer) flush() {
	if len(p.plain) > 0 {
		var err error
		if p.out, err = p.comp.appendChunk(p.out, p.plain); err != nil && p.err == nil {
			p.err = err
		}
		p.plain = p.plain[:0]
	}
}

func (p *packer) size() int { return len(p.plain) + len(p.out) }

func (p *packer) reset() { p.plain, p.out = p.plain[:0], p.out[:0] }
