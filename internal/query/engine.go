// Package query runs SQL: it resolves names against the catalogue, plans
// SELECTs on the embedded engine over consistent snapshots, runs DDL, and turns
// INSERTs into jobs.
//
// The way of a statement: dialect (text → ast) → Session.Run (one method a
// kind of statement) → for queries plan.go (tables → scans, filters → pruning)
// and render (ast → the engine's SQL) → duck.
package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query/duck"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Declaration is a table that lives elsewhere, as CREATE TEMPORARY TABLE
// declares it.
type Declaration struct {
	Name       string
	Fields     []types.Field
	PrimaryKey []string
	Options    map[string]string // without 'connector'
	// Dir is what relative file names are relative to: the script's folder.
	Dir string
}

// Connector opens a declared table as a source. Errors name the option.
type Connector func(Declaration) (source.Source, error)

// JobControl starts and lists streaming jobs.
type JobControl interface {
	Submit(jobs.Spec) (*jobs.Job, error)
	List() []jobs.Status
	Get(name string) (*jobs.Job, bool)
}

// Options of an Engine.
type Options struct {
	Warehouse *paimon.Warehouse
	// Root is the warehouse's path as users know it, for messages and CREATE
	// CATALOG.
	Root string
	// AnyCatalog lets every CREATE CATALOG stand for this warehouse, whatever
	// metastore and path it names (--warehouse was given).
	AnyCatalog bool
	Duck       *duck.Engine
	Jobs       JobControl
	// Connectors by the option 'connector'.
	Connectors map[string]Connector
	// Native lets the engine read Parquet files under the warehouse itself.
	Native bool
	// TempDir takes what does not fit into memory; "" is the system's folder.
	TempDir string
}

// Engine runs sessions over one warehouse.
type Engine struct {
	o Options

	mu       sync.Mutex
	sessions map[int64]*Session
	nextID   int64
}

// New makes an engine; it owns nothing that is in o.
func New(o Options) *Engine {
	return &Engine{o: o, sessions: map[int64]*Session{}}
}

// Warehouse gives the warehouse.
func (e *Engine) Warehouse() *paimon.Warehouse { return e.o.Warehouse }

// DefaultCatalog is the name of the catalog that every session has, and
// DefaultDatabase that of the database that it starts in.
const (
	DefaultCatalog  = "paimon"
	DefaultDatabase = "default"
)

// defaultDatabase is current when a session begins; it comes into being with
// its first table.
const defaultDatabase = "default"

// NewSession starts a session. Close ends it.
func (e *Engine) NewSession(o SessionOptions) *Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nextID++
	s := &Session{e: e, id: e.nextID, o: o, catalog: DefaultCatalog, database: o.Database, catalogs: []string{DefaultCatalog},
		settings: map[string]string{}, temporary: map[string]*Declaration{}, views: map[string]*view{}, functions: map[string]string{}}
	if s.database == "" {
		s.database = defaultDatabase
	}
	for k, v := range o.Settings {
		s.settings[k] = v
	}
	e.sessions[s.id] = s
	return s
}

func (e *Engine) forget(id int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.sessions, id)
}

// source opens a declared table.
func (e *Engine) source(d *Declaration) (source.Source, error) {
	name := strings.ToLower(d.Options["connector"])
	c, ok := e.o.Connectors[name]
	if !ok {
		known := make([]string, 0, len(e.o.Connectors))
		for k := range e.o.Connectors {
			known = append(known, k)
		}
		slices.Sort(known)
		return nil, errs.Unsupported("table %s: 'connector' = '%s' is unknown; this version has %s", d.Name, name, strings.Join(known, ", "))
	}
	decl := *d
	decl.Options = map[string]string{}
	for k, v := range d.Options {
		if k != "connector" {
			decl.Options[k] = v
		}
	}
	s, err := c(decl)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", d.Name, err)
	}
	return s, nil
}

// conn takes a connection of the engine in the session's time zone.
func (s *Session) conn(ctx context.Context) (*duck.Conn, error) {
	c, err := s.e.o.Duck.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if zone := s.setting("table.local-time-zone", ""); zone != "" && !strings.EqualFold(zone, "default") {
		if err := c.SetTimeZone(ctx, zone); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}
