package spec

import (
	"fmt"
	"time"

	"github.com/twmb/avro"
)

// The wire structs mirror the Avro records. With omitzero, nil is null and an
// empty list stays an empty list.

type wireStats struct {
	Min        []byte   `avro:"_MIN_VALUES"`
	Max        []byte   `avro:"_MAX_VALUES"`
	NullCounts []*int64 `avro:"_NULL_COUNTS,omitzero"`
}

func (w *wireStats) from(s *SimpleStats) (err error) {
	if s.Min == nil && s.Max == nil {
		s = &SimpleStats{Min: emptyRow, Max: emptyRow, NullCounts: []*int64{}}
	}
	if w.Min, err = putArity(w.Min, s.Min, len(s.NullCounts)); err != nil {
		return fmt.Errorf("least values: %w", err)
	}
	if w.Max, err = putArity(w.Max, s.Max, len(s.NullCounts)); err != nil {
		return fmt.Errorf("greatest values: %w", err)
	}
	w.NullCounts = s.NullCounts
	if w.NullCounts == nil {
		w.NullCounts = []*int64{}
	}
	return nil
}

func (w *wireStats) to(s *SimpleStats) error {
	var n, m int
	var err error
	if s.Min, n, err = stripArity(w.Min); err != nil {
		return fmt.Errorf("least values: %w", err)
	}
	if s.Max, m, err = stripArity(w.Max); err != nil {
		return fmt.Errorf("greatest values: %w", err)
	}
	s.NullCounts = w.NullCounts
	if s.NullCounts == nil {
		s.NullCounts = make([]*int64, n) // old files: unknown
	}
	if n != m || n != len(s.NullCounts) {
		return fmt.Errorf("statistics of %d, %d and %d columns", n, m, len(s.NullCounts))
	}
	return nil
}

var emptyRow = make([]byte, 8)

type wireManifestFile struct {
	Version        int32     `avro:"_VERSION"`
	FileName       string    `avro:"_FILE_NAME"`
	FileSize       int64     `avro:"_FILE_SIZE"`
	NumAdded       int64     `avro:"_NUM_ADDED_FILES"`
	NumDeleted     int64     `avro:"_NUM_DELETED_FILES"`
	PartitionStats wireStats `avro:"_PARTITION_STATS"`
	SchemaID       int64     `avro:"_SCHEMA_ID"`
	MinBucket      *int32    `avro:"_MIN_BUCKET"`
	MaxBucket      *int32    `avro:"_MAX_BUCKET"`
	MinLevel       *int32    `avro:"_MIN_LEVEL"`
	MaxLevel       *int32    `avro:"_MAX_LEVEL"`
	MinRowID       *int64    `avro:"_MIN_ROW_ID"`
	MaxRowID       *int64    `avro:"_MAX_ROW_ID"`
}

