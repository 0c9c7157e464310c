// The scalar functions. A row with a NULL gives NULL, unless told otherwise.
#include "bitmap.h"

#include <stdio.h>
#include <string.h>

#include "croaring/roaring.h"

// arg is an argument of the function; it keeps the bitmap that it has read last, for a constant stands in every row.
typedef struct {
	const void *data;
	const uint64_t *valid;
	const uint8_t *last;
	size_t last_n;
	roaring64_bitmap_t *r;
} arg;

typedef struct {
	duckdb_function_info info;
	const tarn_config *c;
	duckdb_vector out;
	void *result;
	idx_t rows;
	arg a[2];
	tarn_bytes bytes;
	bool failed;
} call;

static call begin(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = {.info = info, .c = duckdb_scalar_function_get_extra_info(info), .out = out};
	c.rows = duckdb_data_chunk_get_size(in);
	c.result = duckdb_vector_get_data(out);
	for (idx_t i = 0; i < duckdb_data_chunk_get_column_count(in) && i < 2; i++) {
		duckdb_vector v = duckdb_data_chunk_get_vector(in, i);
		c.a[i].data = duckdb_vector_get_data(v);
		c.a[i].valid = duckdb_vector_get_validity(v);
	}
	return c;
}

static void end(call *c) {
	for (int i = 0; i < 2; i++)
		if (c->a[i].r) roaring64_bitmap_free(c->a[i].r);
	tarn_bytes_free(&c->bytes);
}

static void fail(call *c, const char *why) {
	char msg[512];
	snprintf(msg, sizeof msg, "%s: %s", c->c->name, why);
	duckdb_scalar_function_set_error(c->info, msg);
	c->failed = true;
}

static void set_null(call *c, idx_t i) {
	duckdb_vector_ensure_validity_writable(c->out);
	duckdb_validity_set_row_invalid(duckdb_vector_get_validity(c->out), i);
}

static bool has(call *c, int k, idx_t i) { return tarn_valid(c->a[k].valid, i); }

static const uint8_t *text(call *c, int k, idx_t i, size_t *n) {
	return tarn_data((const duckdb_string_t *)c->a[k].data + i, n);
}

// The bitmap of an argument, which stays the argument's. NULL for damaged bytes, with the reason.
static roaring64_bitmap_t *read(call *c, int k, idx_t i, const char **why) {
	arg *a = &c->a[k];
	size_t n;
	const uint8_t *p = text(c, k, i, &n);
	if (a->r && p == a->last && n == a->last_n && n > 12) return a->r; // longer strings do not lie in the vector
	if (a->r) roaring64_bitmap_free(a->r);
	a->r = tarn_bitmap_read(p, n, why);
	a->last = p;
	a->last_n = n;
	return a->r;
}

static roaring64_bitmap_t *get(call *c, int k, idx_t i) {
	const char *why = "no memory";
	roaring64_bitmap_t *r = read(c, k, i, &why);
	if (!r) {
		char msg[256];
		size_t n;
		text(c, k, i, &n);
		snprintf(msg, sizeof msg, "value of %zu bytes is no bitmap: %s", n, why);
		fail(c, msg);
	}
	return r;
}

static void put(call *c, idx_t i, roaring64_bitmap_t *r) {
	const uint8_t *p;
	size_t n;
	const char *why = r ? tarn_bitmap_write(r, c->c->form, &c->bytes, &p, &n) : "no memory";
	if (why) fail(c, why);
	else duckdb_vector_assign_string_element_len(c->out, i, (const char *)p, n);
}

static void put_own(call *c, idx_t i, roaring64_bitmap_t *r) {
	put(c, i, r);
	if (r) roaring64_bitmap_free(r);
}

// ---- numbers of a bitmap ----

enum { COUNT, CARDINALITY, MAX, MIN };

