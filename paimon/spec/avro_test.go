package spec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/avrofile"
)

const golden = "testdata/paimon-1.4.2"

// wire gives the records of a file as they are on the wire, and its schema.
func wire[T any](t testing.TB, data []byte) (records []T, schema string) {
	t.Helper()
	require.NoError(t, decodeAvro(data, layout{}, func(r *T, _ int) error { records = append(records, *r); return nil }))
	r, err := ocf.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	defer r.Close()
	return records, string(r.Metadata()["avro.schema"])
}

// same checks that a file written here equals one of Paimon: record for
// record on the wire, and in the schema's text.
func same[T any](t *testing.T, paimon, ours []byte) int {
	t.Helper()
	want, wantSchema := wire[T](t, paimon)
	got, gotSchema := wire[T](t, ours)
	require.Equal(t, want, got)
	require.Equal(t, wantSchema, gotSchema)
	return len(got)
}

func TestGoldenManifests(t *testing.T) {
	files, err := filepath.Glob(golden + "/manifest/*")
	require.NoError(t, err)
	require.Len(t, files, 24)
	records := map[string]int{}
	for i, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		codec := []string{"zstd", "snappy", "deflate", "null"}[i%4]
		switch base := filepath.Base(file); {
		case strings.HasPrefix(base, "manifest-list-"):
			v, err := DecodeManifestList(data)
			require.NoError(t, err, file)
			out, err := EncodeManifestList(v, codec)
			require.NoError(t, err)
			records["list"] += same[wireManifestFile](t, data, out)
		case strings.HasPrefix(base, "index-manifest-"):
			v, err := DecodeIndexManifest(data)
			require.NoError(t, err, file)
			w, _ := wire[wireIndex](t, data)
			_, n, err := stripArity(w[0].Partition)
			require.NoError(t, err)
			out, err := EncodeIndexManifest(v, Arity{Partition: n}, codec)
			require.NoError(t, err)
			records["index"] += same[wireIndex](t, data, out)
			for _, e := range v {
				records[e.File.IndexType] += len(e.File.Deletions)
			}
		default:
			v, err := DecodeManifest(data)
			require.NoError(t, err, file)
			w, _ := wire[wireEntry](t, data)
			_, partition, err := stripArity(w[0].Partition)
			require.NoError(t, err)
			_, key, err := stripArity(w[0].File.MinKey)
			require.NoError(t, err)
			out, err := EncodeManifest(v, Arity{partition, key}, codec)
			require.NoError(t, err)
			c, err := avrofile.OpenBytes(data, codecPool(), maxBlock)
			require.NoError(t, err)
			claimed, err := c.CountRows()
			require.NoError(t, err)
			require.EqualValues(t, len(v), claimed)
			records["data"] += same[wireEntry](t, data, out)
		}
	}
	require.Equal(t, map[string]int{"list": 18, "data": 11, "index": 8, "HASH": 0, "DELETION_VECTORS": 8}, records)
}

func TestOtherFormatsAreNamed(t *testing.T) {
	data, err := os.ReadFile(golden + "/manifest-orc")
	require.NoError(t, err)
	_, err = DecodeManifest(data)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "ORC")

	for _, version := range []int32{0, 1, 3} {
		out, err := encodeAvro(listAvro(), "null", 1, func(_ int, w *wireManifestFile) error {
			w.Version = version
			return w.PartitionStats.from(&SimpleStats{})
		})
		require.NoError(t, err)
		_, err = DecodeManifestList(out)
		require.ErrorIs(t, err, errs.ErrUnsupported)
		require.ErrorContains(t, err, fmt.Sprintf("version %d", version))
	}
	_, err = EncodeManifestList(nil, "lz4")
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

