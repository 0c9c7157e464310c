package mysqlwire

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

// paramType is how a client sends one parameter.
type paramType struct {
	code     byte
	unsigned bool
}

// decodeParams reads the parameters of COM_STMT_EXECUTE behind its fixed part:
// n values of the types that come with them, or else of those of the execute
// before. long holds values that were sent ahead. The values do not alias the
// packet. It returns the types for the next execute.
func decodeParams(p *payloadReader, n int, types []paramType, long map[int][]byte) ([]any, []paramType, error) {
	if n == 0 {
		return nil, types, nil
	}
	nulls := p.take((n + 7) / 8)
	if p.uint(1) == 1 {
		raw := p.take(2 * n)
		if p.bad {
			return nil, types, malformed("COM_STMT_EXECUTE")
		}
		types = make([]paramType, n)
		for i := range types {
			types[i] = paramType{code: raw[2*i], unsigned: raw[2*i+1]&0x80 != 0}
		}
	}
	if p.bad {
		return nil, types, malformed("COM_STMT_EXECUTE")
	}
	if len(types) != n {
		return nil, types, Errorf(CodeWrongParameters, "execute without the types of its %d parameters", n)
	}
	values := make([]any, n)
	for i := range values {
		if data, ok := long[i]; ok {
			values[i] = textOrBytes(types[i].code, data)
			continue
		}
		if nulls[i/8]&(1<<(i%8)) != 0 {
			continue
		}
		v, err := decodeParam(p, types[i])
		if p.bad {
			return nil, types, malformed("COM_STMT_EXECUTE")
		}
		if err != nil {
			return nil, types, Errorf(CodeWrongParameters, "parameter %d: %w", i+1, err)
		}
		values[i] = v
	}
	return values, types, nil
}

func decodeParam(p *payloadReader, t paramType) (any, error) {
	switch t.code {
	case typeNull:
		return nil, nil
	case typeTiny:
		return integer(p.uint(1), 8, t.unsigned), nil
	case typeShort, typeYear:
		return integer(p.uint(2), 16, t.unsigned), nil
	case typeLong, typeInt24:
		return integer(p.uint(4), 32, t.unsigned), nil
	case typeLongLong:
		return integer(p.uint(8), 64, t.unsigned), nil
	case typeFloat:
		return float64(math.Float32frombits(uint32(p.uint(4)))), nil
	case typeDouble:
		return math.Float64frombits(p.uint(8)), nil
	case typeDate, typeDatetime, typeTimestamp:
		return decodeDate(p, t.code)
	case typeTime:
		return decodeTime(p)
	case typeDecimalOld, typeDecimal, typeVarchar, typeVarString, typeString, typeEnum, typeSet, typeJSON, typeBit,
		typeTinyBlob, typeMediumBlob, typeLongBlob, typeBlob, typeGeometry:
		return textOrBytes(t.code, p.lenenc()), nil
	}
	return nil, Errorf(CodeWrongParameters, "type 0x%02x is unknown", t.code)
}

// integer extends v, of bits bits, to 64.
func integer(v uint64, bits uint, unsigned bool) any {
	if unsigned {
		return v
	}
	return int64(v<<(64-bits)) >> (64 - bits)
}

// textOrBytes gives text, unless the client said that it sends bytes, or sends
// what cannot be text.
func textOrBytes(code byte, data []byte) any {
	switch code {
	case typeTinyBlob, typeMediumBlob, typeLongBlob, typeBlob, typeBit, typeGeometry:
		return append([]byte{}, data...)
	}
	if !utf8.Valid(data) {
		return append([]byte{}, data...)
	}
	return string(data)
}

func decodeDate(p *payloadReader, code byte) (any, error) {
	n := p.uint(1)
	if n != 4 && n != 7 && n != 11 && n != 0 {
		p.bad = true
		return nil, nil
	}
	year, month, day := 0, 0, 0
	if n >= 4 {
		year, month, day = int(p.uint(2)), int(p.uint(1)), int(p.uint(1))
	}
	var hour, minute, second, micro int
	if n >= 7 {
		hour, minute, second = int(p.uint(1)), int(p.uint(1)), int(p.uint(1))
	}
	if n == 11 {
		micro = int(p.uint(4))
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, micro*1000, time.UTC)
	y, m, d := at.Date()
	if y != year || int(m) != month || d != day || hour > 23 || minute > 59 || second > 59 || micro > 999999 {
		return nil, Errorf(CodeWrongParameters, "%04d-%02d-%02d %02d:%02d:%02d.%06d is not a date", year, month, day, hour, minute, second, micro)
	}
	if code == typeDate {
		return arrow.Date32FromTime(at), nil
	}
	return at, nil
}

func decodeTime(p *payloadReader) (any, error) {
	n := p.uint(1)
	if n != 0 && n != 8 && n != 12 {
		p.bad = true
		return nil, nil
	}
	if n == 0 {
		return time.Duration(0), nil
	}
	negative, days := p.uint(1) != 0, p.uint(4)
	hour, minute, second := p.uint(1), p.uint(1), p.uint(1)
	var micro uint64
	if n == 12 {
		micro = p.uint(4)
	}
	if days > 34 || hour > 23 || minute > 59 || second > 59 || micro > 999999 {
		return nil, Errorf(CodeWrongParameters, "%d days %02d:%02d:%02d.%06d is not a time", days, hour, minute, second, micro)
	}
	d := time.Duration(days*24+hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(micro)*time.Microsecond
	if negative {
		d = -d
	}
	return d, nil
}
