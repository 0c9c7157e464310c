package lookup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/binrow"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// hit is a version of a key.
type hit struct {
	file *file
	row  int32 // of the file
}

// First gives the row of one key, the first of cols (columns of the primary
// key), as a row of a batch that is valid until the next call; row is -1 when
// there is none. It allocates nothing unless versions have to be merged.
func (l *Lookup) First(ctx context.Context, cols []arrow.Array) (batch arrow.RecordBatch, row int, err error) {
	l.cache.now++
	p, err := l.partitionOf(cols, 0)
	if p == nil || err != nil {
		return nil, -1, err
	}
	at := l.pick(cols, l.trimmed)
	if l.scratch, err = l.keys.AppendFirst(l.scratch[:0], at[:len(l.trimmed)]); err != nil {
		return nil, -1, err
	}
	key, hash := l.scratch, hashOf(l.scratch)
	if l.bucketAt == nil { // the bucket is not told by the key
		for _, b := range p.all {
			if batch, row, err = l.firstIn(ctx, b, key, hash, cols); row >= 0 || err != nil {
				return batch, row, err
			}
		}
		return nil, -1, nil
	}
	if err := l.bucketsOf(cols, p.total, 1); err != nil {
		return nil, -1, err
	}
	b := p.buckets[l.bucketOf[0]]
	if b == nil {
		return nil, -1, nil
	}
	return l.firstIn(ctx, b, key, hash, cols)
}

func (l *Lookup) pick(cols []arrow.Array, at []int) (out [16]arrow.Array) {
	for i, j := range at {
		out[i] = cols[j]
	}
	return out
}

func (l *Lookup) firstIn(ctx context.Context, b *bucket, key []byte, hash uint64, cols []arrow.Array) (arrow.RecordBatch, int, error) {
	if !b.first {
		m := &merging{l: l, b: b}
		found, err := m.add(ctx, key, hash, 0)
		if err != nil || !found {
			return nil, -1, err
		}
		rows, _, err := m.run(ctx)
		if err != nil || rows == nil {
			return nil, -1, err
		}
		return rows, 0, nil // left to the garbage collector
	}
	h, ok, err := l.newest(ctx, b, key, hash)
	if err != nil || !ok {
		return nil, -1, err
	}
	s := h.file.seg
	batch, row := s.at(h.row)
	if s.kind(batch, row).IsRetract() {
		return nil, -1, nil
	}
	return s.batches[batch], row, nil
}

// newest finds the first version that is not deleted.
func (l *Lookup) newest(ctx context.Context, b *bucket, key []byte, hash uint64) (out hit, ok bool, err error) {
	for i := 0; i < len(b.level0)+len(b.levels); i++ {
		f := b.candidate(i, key)
		if f == nil {
			continue
		}
		s, err := l.segment(ctx, f)
		if err != nil {
			return out, false, err
		}
		if row := s.find(key, hash); row >= 0 && !f.dead.Contains(int64(row)) {
			return hit{f, row}, true, nil
		}
	}
	return out, false, nil
}

