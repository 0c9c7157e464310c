package query

import (
	"context"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
)

// analyze runs ANALYZE TABLE t COMPUTE STATISTICS [FOR COLUMNS a, b | FOR ALL COLUMNS].
func (s *Session) analyze(ctx context.Context, st *ast.Analyze) (*Result, error) {
	switch {
	case len(st.Partition) > 0:
		return nil, errs.Unsupported("Analyze table partition is not supported: ANALYZE TABLE %s without PARTITION", st.Target)
	case st.NoScan:
		return nil, errs.Invalid("NOSCAN is ineffective with paimon: ANALYZE TABLE %s COMPUTE STATISTICS", st.Target)
	}
	t, err := s.open(ctx, st.Target)
	if err != nil {
		return nil, err
	}
	o := paimon.AnalyzeOptions{AllColumns: st.AllColumns}
	for _, c := range st.Columns {
		o.Columns = append(o.Columns, c.Name)
	}
	snap, err := t.Analyze(ctx, o)
	if snap == nil || err != nil {
		return reply(err, "table %s is empty: no statistics", t.Name())
	}
	return done("table %s analyzed", t.Name()), nil
}
