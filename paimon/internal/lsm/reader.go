package lsm

import (
	"context"
	"io"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
)

// Policy says which versions of a key the engine sees.
type Policy int8

const (
	// MergeAll gives the engine all versions.
	MergeAll Policy = iota
	// MergeLookup gives it the level-0 versions and, of all others, only the
	// one on the lowest level: with lookup compaction every record above level
	// 0 is already merged with those on higher levels. It is the policy of
	// every table that needs lookup (changelog-producer=lookup, force-lookup,
	// deletion vectors), but first-row, for reads and compaction alike.
	// Source: org.apache.paimon.mergetree.compact.LookupMergeFunction.
	MergeLookup
)

// ReadOptions configure a merge read.
type ReadOptions struct {
	// KeyOf encodes file keys.
	KeyOf KeyFunc
	// NewEngine makes a merge engine for the columns that Files gives; one is
	// made per goroutine.
	NewEngine func() merge.Engine
	// Fold says that engines may be applied to their own results: merge(merge(a,b),c)
	// = merge(a,b,c), as for deduplicate and first-row. Then memory is bounded
	// for keys with any number of versions; without it all versions of one key
	// are held at once.
	Fold   bool
	Policy Policy
	// DropDeletes leaves out rows whose merged kind is -D or -U.
	DropDeletes bool
	// Columns are the value columns to give, by index; nil means all.
	Columns []int
	// BatchRows is the wanted size of output batches; default 8192.
	BatchRows int
	// Parallelism is how many sections are merged at once; default 1. Batches
	// come in key order all the same.
	Parallelism int
	// Memory bounds the bytes of batches held by open runs: batches get smaller
	// when there are many runs; default 256 MiB.
	Memory int64
}

// Reader merges data files of one bucket. It implements Stream: rows come in
// key order, keys are unique.
// Source: org.apache.paimon.mergetree.MergeTreeReaders.
type Reader struct{}

// NewReader reads files, which may lie on any levels.
func NewReader(ctx context.Context, files Files, metas []spec.DataFileMeta, o ReadOptions) (*Reader, error) {
	return nil, nil
}

// Next gives the next batch, or io.EOF. UserSeq of the batch is empty.
func (r *Reader) Next() (*columnar.KV, error) { return nil, io.EOF }

// Close stops reading and waits for its goroutines.
func (r *Reader) Close() {}
