package lsm

import (
	"context"
	"errors"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// BufferOptions configure the write buffer of one table writer.
type BufferOptions struct {
	// NewEngine makes a merge engine; one is made per flush.
	NewEngine func() merge.Engine
	// Fold says that engines may be applied to their own results: merging the
	// merge of a and b with c is merging a, b and c, as with deduplicate and
	// first-row. Then memory is bounded for keys with any number of versions;
	// without it all versions of one key are held at once while it is merged.
	Fold bool
	// InputChangelog makes Flush write the raw rows to changelog files:
	// `changelog-producer=input`.
	InputChangelog bool
	// Budget is shared with other tables: `write-buffer-size`.
	Budget *Budget
	// SpillDir is a local directory for spilled runs; "" turns spilling off
	// (`write-buffer-spillable=false`): Add then reports ErrBufferFull.
	// Spill files have no name once they are open, so that a crash leaves
	// none; where the system does not allow that, see RemoveSpills.
	SpillDir string
	// SpillCompression is `spill-compression`: "zstd", "lz4" or "none". Unset it
	// is lz4 here, not zstd as in Paimon: a spill lives for seconds, and lz4
	// costs a quarter of the time.
	SpillCompression string
	// BatchRows is the number of rows of batches given to writers; default 8192.
	BatchRows int
	// MaxFanIn is how many spilled segments of a bucket are merged at once;
	// with more, the oldest are first merged into one. At least 2, default 64.
	// Paimon bounds open files instead: `local-sort.max-num-file-handles`.
	MaxFanIn int
}

// ErrBufferFull says that the budget is used up and spilling is off: flush,
// then add again.
var ErrBufferFull = errors.New("write buffer is full")

// BucketRef names one bucket of a Buffer. It is made by Buffer.Bucket.
type BucketRef int32

// Buffer is the write buffer of all buckets of one table writer. It keeps
// references to pushed batches: nothing is copied per bucket. Methods may be
// called from several goroutines, one at a time for the same bucket.
// Source: org.apache.paimon.mergetree.SortBufferWriteBuffer.
type Buffer struct {
	o       BufferOptions
	mem     memory.Allocator
	mu      sync.Mutex
	buckets []*bucketRows
	free    []BucketRef // dropped buckets, to be given out again
	pushes  map[*pushed]struct{}
	latest  *pushed // the next Add may be for another bucket of the same batch
	small   int     // pushes of few rows, see join
	spills  spillDir
}

// pushed is one batch in memory. Its kv has sequence numbers of its own; the
// other parts belong to the caller.
type pushed struct {
	kv    *columnar.KV
	bytes int64
	users int // chunks that point here
	busy  int // those of them being flushed
}

// chunk is some rows of a batch that belong to one bucket.
type chunk struct {
	p        *pushed
	rows     []int32 // nil: rows from..to
	from, to int32
}

func (c *chunk) len() int {
	if c.rows != nil {
		return len(c.rows)
	}
	return int(c.to - c.from)
}

// bucketRows are the rows of one bucket.
type bucketRows struct {
	chunks   []chunk
	segments []*segment // spilled, each sorted
	rows     int64
}

// FlushResult is what Buffer.Flush wrote.
type FlushResult struct {
	Files     []spec.DataFileMeta // level 0
	Changelog []spec.DataFileMeta // input changelog
}

// NewBuffer makes an empty buffer; close it.
func NewBuffer(o BufferOptions) (*Buffer, error) {
	if o.BatchRows <= 0 {
		o.BatchRows = defaultBatchRows
	}
	if o.MaxFanIn <= 0 {
		o.MaxFanIn = 64
	}
	o.MaxFanIn = max(o.MaxFanIn, 2)
	codec, err := spillCodec(o.SpillCompression)
	if err != nil {
		return nil, err
	}
	// Go memory: keys and sequence numbers read back from spills must outlive
	// the batch that they came with.
	b := &Buffer{o: o, mem: memory.NewGoAllocator(), pushes: map[*pushed]struct{}{}}
	b.spills = spillDir{dir: o.SpillDir, codec: codec}
	if o.SpillDir != "" {
		o.Budget.register(b)
	}
	return b, nil
}

// Bucket makes room for another bucket. End it with Drop when the writer is
// done with the bucket for good.
func (b *Buffer) Bucket() BucketRef {
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := len(b.free) - 1; last >= 0 {
		ref := b.free[last]
		b.free = b.free[:last]
		return ref
	}
	b.buckets = append(b.buckets, &bucketRows{})
	return BucketRef(len(b.buckets) - 1)
}

// Add buffers rows of in for a bucket. in.Seqs is ignored: row rows[i] gets
// the sequence number firstSeq+i. rows nil means all rows. in.Kinds nil means
// all +I. The buffer retains in for as long as it needs it; in and rows must
// not change. One batch may be added for any number of buckets, each row once;
// its bytes count once if these calls follow each other.
//
// When the budget is used up, rows are spilled to disk, here or in the buffer
// of another table, or ErrBufferFull is returned.
func (b *Buffer) Add(ctx context.Context, bucket BucketRef, in *columnar.KV, rows []int32, firstSeq int64) error {
	n := int(in.Rows.NumRows())
	if rows != nil {
		n = len(rows)
	}
	if n == 0 {
		return nil
	}
	b.mu.Lock()
	if p := b.latest; p != nil && p.kv.Rows == in.Rows && !b.holds(bucket, p) {
		b.put(bucket, p, rows, firstSeq)
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	p := newPushed(in)
	if err := b.reserve(ctx, p.bytes); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.kv.Retain()
	b.pushes[p] = struct{}{}
	b.latest = p
	b.put(bucket, p, rows, firstSeq)
	return b.join()
}

// reserve takes bytes from the budget without holding the lock, for the budget
// may ask this buffer to spill.
func (b *Buffer) reserve(ctx context.Context, n int64) error {
	if b.o.SpillDir == "" && b.Bytes() > 0 {
		if !b.o.Budget.TryAcquire(n) {
			return ErrBufferFull
		}
		return nil
	}
	return b.o.Budget.Acquire(ctx, n)
}

func newPushed(in *columnar.KV) *pushed {
	n := int(in.Rows.NumRows())
	kv := *in
	kv.Seqs = make([]int64, n)
	if kv.Kinds == nil {
		kv.Kinds = make([]types.RowKind, n)
	}
	bytes := int64(in.Keys.Size()) + int64(in.UserSeq.Size()) + int64(n)*13 // Seqs, Kinds, row lists
	for _, c := range in.Rows.Columns() {
		bytes += heldBytes(c)
	}
	return &pushed{kv: &kv, bytes: bytes}
}

func (b *Buffer) holds(bucket BucketRef, p *pushed) bool {
	chunks := b.buckets[bucket].chunks
	return len(chunks) > 0 && chunks[len(chunks)-1].p == p
}

func (b *Buffer) put(bucket BucketRef, p *pushed, rows []int32, firstSeq int64) {
	c := chunk{p: p, rows: rows}
	if rows == nil {
		c.to = int32(p.kv.Len())
		for i := range p.kv.Seqs {
			p.kv.Seqs[i] = firstSeq + int64(i)
		}
	}
	for i, row := range rows {
		p.kv.Seqs[row] = firstSeq + int64(i)
	}
	p.users++
	t := b.buckets[bucket]
	t.chunks = append(t.chunks, c)
	t.rows += int64(c.len())
}

// drop ends the use of a batch by one chunk.
func (b *Buffer) drop(p *pushed) {
	if p.users--; p.users > 0 {
		return
	}
	delete(b.pushes, p)
	if b.latest == p {
		b.latest = nil
	}
	p.kv.Release()
	b.o.Budget.Release(p.bytes)
}

// Rows is the number of rows that bucket holds, spilled ones included, those
// being flushed not.
func (b *Buffer) Rows(bucket BucketRef) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buckets[bucket].rows
}

// Bytes is the memory that the buffer holds.
func (b *Buffer) Bytes() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n int64
	for p := range b.pushes {
		n += p.bytes
	}
	return n
}

// held implements holder.
func (b *Buffer) held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n int64
	for p := range b.pushes {
		if p.users > p.busy {
			n += p.bytes
		}
	}
	return n
}

// Drop ends a bucket; rows that it still holds are lost. Its ref is void then.
func (b *Buffer) Drop(bucket BucketRef) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, bucket)
	return b.clear(b.buckets[bucket])
}

// clear takes all rows out of t.
func (b *Buffer) clear(t *bucketRows) error {
	var errs []error
	for _, c := range t.chunks {
		b.drop(c.p)
	}
	for _, s := range t.segments {
		errs = append(errs, s.file.release())
	}
	*t = bucketRows{}
	return errors.Join(errs...)
}

// Close drops all rows and removes spilled runs. No flush may be under way.
func (b *Buffer) Close() error {
	b.o.Budget.unregister(b)
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, t := range b.buckets {
		errs = append(errs, b.clear(t))
	}
	return errors.Join(errs...)
}
