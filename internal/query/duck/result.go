package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A batch is handed out when it has this many rows or bytes; DuckDB produces 2048 rows at a time.
const (
	batchRows  = 32 << 10
	batchBytes = 64 << 20
)

// Result streams the rows of a query as Arrow batches. It belongs to the goroutine of its connection.
type Result struct {
	conn   *Conn
	query  *query
	res    C.duckdb_result
	owned  *Stmt // closed together with the result
	schema *arrow.Schema
	cols   []column
	err    error // sticky
	closed bool

	running bool // there may be more to fetch
}

func (r *Result) describe() error {
	n := int(C.duckdb_column_count(&r.res))
	fields := make([]arrow.Field, n)
	r.cols = make([]column, n)
	for i := range n {
		name := C.GoString(C.duckdb_column_name(&r.res, C.idx_t(i)))
		t := C.duckdb_column_logical_type(&r.res, C.idx_t(i))
		col, err := newColumn(t)
		C.duckdb_destroy_logical_type(&t)
		if err != nil {
			return fmt.Errorf("result column %q: %w", name, err)
		}
		r.cols[i] = col
		fields[i] = arrow.Field{Name: name, Type: col.arrowType(), Nullable: true}
	}
	r.schema = arrow.NewSchema(fields, nil)
	return nil
}

// Schema names the columns and gives their Arrow types; all are nullable.
func (r *Result) Schema() *arrow.Schema { return r.schema }

// Next returns the next batch, which the caller releases, or io.EOF. A batch owns its memory and outlives the result.
func (r *Result) Next() (arrow.RecordBatch, error) {
	if r.closed {
		return nil, fmt.Errorf("read result: %w", ErrClosed)
	}
	if r.err != nil {
		return nil, r.err
	}
	rows := 0
	for size := 0; rows < batchRows && size < batchBytes; {
		n, err := r.fetch()
		if err == io.EOF {
			r.err = io.EOF
			break
		}
		if err != nil {
			r.err = fmt.Errorf("read result: %w", err)
			return nil, r.err
		}
		rows += n
		size = 0
		for _, c := range r.cols {
			size += c.bytes()
		}
	}
	if rows == 0 {
		return nil, r.err
	}
	arrays := make([]arrow.Array, len(r.cols))
	for i, c := range r.cols {
		d := c.finish()
		arrays[i] = array.MakeFromData(d)
		d.Release()
	}
	b := array.NewRecordBatch(r.schema, arrays, int64(rows))
	for _, a := range arrays {
		a.Release()
	}
	return b, nil
}

// fetch appends DuckDB's next chunk to the columns.
func (r *Result) fetch() (int, error) {
	stop := r.conn.watch(r.query)
	chunk := C.duckdb_fetch_chunk(r.res)
	stop()
	if chunk == nil {
		r.running = false
		if msg := C.duckdb_result_error(&r.res); msg != nil {
			return 0, r.conn.fault(r.query, C.duckdb_result_error_type(&r.res), C.GoString(msg))
		}
		return 0, io.EOF
	}
	defer C.duckdb_destroy_data_chunk(&chunk)
	n := int(C.duckdb_data_chunk_get_size(chunk))
	for i, c := range r.cols {
		c.load(C.duckdb_data_chunk_get_vector(chunk, C.idx_t(i)), n)
		if err := c.append(0, n); err != nil {
			return 0, fmt.Errorf("column %q: %w", r.schema.Field(i).Name, err)
		}
	}
	return n, nil
}

// Close stops the query when it still runs and makes the connection free for the next one.
func (r *Result) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.conn.result = nil
	ended := r.err == io.EOF
	r.free()
	var err error
	if ended { // otherwise the failure has been reported, or comes from stopping early
		err = r.query.failure()
	}
	if r.owned != nil {
		err = errors.Join(err, r.owned.Close())
	}
	return err
}

// free ends the query first, so that no thread waits in a Stream while DuckDB tears the plan down. Dropping a stream
// that has not ended would leave its scans open until the connection's next query, so it is interrupted and fetched to
// its end.
func (r *Result) free() {
	r.query.cancel(ErrClosed)
	if r.running {
		stop := r.conn.watch(r.query)
		for {
			chunk := C.duckdb_fetch_chunk(r.res)
			if chunk == nil {
				break
			}
			C.duckdb_destroy_data_chunk(&chunk)
		}
		stop()
	}
	C.duckdb_destroy_result(&r.res)
	r.conn.end(r.query)
}
