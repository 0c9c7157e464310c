package manifest

import (
	"container/list"
	"sync"

	"github.com/tarndb/tarn/paimon/spec"
)

// Cache is a least-recently-used cache of decoded manifests, bounded by
// their size in memory (an estimate in bytes). It may be used by many tables
// and goroutines; manifests never change, so nothing in it grows stale. The
// nil Cache keeps nothing.
type Cache struct {
	mu    sync.Mutex
	limit int64
	size  int64
	items map[string]*list.Element
	order list.List // front: used last
}

type cacheItem struct {
	path  string
	value any
	cost  int64
}

// NewCache makes a cache of maxBytes. A single manifest larger than a quarter
// of it is not kept.
func NewCache(maxBytes int64) *Cache {
	return &Cache{limit: maxBytes, items: map[string]*list.Element{}}
}

// Load gives what was kept for a path: the cache also holds other decoded
// files that never change.
func (c *Cache) Load(path string) (any, bool) { return c.get(path) }

// Keep keeps a decoded file that takes about so many bytes.
func (c *Cache) Keep(path string, value any, bytes int64) { c.put(path, value, bytes) }

func (c *Cache) get(path string) (any, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[path]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem).value, true
}

func (c *Cache) put(path string, value any, cost int64) {
	if c == nil || cost > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[path]; ok {
		c.order.MoveToFront(e)
		return
	}
	c.items[path] = c.order.PushFront(&cacheItem{path, value, cost})
	for c.size += cost; c.size > c.limit; {
		c.remove(c.order.Back())
	}
}

func (c *Cache) drop(path string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[path]; ok {
		c.remove(e)
	}
}

func (c *Cache) remove(e *list.Element) {
	item := c.order.Remove(e).(*cacheItem)
	delete(c.items, item.path)
	c.size -= item.cost
}

const (
	entrySize = 640 // a ManifestEntry with its small allocations
	metaSize  = 320
	perColumn = 24 // pointer and number of a null count
)

func statsCost(s *spec.SimpleStats) int64 {
	return int64(len(s.Min) + len(s.Max) + perColumn*len(s.NullCounts))
}

func entriesCost(entries []spec.ManifestEntry) int64 {
	n := int64(64)
	for i := range entries {
		f := &entries[i].File
		n += entrySize + int64(len(f.FileName)+len(f.MinKey)+len(f.MaxKey)+len(f.EmbeddedIndex)+len(entries[i].Partition))
		n += statsCost(&f.KeyStats) + statsCost(&f.ValueStats)
		n += 32 * int64(len(f.ValueStatsCols)+len(f.WriteCols)+len(f.WriteColsSequence))
	}
	return n
}

func listCost(files []spec.ManifestFileMeta) int64 {
	n := int64(64)
	for i := range files {
		n += metaSize + int64(len(files[i].FileName)) + statsCost(&files[i].PartitionStats)
	}
	return n
}

func indexCost(entries []spec.IndexManifestEntry) int64 {
	n := int64(64)
	for i := range entries {
		n += metaSize
		for j := range entries[i].File.Deletions {
			n += 64 + int64(len(entries[i].File.Deletions[j].DataFile))
		}
	}
	return n
}
