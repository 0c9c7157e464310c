package mysqlwire

import (
	"context"
	"strings"
	"time"
)

// parseShow reads the SHOW statements about the server and the connection.
// Those about databases, tables and columns are the Session's.
func parseShow(s *scanner) local {
	scoped := s.acceptAny("GLOBAL", "SESSION", "LOCAL")
	switch {
	case s.accept("VARIABLES"):
		return s.table([]string{"Variable_name", "Value"}, (*conn).showVariables)
	case s.accept("STATUS"):
		return s.table([]string{"Variable_name", "Value"}, (*conn).showStatus)
	case scoped:
		return nil
	case s.accept("WARNINGS"), s.accept("ERRORS"):
		return parseShowWarnings(s)
	case s.accept("COUNT", "(", "*", ")"):
		if !s.acceptAny("WARNINGS", "ERRORS") {
			return nil
		}
		return s.whole(func(_ context.Context, c *conn) (Result, error) {
			return newLocalResult([]string{"@@session.warning_count"}, [][]cell{{intCell(len(c.warnings))}}), nil
		})
	case s.accept("ENGINES"), s.accept("STORAGE", "ENGINES"):
		return s.table([]string{"Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"}, fixedRows(
			[]string{"PAIMON", "DEFAULT", "Apache Paimon tables", "NO", "NO", "NO"}))
	case s.accept("COLLATION"):
		return s.table([]string{"Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"}, fixedRows(
			[]string{"binary", "binary", "63", "Yes", "Yes", "1"},
			[]string{"utf8mb3_general_ci", "utf8mb3", "33", "Yes", "Yes", "1"},
			[]string{"utf8mb4_0900_ai_ci", "utf8mb4", "255", "", "Yes", "0"},
			[]string{"utf8mb4_bin", "utf8mb4", "46", "", "Yes", "1"},
			[]string{"utf8mb4_general_ci", "utf8mb4", "45", "Yes", "Yes", "1"}))
	case s.accept("CHARACTER", "SET"), s.accept("CHARSET"):
		return s.table([]string{"Charset", "Description", "Default collation", "Maxlen"}, fixedRows(
			[]string{"binary", "Binary pseudo charset", "binary", "1"},
			[]string{"utf8mb3", "UTF-8 Unicode", "utf8mb3_general_ci", "3"},
			[]string{"utf8mb4", "UTF-8 Unicode", "utf8mb4_general_ci", "4"}))
	case s.accept("PLUGINS"):
		return s.table([]string{"Name", "Status", "Type", "Library", "License"}, fixedRows(
			[]string{pluginNative, "ACTIVE", "AUTHENTICATION", "", "Apache-2.0"},
			[]string{pluginSHA2, "ACTIVE", "AUTHENTICATION", "", "Apache-2.0"},
			[]string{"PAIMON", "ACTIVE", "STORAGE ENGINE", "", "Apache-2.0"}))
	case s.accept("PROCESSLIST"), s.accept("FULL", "PROCESSLIST"):
		return s.table([]string{"Id", "User", "Host", "db", "Command", "Time", "State", "Info"}, (*conn).showProcesses)
	}
	return nil
}

func fixedRows(rows ...[]string) func(*conn) [][]cell {
	return func(*conn) [][]cell {
		out := make([][]cell, len(rows))
		for i, row := range rows {
			for _, text := range row {
				out[i] = append(out[i], cell{text: text, integer: isInteger(text)})
			}
		}
		return out
	}
}

// table answers with the rows that pass the statement's LIKE or WHERE.
func (s *scanner) table(names []string, rows func(*conn) [][]cell) local {
	keep, ok := parseFilter(s, names)
	if !ok || !s.end() {
		return func(context.Context, *conn) (Result, error) {
			return nil, Errorf(CodeNotSupported, "this SHOW takes LIKE 'pattern', or WHERE with =, LIKE and IN on its columns %s joined by AND and OR",
				strings.Join(names, ", "))
		}
	}
	return func(_ context.Context, c *conn) (Result, error) {
		var kept [][]cell
		for _, row := range rows(c) {
			if keep(row) {
				kept = append(kept, row)
			}
		}
		return newLocalResult(names, kept), nil
	}
}

type rowFilter func(row []cell) bool

