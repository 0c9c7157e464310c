package write

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/datafile"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// rowFiles writes the files of an append table.
type rowFiles struct{ *datafile.RowWriter }

func (r rowFiles) Write(b *columnar.KV) error { return r.RowWriter.Write(b.Rows) }

// plain is how rows reach files in the order in which they come: those of
// append tables and those of postponed buckets. The first buckets of a commit
// have a file open each; the rows of the others wait in a buffer, in memory or
// spilled, until the commit is prepared, so that any number of buckets takes
// bounded memory. Source: `write-max-writers-to-spill`, `write-buffer-for-append`.
type plain struct {
	t       *table.Table
	buffer  *lsm.Buffer
	open    int    // files that are open
	arrived uint64 // rows that ever came to the buffer: their keys
	// file starts the files of a bucket whose next sequence number is first.
	file func(ctx context.Context, bw *bucketWriter, first int64) (lsm.Writer, error)
}

func newPlain(t *table.Table, o Options) (*plain, error) {
	b, err := lsm.NewBuffer(lsm.BufferOptions{Budget: o.Budget, SpillDir: o.SpillDir})
	if err != nil {
		return nil, err
	}
	return &plain{t: t, buffer: b, file: func(ctx context.Context, bw *bucketWriter, first int64) (lsm.Writer, error) {
		w, err := bw.files.RowWriter(ctx, first, spec.SourceAppend)
		return rowFiles{w}, err
	}}, nil
}

// add takes rows of a batch for a bucket.
func (p *plain) add(ctx context.Context, w *Writer, bw *bucketWriter, b *columnar.KV, rows []int32) error {
	first := bw.nextSeq
	if p.t.Options.Bucket == -1 && bw.direct == nil {
		first = 0 // order between files of unaware tables means nothing
	}
	n := b.Rows.NumRows()
	if rows != nil {
		n = int64(len(rows))
	}
	if bw.direct == nil && !bw.queued && !p.t.Options.WriteBufferForAppend && p.open < p.t.Options.MaxWritersToSpill {
		var err error
		if bw.direct, err = p.file(ctx, bw, first); err != nil {
			return err
		}
		p.open++
	}
	if bw.direct == nil {
		if err := p.queue(ctx, w, bw, b, rows, first); err != nil {
			return err
		}
	} else if err := writeSome(bw.direct, b, rows); err != nil {
		return err
	}
	bw.nextSeq, bw.plainRows = first+n, bw.plainRows+n
	return nil
}

// queue buffers rows. Their keys are their numbers: the buffer sorts.
func (p *plain) queue(ctx context.Context, w *Writer, bw *bucketWriter, b *columnar.KV, rows []int32, first int64) error {
	if !bw.queued {
		bw.queued, bw.queuedSeq = true, first
		if !bw.hasRef {
			bw.ref, bw.hasRef = p.buffer.Bucket(), true
		}
	}
	if b.Keys.Len() == 0 {
		n := int(b.Rows.NumRows())
		keys := make([]byte, 0, 8*n)
		for range n {
			keys = binary.BigEndian.AppendUint64(keys, p.arrived)
			p.arrived++
		}
		b.Keys = columnar.NewFixedKeys(keys, 8, n)
	}
	err := p.buffer.Add(ctx, bw.ref, b, rows, first)
	if errors.Is(err, lsm.ErrBufferFull) {
		if err = w.flush(ctx); err != nil {
			return err
		}
		bw.queued, bw.queuedSeq = true, first
		err = p.buffer.Add(ctx, bw.ref, b, rows, first)
	}
	return err
}

// flush ends the files of a bucket.
func (p *plain) flush(ctx context.Context, bw *bucketWriter) error {
	out, err := bw.direct, error(nil)
	if bw.queued {
		if out, err = p.file(ctx, bw, bw.queuedSeq); err != nil {
			return err
		}
		if err = p.buffer.Drain(ctx, bw.ref, out.Write); err != nil {
			out.Abort()
			return err
		}
	}
	if out == nil {
		return nil
	}
	files, err := out.Close()
	if err != nil {
		return err
	}
	bw.message.NewFiles = append(bw.message.NewFiles, files...)
	bw.direct, bw.queued, bw.plainRows = nil, false, 0
	return nil
}

// writeSome writes the listed rows of a batch; nil means all.
func writeSome(out lsm.Writer, b *columnar.KV, rows []int32) error {
	part, err := gather(b.Rows, rows)
	if err != nil {
		return err
	}
	defer part.Release()
	return out.Write(&columnar.KV{Rows: part, Kinds: kindsAt(b.Kinds, part, rows), Seqs: make([]int64, part.NumRows())})
}

func kindsAt(kinds []types.RowKind, part arrow.RecordBatch, rows []int32) []types.RowKind {
	switch {
	case kinds == nil:
		return make([]types.RowKind, part.NumRows())
	case rows == nil:
		return kinds
	}
	out := make([]types.RowKind, len(rows))
	for i, r := range rows {
		out[i] = kinds[r]
	}
	return out
}
