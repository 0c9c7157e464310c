// Package variant decodes VARIANT, the binary form of JSON-like values that
// Parquet and Spark share: a value, and metadata with the names of its keys.
package variant

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/tarndb/tarn/paimon/format/cast"
)

// ErrMalformed says that bytes are no VARIANT.
var ErrMalformed = errors.New("malformed variant")

// maxDepth bounds how deep values are nested.
const maxDepth = 1000

// The kinds of values, the low two bits of a value's first byte.
const (
	primitive = iota
	shortText
	object
	list
)

// The kinds of primitive values, the high six bits of the first byte.
const (
	null = iota
	yes
	no
	int8Value
	int16Value
	int32Value
	int64Value
	doubleValue
	decimal4
	decimal8
	decimal16
	dateValue
	timestamp
	timestampNTZ
	floatValue
	binaryValue
	longText
	timeNTZ
	timestampNanos
	timestampNTZNanos
	uuidValue
)

// Value is a VARIANT or a part of one. It shares the bytes it was made of.
type Value struct {
	bytes []byte
	names names
}

// New takes the two parts of a VARIANT; nothing is copied or checked yet.
func New(value, metadata []byte) Value { return Value{bytes: value, names: names(metadata)} }

// AppendJSON appends the value as JSON text, as Java prints it: timestamps
// are in UTC, binary is base64, what is no JSON is a text.
// Source: org.apache.paimon.data.variant.GenericVariant.toJson.
func (v Value) AppendJSON(dst []byte) ([]byte, error) { return v.appendJSON(dst, 0) }

// JSON is AppendJSON as a text.
func (v Value) JSON() (string, error) {
	b, err := v.AppendJSON(nil)
	return string(b), err
}

func (v Value) appendJSON(dst []byte, depth int) ([]byte, error) {
	if len(v.bytes) == 0 || depth > maxDepth {
		return dst, ErrMalformed
	}
	head := v.bytes[0] >> 2
	switch v.bytes[0] & 3 {
	case shortText:
		if len(v.bytes) < 1+int(head) {
			return dst, ErrMalformed
		}
		return appendText(dst, v.bytes[1:1+head]), nil
	case object, list:
		return v.appendChildren(dst, depth)
	}
	return v.appendPrimitive(dst, int(head))
}

// children are the parts of an object or list.
type children struct {
	n          int
	ids        []byte // of the keys; none in a list
	offsets    []byte
	idSize     int
	offsetSize int
	data       []byte
}

// children takes an object or list apart.
func (v Value) children() (c children, err error) {
	head := v.bytes[0] >> 2
	large := head>>2&1 == 1
	c.offsetSize = int(head&3) + 1
	if v.bytes[0]&3 == object {
		large = head>>4&1 == 1
		c.idSize = int(head>>2&3) + 1
	}
	rest := v.bytes[1:]
	size := 1
	if large {
		size = 4
	}
	if len(rest) < size {
		return c, ErrMalformed
	}
	c.n, rest = unsigned(rest, size), rest[size:]
	need := int64(c.n)*int64(c.idSize) + int64(c.n+1)*int64(c.offsetSize)
	if need > int64(len(rest)) {
		return c, ErrMalformed
	}
	c.ids, rest = rest[:c.n*c.idSize], rest[c.n*c.idSize:]
	c.offsets, c.data = rest[:(c.n+1)*c.offsetSize], rest[(c.n+1)*c.offsetSize:]
	return c, nil
}

// at gives the bytes from child i on.
func (c children) at(i int) ([]byte, error) {
	off := unsigned(c.offsets[i*c.offsetSize:], c.offsetSize)
	if off >= len(c.data) {
		return nil, ErrMalformed
	}
	return c.data[off:], nil
}

// unsigned reads a little-endian number of 1 to 4 bytes.
func unsigned(b []byte, size int) int {
	v := 0
	for i := range size {
		v |= int(b[i]) << (8 * i)
	}
	return v
}

func (v Value) appendChildren(dst []byte, depth int) ([]byte, error) {
	c, err := v.children()
	if err != nil {
		return dst, err
	}
	open, end := byte('['), byte(']')
	if c.idSize > 0 {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i := range c.n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if c.idSize > 0 {
			name, err := v.names.at(unsigned(c.ids[i*c.idSize:], c.idSize))
			if err != nil {
				return dst, err
			}
			dst = append(appendText(dst, name), ':')
		}
		part, err := c.at(i)
		if err != nil {
			return dst, err
		}
		if dst, err = (Value{bytes: part, names: v.names}).appendJSON(dst, depth+1); err != nil {
			return dst, err
		}
		if len(dst) > maxText {
			return dst, fmt.Errorf("%w: more than %d bytes of text", ErrMalformed, maxText)
		}
	}
	return append(dst, end), nil
}

