package read

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// openEvolution reads the rows of a data-evolution table: files of the same
// rows are put side by side, each column from the newest file that has it.
// Source: org.apache.paimon.operation.DataEvolutionSplitRead.
func openEvolution(ctx context.Context, t *table.Table, s scan.Split, columns []int) (Reader, error) {
	if s.Deleted() || len(s.Before) > 0 {
		return nil, errs.Unsupported("read table %s: deleted rows, or the difference of two snapshots, with 'data-evolution.enabled' = 'true'", t.Name)
	}
	files, err := bucketFiles(t, s, nil)
	if err != nil {
		return nil, err
	}
	groups, err := scan.GroupByRows(s.Files)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name, err)
	}
	if columns == nil {
		columns = make([]int, len(t.Schema.Fields))
		for i := range columns {
			columns[i] = i
		}
	}
	fields := make([]types.Field, len(columns))
	for i, p := range columns {
		fields[i] = t.Schema.Fields[p]
	}
	return &evolutionReader{ctx: ctx, t: t, files: files, groups: groups, columns: columns, schema: types.ArrowSchema(fields)}, nil
}

type evolutionReader struct {
	ctx     context.Context
	t       *table.Table
	files   *table.BucketFiles
	groups  []scan.RowGroup
	columns []int
	schema  *arrow.Schema
	cur     *sideBySide
}

func (r *evolutionReader) Next() (columnar.Batch, error) {
	for {
		if r.cur == nil {
			if len(r.groups) == 0 {
				return columnar.Batch{}, io.EOF
			}
			var err error
			if r.cur, err = r.open(&r.groups[0]); err != nil {
				return columnar.Batch{}, err
			}
			r.groups = r.groups[1:]
		}
		rows, err := r.cur.next()
		if err == io.EOF {
			r.Close()
			continue
		}
		return columnar.Batch{Rows: rows}, err
	}
}

func (r *evolutionReader) Close() {
	if r.cur != nil {
		r.cur.close()
		r.cur = nil
	}
}

// source are files that follow each other and some wanted columns of theirs.
type source struct {
	metas   []spec.DataFileMeta
	fields  []int // ids of the columns that the files hold
	columns []int // positions in the table's columns
	at      []int // of the columns in the result
}

// open says which file each column comes from.
func (r *evolutionReader) open(g *scan.RowGroup) (*sideBySide, error) {
	sources, err := r.sources(g)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", r.t.Name, err)
	}
	out := &sideBySide{schema: r.schema}
	used := sources[:0:0]
	for at, p := range r.columns {
		f := r.t.Schema.Fields[p]
		i := slices.IndexFunc(sources, func(s source) bool { return slices.Contains(s.fields, f.ID) })
		if i < 0 && slices.Contains(r.t.PartAt, p) {
			i = 0
		}
		if i < 0 {
			if !f.Type.Nullable {
				return nil, errs.Corrupt(sources[0].metas[0].FileName, "no file of its rows has column %q, which is NOT NULL", f.Name)
			}
			continue
		}
		sources[i].columns = append(sources[i].columns, p)
		sources[i].at = append(sources[i].at, at)
	}
	for _, s := range sources {
		if len(s.columns) > 0 {
			used = append(used, s)
		}
	}
	if len(used) == 0 {
		used = sources[:1] // for the number of rows
	}
	for _, s := range used {
		cols := s.columns
		if cols == nil {
			cols = []int{}
		}
		out.parts = append(out.parts, &part{ctx: r.ctx, files: r.files, o: r.files.RowReadOptions(cols), metas: s.metas, at: s.at})
	}
	return out, nil
}

