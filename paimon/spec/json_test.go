package spec

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// jsonFile is a struct that is a file of its own.
type jsonFile interface{ JSON() ([]byte, error) }

func TestGoldenJSON(t *testing.T) {
	f := func(kind string, n int, parse func([]byte) (jsonFile, error)) {
		t.Helper()
		files, err := filepath.Glob(golden + "/" + kind + "/*")
		require.NoError(t, err)
		require.Len(t, files, n)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			v, err := parse(data)
			require.NoError(t, err, file)
			out, err := v.JSON()
			require.NoError(t, err)
			require.Equal(t, string(data), string(out), file)
		}
	}
	f("schema", 6, func(b []byte) (jsonFile, error) { return ParseSchema(b) })
	f("snapshot", 1, func(b []byte) (jsonFile, error) { return ParseSnapshot(b) })
	f("changelog", 1, func(b []byte) (jsonFile, error) { return ParseSnapshot(b) })
	f("tag", 1, func(b []byte) (jsonFile, error) { return ParseTag(b) })
	f("consumer", 1, func(b []byte) (jsonFile, error) { return ParseConsumer(b) })
}

func TestSchemaVersions(t *testing.T) {
	f := func(head string, want map[string]string) {
		t.Helper()
		s, err := ParseSchema([]byte(`{` + head + `"id":3,"fields":[{"id":0,"name":"a","type":"INT"}],"highestFieldId":0,"partitionKeys":[],"primaryKeys":[],"future":{}}`))
		require.NoError(t, err)
		require.Equal(t, want, s.Options)
		require.EqualValues(t, 3, s.ID)
	}
	f(``, map[string]string{"bucket": "1", "file.format": "orc"})
	f(`"version":1,"options":{"bucket":"7"},`, map[string]string{"bucket": "7", "file.format": "orc"})
	f(`"version":2,`, map[string]string{"file.format": "orc"})
	f(`"version":3,`, map[string]string{})

	_, err := ParseSchema([]byte(`{"version":4,"id":0,"fields":[]}`))
	require.ErrorIs(t, err, errs.ErrUnsupported)
	for _, bad := range []string{``, `{}`, `[]`, `{"version":3,"fields":[{"id":0,"name":"a"}]}`,
		`{"version":3,"fields":[{"id":0,"name":"a","type":"INT"}],"primaryKeys":["b"]}`,
		`{"version":3,"fields":[{"id":0,"name":"a","type":"INT"},{"id":1,"name":"a","type":"INT"}]}`,
		`{"version":3,"fields":[{"id":0,"name":"a","type":"WHATEVER"}]}`} {
		_, err := ParseSchema([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestSchemaDerived(t *testing.T) {
	s := &TableSchema{
		Fields: []types.Field{
			{ID: 0, Name: "v", Type: types.String()}, {ID: 1, Name: "dt", Type: types.Of(types.Date).NotNull()},
			{ID: 2, Name: "k2", Type: types.Of(types.Int).NotNull()}, {ID: 5, Name: "k1", Type: types.Of(types.BigInt).NotNull()},
			{ID: 7, Name: "r", Type: types.RowOf(types.Field{ID: 12, Name: "x", Type: types.Of(types.Int)})},
		},
		PartitionKeys: []string{"dt"}, PrimaryKeys: []string{"k1", "dt", "k2"}, Options: map[string]string{},
	}
	require.Equal(t, []string{"k1", "k2"}, s.TrimmedPrimaryKeys())
	require.Equal(t, []string{"k1", "k2"}, s.BucketKeys())
	require.Equal(t, Arity{1, 2}, ArityOf(s))
	require.Equal(t, "_KEY_k1", s.KeyFields()[0].Name)
	require.Equal(t, SystemFieldIDStart+5, s.KeyFields()[0].ID)
	require.Equal(t, "k1", s.Fields[3].Name)
	require.Equal(t, []types.Type{types.Of(types.Date).NotNull()}, s.PartitionTypes())
	require.Equal(t, 12, HighestID(s.Fields))
	require.False(t, s.CrossPartition())
	n, err := s.Buckets()
	require.NoError(t, err)
	require.Equal(t, -1, n)

	c := s.Clone()
	c.PrimaryKeys = []string{"k1"}
	c.Options["bucket-key"] = "k1, k2"
	c.Options["bucket"] = "0"
	require.True(t, c.CrossPartition())
	require.Equal(t, []string{"k1", " k2"}, c.BucketKeys())
	_, err = c.BucketKeyFields()
	require.ErrorContains(t, err, `" k2"`)
	_, err = c.Buckets()
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.Empty(t, s.Options)
	f, ok := s.FieldByID(5)
	require.True(t, ok)
	require.Equal(t, "k1", f.Name)
	_, ok = s.Field("nope")
	require.False(t, ok)
}

func TestSnapshotOfNewerVersions(t *testing.T) {
	in := `{"version":3,"uuid":"u","id":2,"schemaId":1,"baseManifestList":"b","deltaManifestList":"d","deltaManifestListSize":7,
	"commitUser":"x","writerVersion":"2.0","commitIdentifier":9223372036854775807,"commitKind":"OVERWRITE","timeMillis":5,"logOffsets":{"0":1},
	"totalRecordCount":1,"deltaRecordCount":-2,"watermark":-9223372036854775808,"properties":{"tarn.position":"a<b>"},"operation":"DELETE","future":[1,{}]}`
	s, err := ParseSnapshot([]byte(in))
	require.NoError(t, err)
	require.Equal(t, BatchIdentifier, s.CommitIdentifier)
	require.Equal(t, "a<b>", s.Properties["tarn.position"])
	require.Equal(t, "DELETE", *s.Operation)
	require.Nil(t, s.BaseManifestListSize)
	out, err := s.JSON()
	require.NoError(t, err)
	require.Contains(t, string(out), `"properties" : {
    "tarn.position" : "a<b>"
  },`)
	again, err := ParseSnapshot(out)
	require.NoError(t, err)
	require.Equal(t, s, again)

	for _, bad := range []string{`{"version":3,"id":1`, `{}`, `{"version":3,"id":1,"baseManifestList":"a","deltaManifestList":"b","commitKind":"NEW"}`} {
		_, err := ParseSnapshot([]byte(bad))
		require.Error(t, err)
	}
	_, err = ParseSnapshot([]byte(`{"version":4,"id":1}`))
	require.ErrorIs(t, err, errs.ErrUnsupported)
}

func TestTagTimes(t *testing.T) {
	const head = `{"version":3,"id":2,"schemaId":1,"baseManifestList":"b","deltaManifestList":"d","commitUser":"x","commitIdentifier":1,"commitKind":"APPEND","timeMillis":5,"totalRecordCount":1,"deltaRecordCount":1`
	tag, err := ParseTag([]byte(head + `,"tagCreateTime":[2025,6,1,8,30,5,120000000],"tagTimeRetained":86400.500000000}`))
	require.NoError(t, err)
	require.Equal(t, time.Date(2025, 6, 1, 8, 30, 5, 120000000, time.UTC), *tag.CreateTime)
	require.Equal(t, 24*time.Hour+500*time.Millisecond, *tag.TimeRetained)
	out, err := tag.JSON()
	require.NoError(t, err)
	require.Contains(t, string(out), `"tagCreateTime" : [ 2025, 6, 1, 8, 30, 5, 120000000 ],
  "tagTimeRetained" : 86400.500000000
}`)
	short, err := ParseTag([]byte(head + `,"tagCreateTime":[2025,6,1,8,30]}`))
	require.NoError(t, err)
	require.Equal(t, time.Date(2025, 6, 1, 8, 30, 0, 0, time.UTC), *short.CreateTime)
	for _, bad := range []string{`,"tagCreateTime":[2025]}`, `,"tagTimeRetained":1e400000000}`, `,"tagTimeRetained":1e30}`} {
		_, err := ParseTag([]byte(head + bad))
		require.Error(t, err, bad)
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, kind := range []string{"schema", "snapshot", "tag", "consumer"} {
		files, _ := filepath.Glob(golden + "/" + kind + "/*")
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseSchema(data); err == nil {
			if _, err := s.JSON(); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := ParseTag(data); err == nil {
			out, err := s.JSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseTag(out); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
		}
		ParseConsumer(data)
	})
}
