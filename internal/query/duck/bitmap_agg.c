// The aggregates. A state has the bitmap so far and a buffer of values that go into it sorted: adding one by one is
// slow. Bitmaps are shared between states by a count of references, because DuckDB may use a state again after it was
// combined into another (windows do), so combining never changes its source.
#include "bitmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "croaring/roaring.h"

typedef struct {
	int refs;
	roaring64_bitmap_t *r;
} shared;

typedef struct {
	shared *s;
	uint64_t *buf;
	uint32_t n, cap;
	bool seen; // a row that is not NULL
} state;

enum { FIRST_CAP = 8, LAST_CAP = 2048 };

static const tarn_config *config(duckdb_function_info info) { return duckdb_aggregate_function_get_extra_info(info); }

static void failed(duckdb_function_info info, const char *why) {
	char msg[512];
	snprintf(msg, sizeof msg, "%s: %s", config(info)->name, why);
	duckdb_aggregate_function_set_error(info, msg);
}

static bool over_limit(duckdb_function_info info) {
	char msg[256];
	const char *over = tarn_over_limit(config(info), msg, sizeof msg);
	if (over) duckdb_aggregate_function_set_error(info, over);
	return over != NULL;
}

static void release(shared *s) {
	if (s && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		if (s->r) roaring64_bitmap_free(s->r);
		tarn_free(s);
	}
}

static shared *own(roaring64_bitmap_t *r) {
	shared *s = r ? tarn_alloc(sizeof *s) : NULL;
	if (s) *s = (shared){1, r};
	else if (r) roaring64_bitmap_free(r);
	return s;
}

// The bitmap of a state for changing it; NULL without memory.
static roaring64_bitmap_t *writable(state *a) {
	if (!a->s) {
		a->s = own(roaring64_bitmap_create());
	} else if (__atomic_load_n(&a->s->refs, __ATOMIC_ACQUIRE) > 1) {
		shared *copy = own(roaring64_bitmap_copy(a->s->r));
		if (!copy) return NULL;
		release(a->s);
		a->s = copy;
	}
	return a->s ? a->s->r : NULL;
}

static idx_t size(duckdb_function_info info) { return sizeof(state); }

static void init(duckdb_function_info info, duckdb_aggregate_state s) { memset(s, 0, sizeof(state)); }

static void destroy(duckdb_aggregate_state *states, idx_t n) {
	for (idx_t i = 0; i < n; i++) {
		state *a = (state *)states[i];
		tarn_free(a->buf);
		release(a->s);
		memset(a, 0, sizeof *a);
	}
}

static int compare(const void *x, const void *y) {
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
	return (a > b) - (a < b);
}

// Puts buffered values into the bitmap.
static bool flush(state *a) {
	if (a->n == 0) return true;
	roaring64_bitmap_t *r = writable(a);
	if (!r) return false;
	bool sorted = true;
	for (uint32_t i = 1; i < a->n && sorted; i++) sorted = a->buf[i - 1] <= a->buf[i];
	if (!sorted) qsort(a->buf, a->n, sizeof *a->buf, compare);
	roaring64_bitmap_add_many(r, a->n, a->buf);
	a->n = 0;
	return true;
}

static bool add(state *a, uint64_t v) {
	if (a->n == a->cap) {
		if (a->cap >= LAST_CAP) {
			if (!flush(a)) return false;
		} else {
			uint32_t cap = a->cap ? 2 * a->cap : FIRST_CAP;
			uint64_t *buf = tarn_realloc(a->buf, cap * sizeof *buf);
			if (!buf) return false;
			a->buf = buf;
			a->cap = cap;
		}
	}
	a->buf[a->n++] = v;
	return true;
}

