package lsm

import (
	"bytes"
	"errors"

	"github.com/tarndb/tarn/paimon/columnar"
)

const (
	// defaultBatchRows is the size of windows and of batches.
	defaultBatchRows = 8192
	// spanPart: a stretch of rows that is at least this part of a window is
	// passed on as a slice of its batch instead of being gathered.
	spanPart = 8
	// steady is how often in a row a run must be ahead before the merger looks
	// how far ahead it is.
	steady = 3
	// foldFactor × the window size is how many versions of one key are held
	// before they are folded early, where the engine allows it.
	foldFactor = 4
)

// Step says what merger.next found.
type step int8

const (
	stepEnd    step = iota
	stepWindow      // merger.view
	stepSpan        // merger.span
)

// merger merges sorted runs into windows of whole keys:
//
//  1. The winner of a loser tree is the next row. A run that keeps winning is
//     taken as a range, up to the key of the runner-up.
//  2. Rows are collected as references into the batches of the runs. A long
//     range of one run is given out as a slice of its batch (span).
//  3. When a key is complete, the policy drops versions that the engine must
//     not see, or adds the one found in the lookup runs.
//  4. When enough rows are there the window is given out. Its batches are
//     released when the next one is asked for.
type merger struct {
	tree   loserTree
	lookup []*cursor // runs asked for single keys only; lowest level first
	policy Policy
	// unique says that no run has two rows of one key.
	unique bool
	rows   int // wanted window size
	// spans says whether rows of keys that exist on one level only need
	// neither engine nor changelog; nil for never.
	spans func(level int32) bool
	// mark, when set, is told the file and row number of every row found in the
	// lookup runs: it is dead then. blind leaves it out of the key's versions.
	mark  func(file string, row int64)
	blind bool
	// fold folds the versions of one key early; nil if the engine cannot.
	fold func(w *Window) (*columnar.KV, error)

	win  Window // being filled; owns one reference to each source
	open bool   // the last key of win may go on
	view Window // what next gave out
	span *columnar.KV
	last *cursor
}

func newMerger(runs, lookup []*cursor, policy Policy, unique bool, rows int) (*merger, error) {
	m := &merger{policy: policy, unique: unique, rows: rows, lookup: lookup}
	m.tree.cur = runs // so that close finds them, whatever fails
	for _, cs := range [][]*cursor{runs, lookup} {
		for _, c := range cs {
			if err := c.load(); err != nil {
				return nil, errors.Join(err, m.close())
			}
		}
	}
	m.tree = newLoserTree(runs)
	return m, nil
}

// next gives the next window (m.view) or span (m.span; the caller owns it). A
// window is valid until the next call.
func (m *merger) next() (step, error) {
	m.begin()
	for len(m.tree.cur) > 0 {
		c := m.tree.winner()
		if c.done() {
			break
		}
		n, same := m.ahead(c), m.continues(c)
		if !same {
			if err := m.closeKey(); err != nil {
				return 0, err
			}
			if n >= max(2, m.rows/spanPart) && m.unique && m.spans != nil && m.spans(c.level) {
				if len(m.win.Refs) > 0 {
					return m.give(), nil
				}
				return m.giveSpan(c, n)
			}
			if len(m.win.Refs) >= m.rows {
				return m.give(), nil
			}
		}
		if err := m.take(c, n, same); err != nil {
			return 0, err
		}
		if s, err := m.foldKey(); s == stepWindow || err != nil {
			return s, err
		}
	}
	if err := m.closeKey(); err != nil {
		return 0, err
	}
	if len(m.win.Refs) == 0 {
		return stepEnd, nil
	}
	return m.give(), nil
}

// begin starts a window; a key that was still open when the last one was given
// out is carried over with its sources.
func (m *merger) begin() {
	m.span = nil
	m.win.Thinned = m.win.Thinned[:0]
	if m.open {
		start := len(m.view.Refs)
		m.win.Refs = m.win.Refs[:copy(m.win.Refs, m.win.Refs[start:])]
		m.win.Starts = append(m.win.Starts[:0], 0)
		return
	}
	m.releaseSources()
	m.win.Refs, m.win.Starts = m.win.Refs[:0], m.win.Starts[:0]
}

func (m *merger) releaseSources() {
	for i, s := range m.win.Sources {
		s.Release()
		m.win.Sources[i] = nil
	}
	m.win.Sources, m.win.Levels = m.win.Sources[:0], m.win.Levels[:0]
	for _, cs := range [][]*cursor{m.tree.cur, m.lookup} {
		for _, c := range cs {
			c.src = -1
		}
	}
}

