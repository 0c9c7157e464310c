package columnar

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
)

// AppendFirst appends the encoded key of the first row of cols: what Encode
// gives for it, without allocating but for dst.
func (e *KeyEncoder) AppendFirst(dst []byte, cols []arrow.Array) ([]byte, error) {
	for i, t := range e.types {
		c := cols[i]
		null := c.IsNull(0)
		switch {
		case t.Nullable:
			dst = append(dst, marker(!null))
		case null:
			return dst, errs.Invalid("encode keys: NULL in column %d, which is %s", i, t)
		}
		if isVariable(t.Root) {
			if null {
				continue
			}
			offsets, data := varBuffers(c.Data())
			dst = e.appendText(dst, data[offsets[0]:offsets[1]], e.terminated(i))
			continue
		}
		width := fixedWidth(t)
		var v [1]uint64
		for high := width == 16; ; high = false {
			if err := orderedBits(v[:], c, t, high, width == 16); err != nil {
				return dst, err
			}
			if e.desc {
				v[0] = ^v[0]
			}
			if null {
				v[0] = 0
			}
			dst = appendWidth(dst, v[0], min(width, 8))
			if !high {
				break
			}
		}
	}
	return dst, nil
}

func (e *KeyEncoder) appendText(dst, v []byte, term bool) []byte {
	if !term {
		return append(dst, v...)
	}
	flip := byte(0)
	if e.desc {
		flip = 0xff
	}
	for _, b := range v {
		dst = append(dst, b^flip)
		if b == 0 {
			dst = append(dst, 0xff^flip)
		}
	}
	return append(dst, flip, flip)
}

func appendWidth(dst []byte, v uint64, width int) []byte {
	switch width {
	case 8:
		return binary.BigEndian.AppendUint64(dst, v)
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v))
	}
	return append(dst, byte(v))
}
