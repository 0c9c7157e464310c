// Package jobs runs streaming jobs: source → transform → table, in
// micro-batches, exactly once.
//
// Every sink table of a job commits with the job's name as commit user and a
// growing identifier, and each snapshot carries, in its properties, the
// position of every source that feeds the sink. A job that starts again reads
// the newest snapshot of its user in each sink and opens the sources there:
// what a sink has, it never gets twice; what it has not, it gets. The position
// also goes to a small state file after each commit, so that snapshot expiry
// never loses it.
package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tarndb/tarn/internal/dict"
	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
)

// Property names in snapshots.
const (
	positionsProperty = "tarn.positions" // JSON: input key → position
	runProperty       = "tarn.run"       // id of the process's run, against two runs of one job
)

// Transform turns a batch of a source into a batch of the sink's columns,
// keeping kinds and order. It takes ownership of its argument; the Position is
// carried over. It serves one goroutine.
type Transform interface {
	Apply(ctx context.Context, b change.Batch) (change.Batch, error)
	Close() error
}

// Input is one INSERT of a job.
type Input struct {
	// Key names the input within the job for as long as the job lives; its
	// position is kept under it.
	Key       string
	Source    source.Source
	Transform Transform
	Sink      int // index into Spec.Sinks
}

// Spec describes a job.
type Spec struct {
	// Name is the job's identity: a job started again under its name goes on
	// where it was.
	Name string
	// Interval is the least time between two commits of a sink; option
	// execution.checkpointing.interval.
	Interval time.Duration
	Inputs   []Input
	Sinks    []*paimon.Table
	// Dense gives ids to the rows that enter a sink, by its index; the job
	// owns it.
	Dense map[int]*dict.Dense
	// SQL is what the user wrote, for status.
	SQL string
}

// Close frees what a spec holds that will not run, or not any more.
func (s *Spec) Close() {
	for i := range s.Inputs {
		_ = s.Inputs[i].Transform.Close()
	}
	for _, d := range s.Dense {
		_ = d.Close()
	}
}

// State of a job.
type State string

// The states of a job.
const (
	Running    State = "RUNNING"
	Restarting State = "RESTARTING" // waits after a failure that may pass
	Finished   State = "FINISHED"   // all sources ended
	Canceled   State = "CANCELED"
	Failed     State = "FAILED"
)

// Status is what a job says of itself.
type Status struct {
	Name       string
	State      State
	SQL        string
	Started    time.Time
	RowsIn     int64
	RowsOut    int64
	Commits    int64
	LastCommit time.Time // zero before the first
	Snapshot   int64     // newest snapshot that the job wrote
	Lag        time.Duration
	Restarts   int
	Err        error // why it failed or restarts, or that a table of it cannot be compacted
}

func decodePositions(properties map[string]string) (map[string]change.Position, error) {
	out := map[string]change.Position{}
	text, ok := properties[positionsProperty]
	if !ok {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("snapshot property %s: %w", positionsProperty, err)
	}
	return out, nil
}

func encodePositions(p map[string]change.Position) string {
	data, _ := json.Marshal(p) // a map of texts
	return string(data)
}
