package fileindex

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// A bitmap index:
//
//	i8 version, i32 rows, i32 values, i8 whether there are nulls, then i32 offset of their bitmap
//	version 1: each value with the i32 offset of its bitmap
//	version 2: i32 length of the bitmap of nulls, if there are; i32 number of blocks; for each its first value and
//	  i32 offset; i32 length of the blocks; the blocks: i32 number of values, for each the value, i32 offset, i32
//	  length of its bitmap
//	the bitmaps; an offset below 0 stands for the single row -1-offset
//
// Sources: BitmapFileIndex, BitmapFileIndexMeta, BitmapFileIndexMetaV2.
type bitmapBuilder struct {
	*dictionary
	root    types.Root
	version int64
	block   int64
}

func newBitmap(d domain, t types.Type, o settings) (builder, error) {
	x := &bitmapBuilder{dictionary: newDictionary(d), root: t.Root, version: o.integer("version", 2), block: o.size("index-block-size", 16<<10)}
	if *o.err == nil && x.version != 1 && x.version != 2 {
		return nil, errs.Invalid("invalid version: %d; want 1 or 2", x.version)
	}
	return x, *o.err
}

// located is where the bitmap of a value lies, in Java's terms.
type located struct {
	code           int32
	offset, length int32
}

func (x *bitmapBuilder) bytes() []byte {
	lists, nulls := x.lists()
	var body []byte
	nullBytes := appendRows(nil, nulls)
	if len(nulls) > 1 {
		body = append(body, nullBytes...)
	}
	order := hashOrder(len(x.values), func(i int) int32 { return x.d.javaHash(x.root, x.values[i]) }, x.again)
	places := make([]located, 0, len(order))
	for _, code := range order {
		p := located{code: code, length: -1}
		if rows := lists[code]; len(rows) == 1 {
			p.offset = -1 - int32(rows[0])
		} else {
			p.offset = int32(len(body))
			body = appendRows(body, rows)
			p.length = int32(len(body)) - p.offset
		}
		places = append(places, p)
	}
	be := binary.BigEndian
	out := []byte{byte(x.version)}
	out = be.AppendUint32(be.AppendUint32(out, uint32(len(x.codes))), uint32(len(x.values)))
	switch {
	case len(nulls) == 0:
		out = append(out, 0)
	default:
		offset := int32(0)
		if len(nulls) == 1 {
			offset = -1 - int32(nulls[0])
		}
		out = be.AppendUint32(append(out, 1), uint32(offset))
		if x.version == 2 {
			out = be.AppendUint32(out, uint32(len(nullBytes)))
		}
	}
	if x.version == 1 {
		for _, p := range places {
			out = be.AppendUint32(x.d.put(out, x.values[p.code]), uint32(p.offset))
		}
	} else {
		out = x.blocks(out, places)
	}
	return append(out, body...)
}

func appendRows(dst []byte, rows []uint32) []byte {
	dst, _ = bitmap.OfSorted(rows).Append(dst, bitmap.Portable32) // row numbers fit
	return dst
}

// blocks writes the sorted dictionary of version 2.
func (x *bitmapBuilder) blocks(dst []byte, places []located) []byte {
	slices.SortFunc(places, func(a, b located) int { return compareValues(x.d, x.values[a.code], x.values[b.code]) })
	be := binary.BigEndian
	var heads, blocks []byte
	n := uint32(0)
	for len(places) > 0 {
		size, k := int64(4), 0
		for k < len(places) { // a value that no block has room for gets one of its own
			more := int64(8 + x.d.size(x.values[places[k].code]))
			if k > 0 && size+more > x.block {
				break
			}
			size, k = size+more, k+1
		}
		heads = be.AppendUint32(x.d.put(heads, x.values[places[0].code]), uint32(len(blocks)))
		blocks = be.AppendUint32(blocks, uint32(k))
		for _, p := range places[:k] {
			blocks = be.AppendUint32(x.d.put(blocks, x.values[p.code]), uint32(p.offset))
			blocks = be.AppendUint32(blocks, uint32(p.length))
		}
		places, n = places[k:], n+1
	}
	dst = append(be.AppendUint32(dst, n), heads...)
	return append(be.AppendUint32(dst, uint32(len(blocks))), blocks...)
}

