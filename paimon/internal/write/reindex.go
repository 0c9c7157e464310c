package write

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Reindex makes the indexes that the table's options ask for anew for the live
// files of a snapshot: each becomes itself with other indexes, as a compaction.
// The table must be under its newest schema. Undo drops what was made.
// Source: org.apache.paimon.index.FileIndexProcessor.
type Reindex struct {
	t     *table.Table
	specs []fileindex.Spec
	made  [][]string // index files written, by bucket
}

// NewReindex reads the table's options.
func NewReindex(t *table.Table) (*Reindex, error) {
	if err := t.CheckWritable(); err != nil {
		return nil, err
	}
	specs, err := fileindex.Parse(t.Raw)
	return &Reindex{t: t, specs: specs}, err
}

// Run gives the messages to commit, one for each bucket.
func (x *Reindex) Run(ctx context.Context, snap *spec.Snapshot, partition func([]byte) bool) ([]spec.CommitMessage, error) {
	buckets, err := x.t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true, Partition: partition})
	if err != nil {
		return nil, err
	}
	out := make([]spec.CommitMessage, len(buckets))
	x.made = make([][]string, len(buckets))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range buckets {
		g.Go(func() (err error) {
			out[i], x.made[i], err = x.bucket(ctx, &buckets[i])
			return err
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(out, func(m spec.CommitMessage) bool { return m.Empty() }), err
}

// Undo deletes the index files that were written.
func (x *Reindex) Undo(ctx context.Context) {
	_ = x.t.Store.Delete(ctx, slices.Concat(x.made...)...) // what stays is an orphan
}

func (x *Reindex) bucket(ctx context.Context, b *scan.Split) (m spec.CommitMessage, made []string, err error) {
	m = spec.CommitMessage{Partition: b.Partition, Bucket: b.Bucket, TotalBuckets: b.TotalBuckets}
	files, err := x.t.Files(b.Partition, b.Bucket, nil)
	if err != nil {
		return m, nil, err
	}
	for i := range b.Files {
		old := &b.Files[i]
		name, err := scan.IndexFile(old)
		if err != nil {
			return m, made, err
		}
		raw, err := x.file(ctx, files, b.Partition, old)
		if err != nil {
			return m, made, fmt.Errorf("index data file %s: %w", old.FileName, err)
		}
		file := *old
		file.EmbeddedIndex = nil
		file.ExtraFiles = slices.DeleteFunc(slices.Clone(old.ExtraFiles), func(n string) bool { return n == name })
		switch {
		case raw == nil && name == "" && old.EmbeddedIndex == nil:
			continue // nothing to do
		case int64(len(raw)) <= x.t.Options.Files.IndexEmbedSize:
			file.EmbeddedIndex = raw
		default:
			next := nextIndexFile(file.FileName, name)
			path := files.ExtraPath(old, next)
			if err := x.put(ctx, path, raw); err != nil {
				return m, made, err
			}
			made, file.ExtraFiles = append(made, path), append(file.ExtraFiles, next)
		}
		m.CompactBefore, m.CompactAfter = append(m.CompactBefore, *old), append(m.CompactAfter, file)
	}
	return m, made, nil
}

// nextIndexFile names the index file that comes after the one called old, if
// there is one: "f.index", "f-1.index", "f-2.index".
// Source: org.apache.paimon.io.DataFilePathFactory.createNewFileIndexFilePath.
func nextIndexFile(file, old string) string {
	if old == "" {
		return file + datafile.IndexSuffix
	}
	base := strings.TrimSuffix(old, datafile.IndexSuffix)
	if dash := strings.LastIndexByte(base, '-'); dash >= 0 {
		if n, err := strconv.Atoi(base[dash+1:]); err == nil {
			return fmt.Sprintf("%s-%d%s", base[:dash], n+1, datafile.IndexSuffix)
		}
	}
	return base + "-1" + datafile.IndexSuffix
}

func (x *Reindex) put(ctx context.Context, path string, raw []byte) error {
	out, err := x.t.Store.Create(ctx, path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if _, err := out.Write(raw); err != nil {
		out.Abort()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return out.Close()
}

// file reads a file under its own schema and gives its indexes; nil when no
// column has one. Rows count by their number, deleted ones too.
func (x *Reindex) file(ctx context.Context, files *table.BucketFiles, partition []byte, f *spec.DataFileMeta) ([]byte, error) {
	fields, err := x.t.SchemaFields(f.SchemaID)
	if err != nil {
		return nil, err
	}
	specs, columns := x.specsOf(fields)
	if len(specs) == 0 {
		return nil, nil
	}
	projected := make([]types.Field, len(columns))
	for i, c := range columns {
		projected[i] = fields[c]
	}
	b, err := fileindex.NewBuilder(specs, projected)
	if err != nil {
		return nil, err
	}
	o := files.RowReadOptions(columns)
	o.Fields = fields
	if o.Partition, err = x.partition(partition, fields); err != nil {
		return nil, err
	}
	r, err := datafile.OpenRows(ctx, o, files.Path(f), f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		rows, err := r.Next()
		if err == io.EOF {
			return fileindex.Encode(b.Payloads()), nil
		}
		if err != nil {
			return nil, err
		}
		err = b.Write(rows.Columns())
		rows.Release()
		if err != nil {
			return nil, err
		}
	}
}

// specsOf gives the indexes under the names that a file's schema has for the
// columns, and the positions of those.
func (x *Reindex) specsOf(file []types.Field) (specs []fileindex.Spec, columns []int) {
	for _, s := range x.specs {
		now, _ := x.t.Schema.Field(s.Column)
		at := slices.IndexFunc(file, func(f types.Field) bool { return f.ID == now.ID })
		if at < 0 {
			continue
		}
		s.Column = file[at].Name
		specs = append(specs, s)
		if !slices.Contains(columns, at) {
			columns = append(columns, at)
		}
	}
	return specs, columns
}

// partition gives the values of the partition columns by their positions in a
// file's schema.
func (x *Reindex) partition(row []byte, file []types.Field) (map[int]arrow.Array, error) {
	now, err := x.t.PartitionColumns(row)
	if err != nil {
		return nil, err
	}
	out := map[int]arrow.Array{}
	for at, v := range now {
		if i := slices.IndexFunc(file, func(f types.Field) bool { return f.ID == x.t.Schema.Fields[at].ID }); i >= 0 {
			out[i] = v
		}
	}
	return out, nil
}
