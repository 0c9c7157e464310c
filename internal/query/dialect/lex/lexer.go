package lex

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Tokens cuts text into tokens; the last one is always EOF. It never fails:
// what cannot be a token becomes a Bad token, so that an error is reported
// only when the parser comes to it.
func Tokens(text string, opts Options) []Token {
	l := &lexer{text: text, opts: opts, line: 1}
	out := make([]Token, 0, len(text)/5+8)
	for {
		t := l.next()
		out = append(out, t)
		if t.Kind == EOF {
			return out
		}
	}
}

type lexer struct {
	text      string
	opts      Options
	off       int
	line      int
	lineStart int // byte offset of the current line
	// column of a known byte offset on the current line, so that columns of
	// long lines are not counted from the start again for each token
	colOff, col   int
	inHint        bool
	inConditional bool
}

func (l *lexer) peek(n int) byte {
	if l.off+n < len(l.text) {
		return l.text[l.off+n]
	}
	return 0
}

func (l *lexer) has(s string) bool { return strings.HasPrefix(l.text[l.off:], s) }

// advance moves to the byte offset to, keeping count of lines.
func (l *lexer) advance(to int) {
	to = min(to, len(l.text))
	for {
		i := strings.IndexByte(l.text[l.off:to], '\n')
		if i < 0 {
			break
		}
		l.off += i + 1
		l.line++
		l.lineStart, l.colOff, l.col = l.off, l.off, 0
	}
	l.off = to
}

func (l *lexer) pos() ast.Pos {
	l.col += utf8.RuneCountInString(l.text[l.colOff:l.off])
	l.colOff = l.off
	return ast.Pos{Line: l.line, Column: l.col + 1, Offset: l.off}
}

func (l *lexer) next() Token {
	if bad, ok := l.space(); !ok {
		return bad
	}
	pos := l.pos()
	if l.off >= len(l.text) {
		return Token{Kind: EOF, Pos: pos, End: l.off}
	}
	t := l.scan()
	t.Pos = pos
	t.Text = l.text[pos.Offset:l.off]
	t.End = l.off
	if t.Kind == Word {
		t.Value = t.Text
		t.Upper = strings.ToUpper(t.Text)
	}
	return t
}

// space skips blanks and comments. It returns a Bad token and false for a
// comment that does not end.
func (l *lexer) space() (Token, bool) {
	for l.off < len(l.text) {
		c := l.text[l.off]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v':
			l.advance(l.off + 1)
		case c == '-' && l.dashComment(), c == '#' && l.opts.HashComments:
			l.advance(lineEnd(l.text, l.off))
		case c == '/' && l.peek(1) == '*':
			if l.peek(2) == '+' {
				return Token{}, true
			}
			if l.opts.Conditional && l.peek(2) == '!' {
				l.openConditional()
				continue
			}
			end := strings.Index(l.text[l.off+2:], "*/")
			if end < 0 {
				return l.bad(len(l.text), "comment without end", "close it with */"), false
			}
			l.advance(l.off + 2 + end + 2)
		case c == '*' && l.inConditional && l.peek(1) == '/':
			l.inConditional = false
			l.advance(l.off + 2)
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(l.text[l.off:])
			if !unicode.IsSpace(r) && r != '\ufeff' && r != '\u200b' {
				return Token{}, true
			}
			l.advance(l.off + n)
		default:
			return Token{}, true
		}
	}
	return Token{}, true
}

func (l *lexer) dashComment() bool {
	if l.peek(1) != '-' {
		return false
	}
	c := l.peek(2)
	return !l.opts.DashNeedsSpace || c == 0 || c <= ' '
}

func (l *lexer) openConditional() {
	l.inConditional = true
	to := l.off + 3
	for to < len(l.text) && l.text[to] >= '0' && l.text[to] <= '9' {
		to++
	}
	l.advance(to)
}

