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
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// interruptEvery repeats an interrupt until the query has noticed: one that arrives before the query has fully
// started is forgotten by DuckDB.
const interruptEvery = 5 * time.Millisecond

// session is a DuckDB connection; it outlives the Conn that borrows it.
type session struct {
	con   C.duckdb_connection
	id    uint64
	dirty bool // may hold temporary tables: not for the pool
}

func connect(db C.duckdb_database) (*session, error) {
	s := &session{}
	if C.duckdb_connect(db, &s.con) != C.DuckDBSuccess {
		return nil, errors.New("connect to DuckDB")
	}
	var cc C.duckdb_client_context
	C.duckdb_connection_get_client_context(s.con, &cc)
	s.id = uint64(C.duckdb_client_context_get_connection_id(cc))
	C.duckdb_destroy_client_context(&cc)
	return s, nil
}

func (s *session) disconnect() { C.duckdb_disconnect(&s.con) }

// Conn is a connection taken from the pool. It belongs to one goroutine, and has at most one open Result.
type Conn struct {
	*session
	engine  *Engine
	current atomic.Pointer[query]
	result  *Result
	closed  bool
}

// query is one use of the connection; callbacks from DuckDB find it through the connection's id.
type query struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu  sync.Mutex
	err error // the first error of Go code that DuckDB called
}

// fail keeps the first error of a callback, so that the caller gets it with its type and not as text only.
func (q *query) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
}

func (q *query) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// begin makes a query the current one of the connection.
func (c *Conn) begin(ctx context.Context) (*query, error) {
	if c.closed {
		return nil, fmt.Errorf("connection: %w", ErrClosed)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	q := &query{}
	q.ctx, q.cancel = context.WithCancelCause(ctx)
	if !c.current.CompareAndSwap(nil, q) {
		q.cancel(nil)
		return nil, errors.New("connection is busy: close its open result first")
	}
	return q, nil
}

func (c *Conn) end(q *query) {
	q.cancel(nil)
	c.current.CompareAndSwap(q, nil)
}

// stop cancels what runs; called from other goroutines.
func (c *Conn) stop() {
	if q := c.current.Load(); q != nil {
		q.cancel(fmt.Errorf("query engine: %w", ErrClosed))
	}
}

// watch interrupts DuckDB as soon as the query's context ends. The returned function stops watching and waits until
// no interrupt can come any more, which would hit the next query.
func (c *Conn) watch(q *query) (stop func()) {
	done, exited := make(chan struct{}), make(chan struct{})
	con := c.con
	unhook := context.AfterFunc(q.ctx, func() {
		defer close(exited)
		tick := time.NewTicker(interruptEvery)
		defer tick.Stop()
		for {
			C.duckdb_interrupt(con)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		close(done)
		if !unhook() {
			<-exited
		}
	}
}

// fault explains why the query failed: the end of its context first, then an error of the Go code that it read from,
// then what DuckDB said.
func (c *Conn) fault(q *query, kind C.duckdb_error_type, msg string) error {
	if q.ctx.Err() != nil {
		return context.Cause(q.ctx)
	}
	if err := q.failure(); err != nil {
		return err
	}
	if kind == C.DUCKDB_ERROR_INVALID {
		kind = kindOf(msg)
	}
	return engineError(kind, msg, &c.engine.opts)
}

// kindOf recovers the kind where the C API gives only text; DuckDB starts it with the kind's name.
func kindOf(msg string) C.duckdb_error_type {
	name, _, _ := strings.Cut(msg, " Error")
	switch name {
	case "Permission":
		return C.DUCKDB_ERROR_PERMISSION
	case "Out of Memory":
		return C.DUCKDB_ERROR_OUT_OF_MEMORY
	case "INTERNAL":
		return C.DUCKDB_ERROR_INTERNAL
	case "FATAL":
		return C.DUCKDB_ERROR_FATAL
	}
	return C.DUCKDB_ERROR_INVALID
}

// Close ends an open result and gives the connection back. Temporary objects made with Exec are gone afterwards.
func (c *Conn) Close() error {
	if c.closed {
		return nil
	}
	var err error
	if c.result != nil {
		err = c.result.Close()
	}
	c.closed = true
	c.engine.giveBack(c.session)
	return err
}

// Query runs one SELECT and streams its rows. When ctx ends the query stops and the connection stays usable. Other
// kinds of statements are refused.
func (c *Conn) Query(ctx context.Context, sql string, args ...any) (*Result, error) {
	return c.query(ctx, sql, onlySelect, args...)
}

func (c *Conn) query(ctx context.Context, sql string, allow allowed, args ...any) (*Result, error) {
	s, err := c.prepare(ctx, sql, allow)
	if err != nil {
		return nil, err
	}
	r, err := s.Query(ctx, args...)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	r.owned = s
	return r, nil
}

// Exec runs one statement that the engine's owner has made itself (CREATE, INSERT, UPDATE, DELETE, MERGE, DROP,
// ALTER), never text of a user, and returns the number of changed rows. Only TEMP objects are private to the
// connection; all others are seen by every connection.
func (c *Conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	return c.run(ctx, sql, onlyChanges, args...)
}

func (c *Conn) run(ctx context.Context, sql string, allow allowed, args ...any) (int64, error) {
	c.dirty = true
	r, err := c.query(ctx, sql, allow, args...)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	rows := int64(0)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, r.Close()
		}
		if err != nil {
			return 0, err
		}
		if n, ok := b.Column(0).(*array.Int64); ok && n.Len() > 0 {
			rows = n.Value(0)
		}
		b.Release()
	}
}

// SetTimeZone sets the zone of this connection for casts between TIMESTAMPTZ and text, date or local time, until Close.
func (c *Conn) SetTimeZone(ctx context.Context, zone string) error {
	if _, err := c.run(ctx, "SET SESSION TimeZone = "+quote(zone), anyStatement); err != nil {
		return fmt.Errorf("set time zone %q: %w", zone, err)
	}
	return nil
}

// Explain returns the plan of a SELECT as text; with analyze it runs the query and adds what each step took.
func (c *Conn) Explain(ctx context.Context, sql string, analyze bool) (string, error) {
	s, err := c.prepare(ctx, sql, onlySelect) // what follows EXPLAIN must pass on its own
	if err != nil {
		return "", err
	}
	if err := s.Close(); err != nil {
		return "", err
	}
	word := "EXPLAIN "
	if analyze {
		word = "EXPLAIN ANALYZE "
	}
	r, err := c.query(ctx, word+sql, onlyExplain)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out strings.Builder
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out.String(), r.Close()
		}
		if err != nil {
			return "", err
		}
		text := b.Column(int(b.NumCols()) - 1).(*array.String)
		for i := range text.Len() {
			out.WriteString(text.Value(i))
		}
		b.Release()
	}
}

