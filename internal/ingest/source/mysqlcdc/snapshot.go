package mysqlcdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	// visibilityDelay is how long a MySQL server without GTIDs is given between
	// a transaction in the binlog and its rows in a query.
	visibilityDelay = 50 * time.Millisecond
	// maxChunkBytes ends a chunk before its number of rows does.
	maxChunkBytes = 64 << 20
)

// snapshot walks the table by primary key; see the package comment.
type snapshot struct {
	r     *reader
	key   *rowKey // K; nil is below all keys
	text  []string
	order keyOrder

	low    *fileOffset // L, while the stream catches up to it
	waited fileOffset  // the place whose transactions were last waited for to be visible
	chunk  *chunk      // nil between two chunks
}

// chunk is a part of the table between its SELECT and its batch.
type chunk struct {
	rows   *builder
	last   rowKey // K'
	all    bool   // no rows above K': K' is above all keys
	target fileOffset

	// The changes of the chunk's rows are gathered too.
	keys    []byte // encoded keys of the rows, one after the other
	ends    []int  // where each ends in keys
	patches *builder
	patch   map[string]int // newest image by encoded key: row of patches, or removed
}

const removed = -1

func newSnapshot(r *reader, c *snapshotCursor) (*snapshot, error) {
	switch e := strings.ToLower(r.layout.engine); e {
	case "innodb", "rocksdb":
	default:
		return nil, errs.Unsupported("table %s has the storage engine %s, which has no consistent reads: a snapshot is not supported; ALTER TABLE … ENGINE=InnoDB, or use scan.startup.mode=latest-offset", r.layout.table, r.layout.engine)
	}
	if err := r.layout.checkKey(); err != nil {
		return nil, err
	}
	s := &snapshot{r: r}
	s.order.ask = func(ctx context.Context, sql string) ([]*string, error) { return r.sql.row(ctx, sql) }
	if len(c.Key) > 0 {
		k, err := r.layout.parseKey(c.Key)
		if err != nil {
			return nil, err
		}
		s.key, s.text = &k, c.Key
	}
	return s, nil
}

func (s *snapshot) cursor() *snapshotCursor { return &snapshotCursor{Key: s.text} }

// step goes on until a batch is ready or the chunk's state changed.
func (s *snapshot) step(ctx context.Context) error {
	if s.chunk == nil {
		ready, err := s.prepare(ctx)
		if err != nil {
			return err
		}
		if !ready {
			s.r.emit() // full while catching up
			return nil
		}
		if err := s.read(ctx); err != nil || s.chunk == nil {
			return err
		}
	}
	reached, err := s.r.consume(ctx, &s.chunk.target)
	if err != nil {
		return err
	}
	if s.r.out.rows() > 0 {
		s.r.emit()
	}
	if reached {
		return s.finish()
	}
	return nil
}

