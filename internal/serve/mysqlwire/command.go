package mysqlwire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Commands of the protocol.
const (
	comQuit            = 0x01
	comInitDB          = 0x02
	comQuery           = 0x03
	comFieldList       = 0x04
	comStatistics      = 0x09
	comProcessKill     = 0x0c
	comPing            = 0x0e
	comChangeUser      = 0x11
	comStmtPrepare     = 0x16
	comStmtExecute     = 0x17
	comStmtSendLong    = 0x18
	comStmtClose       = 0x19
	comStmtReset       = 0x1a
	comSetOption       = 0x1b
	comResetConnection = 0x1f
)

// errNotLocal sends a statement that parseLocal took on to the Session.
var errNotLocal = errors.New("not a statement of the connection")

// command carries out one command. Errors of the command itself are sent to
// the client; what it returns ends the connection.
func (c *conn) command(payload []byte) error {
	if len(payload) == 0 {
		return c.writeError(c.ctx, Errorf(CodeMalformedPacket, "empty command"))
	}
	name, body := payload[0], payload[1:]
	switch name {
	case comQuit:
		c.quit = true
		return nil
	case comQuery:
		return c.query(string(body))
	case comStmtPrepare:
		return c.prepare(string(body))
	case comStmtExecute:
		return c.executePrepared(body)
	case comStmtSendLong:
		c.stmts.addLong(body) // has no reply; errors come with the execute
		return nil
	case comStmtClose:
		c.stmts.close(body) // has no reply
		return nil
	case comFieldList:
		return c.fieldList(body)
	case comChangeUser:
		return c.changeUser(body)
	case comStatistics:
		c.w.begin()
		c.w.out = fmt.Appendf(c.w.out, "Uptime: %s  Threads: %d  Questions: %d",
			seconds(time.Since(c.srv.started)), len(c.srv.snapshot()), c.srv.served.Load())
		return c.w.end()
	}
	return c.answer(c.simple(name, body))
}

// answer sends OK, or the error that a command ended with.
func (c *conn) answer(err error) error {
	if err != nil {
		return c.writeError(c.ctx, err)
	}
	return c.sendOK(0, false)
}

// simple carries out the commands whose reply is OK or an error.
func (c *conn) simple(name byte, body []byte) error {
	p := payloadReader{b: body}
	switch name {
	case comPing:
		return nil
	case comInitDB:
		ctx, done := c.startStatement("USE " + clip(string(body), 1024))
		defer done()
		return c.session.SetDatabase(ctx, string(body))
	case comProcessKill:
		id := p.uint(4)
		if p.bad {
			return malformed("COM_PROCESS_KILL")
		}
		c.quit = c.quit || id == uint64(c.id)
		return c.srv.kill(id, true, c)
	case comStmtReset:
		return c.stmts.reset(body)
	case comSetOption:
		option := p.uint(2)
		if p.bad || option > 1 {
			return malformed("COM_SET_OPTION")
		}
		c.caps &^= capMultiStatements
		if option == 0 {
			c.caps |= capMultiStatements
		}
		return nil
	case comResetConnection:
		return c.reset(c.user, c.session.Database())
	}
	return Errorf(CodeUnknownCommand, "command 0x%02x of the MySQL protocol is not supported", name)
}

func malformed(what string) error { return Errorf(CodeMalformedPacket, "malformed %s packet", what) }

// reset starts anew with a fresh session.
func (c *conn) reset(user, database string) error {
	c.stmts.closeAll()
	if err := c.closeSession(); err != nil {
		c.srv.report(c.id, err)
	}
	c.resetVariables()
	if err := c.openSession(user, database); err != nil {
		c.quit = true // there is no session to go on with
		return err
	}
	return nil
}

func (c *conn) changeUser(body []byte) error {
	reply, err := parseChangeUser(body, c.caps)
	if err == nil {
		err = c.authenticate(reply, true)
	}
	if err == nil {
		err = c.reset(reply.user, reply.database)
	}
	c.quit = c.quit || err != nil
	return c.answer(err)
}

