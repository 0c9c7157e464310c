// Package faultio makes storage fail on purpose, for tests: at the n-th
// request, in a chosen way.
package faultio

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/tarndb/tarn/paimon/fileio"
)

// ErrInjected is the error of a fault.
var ErrInjected = errors.New("injected storage fault")

// Mode is what happens at the fault.
type Mode int

// The ways to fail.
const (
	// Fail does nothing and reports an error.
	Fail Mode = iota
	// LostReply does what was asked and reports an error all the same.
	LostReply
	// Crash fails this request and all after it, reads too, until Heal: the
	// process is as good as dead.
	Crash
	// Torn leaves half of a new file under its name and reports an error.
	// What replaces or claims a name in one step is left undone instead.
	Torn
	// TornCrash is Torn and Crash.
	TornCrash
	// FailRead counts reads, not writes: the n-th is an error.
	FailRead
	// SlowList counts listings: between the moment that the n-th has looked
	// and the moment that it answers, Meanwhile runs.
	SlowList
)

// Store passes requests on to another store until the fault.
type Store struct {
	fileio.Store
	mode    Mode
	at      int64 // number of the request that fails; 0: none
	writes  atomic.Int64
	reads   atomic.Int64
	lists   atomic.Int64
	crashed atomic.Bool

	// Meanwhile is what others do during a slow listing.
	Meanwhile func()
}

// New wraps s. Requests are counted from 1.
func New(s fileio.Store, mode Mode, at int64) *Store { return &Store{Store: s, mode: mode, at: at} }

// Reads is the number of read requests so far: files opened, parts of files
// read, sizes asked for and directories listed.
func (s *Store) Reads() int64 { return s.reads.Load() }

// Lists is the number of listings so far.
func (s *Store) Lists() int64 { return s.lists.Load() }

// Writes is the number of write requests so far.
func (s *Store) Writes() int64 { return s.writes.Load() }

// Heal ends a crash; the fault does not come again.
func (s *Store) Heal() {
	s.crashed.Store(false)
	s.at = 0
}

// write runs one write request.
func (s *Store) write(do func() error) error {
	if s.crashed.Load() {
		return ErrInjected
	}
	if s.writes.Add(1) != s.at {
		return do()
	}
	switch s.mode {
	case FailRead, SlowList:
		return do()
	case Crash, TornCrash:
		s.crashed.Store(true)
	case LostReply:
		if err := do(); err != nil {
			return err
		}
	}
	return ErrInjected
}

func (s *Store) read() error {
	if s.crashed.Load() || s.reads.Add(1) == s.at && s.mode == FailRead {
		return ErrInjected
	}
	return nil
}

// Open implements fileio.Store.
func (s *Store) Open(ctx context.Context, path string) (fileio.Reader, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	r, err := s.Store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return &reader{r, s}, nil
}

type reader struct {
	fileio.Reader
	s *Store
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.s.read(); err != nil {
		return 0, err
	}
	return r.Reader.ReadAt(p, off)
}

// Stat implements fileio.Store.
func (s *Store) Stat(ctx context.Context, path string) (fileio.Info, error) {
	if err := s.read(); err != nil {
		return fileio.Info{}, err
	}
	return s.Store.Stat(ctx, path)
}

// List implements fileio.Store.
func (s *Store) List(ctx context.Context, dir string) iter.Seq2[fileio.Info, error] {
	if err := s.read(); err != nil {
		return func(yield func(fileio.Info, error) bool) { yield(fileio.Info{}, err) }
	}
	if s.lists.Add(1) != s.at || s.mode != SlowList {
		return s.Store.List(ctx, dir)
	}
	var seen []fileio.Info
	for info, err := range s.Store.List(ctx, dir) {
		if err != nil {
			return func(yield func(fileio.Info, error) bool) { yield(fileio.Info{}, err) }
		}
		seen = append(seen, info)
	}
	s.Meanwhile()
	return func(yield func(fileio.Info, error) bool) {
		for _, info := range seen {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// PutIfAbsent implements fileio.Store.
func (s *Store) PutIfAbsent(ctx context.Context, path string, data []byte) error {
	return s.write(func() error { return s.Store.PutIfAbsent(ctx, path, data) })
}

// Put implements fileio.Store.
func (s *Store) Put(ctx context.Context, path string, data []byte) error {
	return s.write(func() error { return s.Store.Put(ctx, path, data) })
}

// Delete implements fileio.Store.
func (s *Store) Delete(ctx context.Context, paths ...string) error {
	return s.write(func() error { return s.Store.Delete(ctx, paths...) })
}

// DeleteTree implements fileio.Store.
func (s *Store) DeleteTree(ctx context.Context, dir string) error {
	return s.write(func() error { return s.Store.DeleteTree(ctx, dir) })
}

// Rename implements fileio.Store.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	return s.write(func() error { return s.Store.Rename(ctx, from, to) })
}

// Create implements fileio.Store; the fault comes when the file is closed.
func (s *Store) Create(ctx context.Context, path string) (fileio.Writer, error) {
	if s.crashed.Load() {
		return nil, ErrInjected
	}
	w, err := s.Store.Create(ctx, path)
	if err != nil {
		return nil, err
	}
	out := &writer{Writer: w, s: s}
	if s.mode == Torn || s.mode == TornCrash {
		out.tear = func(data []byte) error {
			half, err := s.Store.Create(ctx, path)
			if err != nil {
				return err
			}
			if _, err := half.Write(data[:len(data)/2]); err != nil {
				half.Abort()
				return err
			}
			return half.Close()
		}
	}
	return out, nil
}

type writer struct {
	fileio.Writer
	s    *Store
	tear func(data []byte) error // nil: files are whole or absent
	data []byte
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.tear != nil {
		w.data = append(w.data, p...)
	}
	return w.Writer.Write(p)
}

func (w *writer) Close() error {
	done := false
	err := w.s.write(func() error { done = true; return w.Writer.Close() })
	if done {
		return err
	}
	w.Writer.Abort()
	if w.tear != nil {
		if torn := w.tear(w.data); torn != nil {
			return errors.Join(err, torn)
		}
	}
	return err
}
