package mysqlwire

import "strings"

type tokenKind uint8

const (
	tokenEnd      tokenKind = iota
	tokenWord               // keyword or plain name
	tokenQuoted             // `name`
	tokenString             // 'text' or "text"
	tokenNumber             // digits, with . and exponent
	tokenVariable           // @name or @@name, up to and without a dot
	tokenPunct              // one byte of anything else
	tokenBroken             // a string or name without its end
)

// token is a piece of a statement; text aliases it.
type token struct {
	kind tokenKind
	pos  int // byte offset in the statement's text
	text string
}

// is tells whether the token is an unquoted word or a punctuation, ignoring case.
func (t token) is(word string) bool {
	return (t.kind == tokenWord || t.kind == tokenPunct) && strings.EqualFold(t.text, word)
}

// blank is a part of a text that the engine's dialects would not understand:
// the marks of an executable comment, or a # comment. Blanks become spaces, so
// that positions in errors stay true.
type blank struct{ from, to int }

// lexer finds the tokens of SQL as MySQL clients send it. It knows just enough
// to find where a statement ends and to read session chatter. Unterminated
// strings and comments reach to the end: the engine's parser reports them.
// As in StarRocks, "--" begins a comment even without a space behind it.
type lexer struct {
	s          string
	pos        int
	executable bool // inside /*! ... */
	blanks     []blank
}

func (l *lexer) next() token {
	l.skip()
	start := l.pos
	if start >= len(l.s) {
		return token{kind: tokenEnd, pos: start}
	}
	kind := tokenPunct
	switch ch := l.s[start]; {
	case ch == '\'' || ch == '"':
		kind = l.quoted(ch, tokenString)
	case ch == '`':
		kind = l.quoted(ch, tokenQuoted)
	case ch == '@':
		kind = l.variable()
	case isDigit(ch):
		kind = tokenNumber
		l.number()
	case isWordByte(ch):
		kind = tokenWord
		l.word()
	default:
		l.pos++
	}
	return token{kind: kind, pos: start, text: l.s[start:l.pos]}
}

// skip passes white space and comments.
func (l *lexer) skip() {
	for l.pos < len(l.s) {
		rest := l.s[l.pos:]
		switch ch := rest[0]; {
		case ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r' || ch == '\f' || ch == '\v' || ch == 0:
			l.pos++
		case ch == '#':
			from := l.pos
			l.line()
			l.blanks = append(l.blanks, blank{from, l.pos})
		case strings.HasPrefix(rest, "--"):
			l.line()
		case strings.HasPrefix(rest, "/*!"):
			l.openExecutable()
		case strings.HasPrefix(rest, "/*"):
			l.comment()
		case l.executable && strings.HasPrefix(rest, "*/"):
			l.blanks = append(l.blanks, blank{l.pos, l.pos + 2})
			l.executable = false
			l.pos += 2
		default:
			return
		}
	}
}

func (l *lexer) line() {
	if i := strings.IndexByte(l.s[l.pos:], '\n'); i >= 0 {
		l.pos += i + 1
		return
	}
	l.pos = len(l.s)
}

func (l *lexer) comment() {
	if i := strings.Index(l.s[l.pos+2:], "*/"); i >= 0 {
		l.pos += 2 + i + 2
		return
	}
	l.pos = len(l.s)
}

// openExecutable enters /*!NNNNN ... */ when the version is not above 8.0.x,
// and passes it as a comment otherwise.
func (l *lexer) openExecutable() {
	digits := l.pos + 3
	end := digits
	for end < len(l.s) && end < digits+6 && isDigit(l.s[end]) {
		end++
	}
	// Five digits up to 8.x.yy fit; six are of newer or MariaDB versions.
	if n := end - digits; n == 6 || n == 5 && l.s[digits:end] > "80099" {
		l.comment()
		return
	}
	l.blanks = append(l.blanks, blank{l.pos, end})
	l.executable = true
	l.pos = end
}

// quoted passes a string or quoted name, and returns kind when it has an end.
func (l *lexer) quoted(quote byte, kind tokenKind) tokenKind {
	for l.pos++; l.pos < len(l.s); l.pos++ {
		switch ch := l.s[l.pos]; {
		case ch == '\\' && quote != '`':
			l.pos++
		case ch == quote && l.pos+1 < len(l.s) && l.s[l.pos+1] == quote:
			l.pos++
		case ch == quote:
			l.pos++
			return kind
		}
	}
	l.pos = len(l.s)
	return tokenBroken
}

