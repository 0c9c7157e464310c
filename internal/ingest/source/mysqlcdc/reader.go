package mysqlcdc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// maxBatchBytes bounds the row images of a batch.
const maxBatchBytes = 16 << 20

// idleTimeout is after how long without a sign of the server, which sends a
// heartbeat every second, the connection counts as lost.
const idleTimeout = 30 * time.Second

// reader implements source.Reader. Each call of Next does the work of one
// batch; nothing runs between calls.
type reader struct {
	src    *mysqlSource
	layout *layout
	stale  bool // the table may have changed: read the layout again
	torn   bool // an event was taken in only in part: the stream must start again

	id  *serverID
	st  *stream
	sql *conn     // for the snapshot and schema; nil when not needed
	nap *snapshot // nil once the snapshot is done

	out      *builder
	dec      decoder
	spansA   []span
	spansB   []span
	keyA     rowKey
	keyB     rowKey
	ready    []change.Batch
	last     position // of the last batch, or where the reader was opened
	lastEmit time.Time

	mu     sync.Mutex // held by Next; Close takes it once Next has ended
	done   context.Context
	finish context.CancelFunc // ends done, and with it a Next that is under way
}

// open connects at p, or at the start of the source's mode when fresh.
func (r *reader) open(ctx context.Context, fresh bool, p position) error {
	r.drop()
	var err error
	if err = r.needSQL(ctx); err != nil {
		return err
	}
	if err = checkServer(ctx, r.sql, r.src.cfg); err != nil {
		return err
	}
	if err = r.loadLayout(ctx); err != nil {
		return err
	}
	if fresh {
		if p, err = r.src.startPosition(ctx, r.sql); err != nil {
			return err
		}
	}
	if err = r.resume(ctx, p); err != nil {
		return err
	}
	if fresh && p.Snapshot == nil {
		r.emit() // an empty batch: from now on the place is known
	}
	return nil
}

// resume starts the stream and the snapshot's cursor at p.
func (r *reader) resume(ctx context.Context, p position) error {
	r.last, r.lastEmit = p, time.Now()
	r.nap = nil
	if p.Snapshot != nil {
		if err := r.needSQL(ctx); err != nil {
			return err
		}
		var err error
		if r.nap, err = newSnapshot(r, p.Snapshot); err != nil {
			return err
		}
	} else {
		r.dropSQL()
	}
	st, err := r.src.openStream(ctx, p, r.id)
	if err != nil {
		return err
	}
	r.st = st
	return r.firstEvents(ctx)
}

