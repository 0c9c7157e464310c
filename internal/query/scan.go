package query

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// planScan lets the engine read splits of a table, merged, in parallel.
type planScan struct {
	plan   *paimon.Plan
	splits []paimon.Split
	schema *arrow.Schema
}

func newPlanScan(p *paimon.Plan, splits []paimon.Split) *planScan {
	return &planScan{plan: p, splits: splits, schema: types.ArrowSchema(engineFields(p.Table.Fields()))}
}

// Schema implements duck.Table.
func (t *planScan) Schema() *arrow.Schema { return t.schema }

// EstimatedRows implements duck.Table.
func (t *planScan) EstimatedRows() int64 {
	var n int64
	for i := range t.splits {
		n += t.splits[i].Rows()
	}
	return n
}

// Scan implements duck.Table: splits are dealt out to as many streams as there
// are processors.
func (t *planScan) Scan(ctx context.Context, columns []int) (duck.Scan, error) {
	n := max(1, min(runtime.GOMAXPROCS(0), len(t.splits)))
	deals := make([][]paimon.Split, n)
	for i, s := range t.splits {
		deals[i%n] = append(deals[i%n], s)
	}
	scan := make(streams, n)
	var fields []types.Field
	all := t.plan.Table.Fields()
	for _, at := range columns {
		fields = append(fields, all[at])
	}
	if !slices.ContainsFunc(fields, func(f types.Field) bool { return f.Type.Root == types.Variant }) {
		fields = nil
	}
	for i := range scan {
		scan[i] = &rowStream{t.plan.Read(ctx, deals[i], columns), fields}
	}
	return scan, nil
}

// streams is a duck.Scan over readers.
type streams []*rowStream

func (s streams) Streams() []duck.Stream {
	out := make([]duck.Stream, len(s))
	for i, r := range s {
		out[i] = r
	}
	return out
}

func (s streams) Close() error {
	for _, r := range s {
		r.Close()
	}
	return nil
}

type rowStream struct {
	*paimon.Reader
	variants []types.Field // the columns, if one is a VARIANT
}

// Next gives rows.
func (r *rowStream) Next(context.Context) (arrow.RecordBatch, error) {
	b, err := r.rows()
	if err == nil && r.variants != nil {
		b, err = variantsAsText(b, r.variants)
	}
	return b, err
}

// rows gives the next rows. Of an increment, records that take a row back are
// left out: a query in batch mode would take them for rows.
func (r *rowStream) rows() (arrow.RecordBatch, error) {
	for {
		b, err := r.Reader.Next()
		if err != nil || !slices.ContainsFunc(b.Kinds, types.RowKind.IsRetract) {
			return b.Rows, err
		}
		rows, err := added(b)
		b.Rows.Release()
		if rows != nil || err != nil {
			return rows, err
		}
	}
}

// added gives the rows of b that take nothing back; nil for none.
func added(b paimon.Batch) (arrow.RecordBatch, error) {
	var refs []columnar.Ref
	for i, k := range b.Kinds {
		if !k.IsRetract() {
			refs = append(refs, columnar.Ref{Row: int32(i)})
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return columnar.GatherBatch(memory.DefaultAllocator, b.Rows.Schema(), []arrow.RecordBatch{b.Rows}, refs)
}

// rawScan gives the engine's own scan of Parquet files: just the table's
// columns, in its types.
func rawScan(paths []string, fields []types.Field) string {
	cols := make([]string, len(fields))
	for i, f := range fields {
		name := quoteIdent(f.Name)
		cols[i] = name
		if holdsTime(f.Type) { // the engine reads all of them in microseconds
			cols[i] = "CAST(" + name + " AS " + duckType(f.Type) + ") AS " + name
		}
	}
	files := make([]string, len(paths))
	for i, p := range paths {
		files[i] = quoteText(p)
	}
	// Columns come from the files, not from folders named column=value.
	return "SELECT " + strings.Join(cols, ", ") + " FROM read_parquet([" + strings.Join(files, ", ") + "], hive_partitioning = false)"
}

// holdsTime reports whether values of t are, or hold, times.
func holdsTime(t types.Type) bool {
	switch t.Root {
	case types.Timestamp, types.TimestampLTZ, types.Time:
		return true
	}
	for _, f := range t.Fields {
		if holdsTime(f.Type) {
			return true
		}
	}
	return t.Elem != nil && holdsTime(*t.Elem) || t.Key != nil && holdsTime(*t.Key)
}

// sourceScan lets the engine read a bounded source once.
type sourceScan struct {
	s      source.Source
	schema *arrow.Schema
}

func newSourceScan(s source.Source) *sourceScan {
	return &sourceScan{s: s, schema: types.ArrowSchema(s.Fields())}
}

// Schema implements duck.Table.
func (t *sourceScan) Schema() *arrow.Schema { return t.schema }

// EstimatedRows implements duck.Table.
func (t *sourceScan) EstimatedRows() int64 { return -1 }

// Scan implements duck.Table.
func (t *sourceScan) Scan(ctx context.Context, columns []int) (duck.Scan, error) {
	r, err := t.s.Open(ctx, "")
	if err != nil {
		return nil, err
	}
	return &sourceStream{r, columns}, nil
}

type sourceStream struct {
	r       source.Reader
	columns []int
}

func (s *sourceStream) Streams() []duck.Stream { return []duck.Stream{s} }
func (s *sourceStream) Close() error           { return s.r.Close() }

func (s *sourceStream) Next(ctx context.Context) (arrow.RecordBatch, error) {
	for {
		b, err := s.r.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b.Rows == nil || b.Rows.NumRows() == 0 {
			b.Release()
			continue
		}
		defer b.Release()
		if k := slices.IndexFunc(b.Kinds, func(k types.RowKind) bool { return k != types.Insert }); k >= 0 {
			return nil, errs.Unsupported("the source gives changes (%s), which a query in batch mode would take for rows: INSERT it INTO a table as a stream and query that", b.Kinds[k])
		}
		return pick(b.Rows, s.columns), nil
	}
}

// batchScan is a table of batches in memory.
type batchScan struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
}

// Schema implements duck.Table.
func (t *batchScan) Schema() *arrow.Schema { return t.schema }

// EstimatedRows implements duck.Table.
func (t *batchScan) EstimatedRows() int64 {
	var n int64
	for _, b := range t.batches {
		n += b.NumRows()
	}
	return n
}

// Scan implements duck.Table.
func (t *batchScan) Scan(_ context.Context, columns []int) (duck.Scan, error) {
	return &batchStream{t.batches, columns}, nil
}

type batchStream struct {
	left    []arrow.RecordBatch
	columns []int
}

func (s *batchStream) Streams() []duck.Stream { return []duck.Stream{s} }
func (s *batchStream) Close() error           { return nil }

func (s *batchStream) Next(context.Context) (arrow.RecordBatch, error) {
	if len(s.left) == 0 {
		return nil, io.EOF
	}
	b := s.left[0]
	s.left = s.left[1:]
	return pick(b, s.columns), nil
}
