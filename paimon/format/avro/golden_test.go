package avro

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

const golden = "testdata/paimon-1.4.2"

// goldenFields gives the columns of a file that Java wrote.
func goldenFields(t testing.TB, name string) []types.Field {
	text, err := os.ReadFile(filepath.Join(golden, name+".schema.json"))
	require.NoError(t, err)
	var s struct {
		Fields      []types.Field
		PrimaryKeys []string
	}
	require.NoError(t, json.Unmarshal(text, &s))
	var out []types.Field
	for _, k := range s.PrimaryKeys {
		for _, f := range s.Fields {
			if f.Name == k {
				out = append(out, types.Field{ID: 1000 + f.ID, Name: "_KEY_" + f.Name, Type: f.Type})
			}
		}
	}
	if len(out) > 0 {
		out = append(out, types.Field{ID: 2000, Name: "_SEQUENCE_NUMBER", Type: types.Of(types.BigInt).NotNull()},
			types.Field{ID: 2001, Name: "_VALUE_KIND", Type: types.Of(types.TinyInt).NotNull()})
	}
	return append(out, s.Fields...)
}

// blocks gives the schema and the unpacked blocks of a file.
func blocks(t testing.TB, file []byte) (string, [][]byte) {
	r, err := avrofile.OpenBytes(file, &avrofile.Pool{}, avrofile.MaxBlock)
	require.NoError(t, err)
	var out [][]byte
	for {
		_, block, err := r.Next(nil)
		if err == io.EOF {
			return r.Schema(), out
		}
		require.NoError(t, err)
		out = append(out, bytes.Clone(block))
	}
}

// TestSameAsJava reads files that Java wrote and writes them again: schema and
// records are the same to the byte.
func TestSameAsJava(t *testing.T) {
	files, err := filepath.Glob(golden + "/*.avro")
	require.NoError(t, err)
	require.Len(t, files, 7)
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".avro")
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			fields := goldenFields(t, name)
			rows := formattest.Read(t, New(), file, format.ReadOptions{Fields: fields, FileFields: fields, Path: path})
			require.Positive(t, rows.NumRows())
			javaSchema, javaBlocks := blocks(t, file)
			codec := "zstd"
			if _, after, ok := strings.Cut(name, "avro_"); ok {
				codec = after
			}
			ourSchema, ourBlocks := blocks(t, formattest.Write(t, New(), fields, format.WriteOptions{Compression: codec}, rows))
			require.Equal(t, javaSchema, ourSchema)
			require.Equal(t, javaBlocks, ourBlocks)
		})
	}
}
