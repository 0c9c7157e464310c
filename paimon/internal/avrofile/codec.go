package avrofile

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/tarndb/tarn/paimon/errs"
)

// codec packs and unpacks blocks. It may be used by any number of goroutines.
type codec interface {
	// pack appends the packed form of src to dst.
	pack(dst, src []byte) ([]byte, error)
	// unpack appends what src holds, at most limit bytes, to dst.
	unpack(dst, src []byte, limit int) ([]byte, error)
}

// Pool lends compressors and decompressors, which are costly to make. The zero
// value is ready; any number of goroutines may use it.
type Pool struct {
	zstdReaders  sync.Pool // *zstd.Decoder
	zstdWriters  sync.Pool // *zstdWriter
	flateReaders sync.Pool // io.Reader that is a flate.Resetter
	flateWriters sync.Pool // *flate.Writer
}

// codec gives a codec by its name in the header; nil for "null". level is that
// of zstd.
func (p *Pool) codec(name string, level int) (codec, error) {
	switch name {
	case "null", "":
		return nil, nil
	case "zstandard":
		return zstdCodec{p, level}, nil
	case "snappy":
		return snappyCodec{}, nil
	case "deflate":
		return deflateCodec{p}, nil
	case "bzip2":
		return bzip2Codec{}, nil
	}
	return nil, errs.Unsupported("Avro codec %q: want zstandard, snappy, deflate, bzip2 or null", name)
}

func tooLong(limit int) error { return fmt.Errorf("a block holds more than %d bytes", limit) }

// zstdCodec is "zstandard".
type zstdCodec struct {
	pool  *Pool
	level int
}

type zstdWriter struct {
	*zstd.Encoder
	level zstd.EncoderLevel
}

func (c zstdCodec) pack(dst, src []byte) ([]byte, error) {
	level := zstd.EncoderLevelFromZstd(max(c.level, 1))
	w, ok := c.pool.zstdWriters.Get().(*zstdWriter)
	if !ok || w.level != level {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, fmt.Errorf("make zstd encoder: %w", err)
		}
		w = &zstdWriter{e, level}
	}
	defer c.pool.zstdWriters.Put(w)
	return w.EncodeAll(src, dst), nil
}

func (c zstdCodec) unpack(dst, src []byte, limit int) ([]byte, error) {
	var h zstd.Header
	if h.Decode(src) == nil && h.HasFCS && h.FrameContentSize > uint64(limit) {
		return nil, tooLong(limit)
	}
	r, ok := c.pool.zstdReaders.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBlock)); err != nil {
			return nil, fmt.Errorf("make zstd decoder: %w", err)
		}
	}
	defer c.pool.zstdReaders.Put(r)
	out, err := r.DecodeAll(src, dst)
	if err == nil && len(out) > limit {
		err = tooLong(limit)
	}
	return out, err
}

// snappyCodec is "snappy": the block and, big-endian, the CRC-32 of what it
// holds.
type snappyCodec struct{}

func (snappyCodec) pack(dst, src []byte) ([]byte, error) {
	n := snappy.MaxEncodedLen(len(src))
	if n < 0 {
		return nil, fmt.Errorf("a block of %d bytes is too long for snappy", len(src))
	}
	out := append(dst, make([]byte, n)...)
	out = out[:len(dst)+len(snappy.Encode(out[len(dst):], src))]
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(src)), nil
}

func (snappyCodec) unpack(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < 4 {
		return nil, errors.New("a snappy block without checksum")
	}
	body := src[:len(src)-4]
	n, err := snappy.DecodedLen(body)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, tooLong(limit)
	}
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	out, err := snappy.Decode(dst[:n], body)
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(out) != binary.BigEndian.Uint32(src[len(body):]) {
		return nil, errors.New("the checksum of a snappy block is wrong")
	}
	return out, nil
}

// deflateCodec is "deflate": without any header.
type deflateCodec struct{ pool *Pool }

func (c deflateCodec) pack(dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, ok := c.pool.flateWriters.Get().(*flate.Writer)
	if ok {
		w.Reset(out)
	} else {
		var err error
		if w, err = flate.NewWriter(out, flate.DefaultCompression); err != nil {
			return nil, err
		}
	}
	defer c.pool.flateWriters.Put(w)
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (c deflateCodec) unpack(dst, src []byte, limit int) ([]byte, error) {
	r, ok := c.pool.flateReaders.Get().(io.Reader)
	if ok {
		if err := r.(flate.Resetter).Reset(bytes.NewReader(src), nil); err != nil {
			return nil, err
		}
	} else {
		r = flate.NewReader(bytes.NewReader(src))
	}
	defer c.pool.flateReaders.Put(r)
	return readAll(dst, r, limit)
}

// bzip2Codec is "bzip2", which is only read.
type bzip2Codec struct{}

func (bzip2Codec) pack([]byte, []byte) ([]byte, error) {
	return nil, errs.Unsupported("Avro codec bzip2 is only read: use zstd, snappy, deflate or null")
}

func (bzip2Codec) unpack(dst, src []byte, limit int) ([]byte, error) {
	return readAll(dst, bzip2.NewReader(bytes.NewReader(src)), limit)
}

// readAll appends what r gives to dst.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return nil, tooLong(limit)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return nil, err
		}
	}
}
