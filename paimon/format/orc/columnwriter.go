package orc

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// span are rows [lo, hi) of an array.
type span struct{ lo, hi int }

// valueWriter encodes the values of one column that are not NULL.
type valueWriter interface {
	// add appends the rows of the spans, none of them NULL.
	add(arr arrow.Array, spans []span) error
	// streams ends the stripe's streams and gives them, by kind.
	streams() ([]streamOut, encoding)
	// size is about the bytes of the streams.
	size() int
	reset()
}

type streamOut struct {
	kind int
	*packer
}

// columnWriter encodes one column with all below it.
type columnWriter struct {
	id       int
	kind     kind
	kids     []*columnWriter
	values   valueWriter // nil for structs
	present  bitEncoder
	bits     packer
	rows     int64 // of the stripe: values, NULL or not
	nulls    int64
	allRows  int64
	allNulls int64
	valid    []span
	inner    []span
}

// add appends the rows of the spans.
func (w *columnWriter) add(arr arrow.Array, spans []span) error {
	w.valid = w.valid[:0]
	noNulls := arr.NullN() == 0
	for _, s := range spans {
		w.rows += int64(s.hi - s.lo)
		if noNulls {
			w.valid = append(w.valid, s)
			for range s.hi - s.lo {
				w.present.add(true)
			}
			continue
		}
		start := -1
		for i := s.lo; i < s.hi; i++ {
			ok := arr.IsValid(i)
			w.present.add(ok)
			switch {
			case ok && start < 0:
				start = i
			case !ok:
				w.nulls++
				if start >= 0 {
					w.valid = append(w.valid, span{start, i})
				}
				start = -1
			}
		}
		if start >= 0 {
			w.valid = append(w.valid, span{start, s.hi})
		}
	}
	if w.values != nil {
		if err := w.values.add(arr, w.valid); err != nil {
			return err
		}
	}
	return w.addKids(arr)
}

func (w *columnWriter) addKids(arr arrow.Array) error {
	switch a := arr.(type) {
	case *array.Struct:
		for i, k := range w.kids {
			if err := k.add(a.Field(i), w.valid); err != nil {
				return err
			}
		}
	case *array.Map: // before List, of which it is a kind
		w.elements(a)
		if err := w.kids[0].add(a.Keys(), w.inner); err != nil {
			return err
		}
		return w.kids[1].add(a.Items(), w.inner)
	case *array.List:
		w.elements(a)
		return w.kids[0].add(a.ListValues(), w.inner)
	}
	return nil
}

// elements gives the rows of the elements of the valid lists.
func (w *columnWriter) elements(a array.ListLike) {
	w.inner = w.inner[:0]
	for _, s := range w.valid {
		from, _ := a.ValueOffsets(s.lo)
		_, to := a.ValueOffsets(s.hi - 1)
		if from < to {
			w.inner = append(w.inner, span{int(from), int(to)})
		}
	}
}

func (w *columnWriter) size() int {
	n := w.bits.size()
	if w.values != nil {
		n += w.values.size()
	}
	for _, k := range w.kids {
		n += k.size()
	}
	return n
}

// each calls f for the column and all below it, by their numbers.
func (w *columnWriter) each(f func(*columnWriter)) {
	f(w)
	for _, k := range w.kids {
		k.each(f)
	}
}

func (w *columnWriter) reset() {
	w.allRows += w.rows
	w.allNulls += w.nulls
	w.rows, w.nulls = 0, 0
	w.bits.reset()
	if w.values != nil {
		w.values.reset()
	}
}

// The ids of list elements, map keys and map values.
// Source: org.apache.paimon.table.SpecialFields.
const (
	structuredBase  = 536870911
	structuredDepth = 1024
)

// schemaWriter makes the columns of a file and their descriptions.
type schemaWriter struct {
	comp  *compressor
	types [][]byte
	all   int
}

