package datafile

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// readSet reads some columns of one file, of which partition columns come
// from the partition and not from the file.
type readSet struct {
	in        format.Reader
	path      string
	alloc     memory.Allocator
	fields    []types.Field // of the table
	partition map[int]arrow.Array
	at        map[int]int // position in fields to column of the file batch
	constants map[int]arrow.Array
	batch     arrow.RecordBatch

	deleted *deletion.Vector // nil: all rows count
	kept    []deletion.Stretch
	rest    arrow.RecordBatch  // of the file, of which some stretches are still to be given
	left    []deletion.Stretch // these, of kept
	start   int64              // row number, in the file, of the first row of rest
	refs    []columnar.Ref     // rows of the file's batch that batch was gathered from; empty: a stretch of it
	first   int64              // row number, in the file, that refs count from, or of the first row of batch
}

// readSource says which file is read and how; wanted are positions in fields,
// extra are columns read besides, before the others.
type readSource struct {
	store        fileio.Store
	formats      format.Registry
	fields       []types.Field
	partition    map[int]arrow.Array
	schemaFields func(schemaID int64) ([]types.Field, error)
	batchRows    int
	params       map[string]string
	alloc        memory.Allocator
	skip         func(rows int64, stats []format.ColumnStats) bool
	skipColumns  []int // positions in fields that skip gets statistics of
	deleted      *deletion.Vector
}

func (s readSource) open(ctx context.Context, path string, meta *spec.DataFileMeta, wanted []int, extra []types.Field) (*readSet, error) {
	r := &readSet{path: path, alloc: s.alloc, fields: s.fields, partition: s.partition,
		at: map[int]int{}, constants: map[int]arrow.Array{}, deleted: s.deleted}
	if r.alloc == nil {
		r.alloc = memory.DefaultAllocator
	}
	read := slices.Clone(extra)
	for _, p := range wanted {
		if _, seen := r.at[p]; seen || r.isConstant(p) {
			continue
		}
		r.at[p] = len(read)
		read = append(read, s.fields[p])
	}
	file, err := s.fileFields(meta, extra)
	if err != nil {
		return nil, err
	}
	formats := s.formats
	if formats == nil {
		formats = Formats()
	}
	f, err := formats.ByFile(meta.FileName)
	if err != nil {
		return nil, err
	}
	in, err := s.store.Open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open data file: %w", err)
	}
	opts := format.ReadOptions{Path: path, Fields: read, FileFields: file, BatchRows: s.batchRows, Params: s.params, Alloc: s.alloc}
	if s.skip != nil {
		opts.SkipBlock = r.skipBlock(s.skip, s.skipColumns)
	}
	if r.in, err = f.Open(in, opts); err != nil {
		in.Close()
		return nil, err
	}
	if meta.RowCount != r.in.Rows() {
		r.in.Close()
		return nil, errs.Corrupt(path, "%d rows, but its manifest says %d", r.in.Rows(), meta.RowCount)
	}
	if last := r.deleted.Max(); last >= meta.RowCount {
		r.in.Close()
		return nil, errs.Corrupt(path, "its deletion vector deletes row %d, it has %d rows", last, meta.RowCount)
	}
	return r, nil
}

// fileFields gives the columns that the file may hold.
func (s readSource) fileFields(meta *spec.DataFileMeta, extra []types.Field) ([]types.Field, error) {
	all, err := s.schemaFields(meta.SchemaID)
	if err != nil {
		return nil, fmt.Errorf("data file %s: schema %d: %w", meta.FileName, meta.SchemaID, err)
	}
	out := slices.Clone(extra)
	for _, f := range all {
		if meta.WriteCols == nil || slices.Contains(meta.WriteCols, f.Name) {
			out = append(out, f)
		}
	}
	return out, nil
}

func (r *readSet) isConstant(p int) bool { _, ok := r.partition[p]; return ok }

// skipBlock gives the statistics of table columns to skip.
func (r *readSet) skipBlock(skip func(int64, []format.ColumnStats) bool, columns []int) func(int64, []format.ColumnStats) bool {
	return func(rows int64, stats []format.ColumnStats) bool {
		out := make([]format.ColumnStats, len(columns))
		for i, p := range columns {
			if at, ok := r.at[p]; ok {
				out[i] = stats[at]
			}
		}
		return skip(rows, out)
	}
}

