package deletion

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// Files names and writes the index files of one writer. It may be shared by
// goroutines.
type Files struct {
	Store fileio.Store
	Cache Cache // nil: none
	// Wide writes 64-bit vectors: 'deletion-vectors.bitmap64'.
	Wide bool
	// Several is for tables without buckets, which have several files a bucket,
	// each begun when the last one has more than TargetSize bytes:
	// 'deletion-vector.index-file.target-size'.
	Several    bool
	TargetSize int64
	// Path gives the path of an index file of a bucket.
	Path func(partition []byte, bucket int, f *spec.IndexFileMeta) (string, error)

	mu   sync.Mutex
	id   string
	next int
}

func (f *Files) newName() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.id == "" {
		f.id = uuid.NewString()
	}
	f.next++
	return fmt.Sprintf("index-%s-%d", f.id, f.next-1)
}

// write writes vectors in the order of names and gives those that are left for
// another file.
func (f *Files) write(ctx context.Context, partition []byte, bucket int, names []string, vectors map[string]*Vector) (meta spec.IndexFileMeta, left []string, err error) {
	data := []byte{version}
	meta = spec.IndexFileMeta{IndexType: IndexType, FileName: f.newName(), Deletions: []spec.DeletionRange{}}
	for left = names; len(left) > 0 && !(f.Several && int64(len(data)) > f.TargetSize); left = left[1:] {
		v := vectors[left[0]]
		d := spec.DeletionRange{DataFile: left[0], Offset: int32(len(data)), Cardinality: new(v.Rows())}
		if data, d.Length, err = Append(data, v, f.Wide); err != nil {
			return meta, nil, fmt.Errorf("data file %s: %w", d.DataFile, err)
		}
		if len(data) > math.MaxInt32 {
			return meta, nil, errs.Unsupported("the deletion vectors of a bucket take %d bytes, the format 2 GiB: compact the table", len(data))
		}
		meta.Deletions = append(meta.Deletions, d)
	}
	meta.FileSize, meta.RowCount = int64(len(data)), int64(len(meta.Deletions))
	path, err := f.Path(partition, bucket, &meta)
	if err != nil {
		return meta, nil, err
	}
	if err := f.Store.Put(ctx, path, data); err != nil {
		return meta, nil, fmt.Errorf("write deletion vectors: %w", err)
	}
	return meta, left, nil
}

// set gives the vectors of some index files of a bucket.
func (f *Files) set(partition []byte, bucket int, files []spec.IndexFileMeta) (*Set, error) {
	at := map[string]Location{}
	for i := range files {
		path, err := f.Path(partition, bucket, &files[i])
		if err != nil {
			return nil, err
		}
		maps.Copy(at, Locations(files[i:i+1], func(*spec.IndexFileMeta) string { return path }))
	}
	return NewSet(f.Store, f.Cache, at), nil
}

// Bucket keeps the vectors of one bucket for its writer: those of the table
// and what was marked since. A change replaces the bucket's index file by one
// with all vectors; a table without buckets has several of the target size, of
// which those are replaced that hold what changed. It may be used by several
// goroutines.
// Source: org.apache.paimon.deletionvectors.BucketedDvMaintainer and
// append.AppendDeleteFileMaintainer.
type Bucket struct {
	files     *Files
	partition []byte
	number    int

	mu      sync.Mutex
	base    []spec.IndexFileMeta // what the next file replaces
	old     *Set                 // of base
	known   map[string]bool      // index files that were base once
	changed map[string]*Vector   // since base; nil: none any more
}

// OpenBucket takes up the index files of a bucket; it reads nothing yet.
func OpenBucket(files *Files, partition []byte, bucket int, base []spec.IndexFileMeta) (*Bucket, error) {
	b := &Bucket{files: files, partition: partition, number: bucket, known: map[string]bool{}}
	return b, b.Reset(base)
}

// Reset takes up other index files and forgets what was marked.
func (b *Bucket) Reset(base []spec.IndexFileMeta) error {
	old, err := b.files.set(b.partition, b.number, base)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setBase(base, old)
	return nil
}

func (b *Bucket) setBase(base []spec.IndexFileMeta, old *Set) {
	b.base, b.old, b.changed = base, old, map[string]*Vector{}
	b.known[nameOf(base)] = true
}

