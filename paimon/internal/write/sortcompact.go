package write

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// Order says how a sort compaction arranges rows.
type Order struct {
	Strategy string // order, zorder or hilbert
	Columns  []string
}

// sortCompact rewrites every partition with its rows sorted: new files take the
// place of those that were read. Rows that others append meanwhile stay.
// Source: SortCompactAction, which overwrites the partitions.
func sortCompact(ctx context.Context, t *table.Table, snap *spec.Snapshot, splits []scan.Split, r CompactRequest) ([]spec.CommitMessage, error) {
	if t.Keyed() || t.Options.Bucket != -1 {
		return nil, errs.Unsupported("sort compact: it is for tables without a primary key and with 'bucket' = '-1'")
	}
	keys, err := newSortKeys(t, *r.Order)
	if err != nil {
		return nil, err
	}
	_, indexes, err := openVectors(ctx, t, snap)
	if err != nil {
		return nil, err
	}
	buffer, err := lsm.NewBuffer(lsm.BufferOptions{Budget: r.Budget, SpillDir: r.SpillDir})
	if err != nil {
		return nil, err
	}
	defer buffer.Close()
	var out []spec.CommitMessage
	for _, s := range splits {
		p := sorting{t: t, keys: keys, buffer: buffer, split: s, message: spec.CommitMessage{
			Partition: s.Partition, Bucket: s.Bucket, TotalBuckets: s.TotalBuckets, DeletedFiles: s.Files,
			DeletedIndexFiles: indexes[scan.Bucket{Partition: string(s.Partition), Number: s.Bucket}],
		}}
		err := p.run(ctx)
		out = append(out, p.message)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// sorting sorts the rows of one partition.
type sorting struct {
	t       *table.Table
	keys    *sortKeys
	buffer  *lsm.Buffer
	split   scan.Split
	message spec.CommitMessage
}

func (p *sorting) run(ctx context.Context) error {
	files, err := p.t.Files(p.split.Partition, p.split.Bucket, nil)
	if err != nil {
		return err
	}
	if len(p.split.Deletions) > 0 {
		files = files.WithDeletions(p.t.Deletions(p.split.Deletions))
	}
	out, err := files.RowWriter(ctx, 0, spec.SourceAppend)
	if err != nil {
		return err
	}
	ref := p.buffer.Bucket()
	err = p.read(ctx, files, ref, out.Write)
	if err == nil {
		err = p.buffer.Drain(ctx, ref, func(kv *columnar.KV) error { return out.Write(kv.Rows) })
	}
	if err = errors.Join(err, p.buffer.Drop(ref)); err != nil {
		out.Abort()
		return err
	}
	p.message.NewFiles, err = out.Close()
	return err
}

// read buffers the rows of all files. Where they can neither stay in memory nor
// be spilled, what there is goes out: sorted, but only among itself.
func (p *sorting) read(ctx context.Context, files *table.BucketFiles, ref lsm.BucketRef, write func(arrow.RecordBatch) error) error {
	for i := range p.split.Files {
		f := &p.split.Files[i]
		if err := checkSchema(p.t, f); err != nil {
			return err
		}
		in, err := files.OpenRows(ctx, files.RowReadOptions(nil), f)
		if err != nil {
			return err
		}
		for err == nil {
			var rows arrow.RecordBatch
			if rows, err = in.Next(); err == nil {
				err = p.add(ctx, ref, rows, write)
				rows.Release()
			}
		}
		if cerr := in.Close(); err == io.EOF {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("sort file %s: %w", f.FileName, err)
		}
	}
	return nil
}

func (p *sorting) add(ctx context.Context, ref lsm.BucketRef, rows arrow.RecordBatch, write func(arrow.RecordBatch) error) error {
	keys, err := p.keys.encode(rows)
	if err != nil {
		return err
	}
	kv := &columnar.KV{Rows: rows, Keys: keys}
	err = p.buffer.Add(ctx, ref, kv, nil, 0)
	if errors.Is(err, lsm.ErrBufferFull) {
		if err = p.buffer.Drain(ctx, ref, func(kv *columnar.KV) error { return write(kv.Rows) }); err == nil {
			err = p.buffer.Add(ctx, ref, kv, nil, 0)
		}
	}
	return err
}

// sortKeys makes the keys that rows are sorted by: the columns, or a place on a
// curve, and behind it the row's number, so that no two are the same.
type sortKeys struct {
	at    []int
	plain *columnar.KeyEncoder
	curve *columnar.CurveEncoder
	rows  uint64
}

func newSortKeys(t *table.Table, o Order) (*sortKeys, error) {
	k := &sortKeys{}
	for _, name := range o.Columns {
		at := t.Schema.Index(strings.TrimSpace(name))
		if at < 0 {
			return nil, errs.Invalid("sort compact: can't find column %s in table columns; possible columns are %v", strings.TrimSpace(name), fieldNames(t.Schema.Fields))
		}
		k.at = append(k.at, at)
	}
	if len(k.at) == 0 {
		return nil, errs.Invalid("sort compact: order column names should not be empty")
	}
	ts := typesAt(t.Schema.Fields, k.at)
	var err error
	switch strings.ToLower(strings.TrimSpace(o.Strategy)) {
	case "order":
		for i, typ := range ts {
			if !columnar.HasOrder(typ) {
				return nil, errs.Unsupported("sort compact: column %s: values of type %s have no order", o.Columns[i], typ)
			}
		}
		k.plain = columnar.NewKeyEncoder(append(ts, types.Of(types.BigInt).NotNull()), columnar.KeyOptions{})
	case "zorder":
		k.curve, err = columnar.NewCurveEncoder(columnar.ZOrder, ts, t.Options.ZOrderVarLength)
	case "hilbert":
		k.curve, err = columnar.NewCurveEncoder(columnar.Hilbert, ts, 0)
	default:
		return nil, errs.Invalid("sort compact: order_strategy '%s': want order, zorder or hilbert", o.Strategy)
	}
	return k, err
}

func fieldNames(fields []types.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func (k *sortKeys) encode(b arrow.RecordBatch) (columnar.Keys, error) {
	n := int(b.NumRows())
	first := k.rows
	k.rows += uint64(n)
	cols := columnsAt(b, k.at)
	if k.plain != nil {
		numbers := array.NewInt64Builder(memory.DefaultAllocator)
		defer numbers.Release()
		numbers.Reserve(n)
		for i := range n {
			numbers.UnsafeAppend(int64(first) + int64(i))
		}
		last := numbers.NewArray()
		defer last.Release()
		return k.plain.Encode(append(cols, last))
	}
	stride := k.curve.Stride() + 8
	out := make([]byte, n*stride)
	for i := range n {
		binary.BigEndian.PutUint64(out[(i+1)*stride-8:], first+uint64(i))
	}
	if err := k.curve.Encode(cols, out, stride); err != nil {
		return columnar.Keys{}, err
	}
	return columnar.NewFixedKeys(out, stride, n), nil
}
