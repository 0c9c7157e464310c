package binrow

import (
	"encoding/binary"

	"github.com/tarndb/tarn/paimon/types"
)

// Check reports damage: that row is too short for its columns, or that a
// value points outside. After it the accessors of Row do not panic.
func Check(ts []types.Type, row []byte) error {
	batch, err := Decode(ts, row)
	if err != nil {
		return err
	}
	batch.Release()
	return nil
}

// Row is a view of a row with Arity fields, for reading single fields of
// checked rows (see Check) without an Arrow batch.
type Row struct {
	Bytes []byte
	Arity int
}

// IsNull reports whether field i is NULL.
func (r Row) IsNull(i int) bool {
	bit := i + headerBits
	return r.Bytes[bit>>3]&(1<<(bit&7)) != 0
}

func (r Row) slot(i int) []byte {
	at := nullBytes(r.Arity) + 8*i
	return r.Bytes[at : at+8]
}

// Int64 reads field i of type BOOLEAN (0 or 1), TINYINT, SMALLINT, INT,
// BIGINT, DATE (days), TIME (ms) or TIMESTAMP up to 3 digits (epoch ms).
func (r Row) Int64(i int, t types.Type) int64 {
	s := r.slot(i)
	switch elementWidth(t) {
	case 1:
		return int64(int8(s[0]))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(s)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(s)))
	}
	return int64(binary.LittleEndian.Uint64(s))
}

// Text reads field i of type CHAR, VARCHAR, BINARY or VARBINARY. It shares
// memory with the row.
func (r Row) Text(i int) []byte {
	s := r.slot(i)
	if s[7]&0x80 != 0 {
		return s[:s[7]&0x7f]
	}
	v := binary.LittleEndian.Uint64(s)
	at, n := v>>32, uint64(uint32(v))
	return r.Bytes[at : at+n : at+n]
}
