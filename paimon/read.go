package paimon

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/stream"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Split is the unit of reading: data files of one bucket.
type Split = scan.Split

// Plan is what a batch read of one snapshot has to look at.
type Plan struct {
	Table    *Table
	Snapshot *spec.Snapshot // nil for an empty table
	Splits   []Split

	fallback *fallback // of splits that are marked so
}

// Plan plans a batch read of snap (see Travel); filter lets it skip files but
// is not applied to rows. With 'scan.fallback-branch', partitions that the
// table has not are read from that branch; with 'scan.primary-branch', those that
// the branch has.
func (t *Table) Plan(ctx context.Context, snap *spec.Snapshot, filter predicate.Filter) (*Plan, error) {
	p, err := t.plan(ctx, snap, filter)
	if err != nil {
		return nil, err
	}
	branch, err := t.openFallback(ctx)
	if branch == nil || err != nil {
		return p, err
	}
	return p, branch.add(ctx, p, filter)
}

// plan plans a read of this branch alone.
func (t *Table) plan(ctx context.Context, snap *spec.Snapshot, filter predicate.Filter) (*Plan, error) {
	start, err := t.starts(ctx)
	if err != nil {
		return nil, err
	}
	at := t
	if snap != nil && snap.SchemaID != t.t.Schema.ID {
		// Time travel shows the columns of then.
		if old, err := t.withSchema(ctx, snap.SchemaID); err != nil {
			return nil, err
		} else if start.Schema {
			at, filter = old, sameColumns(filter, t.Fields(), old.Fields())
		}
	}
	splits, err := t.splits(ctx, at, start, snap, scan.Request{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name(), err)
	}
	return &Plan{Table: at, Snapshot: snap, Splits: splits}, nil
}

// sameColumns keeps conditions on columns that another schema has under the
// same name, id and type: literals compare only with values of their own type.
func sameColumns(f predicate.Filter, fields, others []types.Field) predicate.Filter {
	var out predicate.Filter
	for _, l := range f {
		named := func(c types.Field) bool { return c.Name == l.Column }
		i, j := slices.IndexFunc(fields, named), slices.IndexFunc(others, named)
		if i >= 0 && j >= 0 && fields[i].ID == others[j].ID && fields[i].Type.EqualIgnoringNull(others[j].Type) {
			out = append(out, l)
		}
	}
	return out
}

// Rows is the number of records that the plan's files hold, an upper bound of
// the rows read.
func (p *Plan) Rows() int64 {
	var n int64
	for i := range p.Splits {
		n += p.Splits[i].Rows()
	}
	return n
}

// RawFiles gives the local paths of the files of a split that an engine may
// read by itself: Parquet files that need no merging, no row is deleted, the files hold exactly
// the table's columns under their names, and storage is local. ok is false otherwise.
func (p *Plan) RawFiles(s *Split) (paths []string, ok bool) {
	isVariant := func(f types.Field) bool { return f.Type.Root == types.Variant }
	if slices.ContainsFunc(p.Table.Fields(), isVariant) { // its parts may be shredded
		return nil, false
	}
	local, isLocal := p.Table.t.Store.(fileio.Locator)
	if !s.Raw || !isLocal || s.Deleted() {
		return nil, false
	}
	t := p.Table
	if s.Fallback {
		if !p.fallback.sameNames(p.Table.Fields()) {
			return nil, false
		}
		t = p.fallback.t
	}
	files, err := t.t.Files(s.Partition, s.Bucket, nil)
	if err != nil {
		return nil, false
	}
	for i := range s.Files {
		if f := &s.Files[i]; f.SchemaID != t.t.Schema.ID || f.WriteCols != nil || f.ExternalPath != nil || !strings.HasSuffix(f.FileName, ".parquet") {
			return nil, false
		}
		paths = append(paths, local.LocalPath(files.Path(&s.Files[i])))
	}
	return paths, true
}

// Reader yields the rows of a read; io.EOF at the end. The caller releases
// each batch's Rows. It serves one goroutine.
type Reader struct {
	ctx      context.Context
	t        *Table
	fallback *fallback
	sections []stream.Section
	columns  []int
	cur      read.Reader
	split    Split // of cur
}

// Read reads splits one after the other; columns are positions in the table's
// columns, nil for all. Splits may be read in parallel by several Readers.
func (p *Plan) Read(ctx context.Context, splits []Split, columns []int) *Reader {
	return &Reader{ctx: ctx, t: p.Table, fallback: p.fallback, sections: []stream.Section{{Splits: splits, Mode: read.State}}, columns: columns}
}

// Next gives the next batch, which has at least one row.
func (r *Reader) Next() (Batch, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return Batch{}, err
		}
		if r.cur == nil {
			if err := r.open(); err != nil {
				return Batch{}, err
			}
		}
		b, err := r.cur.Next()
		if err == io.EOF {
			r.Close()
			continue
		}
		if err != nil {
			return b, fmt.Errorf("read table %s: %w", r.t.Name(), err)
		}
		if b.Rows.NumRows() == 0 {
			b.Rows.Release()
			continue
		}
		if r.sections[0].Retract {
			b.Kinds = make([]types.RowKind, b.Rows.NumRows())
			for i := range b.Kinds {
				b.Kinds[i] = types.Delete
			}
		}
		return b, nil
	}
}

// open opens the next split; io.EOF when there is none.
func (r *Reader) open() error {
	for len(r.sections) > 0 && len(r.sections[0].Splits) == 0 {
		r.sections = r.sections[1:]
	}
	if len(r.sections) == 0 {
		return io.EOF
	}
	s := &r.sections[0]
	split := s.Splits[0]
	var cur read.Reader
	var err error
	if split.Fallback {
		cur, err = r.fallback.read(r.ctx, r.t, split, r.columns, s.Mode)
	} else {
		cur, err = read.Open(r.ctx, r.t.t, split, r.columns, s.Mode)
	}
	if err != nil {
		return fmt.Errorf("read table %s: %w", r.t.Name(), err)
	}
	r.cur, r.split = cur, split
	s.Splits = s.Splits[1:]
	return nil
}

// Location tells where row i of the last batch lies: in a file of a split, by
// its number in the file. ok is false where rows are merged of several files.
func (r *Reader) Location(i int) (s *Split, file string, row int64, ok bool) {
	l, ok := r.cur.(read.Located)
	if !ok {
		return nil, "", 0, false
	}
	file, row = l.Location(i)
	return &r.split, file, row, true
}

// Close ends the read.
func (r *Reader) Close() {
	if r.cur != nil {
		r.cur.Close()
		r.cur = nil
	}
}
