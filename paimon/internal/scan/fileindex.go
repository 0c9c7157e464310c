package scan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// useIndexes leaves out the files, and notes the rows of files, that file
// indexes rule out. Files that have to be merged go only all together: a row
// that does not satisfy the filter may hide an older one that does; and not at
// all where the engine makes rows that no file has.
//
// Indexes that lie beside files are read here as well, so that engines which
// read files by themselves gain from them; in one process nothing is lost by it.
// Sources: AppendOnlyFileStoreScan, KeyValueFileStoreScan, FileIndexEvaluator.
func (s *Scanner) useIndexes(ctx context.Context, splits []Split, f predicate.Filter) ([]Split, error) {
	f = f.Keep(func(l *predicate.Leaf) bool { return !slices.Contains(s.Schema.PartitionKeys, l.Column) })
	if len(f) == 0 || !s.Options.Scan.FileIndexRead || s.Options.DataEvolution {
		return splits, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for i := range splits {
		if sp := &splits[i]; sp.Raw || s.Options.MergeEngine == options.Deduplicate || s.Options.MergeEngine == options.FirstRow {
			g.Go(func() error { return s.indexSplit(ctx, sp, f) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("use file indexes: %w", err)
	}
	return slices.DeleteFunc(splits, func(sp Split) bool { return len(sp.Files) == 0 }), nil
}

func (s *Scanner) indexSplit(ctx context.Context, sp *Split, f predicate.Filter) error {
	var keep []spec.DataFileMeta
	for i := range sp.Files {
		file := &sp.Files[i]
		rows, err := s.indexedRows(ctx, sp, file, f)
		if err != nil {
			return err
		}
		if rows != nil && rows.Empty() {
			continue
		}
		if !sp.Raw {
			return nil
		}
		keep = append(keep, *file)
		if rows != nil && int64(rows.Count()) < file.RowCount {
			if sp.Selected == nil {
				sp.Selected = map[string]*fileindex.Rows{}
			}
			sp.Selected[file.FileName] = rows
		}
	}
	sp.Files = keep
	return nil
}

// indexedRows gives the rows of a file that may satisfy the filter; nil when its
// indexes, if it has any, do not tell.
func (s *Scanner) indexedRows(ctx context.Context, sp *Split, file *spec.DataFileMeta, f predicate.Filter) (*fileindex.Rows, error) {
	if file.EmbeddedIndex != nil {
		where := "manifest entry of data file " + file.FileName
		return s.selectRows(bytes.NewReader(file.EmbeddedIndex), int64(len(file.EmbeddedIndex)), where, file, f)
	}
	name, err := IndexFile(file)
	if name == "" || err != nil {
		return nil, err
	}
	in, path, err := s.OpenExtra(ctx, sp.Partition, sp.Bucket, file, name)
	if err != nil {
		return nil, fmt.Errorf("index of data file %s: %w", file.FileName, err)
	}
	defer in.Close()
	return s.selectRows(in, in.Size(), path, file, f)
}

// IndexFile gives the name of the index file among a data file's extra files;
// "" when there is none.
func IndexFile(file *spec.DataFileMeta) (string, error) {
	var names []string
	for _, x := range file.ExtraFiles {
		if strings.HasSuffix(x, ".index") {
			names = append(names, x)
		}
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return names[0], nil
	}
	return "", errs.Corrupt(file.FileName, "found more than one index file for one data file: %s", strings.Join(names, " and "))
}

func (s *Scanner) selectRows(in io.ReaderAt, size int64, where string, file *spec.DataFileMeta, f predicate.Filter) (*fileindex.Rows, error) {
	fields, err := s.SchemaFields(file.SchemaID)
	if err != nil {
		return nil, fmt.Errorf("data file %s: schema %d: %w", file.FileName, file.SchemaID, err)
	}
	c, err := fileindex.Open(in, size)
	if err == nil {
		var rows *fileindex.Rows
		if rows, err = c.Select(f, file.RowCount, func(column string) (types.Field, bool) { return s.columnOf(fields, column) }); err == nil {
			return rows, nil
		}
	}
	return nil, errs.Corrupt(where, "%w", err)
}

// columnOf finds a column of the table in a file's schema, by its id; not one
// whose type has changed since: literals are of the new one.
func (s *Scanner) columnOf(file []types.Field, column string) (types.Field, bool) {
	now, ok := s.Schema.Field(column)
	if !ok {
		return types.Field{}, false
	}
	at := slices.IndexFunc(file, func(f types.Field) bool { return f.ID == now.ID })
	if at < 0 || !file[at].Type.EqualIgnoringNull(now.Type) {
		return types.Field{}, false
	}
	return file[at], true
}
