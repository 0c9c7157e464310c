package mysqlcdc

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// MySQL keeps JSON in a binary form with offsets; its SELECT prints it with a
// space after each colon and comma. appendJSON prints the same text.
const (
	jsonSmallObject = 0
	jsonLargeObject = 1
	jsonSmallArray  = 2
	jsonLargeArray  = 3
	jsonLiteral     = 4
	jsonInt16       = 5
	jsonUint16      = 6
	jsonInt32       = 7
	jsonUint32      = 8
	jsonInt64       = 9
	jsonUint64      = 10
	jsonDouble      = 11
	jsonString      = 12
	jsonOpaque      = 15

	jsonMaxDepth = 128 // the server allows 100
)

var errJSON = errors.New("malformed binary JSON")

func appendJSON(out, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return append(out, "null"...), nil
	}
	p := jsonPrinter{limit: len(out) + 16*len(data) + 64}
	return p.value(out, data[0], data[1:], 0)
}

// jsonPrinter stops at a limit that no well-formed value reaches: offsets that
// point at each other could otherwise print without end.
type jsonPrinter struct{ limit int }

func (p *jsonPrinter) value(out []byte, typ byte, b []byte, depth int) ([]byte, error) {
	if depth > jsonMaxDepth || len(out) > p.limit {
		return out, errJSON
	}
	size := map[byte]int{jsonLiteral: 1, jsonInt16: 2, jsonUint16: 2, jsonInt32: 4, jsonUint32: 4, jsonInt64: 8, jsonUint64: 8, jsonDouble: 8}[typ]
	if len(b) < size {
		return out, errJSON
	}
	switch typ {
	case jsonSmallObject, jsonLargeObject, jsonSmallArray, jsonLargeArray:
		return p.container(out, typ, b, depth)
	case jsonLiteral:
		if b[0] > 2 {
			return out, errJSON
		}
		return append(out, [...]string{"null", "true", "false"}[b[0]]...), nil
	case jsonInt16, jsonInt32, jsonInt64:
		shift := 64 - 8*size
		return strconv.AppendInt(out, int64(littleEndian(b[:size])<<shift)>>shift, 10), nil
	case jsonUint16, jsonUint32, jsonUint64:
		return strconv.AppendUint(out, littleEndian(b[:size]), 10), nil
	case jsonDouble:
		return appendJSONDouble(out, math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case jsonString:
		text, err := jsonSized(b)
		return appendJSONString(out, text), err
	case jsonOpaque:
		if len(b) == 0 {
			return out, errJSON
		}
		value, err := jsonSized(b[1:])
		if err != nil {
			return out, err
		}
		return appendJSONOpaque(out, b[0], value)
	}
	return out, fmt.Errorf("%w: type %d", errJSON, typ)
}

// container prints an object or array: count and size, then for an
// object the offsets and lengths of the keys, then type and offset (or the
// value itself when it is short) of the values.
func (p *jsonPrinter) container(out []byte, typ byte, b []byte, depth int) ([]byte, error) {
	width := 2
	if typ == jsonLargeObject || typ == jsonLargeArray {
		width = 4
	}
	object := typ == jsonSmallObject || typ == jsonLargeObject
	if len(b) < 2*width {
		return out, errJSON
	}
	count, total := int(littleEndian(b[:width])), int(littleEndian(b[width:2*width]))
	keySize := 0
	if object {
		keySize = width + 2
	}
	values := 2*width + count*keySize
	if total > len(b) || count < 0 || values+count*(width+1) > total {
		return out, errJSON
	}
	b = b[:total]
	open, end := byte('['), byte(']')
	if object {
		open, end = '{', '}'
	}
	out = append(out, open)
	for i := range count {
		if i > 0 {
			out = append(out, ", "...)
		}
		if object {
			entry := b[2*width+i*keySize:]
			at, n := int(littleEndian(entry[:width])), int(littleEndian(entry[width:width+2]))
			if at+n > total {
				return out, errJSON
			}
			out = append(appendJSONString(out, b[at:at+n]), ": "...)
		}
		entry := b[values+i*(width+1):]
		kind, value := entry[0], entry[1:1+width]
		if !jsonInline(kind, width) {
			at := int(littleEndian(value))
			if at > total {
				return out, errJSON
			}
			value = b[at:]
		}
		var err error
		if out, err = p.value(out, kind, value, depth+1); err != nil {
			return out, err
		}
	}
	return append(out, end), nil
}

func jsonInline(kind byte, width int) bool {
	switch kind {
	case jsonLiteral, jsonInt16, jsonUint16:
		return true
	case jsonInt32, jsonUint32:
		return width == 4
	}
	return false
}

// jsonSized reads a length in groups of seven bits and that many bytes.
func jsonSized(b []byte) ([]byte, error) {
	n := uint64(0)
	for i := 0; i < 5 && i < len(b); i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			if rest := b[i+1:]; n <= uint64(len(rest)) {
				return rest[:n], nil
			}
			break
		}
	}
	return nil, errJSON
}

