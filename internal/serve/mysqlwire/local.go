package mysqlwire

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// local is a statement that this package answers itself: it is about the
// connection, not about data.
type local func(ctx context.Context, c *conn) (Result, error)

// parseLocal reads a statement as session chatter, or returns nil when it is
// for the Session.
func parseLocal(st statement) local {
	if st.long || st.empty() {
		return nil
	}
	s := &scanner{text: st.text, tokens: st.tokens}
	switch {
	case s.accept("SELECT"):
		return parseSelect(s)
	case s.accept("SET"):
		return parseSet(s)
	case s.accept("SHOW"):
		return parseShow(s)
	case s.accept("KILL"):
		return parseKill(s)
	}
	return parseTransaction(s)
}

// scanner walks over the tokens of a statement.
type scanner struct {
	text   string
	tokens []token
	i      int
}

func (s *scanner) peek() token {
	if s.i < len(s.tokens) {
		return s.tokens[s.i]
	}
	return token{kind: tokenEnd, pos: len(s.text)}
}

func (s *scanner) next() token {
	t := s.peek()
	s.i++
	return t
}

func (s *scanner) end() bool { return s.i >= len(s.tokens) }

// accept passes the words when all of them follow.
func (s *scanner) accept(words ...string) bool {
	if s.i > len(s.tokens) || !startsWith(s.tokens[s.i:], words...) {
		return false
	}
	s.i += len(words)
	return true
}

// acceptAny passes one of the words.
func (s *scanner) acceptAny(words ...string) bool {
	for _, w := range words {
		if s.accept(w) {
			return true
		}
	}
	return false
}

// cell is one value of a local answer.
type cell struct {
	text    string
	null    bool
	integer bool
}

func textCell(s string) cell { return cell{text: s} }
func intCell[T int | uint16 | uint32 | int64 | uint64](n T) cell {
	return cell{text: strconv.FormatUint(uint64(n), 10), integer: true}
}

// localResult is an answer that lies in memory; these are short.
type localResult struct {
	columns []Column
	batch   arrow.RecordBatch // nil after it was taken
}

var nothing = &localResult{}

// newLocalResult makes a column an integer when all its values are.
func newLocalResult(names []string, rows [][]cell) *localResult {
	res := &localResult{columns: make([]Column, len(names))}
	fields := make([]arrow.Field, len(names))
	arrays := make([]arrow.Array, len(names))
	for i, name := range names {
		arrays[i] = buildColumn(rows, i)
		defer arrays[i].Release()
		res.columns[i] = Column{Name: name, Type: arrays[i].DataType(), Nullable: arrays[i].NullN() > 0}
		fields[i] = arrow.Field{Name: name, Type: arrays[i].DataType(), Nullable: true}
	}
	res.batch = array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(rows)))
	return res
}

func buildColumn(rows [][]cell, i int) arrow.Array {
	integer := len(rows) > 0
	for _, row := range rows {
		integer = integer && row[i].integer
	}
	if integer {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		defer b.Release()
		for _, row := range rows {
			n, err := strconv.ParseInt(row[i].text, 10, 64)
			if err != nil {
				return buildText(rows, i) // above the range: sql_select_limit without a limit
			}
			b.Append(n)
		}
		return b.NewArray()
	}
	return buildText(rows, i)
}

func buildText(rows [][]cell, i int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for _, row := range rows {
		if row[i].null {
			b.AppendNull()
		} else {
			b.Append(row[i].text)
		}
	}
	return b.NewArray()
}

func (r *localResult) Columns() []Column { return r.columns }
func (r *localResult) Affected() uint64  { return 0 }

func (r *localResult) Next(context.Context) (arrow.RecordBatch, error) {
	if r.batch == nil {
		return nil, io.EOF
	}
	batch := r.batch
	r.batch = nil
	return batch, nil
}

func (r *localResult) Close() error {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
	return nil
}

