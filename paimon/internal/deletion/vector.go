// Package deletion keeps deletion vectors: which rows of a data file, by their
// physical number, are deleted. They lie in index files, several in one.
//
// An index file is a version byte and entries back to back (entry.go). Which
// bytes belong to which data file is told by the index manifest only, so an
// index file is never searched: one read fetches what is wanted of it (store.go).
//
// Vectors do not change once they are made; a Bucket or a Partition gathers new
// deletions and makes new vectors of them (bucket.go, unaware.go).
package deletion

import (
	"slices"

	"github.com/tarndb/tarn/paimon/bitmap"
	"github.com/tarndb/tarn/paimon/spec"
)

// IndexType is the type of index files with deletion vectors in index manifests.
const IndexType = "DELETION_VECTORS"

// Vector is the set of the deleted rows of one data file. It does not change
// and may be shared by goroutines. The nil Vector deletes nothing.
// Source: org.apache.paimon.deletionvectors.DeletionVector.
type Vector struct {
	rows  *bitmap.Bitmap
	count int64
}

// NewVector makes a vector of row numbers in any order; it sorts the slice.
func NewVector(rows ...uint64) *Vector { return ofBitmap(bitmap.Of(rows...)) }

// FromBitmap makes a vector of row numbers; it keeps b, which must not change.
func FromBitmap(b *bitmap.Bitmap) *Vector { return ofBitmap(b) }

func ofBitmap(b *bitmap.Bitmap) *Vector { return &Vector{rows: b, count: int64(b.Cardinality())} }

// Rows is how many rows are deleted.
func (v *Vector) Rows() int64 {
	if v == nil {
		return 0
	}
	return v.count
}

// Contains reports whether a row is deleted.
func (v *Vector) Contains(row int64) bool { return v != nil && v.rows.Contains(uint64(row)) }

// Max is the greatest row number; -1 when nothing is deleted.
func (v *Vector) Max() int64 {
	if v.Rows() == 0 {
		return -1
	}
	return int64(v.rows.Max())
}

// With gives a vector that deletes these rows too; it sorts the slice.
func (v *Vector) With(rows ...uint64) *Vector { return v.Union(NewVector(rows...)) }

// Union gives a vector that deletes the rows of both.
func (v *Vector) Union(o *Vector) *Vector {
	switch {
	case v.Rows() == 0:
		return o
	case o.Rows() == 0:
		return v
	}
	b := v.rows.Clone()
	b.Or(o.rows)
	return ofBitmap(b)
}

// AppendKept appends the stretches of rows from, …, to-1 that are not deleted,
// relative to from.
func (v *Vector) AppendKept(dst []Stretch, from, to int64) []Stretch {
	start := from
	if v.Rows() > 0 {
		for row := range v.rows.Between(uint64(from), uint64(to)) {
			if int64(row) > start {
				dst = append(dst, Stretch{start - from, int64(row) - from})
			}
			start = int64(row) + 1
		}
	}
	if start < to {
		dst = append(dst, Stretch{start - from, to - from})
	}
	return dst
}

// Stretch is the rows From, …, To-1.
type Stretch struct{ From, To int64 }

// Location says where the vector of a data file lies.
// Source: org.apache.paimon.table.source.DeletionFile.
type Location struct {
	Path        string // of the index file
	Offset      int32
	Length      int32  // as the index manifest has it, see Append
	Cardinality *int64 // nil: unknown
}

// Locations gives where the vectors of the data files of index files lie, by
// data file; path names an index file. nil when there are none.
func Locations(files []spec.IndexFileMeta, path func(*spec.IndexFileMeta) string) map[string]Location {
	var out map[string]Location
	for i := range files {
		f := &files[i]
		if f.IndexType != IndexType || len(f.Deletions) == 0 {
			continue
		}
		if out == nil {
			out = map[string]Location{}
		}
		p := path(f)
		for _, d := range f.Deletions {
			out[d.DataFile] = Location{Path: p, Offset: d.Offset, Length: d.Length, Cardinality: d.Cardinality}
		}
	}
	return out
}

// sortedNames gives the keys of a map in order.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
