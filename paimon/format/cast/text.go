package cast

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// mapBytes makes a utf8 or binary array: conv appends the value of row i.
func mapBytes(alloc memory.Allocator, arr arrow.Array, typ arrow.DataType, conv func(dst []byte, i int) []byte) arrow.Array {
	b := array.NewBinaryBuilder(alloc, typ.(arrow.BinaryDataType))
	defer b.Release()
	b.Reserve(arr.Len())
	var buf []byte
	for i := range arr.Len() {
		if arr.IsNull(i) {
			b.AppendNull()
			continue
		}
		buf = conv(buf[:0], i)
		b.Append(buf)
	}
	tmp := b.NewArray()
	defer tmp.Release()
	data := tmp.Data()
	out := array.NewData(typ, data.Len(), data.Buffers(), nil, data.NullN(), 0)
	defer out.Release()
	return array.MakeFromData(out)
}

// fitText cuts text to the target's length in characters and pads CHAR.
// Source: org.apache.paimon.utils.BinaryStringUtils.toCharacterString.
func fitText(dst, v []byte, to types.Type) []byte {
	n := utf8.RuneCount(v)
	if n > to.Precision {
		end := 0
		for range to.Precision {
			_, k := utf8.DecodeRune(v[end:])
			end += k
		}
		return append(dst, v[:end]...)
	}
	dst = append(dst, v...)
	if to.Root == types.Char {
		dst = append(dst, bytes.Repeat([]byte{' '}, to.Precision-n)...)
	}
	return dst
}

// castText casts from CHAR and VARCHAR.
func castText(from, to types.Type, alloc memory.Allocator) (Func, error) {
	typ := to.Arrow()
	switch {
	case isText(to):
		if to.Root == types.Varchar && to.Precision >= from.Precision {
			return nil, nil
		}
		return func(arr arrow.Array) (arrow.Array, error) {
			read := bytesReader(arr)
			return mapBytes(alloc, arr, typ, func(dst []byte, i int) []byte { return fitText(dst, read(i), to) }), nil
		}, nil
	case isInteger(to):
		return func(arr arrow.Array) (arrow.Array, error) { return textToInts(alloc, arr, to) }, nil
	case isFloat(to):
		return func(arr arrow.Array) (arrow.Array, error) { return textToFloats(alloc, arr, to) }, nil
	case isBinary(to):
		if c, err := castBinary(types.Of(types.Varbinary), to, alloc); c != nil || err != nil {
			return c, err
		}
		return relabel(to), nil
	case to.Root == types.Boolean:
		return func(arr arrow.Array) (arrow.Array, error) { return textToBool(alloc, arr, to) }, nil
	case to.Root == types.Decimal:
		return func(arr arrow.Array) (arrow.Array, error) { return textToDecimal(alloc, arr, to) }, nil
	case to.Root == types.Date, to.Root == types.Time, to.Root.IsTimestamp():
		return func(arr arrow.Array) (arrow.Array, error) { return textToTime(alloc, arr, to) }, nil
	}
	return nil, errs.Unsupported("the file holds %s, the table %s: this change of type cannot be read yet", from, to)
}

func bytesReader(arr arrow.Array) func(i int) []byte {
	offsets := arr.(interface{ ValueOffsets() []int32 }).ValueOffsets()
	var data []byte
	if b := arr.Data().Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	return func(i int) []byte { return data[offsets[i]:offsets[i+1]] }
}

// textToInts parses as Java does: a sign, digits, and a fraction that is cut
// off. Text that is no number of the type is an error.
func textToInts(alloc memory.Allocator, arr arrow.Array, to types.Type) (arrow.Array, error) {
	bitSize := map[types.Root]int{types.TinyInt: 8, types.SmallInt: 16, types.Int: 32, types.BigInt: 64}[to.Root]
	read := bytesReader(arr)
	var failed error
	out := narrowInts(alloc, arr, to, func(i int) int64 {
		text := string(read(i))
		whole, fraction, _ := bytes.Cut(read(i), []byte{'.'})
		v, err := strconv.ParseInt(string(whole), 10, bitSize)
		if sign := string(whole); err != nil && len(text) > 1 && (sign == "" || sign == "-" || sign == "+") {
			v, err = 0, nil
		}
		for _, c := range fraction {
			if c < '0' || c > '9' {
				err = strconv.ErrSyntax
			}
		}
		if err != nil && failed == nil {
			failed = notText(read(i), to)
		}
		return v
	})
	if failed != nil {
		out.Release()
		return nil, failed
	}
	return out, nil
}

