package changelog_test

import (
	"fmt"
	"testing"

	"github.com/tarndb/tarn/paimon/internal/changelog"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/spec"
)

// TestUpgrade: what becomes of a file that could change level as it is, with 5
// as the highest level.
func TestUpgrade(t *testing.T) {
	f := func(p lsm.ChangelogProducer, from, to int, want lsm.UpgradeMode) {
		t.Helper()
		if got := p.Upgrade(to, &lsm.File{DataFileMeta: spec.DataFileMeta{Level: from}}); got != want {
			t.Errorf("from %d to %d: mode %d, want %d", from, to, got, want)
		}
	}
	formats := func(level int) string { return fmt.Sprint(level == 0) }
	lookup := changelog.NewLookup(changelog.LookupOptions{MaxLevel: 5})
	latest := changelog.NewLookup(changelog.LookupOptions{MaxLevel: 5, Latest: true})
	mixed := changelog.NewLookup(changelog.LookupOptions{MaxLevel: 5, Latest: true, FormatOf: formats})
	full, first := changelog.NewFull(5, nil), changelog.NewFirstRow(changelog.LookupOptions{MaxLevel: 5, Latest: true})
	f(lookup, 0, 5, lsm.UpgradeAndRead)
	f(lookup, 0, 4, lsm.UpgradeByRewrite)
	f(lookup, 3, 4, lsm.UpgradeOnly)
	f(latest, 0, 4, lsm.UpgradeAndRead)
	f(latest, 3, 5, lsm.UpgradeOnly)
	f(mixed, 0, 5, lsm.UpgradeByRewrite)
	f(mixed, 3, 5, lsm.UpgradeOnly)
	f(full, 0, 5, lsm.UpgradeAndRead)
	f(full, 3, 5, lsm.UpgradeAndRead)
	f(full, 0, 4, lsm.UpgradeOnly)
	f(first, 0, 5, lsm.UpgradeAndRead)
	f(first, 0, 4, lsm.UpgradeByRewrite)
}
