// Writing bitmaps, counting their memory, and reading single values.
#include "bitmap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#define malloc_usable_size malloc_size
#else
#include <malloc.h>
#endif

#include "croaring/roaring.h"

// ---- memory ----

static uint64_t held; // bytes of all bitmaps of the process

uint64_t tarn_bitmaps_held(void) { return __atomic_load_n(&held, __ATOMIC_RELAXED); }

static void *counted(void *p) {
	if (p) __atomic_add_fetch(&held, malloc_usable_size(p), __ATOMIC_RELAXED);
	return p;
}

void *tarn_alloc(size_t n) { return counted(malloc(n)); }

void tarn_free(void *p) {
	if (p) __atomic_sub_fetch(&held, malloc_usable_size(p), __ATOMIC_RELAXED);
	free(p);
}

void *tarn_realloc(void *p, size_t n) {
	size_t before = p ? malloc_usable_size(p) : 0;
	void *out = realloc(p, n);
	if (!out) return NULL;
	__atomic_sub_fetch(&held, before, __ATOMIC_RELAXED);
	return counted(out);
}

static void *zeroed(size_t n, size_t size) { return counted(calloc(n, size)); }

static void *aligned(size_t to, size_t n) {
	void *p = NULL;
	return posix_memalign(&p, to, n) == 0 ? counted(p) : NULL;
}

static void count_memory(void) {
	roaring_init_memory_hook((roaring_memory_t){tarn_alloc, tarn_realloc, zeroed, tarn_free, aligned, tarn_free});
}

const char *tarn_over_limit(const tarn_config *c, char *buf, size_t n) {
	uint64_t now = tarn_bitmaps_held();
	if (now <= c->limit) return NULL;
	snprintf(buf, n, "%s: bitmaps need more memory than allowed: %llu bytes are in use", c->name, (unsigned long long)now);
	return buf;
}

bool tarn_bytes_grow(tarn_bytes *b, size_t more) {
	if (b->cap - b->n >= more) return true;
	size_t cap = (b->n + more) + (b->n + more) / 2;
	uint8_t *p = tarn_realloc(b->p, cap);
	if (!p) return false;
	b->p = p;
	b->cap = cap;
	return true;
}

void tarn_bytes_free(tarn_bytes *b) {
	tarn_free(b->p);
	*b = (tarn_bytes){0};
}

tarn_config *tarn_config_new(tarn_config c) {
	tarn_config *out = tarn_alloc(sizeof c);
	if (out) *out = c;
	return out;
}

const char *tarn_register_bitmaps(duckdb_connection con, int form, uint64_t limit) {
	static pthread_once_t once = PTHREAD_ONCE_INIT; // before the first bitmap of the process
	pthread_once(&once, count_memory);
	const char *failed = tarn_register_aggregates(con, form, limit);
	return failed ? failed : tarn_register_scalars(con, form, limit);
}

// ---- bytes ----

enum { HEAD = 16 }; // room before the 64-bit Roaring for the head of another form

static const char *write_starrocks(roaring64_bitmap_t *r, uint64_t card, tarn_bytes *out, const uint8_t **from, size_t *n) {
	uint64_t v = roaring64_bitmap_maximum(r);
	if (card > 1) return NULL;
	*from = out->p;
	*n = card == 0 ? 1 : v <= UINT32_MAX ? 5 : 9;
	out->p[0] = card == 0 ? 0 : v <= UINT32_MAX ? 1 : 3;
	memcpy(out->p + 1, &v, 8);
	return "";
}

const char *tarn_bitmap_write(roaring64_bitmap_t *r, int form, tarn_bytes *out, const uint8_t **from, size_t *n) {
	out->n = 0;
	if (!tarn_bytes_grow(out, 64)) return "no memory";
	uint64_t card = roaring64_bitmap_get_cardinality(r), max = card ? roaring64_bitmap_maximum(r) : 0;
	if (form == TARN_BITMAP_STARROCKS && write_starrocks(r, card, out, from, n)) return NULL;
	if (form == TARN_BITMAP_PORTABLE32 && card == 0) {
		static const uint8_t empty[8] = {0x3a, 0x30};
		*from = empty;
		*n = sizeof empty;
		return NULL;
	}
	if (form == TARN_BITMAP_PORTABLE32 && max > UINT32_MAX) return "a value is greater than 4294967295 and does not fit the 32-bit form";
	roaring64_bitmap_run_optimize(r);
	size_t size = roaring64_bitmap_portable_size_in_bytes(r);
	if (size > UINT32_MAX - HEAD) return "the bitmap is larger than 4 GiB";
	if (!tarn_bytes_grow(out, HEAD + size)) return "no memory";
	uint8_t *body = out->p + HEAD;
	roaring64_bitmap_portable_serialize(r, (char *)body);
	uint8_t *start = body;
	if (form == TARN_BITMAP_PORTABLE32) {
		start = body + 12;
	} else if (form == TARN_BITMAP_STARROCKS && max <= UINT32_MAX) {
		start = body + 11;
		*start = 2;
	} else if (form == TARN_BITMAP_STARROCKS) {
		uint64_t highs;
		uint8_t head[11];
		size_t k = 0;
		memcpy(&highs, body, 8);
		head[k++] = 4;
		for (; highs >= 0x80; highs >>= 7) head[k++] = (uint8_t)(highs | 0x80);
		head[k++] = (uint8_t)highs;
		start = body + 8 - k;
		memcpy(start, head, k);
	}
	*from = start;
	*n = (size_t)(body + size - start);
	return NULL;
}

// ---- values ----

bool tarn_parse_u64(const uint8_t *p, size_t n, uint64_t *out) {
	while (n && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) p++, n--;
	while (n && (p[n - 1] == ' ' || (p[n - 1] >= '\t' && p[n - 1] <= '\r'))) n--;
	if (n > 1 && *p == '+') p++, n--;
	if (n == 0) return false;
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9') return false;
		uint64_t d = p[i] - '0';
		if (v > (UINT64_MAX - d) / 10) return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

bool tarn_value(tarn_source s, const void *data, idx_t i, uint64_t *out) {
	switch (s) {
	case TARN_I64: {
		int64_t v = ((const int64_t *)data)[i];
		*out = (uint64_t)v;
		return v >= 0;
	}
	case TARN_HUGE: {
		const duckdb_hugeint *v = (const duckdb_hugeint *)data + i;
		*out = v->lower;
		return v->upper == 0;
	}
	case TARN_TEXT: {
		size_t n;
		const uint8_t *p = tarn_data((const duckdb_string_t *)data + i, &n);
		return tarn_parse_u64(p, n, out);
	}
	}
	return false;
}