// column makes the column of type t with this field id; parent and depth are
// what the ids below it count from.
func (s *schemaWriter) column(t types.Type, id, parent, depth int) (*columnWriter, error) {
	w := &columnWriter{id: s.all, kind: kindOf(t)}
	w.bits.comp = s.comp
	w.present.bytes.out = &w.bits
	s.all++
	s.types = append(s.types, nil)
	kid := func(t types.Type, id, parent, depth int) error {
		k, err := s.column(t, id, parent, depth)
		w.kids = append(w.kids, k)
		return err
	}
	elem, key := structuredBase+structuredDepth*parent+depth+1, structuredBase-structuredDepth*parent-depth-1
	var err error
	var names []types.Field
	switch t.Root {
	case types.Row:
		names = t.Fields
		for _, f := range t.Fields {
			if err == nil {
				err = kid(f.Type, f.ID, f.ID, 0)
			}
		}
	case types.Array:
		err = kid(*t.Elem, elem, parent, depth+1)
	case types.Map:
		if err = kid(*t.Key, key, parent, depth+1); err == nil {
			err = kid(*t.Elem, elem, parent, depth+1)
		}
	case types.Multiset:
		if err = kid(*t.Elem, key, parent, depth+1); err == nil {
			err = kid(types.Of(types.Int), elem, parent, depth+1)
		}
	}
	if err != nil {
		return nil, err
	}
	if w.values, err = s.values(t); err != nil {
		return nil, err
	}
	s.types[w.id] = describe(w, t, names, id)
	return w, nil
}

// describe makes the message of a column.
func describe(w *columnWriter, t types.Type, fields []types.Field, id int) []byte {
	out := appendNumber(nil, 1, uint64(w.kind))
	var kids []byte
	for _, k := range w.kids {
		kids = binary.AppendUvarint(kids, uint64(k.id))
	}
	if kids != nil {
		out = appendBytes(out, 2, kids)
	}
	for _, f := range fields {
		out = appendBytes(out, 3, []byte(f.Name))
	}
	switch w.kind {
	case kindChar, kindVarchar:
		out = appendNumber(out, 4, uint64(t.Precision))
	case kindDecimal:
		out = appendNumber(appendNumber(out, 5, uint64(t.Precision)), 6, uint64(t.Scale))
	}
	if id >= 0 {
		attr := appendBytes(nil, 1, []byte(idAttribute))
		out = appendBytes(out, 7, appendBytes(attr, 2, []byte(strconv.Itoa(id))))
	}
	return out
}

// kindOf gives the kind of column that holds values of type t.
// Source: org.apache.paimon.format.orc.OrcTypeUtil.convertToOrcType.
func kindOf(t types.Type) kind {
	switch t.Root {
	case types.Boolean:
		return kindBoolean
	case types.TinyInt:
		return kindByte
	case types.SmallInt:
		return kindShort
	case types.Int, types.Time:
		return kindInt
	case types.BigInt:
		return kindLong
	case types.Float:
		return kindFloat
	case types.Double:
		return kindDouble
	case types.Char:
		return kindChar
	case types.Binary, types.Varbinary:
		return kindBinary
	case types.Timestamp:
		return kindTimestamp
	case types.TimestampLTZ:
		return kindInstant
	case types.Date:
		return kindDate
	case types.Decimal:
		return kindDecimal
	case types.Array:
		return kindList
	case types.Map, types.Multiset:
		return kindMap
	case types.Row:
		return kindStruct
	}
	if t.Precision == types.MaxLength {
		return kindString
	}
	return kindVarchar
}

// values makes the encoder of a column's own values; nil for structs.
func (s *schemaWriter) values(t types.Type) (valueWriter, error) {
	switch t.Root {
	case types.Boolean:
		w := &boolWriter{out: packer{comp: s.comp}}
		w.enc.bytes.out = &w.out
		return w, nil
	case types.TinyInt:
		w := &byteWriter{out: packer{comp: s.comp}}
		w.enc.out = &w.out
		return w, nil
	case types.SmallInt, types.Int, types.BigInt, types.Date, types.Time:
		return newIntWriter(s.comp, streamData, true), nil
	case types.Float, types.Double:
		return &floatWriter{out: packer{comp: s.comp}}, nil
	case types.Char, types.Varchar:
		return newTextWriter(s.comp, true), nil
	case types.Binary, types.Varbinary:
		return newTextWriter(s.comp, false), nil
	case types.Decimal:
		return &decimalWriter{out: packer{comp: s.comp}, scale: int64(t.Scale), scales: newIntWriter(s.comp, streamSecond, true)}, nil
	case types.Timestamp, types.TimestampLTZ:
		return &timestampWriter{seconds: newIntWriter(s.comp, streamData, true), nanos: newIntWriter(s.comp, streamSecond, false)}, nil
	case types.Array, types.Map, types.Multiset:
		return newIntWriter(s.comp, streamLength, false), nil
	case types.Row:
		return nil, nil
	}
	return nil, errs.Unsupported("type %s in an ORC file", t)
}

