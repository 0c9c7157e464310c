// Package columnar holds the row-less building blocks of the hot paths:
// references to rows of Arrow batches, gathering, byte-comparable keys and
// index sorting. Nothing in it allocates per row.
package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Ref names one row of one of several batches. Src < 0 stands for NULL.
type Ref struct {
	Src int32 // index into a list of batches or arrays
	Row int32 // row of that batch
}

// NullRef gathers a NULL.
var NullRef = Ref{Src: -1}

// Batch is a batch of table rows with their kinds: what users push into and
// get out of a table. Rows has the table's columns (or the projected ones) in
// order. Kinds has one entry per row; nil means all +I.
type Batch struct {
	Rows  arrow.RecordBatch
	Kinds []types.RowKind
}

// Kind gives the kind of row i.
func (b Batch) Kind(i int) types.RowKind {
	if b.Kinds == nil {
		return types.Insert
	}
	return b.Kinds[i]
}

// KV is a batch of keyed rows, the unit inside the LSM tree: Rows holds the
// value columns; Keys the encoded primary keys (see KeyEncoder); Seqs the
// sequence numbers. All have the same number of rows.
type KV struct {
	Rows  arrow.RecordBatch
	Keys  Keys
	Seqs  []int64
	Kinds []types.RowKind
	// UserSeq is the encoded `sequence.field` of every row, byte-comparable
	// with Keys' rules; empty (Len 0) when the table has none.
	UserSeq Keys
}

// Len gives the number of rows.
func (b *KV) Len() int { return len(b.Seqs) }

// Retain and Release count references to the Arrow rows.
func (b *KV) Retain()  { b.Rows.Retain() }
func (b *KV) Release() { b.Rows.Release() }
