package paimon

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/lookup"
)

// LookupOptions of a Lookup.
type LookupOptions struct {
	// Columns are the positions of the wanted columns; nil for all.
	Columns []int
	// Memory keeps what is looked at on the heap; otherwise it lies in mapped
	// files of the warehouse's SpillDir, if it has one.
	Memory bool
	// MaxBytes bounds what is kept: on disk, else in memory; 0 for 4 GiB and 256
	// MiB ("lookup.cache-max-memory-size" of Paimon).
	MaxBytes int64
}

// Lookup gets rows of a table with a primary key by their keys. It looks at one
// snapshot until Refresh; data files are read when a key of theirs is first
// asked, and kept in a form for gets. A Lookup serves one goroutine.
// Source: org.apache.paimon.table.query.LocalTableQuery.
type Lookup struct {
	t *Table
	l *lookup.Lookup
}

// LookupKey is a primary key for Find: set its columns, in the order of the
// primary key, by SetInt, SetFloat and SetText; it can be used again. A NULL
// is in no primary key.
type LookupKey = lookup.Key

// NewLookup opens a Lookup on the newest snapshot.
func (t *Table) NewLookup(ctx context.Context, o LookupOptions) (*Lookup, error) {
	branch, err := t.openFallback(ctx)
	if err != nil {
		return nil, err
	}
	if branch != nil {
		return nil, errs.Unsupported("look up rows of table %s with '%s': look up in the branch and in the table without the option", t.Name(), branch.option())
	}
	in := lookup.Options{Columns: o.Columns, Dir: t.w.o.SpillDir, MaxBytes: o.MaxBytes}
	if o.Memory {
		in.Dir = ""
	}
	if in.MaxBytes <= 0 {
		if in.MaxBytes = 256 << 20; in.Dir != "" {
			in.MaxBytes = 4 << 30
		}
	}
	inner, err := lookup.New(t.t, in)
	if err != nil {
		return nil, err
	}
	l := &Lookup{t: t, l: inner}
	if _, err := l.Refresh(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Refresh looks at the newest snapshot and reports whether it is another one.
// What is kept of files that are still there stays. Columns stay those of the
// table that the Lookup was made of.
func (l *Lookup) Refresh(ctx context.Context) (bool, error) {
	was := l.l.Snapshot()
	snap, err := l.t.t.History.Snapshots.Latest(ctx)
	if err == nil {
		err = l.l.Refresh(ctx, snap)
	}
	if err != nil {
		return false, fmt.Errorf("look up rows of table %s: %w", l.t.Name(), err)
	}
	return l.l.Snapshot() != was, nil
}

// Snapshot is the id of the snapshot that is looked at; 0 for the empty table.
func (l *Lookup) Snapshot() int64 { return l.l.Snapshot() }

// Schema describes the rows that Get gives.
func (l *Lookup) Schema() *arrow.Schema { return l.l.Schema() }

// Get gives the rows of keys, whose columns are the primary key in its order.
// at has, for each key, the number of its row; -1 where there is none. The
// caller releases the rows. If files have expired meanwhile, it looks at the
// newest snapshot.
func (l *Lookup) Get(ctx context.Context, keys arrow.RecordBatch) (rows arrow.RecordBatch, at []int32, err error) {
	err = l.try(ctx, func() error {
		rows, at, err = l.l.Get(ctx, keys.Columns())
		return err
	})
	return rows, at, err
}

// NewKey makes a key for Find.
func (l *Lookup) NewKey() *LookupKey { return l.l.NewKey() }

// Find gives the row of one key, as row of a batch whose first columns are the
// wanted ones; it is valid until the next call of the Lookup and is not to be
// released. row is -1 when there is none. It allocates nothing, unless a file
// has to be read or versions have to be merged.
func (l *Lookup) Find(ctx context.Context, key *LookupKey) (batch arrow.RecordBatch, row int, err error) {
	batch, row, err = l.l.First(ctx, key.Columns())
	if err != nil {
		err = l.try(ctx, func() error {
			batch, row, err = l.l.First(ctx, key.Columns())
			return err
		})
	}
	return batch, row, err
}

// try does f, once more on the newest snapshot if its files are gone.
func (l *Lookup) try(ctx context.Context, f func() error) error {
	err := f()
	if errors.Is(err, errs.ErrNotFound) {
		if changed, rerr := l.Refresh(ctx); rerr == nil && changed {
			err = f()
		}
	}
	if err != nil {
		return fmt.Errorf("look up rows of table %s: %w", l.t.Name(), err)
	}
	return nil
}

// Close frees what is kept.
func (l *Lookup) Close() error { return l.l.Close() }