// boolWriter encodes BOOLEAN.
type boolWriter struct {
	enc bitEncoder
	out packer
}

func (w *boolWriter) add(arr arrow.Array, spans []span) error {
	a := arr.(*array.Boolean)
	for _, s := range spans {
		for i := s.lo; i < s.hi; i++ {
			w.enc.add(a.Value(i))
		}
	}
	return nil
}

func (w *boolWriter) streams() ([]streamOut, encoding) {
	w.enc.flush()
	return []streamOut{{streamData, &w.out}}, encoding{kind: encDirect}
}

func (w *boolWriter) size() int { return w.out.size() }
func (w *boolWriter) reset()    { w.out.reset() }

// byteWriter encodes TINYINT.
type byteWriter struct {
	enc byteEncoder
	out packer
}

func (w *byteWriter) add(arr arrow.Array, spans []span) error {
	vals := arr.(*array.Int8).Int8Values()
	for _, s := range spans {
		for _, v := range vals[s.lo:s.hi] {
			w.enc.add(byte(v))
		}
	}
	return nil
}

func (w *byteWriter) streams() ([]streamOut, encoding) {
	w.enc.flush()
	return []streamOut{{streamData, &w.out}}, encoding{kind: encDirect}
}

func (w *byteWriter) size() int { return w.out.size() }
func (w *byteWriter) reset()    { w.out.reset() }

// intWriter encodes integers, dates and times, and the lengths of lists.
type intWriter struct {
	enc  intEncoder
	kind int // of its stream
	out  packer
}

func newIntWriter(c *compressor, kind int, signed bool) *intWriter {
	w := &intWriter{kind: kind, out: packer{comp: c}}
	w.enc.signed, w.enc.out = signed, &w.out
	return w
}

func addAll[T ~int16 | ~int32 | ~int64](e *intEncoder, vals []T, spans []span) {
	for _, s := range spans {
		for _, v := range vals[s.lo:s.hi] {
			e.add(int64(v))
		}
	}
}

func (w *intWriter) add(arr arrow.Array, spans []span) error {
	switch a := arr.(type) {
	case *array.Int16:
		addAll(&w.enc, a.Int16Values(), spans)
	case *array.Int32:
		addAll(&w.enc, a.Int32Values(), spans)
	case *array.Int64:
		addAll(&w.enc, a.Int64Values(), spans)
	case *array.Date32:
		addAll(&w.enc, a.Date32Values(), spans)
	case *array.Time32:
		addAll(&w.enc, a.Time32Values(), spans)
	case array.ListLike:
		for _, s := range spans {
			for i := s.lo; i < s.hi; i++ {
				from, to := a.ValueOffsets(i)
				w.enc.add(to - from)
			}
		}
	default:
		return errs.Invalid("an ORC column of integers is given %s", arr.DataType())
	}
	return nil
}

func (w *intWriter) streams() ([]streamOut, encoding) {
	w.enc.flush()
	return []streamOut{{w.kind, &w.out}}, encoding{kind: encDirect2}
}

func (w *intWriter) size() int { return w.out.size() + 2*w.enc.n }
func (w *intWriter) reset()    { w.out.reset() }

// floatWriter writes FLOAT and DOUBLE as they are.
type floatWriter struct{ out packer }

