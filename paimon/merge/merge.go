// Package merge folds all versions of a primary key into one row: Paimon's
// merge engines. It is pure: no storage, no clock. Engines work on windows of
// sorted rows column by column; row-at-a-time reference implementations live
// in the tests, which compare the two.
package merge

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// Window is a stretch of rows in merge order: key ascending, then
// `sequence.field`, then sequence number; the newest version of a key is last.
// A window holds whole keys only. It is valid until Merge returns.
type Window struct {
	Sources []*columnar.KV // batches that Refs point into
	Refs    []columnar.Ref // all rows of the window
	// Starts has one entry per key, the index of its first row in Refs, and a
	// last entry len(Refs).
	Starts []int32
	// Always runs the engine's logic on keys with a single version too, as
	// Paimon's lookup compaction does (LookupMergeFunction has no shortcut).
	Always bool
	// Thinned are the keys, ascending, of which versions were left out as
	// already merged: the logic runs on them even if one version is left, since
	// Paimon's shortcut (ReducerMergeFunctionWrapper) stands before the
	// LookupMergeFunction that leaves them out.
	Thinned []int32
}

// single reports whether key k passes untouched: it has one version.
func (w *Window) single(k int) bool {
	if w.Always || w.Starts[k+1]-w.Starts[k] != 1 {
		return false
	}
	if len(w.Thinned) == 0 {
		return true
	}
	_, thinned := slices.BinarySearch(w.Thinned, int32(k))
	return !thinned
}

// Keys gives the number of keys.
func (w *Window) Keys() int { return len(w.Starts) - 1 }

// Result is what an engine makes of a window: at most one row per key, in key
// order. Engines reuse it; the caller is done with it before the next Merge.
type Result struct {
	// From names for every result row the source row whose key, and, where
	// Columns says nothing else, whose values it has.
	From []columnar.Ref
	// Key is the index of the window's key for every result row.
	Key   []int32
	Kinds []types.RowKind
	Seqs  []int64
	// Columns has one entry per value column.
	Columns []Column
}

// Len gives the number of result rows.
func (r *Result) Len() int { return len(r.From) }

// Column says where the values of one result column come from: the first of
// these that is set.
type Column struct {
	Values arrow.Array    // computed values, one per result row; the receiver releases
	Refs   []columnar.Ref // gathered rows, one per result row (NullRef for NULL); columns may share the list
	// neither: gathered from Result.From
}

// Engine folds windows. An Engine serves one goroutine and keeps no state
// between windows.
type Engine interface {
	// Merge fills out (reusing its slices) with the folded rows of w. Rows
	// whose key vanishes are left out; rows that say "deleted" stay, with
	// kind -D: the caller decides whether to drop them.
	//
	// A key with a single version is returned as it is, without the engine's
	// logic, as Paimon's ReducerMergeFunctionWrapper does (but see
	// Window.Always and Window.Thinned).
	Merge(w *Window, out *Result) error
}

// Schema is what an engine has to know of its table.
type Schema struct {
	Fields     []types.Field // value columns, in the order of the batches
	PrimaryKey []string      // names of the key columns
	// Mem holds the values that engines compute; nil is Go's heap.
	Mem memory.Allocator
}

// Info says what to expect of a merge engine.
type Info struct {
	Name string // value of the `merge-engine` option
	// FirstRow: the oldest version of a key wins, later ones change nothing.
	FirstRow bool
	// RemovesRows: results may have kind -D although the newest version is
	// none, or rows may vanish; a level that drops tombstones has to look.
	RemovesRows bool
	// IgnoresDelete: `ignore-delete` is set, retracts may be dropped on write.
	IgnoresDelete bool
	// AcceptsDelete: -D and -U rows are no error in Merge.
	AcceptsDelete bool
	// Computes: results may hold values that no version has, so a row of a
	// higher level must be merged and cannot be skipped as overwritten.
	Computes bool
}
