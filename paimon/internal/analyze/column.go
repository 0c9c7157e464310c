// Package analyze gathers the statistics that ANALYZE TABLE leaves, column by
// column, in bounded memory: the least and the greatest value, NULLs, lengths
// and an estimate of the distinct values.
package analyze

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/format/bounds"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/sketch"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Column gathers the statistics of one column in about 20 KiB. It serves one
// goroutine. Which ones it gives, and what it gives for a column of NULLs only,
// is Spark's: text and bytes have lengths but no bounds.
// Source: org.apache.spark.sql.PaimonStatsUtils.
type Column struct {
	field    types.Field
	width    int64             // of values of one width; 0 for text and bytes
	bounds   *bounds.Collector // nil for text and bytes
	distinct *sketch.Distinct  // of values that are not NULL
	rows     int64
	nulls    int64
	length   int64 // sum
	longest  int64
	scratch  [8]byte
}

// Lengths that Spark assumes where there is no value.
const (
	textWidth  = 20
	bytesWidth = 100
)

// New makes a collector; errs.ErrUnsupported for nested columns and the like.
func New(f types.Field) (*Column, error) {
	c := &Column{field: f, distinct: sketch.NewDistinct()}
	switch f.Type.Root {
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return c, nil
	case types.Boolean, types.TinyInt:
		c.width = 1
	case types.SmallInt:
		c.width = 2
	case types.Int, types.Float, types.Date, types.Time:
		c.width = 4
	case types.BigInt, types.Double, types.Timestamp, types.TimestampLTZ:
		c.width = 8
	case types.Decimal:
		c.width = 8
		if f.Type.Precision > 18 {
			c.width = 16
		}
	default:
		return nil, errs.Unsupported("Analyzing on col: %s, data type: %s is not supported.", f.Name, f.Type)
	}
	c.bounds = bounds.New(f.Type)
	return c, nil
}

// Add counts in the values of arr, which has the Arrow type of the column's.
func (c *Column) Add(arr arrow.Array) {
	c.rows += int64(arr.Len())
	c.nulls += int64(arr.NullN())
	if arr.NullN() == arr.Len() {
		return
	}
	if c.bounds != nil {
		c.bounds.Add(arr)
	}
	switch a := arr.(type) {
	case *array.String:
		c.addTexts(a)
	case *array.Binary:
		for i := range a.Len() {
			if a.IsValid(i) {
				v := a.Value(i)
				c.measure(len(v))
				c.distinct.Add(v)
			}
		}
	case *array.Boolean:
		for i := range a.Len() {
			if a.IsValid(i) {
				c.scratch[0] = 0
				if a.Value(i) {
					c.scratch[0] = 1
				}
				c.distinct.Add(c.scratch[:1])
			}
		}
	case *array.Float32:
		addFloats(c, a, a.Float32Values())
	case *array.Float64:
		addFloats(c, a, a.Float64Values())
	default:
		c.addFixed(arr)
	}
}

// addFixed hashes the bytes that values of one width have in the array.
func (c *Column) addFixed(arr arrow.Array) {
	n := arr.DataType().(arrow.FixedWidthDataType).Bytes()
	data := arr.Data().Buffers()[1].Bytes()[arr.Data().Offset()*n:]
	for i := range arr.Len() {
		if arr.IsValid(i) {
			c.distinct.Add(data[i*n : (i+1)*n])
		}
	}
}

// addFloats takes 0.0 and -0.0 for one value, and all NaN for one.
func addFloats[T float32 | float64](c *Column, arr arrow.Array, vals []T) {
	for i, v := range vals {
		if arr.IsNull(i) {
			continue
		}
		if v == 0 {
			v = 0
		}
		k := math.Float64bits(float64(v))
		if v != v {
			k = math.Float64bits(math.NaN())
		}
		binary.LittleEndian.PutUint64(c.scratch[:], k)
		c.distinct.Add(c.scratch[:])
	}
}

// addTexts counts characters; CHAR(n) has n of them at least, the missing ones
// are blanks.
func (c *Column) addTexts(a *array.String) {
	padded := 0
	if c.field.Type.Root == types.Char {
		padded = c.field.Type.Precision
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		v := a.Value(i)
		c.measure(max(padded, utf8.RuneCountInString(v)))
		if padded > 0 {
			v = strings.TrimRight(v, " ")
		}
		c.distinct.AddText(v)
	}
}

func (c *Column) measure(n int) {
	c.length += int64(n)
	c.longest = max(c.longest, int64(n))
}

// Stats gives what was found.
func (c *Column) Stats() (spec.ColumnStats, error) {
	values := c.rows - c.nulls
	distinct := min(c.distinct.Estimate(), values)
	nulls, average, longest := c.nulls, c.width, c.width
	out := spec.ColumnStats{ColumnID: c.field.ID, DistinctCount: &distinct, NullCount: &nulls, AvgLen: &average, MaxLen: &longest}
	switch {
	case c.bounds != nil:
		var err error
		if out.Min, err = c.bound(0); err == nil {
			out.Max, err = c.bound(1)
		}
		return out, err
	case values > 0:
		average, longest = (c.length+values-1)/values, c.longest
	case c.field.Type.Root == types.Binary || c.field.Type.Root == types.Varbinary:
		average, longest = bytesWidth, bytesWidth
	default:
		average, longest = textWidth, textWidth
	}
	return out, nil
}

// bound prints a bound; nil where there is none.
func (c *Column) bound(i int) (*string, error) {
	v := datafile.BoundArray(c.field.Type, c.bounds.Stats(), i)
	defer v.Release()
	if v.IsNull(0) {
		return nil, nil
	}
	text, err := binrow.StatText(c.field.Type, v)
	return &text, err
}
