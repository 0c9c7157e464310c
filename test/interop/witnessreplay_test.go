//go:build witness

package interop

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// otherInTwo are tables that Paimon 2 reads otherwise than 1.4, with the reason.
var otherInTwo = map[string]string{
	"agg.listagg":      "an empty string at the start of a list is null in Paimon 2",
	"agg.sum_overflow": "a sum that overflows its integer is an error in Paimon 2",
}

// TestWitnessReplay makes the fixtures, which Java wrote, again with Tarn. They
// must hold the rows that Java's hold; Java 1.4 then reads every snapshot,
// branch and tag of Tarn's tables, verifies every file and goes on writing;
// Tarn reads that, and Java 2.0 does what 1.4 did.
func TestWitnessReplay(t *testing.T) {
	witness, _, only := witnessSettings(t)
	r := newRelay(t, "replay")
	t.Run("Tarn writes", func(t *testing.T) {
		w, fixtures, reads := r.warehouse(t), newReplays(t), 0
		for _, input := range fixtures.inputs {
			name := fixtureName(input)
			if !only.MatchString(name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				id, ok := fixtures.replay(t, w, input)
				if !ok {
					return
				}
				reads += fixtures.compare(t, w, name)
				r.tables = append(r.tables, runner{id: id, bags: fixtures.unordered[name], about: func() string { return "" }})
			})
		}
		t.Logf("%d tables made, %d reads equal to the fixtures'", len(r.tables), reads)
	})
	require.NotEmpty(t, r.tables, "no table made")
	t.Run("Java 1.4 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-1.4")) })
	r.tables = slices.DeleteFunc(r.tables, func(table runner) bool {
		if _, out := otherInTwo[table.id.String()]; !out {
			return false
		}
		require.NoError(t, r.warehouse(t).Catalog().DropTable(context.Background(), table.id))
		return true
	})
	t.Run("Java 2.0 reads and goes on", func(t *testing.T) { r.pass(t, filepath.Join(witness, "witness-2.0")) })
}
