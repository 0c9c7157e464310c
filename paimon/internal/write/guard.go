package write

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// compaction is one compaction of a bucket.
type compaction struct {
	bucket    bucketID
	unit      lsm.Unit
	own       []spec.DataFileMeta // files that are not committed yet
	overwrite bool                // the bucket's files replace a partition
}

// compactUnit compacts files of one bucket. It refuses files of a newer schema
// with other columns: rewriting them under this one would drop values.
func compactUnit(ctx context.Context, t *table.Table, read lsm.ReadOptions, files *table.BucketFiles, levels *lsm.Levels, j compaction) (lsm.CompactResult, error) {
	for _, f := range j.unit.Files {
		if err := checkSchema(t, &f.DataFileMeta); err != nil {
			return lsm.CompactResult{}, err
		}
	}
	c, err := newCompactor(t, read, files, levels.MaxLevel(), j.overwrite)
	if err != nil {
		return lsm.CompactResult{}, err
	}
	r, err := c.Compact(ctx, levels, j.unit)
	if errors.Is(err, errs.ErrNotFound) && j.replaced(ctx, t) {
		err = &errs.ConflictError{Table: t.Name, Detail: "another job compacted or overwrote files that this one was compacting, and they have been deleted since: " + err.Error()}
	}
	return r, err
}

// checkSchema refuses a file of a newer schema with other columns.
func checkSchema(t *table.Table, f *spec.DataFileMeta) error {
	if f.SchemaID <= t.Schema.ID {
		return nil
	}
	fields, err := t.SchemaFields(f.SchemaID)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(fields, t.Schema.Fields, sameField) {
		return errs.Invalid("file %s has schema %d, whose columns are not those of schema %d that the table was opened with: open the table again (start the job again)", f.FileName, f.SchemaID, t.Schema.ID)
	}
	return nil
}

func sameField(a, b types.Field) bool { return a.ID == b.ID && a.Type.EqualIgnoringNull(b.Type) }

// replaced reports whether the newest snapshot lacks some of the files.
func (j *compaction) replaced(ctx context.Context, t *table.Table) bool {
	files := make([]spec.DataFileMeta, len(j.unit.Files))
	for i, f := range j.unit.Files {
		files[i] = f.DataFileMeta
	}
	return replaced(ctx, t, j.bucket, files, j.own)
}

// replaced reports whether the newest snapshot lacks some of a bucket's files;
// own are those that are not committed yet.
func replaced(ctx context.Context, t *table.Table, id bucketID, files, own []spec.DataFileMeta) bool {
	snap, err := t.History.Snapshots.Latest(ctx)
	if err != nil {
		return false
	}
	number := int(id.bucket)
	splits, err := t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true, Bucket: &number, Partition: func(row []byte) bool { return bytes.Equal(row, []byte(id.partition)) }})
	if err != nil {
		return false
	}
	live := map[string]bool{}
	for _, s := range splits {
		for i := range s.Files {
			live[s.Files[i].FileName] = true
		}
	}
	for i := range own {
		live[own[i].FileName] = true
	}
	return slices.ContainsFunc(files, func(f spec.DataFileMeta) bool { return !live[f.FileName] })
}
