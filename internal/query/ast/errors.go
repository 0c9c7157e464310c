package ast

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/paimon/errs"
)

// ErrSyntax is matched by every *SyntaxError.
var ErrSyntax = errors.New("syntax error")

// SyntaxError reports text that is not SQL of the dialect. It matches ErrSyntax and errs.ErrInvalid.
type SyntaxError struct {
	File     string // "" when the text came from no file
	Line     int    // 1-based; of the text after variable substitution
	Column   int    // 1-based, characters
	Found    string // the token met, as written; "" at the end of the text
	Expected string // what would have been right, in words
	Message  string // replaces "unexpected Found, expected Expected" when not empty
	Hint     string // what to do, may be empty
	Source   string // the whole source line
}

// Error gives one line with the place, then the source line with a caret, then the hint.
func (e *SyntaxError) Error() string {
	msg := e.Message
	if msg == "" {
		found := "end of text"
		if e.Found != "" {
			found = fmt.Sprintf("%q", e.Found)
		}
		msg = fmt.Sprintf("unexpected %s, expected %s", found, e.Expected)
	}
	return place(e.File, e.Line, e.Column) + msg + excerpt(e.Source, e.Column) + hint(e.Hint)
}

// Is makes errors.Is true for ErrSyntax and errs.ErrInvalid.
func (e *SyntaxError) Is(kind error) bool { return kind == ErrSyntax || kind == errs.ErrInvalid }

// UnsupportedError reports a construct that some engine accepts and Tarn does
// not run. It matches errs.ErrUnsupported through Kind.
type UnsupportedError struct {
	File   string
	Line   int
	Column int
	What   string // the construct by name
	Hint   string
	Source string
}

// Error names the construct and its place.
func (e *UnsupportedError) Error() string {
	return place(e.File, e.Line, e.Column) + e.What + " is not supported" + excerpt(e.Source, e.Column) + hint(e.Hint)
}

// Is makes errors.Is(err, errs.ErrUnsupported) true.
func (e *UnsupportedError) Is(kind error) bool { return kind == errs.ErrUnsupported }

// PlacedError says where in a text the cause of an error is.
type PlacedError struct {
	File   string
	Line   int
	Column int
	Source string
	Err    error
}

// Error gives the place, the cause and the source line.
func (e *PlacedError) Error() string {
	return place(e.File, e.Line, e.Column) + e.Err.Error() + excerpt(e.Source, e.Column)
}

// Unwrap gives the cause.
func (e *PlacedError) Unwrap() error { return e.Err }

func place(file string, line, column int) string {
	switch {
	case line == 0 && file == "":
		return ""
	case file == "":
		return fmt.Sprintf("%d:%d: ", line, column)
	default:
		return fmt.Sprintf("%s:%d:%d: ", file, line, column)
	}
}

func hint(h string) string {
	if h == "" {
		return ""
	}
	return "\n  hint: " + h
}

// maxExcerpt bounds, in characters, the part of a source line that a message shows.
const maxExcerpt = 120

// excerpt shows the source line and a caret under column. Wide characters take
// two cells in a terminal, so the caret is moved accordingly.
func excerpt(line string, column int) string {
	if line == "" || column < 1 {
		return ""
	}
	runes := []rune(line)
	at := min(column-1, len(runes))
	from, to := 0, len(runes)
	if len(runes) > maxExcerpt {
		from = max(0, at-maxExcerpt/2)
		to = min(len(runes), from+maxExcerpt)
	}
	var pad strings.Builder
	for _, r := range runes[from:at] {
		switch {
		case r == '\t':
			pad.WriteByte('\t')
		case wide(r):
			pad.WriteString("  ")
		default:
			pad.WriteByte(' ')
		}
	}
	return "\n  " + string(runes[from:to]) + "\n  " + pad.String() + "^"
}

// wide tells whether a terminal gives the character two cells (East Asian wide ranges).
func wide(r rune) bool {
	return r >= 0x1100 && (r <= 0x115f || (r >= 0x2e80 && r <= 0xa4cf) || (r >= 0xac00 && r <= 0xd7a3) ||
		(r >= 0xf900 && r <= 0xfaff) || (r >= 0xfe30 && r <= 0xfe6f) || (r >= 0xff00 && r <= 0xff60) ||
		(r >= 0xffe0 && r <= 0xffe6) || (r >= 0x1f300 && r <= 0x1faff) || (r >= 0x20000 && r <= 0x3fffd))
}

// SourceLine returns the line of text that holds the byte offset.
func SourceLine(text string, offset int) string {
	offset = max(0, min(offset, len(text)))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	end := strings.IndexByte(text[offset:], '\n')
	if end < 0 {
		end = len(text)
	} else {
		end += offset
	}
	return strings.TrimSuffix(text[start:end], "\r")
}

// Nearest returns the candidate that name is most probably a misspelling of, or "".
func Nearest(name string, candidates []string) string {
	limit := 1 + utf8.RuneCountInString(name)/4
	best := ""
	for _, c := range candidates {
		if d := editDistance(strings.ToUpper(name), strings.ToUpper(c), limit); d <= limit {
			if d < limit || best == "" {
				best, limit = c, d
			}
		}
	}
	return best
}

// editDistance is Damerau-Levenshtein (adjacent swaps count one), cut off above limit.
func editDistance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if d := len(ra) - len(rb); d > limit || -d > limit || len(ra) > 64 {
		return limit + 1
	}
	prev2, prev, cur := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		cur[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(rb)]
}
