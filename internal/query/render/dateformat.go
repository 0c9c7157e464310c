package render

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// strftime translates a date pattern of the dialect into DuckDB's. ok is false
// for a pattern letter that has no counterpart.
func strftime(d ast.Dialect, pattern string) (out, bad string) {
	if d == ast.MySQL {
		return mysqlFormat(pattern)
	}
	return javaFormat(pattern)
}

// javaLetters maps runs of a Java pattern letter to strftime.
var javaLetters = map[string]string{
	"yyyy": "%Y", "y": "%Y", "yyy": "%Y", "uuuu": "%Y", "u": "%Y", "yy": "%y", "uu": "%y",
	"MM": "%m", "M": "%-m", "LL": "%m", "L": "%-m", "MMM": "%b", "LLL": "%b", "MMMM": "%B", "LLLL": "%B",
	"dd": "%d", "d": "%-d", "DDD": "%j", "D": "%-j",
	"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S",
	"SSS": "%g", "SSSSSS": "%f", "SSSSSSSSS": "%f000", "a": "%p", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A",
}

func javaFormat(p string) (out, bad string) {
	var b strings.Builder
	for i := 0; i < len(p); {
		c := p[i]
		switch {
		case c == '\'':
			end := strings.IndexByte(p[i+1:], '\'')
			switch {
			case end < 0:
				return "", "'"
			case end == 0:
				b.WriteByte('\'')
			default:
				b.WriteString(strings.ReplaceAll(p[i+1:i+1+end], "%", "%%"))
			}
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(p) && p[i+n] == c {
				n++
			}
			f, ok := javaLetters[p[i:i+n]]
			if !ok {
				return "", p[i : i+n]
			}
			b.WriteString(f)
			i += n
		case c == '%':
			b.WriteString("%%")
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), ""
}

// mysqlLetters maps MySQL's format letters to strftime.
var mysqlLetters = map[byte]string{
	'Y': "%Y", 'y': "%y", 'm': "%m", 'c': "%-m", 'd': "%d", 'e': "%-d", 'H': "%H", 'k': "%-H", 'h': "%I", 'I': "%I", 'l': "%-I",
	'i': "%M", 's': "%S", 'S': "%S", 'f': "%f", 'p': "%p", 'j': "%j", 'M': "%B", 'b': "%b", 'W': "%A", 'a': "%a", 'w': "%w",
	'T': "%H:%M:%S", 'r': "%I:%M:%S %p", '%': "%%", 'v': "%V", 'x': "%G", 'u': "%W", 'U': "%U",
}

func mysqlFormat(p string) (out, bad string) {
	// StarRocks also takes Java's patterns; without any % it is one of those.
	if !strings.Contains(p, "%") && strings.Contains(p, "yy") {
		return javaFormat(p)
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '%' || i+1 == len(p) {
			b.WriteByte(p[i])
			continue
		}
		i++
		f, ok := mysqlLetters[p[i]]
		if !ok {
			return "", "%" + string(p[i])
		}
		b.WriteString(f)
	}
	return b.String(), ""
}

// pattern renders a format argument, which must be a literal: a pattern that
// comes from a column cannot be translated.
func (r *renderer) pattern(at ast.Node, v val) string {
	if v.lit == nil || v.lit.Kind != ast.StringLit {
		r.unsupported(at, "date pattern that is not a literal", "write the pattern in quotes")
	}
	out, bad := strftime(r.d, v.lit.Text)
	if bad != "" {
		r.unsupported(at, "date pattern letter "+bad+" in "+v.lit.Text, "")
	}
	return text(out)
}
