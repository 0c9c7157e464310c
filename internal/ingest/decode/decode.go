// Package decode holds what the formats of text sources share: the seam
// between a source of lines and a format, the rows that a format gathers, and
// the error that names what is wrong with a line.
package decode

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Decoder turns lines into row changes of declared columns. It serves one
// goroutine.
type Decoder interface {
	// Decode gathers the changes that a line tells, none or several. A line
	// whose error is returned leaves nothing behind. The bytes of the line are
	// not kept.
	Decode(line []byte) error
	// Len is how many rows are gathered.
	Len() int
	// Flush gives the rows gathered and starts anew. The caller owns the Chunk.
	Flush() (Chunk, error)
	// Release frees the decoder; it is not used afterwards.
	Release()
}

// Chunk is what a decoder gathered, in the order of the lines.
type Chunk struct {
	Rows arrow.RecordBatch
	// Kinds has one entry per row; nil means that all are +I.
	Kinds []types.RowKind
	// Newest is the newest commit time among the lines; zero when they do not
	// tell.
	Newest time.Time
	// Skipped counts lines, and Nulled values, that were wrong and that the
	// options say to ignore.
	Skipped, Nulled int
}

// ValueError reports a value that does not fit its column. It matches
// errs.ErrInvalid.
type ValueError struct {
	Column string // with the way to a nested value: "items[3].price"
	Value  string // as written, cut when long
	Want   string // what the column takes
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("column %q: value %s: want %s", e.Column, e.Value, e.Want)
}

// Is makes the error match errs.ErrInvalid.
func (e *ValueError) Is(kind error) bool { return kind == errs.ErrInvalid }

// SyntaxError reports a line that is not in the format at all. It matches
// errs.ErrInvalid.
type SyntaxError struct {
	Offset int // bytes from the start of the line
	Text   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not JSON at byte %d: %s", e.Offset+1, e.Text)
}

// Is makes the error match errs.ErrInvalid.
func (e *SyntaxError) Is(kind error) bool { return kind == errs.ErrInvalid }

// maxShown bounds how much of a value an error shows, in bytes.
const maxShown = 80

// Show cuts a value for a message.
func Show(v []byte) string {
	if len(v) == 0 {
		return "(absent)"
	}
	if len(v) <= maxShown {
		return string(v)
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return fmt.Sprintf("%s… (%d bytes)", v[:n], len(v))
}
