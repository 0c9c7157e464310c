package avrofile

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

// MaxBlock is the greatest number of bytes that any reader of this package
// takes for one block.
const MaxBlock = 256 << 20

// Writer writes a container. It serves one goroutine.
type Writer struct {
	out     io.Writer
	codec   codec
	sync    [syncLength]byte
	written int64
	packed  []byte
	head    []byte
}

// Codec is the codec of a container to be written.
type Codec struct {
	name  string
	level int
}

// CodecByName gives the codec with the name that it has in "file.compression"
// of a table: "zstd", of this level, or Avro's own names.
// Source: org.apache.paimon.format.avro.AvroFileFormat.createCodecFactory,
// org.apache.avro.file.CodecFactory.fromString.
func CodecByName(name string, zstdLevel int) (Codec, error) {
	if strings.EqualFold(name, "zstd") || name == "" {
		return Codec{"zstandard", max(zstdLevel, 1)}, nil
	}
	switch name {
	case "null", "snappy", "deflate":
		return Codec{name: name}, nil
	case "zstandard":
		return Codec{name: name, level: 3}, nil
	case "bzip2", "xz":
		return Codec{}, errs.Unsupported("Avro compression %q is not written by this version of Tarn: use zstd, snappy, deflate or null", name)
	}
	return Codec{}, errs.Unsupported("Avro compression %q: Paimon knows zstd, snappy, deflate and null for Avro", name)
}

// NewWriter writes the header of a container whose records have this schema.
func NewWriter(out io.Writer, pool *Pool, schema string, c Codec) (*Writer, error) {
	w := &Writer{out: out}
	var err error
	if w.codec, err = pool.codec(c.name, c.level); err != nil {
		return nil, err
	}
	if _, err := rand.Read(w.sync[:]); err != nil {
		return nil, err
	}
	head := append([]byte(magic), 4) // two entries
	for _, text := range []string{"avro.schema", schema, "avro.codec", c.name} {
		head = append(binary.AppendVarint(head, int64(len(text))), text...)
	}
	head = append(append(head, 0), w.sync[:]...)
	return w, w.put(head)
}

func (w *Writer) put(b []byte) error {
	n, err := w.out.Write(b)
	w.written += int64(n)
	return err
}

// Block writes a block of rows records.
func (w *Writer) Block(rows int64, data []byte) error {
	if len(data) > MaxBlock {
		return errs.Unsupported("an Avro block of %d bytes: a row has to be shorter than %d", len(data), MaxBlock)
	}
	if w.codec != nil {
		packed, err := w.codec.pack(w.packed[:0], data)
		if err != nil {
			return err
		}
		w.packed, data = packed, packed
	}
	w.head = binary.AppendVarint(binary.AppendVarint(w.head[:0], rows), int64(len(data)))
	for _, part := range [][]byte{w.head, data, w.sync[:]} {
		if err := w.put(part); err != nil {
			return err
		}
	}
	return nil
}

// Written is the number of bytes that the container has so far.
func (w *Writer) Written() int64 { return w.written }