func (w *floatWriter) add(arr arrow.Array, spans []span) error {
	for _, s := range spans {
		if a, ok := arr.(*array.Float32); ok {
			writeValues(&w.out, a.Float32Values()[s.lo:s.hi])
		} else {
			writeValues(&w.out, arr.(*array.Float64).Float64Values()[s.lo:s.hi])
		}
	}
	return nil
}

// writeValues writes values in the order of bytes of the machines Tarn runs on.
func writeValues[T float32 | float64](p *packer, vals []T) {
	if len(vals) > 0 {
		p.write(unsafe.Slice((*byte)(unsafe.Pointer(&vals[0])), len(vals)*int(unsafe.Sizeof(vals[0]))))
	}
}

func (w *floatWriter) streams() ([]streamOut, encoding) {
	return []streamOut{{streamData, &w.out}}, encoding{kind: encDirect}
}

func (w *floatWriter) size() int { return w.out.size() }
func (w *floatWriter) reset()    { w.out.reset() }

// decimalWriter encodes DECIMAL.
type decimalWriter struct {
	out    packer
	scale  int64
	scales *intWriter
	buf    []byte
}

func (w *decimalWriter) add(arr arrow.Array, spans []span) error {
	vals := arr.(*array.Decimal128).Values()
	for _, s := range spans {
		w.buf = w.buf[:0]
		for _, v := range vals[s.lo:s.hi] {
			w.buf = appendDecimal(w.buf, v)
			w.scales.enc.add(w.scale)
		}
		w.out.write(w.buf)
	}
	return nil
}

