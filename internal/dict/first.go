package dict

import (
	"context"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/options"
	"github.com/tarndb/tarn/paimon/spec"
)

// firstMemory bounds the keys that a First remembers, bytes: 6 million.
const firstMemory = 128 << 20

// First drops rows that a first-row table would drop, before they cost sorting,
// writing and a look into the table: those whose key has come before. It begins
// knowing nothing, and forgets all when it knows too much: what it lets through,
// the table decides on. Its commits conflict if rows were taken from the table
// meanwhile, as rows of the same keys may have been dropped. It serves one
// goroutine.
type First struct {
	hasher
	keys *keySet
	base *spec.Snapshot
}

// NewFirst makes a First for a table; nil if the table keeps other rows than
// the first ones of each key. Close it.
func NewFirst(t *paimon.Table) (*First, error) {
	if t.Options().MergeEngine != options.FirstRow || len(t.Schema().PrimaryKeys) == 0 || t.RawOptions()["record-level.expire-time"] != "" {
		return nil, nil
	}
	h, err := newHasher(t)
	if err != nil {
		return nil, err
	}
	f := &First{hasher: h}
	f.keys, err = newKeySet(firstMemory, "")
	return f, err
}

// Close frees what it remembers.
func (f *First) Close() error { return f.keys.close() }

// Begin forgets all; commits from now on follow from the newest snapshot.
func (f *First) Begin(ctx context.Context, t *paimon.Table) (err error) {
	if err = f.keys.clear(); err == nil {
		f.base, err = t.LatestSnapshot(ctx)
	}
	return err
}

// Apply gives the rows whose keys are new, in a batch that the caller releases;
// its Rows are nil when there is none.
func (f *First) Apply(b paimon.Batch) (paimon.Batch, error) {
	keys, err := f.encode(b)
	if err != nil {
		return paimon.Batch{}, err
	}
	n := int(b.Rows.NumRows())
	refs := make([]columnar.Ref, 0, n)
	for i := range n {
		if h, ok := keys.at(i); ok {
			if f.keys.full() {
				if err := f.keys.clear(); err != nil {
					return paimon.Batch{}, err
				}
			}
			added, err := f.keys.add(h)
			if err != nil {
				return paimon.Batch{}, err
			}
			if !added {
				continue
			}
		}
		refs = append(refs, columnar.Ref{Row: int32(i)})
	}
	return gather(b, refs, nil)
}

// Bind makes c the commit of what Apply gave since the last one.
func (f *First) Bind(c *paimon.Commit) {
	c.Base = &paimon.Base{Snapshot: f.base, Growing: true}
}

// Committed says that the commit that Bind made, which keeps empty snapshots,
// has become snap, the newest snapshot of it.
func (f *First) Committed(ctx context.Context, t *paimon.Table, snap *spec.Snapshot, _ []paimon.CommitMessage) (err error) {
	f.base, err = rowsOf(ctx, t, snap)
	return err
}
