package paimon_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// filesUnder gives the names of all data files below a directory.
func filesUnder(t *testing.T, store fileio.Store, dir string) (out []string) {
	t.Helper()
	for info, err := range store.List(context.Background(), dir) {
		require.NoError(t, err)
		if info.Dir {
			out = append(out, filesUnder(t, store, info.Path)...)
		} else if strings.Contains(info.Path, "/bucket-") {
			out = append(out, info.Path)
		}
	}
	return out
}

// TestForms writes, compacts and reads tables whose files have every form that
// options give them: what is read is what a table of one form would give.
func TestForms(t *testing.T) {
	for name, f := range map[string]struct {
		options map[string]string
		want    []string // kinds of files that there are at some time, and no others
	}{
		"avro":         {map[string]string{"file.format": "avro"}, []string{".avro"}},
		"by level":     {map[string]string{"file.format.per.level": "0:avro,1:avro", "file.compression.per.level": "0:null,5:snappy", "metadata.stats-mode.per.level": "0:none"}, []string{".avro", ".parquet"}},
		"lookup":       {map[string]string{"file.format.per.level": "0:avro", "changelog-producer": "lookup", "changelog-file.format": "avro", "changelog-file.compression": "deflate"}, []string{".avro", ".parquet"}},
		"of changelog": {map[string]string{"file.format": "avro", "changelog-producer": "full-compaction", "changelog-file.format": "parquet", "changelog-file.stats-mode": "none"}, []string{".avro", ".parquet"}},
		"names":        {map[string]string{"file.suffix.include.compression": "true", "file.format.per.level": "0:avro", "data-file.path-directory": "x/y", "file.compression": "snappy"}, []string{".snappy.avro", ".snappy.parquet"}},
		"thin":         {map[string]string{"file.format": "avro", "data-file.thin-mode": "true", "avro.codec": "snappy"}, []string{".avro"}},
		"outside":      {map[string]string{"data-file.external-paths": "file:ROOT/e/1, file://ROOT/e/2", "data-file.external-paths.strategy": "round-robin", "file.format": "avro"}, []string{".avro"}},
		"scattered":    {map[string]string{"data-file.external-paths": "file:ROOT/e/1", "data-file.external-paths.strategy": "entropy-inject"}, []string{".parquet"}},
	} {
		t.Run(name, func(t *testing.T) {
			seed := seedOf(t)
			r := rand.New(rand.NewPCG(seed, 6))
			root := t.TempDir()
			store, err := fileio.NewLocal(root)
			require.NoError(t, err)
			o := map[string]string{"bucket": "2", "num-sorted-run.compaction-trigger": "3"}
			for k, v := range f.options {
				o[k] = strings.ReplaceAll(v, "ROOT", filepath.ToSlash(root))
			}
			m := newModes(t, store, catalog.Definition{PrimaryKeys: []string{"p", "k"}, PartitionKeys: []string{"p"}, Options: o})
			state, n := newest{}, int64(0)
			kinds := map[string]bool{}
			for range 8 {
				list := randomCells(r, &n, 2, 15, 30)
				require.NoError(t, m.insert(m.table(nil), list...))
				state.apply(list, partitionAndKey)
				if r.IntN(4) == 0 {
					_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{Full: true})
					require.NoError(t, err)
				}
				require.Equal(t, state.rows(), m.sortedRows())
				for _, p := range filesUnder(t, store, "") {
					_, ext, _ := strings.Cut(path.Base(p), ".")
					kinds["."+ext] = true
					require.Equal(t, name == "outside" || name == "scattered", strings.HasPrefix(p, "e/"), p)
					require.Equal(t, name == "names", strings.Contains(p, "users/x/y/p="), p)
				}
			}
			require.Equal(t, f.want, slices.Sorted(func(yield func(string) bool) {
				for k := range kinds {
					if !yield(k) {
						return
					}
				}
			}))
			m.noOrphans()
		})
	}
}

func TestFormsThatAreRefused(t *testing.T) {
	ctx := context.Background()
	store, err := fileio.NewLocal(t.TempDir())
	require.NoError(t, err)
	c := paimon.Open(store, paimon.Options{}).Catalog()
	require.NoError(t, c.CreateDatabase(ctx, "d"))
	n := 0
	create := func(typ types.Type, options map[string]string) (catalog.Identifier, error) {
		n++
		id := catalog.Identifier{Database: "d", Table: fmt.Sprint("t", n)}
		return id, c.CreateTable(ctx, id, catalog.Definition{Fields: []types.Field{{Name: "a", Type: typ}}, Options: options})
	}
	nanos := types.TimestampOf(9)
	for _, o := range []map[string]string{{"file.format": "avro"}, {"file.format.per.level": "0:avro"}, {"changelog-file.format": "AVRO"}} {
		_, err := create(nanos, o)
		require.ErrorIs(t, err, errs.ErrUnsupported, "%v", o)
		require.ErrorContains(t, err, "precision of 6")
	}
	for _, o := range []map[string]string{
		{"file.format.per.level": "0:word"}, {"file.format.per.level": "avro"}, {"file.compression.per.level": "x:zstd"}, {"metadata.stats-mode.per.level": "0:none,0:full"},
		{"data-file.path-directory": "../other"}, {"data-file.external-paths": "/no/scheme", "data-file.external-paths.strategy": "round-robin"},
		{"data-file.external-paths": "file:/x", "data-file.external-paths.strategy": "specific-fs", "data-file.external-paths.specific-fs": "oss"},
	} {
		_, err := create(types.Of(types.Int), o)
		require.ErrorIs(t, err, errs.ErrInvalid, "%v", o)
	}
	id, err := create(types.Of(types.Int), map[string]string{"data-file.external-paths": "oss://bucket/x", "data-file.external-paths.strategy": "round-robin"})
	require.NoError(t, err)
	table, err := paimon.Open(store, paimon.Options{}).Table(ctx, id, nil)
	require.NoError(t, err)
	_, err = table.NewWriter(ctx, paimon.WriteOptions{})
	require.ErrorIs(t, err, errs.ErrUnsupported)
	require.ErrorContains(t, err, "oss://bucket/x lies outside of the warehouse")
}
