// Package errs holds the few kinds of error that Tarn's library returns. Each
// kind answers one question: what should the caller do next? Test for them
// with errors.Is; never compare with ==.
package errs

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound: the named thing is absent; create it or tell the user.
	ErrNotFound = errors.New("not found")
	// ErrExists: someone was first; read theirs.
	ErrExists = errors.New("already exists")
	// ErrConflict: another commit won; plan again on the newest snapshot.
	ErrConflict = errors.New("commit conflict")
	// ErrCorrupt: bytes at rest are damaged; do not retry, keep the file.
	ErrCorrupt = errors.New("corrupt data")
	// ErrUnsupported: the format allows it, this version does not.
	ErrUnsupported = errors.New("not supported")
	// ErrInvalid: the caller's input (schema, option, value) is wrong.
	ErrInvalid = errors.New("invalid")
)

// CorruptError reports a damaged file. It matches ErrCorrupt.
type CorruptError struct {
	File string // path relative to the warehouse
	Err  error  // what was found
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt file %s: %v (the rest of the table stays readable; restore this file or roll the table back to a snapshot without it)", e.File, e.Err)
}

// Is makes the error match ErrCorrupt.
func (e *CorruptError) Is(kind error) bool { return kind == ErrCorrupt }
func (e *CorruptError) Unwrap() error      { return e.Err }

// Corrupt reports that file holds something that cannot be right.
func Corrupt(file, format string, args ...any) error {
	return &CorruptError{File: file, Err: fmt.Errorf(format, args...)}
}

// ConflictError reports that another writer committed first. It matches
// ErrConflict.
type ConflictError struct {
	Table  string // "db.table"
	Base   int64  // snapshot that the commit was planned on; 0 for an empty table
	Winner int64  // snapshot that is now the latest; 0 when it is not known
	By     string // what Winner is and who committed it: "COMPACT by job-7"
	Detail string // which files or buckets collide, and what to do
}

func (e *ConflictError) Error() string {
	if e.Winner == 0 {
		return fmt.Sprintf("commit to %s: %s", e.Table, e.Detail)
	}
	return fmt.Sprintf("commit to %s on snapshot %d: snapshot %d (%s) came first: %s", e.Table, e.Base, e.Winner, e.By, e.Detail)
}

// Is makes the error match ErrConflict.
func (e *ConflictError) Is(kind error) bool { return kind == ErrConflict }

// Kinded wraps a message with a kind, for messages that already say all.
func Kinded(kind error, format string, args ...any) error {
	return &kinded{kind: kind, err: fmt.Errorf(format, args...)}
}

// Unsupported names a thing that this version cannot do.
func Unsupported(format string, args ...any) error { return Kinded(ErrUnsupported, format, args...) }

// Invalid reports wrong input by the caller.
func Invalid(format string, args ...any) error { return Kinded(ErrInvalid, format, args...) }

type kinded struct{ kind, err error }

func (e *kinded) Error() string        { return e.err.Error() }
func (e *kinded) Is(target error) bool { return target == e.kind }
func (e *kinded) Unwrap() error        { return errors.Unwrap(e.err) }