func textToFloats(alloc memory.Allocator, arr arrow.Array, to types.Type) (arrow.Array, error) {
	bitSize := 64
	if to.Root == types.Float {
		bitSize = 32
	}
	read := bytesReader(arr)
	var failed error
	parse := func(i int) float64 {
		v, err := strconv.ParseFloat(string(bytes.TrimSpace(read(i))), bitSize)
		if err != nil && !math.IsInf(v, 0) && failed == nil {
			failed = notText(read(i), to)
		}
		return v
	}
	var out arrow.Array
	if to.Root == types.Float {
		out = mapFixed(alloc, arr, to.Arrow(), func(i int) (float32, bool) { return float32(parse(i)), true })
	} else {
		out = mapFixed(alloc, arr, to.Arrow(), func(i int) (float64, bool) { return parse(i), true })
	}
	if failed != nil {
		out.Release()
		return nil, failed
	}
	return out, nil
}

// textToBool knows the words that Java's cast knows.
func textToBool(alloc memory.Allocator, arr arrow.Array, to types.Type) (arrow.Array, error) {
	read := bytesReader(arr)
	b := array.NewBooleanBuilder(alloc)
	defer b.Release()
	b.Reserve(arr.Len())
	for i := range arr.Len() {
		if arr.IsNull(i) {
			b.AppendNull()
			continue
		}
		switch string(bytes.ToLower(read(i))) {
		case "t", "true", "y", "yes", "1":
			b.Append(true)
		case "f", "false", "n", "no", "0":
			b.Append(false)
		default:
			return nil, notText(read(i), to)
		}
	}
	return b.NewArray(), nil
}

// textToDecimal rounds half up; NULL is what does not fit.
func textToDecimal(alloc memory.Allocator, arr arrow.Array, to types.Type) (arrow.Array, error) {
	read, failed := bytesReader(arr), error(nil)
	out := mapFixed(alloc, arr, to.Arrow(), func(i int) (decimal128.Num, bool) {
		unscaled, exponent, ok := parseDecimal(string(read(i)))
		if !ok {
			if failed == nil {
				failed = notText(read(i), to)
			}
			return decimal128.Num{}, false
		}
		return fitDecimal(unscaled, exponent, to)
	})
	if failed != nil {
		out.Release()
		return nil, failed
	}
	return out, nil
}

// parseDecimal reads what java.math.BigDecimal reads, as digits and the power
// of ten that they are times.
func parseDecimal(text string) (unscaled *big.Int, exponent int, ok bool) {
	mantissa, exp, hasExp := text, "", false
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		mantissa, exp, hasExp = text[:at], text[at+1:], true
	}
	if hasExp {
		n, err := strconv.ParseInt(exp, 10, 32)
		if err != nil {
			return nil, 0, false
		}
		exponent = int(n)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if strings.Trim(strings.TrimLeft(digits[:min(len(digits), 1)], "+-")+digits[min(len(digits), 1):], "0123456789") != "" ||
		strings.Trim(digits, "+-") == "" {
		return nil, 0, false
	}
	unscaled, ok = new(big.Int).SetString(digits, 10)
	return unscaled, exponent - len(fraction), ok
}

// fitDecimal gives unscaled·10^exponent in the type's scale, rounded half up.
func fitDecimal(unscaled *big.Int, exponent int, to types.Type) (decimal128.Num, bool) {
	shift := exponent + to.Scale
	switch {
	case unscaled.Sign() == 0:
		return decimal128.Num{}, true
	case shift > to.Precision: // one digit is too many already
		return decimal128.Num{}, false
	case shift >= 0:
		unscaled = new(big.Int).Mul(unscaled, pow10(shift))
	case -shift > len(unscaled.Text(10)):
		return decimal128.Num{}, true
	default:
		p := pow10(-shift)
		q, r := new(big.Int).QuoRem(unscaled, p, new(big.Int))
		if r.Abs(r).Lsh(r, 1).Cmp(p) >= 0 {
			q.Add(q, big.NewInt(int64(unscaled.Sign())))
		}
		unscaled = q
	}
	if unscaled.CmpAbs(pow10(to.Precision)) >= 0 {
		return decimal128.Num{}, false
	}
	return decimal128.FromBigInt(unscaled), true
}

