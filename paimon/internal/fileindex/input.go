package fileindex

import (
	"encoding/binary"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/errs"
)

// input walks over the bytes of an index, big endian; after the first fault it
// gives zeros.
type input struct {
	raw []byte
	at  int
	err error
}

func (r *input) fail(format string, args ...any) {
	if r.err == nil {
		r.err = errs.Kinded(errs.ErrCorrupt, "byte %d of %d: "+format, append([]any{r.at, len(r.raw)}, args...)...)
	}
}

func (r *input) take(n int, what string) []byte {
	if r.err == nil && (n < 0 || n > len(r.raw)-r.at) {
		r.fail("%s needs %d bytes, %d are left", what, n, len(r.raw)-r.at)
	}
	if r.err != nil {
		return nil
	}
	p := r.raw[r.at : r.at+n]
	r.at += n
	return p
}

func (r *input) u8(what string) uint8 {
	if p := r.take(1, what); p != nil {
		return p[0]
	}
	return 0
}

func (r *input) i32(what string) int {
	if p := r.take(4, what); p != nil {
		return int(int32(binary.BigEndian.Uint32(p)))
	}
	return 0
}

func (r *input) i64(what string) int64 {
	if p := r.take(8, what); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

// count reads a number of things that take at least size bytes each.
func (r *input) count(size int, what string) int {
	n := r.i32(what)
	if r.err == nil && (n < 0 || n > (len(r.raw)-r.at)/size) {
		r.fail("%d %s do not fit %d bytes", n, what, len(r.raw)-r.at)
	}
	if r.err != nil {
		return 0
	}
	return n
}

// utf reads a text with two bytes of length (of Java's modified UTF-8, which
// differs for NUL and characters beyond the basic plane only).
func (r *input) utf(what string) string {
	n := 0
	if p := r.take(2, what); p != nil {
		n = int(binary.BigEndian.Uint16(p))
	}
	return decodeUTF(r.take(n, what))
}

// sub gives the next n bytes as an input of their own.
func (r *input) sub(n int, what string) *input {
	return &input{raw: r.take(n, what), err: r.err}
}

// rows reads a Roaring bitmap of row numbers below n.
func (r *input) rows(n int, what string) *Rows {
	if r.err != nil {
		return nil
	}
	b, rest, err := bitmap.Portable32Prefix(r.raw[r.at:])
	if err != nil {
		r.fail("%s: %w", what, err)
		return nil
	}
	r.at = len(r.raw) - len(rest)
	return r.rowsOf(b, n, what)
}

func (r *input) rowsOf(b *bitmap.Bitmap, n int, what string) *Rows {
	out := NewRows(n)
	if !b.IsEmpty() && b.Max() >= uint64(n) {
		r.fail("%s: row %d of a file with %d rows", what, b.Max(), n)
		return nil
	}
	if err := b.SetBits(out.words); err != nil {
		r.fail("%s: %w", what, err)
		return nil
	}
	return out
}