// bitmapReader reads a bitmap index.
type bitmapReader struct {
	d      domain
	rows   int
	nulls  *located
	values map[value]located // version 1
	heads  []value           // version 2, with the start of each block
	starts []int
	blocks []byte
	body   []byte
}

func readBitmap(d domain, rows int, raw []byte) (*bitmapReader, error) {
	r := &input{raw: raw}
	x := &bitmapReader{d: d, rows: rows}
	v := r.u8("version")
	if r.err == nil && v != 1 && v != 2 {
		return nil, errs.Unsupported("bitmap index of version %d; this version of Tarn reads 1 and 2", v)
	}
	if n := r.i32("rows"); r.err == nil && n != rows {
		r.fail("index of %d rows, the file has %d", n, rows)
	}
	n := r.count(1, "values")
	if r.u8("mark of nulls") != 0 {
		x.nulls = &located{offset: int32(r.i32("offset of nulls"))}
		if v == 2 {
			r.i32("length of nulls")
		}
	}
	if v == 1 {
		x.values = make(map[value]located, n)
		for range n {
			val := d.get(r)
			x.values[val] = located{offset: int32(r.i32("offset"))}
		}
	} else {
		for range r.count(5, "blocks") {
			x.heads = append(x.heads, d.get(r))
			x.starts = append(x.starts, r.i32("offset of a block"))
		}
		x.blocks = r.take(r.i32("length of the blocks"), "blocks")
	}
	x.body = raw[r.at:]
	return x, r.err
}

// find gives where the rows of a value are.
func (x *bitmapReader) find(v value) (located, bool, error) {
	if x.values != nil {
		p, ok := x.values[v]
		return p, ok, nil
	}
	b := sort.Search(len(x.heads), func(i int) bool { return compareValues(x.d, x.heads[i], v) > 0 }) - 1
	if b < 0 {
		return located{}, false, nil
	}
	r := &input{raw: x.blocks, at: len(x.blocks)}
	if s := x.starts[b]; s >= 0 && s < r.at {
		r.at = s
	}
	for range r.count(9, "values of a block") {
		got := x.d.get(r)
		p := located{offset: int32(r.i32("offset")), length: int32(r.i32("length"))}
		if r.err == nil && got == v {
			return p, true, nil
		}
	}
	return located{}, false, r.err
}

func (x *bitmapReader) at(p located) (*Rows, error) {
	r := &input{raw: x.body}
	if p.offset < 0 {
		out := NewRows(x.rows)
		if row := int(-1 - p.offset); row < x.rows {
			out.add(row)
			return out, nil
		}
		r.fail("row %d of a file with %d rows", -1-p.offset, x.rows)
		return nil, r.err
	}
	r.take(int(p.offset), "bitmaps")
	out := r.rows(x.rows, "bitmap")
	return out, r.err
}

func (x *bitmapReader) null() (*Rows, error) {
	if x.nulls == nil {
		return NewRows(x.rows), nil
	}
	return x.at(*x.nulls)
}

func (x *bitmapReader) in(values []value) (*Rows, error) {
	out := NewRows(x.rows)
	for _, v := range values {
		p, ok, err := x.find(v)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		rows, err := x.at(p)
		if err != nil {
			return nil, err
		}
		out.or(rows)
	}
	return out, nil
}

func (x *bitmapReader) sel(q *question) (*Rows, error) {
	switch q.op {
	case opIn:
		return x.in(q.values)
	case opNull:
		return x.null()
	case opNotNull, opNotIn:
		not, err := x.null()
		if err != nil {
			return nil, err
		}
		in, err := x.in(q.values) // of opNotNull: none
		if err != nil {
			return nil, err
		}
		return not.or(in).invert(), nil
	}
	return nil, nil
}
