package datafile

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/internal/fileindex"
)

// IndexSuffix ends the names of index files, which lie beside data files.
const IndexSuffix = ".index"

// IndexOptions says which indexes data files get.
type IndexOptions struct {
	Specs []fileindex.Spec
	// Embed is the size in bytes up to which the indexes of a file lie in its
	// manifest entry. Table option "file-index.in-manifest-threshold".
	Embed int64
}

// openIndex starts the indexes of a new file.
func (f *files) openIndex() (err error) {
	f.extra, f.embedded, f.index = []string{}, nil, nil
	if len(f.indexes.Specs) > 0 {
		f.index, err = fileindex.NewBuilder(f.indexes.Specs, f.indexFields)
	}
	return err
}

func (f *files) indexRows(b arrow.RecordBatch) error {
	if f.index == nil {
		return nil
	}
	columns := b.Columns()
	if err := f.index.Write(columns[len(columns)-len(f.indexFields):]); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// closeIndex puts the indexes of the file where they belong.
// Source: org.apache.paimon.io.DataFileIndexWriter.close.
func (f *files) closeIndex() error {
	if f.index == nil {
		return nil
	}
	raw := fileindex.Encode(f.index.Payloads())
	f.index = nil
	if int64(len(raw)) <= f.indexes.Embed {
		f.embedded = raw
		return nil
	}
	path := f.path + IndexSuffix
	out, err := f.store.Create(f.ctx, path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if _, err := out.Write(raw); err != nil {
		out.Abort()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f.done, f.extra = append(f.done, path), []string{f.file + IndexSuffix}
	return nil
}
