package changelog

import (
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/lsm"
)

// FirstRow gives a +I for every key that had no row above level 0 before a
// compaction: merge-engine=first-row. Use it with lsm.MergeFirstRow, which
// drops keys that lie on levels above the compaction.
// Source: org.apache.paimon.mergetree.compact.FirstRowMergeFunctionWrapper.
type FirstRow struct{ o LookupOptions }

var _ lsm.ChangelogProducer = (*FirstRow)(nil)

// NewFirstRow makes a producer. Latest and Dedup are not used.
func NewFirstRow(o LookupOptions) *FirstRow {
	o.Latest = false
	return &FirstRow{o}
}

// Rewrites implements lsm.ChangelogProducer.
func (p *FirstRow) Rewrites(outputLevel int, sections []lsm.Section) bool {
	return outputLevel > 0 && hasLevel0(sections)
}

// Upgrade implements lsm.ChangelogProducer.
func (p *FirstRow) Upgrade(outputLevel int, f *lsm.File) lsm.UpgradeMode {
	return upgradeLevel0(outputLevel, f, p.o.MaxLevel, false, p.o.FormatOf)
}

// Silent implements lsm.ChangelogProducer: only level-0 rows make changes.
func (p *FirstRow) Silent(level int32) bool { return level > 0 }

// Writes implements lsm.ChangelogProducer.
func (p *FirstRow) Writes() bool { return !p.o.NoChangelog }

// Changes implements lsm.ChangelogProducer.
func (p *FirstRow) Changes(w *lsm.Window, after *lsm.After, out *lsm.Changes) error {
	d := differ{w: w, after: after, out: out}
	for key := range w.Keys() {
		known := false
		for _, r := range w.Refs[w.Starts[key]:w.Starts[key+1]] {
			known = known || w.Levels[r.Src] > 0
		}
		d.key(key, columnar.NullRef, !known)
	}
	return nil
}