// firstEvents waits until the server has accepted the position: its answer is
// an error or the description of the format.
func (r *reader) firstEvents(ctx context.Context) error {
	return r.st.c.during(ctx, r.src.cfg.ConnectTimeout, func() error {
		for r.st.f.postHeaders == nil {
			if _, err := r.st.read(); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) needSQL(ctx context.Context) error {
	if r.sql != nil && !r.sql.closed.Load() {
		return nil
	}
	c, err := dial(ctx, r.src.cfg)
	if err != nil {
		return explain(r.src.cfg, "connect", err)
	}
	r.sql = c
	return nil
}

func (r *reader) dropSQL() {
	r.sql.close()
	r.sql = nil
}

// drop ends both connections and forgets what was gathered.
func (r *reader) drop() {
	r.sql.close()
	if r.st != nil {
		r.st.c.close()
	}
	r.sql, r.st, r.nap, r.torn = nil, nil, nil, false
	r.out.reset()
}

// loadLayout reads the schema and checks that it fits the declared one.
func (r *reader) loadLayout(ctx context.Context) error {
	if err := r.needSQL(ctx); err != nil {
		return err
	}
	l, err := r.src.readLayout(ctx, r.sql)
	if err != nil {
		return err
	}
	if err := r.out.ensure(l); err != nil {
		return err
	}
	r.layout, r.stale = l, false
	return nil
}

// Close ends the reader. It may be called while Next runs.
func (r *reader) Close() error {
	r.finish()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	for _, b := range r.ready {
		b.Release()
	}
	r.ready = nil
	return nil
}

var errClosed = errors.New("mysql-cdc: the reader is closed")

// Next gives the next batch. A lost connection is made again, with growing
// pauses, for as long as ctx lasts; Config.OnLoss hears of it.
func (r *reader) Next(ctx context.Context) (change.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.done, cancel)()
	b, err := r.next(ctx)
	if r.done.Err() != nil {
		b.Release()
		return change.Batch{}, errClosed
	}
	return b, err
}

func (r *reader) next(ctx context.Context) (change.Batch, error) {
	for try := 0; ; {
		if err := ctx.Err(); err != nil {
			return change.Batch{}, err
		}
		if len(r.ready) > 0 {
			b := r.ready[0]
			r.ready = r.ready[1:]
			return b, nil
		}
		err := r.step(ctx)
		switch {
		case err == nil:
			try = 0
		case ctx.Err() != nil:
			if r.torn || r.nap != nil || !errors.Is(err, ctx.Err()) {
				r.drop()
			}
			return change.Batch{}, ctx.Err()
		case !isLost(err):
			r.drop()
			return change.Batch{}, fmt.Errorf("read %s: %w", r.src, err)
		default:
			r.drop()
			wait := backoff(try)
			try++
			if r.src.cfg.OnLoss != nil {
				r.src.cfg.OnLoss(err, wait)
			}
			if err := sleep(ctx, wait); err != nil {
				return change.Batch{}, err
			}
		}
	}
}

// step does a part of the work: it may or may not make a batch ready.
func (r *reader) step(ctx context.Context) error {
	if r.st == nil {
		if err := r.reopen(ctx); err != nil {
			return err
		}
	}
	if r.nap != nil {
		return r.nap.step(ctx)
	}
	if _, err := r.consume(ctx, nil); err != nil {
		return err
	}
	r.emit()
	return nil
}

// reopen connects again at the last batch. The schema is read again: it may
// have changed meanwhile.
func (r *reader) reopen(ctx context.Context) error {
	if err := r.loadLayout(ctx); err != nil {
		return err
	}
	return r.resume(ctx, r.last)
}

// consume reads the stream until a batch is full, or until target is reached
// at a boundary; without a target also when nothing more has arrived.
func (r *reader) consume(ctx context.Context, target *fileOffset) (reached bool, err error) {
	err = r.st.c.during(ctx, idleTimeout, func() error {
		for {
			boundary := r.st.atBoundary()
			if boundary && target != nil && !r.st.at.before(*target) {
				reached = true
				return nil
			}
			if r.full(boundary) || boundary && target == nil && r.worth() {
				return nil
			}
			if !r.st.buffered() {
				_ = r.st.c.nc.SetReadDeadline(time.Now().Add(idleTimeout))
			}
			if boundary && ctx.Err() != nil {
				return ctx.Err()
			}
			it, err := r.st.read()
			if err != nil {
				return err
			}
			if err := r.apply(ctx, it); err != nil {
				r.torn = true
				return err
			}
		}
	})
	return reached, err
}

// full tells whether a batch must end. A batch rather ends at a boundary.
func (r *reader) full(boundary bool) bool {
	limit := r.src.cfg.MaxBatchRows
	if !boundary {
		limit *= 2
	}
	return r.out.rows() >= limit || r.out.bytes >= maxBatchBytes
}

// worth tells whether a batch should be made of what there is.
func (r *reader) worth() bool {
	if r.out.rows() > 0 {
		return !r.st.buffered()
	}
	return r.positionDue()
}

// positionDue tells whether an empty batch should record how far the stream
// has come past changes of other tables.
func (r *reader) positionDue() bool {
	return time.Since(r.lastEmit) >= r.src.cfg.Heartbeat && r.st.position() != r.positionWithout()
}

func (r *reader) positionWithout() position {
	p := r.last
	p.Version, p.Snapshot = 0, nil
	return p
}

// position is where a batch made now resumes.
func (r *reader) position() position {
	p := r.st.position()
	if r.nap != nil {
		p.Snapshot = r.nap.cursor()
	}
	return p
}

// emit makes a batch of what was gathered; without rows it only tells the
// position.
func (r *reader) emit() {
	rows, kinds, watermark := r.out.take()
	r.last, r.lastEmit = r.position(), time.Now()
	r.ready = append(r.ready, change.Batch{Rows: rows, Kinds: kinds, Watermark: watermark, Position: r.last.encode()})
}

// apply does what an event asks for.
func (r *reader) apply(ctx context.Context, it item) error {
	switch {
	case it.rows != nil:
		return r.applyRows(ctx, it.tbl, it.rows)
	case it.bind != nil:
		return r.bindTable(ctx, it.bind)
	}
	return r.applyStatement(it)
}

func (r *reader) bindTable(ctx context.Context, m *tableMap) error {
	if r.stale {
		if err := r.loadLayout(ctx); err != nil {
			return err
		}
		if r.nap == nil {
			r.dropSQL()
		}
	}
	t, err := bindTable(r.layout, m)
	if err != nil {
		return err
	}
	r.st.tables[m.id] = t
	return nil
}

func (r *reader) applyStatement(it item) error {
	gone := ""
	switch it.stmt {
	case stmtAlter:
		r.stale = true
		r.st.forgetTables()
		return nil
	case stmtTruncate:
		gone = "was truncated"
	case stmtDrop:
		gone = "was dropped or replaced"
	case stmtRename:
		gone = "was renamed"
	case stmtPartition:
		gone = "had partitions dropped, truncated or exchanged"
	case stmtDML:
		return errs.Invalid("table %s was changed by a statement that is not logged as rows (binlog at %s: %s): the writer's session has binlog_format=%s; set it to ROW for all writers, then start from a new snapshot",
			r.src.table(), r.st.at, shorten(it.sql), "STATEMENT or MIXED")
	default:
		return nil
	}
	return errs.Unsupported("table %s %s (binlog at %s: %s): this removes rows without row events, so the changelog cannot go on; empty the target table and start from a new snapshot (no position, scan.startup.mode=initial)",
		r.src.table(), gone, r.st.at, shorten(it.sql))
}

func shorten(sql string) string {
	sql = string(bytes.ToValidUTF8([]byte(sql), []byte("?")))
	if len(sql) > 200 {
		return sql[:200] + "…"
	}
	return sql
}

// applyRows takes in the rows of one event.
func (r *reader) applyRows(ctx context.Context, t *boundTable, e *rowsEvent) error {
	if err := r.out.ensure(t.layout); err != nil {
		return err
	}
	rest := e.images
	for len(rest) > 0 {
		n, err := r.applyRow(ctx, t, e, rest)
		if err != nil {
			return fmt.Errorf("table %s, change %d of the transaction after %s: %w", r.src.table(), r.st.seen, r.st.at, err)
		}
		if n == 0 {
			return fmt.Errorf("%w: empty row", errEvent)
		}
		rest = rest[n:]
	}
	return nil
}

// applyRow takes in one row change and returns the bytes of its images.
func (r *reader) applyRow(ctx context.Context, t *boundTable, e *rowsEvent, p []byte) (int, error) {
	r.st.seen++
	row := rowChange{t: t}
	n := 0
	var err error
	needKeys := r.nap != nil || e.before && e.after
	if e.before {
		row.before, row.beforeColumns = p, e.beforeColumns
		if n, err = t.size(p, e.beforeColumns, pick(needKeys, r.spansA)); err != nil {
			return 0, err
		}
	}
	if e.after {
		row.after, row.afterColumns = p[n:], e.afterColumns
		m, err := t.size(p[n:], e.afterColumns, pick(needKeys, r.spansB))
		if err != nil {
			return 0, err
		}
		n += m
	}
	if r.st.seen <= r.st.skip {
		return n, nil
	}
	row.moved = e.before && e.after && !sameSpans(r.spansA, r.spansB)
	r.out.bytes += n
	if r.nap != nil {
		return n, r.nap.place(ctx, &row)
	}
	return n, r.give(&row)
}

func pick(want bool, s []span) []span {
	if want {
		return s
	}
	return nil
}

func sameSpans(a, b []span) bool {
	for i := range a {
		if a[i].null != b[i].null || !bytes.Equal(a[i].value, b[i].value) {
			return false
		}
	}
	return true
}

// rowChange is one row of a rows event: images that are not there are nil.
type rowChange struct {
	t                           *boundTable
	before, after               []byte
	beforeColumns, afterColumns []byte
	moved                       bool // an update changed the primary key
}

// give puts a change into the batch.
func (r *reader) give(row *rowChange) error {
	gone, come := types.Delete, types.Insert
	if row.before != nil && row.after != nil && !row.moved {
		gone, come = types.UpdateBefore, types.UpdateAfter
	}
	if row.before != nil {
		if err := r.put(r.out, row.t, row.before, row.beforeColumns, gone); err != nil {
			return err
		}
	}
	if row.after != nil {
		return r.put(r.out, row.t, row.after, row.afterColumns, come)
	}
	return nil
}

func (r *reader) put(out *builder, t *boundTable, image, columns []byte, kind types.RowKind) error {
	if _, err := t.append(&r.dec, out.appenders, image, columns); err != nil {
		return err
	}
	out.kinds = append(out.kinds, kind)
	if r.st.commit.After(out.watermark) {
		out.watermark = r.st.commit
	}
	return nil
}
