// Package paimon reads and writes Apache Paimon tables.
//
// Open a Warehouse over a fileio.Store, take a Table from it, and then one of
// the verbs: Plan and Read for its state, Stream for its changes, Writer and
// Committer to change it, Compact to keep it fast. What flows are Arrow
// batches with row kinds (Batch). The library is pure Go.
//
// # Errors
//
// Errors say what was wrong and where. Their kind, which errors.Is tells, says
// what to do next:
//
//   - errs.ErrConflict: another commit was first; begin again on the newest
//     snapshot (a Committer has tried again where that can help). The error is
//     an errs.ConflictError that names the winner.
//   - errs.ErrNotFound: no such database, table, snapshot, tag or branch; of a
//     read that takes long, its snapshot has expired meanwhile.
//   - errs.ErrExists: the name is taken.
//   - errs.ErrInvalid: the schema, option or value that was given is wrong.
//   - errs.ErrUnsupported: Paimon has it and this version has not.
//   - errs.ErrCorrupt: a file is damaged; an errs.CorruptError names it.
//
// Any other error is the storage's own or the context's. After such an error of
// Commit the outcome may be unknown: call it again with the same Commit, or look
// at Committer.Last after a restart.
package paimon

import (
	"context"
	"sync"
	"time"

	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/manifest"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// Batch is a batch of rows with their kinds.
type Batch = columnar.Batch

// Options of a warehouse.
type Options struct {
	// WriteMemory bounds what all writers buffer, in bytes; default 128 MiB,
	// half of what 'write-buffer-size' gives every bucket in Paimon. Go's
	// collector lets the heap grow to about twice of what is in use.
	WriteMemory int64
	// MetadataCache bounds the cache of manifests, in bytes; default 128 MiB.
	MetadataCache int64
	// SpillDir is a local directory for write buffers that outgrow their
	// memory; "" makes them flush early instead.
	SpillDir string
}

// Warehouse is a catalog of tables with the resources that they share. It may
// be shared by goroutines.
type Warehouse struct {
	store   fileio.Store
	catalog catalog.Catalog
	cache   *manifest.Cache
	budget  *lsm.Budget
	o       Options

	mu       sync.Mutex
	watchers map[string][]chan struct{} // table directory → who waits for commits
	checked  map[string]time.Time       // when what is done now and then was done last
}

// Open opens the warehouse in store with the file system as catalog.
func Open(store fileio.Store, o Options) *Warehouse {
	if o.WriteMemory <= 0 {
		o.WriteMemory = 128 << 20
	}
	if o.MetadataCache <= 0 {
		o.MetadataCache = 128 << 20
	}
	return &Warehouse{store: store, catalog: catalog.NewFilesystem(store), cache: manifest.NewCache(o.MetadataCache),
		budget: lsm.NewBudget(o.WriteMemory), o: o, watchers: map[string][]chan struct{}{}, checked: map[string]time.Time{}}
}

// Catalog gives the catalog.
func (w *Warehouse) Catalog() catalog.Catalog { return w.catalog }

// Store gives the storage of the warehouse.
func (w *Warehouse) Store() fileio.Store { return w.store }

// Table opens a table, or a branch of it, with its newest schema. hint are
// dynamic options, as in /*+ OPTIONS(...) */; nil for none.
func (w *Warehouse) Table(ctx context.Context, id catalog.Identifier, hint map[string]string) (*Table, error) {
	schema, err := w.catalog.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	main := id
	main.System = ""
	t, err := table.Open(table.Config{Name: main.String(), Dir: w.catalog.Path(id), Branch: id.Branch, Store: w.store, Schema: schema, Hint: hint, Cache: w.cache})
	if err != nil {
		return nil, err
	}
	return &Table{w: w, t: t, id: id, hint: hint}, nil
}

// due reports whether something was not done for a while, and takes it for
// done.
func (w *Warehouse) due(what string, every time.Duration, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.checked[what]; ok && now.Before(last.Add(every)) {
		return false
	}
	w.checked[what] = now
	return true
}

// watch registers a channel that gets a token after every commit of this
// process to the table in dir; stop ends it.
func (w *Warehouse) watch(dir string) (tokens <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watchers[dir] = append(w.watchers[dir], ch)
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		all := w.watchers[dir]
		for i := range all {
			if all[i] == ch {
				w.watchers[dir] = append(all[:i:i], all[i+1:]...)
				return
			}
		}
	}
}

// committed wakes the watchers of a table.
func (w *Warehouse) committed(dir string) func(*spec.Snapshot) {
	return func(*spec.Snapshot) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, ch := range w.watchers[dir] {
			select {
			case ch <- struct{}{}:
			default: // it already has a token
			}
		}
	}
}