// randomEntries makes entries with every field set or not, at random.
func randomEntries(rnd *rand.Rand, n int, arity Arity) []ManifestEntry {
	row := func(fields int) []byte {
		b := make([]byte, fixedLength(fields)+8*rnd.IntN(3))
		for i := range b[8:] {
			b[8+i] = byte(rnd.IntN(256))
		}
		if fields == 0 {
			return b[:8]
		}
		return b
	}
	maybe := func() bool { return rnd.IntN(2) == 0 }
	number := func() *int64 {
		if maybe() {
			return nil
		}
		v := rnd.Int64()
		return &v
	}
	list := func() []string {
		if maybe() {
			return nil
		}
		out := []string{}
		for range rnd.IntN(4) {
			out = append(out, fmt.Sprint("col", rnd.IntN(100)))
		}
		return out
	}
	stats := func() SimpleStats {
		s := SimpleStats{NullCounts: []*int64{}}
		for range rnd.IntN(9) {
			s.NullCounts = append(s.NullCounts, number())
		}
		s.Min, s.Max = row(len(s.NullCounts)), row(len(s.NullCounts))
		return s
	}
	out := make([]ManifestEntry, n)
	for i := range out {
		e := &out[i]
		*e = ManifestEntry{Kind: int8(rnd.IntN(2)), Partition: row(arity.Partition), Bucket: rnd.IntN(9) - 2, TotalBuckets: rnd.IntN(9) - 2}
		e.File = DataFileMeta{
			FileName: fmt.Sprintf("data-%016x%016x-%d.parquet", rnd.Uint64(), rnd.Uint64(), i), FileSize: rnd.Int64(), RowCount: rnd.Int64(),
			MinKey: row(arity.Key), MaxKey: row(arity.Key), KeyStats: stats(), ValueStats: stats(),
			MinSequence: rnd.Int64() - rnd.Int64(), MaxSequence: rnd.Int64(), SchemaID: rnd.Int64(), Level: rnd.IntN(6),
			DeleteRowCount: number(), ValueStatsCols: list(), FirstRowID: number(), WriteCols: list(),
		}
		if maybe() {
			e.File.CreationTime = time.UnixMilli(rnd.Int64N(1e13)).UTC()
			e.File.EmbeddedIndex = []byte{1, 2, 3}[:rnd.IntN(4)]
			e.File.ExtraFiles = []string{"a.index"}
			path, source := "s3://b/x", SourceCompact
			e.File.ExternalPath, e.File.FileSource = &path, &source
		}
	}
	return out
}

func TestManifestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	arity := Arity{Partition: 2, Key: 3}
	in := randomEntries(rnd, 200, arity)
	for _, codec := range []string{"", "zstd", "snappy", "deflate", "none"} {
		data, err := EncodeManifest(in, arity, codec)
		require.NoError(t, err)
		out, err := DecodeManifest(data)
		require.NoError(t, err)
		require.Equal(t, in, out)
	}
	_, schema := wire[wireEntry](t, must(EncodeManifest(in, arity, "")))
	require.NotContains(t, schema, "_WRITE_COLS_SEQUENCES")
	in[7].File.WriteColsSequence = []int64{1, -2}
	data := must(EncodeManifest(in, arity, ""))
	_, schema = wire[wireEntry](t, data)
	require.Contains(t, schema, "_WRITE_COLS_SEQUENCES")
	require.Equal(t, in, must(DecodeManifest(data)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestIndexManifestRoundTrip(t *testing.T) {
	path, n := "oss://b/i", int64(5)
	in := []IndexManifestEntry{
		{Partition: emptyRow, Bucket: 3, File: IndexFileMeta{IndexType: "HASH", FileName: "index-1", FileSize: 8, RowCount: 2}},
		{Kind: KindDelete, Partition: emptyRow, File: IndexFileMeta{IndexType: "DELETION_VECTORS", FileName: "index-2", Deletions: []DeletionRange{{"data-1", 1, 22, nil}, {"data-2", 23, 22, &n}}}},
		{Partition: emptyRow, File: IndexFileMeta{IndexType: "DELETION_VECTORS", FileName: "index-3", Deletions: []DeletionRange{}, ExternalPath: &path}},
		{Partition: emptyRow, File: IndexFileMeta{IndexType: "btree", FileName: "g", GlobalIndex: &GlobalIndexMeta{RowRangeStart: 1, RowRangeEnd: 9, IndexFieldID: 4, ExtraFieldIDs: []int32{5}, IndexMeta: []byte("meta")}}},
	}
	require.Equal(t, in, must(DecodeIndexManifest(must(EncodeIndexManifest(in, Arity{}, "zstd")))))
	in[3].File.GlobalIndex.SourceMeta = []byte("source")
	require.Equal(t, in, must(DecodeIndexManifest(must(EncodeIndexManifest(in, Arity{}, "zstd")))))
}

// TestOtherWriters reads a manifest as an old and a newer writer make it: with
// other record names, without the nullable fields, with unknown ones.
func TestOtherWriters(t *testing.T) {
	old := manifestSchema(false)
	cut := strings.Index(old, `,{"name":"_CREATION_TIME"`)
	old = old[:cut] + `]}}]}`
	old = strings.NewReplacer(
		`"name":"record","namespace":"org.apache.paimon.avro.generated"`, `"name":"ManifestEntry"`,
		`"fields":[{"name":"_VERSION"`, `"fields":[{"name":"_FUTURE","type":{"type":"map","values":["null",{"type":"array","items":"double"}]}},{"name":"_VERSION"`,
		`{"name":"_FILE_SIZE"`, `{"name":"_NEW","type":["string","null"],"default":"x"},{"name":"_FILE_SIZE"`,
		`,{"name":"_NULL_COUNTS","type":["null",{"type":"array","items":["null","long"]}],"default":null}`, ``,
	).Replace(old)
	schema, err := avro.Parse(old)
	require.NoError(t, err)
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, schema)
	require.NoError(t, err)
	row := func(n int) []byte { return must(putArity(nil, make([]byte, fixedLength(n)), n)) }
	stats := map[string]any{"_MIN_VALUES": row(2), "_MAX_VALUES": row(2)}
	require.NoError(t, w.Encode(map[string]any{
		"_FUTURE": map[string]any{"a": []float64{1}}, "_VERSION": 2, "_KIND": 1, "_PARTITION": row(0), "_BUCKET": 7, "_TOTAL_BUCKETS": 8,
		"_FILE": map[string]any{
			"_FILE_NAME": "data-1.orc", "_NEW": "y", "_FILE_SIZE": 10, "_ROW_COUNT": 11, "_MIN_KEY": row(1), "_MAX_KEY": row(1),
			"_KEY_STATS": stats, "_VALUE_STATS": stats, "_MIN_SEQUENCE_NUMBER": 1, "_MAX_SEQUENCE_NUMBER": 2, "_SCHEMA_ID": 3,
			"_LEVEL": 5, "_EXTRA_FILES": []string{},
		},
	}))
	require.NoError(t, w.Close())
	got, err := DecodeManifest(out.Bytes())
	require.NoError(t, err)
	unknown := SimpleStats{Min: make([]byte, 24), Max: make([]byte, 24), NullCounts: []*int64{nil, nil}}
	require.Equal(t, []ManifestEntry{{Kind: KindDelete, Partition: emptyRow, Bucket: 7, TotalBuckets: 8, File: DataFileMeta{
		FileName: "data-1.orc", FileSize: 10, RowCount: 11, MinKey: make([]byte, 16), MaxKey: make([]byte, 16),
		KeyStats: unknown, ValueStats: unknown, MinSequence: 1, MaxSequence: 2, SchemaID: 3, Level: 5,
	}}}, got)

	_, err = DecodeManifest(must(EncodeManifestList(nil, "")))
	require.ErrorContains(t, err, "no field _KIND")
}

func TestDamage(t *testing.T) {
	data := must(EncodeManifest(randomEntries(rand.New(rand.NewPCG(1, 2)), 20, Arity{1, 1}), Arity{1, 1}, "zstd"))
	for n := 0; n < len(data); n += 7 {
		_, err := DecodeManifest(data[:n])
		if err == nil {
			// only a file that ends after its header is whole: it has no records
			r, _ := wire[wireEntry](t, data[:n])
			require.Empty(t, r)
		}
	}
	_, err := EncodeManifest([]ManifestEntry{{Partition: make([]byte, 16)}}, Arity{Partition: 2}, "")
	require.ErrorContains(t, err, "partition")
	_, err = EncodeManifest([]ManifestEntry{{Partition: emptyRow, File: DataFileMeta{MinKey: make([]byte, 20)}}}, Arity{Key: 1}, "")
	require.ErrorContains(t, err, "least key")
	for _, bad := range [][]byte{nil, make([]byte, 11), {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}} {
		_, _, err := stripArity(bad)
		require.Error(t, err)
	}
}

func fuzzSeeds(f *testing.F, prefix string) {
	files, _ := filepath.Glob(golden + "/manifest/" + prefix + "*")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	fuzzSeeds(f, "manifest-")
	f.Add(must(EncodeManifest(randomEntries(rand.New(rand.NewPCG(1, 2)), 3, Arity{1, 1}), Arity{1, 1}, "null")))
	f.Fuzz(func(t *testing.T, data []byte) { DecodeManifest(data) })
}

func FuzzDecodeManifestList(f *testing.F) {
	fuzzSeeds(f, "manifest-list-")
	f.Add(must(EncodeManifestList([]ManifestFileMeta{{FileName: "m"}}, "null")))
	f.Fuzz(func(t *testing.T, data []byte) { DecodeManifestList(data) })
}

func FuzzDecodeIndexManifest(f *testing.F) {
	fuzzSeeds(f, "index-")
	f.Add(must(EncodeIndexManifest([]IndexManifestEntry{{Partition: emptyRow, File: IndexFileMeta{Deletions: []DeletionRange{{}}}}}, Arity{}, "null")))
	f.Fuzz(func(t *testing.T, data []byte) { DecodeIndexManifest(data) })
}

func BenchmarkDecodeManifest(b *testing.B) {
	in := randomEntries(rand.New(rand.NewPCG(1, 2)), 100_000, Arity{1, 1})
	data := must(EncodeManifest(in, Arity{1, 1}, "zstd"))
	b.ReportMetric(float64(len(data)), "bytes")
	for b.Loop() {
		out, err := DecodeManifest(data)
		if err != nil || len(out) != len(in) {
			b.Fatal(err)
		}
	}
}
