package paimon

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/read"
	"github.com/tarndb/tarn/paimon/internal/system"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// SystemTable is a table about a table, T$name, with the columns of Paimon's
// org.apache.paimon.table.system. It shows the snapshot that the scan options
// of its hint ask for, else the newest one; $snapshots, $schemas, $options,
// $tags, $branches, $consumers and $aggregation_fields show all there is now.
type SystemTable struct {
	t      *Table
	name   string
	fields []types.Field
	meta   system.Table // of tables that hold no rows of the table itself
	rows   *changeForm  // of $audit_log and $binlog

	// of the tables of GlobalDatabase, which are about no table
	w    *Warehouse
	made func(ctx context.Context, w *Warehouse, m maker) error
}

// SystemTables lists the names of the system tables of a table.
func SystemTables() []string {
	names := append(system.Names(), "audit_log", "binlog", "ro")
	slices.Sort(names)
	return names
}

// SystemTable opens the system table id.System; hint are dynamic options, as
// those of Table.
func (w *Warehouse) SystemTable(ctx context.Context, id catalog.Identifier, hint map[string]string) (*SystemTable, error) {
	main := id
	main.System = ""
	t, err := w.Table(ctx, main, hint)
	if err != nil {
		return nil, err
	}
	s := &SystemTable{t: t, name: id.System}
	switch id.System {
	case "audit_log", "binlog":
		if strings.EqualFold(t.t.Raw["table-read.sequence-number.enabled"], "true") {
			return nil, errs.Unsupported("table %s: option 'table-read.sequence-number.enabled'", id)
		}
		s.rows = &changeForm{binlog: id.System == "binlog"}
		if s.fields, err = t.TravelFields(ctx); err == nil {
			s.fields = s.rows.fields(s.fields)
		}
		return s, err
	case "ro":
		s.fields, err = t.TravelFields(ctx)
		return s, err
	}
	meta, ok := system.Open(id.System)
	if !ok {
		return nil, errs.Unsupported("system table %s: this version of Tarn has $%s", id, strings.Join(SystemTables(), ", $"))
	}
	s.meta, s.fields = meta, meta.Fields
	return s, nil
}

// TravelFields gives the columns that a batch read shows: time travel shows
// those of then.
func (t *Table) TravelFields(ctx context.Context) ([]types.Field, error) {
	if !t.traveling() {
		return t.Fields(), nil
	}
	snap, err := t.Travel(ctx)
	if err != nil || snap == nil {
		return t.Fields(), err
	}
	return t.t.SchemaFields(snap.SchemaID)
}

// Fields gives the columns.
func (s *SystemTable) Fields() []types.Field { return s.fields }

// Table gives the table that it is about.
func (s *SystemTable) Table() *Table { return s.t }

// Plan plans a batch read of $audit_log, $binlog and $ro; filter lets it skip
// files, as in Table.Plan. nil for other system tables.
func (s *SystemTable) Plan(ctx context.Context, filter predicate.Filter) (*Plan, error) {
	if s.rows == nil && s.name != "ro" {
		return nil, nil
	}
	snap, err := s.t.Travel(ctx)
	if err != nil {
		return nil, err
	}
	if s.rows != nil {
		return s.t.Plan(ctx, snap, filter)
	}
	return s.t.planOptimized(ctx, snap, filter)
}

// planOptimized plans the highest level of a table with a primary key, whose
// files need no merging. Source: org.apache.paimon.table.system.ReadOptimizedTable.
func (t *Table) planOptimized(ctx context.Context, snap *spec.Snapshot, filter predicate.Filter) (*Plan, error) {
	if _, option := t.fallbackName(); option != "" {
		return nil, errs.Unsupported("table %s$ro: reads with '%s' are not supported", t.Name(), option)
	}
	p, err := t.Plan(ctx, snap, filter)
	if err != nil || !t.t.Keyed() {
		return p, err
	}
	top := t.t.Options.Compaction.NumLevels - 1
	splits := p.Splits[:0]
	for _, s := range p.Splits {
		s.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f spec.DataFileMeta) bool { return f.Level < top })
		if len(s.Files) == 0 {
			continue
		}
		deletes := func(f spec.DataFileMeta) bool { return f.DeleteRowCount == nil || *f.DeleteRowCount > 0 }
		s.Raw = s.Raw || !slices.ContainsFunc(s.Files, deletes)
		splits = append(splits, s)
	}
	p.Splits = splits
	return p, nil
}

