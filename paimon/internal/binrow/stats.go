package binrow

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// Stats collects statistics of rows column by column: the rows of least and
// greatest values, each column on its own, and the number of NULLs, where row
// i counts weights[i] times. It is how manifests describe their partitions.
// Source: org.apache.paimon.format.SimpleStatsCollector.
func Stats(fields []types.Field, rows [][]byte, weights []int64) (lo, hi []byte, nulls []*int64, err error) {
	batch, err := Rows(fields, rows)
	if err != nil {
		return nil, nil, nil, err
	}
	defer batch.Release()
	least, greatest := make([]arrow.Array, len(fields)), make([]arrow.Array, len(fields))
	ts := make([]types.Type, len(fields))
	nulls = make([]*int64, len(fields))
	for i, f := range fields {
		ts[i] = f.Type.AsNullable()
		col := batch.Column(i)
		keys, err := columnKeys(f.Type, col)
		if err != nil {
			return nil, nil, nil, err
		}
		n, from, to := int64(0), -1, -1
		for row := range rows {
			switch {
			case col.IsNull(row):
				n += weights[row]
			case from < 0:
				from, to = row, row
			case columnar.Compare(keys, row, keys, from) < 0:
				from = row
			case columnar.Compare(keys, row, keys, to) > 0:
				to = row
			}
		}
		nulls[i], least[i], greatest[i] = &n, one(col, from), one(col, to)
		defer least[i].Release()
		defer greatest[i].Release()
	}
	e := NewEncoder(ts)
	return e.Append(nil, least, 0), e.Append(nil, greatest, 0), nulls, nil
}

func columnKeys(t types.Type, col arrow.Array) (columnar.Keys, error) {
	return columnar.NewKeyEncoder([]types.Type{t.AsNullable()}, columnar.KeyOptions{}).Encode([]arrow.Array{col})
}

// ColumnKeys encodes every column of rows for comparison on its own, for tests
// against statistics. NULL is the smallest.
func ColumnKeys(fields []types.Field, rows [][]byte) ([]columnar.Keys, error) {
	batch, err := Rows(fields, rows)
	if err != nil {
		return nil, err
	}
	out := make([]columnar.Keys, len(fields))
	for i, f := range fields {
		if out[i], err = columnKeys(f.Type, batch.Column(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// one gives value row of col, or NULL for -1, as an array of its own.
func one(col arrow.Array, row int) arrow.Array {
	if row < 0 {
		return array.MakeArrayOfNull(memory.DefaultAllocator, col.DataType(), 1)
	}
	return array.NewSlice(col, int64(row), int64(row)+1)
}