static void update_values(duckdb_function_info info, duckdb_data_chunk in, duckdb_aggregate_state *states) {
	duckdb_vector v = duckdb_data_chunk_get_vector(in, 0);
	const void *data = duckdb_vector_get_data(v);
	const uint64_t *valid = duckdb_vector_get_validity(v);
	tarn_source source = config(info)->source;
	idx_t n = duckdb_data_chunk_get_size(in);
	for (idx_t i = 0; i < n; i++) {
		if (!tarn_valid(valid, i)) continue;
		state *a = (state *)states[i];
		uint64_t value;
		a->seen = true;
		if (tarn_value(source, data, i, &value) && !add(a, value)) {
			failed(info, "no memory");
			return;
		}
	}
	over_limit(info);
}

// Joins b, which stays the caller's, into a.
static bool join(state *a, const roaring64_bitmap_t *b, int op) {
	roaring64_bitmap_t *r = writable(a);
	if (!r) return false;
	switch (op) {
	case TARN_OR: roaring64_bitmap_or_inplace(r, b); break;
	case TARN_AND: roaring64_bitmap_and_inplace(r, b); break;
	case TARN_XOR: roaring64_bitmap_xor_inplace(r, b); break;
	}
	return true;
}

static void update_bitmaps(duckdb_function_info info, duckdb_data_chunk in, duckdb_aggregate_state *states) {
	duckdb_vector v = duckdb_data_chunk_get_vector(in, 0);
	const duckdb_string_t *data = duckdb_vector_get_data(v);
	const uint64_t *valid = duckdb_vector_get_validity(v);
	idx_t n = duckdb_data_chunk_get_size(in);
	for (idx_t i = 0; i < n; i++) {
		if (!tarn_valid(valid, i)) continue;
		size_t len;
		const char *why = "no memory";
		const uint8_t *p = tarn_data(data + i, &len);
		roaring64_bitmap_t *b = tarn_bitmap_read(p, len, &why);
		if (!b) {
			char msg[256];
			snprintf(msg, sizeof msg, "value of %zu bytes is no bitmap: %s", len, why);
			failed(info, msg);
			return;
		}
		state *a = (state *)states[i];
		bool ok = true;
		if (!a->seen) {
			ok = (a->s = own(b)) != NULL;
		} else {
			ok = join(a, b, config(info)->op);
			roaring64_bitmap_free(b);
		}
		a->seen = true;
		if (!ok) {
			failed(info, "no memory");
			return;
		}
		if (over_limit(info)) return;
	}
}

static bool combine_one(const state *from, state *to, int op) {
	if (!from->seen) return true;
	if (from->s && !to->s && (op == TARN_OR || !to->seen)) {
		__atomic_add_fetch(&from->s->refs, 1, __ATOMIC_ACQ_REL);
		to->s = from->s;
	} else if (from->s && !join(to, from->s->r, op)) {
		return false;
	}
	to->seen = true;
	for (uint32_t i = 0; i < from->n; i++)
		if (!add(to, from->buf[i])) return false;
	return true;
}

static void combine(duckdb_function_info info, duckdb_aggregate_state *from, duckdb_aggregate_state *to, idx_t n) {
	for (idx_t i = 0; i < n; i++) {
		if (!combine_one((state *)from[i], (state *)to[i], config(info)->op)) {
			failed(info, "no memory");
			return;
		}
	}
	over_limit(info);
}

static void set_null(duckdb_vector v, idx_t row) {
	duckdb_vector_ensure_validity_writable(v);
	duckdb_validity_set_row_invalid(duckdb_vector_get_validity(v), row);
}

static void finalize(duckdb_function_info info, duckdb_aggregate_state *states, duckdb_vector out, idx_t n, idx_t offset) {
	tarn_bytes bytes = {0};
	for (idx_t i = 0; i < n; i++) {
		state *a = (state *)states[i];
		if (!a->seen) {
			set_null(out, offset + i);
			continue;
		}
		const uint8_t *p;
		size_t len;
		roaring64_bitmap_t *r = flush(a) ? writable(a) : NULL;
		const char *why = r ? tarn_bitmap_write(r, config(info)->form, &bytes, &p, &len) : "no memory";
		if (why) {
			failed(info, why);
			break;
		}
		duckdb_vector_assign_string_element_len(out, offset + i, (const char *)p, len);
	}
	tarn_bytes_free(&bytes);
}

