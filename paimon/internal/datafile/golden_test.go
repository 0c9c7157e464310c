package datafile_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// warehouse holds tables written by Paimon in Java; any other warehouse of
// Parquet tables will do.
var warehouse = flag.String("warehouse", "testdata/paimon-1.4.2", "warehouse directory to check")

// table is one table of the warehouse.
type table struct {
	name    string // db.db/table
	store   fileio.Store
	schemas map[int64]*spec.TableSchema
	latest  *spec.TableSchema
	entries []spec.ManifestEntry
}

func openTable(t *testing.T, root, name string) *table {
	store, err := fileio.NewLocal(root)
	require.NoError(t, err)
	out := &table{name: name, store: store, schemas: map[int64]*spec.TableSchema{}}
	files, err := filepath.Glob(filepath.Join(root, name, "schema", "schema-*"))
	require.NoError(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		s, err := spec.ParseSchema(data)
		require.NoError(t, err)
		out.schemas[s.ID] = s
		if out.latest == nil || s.ID > out.latest.ID {
			out.latest = s
		}
	}
	manifests, err := filepath.Glob(filepath.Join(root, name, "manifest", "manifest-*-*-*-*-*-*"))
	require.NoError(t, err)
	for _, f := range manifests {
		if strings.HasPrefix(filepath.Base(f), "manifest-list") {
			continue
		}
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		entries, err := spec.DecodeManifest(data)
		if errors.Is(err, errs.ErrUnsupported) {
			t.Logf("%s: %v", name, err)
			continue
		}
		require.NoError(t, err)
		out.entries = append(out.entries, entries...)
	}
	return out
}

func (tb *table) fields(id int64) ([]types.Field, error) {
	if s := tb.schemas[id]; s != nil {
		return s.Fields, nil
	}
	return nil, errs.Kinded(errs.ErrNotFound, "schema %d of %s", id, tb.name)
}

// path finds an entry's file, since the partition text is not ours to make
// here; "" when it has been expired.
func (tb *table) path(t *testing.T, root string, f *spec.DataFileMeta) string {
	found := ""
	err := filepath.WalkDir(filepath.Join(root, tb.name), func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == f.FileName {
			found, err = filepath.Rel(root, p)
		}
		return err
	})
	require.NoError(t, err)
	return filepath.ToSlash(found)
}

// partition gives the values of the partition columns of schema s.
func partition(t *testing.T, s *spec.TableSchema, row []byte) map[int]arrow.Array {
	fields := s.PartitionFields()
	b, err := binrow.Rows(fields, [][]byte{row})
	require.NoError(t, err)
	out := map[int]arrow.Array{}
	for i, f := range fields {
		out[s.Index(f.Name)] = b.Column(i)
	}
	return out
}

func keyIndexes(t *testing.T, s *spec.TableSchema) []int {
	out, err := s.Indexes(s.TrimmedPrimaryKeys())
	require.NoError(t, err)
	return out
}

// TestPaimonFiles reads every data file under the table's newest schema, then
// writes its rows again under the file's own schema: the file must have the
// same Parquet schema, and its description must be Java's to the byte.
func TestPaimonFiles(t *testing.T) {
	schemas, err := filepath.Glob(filepath.Join(*warehouse, "*.db", "*", "schema"))
	require.NoError(t, err)
	require.NotEmpty(t, schemas)
	for _, dir := range schemas {
		name, err := filepath.Rel(*warehouse, filepath.Dir(dir))
		require.NoError(t, err)
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			tb := openTable(t, *warehouse, name)
			seen := map[string]bool{}
			for i := range tb.entries {
				e := &tb.entries[i]
				id := e.File.FileName + strconv.Itoa(e.File.Level)
				if formatOf(e) == "orc" || e.Bucket == datafile.PostponeBucket || e.Kind == spec.KindDelete || seen[id] {
					continue
				}
				seen[id] = true
				p := tb.path(t, *warehouse, &e.File)
				if p == "" {
					continue
				}
				if len(tb.latest.PrimaryKeys) > 0 {
					checkKeyed(t, tb, p, e)
				} else {
					checkRows(t, tb, p, e)
				}
			}
			t.Logf("%d files", len(seen))
		})
	}
}

func readKV(t *testing.T, tb *table, s *spec.TableSchema, p string, e *spec.ManifestEntry) []*columnar.KV {
	t.Helper()
	o := datafile.KVReadOptions{Store: tb.store, Fields: s.Fields, KeyFields: keyIndexes(t, s),
		Partition: partition(t, s, e.Partition), SchemaFields: tb.fields}
	r, err := datafile.OpenKV(context.Background(), o, p, &e.File)
	require.NoError(t, err)
	defer r.Close()
	var out []*columnar.KV
	rows := int64(0)
	for {
		b, err := r.Next()
		if err == io.EOF {
			require.Equal(t, e.File.RowCount, rows)
			return out
		}
		require.NoError(t, err)
		rows += int64(b.Len())
		for i := 1; i < b.Len(); i++ {
			if c := columnar.Compare(b.Keys, i-1, b.Keys, i); c > 0 || c == 0 && !strings.HasPrefix(path.Base(p), "changelog-") {
				t.Fatalf("%s: row %d has no greater key than the one before", p, i)
			}
		}
		out = append(out, b)
	}
}

