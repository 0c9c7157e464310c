package fileindex

import (
	"math/bits"

	"github.com/tarndb/tarn/paimon/bitmap"
)

// Rows is a set of row numbers of one file, a bit a row.
type Rows struct {
	n     int
	words []uint64
}

// NewRows makes an empty set for a file with n rows.
func NewRows(n int) *Rows { return &Rows{n: n, words: make([]uint64, (n+63)/64)} }

func allRows(n int) *Rows { return NewRows(n).invert() }

// Len is the number of rows of the file.
func (s *Rows) Len() int { return s.n }

// Count is the number of rows in the set.
func (s *Rows) Count() int { return bitmap.Count(s.words) }

// Empty reports whether no row is in the set.
func (s *Rows) Empty() bool {
	for _, w := range s.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// Contains reports whether a row is in the set.
func (s *Rows) Contains(row int) bool { return s.words[row>>6]>>(row&63)&1 != 0 }

// Next gives the first row of the set from row on; -1 when there is none.
func (s *Rows) Next(row int) int {
	for i := row >> 6; i < len(s.words); i++ {
		w := s.words[i]
		if i == row>>6 {
			w &= ^uint64(0) << (row & 63)
		}
		if w != 0 {
			return i<<6 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// Excluded gives the rows of the file that are not in the set.
func (s *Rows) Excluded() *bitmap.Bitmap { return bitmap.OfBits(s.clone().invert().words) }

func (s *Rows) add(row int) { s.words[row>>6] |= 1 << (row & 63) }

func (s *Rows) clone() *Rows {
	return &Rows{n: s.n, words: append([]uint64(nil), s.words...)}
}

func (s *Rows) and(o *Rows) *Rows {
	for i, w := range o.words {
		s.words[i] &= w
	}
	return s
}

func (s *Rows) or(o *Rows) *Rows {
	for i, w := range o.words {
		s.words[i] |= w
	}
	return s
}

func (s *Rows) andNot(o *Rows) *Rows {
	for i, w := range o.words {
		s.words[i] &^= w
	}
	return s
}

func (s *Rows) invert() *Rows {
	for i := range s.words {
		s.words[i] = ^s.words[i]
	}
	if tail := s.n & 63; tail > 0 {
		s.words[len(s.words)-1] &= 1<<tail - 1
	}
	return s
}

// portable appends the set as a Roaring bitmap.
func (s *Rows) portable(dst []byte) []byte {
	dst, _ = bitmap.OfBits(s.words).Append(dst, bitmap.Portable32) // row numbers fit
	return dst
}
