package lsm

import (
	"slices"

	"github.com/tarndb/tarn/paimon/columnar"
)

// closeKey ends the open key, if there is one: it leaves those of its versions
// that the engine may see, or takes the key away.
func (m *merger) closeKey() error {
	if !m.open {
		return nil
	}
	m.open = false
	if m.policy == MergeAll {
		return nil
	}
	start := int(m.win.Starts[len(m.win.Starts)-1])
	refs := m.win.Refs[start:]
	fresh, best := 0, -1 // level-0 versions; the version on the lowest other level
	for i, r := range refs {
		switch l := m.win.Levels[r.Src]; {
		case l <= 0:
			fresh++
		case best < 0 || l < m.win.Levels[refs[best].Src]:
			best = i
		}
	}
	if best < 0 && len(m.lookup) > 0 {
		return m.lookupKey(start)
	}
	if m.policy == MergeFirstRow || best < 0 || len(refs) == fresh+1 {
		return nil
	}
	m.win.Thinned = append(m.win.Thinned, int32(len(m.win.Starts)-1))
	keep := refs[best]
	m.win.Refs = append(m.win.Refs[:start], slices.DeleteFunc(refs, func(r columnar.Ref) bool {
		return r != keep && m.win.Levels[r.Src] > 0
	})...)
	return nil
}

// lookupKey completes a key that has level-0 versions only with its version in
// the lookup runs.
func (m *merger) lookupKey(start int) error {
	first := m.win.Refs[start]
	key := m.win.Sources[first.Src].Keys.At(int(first.Row))
	for _, c := range m.lookup {
		found, err := c.find(key)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if m.policy == MergeFirstRow { // the first row is already below
			m.win.Refs = m.win.Refs[:start]
			m.win.Starts = m.win.Starts[:len(m.win.Starts)-1]
			return nil
		}
		if m.mark != nil {
			file, row, err := c.run.(*fileRun).where(c.pos)
			if err != nil {
				return err
			}
			if m.mark(file, row); m.blind {
				return nil
			}
		}
		ref := columnar.Ref{Src: m.source(c), Row: int32(c.pos)}
		at := start
		for at < len(m.win.Refs) && m.older(m.win.Refs[at], c) {
			at++
		}
		m.win.Refs = slices.Insert(m.win.Refs, at, ref)
		return nil
	}
	return nil
}

// older reports whether the version r comes before the one under c.
func (m *merger) older(r columnar.Ref, c *cursor) bool {
	return compareVersion(m.win.Sources[r.Src], int(r.Row), m.win.Levels[r.Src], c.batch, c.pos, c.level) < 0
}
