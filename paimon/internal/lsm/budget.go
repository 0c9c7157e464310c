package lsm

import (
	"context"
	"sync"
)

// Budget is a cap on buffered bytes that any number of tables share. When it
// is used up, the largest registered holder is asked to give memory back
// (buffers spill to disk). It is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	holders map[holder]struct{}
}

// holder can be asked to give memory back. Its methods must not need a lock
// that is held by a caller of Budget.Acquire.
type holder interface {
	// held is how many bytes reclaim could free.
	held() int64
	// reclaim frees them, releasing them to the budget.
	reclaim(ctx context.Context) error
}

// NewBudget makes a budget of limit bytes.
func NewBudget(limit int64) *Budget {
	return &Budget{limit: limit, holders: map[holder]struct{}{}}
}

// Limit is the cap in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Used is how many bytes are taken. It may exceed Limit by what single
// callers needed at a time when nothing was left to reclaim.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// TryAcquire takes n bytes if they are free.
func (b *Budget) TryAcquire(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return false
	}
	b.used += n
	return true
}

// Acquire takes n bytes. While they are not free it makes the largest holder
// give memory back; when no holder has any, the bytes are taken all the same,
// so that a batch larger than the budget still goes through.
func (b *Budget) Acquire(ctx context.Context, n int64) error {
	for !b.TryAcquire(n) {
		h := b.largest()
		if h == nil {
			b.mu.Lock()
			b.used += n
			b.mu.Unlock()
			return nil
		}
		if err := h.reclaim(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) {
	b.mu.Lock()
	b.used -= n
	b.mu.Unlock()
}

func (b *Budget) register(h holder) {
	b.mu.Lock()
	b.holders[h] = struct{}{}
	b.mu.Unlock()
}

func (b *Budget) unregister(h holder) {
	b.mu.Lock()
	delete(b.holders, h)
	b.mu.Unlock()
}

// largest is the holder with the most reclaimable bytes; nil when none has any.
func (b *Budget) largest() holder {
	b.mu.Lock()
	all := make([]holder, 0, len(b.holders))
	for h := range b.holders {
		all = append(all, h)
	}
	b.mu.Unlock()
	var best holder
	var most int64
	for _, h := range all { // held may take the holder's lock: not under ours
		if n := h.held(); n > most {
			best, most = h, n
		}
	}
	return best
}
