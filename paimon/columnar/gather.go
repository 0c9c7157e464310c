package columnar

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
)

// Gathering works on selections. A selection is either a list of single rows
// (random access) or a list of spans of consecutive rows (bulk copies). Which
// of the two is decided once per call, for all columns and nested values:
//
//  1. count how many spans the refs make;
//  2. with few, long spans copy span by span, else row by row;
//  3. lists and maps gather their offsets, then their elements as spans.

// span names n consecutive rows of one source; src < 0 stands for n NULLs.
type span struct{ src, row, n int32 }

// minSpan is the average span length from which bulk copies pay.
const minSpan = 4

type selection struct {
	refs  []Ref  // row by row, when spans is nil
	spans []span // span by span
	n     int
	nulls bool // some rows are NullRef
}

// source is a stretch of an array; off is absolute in its buffers.
type source struct {
	data arrow.ArrayData
	off  int
}

// Gather makes an array of the named rows, one per ref; NullRef gives NULL.
// The arrays must all have one type, which may be any type of types.Type's
// Arrow form, nested ones too. The result copies all values: the sources may
// be released. At least one array is needed to know the type; see GatherType.
func Gather(mem memory.Allocator, arrays []arrow.Array, refs []Ref) (arrow.Array, error) {
	if len(arrays) == 0 {
		return nil, errs.Invalid("gather: no source array")
	}
	return GatherType(mem, arrays[0].DataType(), arrays, refs)
}

// GatherType is Gather for a known type; without arrays all refs must be
// NullRef.
func GatherType(mem memory.Allocator, dt arrow.DataType, arrays []arrow.Array, refs []Ref) (arrow.Array, error) {
	sel := newSelection(refs)
	return gatherArray(mem, dt, arrays, &sel)
}

