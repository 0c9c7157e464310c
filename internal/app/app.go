// Package app is the composition root: it builds the parts of a Tarn process
// and owns their lives.
package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tarndb/tarn/internal/dict"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/internal/query/render"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/fileio"
)

// Options of a process.
type Options struct {
	// Warehouse is the directory of the tables.
	Warehouse string
	// AnyCatalog lets CREATE CATALOG name any metastore: the user gave the
	// warehouse explicitly.
	AnyCatalog bool
	// QueryMemory bounds all queries together, bytes; default 1 GiB.
	QueryMemory int64
	// WriteMemory bounds all write buffers together, bytes; default 128 MiB.
	WriteMemory int64
	// TempDir takes what does not fit into memory; default a folder of the
	// system's.
	TempDir string
	// Sync makes commits wait until they are on disk.
	Sync bool
}

// App is a Tarn process without its front ends.
type App struct {
	Warehouse *paimon.Warehouse
	Store     *fileio.Local
	Engine    *query.Engine
	Jobs      *jobs.Manager

	duck *duck.Engine
	ids  *dict.AutoID
	temp *tempFolder
}

// Open builds the parts.
func Open(ctx context.Context, o Options) (*App, error) {
	store, err := fileio.NewLocal(o.Warehouse)
	if err != nil {
		return nil, err
	}
	store.Sync = o.Sync
	temp, err := newTempFolder(o.TempDir)
	if err != nil {
		return nil, err
	}
	a := &App{Store: store, temp: temp, ids: dict.NewAutoID(store, dict.AutoIDOptions{})}
	a.Warehouse = paimon.Open(store, paimon.Options{WriteMemory: o.WriteMemory, SpillDir: temp.path})
	root, err := filepath.EvalSymlinks(store.Root())
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.duck, err = duck.Open(ctx, duck.Options{MemoryLimit: o.QueryMemory, MemoryLimitName: "--query-memory", TempDir: filepath.Join(temp.path, "query"),
		AllowedDirs: []string{root},
		Volatile:    map[string]func([]int64) error{query.AutoID: func(out []int64) error { return a.ids.Fill(context.Background(), out) }}})
	if err == nil {
		err = setup(ctx, a.duck)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.Jobs = jobs.NewManager(jobs.Options{Warehouse: a.Warehouse, LockDir: filepath.Join(store.Root(), ".tarn", "locks")})
	a.Engine = query.New(query.Options{Warehouse: a.Warehouse, Root: store.Root(), AnyCatalog: o.AnyCatalog, Duck: a.duck, Jobs: a.Jobs,
		Connectors: connectors(store.Root()), Native: true, TempDir: temp.path})
	return a, nil
}

// setup makes the functions that rendered queries call.
func setup(ctx context.Context, e *duck.Engine) error {
	c, err := e.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, sql := range render.Setup() {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set up the query engine: %w", err)
		}
	}
	return nil
}

// Close stops jobs and frees everything.
func (a *App) Close() error {
	if a.Jobs != nil {
		a.Jobs.Close()
	}
	var err error
	if a.duck != nil {
		err = a.duck.Close()
	}
	return errors.Join(err, a.ids.Close(context.Background()), a.temp.Close())
}
