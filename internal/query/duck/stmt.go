package duck

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"context"
	"fmt"
	"time"
	"unsafe"
)

// Stmt is a planned SELECT. It runs any number of times, one after the other, on the connection that prepared it; with
// Registered.Replace between the runs it serves micro-batches without planning each one.
type Stmt struct {
	conn *Conn
	stmt C.duckdb_prepared_statement
}

// Prepare plans one SELECT. The caller closes the statement before the connection.
func (c *Conn) Prepare(ctx context.Context, sql string) (*Stmt, error) {
	return c.prepare(ctx, sql, onlySelect)
}

// Close frees the statement; an open Result of it must be closed before.
func (s *Stmt) Close() error {
	C.duckdb_destroy_prepare(&s.stmt)
	return nil
}

// Query runs the statement with values for $1, $2, …: nil, bool, int, int8–int64, uint8–uint64, float32, float64,
// string, []byte, or time.Time (as TIMESTAMPTZ in microseconds).
func (s *Stmt) Query(ctx context.Context, args ...any) (*Result, error) {
	c := s.conn
	if s.stmt == nil {
		return nil, fmt.Errorf("run query: statement: %w", ErrClosed)
	}
	q, err := c.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("run query: %w", err)
	}
	r := &Result{conn: c, query: q}
	if err := s.start(q, r, args); err != nil {
		r.free()
		return nil, fmt.Errorf("run query: %w", err)
	}
	if err := r.describe(); err != nil {
		r.free()
		return nil, fmt.Errorf("run query: %w", err)
	}
	c.result = r
	return r, nil
}

func (s *Stmt) start(q *query, r *Result, args []any) error {
	if want := int(C.duckdb_nparams(s.stmt)); want != len(args) {
		return fmt.Errorf("statement has %d parameters, got %d values", want, len(args))
	}
	C.duckdb_clear_bindings(s.stmt)
	for i, a := range args {
		if err := s.bind(C.idx_t(i+1), a); err != nil {
			return err
		}
	}
	defer s.conn.watch(q)()
	var pending C.duckdb_pending_result
	defer C.duckdb_destroy_pending(&pending)
	if C.duckdb_pending_prepared_streaming(s.stmt, &pending) != C.DuckDBSuccess {
		return s.conn.fault(q, C.DUCKDB_ERROR_INVALID, C.GoString(C.duckdb_pending_error(pending)))
	}
	if C.duckdb_execute_pending(pending, &r.res) != C.DuckDBSuccess {
		return s.conn.fault(q, C.duckdb_result_error_type(&r.res), C.GoString(C.duckdb_result_error(&r.res)))
	}
	r.running = true
	return nil
}

func (s *Stmt) bind(i C.idx_t, arg any) error {
	var state C.duckdb_state
	switch v := arg.(type) {
	case nil:
		state = C.duckdb_bind_null(s.stmt, i)
	case bool:
		state = C.duckdb_bind_boolean(s.stmt, i, C.bool(v))
	case int:
		state = C.duckdb_bind_int64(s.stmt, i, C.int64_t(v))
	case int8:
		state = C.duckdb_bind_int8(s.stmt, i, C.int8_t(v))
	case int16:
		state = C.duckdb_bind_int16(s.stmt, i, C.int16_t(v))
	case int32:
		state = C.duckdb_bind_int32(s.stmt, i, C.int32_t(v))
	case int64:
		state = C.duckdb_bind_int64(s.stmt, i, C.int64_t(v))
	case uint8:
		state = C.duckdb_bind_uint8(s.stmt, i, C.uint8_t(v))
	case uint16:
		state = C.duckdb_bind_uint16(s.stmt, i, C.uint16_t(v))
	case uint32:
		state = C.duckdb_bind_uint32(s.stmt, i, C.uint32_t(v))
	case uint64:
		state = C.duckdb_bind_uint64(s.stmt, i, C.uint64_t(v))
	case float32:
		state = C.duckdb_bind_float(s.stmt, i, C.float(v))
	case float64:
		state = C.duckdb_bind_double(s.stmt, i, C.double(v))
	case string:
		p := C.CString(v)
		defer C.free(unsafe.Pointer(p))
		state = C.duckdb_bind_varchar_length(s.stmt, i, p, C.idx_t(len(v)))
	case []byte:
		p := C.CBytes(v)
		defer C.free(p)
		state = C.duckdb_bind_blob(s.stmt, i, p, C.idx_t(len(v)))
	case time.Time:
		state = C.duckdb_bind_timestamp_tz(s.stmt, i, C.duckdb_timestamp{micros: C.int64_t(v.UnixMicro())})
	default:
		return unsupported("parameter $%d: Go type %T", i, arg)
	}
	if state != C.DuckDBSuccess {
		return fmt.Errorf("parameter $%d: value %v is not valid", i, arg)
	}
	return nil
}

// columns describes what the statement returns.
func (s *Stmt) columns() []Column {
	out := make([]Column, int(C.duckdb_prepared_statement_column_count(s.stmt)))
	for i := range out {
		name := C.duckdb_prepared_statement_column_name(s.stmt, C.idx_t(i))
		out[i].Name = C.GoString(name)
		C.duckdb_free(unsafe.Pointer(name))
		t := C.duckdb_prepared_statement_column_logical_type(s.stmt, C.idx_t(i))
		out[i].Type = typeName(t)
		if f, err := newColumn(t); err == nil {
			out[i].Arrow = f.arrowType()
		}
		C.duckdb_destroy_logical_type(&t)
	}
	return out
}
