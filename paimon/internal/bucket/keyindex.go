package bucket

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Key is a 128-bit hash of an encoded primary key; it stands for the key.
type Key struct{ Hi, Lo uint64 }

func (k Key) compare(o Key) int { return cmp.Or(cmp.Compare(k.Hi, o.Hi), cmp.Compare(k.Lo, o.Lo)) }

// keyEntry is where a key is: a number above 0.
type keyEntry struct {
	key   Key
	where uint64
}

const (
	entryBytes = 24
	blockKeys  = 128
	// firstSlots is the size of the table of a new KeyIndex.
	firstSlots = 1 << 10
)

// KeyIndex knows where keys are. Up to a number of keys are in memory, the
// others in sorted local files, which are gone when the process is. It serves
// one goroutine.
type KeyIndex struct {
	dir   string // "": all stays in memory
	most  int    // keys in memory
	slots []keyEntry
	used  int
	runs  []*keyRun // oldest first
}

// NewKeyIndex makes an index with at most so many keys in memory, and the
// others in files in dir.
func NewKeyIndex(dir string, most int) *KeyIndex {
	return &KeyIndex{dir: dir, most: max(most, firstSlots/2), slots: make([]keyEntry, firstSlots)}
}

// Bytes is the memory that the keys take.
func (x *KeyIndex) Bytes() int64 { return int64(len(x.slots)) * entryBytes }

// slot gives the place of a key, or of where it would be.
func (x *KeyIndex) slot(k Key) *keyEntry {
	mask := uint64(len(x.slots) - 1)
	for i := k.Lo & mask; ; i = (i + 1) & mask {
		if e := &x.slots[i]; e.where == 0 || e.key == k {
			return e
		}
	}
}

// Get gives what was put for a key last; 0 if nothing was.
func (x *KeyIndex) Get(k Key) (uint64, error) {
	if e := x.slot(k); e.where != 0 {
		return e.where, nil
	}
	for _, r := range slices.Backward(x.runs) {
		if where, err := r.get(k); where != 0 || err != nil {
			return where, err
		}
	}
	return 0, nil
}

// Put says where a key is; where is above 0.
func (x *KeyIndex) Put(k Key, where uint64) error {
	e := x.slot(k)
	if e.where != 0 {
		e.where = where
		return nil
	}
	if x.used >= x.most && x.dir != "" {
		if err := x.spill(); err != nil {
			return err
		}
		e = x.slot(k)
	} else if x.used >= len(x.slots)/4*3 {
		x.grow()
		e = x.slot(k)
	}
	*e = keyEntry{k, where}
	x.used++
	return nil
}

func (x *KeyIndex) grow() {
	old := x.slots
	x.slots = make([]keyEntry, 2*len(old))
	for i := range old {
		if old[i].where != 0 {
			*x.slot(old[i].key) = old[i]
		}
	}
}

// spill moves the keys in memory to a file. Files are merged so that each is
// at least twice as large as the next: they stay few.
func (x *KeyIndex) spill() error {
	list := make([]keyEntry, 0, x.used)
	for i := range x.slots {
		if x.slots[i].where != 0 {
			list = append(list, x.slots[i])
		}
	}
	slices.SortFunc(list, func(a, b keyEntry) int { return a.key.compare(b.key) })
	at := 0
	run, err := writeRun(x.dir, func() (keyEntry, error) {
		if at == len(list) {
			return keyEntry{}, io.EOF
		}
		at++
		return list[at-1], nil
	})
	if err != nil {
		return fmt.Errorf("spill key index: %w", err)
	}
	x.runs = append(x.runs, run)
	clear(x.slots)
	x.used = 0
	for n := len(x.runs); n > 1 && x.runs[n-2].keys < 2*x.runs[n-1].keys; n-- {
		if err := x.mergeLast(); err != nil {
			return fmt.Errorf("merge key index: %w", err)
		}
	}
	return nil
}