// parseTransaction accepts the statements of transactions. Each statement
// commits by itself in Tarn, so they only keep the flag that drivers look at;
// a ROLLBACK that cannot undo earlier changes leaves a warning.
func parseTransaction(s *scanner) local {
	switch {
	case s.accept("START", "TRANSACTION"):
		for s.acceptAny("WITH", "CONSISTENT", "SNAPSHOT", "READ", "ONLY", "WRITE", ",") {
			continue
		}
		return s.whole(beginTransaction)
	case s.accept("BEGIN"):
		s.accept("WORK")
		return s.whole(beginTransaction)
	case s.accept("COMMIT"):
		s.endOptions()
		return s.whole(func(_ context.Context, c *conn) (Result, error) {
			c.endTransaction()
			return nothing, nil
		})
	case s.accept("ROLLBACK"):
		s.accept("WORK")
		if s.accept("TO") {
			s.accept("SAVEPOINT")
			s.next()
		}
		s.endOptions()
		return s.whole(rollback)
	case s.accept("SAVEPOINT"), s.accept("RELEASE", "SAVEPOINT"):
		s.next()
		return s.whole(func(context.Context, *conn) (Result, error) { return nothing, nil })
	}
	return nil
}

// whole returns run when the statement ends here.
func (s *scanner) whole(run local) local {
	if s.i != len(s.tokens) {
		return nil
	}
	return run
}

func (s *scanner) endOptions() {
	for s.acceptAny("WORK", "AND", "NO", "CHAIN", "RELEASE") {
		continue
	}
}

func beginTransaction(_ context.Context, c *conn) (Result, error) {
	c.endTransaction()
	c.status |= statusInTransaction
	return nothing, nil
}

func rollback(_ context.Context, c *conn) (Result, error) {
	if c.dirty {
		c.warnings = append(c.warnings, warning{"Warning", 1196, "Tarn commits each statement by itself: changes since the transaction began were kept"})
	}
	c.endTransaction()
	return nothing, nil
}

// parseKill reads KILL [HARD|SOFT] [QUERY|CONNECTION] id.
func parseKill(s *scanner) local {
	s.acceptAny("HARD", "SOFT")
	query := s.accept("QUERY")
	if !query {
		s.accept("CONNECTION")
	}
	t := s.next()
	id, err := strconv.ParseUint(t.text, 10, 64)
	if t.kind != tokenNumber || err != nil {
		return nil // StarRocks also kills by query id, a string
	}
	return s.whole(func(_ context.Context, c *conn) (Result, error) {
		if !query && id == uint64(c.id) {
			c.quit = true
		}
		return nothing, c.srv.kill(id, !query, c)
	})
}

// parseSelect reads SELECT of variables, session functions and literals, as
// drivers send when they connect. A list without a variable or such a function
// is for the Session.
func parseSelect(s *scanner) local {
	var items []selectItem
	ours := false
	for {
		item, ok := parseItem(s)
		if !ok {
			return nil
		}
		ours = ours || item.ours
		items = append(items, item)
		if !s.accept(",") {
			break
		}
	}
	s.accept("FROM", "DUAL")
	if s.accept("LIMIT") {
		if t := s.next(); t.kind != tokenNumber || t.text == "0" {
			return nil
		}
	}
	if !ours {
		return nil
	}
	return s.whole(func(_ context.Context, c *conn) (Result, error) {
		names, row := make([]string, len(items)), make([]cell, len(items))
		for i, item := range items {
			var err error
			if row[i], err = item.value(c); err != nil {
				return nil, err
			}
			names[i] = item.name
		}
		return newLocalResult(names, [][]cell{row}), nil
	})
}

type selectItem struct {
	name  string
	ours  bool // a variable or a session function
	value func(c *conn) (cell, error)
}

