// Package manifest keeps the manifest files of a table: writing, reading
// through a cache, merging, and the live set of files of a snapshot.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Options tune the manifests of a table. Start from DefaultOptions.
type Options struct {
	// TargetSize is where manifests roll; bytes; option
	// manifest.target-file-size; default 8 MiB.
	TargetSize int64
	// MergeMinCount is how many small manifests a commit merges at once; option
	// manifest.merge-min-count; default 30.
	MergeMinCount int
	// FullCompactionSize is how many bytes of small or partly deleted manifests
	// make a commit rewrite them all; option
	// manifest.full-compaction-threshold-size; default 16 MiB.
	FullCompactionSize int64
	// Codec is the option manifest.compression; default "zstd".
	Codec string
	// Arity is that of the table (spec.ArityOf).
	Arity spec.Arity
	// PartitionFields are the table's partition columns, for statistics.
	PartitionFields []types.Field
	// Cache keeps decoded manifests; nil for none. It may be shared by tables.
	Cache *Cache
	// Parallel is how many manifests are read at once; default 8.
	Parallel int
}

// DefaultOptions gives Paimon's defaults for a table that is not partitioned
// and has no primary key.
func DefaultOptions() Options {
	return Options{TargetSize: 8 << 20, MergeMinCount: 30, FullCompactionSize: 16 << 20, Codec: "zstd", Parallel: 8}
}

func (o Options) validate() error {
	switch {
	case o.TargetSize < 1:
		return errs.Invalid("manifest.target-file-size = %d: must be positive", o.TargetSize)
	case o.MergeMinCount < 1:
		return errs.Invalid("manifest.merge-min-count = %d: must be positive", o.MergeMinCount)
	case o.FullCompactionSize < 1:
		return errs.Invalid("manifest.full-compaction-threshold-size = %d: must be positive", o.FullCompactionSize)
	case o.Parallel < 1:
		return errs.Invalid("%d manifests read at once: must be positive", o.Parallel)
	case o.Arity.Partition != len(o.PartitionFields):
		return errs.Invalid("%d partition columns, but partitions of %d fields", len(o.PartitionFields), o.Arity.Partition)
	}
	return nil
}

// maxFile bounds a manifest file that is read; real ones have about the target
// size.
const maxFile = 1 << 30

// Files reads and writes the files in <table>/manifest. It may be shared by
// goroutines; file names are unique per Files (a random id and a counter).
type Files struct {
	store fileio.Store
	dir   string
	o     Options
	id    string
	names [3]atomic.Int64 // counters by kind of file
}

// New opens the manifests of the table in dir (a path in store). Branches
// share the manifests of the table's root.
func New(store fileio.Store, dir string, o Options) (*Files, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("open manifests of %s: %w", dir, err)
	}
	return &Files{store: store, dir: fileio.Join(dir, "manifest"), o: o, id: uuid.NewString()}, nil
}

// kinds of files, which have counters of their own
const (
	dataKind = iota
	listKind
	indexKind
)

var prefixes = [3]string{dataKind: "manifest-", listKind: "manifest-list-", indexKind: "index-manifest-"}

func (f *Files) newName(kind int) string {
	return fmt.Sprintf("%s%s-%d", prefixes[kind], f.id, f.names[kind].Add(1)-1)
}

// Path gives the path of a manifest file in the store.
func (f *Files) Path(name string) string { return fileio.Join(f.dir, name) }

// Delete removes manifest files (of a commit that lost, or expired).
func (f *Files) Delete(ctx context.Context, names ...string) error {
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = f.Path(n)
		f.o.Cache.drop(paths[i])
	}
	return f.store.Delete(ctx, paths...)
}

// WriteList writes a manifest list (also an empty one) and gives its file
// name and size in bytes.
func (f *Files) WriteList(ctx context.Context, files []spec.ManifestFileMeta) (string, int64, error) {
	data, err := spec.EncodeManifestList(files, f.o.Codec)
	return f.put(ctx, listKind, data, err)
}

// WriteIndex writes an index manifest, which holds the complete set of index
// files, and gives its file name and size in bytes.
func (f *Files) WriteIndex(ctx context.Context, entries []spec.IndexManifestEntry) (string, int64, error) {
	data, err := spec.EncodeIndexManifest(entries, f.o.Arity, f.o.Codec)
	return f.put(ctx, indexKind, data, err)
}

