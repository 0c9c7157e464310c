package columnar

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// EqualRows reports whether row i of a and row j of b, arrays of one type, hold
// the same value, nested values included: Paimon's RecordEqualiser. NULL
// equals NULL, -0.0 equals 0.0; NaN equals NaN (Java says no, and repeats
// unchanged rows in changelogs). Maps are equal with the same entries in any
// order.
func EqualRows(a arrow.Array, i int, b arrow.Array, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	switch x := a.(type) {
	case *array.String:
		return x.Value(i) == b.(*array.String).Value(j)
	case *array.Binary:
		return bytes.Equal(x.Value(i), b.(*array.Binary).Value(j))
	case *array.Boolean:
		return x.Value(i) == b.(*array.Boolean).Value(j)
	case *array.Float32:
		return sameFloat(x.Value(i), b.(*array.Float32).Value(j))
	case *array.Float64:
		return sameFloat(x.Value(i), b.(*array.Float64).Value(j))
	case *array.Struct:
		return equalStructs(x, i, b.(*array.Struct), j)
	case *array.Map:
		return equalMaps(x, i, b.(*array.Map), j)
	case *array.List:
		return equalLists(x, i, b.(*array.List), j)
	}
	return equalFixed(a, i, b, j)
}

func sameFloat[T float32 | float64](x, y T) bool { return x == y || x != x && y != y }

func equalFixed(a arrow.Array, i int, b arrow.Array, j int) bool {
	width := a.DataType().(arrow.FixedWidthDataType).BitWidth() / 8
	x := a.Data().Buffers()[1].Bytes()[(a.Data().Offset()+i)*width:][:width]
	y := b.Data().Buffers()[1].Bytes()[(b.Data().Offset()+j)*width:][:width]
	return bytes.Equal(x, y)
}

func equalStructs(a *array.Struct, i int, b *array.Struct, j int) bool {
	for f := range a.NumField() {
		if !EqualRows(a.Field(f), i, b.Field(f), j) {
			return false
		}
	}
	return true
}

func equalLists(a *array.List, i int, b *array.List, j int) bool {
	from, to := a.ValueOffsets(i)
	at, end := b.ValueOffsets(j)
	if to-from != end-at {
		return false
	}
	for k := range to - from {
		if !EqualRows(a.ListValues(), int(from+k), b.ListValues(), int(at+k)) {
			return false
		}
	}
	return true
}

func equalMaps(a *array.Map, i int, b *array.Map, j int) bool {
	from, to := a.ValueOffsets(i)
	at, end := b.ValueOffsets(j)
	if to-from != end-at {
		return false
	}
	for k := from; k < to; k++ {
		found := false
		for l := at; l < end && !found; l++ {
			found = EqualRows(a.Keys(), int(k), b.Keys(), int(l)) && EqualRows(a.Items(), int(k), b.Items(), int(l))
		}
		if !found {
			return false
		}
	}
	return true
}

// EqualColumn clears same[k] where the value at ra[k] in a differs from the
// one at rb[k] in b: one column's part of comparing rows for a changelog. Rows
// that are already known to differ are not looked at. NullRef is NULL.
func EqualColumn(a []arrow.Array, ra []Ref, b []arrow.Array, rb []Ref, same []bool) {
	for k, ok := range same {
		if !ok {
			continue
		}
		x, y := ra[k], rb[k]
		switch {
		case x.Src < 0 || y.Src < 0:
			xNull := x.Src < 0 || a[x.Src].IsNull(int(x.Row))
			yNull := y.Src < 0 || b[y.Src].IsNull(int(y.Row))
			same[k] = xNull && yNull
		default:
			same[k] = EqualRows(a[x.Src], int(x.Row), b[y.Src], int(y.Row))
		}
	}
}