// candidate gives the file of run i that may have a key: a file of level 0, or
// of a level above.
func (b *bucket) candidate(i int, key []byte) *file {
	if i < len(b.level0) {
		if f := b.level0[i]; bytes.Compare(f.Min, key) <= 0 && bytes.Compare(key, f.Max) <= 0 {
			return f
		}
		return nil
	}
	level := b.levels[i-len(b.level0)]
	lo, hi := 0, len(level)
	for lo < hi {
		if mid := (lo + hi) / 2; bytes.Compare(level[mid].Max, key) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(level) && bytes.Compare(level[lo].Min, key) <= 0 {
		return level[lo]
	}
	return nil
}

// partitionOf gives the partition of a row; nil if it does not exist.
func (l *Lookup) partitionOf(cols []arrow.Array, row int) (*partition, error) {
	if len(cols) != len(l.keyTypes) {
		return nil, errs.Invalid("look up a key of table %s: %d columns, the primary key (%v) has %d", l.t.Name, len(cols), l.t.Schema.PrimaryKeys, len(l.keyTypes))
	}
	if len(l.partAt) == 0 {
		return l.parts[string(binrow.Empty)], nil
	}
	at := l.pick(cols, l.partAt)
	return l.parts[string(l.rows.Encode(at[:len(l.partAt)], row))], nil
}

// bucketsOf fills bucketOf for n rows.
func (l *Lookup) bucketsOf(cols []arrow.Array, total, n int) error {
	b := l.buckets[total]
	if b == nil {
		ts := make([]types.Type, len(l.bucketAt))
		for i, at := range l.bucketAt {
			ts[i] = l.keyTypes[at]
		}
		var err error
		if b, err = binrow.NewBucketer(l.t.Options.BucketFunction, ts, total); err != nil {
			return err
		}
		l.buckets[total] = b
	}
	l.bucketOf = slices.Grow(l.bucketOf[:0], n)[:n]
	if total == 1 {
		clear(l.bucketOf)
		return nil
	}
	at := l.pick(cols, l.bucketAt)
	return b.Buckets(at[:len(l.bucketAt)], l.bucketOf)
}

// Get gives the rows of keys, which are columns of the primary key in its order:
// at has, for each key, the number of its row, -1 where there is none. The
// caller releases the rows.
func (l *Lookup) Get(ctx context.Context, cols []arrow.Array) (rows arrow.RecordBatch, at []int32, err error) {
	l.cache.now++
	if _, err := l.partitionOf(cols, 0); err != nil {
		return nil, nil, err
	}
	g := getter{l: l, n: cols[0].Len()}
	trimmed := l.pick(cols, l.trimmed)
	if g.keys, err = l.keys.Encode(trimmed[:len(l.trimmed)]); err != nil {
		return nil, nil, err
	}
	return g.run(ctx, cols)
}

// getter is one call of Get.
type getter struct {
	l       *Lookup
	n       int
	keys    columnar.Keys
	at      []int32
	batches []arrow.RecordBatch
	refs    []columnar.Ref
	merges  map[*bucket]*merging
}

func (g *getter) run(ctx context.Context, cols []arrow.Array) (arrow.RecordBatch, []int32, error) {
	g.at, g.merges = make([]int32, g.n), map[*bucket]*merging{}
	total := 0
	for i := range g.n {
		g.at[i] = -1
		p, err := g.l.partitionOf(cols, i)
		if err != nil {
			return nil, nil, err
		}
		if p == nil {
			continue
		}
		if p.total != total && g.l.bucketAt != nil {
			if err := g.l.bucketsOf(cols, p.total, g.n); err != nil {
				return nil, nil, err
			}
			total = p.total
		}
		all := p.all
		if g.l.bucketAt != nil {
			if b := p.buckets[g.l.bucketOf[i]]; b != nil {
				all = []*bucket{b}
			} else {
				all = nil
			}
		}
		if err := g.one(ctx, all, i); err != nil {
			return nil, nil, err
		}
	}
	if err := g.merge(ctx); err != nil {
		return nil, nil, err
	}
	rows, err := g.gather()
	return rows, g.at, err
}

// one finds key i in the bucket that has it.
func (g *getter) one(ctx context.Context, buckets []*bucket, i int) error {
	key := g.keys.At(i)
	hash := hashOf(key)
	for _, b := range buckets {
		if !b.first {
			m := g.merges[b]
			if m == nil {
				m = &merging{l: g.l, b: b}
				g.merges[b] = m
			}
			if found, err := m.add(ctx, key, hash, int32(i)); err != nil || found {
				return err
			}
			continue
		}
		h, ok, err := g.l.newest(ctx, b, key, hash)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		s := h.file.seg
		batch, row := s.at(h.row)
		if !s.kind(batch, row).IsRetract() {
			if h.file.call != g.l.cache.now {
				h.file.call, h.file.base = g.l.cache.now, int32(len(g.batches))
				g.batches = append(g.batches, s.batches...)
			}
			g.take(h.file.base+int32(batch), row, i)
		}
		return nil
	}
	return nil
}

// take makes a row of a source the answer for key i.
func (g *getter) take(src int32, row, i int) {
	g.at[i] = int32(len(g.refs))
	g.refs = append(g.refs, columnar.Ref{Src: src, Row: int32(row)})
}

func (g *getter) merge(ctx context.Context) error {
	for _, m := range g.merges {
		rows, keys, err := m.run(ctx)
		if err != nil {
			return err
		}
		if rows == nil {
			continue
		}
		src := int32(len(g.batches))
		g.batches = append(g.batches, rows)
		for k, asked := range m.asked {
			row, ok := slices.BinarySearchFunc(keys, []byte(k), bytes.Compare)
			if !ok {
				continue
			}
			for _, i := range asked {
				g.take(src, row, int(i))
			}
		}
	}
	return nil
}

// gather makes the result. Segments have more columns than are wanted, those in
// front are.
func (g *getter) gather() (arrow.RecordBatch, error) {
	schema := g.l.schema
	cols := make([]arrow.Array, schema.NumFields())
	from := make([]arrow.Array, len(g.batches))
	for c := range cols {
		for i, b := range g.batches {
			from[i] = b.Column(c)
		}
		var err error
		if cols[c], err = columnar.GatherType(memory.DefaultAllocator, schema.Field(c).Type, from, g.refs); err != nil {
			return nil, fmt.Errorf("gather column %s: %w", schema.Field(c).Name, err)
		}
	}
	out := array.NewRecordBatch(schema, cols, int64(len(g.refs)))
	for _, c := range cols {
		c.Release()
	}
	return out, nil
}

// merging merges versions of keys of one bucket as a read would, over rows that
// were found in place of files.
type merging struct {
	l     *Lookup
	b     *bucket
	hits  map[*file][]hitKey
	asked map[string][]int32 // by key: which keys of the call
}

type hitKey struct {
	key string
	row int32
}

// add finds all versions of a key and reports whether there are any.
func (m *merging) add(ctx context.Context, key []byte, hash uint64, i int32) (bool, error) {
	if was, again := m.asked[string(key)]; again {
		m.asked[string(key)] = append(was, i)
		return true, nil
	}
	found := false
	for r := 0; r < len(m.b.level0)+len(m.b.levels); r++ {
		f := m.b.candidate(r, key)
		if f == nil {
			continue
		}
		s, err := m.l.segment(ctx, f)
		if err != nil {
			return false, err
		}
		row := s.find(key, hash)
		if row < 0 || f.dead.Contains(int64(row)) {
			continue
		}
		if m.hits == nil {
			m.hits, m.asked = map[*file][]hitKey{}, map[string][]int32{}
		}
		k := string(key)
		m.hits[f], found = append(m.hits[f], hitKey{k, row}), true
	}
	if found {
		m.asked[string(key)] = append(m.asked[string(key)], i)
	}
	return found, nil
}

// run merges what was found: one batch of rows with their keys, ascending.
func (m *merging) run(ctx context.Context) (arrow.RecordBatch, [][]byte, error) {
	if len(m.hits) == 0 {
		return nil, nil, nil
	}
	metas := make([]spec.DataFileMeta, 0, len(m.hits))
	by := map[string]*file{}
	for f := range m.hits {
		metas, by[f.FileName] = append(metas, f.DataFileMeta), f
	}
	o := m.l.merge
	o.BatchRows = max(len(m.asked), 1)
	r, err := lsm.NewReader(ctx, foundFiles{m: m, by: by}, metas, o)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var all []arrow.RecordBatch
	var keys [][]byte
	var refs []columnar.Ref
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		for i := range b.Len() {
			keys = append(keys, bytes.Clone(b.Keys.At(i)))
			refs = append(refs, columnar.Ref{Src: int32(len(all)), Row: int32(i)})
		}
		all = append(all, b.Rows)
	}
	switch len(all) {
	case 0:
		return nil, nil, nil
	case 1:
		return all[0], keys, nil
	}
	rows, err := columnar.GatherBatch(memory.DefaultAllocator, all[0].Schema(), all, refs)
	return rows, keys, err
}

