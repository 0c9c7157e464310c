package write

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/bucket"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/scan"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// crossing sends rows of a table whose key lacks partition columns to where
// their key is. It is made of the keys of the table when the first row comes.
// Source: org.apache.paimon.crosspartition.
type crossing struct {
	t     *table.Table
	at    []int // the primary key's columns
	keys  *columnar.KeyEncoder
	parts *binrow.Encoder
	known *bucket.Global
	base  int64 // the snapshot that its keys are of; 0 for none

	// of the batch in hand
	hashes []bucket.Key
	out    []placed
	split  bool // out is not just the batch's rows with their own partitions
}

// placed is a row on its way to a bucket.
type placed struct {
	row       int32
	partition int32
	bucket    int32
	moved     bool // the partition columns get the values of partition
	kind      types.RowKind
}

// indexShare is the part of the write buffer that the keys in memory may take.
const indexShare = 4

// newCrossing reads the keys of all live rows of a snapshot, nil for an empty
// table, unless they are overwritten.
func newCrossing(ctx context.Context, t *table.Table, o Options, snap *spec.Snapshot) (*crossing, error) {
	at, err := t.Schema.Indexes(t.Schema.PrimaryKeys)
	if err != nil {
		return nil, err
	}
	c := &crossing{t: t, at: at, keys: columnar.NewKeyEncoder(typesAt(t.Schema.Fields, at), columnar.KeyOptions{}), parts: binrow.NewEncoder(typesAt(t.Schema.Fields, t.PartAt))}
	most := int(o.Budget.Limit() / indexShare / 48) // a table of slots is half full at worst
	c.known = bucket.NewGlobal(bucket.NewKeyIndex(o.SpillDir, most), t.Options.DynamicBucketTargetRows)
	if snap != nil {
		c.base = snap.ID
	}
	if o.Overwrite {
		return c, nil
	}
	if err := c.bootstrap(ctx, snap); err != nil {
		_ = c.known.Close()
		return nil, fmt.Errorf("read the keys of table %s: %w", t.Name, err)
	}
	return c, nil
}

// bootstrap loads the keys of a snapshot. Source: IndexBootstrap.
func (c *crossing) bootstrap(ctx context.Context, snap *spec.Snapshot) error {
	splits, err := c.t.Scanner.Live(ctx, snap, scan.Request{AllLevels: true})
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, min(c.t.Options.Cross.BootstrapParallelism, runtime.GOMAXPROCS(0))))
	var lock sync.Mutex
	for _, s := range splits {
		if ttl := c.t.Options.Cross.IndexTTL; ttl > 0 && !newerThan(s.Files, time.Now().Add(-ttl)) {
			continue
		}
		g.Go(func() error { return c.loadBucket(gctx, s, &lock) })
	}
	return g.Wait()
}

// newerThan reports whether one of the files was made after a time. Creation
// times are on the local clock.
func newerThan(files []spec.DataFileMeta, than time.Time) bool {
	than = than.Local()
	than = time.Date(than.Year(), than.Month(), than.Day(), than.Hour(), than.Minute(), than.Second(), than.Nanosecond(), time.UTC)
	for i := range files {
		if files[i].CreationTime.After(than) {
			return true
		}
	}
	return false
}

func (c *crossing) loadBucket(ctx context.Context, s scan.Split, lock *sync.Mutex) error {
	o, read, err := c.t.ReadOptions(c.at)
	if err != nil {
		return err
	}
	files, err := c.t.Files(s.Partition, s.Bucket, read)
	if err != nil {
		return err
	}
	if len(s.Deletions) > 0 {
		files = files.WithDeletions(c.t.Deletions(s.Deletions))
	}
	o.DropDeletes = true
	in, err := lsm.NewReader(ctx, files, s.Files, o)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		kv, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		hashes, err := c.hash(kv.Rows.Columns()[:len(c.at)], nil)
		kv.Release()
		if err == nil {
			err = c.load(s, hashes, lock)
		}
		if err != nil {
			return err
		}
	}
}

func (c *crossing) load(s scan.Split, hashes []bucket.Key, lock *sync.Mutex) error {
	lock.Lock()
	defer lock.Unlock()
	id, err := c.known.Partition(string(s.Partition))
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if err := c.known.Load(h, id, int32(s.Bucket)); err != nil {
			return err
		}
	}
	return nil
}

func (c *crossing) hash(cols []arrow.Array, into []bucket.Key) ([]bucket.Key, error) {
	keys, err := c.keys.Encode(cols)
	if err != nil {
		return nil, err
	}
	into = into[:0]
	for i := range keys.Len() {
		h := xxh3.Hash128(keys.At(i))
		into = append(into, bucket.Key{Hi: h.Hi, Lo: h.Lo})
	}
	return into, nil
}

