package deletion

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// Cache keeps decoded vectors, bounded by whoever makes it. It is safe for
// concurrent use.
type Cache interface {
	Load(key string) (any, bool)
	Keep(key string, value any, bytes int64)
}

// maxFile bounds what is read of one index file: vectors of a bucket are in
// one file, and offsets are 32-bit.
const maxFile = 1 << 31

// Read gives vectors by data file. Each index file is opened once, and the
// stretch of it that holds the wanted vectors is read at once. Damage gives
// errs.ErrCorrupt with the path of the index file.
func Read(ctx context.Context, store fileio.Store, cache Cache, at map[string]Location) (map[string]*Vector, error) {
	byPath := map[string][]string{}
	for _, name := range sortedNames(at) {
		byPath[at[name].Path] = append(byPath[at[name].Path], name)
	}
	out := make(map[string]*Vector, len(at))
	for _, path := range sortedNames(byPath) {
		if err := readFile(ctx, store, cache, path, byPath[path], at, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readFile(ctx context.Context, store fileio.Store, cache Cache, path string, names []string, at map[string]Location, out map[string]*Vector) error {
	var missing []string
	lo, hi := int64(maxFile), int64(1)
	for _, n := range names {
		l := at[n]
		if cache != nil {
			if v, ok := cache.Load(cacheKey(path, l.Offset)); ok {
				out[n] = v.(*Vector)
				continue
			}
		}
		if l.Offset < 1 || l.Length < 0 {
			return errs.Corrupt(path, "deletion vector of %s at %d with %d bytes", n, l.Offset, l.Length)
		}
		missing = append(missing, n)
		lo, hi = min(lo, int64(l.Offset)), max(hi, int64(l.Offset)+int64(l.Length)+frame)
	}
	if len(missing) == 0 {
		return nil
	}
	data, err := readRange(ctx, store, path, lo, hi)
	if err != nil {
		return fmt.Errorf("read deletion vectors: %w", err)
	}
	for _, n := range missing {
		l := at[n]
		if int64(l.Offset)-lo > int64(len(data)) {
			return errs.Corrupt(path, "the deletion vector of %s at %d is beyond its end", n, l.Offset)
		}
		v, err := Decode(data[int64(l.Offset)-lo:], l.Length)
		if err == nil && l.Cardinality != nil && *l.Cardinality != v.Rows() {
			err = fmt.Errorf("it deletes %d rows, its index manifest says %d", v.Rows(), *l.Cardinality)
		}
		if err != nil {
			return errs.Corrupt(path, "deletion vector of %s at %d: %w", n, l.Offset, err)
		}
		out[n] = v
		if cache != nil {
			cache.Keep(cacheKey(path, l.Offset), v, 128+2*int64(l.Length))
		}
	}
	return nil
}

func cacheKey(path string, offset int32) string { return fmt.Sprintf("%s@%d", path, offset) }

// readRange reads the bytes from, …, to-1 of a file, or less at its end, and
// checks its version.
func readRange(ctx context.Context, store fileio.Store, path string, from, to int64) ([]byte, error) {
	r, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	to = min(to, r.Size())
	if to > maxFile || from >= to {
		return nil, errs.Corrupt(path, "%d bytes do not hold a vector at %d", r.Size(), from)
	}
	start := from
	if from <= 4096 { // near the start: the version comes with it
		start = 0
	} else if err := readAt(r, path, make([]byte, 1), 0); err != nil {
		return nil, err
	}
	data := make([]byte, to-start)
	if err := readAt(r, path, data, start); err != nil {
		return nil, err
	}
	return data[from-start:], nil
}

// readAt fills data; what is read from the start of the file has its version.
func readAt(r fileio.Reader, path string, data []byte, at int64) error {
	n, err := r.ReadAt(data, at)
	switch {
	case n < len(data) && err == io.EOF:
		return errs.Corrupt(path, "%d bytes are missing at its end", len(data)-n)
	case n < len(data):
		return fmt.Errorf("read %s: %w", path, err)
	case at == 0 && data[0] != version:
		return errs.Unsupported("%s: version %d of deletion vectors is not known to this version of Tarn", path, data[0])
	}
	return nil
}

// Source gives the vectors of data files by name; nil for none. Its method may
// be called from several goroutines.
type Source interface {
	Vector(ctx context.Context, dataFile string) (*Vector, error)
}

// Set is a Source that reads vectors when they are first asked for, all of an
// index file together.
type Set struct {
	store fileio.Store
	cache Cache
	at    map[string]Location

	mu   sync.Mutex
	read map[string]*Vector
}

// NewSet makes a set of the vectors at these locations, by data file; cache
// may be nil.
func NewSet(store fileio.Store, cache Cache, at map[string]Location) *Set {
	return &Set{store: store, cache: cache, at: at, read: map[string]*Vector{}}
}

// Vector implements Source.
func (s *Set) Vector(ctx context.Context, dataFile string) (*Vector, error) {
	l, ok := s.at[dataFile]
	if !ok {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.read[dataFile]; ok {
		return v, nil
	}
	together := map[string]Location{}
	for n, o := range s.at {
		if o.Path == l.Path {
			together[n] = o
		}
	}
	got, err := Read(ctx, s.store, s.cache, together)
	if err != nil {
		return nil, err
	}
	for n, v := range got {
		s.read[n] = v
	}
	return s.read[dataFile], nil
}
