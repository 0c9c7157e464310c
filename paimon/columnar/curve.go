package columnar

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Curve is a way through the points of several columns on which neighbours are
// near in all of them.
type Curve int8

// The curves of Paimon's sort compaction.
const (
	// ZOrder interleaves the bits of the columns. Source: ZIndexer.
	ZOrder Curve = iota
	// Hilbert takes two columns at least. Source: HilbertIndexer.
	Hilbert
)

// CurveEncoder turns columns into places on a curve: bytes of one length that
// order as the curve runs. NULL comes first on ZOrder, last on Hilbert. It is
// immutable and may be shared.
type CurveEncoder struct {
	curve    Curve
	types    []types.Type
	variable int // bytes that a string contributes
}

// hilbertBits is how many low bits of a value count.
const hilbertBits = 63

// NewCurveEncoder makes an encoder of columns of these types; variable is how
// many leading bytes of strings count ("zorder.var-length-contribution").
// Nested types are errs.ErrUnsupported, one column on Hilbert errs.ErrInvalid.
func NewCurveEncoder(curve Curve, ts []types.Type, variable int) (*CurveEncoder, error) {
	for _, t := range ts {
		if !HasOrder(t) {
			return nil, errs.Unsupported("sort by a curve: values of type %s have no order", t)
		}
	}
	if curve == Hilbert && len(ts) < 2 {
		return nil, errs.Invalid("Hilbert sort needs at least two columns")
	}
	if curve == Hilbert || variable <= 0 {
		variable = 8
	}
	return &CurveEncoder{curve: curve, types: ts, variable: variable}, nil
}

// Stride is the length of every place, in bytes.
func (e *CurveEncoder) Stride() int {
	if e.curve == Hilbert {
		return (hilbertBits*len(e.types) + 7) / 8
	}
	n := 0
	for _, t := range e.types {
		n += e.width(t)
	}
	return n
}

func (e *CurveEncoder) width(t types.Type) int {
	if isVariable(t.Root) {
		return e.variable
	}
	return 8
}

// Encode puts the places of all rows into out, which has n rows of stride
// bytes, the place at the head of each.
func (e *CurveEncoder) Encode(cols []arrow.Array, out []byte, stride int) error {
	if len(cols) != len(e.types) {
		return errs.Invalid("sort by a curve: %d columns for %d fields", len(cols), len(e.types))
	}
	n := cols[0].Len()
	parts := make([][]byte, len(cols)) // per column: width bytes a row
	for i, c := range cols {
		w := e.width(e.types[i])
		parts[i] = make([]byte, n*w)
		if isVariable(e.types[i].Root) {
			e.leading(c, parts[i], w)
			continue
		}
		if err := e.numbers(c, e.types[i], parts[i]); err != nil {
			return err
		}
	}
	point, row := make([]uint64, len(cols)), make([][]byte, len(cols))
	for r := range n {
		for i := range parts {
			w := len(parts[i]) / n
			row[i] = parts[i][r*w : (r+1)*w]
		}
		place := out[r*stride : r*stride+e.Stride()]
		if e.curve == ZOrder {
			interleave(row, place)
			continue
		}
		for i := range row {
			point[i] = binary.BigEndian.Uint64(row[i]) &^ (1 << hilbertBits)
		}
		hilbert(point, place)
	}
	return nil
}

// leading copies the first bytes of strings. On Hilbert short ones stand at
// the end of the number, as Paimon has it.
func (e *CurveEncoder) leading(c arrow.Array, out []byte, width int) {
	offsets, data := varBuffers(c.Data())
	nulls := validity(c)
	for i := range c.Len() {
		dst := out[i*width : (i+1)*width]
		if !nulls.valid(i) {
			e.null(dst)
			continue
		}
		v := data[offsets[i]:offsets[i+1]]
		if e.curve == Hilbert && len(v) < width {
			dst = dst[width-len(v):]
		}
		copy(dst, v)
	}
}

func (e *CurveEncoder) null(dst []byte) {
	if e.curve == Hilbert {
		binary.BigEndian.PutUint64(dst, 1<<hilbertBits-1)
	}
}

// numbers writes values as 8 bytes: with the sign turned for ZOrder, as they
// are for Hilbert. Timestamps count in their own unit, decimals unscaled, wide
// ones by their high half.
func (e *CurveEncoder) numbers(c arrow.Array, t types.Type, out []byte) error {
	vals := make([]uint64, c.Len())
	wide := fixedWidth(t) == 16
	if err := orderedBits(vals, c, t, wide, wide); err != nil {
		return err
	}
	// orderedBits are unsigned numbers of the type's width.
	shift := 64 - 8*min(fixedWidth(t), 8)
	nulls := validity(c)
	for i, v := range vals {
		dst := out[8*i : 8*i+8]
		switch {
		case !nulls.valid(i):
			e.null(dst)
			continue
		case e.curve == ZOrder:
			// as a 64-bit number with its sign turned
			v = uint64(int64((v<<shift)^(1<<63))>>shift) ^ 1<<63
		case t.Root == types.Boolean:
			v *= 1<<hilbertBits - 1
		default:
			v = uint64(int64((v<<shift)^(1<<63)) >> shift)
		}
		binary.BigEndian.PutUint64(dst, v)
	}
	return nil
}

// interleave takes a bit of every column in turn, the highest first; columns
// that have ended are passed over.
func interleave(cols [][]byte, out []byte) {
	clear(out)
	at := 0
	for b := 0; at < 8*len(out); b++ {
		for _, c := range cols {
			if b>>3 >= len(c) {
				continue
			}
			bit := c[b>>3] >> (7 - b&7) & 1
			out[at>>3] |= bit << (7 - at&7)
			at++
		}
	}
}

// hilbert gives the place of a point on the curve, by Skilling's transform. It
// uses up the point.
func hilbert(x []uint64, out []byte) {
	n := len(x)
	for q := uint64(1) << (hilbertBits - 1); q > 1; q >>= 1 {
		p := q - 1
		for i := range x {
			if x[i]&q != 0 {
				x[0] ^= p
				continue
			}
			t := (x[0] ^ x[i]) & p
			x[0] ^= t
			x[i] ^= t
		}
	}
	for i := 1; i < n; i++ {
		x[i] ^= x[i-1]
	}
	t := uint64(0)
	for q := uint64(1) << (hilbertBits - 1); q > 1; q >>= 1 {
		if x[n-1]&q != 0 {
			t ^= q - 1
		}
	}
	clear(out)
	at := 8*len(out) - hilbertBits*n // the number stands at the end
	for b := hilbertBits - 1; b >= 0; b-- {
		for i := range x {
			bit := byte((x[i] ^ t) >> b & 1)
			out[at>>3] |= bit << (7 - at&7)
			at++
		}
	}
}
