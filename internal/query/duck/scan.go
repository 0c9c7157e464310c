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
	"runtime/cgo"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// vectorSize is how many rows a callback delivers at most.
const vectorSize = 2048

// boundScan is tarn_scan in a plan. It lives as long as the plan and knows no query: a prepared plan runs many times.
type boundScan struct {
	handle int64
	connID uint64
	schema *arrow.Schema
}

// activeScan is tarn_scan in one execution, shared by its threads.
type activeScan struct {
	query   *query
	ctx     context.Context
	cancel  context.CancelFunc
	scan    Scan
	streams []Stream
	next    atomic.Int64 // the first stream that no thread has taken
	columns []int        // what the batches hold, by index into the schema
	outputs []int        // per output vector the column of the batch, -1 when it is no column of the table
	writers []*writer    // per column of the batch
}

// localScan is one thread's part of an activeScan.
type localScan struct {
	stream Stream
	batch  arrow.RecordBatch
	row    int
}

//export tarnDrop
func tarnDrop(h C.uintptr_t) {
	if h == 0 {
		return
	}
	handle := cgo.Handle(h)
	switch v := handle.Value().(type) {
	case *activeScan:
		v.close()
	case *localScan:
		v.drop()
	}
	handle.Delete()
}

// guard turns a panic into an error: one that reached C would end the process.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("scan panicked: %v\n%s", p, debug.Stack())
	}
}

// withCString lends a string to C.
func withCString(s string, f func(*C.char)) {
	p := C.CString(s)
	defer C.free(unsafe.Pointer(p))
	f(p)
}

//export tarnScanBind
func tarnScanBind(info C.duckdb_bind_info) {
	if err := bindScan(info); err != nil {
		withCString(err.Error(), func(p *C.char) { C.duckdb_bind_set_error(info, p) })
	}
}

func bindScan(info C.duckdb_bind_info) (err error) {
	defer guard(&err)
	e := cgo.Handle(C.tarn_bind_engine(info)).Value().(*Engine)
	var cc C.duckdb_client_context
	C.duckdb_table_function_get_client_context(info, &cc)
	b := &boundScan{connID: uint64(C.duckdb_client_context_get_connection_id(cc))}
	C.duckdb_destroy_client_context(&cc)
	v := C.duckdb_bind_get_parameter(info, 0)
	if !C.duckdb_is_null_value(v) { // a null would throw through Go's stack; 0 is never a handle
		b.handle = int64(C.duckdb_get_int64(v))
	}
	C.duckdb_destroy_value(&v)

	q, err := e.running(b.connID)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			q.fail(err)
		}
	}()
	r, err := e.registered(b.handle)
	if err != nil {
		return err
	}
	t := r.current()
	b.schema = t.Schema()
	for _, f := range b.schema.Fields() {
		lt, err := logicalType(f.Type)
		if err != nil {
			return fmt.Errorf("tarn_scan: column %q: %w", f.Name, err)
		}
		withCString(f.Name, func(p *C.char) { C.duckdb_bind_add_result_column(info, p, lt) })
		C.duckdb_destroy_logical_type(&lt)
	}
	if n := t.EstimatedRows(); n >= 0 {
		C.duckdb_bind_set_cardinality(info, C.idx_t(n), false)
	}
	C.tarn_set_bound(info, C.uintptr_t(cgo.NewHandle(b)))
	return nil
}

//export tarnScanInit
func tarnScanInit(info C.duckdb_init_info) {
	if err := initScan(info); err != nil {
		withCString(err.Error(), func(p *C.char) { C.duckdb_init_set_error(info, p) })
	}
}

func initScan(info C.duckdb_init_info) (err error) {
	defer guard(&err)
	e := cgo.Handle(C.tarn_init_engine(info)).Value().(*Engine)
	b := cgo.Handle(C.tarn_init_bound(info)).Value().(*boundScan)
	q, err := e.running(b.connID)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			q.fail(err)
		}
	}()
	r, err := e.registered(b.handle)
	if err != nil {
		return err
	}
	a := &activeScan{query: q}
	n := int(C.duckdb_init_get_column_count(info))
	for i := range n {
		at := uint64(C.duckdb_init_get_column_index(info, C.idx_t(i)))
		if at >= uint64(b.schema.NumFields()) { // what DuckDB asks for when it only counts rows
			a.outputs = append(a.outputs, -1)
			continue
		}
		w, err := newWriter(b.schema.Field(int(at)))
		if err != nil {
			return err
		}
		a.outputs = append(a.outputs, len(a.columns))
		a.columns = append(a.columns, int(at))
		a.writers = append(a.writers, w)
	}
	if err := a.open(r); err != nil {
		return err
	}
	C.duckdb_init_set_max_threads(info, C.idx_t(len(a.streams)))
	C.tarn_set_state(info, C.uintptr_t(cgo.NewHandle(a)))
	return nil
}