// place decides where the rows (nil: all) of a batch go: rows for old
// partitions come out of it too. It gives the batch to write, which the caller
// releases, and its routes.
func (c *crossing) place(b columnar.Batch, rows []int32) (columnar.Batch, []route, error) {
	var err error
	if c.hashes, err = c.hash(columnsAt(b.Rows, c.at), c.hashes); err != nil {
		return b, nil, err
	}
	c.out, c.split = c.out[:0], rows != nil
	cols := columnsAt(b.Rows, c.t.PartAt)
	each := func(row int32) error {
		p, err := c.known.Partition(string(c.parts.Encode(cols, int(row))))
		if err != nil {
			return err
		}
		return c.put(row, p, b.Kind(int(row)))
	}
	if rows == nil {
		for row := range int32(b.Rows.NumRows()) {
			if err := each(row); err != nil {
				return b, nil, err
			}
		}
	}
	for _, row := range rows {
		if err := each(row); err != nil {
			return b, nil, err
		}
	}
	if b, err = c.batch(b); err != nil {
		return b, nil, err
	}
	return b, c.routes(), nil
}

// put places one row. Source: ExistingProcessor of each merge engine.
func (c *crossing) put(row, partition int32, kind types.RowKind) error {
	h := c.hashes[row]
	was, at, ok, err := c.known.Find(h)
	if err != nil {
		return err
	}
	if ok && was == partition {
		c.out = append(c.out, placed{row: row, partition: was, bucket: at, kind: kind})
		return nil
	}
	if ok {
		c.split = true
		switch c.t.Options.MergeEngine {
		case options.PartialUpdate, options.Aggregation: // the row joins the old ones
			c.out = append(c.out, placed{row: row, partition: was, bucket: at, moved: true, kind: kind})
			return nil
		case options.FirstRow: // the first is there already
			return nil
		}
		c.out = append(c.out, placed{row: row, partition: was, bucket: at, moved: true, kind: types.Delete})
		c.known.Leave(was, at)
	}
	b, err := c.known.Place(h, partition)
	if err != nil {
		return err
	}
	c.out = append(c.out, placed{row: row, partition: partition, bucket: b, kind: kind})
	return nil
}

// batch gives the rows that were placed: b itself where they are just those.
func (c *crossing) batch(b columnar.Batch) (columnar.Batch, error) {
	if !c.split {
		b.Rows.Retain()
		return b, nil
	}
	own, parts := make([]columnar.Ref, len(c.out)), make([]columnar.Ref, len(c.out))
	kinds := make([]types.RowKind, len(c.out))
	old := map[int32]int32{} // partition → row of its values
	var rows [][]byte
	for i, p := range c.out {
		own[i].Row, parts[i].Row, kinds[i] = p.row, p.row, p.kind
		if !p.moved {
			continue
		}
		at, ok := old[p.partition]
		if !ok {
			at = int32(len(rows))
			old[p.partition] = at
			rows = append(rows, []byte(c.known.Row(p.partition)))
		}
		parts[i] = columnar.Ref{Src: 1, Row: at}
	}
	values, err := binrow.Rows(c.t.Schema.PartitionFields(), rows)
	if err != nil {
		return b, err
	}
	defer values.Release()
	cols := make([]arrow.Array, b.Rows.NumCols())
	for i := range cols {
		if cols[i], err = columnar.Gather(memory.DefaultAllocator, []arrow.Array{b.Rows.Column(i)}, own); err != nil {
			return b, err
		}
	}
	for i, at := range c.t.PartAt {
		cols[at].Release()
		if cols[at], err = columnar.Gather(memory.DefaultAllocator, []arrow.Array{b.Rows.Column(at), values.Column(i)}, parts); err != nil {
			return b, err
		}
	}
	out := array.NewRecordBatch(b.Rows.Schema(), cols, int64(len(c.out)))
	for _, col := range cols {
		col.Release()
	}
	return columnar.Batch{Rows: out, Kinds: kinds}, nil
}

// routes groups the placed rows by bucket, keeping their order.
func (c *crossing) routes() []route {
	type place struct{ partition, bucket int32 }
	at := map[place]int{}
	var out []route
	for i, p := range c.out {
		id := place{p.partition, p.bucket}
		j, ok := at[id]
		if !ok {
			j = len(out)
			at[id] = j
			out = append(out, route{partition: c.known.Row(p.partition), bucket: p.bucket})
		}
		out[j].rows = append(out[j].rows, int32(i))
	}
	return out
}

// setKnown says which rows of others the places of keys were chosen for: a
// commit behind others is refused.
func (c *crossing) setKnown(messages []spec.CommitMessage) {
	for i := range messages {
		messages[i].Known = &c.base
	}
}

// writeCrossing writes a batch whose keys may move between partitions.
func (w *Writer) writeCrossing(ctx context.Context, b columnar.Batch, rows []int32) error {
	if w.cross == nil {
		var err error
		if w.cross, err = newCrossing(ctx, w.t, w.o, w.base); err != nil {
			return fmt.Errorf("write table %s: %w", w.t.Name, err)
		}
	}
	out, routes, err := w.cross.place(b, rows)
	if err != nil {
		return fmt.Errorf("write table %s: %w", w.t.Name, err)
	}
	defer out.Rows.Release()
	if len(routes) == 0 {
		return nil
	}
	return w.addRoutes(ctx, out, routes)
}