// foundFiles are files that hold only the rows found.
type foundFiles struct {
	m  *merging
	by map[string]*file
}

var _ lsm.Files = foundFiles{}

// Open implements lsm.Files.
func (f foundFiles) Open(_ context.Context, meta *spec.DataFileMeta, _ lsm.OpenOptions) (lsm.Stream, error) {
	from := f.by[meta.FileName]
	s, hits := from.seg, f.m.hits[from]
	slices.SortFunc(hits, func(a, b hitKey) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	out := &columnar.KV{Seqs: make([]int64, len(hits)), Kinds: make([]types.RowKind, len(hits))}
	refs := make([]columnar.Ref, len(hits))
	var keys, user packed
	extras := s.extras()
	for i, h := range hits {
		batch, row := s.at(h.row)
		refs[i] = columnar.Ref{Src: int32(batch), Row: int32(row)}
		out.Seqs[i], out.Kinds[i] = s.seq(batch, row), s.kind(batch, row)
		keys.add([]byte(h.key))
		if extras > userSeqColumn {
			user.add(s.extra(batch, userSeqColumn).(*array.Binary).Value(row))
		}
	}
	out.Keys = keys.keys()
	if extras > userSeqColumn {
		out.UserSeq = user.keys()
	}
	b, err := gatherValues(s, refs, extras)
	out.Rows = b
	return &once{kv: out}, err
}

func gatherValues(s *segment, refs []columnar.Ref, extras int) (arrow.RecordBatch, error) {
	fields := s.batches[0].Schema().Fields()
	fields = fields[:len(fields)-extras]
	cols, from := make([]arrow.Array, len(fields)), make([]arrow.Array, len(s.batches))
	for c := range cols {
		for i, b := range s.batches {
			from[i] = b.Column(c)
		}
		var err error
		if cols[c], err = columnar.GatherType(memory.DefaultAllocator, fields[c].Type, from, refs); err != nil {
			return nil, fmt.Errorf("gather column %s: %w", fields[c].Name, err)
		}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(len(refs))), nil
}

// packed lays keys out.
type packed struct {
	data    []byte
	offsets []int32
}

func (p *packed) add(key []byte) {
	if p.offsets == nil {
		p.offsets = []int32{0}
	}
	p.data = append(p.data, key...)
	p.offsets = append(p.offsets, int32(len(p.data)))
}

func (p *packed) keys() columnar.Keys { return columnar.NewKeys(p.data, p.offsets) }

// once is a stream of one batch.
type once struct{ kv *columnar.KV }

// Next implements lsm.Stream.
func (o *once) Next() (*columnar.KV, error) {
	if o.kv == nil {
		return nil, io.EOF
	}
	kv := o.kv
	o.kv = nil
	return kv, nil
}

// Close implements lsm.Stream.
func (o *once) Close() error {
	if o.kv != nil {
		o.kv.Release()
	}
	return nil
}

// Found rows are only read.

// NewWriter implements lsm.Files.
func (foundFiles) NewWriter(context.Context, int, int8) lsm.Writer { return nil }

// NewChangelogWriter implements lsm.Files.
func (foundFiles) NewChangelogWriter(context.Context, int) lsm.Writer { return nil }

// Delete implements lsm.Files.
func (foundFiles) Delete(context.Context, ...spec.DataFileMeta) error { return nil }
