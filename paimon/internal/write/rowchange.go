package write

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// RowChange deletes rows of a table without a primary key by where they lie
// and adds others, in one commit. With deletion vectors it marks the rows; else
// it writes the other rows of their files again. It serves one goroutine.
// Source: the row-level commands of Spark, with AppendDeleteFileMaintainer.
type RowChange struct {
	t      *table.Table
	o      Options
	snap   *spec.Snapshot
	writer *Writer // nil until rows are written
	dead   map[bucketID]*deadRows
}

// deadRows are the rows of one bucket that go.
type deadRows struct {
	split scan.Split // of any of them
	files map[string]*deadFile
}

type deadFile struct {
	meta spec.DataFileMeta
	rows *deletion.Vector
}

// NewRowChange starts a change of snap, which is the newest snapshot.
func NewRowChange(t *table.Table, snap *spec.Snapshot, o Options) (*RowChange, error) {
	if err := t.CheckWritable(); err != nil {
		return nil, err
	}
	if t.Keyed() {
		return nil, errs.Invalid("change rows of table %s by their place: it has a primary key; write them again with their kind", t.Name)
	}
	o.NoCompaction = true
	return &RowChange{t: t, o: o, snap: snap, dead: map[bucketID]*deadRows{}}, nil
}

// Delete deletes rows of a file of a split of the snapshot, by their numbers in
// the file; it sorts the slice. Rows that are deleted already do not count.
func (c *RowChange) Delete(s *scan.Split, file string, rows ...uint64) error {
	if len(rows) == 0 {
		return nil
	}
	id := bucketID{string(s.Partition), int32(s.Bucket)}
	b := c.dead[id]
	if b == nil {
		b = &deadRows{split: *s, files: map[string]*deadFile{}}
		c.dead[id] = b
	}
	f := b.files[file]
	if f == nil {
		at := slices.IndexFunc(s.Files, func(m spec.DataFileMeta) bool { return m.FileName == file })
		if at < 0 {
			return errs.Invalid("delete rows of table %s: file %s is not in the split", c.t.Name, file)
		}
		f = &deadFile{meta: s.Files[at]}
		b.files[file] = f
	}
	if f.rows = f.rows.With(rows...); f.rows.Max() >= f.meta.RowCount {
		return errs.Invalid("delete rows of table %s: file %s has %d rows, not one with number %d", c.t.Name, file, f.meta.RowCount, f.rows.Max())
	}
	return nil
}

// Write adds rows.
func (c *RowChange) Write(ctx context.Context, b columnar.Batch) error {
	if c.writer == nil {
		var err error
		if c.writer, err = New(ctx, c.t, c.o); err != nil {
			return err
		}
	}
	return c.writer.Write(ctx, b)
}

// Prepare writes the files and gives the commit messages. On error nothing is
// left of them.
func (c *RowChange) Prepare(ctx context.Context) (out []spec.CommitMessage, err error) {
	defer func() {
		if err != nil {
			discardAll(context.WithoutCancel(ctx), c.t, out)
			out, err = nil, fmt.Errorf("change rows of table %s: %w", c.t.Name, err)
		}
	}()
	if c.t.Options.DeletionVectors.Enabled {
		out, err = c.mark(ctx)
	} else {
		out, err = c.rewrite(ctx)
	}
	if err != nil || c.writer == nil {
		return out, err
	}
	added, err := c.writer.Prepare(ctx, true)
	return append(out, added...), err
}

// mark adds the rows to the vectors of their files.
func (c *RowChange) mark(ctx context.Context) ([]spec.CommitMessage, error) {
	indexes, err := c.t.Scanner.DeletionFiles(ctx, c.snap)
	if err != nil {
		return nil, err
	}
	files := c.t.DeletionFiles()
	var out []spec.CommitMessage
	for _, id := range c.buckets() {
		d := c.dead[id]
		b, err := deletion.OpenBucket(files, d.split.Partition, d.split.Bucket, indexes[id.scan()])
		if err != nil {
			return out, err
		}
		for name, f := range d.files {
			if err := b.Add(ctx, name, f.rows); err != nil {
				return out, err
			}
		}
		m := spec.CommitMessage{Partition: d.split.Partition, Bucket: d.split.Bucket, TotalBuckets: d.split.TotalBuckets}
		m.NewIndexFiles, m.DeletedIndexFiles, err = b.Write(ctx, nil)
		if out = append(out, m); err != nil {
			return out, err
		}
	}
	return out, nil
}

// rewrite writes the rows that stay to new files.
func (c *RowChange) rewrite(ctx context.Context) ([]spec.CommitMessage, error) {
	var out []spec.CommitMessage
	for _, id := range c.buckets() {
		d := c.dead[id]
		m := spec.CommitMessage{Partition: d.split.Partition, Bucket: d.split.Bucket, TotalBuckets: d.split.TotalBuckets}
		metas := make([]spec.DataFileMeta, 0, len(d.files))
		for _, f := range d.files {
			metas = append(metas, f.meta)
		}
		bySequence(metas)
		files, err := c.t.Files(d.split.Partition, d.split.Bucket, nil)
		if err != nil {
			return out, err
		}
		files = files.WithDeletions(d)
		for i := range metas {
			if err := checkSchema(c.t, &metas[i]); err != nil {
				return out, err
			}
			if err := c.writeKept(ctx, files, &metas[i]); err != nil {
				return out, err
			}
		}
		m.DeletedFiles = metas
		out = append(out, m)
	}
	return out, nil
}

// Vector implements deletion.Source.
func (d *deadRows) Vector(_ context.Context, dataFile string) (*deletion.Vector, error) {
	if f := d.files[dataFile]; f != nil {
		return f.rows, nil
	}
	return nil, nil
}

func (c *RowChange) writeKept(ctx context.Context, files *table.BucketFiles, f *spec.DataFileMeta) error {
	in, err := files.OpenRows(ctx, files.RowReadOptions(nil), f)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		rows, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		err = c.Write(ctx, columnar.Batch{Rows: rows})
		rows.Release()
		if err != nil {
			return err
		}
	}
}

func (c *RowChange) buckets() []bucketID {
	ids := make([]bucketID, 0, len(c.dead))
	for id := range c.dead {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, bucketID.compare)
	return ids
}

// Close drops what was not prepared.
func (c *RowChange) Close(ctx context.Context) error {
	if c.writer == nil {
		return nil
	}
	return c.writer.Close(ctx)
}
