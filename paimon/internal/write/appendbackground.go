package write

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/deletion"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/table"
	"github.com/tarndb/tarn/paimon/spec"
)

// appendCompactions compacts the files of an append table beside its writing.
// Unaware buckets are only looked after while a job streams: a batch job would
// compact nothing but what it wrote. Buckets whose order counts are compacted
// by every writer. Files of other writers take part once they are committed.
type appendCompactions struct {
	t      *table.Table
	policy appendPolicy
	state  map[bucketID]*appendState
	slots  chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
}

// appendState is what is known of one bucket.
type appendState struct {
	queue   []spec.DataFileMeta // files that may be compacted
	own     map[string]bool     // written here and not yet seen in a snapshot
	age     int                 // plans without a task
	running []*appendTask
	// floor is the first sequence number after what has left the queue: where
	// order counts, a file before it has no neighbours here any more.
	floor int64
}

type appendTask struct {
	before []spec.DataFileMeta
	gone   bool // another job took some of the files away
	dead   *frozen
	done   chan struct{}
	after  []spec.DataFileMeta
	err    error
}

func newAppendCompactions(t *table.Table) *appendCompactions {
	ctx, cancel := context.WithCancel(context.Background())
	return &appendCompactions{t: t, policy: newAppendPolicy(t.Options), state: map[bucketID]*appendState{},
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0))), ctx: ctx, cancel: cancel}
}

func (c *appendCompactions) unaware() bool { return c.t.Options.Bucket == -1 }

func (c *appendCompactions) of(id bucketID) *appendState {
	s := c.state[id]
	if s == nil {
		s = &appendState{own: map[string]bool{}}
		c.state[id] = s
	}
	return s
}

// add takes files that this writer wrote.
func (c *appendCompactions) add(id bucketID, files []spec.DataFileMeta) {
	if c.unaware() {
		return // they come with their snapshot
	}
	s := c.of(id)
	for i := range files {
		s.own[files[i].FileName] = true
	}
	s.queue = append(s.queue, files...)
}

// changed takes what a snapshot changed in a bucket.
func (c *appendCompactions) changed(id bucketID, f *fileChanges) {
	s := c.of(id)
	went := make(map[string]bool, len(f.went))
	for i := range f.went {
		went[f.went[i].FileName] = true
	}
	isGone := func(o spec.DataFileMeta) bool { return went[o.FileName] }
	s.queue = slices.DeleteFunc(s.queue, isGone)
	for _, t := range s.running {
		t.gone = t.gone || slices.ContainsFunc(t.before, isGone)
	}
	for _, came := range f.came {
		if s.own[came.FileName] {
			delete(s.own, came.FileName)
			continue
		}
		if c.unaware() && came.FileSize < c.policy.small || !c.unaware() && came.MinSequence >= s.floor {
			s.queue, s.age = append(s.queue, came), 0
		}
	}
	if c.unaware() && len(s.queue)+len(s.running) == 0 {
		delete(c.state, id)
	}
}

// step takes finished compactions into the messages and starts new ones. With
// wait it waits for all; then nothing new is started for unaware buckets.
func (c *appendCompactions) step(ctx context.Context, w *Writer, wait bool) error {
	ids := make([]bucketID, 0, len(c.state))
	for id := range c.state {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, bucketID.compare)
	for _, id := range ids {
		if err := c.finish(ctx, w, id, wait && c.unaware()); err != nil {
			return err
		}
		if !wait || !c.unaware() {
			if err := c.start(w, id); err != nil {
				return err
			}
		}
	}
	if !wait || c.unaware() {
		return nil
	}
	for _, id := range ids {
		if err := c.finish(ctx, w, id, true); err != nil {
			return err
		}
	}
	return nil
}

