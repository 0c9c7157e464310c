package fileindex

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// A bit-sliced index of numbers, apart for those of either sign:
//
//	i8 version 1, i32 rows; for numbers from 0 up, then for those below: i8 whether there are any, then
//	i8 version 1, i64 smallest and i64 largest magnitude, bitmap of the rows, i32 number of slices, bitmap of each:
//	  the rows with that bit set in magnitude - smallest
//
// The smallest is 0 in all that Java writes.
// Sources: BitSliceIndexBitmapFileIndex, BitSliceIndexRoaringBitmap.
type bsiBuilder struct {
	values []int64
	null   []bool
}

func newBSI(d domain, t types.Type, o settings) (builder, error) {
	if d.text || d.float || t.Root == types.Boolean {
		return nil, errs.Unsupported("%s type is not support to build bsi index yet", t.AsNullable().SQL())
	}
	return &bsiBuilder{}, *o.err
}

func (x *bsiBuilder) add(c *column) {
	x.values = append(x.values, c.nums...)
	for i := range c.n {
		x.null = append(x.null, c.null(i))
	}
}

func (x *bsiBuilder) bytes() []byte {
	var largest [2]int64
	var any [2]bool
	for i, v := range x.values {
		if x.null[i] {
			continue
		}
		if v == math.MinInt64 {
			return nil // no magnitude: no index
		}
		s := sign(v)
		any[s], largest[s] = true, max(largest[s], abs(v))
	}
	out := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(x.values)))
	for s := range any {
		if !any[s] {
			out = append(out, 0)
			continue
		}
		out = x.half(append(out, 1), s, largest[s])
	}
	return out
}

func sign(v int64) int { return int(uint64(v) >> 63) }

func abs(v int64) int64 { return max(v, -v) }

func (x *bsiBuilder) half(dst []byte, s int, largest int64) []byte {
	n := len(x.values)
	exist, slices := NewRows(n), make([]*Rows, 64-bits.LeadingZeros64(uint64(largest)))
	for i := range slices {
		slices[i] = NewRows(n)
	}
	for i, v := range x.values {
		if x.null[i] || sign(v) != s {
			continue
		}
		exist.add(i)
		for m := uint64(abs(v)); m != 0; m &= m - 1 {
			slices[bits.TrailingZeros64(m)].add(i)
		}
	}
	be := binary.BigEndian
	dst = be.AppendUint64(be.AppendUint64(append(dst, 1), 0), uint64(largest))
	dst = be.AppendUint32(exist.portable(dst), uint32(len(slices)))
	for _, b := range slices {
		dst = b.portable(dst)
	}
	return dst
}

// sliced is one half of the index: magnitudes.
type sliced struct {
	min, max int64
	exist    *Rows
	slices   []*Rows
}

// bsiReader reads a bsi index.
type bsiReader struct {
	rows     int
	positive sliced
	negative sliced
}

func readBSI(rows int, raw []byte) (*bsiReader, error) {
	r := &input{raw: raw}
	if v := r.u8("version"); r.err == nil && v != 1 {
		return nil, errs.Unsupported("bsi index of version %d; this version of Tarn reads 1", v)
	}
	if n := r.i32("rows"); r.err == nil && n != rows {
		r.fail("index of %d rows, the file has %d", n, rows)
	}
	x := &bsiReader{rows: rows}
	x.positive, x.negative = readHalf(r, rows), readHalf(r, rows)
	return x, r.err
}

func readHalf(r *input, rows int) sliced {
	s := sliced{exist: NewRows(rows)}
	if r.u8("mark of numbers") == 0 || r.err != nil {
		return s
	}
	if v := r.u8("version"); r.err == nil && v != 1 {
		r.fail("slices of version %d", v)
	}
	s.min, s.max = r.i64("smallest"), r.i64("largest")
	if r.err == nil && (s.min < 0 || s.max < s.min) {
		r.fail("magnitudes from %d to %d", s.min, s.max)
	}
	exist := r.rows(rows, "rows")
	n := r.count(8, "slices")
	if n > 63 {
		r.fail("%d slices", n)
	}
	for range n {
		s.slices = append(s.slices, r.rows(rows, "slice"))
	}
	if r.err == nil {
		s.exist = exist
	}
	return s
}

// compare gives the rows whose magnitude is below, equal to and above v.
func (s *sliced) compare(v int64) (lt, eq, gt *Rows) {
	n := s.exist.n
	switch {
	case v < s.min:
		return NewRows(n), NewRows(n), s.exist.clone()
	case v > s.max:
		return s.exist.clone(), NewRows(n), NewRows(n)
	}
	return compareSlices(s.exist, s.slices, uint64(v-s.min))
}

// compareSlices is O'Neil's comparison, from the highest slice down.
func compareSlices(exist *Rows, slices []*Rows, v uint64) (lt, eq, gt *Rows) {
	lt, eq, gt = NewRows(exist.n), exist.clone(), NewRows(exist.n)
	if v>>len(slices) != 0 {
		return eq, lt, gt
	}
	for i := len(slices) - 1; i >= 0; i-- {
		for w, set := range slices[i].words {
			e := eq.words[w]
			if v>>i&1 != 0 {
				lt.words[w] |= e &^ set
				eq.words[w] = e & set
			} else {
				gt.words[w] |= e & set
				eq.words[w] = e &^ set
			}
		}
	}
	return lt, eq, gt
}

// compare gives the rows whose value is below, equal to and above v.
func (x *bsiReader) compare(v int64) (lt, eq, gt *Rows) {
	switch {
	case v == math.MinInt64:
		return NewRows(x.rows), NewRows(x.rows), x.exist()
	case v < 0: // larger magnitudes are smaller numbers
		gt, eq, lt = x.negative.compare(-v)
		return lt, eq, gt.or(x.positive.exist)
	}
	lt, eq, gt = x.positive.compare(v)
	return lt.or(x.negative.exist), eq, gt
}

func (x *bsiReader) exist() *Rows { return x.positive.exist.clone().or(x.negative.exist) }

func (x *bsiReader) sel(q *question) (*Rows, error) {
	return q.compared(x.exist, func(v value) (lt, eq, gt *Rows, err error) {
		lt, eq, gt = x.compare(v.num)
		return lt, eq, gt, nil
	})
}
