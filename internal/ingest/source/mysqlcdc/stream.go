package mysqlcdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dolthub/vitess/go/mysql"

	"github.com/tarndb/tarn/paimon/errs"
)

// stream reads the binlog and keeps the books of transactions: at and gtid are
// always the last boundary between two transactions, and seen counts the
// table's row changes since then.
type stream struct {
	src   *mysqlSource
	c     *conn
	maria bool
	f     format

	at     fileOffset
	gtid   gtidState
	state  groupState
	seen   int       // row changes of the table in the open transaction
	skip   int       // of them, those that an earlier reader has given out
	commit time.Time // of the open transaction

	// committed is the end of the last transaction; until one has been read,
	// the place where the stream began, which need not be the end of one.
	committed fileOffset
	began     bool // a transaction has been read

	mariaNext mariaGTID // of the open transaction
	sidNext   [16]byte
	gnoNext   int64
	hasGTID   bool
	inner     []byte // events of a compressed transaction that are still to be read
	innerEnd  uint32
	tables    map[uint64]*boundTable // nil entry: another table
}

// groupState is where the stream is between two boundaries.
type groupState uint8

const (
	between    groupState = iota // at a boundary
	announced                    // a GTID came; a BEGIN or a single statement follows
	standalone                   // a GTID came; a single statement follows (MariaDB)
	inGroup                      // rows follow, up to a commit
)

// item is what one event means for the reader.
type item struct {
	rows *rowsEvent
	bind *tableMap // a table map of the source table that has no binding yet
	stmt statement // of a query event
	sql  string
	tbl  *boundTable
}

