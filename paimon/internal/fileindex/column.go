package fileindex

import (
	"cmp"
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// domain is how indexes see the values of a type: texts, or numbers of a width.
// Numbers order as Java compares the values: those of FLOAT and DOUBLE are
// their bits, made to do so.
// Sources: BitmapTypeVisitor, KeyFactory, FastHash.
type domain struct {
	text  bool
	width int // bytes of a number in dictionaries
	float bool
	// cut: the index holds less than the type; a comparison has to let its
	// bounds in.
	cut bool
}

func domainOf(t types.Type) (domain, bool) {
	switch t.Root {
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return domain{text: true}, true
	case types.Boolean, types.TinyInt:
		return domain{width: 1}, true
	case types.SmallInt:
		return domain{width: 2}, true
	case types.Int, types.Date, types.Time:
		return domain{width: 4}, true
	case types.BigInt:
		return domain{width: 8}, true
	case types.Float:
		return domain{width: 4, float: true}, true
	case types.Double:
		return domain{width: 8, float: true}, true
	case types.Decimal:
		return domain{width: 8}, t.Precision <= 18
	case types.Timestamp, types.TimestampLTZ:
		return domain{width: 8, cut: t.Precision > 6}, true
	}
	return domain{}, false
}

// column is a column of a batch: nums or text, with its nulls.
type column struct {
	n    int
	arr  arrow.Array
	nums []int64
	offs []int32 // of data, which begins at offs[0]
	data []byte
}

func (c *column) null(i int) bool { return c.arr.NullN() > 0 && c.arr.IsNull(i) }

// at gives the text of row i, which is valid as long as the array.
func (c *column) at(i int) []byte { return c.data[c.offs[i]-c.offs[0] : c.offs[i+1]-c.offs[0]] }

// set points the column at an array of the domain's type; nums are made in the
// column's own memory. Values of null rows are of no meaning.
func (c *column) set(a arrow.Array) error {
	if c.n, c.arr = a.Len(), a; c.n == 0 {
		return nil
	}
	if cap(c.nums) < c.n {
		c.nums = make([]int64, c.n)
	}
	c.nums = c.nums[:c.n]
	switch a := a.(type) {
	case *array.String:
		c.offs, c.data = a.ValueOffsets(), a.ValueBytes()
	case *array.Binary:
		c.offs, c.data = a.ValueOffsets(), a.ValueBytes()
	case *array.Boolean:
		for i := range c.nums {
			c.nums[i] = 0
			if a.Value(i) {
				c.nums[i] = 1
			}
		}
	case *array.Int8:
		widen(c.nums, a.Int8Values())
	case *array.Int16:
		widen(c.nums, a.Int16Values())
	case *array.Int32:
		widen(c.nums, a.Int32Values())
	case *array.Int64:
		copy(c.nums, a.Int64Values())
	case *array.Date32:
		widen(c.nums, a.Date32Values())
	case *array.Time32:
		widen(c.nums, a.Time32Values())
	case *array.Timestamp:
		widen(c.nums, a.TimestampValues())
		if a.DataType().(*arrow.TimestampType).Unit == arrow.Nanosecond {
			for i, v := range c.nums {
				c.nums[i] = floorDiv(v, 1000)
			}
		}
	case *array.Decimal128:
		for i, v := range a.Values() {
			c.nums[i] = int64(v.LowBits())
		}
	case *array.Float32:
		for i, v := range a.Float32Values() {
			c.nums[i] = int64(sortable32(v))
		}
	case *array.Float64:
		for i, v := range a.Float64Values() {
			c.nums[i] = sortable64(v)
		}
	default:
		return errs.Unsupported("file index on values of Arrow type %s", a.DataType())
	}
	return nil
}

func widen[T ~int8 | ~int16 | ~int32 | ~int64](dst []int64, src []T) {
	for i, v := range src {
		dst[i] = int64(v)
	}
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// sortable32 gives the bits of a number, all NaN alike, so that they order as
// java.lang.Float does: -0.0 below 0.0, NaN above all. unsortable is its inverse.
func sortable32(v float32) int32 {
	b := int32(math.Float32bits(v))
	if v != v {
		b = 0x7fc00000
	}
	return b ^ int32(uint32(b>>31)>>1)
}

func sortable64(v float64) int64 {
	b := int64(math.Float64bits(v))
	if v != v {
		b = 0x7ff8000000000000
	}
	return b ^ int64(uint64(b>>63)>>1)
}

// bits gives the number that Java has for v: the IEEE bits of FLOAT and DOUBLE.
func (d domain) bits(v int64) int64 {
	switch {
	case !d.float:
		return v
	case d.width == 4:
		b := int32(v)
		return int64(b ^ int32(uint32(b>>31)>>1))
	}
	return v ^ int64(uint64(v>>63)>>1)
}

// value is one value of a column: a text or a number.
type value struct {
	num  int64
	text string
}

func compareValues(d domain, a, b value) int {
	if d.text {
		return cmp.Compare(a.text, b.text)
	}
	return cmp.Compare(a.num, b.num)
}

// size is the bytes that put writes.
func (d domain) size(v value) int {
	if d.text {
		return 4 + len(v.text)
	}
	return d.width
}

// put appends a value as dictionaries hold it.
func (d domain) put(dst []byte, v value) []byte {
	be := binary.BigEndian
	if d.text {
		return append(be.AppendUint32(dst, uint32(len(v.text))), v.text...)
	}
	b := d.bits(v.num)
	switch d.width {
	case 1:
		return append(dst, byte(b))
	case 2:
		return be.AppendUint16(dst, uint16(b))
	case 4:
		return be.AppendUint32(dst, uint32(b))
	}
	return be.AppendUint64(dst, uint64(b))
}

// get reads what put wrote.
func (d domain) get(r *input) value {
	if d.text {
		n := r.i32("length of a text")
		return value{text: string(r.take(n, "text"))}
	}
	var b int64
	switch d.width {
	case 1:
		b = int64(int8(r.u8("value")))
	case 2:
		if p := r.take(2, "value"); p != nil {
			b = int64(int16(binary.BigEndian.Uint16(p)))
		}
	case 4:
		b = int64(r.i32("value"))
	default:
		b = r.i64("value")
	}
	return value{num: d.bits(b)} // its own inverse
}

// javaHash is the hash code of the boxed value.
func (d domain) javaHash(t types.Root, v value) int32 {
	switch {
	case d.text:
		return bytesHash([]byte(v.text))
	case t == types.Boolean:
		if v.num != 0 {
			return 1231
		}
		return 1237
	}
	b := d.bits(v.num)
	if d.width == 8 {
		return int32(b ^ int64(uint64(b)>>32))
	}
	return int32(b)
}

// dictionary numbers the distinct values of a column in the order in which they
// come, and remembers the number of each row.
type dictionary struct {
	d      domain
	nums   map[int64]int32
	texts  map[string]int32
	values []value
	codes  []int32 // of rows; -1: NULL
	nulls  int
	again  bool // a value has come since the last new one
}

func newDictionary(d domain) *dictionary {
	if d.text {
		return &dictionary{d: d, texts: map[string]int32{}}
	}
	return &dictionary{d: d, nums: map[int64]int32{}}
}

func (x *dictionary) add(c *column) {
	for i := range c.n {
		if c.null(i) {
			x.codes = append(x.codes, -1)
			x.nulls++
			continue
		}
		code, seen := int32(0), false
		if x.d.text {
			code, seen = x.texts[string(c.at(i))]
		} else {
			code, seen = x.nums[c.nums[i]]
		}
		x.again = seen || x.again
		if !seen {
			code = x.put(c, i)
		}
		x.codes = append(x.codes, code)
	}
}

func (x *dictionary) put(c *column, i int) int32 {
	code := int32(len(x.values))
	v := value{}
	if x.d.text {
		v.text = string(c.at(i))
		x.texts[v.text] = code
	} else {
		v.num = c.nums[i]
		x.nums[v.num] = code
	}
	x.values, x.again = append(x.values, v), false
	return code
}

// lists gives the rows of each code, ascending, and those of NULL.
func (x *dictionary) lists() (of [][]uint32, null []uint32) {
	counts := make([]int32, len(x.values))
	for _, c := range x.codes {
		if c >= 0 {
			counts[c]++
		}
	}
	all := make([]uint32, len(x.codes))
	of = make([][]uint32, len(x.values))
	at := int32(0)
	for i, n := range counts {
		of[i] = all[at : at : at+n]
		at += n
	}
	null = all[at:at]
	for row, c := range x.codes {
		if c < 0 {
			null = append(null, uint32(row))
		} else {
			of[c] = append(of[c], uint32(row))
		}
	}
	return of, null
}