// names gives the data files that index files have vectors of.
func names(files []spec.IndexFileMeta) map[string]bool {
	out := map[string]bool{}
	for i := range files {
		for _, d := range files[i].Deletions {
			out[d.DataFile] = true
		}
	}
	return out
}

// nameOf names a set of index files; "" for none.
func nameOf(files []spec.IndexFileMeta) string {
	var out string
	for i := range files {
		out += files[i].FileName + "/"
	}
	return out
}

// Knows reports whether these index files are those of this bucket now, or
// were some time ago: then a commit of its own is under way. Others come from
// another writer.
func (b *Bucket) Knows(files []spec.IndexFileMeta) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[nameOf(files)]
}

// Changed reports whether something was marked since the last Write.
func (b *Bucket) Changed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.changed) > 0
}

// Has reports whether a data file has deleted rows.
func (b *Bucket) Has(dataFile string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.changed[dataFile]; ok {
		return v.Rows() > 0
	}
	_, ok := b.old.at[dataFile]
	return ok
}

// Vector implements Source.
func (b *Bucket) Vector(ctx context.Context, dataFile string) (*Vector, error) {
	b.mu.Lock()
	v, ok := b.changed[dataFile]
	old := b.old
	b.mu.Unlock()
	if ok {
		return v, nil
	}
	return old.Vector(ctx, dataFile)
}

// Mark deletes rows, by data file; it sorts the slices.
func (b *Bucket) Mark(ctx context.Context, dead map[string][]uint64) error {
	for _, file := range sortedNames(dead) {
		if err := b.Add(ctx, file, NewVector(dead[file]...)); err != nil {
			return err
		}
	}
	return nil
}

// Add deletes the rows of v of a data file.
func (b *Bucket) Add(ctx context.Context, dataFile string, v *Vector) error {
	old, err := b.Vector(ctx, dataFile)
	if err != nil {
		return err
	}
	if v = old.Union(v); v.Rows() == old.Rows() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed[dataFile] = v
	return nil
}

// Drop forgets the vectors of data files that are no more.
func (b *Bucket) Drop(dataFiles ...string) {
	for _, f := range dataFiles {
		if b.Has(f) {
			b.mu.Lock()
			b.changed[f] = nil
			b.mu.Unlock()
		}
	}
}

// Write writes what has changed to new index files and gives them with those
// that they replace; after an error the new ones are of no use. They have no
// vector for a file that keep, if not nil, does not want: other engines may
// have left some.
func (b *Bucket) Write(ctx context.Context, keep func(dataFile string) bool) (added, removed []spec.IndexFileMeta, err error) {
	if !b.Changed() {
		return nil, nil, nil
	}
	b.mu.Lock()
	removed, base := b.touched()
	b.mu.Unlock()
	vectors, err := b.all(ctx, removed)
	if err != nil {
		return nil, nil, err
	}
	names := slices.DeleteFunc(sortedNames(vectors), func(n string) bool { return vectors[n].Rows() == 0 || keep != nil && !keep(n) })
	for left := names; len(left) > 0 || !b.files.Several && added == nil; {
		var meta spec.IndexFileMeta
		if meta, left, err = b.files.write(ctx, b.partition, b.number, left, vectors); err != nil {
			return added, nil, err
		}
		added = append(added, meta)
	}
	base = append(base, added...)
	old, err := b.files.set(b.partition, b.number, base)
	if err != nil {
		return added, nil, err
	}
	for _, n := range names {
		old.read[n] = vectors[n]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setBase(base, old)
	return added, removed, nil
}

// touched splits the index files: those to replace, and those that stay.
func (b *Bucket) touched() (goes, stay []spec.IndexFileMeta) {
	for _, f := range b.base {
		if !b.files.Several || slices.ContainsFunc(f.Deletions, func(d spec.DeletionRange) bool { _, ok := b.changed[d.DataFile]; return ok }) {
			goes = append(goes, f)
		} else {
			stay = append(stay, f)
		}
	}
	return goes, stay
}

// all gives the vectors that were in some index files, and those that changed.
func (b *Bucket) all(ctx context.Context, files []spec.IndexFileMeta) (map[string]*Vector, error) {
	b.mu.Lock()
	old, changed := b.old, maps.Clone(b.changed)
	b.mu.Unlock()
	for name := range names(files) {
		if _, ok := changed[name]; ok {
			continue
		}
		v, err := old.Vector(ctx, name)
		if err != nil {
			return nil, err
		}
		changed[name] = v
	}
	return changed, nil
}
