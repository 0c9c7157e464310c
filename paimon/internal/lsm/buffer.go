package lsm

import (
	"context"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
)

// BufferOptions configure the write buffer of one table writer.
type BufferOptions struct {
	// NewEngine makes a merge engine; one is made per flush.
	NewEngine func() merge.Engine
	// Fold says that NewEngine's engines may be applied to their own results
	// (deduplicate, first-row), see ReadOptions.Fold.
	Fold bool
	// InputChangelog makes Flush write the raw rows to changelog files:
	// `changelog-producer=input`.
	InputChangelog bool
	// Budget is shared with other tables: `write-buffer-size`.
	Budget *Budget
	// SpillDir is a local directory for spilled runs; "" turns spilling off
	// (`write-buffer-spillable=false`): Add then reports ErrBufferFull.
	// Whatever a crash leaves there starts with SpillPrefix and may be removed
	// by RemoveSpills.
	SpillDir string
	// SpillCompression is `spill-compression`: "zstd" (default), "lz4", "none".
	SpillCompression string
	// BatchRows is the number of rows of batches given to writers; default 8192.
	BatchRows int
}

// BucketRef names one bucket of a Buffer. It is made by Buffer.Bucket.
type BucketRef int32

// Buffer is the write buffer of all buckets of one table writer. It keeps
// references to pushed batches: nothing is copied per bucket. Methods may be
// called from several goroutines.
// Source: org.apache.paimon.mergetree.SortBufferWriteBuffer.
type Buffer struct {
	o BufferOptions
}

// FlushResult is what Buffer.Flush wrote.
type FlushResult struct {
	Files     []spec.DataFileMeta // level 0
	Changelog []spec.DataFileMeta // input changelog
}

// NewBuffer makes an empty buffer.
func NewBuffer(o BufferOptions) (*Buffer, error) {
	return nil, errs.Unsupported("write buffer")
}

// Bucket makes room for another bucket.
func (b *Buffer) Bucket() BucketRef { return 0 }

// Add buffers rows of in for a bucket. in.Seqs is ignored: row rows[i] gets
// the sequence number firstSeq+i. rows nil means all rows. in.Kinds nil means
// all +I. The buffer retains in for as long as it needs it and in must not
// change; in may be added for any number of buckets and its bytes count once
// if Add calls for one batch follow each other.
//
// When the budget is used up, rows are spilled, here or in the buffer of
// another table.
func (b *Buffer) Add(ctx context.Context, bucket BucketRef, in *columnar.KV, rows []int32, firstSeq int64) error {
	return nil
}

// Rows is the number of rows that bucket holds, spilled ones included.
func (b *Buffer) Rows(bucket BucketRef) int64 { return 0 }

// Bytes is the memory that the buffer holds.
func (b *Buffer) Bytes() int64 { return 0 }

// Flush sorts the rows of bucket, folds them by key and writes them to
// level-0 files; the bucket is then empty. Different buckets may be flushed at
// the same time. After an error no file is left and the rows are still there.
func (b *Buffer) Flush(ctx context.Context, bucket BucketRef, files Files) (FlushResult, error) {
	return FlushResult{}, nil
}

// Close drops all rows and removes spilled runs.
func (b *Buffer) Close() error { return nil }