// The number of values; 0 for no row, as in StarRocks.
static void finalize_count(duckdb_function_info info, duckdb_aggregate_state *states, duckdb_vector out, idx_t n, idx_t offset) {
	int64_t *data = duckdb_vector_get_data(out);
	for (idx_t i = 0; i < n; i++) {
		state *a = (state *)states[i];
		if (!flush(a)) {
			failed(info, "no memory");
			return;
		}
		data[offset + i] = a->s ? (int64_t)roaring64_bitmap_get_cardinality(a->s->r) : 0;
	}
}

static duckdb_aggregate_function function(tarn_config c, duckdb_type in, bool values, bool counts) {
	duckdb_aggregate_function f = duckdb_create_aggregate_function();
	duckdb_logical_type from = duckdb_create_logical_type(in);
	duckdb_logical_type to = duckdb_create_logical_type(counts ? DUCKDB_TYPE_BIGINT : DUCKDB_TYPE_BLOB);
	duckdb_aggregate_function_set_name(f, c.name);
	duckdb_aggregate_function_add_parameter(f, from);
	duckdb_aggregate_function_set_return_type(f, to);
	duckdb_aggregate_function_set_functions(f, size, init, values ? update_values : update_bitmaps, combine,
	                                        counts ? finalize_count : finalize);
	duckdb_aggregate_function_set_destructor(f, destroy);
	duckdb_aggregate_function_set_extra_info(f, tarn_config_new(c), tarn_free);
	duckdb_destroy_logical_type(&from);
	duckdb_destroy_logical_type(&to);
	return f;
}

static bool register_values(duckdb_connection con, tarn_config c, bool counts) {
	static const duckdb_type types[] = {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_VARCHAR};
	duckdb_aggregate_function_set set = duckdb_create_aggregate_function_set(c.name);
	bool ok = true;
	for (int i = 0; i < 3; i++) {
		c.source = (tarn_source)i;
		duckdb_aggregate_function f = function(c, types[i], true, counts);
		ok = ok && duckdb_add_aggregate_function_to_set(set, f) == DuckDBSuccess;
		duckdb_destroy_aggregate_function(&f);
	}
	ok = ok && duckdb_register_aggregate_function_set(con, set) == DuckDBSuccess;
	duckdb_destroy_aggregate_function_set(&set);
	return ok;
}

const char *tarn_register_aggregates(duckdb_connection con, int form, uint64_t limit) {
	static const struct {
		const char *name;
		int op;
		bool values, counts;
	} all[] = {
	    {"tarn_bitmap_agg", TARN_OR, true, false},        {"tarn_bitmap_agg_count", TARN_OR, true, true},
	    {"tarn_bitmap_union", TARN_OR, false, false},     {"tarn_bitmap_union_count", TARN_OR, false, true},
	    {"tarn_bitmap_intersect", TARN_AND, false, false}, {"tarn_bitmap_intersect_count", TARN_AND, false, true},
	    {"tarn_bitmap_xor_agg", TARN_XOR, false, false},  {"tarn_bitmap_xor_agg_count", TARN_XOR, false, true},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		tarn_config c = {.name = all[i].name, .form = form, .op = all[i].op, .limit = limit};
		bool ok;
		if (all[i].values) {
			ok = register_values(con, c, all[i].counts);
		} else {
			duckdb_aggregate_function f = function(c, DUCKDB_TYPE_BLOB, false, all[i].counts);
			ok = duckdb_register_aggregate_function(con, f) == DuckDBSuccess;
			duckdb_destroy_aggregate_function(&f);
		}
		if (!ok) return all[i].name;
	}
	return NULL;
}