// Read gives all rows as a batch read does.
func (s *SystemTable) Read(ctx context.Context) (*SystemReader, error) {
	if s.rows != nil || s.name == "ro" {
		p, err := s.Plan(ctx, nil)
		if err != nil {
			return nil, err
		}
		return s.ReadPlan(ctx, p, p.Splits), nil
	}
	if s.made != nil {
		b, err := s.make(ctx)
		return &SystemReader{made: b}, err
	}
	of := system.Of{Table: s.t.t}
	if s.readsSnapshot() {
		snap, err := s.t.Travel(ctx)
		if err != nil {
			return nil, err
		}
		of.Snapshot = snap
		of.Partitions = func(ctx context.Context) ([]system.Partition, error) {
			all, err := s.t.Partitions(ctx, snap)
			out := make([]system.Partition, len(all))
			for i, p := range all {
				out[i] = system.Partition(p)
			}
			return out, err
		}
	}
	r, err := s.meta.Read(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("read table %s$%s: %w", s.t.Name(), s.name, err)
	}
	return &SystemReader{meta: r}, nil
}

// readsSnapshot reports whether the table depends on a snapshot.
func (s *SystemTable) readsSnapshot() bool {
	return !slices.Contains([]string{"snapshots", "schemas", "options", "tags", "branches", "consumers", "aggregation_fields"}, s.name)
}

// ReadPlan gives the rows of some splits of Plan.
func (s *SystemTable) ReadPlan(ctx context.Context, p *Plan, splits []Split) *SystemReader {
	r := p.Read(ctx, splits, nil)
	if s.rows != nil {
		for i := range r.sections {
			r.sections[i].Mode = read.StateWithDeletes
		}
	}
	return &SystemReader{rows: r, form: s.rows}
}

// Stream follows the changes of the table in the form of $audit_log and
// $binlog, as Table.RawStream does: next > 0 resumes at that snapshot. Other
// system tables have no stream.
func (s *SystemTable) Stream(next int64) (*Stream, error) {
	if s.rows == nil {
		return nil, errs.Unsupported("table %s$%s cannot be read as a stream", s.t.Name(), s.name)
	}
	return s.t.RawStream(next), nil
}

// ReadChanges gives the rows of a piece of Stream.
func (s *SystemTable) ReadChanges(ctx context.Context, p *StreamPlan) (*SystemReader, error) {
	r, err := p.Read(ctx, nil)
	if err != nil {
		return nil, err
	}
	form := *s.rows
	form.pairs = form.binlog && !p.Full
	for i := range r.sections {
		if r.sections[i].Mode == read.State {
			r.sections[i].Mode = read.StateWithDeletes
		}
	}
	return &SystemReader{rows: r, form: &form}, nil
}

// SystemReader yields the rows of a system table. It serves one goroutine.
type SystemReader struct {
	made arrow.RecordBatch // the only batch
	meta *system.Reader
	rows *Reader
	form *changeForm
	held columnar.Batch // a -U whose +U may come in the next batch
}

// Next gives the next batch, which the caller releases; io.EOF at the end.
func (r *SystemReader) Next() (arrow.RecordBatch, error) {
	switch {
	case r.made != nil:
		b := r.made
		r.made = nil
		return b, nil
	case r.meta != nil:
		b, err := r.meta.Next()
		if b == nil && err == nil {
			err = io.EOF
		}
		return b, err
	case r.rows == nil:
		return nil, io.EOF
	}
	for {
		b, err := r.rows.Next()
		if err == io.EOF && r.held.Rows != nil {
			b, r.held = r.held, columnar.Batch{}
			return r.form.batch(b), nil
		}
		if err != nil || r.form == nil {
			return b.Rows, err
		}
		if r.form.pairs {
			if b, err = r.hold(b); err != nil || b.Rows == nil {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		return r.form.batch(b), nil
	}
}

// Close ends the read.
func (r *SystemReader) Close() {
	switch {
	case r.made != nil:
		r.made.Release()
		r.made = nil
		return
	case r.meta != nil:
		r.meta.Close()
		return
	case r.rows == nil:
		return
	}
	if r.held.Rows != nil {
		r.held.Rows.Release()
		r.held = columnar.Batch{}
	}
	r.rows.Close()
}
