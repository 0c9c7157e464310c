package query

import (
	"context"
	"io"
	"runtime"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/types"
)

// system gives the FROM item of a system table T$name.
func (p *planner) system(id catalog.Identifier, hint map[string]string) (string, error) {
	t, err := p.s.e.o.Warehouse.SystemTable(p.ctx, id, hint)
	if err != nil {
		return "", err
	}
	return p.systemScan(t)
}

// globalTable gives a table of the database sys; nil for other databases.
func (p *planner) globalTable(id catalog.Identifier) (*paimon.SystemTable, error) {
	if id.Database != paimon.GlobalDatabase || id.System != "" || !slices.Contains(paimon.GlobalTables(), id.Table) {
		return nil, nil
	}
	return p.s.e.o.Warehouse.GlobalTable(id.Table)
}

func (p *planner) systemScan(t *paimon.SystemTable) (string, error) {
	plan, err := t.Plan(p.ctx, nil)
	if err != nil {
		return "", err
	}
	return p.register(&systemScan{t: t, plan: plan, schema: types.ArrowSchema(t.Fields())}), nil
}

// systemScan lets the engine read a system table: rows of the table itself as
// several streams, metadata as one.
type systemScan struct {
	t      *paimon.SystemTable
	plan   *paimon.Plan // nil for metadata
	schema *arrow.Schema
}

// Schema implements duck.Table.
func (s *systemScan) Schema() *arrow.Schema { return s.schema }

// EstimatedRows implements duck.Table.
func (s *systemScan) EstimatedRows() int64 {
	if s.plan == nil {
		return 100
	}
	return s.plan.Rows()
}

// Scan implements duck.Table.
func (s *systemScan) Scan(ctx context.Context, columns []int) (duck.Scan, error) {
	if s.plan == nil {
		r, err := s.t.Read(ctx)
		if err != nil {
			return nil, err
		}
		return systemStreams{{r, columns}}, nil
	}
	n := max(1, min(runtime.GOMAXPROCS(0), len(s.plan.Splits)))
	deals := make([][]paimon.Split, n)
	for i, split := range s.plan.Splits {
		deals[i%n] = append(deals[i%n], split)
	}
	out := make(systemStreams, n)
	for i := range out {
		out[i] = &systemStream{s.t.ReadPlan(ctx, s.plan, deals[i]), columns}
	}
	return out, nil
}

type systemStreams []*systemStream

func (s systemStreams) Streams() []duck.Stream {
	out := make([]duck.Stream, len(s))
	for i, r := range s {
		out[i] = r
	}
	return out
}

func (s systemStreams) Close() error {
	for _, r := range s {
		r.r.Close()
	}
	return nil
}

type systemStream struct {
	r       *paimon.SystemReader
	columns []int
}

func (s *systemStream) Next(context.Context) (arrow.RecordBatch, error) {
	b, err := s.r.Next()
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, io.EOF
	}
	defer b.Release()
	return pick(b, s.columns), nil
}
