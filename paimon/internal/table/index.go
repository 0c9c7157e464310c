package table

import (
	"fmt"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/spec"
)

// IndexDir gives the directory of a bucket's index files: that of the table,
// or with 'index-file-in-data-file-dir' that of the data files.
// Source: org.apache.paimon.utils.FileStorePathFactory.indexFileFactory.
func (t *Table) IndexDir(partition []byte, bucket int) (string, error) {
	if !t.Options.Files.IndexInDataDir {
		return fileio.Join(t.Dir, "index"), nil
	}
	dir, err := t.Parts.Path(partition)
	if err != nil {
		return "", fmt.Errorf("table %s: %w", t.Name, err)
	}
	return t.PathOptions().BucketDir(dir, bucket), nil
}

// IndexPath gives the path of an index file of a bucket.
func (t *Table) IndexPath(partition []byte, bucket int, f *spec.IndexFileMeta) (string, error) {
	if f.ExternalPath != nil {
		return *f.ExternalPath, nil
	}
	dir, err := t.IndexDir(partition, bucket)
	return fileio.Join(dir, f.FileName), err
}

// DeletionFiles gives what one writer writes deletion vectors with.
func (t *Table) DeletionFiles() *deletion.Files {
	o := t.Options.DeletionVectors
	return &deletion.Files{Store: t.Store, Cache: t.vectors, Wide: o.Bitmap64, Several: !t.Keyed() && t.Options.Bucket == -1, TargetSize: o.TargetSize, Path: t.IndexPath}
}

// Deletions gives the vectors at these locations; nil where there are none.
func (t *Table) Deletions(at map[string]deletion.Location) deletion.Source {
	if len(at) == 0 {
		return nil
	}
	return deletion.NewSet(t.Store, t.vectors, at)
}