// start plans a bucket and runs its tasks beside.
func (c *appendCompactions) start(w *Writer, id bucketID) error {
	s := c.state[id]
	var tasks [][]spec.DataFileMeta
	if c.unaware() {
		tasks, s.queue = c.policy.pack(s.queue)
		if len(tasks) == 0 && len(s.queue) > 1 {
			if s.age++; s.age > maxAge {
				tasks, s.queue = [][]spec.DataFileMeta{inOrder(s.queue)}, nil
			}
		}
	} else if len(s.running) == 0 {
		var picked []spec.DataFileMeta
		all := s.queue
		if picked, s.queue = c.policy.next(s.queue); len(picked) > 0 {
			tasks = append(tasks, picked)
		}
		if left := len(all) - len(s.queue); left > 0 {
			s.floor = all[left-1].MaxSequence + 1
		}
	}
	for _, before := range tasks {
		t := &appendTask{before: before, done: make(chan struct{})}
		j := appendJob{id: id, files: before}
		if w.deletions != nil {
			bw, err := w.bucket(id.partition, id.bucket)
			if err != nil {
				return err
			}
			t.dead = &frozen{from: bw.dead, seen: map[string]int64{}}
			j.dead = t.dead
		}
		for i := range before {
			if s.own[before[i].FileName] {
				j.own = append(j.own, before[i])
			}
		}
		s.running = append(s.running, t)
		go func() {
			defer close(t.done)
			c.slots <- struct{}{}
			defer func() { <-c.slots }()
			t.after, t.err = rewriteAppend(c.ctx, c.t, j)
		}()
	}
	return nil
}

// frozen remembers how many rows of each file were deleted when a compaction
// read it. Vectors only grow.
type frozen struct {
	from *deletion.Bucket
	mu   sync.Mutex
	seen map[string]int64
}

// Vector implements deletion.Source.
func (f *frozen) Vector(ctx context.Context, dataFile string) (*deletion.Vector, error) {
	v, err := f.from.Vector(ctx, dataFile)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[dataFile] = v.Rows()
	return v, err
}

// same reports whether no further rows of the files have been deleted.
func (f *frozen) same(ctx context.Context, files []spec.DataFileMeta) (bool, error) {
	if f == nil {
		return true, nil
	}
	for i := range files {
		v, err := f.from.Vector(ctx, files[i].FileName)
		if err != nil || v.Rows() != f.seen[files[i].FileName] {
			return false, err
		}
	}
	return true, nil
}

// finish takes the results of a bucket's tasks that are there, or waits.
func (c *appendCompactions) finish(ctx context.Context, w *Writer, id bucketID, wait bool) error {
	s := c.state[id]
	var still []*appendTask
	for i, t := range s.running {
		if wait {
			select {
			case <-t.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-t.done:
		default:
			still = append(still, t)
			continue
		}
		if err := c.take(ctx, w, id, t); err != nil {
			s.running = append(still, s.running[i+1:]...)
			return err
		}
	}
	s.running = still
	return nil
}

// take puts the result of a task into the bucket's message. One that lost its
// files to another job is dropped: nothing but its work is lost.
func (c *appendCompactions) take(ctx context.Context, w *Writer, id bucketID, t *appendTask) error {
	if t.gone || errors.Is(t.err, errs.ErrConflict) {
		return c.drop(ctx, id, t)
	}
	if t.err != nil {
		return t.err
	}
	bw, err := w.bucket(id.partition, id.bucket)
	if err != nil {
		return err
	}
	if same, err := t.dead.same(ctx, t.before); err != nil {
		return err
	} else if !same {
		if c.unaware() {
			c.state[id].queue = append(c.state[id].queue, t.before...)
		}
		return c.drop(ctx, id, t)
	}
	if err := bw.compacted(ctx, lsm.CompactResult{Before: t.before, After: t.after}); err != nil {
		return err
	}
	s := c.state[id]
	for i := range t.before {
		delete(s.own, t.before[i].FileName) // it comes and goes in one commit
	}
	if n := len(t.after); n > 0 && t.after[n-1].FileSize < c.policy.small {
		s.floor = t.after[n-1].MinSequence
		c.add(id, t.after[n-1:]) // more may join it
	}
	return nil
}

func (c *appendCompactions) drop(ctx context.Context, id bucketID, t *appendTask) error {
	files, err := c.t.Files([]byte(id.partition), int(id.bucket), nil)
	if err == nil {
		err = files.Delete(ctx, t.after...)
	}
	if err != nil {
		return fmt.Errorf("drop compacted files: %w", err)
	}
	return nil
}

// stop cancels running compactions, waits for them and deletes their files.
func (c *appendCompactions) stop() {
	c.cancel()
	for id, s := range c.state {
		for _, t := range s.running {
			<-t.done
			_ = c.drop(context.Background(), id, t) // what stays is an orphan
		}
	}
	c.state = nil
}
