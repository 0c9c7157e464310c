package mysqlwire

import (
	"context"
	"strings"
	"time"
)

// assignment is one part of a SET statement.
type assignment struct {
	name      string
	value     func(c *conn) (cell, error)
	toDefault bool
	global    bool
}

// parseSet reads SET of session variables. When one of its targets is not a
// variable of this package (user variables, engine options, StarRocks's own),
// the whole statement is the Session's.
func parseSet(s *scanner) local {
	if s.accept("TRANSACTION") || s.accept("SESSION", "TRANSACTION") || s.accept("LOCAL", "TRANSACTION") || s.accept("GLOBAL", "TRANSACTION") {
		return parseSetTransaction(s)
	}
	var list []assignment
	for {
		var part []assignment
		ok := true
		switch {
		case s.accept("NAMES"):
			part, ok = parseNames(s)
		case s.accept("CHARACTER", "SET"), s.accept("CHARSET"):
			part, ok = parseCharset(s)
		default:
			var one assignment
			one, ok = parseAssignment(s)
			part = []assignment{one}
		}
		if !ok {
			return nil
		}
		list = append(list, part...)
		if !s.accept(",") {
			break
		}
	}
	return s.whole(func(ctx context.Context, c *conn) (Result, error) {
		for _, a := range list {
			if _, known := c.vars.get(a.name); !known {
				return nil, errNotLocal
			}
		}
		return nothing, c.setVariables(ctx, list)
	})
}

func parseAssignment(s *scanner) (a assignment, ok bool) {
	if s.accept("GLOBAL") || s.accept("PERSIST") {
		a.global = true
	} else {
		s.acceptAny("SESSION", "LOCAL")
	}
	switch t := s.next(); t.kind {
	case tokenVariable:
		var global bool
		if a.name, global, ok = variableName(s, t); !ok {
			return a, false
		}
		a.global = a.global || global
	case tokenWord, tokenQuoted:
		a.name = strings.ToLower(unquote(t))
	default:
		return a, false
	}
	if !s.accept("=") && !s.accept(":", "=") {
		return a, false
	}
	if s.accept("DEFAULT") {
		a.toDefault = true
		return a, true
	}
	a.value, ok = parseSetValue(s)
	return a, ok
}

// parseSetValue reads a literal, a bare word, a variable, or CONCAT of those.
func parseSetValue(s *scanner) (func(c *conn) (cell, error), bool) {
	if s.accept("CONCAT", "(") {
		return parseConcat(s)
	}
	fixed := func(v cell) (func(c *conn) (cell, error), bool) {
		return func(*conn) (cell, error) { return v, nil }, true
	}
	switch t := s.next(); {
	case t.kind == tokenString || t.kind == tokenQuoted:
		return fixed(textCell(unquote(t)))
	case t.kind == tokenNumber:
		return fixed(textCell(t.text))
	case t.is("-") && s.peek().kind == tokenNumber:
		return fixed(textCell("-" + s.next().text))
	case t.is("NULL"):
		return fixed(cell{null: true})
	case t.kind == tokenWord:
		if s.peek().is("(") || s.peek().is(".") {
			return nil, false
		}
		return fixed(textCell(t.text))
	case t.kind == tokenVariable:
		name, _, ok := variableName(s, t)
		return func(c *conn) (cell, error) { return c.variableCell(name) }, ok
	}
	return nil, false
}

func parseConcat(s *scanner) (func(c *conn) (cell, error), bool) {
	var parts []func(c *conn) (cell, error)
	for {
		part, ok := parseSetValue(s)
		if !ok {
			return nil, false
		}
		parts = append(parts, part)
		if s.accept(")") {
			break
		}
		if !s.accept(",") {
			return nil, false
		}
	}
	return func(c *conn) (cell, error) {
		var joined cell
		for _, part := range parts {
			v, err := part(c)
			if err != nil {
				return v, err
			}
			joined.text += v.text
			joined.null = joined.null || v.null
		}
		return joined, nil
	}, true
}

// parseNames reads the rest of SET NAMES charset [COLLATE collation].
func parseNames(s *scanner) ([]assignment, bool) {
	list, ok := parseCharset(s)
	if ok && s.accept("COLLATE") {
		t := s.next()
		ok = t.kind == tokenWord || t.kind == tokenString
		list = append(list, assignText("collation_connection", unquote(t)))
	}
	return list, ok
}

func parseCharset(s *scanner) ([]assignment, bool) {
	t := s.next()
	name := unquote(t)
	if t.is("DEFAULT") {
		name = "utf8mb4"
	}
	return []assignment{
		assignText("character_set_client", name),
		assignText("character_set_connection", name),
		assignText("character_set_results", name),
	}, t.kind == tokenWord || t.kind == tokenString
}

func assignText(name, value string) assignment {
	return assignment{name: name, value: func(*conn) (cell, error) { return textCell(value), nil }}
}