func formatOf(e *spec.ManifestEntry) string {
	return strings.TrimPrefix(path.Ext(e.File.FileName), ".")
}

func statsOptions(t *testing.T, s *spec.TableSchema) datafile.StatsOptions {
	o := datafile.StatsOptions{Mode: s.Options["metadata.stats-mode"], FieldModes: map[string]string{},
		Full: s.Options["metadata.stats-dense-store"] == "false"}
	for _, f := range s.Fields {
		if mode, ok := s.Options["fields."+f.Name+".stats-mode"]; ok {
			o.FieldModes[f.Name] = mode
		}
	}
	if text, ok := s.Options["metadata.stats-keep-first-n-columns"]; ok {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		o.KeepFirst = &n
	}
	return o
}

func checkKeyed(t *testing.T, tb *table, p string, e *spec.ManifestEntry) {
	readKV(t, tb, tb.latest, p, e)
	s := tb.schemas[e.File.SchemaID]
	mem := fileio.NewMem()
	w, err := datafile.NewKVWriter(context.Background(), datafile.KVWriterOptions{
		Store: mem, Paths: datafile.NewPaths(datafile.PathOptions{Table: "t"}, "", 0), Fields: s.Fields, KeyFields: keyIndexes(t, s),
		Format: formatOf(e), SchemaID: s.ID, Level: e.File.Level, Source: *e.File.FileSource, ThinMode: s.Options["data-file.thin-mode"] == "true",
		Stats: statsOptions(t, s), Write: format.WriteOptions{Compression: s.Options["file.compression"]},
		Changelog: strings.HasPrefix(e.File.FileName, "changelog-"),
	})
	require.NoError(t, err)
	for _, b := range readKV(t, tb, s, p, e) {
		require.NoError(t, w.Write(b))
	}
	metas, err := w.Close()
	require.NoError(t, err)
	require.Len(t, metas, 1)
	compareFiles(t, tb, p, e, mem, "t/bucket-0/"+metas[0].FileName, metas[0])
}

func checkRows(t *testing.T, tb *table, p string, e *spec.ManifestEntry) {
	open := func(s *spec.TableSchema) []arrow.RecordBatch {
		o := datafile.RowReadOptions{Store: tb.store, Fields: s.Fields, Partition: partition(t, s, e.Partition), SchemaFields: tb.fields}
		r, err := datafile.OpenRows(context.Background(), o, p, &e.File)
		require.NoError(t, err)
		defer r.Close()
		var out []arrow.RecordBatch
		for {
			b, err := r.Next()
			if err == io.EOF {
				return out
			}
			require.NoError(t, err)
			out = append(out, b)
		}
	}
	open(tb.latest)
	s := tb.schemas[e.File.SchemaID]
	mem := fileio.NewMem()
	w, err := datafile.NewRowWriter(context.Background(), datafile.RowWriterOptions{
		Store: mem, Paths: datafile.NewPaths(datafile.PathOptions{Table: "t"}, "", 0), Fields: s.Fields, SchemaID: s.ID,
		Format: formatOf(e), Source: *e.File.FileSource, FirstSequence: e.File.MinSequence, Stats: statsOptions(t, s),
		Write: format.WriteOptions{Compression: s.Options["file.compression"]},
	})
	require.NoError(t, err)
	for _, b := range open(s) {
		require.NoError(t, w.Write(b))
	}
	metas, err := w.Close()
	require.NoError(t, err)
	require.Len(t, metas, 1)
	compareFiles(t, tb, p, e, mem, "t/bucket-0/"+metas[0].FileName, metas[0])
}

// compareFiles compares the description and the Parquet schema of Java's file
// and ours.
func compareFiles(t *testing.T, tb *table, p string, e *spec.ManifestEntry, mem fileio.Store, ours string, got spec.DataFileMeta) {
	t.Helper()
	want := e.File
	require.Equal(t, want.ValueStatsCols, got.ValueStatsCols, p)
	require.Equal(t, want.KeyStats, got.KeyStats, p)
	require.Equal(t, want.ValueStats, got.ValueStats, p)
	for _, m := range []*spec.DataFileMeta{&want, &got} {
		m.FileName, m.FileSize, m.CreationTime, m.ExtraFiles, m.EmbeddedIndex = "", 0, got.CreationTime, nil, nil
	}
	require.Equal(t, want, got, p)
	if formatOf(e) == "parquet" { // the test of Avro files compares their schemas
		require.Equal(t, parquetSchema(t, tb.store, p), parquetSchema(t, mem, ours), p)
	}
}

func parquetSchema(t *testing.T, store fileio.Store, p string) string {
	t.Helper()
	in, err := store.Open(context.Background(), p)
	require.NoError(t, err)
	defer in.Close()
	r, err := pqfile.NewParquetReader(io.NewSectionReader(in, 0, in.Size()))
	require.NoError(t, err)
	var b strings.Builder
	schema.PrintSchema(r.MetaData().Schema.Root(), &b, 2)
	return b.String()
}
