package lex

import (
	"sort"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Substitute replaces ${name} by vars[name], also inside strings and hints, but
// not inside comments. It is a text step before lexing: a value is inserted as
// it is, and not searched again. An unknown name is a *ast.SyntaxError that
// names it with its place. A "$" without "{" stays.
func Substitute(text string, vars map[string]string) (string, error) {
	var out strings.Builder
	var quote byte // the quote we are in, or 0
	last := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '$' && i+1 < len(text) && text[i+1] == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return "", substituteError(text, i, "variable without closing brace", "write ${name}")
			}
			name := strings.TrimSpace(text[i+2 : i+end])
			value, ok := vars[name]
			if !ok {
				return "", substituteError(text, i, "unknown variable ${"+name+"}", knownVariables(name, vars))
			}
			out.WriteString(text[last:i])
			out.WriteString(value)
			i += end
			last = i + 1
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		default:
			i = skipComment(text, i)
		}
	}
	out.WriteString(text[last:])
	return out.String(), nil
}

// skipComment returns the offset of the last byte of a comment that starts at
// i, or i when none does.
func skipComment(text string, i int) int {
	rest := text[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		return lineEnd(text, i) - 1
	case strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*+") && !strings.HasPrefix(rest, "/*!"):
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			return i + 2 + end + 1
		}
		return len(text)
	}
	return i
}

func knownVariables(name string, vars map[string]string) string {
	names := make([]string, 0, len(vars))
	for n := range vars {
		names = append(names, n)
	}
	sort.Strings(names)
	if near := ast.Nearest(name, names); near != "" {
		return "did you mean ${" + near + "}?"
	}
	return "give it with --var " + name + "=value"
}

func substituteError(text string, off int, msg, hint string) error {
	line := 1 + strings.Count(text[:off], "\n")
	start := strings.LastIndexByte(text[:off], '\n') + 1
	return &ast.SyntaxError{
		Line: line, Column: len([]rune(text[start:off])) + 1,
		Message: msg, Hint: hint, Source: ast.SourceLine(text, off),
	}
}
