package dict

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hash is the 128-bit hash of a key. With a billion keys, the chance that any
// two are alike is one in 10^20.
type hash struct{ hi, lo uint64 }

// keySet is a set of hashes: an open-addressed table of 16 bytes a slot, at
// most three quarters full, sorted by the hash but for collisions, so that
// growing reads and writes from the beginning to the end. Up to a bound it lies
// in memory; above, it is a file mapped into memory, of which the system keeps
// what is used. It serves one goroutine.
type keySet struct {
	memory int64  // bytes that the table may have in memory
	dir    string // of the file
	slots  []hash
	mapped []byte // what slots lie in
	shift  uint   // of hash.hi, gives the slot
	n      int
}

const (
	hashBytes = int64(unsafe.Sizeof(hash{}))
	leastBits = 12
)

func newKeySet(memory int64, dir string) (*keySet, error) {
	s := &keySet{memory: memory, dir: dir}
	return s, s.clear()
}

// clear empties the set.
func (s *keySet) clear() error {
	if err := s.close(); err != nil {
		return err
	}
	return s.allocate(leastBits)
}

// close frees the table.
func (s *keySet) close() error {
	var err error
	if s.mapped != nil {
		err = unix.Munmap(s.mapped)
	}
	s.slots, s.mapped, s.n = nil, nil, 0
	return err
}

// allocate makes an empty table of 1<<bits slots.
func (s *keySet) allocate(bits uint) error {
	size := hashBytes << bits
	var err error
	if size <= s.memory {
		s.mapped, err = unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	} else {
		s.mapped, err = mapFile(s.dir, size)
	}
	if err != nil {
		return fmt.Errorf("table of %d MiB for the keys of a dictionary: %w", size>>20, err)
	}
	s.slots = unsafe.Slice((*hash)(unsafe.Pointer(unsafe.SliceData(s.mapped))), 1<<bits)
	s.shift = 64 - bits
	return nil
}

// mapFile maps a file that has no name any more: it goes when the process
// does, however that ends. Its blocks are written first: a full disk is an
// error here, while a write into the mapping would kill the process.
func mapFile(dir string, size int64) (mapped []byte, err error) {
	f, err := os.CreateTemp(dir, "dictionary-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return nil, err
		}
	}
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// add puts h into the set and reports whether it was not there.
func (s *keySet) add(h hash) (bool, error) {
	h = h.nonZero()
	if 4*(s.n+1) > 3*len(s.slots) {
		if err := s.grow(); err != nil {
			return false, err
		}
	}
	at := s.find(h)
	if s.slots[at] == h {
		return false, nil
	}
	s.slots[at] = h
	s.n++
	return true, nil
}

// full reports whether the next hash would make the table outgrow its memory.
func (s *keySet) full() bool {
	return 4*(s.n+1) > 3*len(s.slots) && 2*int64(len(s.mapped)) > s.memory
}

// nonZero keeps the zero hash for empty slots.
func (h hash) nonZero() hash {
	if h == (hash{}) {
		h.lo = 1
	}
	return h
}

// find gives the slot that has h, or the empty one where it belongs.
func (s *keySet) find(h hash) int {
	at := int(h.hi >> s.shift)
	for s.slots[at] != h && s.slots[at] != (hash{}) {
		if at++; at == len(s.slots) {
			at = 0
		}
	}
	return at
}

// remove takes h out of the set, if it is there: those behind it move up until
// one is where it belongs.
func (s *keySet) remove(h hash) {
	hole := s.find(h.nonZero())
	if s.slots[hole] == (hash{}) {
		return
	}
	s.n--
	last := len(s.slots) - 1
	for at := (hole + 1) & last; s.slots[at] != (hash{}); at = (at + 1) & last {
		home := int(s.slots[at].hi >> s.shift)
		if (at-home)&last >= (at-hole)&last { // the hole is on its way from home
			s.slots[hole] = s.slots[at]
			hole = at
		}
	}
	s.slots[hole] = hash{}
}

// grow doubles the table.
func (s *keySet) grow() error {
	old := *s
	if err := s.allocate(64 - s.shift + 1); err != nil {
		*s = old
		return err
	}
	for _, h := range old.slots {
		if h != (hash{}) {
			s.slots[s.find(h)] = h
		}
	}
	return unix.Munmap(old.mapped)
}
