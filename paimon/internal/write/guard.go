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
		if f.SchemaID <= t.Schema.ID {
			continue
		}
		fields, err := t.SchemaFields(f.SchemaID)
		if err != nil {
			return lsm.CompactResult{}, err
		}
		if !slices.EqualFunc(fields, t.Schema.Fields, sameField) {
			return lsm.CompactResult{}, errs.Invalid("file %s has schema %d, whose columns are not those of schema %d that the table was opened with: open the table again (start the job again)", f.FileName, f.SchemaID, t.Schema.ID)
		}
	}
	r, err := newCompactor(t, read, files, levels.MaxLevel(), j.overwrite).Compact(ctx, levels, j.unit)
	if errors.Is(err, errs.ErrNotFound) && j.replaced(ctx, t) {
		err = &errs.ConflictError{Table: t.Name, Detail: "another job compacted or overwrote files that this one was compacting, and they have been deleted since: " + err.Error()}
	}
	return r, err
}

func sameField(a, b types.Field) bool { return a.ID == b.ID && a.Type.EqualIgnoringNull(b.Type) }

// replaced reports whether the newest snapshot lacks some of the files.
func (j *compaction) replaced(ctx context.Context, t *table.Table) bool {
	snap, err := t.History.Snapshots.Latest(ctx)
	if err != nil {
		return false
	}
	number := int(j.bucket.bucket)
	splits, err := t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true, Bucket: &number, Partition: func(row []byte) bool { return bytes.Equal(row, []byte(j.bucket.partition)) }})
	if err != nil {
		return false
	}
	live := map[string]bool{}
	for _, s := range splits {
		for i := range s.Files {
			live[s.Files[i].FileName] = true
		}
	}
	for i := range j.own {
		live[j.own[i].FileName] = true
	}
	return slices.ContainsFunc(j.unit.Files, func(f *lsm.File) bool { return !live[f.FileName] })
}
