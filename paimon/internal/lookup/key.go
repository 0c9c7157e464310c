package lookup

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Key is a primary key that is set value by value, again and again, without
// allocating. Its columns are Arrow arrays of one row whose buffers it writes.
type Key struct {
	types []types.Type
	cols  []arrow.Array
	data  [][]byte // values
	offs  [][]byte // offsets of texts
}

// NewKey makes a Key for the table's primary key.
func (l *Lookup) NewKey() *Key {
	n := len(l.keyTypes)
	k := &Key{types: l.keyTypes, cols: make([]arrow.Array, n), data: make([][]byte, n), offs: make([][]byte, n)}
	for i := range k.cols {
		k.make(i, 256)
	}
	return k
}

// Columns are the columns of the key: one row.
func (k *Key) Columns() []arrow.Array { return k.cols }

// make makes column i with room for size bytes of text.
func (k *Key) make(i, size int) {
	k.data[i] = make([]byte, size)
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(k.data[i])}
	if k.text(i) {
		k.offs[i] = make([]byte, 8)
		buffers = []*memory.Buffer{nil, memory.NewBufferBytes(k.offs[i]), memory.NewBufferBytes(k.data[i])}
	}
	data := array.NewData(k.types[i].Arrow(), 1, buffers, nil, 0, 0)
	defer data.Release()
	k.cols[i] = array.MakeFromData(data)
}

func (k *Key) text(i int) bool {
	switch k.types[i].Root {
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return true
	}
	return false
}

func (k *Key) wrong(i int, what string) error {
	return errs.Invalid("column %d of the primary key is %s, not %s", i, k.types[i], what)
}

// SetInt sets column i of an integer type, BOOLEAN (0 or 1), DATE (days), TIME
// (milliseconds), TIMESTAMP (in the unit of its Arrow type) or DECIMAL
// (unscaled).
func (k *Key) SetInt(i int, v int64) error {
	p := k.data[i]
	switch k.types[i].Root {
	case types.Boolean, types.TinyInt:
		p[0] = byte(v)
	case types.SmallInt:
		binary.LittleEndian.PutUint16(p, uint16(v))
	case types.Int, types.Date, types.Time:
		binary.LittleEndian.PutUint32(p, uint32(v))
	case types.BigInt, types.Timestamp, types.TimestampLTZ:
		binary.LittleEndian.PutUint64(p, uint64(v))
	case types.Decimal:
		binary.LittleEndian.PutUint64(p, uint64(v))
		binary.LittleEndian.PutUint64(p[8:], uint64(v>>63))
	default:
		return k.wrong(i, "a whole number")
	}
	return nil
}

// SetFloat sets column i of type FLOAT or DOUBLE.
func (k *Key) SetFloat(i int, v float64) error {
	switch k.types[i].Root {
	case types.Float:
		binary.LittleEndian.PutUint32(k.data[i], math.Float32bits(float32(v)))
	case types.Double:
		binary.LittleEndian.PutUint64(k.data[i], math.Float64bits(v))
	default:
		return k.wrong(i, "a floating-point number")
	}
	return nil
}

// SetText sets column i of a text or binary type.
func (k *Key) SetText(i int, v string) error {
	if !k.text(i) {
		return k.wrong(i, "text")
	}
	if len(v) > len(k.data[i]) {
		k.make(i, 2*len(v))
	}
	copy(k.data[i], v)
	binary.LittleEndian.PutUint32(k.offs[i][4:], uint32(len(v)))
	return nil
}
