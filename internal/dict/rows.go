package dict

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// hasher hashes the primary keys of a table's rows.
type hasher struct {
	keyAt   []int
	encoder *columnar.KeyEncoder
	seed    uint64 // nobody can make keys whose hashes collide
}

func newHasher(t *paimon.Table) (hasher, error) {
	h := hasher{seed: rand.Uint64()}
	var err error
	if h.keyAt, err = t.Schema().Indexes(t.Schema().PrimaryKeys); err != nil {
		return h, err
	}
	var ts []types.Type
	for _, at := range h.keyAt {
		ts = append(ts, t.Fields()[at].Type.AsNullable()) // rows without a key come by, and pass
	}
	h.encoder = columnar.NewKeyEncoder(ts, columnar.KeyOptions{})
	return h, nil
}

func (h *hasher) hash(key []byte) hash {
	x := xxh3.Hash128Seed(key, h.seed)
	return hash{x.Hi, x.Lo}
}

// rowKeys are the keys of a batch.
type rowKeys struct {
	h     *hasher
	b     paimon.Batch
	keys  columnar.Keys
	nulls []arrow.Array // key columns that have NULLs
}

func (h *hasher) encode(b paimon.Batch) (rowKeys, error) {
	k := rowKeys{h: h, b: b}
	columns := make([]arrow.Array, len(h.keyAt))
	for i, at := range h.keyAt {
		columns[i] = b.Rows.Column(at)
		if columns[i].NullN() > 0 {
			k.nulls = append(k.nulls, columns[i])
		}
	}
	var err error
	k.keys, err = h.encoder.Encode(columns)
	return k, err
}

// at gives the hash of a row's key; not ok for deletions, and rows without a
// key, which are not looked at here: the table's own rules hold for them.
func (k *rowKeys) at(row int) (hash, bool) {
	if kind := k.b.Kind(row); kind == types.Delete || kind == types.UpdateBefore {
		return hash{}, false
	}
	for _, c := range k.nulls {
		if c.IsNull(row) {
			return hash{}, false
		}
	}
	return k.h.hash(k.keys.At(row)), true
}

// gather makes the batch of the named rows, with some columns given by their
// position; its Rows are nil when there are no rows, else the caller's to
// release.
func gather(b paimon.Batch, refs []columnar.Ref, given map[int]arrow.Array) (paimon.Batch, error) {
	if len(refs) == 0 {
		return paimon.Batch{}, nil
	}
	var out paimon.Batch
	if b.Kinds != nil {
		out.Kinds = make([]types.RowKind, len(refs))
		for i, r := range refs {
			out.Kinds[i] = b.Kinds[r.Row]
		}
	}
	columns := make([]arrow.Array, b.Rows.NumCols())
	for i := range columns {
		if c, ok := given[i]; ok {
			columns[i] = c
			continue
		}
		if int64(len(refs)) == b.Rows.NumRows() {
			columns[i] = b.Rows.Column(i)
			continue
		}
		c, err := columnar.Gather(memory.DefaultAllocator, []arrow.Array{b.Rows.Column(i)}, refs)
		if err != nil {
			return out, err
		}
		defer c.Release()
		columns[i] = c
	}
	out.Rows = array.NewRecordBatch(b.Rows.Schema(), columns, int64(len(refs)))
	return out, nil
}

// rowsOf gives the snapshot that holds the rows of the commit whose newest one
// is snap: its compaction is a snapshot of its own, and others' may be between.
func rowsOf(ctx context.Context, t *paimon.Table, snap *spec.Snapshot) (*spec.Snapshot, error) {
	s := snap
	for s.CommitKind == spec.CommitCompact || s.CommitUser != snap.CommitUser || s.CommitIdentifier != snap.CommitIdentifier {
		older, err := t.Snapshot(ctx, s.ID-1)
		if err != nil {
			return nil, fmt.Errorf("find the rows of commit %d in %s: %w", snap.CommitIdentifier, t.Name(), err)
		}
		s = older
	}
	return s, nil
}