func parseItem(s *scanner) (selectItem, bool) {
	start := s.peek().pos
	item, ok := parseItemValue(s)
	if !ok {
		return item, false
	}
	last := s.tokens[s.i-1]
	item.name = s.text[start : last.pos+len(last.text)]
	if t := s.tokens[s.i-1]; t.kind == tokenString {
		item.name = unquote(t)
	}
	as := s.accept("AS")
	switch t := s.peek(); {
	case t.kind == tokenQuoted, t.kind == tokenString, t.kind == tokenWord && (as || !t.is("FROM") && !t.is("LIMIT")):
		item.name = unquote(s.next())
	case as:
		return item, false
	}
	return item, true
}

func parseItemValue(s *scanner) (selectItem, bool) {
	sign := ""
	if s.peek().is("-") && s.i+1 < len(s.tokens) && s.tokens[s.i+1].kind == tokenNumber {
		sign = s.next().text
	}
	switch t := s.next(); t.kind {
	case tokenVariable:
		name, _, ok := variableName(s, t)
		return selectItem{ours: true, value: func(c *conn) (cell, error) { return c.variableCell(name) }}, ok
	case tokenNumber:
		return constant(cell{text: sign + t.text, integer: isInteger(sign + t.text)})
	case tokenString:
		return constant(textCell(unquote(t)))
	case tokenWord:
		word := strings.ToUpper(t.text)
		if word == "NULL" {
			return constant(cell{null: true})
		}
		value, ok := sessionFunction(word)
		called := s.accept("(", ")")
		return selectItem{ours: true, value: value}, ok && (called || word == "CURRENT_USER")
	}
	return selectItem{}, false
}

func constant(v cell) (selectItem, bool) {
	return selectItem{value: func(*conn) (cell, error) { return v, nil }}, true
}

func isInteger(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func sessionFunction(name string) (func(c *conn) (cell, error), bool) {
	var value func(c *conn) cell
	switch name {
	case "DATABASE", "SCHEMA":
		value = func(c *conn) cell {
			db := c.session.Database()
			return cell{text: db, null: db == ""}
		}
	case "CONNECTION_ID":
		value = func(c *conn) cell { return intCell(c.id) }
	case "VERSION":
		value = func(c *conn) cell { return textCell(c.srv.opts.ServerVersion) }
	case "USER", "SESSION_USER", "SYSTEM_USER":
		value = func(c *conn) cell { return textCell(c.user + "@" + c.host()) }
	case "CURRENT_USER":
		value = func(c *conn) cell { return textCell(c.user + "@%") }
	case "CURRENT_ROLE":
		value = func(*conn) cell { return textCell("NONE") }
	case "LAST_INSERT_ID":
		value = func(*conn) cell { return intCell(0) }
	default:
		return nil, false
	}
	return func(c *conn) (cell, error) { return value(c), nil }, true
}

// variableName reads the rest of @@[scope.]name; ok is false for a user
// variable (@name), which is the Session's.
func variableName(s *scanner, t token) (name string, global, ok bool) {
	if !strings.HasPrefix(t.text, "@@") {
		return "", false, false
	}
	name = strings.ToLower(strings.Trim(t.text[2:], "`"))
	switch name {
	case "global", "persist":
		global = true
	case "session", "local":
	default:
		return name, false, name != ""
	}
	if !s.accept(".") {
		return "", false, false
	}
	part := s.next()
	name = strings.ToLower(unquote(part))
	return name, global, part.kind == tokenWord || part.kind == tokenQuoted
}

func (c *conn) variableCell(name string) (cell, error) {
	v, ok := c.vars.get(name)
	if !ok {
		return cell{}, Errorf(CodeUnknownVariable, "Unknown system variable '%s'", clip(name, 200))
	}
	switch {
	case v.null:
		return cell{null: true}, nil
	case v.boolean && v.value == "ON":
		return intCell(1), nil
	case v.boolean:
		return intCell(0), nil
	}
	return cell{text: v.value, integer: isInteger(v.value)}, nil
}
