package columnar

import (
	"bytes"
	"cmp"
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
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].prefix == rows[from].prefix {
			to++
		}
		if to-from > 1 {
			s.sortTies(rows[from:to], scratch[from:to], skip+8)
		}
		from = to
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

// compare orders rows of one group: prefix, key, user sequence, number.
func (s *Sorter) compare(a, b sortRow) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	x, y := s.batches[a.src], s.batches[b.src]
	if c := bytes.Compare(x.Keys.At(int(a.row)), y.Keys.At(int(b.row))); c != 0 {
		return c
	}
	if x.UserSeq.Len() > 0 && y.UserSeq.Len() > 0 {
		if c := Compare(x.UserSeq, int(a.row), y.UserSeq, int(b.row)); c != 0 {
			return c
		}
	}
	return cmp.Compare(x.Seqs[a.row], y.Seqs[b.row])
}

// radix sorts by prefix, stable, one pass for each byte that differs.
func radix(rows, scratch []sortRow) {
	var or uint64
	and := ^uint64(0)
	for _, e := range rows {
		or |= e.prefix
		and &= e.prefix
	}
	differ := or &^ and
	from, to := rows, scratch[:len(rows)]
	for shift := 0; shift < 64; shift += 8 {
		if byte(differ>>shift) == 0 {
			continue
		}
		var count [256]int
		for _, e := range from {
			count[byte(e.prefix>>shift)]++
		}
		at := 0
		for i, c := range count {
			count[i] = at
			at += c
		}
		for _, e := range from {
			d := byte(e.prefix >> shift)
			to[count[d]] = e
			count[d]++
		}
		from, to = to, from
	}
	if &from[0] != &rows[0] {
		copy(rows, from)
	}
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
