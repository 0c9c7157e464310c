// Package duck embeds DuckDB as Tarn's query engine. It is the only package that uses cgo.
//
// # Shape
//
//	Engine      one in-memory DuckDB, locked down, with a pool of sessions
//	  Conn      one session at a time: Query, Prepare, Describe, Explain, Exec
//	    Stmt    a planned SELECT that runs many times
//	    Result  the rows as Arrow batches, pulled while the query still runs
//	  Registered  an Arrow Table of Go code that SQL reads as tarn_scan(<handle>)
//	  Options.Volatile  functions of the caller that give every row a value (volatile.go)
//	  tarn_bitmap_*     sets of integers in a BLOB, for exact UV: C over CRoaring (bitmap*.c)
//
// # The way of a batch
//
//  1. Bind (once a plan): the handle leads to the Table, its Arrow schema becomes DuckDB columns (scan.go, types.go).
//  2. Init (once an execution): DuckDB names the columns that it needs, Table.Scan opens the streams (scan.go).
//  3. Next (every 2048 rows, on DuckDB's threads): writers copy Arrow buffers into DuckDB's vectors (writer*.go).
//  4. Result.Next: columns copy DuckDB's vectors into growing Arrow buffers and hand them out (column*.go).
//
// Both copies run in Go over the raw memory of a column; C is called a few times a column and chunk, never per value.
// Native functions are registered in registerFunctions (engine.go).
//
// # Non-obvious
//
//   - Everything goes through DuckDB's C API (duckdb.h, kept identical to the linked library by a test). The database/sql
//     driver is not used: its Arrow views push filters into streams that ignore them, and need a build tag.
//   - Never give DuckDB a pointer into Go memory to keep. Strings are copied by DuckDB in one call a column and chunk
//     (writeStrings); all other values go straight into vectors, which are C memory.
//   - A C++ exception that crosses a Go frame ends the process. Arguments of C calls are checked before (a NULL handle).
//   - A panic in a callback becomes the query's error (guard). A batch whose types are not the promised ones is refused
//     before its memory is read.
//   - The error of a Stream reaches the caller as a Go error (query.fail), not only as the text that DuckDB carries.
//   - duckdb_interrupt is lost when it comes before execution has started, so it is repeated until the call returns;
//     and it would hit the next query, so the watcher is always waited for (Conn.watch).
//   - Row order: where the order of rows counts for the result (no aggregate, no ORDER BY), DuckDB reads a tarn_scan with
//     one thread, stream after stream. Several streams help aggregates, joins and sorts.
//   - tarn_scan in a Stmt looks its Table up at execution, so Registered.Replace swaps the data under a plan.
//   - allowed_directories alone is not enough: it allows writing too, and some table functions change the whole engine
//     from inside a SELECT (enable_logging). So Query takes SELECT only, and only known table functions (guard.go); the
//     first word decides before DuckDB prepares, because preparing EXPORT DATABASE makes its directory already.
//     Still open to a SELECT are read_parquet and FROM 'file' below the allowed directories and the temporary one: the
//     planner must resolve every table itself and pass no such names on.
//   - DuckDB resolves symbolic links: one that leads out of the allowed directories is refused, as is "..".
//   - A handle is a random number: SQL text must not be able to guess the table of another session.
//   - Bitmaps are malloc'd and so outside DuckDB's memory limit: their bytes are counted (croaring's memory hook) and may
//     reach MemoryLimit once more, over all engines of the process; a query that goes over gets a KindMemory error.
//     They do not spill. Aggregate states share bitmaps by a count of references, since windows use a state again after
//     it was combined.
//   - Foreign bytes of a bitmap are checked in full (bitmap_read.c) before CRoaring's operations see them; the rules are
//     those of paimon/bitmap, and FuzzBitmap compares the two.
//   - TIMESTAMPTZ has microseconds. A zoned Arrow timestamp with nanoseconds that are not zero is an error, not a
//     rounded value. TIME comes back as time64[us], whatever went in.
//   - DECIMAL values that do not fit the storage of their precision, text that is not UTF-8, and null map keys are
//     errors of the scan.
//   - Names that differ in case only get a suffix from DuckDB (a, A becomes a, A_1): alias the columns of such a table.
package duck
