package mysqlwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// Status flags of the protocol.
const (
	statusInTransaction uint16 = 1
	statusAutocommit    uint16 = 2
	statusMoreResults   uint16 = 8
)

type warning struct {
	level   string
	code    uint16
	message string
}

// message is a packet that the reader goroutine hands over.
type message struct {
	payload []byte // valid until the next one is asked for
	seq     byte
	err     error
}

// conn is one client. All fields but those under mu belong to the goroutine of
// run; raw may be closed by anyone.
type conn struct {
	srv  *Server
	id   uint32
	raw  net.Conn // the socket itself
	nc   net.Conn // raw, or TLS over it
	r    *packetReader
	w    *packetWriter
	salt []byte

	ctx      context.Context // ends with the connection
	caps     uint32
	user     string
	session  Session
	vars     sessionVariables
	status   uint16
	warnings []warning
	dirty    bool          // rows changed since a transaction began
	idle     time.Duration // longest wait for a command
	quit     bool          // the client said good-bye, or killed itself
	stmts    statements

	reading  bool          // the reader goroutine owns the socket's read side
	ready    chan struct{} // a token lets the reader take the next payload
	messages chan message

	mu   sync.Mutex
	proc process
	stop context.CancelCauseFunc // of the running statement, or nil
}

// process is what SHOW PROCESSLIST tells of a connection.
type process struct {
	user, database, command, sql string
	since                        time.Time
}

func newConn(s *Server, id uint32, nc net.Conn) *conn {
	c := &conn{
		srv: s, id: id, raw: nc, salt: newSalt(), status: statusAutocommit,
		ready: make(chan struct{}, 1), messages: make(chan message),
		proc: process{command: "Connect", since: time.Now()},
	}
	c.w = &packetWriter{timeout: s.opts.HandshakeTimeout}
	c.setTransport(nc)
	c.stmts.limit = s.opts.MaxStatements
	c.stmts.budget = &s.budget
	c.resetVariables()
	c.w.timeout = s.opts.HandshakeTimeout
	return c
}

func (c *conn) setTransport(nc net.Conn) {
	c.nc, c.w.conn = nc, nc
	c.r = newPacketReader(nc, maxFirstReply, &c.srv.budget)
}

// run serves the client until it leaves, is killed, or ctx ends. It returns
// what neither side expected.
func (c *conn) run(ctx context.Context) (err error) {
	var cancel context.CancelCauseFunc
	c.ctx, cancel = context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in connection %d: %v\n%s", c.id, p, debug.Stack())
		}
		cancel(errClientGone)
		c.raw.Close()
		reader.Wait()
		c.r.trim(0)
		c.stmts.closeAll()
		if closeErr := c.closeSession(); err == nil {
			err = closeErr
		}
	}()
	// Ends the wait for a client's bytes; statements watch the context.
	defer context.AfterFunc(c.ctx, func() { _ = c.raw.SetReadDeadline(time.Unix(1, 0)) })()

	if err := c.handshake(); err != nil {
		return c.refuse(err)
	}
	if err := c.sendOK(0, false); err != nil {
		return err
	}
	if err := c.w.flush(); err != nil {
		return err
	}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.applyVariables()
	c.r.limit = c.srv.opts.MaxPacket
	c.reading = true
	reader.Go(func() { c.readLoop(cancel) })
	return c.commandLoop()
}

// refuse tells a client why it may not come in.
func (c *conn) refuse(err error) error {
	var broken *connError
	if errors.As(err, &broken) {
		if errors.Is(err, io.EOF) || c.ctx.Err() != nil {
			return nil // a port scan, or a client that changed its mind
		}
		return fmt.Errorf("handshake with %s: %w", c.raw.RemoteAddr(), err)
	}
	_ = c.writeError(c.ctx, err)
	_ = c.w.flush()
	return fmt.Errorf("handshake with %s: %w", c.raw.RemoteAddr(), err)
}

// readLoop waits for packets. It reads a header ahead, even while a command
// runs, to notice a client that left; the payload waits for ready, so that one
// buffer is enough and a client cannot queue commands in memory.
func (c *conn) readLoop(cancel context.CancelCauseFunc) {
	defer close(c.messages)
	for {
		n, err := c.r.header()
		if err != nil {
			cancel(errClientGone)
			return
		}
		select {
		case <-c.ready:
		case <-c.ctx.Done():
			return
		}
		limit := c.srv.opts.ReadTimeout + time.Duration(min(n, c.r.limit)/bytesPerSec)*time.Second
		_ = c.nc.SetReadDeadline(time.Now().Add(limit))
		var m message
		m.payload, m.err = c.r.payload(n)
		m.seq = c.r.seq
		_ = c.nc.SetReadDeadline(time.Time{})
		select {
		case c.messages <- m:
		case <-c.ctx.Done():
			return
		}
		if m.err != nil {
			return
		}
	}
}