// GatherBatch makes a batch of the named rows of the batches, which have the
// schema's columns in order (types are compared, names are not).
func GatherBatch(mem memory.Allocator, schema *arrow.Schema, batches []arrow.RecordBatch, refs []Ref) (arrow.RecordBatch, error) {
	sel := newSelection(refs)
	cols := make([]arrow.Array, 0, schema.NumFields())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	arrays := make([]arrow.Array, len(batches))
	for f := range schema.NumFields() {
		for i, b := range batches {
			if int(b.NumCols()) != schema.NumFields() {
				return nil, errs.Invalid("gather: batch %d has %d columns, the schema %d", i, b.NumCols(), schema.NumFields())
			}
			arrays[i] = b.Column(f)
		}
		c, err := gatherArray(mem, schema.Field(f).Type, arrays, &sel)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return array.NewRecordBatch(schema, cols, int64(len(refs))), nil
}

// Concat joins arrays of one type end to end. A single array is retained, not
// copied.
func Concat(mem memory.Allocator, arrays []arrow.Array) (arrow.Array, error) {
	if len(arrays) == 0 {
		return nil, errs.Invalid("concat: no source array")
	}
	if len(arrays) == 1 {
		arrays[0].Retain()
		return arrays[0], nil
	}
	sel := selection{spans: make([]span, 0, len(arrays))}
	for i, a := range arrays {
		if a.Len() > 0 {
			sel.spans = append(sel.spans, span{src: int32(i), n: int32(a.Len())})
			sel.n += a.Len()
		}
	}
	return gatherArray(mem, arrays[0].DataType(), arrays, &sel)
}

// Constant makes an array of n times the value of a one-row array; n NULLs
// when one is nil or NULL.
func Constant(mem memory.Allocator, dt arrow.DataType, one arrow.Array, n int) (arrow.Array, error) {
	if one == nil || one.IsNull(0) {
		return gatherArray(mem, dt, nil, &selection{spans: []span{{src: -1, n: int32(n)}}, n: n, nulls: n > 0})
	}
	return gatherArray(mem, dt, []arrow.Array{one}, &selection{refs: make([]Ref, n), n: n})
}

// newSelection looks at the refs and picks the way to copy them.
func newSelection(refs []Ref) selection {
	s := selection{refs: refs, n: len(refs)}
	count := 0
	next := Ref{Src: math.MinInt32}
	for _, r := range refs {
		if r.Src < 0 {
			s.nulls = true
		}
		if r != next {
			count++
		}
		next = Ref{Src: r.Src, Row: r.Row + 1}
	}
	if count*minSpan > len(refs) {
		return s
	}
	s.refs, s.spans = nil, make([]span, 0, count)
	for _, r := range refs {
		s.addSpan(r.Src, r.Row, 1)
	}
	return s
}

// addSpan appends rows, joining them with the span before when they follow it.
func (s *selection) addSpan(src, row, n int32) {
	if k := len(s.spans); k > 0 {
		last := &s.spans[k-1]
		if last.src == src && (src < 0 || last.row+last.n == row) {
			last.n += n
			return
		}
	}
	s.spans = append(s.spans, span{src, row, n})
}

func gatherArray(mem memory.Allocator, dt arrow.DataType, arrays []arrow.Array, s *selection) (arrow.Array, error) {
	srcs := make([]source, len(arrays))
	for i, a := range arrays {
		if a.DataType().ID() != dt.ID() || !sameAtom(a.DataType(), dt) {
			return nil, errs.Invalid("gather: source %d is %s, want %s", i, a.DataType(), dt)
		}
		srcs[i] = source{data: a.Data(), off: a.Data().Offset()}
	}
	d, err := gatherData(mem, dt, srcs, s)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	return array.MakeFromData(d), nil
}

// sameAtom compares the parameters of types that are not nested.
func sameAtom(a, b arrow.DataType) bool {
	if _, nested := a.(arrow.NestedType); nested {
		return true
	}
	return arrow.TypeEqual(a, b)
}

// gatherData gathers one (possibly nested) column.
func gatherData(mem memory.Allocator, dt arrow.DataType, srcs []source, s *selection) (arrow.ArrayData, error) {
	valid, nulls := gatherValidity(mem, srcs, s)
	bufs := []*memory.Buffer{valid}
	var children []arrow.ArrayData
	var err error
	switch t := dt.(type) {
	case *arrow.BooleanType:
		bufs = []*memory.Buffer{valid, gatherBools(mem, srcs, s)}
	case *arrow.StringType, *arrow.BinaryType:
		var offsets, data *memory.Buffer
		offsets, data, err = gatherStrings(mem, srcs, s, valid)
		bufs = []*memory.Buffer{valid, offsets, data}
	case *arrow.StructType:
		children, err = gatherFields(mem, t, srcs, s)
	case *arrow.ListType:
		bufs, children, err = gatherLists(mem, t.Elem(), srcs, s, valid)
	case *arrow.MapType:
		bufs, children, err = gatherLists(mem, t.Elem(), srcs, s, valid)
	case arrow.FixedWidthDataType:
		var values *memory.Buffer
		values, err = gatherFixedWidth(mem, t, srcs, s)
		bufs = []*memory.Buffer{valid, values}
	default:
		err = errs.Unsupported("gather: no kernel for Arrow type %s", dt)
	}
	defer releaseAll(bufs, children)
	if err != nil {
		return nil, err
	}
	return array.NewData(dt, s.n, bufs, children, nulls, 0), nil
}

func releaseAll(bufs []*memory.Buffer, children []arrow.ArrayData) {
	for _, b := range bufs {
		if b != nil {
			b.Release()
		}
	}
	for _, c := range children {
		if c != nil {
			c.Release()
		}
	}
}

func newBuffer(mem memory.Allocator, size int) *memory.Buffer {
	b := memory.NewResizableBuffer(mem)
	b.Resize(size)
	return b
}

// gatherValidity makes the bitmap; nil when all rows are valid.
func gatherValidity(mem memory.Allocator, srcs []source, s *selection) (*memory.Buffer, int) {
	maps, any := make([]bits, len(srcs)), s.nulls
	for i, src := range srcs {
		if b := src.data.Buffers()[0]; b != nil && b.Len() > 0 && src.data.NullN() != 0 {
			maps[i] = bits{words: b.Bytes(), off: src.off}
			any = true
		}
	}
	if !any {
		return nil, 0
	}
	buf := newBuffer(mem, int(bitutil.BytesForBits(int64(s.n))))
	out := buf.Bytes()
	if s.spans != nil {
		spanBits(out, maps, s, true)
	} else {
		rowValidity(out, maps, s.refs)
	}
	nulls := s.n - bitutil.CountSetBits(out, 0, s.n)
	if nulls == 0 {
		buf.Release()
		return nil, 0
	}
	return buf, nulls
}

// rowValidity fills the bitmap row by row, eight rows a byte.
func rowValidity(out []byte, maps []bits, refs []Ref) {
	for b := range out {
		var w byte
		chunk := refs[b*8 : min(b*8+8, len(refs))]
		for i, r := range chunk {
			if r.Src >= 0 && maps[r.Src].valid(int(r.Row)) {
				w |= 1 << i
			}
		}
		out[b] = w
	}
}

// spanBits copies bits span by span; whole says what spans of a source
// without bits are.
func spanBits(out []byte, maps []bits, s *selection, whole bool) {
	at := 0
	clear(out)
	for _, sp := range s.spans {
		n := int(sp.n)
		switch {
		case sp.src < 0:
		case maps[sp.src].words == nil:
			bitutil.SetBitsTo(out, int64(at), int64(n), whole)
		default:
			bitutil.CopyBitmap(maps[sp.src].words, maps[sp.src].off+int(sp.row), n, out, at)
		}
		at += n
	}
}

func gatherBools(mem memory.Allocator, srcs []source, s *selection) *memory.Buffer {
	maps := make([]bits, len(srcs))
	for i, src := range srcs {
		maps[i].off = src.off
		if b := src.data.Buffers()[1]; b != nil && b.Len() > 0 {
			maps[i].words = b.Bytes()
		} else {
			maps[i].words = make([]byte, bitutil.BytesForBits(int64(src.off+src.data.Len())))
		}
	}
	buf := newBuffer(mem, int(bitutil.BytesForBits(int64(s.n))))
	if s.spans != nil {
		spanBits(buf.Bytes(), maps, s, false)
	} else {
		rowValidity(buf.Bytes(), maps, s.refs)
	}
	return buf
}

func gatherFixedWidth(mem memory.Allocator, t arrow.FixedWidthDataType, srcs []source, s *selection) (*memory.Buffer, error) {
	width := t.BitWidth() / 8
	buf := newBuffer(mem, s.n*width)
	switch width {
	case 1:
		copyFixed[uint8](buf, srcs, s)
	case 2:
		copyFixed[uint16](buf, srcs, s)
	case 4:
		copyFixed[uint32](buf, srcs, s)
	case 8:
		copyFixed[uint64](buf, srcs, s)
	case 16:
		copyFixed[[2]uint64](buf, srcs, s)
	default:
		buf.Release()
		return nil, errs.Unsupported("gather: no kernel for Arrow type %s", t)
	}
	return buf, nil
}

func copyFixed[T any](buf *memory.Buffer, srcs []source, s *selection) {
	dst := cast[T](buf, 0, s.n)
	vals := make([][]T, len(srcs))
	for i, src := range srcs {
		rows := max(src.data.Offset()+src.data.Len()-src.off, 0)
		if vals[i] = cast[T](src.data.Buffers()[1], src.off, rows); vals[i] == nil {
			vals[i] = make([]T, rows) // all NULL, without values
		}
	}
	var zero T
	switch {
	case s.spans != nil:
		at := int32(0)
		for _, sp := range s.spans {
			if sp.src < 0 {
				clear(dst[at : at+sp.n])
			} else {
				copy(dst[at:at+sp.n], vals[sp.src][sp.row:sp.row+sp.n])
			}
			at += sp.n
		}
	case s.nulls:
		for i, r := range s.refs[:len(dst)] {
			if r.Src < 0 {
				dst[i] = zero
			} else {
				dst[i] = vals[r.Src][r.Row]
			}
		}
	case len(vals) == 1:
		one := vals[0]
		for i, r := range s.refs[:len(dst)] {
			dst[i] = one[r.Row]
		}
	default:
		for i, r := range s.refs[:len(dst)] {
			dst[i] = vals[r.Src][r.Row]
		}
	}
}
