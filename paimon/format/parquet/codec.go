package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tarndb/tarn/paimon/errs"
)

// hadoopLZ4 is codec LZ4 of the Parquet format, which Java frames as Hadoop
// does; arrow-go leaves it out.
const hadoopLZ4 = compress.Compression(5)

// codecByName maps "file.compression" to the codec.
// Source: org.apache.parquet.hadoop.metadata.CompressionCodecName.
func codecByName(name string) (compress.Compression, error) {
	switch strings.ToLower(name) {
	case "", "zstd":
		return compress.Codecs.Zstd, nil
	case "none", "uncompressed":
		return compress.Codecs.Uncompressed, nil
	case "snappy":
		return compress.Codecs.Snappy, nil
	case "gzip":
		return compress.Codecs.Gzip, nil
	case "lz4":
		return hadoopLZ4, nil
	case "lz4_raw":
		return compress.Codecs.Lz4Raw, nil
	case "brotli", "lzo":
		return 0, errs.Unsupported("parquet compression %q: Paimon itself has no such codec; use zstd, snappy, lz4, gzip or none", name)
	}
	return 0, errs.Unsupported("parquet compression %q: use zstd, snappy, lz4, gzip or none", name)
}

// codecs lends compressors, which are costly to make.
type codecs struct {
	zstd sync.Pool // *zstdEncoder
	unz  sync.Pool // *zstd.Decoder
}

type zstdEncoder struct {
	*zstd.Encoder
	level int
}

func (c *codecs) encoder(level int) (*zstdEncoder, error) {
	if e, ok := c.zstd.Get().(*zstdEncoder); ok && e.level == level {
		return e, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	return &zstdEncoder{Encoder: e, level: level}, nil
}

func (c *codecs) decoder() (*zstd.Decoder, error) {
	if d, ok := c.unz.Get().(*zstd.Decoder); ok {
		return d, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPageBytes))
	if err != nil {
		return nil, fmt.Errorf("make zstd decoder: %w", err)
	}
	return d, nil
}

// compressor compresses the pages of one file.
type compressor struct {
	codec compress.Compression
	pool  *codecs
	zstd  *zstdEncoder
	gzip  *gzip.Writer
	lz4   lz4.Compressor
}

func newCompressor(pool *codecs, codec compress.Compression, level int) (*compressor, error) {
	c := &compressor{codec: codec, pool: pool}
	if codec == compress.Codecs.Zstd {
		e, err := pool.encoder(max(level, 1))
		if err != nil {
			return nil, err
		}
		c.zstd = e
	}
	return c, nil
}

func (c *compressor) close() {
	if c.zstd != nil {
		c.pool.zstd.Put(c.zstd)
		c.zstd = nil
	}
}

// compress gives the compressed form of src, in scratch if it has room.
func (c *compressor) compress(scratch, src []byte) ([]byte, error) {
	switch c.codec {
	case compress.Codecs.Zstd:
		return c.zstd.EncodeAll(src, scratch[:0]), nil
	case compress.Codecs.Snappy:
		return snappy.Encode(scratch[:cap(scratch)], src), nil
	case compress.Codecs.Gzip:
		return c.compressGzip(scratch, src)
	case hadoopLZ4:
		out := append(scratch[:0], make([]byte, 8)...)
		out, err := c.compressLZ4(out, src)
		if err == nil {
			binary.BigEndian.PutUint32(out, uint32(len(src)))
			binary.BigEndian.PutUint32(out[4:], uint32(len(out)-8))
		}
		return out, err
	case compress.Codecs.Lz4Raw:
		return c.compressLZ4(scratch[:0], src)
	}
	return src, nil
}

