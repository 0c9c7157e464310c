//go:build witness

package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// defaultSeed is the seed of the histories unless TARN_SEED gives another.
const defaultSeed = 20261123

// witnessSettings gives what `make test-interop` and who calls it have set: the
// folder of the witnesses of test/witness, the seed of the histories
// (TARN_SEED), and which tables to take (TARN_ONLY).
func witnessSettings(t *testing.T) (witness string, seed uint64, only *regexp.Regexp) {
	t.Helper()
	witness = os.Getenv("TARN_WITNESS")
	require.NotEmpty(t, witness, "TARN_WITNESS is not set to where test/witness/build.sh has built: run `make test-interop`")
	seed = defaultSeed
	if s := os.Getenv("TARN_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d; repeat with TARN_SEED=%d make test-interop", seed, seed)
	return witness, seed, regexp.MustCompile(os.Getenv("TARN_ONLY"))
}

// relay is a warehouse on its way between Tarn and the Java Paimon. A witness
// reads every snapshot, branch and tag of it, verifies every file, and goes on
// writing; at every station both must read the same, byte for byte.
type relay struct {
	dir    string // holds the warehouse, and what the witnesses read
	tables []runner
}

// runner is a table of a relay.
type runner struct {
	id   catalog.Identifier
	bags []string // array columns whose order is not defined
	// omit matches files of readAll that cannot be compared; nil: none.
	omit *regexp.Regexp
	// excused leaves out complaints that are Java's own, or lets all stand if nil.
	excused func(complaints []string) []string
	about   func() string // told when something fails
}

// newRelay begins with an empty warehouse, in the subfolder of TARN_KEEP if
// that is set, where it is left behind.
func newRelay(t *testing.T, name string) *relay {
	t.Helper()
	r := &relay{dir: t.TempDir()}
	if keep := os.Getenv("TARN_KEEP"); keep != "" {
		r.dir = filepath.Join(keep, name)
	}
	require.NoError(t, os.MkdirAll(r.warehouseDir(), 0o755))
	return r
}

func (r *relay) warehouseDir() string { return filepath.Join(r.dir, "warehouse") }

func (r *relay) warehouse(t *testing.T) *paimon.Warehouse {
	t.Helper()
	store, err := fileio.NewLocal(r.warehouseDir())
	require.NoError(t, err)
	return paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
}

// pass gives the warehouse to a witness, and compares what both read before
// and after the witness wrote.
func (r *relay) pass(t *testing.T, program string) {
	out := filepath.Join(r.dir, filepath.Base(program))
	require.NoError(t, os.RemoveAll(out))
	w := r.warehouse(t)
	before := make([]map[string]string, len(r.tables))
	for i, table := range r.tables {
		before[i] = table.readAll(t, w)
	}
	cmd := exec.Command(program, "relay", r.warehouseDir(), out)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	verdicts := verdicts(stdout.String())
	require.Len(t, verdicts, len(r.tables), "%s: %v\n%s%s", filepath.Base(program), err, stdout.String(), stderr.String())

	w = r.warehouse(t)
	compared := 0
	for i, table := range r.tables {
		t.Run(table.id.String(), func(t *testing.T) {
			table.equal(t, filepath.Join(out, "before", table.id.String()), before[i])
			require.Empty(t, table.complaints(verdicts[table.id.String()]), "what Java says of the files, or of its own writing on top of them; %s", table.about())
			now := table.readAll(t, w)
			for file := range now {
				if old, ok := before[i][file]; ok && strings.Contains(file, "@") {
					require.Equal(t, old, now[file], "%s has changed after later commits", file)
					delete(now, file) // Java does not give it again
				}
			}
			table.equal(t, filepath.Join(out, "after", table.id.String()), now)
			compared += len(before[i]) + len(now)
		})
	}
	t.Logf("%s has verified and continued %d tables; %d reads compared", filepath.Base(program), len(r.tables), compared)
}

// verdicts splits the witness's report by table: nothing, or the problems.
func verdicts(report string) map[string][]string {
	out := map[string][]string{}
	name := ""
	for _, l := range strings.Split(report, "\n") {
		if f := strings.Fields(l); len(f) == 2 && (f[0] == "ok" || f[0] == "FAIL") {
			name = f[1]
			out[name] = nil
		} else if strings.HasPrefix(l, "     ") {
			out[name] = append(out[name], strings.TrimSpace(l))
		}
	}
	return out
}

func (r *runner) complaints(all []string) []string {
	if r.excused == nil {
		return all
	}
	return r.excused(all)
}

// readAll gives all that Tarn reads of a table, under the witness's file names:
// state, snapshots and changes of main and of the branches, and main's tags.
// Java finds no tags of branches, and looks for the schema of a tag in the
// fallback branch too; its check verifies their files all the same.
func (r *runner) readAll(t *testing.T, w *paimon.Warehouse) map[string]string {
	t.Helper()
	ctx := context.Background()
	table, err := w.Table(ctx, r.id, nil)
	require.NoError(t, err)
	out := map[string]string{}
	read := func(name string, o dump.Options) {
		if r.omit == nil || !r.omit.MatchString(name) {
			out[name] = dumped(t, w, o)
		}
	}
	branches, err := table.Branches(ctx)
	require.NoError(t, err)
	for _, branch := range append(branches, "") {
		id, prefix := r.id, ""
		if branch != "" {
			id.Branch, prefix = branch, "branch-"+branch+"."
		}
		table, err := w.Table(ctx, id, nil)
		require.NoError(t, err)
		snapshots, err := table.Snapshots(ctx)
		require.NoError(t, err)
		read(prefix+"state.jsonl", dump.Options{Table: id})
		read(prefix+"changes.jsonl", dump.Options{Table: id, Changelog: true})
		for _, s := range snapshots {
			read(fmt.Sprintf("%sstate@%d.jsonl", prefix, s.ID), dump.Options{Table: id, Snapshot: s.ID})
		}
	}
	tags, err := table.Tags(ctx)
	require.NoError(t, err)
	if _, fallback := table.Schema().Options["scan.fallback-branch"]; fallback {
		return out
	}
	for _, tag := range tags {
		read("state@tag-"+tag+".jsonl", dump.Options{Table: r.id, Tag: tag})
	}
	return out
}

func dumped(t *testing.T, w *paimon.Warehouse, o dump.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := dump.Run(context.Background(), w, o, &out); err != nil {
		t.Errorf("dump of %s, snapshot %d, tag %q, changelog %t: %v", o.Table, o.Snapshot, o.Tag, o.Changelog, err)
		return "error: " + err.Error()
	}
	return out.String()
}

// equal compares what Tarn read with the witness's files of the table.
func (r *runner) equal(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	if reason, err := os.ReadFile(filepath.Join(dir, "error.txt")); err == nil {
		t.Fatalf("Java cannot read the table: %s; %s", reason, r.about())
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var theirs []string
	for _, f := range files {
		if r.omit == nil || !r.omit.MatchString(f.Name()) {
			theirs = append(theirs, f.Name())
		}
	}
	require.Equal(t, theirs, sorted(got), "reads of Java (above) and of Tarn")
	for _, name := range slices.Backward(theirs) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		compare(t, filepath.Base(filepath.Dir(dir))+"/"+name, string(want), got[name], strings.HasSuffix(name, "changes.jsonl"), r.bags)
	}
}
