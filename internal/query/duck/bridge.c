#include "bridge.h"
#include "_cgo_export.h"

static void drop_handle(void *p) { tarnDrop((uintptr_t)p); }

duckdb_state tarn_register_scan(duckdb_connection con, uintptr_t engine) {
	duckdb_table_function f = duckdb_create_table_function();
	duckdb_logical_type handle = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
	duckdb_table_function_set_name(f, "tarn_scan");
	duckdb_table_function_add_parameter(f, handle);
	duckdb_table_function_set_extra_info(f, (void *)engine, drop_handle);
	duckdb_table_function_set_bind(f, tarnScanBind);
	duckdb_table_function_set_init(f, tarnScanInit);
	duckdb_table_function_set_local_init(f, tarnScanLocalInit);
	duckdb_table_function_set_function(f, tarnScanNext);
	duckdb_table_function_supports_projection_pushdown(f, true);
	duckdb_state state = duckdb_register_table_function(con, f);
	duckdb_destroy_logical_type(&handle);
	duckdb_destroy_table_function(&f);
	return state;
}

// Which connection runs the function is known only here; the id travels as the state of the thread.
static void volatile_init(duckdb_init_info info) {
	duckdb_client_context cc;
	duckdb_scalar_function_init_get_client_context(info, &cc);
	duckdb_scalar_function_init_set_state(info, (void *)(uintptr_t)duckdb_client_context_get_connection_id(cc), NULL);
	duckdb_destroy_client_context(&cc);
}

static void volatile_run(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	tarnVolatile(info, (uintptr_t)duckdb_scalar_function_get_extra_info(info),
	             (uint64_t)(uintptr_t)duckdb_scalar_function_get_state(info), duckdb_vector_get_data(out),
	             duckdb_data_chunk_get_size(in));
}

duckdb_state tarn_register_volatile(duckdb_connection con, const char *name, uintptr_t function) {
	duckdb_scalar_function f = duckdb_create_scalar_function();
	duckdb_logical_type bigint = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
	duckdb_scalar_function_set_name(f, name);
	duckdb_scalar_function_set_return_type(f, bigint);
	duckdb_scalar_function_set_volatile(f);
	duckdb_scalar_function_set_extra_info(f, (void *)function, drop_handle);
	duckdb_scalar_function_set_init(f, volatile_init);
	duckdb_scalar_function_set_function(f, volatile_run);
	duckdb_state state = duckdb_register_scalar_function(con, f);
	duckdb_destroy_logical_type(&bigint);
	duckdb_destroy_scalar_function(&f);
	return state;
}

uintptr_t tarn_bind_engine(duckdb_bind_info info) { return (uintptr_t)duckdb_bind_get_extra_info(info); }
uintptr_t tarn_init_engine(duckdb_init_info info) { return (uintptr_t)duckdb_init_get_extra_info(info); }
uintptr_t tarn_init_bound(duckdb_init_info info) { return (uintptr_t)duckdb_init_get_bind_data(info); }
uintptr_t tarn_function_scan(duckdb_function_info info) { return (uintptr_t)duckdb_function_get_init_data(info); }
uintptr_t tarn_function_local(duckdb_function_info info) { return (uintptr_t)duckdb_function_get_local_init_data(info); }

void tarn_set_bound(duckdb_bind_info info, uintptr_t handle) {
	duckdb_bind_set_bind_data(info, (void *)handle, drop_handle);
}

void tarn_set_state(duckdb_init_info info, uintptr_t handle) {
	duckdb_init_set_init_data(info, (void *)handle, drop_handle);
}