func appendJSONString(out, text []byte) []byte {
	out = append(out, '"')
	for _, ch := range text {
		switch ch {
		case '"', '\\':
			out = append(out, '\\', ch)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		default:
			if ch < 0x20 {
				out = fmt.Appendf(out, `\u%04x`, ch)
			} else {
				out = append(out, ch)
			}
		}
	}
	return append(out, '"')
}

// appendJSONDouble prints as the server does: shortest digits that read back,
// ".0" on whole numbers, an exponent from 1e16 and below 1e-4 or so.
func appendJSONDouble(out []byte, f float64) []byte {
	start := len(out)
	a := math.Abs(f)
	if a != 0 && (a >= 1e15 || a < 1e-5) {
		out = strconv.AppendFloat(out, f, 'e', -1, 64)
		return trimExponent(out, start)
	}
	out = strconv.AppendFloat(out, f, 'f', -1, 64)
	for _, ch := range out[start:] {
		if ch == '.' {
			return out
		}
	}
	return append(out, ".0"...)
}

// trimExponent turns Go's "1e+20" and "1e-07" to the server's "1e20", "1e-7".
func trimExponent(out []byte, start int) []byte {
	i := start
	for out[i] != 'e' {
		i++
	}
	exp, _ := strconv.Atoi(string(out[i+1:]))
	return strconv.AppendInt(out[:i+1], int64(exp), 10)
}

func appendJSONOpaque(out []byte, typ byte, b []byte) ([]byte, error) {
	switch typ {
	case tNewDecimal:
		if len(b) < 2 {
			return out, errJSON
		}
		precision, scale := int(b[0]), int(b[1])
		size, err := valueSize(tNewDecimal, uint16(precision)<<8|uint16(scale), nil)
		if err != nil || size != len(b)-2 {
			return out, errJSON
		}
		var d decoder
		var v cell
		if err := d.decodeDecimal(precision, scale, b[2:], &v); err != nil {
			return out, err
		}
		return appendText(out, &v, &column{scale: scale}), nil
	case tDate, tTime, tDatetime, tTimestamp:
		if len(b) != 8 {
			return out, errJSON
		}
		return appendJSONTemporal(out, typ, int64(binary.LittleEndian.Uint64(b))), nil
	}
	out = fmt.Appendf(append(out, '"'), "base64:type%d:", typ)
	return append(base64.StdEncoding.AppendEncode(out, b), '"'), nil
}

func appendJSONTemporal(out []byte, typ byte, packed int64) []byte {
	out = append(out, '"')
	if typ == tTime {
		if packed < 0 {
			out, packed = append(out, '-'), -packed
		}
		hms := packed >> 24
		return fmt.Appendf(out, `%02d:%02d:%02d.%06d"`, hms>>12&0x3ff, hms>>6&63, hms&63, packed&0xffffff)
	}
	v := packed >> 24
	ym := v >> 22
	out = fmt.Appendf(out, "%04d-%02d-%02d", ym/13, ym%13, v>>17&31)
	if typ != tDate {
		out = fmt.Appendf(out, " %02d:%02d:%02d.%06d", v>>12&31, v>>6&63, v&63, packed&0xffffff)
	}
	return append(out, '"')
}