// parseSetTransaction accepts every isolation level: a statement reads one
// snapshot of each table and commits by itself, whatever is asked.
func parseSetTransaction(s *scanner) local {
	level, access := "", ""
	for !s.end() {
		switch {
		case s.accept("ISOLATION", "LEVEL"):
			switch {
			case s.accept("READ", "UNCOMMITTED"):
				level = "READ-UNCOMMITTED"
			case s.accept("READ", "COMMITTED"):
				level = "READ-COMMITTED"
			case s.accept("REPEATABLE", "READ"):
				level = "REPEATABLE-READ"
			case s.accept("SERIALIZABLE"):
				level = "SERIALIZABLE"
			default:
				return nil
			}
		case s.accept("READ", "ONLY"):
			access = "ON"
		case s.accept("READ", "WRITE"):
			access = "OFF"
		case s.accept(","):
		default:
			return nil
		}
	}
	return func(_ context.Context, c *conn) (Result, error) {
		if level != "" {
			c.vars.store("transaction_isolation", level)
			c.vars.store("tx_isolation", level)
		}
		if access != "" {
			c.vars.store("transaction_read_only", access)
			c.vars.store("tx_read_only", access)
		}
		return nothing, nil
	}
}

// store sets a variable that is known to take value.
func (v *sessionVariables) store(name, value string) {
	changed, _ := v.get(name)
	changed.value, changed.null = value, false
	v.put(name, changed)
}

func (v *sessionVariables) put(name string, changed variable) {
	if v.changed == nil {
		v.changed = map[string]variable{}
	}
	v.changed[name] = changed
}

// setVariables checks all assignments, then makes them: a statement with a
// wrong one changes nothing.
func (c *conn) setVariables(ctx context.Context, list []assignment) error {
	fresh := make([]variable, len(list))
	zones := make([]*time.Location, len(list))
	for i, a := range list {
		var err error
		if fresh[i], err = c.newValue(a); err != nil {
			return err
		}
		if a.name == varTimeZone {
			if zones[i], err = parseZone(fresh[i].value, c.srv.opts.TimeZone); err != nil {
				return err
			}
		}
	}
	for i, a := range list {
		if a.name == varTimeZone || a.name == varSQLMode {
			if err := c.tellSession(ctx, a.name, fresh[i].value, zones[i]); err != nil {
				return err
			}
		}
		if zones[i] != nil {
			c.vars.zone = zones[i]
		}
		if a.name == varAutocommit && fresh[i].value == "ON" {
			c.endTransaction()
		}
		c.vars.put(a.name, fresh[i])
	}
	c.applyVariables()
	return nil
}

func (c *conn) newValue(a assignment) (variable, error) {
	old, ok := c.vars.get(a.name)
	switch {
	case !ok:
		return old, Errorf(CodeUnknownVariable, "Unknown system variable '%s'", clip(a.name, 200))
	case old.readOnly:
		return old, Errorf(CodeReadOnlyVariable, "Variable '%s' is a read only variable", a.name)
	case a.global:
		return old, Errorf(CodeNotSupported, "SET GLOBAL %s: Tarn's variables belong to a session; set the server's options instead", a.name)
	case a.toDefault:
		return c.vars.defaults[a.name], nil
	}
	v, err := a.value(c)
	if err != nil {
		return old, err
	}
	if v.null {
		if a.name != "character_set_results" { // NULL means: no conversion
			return old, Errorf(CodeWrongVariableValue, "Variable '%s' can't be set to the value of 'NULL'", a.name)
		}
		old.null = true
		return old, nil
	}
	return normalize(a.name, old, v.text)
}

// tellSession passes on a variable that changes results.
func (c *conn) tellSession(ctx context.Context, name, value string, zone *time.Location) error {
	if setter, ok := c.session.(VariableSetter); ok {
		return setter.SetVariable(ctx, name, value)
	}
	if zone != nil && !sameZone(zone, c.vars.zone) {
		return Errorf(CodeNotSupported, "time_zone '%s': this server computes in %s only", value, zoneName(c.srv.opts.TimeZone))
	}
	return nil
}

// sameZone tells zones of one name, and offsets that equal UTC.
func sameZone(a, b *time.Location) bool {
	return zoneName(a) == zoneName(b) || isUTC(a) && isUTC(b)
}

func isUTC(z *time.Location) bool {
	switch zoneName(z) {
	case "UTC", "+00:00", "-00:00", "Etc/UTC", "GMT":
		return true
	}
	return false
}

// applyVariables brings the connection in line with its variables.
func (c *conn) applyVariables() {
	c.status &^= statusAutocommit
	if c.vars.on(varAutocommit) {
		c.status |= statusAutocommit
	}
	c.w.timeout = c.vars.override(varNetWriteTimeout, time.Second, c.srv.opts.WriteTimeout)
	c.idle = c.vars.override(varWaitTimeout, time.Second, c.srv.opts.IdleTimeout)
}
