package lex

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// str reads a string whose text starts at from, behind the opening quote.
func (l *lexer) str(from int, quote byte, escapes bool) Token {
	var b strings.Builder
	for i := from; i < len(l.text); i++ {
		c := l.text[i]
		switch {
		case c == quote && !l.opts.Adjoining && i+1 < len(l.text) && l.text[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote:
			l.advance(i + 1)
			return Token{Kind: String, Value: b.String()}
		case c == '\\' && escapes && i+1 < len(l.text):
			i = unescape(l.text, i+1, &b) - 1
		default:
			b.WriteByte(c)
		}
	}
	return l.bad(len(l.text), "string without end", "close it with "+string(quote))
}

func (l *lexer) rawString() Token {
	end := strings.IndexByte(l.text[l.off+1:], '\'')
	if end < 0 {
		return l.bad(len(l.text), "string without end", "close it with '")
	}
	v := l.text[l.off+1 : l.off+1+end]
	l.advance(l.off + end + 2)
	return Token{Kind: String, Value: v}
}

// unescape decodes the escape whose character behind the backslash is at i,
// and returns the offset of what follows. \% and \_ keep their backslash,
// because LIKE needs it.
func unescape(s string, i int, b *strings.Builder) int {
	switch c := s[i]; c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'Z':
		b.WriteByte(26)
	case '%', '_':
		b.WriteByte('\\')
		b.WriteByte(c)
	case 'u', 'U':
		n := 4
		if c == 'U' {
			n = 8
		}
		if i+n < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+1+n], 16, 32); err == nil && v <= utf8.MaxRune {
				b.WriteRune(rune(v))
				return i + 1 + n
			}
		}
		b.WriteByte(c)
	case '0', '1', '2', '3':
		if i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i:i+3], 8, 8); err == nil {
				b.WriteByte(byte(v))
				return i + 3
			}
		}
		if c == '0' {
			b.WriteByte(0)
		} else {
			b.WriteByte(c)
		}
	default:
		b.WriteByte(c)
	}
	return i + 1
}

// unicodeEscapes decodes \XXXX of U&'..'; \\ is a backslash.
func unicodeEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\\' {
			b.WriteByte('\\')
			i++
			continue
		}
		if i+4 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+5], 16, 32); err == nil {
				b.WriteRune(rune(v))
				i += 4
				continue
			}
		}
		b.WriteByte('\\')
	}
	return b.String()
}

func (l *lexer) hexString() Token {
	end := strings.IndexByte(l.text[l.off+2:], '\'')
	if end < 0 {
		return l.bad(len(l.text), "string without end", "close it with '")
	}
	digits := l.text[l.off+2 : l.off+2+end]
	to := l.off + 2 + end + 1
	if !allHex(digits) {
		return l.bad(to, "binary string with a character that is no hexadecimal digit", "")
	}
	if len(digits)%2 == 1 {
		if !l.opts.NumberSuffixes {
			return l.bad(to, "binary string with an odd number of digits", "")
		}
		digits = "0" + digits // Spark pads on the left
	}
	l.advance(to)
	return Token{Kind: Hex, Value: strings.ToLower(digits)}
}

func allHex(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if !isDigit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (l *lexer) number() Token {
	if l.has("0x") || l.has("0X") {
		if end := l.wordEnd(l.off + 2); end > l.off+2 && allHex(l.text[l.off+2:end]) {
			digits := l.text[l.off+2 : end]
			if len(digits)%2 == 1 {
				digits = "0" + digits
			}
			l.advance(end)
			return Token{Kind: Hex, Value: strings.ToLower(digits)}
		}
	}
	kind, i := Int, l.off
	for i < len(l.text) && isDigit(l.text[i]) {
		i++
	}
	if i < len(l.text) && l.text[i] == '.' {
		kind = Decimal
		for i++; i < len(l.text) && isDigit(l.text[i]); {
			i++
		}
	}
	if j := exponentEnd(l.text, i); j > i {
		kind, i = Float, j
	}
	value := l.text[l.off:i]
	suffix := ""
	if l.opts.NumberSuffixes {
		end := l.wordEnd(i)
		switch s := strings.ToUpper(l.text[i:end]); s {
		case "L", "S", "Y", "D", "F", "BD":
			suffix, i = s, end
		}
	}
	l.advance(i)
	return Token{Kind: kind, Value: value, Suffix: suffix}
}

// exponentEnd returns the offset behind an exponent at i, or i when there is none.
func exponentEnd(s string, i int) int {
	if i >= len(s) || s[i]|0x20 != 'e' {
		return i
	}
	j := i + 1
	if j < len(s) && (s[j] == '+' || s[j] == '-') {
		j++
	}
	if j >= len(s) || !isDigit(s[j]) {
		return i
	}
	for j < len(s) && isDigit(s[j]) {
		j++
	}
	if j < len(s) && s[j]|0x20 >= 'a' && s[j]|0x20 <= 'z' {
		return i
	}
	return j
}
