package spec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/twmb/avro/ocf"

	"github.com/tarndb/tarn/paimon/errs"
)

// container reads the blocks of an Avro object container file that is in
// memory. It copies nothing; compressed blocks get memory of their own.
type container struct {
	schema string
	codec  ocf.BoundedDecompressor
	sync   []byte
	rest   []byte // blocks that were not read yet
}

const (
	containerMagic = "Obj\x01"
	syncLength     = 16
)

// openContainer reads the header.
func openContainer(data []byte) (*container, error) {
	rest, ok := bytes.CutPrefix(data, []byte(containerMagic))
	if !ok {
		return nil, fmt.Errorf("the file is no Avro container: it starts with %q", data[:min(len(data), 4)])
	}
	c := &container{rest: rest}
	codec := "null"
	for {
		n, err := c.number()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if n < 0 { // the block's length in bytes follows
			n = -n
			if _, err := c.number(); err != nil {
				return nil, err
			}
		}
		for ; n != 0; n-- {
			key, err := c.text()
			if err != nil {
				return nil, err
			}
			value, err := c.text()
			if err != nil {
				return nil, err
			}
			switch string(key) {
			case "avro.schema":
				c.schema = string(value)
			case "avro.codec":
				codec = string(value)
			}
		}
	}
	var err error
	if c.sync, err = c.take(syncLength); err != nil {
		return nil, err
	}
	c.codec, err = decompressor(codec)
	return c, err
}

func decompressor(name string) (ocf.BoundedDecompressor, error) {
	switch name {
	case "null", "":
		return nil, nil
	case "zstandard":
		return zstdCodec().(ocf.BoundedDecompressor), nil
	case "snappy":
		return ocf.SnappyCodec().(ocf.BoundedDecompressor), nil
	case "deflate":
		return ocf.DeflateCodec(-1).(ocf.BoundedDecompressor), nil
	}
	return nil, errs.Unsupported("Avro codec %q: want zstandard, snappy, deflate or null", name)
}

// take cuts the next n bytes off.
func (c *container) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(len(c.rest)) {
		return nil, fmt.Errorf("the file ends too early: %d bytes are missing", n-int64(len(c.rest)))
	}
	out := c.rest[:n:n]
	c.rest = c.rest[n:]
	return out, nil
}

// number reads a long: Go's varint is Avro's.
func (c *container) number() (int64, error) {
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		return 0, fmt.Errorf("the file ends too early")
	}
	c.rest = c.rest[n:]
	return v, nil
}

func (c *container) text() ([]byte, error) {
	n, err := c.number()
	if err != nil {
		return nil, err
	}
	return c.take(n)
}

// next gives the records of the next block, encoded, and their number; nil at
// the end of the file.
func (c *container) next() (count int64, block []byte, err error) {
	if len(c.rest) == 0 {
		return 0, nil, nil
	}
	if count, err = c.number(); err != nil {
		return 0, nil, err
	}
	if block, err = c.text(); err != nil {
		return 0, nil, err
	}
	mark, err := c.take(syncLength)
	if err != nil {
		return 0, nil, err
	}
	if !bytes.Equal(mark, c.sync) {
		return 0, nil, fmt.Errorf("a block does not end with the file's sync mark")
	}
	if c.codec != nil {
		if block, err = c.codec.DecompressBounded(block, maxBlock); err != nil {
			return 0, nil, err
		}
	}
	if count < 0 || count > int64(len(block)) {
		return 0, nil, fmt.Errorf("a block of %d bytes cannot have %d records", len(block), count)
	}
	if block == nil {
		block = []byte{}
	}
	return count, block, nil
}

// countRecords adds up what the remaining blocks claim to hold. It is a hint:
// damage is found when they are read.
func (c container) countRecords() int {
	total := int64(0)
	for {
		n, err := c.number()
		if err != nil {
			return int(total)
		}
		total += max(min(n, maxBlock), 0)
		if _, err := c.text(); err != nil {
			return int(total)
		}
		if _, err := c.take(syncLength); err != nil {
			return int(total)
		}
	}
}
