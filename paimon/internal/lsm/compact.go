package lsm

import (
	"context"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// CompactOptions configure the compaction of a table's buckets.
type CompactOptions struct {
	Read ReadOptions // KeyOf, NewEngine, Fold, Policy, BatchRows, Memory
	// MinUpgradeSize is the size in bytes from which a file without overlap
	// changes level without being rewritten: `target-file-size` ×
	// `compaction.small-file-ratio` (0.7).
	MinUpgradeSize int64
	// KeepDeletes keeps tombstones on all levels (chain tables).
	KeepDeletes bool
	// Rewrite names files that may not be upgraded, only rewritten:
	// `compaction.force-rewrite-all-files`, expired records; nil for none.
	Rewrite func(*File) bool
	// Changelog produces changelog while compacting; nil for none.
	Changelog ChangelogProducer
	// Parallelism is how many sections are rewritten at once; default 1.
	Parallelism int
}

// CompactResult is the outcome of one compaction. A file in both Before and
// After, with different levels, was upgraded: its bytes stay.
// Source: org.apache.paimon.compact.CompactResult.
type CompactResult struct {
	Before, After, Changelog []spec.DataFileMeta
}

// Empty reports whether nothing changed.
func (r *CompactResult) Empty() bool { return len(r.Before)+len(r.After)+len(r.Changelog) == 0 }

// Compactor rewrites files of one bucket.
// Source: org.apache.paimon.mergetree.compact.MergeTreeCompactTask.
type Compactor struct{}

// NewCompactor makes a compactor; it holds no resources.
func NewCompactor(files Files, o CompactOptions) *Compactor { return nil }

// Compact does unit, which was picked from lv, and returns what changed; lv is
// read before the first return only and not changed: apply the result with
// Levels.Update. After an error (or ctx done) no new file is left.
func (c *Compactor) Compact(ctx context.Context, lv *Levels, unit Unit) (CompactResult, error) {
	return CompactResult{}, nil
}

// ChangelogProducer makes the changelog of a compaction from merge windows.
// See package changelog.
type ChangelogProducer interface {
	// Rewrite says whether rewriting these files into outputLevel produces
	// changelog.
	Rewrite(outputLevel int, files []*File) bool
	// Upgrade says what to do with a file that could change level as it is.
	Upgrade(outputLevel int, f *File) UpgradeMode
	// NeedsHigher says that the rows of touched keys on levels above the
	// output level are wanted as before-images.
	NeedsHigher() bool
	// Changes fills out with the changelog rows of a window. It must be safe
	// for concurrent use.
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
