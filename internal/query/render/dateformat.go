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

// javaParts are letters that strftime has nothing for: an expression over ts.
var javaParts = map[string]string{
	"Q": "CAST(quarter(ts) AS VARCHAR)", "q": "CAST(quarter(ts) AS VARCHAR)", "QQQ": "('Q' || quarter(ts))",
	"k": "CAST((hour(ts) + 23) % 24 + 1 AS VARCHAR)", "kk": "lpad(CAST((hour(ts) + 23) % 24 + 1 AS VARCHAR), 2, '0')",
	"K": "CAST(hour(ts) % 12 AS VARCHAR)", "KK": "lpad(CAST(hour(ts) % 12 AS VARCHAR), 2, '0')",
	"S": "strftime(ts, '%g')[1:1]", "SS": "strftime(ts, '%g')[1:2]", "e": "CAST(dayofweek(ts) + 1 AS VARCHAR)",
}

// javaFormat translates a Java pattern. Letters of javaParts stand in out as
// \x00letters\x00.
func javaFormat(p string) (out, bad string) {
	var b strings.Builder
	for i := 0; i < len(p); {
		c := p[i]
		switch {
		case c == '\'':
			n, quoted, ok := javaQuoted(p[i:])
			if !ok {
				return "", "'"
			}
			b.WriteString(strings.ReplaceAll(quoted, "%", "%%"))
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(p) && p[i+n] == c {
				n++
			}
			letters := p[i : i+n]
			switch f, ok := javaLetters[letters]; {
			case ok:
				b.WriteString(f)
			case javaParts[letters] != "":
				b.WriteString("\x00" + letters + "\x00")
			default:
				return "", letters
			}
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

// javaQuoted reads 'text' at the start of p; ” is a quote.
func javaQuoted(p string) (n int, text string, ok bool) {
	end := strings.IndexByte(p[1:], '\'')
	switch {
	case end < 0:
		return 0, "", false
	case end == 0:
		return 2, "'", true
	}
	return end + 2, p[1 : 1+end], true
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

// translated is the pattern of a format argument, which must be a literal: one
// that comes from a column cannot be translated.
func (r *renderer) translated(at ast.Node, v val) string {
	if v.lit == nil || v.lit.Kind != ast.StringLit {
		r.unsupported(at, "date pattern that is not a literal", "write the pattern in quotes")
	}
	out, bad := strftime(r.d, v.lit.Text)
	if bad != "" {
		r.unsupported(at, "date pattern letter "+bad+" in "+v.lit.Text, "")
	}
	return out
}

// pattern renders a format for parsing.
func (r *renderer) pattern(at ast.Node, v val) string {
	out := r.translated(at, v)
	if strings.Contains(out, "\x00") {
		r.unsupported(at, "date pattern "+v.lit.Text+" for parsing", "")
	}
	return text(out)
}

// formatted renders the text of a timestamp in a format.
func (r *renderer) formatted(at ast.Node, ts string, format val) string {
	pieces := strings.Split(r.translated(at, format), "\x00")
	var parts []string
	for i, p := range pieces {
		switch {
		case i%2 == 1:
			parts = append(parts, strings.ReplaceAll(javaParts[p], "ts", ts))
		case p != "":
			parts = append(parts, "strftime("+ts+", "+text(p)+")")
		}
	}
	switch len(parts) {
	case 0:
		return "CASE WHEN " + ts + " IS NOT NULL THEN '' END"
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " || ") + ")"
}
