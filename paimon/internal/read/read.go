// Package read turns splits into batches of table rows.
package read

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/fileindex"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// Reader yields batches. Next gives io.EOF at the end; the caller releases the
// rows. A Reader serves one goroutine.
type Reader interface {
	Next() (columnar.Batch, error)
	Close()
}

// Located is an extra power of readers: they tell where rows lie.
type Located interface {
	// Location gives the data file of the last batch and the number, in the
	// file, of its row i.
	Location(i int) (file string, row int64)
}

// Mode says how the files of a split are read.
type Mode int8

const (
	// State merges versions and drops deleted rows: a batch read.
	State Mode = iota
	// Changes gives the records of the files as they are, with their kinds.
	Changes
	// StateWithDeletes is State with the kinds of rows: keys whose newest
	// version is a delete come too.
	StateWithDeletes
)

// Open reads a split; columns are positions in the table's schema (nil: all).
func Open(ctx context.Context, t *table.Table, s scan.Split, columns []int, mode Mode) (Reader, error) {
	if s.Changes {
		mode = Changes
	}
	switch {
	case t.Options.DataEvolution:
		return openEvolution(ctx, t, s, columns)
	case len(s.Before) > 0 && t.Keyed():
		return openDiff(ctx, t, s, columns)
	case !t.Keyed(), s.Raw && mode == State: // nothing to merge: keys are not looked at
		return openRows(ctx, t, s, columns)
	case mode == Changes:
		files, err := bucketFiles(t, s, columns)
		if err != nil {
			return nil, err
		}
		return &changeReader{ctx: ctx, files: files, metas: s.Files}, nil
	}
	return openMerge(ctx, t, s, columns, mode == StateWithDeletes)
}

func bucketFiles(t *table.Table, s scan.Split, columns []int) (*table.BucketFiles, error) {
	files, err := t.Files(s.Partition, s.Bucket, columns)
	if err != nil || len(s.Deletions) == 0 {
		return files, err
	}
	return files.WithDeletions(t.Deletions(s.Deletions)), nil
}

// changeReader reads keyed files one after the other, with the kinds of their rows.
type changeReader struct {
	ctx   context.Context
	files *table.BucketFiles
	metas []spec.DataFileMeta
	cur   lsm.Stream
}

func (r *changeReader) Next() (columnar.Batch, error) {
	for {
		if r.cur == nil {
			if len(r.metas) == 0 {
				return columnar.Batch{}, io.EOF
			}
			s, err := r.files.Open(r.ctx, &r.metas[0], lsm.OpenOptions{})
			if err != nil {
				return columnar.Batch{}, err
			}
			r.cur, r.metas = s, r.metas[1:]
		}
		kv, err := r.cur.Next()
		if err == io.EOF {
			r.Close()
			continue
		}
		if err != nil {
			return columnar.Batch{}, err
		}
		return columnar.Batch{Rows: kv.Rows, Kinds: kv.Kinds}, nil
	}
}

func (r *changeReader) Close() {
	if r.cur != nil {
		_ = r.cur.Close()
		r.cur = nil
	}
}

// openMerge merges the files of a bucket.
func openMerge(ctx context.Context, t *table.Table, s scan.Split, columns []int, deletes bool) (Reader, error) {
	o, read, err := t.ReadOptions(columns)
	if err != nil {
		return nil, err
	}
	files, err := bucketFiles(t, s, read)
	if err != nil {
		return nil, err
	}
	o.DropDeletes = !deletes
	merged, err := lsm.NewReader(ctx, files, s.Files, o)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name, err)
	}
	return mergeReader{merged, deletes}, nil
}

type mergeReader struct {
	*lsm.Reader
	kinds bool
}

func (r mergeReader) Next() (columnar.Batch, error) {
	kv, err := r.Reader.Next()
	if err != nil {
		return columnar.Batch{}, err
	}
	if r.kinds {
		return columnar.Batch{Rows: kv.Rows, Kinds: kv.Kinds}, nil
	}
	return columnar.Batch{Rows: kv.Rows}, nil
}

func (r mergeReader) Close() { _ = r.Reader.Close() }

// openRows reads files whose rows are the table's, as they are.
func openRows(ctx context.Context, t *table.Table, s scan.Split, columns []int) (Reader, error) {
	files, err := bucketFiles(t, s, nil)
	if err != nil {
		return nil, err
	}
	return &rowReader{ctx: ctx, files: files, o: files.RowReadOptions(columns), metas: slices.Clone(s.Files), selected: s.Selected}, nil
}

type rowReader struct {
	ctx   context.Context
	files *table.BucketFiles
	o     datafile.RowReadOptions
	metas []spec.DataFileMeta
	cur   *datafile.RowReader
	file  string // that cur reads
	// rows of files that may be wanted
	selected map[string]*fileindex.Rows
}

func (r *rowReader) Next() (columnar.Batch, error) {
	for {
		if r.cur == nil {
			if len(r.metas) == 0 {
				return columnar.Batch{}, io.EOF
			}
			r.o.Selected = r.selected[r.metas[0].FileName]
			cur, err := r.files.OpenRows(r.ctx, r.o, &r.metas[0])
			if err != nil {
				return columnar.Batch{}, err
			}
			r.cur, r.file, r.metas = cur, r.metas[0].FileName, r.metas[1:]
		}
		rows, err := r.cur.Next()
		if err == io.EOF {
			r.Close()
			continue
		}
		return columnar.Batch{Rows: rows}, err
	}
}

// Location implements Located.
func (r *rowReader) Location(i int) (string, int64) { return r.file, r.cur.RowAt(i) }

func (r *rowReader) Close() {
	if r.cur != nil {
		_ = r.cur.Close()
		r.cur = nil
	}
}
