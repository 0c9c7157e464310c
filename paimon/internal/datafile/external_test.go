package datafile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/spec"
)

func TestExternalPaths(t *testing.T) {
	root := t.TempDir()
	store, err := fileio.NewLocal(root)
	require.NoError(t, err)
	a, b := "file:"+filepath.ToSlash(root)+"/ext/a", "file:"+filepath.ToSlash(root)+"/ext/b"
	o := datafile.PathOptions{Table: "db.db/t", Directory: "data", Store: store, External: datafile.External{Roots: []string{a, b}}}
	p := datafile.NewPaths(o, "dt=1", 3)
	seen := map[string]int{}
	for range 4 {
		name := p.NewData("avro")
		path, external := p.NewFile(name)
		require.NotNil(t, external)
		require.Equal(t, "data/dt=1/bucket-3/"+name, strings.TrimPrefix(strings.TrimPrefix(path, "ext/a/"), "ext/b/"))
		meta := &spec.DataFileMeta{FileName: name, ExternalPath: external}
		require.Equal(t, path, p.DataFile(meta))
		require.Equal(t, filepath.ToSlash(filepath.Dir(path))+"/x.index", p.ExtraFile(meta, "x.index"))
		seen[path[:5]]++
	}
	require.Equal(t, map[string]int{"ext/a": 2, "ext/b": 2}, seen)

	o.External.Weights = []int{1, 0}
	path, _ := datafile.NewPaths(o, "", 0).NewFile("f.avro")
	require.Equal(t, "ext/a/data/bucket-0/f.avro", path)

	// the hash is that of Guava's Hashing.murmur3_32
	o.External = datafile.External{Roots: []string{a}, Entropy: true}
	path, _ = datafile.NewPaths(o, "", 0).NewFile("hello")
	require.Equal(t, "ext/a/data/bucket-0/1011/1111/1010/01000111/hello", path) // 0x248bfa47

	for _, bad := range []string{"file:/elsewhere/f.avro", "s3://bucket/f.avro", "file:" + root + "/../f.avro", root + "x/f.avro", "relative/f.avro"} {
		_, err := datafile.KeyOf(store, bad)
		require.ErrorIs(t, err, errs.ErrUnsupported, bad)
	}
	out := "file:/elsewhere/f.avro"
	outside := datafile.NewPaths(o, "", 0).DataFile(&spec.DataFileMeta{FileName: "f.avro", ExternalPath: &out})
	_, err = store.Open(t.Context(), outside)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "outside of the warehouse")
}
