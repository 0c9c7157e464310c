package scan

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/cast"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// statsTest skips files by statistics: of key columns in tables with a primary
// key (a value filter could hide the newest version of a row), of all columns
// in append tables.
func (s *Scanner) statsTest(f predicate.Filter) func(*spec.ManifestEntry) bool {
	keyed := len(s.Schema.PrimaryKeys) > 0
	names := s.Schema.TrimmedPrimaryKeys()
	if !keyed {
		for _, field := range s.Schema.Fields {
			names = append(names, field.Name)
		}
	}
	conds := f.Only(names...)
	conds = conds.Keep(func(l *predicate.Leaf) bool { return !slices.Contains(s.Schema.PartitionKeys, l.Column) })
	if len(conds) == 0 || s.Options.DataEvolution { // a file's values may be replaced by those of another
		return nil
	}
	return func(e *spec.ManifestEntry) bool {
		known, err := s.fileStats(&e.File, keyed)
		return err != nil || known.match(conds)
	}
}

// fileStats are the statistics of one file, for a table whose columns may be
// others than those of the schema that the file was written with.
// Source: org.apache.paimon.stats.SimpleStatsEvolution.
type fileStats struct {
	now     []types.Field // columns of the table
	file    []types.Field // columns of the file's schema
	covered []types.Field // those that there are statistics of
	stats   spec.SimpleStats
	rows    int64
}

func (s *Scanner) fileStats(f *spec.DataFileMeta, keyed bool) (*fileStats, error) {
	out := &fileStats{now: s.Schema.Fields, file: s.Schema.Fields, stats: f.ValueStats, rows: f.RowCount}
	if f.SchemaID != s.Schema.ID {
		var err error
		if out.file, err = s.SchemaFields(f.SchemaID); err != nil {
			return nil, err
		}
	}
	switch {
	case keyed:
		out.stats = f.KeyStats
		for _, k := range s.Schema.TrimmedPrimaryKeyFields() {
			at := slices.IndexFunc(out.file, func(c types.Field) bool { return c.ID == k.ID })
			if at < 0 {
				return nil, errs.Corrupt(f.FileName, "schema %d lacks key column %s", f.SchemaID, k.Name)
			}
			out.covered = append(out.covered, out.file[at])
		}
	case f.ValueStatsCols == nil:
		out.covered = out.file
	default:
		for _, name := range f.ValueStatsCols {
			at := slices.IndexFunc(out.file, func(c types.Field) bool { return c.Name == name })
			if at < 0 {
				return nil, errs.Corrupt(f.FileName, "schema %d lacks column %s, which there are statistics of", f.SchemaID, name)
			}
			out.covered = append(out.covered, out.file[at])
		}
	}
	return out, nil
}

func (f *fileStats) match(conds predicate.Filter) bool {
	if len(f.covered) == 0 {
		return true
	}
	bounds, err := binrow.Rows(f.covered, [][]byte{f.stats.Min, f.stats.Max})
	if err != nil {
		return true
	}
	defer bounds.Release()
	var made []arrow.Array
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	return conds.MayMatch(func(column string) (types.Type, predicate.Range, bool) {
		i := slices.IndexFunc(f.now, func(c types.Field) bool { return c.Name == column })
		if i < 0 {
			return types.Type{}, predicate.Range{}, false
		}
		now, r := f.now[i], predicate.Range{NullCount: -1, Rows: f.rows}
		sameID := func(c types.Field) bool { return c.ID == now.ID }
		at := slices.IndexFunc(f.covered, sameID)
		if at < 0 {
			r.NullCount = f.rows // the column is younger than the file, or was dropped before it
			return now.Type, r, !slices.ContainsFunc(f.file, sameID)
		}
		was, values := f.covered[at].Type, bounds.Column(at)
		if !was.EqualIgnoringNull(now.Type) {
			if !widens(was, now.Type) {
				return types.Type{}, r, false
			}
			if convert, err := cast.New(was, now.Type, memory.DefaultAllocator); err != nil {
				return types.Type{}, r, false
			} else if convert != nil {
				if values, err = convert(values); err != nil {
					return types.Type{}, r, false
				}
				made = append(made, values)
			}
		}
		if at < len(f.stats.NullCounts) && f.stats.NullCounts[at] != nil {
			r.NullCount = *f.stats.NullCounts[at]
		}
		r.Min, r.Max = arraySlice(values, 0), arraySlice(values, 1)
		return now.Type, r, true
	})
}

// widens reports whether a change of type keeps every value and the order of
// values, so that bounds of the old ones are those of the new.
func widens(from, to types.Type) bool {
	digits := map[types.Root]int{types.TinyInt: 3, types.SmallInt: 5, types.Int: 10, types.BigInt: 19}
	switch {
	case from.Root.IsInteger() && to.Root.IsInteger():
		return digits[from.Root] <= digits[to.Root]
	case from.Root.IsInteger() && to.Root == types.Decimal:
		return digits[from.Root] <= to.Precision-to.Scale
	case from.Root == types.Decimal && to.Root == types.Decimal:
		return from.Scale <= to.Scale && from.Precision-from.Scale <= to.Precision-to.Scale
	case from.Root == types.Varchar && to.Root == types.Varchar, from.Root == types.Varbinary && to.Root == types.Varbinary:
		return from.Precision <= to.Precision
	}
	return false
}
