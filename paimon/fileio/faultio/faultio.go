// Package faultio makes storage fail on purpose, for tests: at the n-th write
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
)

// Store passes requests on to another store until the fault.
type Store struct {
	fileio.Store
	mode    Mode
	at      int64 // number of the write request that fails; 0: none
	writes  atomic.Int64
	crashed atomic.Bool
}

// New wraps s. Write requests are counted from 1.
func New(s fileio.Store, mode Mode, at int64) *Store { return &Store{Store: s, mode: mode, at: at} }

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
	case Crash:
		s.crashed.Store(true)
	case LostReply:
		if err := do(); err != nil {
			return err
		}
	}
	return ErrInjected
}

func (s *Store) read() error {
	if s.crashed.Load() {
		return ErrInjected
	}
	return nil
}

// Open implements fileio.Store.
func (s *Store) Open(ctx context.Context, path string) (fileio.Reader, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, path)
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
	return s.Store.List(ctx, dir)
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
	if err := s.read(); err != nil {
		return nil, err
	}
	w, err := s.Store.Create(ctx, path)
	return &writer{w, s}, err
}

type writer struct {
	fileio.Writer
	s *Store
}

func (w *writer) Close() error {
	done := false
	err := w.s.write(func() error { done = true; return w.Writer.Close() })
	if !done {
		w.Writer.Abort()
	}
	return err
}
