package mysqlcdc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// conn is one authenticated connection. The handshake is the library's; the
// packets after it are read here, because a reader needs three things that the
// library does not give: packets without a copy per row, whether more bytes
// wait already (to end a batch), and reads that stop with a context without
// tearing the stream.
type conn struct {
	nc      net.Conn
	r       *bufio.Reader
	version string

	// state of the packet being read, so that a read that timed out goes on
	peeked int    // bytes of the packet that lie in r, header included; dropped by the next read
	large  []byte // payload of a packet that does not fit r
	got    int    // bytes of large that have arrived
	last   bool   // the part being read is the packet's last
	closed atomic.Bool
}

const (
	bufferSize    = 256 << 10
	maxPart       = 1<<24 - 1 // payload of a packet that is continued by the next
	comQuery      = 0x03
	comBinlogDump = 0x12
	comDumpGTID   = 0x1e
)

// serverError is an error packet of the server.
type serverError struct {
	code    uint16
	state   string
	message string
}

func (e *serverError) Error() string {
	return fmt.Sprintf("error %d (%s): %s", e.code, e.state, e.message)
}

// dial connects and authenticates; its errors do not hold the password.
func dial(ctx context.Context, cfg Config) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	vc, err := mysql.Connect(ctx, &mysql.ConnParams{
		Host: cfg.Hostname, Port: cfg.Port, Uname: cfg.Username, Pass: string(cfg.Password),
		Charset: "utf8mb4", DisableClientDeprecateEOF: true,
	})
	if err != nil {
		return nil, err
	}
	c := &conn{nc: vc.Conn, r: bufio.NewReaderSize(vc.Conn, bufferSize), version: vc.ServerVersion}
	// The settings make text exact: UTF-8, TIMESTAMP in UTC, CHAR unpadded.
	err = c.exec(ctx, "SET NAMES utf8mb4")
	if err == nil {
		err = c.exec(ctx, "SET SESSION time_zone = '+00:00', sql_mode = '', autocommit = 1, wait_timeout = 2147483, net_write_timeout = 600")
	}
	if err == nil {
		err = c.exec(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) mariadb() bool { return strings.Contains(strings.ToLower(c.version), "mariadb") }

// close ends the connection; a read under way fails. It may be called twice.
func (c *conn) close() {
	if c != nil && !c.closed.Swap(true) {
		_ = c.nc.Close()
	}
}

// during runs f such that reads and writes in it stop when ctx ends or, if
// idle > 0, when nothing arrives within idle of the start of f. After ctx has
// ended, f may be run again and goes on where the packet stream stood.
func (c *conn) during(ctx context.Context, idle time.Duration, f func() error) error {
	deadline := time.Time{}
	if idle > 0 {
		deadline = time.Now().Add(idle)
	}
	if err := c.nc.SetDeadline(deadline); err != nil {
		return err
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.nc.SetDeadline(time.Unix(1, 0))
		close(fired)
	})
	err := f()
	if !stop() {
		<-fired
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}

// buffered reports whether bytes of a further packet have arrived.
func (c *conn) buffered() bool { return c.r.Buffered() > c.peeked }

// readPacket gives the payload of the next packet, valid until the next call.
// When it fails for a deadline, the next call goes on with the same packet.
func (c *conn) readPacket() ([]byte, error) {
	if c.peeked > 0 {
		_, _ = c.r.Discard(c.peeked)
		c.peeked = 0
	}
	for {
		if c.large != nil {
			if err := c.fillLarge(); err != nil {
				return nil, err
			}
			if c.last {
				out := c.large
				c.large, c.got = nil, 0
				return out, nil
			}
		}
		head, err := c.r.Peek(4)
		if err != nil {
			return nil, endOfStream(err)
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if c.large == nil && n+4 <= bufferSize {
			whole, err := c.r.Peek(n + 4)
			if err != nil {
				return nil, endOfStream(err)
			}
			c.peeked = n + 4
			return whole[4:], nil
		}
		c.last = n < maxPart
		_, _ = c.r.Discard(4)
		c.large = append(c.large, make([]byte, n)...)
	}
}

func (c *conn) fillLarge() error {
	for c.got < len(c.large) {
		n, err := c.r.Read(c.large[c.got:])
		c.got += n
		if err != nil {
			return endOfStream(err)
		}
	}
	return nil
}

func endOfStream(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// command sends a command packet.
func (c *conn) command(payload []byte) error {
	if len(payload) >= maxPart {
		return fmt.Errorf("send command: %d bytes are too many", len(payload))
	}
	p := make([]byte, 4, 4+len(payload))
	p[0], p[1], p[2] = byte(len(payload)), byte(len(payload)>>8), byte(len(payload)>>16)
	_, err := c.nc.Write(append(p, payload...))
	return err
}

// exec runs a statement and drops its rows.
func (c *conn) exec(ctx context.Context, sql string) error {
	return c.query(ctx, sql, func([][]byte) error { return nil })
}

// query runs a statement in the text protocol and gives each row to f; a nil
// cell is NULL; cells are valid until f returns. After an error that is not a
// serverError the connection is of no use.
func (c *conn) query(ctx context.Context, sql string, f func(cells [][]byte) error) error {
	err := c.during(ctx, 0, func() error {
		if err := c.command(append([]byte{comQuery}, sql...)); err != nil {
			return err
		}
		return c.readResult(f)
	})
	var se *serverError
	if err != nil && !errors.As(err, &se) {
		c.close()
	}
	return err
}

func (c *conn) readResult(f func(cells [][]byte) error) error {
	p, err := c.readPacket()
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return errors.New("read result: empty packet")
	}
	switch p[0] {
	case 0x00:
		return nil
	case 0xff:
		return parseServerError(p)
	case 0xfb:
		return errors.New("read result: the server asks for a local file: refused")
	}
	columns, _, ok := lenencInt(p)
	if !ok || columns > 4096 {
		return errors.New("read result: malformed column count")
	}
	for range int(columns) + 1 { // definitions and the packet that ends them
		if _, err := c.readPacket(); err != nil {
			return err
		}
	}
	cells := make([][]byte, columns)
	for {
		p, err := c.readPacket()
		if err != nil {
			return err
		}
		if len(p) > 0 && p[0] == 0xff {
			return parseServerError(p)
		}
		if len(p) > 0 && p[0] == 0xfe && len(p) < 9 {
			return nil
		}
		if err := splitRow(p, cells); err != nil {
			return err
		}
		if err := f(cells); err != nil {
			return err
		}
	}
}

func splitRow(p []byte, cells [][]byte) error {
	for i := range cells {
		if len(p) > 0 && p[0] == 0xfb {
			cells[i], p = nil, p[1:]
			continue
		}
		n, rest, ok := lenencInt(p)
		if !ok || n > uint64(len(rest)) {
			return errors.New("read result: malformed row")
		}
		cells[i], p = rest[:n:n], rest[n:]
	}
	return nil
}

// lenencInt reads a length-encoded integer.
func lenencInt(p []byte) (uint64, []byte, bool) {
	if len(p) == 0 {
		return 0, nil, false
	}
	if p[0] < 0xfb {
		return uint64(p[0]), p[1:], true
	}
	n := 0
	switch p[0] {
	case 0xfc:
		n = 2
	case 0xfd:
		n = 3
	case 0xfe:
		n = 8
	}
	if n == 0 || len(p) < 1+n {
		return 0, nil, false
	}
	var b [8]byte
	copy(b[:], p[1:1+n])
	return binary.LittleEndian.Uint64(b[:]), p[1+n:], true
}

func parseServerError(p []byte) error {
	e := &serverError{state: "HY000"}
	if len(p) < 3 {
		return errors.New("malformed error packet")
	}
	e.code = binary.LittleEndian.Uint16(p[1:])
	p = p[3:]
	if len(p) >= 6 && p[0] == '#' {
		e.state, p = string(p[1:6]), p[6:]
	}
	e.message = strings.ToValidUTF8(string(p), "?")
	return e
}

// row runs a query of at most one row and copies its cells, nil for NULL; it
// gives nil when there is no row.
func (c *conn) row(ctx context.Context, sql string) ([]*string, error) {
	var out []*string
	err := c.query(ctx, sql, func(cells [][]byte) error {
		if out == nil {
			out = copyCells(cells)
		}
		return nil
	})
	return out, err
}

// rows runs a query and copies all its rows: for small results.
func (c *conn) rows(ctx context.Context, sql string) ([][]*string, error) {
	var out [][]*string
	err := c.query(ctx, sql, func(cells [][]byte) error {
		out = append(out, copyCells(cells))
		return nil
	})
	return out, err
}

func copyCells(cells [][]byte) []*string {
	out := make([]*string, len(cells))
	for i, b := range cells {
		if b != nil {
			s := string(b)
			out[i] = &s
		}
	}
	return out
}

// dump asks for the binlog from a file and offset. flags are 0: the server
// waits for new events at the end.
func (c *conn) dump(serverID uint32, file string, pos uint32) error {
	p := []byte{comBinlogDump}
	p = binary.LittleEndian.AppendUint32(p, pos)
	p = binary.LittleEndian.AppendUint16(p, 0)
	p = binary.LittleEndian.AppendUint32(p, serverID)
	return c.command(append(p, file...))
}

// dumpGTID asks a MySQL server for the transactions that are not in a set.
func (c *conn) dumpGTID(serverID uint32, set []byte) error {
	const throughGTID = 4
	p := []byte{comDumpGTID}
	p = binary.LittleEndian.AppendUint16(p, throughGTID)
	p = binary.LittleEndian.AppendUint32(p, serverID)
	p = binary.LittleEndian.AppendUint32(p, 0) // length of the file name
	p = binary.LittleEndian.AppendUint64(p, 4)
	p = binary.LittleEndian.AppendUint32(p, uint32(len(set)))
	return c.command(append(p, set...))
}

// lost reports whether err is a transient loss of the server, so that
// connecting again can help.
func lost(err error) bool {
	var se *serverError
	if errors.As(err, &se) {
		return transientCode(int(se.code))
	}
	var ve *mysql.SQLError
	if errors.As(err, &ve) {
		return transientCode(ve.Num)
	}
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errDumpEnded) ||
		errors.Is(err, context.DeadlineExceeded)
}

// errDumpEnded says that the server ended the binlog stream, as it does when it
// shuts down or when another replica connects with the same server id.
var errDumpEnded = errors.New("the server ended the binlog stream")

func transientCode(code int) bool {
	switch code {
	case 1040, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2055, 3168, 4031:
		return true
	}
	return false
}
