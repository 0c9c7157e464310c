// Package tablesource reads a Paimon table as a stream: its state first,
// where the scan options say so, then the changes of each snapshot.
package tablesource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Table is a source over a table; dynamic options (scan.mode, …) are those
// that the table was opened with.
type Table struct {
	t       *paimon.Table
	columns []int // positions read; nil for all
	fields  []types.Field
}

var (
	_ source.Source = (*Table)(nil)
	_ source.Keeper = (*Table)(nil)
)

// New makes a source of some columns (positions; nil for all) of t.
func New(t *paimon.Table, columns []int) *Table {
	s := &Table{t: t, columns: columns, fields: t.Fields()}
	if columns != nil {
		s.fields = make([]types.Field, len(columns))
		for i, c := range columns {
			s.fields[i] = t.Fields()[c]
		}
	}
	return s
}

// Fields implements source.Source.
func (s *Table) Fields() []types.Field { return s.fields }

// Bounded implements source.Source.
func (s *Table) Bounded() bool { return false }

// ComesInCommits says that rows come as the table's writers commit them.
func (s *Table) ComesInCommits() bool { return true }

// position is the JSON form of a position. While a large piece is being read,
// it is still that of the piece, and Skip counts its rows already given: pieces
// are read in the same order again.
type position struct {
	Next   int64  `json:"next"`             // next snapshot to read; 0 is the start
	Full   int64  `json:"full,omitempty"`   // reading the state of this snapshot
	Since  int64  `json:"since,omitempty"`  // of its files made since then
	Skip   int64  `json:"skip,omitempty"`   // rows of the piece already given
	Branch int64  `json:"branch,omitempty"` // next snapshot of the fallback branch
	Piece  string `json:"piece,omitempty"`  // the piece, where Next and Branch do not tell
	// Primary says that Next is of the primary branch and Branch of the table.
	Primary bool `json:"primary,omitempty"`
}

func positionOf(at paimon.StreamPosition, skip int64) position {
	return position{Next: at.Next, Full: at.Full, Since: at.Since, Skip: skip, Branch: at.Branch, Piece: at.Piece, Primary: at.Primary}
}

func (s *Table) parse(at change.Position) (p position, err error) {
	if at == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(at), &p); err != nil {
		return p, fmt.Errorf("read table %s: position %q: %w", s.t.Name(), at, err)
	}
	return p, nil
}

func (p position) inStream() paimon.StreamPosition {
	return paimon.StreamPosition{Next: p.Next, Full: p.Full, Since: p.Since, Branch: p.Branch, Piece: p.Piece, Primary: p.Primary}
}

// Needs implements source.Keeper.
func (s *Table) Needs(at change.Position) (string, int64) {
	p, err := s.parse(at)
	if err != nil {
		return s.t.Name(), 0
	}
	return s.t.Name(), p.inStream().Needs()
}

// Committed implements source.Keeper: it records the progress of the consumer
// that the option 'consumer-id' names.
func (s *Table) Committed(ctx context.Context, at change.Position) error {
	p, err := s.parse(at)
	if err != nil {
		return err
	}
	return s.t.RecordProgress(ctx, p.inStream())
}

// Open implements source.Source.
func (s *Table) Open(ctx context.Context, from change.Position) (source.Reader, error) {
	p, err := s.parse(from)
	if err != nil {
		return nil, err
	}
	stream, err := s.t.StreamFrom(p.inStream())
	if err != nil {
		return nil, err
	}
	return &reader{s: s, at: p, stream: stream, skip: p.Skip}, nil
}

type reader struct {
	s      *Table
	at     position
	stream *paimon.Stream
	plan   *paimon.StreamPlan
	rows   *paimon.Reader
	skip   int64 // rows of the piece to drop before giving any
	given  int64
	held   paimon.Batch // a -U that waits for its +U; no rows: none
}

