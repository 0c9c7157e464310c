package duck

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
	"unsafe"

	_ "github.com/duckdb/duckdb-go-bindings" // links the DuckDB library
)

// maxIdleConns is how many connections Close keeps for the next Conn.
const maxIdleConns = 16

// Options of an Engine. The zero value is usable.
type Options struct {
	// MemoryLimit in bytes for all queries together; bitmaps of aggregates may take as much besides. 0: 1 GiB.
	MemoryLimit int64
	// MemoryLimitName is what users call the limit; errors tell them to raise it. "": "Options.MemoryLimit".
	MemoryLimitName string
	// Threads that all queries share. 0: GOMAXPROCS.
	Threads int
	// TempDir receives what does not fit into memory; created when missing. "": queries never spill.
	TempDir string
	// AllowedDirs are the only directories that read_parquet may read, with everything below. Absolute.
	AllowedDirs []string
	// TimeZone is the session zone for casts between TIMESTAMPTZ and text, date or local time. "": UTC.
	TimeZone string
	// Volatile adds functions without arguments that give a BIGINT, by name (tarn_…, in lower case). DuckDB calls one
	// with the rows of a chunk, at most 2048, that it needs values for; each gets its own, so that a function may hand
	// out ids. It is called from several threads at once, never to fold a constant, and must not keep out. Its error
	// ends the query and reaches the caller as it is.
	Volatile map[string]func(out []int64) error
	// BitmapForm is the form of the bitmaps that tarn_bitmap_* functions give.
	BitmapForm BitmapForm
}

func (o *Options) complete() error {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = 1 << 30
	}
	if o.MemoryLimit < 1<<20 {
		return fmt.Errorf("memory limit %d: must be at least 1 MiB", o.MemoryLimit)
	}
	if o.MemoryLimitName == "" {
		o.MemoryLimitName = "Options.MemoryLimit"
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Threads < 0 {
		return fmt.Errorf("threads %d: must be positive", o.Threads)
	}
	if o.TimeZone == "" {
		o.TimeZone = "UTC"
	}
	for _, d := range append([]string{o.TempDir}, o.AllowedDirs...) {
		if d != "" && !filepath.IsAbs(d) {
			return fmt.Errorf("directory %q: must be an absolute path", d)
		}
		if d != "" && filepath.Clean(d) == "/" {
			return fmt.Errorf("directory %q: would open the whole file system to SQL", d)
		}
	}
	if err := o.BitmapForm.check(); err != nil {
		return err
	}
	return checkVolatile(o.Volatile)
}

// Engine is one in-memory DuckDB. All methods may be called concurrently.
type Engine struct {
	opts Options
	db   C.duckdb_database

	mu     sync.RWMutex
	closed bool
	idle   []*session
	busy   map[uint64]*Conn // by DuckDB's connection id, so that callbacks find the query they serve
	tables map[int64]*Registered

	denied map[string]bool // table functions that no statement may call; set by Open
}

// Open starts an engine and locks it: from then on no statement can read or write files outside AllowedDirs and
// TempDir, use the network, load extensions or change settings.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	e := &Engine{opts: o, busy: map[uint64]*Conn{}, tables: map[int64]*Registered{}}
	if err := e.open(); err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	if err := e.lockDown(ctx); err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	return e, nil
}

func (e *Engine) open() error {
	var cfg C.duckdb_config
	if C.duckdb_create_config(&cfg) != C.DuckDBSuccess {
		return errors.New("create configuration")
	}
	defer C.duckdb_destroy_config(&cfg)
	for name, value := range map[string]string{
		"memory_limit":                 fmt.Sprintf("%dB", e.opts.MemoryLimit),
		"threads":                      fmt.Sprint(e.opts.Threads),
		"temp_directory":               e.opts.TempDir,
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"allow_community_extensions":   "false",
		"allow_persistent_secrets":     "false",
		"preserve_insertion_order":     "true",
	} {
		if err := setConfig(cfg, name, value); err != nil {
			return err
		}
	}
	path := C.CString(":memory:")
	defer C.free(unsafe.Pointer(path))
	var msg *C.char
	if C.duckdb_open_ext(path, &e.db, cfg, &msg) != C.DuckDBSuccess {
		defer C.duckdb_free(unsafe.Pointer(msg))
		return errors.New(C.GoString(msg))
	}
	return nil
}

