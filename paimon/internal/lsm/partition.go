package lsm

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
)

// Section is a set of runs whose joint key range overlaps that of no other
// section. Every run holds files in key order; a run may mix levels.
type Section [][]*File

// Files lists the files of all runs.
func (s Section) Files() []*File {
	var out []*File
	for _, run := range s {
		out = append(out, run...)
	}
	return out
}

// bounds gives the section's key range.
func (s Section) bounds() (lo, hi []byte) {
	lo, hi = s[0][0].Min, s[0][0].Max
	for _, run := range s {
		if first := run[0]; bytes.Compare(first.Min, lo) < 0 {
			lo = first.Min
		}
		if last := run[len(run)-1]; bytes.Compare(last.Max, hi) > 0 {
			hi = last.Max
		}
	}
	return lo, hi
}

// Partition cuts files into sections, in key order, and each section into the
// least number of runs. Sections can be merged one after the other or side by
// side; a section of one run needs no merge.
// Source: org.apache.paimon.mergetree.compact.IntervalPartition.
func Partition(files []*File) []Section {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b *File) int {
		return cmp.Or(bytes.Compare(a.Min, b.Min), bytes.Compare(a.Max, b.Max))
	})
	var sections []Section
	start := 0
	var bound []byte
	for i, f := range files {
		if i > start && bytes.Compare(f.Min, bound) > 0 {
			sections = append(sections, splitRuns(files[start:i]))
			start, bound = i, nil
		}
		if bound == nil || bytes.Compare(f.Max, bound) > 0 {
			bound = f.Max
		}
	}
	if start < len(files) {
		sections = append(sections, splitRuns(files[start:]))
	}
	return sections
}

// splitRuns appends each file (in order of Min) to the run that ends first, if
// that run ends before the file starts, and else opens a new run.
func splitRuns(files []*File) Section {
	q := runQueue{{files[0]}}
	for _, f := range files[1:] {
		first := q[0]
		if bytes.Compare(f.Min, first[len(first)-1].Max) > 0 {
			q[0] = append(first, f)
			heap.Fix(&q, 0)
		} else {
			heap.Push(&q, []*File{f})
		}
	}
	return Section(q)
}

// runQueue is a heap of runs by the key at which they end.
type runQueue [][]*File

func (q runQueue) Len() int { return len(q) }
func (q runQueue) Less(i, j int) bool {
	return bytes.Compare(q[i][len(q[i])-1].Max, q[j][len(q[j])-1].Max) < 0
}
func (q runQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *runQueue) Push(x any) { *q = append(*q, x.([]*File)) }

// Pop implements heap.Interface.
func (q *runQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
