package orc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tarndb/tarn/paimon/errs"
)

// codec is how the chunks of a file are compressed.
type codec uint8

const (
	codecNone codec = iota
	codecZlib
	codecSnappy
	codecLZO
	codecLZ4
	codecZstd
	codecBrotli
)

var codecNames = [...]string{"none", "zlib", "snappy", "lzo", "lz4", "zstd", "brotli"}

func (c codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// codecs lends compressors and decompressors, which are costly to make.
type codecs struct {
	unz  sync.Pool // *zstd.Decoder
	zstd sync.Pool // *zstdEncoder
}

// unpacker decompresses the chunks of one file.
type unpacker struct {
	pool  *codecs
	codec codec
	block int
	zstd  *zstd.Decoder
	zlib  io.ReadCloser
}

func (u *unpacker) setup(c codec, block int) error {
	u.codec, u.block = c, block
	switch c {
	case codecNone:
	case codecZlib, codecSnappy, codecLZ4, codecZstd:
		if block == 0 {
			u.block = 256 << 10
		}
	default:
		return errs.Unsupported("ORC compression %s", c)
	}
	return nil
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.pool.unz.Put(u.zstd)
		u.zstd = nil
	}
}

// chunkHeader reads the three bytes before a chunk: its length, and whether
// it is stored as it is.
func chunkHeader(b []byte) (n int, original bool) {
	v := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	return v >> 1, v&1 == 1
}

// all gives the plain bytes of a part of the file that is read at once.
func (u *unpacker) all(b []byte) ([]byte, error) {
	if u.codec == codecNone {
		return b, nil
	}
	var out, scratch []byte
	for len(b) > 0 {
		if len(b) < 3 {
			return nil, errShort
		}
		n, original := chunkHeader(b)
		if n > len(b)-3 {
			return nil, errShort
		}
		plain, err := u.chunk(scratch, b[3:3+n], original)
		if err != nil {
			return nil, err
		}
		if len(out)+len(plain) > maxMetaBytes {
			return nil, fmt.Errorf("metadata of more than %d bytes", maxMetaBytes)
		}
		out, b = append(out, plain...), b[3+n:]
		if !original {
			scratch = plain
		}
	}
	return out, nil
}

// chunk gives the plain bytes of one chunk, in scratch if it has room.
func (u *unpacker) chunk(scratch, src []byte, original bool) ([]byte, error) {
	if original {
		return src, nil
	}
	out, err := u.decode(scratch, src)
	if err != nil {
		return nil, fmt.Errorf("decompress chunk (%s): %w", u.codec, err)
	}
	if len(out) > u.block {
		return nil, fmt.Errorf("decompress chunk (%s): %d bytes, at most %d can be", u.codec, len(out), u.block)
	}
	return out, nil
}

func (u *unpacker) decode(scratch, src []byte) ([]byte, error) {
	switch u.codec {
	case codecZlib:
		return u.inflate(sized(scratch, u.block), src)
	case codecSnappy:
		n, err := snappy.DecodedLen(src)
		if err != nil || n > u.block {
			return nil, fmt.Errorf("block of %d bytes: %w", n, errors.Join(err, errShort))
		}
		return snappy.Decode(sized(scratch, n), src)
	case codecLZ4:
		out := sized(scratch, u.block)
		n, err := lz4.UncompressBlock(src, out)
		return out[:max(n, 0)], err
	case codecZstd:
		if u.zstd == nil {
			d, ok := u.pool.unz.Get().(*zstd.Decoder)
			if !ok {
				var err error
				if d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxChunk)); err != nil {
					return nil, fmt.Errorf("make zstd decoder: %w", err)
				}
			}
			u.zstd = d
		}
		return u.zstd.DecodeAll(src, sized(scratch, 0)[:0])
	}
	return nil, errs.Unsupported("ORC compression %s", u.codec)
}

// inflate undoes zlib's method, which ORC stores without zlib's own header.
func (u *unpacker) inflate(out, src []byte) ([]byte, error) {
	in := bytes.NewReader(src)
	if u.zlib == nil {
		u.zlib = flate.NewReader(in)
	} else if err := u.zlib.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	for n := 0; ; {
		k, err := u.zlib.Read(out[n:])
		n += k
		switch {
		case err == io.EOF:
			return out[:n], nil
		case err != nil:
			return nil, err
		case n == len(out):
			var more [1]byte
			if k, err := u.zlib.Read(more[:]); k > 0 || err != io.EOF {
				return nil, fmt.Errorf("more than %d bytes", u.block)
			}
			return out, nil
		}
	}
}

func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
