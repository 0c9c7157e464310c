package paimon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Table is one branch of a table with the schema that was newest when it was
// opened. It may be shared by goroutines; open it again to see a new schema.
type Table struct {
	w    *Warehouse
	t    *table.Table
	id   catalog.Identifier
	hint map[string]string
}

// Name gives "db.table", with the branch if it is not main.
func (t *Table) Name() string { return t.t.Name }

// ID gives the table's identifier.
func (t *Table) ID() catalog.Identifier { return t.id }

// Schema gives the schema; do not change it.
func (t *Table) Schema() *spec.TableSchema { return t.t.Schema }

// Fields gives the columns.
func (t *Table) Fields() []types.Field { return t.t.Schema.Fields }

// Options gives the table's options, those of the hint included.
func (t *Table) Options() options.Table { return t.t.Options }

// RawOptions gives the options as they were written.
func (t *Table) RawOptions() map[string]string { return t.t.Raw }

// LatestSnapshot gives the newest snapshot; nil for an empty table.
func (t *Table) LatestSnapshot(ctx context.Context) (*spec.Snapshot, error) {
	return t.t.History.Snapshots.Latest(ctx)
}

// Snapshots lists all snapshots, oldest first.
func (t *Table) Snapshots(ctx context.Context) ([]*spec.Snapshot, error) {
	ids, err := t.t.History.Snapshots.IDs(ctx)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return t.t.History.Snapshots.Range(ctx, ids[0], ids[len(ids)-1])
}

// Tags lists the names of the table's tags.
func (t *Table) Tags(ctx context.Context) ([]string, error) { return t.t.History.Tags.List(ctx) }

// PartitionInfo sums up the live files of one partition.
type PartitionInfo struct {
	Name     string // "dt=2025-06-01/hh=3"; "" for a table without partitions
	Rows     int64  // of the files, unmerged
	Bytes    int64
	Files    int64
	LastFile time.Time // when the youngest file was made; its writer's wall clock
}

// Partitions gives the partitions of a snapshot (see Travel), by name; those
// of the fallback branch are among them.
// Source: org.apache.paimon.table.system.PartitionsTable.
func (t *Table) Partitions(ctx context.Context, snap *spec.Snapshot) ([]PartitionInfo, error) {
	splits, err := t.t.Scanner.Live(ctx, snap, scan.Request{})
	if err != nil {
		return nil, fmt.Errorf("list partitions of table %s: %w", t.Name(), err)
	}
	branch, err := t.openFallback(ctx)
	if err != nil {
		return nil, err
	}
	if branch != nil {
		p := &Plan{Table: t, Snapshot: snap, Splits: splits}
		if err := branch.add(ctx, p, nil); err != nil {
			return nil, err
		}
		splits = p.Splits
	}
	sums := map[string]*PartitionInfo{}
	for i := range splits {
		s := &splits[i]
		if s.Bucket == -2 { // rows that are not in the table yet
			continue
		}
		p := sums[string(s.Partition)]
		if p == nil {
			p = &PartitionInfo{Name: t.PartitionString(s.Partition)}
			sums[string(s.Partition)] = p
		}
		p.Files += int64(len(s.Files))
		p.Rows += s.Rows()
		for j := range s.Files {
			p.Bytes += s.Files[j].FileSize
			if at := s.Files[j].CreationTime; at.After(p.LastFile) {
				p.LastFile = at
			}
		}
	}
	out := make([]PartitionInfo, 0, len(sums))
	for _, p := range sums {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b PartitionInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Reopen opens the table again, with its newest schema and the same hint.
func (t *Table) Reopen(ctx context.Context) (*Table, error) {
	return t.w.Table(ctx, t.id, t.hint)
}

// With opens the table again with further options, as Flink's hint
// /*+ OPTIONS(...) */ does: 'scan.snapshot-id', 'scan.tag-name', 'consumer-id'
// and others that say how this one use of it goes.
func (t *Table) With(ctx context.Context, more map[string]string) (*Table, error) {
	return t.w.Table(ctx, t.id, options.Map(t.hint).With(more))
}
