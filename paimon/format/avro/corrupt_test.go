package avro

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/format/formattest"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
	"github.com/tarndb/tarn/paimon/types"
)

func damagedSeed(t testing.TB, codec string) ([]byte, []types.Field) {
	r := rand.New(rand.NewPCG(11, 12))
	fields := formattest.Fields(r, allTypes, 0)
	b := formattest.Batch(r, memory.DefaultAllocator, fields, 300)
	return formattest.Write(t, New(), fields, format.WriteOptions{Compression: codec}, b), fields
}

func TestTruncatedFiles(t *testing.T) {
	file, fields := damagedSeed(t, "zstd")
	require.NoError(t, formattest.ReadDamaged(t, New(), file, fields, "t/f.avro"))
	for n := 0; n < len(file); n += 1 + len(file)/200 {
		err := formattest.ReadDamaged(t, New(), file[:n], fields, "t/f.avro")
		require.ErrorIs(t, err, errs.ErrCorrupt, "cut at %d", n)
		require.ErrorContains(t, err, "t/f.avro")
	}
}

func TestDamagedFiles(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, codec := range []string{"zstd", "null", "snappy", "deflate"} {
		file, fields := damagedSeed(t, codec)
		noticed := 0
		for range 300 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(4) {
				bad[r.IntN(len(bad))] ^= byte(1 + r.IntN(255))
			}
			if formattest.ReadDamaged(t, New(), bad, fields, "t/f.avro") != nil {
				noticed++
			}
		}
		require.Greater(t, noticed, 20, codec)
	}
}

func FuzzRead(f *testing.F) {
	fields := goldenFields(f, "nested_pk_avro")
	file, err := os.ReadFile(golden + "/nested_pk_avro.avro")
	require.NoError(f, err)
	f.Add(file)
	rows := formattest.Read(f, New(), file, format.ReadOptions{Fields: fields})
	for _, codec := range []string{"null", "snappy"} {
		f.Add(formattest.Write(f, New(), fields, format.WriteOptions{Compression: codec}, rows))
	}
	f.Fuzz(func(t *testing.T, file []byte) { _ = formattest.ReadDamaged(t, New(), file, fields, "t/f.avro") })
}

func FuzzSchema(f *testing.F) {
	text, err := schemaText(goldenFields(f, "nested_pk_avro"))
	require.NoError(f, err)
	f.Add(text)
	f.Add(`{"type":"record","name":"a","fields":[{"name":"b","type":["null",{"type":"fixed","name":"c","size":3}]},{"name":"d","type":"c"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseSchema(text); err == nil {
			_, _ = skippers{}.of(s)
			_, _, _, _ = s.nonNull()
		}
	})
}

// TestHostileLengths holds that no number in a file is believed before the
// bytes for it are there.
func TestHostileLengths(t *testing.T) {
	schema := func(typ string) string {
		return `{"type":"record","name":"r","fields":[{"name":"c","type":` + typ + `}]}`
	}
	long := `"long"`
	for name, c := range map[string]struct {
		typ, avro string
		data      enc
	}{
		"text":          {"STRING", `"string"`, enc{}.num(1 << 40)},
		"negative text": {"STRING", `"string"`, enc{}.num(-5)},
		"items":         {"ARRAY<INT>", `{"type":"array","items":"int"}`, enc{}.num(1 << 60)},
		"least items":   {"ARRAY<INT>", `{"type":"array","items":"int"}`, enc{}.num(math.MinInt64).num(0)},
		"no bytes":      {"ARRAY<ROW<a INT>>", `{"type":"array","items":{"type":"record","name":"e","fields":[]}}`, enc{}.num(1 << 60)},
		"entries":       {"MAP<STRING, INT>", `{"type":"map","values":"int"}`, enc{}.num(1 << 60)},
		"branch":        {"INT", `["null","int"]`, enc{}.num(7)},
		"number":        {"INT", `"int"`, enc{}.num(1 << 40)},
		"endless":       {"BIGINT", long, enc(bytes.Repeat([]byte{0xff}, 20))},
		"boolean":       {"BOOLEAN", `"boolean"`, enc{2}},
		"decimal":       {"DECIMAL(38, 0)", `{"type":"bytes","logicalType":"decimal","precision":38,"scale":0}`, enc{}.text("12345678901234567")},
		"left over":     {"BIGINT", long, enc{}.num(1).num(2)},
	} {
		fields := []types.Field{field(0, "c", c.typ)}
		require.Error(t, formattest.ReadDamaged(t, New(), foreignFile(t, schema(c.avro), 1, c.data), fields, "t/f.avro"), name)
		// the same where nobody wants the column
		fields = []types.Field{field(1, "d", "INT")}
		if err := formattest.ReadDamaged(t, New(), foreignFile(t, schema(c.avro), 1, c.data), fields, "t/f.avro"); name != "number" && name != "boolean" && name != "decimal" {
			require.Error(t, err, name)
		}
	}
	fields := []types.Field{field(0, "c", "BIGINT")}
	good := foreignFile(t, schema(long), 1, enc{}.num(5))
	require.NoError(t, formattest.ReadDamaged(t, New(), good, fields, "t/f.avro"))
	require.ErrorIs(t, formattest.ReadDamaged(t, New(), foreignFile(t, schema(long), 1<<50, enc{}.num(5)), fields, "t/f.avro"), errs.ErrCorrupt)
	for _, codec := range []string{"zstd", "deflate"} { // much from little
		var out bytes.Buffer
		w, err := avrofile.NewWriter(&out, &avrofile.Pool{}, schema(long), mustCodec(t, codec))
		require.NoError(t, err)
		require.NoError(t, w.Block(1, make([]byte, 20<<20)))
		require.Less(t, out.Len(), 100_000)
		r, err := avrofile.OpenBytes(out.Bytes(), &avrofile.Pool{}, 1<<20)
		require.NoError(t, err)
		_, _, err = r.Next(nil)
		require.ErrorContains(t, err, "more than 1048576 bytes")
	}
}

type failingFile struct {
	formattest.File
	err error
}

func (f failingFile) ReadAt(p []byte, off int64) (int, error) {
	if off > 300_000 {
		return 0, f.err
	}
	return f.File.ReadAt(p[:min(len(p), 300_000)], off)
}

func TestStorageErrorsAreNotCorruption(t *testing.T) {
	fields := formattest.OrderFields()
	file := formattest.Write(t, New(), fields, format.WriteOptions{Compression: "null"}, formattest.OrderBatches(50_000, 50_000)...)
	lost := errors.New("connection lost")
	_, err := New().Open(failingFile{formattest.Open(file), lost}, format.ReadOptions{Fields: fields, Path: "t/f.avro"})
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, "t/f.avro")
	require.NotContains(t, err.Error(), "corrupt")
}

func TestPosition(t *testing.T) {
	fields := formattest.OrderFields()
	batches := formattest.OrderBatches(50_000, 1000)
	file := formattest.Write(t, New(), fields, format.WriteOptions{}, batches...)
	all := formattest.Concat(t, memory.DefaultAllocator, types.ArrowSchema(fields), batches).Column(0).(*array.String)
	r, err := New().Open(formattest.Open(file), format.ReadOptions{Fields: fields[:1], FileFields: fields, BatchRows: 777})
	require.NoError(t, err)
	require.EqualValues(t, 50_000, r.Rows())
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Equal(t, all.Value(int(r.Position())), b.Column(0).(*array.String).Value(0))
		b.Release()
	}
	require.NoError(t, r.Close())
}
