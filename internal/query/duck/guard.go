package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// deniedFunctions lists the table functions that statements may not call: all but the named ones. DuckDB's own lock
// stops files and settings only; functions like enable_logging change the state of every connection from inside a
// SELECT, and others read any file of an allowed directory. A new DuckDB brings new functions, so the list is an
// exclusion from what the running one has.
func deniedFunctions(ctx context.Context, c *Conn) (map[string]bool, error) {
	harmless := map[string]bool{"tarn_scan": true, "read_parquet": true, "range": true, "generate_series": true,
		"unnest": true, "repeat": true, "repeat_row": true, "json_each": true, "json_tree": true, "summary": true,
		"histogram": true, "histogram_values": true, "pg_timezone_names": true, "icu_calendar_names": true}
	r, err := c.Query(ctx, "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "+
		"WHERE function_type NOT IN ('scalar', 'aggregate', 'macro', 'pragma')")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	denied := map[string]bool{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return denied, nil
		}
		if err != nil {
			return nil, err
		}
		names := b.Column(0).(*array.String)
		for i := range names.Len() {
			if !harmless[names.Value(i)] {
				denied[names.Value(i)] = true
			}
		}
		b.Release()
	}
}

// allowed says which statements a call accepts.
type allowed int

const (
	onlySelect  allowed = iota
	onlyExplain         // made by Explain around a statement that has passed as onlySelect
	onlyChanges
	anyStatement // made by this package
)

// words are the first words that may begin a statement. They are looked at before DuckDB sees it, because preparing
// alone can have effects: EXPORT DATABASE makes its directory.
func (a allowed) words() []string {
	switch a {
	case onlySelect:
		return []string{"select", "with", "from", "values", "table", "(", "describe", "show", "summarize"}
	case onlyExplain:
		return []string{"explain"}
	case onlyChanges:
		return []string{"create", "insert", "update", "delete", "merge", "drop", "alter", "with"}
	}
	return nil
}

// kind checks what DuckDB has understood.
func (a allowed) kind(t C.duckdb_statement_type) bool {
	switch t {
	case C.DUCKDB_STATEMENT_TYPE_SELECT:
		return a == onlySelect || a == anyStatement
	case C.DUCKDB_STATEMENT_TYPE_EXPLAIN:
		return a == onlyExplain || a == anyStatement
	case C.DUCKDB_STATEMENT_TYPE_CREATE, C.DUCKDB_STATEMENT_TYPE_INSERT, C.DUCKDB_STATEMENT_TYPE_UPDATE,
		C.DUCKDB_STATEMENT_TYPE_DELETE, C.DUCKDB_STATEMENT_TYPE_MERGE_INTO, C.DUCKDB_STATEMENT_TYPE_DROP,
		C.DUCKDB_STATEMENT_TYPE_ALTER:
		return a == onlyChanges || a == anyStatement
	}
	return a == anyStatement
}

// check refuses a statement by its first word, and when it seems to call a denied function. It errs on the side of
// refusing: what it cannot read with certainty is searched as it stands, literals and comments included.
func (a allowed) check(sql string, denied map[string]bool) error {
	if a == anyStatement {
		return nil
	}
	text := strings.TrimLeft(sql, " \t\r\n")
	n := 0
	for n < len(text) && isWordByte(text[n]) {
		n++
	}
	first := text[:max(n, min(1, len(text)))]
	if !slices.Contains(a.words(), strings.ToLower(first)) {
		return &Error{Kind: KindDenied, Message: fmt.Sprintf("a statement that begins with %q is not accepted here", first)}
	}
	if name := findCall(blankLiterals(text), denied); name != "" {
		return &Error{Kind: KindDenied, Message: fmt.Sprintf("function %s is not available", name)}
	}
	return nil
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// blankLiterals replaces the content of '…' by blanks. It returns the text unchanged when that has anything that makes
// it hard to say where a literal ends: comments, $tag$…$tag$, or a literal with a prefix, such as E'…'.
func blankLiterals(sql string) string {
	out := []byte(sql)
	var open byte // the quote inside which we are; a doubled one closes and opens again, which is as good
	for i, c := range out {
		switch {
		case open != 0:
			if c == open {
				open = 0
			} else if open == '\'' {
				out[i] = ' '
			}
		case c == '\'' && i > 0 && (isWordByte(out[i-1]) || out[i-1] == '&' || out[i-1] >= 0x7f):
			return sql
		case c == '\'' || c == '"':
			open = c
		case c == '$' && (i+1 == len(out) || out[i+1] < '0' || out[i+1] > '9'):
			return sql
		case strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "/*"):
			return sql
		}
	}
	return string(out)
}

// findCall returns the first denied name that stands before a parenthesis, with blanks, quotes, bytes of other
// alphabets (some are blanks for DuckDB) or a comment between.
func findCall(text string, denied map[string]bool) string {
	for i := 0; i < len(text); {
		if !isWordByte(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && isWordByte(text[i]) {
			i++
		}
		if !denied[strings.ToLower(text[start:i])] {
			continue
		}
		next := i
		for next < len(text) && (text[next] <= ' ' || text[next] == '"' || text[next] >= 0x7f) {
			next++
		}
		rest := text[next:]
		if strings.HasPrefix(rest, "(") || strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") {
			return text[start:i]
		}
	}
	return ""
}
