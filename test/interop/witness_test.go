//go:build witness

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
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
	"github.com/tarndb/tarn/paimon/fileio"
)

// defaultSeed is the seed of the histories unless TARN_SEED gives another.
const defaultSeed = 20261123

// TestWitness passes tables to and fro between Tarn and the Java Paimon. Tarn
// writes them; Java 1.4 reads every snapshot, verifies every file, and goes on
// writing; Tarn reads that and goes on; then Java 2.0 does what 1.4 did. At
// every station both must read the same, byte for byte.
//
// It needs the witnesses of test/witness: `make test-interop` builds and finds
// them. TARN_SEED repeats a run, TARN_ONLY takes the tables that a regular
// expression matches, TARN_KEEP names a folder that is left behind.
func TestWitness(t *testing.T) {
	witness := os.Getenv("TARN_WITNESS")
	require.NotEmpty(t, witness, "TARN_WITNESS is not set to where test/witness/build.sh has built: run `make test-interop`")
	seed := uint64(defaultSeed)
	if s := os.Getenv("TARN_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d; repeat with TARN_SEED=%d make test-interop", seed, seed)

	r := &relay{dir: t.TempDir(), seed: seed, only: regexp.MustCompile(os.Getenv("TARN_ONLY"))}
	if keep := os.Getenv("TARN_KEEP"); keep != "" {
		r.dir = keep
	}
	t.Run("Tarn writes", r.write)
	t.Run("Java 1.4 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-1.4")) })
	t.Run("Tarn goes on", r.goOn)
	t.Run("Java 2.0 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-2.0")) })
}

// relay is the tables on their way.
type relay struct {
	dir    string
	seed   uint64
	only   *regexp.Regexp
	tables []*history
}

func (r *relay) warehouse(t *testing.T) *paimon.Warehouse {
	store, err := fileio.NewLocal(filepath.Join(r.dir, "warehouse"))
	require.NoError(t, err)
	return paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
}

func (r *relay) write(t *testing.T) {
	ctx := context.Background()
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "warehouse"), 0o755))
	w := r.warehouse(t)
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "t"))
	for _, def := range tables(r.seed) {
		if !r.only.MatchString(def.name) {
			continue
		}
		t.Run(def.name, func(t *testing.T) {
			h, err := start(ctx, w, def)
			require.NoError(t, err)
			require.NoError(t, h.run(ctx, def.commits))
			r.tables = append(r.tables, h)
			h.verify(t, w)
		})
	}
	require.NotEmpty(t, r.tables, "no table written")
	t.Logf("%d tables written", len(r.tables))
}

// verify holds the table against what was written into it.
func (h *history) verify(t *testing.T, w *paimon.Warehouse) {
	state := dumped(t, w, dump.Options{Table: h.def.id()})
	if want, ok := h.expected(); ok {
		got := lines(state)
		sort.Strings(want)
		sort.Strings(got)
		require.Equal(t, want, got, "rows read are not the rows written")
	}
	if h.followable() {
		h.replay(t, dumped(t, w, dump.Options{Table: h.def.id(), Changelog: true}), lines(state))
	}
}

// followable reports whether the changelog up to now must lead to the state.
func (h *history) followable() bool {
	o := h.t.Options()
	if len(h.def.bags) > 0 {
		// Such a value changes unseen: alone under its key it is kept as it
		// was written, but shows in the changelog with its doubles removed.
		return false
	}
	if h.t.Schema().CrossPartition() {
		return false // what a key leaves and what it comes to are told by two buckets, in any order
	}
	switch o.Changelog.Producer {
	case "input":
		if h.lags() {
			return false
		}
		return o.MergeEngine == "deduplicate" && len(o.SequenceFields) == 0
	case "lookup":
		return h.def.compaction != compactNone
	case "full-compaction":
		return h.def.compaction == compactFull
	}
	return false
}

// replay applies the changes one by one; where the producer promises before
// images, they must be what is there.
func (h *history) replay(t *testing.T, changes string, state []string) {
	now := map[string]string{}
	images := h.t.Options().Changelog.Producer != "input"
	for _, l := range lines(changes) {
		var row map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(l), &row))
		key := ""
		for _, k := range h.def.keys {
			key += string(row[k]) + "|"
		}
		text := asBags(t, "{"+l[strings.Index(l, `"_kind":`)+len(`"_kind":"+I",`):], h.def.bags)
		switch kind := string(row["_kind"]); kind {
		case `"+I"`, `"+U"`:
			if images && kind == `"+I"` {
				require.NotContains(t, now, key, "insert of a key that is there: %s", l)
			}
			now[key] = text
		default:
			if images {
				require.Equal(t, now[key], text, "before image is not the row: %s", l)
			}
			delete(now, key)
		}
	}
	var got []string
	for _, text := range now {
		got = append(got, text)
	}
	for i := range state {
		state[i] = asBags(t, state[i], h.def.bags)
	}
	sort.Strings(got)
	sort.Strings(state)
	require.Equal(t, state, got, "the changelog does not lead to the state")
}

