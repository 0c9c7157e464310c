package datagen

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/internal/ingest/change"
)

// Batches are bounded by rows and by a guess of their bytes.
const (
	maxBatchRows  = 4096
	maxBatchBytes = 8 << 20
)

// pause is how long the reader gathers rows for a batch when they are few.
const pause = 50 * time.Millisecond

type reader struct {
	cfg    *config
	done   context.Context // of Close
	finish context.CancelFunc

	mu      sync.Mutex // held by Next; Close takes it to free what Next uses
	at      position
	builder *array.RecordBuilder
	columns []generator
	clock   *clock
	started time.Time // the pace counts from here,
	first   int64     // where this row was next
}

var errClosed = errors.New("the reader was closed")

// Next implements source.Reader.
func (r *reader) Next(ctx context.Context) (change.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := int64(max(1, min(maxBatchRows, maxBatchBytes/r.cfg.rowBytes)))
	if r.cfg.rows >= 0 {
		if want = min(want, r.cfg.rows-r.at.Row); want <= 0 {
			return change.Batch{}, io.EOF
		}
	}
	n, err := r.wait(ctx, want)
	if err != nil {
		return change.Batch{}, err
	}
	for _, c := range r.columns {
		for i := range n {
			r.clock.set(r.at.Row + i)
			c.append(uint64(r.at.Row + i))
		}
	}
	r.at.Row += n
	r.clock.set(r.at.Row - 1)
	data, _ := json.Marshal(r.at) // numbers
	return change.Batch{Rows: r.builder.NewRecordBatch(), Position: change.Position(data)}, nil
}

// wait sleeps until rows are due, and gives how many to make, at most want. A
// reader that was slow for more than a second does not catch up on the rest.
func (r *reader) wait(ctx context.Context, want int64) (int64, error) {
	if r.started.IsZero() {
		r.started, r.first = time.Now(), r.at.Row
	}
	few := max(1, min(want, int64(pause)*r.cfg.perSecond/int64(time.Second)))
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if r.done.Err() != nil {
			return 0, errClosed
		}
		elapsed := time.Since(r.started)
		due := r.first + int64(elapsed.Seconds()*float64(r.cfg.perSecond)) - r.at.Row
		if due > r.cfg.perSecond+few {
			due = r.cfg.perSecond + few
			r.started, r.first = time.Now().Add(-time.Duration(float64(due)/float64(r.cfg.perSecond)*float64(time.Second))), r.at.Row
		}
		if due >= few {
			return min(due, want), nil
		}
		t := time.NewTimer(time.Duration(float64(few-due)/float64(r.cfg.perSecond)*float64(time.Second)) + time.Microsecond)
		select {
		case <-ctx.Done():
		case <-r.done.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// Close implements source.Reader.
func (r *reader) Close() error {
	r.finish()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.builder != nil {
		r.builder.Release()
		r.builder = nil
	}
	return nil
}
