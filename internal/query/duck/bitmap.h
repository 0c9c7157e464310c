// Bitmaps in DuckDB: aggregates and scalar functions in C over CRoaring. A bitmap is a BLOB in any of the forms of
// paimon/bitmap. Foreign bytes are checked before anything trusts them (bitmap_read.c).
#ifndef TARN_DUCK_BITMAP_H
#define TARN_DUCK_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "duckdb.h"

typedef struct roaring64_bitmap_s roaring64_bitmap_t;

// The forms that results have.
enum { TARN_BITMAP_STARROCKS = 0, TARN_BITMAP_PORTABLE32 = 1, TARN_BITMAP_PORTABLE64 = 2 };

// Names the function that could not be registered; NULL when all were. limit in bytes bounds what the bitmaps of all
// queries of the process hold together.
const char *tarn_register_bitmaps(duckdb_connection con, int form, uint64_t limit);

// The bytes that all bitmaps of the process hold.
uint64_t tarn_bitmaps_held(void);

// What follows is shared between the C files.

// The kinds of columns that hold values of bitmaps.
typedef enum { TARN_I64, TARN_HUGE, TARN_TEXT } tarn_source;

// tarn_config is the extra info of every function.
typedef struct {
	const char *name; // as the user knows it
	int form;
	int op; // what the functions of one signature differ in
	tarn_source source;
	uint64_t limit;
} tarn_config;

enum { TARN_OR, TARN_AND, TARN_XOR, TARN_ANDNOT, TARN_ANY };

// Reads a bitmap in any form. NULL for damaged bytes, with the reason.
roaring64_bitmap_t *tarn_bitmap_read(const uint8_t *p, size_t n, const char **why);

// tarn_bytes is a buffer that grows.
typedef struct {
	uint8_t *p;
	size_t n, cap;
} tarn_bytes;

// Makes room for more bytes behind n; false when there is no memory.
bool tarn_bytes_grow(tarn_bytes *b, size_t more);
void tarn_bytes_free(tarn_bytes *b);

// Writes r, which may become smaller but keeps its values, at the beginning of out. NULL, or why it cannot be.
const char *tarn_bitmap_write(roaring64_bitmap_t *r, int form, tarn_bytes *out, const uint8_t **from, size_t *n);

// Memory that counts against tarn_config.limit.
void *tarn_alloc(size_t n);
void *tarn_realloc(void *p, size_t n);
void tarn_free(void *p);
// NULL, or the message that the bitmaps hold more than limit.
const char *tarn_over_limit(const tarn_config *c, char *buf, size_t n);

// The bytes of a VARCHAR or BLOB.
static inline const uint8_t *tarn_data(const duckdb_string_t *s, size_t *n) {
	*n = s->value.inlined.length;
	return (const uint8_t *)(*n <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr);
}

static inline bool tarn_valid(const uint64_t *mask, idx_t i) { return !mask || (mask[i / 64] >> (i % 64) & 1); }

// Reads a decimal number of at most 2^64 - 1, with blanks around it; false for anything else.
bool tarn_parse_u64(const uint8_t *p, size_t n, uint64_t *out);

// The value in row i of a column; false when it is none of 0 to 2^64 - 1.
bool tarn_value(tarn_source s, const void *data, idx_t i, uint64_t *out);

// A copy of c for a function to own; its delete callback is tarn_free.
tarn_config *tarn_config_new(tarn_config c);

// Both give the name of a function that cannot be registered, or NULL.
const char *tarn_register_aggregates(duckdb_connection con, int form, uint64_t limit);
const char *tarn_register_scalars(duckdb_connection con, int form, uint64_t limit);

#endif
