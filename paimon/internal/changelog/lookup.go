// Package changelog makes changelog rows while the LSM tree compacts: what
// each key was before and what it is after, as +I, -U, +U and -D. Rows are
// references into the merged batches; only changed rows are copied.
//
// The producer `input` needs no compaction: the write buffer writes raw rows
// to changelog files at each flush (lsm.BufferOptions.InputChangelog).
//
// Sequence numbers: -U and -D keep that of the row before, +I and +U that of
// the row after.
package changelog

import (
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/types"
)

// LookupOptions configure Lookup.
type LookupOptions struct {
	// NoChangelog looks up old rows without writing changelog:
	// `force-lookup`, or deletion vectors with another producer.
	NoChangelog bool
	// MaxLevel is the highest level of the bucket.
	MaxLevel int
	// Latest says that the newest record of a key is the row whatever older
	// ones say: merge-engine=deduplicate without sequence.field.
	Latest bool
	// FormatOf gives the file format of a level: `file.format.per.level`; nil
	// means the same on all levels.
	FormatOf func(level int) string
	// Dedup leaves out updates that change nothing; nil for off.
	Dedup *Dedup
}

// Lookup is `changelog-producer=lookup`: in a compaction that takes in level-0
// files it compares, for each key with a level-0 row, the merged row with the
// one that the higher levels held. The row before is, among the files being
// compacted, that of the lowest level above 0, else that of the lowest level
// above the output level which has the key. Use it with lsm.MergeLookup.
// Source: org.apache.paimon.mergetree.compact.{LookupMergeTreeCompactRewriter,
// LookupChangelogMergeFunctionWrapper}.
type Lookup struct{ o LookupOptions }

var _ lsm.ChangelogProducer = (*Lookup)(nil)

// NewLookup makes a producer.
func NewLookup(o LookupOptions) *Lookup { return &Lookup{o} }

// Rewrites implements lsm.ChangelogProducer.
func (p *Lookup) Rewrites(outputLevel int, sections []lsm.Section) bool {
	return outputLevel > 0 && hasLevel0(sections)
}

func hasLevel0(sections []lsm.Section) bool {
	for _, s := range sections {
		for _, run := range s {
			for _, f := range run {
				if f.Level == 0 {
					return true
				}
			}
		}
	}
	return false
}

// Upgrade implements lsm.ChangelogProducer.
func (p *Lookup) Upgrade(outputLevel int, f *lsm.File) lsm.UpgradeMode {
	return upgradeLevel0(outputLevel, f, p.o.MaxLevel, p.o.Latest, p.o.FormatOf)
}

// upgradeLevel0 decides for producers that watch level 0. A row that joins
// those above it must be rewritten as the merged row, since of all levels only
// the lowest one is looked at afterwards.
func upgradeLevel0(outputLevel int, f *lsm.File, maxLevel int, latest bool, formatOf func(int) string) lsm.UpgradeMode {
	switch {
	case f.Level != 0:
		return lsm.UpgradeOnly
	case formatOf != nil && formatOf(0) != formatOf(outputLevel):
		return lsm.UpgradeByRewrite
	case outputLevel == maxLevel || latest:
		return lsm.UpgradeAndRead
	}
	return lsm.UpgradeByRewrite
}

// Silent implements lsm.ChangelogProducer: only level-0 rows make changes.
func (p *Lookup) Silent(level int32) bool { return level > 0 }

// Writes implements lsm.ChangelogProducer.
func (p *Lookup) Writes() bool { return !p.o.NoChangelog }

// Changes implements lsm.ChangelogProducer.
func (p *Lookup) Changes(w *lsm.Window, after *lsm.After, out *lsm.Changes) error {
	d := differ{w: w, after: after, out: out, dedup: p.o.Dedup}
	for key := range w.Keys() {
		fresh, before := false, columnar.NullRef
		for _, r := range w.Refs[w.Starts[key]:w.Starts[key+1]] {
			if w.Levels[r.Src] <= 0 {
				fresh = true
			} else {
				before = r // the policy leaves one at most
			}
		}
		d.key(key, before, fresh)
	}
	return nil
}

// differ turns before and after rows, key by key, into changelog rows.
type differ struct {
	w     *lsm.Window
	after *lsm.After
	out   *lsm.Changes
	dedup *Dedup
	next  int // row of after that is to be looked at
}

// key adds the changes of one key; before may be NullRef. Keys come in
// ascending order, all of them, also those that are not wanted.
func (d *differ) key(key int, before columnar.Ref, wanted bool) {
	row := -1
	if a := d.after; a != nil && d.next < len(a.Key) && int(a.Key[d.next]) == key {
		row = d.next
		d.next++
	}
	if !wanted {
		return
	}
	had := before.Src >= 0 && !d.w.Sources[before.Src].Kinds[before.Row].IsRetract()
	has := row >= 0 && !d.after.Rows.Kinds[row].IsRetract()
	switch {
	case had && has:
		if d.dedup != nil && d.dedup.same(d.w.Sources[before.Src].Rows, int(before.Row), d.after.Rows.Rows, row) {
			return
		}
		d.old(before, types.UpdateBefore)
		d.new(row, types.UpdateAfter)
	case had:
		d.old(before, types.Delete)
	case has:
		d.new(row, types.Insert)
	}
}

func (d *differ) old(r columnar.Ref, kind types.RowKind) {
	d.out.Append(r, kind, d.w.Sources[r.Src].Seqs[r.Row])
}

func (d *differ) new(row int, kind types.RowKind) {
	ref := columnar.Ref{Src: int32(len(d.w.Sources)), Row: int32(row)}
	d.out.Append(ref, kind, d.after.Rows.Seqs[row])
}
