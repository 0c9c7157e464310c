package spec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/tarndb/tarn/paimon/errs"
)

// The Avro files of a table: manifests, manifest lists and index manifests.
//
// Codec names are those of the option manifest.compression: "zstd" (also ""
// and "zstandard"), "snappy", "deflate", "null" (also "none"). Decoders take
// every one of them, whatever the table's option says.
//
// Decoders match fields by name, as the writer's schema in the file gives
// them: nullable fields that an older writer left out are zero, fields that a
// newer one added are skipped. What they return is owned by the caller. Input
// that cannot be right is a plain error: the caller, who knows the path, makes
// it an errs.Corrupt. A manifest in another format (ORC) or of another
// _VERSION is errs.ErrUnsupported.

const (
	manifestVersion      = 2 // of data manifests and manifest lists
	indexManifestVersion = 1

	// maxBlock bounds one block after decompression. Writers end blocks at
	// 64 KiB; only a record that is itself huge makes a longer one.
	maxBlock = 32 << 20
)

// Arity gives the number of fields of the rows in a manifest, which their
// bytes alone do not tell. Rows without fields (8 bytes) are always allowed.
type Arity struct {
	Partition int // partition columns
	Key       int // trimmed primary key columns; 0 for append tables
}

// ArityOf gives the arity of a table's manifests.
func ArityOf(s *TableSchema) Arity {
	return Arity{Partition: len(s.PartitionKeys), Key: len(s.TrimmedPrimaryKeys())}
}

func avroCodec(name string) (ocf.Codec, error) {
	switch strings.ToLower(name) {
	case "", "zstd", "zstandard":
		return ocf.ZstdCodec([]zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)}, nil)
	case "snappy":
		return ocf.SnappyCodec(), nil
	case "deflate":
		return ocf.DeflateCodec(6), nil
	case "null", "none", "uncompressed":
		return nil, nil
	}
	return nil, errs.Unsupported("manifest.compression = %q: want zstd, snappy, deflate or null", name)
}

// encodeAvro writes n records; fill prepares record i in rec.
func encodeAvro[T any](schema, codec string, n int, fill func(i int, rec *T) error) ([]byte, error) {
	parsed, err := avro.Parse(schema)
	if err != nil {
		return nil, err
	}
	c, err := avroCodec(codec)
	if err != nil {
		return nil, err
	}
	var opts []ocf.WriterOpt
	if c != nil {
		opts = append(opts, ocf.WithCodec(c))
	}
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, parsed, opts...)
	if err != nil {
		return nil, err
	}
	var rec T
	for i := range n {
		if err := fill(i, &rec); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if err := w.Encode(&rec); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// decodeAvro reads all records; take copies what rec has at the time, whose
// parts are new every time. The number of records is bounded by the file's
// length: even the best compressor needs a byte for a record that names a file.
func decodeAvro[T any](data []byte, required []string, take func(rec *T) error) error {
	if err := otherFormat(data); err != nil {
		return err
	}
	r, err := ocf.NewReader(bytes.NewReader(data),
		ocf.WithDecodeOpts(avro.SkipUnknown()),
		ocf.WithMaxBlockBytes(maxBlock), ocf.WithMaxDecompressedBlockBytes(maxBlock))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := requireFields(r.Schema().Root(), "", required); err != nil {
		return err
	}
	var rec, zero T
	for n := 0; ; n++ {
		if n > len(data) {
			return fmt.Errorf("more records than bytes (%d)", len(data))
		}
		rec = zero
		if err := r.Decode(&rec); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
		if err := take(&rec); err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
	}
}

// recordCount adds up what the blocks of a file say they hold, so that the
// result is allocated once. It is a hint: damage is found when decoding, and
// no more is believed than real files have.
func recordCount(data []byte) int {
	limit := len(data) / 16
	number := func() int {
		v, n := binary.Varint(data) // Avro's long is zigzag, too
		if n <= 0 {
			data = nil
			return 0
		}
		data = data[n:]
		return int(v)
	}
	skip := func(n int) { data = data[min(max(n, 0), len(data)):] }
	skip(4)
	for n := number(); n != 0; n = number() { // maps of metadata
		if n < 0 {
			n = -n
			number()
		}
		for range min(2*n, len(data)) {
			skip(number())
		}
	}
	skip(16)
	total := 0
	for len(data) > 0 && total < limit {
		total += max(number(), 0)
		skip(number())
		skip(16)
	}
	return min(total, limit)
}

// otherFormat names the formats that manifests of Paimon before 2.0 may have
// (option manifest.format) and Tarn does not read.
func otherFormat(data []byte) error {
	for magic, name := range map[string]string{"ORC": "ORC", "PAR1": "Parquet"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return errs.Unsupported("manifest in %s format: only Avro manifests are supported; rewrite the table with manifest.format = avro", name)
		}
	}
	return nil
}

// requireFields checks that the writer's schema has what every version of
// Paimon writes: names may be dotted paths into nested records.
func requireFields(root *avro.SchemaNode, path string, required []string) error {
	if root.Type != "record" {
		return fmt.Errorf("the schema is no record but %s", root.Type)
	}
	for _, name := range required {
		head, rest, nested := strings.Cut(name, ".")
		var found *avro.SchemaNode
		for i := range root.Fields {
			if root.Fields[i].Name == head {
				found = &root.Fields[i].Type
			}
		}
		if found == nil {
			return fmt.Errorf("the schema has no field %s%s", path, head)
		}
		if nested {
			if err := requireFields(found, path+head+".", []string{rest}); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkVersion refuses formats other than the one this package knows.
func checkVersion(what string, got, want int32) error {
	if got != want {
		return errs.Unsupported("%s of version %d: only version %d is supported", what, got, want)
	}
	return nil
}

// fixedLength is the length of a row of n fields without its variable part.
func fixedLength(n int) int { return (n+63+8)/64*8 + 8*n }

// stripArity checks the 4-byte field count before a row and takes it off.
func stripArity(b []byte) (row []byte, arity int, err error) {
	if len(b) < 12 {
		return nil, 0, fmt.Errorf("a row of %d bytes is too short", len(b))
	}
	n := binary.BigEndian.Uint32(b)
	if n > uint32(len(b)/8) || fixedLength(int(n)) > len(b)-4 {
		return nil, 0, fmt.Errorf("a row of %d bytes cannot have %d fields", len(b)-4, n)
	}
	return b[4:len(b):len(b)], int(n), nil
}

// putArity writes the field count and the row over dst.
func putArity(dst, row []byte, arity int) ([]byte, error) {
	if len(row) == 8 {
		arity = 0
	}
	if len(row) < fixedLength(arity) || len(row)%8 != 0 {
		return nil, fmt.Errorf("%d bytes are not a row of %d fields", len(row), arity)
	}
	dst = binary.BigEndian.AppendUint32(dst[:0], uint32(arity))
	return append(dst, row...), nil
}