// sources gives the files of a group, the newest first and BLOB columns last.
func (r *evolutionReader) sources(g *scan.RowGroup) ([]source, error) {
	var out []source
	for i := range g.Data {
		ids, err := r.fieldIDs(&g.Data[i])
		if err != nil {
			return nil, err
		}
		out = append(out, source{metas: g.Data[i : i+1], fields: ids})
	}
	data := len(out)
	for i := range g.Blobs {
		f := &g.Blobs[i]
		ids, err := r.fieldIDs(f)
		if err != nil {
			return nil, err
		}
		if len(ids) != 1 {
			return nil, errs.Corrupt(f.FileName, "a .blob file of %d columns", len(ids))
		}
		if len(g.Data) == 0 && len(g.Blobs) > 1 {
			return nil, errs.Corrupt(f.FileName, "no data file has its rows")
		}
		at := slices.IndexFunc(out[data:], func(s source) bool { return s.fields[0] == ids[0] })
		if at < 0 {
			out = append(out, source{fields: ids})
			at = len(out) - 1 - data
		}
		if err := out[data+at].follow(f); err != nil {
			return nil, err
		}
	}
	for _, s := range out[data:] {
		if err := s.covers(g); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// follow adds the next .blob file of a column; older ones of the same rows
// come after newer ones, and do not count.
func (s *source) follow(f *spec.DataFileMeta) error {
	if n := len(s.metas); n > 0 {
		last := &s.metas[n-1]
		switch next := *last.FirstRowID + last.RowCount; {
		case *f.FirstRowID < next && f.MaxSequence < last.MaxSequence:
			return nil
		case *f.FirstRowID != next:
			return errs.Corrupt(f.FileName, "its rows begin at %d, those of %s end at %d", *f.FirstRowID, last.FileName, next-1)
		}
	}
	s.metas = append(s.metas, *f)
	return nil
}

// covers checks that .blob files hold all rows of their group.
func (s *source) covers(g *scan.RowGroup) error {
	if len(g.Data) == 0 {
		return nil
	}
	rows := int64(0)
	for i := range s.metas {
		rows += s.metas[i].RowCount
	}
	if d := &g.Data[0]; rows != d.RowCount || *s.metas[0].FirstRowID != *d.FirstRowID {
		return errs.Corrupt(s.metas[0].FileName, "%d rows from %d on, but %s has %d from %d on", rows, *s.metas[0].FirstRowID, d.FileName, d.RowCount, *d.FirstRowID)
	}
	return nil
}

// fieldIDs gives the columns that a file holds.
func (r *evolutionReader) fieldIDs(f *spec.DataFileMeta) ([]int, error) {
	all, err := r.t.SchemaFields(f.SchemaID)
	if err != nil {
		return nil, fmt.Errorf("data file %s: schema %d: %w", f.FileName, f.SchemaID, err)
	}
	var out []int
	for _, c := range all {
		if f.WriteCols == nil || slices.Contains(f.WriteCols, c.Name) {
			out = append(out, c.ID)
		}
	}
	return out, nil
}

// sideBySide joins columns of the same rows.
type sideBySide struct {
	schema *arrow.Schema
	parts  []*part
}

func (j *sideBySide) next() (arrow.RecordBatch, error) {
	rows := int64(-1)
	for i, p := range j.parts {
		n, err := p.left() // 0 at the end
		if err != nil && err != io.EOF {
			return nil, err
		}
		if i > 0 && (n == 0) != (rows == 0) {
			return nil, errs.Corrupt(p.name(), "another number of rows than the files beside it")
		}
		if i == 0 || n < rows {
			rows = n
		}
	}
	if rows == 0 {
		return nil, io.EOF
	}
	cols := make([]arrow.Array, j.schema.NumFields())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for _, p := range j.parts {
		for i, at := range p.at {
			cols[at] = array.NewSlice(p.cur.Column(i), p.used, p.used+rows)
		}
		p.used += rows
	}
	for i, c := range cols {
		if c == nil {
			cols[i] = array.MakeArrayOfNull(memory.DefaultAllocator, j.schema.Field(i).Type, int(rows))
		}
	}
	return array.NewRecordBatch(j.schema, cols, rows), nil
}

func (j *sideBySide) close() {
	for _, p := range j.parts {
		p.close()
	}
}

// part reads the files of a source one after the other.
type part struct {
	ctx   context.Context
	files *table.BucketFiles
	o     datafile.RowReadOptions
	metas []spec.DataFileMeta
	index int
	in    *datafile.RowReader
	cur   arrow.RecordBatch
	used  int64 // rows of cur
	at    []int // of its columns in the result
}

func (p *part) name() string { return p.metas[min(p.index, len(p.metas)-1)].FileName }

// left makes sure of rows and says how many there are at once; io.EOF at the
// end.
func (p *part) left() (int64, error) {
	for {
		if p.cur != nil {
			if n := p.cur.NumRows() - p.used; n > 0 {
				return n, nil
			}
			p.cur.Release()
			p.cur = nil
		}
		if p.in == nil {
			if p.index == len(p.metas) {
				return 0, io.EOF
			}
			in, err := p.files.OpenRows(p.ctx, p.o, &p.metas[p.index])
			if err != nil {
				return 0, err
			}
			p.in = in
		}
		b, err := p.in.Next()
		switch {
		case err == io.EOF:
			err = p.in.Close()
			p.in = nil
			p.index++
			if err != nil {
				return 0, err
			}
		case err != nil:
			return 0, err
		default:
			p.cur, p.used = b, 0
		}
	}
}

func (p *part) close() {
	if p.cur != nil {
		p.cur.Release()
		p.cur = nil
	}
	if p.in != nil {
		_ = p.in.Close()
		p.in = nil
	}
}