// appendDecimal appends the zigzag form as a number of base 128.
func appendDecimal(dst []byte, v decimal128.Num) []byte {
	sign := uint64(v.HighBits() >> 63)
	hi := (uint64(v.HighBits())<<1 | v.LowBits()>>63) ^ sign
	lo := v.LowBits()<<1 ^ sign
	for hi != 0 || lo >= 0x80 {
		dst = append(dst, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	return append(dst, byte(lo))
}

func (w *decimalWriter) streams() ([]streamOut, encoding) {
	second, _ := w.scales.streams()
	return append([]streamOut{{streamData, &w.out}}, second...), encoding{kind: encDirect2}
}

func (w *decimalWriter) size() int { return w.out.size() + w.scales.size() }
func (w *decimalWriter) reset()    { w.out.reset(); w.scales.reset() }

// timestampWriter encodes timestamps as what clocks of UTC show.
type timestampWriter struct{ seconds, nanos *intWriter }

func (w *timestampWriter) add(arr arrow.Array, spans []span) error {
	a := arr.(*array.Timestamp)
	per := int64(a.DataType().(*arrow.TimestampType).Unit.Multiplier())
	units := 1_000_000_000 / per
	for _, s := range spans {
		for _, t := range a.TimestampValues()[s.lo:s.hi] {
			sec, rest := int64(t)/units, int64(t)%units
			if rest < 0 {
				sec, rest = sec-1, rest+units
			}
			nano := rest * per
			if sec < 0 && nano > 999_999 {
				// Readers take such a second for the one before it. They can do
				// so before 1970 only: in its last second count back from it.
				if sec++; sec == 0 {
					nano -= 1_000_000_000
				}
				if sec == 0 && nano%1_000_000 != 0 {
					return errs.Unsupported("a timestamp of %d ns before 1970 in an ORC file: the last second of 1969 has whole milliseconds only", -nano)
				}
			}
			w.seconds.enc.add(sec - epoch2015)
			w.nanos.enc.add(packNanos(nano))
		}
	}
	return nil
}

// packNanos leaves out zeros at the end, two or more, and tells how many.
func packNanos(n int64) int64 {
	if n == 0 || n%100 != 0 {
		return n << 3
	}
	n /= 100
	zeros := int64(1)
	for n%10 == 0 && zeros < 7 {
		n /= 10
		zeros++
	}
	return n<<3 | zeros
}

func (w *timestampWriter) streams() ([]streamOut, encoding) {
	first, e := w.seconds.streams()
	second, _ := w.nanos.streams()
	return append(first, second...), e
}

func (w *timestampWriter) size() int { return w.seconds.size() + w.nanos.size() }
func (w *timestampWriter) reset()    { w.seconds.reset(); w.nanos.reset() }

// textWriter encodes text and binary values, with a dictionary while values
// come again.
type textWriter struct {
	lengths *intWriter
	data    packer
	// dict says that the values of the stripe are numbers of words so far.
	dict, wantDict bool
	words          map[string]uint32
	text           []byte
	ends           []int
	indexes        []uint32
}

const (
	// A dictionary that grows beyond these is given up.
	maxWordBytes = 4 << 20
	maxWords     = 256 << 10
	// dictionaryShare is the most words a value that a dictionary pays for, and
	// dictionaryCheck how many values tell.
	// Source: OrcConf.DICTIONARY_KEY_SIZE_THRESHOLD, OrcConf.ROW_INDEX_STRIDE.
	dictionaryShare = 0.8
	dictionaryCheck = 10_000
)

func newTextWriter(c *compressor, dict bool) *textWriter {
	return &textWriter{lengths: newIntWriter(c, streamLength, false), data: packer{comp: c}, dict: dict, wantDict: dict, words: map[string]uint32{}}
}

func (w *textWriter) add(arr arrow.Array, spans []span) error {
	offsets := arr.(interface{ ValueOffsets() []int32 }).ValueOffsets()
	var data []byte
	if b := arr.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	for _, s := range spans {
		i := s.lo
		for ; i < s.hi && w.dict; i++ {
			w.number(data[offsets[i]:offsets[i+1]])
		}
		if i == s.hi {
			continue
		}
		w.data.write(data[offsets[i]:offsets[s.hi]])
		for ; i < s.hi; i++ {
			w.lengths.enc.add(int64(offsets[i+1] - offsets[i]))
		}
	}
	return nil
}

func (w *textWriter) number(v []byte) {
	n, ok := w.words[string(v)]
	if !ok {
		n = uint32(len(w.ends))
		w.words[string(v)] = n
		w.text = append(w.text, v...)
		w.ends = append(w.ends, len(w.text))
	}
	w.indexes = append(w.indexes, n)
	if len(w.text) > maxWordBytes || len(w.ends) > maxWords || len(w.indexes)%dictionaryCheck == 0 && !w.pays() || len(w.indexes) == math.MaxInt32 {
		w.spell()
	}
}

func (w *textWriter) pays() bool {
	return float64(len(w.ends)) <= dictionaryShare*float64(len(w.indexes))
}

func (w *textWriter) word(n uint32) []byte {
	from := 0
	if n > 0 {
		from = w.ends[n-1]
	}
	return w.text[from:w.ends[n]]
}

// spell gives the dictionary up for this stripe.
func (w *textWriter) spell() {
	for _, n := range w.indexes {
		v := w.word(n)
		w.data.write(v)
		w.lengths.enc.add(int64(len(v)))
	}
	w.forget()
	w.dict = false
}

func (w *textWriter) forget() {
	clear(w.words)
	w.text, w.ends, w.indexes = w.text[:0], w.ends[:0], w.indexes[:0]
}

func (w *textWriter) streams() ([]streamOut, encoding) {
	if w.dict && !w.pays() {
		w.spell()
	}
	if !w.dict {
		lengths, e := w.lengths.streams()
		return append([]streamOut{{streamData, &w.data}}, lengths...), e
	}
	indexes := newIntWriter(w.data.comp, streamData, false)
	for _, n := range w.indexes {
		indexes.enc.add(int64(n))
	}
	from := 0
	for _, end := range w.ends {
		w.lengths.enc.add(int64(end - from))
		from = end
	}
	w.data.write(w.text)
	out, _ := indexes.streams()
	lengths, _ := w.lengths.streams()
	out = append(append(out, lengths...), streamOut{streamWords, &w.data})
	return out, encoding{kind: encDictionary2, words: len(w.ends)}
}

func (w *textWriter) size() int {
	return w.data.size() + w.lengths.size() + len(w.text) + 2*len(w.indexes)
}

func (w *textWriter) reset() {
	w.forget()
	w.data.reset()
	w.lengths.reset()
	w.dict = w.wantDict
}
