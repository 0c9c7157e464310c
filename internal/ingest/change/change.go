// Package change holds the one type that flows from every source to every
// sink: a batch of row changes with the position to resume after it.
package change

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Batch is a run of row changes of one table, in source order.
//
// It is an exact changelog: applied in order to the state that the earlier
// batches gave, every -U and -D names a row as it stands, and every +I a row
// that is absent. -U is followed by its +U within the same batch.
type Batch struct {
	// Rows holds the columns of the declared schema, in its order. It may have
	// zero rows: such a batch only moves Position. The receiver releases it.
	Rows arrow.RecordBatch
	// Kinds has one entry per row; nil means that all rows are +I.
	Kinds []types.RowKind
	// Position resumes exactly after the last row of this batch.
	Position Position
	// Watermark is the newest commit time at the source among the rows, to
	// measure lag with; zero when the source does not tell.
	Watermark time.Time
}

// Kind gives the kind of row i.
func (b Batch) Kind(i int) types.RowKind {
	if b.Kinds == nil {
		return types.Insert
	}
	return b.Kinds[i]
}

// Release gives back the memory of the rows. It is safe on a zero Batch.
func (b Batch) Release() {
	if b.Rows != nil {
		b.Rows.Release()
	}
}

// Position says where a source resumes. It is JSON text that only the source
// which made it can read; "" is the start that the source's options name.
// It is kept in snapshots, so a source must read what its older versions wrote.
type Position string
