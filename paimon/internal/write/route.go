package write

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/bucket"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/types"
)

// route is the rows of a batch that go to one bucket.
type route struct {
	partition string
	bucket    int32
	rows      []int32 // nil: all rows of the batch
}

func (r *route) count(batchRows int) int {
	if r.rows == nil {
		return batchRows
	}
	return len(r.rows)
}

// router finds partition and bucket of rows. Its buffers are reused.
type router struct {
	t         *table.Table
	parts     *binrow.Encoder // nil when unpartitioned
	fixed     *binrow.Bucketer
	hashes    *binrow.Encoder // dynamic buckets: hash of the key
	bucketAt  []int
	bucketKey []types.Type
	rescaled  map[string]int  // partitions with another number of buckets
	postponed bool            // all rows go to postponed buckets
	counts    map[string]int  // buckets of partitions that have their own number; nil: all have the same
	counted   map[int][]int32 // buckets of a batch's rows by number of buckets
	buckets   []int32
	keyHashes []int32
}

func newRouter(t *table.Table) (*router, error) {
	r := &router{t: t, rescaled: map[string]int{}}
	if len(t.PartAt) > 0 {
		r.parts = binrow.NewEncoder(typesAt(t.Schema.Fields, t.PartAt))
	}
	switch {
	case t.Options.Bucket > 0 || t.Options.Bucket == datafile.PostponeBucket:
		fields, err := t.Schema.BucketKeyFields()
		if err != nil {
			return nil, err
		}
		key := make([]types.Type, len(fields))
		for i, f := range fields {
			key[i] = f.Type
			r.bucketAt = append(r.bucketAt, t.Schema.Index(f.Name))
		}
		r.bucketKey = key
		if r.fixed, err = binrow.NewBucketer(t.Options.BucketFunction, key, max(t.Options.Bucket, 1)); err != nil {
			return nil, err
		}
	case t.Keyed():
		r.hashes = binrow.NewEncoder(typesAt(t.Schema.Fields, t.KeyAt))
	}
	return r, nil
}

func columnsAt(b arrow.RecordBatch, at []int) []arrow.Array {
	out := make([]arrow.Array, len(at))
	for i, j := range at {
		out[i] = b.Column(j)
	}
	return out
}

// route groups rows (nil: all) by partition and bucket, keeping their order.
func (r *router) route(ctx context.Context, b arrow.RecordBatch, rows []int32, index *bucket.Index) ([]route, error) {
	parts, err := r.partitions(b, rows)
	if err != nil {
		return nil, err
	}
	if err := r.hash(b); err != nil {
		return nil, err
	}
	var out []route
	for _, p := range parts {
		split, err := r.splitBuckets(ctx, b, p, index)
		if err != nil {
			return nil, err
		}
		out = append(out, split...)
	}
	return out, nil
}

// hash fills buckets (fixed) or keyHashes (dynamic) for all rows of b.
func (r *router) hash(b arrow.RecordBatch) error {
	n := int(b.NumRows())
	switch {
	case r.postponed:
	case r.counts != nil:
		r.counted = map[int][]int32{}
	case r.fixed != nil:
		r.buckets = slices.Grow(r.buckets[:0], n)[:n]
		return r.fixed.Buckets(columnsAt(b, r.bucketAt), r.buckets)
	case r.hashes != nil:
		r.keyHashes = slices.Grow(r.keyHashes[:0], n)[:n]
		r.hashes.HashRows(columnsAt(b, r.t.KeyAt), r.keyHashes)
	}
	return nil
}

