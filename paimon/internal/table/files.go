package table

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// BucketFiles opens and writes the keyed data files of one bucket; it is how
// the LSM tree reaches storage.
type BucketFiles struct {
	t         *Table
	partition []byte
	bucket    int
	paths     *datafile.Paths
	parts     map[int]arrow.Array
	read      datafile.KVReadOptions
	dead      deletion.Source // nil: no file has deleted rows
}

var _ lsm.Files = (*BucketFiles)(nil)

// Files gives the files of a bucket with only some value columns (nil: all).
func (t *Table) Files(partition []byte, bucket int, columns []int) (*BucketFiles, error) {
	dir, err := t.Parts.Path(partition)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	parts, err := t.PartitionColumns(partition)
	if err != nil {
		return nil, err
	}
	return &BucketFiles{t: t, partition: partition, bucket: bucket, paths: datafile.NewPaths(t.PathOptions(), dir, bucket), parts: parts, read: datafile.KVReadOptions{
		Store: t.Store, Formats: t.formats, Fields: t.Schema.Fields, KeyFields: t.KeyAt, Columns: columns, SequenceFields: t.SeqAt,
		SequenceDescending: t.Options.SequenceDescending, Partition: parts, SchemaFields: t.SchemaFields, Params: t.Raw,
	}}, nil
}

// WithDeletions gives the same files without the rows that are deleted; nil
// for none.
func (b *BucketFiles) WithDeletions(dead deletion.Source) *BucketFiles {
	out := *b
	out.dead = dead
	return &out
}

// deleted gives the rows of a file that do not count.
func (b *BucketFiles) deleted(ctx context.Context, f *spec.DataFileMeta) (*deletion.Vector, error) {
	if b.dead == nil {
		return nil, nil
	}
	return b.dead.Vector(ctx, f.FileName)
}

// Path gives the path of a data file in the store.
func (b *BucketFiles) Path(f *spec.DataFileMeta) string { return b.paths.DataFile(f) }

// ExtraPath gives the path of an extra file of a data file.
func (b *BucketFiles) ExtraPath(f *spec.DataFileMeta, name string) string {
	return b.paths.ExtraFile(f, name)
}

// Partition gives the values of the partition columns.
func (b *BucketFiles) Partition() map[int]arrow.Array { return b.parts }

// Open implements lsm.Files.
func (b *BucketFiles) Open(ctx context.Context, f *spec.DataFileMeta, o lsm.OpenOptions) (lsm.Stream, error) {
	read := b.read
	read.BatchRows = o.BatchRows
	if o.KeysOnly {
		read.Columns = []int{}
	}
	var err error
	if read.Deleted, err = b.deleted(ctx, f); err != nil {
		return nil, err
	}
	return datafile.OpenKV(ctx, read, b.paths.DataFile(f), f)
}

// OpenRows reads the rows of a file whose keys are not looked at; o is what
// RowReadOptions gave.
func (b *BucketFiles) OpenRows(ctx context.Context, o datafile.RowReadOptions, f *spec.DataFileMeta) (*datafile.RowReader, error) {
	var err error
	if o.Deleted, err = b.deleted(ctx, f); err != nil {
		return nil, err
	}
	return datafile.OpenRows(ctx, o, b.paths.DataFile(f), f)
}

// NewWriter implements lsm.Files.
func (b *BucketFiles) NewWriter(ctx context.Context, level int, source int8) lsm.Writer {
	return b.writer(ctx, level, source, b.t.Options.DataForm(level), false)
}

// NewChangelogWriter implements lsm.Files.
func (b *BucketFiles) NewChangelogWriter(ctx context.Context, level int) lsm.Writer {
	return b.writer(ctx, 0, spec.SourceAppend, b.t.Options.ChangelogForm(level), true)
}

func (b *BucketFiles) writer(ctx context.Context, level int, source int8, form options.FileForm, changelog bool) lsm.Writer {
	t := b.t
	f := t.Options.Files
	o := datafile.KVWriterOptions{
		Store: t.Store, Paths: b.paths, Formats: t.formats, Format: form.Format, Fields: t.Schema.Fields, KeyFields: t.KeyAt,
		SchemaID: t.Schema.ID, Level: level, Source: source, Changelog: changelog, ThinMode: f.ThinMode, TargetFileSize: f.TargetSize,
		Stats: t.stats(),
	}
	var err error
	if o.Indexes, err = t.indexes(); err != nil {
		return failed{err}
	}
	o.Stats.Mode = form.StatsMode
	o.Write.Compression, o.Write.Level, o.Write.BlockBytes, o.Write.Params = form.Compression, f.ZstdLevel, f.BlockSize, t.Raw
	w, err := datafile.NewKVWriter(ctx, o)
	if err != nil {
		return failed{err}
	}
	return w
}

// stats gives the statistics options of data files.
func (t *Table) stats() datafile.StatsOptions {
	f := t.Options.Files
	s := datafile.StatsOptions{Mode: f.StatsMode, FieldModes: f.FieldStats, Full: !f.StatsDense}
	if f.StatsKeepFirstN >= 0 {
		s.KeepFirst = &f.StatsKeepFirstN
	}
	return s
}

// failed is a writer that could not be made; it says so on every use.
type failed struct{ err error }

func (f failed) Write(*columnar.KV) error            { return f.err }
func (f failed) Close() ([]spec.DataFileMeta, error) { return nil, f.err }
func (f failed) Abort()                              {}

// Delete implements lsm.Files.
func (b *BucketFiles) Delete(ctx context.Context, files ...spec.DataFileMeta) error {
	var paths []string
	for i := range files {
		paths = append(paths, b.paths.DataFile(&files[i]))
		for _, extra := range files[i].ExtraFiles {
			paths = append(paths, b.paths.ExtraFile(&files[i], extra))
		}
	}
	return b.t.Store.Delete(ctx, paths...)
}

// DeleteIndex removes index files of the bucket that no snapshot refers to.
func (b *BucketFiles) DeleteIndex(ctx context.Context, files ...spec.IndexFileMeta) error {
	var paths []string
	for i := range files {
		p, err := b.t.IndexPath(b.partition, b.bucket, &files[i])
		if err != nil {
			return err
		}
		paths = append(paths, p)
	}
	return b.t.Store.Delete(ctx, paths...)
}

// RowReadOptions gives the options for files without keys.
func (b *BucketFiles) RowReadOptions(columns []int) datafile.RowReadOptions {
	return datafile.RowReadOptions{Store: b.t.Store, Formats: b.t.formats, Fields: b.t.Schema.Fields, Columns: columns, Partition: b.parts, SchemaFields: b.t.SchemaFields, Params: b.t.Raw}
}

// RowWriter starts files of an append table.
func (b *BucketFiles) RowWriter(ctx context.Context, first int64, source int8) (*datafile.RowWriter, error) {
	t, f := b.t, b.t.Options.Files
	o := datafile.RowWriterOptions{Store: t.Store, Paths: b.paths, Formats: t.formats, Format: f.Format, Fields: t.Schema.Fields,
		SchemaID: t.Schema.ID, FirstSequence: first, Source: source, TargetFileSize: f.TargetSize, Stats: t.stats()}
	var err error
	if o.Indexes, err = t.indexes(); err != nil {
		return nil, err
	}
	o.Write.Compression, o.Write.Level, o.Write.BlockBytes, o.Write.Params = f.Compression, f.ZstdLevel, f.BlockSize, t.Raw
	return datafile.NewRowWriter(ctx, o)
}