// prepare readies a chunk: the stream catches up to L, and what it has seen
// becomes visible. It gives false when a batch got full.
func (s *snapshot) prepare(ctx context.Context) (bool, error) {
	if s.low == nil {
		low, err := s.r.src.end(ctx, s.r.sql)
		if err != nil {
			return false, err
		}
		s.low = &low
	}
	if reached, err := s.r.consume(ctx, s.low); !reached || err != nil {
		return false, err
	}
	s.low = nil
	if s.waited == s.r.st.at {
		return true, nil
	}
	s.waited = s.r.st.at
	if s.r.sql.mariadb() && !s.r.src.bracket {
		return true, s.awaitCommitted(ctx)
	}
	if s.r.st.gtid.set == nil {
		return true, sleep(ctx, visibilityDelay)
	}
	row, err := s.r.sql.row(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET("+quoteText(s.r.st.gtid.String())+", 30)")
	if err == nil && numberOr(row[0]) != 0 {
		err = fmt.Errorf("the server has not executed the transactions of its own binlog up to %s within 30 s", s.r.st.gtid.String())
	}
	return true, err
}

// read reads the next chunk. It leaves chunk nil when the table was altered in
// between, to be tried again.
func (s *snapshot) read(ctx context.Context) error {
	if s.r.stale {
		if err := s.r.loadLayout(ctx); err != nil {
			return err
		}
	}
	c := &chunk{rows: newBuilder(s.r.src.schema)}
	if err := c.rows.ensure(s.r.layout); err != nil {
		return err
	}
	err := s.selectRows(ctx, c)
	var se *serverError
	if errors.As(err, &se) && (se.code == 1412 || se.code == 1054) && !s.r.stale {
		s.r.stale = true // altered since the layout was read
		c.rows.release()
		return nil
	}
	if err == nil {
		c.target, err = s.r.src.end(ctx, s.r.sql)
	}
	if err != nil {
		c.rows.release()
		return explain(s.r.src.cfg, "read a chunk of table "+s.r.src.table(), err)
	}
	c.patches, c.patch = newBuilder(s.r.src.schema), map[string]int{}
	s.chunk = c
	return nil
}

// committedPlace is the place on a MariaDB server before which every
// transaction is visible: it moves on under the lock under which transactions
// become visible.
func (s *mysqlSource) committedPlace(ctx context.Context, c *conn) (fileOffset, error) {
	var at fileOffset
	rows, err := c.rows(ctx, "SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')")
	if err != nil {
		return at, explain(s.cfg, "read how far the binlog is visible", err)
	}
	for _, row := range rows {
		switch value := textOr(row[1], ""); strings.ToLower(textOr(row[0], "")) {
		case "binlog_snapshot_file":
			at.file = value
		case "binlog_snapshot_position":
			at.pos, err = strconv.ParseUint(value, 10, 64)
		}
	}
	if at.file == "" || at.pos == 0 || err != nil {
		return at, errs.Unsupported("server %s:%d does not tell how far its binlog is visible: MariaDB 5.3 or newer with log_bin is needed for scan.startup.mode=initial", s.cfg.Hostname, s.cfg.Port)
	}
	return at, nil
}

// awaitCommitted waits until queries on a MariaDB server see the transactions
// that the stream has read.
func (s *snapshot) awaitCommitted(ctx context.Context) error {
	for try := 0; ; try++ {
		at, err := s.r.src.committedPlace(ctx, s.r.sql)
		if err != nil || !at.before(s.r.st.committed) {
			return err
		}
		switch {
		case try == 100 && !s.r.st.began:
			return nil // 2 s: what lies between is no transaction
		case try == 1000:
			return fmt.Errorf("a transaction is in the binlog at %s, but for 20 s queries have seen nothing after %s", s.r.st.committed, at)
		}
		if err := sleep(ctx, time.Duration(min(try, 20))*time.Millisecond); err != nil {
			return err
		}
	}
}

// selectRows runs the SELECT of a chunk.
func (s *snapshot) selectRows(ctx context.Context, c *chunk) error {
	l := s.r.layout
	limit := s.r.src.cfg.ChunkSize
	var columns []int // of each value of a row: the declared ones, then the key
	for f := range l.fields {
		for i, have := range l.field {
			if have == f {
				columns = append(columns, i)
			}
		}
	}
	columns = append(columns, l.key...)
	expr := make([]string, len(columns))
	for i, col := range columns {
		expr[i] = l.columns[col].selectExpr()
	}
	keys := make([]string, len(l.key))
	for i, col := range l.key {
		keys[i] = quoteName(l.columns[col].name)
	}
	where := ""
	if s.key != nil {
		where = " WHERE " + l.after(s.key)
	}
	sql := fmt.Sprintf("SELECT %s FROM %s.%s%s ORDER BY %s LIMIT %d", strings.Join(expr, ", "),
		quoteName(s.r.src.cfg.Database), quoteName(s.r.src.cfg.Table), where, strings.Join(keys, ", "), limit)
	found := 0
	err := s.r.sql.query(ctx, sql, func(cells [][]byte) error {
		found++
		if c.rows.bytes >= maxChunkBytes {
			return nil // read and dropped: the next chunk begins here
		}
		return s.addRow(c, columns, cells)
	})
	c.all = err == nil && found < limit && c.rows.rows() == found
	return err
}

func (s *snapshot) addRow(c *chunk, columns []int, cells [][]byte) error {
	l := s.r.layout
	declared := len(l.fields)
	c.last.clear(len(l.key))
	for i, col := range columns {
		v := &s.r.dec.value
		column := &l.columns[col]
		err := column.parseText(cells[i], v)
		if err == nil && i < declared {
			err = c.rows.appenders[col](v)
		}
		if err != nil {
			return fmt.Errorf("row with key %s, column %s: %w", keyCells(cells[declared:]), column.describe(), err)
		}
		if i >= declared {
			c.last.set(i-declared, v)
		}
		c.rows.bytes += len(cells[i])
	}
	c.rows.kinds = append(c.rows.kinds, types.Insert)
	c.keys = c.last.encode(c.keys)
	c.ends = append(c.ends, len(c.keys))
	return nil
}

func keyCells(cells [][]byte) string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = strconv.Quote(string(c))
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// place takes in a change of the stream while the snapshot is under way.
func (s *snapshot) place(ctx context.Context, row *rowChange) error {
	if row.moved {
		gone, come := *row, *row
		gone.after, come.before = nil, nil
		gone.moved, come.moved = false, false
		if err := s.place(ctx, &gone); err != nil {
			return err
		}
		return s.place(ctx, &come)
	}
	spans := s.r.spansA
	if row.before == nil {
		spans = s.r.spansB
	}
	key := &s.r.keyA
	if err := row.t.key(&s.r.dec, spans, key); err != nil {
		return err
	}
	if s.key != nil {
		n, err := s.order.compare(ctx, row.t.layout, key, s.key)
		if err != nil {
			return err
		}
		if n <= 0 {
			return s.r.give(row)
		}
	}
	if s.chunk == nil {
		return nil
	}
	if !s.chunk.all {
		if s.chunk.rows.rows() == 0 {
			return nil
		}
		if n, err := s.order.compare(ctx, row.t.layout, key, &s.chunk.last); err != nil || n > 0 {
			return err
		}
	}
	return s.chunk.correct(s.r, row, key)
}

// correct replaces or removes a row of the chunk.
func (c *chunk) correct(r *reader, row *rowChange, key *rowKey) error {
	name := string(key.encode(nil))
	c.patch[name] = removed
	if row.after == nil {
		return nil
	}
	if err := c.patches.ensure(row.t.layout); err != nil {
		return err
	}
	if err := r.put(c.patches, row.t, row.after, row.afterColumns, types.Insert); err != nil {
		return err
	}
	c.patch[name] = c.patches.rows() - 1
	return nil
}

// finish gives the chunk out and moves the cursor.
func (s *snapshot) finish() error {
	c := s.chunk
	s.chunk = nil
	rows, err := c.corrected()
	if err != nil {
		return err
	}
	r := s.r
	if c.all {
		r.nap = nil
	} else {
		k := c.last.clone()
		s.key, s.text = &k, r.layout.keyText(&k)
	}
	if rows.NumRows() == 0 && !c.all {
		rows.Release()
		return nil
	}
	r.last, r.lastEmit = r.position(), time.Now()
	r.ready = append(r.ready, change.Batch{Rows: rows, Position: r.last.encode()})
	if c.all {
		r.dropSQL()
	}
	return nil
}

// corrected gives the rows of the chunk with the corrections in place, and
// frees the builders.
func (c *chunk) corrected() (arrow.RecordBatch, error) {
	defer c.rows.release()
	rows, _, _ := c.rows.take()
	defer c.patches.release()
	patches, _, _ := c.patches.take()
	defer patches.Release()
	if len(c.patch) == 0 {
		return rows, nil
	}
	defer rows.Release()
	var parts []arrow.RecordBatch
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	kept := 0 // first row of the run that stays as it is
	start := 0
	for i, end := range c.ends {
		if _, changed := c.patch[string(c.keys[start:end])]; changed {
			if kept < i {
				parts = append(parts, rows.NewSlice(int64(kept), int64(i)))
			}
			kept = i + 1
		}
		start = end
	}
	if kept < len(c.ends) {
		parts = append(parts, rows.NewSlice(int64(kept), int64(len(c.ends))))
	}
	for _, i := range c.patch {
		if i != removed {
			parts = append(parts, patches.NewSlice(int64(i), int64(i)+1))
		}
	}
	return columnar.Join(rows.Schema(), parts...)
}
