package mysqlcdc

import (
	"strings"
)

// statement is what a query event means for the table.
type statement uint8

const (
	stmtOther     statement = iota // nothing to do with the table
	stmtBegin                      // BEGIN, START TRANSACTION
	stmtEnd                        // COMMIT, ROLLBACK
	stmtAlter                      // the columns may have changed
	stmtTruncate                   // rows vanished without row events
	stmtDrop                       // the table is gone
	stmtRename                     // the table has another name
	stmtPartition                  // partitions were emptied, dropped or exchanged
	stmtDML                        // changes logged as a statement
)

// classify tells what sql, run with a default database, does to
// database.table. It reads words only, not the grammar; a statement that
// might touch the table and is not known is an alter, which costs a look at
// the schema.
func classify(sql, defaultDB, database, table string) statement {
	w := words(sql)
	if len(w) == 0 {
		return stmtOther
	}
	m := &mention{words: w, defaultDB: defaultDB, database: database, table: table}
	switch w[0].upper() {
	case "BEGIN", "START":
		return stmtBegin
	case "COMMIT", "ROLLBACK":
		if len(w) > 1 && w[1].upper() == "TO" {
			return stmtOther // ROLLBACK TO savepoint
		}
		return stmtEnd
	case "TRUNCATE":
		return m.ifNamed(stmtTruncate)
	case "RENAME":
		return m.rename()
	case "DROP":
		return m.drop()
	case "CREATE":
		if m.has("REPLACE") && m.has("TABLE") {
			return m.ifNamed(stmtDrop)
		}
		return m.ifNamed(stmtAlter)
	case "ALTER":
		return m.alter()
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH":
		return m.ifNamed(stmtDML)
	case "XA":
		if len(w) > 1 && (w[1].upper() == "COMMIT" || w[1].upper() == "ROLLBACK") {
			return stmtEnd
		}
		return stmtOther
	case "SAVEPOINT", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "FLUSH", "SET":
		return stmtOther
	}
	return stmtOther
}

type mention struct {
	words                      []word
	defaultDB, database, table string
}

func (m *mention) has(keywords ...string) bool {
	for _, w := range m.words {
		for _, k := range keywords {
			if w.upper() == k {
				return true
			}
		}
	}
	return false
}

// at reports whether the table is named at word i.
func (m *mention) at(i int) bool {
	w := m.words
	if !w[i].name || !sameName(w[i].text, m.table) {
		return false
	}
	if i >= 2 && w[i-1].text == "." && w[i-2].name {
		return sameName(w[i-2].text, m.database)
	}
	return sameName(m.defaultDB, m.database)
}

// ifNamed gives s when the table is named anywhere, else stmtOther.
func (m *mention) ifNamed(s statement) statement {
	for i := range m.words {
		if m.at(i) {
			return s
		}
	}
	return stmtOther
}

// rename tells RENAME TABLE apart: tools that change a table by copying it
// swap the copy in under the same name, so the table goes on.
func (m *mention) rename() statement {
	for i := range m.words {
		before := i - 1
		if before >= 2 && m.words[before].text == "." {
			before -= 2
		}
		if m.at(i) && before > 0 && m.words[before].upper() == "TO" {
			return stmtAlter
		}
	}
	return m.ifNamed(stmtRename)
}

func (m *mention) drop() statement {
	if len(m.words) > 1 {
		switch m.words[1].upper() {
		case "DATABASE", "SCHEMA":
			last := m.words[len(m.words)-1]
			if sameName(last.text, m.database) {
				return stmtDrop
			}
			return stmtOther
		case "TABLE":
			return m.ifNamed(stmtDrop)
		case "INDEX":
			return m.ifNamed(stmtAlter)
		}
	}
	return stmtOther // DROP VIEW, DROP TEMPORARY TABLE, …
}

func (m *mention) alter() statement {
	if m.ifNamed(stmtAlter) == stmtOther {
		return stmtOther
	}
	for i, w := range m.words {
		switch {
		case w.upper() == "RENAME" && i+1 < len(m.words):
			switch m.words[i+1].upper() {
			case "COLUMN", "INDEX", "KEY":
			default:
				return stmtRename
			}
		case (w.upper() == "PARTITION" || w.upper() == "TABLESPACE") && m.has("DROP", "TRUNCATE", "EXCHANGE", "DISCARD", "CONVERT"):
			return stmtPartition
		}
	}
	return stmtAlter
}

// word is a token of SQL; name is false for punctuation, numbers and strings.
type word struct {
	text string
	name bool
	bare bool // not quoted: may be a keyword
}

func (w word) upper() string {
	if !w.bare {
		return ""
	}
	return strings.ToUpper(w.text)
}

// words splits SQL, leaving out comments (but reading /*! … */ as SQL, as
// servers do) and the contents of strings.
func words(sql string) []word {
	var out []word
	for i := 0; i < len(sql); {
		ch := sql[i]
		switch {
		case ch == '/' && strings.HasPrefix(sql[i:], "/*"):
			i = skipComment(sql, i)
		case ch == '*' && strings.HasPrefix(sql[i:], "*/"): // the end of a /*!
			i += 2
		case ch == '#' || strings.HasPrefix(sql[i:], "-- "):
			for i < len(sql) && sql[i] != '\n' {
				i++
			}
		case ch == '`' || ch == '"':
			text, end := quoted(sql, i)
			out, i = append(out, word{text: text, name: true}), end
		case ch == '\'':
			_, end := quoted(sql, i)
			out, i = append(out, word{text: "''"}), end
		case wordByte(ch):
			start := i
			for i < len(sql) && wordByte(sql[i]) {
				i++
			}
			out = append(out, word{text: sql[start:i], name: true, bare: true})
		default:
			if ch > ' ' {
				out = append(out, word{text: string(ch)})
			}
			i++
		}
	}
	return out
}

// skipComment gives the place after a comment, or inside a /*! or /*M! one,
// after its version number.
func skipComment(sql string, i int) int {
	rest := sql[i+2:]
	inside := strings.TrimPrefix(strings.TrimPrefix(rest, "M"), "!")
	if strings.HasPrefix(rest, "!") || strings.HasPrefix(rest, "M!") {
		return len(sql) - len(strings.TrimLeft(inside, "0123456789"))
	}
	end := strings.Index(rest, "*/")
	if end < 0 {
		return len(sql)
	}
	return i + 2 + end + 2
}

func quoted(sql string, i int) (string, int) {
	quote := sql[i]
	var b strings.Builder
	for i++; i < len(sql); i++ {
		switch {
		case sql[i] == quote && i+1 < len(sql) && sql[i+1] == quote:
			i++
		case sql[i] == quote:
			return b.String(), i + 1
		case sql[i] == '\\' && quote != '`' && i+1 < len(sql):
			i++
		}
		b.WriteByte(sql[i])
	}
	return b.String(), i
}

func wordByte(ch byte) bool {
	return ch == '_' || ch == '$' || ch >= 0x80 || ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z'
}
