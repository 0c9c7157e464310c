package main

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	aggregateRows = 2_000_000
	aggregateKeys = 20_000
)

// aggregate sums a number and unions bitmaps of one id each, the rows of 2 M
// events on 20 k keys.
func (b *bench) aggregate() error {
	fields := columns("k", "INT NOT NULL", "total", "BIGINT", "ids", "BYTES")
	t, err := b.table("aggregate", catalog.Definition{Fields: fields, PrimaryKeys: []string{"k"}, Options: map[string]string{
		"bucket": fmt.Sprint(b.buckets), "merge-engine": "aggregation", "fields.total.aggregate-function": "sum", "fields.ids.aggregate-function": "rbm64",
	}})
	if err != nil {
		return err
	}
	b.start()
	w, err := newWriter(t, b.every)
	if err != nil {
		return err
	}
	for first := int64(0); first < aggregateRows; first += 8192 {
		rec, err := events(fields, first, min(8192, aggregateRows-first))
		if err != nil {
			return err
		}
		err = w.write(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	b.report("aggregate_sum_rbm64", w.total, map[string]any{"commits": w.id, "bytes": b.size(t)})
	return nil
}

// events makes rows n.. of the input: key, amount and the id as rbm64.
func events(fields []types.Field, first, n int64) (arrow.RecordBatch, error) {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	defer rb.Release()
	for i := first; i < first+n; i++ {
		// multiplying by an odd number scatters the keys; the peer does the same
		rb.Field(0).(*array.Int32Builder).Append(int32(uint64(i) * 2654435761 % aggregateKeys))
		rb.Field(1).(*array.Int64Builder).Append(i % 1000)
		one, err := bitmap.Of(uint64(i)).Append(nil, bitmap.RBM64)
		if err != nil {
			return nil, err
		}
		rb.Field(2).(*array.BinaryBuilder).Append(one)
	}
	return rb.NewRecordBatch(), nil
}
