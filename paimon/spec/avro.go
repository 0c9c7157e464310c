package spec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
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

// zstdCodec is made once, on first use: its tables are large, files are small.
// Level 1 is Paimon's default for manifests.
var zstdCodec = sync.OnceValue(func() ocf.Codec {
	threads := runtime.GOMAXPROCS(0)
	c := ocf.MustZstdCodec(
		[]zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(threads)},
		[]zstd.DOption{zstd.WithDecoderConcurrency(threads), zstd.WithDecoderMaxMemory(maxBlock)})
	return ocf.NopCloser(c)
})

// codecPool serves the reading of manifests.
var codecPool = sync.OnceValue(func() *avrofile.Pool { return &avrofile.Pool{} })

func avroCodec(name string) (ocf.Codec, error) {
	switch strings.ToLower(name) {
	case "", "zstd", "zstandard":
		return zstdCodec(), nil
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
func encodeAvro[T any](schema *avro.Schema, codec string, n int, fill func(i int, rec *T) error) ([]byte, error) {
	c, err := avroCodec(codec)
	if err != nil {
		return nil, err
	}
	var opts []ocf.WriterOpt
	if c != nil {
		opts = append(opts, ocf.WithCodec(c))
	}
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, schema, opts...)
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

// decodeAvro reads all records into rec, one after the other, and calls take
// for each; the parts of rec share memory with data or with a block of their
// own, which nobody changes. total is what the blocks claim to hold, bounded
// by the length of data: real records are never shorter than 16 bytes.
func decodeAvro[T any](data []byte, l layout, take func(rec *T, total int) error) error {
	if err := otherFormat(data); err != nil {
		return err
	}
	f, err := avrofile.OpenBytes(data, codecPool(), maxBlock)
	if err != nil {
		return err
	}
	schema, err := l.reader(f.Schema())
	if err != nil {
		return err
	}
	claimed, err := f.CountRows()
	if err != nil {
		return err
	}
	total := int(min(claimed, int64(len(data)/16)))
	var rec, zero T
	for n := 0; ; {
		count, block, err := f.Next(nil)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for ; count > 0; count, n = count-1, n+1 {
			if n > len(data) {
				return fmt.Errorf("more records than bytes (%d)", len(data))
			}
			rec = zero
			if block, err = schema.Decode(block, &rec, avro.SkipUnknown(), avro.AliasInput()); err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
			if err := take(&rec, total); err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
		}
		if len(block) > 0 {
			return fmt.Errorf("%d bytes are left after record %d", len(block), n)
		}
	}
}

// layout says how records of a kind of file may look.
type layout struct {
	// own are the schemas that this package writes, which are also Paimon's:
	// they are made once and need no check.
	own []func() *avro.Schema
	// required are the fields that every version of Paimon writes; names may be
	// dotted paths into nested records.
	required []string
}

// reader gives the schema with which to read a file whose header has text.
func (l layout) reader(text string) (*avro.Schema, error) {
	for _, own := range l.own {
		if s := own(); s.String() == text {
			return s, nil
		}
	}
	s, err := avro.Parse(text)
	if err != nil {
		return nil, err
	}
	return s, requireFields(s.Root(), "", l.required)
}

// otherFormat names the formats that manifests of Paimon before 2.0 may have
// (option manifest.format) and this package does not read.
func otherFormat(data []byte) error {
	for magic, name := range map[string]string{"ORC": "ORC", "PAR1": "Parquet"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return errs.Unsupported("manifest in %s format: only Avro manifests are supported; rewrite the table with manifest.format = avro", name)
		}
	}
	return nil
}

// requireFields checks that the writer's schema has the required fields.
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
