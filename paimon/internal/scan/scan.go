// Package scan turns a snapshot and a filter into splits: which data files to
// read, and which of them need merging.
package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/internal/manifest"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Split is the unit of reading: files of one bucket that belong together.
// Source: org.apache.paimon.table.source.DataSplit.
type Split struct {
	Partition    []byte // BinaryRow
	Bucket       int
	TotalBuckets int
	Files        []spec.DataFileMeta
	// Raw says that rows can be read file by file, without merging.
	Raw bool
	// Deletions say where the deletion vectors of files lie, by file name; files
	// that are not in it have none. It may name files of other splits.
	Deletions map[string]deletion.Location
	// Selected are, by file, the rows that may satisfy the filter of the plan;
	// all may in files that are not here. Readers may leave the others out.
	Selected map[string]*fileindex.Rows
	// Changes says that rows come as they were written, with their kinds.
	Changes bool
	// Before, when set, are files of an older version: rows of Files come that
	// are not in Before, or others there, by key.
	Before []spec.DataFileMeta
	// BeforeDeletions is Deletions of Before.
	BeforeDeletions map[string]deletion.Location
	// Fallback says that the files are of the branch that
	// 'scan.fallback-branch' or 'scan.primary-branch' names.
	Fallback bool
}

// Rows is the number of records in the files, merged or not.
func (s *Split) Rows() int64 {
	var n int64
	for i := range s.Files {
		n += s.Files[i].RowCount
	}
	return n
}

// Deleted reports whether a file of the split has a deletion vector.
func (s *Split) Deleted() bool {
	return len(s.Deletions) > 0 && slices.ContainsFunc(s.Files, func(f spec.DataFileMeta) bool { return s.hasDeleted(&f) })
}

func (s *Split) hasDeleted(f *spec.DataFileMeta) bool {
	_, ok := s.Deletions[f.FileName]
	return ok
}

// Scanner plans reads of one table. It may be shared by goroutines.
type Scanner struct {
	Manifests *manifest.Files
	Schema    *spec.TableSchema
	Options   options.Table
	// SchemaFields gives the columns of an older schema.
	SchemaFields func(id int64) ([]types.Field, error)
	// OpenExtra opens an extra file of a data file and gives its path.
	OpenExtra func(ctx context.Context, partition []byte, bucket int, f *spec.DataFileMeta, name string) (fileio.Reader, string, error)
	// IndexPath gives the path of an index file of a bucket.
	IndexPath func(partition []byte, bucket int, f *spec.IndexFileMeta) (string, error)
}

// Request says what to plan.
type Request struct {
	Filter predicate.Filter
	// Partition, when set, keeps only partitions for which it is true.
	Partition func(row []byte) bool
	// AllLevels shows level-0 files also where batch reads do not (compaction).
	AllLevels bool
	// Level0 shows the rows of level-0 files, as streams that begin with the
	// table's state do.
	Level0 bool
	// MinLevel leaves out files below a level.
	MinLevel int
	// Bucket keeps one bucket; nil for all.
	Bucket *int
	// MadeSince, when not 0, leaves out files made before it (epoch
	// milliseconds): their wall clocks are read in the zone of this process.
	MadeSince int64
}

// Live gives the live files of a snapshot that can hold wanted rows, grouped
// by partition and bucket with their deletion vectors; one group is one Split
// with Raw unset.
func (s *Scanner) Live(ctx context.Context, snap *spec.Snapshot, r Request) ([]Split, error) {
	if snap == nil {
		return nil, nil
	}
	lists, err := s.Manifests.All(ctx, snap)
	if err != nil {
		return nil, fmt.Errorf("plan snapshot %d: %w", snap.ID, err)
	}
	keep, err := s.keeper(r)
	if err != nil {
		return nil, err
	}
	entries, err := s.Manifests.Live(ctx, lists, keep)
	if err != nil {
		return nil, fmt.Errorf("plan snapshot %d: %w", snap.ID, err)
	}
	splits := group(entries)
	return splits, s.addDeletions(ctx, snap, splits)
}

// Plan gives the splits of a batch read of a snapshot.
func (s *Scanner) Plan(ctx context.Context, snap *spec.Snapshot, r Request) ([]Split, error) {
	buckets, err := s.Live(ctx, snap, s.Visible(r))
	if err != nil {
		return nil, err
	}
	return s.useIndexes(ctx, s.cut(buckets, r.AllLevels), r.Filter)
}