// fieldList answers COM_FIELD_LIST, by which command-line clients learn the
// columns of each table for completion.
func (c *conn) fieldList(body []byte) error {
	p := payloadReader{b: body}
	table, pattern := p.nulString(), string(p.b)
	sql := "SELECT * FROM `" + strings.ReplaceAll(table, "`", "``") + "`"
	ctx, done := c.startStatement(sql)
	defer done()
	columns, _, err := c.session.Describe(ctx, sql)
	var types []wireType
	if err == nil {
		types, err = wireTypes(columns)
	}
	if err != nil {
		return c.writeError(ctx, err)
	}
	for i, col := range columns {
		if pattern != "" && !like(pattern, col.Name) {
			continue
		}
		col.Table = table
		if err := c.sendColumn(col, types[i], true); err != nil {
			return err
		}
	}
	return c.sendEOF(false)
}

// query answers COM_QUERY: the statements of sql one after another, up to the
// first that fails.
func (c *conn) query(sql string) error {
	st, rest := nextStatement(sql)
	if st.empty() {
		return c.writeError(c.ctx, Errorf(CodeEmptyQuery, "Query was empty"))
	}
	for !st.empty() {
		var following statement
		following, rest = nextStatement(rest)
		more := !following.empty()
		if more && c.caps&capMultiStatements == 0 {
			return c.writeError(c.ctx, Errorf(CodeSyntax,
				"more than one statement, at: %s (the client did not allow multiple statements: allowMultiQueries, multiStatements)",
				clip(strings.TrimSpace(following.text), 80)))
		}
		ok, err := c.execute(execution{statement: st, more: more})
		if err != nil || !ok || c.quit {
			return err
		}
		st = following
	}
	return nil
}

// execution is one statement to be run and answered.
type execution struct {
	statement
	local  local // known answer of this package, or nil
	params []any
	binary bool // rows in the form of COM_STMT_EXECUTE
	more   bool // another result follows
}

// execute runs a statement and sends its result or error. ok tells whether it
// succeeded; err ends the connection.
func (c *conn) execute(e execution) (ok bool, err error) {
	ctx, done := c.startStatement(e.text)
	defer done()
	start := time.Now()
	if e.local == nil {
		e.local = parseLocal(e.statement)
	}
	diagnostics := e.firstWord("SHOW") && len(e.tokens) > 1 &&
		(e.tokens[1].is("WARNINGS") || e.tokens[1].is("ERRORS") || e.tokens[1].is("COUNT"))
	if !diagnostics {
		c.warnings = nil
	}
	res, isLocal, stmtErr := c.start(ctx, e)
	var rows uint64
	if stmtErr == nil {
		rows, stmtErr = c.sendResult(ctx, res, e)
		if closeErr := res.Close(); stmtErr == nil && closeErr != nil {
			// The rows are on their way: too late to tell the client.
			c.srv.report(c.id, fmt.Errorf("close result of %q: %w", clip(e.text, 200), closeErr))
		}
	}
	c.event(e, QueryEvent{Start: start, Rows: rows, Local: isLocal, Err: stmtErr})
	var broken *connError
	switch {
	case errors.As(stmtErr, &broken):
		return false, stmtErr
	case stmtErr != nil:
		return false, c.writeError(ctx, stmtErr)
	}
	return true, nil
}

func (c *conn) start(ctx context.Context, e execution) (res Result, isLocal bool, err error) {
	if e.local != nil {
		res, err = e.local(ctx, c)
		if !errors.Is(err, errNotLocal) {
			return res, true, err
		}
	}
	res, err = c.session.Query(ctx, e.text, e.params)
	return res, false, err
}

func (c *conn) event(e execution, ev QueryEvent) {
	if c.srv.opts.OnQuery == nil {
		return
	}
	ev.Connection, ev.User, ev.Database = c.id, c.user, c.session.Database()
	ev.SQL, ev.Prepared, ev.Duration = e.text, e.binary, time.Since(ev.Start)
	c.srv.opts.OnQuery(ev)
}
