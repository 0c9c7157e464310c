package binrow

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/types"
)

// Hash is Paimon's hash of a BinaryRow (Murmur3, seed 42), which is also the
// key hash of dynamic buckets and HASH index files.
// Source: org.apache.paimon.data.BinaryRow.hashCode.
func Hash(row []byte) int32 { panic("skeleton") }

// Bucketer chooses the bucket of rows in tables with a fixed number of
// buckets. It serves one goroutine.
// Source: org.apache.paimon.bucket.BucketFunction.
type Bucketer struct{}

// NewBucketer makes a Bucketer over the bucket key columns (in bucket key
// order). function is the option bucket-function.type: "default" (also ""),
// "mod" or "hive"; unsuitable key types are errs.ErrInvalid.
func NewBucketer(function string, key []types.Type, buckets int) (*Bucketer, error) {
	panic("skeleton")
}

// Buckets puts the buckets of rows 0..len(out)-1 of the bucket key columns
// into out.
func (b *Bucketer) Buckets(cols []arrow.Array, out []int32) error { panic("skeleton") }
