package paimon

import (
	"context"
	"errors"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/spec"
)

// RemoveUnexistingFiles takes data files that the newest snapshot names, and
// that storage has lost, out of the table, so that the rest reads again; it
// gives their paths. The rows in them are lost. dry only looks.
// Source: org.apache.paimon.flink.action.RemoveUnexistingFilesAction.
func (t *Table) RemoveUnexistingFiles(ctx context.Context, dry bool) ([]string, error) {
	snap, err := t.LatestSnapshot(ctx)
	if snap == nil || err != nil {
		return nil, t.versionError("remove unexisting files of", err)
	}
	live, err := t.t.Scanner.Live(ctx, snap, scan.Request{})
	if err != nil {
		return nil, t.versionError("remove unexisting files of", err)
	}
	var paths []string
	var messages []CommitMessage
	for i := range live {
		lost, at, err := t.unexisting(ctx, &live[i])
		if err != nil {
			return nil, t.versionError("remove unexisting files of", err)
		}
		if len(lost) > 0 {
			paths = append(paths, at...)
			messages = append(messages, CommitMessage{Partition: live[i].Partition, Bucket: live[i].Bucket, TotalBuckets: live[i].TotalBuckets, DeletedFiles: lost})
		}
	}
	slices.Sort(paths)
	if dry || len(messages) == 0 {
		return paths, nil
	}
	if files, err := t.t.Scanner.DeletionFiles(ctx, snap); err != nil || len(files) > 0 {
		if err == nil {
			err = errs.Unsupported("files of a table with deletion vectors, which name files too; %d files are lost, among them %s", len(paths), paths[0])
		}
		return nil, t.versionError("remove unexisting files of", err)
	}
	_, err = t.NewCommitter("").Commit(ctx, Commit{Identifier: spec.BatchIdentifier, Messages: messages})
	if err != nil {
		return nil, t.versionError("remove unexisting files of", err)
	}
	return paths, nil
}

// unexisting gives the files of a bucket that are not there, and their paths.
func (t *Table) unexisting(ctx context.Context, s *Split) (lost []spec.DataFileMeta, paths []string, err error) {
	files, err := t.t.Files(s.Partition, s.Bucket, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := range s.Files {
		path := files.Path(&s.Files[i])
		if _, err := t.t.Store.Stat(ctx, path); errors.Is(err, errs.ErrNotFound) {
			lost, paths = append(lost, s.Files[i]), append(paths, path)
		} else if err != nil {
			return nil, nil, err
		}
	}
	return lost, paths, nil
}
