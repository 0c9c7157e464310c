package spec

import (
	"fmt"

	"github.com/twmb/avro"
)

type wireDeletion struct {
	DataFile    string `avro:"f0"`
	Offset      int32  `avro:"f1"`
	Length      int32  `avro:"f2"`
	Cardinality *int64 `avro:"_CARDINALITY"`
}

type wireGlobal struct {
	RowRangeStart int64   `avro:"_ROW_RANGE_START"`
	RowRangeEnd   int64   `avro:"_ROW_RANGE_END"`
	IndexFieldID  int32   `avro:"_INDEX_FIELD_ID"`
	ExtraFieldIDs []int32 `avro:"_EXTRA_FIELD_IDS,omitzero"`
	IndexMeta     []byte  `avro:"_INDEX_META,omitzero"`
	SourceMeta    []byte  `avro:"_SOURCE_META,omitzero"`
}

type wireIndex struct {
	Version      int32           `avro:"_VERSION"`
	Kind         int32           `avro:"_KIND"`
	Partition    []byte          `avro:"_PARTITION"`
	Bucket       int32           `avro:"_BUCKET"`
	IndexType    string          `avro:"_INDEX_TYPE"`
	FileName     string          `avro:"_FILE_NAME"`
	FileSize     int64           `avro:"_FILE_SIZE"`
	RowCount     int64           `avro:"_ROW_COUNT"`
	Deletions    []*wireDeletion `avro:"_DELETIONS_VECTORS_RANGES,omitzero"`
	ExternalPath *string         `avro:"_EXTERNAL_PATH"`
	GlobalIndex  *wireGlobal     `avro:"_GLOBAL_INDEX"`
}

// EncodeIndexManifest gives the bytes of an index manifest. Of arity only
// Partition is used.
func EncodeIndexManifest(entries []IndexManifestEntry, arity Arity, codec string) ([]byte, error) {
	schema := indexAvro()
	for i := range entries {
		if g := entries[i].File.GlobalIndex; g != nil && g.SourceMeta != nil {
			schema = indexAvroWide()
			break
		}
	}
	data, err := encodeAvro(schema, codec, len(entries), func(i int, w *wireIndex) (err error) {
		e := &entries[i]
		w.Version, w.Kind, w.Bucket = indexManifestVersion, int32(e.Kind), int32(e.Bucket)
		if w.Partition, err = putArity(w.Partition, e.Partition, arity.Partition); err != nil {
			return fmt.Errorf("partition: %w", err)
		}
		f := &e.File
		w.IndexType, w.FileName, w.FileSize, w.RowCount = f.IndexType, f.FileName, f.FileSize, f.RowCount
		w.ExternalPath, w.Deletions, w.GlobalIndex = f.ExternalPath, nil, nil
		if f.Deletions != nil {
			w.Deletions = make([]*wireDeletion, len(f.Deletions))
			for j, d := range f.Deletions {
				c := wireDeletion(d)
				w.Deletions[j] = &c
			}
		}
		if f.GlobalIndex != nil {
			g := wireGlobal(*f.GlobalIndex)
			w.GlobalIndex = &g
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("encode index manifest: %w", err)
	}
	return data, nil
}

var indexLayout = layout{[]func() *avro.Schema{indexAvro, indexAvroWide}, []string{
	"_VERSION", "_KIND", "_PARTITION", "_BUCKET", "_INDEX_TYPE", "_FILE_NAME", "_FILE_SIZE", "_ROW_COUNT",
}}

// DecodeIndexManifest reads an index manifest. The result may share memory
// with data.
func DecodeIndexManifest(data []byte) ([]IndexManifestEntry, error) {
	var out []IndexManifestEntry
	err := decodeAvro(data, indexLayout, func(w *wireIndex, _ int) (err error) {
		if err := checkVersion("index manifest", w.Version, indexManifestVersion); err != nil {
			return err
		}
		if w.Kind != int32(KindAdd) && w.Kind != int32(KindDelete) {
			return fmt.Errorf("entry kind %d is unknown", w.Kind)
		}
		e := IndexManifestEntry{Kind: int8(w.Kind), Bucket: int(w.Bucket), File: IndexFileMeta{
			IndexType: w.IndexType, FileName: w.FileName, FileSize: w.FileSize, RowCount: w.RowCount,
			ExternalPath: w.ExternalPath,
		}}
		if e.Partition, _, err = stripArity(w.Partition); err != nil {
			return fmt.Errorf("partition: %w", err)
		}
		if w.Deletions != nil {
			e.File.Deletions = make([]DeletionRange, 0, len(w.Deletions))
			for _, d := range w.Deletions {
				if d == nil {
					return fmt.Errorf("file %s: a deletion vector range is null", w.FileName)
				}
				e.File.Deletions = append(e.File.Deletions, DeletionRange(*d))
			}
		}
		if w.GlobalIndex != nil {
			g := GlobalIndexMeta(*w.GlobalIndex)
			e.File.GlobalIndex = &g
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("decode index manifest: %w", err)
	}
	return out, nil
}
