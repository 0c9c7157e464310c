// Package fileio is the narrow waist between the library and storage. All
// other packages reach files only through Store.
package fileio

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store is all the library asks of storage. Paths are "/"-separated and
// relative to the store's root (the warehouse); they never start with "/" and
// never contain "..". A read after a successful write sees it. Every method
// stops early with ctx.Err() when ctx is done. Methods may be called from any
// goroutine.
type Store interface {
	// Open opens a file for reading; errs.ErrNotFound if path is absent.
	Open(ctx context.Context, path string) (Reader, error)
	// Create streams a new file, visible under its name only after Close
	// succeeds. Abort drops it. An existing file is replaced.
	Create(ctx context.Context, path string) (Writer, error)
	// PutIfAbsent writes data, or returns errs.ErrExists and changes nothing.
	// Of several callers exactly one wins: snapshots are committed with it.
	// Any other error leaves the outcome unknown.
	PutIfAbsent(ctx context.Context, path string, data []byte) error
	// Put writes data, replacing what was there in one step (hints).
	Put(ctx context.Context, path string, data []byte) error
	// Stat returns errs.ErrNotFound if path is absent.
	Stat(ctx context.Context, path string) (Info, error)
	// List yields the entries directly under the directory dir, in name
	// order; nothing if dir is absent.
	List(ctx context.Context, dir string) iter.Seq2[Info, error]
	// Delete removes files; an absent path is not an error.
	Delete(ctx context.Context, paths ...string) error
	// DeleteTree removes a directory with all below it.
	DeleteTree(ctx context.Context, dir string) error
	// Rename moves a file or directory; errs.ErrExists when to is taken.
	Rename(ctx context.Context, from, to string) error
}

// Reader is an open file. Close it once.
type Reader interface {
	io.ReaderAt
	io.Closer
	// Size is the file's length in bytes.
	Size() int64
}

// Writer is a file being written. Exactly one of Close and Abort ends it.
type Writer interface {
	io.Writer
	// Close makes the file visible and durable.
	Close() error
	// Abort drops what was written.
	Abort()
}

// Info describes an entry of a directory.
type Info struct {
	Path    string // full path in the store
	Name    string // last element
	Size    int64  // bytes; 0 for directories
	Dir     bool
	ModTime time.Time
}

// Locator is an extra power of stores that keep files in the local file
// system: the engine may then read data files itself.
type Locator interface {
	// LocalPath gives the absolute path of a file.
	LocalPath(path string) string
}

// Resolver is an extra power of stores whose files have names outside too:
// manifests name some files by URI.
type Resolver interface {
	// KeyOf gives the path in the store of a file that a URI or an absolute
	// path names; false when it is none of the store's.
	KeyOf(uri string) (path string, ok bool)
}