// cut makes splits of buckets: postponed rows are invisible until compacted.
func (s *Scanner) cut(buckets []Split, postponed bool) []Split {
	var out []Split
	for _, b := range buckets {
		switch {
		case b.Bucket == -2 && !postponed:
		case len(b.Before) > 0:
			out = append(out, b)
		case s.Options.DataEvolution:
			out = append(out, s.packRows(b)...)
		case len(s.Schema.PrimaryKeys) == 0:
			out = append(out, s.packRaw(b)...)
		case s.Options.SkipsLevel0() && compacted(b.Files): // one live row a key, whatever the levels
			out = append(out, s.packRaw(b)...)
		default:
			b.Raw = rawConvertible(b.Files)
			out = append(out, b)
		}
	}
	return out
}

// Visible leaves out the levels that batch reads do not show.
func (s *Scanner) Visible(r Request) Request {
	if len(s.Schema.PrimaryKeys) > 0 && s.Options.SkipsLevel0() && !r.AllLevels && !r.Level0 {
		r.MinLevel = max(r.MinLevel, 1)
	}
	return r
}

// Partitions gives the partitions (BinaryRows) that hold visible files in a
// snapshot and satisfy the filter's conditions on partition columns. Other
// conditions do not count. Source: DataTableBatchScan.listPartitions.
func (s *Scanner) Partitions(ctx context.Context, snap *spec.Snapshot, filter predicate.Filter) (map[string]bool, error) {
	live, err := s.Live(ctx, snap, s.Visible(Request{Filter: filter.Only(s.Schema.PartitionKeys...)}))
	if err != nil {
		return nil, err
	}
	return partitionsOf(live), nil
}

func partitionsOf(live []Split) map[string]bool {
	out := map[string]bool{}
	for i := range live {
		if live[i].Bucket != -2 {
			out[string(live[i].Partition)] = true
		}
	}
	return out
}

// PartitionsBefore is Partitions of the snapshot before snap, which may have
// expired: snap's base manifests are its files.
func (s *Scanner) PartitionsBefore(ctx context.Context, snap *spec.Snapshot) (map[string]bool, error) {
	lists, err := s.Manifests.ReadList(ctx, snap.BaseManifestList)
	if err != nil {
		return nil, err
	}
	keep, err := s.keeper(s.Visible(Request{}))
	if err != nil {
		return nil, err
	}
	entries, err := s.Manifests.Live(ctx, lists, keep)
	if err != nil {
		return nil, err
	}
	return partitionsOf(group(entries)), nil
}

// Touched gives the partitions that a snapshot adds visible files to, and those
// that it removes files from.
func (s *Scanner) Touched(ctx context.Context, snap *spec.Snapshot) (added, removed map[string]bool, err error) {
	lists, err := s.Manifests.Delta(ctx, snap)
	if err != nil {
		return nil, nil, err
	}
	keep, err := s.keeper(s.Visible(Request{}))
	if err != nil {
		return nil, nil, err
	}
	entries, err := s.Manifests.Entries(ctx, lists, keep)
	if err != nil {
		return nil, nil, err
	}
	added, removed = map[string]bool{}, map[string]bool{}
	for i := range entries {
		switch e := &entries[i]; {
		case e.Bucket == -2:
		case e.Kind == spec.KindAdd:
			added[string(e.Partition)] = true
		default:
			removed[string(e.Partition)] = true
		}
	}
	return added, removed, nil
}

// Delta gives the files that a snapshot added, grouped; for streaming reads of
// tables without changelog.
func (s *Scanner) Delta(ctx context.Context, snap *spec.Snapshot, r Request) ([]Split, error) {
	lists, err := s.Manifests.Delta(ctx, snap)
	if err != nil {
		return nil, fmt.Errorf("plan changes of snapshot %d: %w", snap.ID, err)
	}
	return s.added(ctx, snap, lists, r)
}

// Changelog gives the changelog files of a snapshot, grouped.
func (s *Scanner) Changelog(ctx context.Context, snap *spec.Snapshot, r Request) ([]Split, error) {
	lists, err := s.Manifests.Changelog(ctx, snap)
	if err != nil {
		return nil, fmt.Errorf("plan changelog of snapshot %d: %w", snap.ID, err)
	}
	return s.added(ctx, snap, lists, r)
}

