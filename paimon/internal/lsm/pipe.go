package lsm

import (
	"sync"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/spec"
)

// pipe runs a Writer on a goroutine of its own, so that rows are merged while
// those before them are encoded. One batch waits at most. Exactly one of Close
// and Abort ends it; both wait for the goroutine.
type pipe struct {
	w      Writer
	in     chan *columnar.KV
	failed chan struct{} // closed when err is set
	err    error
	done   sync.WaitGroup
}

func newPipe(w Writer) *pipe {
	p := &pipe{w: w, in: make(chan *columnar.KV, 1), failed: make(chan struct{})}
	p.done.Go(func() {
		for b := range p.in {
			if p.err == nil {
				if p.err = w.Write(b); p.err != nil {
					close(p.failed)
				}
			}
			b.Release()
		}
	})
	return p
}

// write takes over b. It may report the error of an earlier batch.
func (p *pipe) write(b *columnar.KV) error {
	select {
	case <-p.failed:
		b.Release()
		return p.err
	default:
	}
	select {
	case p.in <- b:
		return nil
	case <-p.failed:
		b.Release()
		return p.err
	}
}

func (p *pipe) close() ([]spec.DataFileMeta, error) {
	close(p.in)
	p.done.Wait()
	if p.err != nil {
		p.w.Abort()
		return nil, p.err
	}
	return p.w.Close()
}

func (p *pipe) abort() {
	close(p.in)
	p.done.Wait()
	p.w.Abort()
}
