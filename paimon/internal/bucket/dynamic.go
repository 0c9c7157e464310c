// Package bucket assigns rows of dynamic-bucket tables to buckets through
// Paimon's hash index. Tables with a fixed number of buckets need only
// binrow.Bucketer.
package bucket

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// IndexType is the type of hash index files in index manifests.
const IndexType = "HASH"

// maxIndexBytes bounds a hash index file: 2^28 keys.
const maxIndexBytes = 1 << 30

// Options tune the assignment.
type Options struct {
	// TargetRows is how many keys a bucket takes before a new one is opened;
	// option dynamic-bucket.target-row-num.
	TargetRows int64
	// MaxBuckets bounds the buckets of a partition, -1 for 32767; option
	// dynamic-bucket.max-buckets.
	MaxBuckets int
}

// Index assigns keys of a dynamic-bucket table. It belongs to one writer,
// which must be the only one of the table: commits of two would conflict.
// Source: org.apache.paimon.index.HashBucketAssigner, PartitionIndex and
// DynamicBucketIndexMaintainer.
type Index struct {
	store fileio.Store
	path  PathFunc
	o     Options
	// current gives the committed hash index files of a partition.
	current    func(ctx context.Context, partition []byte) ([]spec.IndexManifestEntry, error)
	partitions map[string]*partition
	name       string
	counter    int
}

type partition struct {
	buckets map[int32]int32 // key hash → bucket
	files   map[int32]*bucketFile
	open    []int32 // buckets below the target, in the order they are filled
}

// bucketFile is the hash index of one bucket: what is committed and what is
// new. All hashes are kept, since a commit writes the whole file again.
type bucketFile struct {
	hashes []int32
	file   *spec.IndexFileMeta // committed; nil for a new bucket
	dirty  bool
}

// PathFunc gives the path of an index file of a bucket.
type PathFunc func(partition []byte, bucket int, f *spec.IndexFileMeta) (string, error)

// New makes the index of a table.
func New(store fileio.Store, path PathFunc, o Options, current func(context.Context, []byte) ([]spec.IndexManifestEntry, error)) *Index {
	if o.MaxBuckets < 0 {
		o.MaxBuckets = math.MaxInt16
	}
	return &Index{store: store, path: path, o: o, current: current,
		partitions: map[string]*partition{}, name: uuid.NewString()}
}

// Assign puts the bucket of every key hash into out. New keys enter the index.
func (x *Index) Assign(ctx context.Context, part []byte, hashes, out []int32) error {
	p := x.partitions[string(part)]
	if p == nil {
		var err error
		if p, err = x.load(ctx, part); err != nil {
			return err
		}
		x.partitions[string(part)] = p
	}
	for i, h := range hashes {
		b, ok := p.buckets[h]
		if !ok {
			b = p.choose(x.o)
			p.buckets[h] = b
			f := p.files[b]
			f.hashes = append(f.hashes, h)
			f.dirty = true
		}
		out[i] = b
	}
	return nil
}

// choose gives the bucket of a new key, opening one where all are full.
func (p *partition) choose(o Options) int32 {
	for len(p.open) > 0 {
		if b := p.open[0]; int64(len(p.files[b].hashes)) < o.TargetRows {
			return b
		}
		p.open = p.open[1:]
	}
	if len(p.files) >= o.MaxBuckets {
		all := make([]int32, 0, len(p.files))
		for b := range p.files {
			all = append(all, b)
		}
		slices.Sort(all)
		return all[rand.IntN(len(all))]
	}
	b := int32(0)
	for p.files[b] != nil {
		b++
	}
	p.files[b] = &bucketFile{}
	p.open = append(p.open, b)
	return b
}

func (x *Index) load(ctx context.Context, part []byte) (*partition, error) {
	entries, err := x.current(ctx, part)
	if err != nil {
		return nil, fmt.Errorf("load bucket index: %w", err)
	}
	p := &partition{buckets: map[int32]int32{}, files: map[int32]*bucketFile{}}
	for i := range entries {
		e := &entries[i]
		if e.File.IndexType != IndexType {
			continue
		}
		f := &bucketFile{file: &e.File}
		if f.hashes, err = x.read(ctx, e); err != nil {
			return nil, err
		}
		for _, h := range f.hashes {
			p.buckets[h] = int32(e.Bucket)
		}
		p.files[int32(e.Bucket)] = f
		if int64(len(f.hashes)) < x.o.TargetRows {
			p.open = append(p.open, int32(e.Bucket))
		}
	}
	slices.Sort(p.open)
	return p, nil
}

func (x *Index) read(ctx context.Context, e *spec.IndexManifestEntry) ([]int32, error) {
	f := &e.File
	path, err := x.path(e.Partition, e.Bucket, f)
	if err != nil {
		return nil, fmt.Errorf("load bucket index: %w", err)
	}
	data, err := fileio.ReadAll(ctx, x.store, path, maxIndexBytes)
	if err != nil {
		return nil, fmt.Errorf("load bucket index: %w", err)
	}
	if len(data)%4 != 0 || int64(len(data)/4) != f.RowCount {
		return nil, errs.Corrupt(path, "%d bytes for %d key hashes of 4 bytes", len(data), f.RowCount)
	}
	out := make([]int32, len(data)/4)
	for i := range out {
		out[i] = int32(binary.BigEndian.Uint32(data[4*i:]))
	}
	return out, nil
}

// Change is the new hash index file of one bucket and the one it replaces.
type Change struct {
	Partition []byte
	Bucket    int
	New       spec.IndexFileMeta
	Old       *spec.IndexFileMeta
}

// Prepare writes the index files of all buckets that got new keys.
func (x *Index) Prepare(ctx context.Context) ([]Change, error) {
	var out []Change
	for part, p := range x.partitions {
		for b, f := range p.files {
			if !f.dirty {
				continue
			}
			meta, err := x.write(ctx, []byte(part), int(b), f.hashes)
			if err != nil {
				return nil, err
			}
			out = append(out, Change{Partition: []byte(part), Bucket: int(b), New: meta, Old: f.file})
			f.file, f.dirty = &meta, false
		}
	}
	return out, nil
}

func (x *Index) write(ctx context.Context, part []byte, bucket int, hashes []int32) (spec.IndexFileMeta, error) {
	data := make([]byte, 4*len(hashes))
	for i, h := range hashes {
		binary.BigEndian.PutUint32(data[4*i:], uint32(h))
	}
	meta := spec.IndexFileMeta{IndexType: IndexType, FileName: fmt.Sprintf("index-%s-%d", x.name, x.counter), FileSize: int64(len(data)), RowCount: int64(len(hashes))}
	x.counter++
	path, err := x.path(part, bucket, &meta)
	if err == nil {
		err = x.store.Put(ctx, path, data)
	}
	if err != nil {
		return meta, fmt.Errorf("write bucket index: %w", err)
	}
	return meta, nil
}