func setConfig(cfg C.duckdb_config, name, value string) error {
	n, v := C.CString(name), C.CString(value)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(v))
	if C.duckdb_set_config(cfg, n, v) != C.DuckDBSuccess {
		return fmt.Errorf("set %s to %q", name, value)
	}
	return nil
}

// lockDown registers Tarn's functions and then shuts every way out. The order matters: the directories must be set
// while external access is still on, and the lock comes last.
func (e *Engine) lockDown(ctx context.Context) error {
	c, err := e.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := registerFunctions(e, c); err != nil {
		return err
	}
	if e.denied, err = deniedFunctions(ctx, c); err != nil {
		return err
	}
	var dirs []string
	for _, d := range e.opts.AllowedDirs {
		dirs = append(dirs, quote(filepath.Clean(d)))
		if real, err := filepath.EvalSymlinks(d); err == nil && real != filepath.Clean(d) {
			dirs = append(dirs, quote(real)) // DuckDB compares what a path resolves to
		}
	}
	for _, sql := range []string{
		"SET GLOBAL TimeZone = " + quote(e.opts.TimeZone),
		"SET GLOBAL allowed_directories = [" + strings.Join(dirs, ", ") + "]",
		"SET GLOBAL allowed_configs = ['TimeZone']", // for Conn.SetTimeZone; SET in a statement is refused anyway
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL lock_configuration = true",
	} {
		if _, err := c.run(ctx, sql, anyStatement); err != nil {
			return fmt.Errorf("lock down: %w", err)
		}
	}
	return nil
}

// registerFunctions adds the native functions to the database; they are then visible on every connection.
func registerFunctions(e *Engine, c *Conn) error {
	h := cgo.NewHandle(e) // dropped by DuckDB together with the function
	if C.tarn_register_scan(c.con, C.uintptr_t(h)) != C.DuckDBSuccess {
		return errors.New("register function tarn_scan")
	}
	if err := registerBitmaps(e, c); err != nil {
		return err
	}
	return registerVolatile(e, c)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Close stops all running queries and frees the engine. Connections still held become useless; DuckDB's memory is
// freed when the last of them is closed.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	idle, busy := e.idle, make([]*Conn, 0, len(e.busy))
	e.idle = nil
	for _, c := range e.busy {
		busy = append(busy, c)
	}
	e.mu.Unlock()
	for _, c := range busy {
		c.stop()
	}
	for _, s := range idle {
		s.disconnect()
	}
	C.duckdb_close(&e.db)
	return nil
}

// Conn takes a connection from the pool. The caller closes it.
func (e *Engine) Conn(ctx context.Context) (*Conn, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("take connection: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fmt.Errorf("take connection: query engine: %w", ErrClosed)
	}
	var s *session
	if n := len(e.idle); n > 0 {
		s = e.idle[n-1]
		e.idle = e.idle[:n-1]
	} else {
		var err error
		if s, err = connect(e.db); err != nil {
			return nil, fmt.Errorf("take connection: %w", err)
		}
	}
	c := &Conn{engine: e, session: s}
	e.busy[s.id] = c
	return c, nil
}

// giveBack pools a session, or ends it when it may hold temporary objects of its last user.
func (e *Engine) giveBack(s *session) {
	e.mu.Lock()
	delete(e.busy, s.id)
	keep := !e.closed && !s.dirty && len(e.idle) < maxIdleConns
	if keep {
		e.idle = append(e.idle, s)
	}
	e.mu.Unlock()
	if !keep {
		s.disconnect()
	}
}

// running finds the query that the connection with this id executes now.
func (e *Engine) running(id uint64) (*query, error) {
	e.mu.RLock()
	c := e.busy[id]
	e.mu.RUnlock()
	if c != nil {
		if q := c.current.Load(); q != nil {
			return q, nil
		}
	}
	return nil, errors.New("tarn_scan: no query is running on this connection")
}
