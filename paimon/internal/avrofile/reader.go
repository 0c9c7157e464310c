// Package avrofile is the Avro object container file: header, blocks, codecs
// and sync marks. It knows nothing of what the records hold: manifests and
// data files both lie in it.
package avrofile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic      = "Obj\x01"
	syncLength = 16
	// windowBytes is how much of a file is read at a time.
	windowBytes = 256 << 10
	// maxHeader bounds a key or value of the header.
	maxHeader = 64 << 20
)

var errShort = errors.New("the file ends too early")

// Reader reads the blocks of a container in order. It serves one goroutine.
// Damage is a plain error: the caller, who knows the path, gives it its kind.
type Reader struct {
	in     io.ReaderAt // nil when the file is in memory
	size   int64
	at     int64  // of window in the file
	window []byte // bytes of the file
	pos    int    // next byte of window

	schema string
	pool   *Pool
	codec  codec
	sync   [syncLength]byte
	limit  int
}

// OpenBytes reads the header of a file in memory. Blocks without compression
// share its memory. limit bounds the bytes of one block after decompression.
func OpenBytes(data []byte, pool *Pool, limit int) (*Reader, error) {
	r := &Reader{size: int64(len(data)), window: data, pool: pool, limit: limit}
	return r, r.header()
}

// Open reads the header of a file of size bytes. limit bounds the bytes of one
// block, before and after decompression.
func Open(in io.ReaderAt, size int64, pool *Pool, limit int) (*Reader, error) {
	r := &Reader{in: in, size: size, pool: pool, limit: limit}
	return r, r.header()
}

// Schema is the writer's schema, as JSON.
func (r *Reader) Schema() string { return r.schema }

func (r *Reader) header() error {
	head, err := r.take(min(int64(len(magic)), r.left()))
	if err != nil {
		return err
	}
	if string(head) != magic {
		return fmt.Errorf("the file is no Avro container: it starts with %q", head)
	}
	codecName := "null"
	for {
		n, err := r.number()
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if n < 0 { // the block's length in bytes follows
			n = -n
			if _, err := r.number(); err != nil {
				return err
			}
		}
		for ; n != 0; n-- {
			key, err := r.text()
			if err != nil {
				return err
			}
			value, err := r.text()
			if err != nil {
				return err
			}
			switch key {
			case "avro.schema":
				r.schema = value
			case "avro.codec":
				codecName = value
			}
		}
	}
	mark, err := r.take(syncLength)
	if err != nil {
		return err
	}
	copy(r.sync[:], mark)
	r.codec, err = r.pool.codec(codecName, 0)
	return err
}

// left is the number of bytes behind the position.
func (r *Reader) left() int64 { return r.size - r.at - int64(r.pos) }

// need makes the next n bytes, or those up to the end of the file if they are
// fewer, lie in the window.
func (r *Reader) need(n int64) error {
	have := int64(len(r.window) - r.pos)
	n = min(n, r.left())
	if have >= n || r.in == nil {
		return nil
	}
	want := min(max(n, windowBytes), r.left())
	next := r.window[:0]
	if int64(cap(r.window)) < want {
		next = make([]byte, 0, want)
	}
	next = append(next, r.window[r.pos:]...)
	r.at += int64(r.pos)
	r.pos = 0
	r.window = next[:want]
	k, err := r.in.ReadAt(r.window[have:], r.at+have)
	if int64(k) < want-have {
		r.window = r.window[:have+int64(k)]
		if err == nil || err == io.EOF {
			err = errShort
		}
		return err
	}
	return nil
}

// take gives the next n bytes, valid until the next call.
func (r *Reader) take(n int64) ([]byte, error) {
	if n < 0 || n > r.left() {
		return nil, fmt.Errorf("%w: %d bytes are missing", errShort, n-r.left())
	}
	if err := r.need(n); err != nil {
		return nil, err
	}
	out := r.window[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return out, nil
}

// number reads a long: Go's varint is Avro's.
func (r *Reader) number() (int64, error) {
	if err := r.need(binary.MaxVarintLen64); err != nil {
		return 0, err
	}
	v, n := binary.Varint(r.window[r.pos:])
	if n <= 0 {
		return 0, errShort
	}
	r.pos += n
	return v, nil
}

func (r *Reader) text() (string, error) {
	n, err := r.number()
	if err != nil {
		return "", err
	}
	if n > maxHeader {
		return "", fmt.Errorf("a text of %d bytes in the header", n)
	}
	b, err := r.take(n)
	return string(b), err
}

// Next gives the records of the next block, encoded, and their number; io.EOF
// at the end. What a codec unpacks is put into scratch if it has room; the
// block is valid until the next call, or as long as nobody uses scratch and,
// without compression, the file's bytes.
func (r *Reader) Next(scratch []byte) (rows int64, block []byte, err error) {
	if r.left() == 0 {
		return 0, nil, io.EOF
	}
	if rows, err = r.number(); err != nil {
		return 0, nil, err
	}
	n, err := r.number()
	if err != nil {
		return 0, nil, err
	}
	if n < 0 || n > int64(r.limit) && r.in != nil {
		return 0, nil, fmt.Errorf("a block of %d bytes: at most %d are read", n, r.limit)
	}
	body, err := r.take(n + syncLength)
	if err != nil {
		return 0, nil, err
	}
	block = body[:n:n]
	if !bytes.Equal(body[n:], r.sync[:]) {
		return 0, nil, errors.New("a block does not end with the file's sync mark")
	}
	if r.codec != nil {
		if block, err = r.codec.unpack(scratch[:0], block, r.limit); err != nil {
			return 0, nil, err
		}
	}
	if rows < 0 || rows > int64(len(block)) {
		return 0, nil, fmt.Errorf("a block of %d bytes cannot have %d records", len(block), rows)
	}
	return rows, block, nil
}

// CountRows adds up what the blocks behind the position claim to hold, and
// stays where it is. It looks at their headers only.
func (r *Reader) CountRows() (int64, error) {
	total, at := int64(0), r.at+int64(r.pos)
	var head [2 * binary.MaxVarintLen64]byte
	for at < r.size {
		b := head[:min(int64(len(head)), r.size-at)]
		if err := r.peek(b, at); err != nil {
			return 0, err
		}
		rows, n := binary.Varint(b)
		if n <= 0 {
			return 0, errShort
		}
		size, m := binary.Varint(b[n:])
		if m <= 0 {
			return 0, errShort
		}
		if at += int64(n + m); rows < 0 || size < 0 || size > r.size-at-syncLength || rows > 1<<62-total {
			return 0, fmt.Errorf("a block of %d bytes and %d records at byte %d of %d", size, rows, at, r.size)
		}
		total += rows
		at += size + syncLength
	}
	return total, nil
}

// peek reads bytes of the file at an offset, of the window if they lie there.
func (r *Reader) peek(dst []byte, at int64) error {
	if from := at - r.at; from >= 0 && from+int64(len(dst)) <= int64(len(r.window)) {
		copy(dst, r.window[from:])
		return nil
	}
	if r.in == nil {
		return errShort
	}
	n, err := r.in.ReadAt(dst, at)
	if n == len(dst) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = errShort
	}
	return err
}

// Packed says that blocks are compressed: what Next gives is in memory of its
// own.
func (r *Reader) Packed() bool { return r.codec != nil }
