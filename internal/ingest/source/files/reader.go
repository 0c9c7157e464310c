package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/decode"
	"github.com/tarndb/tarn/paimon/errs"
)

type reader struct {
	cfg     Config
	tree    *tree
	closing chan struct{}
	once    sync.Once

	mu      sync.Mutex // held by Next; Close takes it to free what Next uses
	decoder decode.Decoder
	todo    []file // of the last listing, not yet looked at
	name    string // file being read; "" for none
	lines   lines
	at      position
	moved   bool  // at is ahead of the last batch's position
	bytes   int   // of text in the batch
	failed  error // what the next Next returns
}

var errClosed = errors.New("the reader was closed")

// Next implements source.Reader. Lines before a wrong one are given first.
func (r *reader) Next(ctx context.Context) (change.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return change.Batch{}, err
	}
	for {
		if r.isClosed() {
			return change.Batch{}, errClosed
		}
		end, err := r.gather()
		if err != nil {
			r.failed = err
		}
		if r.decoder.Len() > 0 || r.moved && (end || r.failed != nil) {
			return r.flush()
		}
		switch {
		case r.failed != nil:
			return change.Batch{}, r.failed
		case end && r.cfg.MonitorInterval == 0:
			return change.Batch{}, io.EOF
		case end:
			if err := r.wait(ctx); err != nil {
				return change.Batch{}, err
			}
			if err := r.list(); err != nil {
				return change.Batch{}, err
			}
		}
	}
}

// gather decodes lines until the batch is full, end (there is no more text for
// now) or an error.
func (r *reader) gather() (end bool, err error) {
	if r.failed != nil {
		return false, r.failed
	}
	for r.decoder.Len() < r.cfg.MaxBatchRows && r.bytes < r.cfg.MaxBatchBytes {
		if r.isClosed() {
			return false, errClosed
		}
		if r.name == "" {
			if more, err := r.nextFile(); err != nil || !more {
				return !more, err
			}
		}
		if err := r.line(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// nextFile opens the next file with something to read.
func (r *reader) nextFile() (more bool, err error) {
	for len(r.todo) > 0 {
		f := r.todo[0]
		r.todo = r.todo[1:]
		if r.at.done(f.name) {
			continue
		}
		m := r.at.At[f.name]
		if f.size < m[0] {
			return false, errs.Invalid("file %s became shorter: %d bytes were read and it has %d; files may only grow. Write changed text to a new file", r.tree.place(f.name), m[0], f.size)
		}
		if f.size == m[0] && r.cfg.MonitorInterval > 0 {
			continue
		}
		h, err := r.tree.open(f.name)
		if err != nil {
			return false, err
		}
		r.lines.max = r.cfg.MaxLine
		r.lines.start(h, m[0])
		r.name = f.name
		return true, nil
	}
	return false, nil
}

// line decodes a line of the file being read, or ends the file.
func (r *reader) line() error {
	bounded := r.cfg.MonitorInterval == 0
	text, size, err := r.lines.next(bounded)
	if err == io.EOF {
		if bounded {
			r.at.finish(r.name)
			r.moved = true
		}
		r.name = ""
		return r.lines.close()
	}
	m := r.at.At[r.name]
	where := func(err error) error {
		return fmt.Errorf("read file %s line %d: %w", r.tree.place(r.name), m[1]+1, err)
	}
	switch {
	case errors.Is(err, errTooLong):
		if !r.cfg.ignores() {
			return where(errs.Invalid("the line has more than %d bytes", r.cfg.MaxLine))
		}
		if r.cfg.OnIgnored != nil {
			r.cfg.OnIgnored(1, 0)
		}
	case err != nil:
		return where(err)
	default:
		if err := r.decoder.Decode(text); err != nil {
			return where(err)
		}
	}
	r.at.At[r.name] = mark{m[0] + int64(size), m[1] + 1}
	r.moved = true
	r.bytes += size
	return nil
}

func (r *reader) flush() (change.Batch, error) {
	c, err := r.decoder.Flush()
	if err != nil {
		return change.Batch{}, err
	}
	if r.cfg.OnIgnored != nil && c.Skipped+c.Nulled > 0 {
		r.cfg.OnIgnored(c.Skipped, c.Nulled)
	}
	r.moved, r.bytes = false, 0
	return change.Batch{Rows: c.Rows, Kinds: c.Kinds, Position: r.at.encode(), Watermark: c.Newest}, nil
}

// list looks for files. Of files that are gone the position need not tell.
func (r *reader) list() error {
	files, err := r.tree.list()
	if err != nil {
		return fmt.Errorf("list files %s: %w", r.cfg.Path, err)
	}
	r.todo = files
	if r.cfg.MonitorInterval == 0 {
		return nil
	}
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.name] = true
	}
	for name := range r.at.At {
		if !there[name] {
			delete(r.at.At, name)
		}
	}
	return nil
}

// checkPosition holds the position against the files: one that is read in part
// must be there.
func (r *reader) checkPosition() error {
	there := make(map[string]int64, len(r.todo))
	for _, f := range r.todo {
		there[f.name] = f.size
	}
	for name, m := range r.at.At {
		size, ok := there[name]
		if !ok {
			return errs.Kinded(errs.ErrNotFound, "file %s is gone; its first %d bytes were read, the rest was not", r.tree.place(name), m[0])
		}
		if size < m[0] {
			return errs.Invalid("file %s has %d bytes, and %d were read before: it was replaced or cut; files may only grow", r.tree.place(name), size, m[0])
		}
	}
	return nil
}

func (r *reader) wait(ctx context.Context) error {
	t := time.NewTimer(r.cfg.MonitorInterval)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.closing:
		return errClosed
	case <-t.C:
		return nil
	}
}

func (r *reader) isClosed() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

// Close implements source.Reader.
func (r *reader) Close() error {
	var err error
	r.once.Do(func() {
		close(r.closing)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.decoder.Release()
		err = errors.Join(r.lines.close(), r.tree.close())
	})
	return err
}
