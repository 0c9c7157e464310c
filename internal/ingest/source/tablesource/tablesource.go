// Package tablesource reads a Paimon table as a stream: its state first,
// where the scan options say so, then the changes of each snapshot.
package tablesource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/types"
)

// Table is a source over a table; dynamic options (scan.mode, …) are those
// that the table was opened with.
type Table struct {
	t       *paimon.Table
	columns []int // positions read; nil for all
	fields  []types.Field
}

var _ source.Source = (*Table)(nil)

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
// Next is still that piece and Skip counts its rows already given: pieces are
// read in the same order again.
type position struct {
	Next int64 `json:"next"`           // next snapshot to read; 0 is the start
	Full int64 `json:"full,omitempty"` // reading the state of this snapshot
	Skip int64 `json:"skip,omitempty"` // rows of the piece already given
}

// Open implements source.Source.
func (s *Table) Open(ctx context.Context, from change.Position) (source.Reader, error) {
	var p position
	if from != "" {
		if err := json.Unmarshal([]byte(from), &p); err != nil {
			return nil, fmt.Errorf("read table %s: position %q: %w", s.t.Name(), from, err)
		}
	}
	r := &reader{s: s, at: p}
	if p.Full > 0 {
		return r, r.reopenFull(ctx)
	}
	stream, err := s.t.Stream(p.Next)
	if err != nil {
		return nil, err
	}
	r.stream, r.skip = stream, p.Skip
	return r, nil
}

type reader struct {
	s      *Table
	at     position
	stream *paimon.Stream
	plan   *paimon.StreamPlan
	rows   *paimon.Reader
	skip   int64 // rows of the piece to drop before giving any
	given  int64
}

// reopenFull resumes in the middle of the first, full piece: the state of the
// same snapshot is read again and what was given is dropped.
func (r *reader) reopenFull(ctx context.Context) error {
	stream, err := r.s.t.StreamFull(r.at.Full)
	if err != nil {
		return err
	}
	r.stream, r.skip = stream, r.at.Skip
	return nil
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
		if err == io.EOF {
			r.at = position{Next: r.plan.Next}
			out := change.Batch{Position: encode(r.at), Watermark: r.committed()}
			r.end()
			return out, nil
		}
		if err != nil {
			return change.Batch{}, err
		}
		if out, ok := r.give(b); ok {
			return out, nil
		}
	}
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
	p := position{Next: r.plan.Next - 1, Skip: r.given}
	if r.plan.Full {
		p = position{Full: r.plan.Snapshot.ID, Skip: r.given}
	}
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
	r.rows, r.plan = nil, nil
}

// Close implements source.Reader.
func (r *reader) Close() error {
	r.end()
	r.stream.Close()
	return nil
}