static void numbers(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	int64_t *to = c.result;
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		if (!has(&c, 0, i)) {
			to[i] = 0; // StarRocks counts NULL as no value
			if (c.c->op != COUNT) set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = get(&c, 0, i);
		if (!r) break;
		uint64_t n = roaring64_bitmap_get_cardinality(r);
		if (c.c->op == MAX || c.c->op == MIN) {
			if (n == 0) {
				set_null(&c, i);
				continue;
			}
			n = c.c->op == MAX ? roaring64_bitmap_maximum(r) : roaring64_bitmap_minimum(r);
		}
		if (n > INT64_MAX) fail(&c, "a value of 2^63 or more does not fit BIGINT");
		to[i] = (int64_t)n;
	}
	end(&c);
}

// ---- bitmaps of bytes ----

enum { STRICT, LENIENT };

static void convert(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		const char *why;
		if (!has(&c, 0, i)) {
			set_null(&c, i);
		} else if (c.c->op == LENIENT) {
			roaring64_bitmap_t *r = read(&c, 0, i, &why);
			if (r) put(&c, i, r);
			else set_null(&c, i); // as in StarRocks
		} else {
			roaring64_bitmap_t *r = get(&c, 0, i);
			if (r) put(&c, i, r);
		}
	}
	end(&c);
}

// ---- two bitmaps ----

static void pairs(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		if (!has(&c, 0, i) || !has(&c, 1, i)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *a = get(&c, 0, i), *b = a ? get(&c, 1, i) : NULL;
		if (!b) break;
		switch (c.c->op) {
		case TARN_AND: put_own(&c, i, roaring64_bitmap_and(a, b)); break;
		case TARN_OR: put_own(&c, i, roaring64_bitmap_or(a, b)); break;
		case TARN_XOR: put_own(&c, i, roaring64_bitmap_xor(a, b)); break;
		case TARN_ANDNOT: put_own(&c, i, roaring64_bitmap_andnot(a, b)); break;
		case TARN_ANY: ((bool *)c.result)[i] = roaring64_bitmap_intersect(a, b); break;
		}
	}
	end(&c);
}

// ---- a bitmap and a value ----

enum { CONTAINS, REMOVE };

static void with_value(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		if (!has(&c, 0, i) || !has(&c, 1, i)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = get(&c, 0, i);
		if (!r) break;
		uint64_t v;
		bool ok = tarn_value(c.c->source, c.a[1].data, i, &v); // no bitmap has another value
		if (c.c->op == CONTAINS) {
			((bool *)c.result)[i] = ok && roaring64_bitmap_contains(r, v);
			continue;
		}
		roaring64_bitmap_t *less = roaring64_bitmap_copy(r);
		if (less && ok) roaring64_bitmap_remove(less, v);
		put_own(&c, i, less);
	}
	end(&c);
}

// ---- lists and text ----

enum { SIGNED64, SIGNED32 };

static void to_array(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	duckdb_list_entry *to = c.result;
	duckdb_vector child = duckdb_list_vector_get_child(out);
	idx_t used = 0;
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		to[i] = (duckdb_list_entry){used, 0};
		if (!has(&c, 0, i)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = get(&c, 0, i);
		if (!r) break;
		uint64_t n = roaring64_bitmap_get_cardinality(r), max = n ? roaring64_bitmap_maximum(r) : 0;
		if (c.c->op == SIGNED32 && max > UINT32_MAX) fail(&c, "a value is greater than 4294967295 and does not fit INT");
		if (max > INT64_MAX) fail(&c, "a value of 2^63 or more does not fit BIGINT");
		if (n > ((uint64_t)1 << 31) - used % ((uint64_t)1 << 31)) fail(&c, "an array of more than 2^31 elements");
		if (c.failed) break;
		if (duckdb_list_vector_reserve(out, used + n) != DuckDBSuccess) {
			fail(&c, "no memory");
			break;
		}
		roaring64_iterator_t *it = roaring64_iterator_create(r);
		void *data = duckdb_vector_get_data(child);
		if (c.c->op == SIGNED32) {
			for (idx_t k = used; roaring64_iterator_has_value(it); roaring64_iterator_advance(it))
				((int32_t *)data)[k++] = (int32_t)(uint32_t)roaring64_iterator_value(it);
		} else if (n) {
			roaring64_iterator_read(it, (uint64_t *)data + used, n);
		}
		roaring64_iterator_free(it);
		to[i].length = n;
		used += n;
	}
	if (!c.failed) duckdb_list_vector_set_size(out, used);
	end(&c);
}