// openStream starts to read the binlog at p, as a replica of the given id.
func (s *mysqlSource) openStream(ctx context.Context, p position, id *serverID) (*stream, error) {
	c, err := dial(ctx, s.cfg)
	if err != nil {
		return nil, explain(s.cfg, "connect to the binlog", err)
	}
	st := &stream{src: s, c: c, maria: c.mariadb(), at: fileOffset{p.File, p.Pos}, committed: fileOffset{p.File, p.Pos}, skip: p.Skip, tables: map[uint64]*boundTable{}}
	if st.gtid, err = parseGTID(p.GTID, st.maria); err == nil {
		err = st.start(ctx, id)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return st, nil
}

// serverHeartbeat is how often an idle server says where it is.
func (s *mysqlSource) serverHeartbeat() time.Duration {
	return min(s.cfg.Heartbeat, 500*time.Millisecond)
}

func (st *stream) start(ctx context.Context, id *serverID) error {
	settings := []string{
		"SET @master_binlog_checksum = @@global.binlog_checksum",
		fmt.Sprintf("SET @master_heartbeat_period = %d", st.src.serverHeartbeat().Nanoseconds()),
	}
	if st.maria {
		settings = append(settings, "SET @mariadb_slave_capability = 4")
		if st.gtid.known() {
			settings = append(settings, "SET @slave_connect_state = "+quoteText(st.gtid.String()), "SET @slave_gtid_strict_mode = 0", "SET @slave_gtid_ignore_duplicates = 0")
		}
	} else {
		settings = append(settings,
			"SET @source_binlog_checksum = @@global.binlog_checksum",
			fmt.Sprintf("SET @source_heartbeat_period = %d", st.src.serverHeartbeat().Nanoseconds()),
			"SET @slave_uuid = UUID()")
	}
	for _, sql := range settings {
		if err := st.c.exec(ctx, sql); err != nil {
			return explain(st.src.cfg, "prepare the binlog stream", err)
		}
	}
	replica, err := id.take(ctx, st.c, st.src.cfg)
	if err != nil {
		return err
	}
	// The first event, a rotate, comes before the description of the format.
	row, err := st.c.row(ctx, "SELECT @master_binlog_checksum")
	if err != nil {
		return explain(st.src.cfg, "prepare the binlog stream", err)
	}
	st.f.checksum = textOr(row[0], "NONE") == "CRC32"
	return st.c.during(ctx, st.src.cfg.ConnectTimeout, func() error {
		switch {
		case st.maria && st.gtid.known():
			return st.c.dump(replica, "", 4)
		case st.gtid.set != nil:
			return st.c.dumpGTID(replica, st.gtid.set.(mysql.Mysql56GTIDSet).SIDBlock())
		case st.at.pos > 1<<32-1:
			return errs.Unsupported("start at %s: the protocol has no offsets above 4 GiB; start from a GTID", st.at)
		}
		return st.c.dump(replica, st.at.file, uint32(st.at.pos))
	})
}

// atBoundary reports whether the stream stands between transactions.
func (st *stream) atBoundary() bool { return st.state == between }

// buffered reports whether more events can be read without waiting.
func (st *stream) buffered() bool { return len(st.inner) > 0 || st.c.buffered() }

// position is where a batch that ends here resumes.
func (st *stream) position() position {
	p := position{File: st.at.file, Pos: st.at.pos, GTID: st.gtid.String()}
	if !st.atBoundary() {
		p.Skip = max(st.seen, st.skip)
	} else {
		p.Skip = st.skip // not used up yet
	}
	return p
}

// read reads one event. It is called under conn.during.
func (st *stream) read() (item, error) {
	e, err := st.nextEvent()
	if err != nil {
		return item{}, err
	}
	it, err := st.handle(e)
	if err != nil {
		return item{}, fmt.Errorf("binlog event after %s: %w", st.at, err)
	}
	return it, nil
}

func (st *stream) nextEvent() (event, error) {
	if len(st.inner) > 0 {
		return st.nextInner()
	}
	p, err := st.c.readPacket()
	if err != nil {
		return event{}, err
	}
	if len(p) == 0 {
		return event{}, errEvent
	}
	switch p[0] {
	case 0x00:
		return st.f.parse(p[1:])
	case 0xff:
		return event{}, explain(st.src.cfg, "read the binlog", parseServerError(p))
	case 0xfe:
		return event{}, errDumpEnded
	}
	return event{}, fmt.Errorf("%w: packet starts with %#x", errEvent, p[0])
}

// nextInner takes an event out of a compressed transaction; such events have
// no checksum, and end where the whole transaction does.
func (st *stream) nextInner() (event, error) {
	if len(st.inner) < eventHeader {
		return event{}, fmt.Errorf("%w: inside a compressed transaction", errEvent)
	}
	size := binary.LittleEndian.Uint32(st.inner[9:])
	if size < eventHeader || uint64(size) > uint64(len(st.inner)) {
		return event{}, fmt.Errorf("%w: inside a compressed transaction", errEvent)
	}
	plain := format{postHeaders: st.f.postHeaders}
	e, err := plain.parse(st.inner[:size])
	st.inner, e.end = st.inner[size:], st.innerEnd
	return e, err
}

func (st *stream) handle(e event) (item, error) {
	switch e.typ {
	case evFormat:
		return item{}, st.onFormat(e)
	case evRotate:
		return item{}, st.onRotate(e)
	case evHeartbeat:
		if st.atBoundary() && len(e.body) > 0 {
			st.advance(fileOffset{string(e.body), uint64(e.end)})
		}
		return item{}, nil
	case evMariaGTID, evGTID, evAnonymousGTID:
		return item{}, st.onGTID(e)
	case evGTIDTagged:
		return item{}, errs.Unsupported("tagged GTIDs are not supported: start from a file and offset on a server without GTID tags")
	case evQuery, evQueryComp:
		return st.onQuery(e)
	case evXID:
		return item{}, st.end(e)
	case evXAPrepare:
		if st.seen > 0 {
			return item{}, errs.Unsupported("the table was changed in an XA transaction, whose outcome the binlog tells only later: not supported")
		}
		return item{}, st.end(e)
	case evIncident:
		return item{}, errs.Kinded(errs.ErrCorrupt, "the server lost events (incident): start from a new snapshot")
	case evTableMap:
		return st.onTableMap(e)
	case evPayload:
		inner, err := payloadEvents(e.body)
		st.inner, st.innerEnd = inner, e.end
		return item{}, err
	}
	if _, _, _, _, ok := rowsKind(e.typ); ok || e.typ == evPartialUpdate || e.typ >= evWriteV0 && e.typ <= evDeleteV0 {
		return st.onRows(e)
	}
	if st.atBoundary() && e.end != 0 && e.flags&flagArtificial == 0 {
		st.advance(fileOffset{st.at.file, uint64(e.end)})
	}
	return item{}, nil
}

// advance moves the boundary on; made-up events may repeat an older place.
func (st *stream) advance(to fileOffset) {
	if st.at.before(to) {
		st.at = to
	}
}

func (st *stream) onFormat(e event) error {
	f, err := parseFormat(e.body)
	if err != nil {
		return err
	}
	st.f = f
	clear(st.tables) // ids start anew
	return nil
}

func (st *stream) onRotate(e event) error {
	if len(e.body) < 8 {
		return fmt.Errorf("%w: rotate", errEvent)
	}
	to := fileOffset{string(e.body[8:]), binary.LittleEndian.Uint64(e.body)}
	if !st.atBoundary() {
		if st.seen > 0 {
			return errs.Kinded(errs.ErrCorrupt, "the binlog file ends inside a transaction, as after a crash of the server: start from a new snapshot")
		}
		st.state = between
	}
	// The stream begins with a made-up rotate; by GTID it names the start of
	// the file, which is behind the offset that the position has.
	if to.file != st.at.file || st.at.pos < to.pos {
		st.at = to
	}
	return nil
}

func (st *stream) onGTID(e event) error {
	st.seen, st.hasGTID = 0, true
	st.commit = time.Unix(int64(e.timestamp), 0)
	b := e.body
	if e.typ == evMariaGTID {
		if len(b) < 13 {
			return fmt.Errorf("%w: GTID", errEvent)
		}
		const isStandalone = 1
		st.mariaNext = mariaGTID{sequence: binary.LittleEndian.Uint64(b), domain: binary.LittleEndian.Uint32(b[8:]), server: e.serverID}
		if st.state = inGroup; b[12]&isStandalone != 0 {
			st.state = standalone
		}
		return nil
	}
	if len(b) < 25 {
		return fmt.Errorf("%w: GTID", errEvent)
	}
	st.state, st.hasGTID = announced, e.typ == evGTID
	copy(st.sidNext[:], b[1:17])
	st.gnoNext = int64(binary.LittleEndian.Uint64(b[17:]))
	const commitTime = 25 + 1 + 16 // after the logical clock
	if len(b) >= commitTime+7 {
		const otherTime = 1 << 55 // a second timestamp follows
		st.commit = time.UnixMicro(int64(littleEndian(b[commitTime:commitTime+7]) &^ otherTime))
	}
	return nil
}

func (st *stream) onQuery(e event) (item, error) {
	b := e.body
	if e.typ == evQueryComp {
		var err error
		if b, err = decompressQuery(b); err != nil {
			return item{}, err
		}
	}
	db, sql, err := parseQuery(b)
	if err != nil {
		return item{}, err
	}
	cfg := st.src.cfg
	it := item{stmt: classify(sql, db, cfg.Database, cfg.Table), sql: sql}
	switch it.stmt {
	case stmtBegin:
		if st.state == between {
			st.seen, st.hasGTID, st.commit = 0, false, time.Unix(int64(e.timestamp), 0)
		}
		st.state = inGroup
		return it, nil
	case stmtEnd:
		if words(sql)[0].upper() == "ROLLBACK" && st.seen > 0 {
			return it, errs.Unsupported("a transaction with changes of the table was rolled back after it was logged: start from a new snapshot")
		}
		return it, st.end(e)
	}
	if st.state != inGroup {
		err = st.end(e)
	}
	return it, err
}

// end closes a transaction or a single statement: the next boundary.
func (st *stream) end(e event) error {
	if st.skip > st.seen {
		return errs.Kinded(errs.ErrCorrupt, "the transaction has %d changes of the table, the position says that %d were read: the binlog is not the one of the position; start from a new snapshot", st.seen, st.skip)
	}
	if st.hasGTID {
		if st.maria {
			st.gtid.addMaria(st.mariaNext)
		} else {
			st.gtid.addMySQL(st.sidNext, st.gnoNext)
		}
	}
	if e.end != 0 {
		st.advance(fileOffset{st.at.file, uint64(e.end)})
	}
	st.state, st.seen, st.skip, st.hasGTID = between, 0, 0, false
	st.committed, st.began = st.at, true
	return nil
}

func (st *stream) onTableMap(e event) (item, error) {
	id, _, err := st.f.tableID(e)
	if err != nil {
		return item{}, err
	}
	if _, known := st.tables[id]; known {
		return item{}, nil
	}
	m, err := st.f.parseTableMap(e)
	if err != nil {
		return item{}, err
	}
	if !sameName(m.database, st.src.cfg.Database) || !sameName(m.table, st.src.cfg.Table) {
		if len(st.tables) < 1<<16 {
			st.tables[id] = nil
		}
		return item{}, nil
	}
	return item{bind: m}, nil
}

// forgetTables makes table maps be bound anew, after the schema changed.
func (st *stream) forgetTables() { clear(st.tables) }

func (st *stream) onRows(e event) (item, error) {
	id, _, err := st.f.tableID(e)
	if err != nil {
		return item{}, err
	}
	t := st.tables[id]
	if t == nil {
		return item{}, nil
	}
	if _, _, _, _, ok := rowsKind(e.typ); !ok {
		return item{}, errs.Unsupported("the table has row events of type %d (partial JSON updates, or a server older than 5.1.18): set binlog_row_value_options='' on the server", e.typ)
	}
	rows, err := st.f.parseRows(e)
	if err != nil {
		return item{}, err
	}
	if rows.columns != len(t.types) {
		return item{}, fmt.Errorf("%w: rows of %d columns for a table map of %d", errEvent, rows.columns, len(t.types))
	}
	return item{rows: &rows, tbl: t}, nil
}

// isLost is lost, for the errors of a stream.
func isLost(err error) bool {
	return lost(err) && !errors.Is(err, errs.ErrCorrupt) || errors.Is(err, io.ErrClosedPipe)
}