func (s *Scanner) added(ctx context.Context, snap *spec.Snapshot, lists []spec.ManifestFileMeta, r Request) ([]Split, error) {
	keep, err := s.keeper(r)
	if err != nil {
		return nil, err
	}
	entries, err := s.Manifests.Entries(ctx, lists, keep)
	if err != nil {
		return nil, fmt.Errorf("plan changes of snapshot %d: %w", snap.ID, err)
	}
	entries = slices.DeleteFunc(slices.Clone(entries), func(e spec.ManifestEntry) bool { return e.Kind != spec.KindAdd })
	splits := group(entries)
	for i := range splits {
		splits[i].Raw = true
		// With a primary key files stand as they were committed: those of two
		// compactions in one commit tell changes one after the other.
		if len(s.Schema.PrimaryKeys) == 0 {
			slices.SortStableFunc(splits[i].Files, func(a, b spec.DataFileMeta) int { return cmp.Compare(a.MinSequence, b.MinSequence) })
		}
	}
	return splits, nil
}

// keeper makes the filter on manifest entries. It decides alike for the ADD
// and the DELETE of a file: by partition, bucket, key range, never by kind.
func (s *Scanner) keeper(r Request) (func(*spec.ManifestEntry) bool, error) {
	part, err := s.partitionTest(r)
	if err != nil {
		return nil, err
	}
	bucket, err := s.bucketTest(r.Filter)
	if err != nil {
		return nil, err
	}
	stats := s.statsTest(r.Filter)
	if part == nil && bucket == nil && stats == nil && r.MinLevel == 0 && r.Bucket == nil && r.MadeSince == 0 {
		return nil, nil
	}
	return func(e *spec.ManifestEntry) bool {
		return e.File.Level >= r.MinLevel &&
			(r.Bucket == nil || e.Bucket == *r.Bucket) &&
			(r.MadeSince == 0 || epochOf(e.File.CreationTime) >= r.MadeSince) &&
			(part == nil || part(e.Partition)) &&
			(bucket == nil || bucket(e)) &&
			(stats == nil || stats(e))
	}, nil
}

// PartitionTest decides on partitions by a filter that has conditions on
// partition columns only; the answer is exact, as a partition has one value of
// each. A damaged partition row satisfies nothing. It is nil when every
// partition satisfies the filter.
func (s *Scanner) PartitionTest(filter predicate.Filter) (func(partition []byte) bool, error) {
	test, err := s.partitionTest(Request{Filter: filter})
	if test == nil || err != nil {
		return nil, err
	}
	fields := s.Schema.PartitionFields()
	return func(row []byte) bool {
		values, err := binrow.Rows(fields, [][]byte{row})
		if err != nil {
			return false
		}
		values.Release()
		return test(row)
	}, nil
}

// partitionTest evaluates the filter's conditions on partition columns.
func (s *Scanner) partitionTest(r Request) (func([]byte) bool, error) {
	fields := s.Schema.PartitionFields()
	conds := r.Filter.Only(s.Schema.PartitionKeys...)
	if len(fields) == 0 || len(conds) == 0 {
		return r.Partition, nil
	}
	index := map[string]int{}
	for i, f := range fields {
		index[f.Name] = i
	}
	test := func(row []byte) bool {
		if r.Partition != nil && !r.Partition(row) {
			return false
		}
		values, err := binrow.Rows(fields, [][]byte{row})
		if err != nil {
			return true // the reader reports the damage
		}
		defer values.Release()
		return conds.MayMatch(func(column string) (types.Type, predicate.Range, bool) {
			col := values.Column(index[column])
			return fields[index[column]].Type, predicate.Range{Min: col, Max: col, Rows: 1, NullCount: int64(col.NullN())}, true
		})
	}
	return memoize(test), nil
}

// memoize remembers answers by partition: a scan sees few partitions and many
// files. Manifests are read in parallel, so the memory is per call site under
// a lock.
func memoize(test func([]byte) bool) func([]byte) bool {
	var seen syncMap
	return func(row []byte) bool {
		if v, ok := seen.get(row); ok {
			return v
		}
		v := test(row)
		seen.put(row, v)
		return v
	}
}

