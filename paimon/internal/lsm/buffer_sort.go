package lsm

import (
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
)

const (
	// smallRows is below how many rows a pushed batch counts as small.
	smallRows = 512
	// manySmall is how many small batches are joined into one.
	manySmall = 128
)

// sortedRows are the rows of a bucket in merge order.
type sortedRows struct {
	sources []*columnar.KV
	refs    []columnar.Ref
	starts  []int32 // first ref of each key, and len(refs)
}

// sortChunks sorts rows by key, sequence.field and sequence number. Keys of a
// chunk are first copied side by side, so that the sorter reads memory in
// order and touches no rows of other buckets.
func sortChunks(s *columnar.Sorter, chunks []chunk) sortedRows {
	var out sortedRows
	views := make([]*columnar.KV, len(chunks))
	index := make([]int32, len(chunks))
	seen := make(map[*pushed]int32, len(chunks))
	for i := range chunks {
		c := &chunks[i]
		at, ok := seen[c.p]
		if !ok {
			at = int32(len(out.sources))
			seen[c.p] = at
			out.sources = append(out.sources, c.p.kv)
		}
		index[i] = at
		views[i] = c.view()
	}
	alignKeys(views)
	out.refs = s.Sort(views, nil)
	out.starts = columnar.KeyStarts(views, out.refs, nil)
	for i, r := range out.refs {
		c := &chunks[r.Src]
		row := r.Row + c.from
		if c.rows != nil {
			row = c.rows[r.Row]
		}
		out.refs[i] = columnar.Ref{Src: index[r.Src], Row: row}
	}
	return out
}

// alignKeys takes prefixes after the bytes that all keys share, so that they
// tell keys apart.
func alignKeys(views []*columnar.KV) {
	keys := make([]columnar.Keys, len(views))
	for i, v := range views {
		keys[i] = v.Keys
	}
	if skip := columnar.CommonPrefix(false, keys...); skip > 0 {
		for i, v := range views {
			v.Keys = keys[i].WithSkip(skip)
		}
	}
}

// view gives the sort columns of the chunk's rows; it has no value columns.
func (c *chunk) view() *columnar.KV {
	kv := c.p.kv
	if c.rows == nil {
		v := &columnar.KV{Keys: kv.Keys.Slice(int(c.from), int(c.to)), Seqs: kv.Seqs[c.from:c.to]}
		if kv.UserSeq.Len() > 0 {
			v.UserSeq = kv.UserSeq.Slice(int(c.from), int(c.to))
		}
		return v
	}
	v := &columnar.KV{Keys: pickKeys(kv.Keys, c.rows), Seqs: make([]int64, len(c.rows))}
	for i, row := range c.rows {
		v.Seqs[i] = kv.Seqs[row]
	}
	if kv.UserSeq.Len() > 0 {
		v.UserSeq = pickKeys(kv.UserSeq, c.rows)
	}
	return v
}

func pickKeys(keys columnar.Keys, rows []int32) columnar.Keys {
	var p keyPacker
	for _, row := range rows {
		p.size += len(keys.At(int(row)))
	}
	p.grow(len(rows))
	for _, row := range rows {
		p.add(keys.At(int(row)))
	}
	return p.keys()
}

// join copies the small batches into one when there are many: a batch costs
// some hundred bytes and each merge looks at all of them. It does nothing when
// memory is short. Call it with the lock held.
func (b *Buffer) join() error {
	if b.small++; b.small < manySmall {
		return nil
	}
	b.small = 0
	var bytes int64
	var sources []*columnar.KV
	var refs []columnar.Ref
	offset := map[*pushed]int32{}
	for _, t := range b.buckets {
		for _, c := range t.chunks {
			if _, ok := offset[c.p]; ok || c.p.kv.Len() >= smallRows || c.p.busy > 0 {
				continue
			}
			offset[c.p] = int32(len(refs))
			for row := range c.p.kv.Len() {
				refs = append(refs, columnar.Ref{Src: int32(len(sources)), Row: int32(row)})
			}
			bytes += c.p.bytes
			sources = append(sources, c.p.kv)
		}
	}
	if len(sources) < manySmall/2 || !b.o.Budget.TryAcquire(bytes) {
		return nil
	}
	kv, err := gatherKV(b.mem, sources, refs, true)
	if err != nil {
		b.o.Budget.Release(bytes)
		return err
	}
	joined := &pushed{kv: kv, bytes: bytes}
	b.pushes[joined] = struct{}{}
	b.latest = nil
	for _, t := range b.buckets {
		for i := range t.chunks {
			if off, ok := offset[t.chunks[i].p]; ok {
				was := t.chunks[i]
				t.chunks[i] = was.moved(joined, off)
				joined.users++
				b.drop(was.p)
			}
		}
		t.chunks = mergeRanges(t.chunks)
	}
	return nil
}

// moved gives the same rows in a batch where they start at off.
func (c *chunk) moved(p *pushed, off int32) chunk {
	if c.rows == nil {
		return chunk{p: p, from: c.from + off, to: c.to + off}
	}
	rows := make([]int32, len(c.rows))
	for i, row := range c.rows {
		rows[i] = row + off
	}
	return chunk{p: p, rows: rows}
}

// mergeRanges joins neighbouring chunks of the same batch.
func mergeRanges(chunks []chunk) []chunk {
	var out []chunk
	for _, c := range chunks {
		if len(out) == 0 || out[len(out)-1].p != c.p {
			out = append(out, c)
			continue
		}
		last := &out[len(out)-1]
		if last.rows == nil && c.rows == nil && last.to == c.from {
			last.to = c.to
		} else {
			last.rows = append(last.list(), c.list()...)
			last.from, last.to = 0, 0
		}
		c.p.users--
	}
	return out
}

// list gives the chunk's rows; the caller may append to it.
func (c *chunk) list() []int32 {
	if c.rows != nil {
		return slices.Clip(c.rows)
	}
	rows := make([]int32, 0, c.to-c.from)
	for row := c.from; row < c.to; row++ {
		rows = append(rows, row)
	}
	return rows
}