enum { PLAIN, BRACES };

static void to_string(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		if (!has(&c, 0, i)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = get(&c, 0, i);
		if (!r) break;
		tarn_bytes *b = &c.bytes;
		b->n = 0;
		uint64_t n = roaring64_bitmap_get_cardinality(r);
		if (n > UINT32_MAX / 21) fail(&c, "text would be larger than 4 GiB");
		else if (!tarn_bytes_grow(b, 21 * n + 3)) fail(&c, "no memory");
		if (c.failed) break;
		if (c.c->op == BRACES) b->p[b->n++] = '{';
		roaring64_iterator_t *it = roaring64_iterator_create(r);
		for (bool more = false; roaring64_iterator_has_value(it); roaring64_iterator_advance(it), more = true) {
			if (more) b->p[b->n++] = ',';
			char digits[20];
			int k = 20;
			uint64_t v = roaring64_iterator_value(it);
			do digits[--k] = (char)('0' + v % 10);
			while (v /= 10);
			memcpy(b->p + b->n, digits + k, (size_t)(20 - k));
			b->n += (size_t)(20 - k);
		}
		roaring64_iterator_free(it);
		if (c.c->op == BRACES) b->p[b->n++] = '}';
		duckdb_vector_assign_string_element_len(out, i, (const char *)b->p, b->n);
	}
	end(&c);
}

// Numbers with commas between; empty parts do not count, anything else gives NULL, as in StarRocks.
static roaring64_bitmap_t *parse(const uint8_t *p, size_t n) {
	roaring64_bitmap_t *r = roaring64_bitmap_create();
	for (size_t from = 0, at = 0; r && at <= n; at++) {
		if (at < n && p[at] != ',') continue;
		uint64_t v;
		if (at > from) {
			if (!tarn_parse_u64(p + from, at - from, &v)) {
				roaring64_bitmap_free(r);
				return NULL;
			}
			roaring64_bitmap_add(r, v);
		}
		from = at + 1;
	}
	return r;
}

// MurmurHash3 of 32 bits, with the seed of StarRocks and Doris.
static uint32_t murmur(const uint8_t *p, size_t n) {
	uint32_t h = 104729, k = 0;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		memcpy(&k, p + i, 4);
		k *= 0xcc9e2d51u;
		k = (k << 15 | k >> 17) * 0x1b873593u;
		h ^= k;
		h = (h << 13 | h >> 19) * 5 + 0xe6546b64u;
	}
	k = 0;
	for (size_t j = n; j > i; j--) k = k << 8 | p[j - 1];
	k *= 0xcc9e2d51u;
	h ^= (k << 15 | k >> 17) * 0x1b873593u;
	h ^= (uint32_t)n;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

enum { PARSE, HASH };

static void of_text(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		size_t n;
		if (!has(&c, 0, i)) {
			if (c.c->op == HASH) put_own(&c, i, roaring64_bitmap_create()); // as in StarRocks
			else set_null(&c, i);
			continue;
		}
		const uint8_t *p = text(&c, 0, i, &n);
		roaring64_bitmap_t *r = c.c->op == PARSE ? parse(p, n) : roaring64_bitmap_create();
		if (c.c->op == HASH && r) roaring64_bitmap_add(r, murmur(p, n));
		if (c.c->op == PARSE && !r) set_null(&c, i);
		else put_own(&c, i, r);
	}
	end(&c);
}

static void of_value(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		uint64_t v;
		if (!has(&c, 0, i) || !tarn_value(c.c->source, c.a[0].data, i, &v)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = roaring64_bitmap_create();
		if (r) roaring64_bitmap_add(r, v);
		put_own(&c, i, r);
	}
	end(&c);
}

