package scan

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// syncMap remembers a yes or no per partition row.
type syncMap struct {
	mu sync.Mutex
	m  map[string]bool
}

func (s *syncMap) get(key []byte) (value, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.m[string(key)]
	return value, ok
}

func (s *syncMap) put(key []byte, value bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]bool{}
	}
	s.m[string(key)] = value
}

// arraySlice gives row i as an array of its own.
func arraySlice(a arrow.Array, i int64) arrow.Array { return array.NewSlice(a, i, i+1) }