// EncodeManifestList gives the bytes of a manifest list. A list without
// records is valid: Paimon writes one for an empty delta.
func EncodeManifestList(files []ManifestFileMeta, codec string) ([]byte, error) {
	data, err := encodeAvro(listAvro(), codec, len(files), func(i int, w *wireManifestFile) error {
		f := &files[i]
		w.Version, w.FileName, w.FileSize = manifestVersion, f.FileName, f.FileSize
		w.NumAdded, w.NumDeleted, w.SchemaID = f.NumAdded, f.NumDeleted, f.SchemaID
		w.MinBucket, w.MaxBucket, w.MinLevel, w.MaxLevel = f.MinBucket, f.MaxBucket, f.MinLevel, f.MaxLevel
		w.MinRowID, w.MaxRowID = f.MinRowID, f.MaxRowID
		return w.PartitionStats.from(&f.PartitionStats)
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest list: %w", err)
	}
	return data, nil
}

var listLayout = layout{[]func() *avro.Schema{listAvro}, []string{
	"_VERSION", "_FILE_NAME", "_FILE_SIZE", "_NUM_ADDED_FILES", "_NUM_DELETED_FILES",
	"_PARTITION_STATS._MIN_VALUES", "_PARTITION_STATS._MAX_VALUES", "_SCHEMA_ID",
}}

// DecodeManifestList reads a manifest list. The result may share memory with
// data.
func DecodeManifestList(data []byte) ([]ManifestFileMeta, error) {
	var out []ManifestFileMeta
	err := decodeAvro(data, listLayout, func(w *wireManifestFile, total int) error {
		if out == nil {
			out = make([]ManifestFileMeta, 0, total)
		}
		if err := checkVersion("manifest list", w.Version, manifestVersion); err != nil {
			return err
		}
		out = append(out, ManifestFileMeta{
			FileName: w.FileName, FileSize: w.FileSize, NumAdded: w.NumAdded, NumDeleted: w.NumDeleted,
			SchemaID: w.SchemaID, MinBucket: w.MinBucket, MaxBucket: w.MaxBucket,
			MinLevel: w.MinLevel, MaxLevel: w.MaxLevel, MinRowID: w.MinRowID, MaxRowID: w.MaxRowID,
		})
		return w.PartitionStats.to(&out[len(out)-1].PartitionStats)
	})
	if err != nil {
		return nil, fmt.Errorf("decode manifest list: %w", err)
	}
	return out, nil
}

// wireFile is the part of a data file's record that every version writes.
type wireFile struct {
	FileName       string    `avro:"_FILE_NAME"`
	FileSize       int64     `avro:"_FILE_SIZE"`
	RowCount       int64     `avro:"_ROW_COUNT"`
	MinKey         []byte    `avro:"_MIN_KEY"`
	MaxKey         []byte    `avro:"_MAX_KEY"`
	KeyStats       wireStats `avro:"_KEY_STATS"`
	ValueStats     wireStats `avro:"_VALUE_STATS"`
	MinSequence    int64     `avro:"_MIN_SEQUENCE_NUMBER"`
	MaxSequence    int64     `avro:"_MAX_SEQUENCE_NUMBER"`
	SchemaID       int64     `avro:"_SCHEMA_ID"`
	Level          int32     `avro:"_LEVEL"`
	ExtraFiles     []string  `avro:"_EXTRA_FILES"`
	CreationTime   time.Time `avro:"_CREATION_TIME,omitzero"`
	DeleteRowCount *int64    `avro:"_DELETE_ROW_COUNT"`
	EmbeddedIndex  []byte    `avro:"_EMBEDDED_FILE_INDEX,omitzero"`
	FileSource     *int8     `avro:"_FILE_SOURCE"`
	ValueStatsCols []string  `avro:"_VALUE_STATS_COLS,omitzero"`
	ExternalPath   *string   `avro:"_EXTERNAL_PATH"`
	FirstRowID     *int64    `avro:"_FIRST_ROW_ID"`
	WriteCols      []string  `avro:"_WRITE_COLS,omitzero"`
	WriteColsSeqs  []int64   `avro:"_WRITE_COLS_SEQUENCES,omitzero"`
}

type wireEntry struct {
	Version      int32    `avro:"_VERSION"`
	Kind         int32    `avro:"_KIND"`
	Partition    []byte   `avro:"_PARTITION"`
	Bucket       int32    `avro:"_BUCKET"`
	TotalBuckets int32    `avro:"_TOTAL_BUCKETS"`
	File         wireFile `avro:"_FILE"`
}

// EncodeManifest gives the bytes of a data manifest.
func EncodeManifest(entries []ManifestEntry, arity Arity, codec string) ([]byte, error) {
	schema := manifestAvro()
	for i := range entries {
		if entries[i].File.WriteColsSequence != nil {
			schema = manifestWide()
			break
		}
	}
	data, err := encodeAvro(schema, codec, len(entries), func(i int, w *wireEntry) (err error) {
		e := &entries[i]
		w.Version, w.Kind = manifestVersion, int32(e.Kind)
		w.Bucket, w.TotalBuckets = int32(e.Bucket), int32(e.TotalBuckets)
		if w.Partition, err = putArity(w.Partition, e.Partition, arity.Partition); err != nil {
			return fmt.Errorf("partition: %w", err)
		}
		if err := w.File.from(&e.File, arity.Key); err != nil {
			return fmt.Errorf("file %s: %w", e.File.FileName, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return data, nil
}

func (w *wireFile) from(f *DataFileMeta, keyArity int) (err error) {
	w.FileName, w.FileSize, w.RowCount = f.FileName, f.FileSize, f.RowCount
	if w.MinKey, err = putArity(w.MinKey, orEmptyRow(f.MinKey), keyArity); err != nil {
		return fmt.Errorf("least key: %w", err)
	}
	if w.MaxKey, err = putArity(w.MaxKey, orEmptyRow(f.MaxKey), keyArity); err != nil {
		return fmt.Errorf("greatest key: %w", err)
	}
	if err := w.KeyStats.from(&f.KeyStats); err != nil {
		return fmt.Errorf("key statistics: %w", err)
	}
	if err := w.ValueStats.from(&f.ValueStats); err != nil {
		return fmt.Errorf("value statistics: %w", err)
	}
	w.MinSequence, w.MaxSequence, w.SchemaID, w.Level = f.MinSequence, f.MaxSequence, f.SchemaID, int32(f.Level)
	w.ExtraFiles, w.CreationTime, w.DeleteRowCount = f.ExtraFiles, f.CreationTime, f.DeleteRowCount
	if w.ExtraFiles == nil {
		w.ExtraFiles = []string{}
	}
	w.EmbeddedIndex, w.FileSource, w.ValueStatsCols = f.EmbeddedIndex, f.FileSource, f.ValueStatsCols
	w.ExternalPath, w.FirstRowID = f.ExternalPath, f.FirstRowID
	w.WriteCols, w.WriteColsSeqs = f.WriteCols, f.WriteColsSequence
	return nil
}

func orEmptyRow(row []byte) []byte {
	if row == nil {
		return emptyRow
	}
	return row
}

var manifestLayout = layout{[]func() *avro.Schema{manifestAvro, manifestWide}, []string{
	"_VERSION", "_KIND", "_PARTITION", "_BUCKET", "_TOTAL_BUCKETS",
	"_FILE._FILE_NAME", "_FILE._FILE_SIZE", "_FILE._ROW_COUNT", "_FILE._MIN_KEY", "_FILE._MAX_KEY",
	"_FILE._KEY_STATS._MIN_VALUES", "_FILE._KEY_STATS._MAX_VALUES",
	"_FILE._VALUE_STATS._MIN_VALUES", "_FILE._VALUE_STATS._MAX_VALUES",
	"_FILE._MIN_SEQUENCE_NUMBER", "_FILE._MAX_SEQUENCE_NUMBER", "_FILE._SCHEMA_ID", "_FILE._LEVEL",
}}

// DecodeManifest reads a data manifest. The result may share memory with data.
func DecodeManifest(data []byte) ([]ManifestEntry, error) {
	var out []ManifestEntry
	err := decodeAvro(data, manifestLayout, func(w *wireEntry, total int) (err error) {
		if out == nil {
			out = make([]ManifestEntry, 0, total)
		}
		if err := checkVersion("manifest", w.Version, manifestVersion); err != nil {
			return err
		}
		if w.Kind != int32(KindAdd) && w.Kind != int32(KindDelete) {
			return fmt.Errorf("entry kind %d is unknown", w.Kind)
		}
		out = append(out, ManifestEntry{Kind: int8(w.Kind), Bucket: int(w.Bucket), TotalBuckets: int(w.TotalBuckets)})
		e := &out[len(out)-1]
		if e.Partition, _, err = stripArity(w.Partition); err != nil {
			return fmt.Errorf("partition: %w", err)
		}
		return w.File.to(&e.File)
	})
	if err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	return out, nil
}

func (w *wireFile) to(f *DataFileMeta) (err error) {
	*f = DataFileMeta{
		FileName: w.FileName, FileSize: w.FileSize, RowCount: w.RowCount,
		MinSequence: w.MinSequence, MaxSequence: w.MaxSequence, SchemaID: w.SchemaID, Level: int(w.Level),
		ExtraFiles: w.ExtraFiles, CreationTime: w.CreationTime, DeleteRowCount: w.DeleteRowCount,
		EmbeddedIndex: w.EmbeddedIndex, FileSource: w.FileSource, ValueStatsCols: w.ValueStatsCols,
		ExternalPath: w.ExternalPath, FirstRowID: w.FirstRowID,
		WriteCols: w.WriteCols, WriteColsSequence: w.WriteColsSeqs,
	}
	if len(f.ExtraFiles) == 0 {
		f.ExtraFiles = nil
	}
	if f.MinKey, _, err = stripArity(w.MinKey); err != nil {
		return fmt.Errorf("file %s: least key: %w", w.FileName, err)
	}
	if f.MaxKey, _, err = stripArity(w.MaxKey); err != nil {
		return fmt.Errorf("file %s: greatest key: %w", w.FileName, err)
	}
	if err := w.KeyStats.to(&f.KeyStats); err != nil {
		return fmt.Errorf("file %s: key statistics: %w", w.FileName, err)
	}
	if err := w.ValueStats.to(&f.ValueStats); err != nil {
		return fmt.Errorf("file %s: value statistics: %w", w.FileName, err)
	}
	return nil
}