// Elements that are NULL do not count; a negative one is an error, as the list would not come back.
static void of_array(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	const duckdb_list_entry *lists = c.a[0].data;
	duckdb_vector child = duckdb_list_vector_get_child(duckdb_data_chunk_get_vector(in, 0));
	const int64_t *data = duckdb_vector_get_data(child);
	const uint64_t *valid = duckdb_vector_get_validity(child);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) {
		if (!has(&c, 0, i)) {
			set_null(&c, i);
			continue;
		}
		roaring64_bitmap_t *r = roaring64_bitmap_create();
		roaring64_bulk_context_t context = {0};
		for (idx_t k = lists[i].offset; r && !c.failed && k < lists[i].offset + lists[i].length; k++) {
			if (!tarn_valid(valid, k)) continue;
			if (data[k] < 0) fail(&c, "an element is negative");
			else roaring64_bitmap_add_bulk(r, &context, (uint64_t)data[k]);
		}
		if (c.failed) roaring64_bitmap_free(r);
		else put_own(&c, i, r);
	}
	end(&c);
}

static void empty(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
	call c = begin(info, in, out);
	for (idx_t i = 0; i < c.rows && !c.failed; i++) put_own(&c, i, roaring64_bitmap_create());
	end(&c);
}

// ---- the table of functions ----

enum { OWN_FORM = -1 }; // the form of the engine

typedef struct {
	const char *name;
	duckdb_scalar_function_t run;
	duckdb_type in[2], out;
	int op, form;
	tarn_source source;
	bool nulls; // is called for NULL too
} entry;

#define BLOB DUCKDB_TYPE_BLOB
#define TEXT DUCKDB_TYPE_VARCHAR
#define LONG DUCKDB_TYPE_BIGINT
#define HUGE128 DUCKDB_TYPE_HUGEINT
#define LIST DUCKDB_TYPE_LIST

static const entry entries[] = {
    {"tarn_bitmap_count", numbers, {BLOB}, LONG, COUNT, OWN_FORM, 0, true},
    {"tarn_bitmap_cardinality", numbers, {BLOB}, LONG, CARDINALITY, OWN_FORM},
    {"tarn_bitmap_max", numbers, {BLOB}, LONG, MAX, OWN_FORM},
    {"tarn_bitmap_min", numbers, {BLOB}, LONG, MIN, OWN_FORM},
    {"tarn_bitmap_from_binary", convert, {BLOB}, BLOB, LENIENT, OWN_FORM},
    {"tarn_bitmap_from_bytes", convert, {BLOB}, BLOB, STRICT, OWN_FORM},
    {"tarn_bitmap_to_binary", convert, {BLOB}, BLOB, STRICT, TARN_BITMAP_STARROCKS},
    {"tarn_bitmap_to_bytes", convert, {BLOB}, BLOB, STRICT, TARN_BITMAP_PORTABLE32},
    {"tarn_bitmap_and", pairs, {BLOB, BLOB}, BLOB, TARN_AND, OWN_FORM},
    {"tarn_bitmap_or", pairs, {BLOB, BLOB}, BLOB, TARN_OR, OWN_FORM},
    {"tarn_bitmap_xor", pairs, {BLOB, BLOB}, BLOB, TARN_XOR, OWN_FORM},
    {"tarn_bitmap_andnot", pairs, {BLOB, BLOB}, BLOB, TARN_ANDNOT, OWN_FORM},
    {"tarn_bitmap_has_any", pairs, {BLOB, BLOB}, DUCKDB_TYPE_BOOLEAN, TARN_ANY, OWN_FORM},
    {"tarn_bitmap_contains", with_value, {BLOB, LONG}, DUCKDB_TYPE_BOOLEAN, CONTAINS, OWN_FORM, TARN_I64},
    {"tarn_bitmap_contains", with_value, {BLOB, HUGE128}, DUCKDB_TYPE_BOOLEAN, CONTAINS, OWN_FORM, TARN_HUGE},
    {"tarn_bitmap_remove", with_value, {BLOB, LONG}, BLOB, REMOVE, OWN_FORM, TARN_I64},
    {"tarn_bitmap_remove", with_value, {BLOB, HUGE128}, BLOB, REMOVE, OWN_FORM, TARN_HUGE},
    {"tarn_bitmap_to_array", to_array, {BLOB}, LIST, SIGNED64, OWN_FORM},
    {"tarn_bitmap_to_int_array", to_array, {BLOB}, LIST, SIGNED32, OWN_FORM},
    {"tarn_bitmap_to_string", to_string, {BLOB}, TEXT, PLAIN, OWN_FORM},
    {"tarn_bitmap_to_braces", to_string, {BLOB}, TEXT, BRACES, OWN_FORM},
    {"tarn_bitmap_from_string", of_text, {TEXT}, BLOB, PARSE, OWN_FORM},
    {"tarn_bitmap_hash", of_text, {TEXT}, BLOB, HASH, OWN_FORM, 0, true},
    {"tarn_bitmap_of", of_value, {LONG}, BLOB, 0, OWN_FORM, TARN_I64},
    {"tarn_bitmap_of", of_value, {HUGE128}, BLOB, 0, OWN_FORM, TARN_HUGE},
    {"tarn_bitmap_of", of_value, {TEXT}, BLOB, 0, OWN_FORM, TARN_TEXT},
    {"tarn_bitmap_of_array", of_array, {LIST}, BLOB, 0, OWN_FORM},
    {"tarn_bitmap_empty", empty, {0}, BLOB, 0, OWN_FORM},
};

