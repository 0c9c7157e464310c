package duck

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"
)

// memTable streams batches from memory, one slice of them a stream, and counts what is open.
type memTable struct {
	schema   *arrow.Schema
	streams  [][]arrow.RecordBatch
	open     atomic.Int64
	scans    atomic.Int64
	columns  atomic.Pointer[[]int] // of the last scan
	onNext   func(ctx context.Context, n int) error
	closeErr error
}

func newTable(batches ...arrow.RecordBatch) *memTable {
	return &memTable{schema: batches[0].Schema(), streams: [][]arrow.RecordBatch{batches}}
}

func (m *memTable) Schema() *arrow.Schema { return m.schema }

func (m *memTable) EstimatedRows() int64 {
	n := int64(0)
	for _, s := range m.streams {
		for _, b := range s {
			n += b.NumRows()
		}
	}
	return n
}

func (m *memTable) Scan(_ context.Context, columns []int) (Scan, error) {
	m.open.Add(1)
	m.scans.Add(1)
	m.columns.Store(&columns)
	return &memScan{table: m, columns: columns}, nil
}

type memScan struct {
	table   *memTable
	columns []int
}

func (s *memScan) Streams() []Stream {
	var out []Stream
	for _, b := range s.table.streams {
		out = append(out, &memStream{scan: s, batches: b})
	}
	return out
}

func (s *memScan) Close() error {
	s.table.open.Add(-1)
	return s.table.closeErr
}

type memStream struct {
	scan    *memScan
	batches []arrow.RecordBatch
	n       int
}

func (s *memStream) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if f := s.scan.table.onNext; f != nil {
		if err := f(ctx, s.n); err != nil {
			return nil, err
		}
	}
	if s.n >= len(s.batches) {
		return nil, io.EOF
	}
	b := s.batches[s.n]
	s.n++
	var cols []arrow.Array
	var fields []arrow.Field
	for _, c := range s.scan.columns {
		cols = append(cols, b.Column(c))
		fields = append(fields, b.Schema().Field(c))
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows()), nil
}

func openEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func openConn(t testing.TB, o Options) *Conn {
	t.Helper()
	return connOf(t, openEngine(t, o))
}

func connOf(t testing.TB, e *Engine) *Conn {
	t.Helper()
	c, err := e.Conn(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func register(t testing.TB, c *Conn, m Table) *Registered {
	r := c.engine.Register(context.Background(), m)
	t.Cleanup(r.Release)
	return r
}

// drain reads a result to its end and returns the first error.
func drain(r *Result, err error) (rows int64, _ error) {
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, r.Close()
		}
		if err != nil {
			return rows, err
		}
		rows += b.NumRows()
		b.Release()
	}
}

// rowsOf runs a query and returns its cells as text, a row a line.
func rowsOf(t testing.TB, c *Conn, sql string, args ...any) string {
	t.Helper()
	r, err := c.Query(context.Background(), sql, args...)
	require.NoError(t, err)
	var out []string
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		for i := range int(b.NumRows()) {
			var cells []string
			for _, col := range b.Columns() {
				cells = append(cells, cell(col, i))
			}
			out = append(out, strings.Join(cells, "|"))
		}
		b.Release()
	}
	require.NoError(t, r.Close())
	return strings.Join(out, "\n")
}

// cell writes a value so that the same value of different Arrow types for it (time32 and time64, zoned timestamps of
// any unit) is the same text.
func cell(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "∅"
	}
	switch a := a.(type) {
	case *array.Time32:
		return fmt.Sprintf("%dus", int64(a.Value(i))*1000)
	case *array.Time64:
		return fmt.Sprintf("%dus", int64(a.Value(i)))
	case *array.Timestamp:
		dt := a.DataType().(*arrow.TimestampType)
		if dt.TimeZone != "" {
			per := map[arrow.TimeUnit]int64{arrow.Second: 1e6, arrow.Millisecond: 1e3, arrow.Microsecond: 1}[dt.Unit]
			if dt.Unit == arrow.Nanosecond {
				return fmt.Sprintf("%dusZ", int64(a.Value(i))/1000)
			}
			return fmt.Sprintf("%dusZ", int64(a.Value(i))*per)
		}
		return fmt.Sprintf("%d%s", int64(a.Value(i)), dt.Unit)
	case *array.Map:
		from, to := a.ValueOffsets(i)
		var parts []string
		for j := from; j < to; j++ {
			parts = append(parts, cell(a.Keys(), int(j))+"="+cell(a.Items(), int(j)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *array.List:
		from, to := a.ValueOffsets(i)
		var parts []string
		for j := from; j < to; j++ {
			parts = append(parts, cell(a.ListValues(), int(j)))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *array.Struct:
		var parts []string
		for f := range a.NumField() {
			parts = append(parts, cell(a.Field(f), i))
		}
		return "(" + strings.Join(parts, ",") + ")"
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Binary:
		return fmt.Sprintf("x%x", a.Value(i))
	case *array.LargeBinary:
		return fmt.Sprintf("x%x", a.Value(i))
	case *array.FixedSizeBinary:
		return fmt.Sprintf("x%x", a.Value(i))
	case *array.Date32:
		return fmt.Sprintf("%dd", int32(a.Value(i)))
	}
	return a.ValueStr(i)
}
