package duck

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
)

// Table is an Arrow table that Go code streams into a query. Implementations are called from DuckDB's threads, and
// several queries may scan one Table at the same time.
type Table interface {
	// Schema is fixed for the life of the Table.
	Schema() *arrow.Schema
	// EstimatedRows steers join order and the like; it need not be exact, negative means unknown.
	EstimatedRows() int64
	// Scan starts one read of the columns with these indexes into Schema, in that order. Where only the number of rows
	// counts (count(*)) that is the first column, or none. ctx is the context of the query, valid until Scan.Close.
	Scan(ctx context.Context, columns []int) (Scan, error)
}

// Scan is one read of a Table. Close is called exactly once, after the last call to any of the streams has returned.
type Scan interface {
	// Streams gives at least one stream; it is called once. More streams allow that many threads to read. Where the
	// order of rows counts they are read by one thread, one after the other, so the first stream holds the first rows.
	Streams() []Stream
	Close() error
}

// Stream is a part of a Scan. It is used by one thread at a time.
type Stream interface {
	// Next returns the next batch, or io.EOF. The batch has the columns asked for, with the types of Table.Schema; the
	// caller releases it. Next must return soon after ctx ends.
	Next(ctx context.Context) (arrow.RecordBatch, error)
}

// Registered is a Table that SQL can name, until Release.
type Registered struct {
	engine *Engine
	handle int64
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	table Table
}

// Register makes t readable by queries of this engine as r.SQL(). ctx bounds every scan of it, in addition to the
// context of the query that scans.
func (e *Engine) Register(ctx context.Context, t Table) *Registered {
	r := &Registered{engine: e, table: t}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		r.handle = randomHandle()
		if _, taken := e.tables[r.handle]; !taken && r.handle != 0 {
			e.tables[r.handle] = r
			return r
		}
	}
}

// randomHandle draws 62 bits: handles appear in SQL text, so a statement of one user must not be able to guess the
// table of another.
func randomHandle() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never returns an error
	return int64(binary.LittleEndian.Uint64(b[:]) >> 2)
}

// SQL is the table expression to put into a FROM clause.
func (r *Registered) SQL() string { return fmt.Sprintf("tarn_scan(%d)", r.handle) }

// Replace puts another Table with the same schema in place, so that a Stmt that scans r reads the next micro-batch
// without being planned again. Scans that have begun go on with the old Table.
func (r *Registered) Replace(t Table) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.table.Schema().Equal(t.Schema()) {
		return fmt.Errorf("replace registered table: schema differs: have %v, got %v", r.table.Schema(), t.Schema())
	}
	r.table = t
	return nil
}

// Release ends the registration. Running scans of it fail; new ones report that the handle is unknown.
func (r *Registered) Release() {
	r.engine.mu.Lock()
	delete(r.engine.tables, r.handle)
	r.engine.mu.Unlock()
	r.cancel(errReleased)
}

func (r *Registered) current() Table {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.table
}

// registered finds the table of a handle that came in through SQL.
func (e *Engine) registered(handle int64) (*Registered, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if r := e.tables[handle]; r != nil {
		return r, nil
	}
	return nil, errors.New("tarn_scan: the table of this handle is not registered (released, or of another engine)")
}
