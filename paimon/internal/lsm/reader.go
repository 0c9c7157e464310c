package lsm

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/merge"
	"github.com/tarndb/tarn/paimon/spec"
)

// Policy says which versions of a key the engine sees.
type Policy int8

const (
	// MergeAll gives the engine all versions.
	MergeAll Policy = iota
	// MergeLookup gives it the level-0 versions and, of all others, only the
	// one on the lowest level: with lookup compaction every record above level
	// 0 is already merged with those on higher levels. It is the policy of
	// every table that needs lookup (changelog-producer=lookup, force-lookup,
	// deletion vectors), but first-row, for reads and compaction alike.
	// Source: org.apache.paimon.mergetree.compact.LookupMergeFunction.
	MergeLookup
	// MergeFirstRow gives it all versions, but drops a key of which a level
	// that is not part of the compaction has a row: merge-engine=first-row.
	// Source: org.apache.paimon.mergetree.compact.FirstRowMergeFunctionWrapper.
	MergeFirstRow
)

// ReadOptions configure a merge read.
type ReadOptions struct {
	// KeyOf encodes file keys.
	KeyOf KeyFunc
	// NewEngine makes a merge engine for the columns that Files gives; one is
	// made per goroutine.
	NewEngine func() merge.Engine
	Policy    Policy
	// DropDeletes leaves out rows whose merged kind is -D or -U.
	DropDeletes bool
	// Columns are the value columns to give, by index; nil means all.
	Columns []int
	// Keys says that batches given have their encoded keys; else those are
	// empty.
	Keys bool
	// BatchRows is the wanted size of output batches; default 8192.
	BatchRows int
	// Parallelism is how many sections are merged at once; default 1. Batches
	// come in key order all the same.
	Parallelism int
	// Readahead is how many runs of a section are read by goroutines of their
	// own, one batch ahead; default none.
	Readahead int
	// Memory bounds the bytes of batches held by open runs: batches get smaller
	// when there are many runs; default 256 MiB.
	Memory int64
	// Alloc serves Arrow memory; default the Go allocator.
	Alloc memory.Allocator
}

// Reader merges data files of one bucket. It implements Stream: rows come in
// key order, keys are unique. It serves one goroutine.
//
// Sections are merged one after the other, or side by side with a bounded
// number of goroutines; batches come in key order all the same.
// Source: org.apache.paimon.mergetree.MergeTreeReaders.
type Reader struct {
	ctx    context.Context
	cancel context.CancelFunc
	files  Files
	o      mergeOptions
	todo   []Section // sections not yet started
	cur    *sectionReader

	parts   []chan part // one per section when they run side by side
	workers sync.WaitGroup
}

type part struct {
	b   *columnar.KV
	err error
}

// NewReader reads files, which may lie on any levels. Close the reader.
func NewReader(ctx context.Context, files Files, metas []spec.DataFileMeta, o ReadOptions) (*Reader, error) {
	list := make([]*File, len(metas))
	for i := range metas {
		f, err := NewFile(metas[i], o.KeyOf)
		if err != nil {
			return nil, err
		}
		list[i] = f
	}
	r := &Reader{files: files, o: o.resolve(), todo: Partition(list)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if n := min(r.o.Parallelism, len(r.todo)); n > 1 {
		r.start(n)
	}
	return r, nil
}

// start merges sections on n goroutines. Each section has a channel of its own
// with room for two batches, so a worker cannot run far ahead of the caller.
func (r *Reader) start(n int) {
	sections := r.todo
	r.todo = nil
	parts := make([]chan part, len(sections))
	for i := range parts {
		parts[i] = make(chan part, 2)
	}
	r.parts = parts // Next cuts r.parts short
	queue := make(chan int, len(sections))
	for i := range sections {
		queue <- i
	}
	close(queue)
	for range n {
		r.workers.Go(func() {
			for i := range queue {
				r.work(sections[i], parts[i])
			}
		})
	}
}

func (r *Reader) work(s Section, out chan<- part) {
	defer close(out)
	send := func(p part) bool {
		select {
		case out <- p:
			return p.err == nil
		case <-r.ctx.Done():
			if p.b != nil {
				p.b.Release()
			}
			return false
		}
	}
	cur, err := newSectionReader(r.ctx, r.files, s, &r.o)
	if err != nil {
		send(part{err: err})
		return
	}
	for more := true; more; {
		b, err := cur.next()
		if errors.Is(err, io.EOF) {
			break
		}
		more = send(part{b, err})
	}
	if err := cur.close(); err != nil {
		send(part{err: err})
	}
}

// Next gives the next batch, or io.EOF. The caller releases it. Its UserSeq is
// empty.
func (r *Reader) Next() (*columnar.KV, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	for len(r.parts) > 0 {
		p, ok := <-r.parts[0]
		if ok {
			return p.b, p.err
		}
		r.parts = r.parts[1:]
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
	}
	for {
		if r.cur == nil {
			if len(r.todo) == 0 {
				return nil, io.EOF
			}
			cur, err := newSectionReader(r.ctx, r.files, r.todo[0], &r.o)
			if err != nil {
				return nil, err
			}
			r.cur, r.todo = cur, r.todo[1:]
		}
		b, err := r.cur.next()
		if !errors.Is(err, io.EOF) {
			return b, err
		}
		err = r.cur.close()
		r.cur = nil
		if err != nil {
			return nil, err
		}
	}
}

// Close stops reading and waits for the reader's goroutines.
func (r *Reader) Close() error {
	r.cancel()
	r.workers.Wait()
	for _, c := range r.parts {
		for p := range c {
			if p.b != nil {
				p.b.Release()
			}
		}
	}
	r.parts, r.todo = nil, nil
	if r.cur == nil {
		return nil
	}
	cur := r.cur
	r.cur = nil
	return cur.close()
}

// sectionReader gives the merged rows of one section.
type sectionReader struct {
	m *merger
	f *folder
	o *mergeOptions
}

func newSectionReader(ctx context.Context, files Files, s Section, o *mergeOptions) (*sectionReader, error) {
	m, err := openSection(ctx, files, s, nil, o)
	if err != nil {
		return nil, err
	}
	f := newFolder(o.NewEngine(), o.mem, o.Columns)
	f.keys = o.Keys
	return &sectionReader{m: m, f: f, o: o}, nil
}

func (r *sectionReader) next() (*columnar.KV, error) {
	for {
		var b *columnar.KV
		s, err := r.m.next()
		switch {
		case err != nil:
			return nil, err
		case s == stepEnd:
			return nil, io.EOF
		case s == stepWindow:
			b, _, err = r.f.fold(&r.m.view.Window, r.o.DropDeletes)
		default:
			if b = project(r.m.span, r.o.Columns); r.o.Keys {
				b.Keys = b.Keys.WithSkip(0)
			} else {
				b.Keys = columnar.Keys{}
			}
			b.UserSeq = columnar.Keys{}
			if r.o.DropDeletes {
				b, err = dropRetracts(r.o.mem, b)
			}
		}
		if b != nil || err != nil {
			return b, err
		}
	}
}

func (r *sectionReader) close() error { return r.m.close() }
