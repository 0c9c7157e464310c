package columnar

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
)

// offsetView gives the offsets of every source, one more than its rows.
func offsetView(srcs []source) [][]int32 {
	out := make([][]int32, len(srcs))
	for i, src := range srcs {
		if n := src.data.Offset() + src.data.Len() - src.off; n > 0 {
			out[i] = cast[int32](src.data.Buffers()[1], src.off, n+1)
		}
	}
	return out
}

// gatherOffsets sums up the lengths of the named values. NULL counts nothing,
// whatever its offsets say.
func gatherOffsets(mem memory.Allocator, offs [][]int32, s *selection, valid *memory.Buffer) (*memory.Buffer, error) {
	buf := newBuffer(mem, (s.n+1)*4)
	dst := cast[int32](buf, 0, s.n+1)
	nulls := bits{}
	if valid != nil {
		nulls.words = valid.Bytes()
	}
	total := int64(0)
	dst[0] = 0
	switch {
	case s.spans != nil:
		i := 0
		for _, sp := range s.spans {
			for k := range sp.n {
				if nulls.valid(i) {
					total += int64(offs[sp.src][sp.row+k+1] - offs[sp.src][sp.row+k])
				}
				i++
				dst[i] = int32(total)
			}
		}
	case valid != nil:
		for i, r := range s.refs {
			if nulls.valid(i) {
				o := offs[r.Src]
				total += int64(o[r.Row+1] - o[r.Row])
			}
			dst[i+1] = int32(total)
		}
	default:
		out := dst[1 : len(s.refs)+1]
		for i, r := range s.refs {
			o := offs[r.Src]
			total += int64(o[r.Row+1] - o[r.Row])
			out[i] = int32(total)
		}
	}
	if total > math.MaxInt32 {
		buf.Release()
		return nil, errs.Invalid("gather: %d rows take %d bytes or elements in one column, the limit is 2^31-1; use smaller batches", s.n, total)
	}
	return buf, nil
}

func gatherStrings(mem memory.Allocator, srcs []source, s *selection, valid *memory.Buffer) (*memory.Buffer, *memory.Buffer, error) {
	offs := offsetView(srcs)
	offBuf, err := gatherOffsets(mem, offs, s, valid)
	if err != nil {
		return nil, nil, err
	}
	out := cast[int32](offBuf, 0, s.n+1)
	data := newBuffer(mem, int(out[s.n]))
	dst := data.Bytes()
	raw := make([][]byte, len(srcs))
	for i, src := range srcs {
		if b := src.data.Buffers()[2]; b != nil {
			raw[i] = b.Bytes()
		}
	}
	if s.spans != nil {
		copyStringSpans(dst, out, offs, raw, s)
		return offBuf, data, nil
	}
	for i, r := range s.refs {
		from, to := out[i], out[i+1]
		if from < to {
			start := offs[r.Src][r.Row]
			copy(dst[from:to], raw[r.Src][start:start+to-from])
		}
	}
	return offBuf, data, nil
}

// copyStringSpans copies a span in one go when it has no NULL with bytes.
func copyStringSpans(dst []byte, out []int32, offs [][]int32, raw [][]byte, s *selection) {
	i := int32(0)
	for _, sp := range s.spans {
		if sp.src < 0 {
			i += sp.n
			continue
		}
		o := offs[sp.src][sp.row : sp.row+sp.n+1]
		if o[sp.n]-o[0] == out[i+sp.n]-out[i] {
			copy(dst[out[i]:out[i+sp.n]], raw[sp.src][o[0]:o[sp.n]])
			i += sp.n
			continue
		}
		for k := range sp.n {
			from, to := out[i], out[i+1]
			copy(dst[from:to], raw[sp.src][o[k]:o[k]+to-from])
			i++
		}
	}
}

// gatherFields gathers every field of structs with the structs' selection.
func gatherFields(mem memory.Allocator, t *arrow.StructType, srcs []source, s *selection) ([]arrow.ArrayData, error) {
	out := make([]arrow.ArrayData, t.NumFields())
	for f := range out {
		fields := make([]source, len(srcs))
		for i, src := range srcs {
			if len(src.data.Children()) != len(out) {
				return out, errs.Invalid("gather: source %d is %s, want %s", i, src.data.DataType(), t)
			}
			c := src.data.Children()[f]
			fields[i] = source{data: c, off: c.Offset() + src.off}
		}
		d, err := gatherData(mem, t.Field(f).Type, fields, s)
		if err != nil {
			return out, err
		}
		out[f] = d
	}
	return out, nil
}

// gatherLists gathers lists and maps: offsets, then elements as spans.
func gatherLists(mem memory.Allocator, elem arrow.DataType, srcs []source, s *selection, valid *memory.Buffer) ([]*memory.Buffer, []arrow.ArrayData, error) {
	offs := offsetView(srcs)
	offBuf, err := gatherOffsets(mem, offs, s, valid)
	bufs := []*memory.Buffer{valid, offBuf}
	if err != nil {
		return bufs, nil, err
	}
	out := cast[int32](offBuf, 0, s.n+1)
	inner := selection{spans: make([]span, 0, min(s.n, 64)), n: int(out[s.n])}
	eachRow(s, func(i int, src, row int32) {
		if n := out[i+1] - out[i]; n > 0 {
			inner.addSpan(src, offs[src][row], n)
		}
	})
	elems := make([]source, len(srcs))
	for i, src := range srcs {
		c := src.data.Children()[0]
		elems[i] = source{data: c, off: c.Offset()}
	}
	d, err := gatherData(mem, elem, elems, &inner)
	if err != nil {
		return bufs, nil, err
	}
	return bufs, []arrow.ArrayData{d}, nil
}

// eachRow visits the rows of a selection of lists.
func eachRow(s *selection, visit func(i int, src, row int32)) {
	if s.spans == nil {
		for i, r := range s.refs {
			visit(i, r.Src, r.Row)
		}
		return
	}
	i := 0
	for _, sp := range s.spans {
		for k := range sp.n {
			visit(i, sp.src, sp.row+k)
			i++
		}
	}
}
