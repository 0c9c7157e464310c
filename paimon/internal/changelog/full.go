package changelog

import (
	"fmt"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/lsm"
)

// Full is `changelog-producer=full-compaction`: each compaction into the top
// level compares the merged rows with those that the top level held. Use it
// with lsm.MergeAll.
// Source: org.apache.paimon.mergetree.compact.{FullChangelogMergeTreeCompactRewriter,
// FullChangelogMergeFunctionWrapper}.
type Full struct {
	maxLevel int
	dedup    *Dedup
}

var _ lsm.ChangelogProducer = (*Full)(nil)

// NewFull makes a producer for buckets whose top level is maxLevel; dedup may
// be nil.
func NewFull(maxLevel int, dedup *Dedup) *Full { return &Full{maxLevel, dedup} }

// Rewrites implements lsm.ChangelogProducer.
func (p *Full) Rewrites(outputLevel int, sections []lsm.Section) bool {
	return outputLevel == p.maxLevel
}

// Upgrade implements lsm.ChangelogProducer.
func (p *Full) Upgrade(outputLevel int, f *lsm.File) lsm.UpgradeMode {
	if outputLevel == p.maxLevel {
		return lsm.UpgradeAndRead
	}
	return lsm.UpgradeOnly
}

// Silent implements lsm.ChangelogProducer: a key on the top level only has not
// changed.
func (p *Full) Silent(level int32) bool { return int(level) == p.maxLevel }

// Writes implements lsm.ChangelogProducer.
func (p *Full) Writes() bool { return true }

// Changes implements lsm.ChangelogProducer.
func (p *Full) Changes(w *lsm.Window, after *lsm.After, out *lsm.Changes) error {
	d := differ{w: w, after: after, out: out, dedup: p.dedup}
	for key := range w.Keys() {
		before := columnar.NullRef
		refs := w.Refs[w.Starts[key]:w.Starts[key+1]]
		for _, r := range refs {
			if int(w.Levels[r.Src]) != p.maxLevel {
				continue
			}
			if before.Src >= 0 {
				return fmt.Errorf("key %x has two rows on the top level %d", w.Sources[r.Src].Keys.At(int(r.Row)), p.maxLevel)
			}
			before = r
		}
		// A row alone on the top level has not changed.
		d.key(key, before, before.Src < 0 || len(refs) > 1)
	}
	return nil
}
