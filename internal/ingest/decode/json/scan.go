package json

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tarndb/tarn/internal/ingest/decode"
)

// MaxDepth is how deep objects and arrays may nest.
const MaxDepth = 200

// scanner walks over one JSON text. Every function takes the place where a
// thing begins and gives the place just after it, or -1 after it set err.
//
// It takes what encoding/json takes, with two differences: text must be valid
// UTF-8, and strings may hold control characters as they are, as in Flink's
// format.
type scanner struct {
	text []byte
	err  *decode.SyntaxError
}

func (s *scanner) fail(at int, text string) int {
	if at >= len(s.text) {
		text = "the line ends early: " + text
	}
	s.err = &decode.SyntaxError{Offset: at, Text: text}
	return -1
}

func (s *scanner) space(at int) int {
	for at < len(s.text) {
		switch s.text[at] {
		case ' ', '\t', '\n', '\r':
			at++
		default:
			return at
		}
	}
	return at
}

// value passes over a value that begins at at.
func (s *scanner) value(at, depth int) int {
	if at >= len(s.text) {
		return s.fail(at, "a value is missing")
	}
	switch c := s.text[at]; {
	case c == '"':
		return s.str(at)
	case c == '{':
		return s.object(at, depth, nil)
	case c == '[':
		return s.array(at, depth, nil)
	case c == '-' || c >= '0' && c <= '9':
		return s.number(at)
	case c == 't':
		return s.word(at, "true")
	case c == 'f':
		return s.word(at, "false")
	case c == 'n':
		return s.word(at, "null")
	}
	return s.fail(at, "a value cannot begin with "+showByte(s.text[at:]))
}

func (s *scanner) word(at int, word string) int {
	if !bytes.HasPrefix(s.text[at:], []byte(word)) {
		return s.fail(at, "a value cannot begin with "+showByte(s.text[at:]))
	}
	return at + len(word)
}

// object passes over an object; member, if any, gets the places of each key
// (with its quotes) and value.
func (s *scanner) object(at, depth int, member func(key, value span)) int {
	if depth >= MaxDepth {
		return s.fail(at, "objects and arrays nest too deep")
	}
	at = s.space(at + 1)
	if at < len(s.text) && s.text[at] == '}' {
		return at + 1
	}
	for {
		if at >= len(s.text) || s.text[at] != '"' {
			return s.fail(at, "want a name in quotes")
		}
		key := span{from: at}
		if key.to = s.str(at); key.to < 0 {
			return -1
		}
		if at = s.space(key.to); at >= len(s.text) || s.text[at] != ':' {
			return s.fail(at, "want ':' after a name")
		}
		value := span{from: s.space(at + 1)}
		if value.to = s.value(value.from, depth+1); value.to < 0 {
			return -1
		}
		if member != nil {
			member(key, value)
		}
		at = s.space(value.to)
		switch {
		case at < len(s.text) && s.text[at] == '}':
			return at + 1
		case at < len(s.text) && s.text[at] == ',':
			at = s.space(at + 1)
		default:
			return s.fail(at, "want ',' or '}' after a value")
		}
	}
}

// array passes over an array; element, if any, gets the place of each element.
func (s *scanner) array(at, depth int, element func(span)) int {
	if depth >= MaxDepth {
		return s.fail(at, "objects and arrays nest too deep")
	}
	at = s.space(at + 1)
	if at < len(s.text) && s.text[at] == ']' {
		return at + 1
	}
	for {
		e := span{from: at}
		if e.to = s.value(at, depth+1); e.to < 0 {
			return -1
		}
		if element != nil {
			element(e)
		}
		at = s.space(e.to)
		switch {
		case at < len(s.text) && s.text[at] == ']':
			return at + 1
		case at < len(s.text) && s.text[at] == ',':
			at = s.space(at + 1)
		default:
			return s.fail(at, "want ',' or ']' after an element")
		}
	}
}

func (s *scanner) number(at int) int {
	b := s.text
	if b[at] == '-' {
		at++
	}
	switch {
	case at < len(b) && b[at] == '0':
		at++
	case at < len(b) && b[at] >= '1' && b[at] <= '9':
		at = digitsEnd(b, at)
	default:
		return s.fail(at, "a number needs a digit")
	}
	if at < len(b) && b[at] == '.' {
		end := digitsEnd(b, at+1)
		if end == at+1 {
			return s.fail(end, "a number needs a digit after '.'")
		}
		at = end
	}
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		if at++; at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		end := digitsEnd(b, at)
		if end == at {
			return s.fail(end, "a number needs a digit in its exponent")
		}
		at = end
	}
	return at
}

func digitsEnd(b []byte, at int) int {
	for at < len(b) && b[at] >= '0' && b[at] <= '9' {
		at++
	}
	return at
}

// str passes over a string with its quotes.
func (s *scanner) str(at int) int {
	from, ascii := at, true
	for at++; at < len(s.text); at++ {
		switch c := s.text[at]; {
		case c == '"':
			if !ascii && !utf8.Valid(s.text[from:at]) {
				return s.fail(from, "the string is not UTF-8")
			}
			return at + 1
		case c == '\\':
			n := escapeLen(s.text[at:])
			if n == 0 {
				return s.fail(at, "the escape is unknown or cut")
			}
			at += n - 1
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return s.fail(at, "a string has no closing quote")
}

// escapeLen is the length of the escape at the start of b; 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unquote gives the text of a valid string with its quotes. It is a part of v
// when v has no escapes, else it lies in *scratch.
func unquote(v []byte, scratch *[]byte) []byte {
	v = v[1 : len(v)-1]
	i := bytes.IndexByte(v, '\\')
	if i < 0 {
		return v
	}
	out := (*scratch)[:0]
	for ; i >= 0; i = bytes.IndexByte(v, '\\') {
		out = append(out, v[:i]...)
		v = v[i:]
		if v[1] != 'u' {
			out = append(out, unescaped(v[1]))
			v = v[2:]
			continue
		}
		r, _ := hex4(v)
		v = v[6:]
		if utf16.IsSurrogate(r) {
			low, ok := hex4(v)
			if both := utf16.DecodeRune(r, low); ok && both != utf8.RuneError {
				r, v = both, v[6:]
			} else {
				r = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, r)
	}
	out = append(out, v...)
	*scratch = out
	return out
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func showByte(b []byte) string {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		return "a byte that is not UTF-8"
	}
	return "'" + string(r) + "'"
}
