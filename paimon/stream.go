package paimon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/stream"
	"github.com/tarndb/tarn/paimon/spec"
)

// Stream follows a table: its state first, if the scan options say so, then
// the changes of every snapshot. It serves one goroutine.
type Stream struct {
	t        *Table
	fallback *fallback // of splits that are marked so
	pieces   pieces    // nil until the first piece of a table with a fallback branch
	from     StreamPosition
	tokens   <-chan struct{}
	stop     func()
	poll     time.Duration
}

// pieces plans a stream: of a table alone, or with its fallback branch.
type pieces interface {
	Next(ctx context.Context) (*stream.Plan, error)
}

// StreamPosition is where a stream goes on; the zero value starts it. It
// becomes JSON.
type StreamPosition = stream.Position

// pollEvery is how often a stream looks for commits of other processes, which
// send no notice. Looking costs two small requests.
const pollEvery = 20 * time.Millisecond

// Stream starts to follow the table. next > 0 resumes with the changes of that
// snapshot; 0 starts as `scan.mode` says.
func (t *Table) Stream(next int64) (*Stream, error) { return t.StreamFrom(StreamPosition{Next: next}) }

// StreamFrom goes on at a position that a piece of an earlier stream of the
// table gave. With 'scan.fallback-branch' it follows both: partitions that the
// table has come from the table, all others from the branch. When the table
// gains a partition, the branch's rows of it come as -D before the table's.
// 'scan.primary-branch' is the other way round. Paimon's streams look at the
// table alone.
func (t *Table) StreamFrom(at StreamPosition) (*Stream, error) {
	if err := stream.CheckChanges(t.t); err != nil {
		return nil, err
	}
	_, option := t.fallbackName()
	if at.Primary != (option == primaryOption) && at != (StreamPosition{}) {
		return nil, errs.Invalid("read table %s as a stream: the position to go on from is of a time when '%s' was another; start the job under another name", t.Name(), primaryOption)
	}
	if option != "" {
		if id := t.t.Options.Scan.Consumer.ID; id != "" {
			return nil, errs.Unsupported("read table %s as a stream: 'consumer-id' = '%s' together with '%s': a consumer has one position; reset one of them", t.Name(), id, option)
		}
		s := t.RawStream(0)
		s.pieces, s.from = nil, at
		return s, nil
	}
	if at.Branch > 0 || at.Piece != "" {
		return nil, errs.Invalid("read table %s as a stream: the position to go on from is of a time when the table had '%s'; start the job under another name", t.Name(), fallbackOption)
	}
	return t.rawStream(at), nil
}

// RawStream is Stream for tables of any merge engine: without a changelog
// producer it gives the rows as they were written, not what they changed.
func (t *Table) RawStream(next int64) *Stream { return t.rawStream(StreamPosition{Next: next}) }

func (t *Table) rawStream(at StreamPosition) *Stream {
	tokens, stop := t.w.watch(t.t.Dir)
	return &Stream{t: t, pieces: stream.New(t.t, at), tokens: tokens, stop: stop, poll: pollEvery}
}

// StreamPlan is one piece of a stream: the state of a snapshot or its changes.
type StreamPlan struct {
	// Full says that this is the table's state: rows without kinds.
	Full     bool
	Snapshot *spec.Snapshot // nil for an empty table
	// Next resumes after this piece, of a table without a fallback branch.
	Next int64
	// At gives this piece again, with its rows in the same order; After
	// resumes behind it.
	At, After StreamPosition

	s    *Stream
	plan *stream.Plan
}

// TryNext gives the next piece, nil when nothing new has been committed, and
// io.EOF where 'scan.bounded.watermark' ends the stream.
func (s *Stream) TryNext(ctx context.Context) (*StreamPlan, error) {
	if s.pieces == nil {
		if err := s.openPair(ctx); err != nil {
			return nil, err
		}
	}
	p, err := s.pieces.Next(ctx)
	if p == nil || err != nil {
		return nil, err
	}
	return &StreamPlan{Full: p.Full, Snapshot: p.Snapshot, Next: p.After.Next, At: p.At, After: p.After, s: s, plan: p}, nil
}

// openPair opens the branch beside the table.
func (s *Stream) openPair(ctx context.Context) error {
	f, err := s.t.openFallback(ctx)
	if err != nil {
		return err
	}
	if err := stream.CheckChanges(f.t.t); err != nil {
		return f.fail(err)
	}
	s.fallback = f
	if f.primary {
		s.pieces = stream.NewPrimaryPair(f.t.t, s.t.t, branchName(s.t), s.from)
	} else {
		s.pieces = stream.NewPair(s.t.t, f.t.t, branchName(f.t), s.from)
	}
	return nil
}

// Next waits for the next piece.
func (s *Stream) Next(ctx context.Context) (*StreamPlan, error) {
	for {
		p, err := s.TryNext(ctx)
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.tokens:
		case <-time.After(s.poll):
		}
	}
}

// Close ends the stream.
func (s *Stream) Close() { s.stop() }

// Rows is the number of records of the piece.
func (p *StreamPlan) Rows() int64 {
	var n int64
	for _, section := range p.plan.Sections {
		for i := range section.Splits {
			n += section.Splits[i].Rows()
		}
	}
	return n
}

// ChangelogRows is how many rows the snapshot says that its changelog has;
// false where the piece is not a snapshot's whole changelog, or it does not say.
func (p *StreamPlan) ChangelogRows() (int64, bool) {
	if p.Full || p.s.fallback != nil || p.Snapshot == nil || p.Snapshot.ChangelogManifestList == nil || p.Snapshot.ChangelogRecordCount == nil {
		return 0, false
	}
	return *p.Snapshot.ChangelogRecordCount, true
}

// Read gives the piece's rows; columns are positions, nil for all. Changes of
// one key come in order.
func (p *StreamPlan) Read(ctx context.Context, columns []int) (*Reader, error) {
	t := p.s.t
	if p.Snapshot != nil && p.Snapshot.SchemaID != t.t.Schema.ID && p.s.fallback == nil {
		// Rows come in the columns of the schema that the stream was opened
		// with; files of other schemas are mapped to it by field id.
		if _, err := t.t.SchemaFields(p.Snapshot.SchemaID); err != nil {
			return nil, fmt.Errorf("read table %s: %w", t.Name(), err)
		}
	}
	return &Reader{ctx: ctx, t: t, fallback: p.s.fallback, sections: slices.Clone(p.plan.Sections), columns: columns}, nil
}

// EarliestChange gives the oldest snapshot whose changes can still be read: of
// the retained changelogs, else of the snapshots; 0 for an empty table.
func (t *Table) EarliestChange(ctx context.Context) (int64, error) {
	id, err := t.t.History.Changelogs.EarliestID(ctx)
	if id > 0 || err != nil {
		return id, err
	}
	return t.t.History.Snapshots.EarliestID(ctx)
}

// EarliestSnapshot gives the oldest snapshot that has not expired; 0 for an
// empty table.
func (t *Table) EarliestSnapshot(ctx context.Context) (int64, error) {
	return t.t.History.Snapshots.EarliestID(ctx)
}

// StreamFull follows the table from the state of a given snapshot on, which
// resumes a stream that stopped while it read that state.
func (t *Table) StreamFull(snapshot int64) (*Stream, error) {
	return t.StreamFrom(StreamPosition{Full: snapshot})
}