// Column describes a result column. Arrow is nil when the type has no Arrow form here; Query would refuse it.
type Column struct {
	Name  string
	Type  string // as DuckDB writes it: DECIMAL(10,2), INTEGER[], STRUCT(a INTEGER)
	Arrow arrow.DataType
}

// Describe gives the columns of a SELECT without running it.
func (c *Conn) Describe(ctx context.Context, sql string) ([]Column, error) {
	s, err := c.prepare(ctx, sql, onlySelect)
	if err != nil {
		return nil, err
	}
	return s.columns(), s.Close()
}

func (c *Conn) prepare(ctx context.Context, sql string, allow allowed) (*Stmt, error) {
	q, err := c.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	defer c.end(q)
	if err := allow.check(sql, c.engine.denied); err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	text := C.CString(sql)
	defer C.free(unsafe.Pointer(text))
	s := &Stmt{conn: c}
	stop := c.watch(q)
	state := C.duckdb_prepare(c.con, text, &s.stmt)
	stop()
	if state != C.DuckDBSuccess {
		msg := C.GoString(C.duckdb_prepare_error(s.stmt))
		C.duckdb_destroy_prepare(&s.stmt)
		return nil, fmt.Errorf("prepare query: %w", c.fault(q, C.DUCKDB_ERROR_INVALID, msg))
	}
	if t := C.duckdb_prepared_statement_type(s.stmt); !allow.kind(t) {
		C.duckdb_destroy_prepare(&s.stmt)
		return nil, fmt.Errorf("prepare query: %w", &Error{Kind: KindDenied,
			Message: fmt.Sprintf("this kind of statement is not accepted here (DuckDB's type %d)", t)})
	}
	return s, nil
}