func lineEnd(s string, from int) int {
	if i := strings.IndexByte(s[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(s)
}

func (l *lexer) bad(to int, reason, hint string) Token {
	pos := l.pos()
	l.advance(to)
	return Token{Kind: Bad, Value: reason, Hint: hint, Pos: pos, Text: l.text[pos.Offset:l.off], End: l.off}
}

func (l *lexer) scan() Token {
	c := l.text[l.off]
	switch {
	case c == '\'':
		return l.str(l.off+1, '\'', l.opts.BackslashEscapes)
	case c == '"':
		if l.opts.DoubleQuotes {
			return l.str(l.off+1, '"', l.opts.BackslashEscapes)
		}
		end := strings.IndexByte(l.text[l.off+1:], '"')
		if end < 0 {
			end = 0
		}
		return l.bad(l.off+1+end+1, "double quotes mean nothing in this dialect", "write names in `backticks` and texts in 'single quotes'")
	case c == '`':
		return l.quoted()
	case c >= '0' && c <= '9', c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '?':
		l.advance(l.off + 1)
		return Token{Kind: Param}
	case c == '@':
		return l.variable()
	case isWordByte(c) || c >= utf8.RuneSelf:
		return l.word()
	}
	return l.operator()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *lexer) wordEnd(from int) int {
	for from < len(l.text) {
		c := l.text[from]
		if c < utf8.RuneSelf {
			if !isWordByte(c) {
				break
			}
			from++
			continue
		}
		r, n := utf8.DecodeRuneInString(l.text[from:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			break
		}
		from += n
	}
	return from
}

func (l *lexer) word() Token {
	end := l.wordEnd(l.off)
	if end == l.off {
		r, n := utf8.DecodeRuneInString(l.text[l.off:])
		hint := ""
		if strings.ContainsRune("，；（）。：‘’“”、", r) {
			hint = "this is a full-width sign; use its ASCII form"
		}
		return l.bad(l.off+n, "character that has no meaning in SQL", hint)
	}
	if end == l.off+1 && end < len(l.text) && l.text[end] == '\'' {
		switch l.text[l.off] {
		case 'x', 'X':
			return l.hexString()
		case 'n', 'N':
			l.advance(l.off + 1)
			return l.str(l.off+1, '\'', l.opts.BackslashEscapes)
		case 'r', 'R':
			if l.opts.RawStrings {
				l.advance(l.off + 1)
				return l.rawString()
			}
		}
	}
	if end == l.off+1 && (l.text[l.off] == 'u' || l.text[l.off] == 'U') && strings.HasPrefix(l.text[end:], "&'") {
		l.advance(l.off + 2)
		t := l.str(l.off+1, '\'', false)
		if t.Kind == String {
			t.Value = unicodeEscapes(t.Value)
		}
		return t
	}
	l.advance(end)
	return Token{Kind: Word}
}

func (l *lexer) quoted() Token {
	var b strings.Builder
	for i := l.off + 1; i < len(l.text); i++ {
		if l.text[i] != '`' {
			b.WriteByte(l.text[i])
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '`' {
			b.WriteByte('`')
			i++
			continue
		}
		if b.Len() == 0 {
			return l.bad(i+1, "empty name", "")
		}
		l.advance(i + 1)
		return Token{Kind: Quoted, Value: b.String()}
	}
	return l.bad(len(l.text), "name in backticks without end", "close it with `")
}

func (l *lexer) variable() Token {
	start, kind := l.off+1, UserVar
	if l.peek(1) == '@' {
		start, kind = l.off+2, SysVar
	}
	if start < len(l.text) && l.text[start] == '`' {
		l.advance(start)
		t := l.quoted()
		if t.Kind == Quoted {
			t.Kind = kind
		}
		return t
	}
	end := l.wordEnd(start)
	for kind == SysVar && end > start && end < len(l.text) && l.text[end] == '.' {
		next := l.wordEnd(end + 1)
		if next == end+1 {
			break
		}
		end = next
	}
	if end == start {
		return l.bad(start, "@ without a name", "")
	}
	v := l.text[start:end]
	l.advance(end)
	return Token{Kind: kind, Value: v}
}

func (l *lexer) operator() Token {
	if l.has("/*+") {
		l.inHint = true
		l.advance(l.off + 3)
		return Token{Kind: Op}
	}
	if l.inHint && l.has("*/") {
		l.inHint = false
		l.advance(l.off + 2)
		return Token{Kind: Op}
	}
	for _, op := range [...]string{"<=>", "->>", "<>", "!=", "<=", ">=", "||", "&&", "=>", "->", "::", ":=", "<<", "=="} {
		if l.has(op) {
			l.advance(l.off + len(op))
			return Token{Kind: Op}
		}
	}
	if strings.IndexByte("()[]{},;.=<>+-*/%&|^~!:", l.text[l.off]) >= 0 {
		l.advance(l.off + 1)
		return Token{Kind: Op}
	}
	return l.bad(l.off+1, "character that has no meaning in SQL", "")
}
