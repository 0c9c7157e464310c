package lsm

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// KeyFunc gives the encoded, byte-comparable form of a BinaryRow key, as in
// DataFileMeta.MinKey.
type KeyFunc func(binrow []byte) ([]byte, error)

// File is a data file with its key range in encoded form. It does not change.
type File struct {
	spec.DataFileMeta
	Min, Max []byte // encoded keys, inclusive
}

// NewFile encodes the key range of m.
func NewFile(m spec.DataFileMeta, keyOf KeyFunc) (*File, error) {
	lo, err := keyOf(m.MinKey)
	if err != nil {
		return nil, fmt.Errorf("decode min key of data file %s: %w", m.FileName, err)
	}
	hi, err := keyOf(m.MaxKey)
	if err != nil {
		return nil, fmt.Errorf("decode max key of data file %s: %w", m.FileName, err)
	}
	if bytes.Compare(lo, hi) > 0 {
		return nil, errs.Corrupt(m.FileName, "min key is greater than max key in its manifest entry")
	}
	return &File{DataFileMeta: m, Min: lo, Max: hi}, nil
}

// Run is a list of files in key order that do not overlap.
// Source: org.apache.paimon.mergetree.{SortedRun,LevelSortedRun}.
type Run struct {
	Level int
	Files []*File
}

// Size is the sum of the file sizes in bytes.
func (r Run) Size() int64 {
	var n int64
	for _, f := range r.Files {
		n += f.FileSize
	}
	return n
}

// Levels are the files of one bucket, arranged by level. It is not safe for
// concurrent use; take Runs before starting work on another goroutine.
// Source: org.apache.paimon.mergetree.Levels.
type Levels struct {
	keyOf  KeyFunc
	level0 []*File   // newest first
	higher [][]*File // higher[i] is level i+1, in key order
}

// NewLevels arranges files. numLevels is the option `num-levels`; more levels
// are made if a file lies higher. Files of one level above 0 that overlap are
// an error that matches errs.ErrCorrupt.
func NewLevels(keyOf KeyFunc, numLevels int, files []spec.DataFileMeta) (*Levels, error) {
	for i := range files {
		numLevels = max(numLevels, files[i].Level+1)
	}
	if numLevels < 2 {
		return nil, errs.Invalid("num-levels = %d: must be at least 2", numLevels)
	}
	l := &Levels{keyOf: keyOf, higher: make([][]*File, numLevels-1)}
	if err := l.Update(nil, files); err != nil {
		return nil, err
	}
	return l, nil
}

// Add adds a new file.
func (l *Levels) Add(f spec.DataFileMeta) error { return l.Update(nil, []spec.DataFileMeta{f}) }

// Update takes files away and adds others, in one step: after an error
// nothing has changed. A file to take away is found by name and level; one
// that is not there is an error.
func (l *Levels) Update(before, after []spec.DataFileMeta) error {
	next := make([][]*File, l.NumLevels())
	next[0] = slices.Clone(l.level0)
	for i, files := range l.higher {
		next[i+1] = slices.Clone(files)
	}
	for i := range before {
		b := &before[i]
		if b.Level >= len(next) {
			return fmt.Errorf("update levels: file %s is not on level %d", b.FileName, b.Level)
		}
		at := slices.IndexFunc(next[b.Level], func(f *File) bool { return f.FileName == b.FileName })
		if at < 0 {
			return fmt.Errorf("update levels: file %s is not on level %d", b.FileName, b.Level)
		}
		next[b.Level] = slices.Delete(next[b.Level], at, at+1)
	}
	for _, a := range after {
		if a.Level < 0 || a.Level >= len(next) {
			return fmt.Errorf("update levels: file %s has level %d of %d levels", a.FileName, a.Level, len(next))
		}
		f, err := NewFile(a, l.keyOf)
		if err != nil {
			return err
		}
		next[a.Level] = append(next[a.Level], f)
	}
	slices.SortFunc(next[0], newestFirst)
	for level, files := range next[1:] {
		if err := sortRun(level+1, files); err != nil {
			return err
		}
	}
	l.level0, l.higher = next[0], next[1:]
	return nil
}

// newestFirst is the order of level-0 files.
func newestFirst(a, b *File) int {
	return cmp.Or(
		cmp.Compare(b.MaxSequence, a.MaxSequence),
		cmp.Compare(a.MinSequence, b.MinSequence),
		a.CreationTime.Compare(b.CreationTime),
		cmp.Compare(a.FileName, b.FileName))
}

func sortRun(level int, files []*File) error {
	slices.SortFunc(files, func(a, b *File) int { return bytes.Compare(a.Min, b.Min) })
	for i := 1; i < len(files); i++ {
		if bytes.Compare(files[i-1].Max, files[i].Min) >= 0 {
			return errs.Corrupt(files[i].FileName, "its key range overlaps that of %s on level %d; two writers may have compacted the same bucket",
				files[i-1].FileName, level)
		}
	}
	return nil
}

// NumLevels is the number of levels, with level 0.
func (l *Levels) NumLevels() int { return len(l.higher) + 1 }

// MaxLevel is the highest level.
func (l *Levels) MaxLevel() int { return len(l.higher) }

// Level gives the files of one level; do not change the slice. Level 0 is in
// the order newest first, others are in key order.
func (l *Levels) Level(i int) []*File {
	if i == 0 {
		return l.level0
	}
	return l.higher[i-1]
}

// HighestNonEmpty is the highest level with files; -1 if there are none.
func (l *Levels) HighestNonEmpty() int {
	for i := len(l.higher); i > 0; i-- {
		if len(l.higher[i-1]) > 0 {
			return i
		}
	}
	return min(len(l.level0), 1) - 1
}

// NumRuns is the number of sorted runs.
func (l *Levels) NumRuns() int {
	n := len(l.level0)
	for _, files := range l.higher {
		n += min(len(files), 1)
	}
	return n
}

// Runs lists the sorted runs: level-0 files newest first, then the levels that
// hold files, low to high.
func (l *Levels) Runs() []Run {
	runs := make([]Run, 0, l.NumRuns())
	for _, f := range l.level0 {
		runs = append(runs, Run{Level: 0, Files: []*File{f}})
	}
	for i, files := range l.higher {
		if len(files) > 0 {
			runs = append(runs, Run{Level: i + 1, Files: slices.Clone(files)})
		}
	}
	return runs
}

// Files lists all files, run by run.
func (l *Levels) Files() []spec.DataFileMeta {
	var out []spec.DataFileMeta
	for _, r := range l.Runs() {
		for _, f := range r.Files {
			out = append(out, f.DataFileMeta)
		}
	}
	return out
}

// MaxSequence is the highest sequence number of any file; -1 if there are
// none. A writer goes on with the next one.
func (l *Levels) MaxSequence() int64 {
	seq := int64(-1)
	for _, r := range l.Runs() {
		for _, f := range r.Files {
			seq = max(seq, f.MaxSequence)
		}
	}
	return seq
}
