package columnar

import (
	"bytes"
	"cmp"
	"math"
	bits64 "math/bits"
	"slices"
)

// Sorter sorts the rows of buffered batches into merge order. It keeps its
// scratch memory (32 bytes a row) from one use to the next; it serves one
// goroutine.
//
// How it sorts:
//
//  1. strip the bytes that all keys share (order ids often start alike);
//  2. take the next 8 bytes of every key as a number and sort by it with a
//     stable radix sort that skips bytes without differences;
//  3. within equal numbers go on with the next 8 bytes while keys are longer,
//     small groups by plain comparison;
//  4. within equal keys order by user sequence, then sequence number.
type Sorter struct {
	batches []*KV
	a, b    []sortRow
	keyLen  int  // length of every key; -1 when they differ
	ordered bool // rows of one key arrive in merge order
}

type sortRow struct {
	prefix   uint64
	src, row int32
}

// smallSort is the group size below which comparing beats counting bytes.
const smallSort = 96

// SortRefs is Sorter.Sort with fresh scratch memory.
func SortRefs(batches []*KV, out []Ref) []Ref {
	var s Sorter
	return s.Sort(batches, out)
}

// Sort appends to out[:0] one Ref per row of the batches in merge order: key,
// then UserSeq where batches have it, then sequence number; rows equal in all
// stay in the order of arrival. Keys of the batches may have any skip.
func (s *Sorter) Sort(batches []*KV, out []Ref) []Ref {
	s.batches = batches
	defer func() { s.batches = nil }()
	total := 0
	keys := make([]Keys, len(batches))
	for i, b := range batches {
		total += b.Len()
		keys[i] = b.Keys
	}
	s.a = slices.Grow(s.a[:0], total)
	skip := CommonPrefix(false, keys...)
	for src, b := range batches {
		if skip == b.Keys.skip {
			for row, p := range b.Keys.prefix {
				s.a = append(s.a, sortRow{p, int32(src), int32(row)})
			}
			continue
		}
		for row := range b.Len() {
			s.a = append(s.a, sortRow{Prefix(b.Keys.At(row)[skip:]), int32(src), int32(row)})
		}
	}
	s.b = slices.Grow(s.b[:0], total)[:total]
	s.survey()
	s.sortGroup(s.a, s.b, skip)
	out = slices.Grow(out[:0], total)
	for _, e := range s.a {
		out = append(out, Ref{e.src, e.row})
	}
	return out
}

func (s *Sorter) key(e sortRow) []byte { return s.batches[e.src].Keys.At(int(e.row)) }

// sortGroup sorts rows whose keys agree in their first skip bytes (short keys
// padded with zeros) and whose prefixes were taken there.
func (s *Sorter) sortGroup(rows, scratch []sortRow, skip int) {
	if len(rows) < smallSort {
		slices.SortStableFunc(rows, s.compare)
		return
	}
	if !slices.IsSortedFunc(rows, func(a, b sortRow) int { return cmp.Compare(a.prefix, b.prefix) }) {
		radix(rows, scratch)
	}
	exact := s.keyLen >= 0 && s.keyLen <= skip+8 // equal prefixes are equal keys
	if exact && s.ordered {
		return
	}
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].prefix == rows[from].prefix {
			to++
		}
		switch {
		case to-from == 1:
		case exact:
			s.sortVersions(rows[from:to])
		default:
			s.sortTies(rows[from:to], scratch[from:to], skip+8)
		}
		from = to
	}
}

// survey looks for what makes sorting cheaper.
func (s *Sorter) survey() {
	s.keyLen, s.ordered = -2, true
	last := int64(math.MinInt64)
	for _, b := range s.batches {
		if b.UserSeq.Len() > 0 {
			s.ordered = false
		}
		for _, seq := range b.Seqs {
			s.ordered = s.ordered && seq >= last
			last = seq
		}
		k := b.Keys
		switch {
		case k.Len() == 0:
			continue
		case k.offsets == nil:
			s.seeLen(k.stride)
			continue
		}
		for i := range k.Len() {
			s.seeLen(int(k.offsets[i+1] - k.offsets[i]))
		}
	}
}

func (s *Sorter) seeLen(n int) {
	if s.keyLen == -2 {
		s.keyLen = n
	} else if s.keyLen != n {
		s.keyLen = -1
	}
}

// sortVersions sorts rows of one key.
func (s *Sorter) sortVersions(rows []sortRow) {
	if !s.ordered && !slices.IsSortedFunc(rows, s.compareVersions) {
		slices.SortStableFunc(rows, s.compareVersions)
	}
}