static duckdb_logical_type type_of(const entry *e, duckdb_type t) {
	if (t != LIST) return duckdb_create_logical_type(t);
	duckdb_logical_type child = duckdb_create_logical_type(e->run == to_array && e->op == SIGNED32 ? DUCKDB_TYPE_INTEGER : LONG);
	duckdb_logical_type list = duckdb_create_list_type(child);
	duckdb_destroy_logical_type(&child);
	return list;
}

static bool add_to(duckdb_scalar_function_set set, const entry *e, int form, uint64_t limit) {
	duckdb_scalar_function f = duckdb_create_scalar_function();
	duckdb_scalar_function_set_name(f, e->name);
	for (int i = 0; i < 2 && e->in[i]; i++) {
		duckdb_logical_type t = type_of(e, e->in[i]);
		duckdb_scalar_function_add_parameter(f, t);
		duckdb_destroy_logical_type(&t);
	}
	duckdb_logical_type out = type_of(e, e->out);
	duckdb_scalar_function_set_return_type(f, out);
	duckdb_destroy_logical_type(&out);
	if (e->nulls) duckdb_scalar_function_set_special_handling(f);
	tarn_config c = {.name = e->name, .form = e->form == OWN_FORM ? form : e->form, .op = e->op, .source = e->source, .limit = limit};
	duckdb_scalar_function_set_extra_info(f, tarn_config_new(c), tarn_free);
	duckdb_scalar_function_set_function(f, e->run);
	bool ok = duckdb_add_scalar_function_to_set(set, f) == DuckDBSuccess;
	duckdb_destroy_scalar_function(&f);
	return ok;
}

const char *tarn_register_scalars(duckdb_connection con, int form, uint64_t limit) {
	size_t n = sizeof entries / sizeof *entries;
	for (size_t i = 0, next; i < n; i = next) {
		duckdb_scalar_function_set set = duckdb_create_scalar_function_set(entries[i].name);
		bool ok = true;
		for (next = i; next < n && strcmp(entries[next].name, entries[i].name) == 0; next++)
			ok = ok && add_to(set, entries + next, form, limit);
		ok = ok && duckdb_register_scalar_function_set(con, set) == DuckDBSuccess;
		duckdb_destroy_scalar_function_set(&set);
		if (!ok) return entries[i].name;
	}
	return NULL;
}