func parseFilter(s *scanner, names []string) (rowFilter, bool) {
	switch {
	case s.end():
		return func([]cell) bool { return true }, true
	case s.accept("LIKE"):
		t := s.next()
		pattern := unquote(t)
		return func(row []cell) bool { return like(pattern, row[0].text) }, t.kind == tokenString
	case s.accept("WHERE"):
		return parseAlternatives(s, names)
	}
	return nil, false
}

// parseAlternatives reads comparisons joined by AND, which binds closer, and OR.
func parseAlternatives(s *scanner, names []string) (rowFilter, bool) {
	var alternatives [][]rowFilter
	all := []rowFilter{}
	for {
		one, ok := parseComparison(s, names)
		if !ok {
			return nil, false
		}
		all = append(all, one)
		if s.accept("AND") {
			continue
		}
		alternatives = append(alternatives, all)
		if !s.accept("OR") {
			break
		}
		all = nil
	}
	return func(row []cell) bool {
		for _, all := range alternatives {
			if passesAll(all, row) {
				return true
			}
		}
		return false
	}, true
}

func passesAll(filters []rowFilter, row []cell) bool {
	for _, f := range filters {
		if !f(row) {
			return false
		}
	}
	return true
}

func parseComparison(s *scanner, names []string) (rowFilter, bool) {
	column := -1
	name := unquote(s.next())
	for i, n := range names {
		if strings.EqualFold(n, name) {
			column = i
		}
	}
	if column < 0 {
		return nil, false
	}
	switch {
	case s.accept("="):
		want, ok := parseLiteral(s)
		return func(row []cell) bool { return strings.EqualFold(row[column].text, want) }, ok
	case s.accept("LIKE"):
		pattern, ok := parseLiteral(s)
		return func(row []cell) bool { return like(pattern, row[column].text) }, ok
	case s.accept("IN", "("):
		var wanted []string
		for {
			want, ok := parseLiteral(s)
			if !ok {
				return nil, false
			}
			wanted = append(wanted, want)
			if !s.accept(",") {
				break
			}
		}
		return func(row []cell) bool {
			for _, want := range wanted {
				if strings.EqualFold(row[column].text, want) {
					return true
				}
			}
			return false
		}, s.accept(")")
	}
	return nil, false
}

func parseLiteral(s *scanner) (string, bool) {
	t := s.next()
	return unquote(t), t.kind == tokenString || t.kind == tokenNumber
}

func parseShowWarnings(s *scanner) local {
	if s.accept("LIMIT") {
		s.next()
		if s.accept(",") {
			s.next()
		}
	}
	return s.whole(func(_ context.Context, c *conn) (Result, error) {
		rows := make([][]cell, len(c.warnings))
		for i, w := range c.warnings {
			rows[i] = []cell{textCell(w.level), intCell(w.code), textCell(w.message)}
		}
		return newLocalResult([]string{"Level", "Code", "Message"}, rows), nil
	})
}

func (c *conn) showVariables() [][]cell {
	var rows [][]cell
	for _, name := range c.vars.names() {
		v, _ := c.vars.get(name)
		rows = append(rows, []cell{textCell(name), textCell(v.value)})
	}
	return rows
}

func (c *conn) showStatus() [][]cell {
	connections := len(c.srv.snapshot())
	return [][]cell{
		{textCell("Queries"), textCell(intCell(c.srv.served.Load()).text)},
		{textCell("Ssl_cipher"), textCell(c.cipher())},
		{textCell("Threads_connected"), textCell(intCell(connections).text)},
		{textCell("Uptime"), textCell(seconds(time.Since(c.srv.started)))},
	}
}

// showProcesses lists the connections that the user may see: root sees all.
func (c *conn) showProcesses() [][]cell {
	var rows [][]cell
	for _, other := range c.srv.snapshot() {
		p := other.process()
		if c.user != "root" && c.user != p.user {
			continue
		}
		rows = append(rows, []cell{
			intCell(other.id), textCell(p.user), textCell(other.raw.RemoteAddr().String()),
			{text: p.database, null: p.database == ""}, textCell(p.command),
			intCell(int64(time.Since(p.since) / time.Second)), textCell(""), {text: p.sql, null: p.sql == ""},
		})
	}
	return rows
}
