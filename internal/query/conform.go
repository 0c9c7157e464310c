package query

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
)

// conform gives the columns of b the Arrow types of fields: the engine answers
// with types of its own where Arrow has several for one SQL type (TIME in
// microseconds, TIMESTAMP WITH TIME ZONE in microseconds, other names of list
// elements). Values are shared, not copied, where only the label differs. The
// caller releases the result and keeps b.
func conform(b arrow.RecordBatch, fields []types.Field) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, len(fields))
	for i, f := range fields {
		d, err := conformData(b.Column(i).Data(), f.Type.Arrow())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		cols[i] = array.MakeFromData(d)
		d.Release()
	}
	out := array.NewRecordBatch(types.ArrowSchema(fields), cols, b.NumRows())
	for _, c := range cols {
		c.Release()
	}
	return out, nil
}

// conformData relabels or converts one array; the result is to be released.
func conformData(d arrow.ArrayData, to arrow.DataType) (arrow.ArrayData, error) {
	from := d.DataType()
	if arrow.TypeEqual(from, to) {
		d.Retain()
		return d, nil
	}
	if num, den, ok := rescale(from, to); ok {
		return rescaled(d, to, num, den), nil
	}
	if from.ID() != to.ID() {
		return nil, fmt.Errorf("the query gives %s, the table wants %s", from, to)
	}
	switch to := to.(type) {
	case arrow.NestedType:
		fields := to.Fields()
		children := make([]arrow.ArrayData, len(d.Children()))
		for i, c := range d.Children() {
			child, err := conformData(c, fields[i].Type)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", fields[i].Name, err)
			}
			defer child.Release()
			children[i] = child
		}
		return array.NewData(to, d.Len(), d.Buffers(), children, d.NullN(), d.Offset()), nil
	case *arrow.Decimal128Type:
		if from.(*arrow.Decimal128Type).Scale != to.Scale {
			return nil, fmt.Errorf("the query gives %s, the table wants %s", from, to)
		}
	}
	return array.NewData(to, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset()), nil
}

// rescale tells by which fraction times of one unit become another's.
func rescale(from, to arrow.DataType) (num, den int64, ok bool) {
	var a, b arrow.TimeUnit
	switch from := from.(type) {
	case *arrow.TimestampType:
		t, same := to.(*arrow.TimestampType)
		if !same || from.Unit == t.Unit {
			return 0, 0, false
		}
		a, b = from.Unit, t.Unit
	case *arrow.Time64Type:
		t, same := to.(*arrow.Time32Type)
		if !same {
			return 0, 0, false
		}
		a, b = from.Unit, t.Unit
	default:
		return 0, 0, false
	}
	x, y := int64(a.Multiplier()), int64(b.Multiplier())
	if x >= y {
		return x / y, 1, true
	}
	return 1, y / x, true
}

// rescaled converts 64-bit times; the result is 32 bits wide for time32.
func rescaled(d arrow.ArrayData, to arrow.DataType, num, den int64) arrow.ArrayData {
	src := arrow.Int64Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()]
	out := memory.NewResizableBuffer(memory.DefaultAllocator)
	defer out.Release()
	if to.ID() == arrow.TIME32 {
		out.Resize(4 * d.Len())
		dst := arrow.Int32Traits.CastFromBytes(out.Bytes())
		for i, v := range src {
			dst[i] = int32(floorDiv(v*num, den))
		}
	} else {
		out.Resize(8 * d.Len())
		dst := arrow.Int64Traits.CastFromBytes(out.Bytes())
		for i, v := range src {
			dst[i] = floorDiv(v*num, den)
		}
	}
	valid := validity(d)
	if valid != nil {
		defer valid.Release()
	}
	return array.NewData(to, d.Len(), []*memory.Buffer{valid, out}, nil, d.NullN(), 0)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// validity copies the null bits of d so that they start at bit 0.
func validity(d arrow.ArrayData) *memory.Buffer {
	if d.NullN() == 0 || d.Buffers()[0] == nil {
		return nil
	}
	a := array.MakeFromData(d)
	defer a.Release()
	b := memory.NewResizableBuffer(memory.DefaultAllocator)
	b.Resize((d.Len() + 7) / 8)
	bits := b.Bytes()
	clear(bits)
	for i := range d.Len() {
		if a.IsValid(i) {
			bits[i>>3] |= 1 << (i & 7)
		}
	}
	return b
}
