package bitmap

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tarndb/tarn/paimon/errs"
)

// Form is a way to write a bitmap as bytes.
type Form uint8

const (
	// StarRocks is a type byte and a payload: EMPTY, SINGLE32, BITMAP32, SINGLE64 or BITMAP64, the smallest that does.
	// Read are also SET and the two of bitmap_serialize_version 2.
	StarRocks Form = iota
	// Portable32 is the public 32-bit Roaring format.
	Portable32
	// Portable64 is the public 64-bit Roaring format.
	Portable64
	// RBM32 is Paimon's rbm32, the same bytes as Portable32.
	RBM32
	// RBM64 is Paimon's rbm64: org.roaringbitmap.longlong.Roaring64Bitmap in its own form.
	RBM64
)

func (f Form) String() string {
	if names := []string{"StarRocks", "32-bit Roaring", "64-bit Roaring", "rbm32", "rbm64"}; int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("form %d", uint8(f))
}

// Error says what is wrong with the bytes of a bitmap. It matches errs.ErrCorrupt.
type Error struct {
	Form   Form // that the bytes were read as
	Offset int  // where the fault is
	Size   int  // bytes in all
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("bytes are no %s bitmap: byte %d of %d: %s", e.Form, e.Offset, e.Size, e.Reason)
}

// Is makes the error match errs.ErrCorrupt.
func (e *Error) Is(kind error) bool { return kind == errs.ErrCorrupt }

// Decode reads a bitmap in any form; the package comment says how it is recognised. The bitmap does not refer to raw.
// Errors are of type *Error.
func Decode(raw []byte) (*Bitmap, error) {
	b, _, err := decode(raw)
	return b, err
}

// Detect tells the form of bytes that Decode accepts, Portable32 for rbm32, StarRocks for the single 0.
func Detect(raw []byte) (Form, error) {
	_, f, err := decode(raw)
	return f, err
}

func decode(raw []byte) (*Bitmap, Form, error) {
	var first error
	for _, f := range candidates(raw) {
		b, err := DecodeAs(raw, f)
		if err == nil {
			return b, f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, 0, first
}

// candidates are the forms that the first bytes allow, the most likely one first: its error is told.
func candidates(raw []byte) []Form {
	if len(raw) == 0 {
		return []Form{StarRocks}
	}
	switch {
	case raw[0] == 0x3a || raw[0] == 0x3b:
		return []Form{Portable32, Portable64}
	case raw[0] == 1 && len(raw) > 5:
		if len(raw) >= 16 && raw[12] != 0x3a && raw[12] != 0x3b {
			return []Form{RBM64, Portable64}
		}
		return []Form{Portable64, RBM64}
	case raw[0] == 0 && len(raw) >= 8:
		return []Form{Portable64}
	case raw[0] <= 4 || raw[0] == 10 || raw[0] == 12 || raw[0] == 13:
		if len(raw) >= 16 && raw[1] == 0 {
			return []Form{Portable64, StarRocks}
		}
		return []Form{StarRocks, Portable64}
	}
	return []Form{Portable64}
}

// DecodeAs reads a bitmap of a known form.
func DecodeAs(raw []byte, f Form) (*Bitmap, error) {
	r := &reader{form: f, raw: raw}
	b := &Bitmap{}
	switch f {
	case StarRocks:
		r.starRocks(b)
	case Portable32, RBM32:
		r.portable32(b, 0)
	case Portable64:
		r.portable64(b)
	case RBM64:
		b.chunks = r.tree().chunks()
	default:
		return nil, errs.Invalid("bitmap: %s", f)
	}
	if r.err == nil && r.at < len(raw) {
		r.fail("%d bytes are left over", len(raw)-r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	return b, nil
}

// Append writes the bitmap behind dst. A value that does not fit a 32-bit form is an error that matches
// errs.ErrInvalid.
func (b *Bitmap) Append(dst []byte, f Form) ([]byte, error) {
	if (f == Portable32 || f == RBM32) && b.Max() > math.MaxUint32 {
		return dst, errs.Invalid("bitmap: value %d does not fit %s", b.Max(), f)
	}
	o := b.optimised()
	switch f {
	case StarRocks:
		return appendStarRocks(dst, o), nil
	case Portable32, RBM32:
		return appendPortable32(dst, o), nil
	case Portable64:
		return appendPortable64(dst, o), nil
	case RBM64:
		return newTree(o).appendTo(dst), nil
	}
	return dst, errs.Invalid("bitmap: %s", f)
}

func (b *Bitmap) optimised() []chunk {
	out := make([]chunk, len(b.chunks))
	for i, c := range b.chunks {
		if c.c.kind == words && c.c.card <= maxArray { // rbm64 allows it, the others do not
			c.c = c.c.toArray()
		}
		out[i] = chunk{c.key, c.c.optimise()}
	}
	return out
}

// reader walks over raw; after the first fault it gives zeros.
type reader struct {
	form Form
	raw  []byte
	at   int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Form: r.form, Offset: r.at, Size: len(r.raw), Reason: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) left() int { return len(r.raw) - r.at }

// take gives the next n bytes, nil after a fault.
func (r *reader) take(n int, what string) []byte {
	if r.err == nil && n > r.left() {
		r.fail("%s needs %d bytes, %d are left", what, n, r.left())
	}
	if r.err != nil {
		return nil
	}
	p := r.raw[r.at : r.at+n]
	r.at += n
	return p
}

func (r *reader) u8(what string) uint8 {
	if p := r.take(1, what); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16(what string) uint16 {
	if p := r.take(2, what); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u32(what string) uint32 {
	if p := r.take(4, what); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if p := r.take(8, what); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// count checks a number of things of at least size bytes each against what is left.
func (r *reader) count(n uint64, size int, what string) int {
	if r.err == nil && n > uint64(r.left()/size) {
		r.fail("%d %s need %d bytes each, %d are left", n, what, size, r.left())
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}