// open starts the table's scan with a context that ends with the query and with the registration.
func (a *activeScan) open(r *Registered) error {
	ctx, cancel := context.WithCancelCause(a.query.ctx)
	unhook := context.AfterFunc(r.ctx, func() { cancel(context.Cause(r.ctx)) })
	a.ctx = ctx
	a.cancel = func() { unhook(); cancel(nil) }
	if err := context.Cause(r.ctx); err != nil {
		a.cancel()
		return fmt.Errorf("scan table: %w", err)
	}
	scan, err := r.current().Scan(ctx, a.columns)
	if err != nil {
		a.cancel()
		return fmt.Errorf("scan table: %w", err)
	}
	a.scan = scan
	if a.streams = scan.Streams(); len(a.streams) == 0 {
		a.close()
		return errors.New("scan table: no streams")
	}
	return nil
}

// close ends the scan; its error counts only when nothing else has failed and is then seen by Result.Close.
func (a *activeScan) close() {
	a.cancel()
	var err error
	func() {
		defer guard(&err)
		err = a.scan.Close()
	}()
	if err != nil {
		a.query.fail(fmt.Errorf("close scan: %w", err))
	}
}

//export tarnScanLocalInit
func tarnScanLocalInit(info C.duckdb_init_info) {
	C.tarn_set_state(info, C.uintptr_t(cgo.NewHandle(&localScan{})))
}

func (l *localScan) drop() {
	if l.batch != nil {
		l.batch.Release()
		l.batch = nil
	}
}

//export tarnScanNext
func tarnScanNext(info C.duckdb_function_info, out C.duckdb_data_chunk) {
	a := cgo.Handle(C.tarn_function_scan(info)).Value().(*activeScan)
	l := cgo.Handle(C.tarn_function_local(info)).Value().(*localScan)
	n, err := a.fill(l, out)
	if err != nil {
		a.query.fail(err)
		withCString(err.Error(), func(p *C.char) { C.duckdb_function_set_error(info, p) })
		return
	}
	C.duckdb_data_chunk_set_size(out, C.idx_t(n))
}

// fill writes the next rows of the thread's streams, 0 when there are no more.
func (a *activeScan) fill(l *localScan, out C.duckdb_data_chunk) (n int, err error) {
	defer guard(&err)
	if err := a.advance(l); err != nil || l.batch == nil {
		return 0, err
	}
	n = min(vectorSize, int(l.batch.NumRows())-l.row)
	for i, col := range a.outputs {
		v := C.duckdb_data_chunk_get_vector(out, C.idx_t(i))
		if col < 0 {
			writeAllNull(v, n)
			continue
		}
		if err := a.writers[col].write(v, l.batch.Column(col), l.row, n); err != nil {
			return 0, fmt.Errorf("scan column %q: %w", a.writers[col].name, err)
		}
	}
	l.row += n
	return n, nil
}

// advance makes sure that the thread has a batch with rows left, or none at the end.
func (a *activeScan) advance(l *localScan) error {
	for {
		if l.batch != nil {
			if l.row < int(l.batch.NumRows()) {
				return nil
			}
			l.drop()
		}
		if l.stream == nil {
			i := a.next.Add(1) - 1
			if i >= int64(len(a.streams)) {
				return nil
			}
			l.stream = a.streams[i]
		}
		b, err := l.stream.Next(a.ctx)
		if err == io.EOF {
			l.stream = nil
			continue
		}
		if err != nil {
			return fmt.Errorf("scan table: %w", a.cause(err))
		}
		l.batch, l.row = b, 0
		if err := a.check(b); err != nil {
			return err
		}
	}
}

// cause prefers the reason for which the scan was cancelled over the bare context error.
func (a *activeScan) cause(err error) error {
	if errors.Is(err, context.Canceled) && a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	return err
}

// check refuses a batch that is not what was asked for, before its memory is read as if it were.
func (a *activeScan) check(b arrow.RecordBatch) error {
	if int(b.NumCols()) != len(a.writers) {
		return fmt.Errorf("scan table: batch has %d columns, asked for %d", b.NumCols(), len(a.writers))
	}
	for i, w := range a.writers {
		if got := b.Column(i).DataType(); !sameLayout(got, w.dt) {
			return fmt.Errorf("scan column %q: batch has type %s, the schema says %s", w.name, got, w.dt)
		}
	}
	return nil
}

// sameLayout compares what decides how memory is read; names and nullability inside nested types do not count.
func sameLayout(got, want arrow.DataType) bool {
	if got == want {
		return true
	}
	if got.ID() != want.ID() {
		return false
	}
	switch want := want.(type) {
	case *arrow.ListType:
		return sameLayout(got.(*arrow.ListType).Elem(), want.Elem())
	case *arrow.MapType:
		return sameLayout(got.(*arrow.MapType).Elem(), want.Elem())
	case *arrow.StructType:
		g := got.(*arrow.StructType)
		if g.NumFields() != want.NumFields() {
			return false
		}
		for i := range want.NumFields() {
			if !sameLayout(g.Field(i).Type, want.Field(i).Type) {
				return false
			}
		}
		return true
	case *arrow.TimestampType:
		g := got.(*arrow.TimestampType)
		return g.Unit == want.Unit && (g.TimeZone == "") == (want.TimeZone == "")
	}
	return arrow.TypeEqual(got, want)
}
