package fileindex

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// A range bitmap numbers the distinct values in order and slices the numbers:
//
//	i32 length of the head: i8 version 1, i32 rows, i32 values, the smallest and the largest value (if there are any),
//	  i32 length of the dictionary
//	the dictionary (dictionary.go)
//	i32 length of a head: i8 version 1, i8 number of slices, i32 length of the bitmap of rows with a value, i32 length of
//	  the places: i32 offset and i32 length of each slice; then that bitmap and the slices
//
// Sources: RangeBitmap, BitSliceIndexBitmap.
type rangeBuilder struct {
	*dictionary
	chunk int64
}

func newRange(d domain, t types.Type, o settings) (builder, error) {
	switch {
	case t.Root == types.Binary || t.Root == types.Varbinary:
		return nil, errs.Unsupported("data type %s is not supported", t.AsNullable().SQL())
	case d.cut:
		return nil, errs.Unsupported("the range-bitmap index only supports TIMESTAMP with a precision in [0, 6]")
	}
	chunk := int64(16 << 10)
	if d.width > 0 && d.width < 4 {
		chunk = 0
	}
	x := &rangeBuilder{dictionary: newDictionary(d), chunk: o.size("chunk-size", chunk)}
	return x, *o.err
}

func (x *rangeBuilder) bytes() []byte {
	order := make([]int32, len(x.values))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return compareValues(x.d, x.values[a], x.values[b]) })
	rank := make([]int32, len(order))
	sorted := make([]value, len(order))
	for i, code := range order {
		rank[code], sorted[i] = int32(i), x.values[code]
	}
	be := binary.BigEndian
	head := be.AppendUint32(be.AppendUint32([]byte{1}, uint32(len(x.codes))), uint32(len(sorted)))
	if n := len(sorted); n > 0 {
		head = x.d.put(x.d.put(head, sorted[0]), sorted[n-1])
	}
	dict := appendDictionary(nil, x.d, sorted, x.chunk)
	head = be.AppendUint32(head, uint32(len(dict)))
	out := append(be.AppendUint32(nil, uint32(len(head))), head...)
	return x.slices(append(out, dict...), rank)
}

// slices writes the bits of the ranks.
func (x *rangeBuilder) slices(dst []byte, rank []int32) []byte {
	n := max(1, 64-bits.LeadingZeros64(uint64(len(rank)-1))) // 64 of them when there is no value
	exist, sets := NewRows(len(x.codes)), make([]*Rows, n)
	for i := range sets {
		sets[i] = NewRows(len(x.codes))
	}
	for row, code := range x.codes {
		if code < 0 {
			continue
		}
		exist.add(row)
		for m := uint32(rank[code]); m != 0; m &= m - 1 {
			sets[bits.TrailingZeros32(m)].add(row)
		}
	}
	be := binary.BigEndian
	existBytes := exist.portable(nil)
	var places, body []byte
	for _, s := range sets {
		at := len(body)
		body = s.portable(body)
		places = be.AppendUint32(be.AppendUint32(places, uint32(at)), uint32(len(body)-at))
	}
	dst = be.AppendUint32(dst, uint32(1+1+4+4+len(places)))
	dst = be.AppendUint32(append(dst, 1, byte(n)), uint32(len(existBytes)))
	dst = append(be.AppendUint32(dst, uint32(len(places))), places...)
	return append(append(dst, existBytes...), body...)
}

// rangeReader reads a range bitmap.
type rangeReader struct {
	d        domain
	rows     int
	values   int
	min, max value
	dict     *input
	exist    *Rows
	slices   []*Rows
}

func readRange(d domain, rows int, raw []byte) (*rangeReader, error) {
	r := &input{raw: raw}
	head := r.sub(r.i32("length of the head"), "head")
	x := &rangeReader{d: d, rows: rows, exist: NewRows(rows)}
	if v := head.u8("version"); head.err == nil && v != 1 {
		return nil, errs.Unsupported("range-bitmap index of version %d; this version of Tarn reads 1", v)
	}
	if n := head.i32("rows"); head.err == nil && n != rows {
		head.fail("index of %d rows, the file has %d", n, rows)
	}
	if x.values = head.i32("values"); x.values > 0 {
		x.min, x.max = d.get(head), d.get(head)
	}
	x.dict = r.sub(head.i32("length of the dictionary"), "dictionary")
	if err := cmp.Or(head.err, r.err); err != nil || x.values <= 0 {
		return x, err
	}
	x.readSlices(r)
	return x, r.err
}

func (x *rangeReader) readSlices(r *input) {
	head := r.sub(r.i32("length of the head of slices"), "head of slices")
	if v := head.u8("version"); head.err == nil && v != 1 {
		head.fail("slices of version %d", v)
	}
	n := int(head.u8("number of slices"))
	exist := r.sub(head.i32("length of rows"), "rows")
	places := head.sub(head.i32("length of places"), "places")
	if n > 31 { // ranks are below 2^31
		head.fail("%d slices", n)
	}
	body := r.raw[r.at:]
	if set := exist.rows(x.rows, "rows"); set != nil {
		x.exist = set
	}
	for range n {
		at, length := places.i32("offset"), places.i32("length")
		s := &input{raw: body}
		s.take(at, "slices")
		set := s.sub(length, "slice").rows(x.rows, "slice")
		if set == nil {
			set = NewRows(x.rows)
			s.fail("slice at %d of %d bytes is damaged", at, length)
		}
		places.err = cmp.Or(places.err, s.err)
		x.slices = append(x.slices, set)
	}
	r.err = cmp.Or(r.err, head.err, exist.err, places.err)
}

// compare gives the rows whose value is below, equal to and above v.
func (x *rangeReader) compare(v value) (lt, eq, gt *Rows, err error) {
	none := NewRows(x.rows)
	switch {
	case x.values <= 0:
		return none, none, none, nil
	case compareValues(x.d, v, x.min) < 0:
		return none, none.clone(), x.exist.clone(), nil
	case compareValues(x.d, v, x.max) > 0:
		return x.exist.clone(), none, none.clone(), nil
	}
	code, found, err := findCode(x.dict, x.d, v)
	if err != nil {
		return nil, nil, nil, err
	}
	lt, eq, gt = compareSlices(x.exist, x.slices, uint64(code))
	if !found { // code is the first above v
		gt.or(eq)
		eq = none
	}
	return lt, eq, gt, nil
}

func (x *rangeReader) sel(q *question) (*Rows, error) {
	return q.compared(x.exist.clone, x.compare)
}
