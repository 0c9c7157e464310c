package lsm

import (
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// CompactOptions configure the compaction of a table's buckets.
type CompactOptions struct {
	// Read says how rows are merged: KeyOf, NewEngine, Policy, BatchRows,
	// Readahead, Memory, Alloc. Columns and DropDeletes are not used.
	Read ReadOptions
	// MinUpgradeSize is the size in bytes from which a file without overlap
	// changes level without being rewritten: `target-file-size` ×
	// `compaction.small-file-ratio` (0.7).
	MinUpgradeSize int64
	// KeepDeletes keeps tombstones on all levels (chain tables).
	KeepDeletes bool
	// Rewrite names files that may not be upgraded, only rewritten:
	// `compaction.force-rewrite-all-files`, expired records; nil for none.
	Rewrite func(*File) bool
	// Changelog produces changelog while compacting; nil for none. With another
	// policy than MergeAll, levels above are looked up all the same.
	Changelog ChangelogProducer
	// Mark is for tables with deletion vectors: a row on a level above the
	// output that a level-0 row replaces is listed in CompactResult.Dead, so that
	// of all versions of a key above level 0 one is alive. Deletes then end in
	// every compaction. Streams of Files have to be Positioned and leave out
	// rows that are dead already.
	Mark bool
	// Blind says that the row before does not matter for the row after
	// (deduplicate without sequence.field) nor for a changelog: with Mark, only
	// keys are read of it.
	Blind bool
	// Parallelism is how many stretches of sections are rewritten at once;
	// default 1. Stretches smaller than MinUpgradeSize are not split off.
	Parallelism int
}

// CompactResult is the outcome of one compaction. A file in both Before and
// After, with different levels, was upgraded: its bytes stay.
// Source: org.apache.paimon.compact.CompactResult.
type CompactResult struct {
	Before, After, Changelog []spec.DataFileMeta
	// Dead are rows of files that took no part, by file: numbers in the file of
	// rows that have been replaced.
	Dead map[string][]uint64
}

// Empty reports whether nothing changed.
func (r *CompactResult) Empty() bool { return len(r.Before)+len(r.After)+len(r.Changelog) == 0 }

// Written gives the data files that are new, without upgraded ones.
func (r *CompactResult) Written() []spec.DataFileMeta {
	return slices.DeleteFunc(slices.Clone(r.After), func(a spec.DataFileMeta) bool {
		return slices.ContainsFunc(r.Before, func(b spec.DataFileMeta) bool { return a.FileName == b.FileName })
	})
}

// ChangelogProducer makes the changelog of a compaction from merge windows.
// See package changelog.
type ChangelogProducer interface {
	// Rewrites says whether rewriting these files into outputLevel is watched:
	// whether levels above are looked up, and changelog written.
	Rewrites(outputLevel int, sections []Section) bool
	// Upgrade says what to do with a file that could change level as it is.
	Upgrade(outputLevel int, f *File) UpgradeMode
	// Silent says that a key whose only version lies on this level makes no
	// changelog.
	Silent(level int32) bool
	// Writes says whether there is changelog at all.
	Writes() bool
	// Changes adds the changelog rows of a window to out, in key order. after
	// has the merged rows (nil if none). It may be called from several
	// goroutines.
	Changes(w *Window, after *After, out *Changes) error
}

// UpgradeMode is what becomes of a file that may change level as it is.
type UpgradeMode int8

const (
	UpgradeOnly      UpgradeMode = iota // change the level, no changelog
	UpgradeAndRead                      // change the level, and read the file for changelog
	UpgradeByRewrite                    // rewrite the file, with changelog
)

// Window is a merge window that knows where its rows come from.
type Window struct {
	merge.Window
	// Levels has the level of every source.
	Levels []int32
}

// After is the merged result of a Window: one row per key at most, deletes
// included.
type After struct {
	Rows *columnar.KV // gathered rows, all value columns
	Key  []int32      // index of the window's key for every row
}

// Changes are changelog rows in key order, as references: Src < len(Sources)
// of the window is a source row, Src = len(Sources) is a row of After.
type Changes struct {
	Refs  []columnar.Ref
	Kinds []types.RowKind
	Seqs  []int64
}

// Reset empties c, keeping its memory.
func (c *Changes) Reset() { c.Refs, c.Kinds, c.Seqs = c.Refs[:0], c.Kinds[:0], c.Seqs[:0] }

// Append adds a row.
func (c *Changes) Append(ref columnar.Ref, kind types.RowKind, seq int64) {
	c.Refs = append(c.Refs, ref)
	c.Kinds = append(c.Kinds, kind)
	c.Seqs = append(c.Seqs, seq)
}
