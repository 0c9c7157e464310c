// What Go cannot express against duckdb.h by itself: function pointers to exported Go functions, and handles that
// travel as void* without ever being a Go pointer.
#ifndef TARN_DUCK_BRIDGE_H
#define TARN_DUCK_BRIDGE_H

#include "duckdb.h"

// Registers the table function tarn_scan(BIGINT); engine is a cgo.Handle.
duckdb_state tarn_register_scan(duckdb_connection con, uintptr_t engine);

// Registers the volatile scalar function name() BIGINT; function is a cgo.Handle of what fills a chunk.
duckdb_state tarn_register_volatile(duckdb_connection con, const char *name, uintptr_t function);

// The cgo.Handle that each kind of callback finds its state by; 0 when none was set.
uintptr_t tarn_bind_engine(duckdb_bind_info info);
uintptr_t tarn_init_bound(duckdb_init_info info);
uintptr_t tarn_init_engine(duckdb_init_info info);
uintptr_t tarn_function_scan(duckdb_function_info info);
uintptr_t tarn_function_local(duckdb_function_info info);

// Hands a cgo.Handle to DuckDB, which gives it back through tarnDrop when the plan or the execution ends.
void tarn_set_bound(duckdb_bind_info info, uintptr_t handle);
void tarn_set_state(duckdb_init_info info, uintptr_t handle);

#endif