// Next implements source.Reader.
func (r *reader) Next(ctx context.Context) (change.Batch, error) {
	for {
		if r.plan == nil {
			p, err := r.stream.Next(ctx)
			if err != nil {
				return change.Batch{}, err
			}
			rows, err := p.Read(context.WithoutCancel(ctx), r.s.columns)
			if err != nil {
				return change.Batch{}, err
			}
			r.plan, r.rows, r.given = p, rows, 0
		}
		b, err := r.rows.Next()
		if err == io.EOF && r.held.Rows != nil {
			b, r.held, err = r.held, paimon.Batch{}, nil
		} else if err == nil {
			b, err = r.whole(b)
		}
		if err == io.EOF {
			if r.skip > 0 {
				return change.Batch{}, errs.Corrupt(r.s.t.Name(), "the position to go on from lies %d rows behind the end of what snapshot %d holds: the table was made anew or rolled back; start the job under another name", r.skip, r.plan.Next-1)
			}
			if want, known := r.plan.ChangelogRows(); known && r.given != want {
				return change.Batch{}, errs.Corrupt(r.s.t.Name(), "the changelog of snapshot %d has %d rows, %d were read", r.plan.Snapshot.ID, want, r.given)
			}
			r.at = positionOf(r.plan.After, 0)
			out := change.Batch{Position: encode(r.at), Watermark: r.committed()}
			r.end()
			return out, nil
		}
		if err != nil {
			return change.Batch{}, err
		}
		if b.Rows == nil {
			continue
		}
		if out, ok := r.give(b); ok {
			return out, nil
		}
	}
}

// whole keeps the rows of an update together, where batches of the file end
// between them: a last -U goes before the next batch. It takes over b.
func (r *reader) whole(b paimon.Batch) (paimon.Batch, error) {
	if r.held.Rows != nil {
		joined, err := join(r.held, b)
		r.held.Rows.Release()
		b.Rows.Release()
		r.held = paimon.Batch{}
		if err != nil {
			return paimon.Batch{}, fmt.Errorf("read table %s: %w", r.s.t.Name(), err)
		}
		b = joined
	}
	last := b.Rows.NumRows() - 1
	if b.Kinds == nil || last < 0 || b.Kinds[last] != types.UpdateBefore {
		return b, nil
	}
	all := b
	r.held = paimon.Batch{Rows: all.Rows.NewSlice(last, last+1), Kinds: all.Kinds[last:]}
	b = paimon.Batch{}
	if last > 0 {
		b = paimon.Batch{Rows: all.Rows.NewSlice(0, last), Kinds: all.Kinds[:last]}
	}
	all.Rows.Release()
	return b, nil
}

// join puts two batches behind each other.
func join(a, b paimon.Batch) (paimon.Batch, error) {
	rows, err := columnar.Join(b.Rows.Schema(), a.Rows, b.Rows)
	return paimon.Batch{Rows: rows, Kinds: slices.Concat(a.Kinds, b.Kinds)}, err
}

// give makes the next batch of b, less the rows that were given before.
func (r *reader) give(b paimon.Batch) (change.Batch, bool) {
	n := b.Rows.NumRows()
	if r.skip >= n {
		r.skip -= n
		r.given += n
		b.Rows.Release()
		return change.Batch{}, false
	}
	if r.skip > 0 {
		whole := b.Rows
		b.Rows = whole.NewSlice(r.skip, n)
		whole.Release()
		if b.Kinds != nil {
			b.Kinds = b.Kinds[r.skip:]
		}
		r.skip = 0
	}
	r.given += n
	p := positionOf(r.plan.At, r.given)
	return change.Batch{Rows: b.Rows, Kinds: b.Kinds, Position: encode(p), Watermark: r.committed()}, true
}

func (r *reader) committed() time.Time {
	if r.plan.Snapshot == nil || r.plan.Full {
		return time.Time{}
	}
	return time.UnixMilli(r.plan.Snapshot.TimeMillis)
}

func encode(p position) change.Position {
	data, _ := json.Marshal(p) // a struct of numbers
	return change.Position(data)
}

func (r *reader) end() {
	if r.rows != nil {
		r.rows.Close()
	}
	if r.held.Rows != nil {
		r.held.Rows.Release()
	}
	r.rows, r.plan, r.held = nil, nil, paimon.Batch{}
}

// Close implements source.Reader.
func (r *reader) Close() error {
	r.end()
	r.stream.Close()
	return nil
}