// partitions groups rows by partition.
func (r *router) partitions(b arrow.RecordBatch, rows []int32) ([]route, error) {
	if r.parts == nil {
		return []route{{partition: string(binrow.Empty), rows: rows}}, nil
	}
	if rows == nil {
		rows = make([]int32, b.NumRows())
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	cols := columnsAt(b, r.t.PartAt)
	at := map[string]int{}
	var out []route
	last := -1
	for _, row := range rows {
		p := r.parts.Encode(cols, int(row))
		if last < 0 || out[last].partition != string(p) { // runs of one partition are common
			i, ok := at[string(p)]
			if !ok {
				i = len(out)
				out = append(out, route{partition: string(p)})
				at[out[i].partition] = i
			}
			last = i
		}
		out[last].rows = append(out[last].rows, row)
	}
	return out, nil
}

// splitBuckets splits the rows of one partition by bucket.
func (r *router) splitBuckets(ctx context.Context, b arrow.RecordBatch, p route, index *bucket.Index) ([]route, error) {
	n := int(b.NumRows())
	if total, ok := r.rescaled[p.partition]; ok {
		return nil, errs.Invalid("try to write partition %s with a new bucket num %d, but the previous bucket num is %d: please switch to batch mode, and perform INSERT OVERWRITE to rescale current data layout first, or CALL sys.rescale", r.t.Parts.String([]byte(p.partition)), r.t.Options.Bucket, total)
	}
	switch {
	case r.postponed:
		p.bucket = datafile.PostponeBucket
		return []route{p}, nil
	case r.counts != nil:
		buckets, err := r.bucketsOf(b, r.total(p.partition))
		if err != nil {
			return nil, err
		}
		return groupByBucket(p, buckets, n), nil
	}
	if index != nil {
		if err := r.assign(ctx, p, n, index); err != nil {
			return nil, err
		}
	} else if r.fixed == nil {
		return []route{p}, nil // unaware: all in bucket 0
	}
	return groupByBucket(p, r.buckets, n), nil
}

// total is the number of buckets of a partition, as commits name it.
func (r *router) total(partition string) int {
	if r.counts == nil {
		return r.t.Options.Bucket
	}
	if _, ok := r.counts[partition]; !ok {
		r.counts[partition] = r.t.Options.Postpone.Buckets(0, 0)
	}
	return r.counts[partition]
}

// bucketsOf gives the buckets of all rows of a batch for a number of buckets.
func (r *router) bucketsOf(b arrow.RecordBatch, total int) ([]int32, error) {
	if out := r.counted[total]; out != nil {
		return out, nil
	}
	bucketer, err := binrow.NewBucketer(r.t.Options.BucketFunction, r.bucketKey, total)
	if err != nil {
		return nil, err
	}
	out := make([]int32, b.NumRows())
	r.counted[total] = out
	return out, bucketer.Buckets(columnsAt(b, r.bucketAt), out)
}

// assign fills buckets for the rows of p from the hash index.
func (r *router) assign(ctx context.Context, p route, n int, index *bucket.Index) error {
	r.buckets = slices.Grow(r.buckets[:0], n)[:n]
	if p.rows == nil {
		return index.Assign(ctx, []byte(p.partition), r.keyHashes, r.buckets)
	}
	hashes := make([]int32, len(p.rows))
	got := make([]int32, len(p.rows))
	for i, row := range p.rows {
		hashes[i] = r.keyHashes[row]
	}
	if err := index.Assign(ctx, []byte(p.partition), hashes, got); err != nil {
		return err
	}
	for i, row := range p.rows {
		r.buckets[row] = got[i]
	}
	return nil
}

// groupByBucket makes one route per bucket in two passes: count, then place.
func groupByBucket(p route, buckets []int32, n int) []route {
	each := func(f func(row int32)) {
		if p.rows != nil {
			for _, row := range p.rows {
				f(row)
			}
			return
		}
		for row := range int32(n) {
			f(row)
		}
	}
	top := int32(-1)
	each(func(row int32) { top = max(top, buckets[row]) })
	counts := make([]int32, top+1)
	each(func(row int32) { counts[buckets[row]]++ })
	var out []route
	for b, c := range counts {
		switch {
		case c == 0:
		case int(c) == n:
			return []route{{partition: p.partition, bucket: int32(b)}}
		default:
			out = append(out, route{partition: p.partition, bucket: int32(b), rows: make([]int32, 0, c)})
			counts[b] = int32(len(out) - 1)
		}
	}
	each(func(row int32) {
		r := &out[counts[buckets[row]]]
		r.rows = append(r.rows, row)
	})
	return out
}

func errRetract(name, kind string) error {
	return errs.Invalid("write table %s: it has no primary key and takes inserts only, but a row of kind %s came; give it a primary key, or set 'ignore-delete' = 'true' to drop such rows", name, kind)
}
