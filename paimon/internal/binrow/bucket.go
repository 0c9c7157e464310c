package binrow

import (
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Bucketer chooses the bucket of rows in tables with a fixed number of
// buckets. It serves one goroutine.
// Source: org.apache.paimon.bucket.BucketFunction.
type Bucketer struct {
	function string
	key      []types.Type
	buckets  int32
	encoder  *Encoder
}

// NewBucketer makes a Bucketer over the bucket key columns (in bucket key
// order). function is the option bucket-function.type: "default" (also ""),
// "mod" or "hive"; unsuitable key types are errs.ErrInvalid.
func NewBucketer(function string, key []types.Type, buckets int) (*Bucketer, error) {
	if buckets < 1 || buckets > math.MaxInt32 {
		return nil, errs.Invalid("%d buckets: want a positive number", buckets)
	}
	switch function {
	case "", "default":
		function = "default"
	case "mod":
		if len(key) != 1 || key[0].Root != types.Int && key[0].Root != types.BigInt {
			return nil, errs.Invalid("bucket-function.type = mod wants a bucket key of one INT or BIGINT column, not %v", key)
		}
	case "hive":
		for _, t := range key {
			if !hiveHashes(t) {
				return nil, errs.Invalid("bucket-function.type = hive cannot hash a bucket key of type %s", t)
			}
		}
	default:
		return nil, errs.Unsupported("bucket-function.type = %q: want default, mod or hive", function)
	}
	return &Bucketer{function: function, key: key, buckets: int32(buckets), encoder: NewEncoder(key)}, nil
}

// OfHash gives the bucket of a row by its Hash, for the default function.
func OfHash(hash int32, buckets int) int32 {
	b := hash % int32(buckets)
	if b < 0 {
		return -b
	}
	return b
}

// Buckets puts the buckets of rows 0..len(out)-1 of the bucket key columns
// into out.
func (b *Bucketer) Buckets(cols []arrow.Array, out []int32) error {
	switch b.function {
	case "mod":
		return b.mod(cols[0], out)
	case "hive":
		return b.hive(cols, out)
	}
	b.encoder.HashRows(cols, out)
	for i, h := range out {
		out[i] = OfHash(h, int(b.buckets))
	}
	return nil
}

func (b *Bucketer) mod(col arrow.Array, out []int32) error {
	for i := range out {
		var v int64 // a NULL slot is 0
		if col.IsValid(i) {
			switch c := col.(type) {
			case *array.Int32:
				v = int64(c.Value(i))
			case *array.Int64:
				v = c.Value(i)
			default:
				return errs.Invalid("bucket key of type %s cannot be held as Arrow %s", b.key[0], col.DataType())
			}
		}
		_, r := floorDiv(v, int64(b.buckets))
		out[i] = int32(r)
	}
	return nil
}

func hiveHashes(t types.Type) bool {
	switch t.Root {
	case types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double,
		types.Date, types.Time, types.Char, types.Varchar, types.Binary, types.Varbinary, types.Decimal:
		return true
	}
	return false
}

func (b *Bucketer) hive(cols []arrow.Array, out []int32) error {
	clear(out)
	for i, t := range b.key {
		col := cols[i]
		hash := hiveHasher(t, col)
		if hash == nil {
			return errs.Invalid("bucket key of type %s cannot be held as Arrow %s", t, col.DataType())
		}
		for row := range out {
			h := int32(0)
			if col.IsValid(row) {
				h = hash(row)
			}
			out[row] = 31*out[row] + h
		}
	}
	for row, h := range out {
		out[row] = h & math.MaxInt32 % b.buckets
	}
	return nil
}

// hiveHasher hashes the values of one column as Hive does.
// Source: org.apache.paimon.bucket.HiveBucketFunction.
func hiveHasher(t types.Type, a arrow.Array) func(int) int32 {
	hash64 := func(v uint64) int32 { return int32(v ^ v>>32) }
	switch c := a.(type) {
	case *array.Boolean:
		return func(row int) int32 {
			if c.Value(row) {
				return 1
			}
			return 0
		}
	case *array.Int8:
		return func(row int) int32 { return int32(c.Value(row)) }
	case *array.Int16:
		return func(row int) int32 { return int32(c.Value(row)) }
	case *array.Int64:
		return func(row int) int32 { return hash64(uint64(c.Value(row))) }
	case *array.Float32:
		return func(row int) int32 {
			v := c.Value(row)
			if v == 0 {
				return 0
			}
			if v != v {
				return 0x7fc00000
			}
			return int32(math.Float32bits(v))
		}
	case *array.Float64:
		return func(row int) int32 {
			v := c.Value(row)
			if v == 0 {
				return 0
			}
			if v != v {
				return hash64(0x7ff8000000000000)
			}
			return hash64(math.Float64bits(v))
		}
	case *array.Decimal128:
		scale := t.Scale
		return func(row int) int32 { return hiveDecimal(c.Value(row).BigInt(), scale) }
	}
	if read := int32Reader(t, a); read != nil {
		return read
	}
	if read := bytesReader(a); read != nil {
		return func(row int) int32 {
			h := int32(0)
			for _, c := range read(row) {
				h = 31*h + int32(int8(c))
			}
			return h
		}
	}
	return nil
}

// hiveDecimal is the hash of Java's BigDecimal after trailing zeros of the
// fraction are taken off.
func hiveDecimal(v *big.Int, scale int) int32 {
	if v.Sign() == 0 {
		return 0
	}
	ten, r := big.NewInt(10), new(big.Int)
	for scale > 0 {
		q, m := new(big.Int).QuoRem(v, ten, r)
		if m.Sign() != 0 {
			break
		}
		v, scale = q, scale-1
	}
	h := int32(0)
	magnitude := v.Bytes() // big-endian; Java hashes its 32-bit words
	for len(magnitude)%4 != 0 {
		magnitude = append([]byte{0}, magnitude...)
	}
	for i := 0; i < len(magnitude); i += 4 {
		w := uint32(magnitude[i])<<24 | uint32(magnitude[i+1])<<16 | uint32(magnitude[i+2])<<8 | uint32(magnitude[i+3])
		h = 31*h + int32(w)
	}
	return 31*h*int32(v.Sign()) + int32(scale)
}
