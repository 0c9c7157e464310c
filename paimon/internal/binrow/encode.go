// Package binrow holds Paimon's BinaryRow: encoding from Arrow columns,
// hashing and bucket choice, decoding, and the text of partitions. Rows are
// plain BinaryRow bytes; the 4-byte field count that manifests put before them
// is added and stripped by package spec.
package binrow

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Empty is the row without fields, the partition of unpartitioned tables.
// Do not change it.
var Empty = make([]byte, 8)

// Encoder writes rows of Arrow columns as BinaryRows of kind +I. It serves one
// goroutine. Columns are those of types.Type.Arrow (any timestamp unit and
// the large and view forms of text and bytes are taken too); a column of any
// other Arrow type is a programming error and panics, as a wrong index does.
type Encoder struct{}

// NewEncoder makes an encoder of rows with these column types.
func NewEncoder(ts []types.Type) *Encoder { panic("skeleton") }

// Encode gives row of cols. The bytes are valid until the next call.
func (e *Encoder) Encode(cols []arrow.Array, row int) []byte { panic("skeleton") }

// Append appends row of cols to dst and returns it.
func (e *Encoder) Append(dst []byte, cols []arrow.Array, row int) []byte { panic("skeleton") }

// HashRows puts the hashes of rows 0..len(out)-1 of cols into out.
func (e *Encoder) HashRows(cols []arrow.Array, out []int32) { panic("skeleton") }