func (l *lexer) variable() tokenKind {
	for l.pos < len(l.s) && l.s[l.pos] == '@' {
		l.pos++
	}
	if l.pos < len(l.s) && l.s[l.pos] == '`' {
		return l.quoted('`', tokenVariable)
	}
	l.word()
	return tokenVariable
}

func (l *lexer) number() {
	for l.pos < len(l.s) {
		ch := l.s[l.pos]
		exponent := (ch == '+' || ch == '-') && (l.s[l.pos-1]|0x20) == 'e'
		if !isWordByte(ch) && ch != '.' && !exponent {
			return
		}
		l.pos++
	}
}

func (l *lexer) word() {
	for l.pos < len(l.s) && isWordByte(l.s[l.pos]) {
		l.pos++
	}
}

func isDigit(ch byte) bool { return ch >= '0' && ch <= '9' }

func isWordByte(ch byte) bool {
	return isDigit(ch) || ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch == '_' || ch == '$' || ch >= 0x80
}

// maxTokens bounds the tokens kept of a statement. Session chatter is shorter;
// a longer statement is the engine's.
const maxTokens = 512

// statement is one statement of a command.
type statement struct {
	text   string  // without its semicolon
	tokens []token // the first maxTokens; positions are in text
	long   bool    // there are more tokens
}

func (s statement) empty() bool { return len(s.tokens) == 0 }

// firstWord tells whether the statement starts with one of words.
func (s statement) firstWord(words ...string) bool {
	for _, w := range words {
		if len(s.tokens) > 0 && s.tokens[0].is(w) {
			return true
		}
	}
	return false
}

// nextStatement cuts the first statement that is not empty off sql. The
// statement is empty at the end of sql. Flink's statement sets
// (EXECUTE STATEMENT SET BEGIN ...; END) are one statement.
func nextStatement(sql string) (st statement, rest string) {
	for sql != "" && st.empty() {
		st, sql = cutStatement(sql)
	}
	return st, sql
}

func cutStatement(sql string) (st statement, rest string) {
	l := lexer{s: sql}
	var last token
	end := len(sql)
	for {
		t := l.next()
		if t.kind == tokenEnd {
			break
		}
		if t.kind == tokenPunct && t.text == ";" && (!isStatementSet(st.tokens) || last.is("END")) {
			end, rest = t.pos, sql[l.pos:]
			break
		}
		last = t
		if st.long = len(st.tokens) == maxTokens; !st.long {
			st.tokens = append(st.tokens, t)
		}
	}
	st.text = fillBlanks(sql[:end], l.blanks)
	return st, rest
}

func isStatementSet(tokens []token) bool {
	for _, opening := range [][]string{{"EXECUTE", "STATEMENT", "SET", "BEGIN"}, {"BEGIN", "STATEMENT", "SET"}} {
		if startsWith(tokens, opening...) {
			return true
		}
	}
	return false
}

func startsWith(tokens []token, words ...string) bool {
	if len(tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if !tokens[i].is(w) {
			return false
		}
	}
	return true
}

// fillBlanks replaces the blanks by spaces, keeping line ends.
func fillBlanks(text string, blanks []blank) string {
	if len(blanks) == 0 {
		return text
	}
	b := []byte(text)
	for _, hole := range blanks {
		for i := hole.from; i < min(hole.to, len(b)); i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	return string(b)
}

// unquote gives the text of a string token or the name of a quoted one.
func unquote(t token) string {
	if t.kind != tokenString && t.kind != tokenQuoted || len(t.text) < 2 {
		return t.text
	}
	quote, body := t.text[0], t.text[1:len(t.text)-1]
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		ch := body[i]
		switch {
		case ch == quote && i+1 < len(body) && body[i+1] == quote:
			i++
		case ch == '\\' && quote != '`' && i+1 < len(body):
			i++
			ch = unescape(body[i])
			if body[i] == '%' || body[i] == '_' { // kept for LIKE
				b.WriteByte('\\')
			}
		}
		b.WriteByte(ch)
	}
	return b.String()
}

func unescape(ch byte) byte {
	switch ch {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'Z':
		return 26
	}
	return ch
}
