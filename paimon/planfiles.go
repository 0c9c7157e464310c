package paimon

import (
	"context"
	"fmt"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/spec"
)

// PlanFiles plans a read of every row that the live files of snap hold, as it
// was written: deletion vectors do not count, files are not merged, so a key may come several times, and what
// batch reads do not see yet (level 0 of a first-row table) is there. Each split
// is one file; keep, when set, says by its name whether it is wanted.
func (t *Table) PlanFiles(ctx context.Context, snap *spec.Snapshot, keep func(file string) bool) (*Plan, error) {
	if t.t.Options.DataEvolution {
		return nil, errs.Unsupported("read table %s: file by file, with 'data-evolution.enabled' = 'true'", t.Name())
	}
	buckets, err := t.t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true})
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name(), err)
	}
	p := &Plan{Table: t, Snapshot: snap}
	for _, b := range buckets {
		for i := range b.Files {
			if keep == nil || keep(b.Files[i].FileName) {
				one := b
				one.Files, one.Raw, one.Deletions = b.Files[i:i+1], true, nil
				p.Splits = append(p.Splits, one)
			}
		}
	}
	return p, nil
}

// Snapshot gives a snapshot by its id; errs.ErrNotFound if it has expired or
// never was.
func (t *Table) Snapshot(ctx context.Context, id int64) (*spec.Snapshot, error) {
	return t.t.History.Snapshots.Get(ctx, id)
}