// numberText casts numbers and BOOLEAN to text.
func numberText(from, to types.Type, alloc memory.Allocator) Func {
	return func(arr arrow.Array) (arrow.Array, error) {
		var text func(dst []byte, i int) []byte
		switch {
		case from.Root == types.Boolean:
			a := arr.(*array.Boolean)
			text = func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }
		case from.Root == types.Decimal:
			a := arr.(*array.Decimal128)
			text = func(dst []byte, i int) []byte { return append(dst, a.Value(i).ToString(int32(from.Scale))...) }
		case isFloat(from):
			read, bits := floatReader(arr), 64
			if from.Root == types.Float {
				bits = 32
			}
			text = func(dst []byte, i int) []byte { return AppendFloat(dst, read(i), bits) }
		default:
			read := intReader(arr)
			text = func(dst []byte, i int) []byte { return strconv.AppendInt(dst, read(i), 10) }
		}
		var buf []byte
		return mapBytes(alloc, arr, to.Arrow(), func(dst []byte, i int) []byte {
			buf = text(buf[:0], i)
			return fitText(dst, buf, to)
		}), nil
	}
}

// AppendFloat prints as Java does: 1.0, 1.0E7, 1.0E-4. bits is 32 or 64.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 0):
		return append(dst, map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0]...)
	case f == 0 || math.Abs(f) >= 1e-3 && math.Abs(f) < 1e7:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	text := strconv.FormatFloat(f, 'E', -1, bits)
	mantissa, exp, _ := strings.Cut(text, "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp) // strconv wrote it
	return append(append(append(dst, mantissa...), 'E'), strconv.Itoa(n)...)
}

// relabel shares the bytes under another type.
func relabel(to types.Type) Func {
	return func(arr arrow.Array) (arrow.Array, error) {
		d := array.NewData(to.Arrow(), arr.Len(), arr.Data().Buffers(), nil, arr.NullN(), arr.Data().Offset())
		defer d.Release()
		return array.MakeFromData(d), nil
	}
}

// castBinary cuts to the target's length and pads BINARY with zeros.
// Source: org.apache.paimon.utils.BinaryStringUtils.toBinaryString.
func castBinary(from, to types.Type, alloc memory.Allocator) (Func, error) {
	if to.Root == types.Varbinary && to.Precision >= from.Precision {
		return nil, nil
	}
	return func(arr arrow.Array) (arrow.Array, error) {
		read := bytesReader(arr)
		return mapBytes(alloc, arr, to.Arrow(), func(dst []byte, i int) []byte {
			v := read(i)
			dst = append(dst, v[:min(len(v), to.Precision)]...)
			if to.Root == types.Binary {
				dst = append(dst, make([]byte, max(to.Precision-len(v), 0))...)
			}
			return dst
		}), nil
	}, nil
}

// floatsToDecimal goes through the shortest text of the number, as
// BigDecimal.valueOf does.
func floatsToDecimal(alloc memory.Allocator, arr arrow.Array, to types.Type) arrow.Array {
	read := floatReader(arr)
	return mapFixed(alloc, arr, to.Arrow(), func(i int) (decimal128.Num, bool) {
		f := read(i)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return decimal128.Num{}, false
		}
		r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
		if !ok {
			return decimal128.Num{}, false
		}
		r.Mul(r, new(big.Rat).SetInt(pow10(to.Scale)))
		// half away from zero
		q, rem := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
		if rem.Abs(rem).Lsh(rem, 1).Cmp(r.Denom()) >= 0 {
			q.Add(q, big.NewInt(int64(r.Sign())))
		}
		if q.CmpAbs(pow10(to.Precision)) >= 0 {
			return decimal128.Num{}, false
		}
		return decimal128.FromBigInt(q), true
	})
}
