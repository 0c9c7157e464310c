package lsm

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// sliceKV gives rows [from, to) of b, sharing memory; the caller releases it.
func sliceKV(b *columnar.KV, from, to int) *columnar.KV {
	out := &columnar.KV{
		Rows:  b.Rows.NewSlice(int64(from), int64(to)),
		Seqs:  b.Seqs[from:to:to],
		Kinds: b.Kinds[from:to:to],
	}
	if b.Keys.Len() > 0 {
		out.Keys = b.Keys.Slice(from, to)
	}
	if b.UserSeq.Len() > 0 {
		out.UserSeq = b.UserSeq.Slice(from, to)
	}
	return out
}

// keyPacker lays keys out one after the other.
type keyPacker struct {
	size    int // of all keys; set before grow
	data    []byte
	offsets []int32
	uneven  bool // keys differ in length
}

func (p *keyPacker) grow(n int) {
	p.data = make([]byte, 0, p.size)
	p.offsets = make([]int32, 1, n+1)
}

func (p *keyPacker) add(key []byte) {
	p.data = append(p.data, key...)
	p.offsets = append(p.offsets, int32(len(p.data)))
	p.uneven = p.uneven || int(p.offsets[1]) != len(key)
}

func (p *keyPacker) keys() columnar.Keys {
	if n := len(p.offsets) - 1; n > 0 && !p.uneven {
		return columnar.NewFixedKeys(p.data, int(p.offsets[1]), n)
	}
	return columnar.NewKeys(p.data, p.offsets)
}

// packKeys copies the keys of refs.
func packKeys(sources []*columnar.KV, refs []columnar.Ref, of func(*columnar.KV) columnar.Keys) *keyPacker {
	var p keyPacker
	for _, r := range refs {
		p.size += len(of(sources[r.Src]).At(int(r.Row)))
	}
	p.grow(len(refs))
	for _, r := range refs {
		p.add(of(sources[r.Src]).At(int(r.Row)))
	}
	return &p
}

// gatherKeys copies the keys of refs. All sources must have keys.
func gatherKeys(sources []*columnar.KV, refs []columnar.Ref, of func(*columnar.KV) columnar.Keys) columnar.Keys {
	return packKeys(sources, refs, of).keys()
}

func keysOf(b *columnar.KV) columnar.Keys    { return b.Keys }
func userSeqOf(b *columnar.KV) columnar.Keys { return b.UserSeq }

// gatherKV copies whole rows, as they are; keys and user sequences only if
// wanted.
func gatherKV(mem memory.Allocator, sources []*columnar.KV, refs []columnar.Ref, keys bool) (*columnar.KV, error) {
	batches := make([]arrow.RecordBatch, len(sources))
	for i, s := range sources {
		batches[i] = s.Rows
	}
	rows, err := columnar.GatherBatch(mem, batches[0].Schema(), batches, refs)
	if err != nil {
		return nil, err
	}
	out := &columnar.KV{Rows: rows, Seqs: make([]int64, len(refs)), Kinds: make([]types.RowKind, len(refs))}
	for i, r := range refs {
		out.Seqs[i], out.Kinds[i] = sources[r.Src].Seqs[r.Row], sources[r.Src].Kinds[r.Row]
	}
	if !keys {
		return out, nil
	}
	out.Keys = gatherKeys(sources, refs, keysOf)
	if sources[0].UserSeq.Len() > 0 {
		out.UserSeq = gatherKeys(sources, refs, userSeqOf)
	}
	return out, nil
}

// TakeRows copies rows of b, with their keys; b stays with the caller.
func TakeRows(mem memory.Allocator, b *columnar.KV, rows []columnar.Ref) (*columnar.KV, error) {
	return gatherKV(mem, []*columnar.KV{b}, rows, b.Keys.Len() > 0)
}

// project gives b with the columns wanted only; nil means all. It takes over
// the reference to b.
func project(b *columnar.KV, columns []int) *columnar.KV {
	if columns == nil {
		return b
	}
	cols := make([]arrow.Array, len(columns))
	for i, c := range columns {
		cols[i] = b.Rows.Column(c)
	}
	rows := array.NewRecordBatch(projectSchema(b.Rows.Schema(), columns), cols, b.Rows.NumRows())
	b.Release()
	out := *b
	out.Rows = rows
	return &out
}

func projectSchema(s *arrow.Schema, columns []int) *arrow.Schema {
	if columns == nil {
		return s
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = s.Field(c)
	}
	return arrow.NewSchema(fields, nil)
}

func hasRetract(kinds []types.RowKind) bool {
	return slices.ContainsFunc(kinds, types.RowKind.IsRetract)
}

// dropRetracts takes over b and gives it without -U and -D rows; nil if none
// are left.
func dropRetracts(mem memory.Allocator, b *columnar.KV) (*columnar.KV, error) {
	if !hasRetract(b.Kinds) {
		return b, nil
	}
	defer b.Release()
	refs := make([]columnar.Ref, 0, b.Len())
	for i, k := range b.Kinds {
		if !k.IsRetract() {
			refs = append(refs, columnar.Ref{Row: int32(i)})
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return gatherKV(mem, []*columnar.KV{b}, refs, b.Keys.Len() > 0)
}

// heldBytes is the memory that a keeps from being freed: its values and what
// room its buffers have left, for builders double theirs. Of buffers that are
// shared with other arrays more than twice the values does not count.
func heldBytes(a arrow.Array) int64 {
	used := arrayBytes(a)
	if a.Data().Offset() > 0 {
		return used
	}
	return min(max(used, capacity(a.Data())), 2*used)
}

func capacity(d arrow.ArrayData) int64 {
	var n int64
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Cap())
		}
	}
	for _, c := range d.Children() {
		n += capacity(c)
	}
	return n
}

// arrayBytes is the memory that the values of a take, without what else its
// buffers hold.
func arrayBytes(a arrow.Array) int64 {
	n := int64(a.Len())
	bytes := n / 8
	switch x := a.(type) {
	case *array.String:
		return bytes + 4*n + int64(len(x.ValueBytes()))
	case *array.Binary:
		return bytes + 4*n + int64(len(x.ValueBytes()))
	case *array.Struct:
		for i := range x.NumField() {
			bytes += arrayBytes(x.Field(i))
		}
		return bytes
	case array.ListLike: // also maps
		if n == 0 {
			return bytes
		}
		from, _ := x.ValueOffsets(0)
		_, to := x.ValueOffsets(int(n) - 1)
		values := array.NewSlice(x.ListValues(), from, to)
		defer values.Release()
		return bytes + 4*n + arrayBytes(values)
	}
	if t, ok := a.DataType().(arrow.FixedWidthDataType); ok {
		return bytes + n*int64(t.BitWidth())/8
	}
	return bytes
}
