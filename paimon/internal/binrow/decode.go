package binrow

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Rows decodes BinaryRows into a batch with these columns (Release it). It is
// for partitions, key ranges and statistics, all of whose columns may be NULL.
// Damaged rows are errors, never panics.
func Rows(fields []types.Field, rows [][]byte) (arrow.RecordBatch, error) { panic("skeleton") }

// Decode is Rows of one row without column names.
func Decode(ts []types.Type, row []byte) (arrow.RecordBatch, error) { panic("skeleton") }

// Check reports damage: that row is too short for its columns or points
// outside itself. Accessors of Row may be used after it.
func Check(ts []types.Type, row []byte) error { panic("skeleton") }

// Equal compares rows by bytes, which for keys and partitions is equality of
// values.
func Equal(a, b []byte) bool { return string(a) == string(b) }

// Arity is a view of a row with n fields.
type Row struct {
	Bytes []byte
	Arity int
}

// IsNull reports whether field i is NULL.
func (r Row) IsNull(i int) bool { panic("skeleton") }

// Int64 reads field i as BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, DATE or
// TIME, by the width of t.
func (r Row) Int64(i int, t types.Type) int64 { panic("skeleton") }

// Text reads field i of CHAR, VARCHAR, BINARY or VARBINARY; it shares memory
// with the row.
func (r Row) Text(i int) []byte { panic("skeleton") }
