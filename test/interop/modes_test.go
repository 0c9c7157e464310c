package interop

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// sameErrors are parts of Paimon's errors that Tarn's have too. Other errors
// of Paimon are those of the JVM (a null pointer, a missing file): that there is
// one is compared.
var sameErrors = []string{"must set only one key in", "must be null when you", "can not be null when you use", "is out of available snapshotId range",
	"must specific start(exclusive)", "Ending snapshotId should", "Ending timestamp", "Didn't find two tags", "Cannot read incremental in streaming mode",
	"Cannot scan from watermark in streaming mode", "Cannot scan from tag", "is not an auto-created tag", "The bucket number of two snapshots"}

// moreThanJava are diffs behind an overwrite, which starts to count sequence
// numbers anew: Paimon takes rows for older than what they replaced, and leaves
// them out.
var moreThanJava = regexp.MustCompile(`^overwrite\.(dynamic|whole)_pk \| batch \| incremental-between.*=diff$`)

// TestScanModes reads the fixtures in every mode of starting, in batch and as
// a stream, and compares with what Java read.
func TestScanModes(t *testing.T) {
	store, err := fileio.NewLocal(filepath.Join(unpack(t), "warehouse"))
	require.NoError(t, err)
	w := paimon.Open(store, paimon.Options{})
	f, err := os.Open("testdata/scan_modes.txt")
	require.NoError(t, err)
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		what, want, ok := strings.Cut(line, " => ")
		require.True(t, ok, line)
		parts := strings.SplitN(what, " | ", 3)
		hint := map[string]string{}
		for _, kv := range strings.Split(strings.TrimSpace(parts[2]), ";") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				hint[k] = v
			}
		}
		rows, err := readIn(w, parts[0], parts[1] == "stream", hint)
		if message, refused := strings.CutPrefix(want, "error:"); refused {
			if !sameError(message, err) {
				t.Errorf("%s\nJava: %s\nTarn: %v", what, want, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\nJava: %s\nTarn: %v", what, want, err)
			continue
		}
		sort.Strings(rows)
		sum := sha256.Sum256([]byte(strings.Join(rows, "")))
		if moreThanJava.MatchString(what) {
			java, err := strconv.Atoi(strings.Fields(want)[0])
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(rows), java, what)
			continue
		}
		if got := fmt.Sprintf("%d %s", len(rows), hex.EncodeToString(sum[:8])); got != want {
			t.Errorf("%s\nJava: %s\nTarn: %s", what, want, got)
		}
	}
	require.Greater(t, n, 1000)
}

func sameError(want string, err error) bool {
	if err == nil {
		return false
	}
	for _, part := range sameErrors {
		if strings.Contains(want, part) {
			return strings.Contains(err.Error(), part)
		}
	}
	return true
}

func readIn(w *paimon.Warehouse, name string, stream bool, hint map[string]string) ([]string, error) {
	ctx := context.Background()
	db, table, _ := strings.Cut(name, ".")
	t, err := w.Table(ctx, catalog.Identifier{Database: db, Table: table}, hint)
	if err != nil {
		return nil, err
	}
	o := t.Options()
	if err := o.Validate(len(t.Schema().PrimaryKeys) > 0); err != nil {
		return nil, err
	}
	if !stream {
		snap, err := t.Travel(ctx)
		if err != nil {
			return nil, err
		}
		plan, err := t.Plan(ctx, snap, nil)
		if err != nil {
			return nil, err
		}
		return kindRows(plan.Table, plan.Read(ctx, plan.Splits, nil), "")
	}
	s := t.RawStream(0)
	defer s.Close()
	var out []string
	for {
		p, err := s.TryNext(ctx)
		if err == io.EOF || p == nil && err == nil {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		r, err := p.Read(ctx, nil)
		if err != nil {
			return nil, err
		}
		id := int64(0)
		if p.Snapshot != nil {
			id = p.Snapshot.ID
		}
		rows, err := kindRows(t, r, fmt.Sprintf(`"_snapshot":%d,`, id))
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
}

// kindRows reads all rows as lines with their kinds.
func kindRows(t *paimon.Table, r *paimon.Reader, members string) ([]string, error) {
	defer r.Close()
	var out []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range int(b.Rows.NumRows()) {
			out = append(out, string(rowjson.AppendRow(nil, t.Fields(), b.Rows, i, members+`"_kind":"`+b.Kind(i).String()+`"`))+"\n")
		}
		b.Rows.Release()
	}
}
