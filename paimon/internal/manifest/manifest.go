// Package manifest keeps the manifest files of a table: writing, reading
// through a cache, merging, and the live set of files of a snapshot.
package manifest

import (
	"context"

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
	// SchemaID goes into manifests without entries.
	SchemaID int64
	// Cache keeps decoded manifests; nil for none. It may be shared by tables.
	Cache *Cache
}

// DefaultOptions gives Paimon's defaults.
func DefaultOptions() Options {
	return Options{TargetSize: 8 << 20, MergeMinCount: 30, FullCompactionSize: 16 << 20, Codec: "zstd"}
}

// Cache is a least-recently-used cache of decoded manifests, bounded by
// their size in memory (an estimate in bytes). It may be used by many tables
// and goroutines.
type Cache struct{}

// NewCache makes a cache of maxBytes; two of three loads of a hot table never
// reach storage when its manifests fit.
func NewCache(maxBytes int64) *Cache { panic("skeleton") }

// Files reads and writes the files in <table>/manifest. It may be shared by
// goroutines; file names are unique per Files (a random id and a counter).
type Files struct{}

// New opens the manifests of the table in dir (a path in store). Branches
// share the manifests of the table's root.
func New(store fileio.Store, dir string, o Options) (*Files, error) { panic("skeleton") }

// Write writes entries as data manifests that roll at the target size, with
// their statistics. Nothing is written for no entries. When it fails, it
// removes what it wrote.
func (f *Files) Write(ctx context.Context, entries []spec.ManifestEntry) ([]spec.ManifestFileMeta, error) {
	panic("skeleton")
}

// WriteList writes a manifest list (also an empty one) and gives its file
// name and size.
func (f *Files) WriteList(ctx context.Context, files []spec.ManifestFileMeta) (string, int64, error) {
	panic("skeleton")
}

// WriteIndex writes an index manifest, which holds the complete set of index
// files, and gives its file name and size.
func (f *Files) WriteIndex(ctx context.Context, entries []spec.IndexManifestEntry) (string, int64, error) {
	panic("skeleton")
}

// Read gives the entries of a data manifest. They are shared: do not change
// them.
func (f *Files) Read(ctx context.Context, name string) ([]spec.ManifestEntry, error) {
	panic("skeleton")
}

// ReadList gives the records of a manifest list; shared: do not change them.
func (f *Files) ReadList(ctx context.Context, name string) ([]spec.ManifestFileMeta, error) {
	panic("skeleton")
}

// ReadIndex gives the entries of an index manifest; shared: do not change
// them.
func (f *Files) ReadIndex(ctx context.Context, name string) ([]spec.IndexManifestEntry, error) {
	panic("skeleton")
}

// Path gives the path of a manifest file in the store.
func (f *Files) Path(name string) string { panic("skeleton") }

// Delete removes manifest files (of a commit that lost, or expired).
func (f *Files) Delete(ctx context.Context, names ...string) error { panic("skeleton") }

// All gives the manifests of a snapshot in order: base, then delta.
func (f *Files) All(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	panic("skeleton")
}

// Delta gives the manifests of what a snapshot changed.
func (f *Files) Delta(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	panic("skeleton")
}

// Changelog gives the manifests of a snapshot's changelog files; none if the
// snapshot has no changelog.
func (f *Files) Changelog(ctx context.Context, s *spec.Snapshot) ([]spec.ManifestFileMeta, error) {
	panic("skeleton")
}

// Entries reads the entries of several manifests in order, in parallel.
// keep (nil for all) drops entries while reading; it must be pure.
func (f *Files) Entries(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool) ([]spec.ManifestEntry, error) {
	panic("skeleton")
}

// Live gives the live data files of the manifests of a snapshot (see All), as
// ADD entries in the order they were added. keep must decide equally for the
// ADD and the DELETE of a file (by partition, bucket, key range, …); it must
// not look at the kind. Adding a file twice is an error; a DELETE of a file
// that no manifest adds is one too.
func (f *Files) Live(ctx context.Context, files []spec.ManifestFileMeta, keep func(*spec.ManifestEntry) bool) ([]spec.ManifestEntry, error) {
	panic("skeleton")
}

// Merge prepares the base list of the next snapshot from the manifests of the
// latest one (base and delta): small manifests are joined, and when many
// entries are dead all are rewritten. It gives the new list and the manifests
// that it wrote, which the caller deletes if the commit does not happen.
// Source: org.apache.paimon.operation.ManifestFileMerger.
func (f *Files) Merge(ctx context.Context, files []spec.ManifestFileMeta) (merged, written []spec.ManifestFileMeta, err error) {
	panic("skeleton")
}

// MergeEntries folds ADD and DELETE entries in order: a DELETE takes away the
// earlier ADD of the same file; a DELETE without one is kept, which is right
// for a part of the manifests. Adding an existing file is an error.
// Source: org.apache.paimon.manifest.FileEntry.mergeEntries.
func MergeEntries(entries []spec.ManifestEntry) ([]spec.ManifestEntry, error) { panic("skeleton") }

// Identity appends the identity of an entry to dst: equal bytes name the same
// file at the same level. It is the key that ADD and DELETE share.
func Identity(dst []byte, e *spec.ManifestEntry) []byte { panic("skeleton") }