// ahead gives how many rows of c come before all other runs. It looks only
// when c has won some times in a row. 1 says only that the first row is next:
// another run may have a row of the same key.
func (m *merger) ahead(c *cursor) int {
	if c != m.last {
		m.last, c.wins = c, 0
	}
	if len(m.tree.cur) == 1 {
		return c.n - c.pos
	}
	if c.wins++; c.wins < steady {
		return 1
	}
	s := m.tree.second()
	if s == nil {
		return c.n - c.pos
	}
	return max(1, lowerBound(c.batch.Keys, c.pos, s.key(), false)-c.pos)
}

// continues reports whether the row of c belongs to the open key.
func (m *merger) continues(c *cursor) bool {
	if !m.open {
		return false
	}
	last := m.win.Refs[len(m.win.Refs)-1]
	keys := m.win.Sources[last.Src].Keys
	return keys.Prefix(int(last.Row)) == c.pre && bytes.Equal(keys.At(int(last.Row)), c.key())
}

// take moves up to n rows of c into the window; same says that the first of
// them continues the open key.
func (m *merger) take(c *cursor, n int, same bool) error {
	src := m.source(c)
	if !same {
		m.openKey()
	}
	m.win.Refs = append(m.win.Refs, columnar.Ref{Src: src, Row: int32(c.pos)})
	taken := 1
	for taken < n && len(m.win.Refs) < m.rows {
		row := c.pos + taken
		if m.unique || columnar.Compare(c.batch.Keys, row-1, c.batch.Keys, row) != 0 {
			if err := m.closeKey(); err != nil {
				return err
			}
			m.openKey()
		}
		m.win.Refs = append(m.win.Refs, columnar.Ref{Src: src, Row: int32(row)})
		taken++
	}
	if err := c.skip(taken); err != nil {
		return err
	}
	m.tree.replay()
	return nil
}

func (m *merger) openKey() {
	m.win.Starts = append(m.win.Starts, int32(len(m.win.Refs)))
	m.open = true
}

// source gives the index of c's batch in the window.
func (m *merger) source(c *cursor) int32 {
	if c.src < 0 {
		c.src = m.addSource(c.batch, c.level)
		c.batch.Retain()
	}
	return c.src
}

// addSource takes over a reference to b.
func (m *merger) addSource(b *columnar.KV, level int32) int32 {
	m.win.Sources = append(m.win.Sources, b)
	m.win.Levels = append(m.win.Levels, level)
	return int32(len(m.win.Sources) - 1)
}

// give hands out the window without a key that is still open.
func (m *merger) give() step {
	m.view = m.win
	if m.open {
		m.view.Refs = m.win.Refs[:m.win.Starts[len(m.win.Starts)-1]]
		m.view.Starts = m.win.Starts
		return stepWindow
	}
	m.win.Starts = append(m.win.Starts, int32(len(m.win.Refs)))
	m.view.Starts = m.win.Starts
	return stepWindow
}

func (m *merger) giveSpan(c *cursor, n int) (step, error) {
	m.span = sliceKV(c.batch, c.pos, c.pos+n)
	if err := c.skip(n); err != nil {
		m.span.Release()
		m.span = nil
		return 0, err
	}
	m.tree.replay()
	return stepSpan, nil
}

// foldKey bounds the memory of a key with very many versions: the keys before
// it are given out, and its versions are replaced by their folded row.
func (m *merger) foldKey() (step, error) {
	if !m.open || m.fold == nil {
		return stepEnd, nil
	}
	start := int(m.win.Starts[len(m.win.Starts)-1])
	if len(m.win.Refs)-start < foldFactor*m.rows {
		return stepEnd, nil
	}
	if start > 0 {
		return m.give(), nil
	}
	m.win.Starts = append(m.win.Starts, int32(len(m.win.Refs)))
	folded, err := m.fold(&m.win)
	if err != nil {
		return 0, err
	}
	level := m.win.Levels[m.win.Refs[0].Src]
	m.releaseSources()
	src := m.addSource(folded, level)
	m.win.Refs = m.win.Refs[:0]
	for row := range folded.Len() {
		m.win.Refs = append(m.win.Refs, columnar.Ref{Src: src, Row: int32(row)})
	}
	m.win.Starts = append(m.win.Starts[:0], 0)
	return stepEnd, nil
}

func (m *merger) close() error {
	m.releaseSources()
	m.win, m.open = Window{}, false
	var errs []error
	for _, cs := range [][]*cursor{m.tree.cur, m.lookup} {
		for _, c := range cs {
			errs = append(errs, c.close())
		}
	}
	m.tree.cur, m.lookup = nil, nil
	return errors.Join(errs...)
}
