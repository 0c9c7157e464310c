package query_test

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/query/dialect"
)

// javaTables extracts tables that the Java Paimon wrote into dir.
func javaTables(t *testing.T, dir string, names ...string) {
	t.Helper()
	f, err := os.Open("../../test/fixtures/paimon-1.4.2.tar.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		for _, name := range names {
			rest, ok := strings.CutPrefix(path.Clean(h.Name), "warehouse/")
			if !ok || !strings.HasPrefix(rest, name+"/") || h.Typeflag != tar.TypeReg {
				continue
			}
			file := filepath.Join(dir, filepath.FromSlash(rest))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			data, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, data, 0o644))
		}
	}
}

// TestJavaTables queries what the engine cannot read from the files by itself.
func TestJavaTables(t *testing.T) {
	b := newBench(t)
	javaTables(t, b.dir, "append.db/variant", "append.db/blob", "types.db/scalars_append_orc", "types.db/scalars_pk_orc")
	s := b.session("main", dialect.Flink)
	for text, want := range map[string]string{
		"SELECT v, count(*) AS n FROM append.variant WHERE v LIKE '{\"a%' GROUP BY v": `"{\"a\":1,\"b\":\"x\"}" | 7`,
		"SELECT count(*), count(b), sum(octet_length(b)) FROM append.blob":            "30 | 30 | 2629",
		"SELECT count(*), min(c_int), max(c_string) FROM types.scalars_append_orc":    `100 | -2147483648 | "数据湖"`,
		"SELECT count(*) FROM types.scalars_pk_orc":                                   "44",
	} {
		got, err := b.one(s, dialect.Flink, text, true, nil)
		require.NoError(t, err, text)
		_, row, _ := strings.Cut(strings.TrimSpace(got), "\n")
		require.Equal(t, want, row, text)
	}
}