// next reads the next batch of the file, without deleted rows; release frees
// it.
func (r *readSet) next() error {
	if len(r.left) > 0 {
		r.stretch()
		return nil
	}
	for {
		b, err := r.in.Next()
		if err != nil {
			return err
		}
		if r.batch, err = r.live(b); r.batch != nil || err != nil {
			return err
		}
	}
}

// longStretch is how many rows a stretch has to have, on average, to be given
// by itself rather than copied together with the others of its batch.
const longStretch = 512

// live takes over a batch of the file and gives its rows that are not deleted:
// as it is, slices where stretches are long, nil where there are none.
func (r *readSet) live(b arrow.RecordBatch) (arrow.RecordBatch, error) {
	r.first, r.refs = r.in.Position(), r.refs[:0]
	if r.deleted.Rows() == 0 {
		return b, nil
	}
	n := b.NumRows()
	r.kept = r.deleted.AppendKept(r.kept[:0], r.first, r.first+n)
	switch {
	case len(r.kept) == 1 && r.kept[0] == deletion.Stretch{From: 0, To: n}:
		return b, nil
	case len(r.kept) == 0:
		b.Release()
		return nil, nil
	}
	if len(r.kept) == 1 || n >= longStretch*int64(len(r.kept)) {
		r.rest, r.left, r.start = b, r.kept, r.first
		r.stretch()
		return r.batch, nil
	}
	defer b.Release()
	for _, k := range r.kept {
		for row := k.From; row < k.To; row++ {
			r.refs = append(r.refs, columnar.Ref{Row: int32(row)})
		}
	}
	out, err := columnar.GatherBatch(r.alloc, b.Schema(), []arrow.RecordBatch{b}, r.refs)
	if err != nil {
		return nil, fmt.Errorf("%s: leave out deleted rows: %w", r.path, err)
	}
	return out, nil
}

// stretch makes the next stretch of rest the batch.
func (r *readSet) stretch() {
	k := r.left[0]
	r.batch, r.first, r.left = r.rest.NewSlice(k.From, k.To), r.start+k.From, r.left[1:]
	if len(r.left) == 0 {
		r.rest.Release()
		r.rest = nil
	}
}

// rowAt gives the row number, in the file, of row i of the current batch.
func (r *readSet) rowAt(i int) int64 {
	if len(r.refs) > 0 {
		return r.first + int64(r.refs[i].Row)
	}
	return r.first + int64(i)
}

// column gives the values of the table column at position p for the current
// batch; it belongs to the set.
func (r *readSet) column(p int) (arrow.Array, error) {
	if at, ok := r.at[p]; ok {
		return r.batch.Column(at), nil
	}
	n := int(r.batch.NumRows())
	if c := r.constants[p]; c != nil {
		if c.Len() == n {
			return c, nil
		}
		c.Release()
		delete(r.constants, p)
	}
	c, err := columnar.Constant(r.alloc, r.fields[p].Type.Arrow(), r.partition[p], n)
	if err != nil {
		return nil, fmt.Errorf("partition column %q: %w", r.fields[p].Name, err)
	}
	r.constants[p] = c
	return c, nil
}

func (r *readSet) columns(at []int) ([]arrow.Array, error) {
	out := make([]arrow.Array, len(at))
	for i, p := range at {
		c, err := r.column(p)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// rows gives the batch of the wanted columns.
func (r *readSet) rows(schema *arrow.Schema, at []int) (arrow.RecordBatch, error) {
	cols, err := r.columns(at)
	if err != nil {
		return nil, err
	}
	return array.NewRecordBatch(schema, cols, r.batch.NumRows()), nil
}

func (r *readSet) release() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

func (r *readSet) close() error {
	r.release()
	if r.rest != nil {
		r.rest.Release()
		r.rest, r.left = nil, nil
	}
	for p, c := range r.constants {
		c.Release()
		delete(r.constants, p)
	}
	return r.in.Close()
}

// pick gives the fields at these positions.
func pick(fields []types.Field, at []int) []types.Field {
	out := make([]types.Field, len(at))
	for i, p := range at {
		out[i] = fields[p]
	}
	return out
}

// allColumns gives the positions of all columns when none are named.
func allColumns(columns []int, n int) []int {
	if columns != nil {
		return columns
	}
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
