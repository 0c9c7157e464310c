package lookup

import (
	"errors"
	"slices"

	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/table"
)

// file is a data file of the snapshot that is looked at.
type file struct {
	*lsm.File
	from *table.BucketFiles
	dead *deletion.Vector // nil: no row is deleted
	seg  *segment         // nil until it is asked
	used uint64           // when it was asked last
	base int32            // number of its first batch among the sources of that call
	call uint64
}

// cache bounds the segments that files have, in bytes.
type cache struct {
	limit  int64 // 0: none
	size   int64
	now    uint64 // counts calls: what was asked in this one stays
	loaded []*file
}

// put gives a file its segment and takes those away that were not used for the
// longest, but not those of this call.
func (c *cache) put(f *file, s *segment) error {
	f.seg, f.used = s, c.now
	c.loaded = append(c.loaded, f)
	c.size += s.size()
	if c.limit <= 0 || c.size <= c.limit {
		return nil
	}
	slices.SortFunc(c.loaded, func(a, b *file) int { return int(int64(a.used - b.used)) })
	var err error
	for len(c.loaded) > 0 && c.size > c.limit && c.loaded[0].used < c.now {
		err = errors.Join(err, c.drop(c.loaded[0]))
	}
	return err
}

func (c *cache) drop(f *file) error {
	if f.seg == nil {
		return nil
	}
	c.loaded = slices.DeleteFunc(c.loaded, func(o *file) bool { return o == f })
	c.size -= f.seg.size()
	s := f.seg
	f.seg = nil
	return s.close()
}
