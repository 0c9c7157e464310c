// Package source is the waist between what Tarn reads from and the pipeline
// that writes tables. Each kind of source has a folder below this one.
package source

import (
	"context"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/types"
)

// Source is something that can be read from a position on.
// A Source is immutable; it may be opened several times.
type Source interface {
	// Fields is the declared schema, the columns of every batch.
	Fields() []types.Field
	// Bounded reports whether the source ends by itself.
	Bounded() bool
	// Open starts reading just after from. It checks what can be checked
	// (access, schema, that the position still exists) before it returns.
	Open(ctx context.Context, from change.Position) (Reader, error)
}

// Keeper is a Source over something that goes with time: it says what a job
// that stands at a position still needs, and is told what the job has.
type Keeper interface {
	// Needs names the table that is read and the oldest snapshot of it that is
	// needed to go on from a position; 0 if none is.
	Needs(at change.Position) (table string, snapshot int64)
	// Committed says that the job has all rows up to a position.
	Committed(ctx context.Context, at change.Position) error
}

// Reader yields batches in order. It is not safe for concurrent use, except
// that Close may be called at any time.
type Reader interface {
	// Next blocks until there is data, ctx ends, or a bounded source is at its
	// end (io.EOF). The position of a batch resumes exactly after it. A
	// transient loss of the source is retried inside; any other error is final,
	// but for ctx.Err(), after which Next may be called again.
	Next(ctx context.Context) (change.Batch, error)
	// Close frees what the reader holds and ends a Next that is under way.
	Close() error
}
