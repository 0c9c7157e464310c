//go:build witness

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
)

// TestWitness passes tables to and fro between Tarn and the Java Paimon. Tarn
// writes them; Java 1.4 reads every snapshot, verifies every file, and goes on
// writing; Tarn reads that and goes on; then Java 2.0 does what 1.4 did.
//
// It needs the witnesses of test/witness: `make test-interop` builds and finds
// them. TARN_SEED repeats a run, TARN_ONLY takes the tables that a regular
// expression matches, TARN_THIN every so many of them (which ones, the seed
// says), TARN_KEEP names a folder that is left behind.
func TestWitness(t *testing.T) {
	witness, seed, only := witnessSettings(t)
	r := &histories{relay: newRelay(t, "histories"), seed: seed, only: only, thin: 1}
	if n := os.Getenv("TARN_THIN"); n != "" {
		var err error
		r.thin, err = strconv.ParseUint(n, 10, 32)
		require.NoError(t, err)
		require.Positive(t, r.thin)
	}
	t.Run("Tarn writes", r.write)
	t.Run("Java 1.4 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-1.4")) })
	t.Run("Tarn goes on", r.goOn)
	t.Run("Java 2.0 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-2.0")) })
}

// histories are the tables that Tarn writes at random.
type histories struct {
	*relay
	seed      uint64
	only      *regexp.Regexp
	thin      uint64 // take one table of so many
	histories []*history
}

func (r *histories) takes(name string) bool {
	h := fnv.New32a()
	h.Write([]byte(name))
	return r.only.MatchString(name) && uint64(h.Sum32())%r.thin == r.seed%r.thin
}

func (r *histories) write(t *testing.T) {
	ctx := context.Background()
	w := r.warehouse(t)
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "t"))
	for _, def := range tables(r.seed) {
		if !r.takes(def.name) {
			continue
		}
		t.Run(def.name, func(t *testing.T) {
			if def.sketches != nil {
				def.values.sketches = sketches(t)
			}
			if def.external {
				def.options["data-file.external-paths"] = "file://" + filepath.Join(r.warehouseDir(), "outside")
			}
			h, err := start(ctx, w, def)
			require.NoError(t, err)
			require.NoError(t, h.run(ctx, def.commits))
			r.histories = append(r.histories, h)
			r.tables = append(r.tables, runner{id: def.id(), bags: def.bags, about: func() string { return fmt.Sprintf("options %v", def.options) }})
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
func (r *histories) goOn(t *testing.T) {
	ctx := context.Background()
	w := r.warehouse(t)
	for i, h := range r.histories {
		t.Run(h.def.name, func(t *testing.T) {
			next, err := open(ctx, w, h.def)
			require.NoError(t, err)
			next.taken = true
			require.NoError(t, next.run(ctx, 2))
			r.histories[i] = next
		})
	}
}
