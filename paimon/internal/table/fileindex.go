package table

import (
	"context"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/spec"
)

// indexes says which indexes the table's options ask for.
func (t *Table) indexes() (datafile.IndexOptions, error) {
	specs, err := fileindex.Parse(t.Raw)
	return datafile.IndexOptions{Specs: specs, Embed: t.Options.Files.IndexEmbedSize}, err
}

// openExtra opens an extra file of a data file and gives its path.
func (t *Table) openExtra(ctx context.Context, partition []byte, bucket int, f *spec.DataFileMeta, name string) (fileio.Reader, string, error) {
	dir, err := t.Parts.Path(partition)
	if err != nil {
		return nil, "", err
	}
	path := datafile.NewPaths(t.PathOptions(), dir, bucket).ExtraFile(f, name)
	in, err := t.Store.Open(ctx, path)
	return in, path, err
}
