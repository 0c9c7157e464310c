package mysqlwire

import (
	"context"
	"encoding/binary"
	"strings"
)

const maxParams = 1<<16 - 1 // a count in two bytes

// prepared is a statement that the client named by a number.
type prepared struct {
	statement
	local  local
	params int
	types  []paramType    // of the last execute that sent types
	long   map[int][]byte // values sent ahead by COM_STMT_SEND_LONG_DATA
	failed error          // why long data was not kept; told at execute
	held   int64          // bytes taken from the budget for text and long data
}

// statements are the prepared statements of a connection.
type statements struct {
	limit  int
	budget *budget
	byID   map[uint32]*prepared
	lastID uint32
}

func (s *statements) add(p *prepared) (uint32, error) {
	if len(s.byID) >= s.limit {
		return 0, Errorf(CodeTooManyStatements, "this connection holds %d prepared statements already, which is the limit: close some", s.limit)
	}
	size := int64(len(p.text) + 64*len(p.tokens))
	if !s.budget.take(size) {
		return 0, Errorf(CodeOutOfResources, "clients hold more than %d bytes; try again later", s.budget.limit)
	}
	p.held = size
	if s.byID == nil {
		s.byID = map[uint32]*prepared{}
	}
	s.lastID++
	for s.lastID == 0 || s.byID[s.lastID] != nil {
		s.lastID++
	}
	s.byID[s.lastID] = p
	return s.lastID, nil
}

// get takes a statement's number off the packet and finds it.
func (s *statements) get(p *payloadReader, command string) (*prepared, error) {
	id := uint32(p.uint(4))
	if p.bad {
		return nil, malformed(command)
	}
	st := s.byID[id]
	if st == nil {
		return nil, Errorf(CodeUnknownStatement, "Unknown prepared statement handler (%d) given to %s", id, command)
	}
	return st, nil
}

// addLong keeps a piece of a parameter's value for the next execute.
func (s *statements) addLong(body []byte) {
	p := payloadReader{b: body}
	st, err := s.get(&p, "COM_STMT_SEND_LONG_DATA")
	if err != nil {
		return // nobody to tell
	}
	param := int(p.uint(2))
	switch {
	case st.failed != nil:
		return
	case p.bad || param >= st.params:
		st.failed = Errorf(CodeWrongParameters, "long data for parameter %d of a statement with %d", param+1, st.params)
		return
	case !s.budget.take(int64(len(p.b))):
		st.failed = Errorf(CodeOutOfResources, "long parameters of all clients hold more than %d bytes; try again later", s.budget.limit)
		return
	}
	st.held += int64(len(p.b))
	if st.long == nil {
		st.long = map[int][]byte{}
	}
	value := st.long[param]
	if value == nil {
		value = []byte{}
	}
	st.long[param] = append(value, p.b...)
}

// dropLong forgets the values sent ahead, as every execute does.
func (s *statements) dropLong(st *prepared) {
	for _, v := range st.long {
		s.budget.give(int64(len(v)))
		st.held -= int64(len(v))
	}
	st.long, st.failed = nil, nil
}

func (s *statements) reset(body []byte) error {
	p := payloadReader{b: body}
	st, err := s.get(&p, "COM_STMT_RESET")
	if err != nil {
		return err
	}
	s.dropLong(st)
	return nil
}

func (s *statements) close(body []byte) {
	p := payloadReader{b: body}
	id := uint32(p.uint(4))
	if st := s.byID[id]; st != nil && !p.bad {
		s.budget.give(st.held)
		delete(s.byID, id)
	}
}

func (s *statements) closeAll() {
	for _, st := range s.byID {
		s.budget.give(st.held)
	}
	s.byID = nil
}

// prepare answers COM_STMT_PREPARE.
func (c *conn) prepare(sql string) error {
	ctx, done := c.startStatement(sql)
	defer done()
	p, columns, types, err := c.describe(ctx, sql)
	var id uint32
	if err == nil {
		id, err = c.stmts.add(p)
	}
	if err != nil {
		return c.writeError(ctx, err)
	}
	c.w.begin()
	b := append(c.w.out, 0)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(columns)))
	b = binary.LittleEndian.AppendUint16(b, uint16(p.params))
	c.w.out = append(b, 0, 0, 0) // filler, warnings
	if err := c.w.end(); err != nil {
		return err
	}
	if p.params > 0 {
		for range p.params {
			if err := c.sendColumn(Column{Name: "?", Nullable: true}, paramWireType, false); err != nil {
				return err
			}
		}
		if err := c.sendEOF(false); err != nil {
			return err
		}
	}
	if len(columns) == 0 {
		return nil
	}
	return c.sendColumns(columns, types)
}

// describe reads a statement that is to be prepared. Its columns are unknown,
// which the protocol allows, when this package answers it.
func (c *conn) describe(ctx context.Context, sql string) (*prepared, []Column, []wireType, error) {
	st, rest := nextStatement(sql)
	if st.empty() {
		return nil, nil, nil, Errorf(CodeEmptyQuery, "Query was empty")
	}
	if following, _ := nextStatement(rest); !following.empty() {
		return nil, nil, nil, Errorf(CodeSyntax, "a prepared statement is one statement; more at: %s", clip(strings.TrimSpace(following.text), 80))
	}
	p := &prepared{statement: st, local: parseLocal(st)}
	if p.local != nil {
		return p, nil, nil, nil
	}
	columns, params, err := c.session.Describe(ctx, st.text)
	if err != nil {
		return nil, nil, nil, err
	}
	if params > maxParams || len(columns) > maxParams {
		return nil, nil, nil, Errorf(CodeNotSupported, "the statement has %d parameters and %d columns, the protocol allows %d of each", params, len(columns), maxParams)
	}
	p.params = params
	types, err := wireTypes(columns)
	return p, columns, types, err
}

// executePrepared answers COM_STMT_EXECUTE.
func (c *conn) executePrepared(body []byte) error {
	p := payloadReader{b: body}
	st, err := c.stmts.get(&p, "COM_STMT_EXECUTE")
	if err != nil {
		return c.writeError(c.ctx, err)
	}
	p.take(5) // cursor flags, which a server may ignore, and a count of 1
	var params []any
	if err = st.failed; err == nil && !p.bad {
		params, st.types, err = decodeParams(&p, st.params, st.types, st.long)
	}
	if p.bad && err == nil {
		err = malformed("COM_STMT_EXECUTE")
	}
	c.stmts.dropLong(st)
	if err != nil {
		return c.writeError(c.ctx, err)
	}
	_, err = c.execute(execution{statement: st.statement, local: st.local, params: params, binary: true})
	return err
}
