package lsm

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"sort"

	"github.com/tarndb/tarn/paimon/columnar"
)

// Seeker is an extra power of streams: Seek skips batches all of whose keys
// are smaller than key. It may also do nothing.
type Seeker interface {
	Seek(key []byte) error
}

// run is a sorted sequence of batches. level is that of the file that the last
// batch came from.
type run interface {
	next() (b *columnar.KV, level int32, err error) // io.EOF at the end
	seek(key []byte) error
	close() error
}

// cursor stands on one row of a run. It owns one reference to its batch.
type cursor struct {
	run   run
	batch *columnar.KV // nil at the end
	pos   int
	n     int
	level int32
	src   int32  // index of batch in the current window; -1: not yet in it
	wins  int    // how often in a row it was ahead of all others
	pre   uint64 // key prefix at pos
}

// load goes to the first row of the next batch that has rows.
func (c *cursor) load() error {
	if c.batch != nil {
		c.batch.Release()
		c.batch = nil
	}
	for {
		b, level, err := c.run.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b.Len() == 0 {
			b.Release()
			continue
		}
		c.batch, c.level, c.pos, c.n, c.src, c.pre = b, level, 0, b.Len(), -1, b.Keys.Prefix(0)
		return nil
	}
}

// skip moves on by n rows.
func (c *cursor) skip(n int) error {
	c.pos += n
	if c.pos == c.n {
		return c.load()
	}
	c.pre = c.batch.Keys.Prefix(c.pos)
	return nil
}

func (c *cursor) done() bool { return c.batch == nil }

func (c *cursor) key() []byte { return c.batch.Keys.At(c.pos) }

// compare orders rows for merging: key, sequence.field, sequence number, and,
// where even these are equal, higher level first. A cursor that is done comes
// last.
func compare(a, b *cursor) int {
	if a.batch == nil || b.batch == nil {
		switch {
		case a.batch != nil:
			return -1
		case b.batch != nil:
			return 1
		}
		return 0
	}
	if a.pre != b.pre {
		return cmp.Compare(a.pre, b.pre)
	}
	if c := bytes.Compare(a.key(), b.key()); c != 0 {
		return c
	}
	return compareVersion(a.batch, a.pos, a.level, b.batch, b.pos, b.level)
}

// compareVersion orders two rows of one key.
func compareVersion(a *columnar.KV, i int, aLevel int32, b *columnar.KV, j int, bLevel int32) int {
	if a.UserSeq.Len() > 0 && b.UserSeq.Len() > 0 {
		if c := columnar.Compare(a.UserSeq, i, b.UserSeq, j); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(a.Seqs[i], b.Seqs[j]); c != 0 {
		return c
	}
	return cmp.Compare(bLevel, aLevel)
}

// lowerBound gives the first row at or after from whose key is not smaller
// than key (orEqual false) or is greater than it (orEqual true). It gallops, so
// that near rows are found in few steps.
func lowerBound(keys columnar.Keys, from int, key []byte, orEqual bool) int {
	limit := 0
	if orEqual {
		limit = 1
	}
	pre := columnar.Prefix(key[keys.Skip():])
	before := func(i int) bool {
		if p := keys.Prefix(i); p != pre {
			return p < pre
		}
		return bytes.Compare(keys.At(i), key) < limit
	}
	n, step := keys.Len(), 1
	lo, hi := from, from
	for hi < n && before(hi) {
		lo = hi + 1
		hi += step
		step *= 2
	}
	hi = min(hi, n)
	return lo + sort.Search(hi-lo, func(i int) bool { return !before(lo + i) })
}

// find moves c to the row with this key and reports whether there is one. Keys
// are asked for in ascending order. It must not be used for a cursor in a tree.
func (c *cursor) find(key []byte) (bool, error) {
	for !c.done() {
		if c.pos = lowerBound(c.batch.Keys, c.pos, key, false); c.pos < c.n {
			return bytes.Equal(c.key(), key), nil
		}
		if err := c.run.seek(key); err != nil {
			return false, err
		}
		if err := c.load(); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (c *cursor) close() error {
	if c.batch != nil {
		c.batch.Release()
		c.batch = nil
	}
	return c.run.close()
}
