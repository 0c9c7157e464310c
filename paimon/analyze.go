package paimon

import (
	"context"
	"io"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/analyze"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/spec"
)

// AnalyzeOptions say what Analyze looks at. The zero value counts rows only.
type AnalyzeOptions struct {
	Columns    []string // columns to give statistics of
	AllColumns bool     // all columns instead
}

// Analyze reads the newest snapshot and commits what it found as a snapshot of
// kind ANALYZE, which it gives; nil for an empty table. Rows are counted after
// merging. Later commits keep the statistics until the schema changes; if it has
// changed since the table was opened, that is errs.ErrConflict. Distinct values
// are estimated with a standard error of 0.65 % (Spark's: 5 %). Rows of a
// fallback branch do not count.
// Source: org.apache.paimon.spark.commands.PaimonAnalyzeTableColumnCommand.
func (t *Table) Analyze(ctx context.Context, o AnalyzeOptions) (*spec.Snapshot, error) {
	columns, err := t.analyzed(o)
	if err != nil {
		return nil, err
	}
	snap, err := t.LatestSnapshot(ctx)
	if snap == nil || err != nil {
		return nil, t.versionError("analyze", err)
	}
	s, err := t.statistics(ctx, snap, columns)
	if err != nil {
		return nil, t.versionError("analyze", err)
	}
	file, err := t.t.History.WriteStatistics(ctx, s)
	if err != nil {
		return nil, t.versionError("analyze", err)
	}
	snap, err = t.NewCommitter("").c.Analyze(ctx, file, t.t.Schema.ID)
	return snap, t.versionError("analyze", err)
}

// Statistics gives those of the snapshot that Travel gives; nil if there are
// none. Source: org.apache.paimon.table.Table.statistics.
func (t *Table) Statistics(ctx context.Context) (*spec.Statistics, error) {
	snap, err := t.Travel(ctx)
	if err != nil {
		return nil, err
	}
	s, err := t.t.History.Statistics(ctx, snap)
	return s, t.versionError("read statistics of", err)
}

// analyzed gives the positions of the columns to look at.
func (t *Table) analyzed(o AnalyzeOptions) ([]int, error) {
	fields := t.Fields()
	var out []int
	switch {
	case o.AllColumns && len(o.Columns) > 0:
		return nil, errs.Unsupported("analyze table %s: either all columns or some; only one of them should be specified", t.Name())
	case o.AllColumns:
		for i := range fields {
			out = append(out, i)
		}
	}
	for _, name := range o.Columns {
		at := t.Schema().Index(name)
		if at < 0 {
			return nil, errs.Invalid("Column %s not found in %s.", name, t.Name())
		}
		if !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	for _, at := range out {
		if _, err := analyze.New(fields[at]); err != nil {
			return nil, t.versionError("analyze", err)
		}
	}
	return out, nil
}

// statistics reads columns of a snapshot.
func (t *Table) statistics(ctx context.Context, snap *spec.Snapshot, columns []int) (*spec.Statistics, error) {
	live, err := t.t.Scanner.Live(ctx, snap, scan.Request{})
	if err != nil {
		return nil, err
	}
	var size int64
	for i := range live {
		for j := range live[i].Files {
			size += live[i].Files[j].FileSize
		}
	}
	splits, err := t.t.Scanner.Plan(ctx, snap, scan.Request{})
	if err != nil {
		return nil, err
	}
	found := make([]*analyze.Column, len(columns))
	for i, at := range columns {
		if found[i], err = analyze.New(t.Fields()[at]); err != nil {
			return nil, err
		}
	}
	var rows int64
	for i := range splits {
		n, err := t.analyzeSplit(ctx, splits[i], columns, found)
		if err != nil {
			return nil, err
		}
		rows += n
	}
	if snap.TotalRecordCount > 0 {
		size = int64(float64(size) * float64(rows) / float64(snap.TotalRecordCount))
	}
	out := &spec.Statistics{SnapshotID: snap.ID, SchemaID: t.t.Schema.ID, MergedRecordCount: &rows, MergedRecordSize: &size, Columns: map[string]spec.ColumnStats{}}
	for i, at := range columns {
		if out.Columns[t.Fields()[at].Name], err = found[i].Stats(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// analyzeSplit adds the rows of a split to columns and gives their number.
func (t *Table) analyzeSplit(ctx context.Context, s Split, columns []int, found []*analyze.Column) (int64, error) {
	if len(columns) == 0 {
		if s.Raw && !s.Deleted() && !t.t.Options.DataEvolution {
			return s.Rows(), nil
		}
		columns = []int{0} // to count rows something has to be read
		if len(t.t.KeyAt) > 0 {
			columns[0] = t.t.KeyAt[0]
		}
	}
	r, err := read.Open(ctx, t.t, s, columns, read.State)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var rows int64
	for ctx.Err() == nil {
		b, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return 0, err
		}
		rows += b.Rows.NumRows()
		for i, c := range found {
			c.Add(b.Rows.Column(i))
		}
		b.Rows.Release()
	}
	return 0, ctx.Err()
}
