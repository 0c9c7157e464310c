package duck

/*
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by every call on an engine, connection, statement or result that has been closed.
var ErrClosed = errors.New("closed")

// errReleased is the cause with which a scan stops when its Registered table is released under it.
var errReleased = errors.New("registered table was released")

// Kind says what a caller can do about an Error.
type Kind int

const (
	// KindQuery is a fault of the statement: syntax, names, types, values.
	KindQuery Kind = iota
	// KindDenied is a statement that wants files, network, extensions or settings.
	KindDenied
	// KindMemory is a query that did not fit Options.MemoryLimit, spilling included.
	KindMemory
	// KindInternal is a fault of the engine itself.
	KindInternal
)

// Error is what the engine said about a statement. Message is the engine's own text with what to do next added for
// KindMemory and KindDenied.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return e.Message }

func unsupported(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, errors.ErrUnsupported)...)
}

// engineError turns a DuckDB error into an Error; o names the memory limit.
func engineError(kind C.duckdb_error_type, msg string, o *Options) error {
	if isBitmapMemory(msg) {
		kind = C.DUCKDB_ERROR_OUT_OF_MEMORY
	}
	switch kind {
	case C.DUCKDB_ERROR_OUT_OF_MEMORY:
		return &Error{Kind: KindMemory, Message: fmt.Sprintf("query needs more than the memory limit of %s: "+
			"raise %s, or let the query spill by setting a temporary directory (now %q): %s",
			formatBytes(o.MemoryLimit), o.MemoryLimitName, o.TempDir, msg)}
	case C.DUCKDB_ERROR_PERMISSION:
		return &Error{Kind: KindDenied, Message: "statements may not reach files, network, extensions or settings: " + msg}
	case C.DUCKDB_ERROR_INTERNAL, C.DUCKDB_ERROR_FATAL:
		return &Error{Kind: KindInternal, Message: msg}
	default:
		return &Error{Kind: KindQuery, Message: msg}
	}
}

// formatBytes writes a size the way people set it, exact when it is a whole number of units.
func formatBytes(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.4g %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
