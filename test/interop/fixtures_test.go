// Package interop holds Tarn against the real Apache Paimon.
package interop

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// unpack extracts the tables that Java wrote.
func unpack(t *testing.T) string { return untar(t, "../fixtures/paimon-1.4.2.tar.gz") }

func untar(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		require.NoError(t, err)
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		require.True(t, filepath.IsLocal(filepath.FromSlash(h.Name)))
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(name, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		out, err := os.Create(name)
		require.NoError(t, err)
		_, err = io.Copy(out, r)
		require.NoError(t, err)
		require.NoError(t, out.Close())
	}
}

// expectedName splits "db.table+branch-b@7.jsonl", "db.table.changelog.jsonl", ….
var expectedName = regexp.MustCompile(`^([a-z]+\.[a-z0-9_]+?)(?:\+branch-([A-Za-z0-9_]+))?(?:@tag-(.+?)|@(\d+)|\.(changelog|delta))?\.jsonl$`)

// TestFixtures reads every table that the real Paimon wrote: as it is, at every
// snapshot, tag and branch, and its changes.
func TestFixtures(t *testing.T) {
	root := unpack(t)
	store, err := fileio.NewLocal(filepath.Join(root, "warehouse"))
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{})
	unordered := unorderedColumns(t, root)

	files, err := filepath.Glob(filepath.Join(root, "expected", "*.jsonl"))
	require.NoError(t, err)
	sort.Strings(files)
	byTable := map[string][]string{}
	for _, f := range files {
		m := expectedName.FindStringSubmatch(filepath.Base(f))
		require.NotNil(t, m, f)
		byTable[m[1]] = append(byTable[m[1]], f)
	}
	checked := 0
	for _, name := range sorted(byTable) {
		t.Run(name, func(t *testing.T) {
			for _, f := range byTable[name] {
				m := expectedName.FindStringSubmatch(filepath.Base(f))
				got, err := dumpTable(w, m)
				require.NoError(t, err, filepath.Base(f))
				want, err := os.ReadFile(f)
				require.NoError(t, err)
				compare(t, filepath.Base(f), string(want), got, m[5] != "", unordered[name])
				checked++
			}
		})
	}
	t.Logf("%d expectations of %d tables compared", checked, len(byTable))
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func dumpTable(w *paimon.Warehouse, m []string) (string, error) {
	db, table, _ := strings.Cut(m[1], ".")
	o := dump.Options{Table: catalog.Identifier{Database: db, Table: table, Branch: m[2]}, Tag: m[3], Changelog: m[5] != ""}
	if m[4] != "" {
		o.Snapshot, _ = strconv.ParseInt(m[4], 10, 64)
	}
	var out bytes.Buffer
	err := dump.Run(context.Background(), w, o, &out)
	return out.String(), err
}

// compare holds what Tarn read against what Java read. Changes are compared
// snapshot by snapshot and key by key: only their order within a key is
// defined.
func compare(t *testing.T, name, want, got string, changes bool, bags []string) {
	t.Helper()
	a, b := lines(want), lines(got)
	for i := range a {
		a[i] = asBags(t, a[i], bags)
	}
	for i := range b {
		b[i] = asBags(t, b[i], bags)
	}
	if changes {
		sort.Strings(a)
		sort.Strings(b)
	}
	if slices.Equal(a, b) {
		return
	}
	for i := range max(len(a), len(b)) {
		x, y := "(none)", "(none)"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			t.Errorf("%s: %d lines wanted, %d read; first difference in line %d\nJava %s\nTarn %s", name, len(a), len(b), i+1, x, y)
			return
		}
	}
}

func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// asBags sorts the elements of array columns whose order Java leaves to a hash
// map.
func asBags(t *testing.T, line string, columns []string) string {
	t.Helper()
	if len(columns) == 0 {
		return line
	}
	var row map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &row))
	for _, c := range columns {
		var list []json.RawMessage
		if json.Unmarshal(row[c], &list) == nil {
			sort.Slice(list, func(i, j int) bool { return string(list[i]) < string(list[j]) })
			row[c], _ = json.Marshal(list)
		}
	}
	out, err := json.Marshal(row)
	require.NoError(t, err)
	return string(out)
}

type fixture struct {
	Name             string            `json:"table"`
	Options          map[string]string `json:"options"`
	CompareUnordered []string          `json:"compareUnordered"`
}

func manifest(t *testing.T, root string) []fixture {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	require.NoError(t, err)
	var m struct {
		Tables []fixture `json:"tables"`
	}
	require.NoError(t, json.Unmarshal(data, &m))
	require.NotEmpty(t, m.Tables)
	return m.Tables
}

func unorderedColumns(t *testing.T, root string) map[string][]string {
	out := map[string][]string{}
	for _, f := range manifest(t, root) {
		out[f.Name] = f.CompareUnordered
	}
	return out
}