// maxText bounds the text of a value, the parts of which may overlap when it
// is damaged.
const maxText = 256 << 20

// names are the metadata of a VARIANT.
type names []byte

func (n names) at(id int) ([]byte, error) {
	if len(n) == 0 || n[0]&15 != 1 {
		return nil, fmt.Errorf("%w: metadata of another version", ErrMalformed)
	}
	size := int(n[0]>>6) + 1
	if len(n) < 1+size {
		return nil, ErrMalformed
	}
	count := unsigned(n[1:], size)
	start := 1 + (count+2)*size
	if id >= count || start > len(n) {
		return nil, ErrMalformed
	}
	from, to := unsigned(n[1+(id+1)*size:], size), unsigned(n[1+(id+2)*size:], size)
	if from > to || to > len(n)-start {
		return nil, ErrMalformed
	}
	return n[start+from : start+to], nil
}

// width gives the bytes of a primitive value after the first one.
func width(kind int) int {
	switch kind {
	case null, yes, no:
		return 0
	case int8Value:
		return 1
	case int16Value:
		return 2
	case int32Value, dateValue, floatValue, binaryValue, longText:
		return 4
	case decimal4:
		return 5
	case int64Value, doubleValue, timestamp, timestampNTZ:
		return 8
	case decimal8:
		return 9
	case uuidValue:
		return 16
	case decimal16:
		return 17
	}
	return -1
}

func (v Value) appendPrimitive(dst []byte, kind int) ([]byte, error) {
	n, b := width(kind), v.bytes[1:]
	switch {
	case n < 0:
		return dst, fmt.Errorf("%w: primitive type %d", ErrMalformed, kind)
	case len(b) < n:
		return dst, ErrMalformed
	}
	switch kind {
	case null:
		return append(dst, "null"...), nil
	case yes:
		return append(dst, "true"...), nil
	case no:
		return append(dst, "false"...), nil
	case int8Value, int16Value, int32Value, int64Value:
		return fmt.Append(dst, signed(b[:n])), nil
	case floatValue:
		return appendNumber(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32), nil
	case doubleValue:
		return appendNumber(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64), nil
	case decimal4, decimal8, decimal16:
		return appendDecimal(dst, b[1:n], int(b[0]))
	case binaryValue, longText:
		size := int64(binary.LittleEndian.Uint32(b))
		if size > int64(len(b)-4) {
			return dst, ErrMalformed
		}
		if kind == longText {
			return appendText(dst, b[4:4+size]), nil
		}
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b[4:4+size]), '"'), nil
	case uuidValue:
		return fmt.Appendf(dst, `"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:16]), nil
	}
	return appendTime(dst, kind, signed(b[:n])), nil
}

func signed(b []byte) int64 {
	v := int64(int8(b[len(b)-1]))
	for i := len(b) - 2; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	return v
}

// appendTime prints a date, or a timestamp of microseconds.
func appendTime(dst []byte, kind int, v int64) []byte {
	layout := "2006-01-02 15:04:05.999999"
	at := time.UnixMicro(v).UTC()
	switch kind {
	case dateValue:
		at, layout = time.Unix(v*86400, 0).UTC(), "2006-01-02"
	case timestamp:
		layout += "-07:00"
	}
	return append(at.AppendFormat(append(dst, '"'), layout), '"')
}

// appendNumber prints a float, quoted if JSON has no such number.
func appendNumber(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(cast.AppendFloat(append(dst, '"'), f, bits), '"')
	}
	return cast.AppendFloat(dst, f, bits)
}

// appendDecimal prints a little-endian unscaled value without zeros at the
// end.
func appendDecimal(dst, b []byte, scale int) ([]byte, error) {
	if scale > 38 {
		return dst, fmt.Errorf("%w: decimal of scale %d", ErrMalformed, scale)
	}
	v := big.NewInt(0)
	if len(b) <= 8 {
		v.SetInt64(signed(b))
	} else {
		v.SetInt64(signed(b[8:]))
		v.Lsh(v, 64).Add(v, new(big.Int).SetUint64(binary.LittleEndian.Uint64(b)))
	}
	text := new(big.Int).Abs(v).String()
	if v.Sign() < 0 {
		dst = append(dst, '-')
	}
	for len(text) <= scale {
		text = "0" + text
	}
	whole, fraction := text[:len(text)-scale], text[len(text)-scale:]
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	dst = append(dst, whole...)
	if fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, nil
}

// appendText quotes a text; only what JSON demands is escaped.
func appendText(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = fmt.Appendf(dst, `\u%04X`, c)
		}
	}
	return append(dst, '"')
}
