package write

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// expiry leaves rows out of compactions whose time is longer ago than
// `record-level.expire-time`: they are dropped before they are merged, version
// by version, as in Paimon; reads show what no compaction has dropped. NULL
// does not expire. Source: org.apache.paimon.io.RecordLevelExpire.
type expiry struct {
	t     *table.Table
	field types.Field
	at    int
	age   int64 // seconds
	now   func() time.Time
}

// newExpiry gives the expiry of a table; nil when rows stay.
func newExpiry(t *table.Table, now func() time.Time) (*expiry, error) {
	o := t.Options.RecordExpiry
	if !o.Enabled {
		return nil, nil
	}
	at := t.Schema.Index(o.TimeField)
	if at < 0 {
		return nil, errs.Invalid("compact table %s: option 'record-level.expire-time' needs 'record-level.time-field', a column of the table", t.Name)
	}
	f := t.Schema.Fields[at]
	if err := options.CheckTimeField(f); err != nil {
		return nil, fmt.Errorf("compact table %s: %w", t.Name, err)
	}
	return &expiry{t: t, field: f, at: at, age: int64(o.After / time.Second), now: now}, nil
}

// epochSeconds gives the time of a row; false for NULL. Integers are seconds,
// but from 10^12 on milliseconds.
func epochSeconds(col arrow.Array, row int) (int64, bool) {
	if col.IsNull(row) {
		return 0, false
	}
	switch c := col.(type) {
	case *array.Int32:
		return int64(c.Value(row)), true
	case *array.Int64:
		if v := c.Value(row); v < 1_000_000_000_000 {
			return v, true
		} else {
			return v / 1000, true
		}
	case *array.Timestamp:
		v, perMilli := int64(c.Value(row)), int64(time.Millisecond/c.DataType().(*arrow.TimestampType).Unit.Multiplier())
		millis := v / perMilli
		if v%perMilli < 0 {
			millis--
		}
		return millis / 1000, true
	}
	return 0, false
}

// holds reports whether a file has rows that have expired, by its statistics:
// such a file is rewritten where it could have stayed as it is.
func (e *expiry) holds(f *lsm.File) bool {
	fields, err := e.t.SchemaFields(f.SchemaID)
	if err != nil {
		return false
	}
	at := slices.IndexFunc(fields, func(x types.Field) bool { return x.ID == e.field.ID })
	if at < 0 {
		return false
	}
	covered := fields
	if f.ValueStatsCols != nil {
		covered = covered[:0:0]
		for _, name := range f.ValueStatsCols {
			if i := slices.IndexFunc(fields, func(x types.Field) bool { return x.Name == name }); i >= 0 {
				covered = append(covered, fields[i])
			}
		}
		at = slices.IndexFunc(covered, func(x types.Field) bool { return x.ID == e.field.ID })
	}
	if at < 0 || len(f.ValueStats.Min) == 0 {
		return false
	}
	least, err := binrow.Rows(covered, [][]byte{f.ValueStats.Min})
	if err != nil {
		return false // the file's reader reports the damage
	}
	defer least.Release()
	oldest, ok := epochSeconds(least.Column(at), 0)
	return ok && oldest < e.now().Unix()-e.age
}

// files gives files whose rows are left out when expired.
func (e *expiry) files(f lsm.Files) lsm.Files {
	if e == nil {
		return f
	}
	return expiringFiles{Files: f, e: e}
}

type expiringFiles struct {
	lsm.Files
	e *expiry
}

// Open implements lsm.Files. Files in which keys are only looked up are read
// whole by first-row compactions, as a key has come before even if its row
// expires, and with deletion vectors: a row that expires is replaced too.
func (f expiringFiles) Open(ctx context.Context, m *spec.DataFileMeta, o lsm.OpenOptions) (lsm.Stream, error) {
	s, err := f.Files.Open(ctx, m, o)
	if err != nil || o.From != nil && (f.e.t.Options.MergeEngine == options.FirstRow || f.e.t.Options.DeletionVectors.Enabled) {
		return s, err
	}
	return &expiringStream{Stream: s, at: f.e.at, oldest: f.e.now().Unix() - f.e.age}, nil
}

type expiringStream struct {
	lsm.Stream
	at     int
	oldest int64 // epoch seconds
	refs   []columnar.Ref
}

// Next implements lsm.Stream.
func (s *expiringStream) Next() (*columnar.KV, error) {
	for {
		b, err := s.Stream.Next()
		if err != nil {
			return nil, err
		}
		s.refs = slices.Grow(s.refs[:0], b.Len())
		col := b.Rows.Column(s.at)
		for row := range b.Len() {
			if at, ok := epochSeconds(col, row); !ok || at >= s.oldest {
				s.refs = append(s.refs, columnar.Ref{Row: int32(row)})
			}
		}
		if len(s.refs) == b.Len() {
			return b, nil
		}
		if len(s.refs) == 0 {
			b.Release()
			continue
		}
		out, err := lsm.TakeRows(memory.DefaultAllocator, b, s.refs)
		b.Release()
		return out, err
	}
}