// receive waits for the next packet. A nil payload without error means that
// the client left or the connection is to end.
func (c *conn) receive() ([]byte, error) {
	c.r.trim(keepBuffer)
	_ = c.nc.SetReadDeadline(time.Now().Add(c.idle))
	if c.ctx.Err() != nil {
		return nil, nil
	}
	c.ready <- struct{}{}
	m, ok := <-c.messages
	if !ok {
		return nil, nil
	}
	c.w.seq = m.seq
	if m.payload == nil && m.err == nil {
		m.payload = []byte{}
	}
	return m.payload, m.err
}

// readReply waits for the client's answer in the middle of an exchange.
func (c *conn) readReply() ([]byte, error) {
	if !c.reading {
		return c.readDirect()
	}
	if err := c.w.flush(); err != nil {
		return nil, err
	}
	payload, err := c.receive()
	if err == nil && payload == nil {
		err = &connError{errClientGone}
	}
	return payload, err
}

func (c *conn) commandLoop() error {
	for !c.quit {
		c.setProcess("Sleep", "")
		payload, err := c.receive()
		var coded *Error
		switch {
		case errors.As(err, &coded): // too large, out of order, out of memory
			_ = c.writeError(c.ctx, err)
			_ = c.w.flush()
			return fmt.Errorf("command of %s: %w", c.raw.RemoteAddr(), err)
		case err != nil || payload == nil:
			return nil
		}
		if err := c.command(payload); err != nil {
			if c.ctx.Err() != nil {
				return nil // expected: it left, was killed, or the server stops
			}
			return err
		}
		if err := c.w.flush(); err != nil {
			return err
		}
	}
	return nil
}

// openSession makes the session of a user who was let in.
func (c *conn) openSession(user, database string) error {
	session, err := c.srv.backend.NewSession(c.ctx, user, database)
	if err != nil {
		return err
	}
	c.session = session
	c.mu.Lock()
	c.user, c.proc.user = user, user
	c.mu.Unlock()
	c.setProcess("Sleep", "")
	return nil
}

func (c *conn) closeSession() error {
	if c.session == nil {
		return nil
	}
	session := c.session
	c.session = nil
	if err := session.Close(); err != nil {
		return fmt.Errorf("close session of connection %d: %w", c.id, err)
	}
	return nil
}

// resetVariables forgets what the client set.
func (c *conn) resetVariables() {
	c.vars = sessionVariables{defaults: c.srv.variables, zone: c.srv.opts.TimeZone}
	c.endTransaction()
	c.warnings = nil
	c.applyVariables()
}

func (c *conn) endTransaction() {
	c.status &^= statusInTransaction
	c.dirty = false
}

// startStatement gives the context that one statement runs in, and a function
// that must be called after it.
func (c *conn) startStatement(sql string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(c.ctx)
	release := func() {}
	if limit := c.vars.queryTimeout(c.srv.opts.QueryTimeout); limit > 0 {
		ctx, release = context.WithTimeoutCause(ctx, limit, errTimedOut)
	}
	c.setProcess("Query", sql)
	c.mu.Lock()
	c.stop = cancel
	c.mu.Unlock()
	c.srv.served.Add(1)
	return ctx, func() {
		c.mu.Lock()
		c.stop = nil
		c.mu.Unlock()
		release()
		cancel(nil)
	}
}

func (c *conn) setProcess(command, sql string) {
	database := ""
	if c.session != nil {
		database = c.session.Database()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proc.command, c.proc.sql, c.proc.since, c.proc.database = command, clip(sql, 4096), time.Now(), database
}

func (c *conn) process() process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc
}

func (c *conn) owner() string { return c.process().user }

// cancelQuery ends the running statement, if there is one.
func (c *conn) cancelQuery(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop(cause)
	}
}

// cut ends the connection, whatever it does.
func (c *conn) cut() { c.raw.Close() }

func (c *conn) host() string { return hostOf(c.raw.RemoteAddr()) }

func (c *conn) cipher() string {
	if secure, ok := c.nc.(*tls.Conn); ok {
		return tls.CipherSuiteName(secure.ConnectionState().CipherSuite)
	}
	return ""
}