// mergeLast makes one file of the last two; the newer one wins.
func (x *KeyIndex) mergeLast() error {
	n := len(x.runs)
	older, newer := x.runs[n-2].entries(), x.runs[n-1].entries()
	a, aerr := older()
	b, berr := newer()
	run, err := writeRun(x.dir, func() (keyEntry, error) {
		if aerr == io.EOF && berr == io.EOF {
			return keyEntry{}, io.EOF
		}
		if err := errors.Join(notEOF(aerr), notEOF(berr)); err != nil {
			return keyEntry{}, err
		}
		order := a.key.compare(b.key)
		if aerr == io.EOF {
			order = 1
		} else if berr == io.EOF {
			order = -1
		}
		out := a
		if order >= 0 {
			out = b
			b, berr = newer()
		}
		if order <= 0 {
			a, aerr = older()
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	err = errors.Join(x.runs[n-2].close(), x.runs[n-1].close())
	x.runs = append(x.runs[:n-2], run)
	return err
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// Close removes the files.
func (x *KeyIndex) Close() error {
	var all []error
	for _, r := range x.runs {
		all = append(all, r.close())
	}
	x.runs, x.slots = nil, nil
	return errors.Join(all...)
}

// keyRun is a file of sorted entries.
type keyRun struct {
	f     *os.File
	keys  int
	first []uint64 // Hi of the first key of each block
	block []byte
}

func writeRun(dir string, next func() (keyEntry, error)) (*keyRun, error) {
	f, err := os.CreateTemp(dir, "tarn-spill-*") // lsm.RemoveSpills knows the name
	if err != nil {
		return nil, err
	}
	r := &keyRun{f: f, block: make([]byte, blockKeys*entryBytes)}
	out := bufio.NewWriterSize(f, 256<<10)
	var rec [entryBytes]byte
	for {
		e, err := next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		if r.keys%blockKeys == 0 {
			r.first = append(r.first, e.key.Hi)
		}
		binary.BigEndian.PutUint64(rec[:], e.key.Hi)
		binary.BigEndian.PutUint64(rec[8:], e.key.Lo)
		binary.BigEndian.PutUint64(rec[16:], e.where)
		if _, err := out.Write(rec[:]); err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.keys++
	}
	if err := out.Flush(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func decodeEntry(rec []byte) keyEntry {
	return keyEntry{Key{binary.BigEndian.Uint64(rec), binary.BigEndian.Uint64(rec[8:])}, binary.BigEndian.Uint64(rec[16:])}
}

// get looks a key up: the blocks whose first key has the same Hi or the next
// smaller one.
func (r *keyRun) get(k Key) (uint64, error) {
	b, _ := slices.BinarySearch(r.first, k.Hi)
	for b = max(b-1, 0); b < len(r.first) && r.first[b] <= k.Hi; b++ {
		n := min(blockKeys, r.keys-b*blockKeys)
		block := r.block[:n*entryBytes]
		if _, err := r.f.ReadAt(block, int64(b)*blockKeys*entryBytes); err != nil {
			return 0, fmt.Errorf("read key index: %w", err)
		}
		lo, hi := 0, n
		for lo < hi {
			mid := (lo + hi) / 2
			switch e := decodeEntry(block[mid*entryBytes:]); e.key.compare(k) {
			case 0:
				return e.where, nil
			case -1:
				lo = mid + 1
			default:
				hi = mid
			}
		}
	}
	return 0, nil
}

// entries reads all in order.
func (r *keyRun) entries() func() (keyEntry, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r.f, 0, int64(r.keys)*entryBytes), 256<<10)
	var rec [entryBytes]byte
	return func() (keyEntry, error) {
		if _, err := io.ReadFull(in, rec[:]); err != nil {
			return keyEntry{}, err
		}
		return decodeEntry(rec[:]), nil
	}
}

func (r *keyRun) close() error { return errors.Join(r.f.Close(), os.Remove(r.f.Name())) }