func (c *compressor) compressGzip(scratch, src []byte) ([]byte, error) {
	buf := bytes.NewBuffer(scratch[:0])
	if c.gzip == nil {
		c.gzip = gzip.NewWriter(buf)
	} else {
		c.gzip.Reset(buf)
	}
	if _, err := c.gzip.Write(src); err != nil {
		return nil, err
	}
	if err := c.gzip.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func (c *compressor) compressLZ4(dst, src []byte) ([]byte, error) {
	head := len(dst)
	bound := head + lz4.CompressBlockBound(len(src))
	if cap(dst) < bound {
		grown := make([]byte, head, bound)
		copy(grown, dst)
		dst = grown
	}
	n, err := c.lz4.CompressBlock(src, dst[head:bound])
	return dst[:head+n], err
}

// maxPageBytes bounds what a page may claim to hold, so that a damaged header
// cannot exhaust memory.
const maxPageBytes = 1 << 30

// decompressor decompresses the pages of one file.
type decompressor struct {
	pool *codecs
	zstd *zstd.Decoder
	gzip *gzip.Reader
}

func (d *decompressor) close() {
	if d.zstd != nil {
		d.pool.unz.Put(d.zstd)
		d.zstd = nil
	}
}

// decompress gives the size bytes that src holds, in scratch if it has room.
func (d *decompressor) decompress(codec compress.Compression, scratch, src []byte, size int) ([]byte, error) {
	if size > maxPageBytes {
		return nil, fmt.Errorf("page claims %d bytes", size)
	}
	if codec == compress.Codecs.Uncompressed {
		if len(src) != size {
			return nil, fmt.Errorf("stored page has %d bytes, header says %d", len(src), size)
		}
		return src, nil
	}
	if size == 0 {
		return scratch[:0], nil
	}
	out, err := d.decode(codec, scratch, src, size)
	if err != nil {
		return nil, fmt.Errorf("decompress page (%s): %w", codec, err)
	}
	if len(out) != size {
		return nil, fmt.Errorf("decompress page (%s): %d bytes, header says %d", codec, len(out), size)
	}
	return out, nil
}

func (d *decompressor) decode(codec compress.Compression, scratch, src []byte, size int) ([]byte, error) {
	switch codec {
	case compress.Codecs.Zstd:
		if d.zstd == nil {
			z, err := d.pool.decoder()
			if err != nil {
				return nil, err
			}
			d.zstd = z
		}
		return d.zstd.DecodeAll(src, sized(scratch, size)[:0])
	case compress.Codecs.Snappy:
		if n, err := snappy.DecodedLen(src); err != nil || n != size {
			return nil, fmt.Errorf("snappy block of %d bytes: %w", n, orBad(err))
		}
		return snappy.Decode(sized(scratch, size), src)
	case compress.Codecs.Gzip:
		return d.decodeGzip(sized(scratch, size), src)
	case hadoopLZ4:
		return decodeHadoopLZ4(sized(scratch, size), src)
	case compress.Codecs.Brotli:
		return decodeBrotli(sized(scratch, size), src)
	case compress.Codecs.Lz4Raw:
		out := sized(scratch, size)
		n, err := lz4.UncompressBlock(src, out)
		return out[:max(n, 0)], err
	}
	return nil, errs.Unsupported("parquet codec %s", codec)
}

func orBad(err error) error {
	if err == nil {
		return errBadHeader
	}
	return err
}

func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (d *decompressor) decodeGzip(out, src []byte) ([]byte, error) {
	r := bytes.NewReader(src)
	if d.gzip == nil {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		d.gzip = z
	} else if err := d.gzip.Reset(r); err != nil {
		return nil, err
	}
	n, err := io.ReadFull(d.gzip, out)
	return out[:n], err
}

// decodeBrotli reads what other writers than Paimon make.
func decodeBrotli(out, src []byte) ([]byte, error) {
	c, err := compress.GetCodec(compress.Codecs.Brotli)
	if err != nil {
		return nil, err
	}
	r := c.(compress.StreamingCodec).NewReader(bytes.NewReader(src))
	defer r.Close()
	n, err := io.ReadFull(r, out)
	return out[:n], err
}

// decodeHadoopLZ4 reads blocks of Hadoop's codec: big-endian sizes of the
// plain data and of the compressed data that follows.
func decodeHadoopLZ4(out, src []byte) ([]byte, error) {
	have := 0
	for have < len(out) {
		if len(src) < 8 {
			return nil, io.ErrUnexpectedEOF
		}
		plain, packed := int64(binary.BigEndian.Uint32(src)), int64(binary.BigEndian.Uint32(src[4:]))
		if plain > int64(len(out)-have) || packed > int64(len(src)-8) || plain == 0 {
			return nil, errBadHeader
		}
		n, err := lz4.UncompressBlock(src[8:8+packed], out[have:have+int(plain)])
		if err != nil {
			return nil, err
		}
		if int64(n) != plain {
			return nil, io.ErrUnexpectedEOF
		}
		have += n
		src = src[8+packed:]
	}
	return out, nil
}
