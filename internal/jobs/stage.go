package jobs

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/internal/dict"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/spec"
)

// stage stands before the writer of a sink: dict.Dense gives ids, dict.First
// drops what the table would drop.
type stage interface {
	// Begin starts an attempt: what was not committed has not been.
	Begin(ctx context.Context, t *paimon.Table) error
	// Apply gives what is left of a batch, which the caller releases; its Rows
	// are nil for nothing.
	Apply(b paimon.Batch) (paimon.Batch, error)
	// Bind adds what the commit of the rows since the last one needs.
	Bind(c *paimon.Commit)
	// Committed tells how that commit ended well.
	Committed(ctx context.Context, t *paimon.Table, snap *spec.Snapshot, messages []paimon.CommitMessage) error
}

// openStage begins the i-th sink's stage, if it has one.
func (r *run) openStage(ctx context.Context, s *sink, i int) error {
	if d := r.spec.Dense[i]; d != nil { // lives as long as the job
		s.stage = d
	} else if f, err := dict.NewFirst(s.table); err != nil {
		return err
	} else if f != nil {
		s.stage = f
	}
	if s.stage == nil {
		return nil
	}
	if err := s.stage.Begin(ctx, s.table); err != nil {
		return errors.Join(err, s.closeStage())
	}
	return nil
}

// closeStage frees a stage that lives for one attempt.
func (s *sink) closeStage() error {
	if f, ok := s.stage.(*dict.First); ok {
		s.stage = nil
		return f.Close()
	}
	return nil
}

// write gives rows to the writer, through the stage, and tells how many.
func (s *sink) write(ctx context.Context, b paimon.Batch) (int64, error) {
	if s.stage == nil {
		return b.Rows.NumRows(), s.writer.Write(ctx, b)
	}
	b, err := s.stage.Apply(b)
	if err != nil || b.Rows == nil {
		return 0, err
	}
	defer b.Rows.Release()
	return b.Rows.NumRows(), s.writer.Write(ctx, b)
}