// goOn lets Tarn write on top of what Java has written.
func (r *relay) goOn(t *testing.T) {
	ctx := context.Background()
	w := r.warehouse(t)
	for i, h := range r.tables {
		t.Run(h.def.name, func(t *testing.T) {
			next, err := open(ctx, w, h.def)
			require.NoError(t, err)
			next.taken = true
			require.NoError(t, next.run(ctx, 2))
			r.tables[i] = next
		})
	}
}

// pass gives the warehouse to a witness, and compares what both read before
// and after the witness wrote.
func (r *relay) pass(t *testing.T, program string) {
	out := filepath.Join(r.dir, filepath.Base(program))
	w := r.warehouse(t)
	before := map[string]map[string]string{}
	for _, h := range r.tables {
		before[h.def.name] = r.readAll(t, w, h)
	}
	cmd := exec.Command(program, "relay", filepath.Join(r.dir, "warehouse"), out)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	verdicts := verdicts(stdout.String())
	require.NotEmpty(t, verdicts, "%s: %v\n%s%s", filepath.Base(program), err, stdout.String(), stderr.String())

	w = r.warehouse(t)
	for _, h := range r.tables {
		t.Run(h.def.name, func(t *testing.T) {
			name := "t." + h.def.name
			seen := before[h.def.name]
			h.equal(t, filepath.Join(out, "before", name), seen)
			require.Equal(t, "ok", verdicts[name], "what Java says of the files, or of its own writing on top of them; options %v", h.def.options)
			now := r.readAll(t, w, h)
			for file := range now {
				if old, ok := seen[file]; ok && strings.Contains(file, "@") {
					require.Equal(t, old, now[file], "%s has changed after later commits", file)
					delete(now, file) // Java does not give it again
				}
			}
			h.equal(t, filepath.Join(out, "after", name), now)
		})
	}
}

// verdicts splits the witness's report by table: "ok" or its problems.
func verdicts(report string) map[string]string {
	out := map[string]string{}
	name := ""
	for _, l := range strings.Split(report, "\n") {
		if f := strings.Fields(l); len(f) == 2 && (f[0] == "ok" || f[0] == "FAIL") {
			name = f[1]
			out[name] = f[0]
		} else if strings.HasPrefix(l, "     ") {
			out[name] += "\n" + l
		}
	}
	return out
}

// readAll gives all that Tarn reads of a table, under the witness's file names.
func (r *relay) readAll(t *testing.T, w *paimon.Warehouse, h *history) map[string]string {
	ctx := context.Background()
	id := h.def.id()
	table, err := w.Table(ctx, id, nil)
	require.NoError(t, err)
	snapshots, err := table.Snapshots(ctx)
	require.NoError(t, err)
	out := map[string]string{
		"state.jsonl":   dumped(t, w, dump.Options{Table: id}),
		"changes.jsonl": dumped(t, w, dump.Options{Table: id, Changelog: true}),
	}
	for _, s := range snapshots {
		out[fmt.Sprintf("state@%d.jsonl", s.ID)] = dumped(t, w, dump.Options{Table: id, Snapshot: s.ID})
	}
	return out
}

func dumped(t *testing.T, w *paimon.Warehouse, o dump.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := dump.Run(context.Background(), w, o, &out); err != nil {
		t.Errorf("dump of %s, snapshot %d, changelog %t: %v", o.Table, o.Snapshot, o.Changelog, err)
		return "error: " + err.Error()
	}
	return out.String()
}

// equal compares what Tarn read with the witness's files of the table.
func (h *history) equal(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	if reason, err := os.ReadFile(filepath.Join(dir, "error.txt")); err == nil {
		t.Fatalf("Java cannot read the table: %s; options %v", reason, h.def.options)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var theirs []string
	for _, f := range files {
		theirs = append(theirs, f.Name())
	}
	require.Equal(t, theirs, sorted(got), "snapshots that Java (above) and Tarn see")
	for _, name := range slices.Backward(theirs) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		compare(t, filepath.Base(filepath.Dir(dir))+"/"+name, string(want), got[name], name == "changes.jsonl", h.def.bags)
	}
}
