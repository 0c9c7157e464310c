package read

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
)

// openDiff compares two versions of a bucket: both are merged, which gives them
// by key, and walked side by side. Rows come that only the newer one has, or
// has with other values in any column.
// Source: org.apache.paimon.table.source.splitread.IncrementalDiffSplitRead.
func openDiff(ctx context.Context, t *table.Table, s scan.Split, columns []int) (Reader, error) {
	o, _, err := t.ReadOptions(nil)
	if err != nil {
		return nil, err
	}
	files, err := bucketFiles(t, s, nil)
	if err != nil {
		return nil, err
	}
	old := s
	old.Deletions = s.BeforeDeletions
	oldFiles, err := bucketFiles(t, old, nil)
	if err != nil {
		return nil, err
	}
	o.DropDeletes, o.Keys = true, true
	after, err := lsm.NewReader(ctx, files, s.Files, o)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.Name, err)
	}
	before, err := lsm.NewReader(ctx, oldFiles, s.Before, o)
	if err != nil {
		_ = after.Close()
		return nil, fmt.Errorf("read table %s: %w", t.Name, err)
	}
	return &diffReader{after: after, before: before, columns: columns}, nil
}

type diffReader struct {
	after, before *lsm.Reader
	columns       []int
	old           *columnar.KV // batch of before; nil: none yet
	at            int          // row of old that comes next
	done          bool         // before is at its end
	refs          []columnar.Ref
}

func (r *diffReader) Next() (columnar.Batch, error) {
	for {
		b, err := r.after.Next()
		if err != nil {
			return columnar.Batch{}, err
		}
		rows, err := r.changed(b)
		b.Release()
		if rows != nil || err != nil {
			return columnar.Batch{Rows: rows}, err
		}
	}
}

// changed gives the rows of b that before has not; nil for none.
func (r *diffReader) changed(b *columnar.KV) (arrow.RecordBatch, error) {
	r.refs = r.refs[:0]
	for i := range b.Len() {
		same, err := r.known(b, i)
		if err != nil {
			return nil, err
		}
		if !same {
			r.refs = append(r.refs, columnar.Ref{Row: int32(i)})
		}
	}
	if len(r.refs) == 0 {
		return nil, nil
	}
	rows := b.Rows
	if r.columns != nil {
		rows = project(rows, r.columns)
		defer rows.Release()
	}
	if len(r.refs) == b.Len() {
		rows.Retain()
		return rows, nil
	}
	return columnar.GatherBatch(memory.DefaultAllocator, rows.Schema(), []arrow.RecordBatch{rows}, r.refs)
}

// known reports whether before has row i of b, as it is.
func (r *diffReader) known(b *columnar.KV, i int) (bool, error) {
	for {
		if r.old == nil || r.at == r.old.Len() {
			if ok, err := r.advance(); !ok {
				return false, err
			}
		}
		switch c := columnar.Compare(r.old.Keys, r.at, b.Keys, i); {
		case c < 0:
			r.at++
			continue
		case c > 0:
			return false, nil
		}
		for col := range int(b.Rows.NumCols()) {
			if !columnar.EqualRows(b.Rows.Column(col), i, r.old.Rows.Column(col), r.at) {
				return false, nil
			}
		}
		return true, nil
	}
}

// advance reads the next batch of before; false at its end.
func (r *diffReader) advance() (bool, error) {
	r.drop()
	if r.done {
		return false, nil
	}
	b, err := r.before.Next()
	if err == io.EOF {
		r.done = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.old, r.at = b, 0
	return true, nil
}

func (r *diffReader) drop() {
	if r.old != nil {
		r.old.Release()
		r.old = nil
	}
}

func (r *diffReader) Close() {
	r.drop()
	_ = r.after.Close()
	_ = r.before.Close()
}

// project gives some columns of a batch; the caller releases it.
func project(b arrow.RecordBatch, columns []int) arrow.RecordBatch {
	fields := make([]arrow.Field, len(columns))
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		fields[i], cols[i] = b.Schema().Field(c), b.Column(c)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows())
}
