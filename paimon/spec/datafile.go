package spec

import "time"

// Kinds of a manifest entry.
const (
	KindAdd    int8 = 0
	KindDelete int8 = 1
)

// Sources of a data file.
const (
	SourceAppend  int8 = 0
	SourceCompact int8 = 1
)

// SimpleStats are column statistics. Min and Max are BinaryRow bytes without
// the arity prefix; NullCounts has one entry per column, nil where unknown.
// Source: org.apache.paimon.stats.SimpleStats.
type SimpleStats struct {
	Min, Max   []byte
	NullCounts []*int64
}

// DataFileMeta describes one data file. Keys are BinaryRow bytes of the
// trimmed primary key without the arity prefix.
// Source: org.apache.paimon.io.DataFileMeta.
type DataFileMeta struct {
	FileName          string
	FileSize          int64
	RowCount          int64 // adds and deletes
	MinKey, MaxKey    []byte
	KeyStats          SimpleStats
	ValueStats        SimpleStats
	MinSequence       int64
	MaxSequence       int64
	SchemaID          int64
	Level             int
	ExtraFiles        []string
	CreationTime      time.Time // wall clock of the writer, stored as if UTC
	DeleteRowCount    *int64    // nil in old files: unknown
	EmbeddedIndex     []byte
	FileSource        *int8
	ValueStatsCols    []string // nil: all columns; empty: none
	ExternalPath      *string
	FirstRowID        *int64
	WriteCols         []string // nil: all
	WriteColsSequence []int64
}

// AddRowCount gives the rows that are not retractions, and whether it is known.
func (f *DataFileMeta) AddRowCount() (int64, bool) {
	if f.DeleteRowCount == nil {
		return 0, false
	}
	return f.RowCount - *f.DeleteRowCount, true
}

// ManifestEntry adds or deletes one data file.
// Source: org.apache.paimon.manifest.ManifestEntry.
type ManifestEntry struct {
	Kind         int8
	Partition    []byte // BinaryRow bytes without the arity prefix
	Bucket       int
	TotalBuckets int
	File         DataFileMeta
}

// ManifestFileMeta is one record of a manifest list.
// Source: org.apache.paimon.manifest.ManifestFileMeta.
type ManifestFileMeta struct {
	FileName       string
	FileSize       int64
	NumAdded       int64
	NumDeleted     int64
	PartitionStats SimpleStats
	SchemaID       int64
	MinBucket      *int32
	MaxBucket      *int32
	MinLevel       *int32
	MaxLevel       *int32
	MinRowID       *int64
	MaxRowID       *int64
}

// IndexFileMeta describes an index file. Raw keeps global-index fields that
// Tarn does not read, so that they survive a rewrite of the index manifest.
// Source: org.apache.paimon.index.IndexFileMeta.
type IndexFileMeta struct {
	IndexType    string // "HASH", "DELETION_VECTORS", …
	FileName     string
	FileSize     int64
	RowCount     int64
	Deletions    []DeletionRange // nil when not a deletion-vector file
	ExternalPath *string
	GlobalIndex  *GlobalIndexMeta
}

// DeletionRange locates the deletion vector of one data file.
type DeletionRange struct {
	DataFile       string
	Offset, Length int32
	Cardinality    *int64
}

// GlobalIndexMeta is carried along unread.
type GlobalIndexMeta struct {
	RowRangeStart, RowRangeEnd int64
	IndexFieldID               int32
	ExtraFieldIDs              []int32
	IndexMeta                  []byte
	SourceMeta                 []byte
}

// IndexManifestEntry is one record of an index manifest.
type IndexManifestEntry struct {
	Kind      int8
	Partition []byte // BinaryRow bytes without the arity prefix
	Bucket    int
	File      IndexFileMeta
}