// bucketTest keeps the one bucket that the filter's key values hash to.
func (s *Scanner) bucketTest(f predicate.Filter) (func(*spec.ManifestEntry) bool, error) {
	if s.Options.Bucket <= 0 {
		return nil, nil
	}
	fields, err := s.Schema.BucketKeyFields()
	if err != nil {
		return nil, err
	}
	cols := make([]arrow.Array, len(fields))
	for i, field := range fields {
		v, ok := f.Equals(field.Name)
		if !ok || v.IsNull(0) {
			return nil, nil
		}
		cols[i] = v
	}
	byTotal := map[int]int32{} // partitions may have different numbers of buckets
	var lock sync.Mutex
	return func(e *spec.ManifestEntry) bool {
		if e.TotalBuckets <= 0 {
			return true
		}
		lock.Lock()
		defer lock.Unlock()
		want, ok := byTotal[e.TotalBuckets]
		if !ok {
			b, err := binrow.NewBucketer(s.Options.BucketFunction, spec.TypesOf(fields), e.TotalBuckets)
			one := []int32{0}
			if err != nil || b.Buckets(cols, one) != nil {
				return true
			}
			want = one[0]
			byTotal[e.TotalBuckets] = want
		}
		return int32(e.Bucket) == want
	}, nil
}

// group gathers entries by partition and bucket, in the order of partitions'
// bytes and bucket numbers.
func group(entries []spec.ManifestEntry) []Split {
	index := map[string]int{}
	var out []Split
	for i := range entries {
		e := &entries[i]
		key := fmt.Sprintf("%s\x00%d", e.Partition, e.Bucket)
		at, ok := index[key]
		if !ok {
			at = len(out)
			index[key] = at
			out = append(out, Split{Partition: e.Partition, Bucket: e.Bucket, TotalBuckets: e.TotalBuckets})
		}
		out[at].Files = append(out[at].Files, e.File)
	}
	slices.SortFunc(out, ByBucket)
	return out
}

// ByBucket orders splits by partition and bucket.
func ByBucket(a, b Split) int {
	return cmp.Or(strings.Compare(string(a.Partition), string(b.Partition)), cmp.Compare(a.Bucket, b.Bucket))
}

// rawConvertible reports whether the files of a bucket need no merging: all on
// one level above 0 and free of deletes, or a single such file anywhere.
// Source: org.apache.paimon.table.source.MergeTreeSplitGenerator.
func rawConvertible(files []spec.DataFileMeta) bool {
	for i := range files {
		f := &files[i]
		if f.DeleteRowCount == nil || *f.DeleteRowCount > 0 {
			return false
		}
		if len(files) > 1 && (f.Level == 0 || f.Level != files[0].Level) {
			return false
		}
	}
	return true
}

// compacted reports whether all files lie above level 0 and have no deletes.
// Files of versions that did not count them have none there.
func compacted(files []spec.DataFileMeta) bool {
	return !slices.ContainsFunc(files, func(f spec.DataFileMeta) bool {
		return f.Level == 0 || f.DeleteRowCount != nil && *f.DeleteRowCount > 0
	})
}

// packRaw cuts files that need no merging into splits of the target size, in
// sequence order; those with deletion vectors apart from those without, which
// engines can read by themselves.
func (s *Scanner) packRaw(b Split) []Split {
	b.Raw = true
	slices.SortStableFunc(b.Files, func(x, y spec.DataFileMeta) int { return cmp.Compare(x.MinSequence, y.MinSequence) })
	if len(b.Deletions) == 0 {
		return s.pack(b)
	}
	whole, part := b, b
	whole.Files, part.Files = nil, nil
	for _, f := range b.Files {
		if b.hasDeleted(&f) {
			part.Files = append(part.Files, f)
		} else {
			whole.Files = append(whole.Files, f)
		}
	}
	var out []Split
	for _, x := range []Split{whole, part} {
		if len(x.Files) > 0 {
			out = append(out, s.pack(x)...)
		}
	}
	return out
}

func (s *Scanner) pack(b Split) []Split {
	var out []Split
	var size int64
	start := 0
	for i := range b.Files {
		weight := max(b.Files[i].FileSize, s.Options.Scan.SplitOpenCost)
		if i > start && size+weight > s.Options.Scan.SplitTargetSize {
			part := b
			part.Files = b.Files[start:i]
			out, start, size = append(out, part), i, 0
		}
		size += weight
	}
	b.Files = b.Files[start:]
	return append(out, b)
}
