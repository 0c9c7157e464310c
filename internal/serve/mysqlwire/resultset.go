package mysqlwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// checkEvery is the number of rows after which a statement looks whether it
// was cancelled.
const checkEvery = 1024

// sendResult sends what a statement returned and gives the number of rows sent
// or affected. An error that is not a *connError is still to be sent.
func (c *conn) sendResult(ctx context.Context, res Result, e execution) (uint64, error) {
	columns := res.Columns()
	if len(columns) == 0 {
		affected := res.Affected()
		if affected > 0 && (c.status&statusInTransaction != 0 || c.status&statusAutocommit == 0) {
			c.dirty = true
		}
		return affected, c.sendOK(affected, e.more)
	}
	types, err := wireTypes(columns)
	if err != nil {
		return 0, err
	}
	if len(columns) > maxParams {
		return 0, Errorf(CodeNotSupported, "the result has %d columns, clients take at most %d", len(columns), maxParams)
	}
	c.w.begin()
	c.w.out = appendLenencInt(c.w.out, uint64(len(columns)))
	if err := c.w.end(); err != nil {
		return 0, err
	}
	if err := c.sendColumns(columns, types); err != nil {
		return 0, err
	}
	rows, err := c.sendRows(ctx, res, &rowEncoder{columns: columns, types: types, zone: c.vars.zone, binary: e.binary}, c.rowLimit(e))
	if err != nil {
		return rows, err
	}
	return rows, c.sendEOF(e.more)
}

// rowLimit is sql_select_limit, for the statements that it applies to.
func (c *conn) rowLimit(e execution) uint64 {
	if e.firstWord("SELECT", "WITH", "(") {
		return c.vars.selectLimit()
	}
	return ^uint64(0)
}

// sendRows streams batches. What the client does not read yet stays in the
// engine: there is one batch and one send buffer at a time.
func (c *conn) sendRows(ctx context.Context, res Result, enc *rowEncoder, limit uint64) (rows uint64, err error) {
	for rows < limit {
		if ctx.Err() != nil {
			return rows, context.Cause(ctx)
		}
		batch, err := res.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return rows, err
		}
		n, err := c.sendBatch(ctx, batch, enc, limit-rows)
		batch.Release()
		rows += n
		if err != nil {
			return rows, err
		}
		if err := c.w.flush(); err != nil { // rows may be long in coming: show these
			return rows, err
		}
	}
	return rows, nil
}

func (c *conn) sendBatch(ctx context.Context, batch arrow.RecordBatch, enc *rowEncoder, limit uint64) (uint64, error) {
	if err := enc.bind(batch); err != nil {
		return 0, err
	}
	n := min(uint64(batch.NumRows()), limit)
	for i := range n {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return i, context.Cause(ctx)
		}
		c.w.begin()
		c.w.out = enc.appendRow(c.w.out, int(i))
		if enc.failed != nil {
			c.w.rollback()
			return i, enc.failed
		}
		if err := c.w.end(); err != nil {
			return i, err
		}
	}
	return n, nil
}

// rowEncoder encodes the rows of one result.
type rowEncoder struct {
	columns []Column
	types   []wireType
	zone    *time.Location
	binary  bool
	cells   []cellEncoder // of the batch that is bound
	failed  error         // the first value that could not be encoded
}

type cellEncoder struct {
	null  func(i int) bool // nil: never
	value appendValue
}

// bind prepares for the rows of a batch.
func (e *rowEncoder) bind(batch arrow.RecordBatch) error {
	if int(batch.NumCols()) != len(e.columns) {
		return fmt.Errorf("the engine returned a batch of %d columns for a result of %d", batch.NumCols(), len(e.columns))
	}
	e.cells = e.cells[:0]
	for i, arr := range batch.Columns() {
		t, ok := wireTypeOf(arr.DataType())
		if !ok || t.code != e.types[i].code || t.charset != e.types[i].charset || t.decimals != e.types[i].decimals {
			return fmt.Errorf("the engine returned column %q as %s, not as %s that it announced", e.columns[i].Name, arr.DataType(), e.columns[i].Type)
		}
		cell := cellEncoder{null: nullsOf(arr)}
		if e.binary {
			cell.value = binaryOf(arr, e.zone, e.fail)
		} else {
			cell.value = withLength(textOf(arr, e.zone))
		}
		e.cells = append(e.cells, cell)
	}
	return nil
}

func (e *rowEncoder) fail(err error) {
	if e.failed == nil {
		e.failed = err
	}
}

func (e *rowEncoder) appendRow(dst []byte, i int) []byte {
	if e.binary {
		return e.appendBinaryRow(dst, i)
	}
	for _, cell := range e.cells {
		if cell.null != nil && cell.null(i) {
			dst = append(dst, 0xfb)
		} else {
			dst = cell.value(dst, i)
		}
	}
	return dst
}

// appendBinaryRow puts a zero byte and a bitmap of nulls, which starts at its
// third bit, before the values.
func (e *rowEncoder) appendBinaryRow(dst []byte, i int) []byte {
	dst = append(dst, 0)
	bitmap := len(dst)
	for range (len(e.cells) + 7 + 2) / 8 {
		dst = append(dst, 0)
	}
	for col, cell := range e.cells {
		if cell.null != nil && cell.null(i) {
			dst[bitmap+(col+2)/8] |= 1 << ((col + 2) % 8)
		} else {
			dst = cell.value(dst, i)
		}
	}
	return dst
}