func (f *Files) put(ctx context.Context, kind int, data []byte, err error) (string, int64, error) {
	if err != nil {
		return "", 0, err
	}
	name := f.newName(kind)
	if err := f.store.Put(ctx, f.Path(name), data); err != nil {
		return "", 0, fmt.Errorf("write %s: %w", f.Path(name), err)
	}
	return name, int64(len(data)), nil
}

// Read gives the entries of a data manifest. They are shared: do not change
// them. Errors name the file: errs.ErrNotFound (expired meanwhile),
// errs.ErrCorrupt, errs.ErrUnsupported.
func (f *Files) Read(ctx context.Context, name string) ([]spec.ManifestEntry, error) {
	return cached(ctx, f, name, inAvro(entryFields, spec.DecodeManifest), entriesCost)
}

// ReadList gives the records of a manifest list; shared: do not change them.
func (f *Files) ReadList(ctx context.Context, name string) ([]spec.ManifestFileMeta, error) {
	return cached(ctx, f, name, inAvro(listFields, spec.DecodeManifestList), listCost)
}

// ReadIndex gives the entries of an index manifest; shared: do not change
// them. None for the empty name, which stands for a snapshot without one.
func (f *Files) ReadIndex(ctx context.Context, name string) ([]spec.IndexManifestEntry, error) {
	if name == "" {
		return nil, nil
	}
	return cached(ctx, f, name, inAvro(indexFields, spec.DecodeIndexManifest), indexCost)
}

func cached[T any](ctx context.Context, f *Files, name string, decode func([]byte) (T, error), cost func(T) int64) (T, error) {
	path := f.Path(name)
	if v, ok := f.o.Cache.get(path); ok {
		if t, ok := v.(T); ok {
			return t, nil
		}
	}
	var none T
	if name == "" || strings.ContainsAny(name, "/\\") {
		return none, errs.Corrupt(f.dir, "%q is not the name of a manifest", name)
	}
	data, err := fileio.ReadAll(ctx, f.store, path, maxFile)
	if err != nil {
		return none, err
	}
	v, err := decode(data)
	if errors.Is(err, errs.ErrUnsupported) {
		return none, errs.Unsupported("%s: %w", path, err)
	}
	if err != nil {
		return none, errs.Corrupt(path, "%w", err)
	}
	f.o.Cache.put(path, v, cost(v))
	return v, nil
}

// All gives the manifests of a snapshot in order: base, then delta.
func (f *Files) All(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	base, err := f.ReadList(ctx, s.BaseManifestList)
	if err != nil {
		return nil, err
	}
	delta, err := f.Delta(ctx, s)
	if err != nil {
		return nil, err
	}
	out := make([]spec.ManifestFileMeta, 0, len(base)+len(delta))
	return append(append(out, base...), delta...), nil
}

// Delta gives the manifests of what a snapshot changed.
func (f *Files) Delta(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	return f.ReadList(ctx, s.DeltaManifestList)
}

// Changelog gives the manifests of a snapshot's changelog files; none if the
// snapshot has no changelog.
func (f *Files) Changelog(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	if s.ChangelogManifestList == nil {
		return nil, nil
	}
	return f.ReadList(ctx, *s.ChangelogManifestList)
}

// Index gives the index files of a snapshot; none if it has no index manifest.
func (f *Files) Index(ctx context.Context, s *spec.Snapshot) ([]spec.IndexManifestEntry, error) {
	if s.IndexManifest == nil {
		return nil, nil
	}
	return f.ReadIndex(ctx, *s.IndexManifest)
}

// readAll reads several manifests in parallel and hands them to use in their
// order, holding at most Options.Parallel of them.
func (f *Files) readAll(ctx context.Context, files []spec.ManifestFileMeta, use func(i int, entries []spec.ManifestEntry) error) error {
	for at := 0; at < len(files); at += f.o.Parallel {
		part := files[at:min(at+f.o.Parallel, len(files))]
		read := make([][]spec.ManifestEntry, len(part))
		g, gctx := errgroup.WithContext(ctx)
		for i := range part {
			g.Go(func() (err error) {
				read[i], err = f.Read(gctx, part[i].FileName)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i := range part {
			if err := use(at+i, read[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Entries reads the entries of several manifests in order, in parallel.
// keep (nil for all) drops entries while reading; it must be pure.
func (f *Files) Entries(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool) ([]spec.ManifestEntry, error) {
	var out []spec.ManifestEntry
	err := f.readAll(ctx, files, func(_ int, entries []spec.ManifestEntry) error {
		for i := range entries {
			if keep == nil || keep(&entries[i]) {
				out = append(out, entries[i])
			}
		}
		return nil
	})
	return out, err
}