// sortTies sorts rows whose keys agree up to skip.
func (s *Sorter) sortTies(rows, scratch []sortRow, skip int) {
	longer := false
	for _, e := range rows {
		if len(s.key(e)) > skip {
			longer = true
			break
		}
	}
	if !longer || len(rows) < smallSort {
		if !slices.IsSortedFunc(rows, s.compare) {
			slices.SortStableFunc(rows, s.compare)
		}
		return
	}
	for i, e := range rows {
		rows[i].prefix = Prefix(s.key(e)[min(skip, len(s.key(e))):])
	}
	s.sortGroup(rows, scratch, skip)
}

// compare orders rows of one group: prefix, key, version.
func (s *Sorter) compare(a, b sortRow) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	if c := bytes.Compare(s.key(a), s.key(b)); c != 0 {
		return c
	}
	return s.compareVersions(a, b)
}

// compareVersions orders rows of one key: user sequence, then number.
func (s *Sorter) compareVersions(a, b sortRow) int {
	x, y := s.batches[a.src], s.batches[b.src]
	if x.UserSeq.Len() > 0 && y.UserSeq.Len() > 0 {
		if c := Compare(x.UserSeq, int(a.row), y.UserSeq, int(b.row)); c != 0 {
			return c
		}
	}
	return cmp.Compare(x.Seqs[a.row], y.Seqs[b.row])
}

// radix sorts by prefix, stable. It first squeezes out the bits in which all
// prefixes agree (digits differ in 4 bits of 8): the squeezed prefixes order
// alike and need fewer passes. They stay in place of the prefixes.
func radix(rows, scratch []sortRow) {
	var or uint64
	and := ^uint64(0)
	for _, e := range rows {
		or |= e.prefix
		and &= e.prefix
	}
	width := squeeze(rows, or&^and)
	digit := 8
	if len(rows) >= 1<<13 {
		digit = 11
	}
	passes := max((width+digit-1)/digit, 1)
	digit = (width + passes - 1) / passes
	from, to := rows, scratch[:len(rows)]
	var count [1 << 11]int32
	mask := uint64(1)<<digit - 1
	for shift := 0; shift < width; shift += digit {
		clear(count[:])
		for i := range from {
			count[from[i].prefix>>shift&mask&(1<<11-1)]++
		}
		at := int32(0)
		for i, c := range count[:mask+1] {
			count[i] = at
			at += c
		}
		for i := range from {
			d := from[i].prefix >> shift & mask & (1<<11 - 1)
			to[count[d]] = from[i]
			count[d]++
		}
		from, to = to, from
	}
	if &from[0] != &rows[0] {
		copy(rows, from)
	}
}

// squeeze drops the bits of the prefixes that are not in differ and gives the
// number of bits left.
func squeeze(rows []sortRow, differ uint64) int {
	type segment struct {
		mask uint64
		cut  int
	}
	var segments []segment
	width := 0
	for at := 0; at < 64 && differ>>at != 0; {
		at += bits64.TrailingZeros64(differ >> at)
		n := bits64.TrailingZeros64(^(differ >> at))
		segments = append(segments, segment{(1<<n - 1) << at, at - width})
		width += n
		at += n
	}
	if len(segments) == 1 && segments[0].cut == 0 {
		for i := range rows {
			rows[i].prefix &= segments[0].mask
		}
		return width
	}
	for i := range rows {
		p, v := rows[i].prefix, uint64(0)
		for _, s := range segments {
			v |= (p & s.mask) >> s.cut
		}
		rows[i].prefix = v
	}
	return width
}

// KeyStarts appends to out[:0] the index of the first ref of every key in
// sorted refs, and len(refs): the Starts of a merge window.
func KeyStarts(batches []*KV, refs []Ref, out []int32) []int32 {
	out = out[:0]
	var last Ref
	for i, r := range refs {
		if i == 0 || !sameKey(batches[last.Src].Keys, last.Row, batches[r.Src].Keys, r.Row) {
			out = append(out, int32(i))
		}
		last = r
	}
	return append(out, int32(len(refs)))
}

// sameKey compares keys that may have different skips.
func sameKey(a Keys, i int32, b Keys, j int32) bool {
	if a.skip == b.skip && a.prefix[i] != b.prefix[j] {
		return false
	}
	return bytes.Equal(a.At(int(i)), b.At(int(j)))
}
