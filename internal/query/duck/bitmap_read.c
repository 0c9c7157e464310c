// Reading bitmaps. Every form is brought into the 64-bit Roaring format, which CRoaring then reads with its own checks
// (bounds, then order, cardinalities and runs). The rules are those of paimon/bitmap; a fuzz test compares both.
#include "bitmap.h"

#include <string.h>

#include "croaring/roaring.h"

typedef struct {
	const uint8_t *p;
	size_t n, at;
	const char *why;
} reader;

static bool fail(reader *r, const char *why) {
	if (!r->why) r->why = why;
	return false;
}

static const uint8_t *take(reader *r, size_t n) {
	if (r->why || n > r->n - r->at) {
		fail(r, "bytes end too early");
		return NULL;
	}
	r->at += n;
	return r->p + r->at - n;
}

static uint64_t number(reader *r, size_t n) {
	const uint8_t *p = take(r, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++) v |= (uint64_t)p[i] << (8 * i);
	return v;
}

// A number of things of at least size bytes each.
static size_t count(reader *r, uint64_t n, size_t size) {
	if (!r->why && n > (r->n - r->at) / size) fail(r, "a count needs more bytes than there are");
	return r->why ? 0 : (size_t)n;
}

static size_t varint(reader *r, size_t size) {
	uint64_t v = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		uint64_t b = number(r, 1);
		if (shift == 63 && b > 1) break;
		v |= (b & 0x7f) << shift;
		if (r->why) return 0;
		if (!(b & 0x80)) return count(r, v, size);
	}
	fail(r, "number of entries is no varint");
	return 0;
}

// Goes over a 32-bit Roaring and checks what CRoaring takes on trust: offsets, and the cardinality of runs.
static void shape32(reader *r) {
	size_t start = r->at, n;
	uint64_t cookie = number(r, 4);
	const uint8_t *marks = NULL;
	if ((cookie & 0xffff) == 12347) {
		n = count(r, (cookie >> 16) + 1, 6);
		marks = take(r, (n + 7) / 8);
	} else if (cookie == 12346) {
		n = count(r, number(r, 4), 6);
	} else {
		fail(r, "no Roaring cookie");
		return;
	}
	const uint8_t *header = take(r, 4 * n);
	const uint8_t *offsets = !marks || n >= 4 ? take(r, 4 * n) : NULL;
	if (n > 65536) fail(r, "more containers than keys");
	for (size_t i = 0; i < n && !r->why; i++) {
		size_t card = 1 + (header[4 * i + 2] | (size_t)header[4 * i + 3] << 8), sum = 0;
		uint32_t offset = (uint32_t)(r->at - start);
		if (offsets && memcmp(offsets + 4 * i, &offset, 4) != 0) fail(r, "offset of a container is wrong");
		if (!marks || !(marks[i / 8] >> (i % 8) & 1)) {
			take(r, card > 4096 ? 8192 : 2 * card);
			continue;
		}
		size_t runs = number(r, 2);
		const uint8_t *p = take(r, 4 * runs);
		for (size_t k = 0; p && k < runs; k++) sum += 1 + (p[4 * k + 2] | (size_t)p[4 * k + 3] << 8);
		if (p && sum != card) fail(r, "cardinality of runs is wrong");
	}
}

// Reads the 64-bit Roaring that fills p.
static roaring64_bitmap_t *checked(reader *r, const uint8_t *p, size_t n) {
	if (r->why) return NULL;
	reader in = {p, n, 0, NULL};
	size_t highs = count(&in, number(&in, 8), 12);
	for (size_t i = 0; i < highs && !in.why; i++) {
		take(&in, 4);
		shape32(&in);
	}
	if (!in.why && in.at != n) fail(&in, "bytes are left over");
	roaring64_bitmap_t *out = in.why ? NULL : roaring64_bitmap_portable_deserialize_safe((const char *)p, n);
	if (!out) {
		fail(r, in.why ? in.why : "no Roaring bitmap");
		return NULL;
	}
	const char *why = NULL;
	if (!roaring64_bitmap_internal_validate(out, &why)) {
		fail(r, why ? why : "containers are wrong");
		roaring64_bitmap_free(out);
		return NULL;
	}
	return out;
}

static roaring64_bitmap_t *portable64(reader *r) { return checked(r, r->p, r->n); }

// Reads the rest of the bytes as what follows the number of entries in a 64-bit Roaring.
static roaring64_bitmap_t *entries(reader *r, uint64_t n) {
	tarn_bytes b = {0};
	size_t size = r->n - r->at;
	if (r->why || !tarn_bytes_grow(&b, 8 + size)) {
		fail(r, "no memory");
		return NULL;
	}
	memcpy(b.p, &n, 8);
	memcpy(b.p + 8, r->p + r->at, size);
	roaring64_bitmap_t *out = checked(r, b.p, 8 + size);
	tarn_bytes_free(&b);
	r->at = r->n;
	return out;
}

// Reads n bytes as a 32-bit Roaring.
static roaring64_bitmap_t *one32(reader *r, uint32_t high, size_t n) {
	const uint8_t *p = take(r, n);
	tarn_bytes b = {0};
	if (!p || !tarn_bytes_grow(&b, 12 + n)) {
		fail(r, "no memory");
		return NULL;
	}
	uint64_t one = 1;
	memcpy(b.p, &one, 8);
	memcpy(b.p + 8, &high, 4);
	memcpy(b.p + 12, p, n);
	roaring64_bitmap_t *out = checked(r, b.p, 12 + n);
	tarn_bytes_free(&b);
	return out;
}

// Reads values of size bytes, in any order unless ascend, with high as their upper half.
static void values(reader *r, roaring64_bitmap_t *out, size_t n, size_t size, bool ascend, uint32_t high) {
	uint64_t last = 0;
	roaring64_bulk_context_t context = {0};
	for (size_t i = 0; i < n && !r->why; i++) {
		uint64_t v = number(r, size);
		if (r->why) return;
		if (ascend && i > 0 && v <= last) fail(r, "values do not ascend");
		last = v;
		if (size == 4) v |= (uint64_t)high << 32;
		roaring64_bitmap_add_bulk(out, &context, v);
	}
}

// Reads a body of CRoaring's own form.
static void croaring(reader *r, roaring64_bitmap_t *out, uint32_t high) {
	switch (number(r, 1)) {
	case 1: {
		size_t n = count(r, number(r, 4), 4);
		values(r, out, n, 4, true, high);
		return;
	}
	case 2: {
		size_t start = r->at;
		shape32(r);
		size_t size = r->at - start;
		r->at = start;
		roaring64_bitmap_t *body = r->why ? NULL : one32(r, high, size);
		if (body) {
			roaring64_bitmap_or_inplace(out, body);
			roaring64_bitmap_free(body);
		}
		return;
	}
	}
	fail(r, "unknown mark of a body");
}

static void many(reader *r, roaring64_bitmap_t *out, uint8_t code) {
	if (code == 10) {
		size_t n = count(r, number(r, 4), 8);
		values(r, out, n, 8, false, 0);
		if (!r->why && roaring64_bitmap_get_cardinality(out) != n) fail(r, "the set has a value twice");
	} else if (code == 12) {
		croaring(r, out, 0);
	} else {
		size_t n = varint(r, 9);
		int64_t last = -1;
		for (size_t i = 0; i < n && !r->why; i++) {
			uint32_t high = (uint32_t)number(r, 4);
			if ((int64_t)high <= last) fail(r, "keys do not ascend");
			last = high;
			croaring(r, out, high);
		}
	}
}

static roaring64_bitmap_t *starrocks(reader *r) {
	uint8_t code = (uint8_t)number(r, 1);
	if (r->why) return NULL;
	if (code == 2) return one32(r, 0, r->n - r->at);
	if (code == 4) return entries(r, varint(r, 12));
	roaring64_bitmap_t *out = roaring64_bitmap_create();
	if (code == 1 || code == 3) {
		uint64_t v = number(r, code == 1 ? 4 : 8);
		if (!r->why) roaring64_bitmap_add(out, v);
	} else if (code == 10 || code == 12 || code == 13) {
		many(r, out, code);
	} else if (code != 0) {
		fail(r, "unknown type byte");
	}
	if (!r->why && r->at != r->n) fail(r, "bytes are left over");
	if (r->why) {
		roaring64_bitmap_free(out);
		return NULL;
	}
	return out;
}

// ---- rbm64: the tree of Java's Roaring64Bitmap, whose layout paimon/bitmap/art.go tells ----

typedef struct {
	uint64_t key; // upper 48 bits of the values
	uint64_t slot;
} leaf;

typedef struct {
	const uint8_t *p;
	uint32_t card; // 0: no container
	uint32_t size;
	uint8_t kind;
	bool taken;
} slot;

typedef struct {
	reader *r;
	leaf *leaves;
	size_t n, most;
	uint8_t path[8];
	int depth;
} tree;

static void node(tree *t);

static void below(tree *t, uint8_t key) {
	if (t->r->why) return;
	t->path[t->depth++] = key;
	node(t);
	t->depth--;
}

static void read_leaf(tree *t) {
	const uint8_t *key = take(t->r, 6);
	uint64_t at = number(t->r, 8);
	if (t->r->why) return;
	if (memcmp(key, t->path, (size_t)t->depth) != 0) {
		fail(t->r, "a key is not below its node");
		return;
	}
	if (t->n == t->most) {
		fail(t->r, "the tree has more keys than it says");
		return;
	}
	uint64_t k = 0;
	for (int i = 0; i < 6; i++) k = k << 8 | key[i];
	t->leaves[t->n++] = (leaf){k, at};
}

// Reads the children of a node48 or node256.
static void wide(tree *t, int kind, size_t children) {
	size_t seen = 0;
	const uint8_t *p = take(t->r, kind == 2 ? 256 : 32);
	uint64_t taken = 0;
	for (int k = 0; p && k < 256; k++) {
		if (kind == 2) {
			uint8_t at = p[(k & ~7) + 7 - (k & 7)];
			if (at == 255) continue;
			if (at >= 48 || taken >> at & 1) fail(t->r, "children of a node are wrong");
			taken |= (uint64_t)1 << (at & 63);
		} else if (!(p[k / 8] >> (k % 8) & 1)) {
			continue;
		}
		seen++;
		below(t, (uint8_t)k);
	}
	if (!t->r->why && seen != children) fail(t->r, "number of children is wrong");
}

static void node(tree *t) {
	static const size_t room[] = {4, 16, 48, 256};
	uint8_t kind = (uint8_t)number(t->r, 1);
	size_t children = number(t->r, 2), length = number(t->r, 1);
	if (t->r->why) return;
	if (kind > 4 || length > 6) {
		fail(t->r, "unknown kind of node");
		return;
	}
	const uint8_t *prefix = take(t->r, length);
	if (!prefix) return;
	if (kind == 4) {
		read_leaf(t);
		return;
	}
	if (t->depth + (int)length >= 6 || children == 0 || children > room[kind]) {
		fail(t->r, "a node has too many bytes or children");
		return;
	}
	memcpy(t->path + t->depth, prefix, length);
	t->depth += (int)length;
	if (kind >= 2) {
		wide(t, kind, children);
	} else {
		const uint8_t *p = take(t->r, room[kind]);
		int last = -1;
		for (size_t i = 0; p && i < children; i++) {
			uint8_t k = kind == 0 ? p[3 - i] : p[(i & ~(size_t)7) + 7 - (i & 7)];
			if (k <= last) fail(t->r, "keys of a node do not ascend");
			last = k;
			below(t, k);
		}
	}
	t->depth -= (int)length;
}

static void read_slot(reader *r, slot *s) {
	uint64_t mark = number(r, 1);
	if (r->why || mark == 0) return;
	if (mark != 1) {
		fail(r, "mark of a container is wrong");
		return;
	}
	s->kind = (uint8_t)number(r, 1);
	uint64_t card = number(r, 4);
	if (r->why || s->kind > 2 || card < 1 || card > 65536 || (s->kind == 2 && card > 4096)) {
		fail(r, "container of unknown kind or size");
		return;
	}
	size_t before = r->at;
	if (s->kind == 0) take(r, 4 * number(r, 2));
	else take(r, s->kind == 1 ? 8192 : 2 * card);
	if (r->why) return;
	s->card = (uint32_t)card;
	s->p = r->p + before;
	s->size = (uint32_t)(r->at - before);
}

static size_t read_slots(reader *r, slot **slots, size_t *length) {
	if (number(r, 4) != 1) fail(r, "more than one array of containers");
	if (number(r, 1) != 0xfe) fail(r, "mark of an array is wrong");
	*length = count(r, number(r, 4), 1);
	*slots = tarn_alloc((*length + 1) * sizeof(slot));
	if (!*slots) {
		fail(r, "no memory");
		return 0;
	}
	memset(*slots, 0, (*length + 1) * sizeof(slot));
	size_t held = 0;
	for (size_t i = 0; i < *length && !r->why; i++) {
		read_slot(r, *slots + i);
		held += (*slots)[i].card != 0;
	}
	if (number(r, 8) != held || number(r, 4) != 0 || number(r, 4) >= *length) fail(r, "number of containers is wrong");
	if (!r->why && r->at != r->n) fail(r, "bytes are left over");
	return held;
}

static uint8_t *put(uint8_t *to, uint64_t v, size_t n) {
	for (size_t i = 0; i < n; i++) *to++ = (uint8_t)(v >> (8 * i));
	return to;
}

// Words of few values have no place in the 32-bit format, they become an array.
static uint8_t *put_few(reader *r, uint8_t *to, const slot *s) {
	uint32_t n = 0;
	for (uint32_t v = 0; v < 65536; v++) {
		if (!(s->p[v / 8] >> (v % 8) & 1)) continue;
		if (n++ < s->card) to = put(to, v, 2);
	}
	if (n != s->card) fail(r, "cardinality is wrong");
	return to;
}

// Writes the containers of n leaves with the same upper half as a 32-bit Roaring without offsets or with them.
static uint8_t *put32(reader *r, uint8_t *to, const leaf *l, size_t n, const slot *slots) {
	bool runs = false;
	for (size_t i = 0; i < n; i++) runs |= slots[l[i].slot].kind == 0;
	uint8_t *start = to;
	if (runs) {
		to = put(to, 12347 | (uint64_t)(n - 1) << 16, 4);
		memset(to, 0, (n + 7) / 8);
		for (size_t i = 0; i < n; i++)
			if (slots[l[i].slot].kind == 0) to[i / 8] |= (uint8_t)(1 << (i % 8));
		to += (n + 7) / 8;
	} else {
		to = put(put(to, 12346, 4), n, 4);
	}
	for (size_t i = 0; i < n; i++) to = put(put(to, l[i].key & 0xffff, 2), slots[l[i].slot].card - 1, 2);
	uint8_t *offsets = !runs || n >= 4 ? to : NULL;
	if (offsets) to += 4 * n;
	for (size_t i = 0; i < n; i++) {
		const slot *s = slots + l[i].slot;
		if (offsets) put(offsets + 4 * i, (uint64_t)(to - start), 4);
		if (s->kind == 1 && s->card <= 4096) {
			to = put_few(r, to, s);
		} else {
			memcpy(to, s->p, s->size);
			to += s->size;
		}
	}
	return to;
}

static roaring64_bitmap_t *as_portable(reader *r, const leaf *l, size_t n, const slot *slots) {
	tarn_bytes b = {0};
	if (!tarn_bytes_grow(&b, 8 + r->n + 32 * n)) {
		fail(r, "no memory");
		return NULL;
	}
	uint8_t *to = b.p + 8;
	uint64_t highs = 0;
	for (size_t i = 0; i < n;) {
		size_t same = 1;
		while (i + same < n && l[i + same].key >> 16 == l[i].key >> 16) same++;
		to = put32(r, put(to, l[i].key >> 16, 4), l + i, same, slots);
		i += same;
		highs++;
	}
	put(b.p, highs, 8);
	roaring64_bitmap_t *out = checked(r, b.p, (size_t)(to - b.p));
	tarn_bytes_free(&b);
	return out;
}

static roaring64_bitmap_t *rbm64(reader *r) {
	uint64_t tag = number(r, 1);
	if (tag == 0 && !r->why && r->n == 1) return roaring64_bitmap_create();
	if (tag != 1) fail(r, "tag is neither 0 nor 1");
	tree t = {.r = r};
	t.most = count(r, number(r, 8), 18);
	t.leaves = tarn_alloc((t.most + 1) * sizeof(leaf));
	if (!t.leaves) fail(r, "no memory");
	if (!r->why) node(&t);
	if (!r->why && t.n != t.most) fail(r, "the tree has fewer keys than it says");
	slot *slots = NULL;
	size_t length = 0;
	roaring64_bitmap_t *out = NULL;
	if (!r->why && read_slots(r, &slots, &length) != t.n) fail(r, "number of containers is wrong");
	for (size_t i = 0; i < t.n && !r->why; i++) {
		slot *s = t.leaves[i].slot < length ? slots + t.leaves[i].slot : NULL;
		if (!s || !s->card || s->taken) fail(r, "container of a key is not there or has another key");
		else s->taken = true;
	}
	if (!r->why) out = as_portable(r, t.leaves, t.n, slots);
	tarn_free(slots);
	tarn_free(t.leaves);
	return out;
}

roaring64_bitmap_t *tarn_bitmap_read(const uint8_t *p, size_t n, const char **why) {
	typedef roaring64_bitmap_t *form(reader *);
	form *both[2] = {starrocks, NULL};
	uint8_t first = n ? p[0] : 255;
	if (first == 0x3a || first == 0x3b) {
		reader r = {p, n, 0, NULL};
		roaring64_bitmap_t *out = one32(&r, 0, n);
		if (out) return out;
		*why = r.why;
		both[0] = portable64;
	} else if (first == 1 && n > 5) {
		bool cookie = n >= 16 && (p[12] == 0x3a || p[12] == 0x3b);
		both[0] = cookie ? portable64 : rbm64;
		both[1] = cookie ? rbm64 : portable64;
	} else if (n > 0) {
		both[1] = portable64;
	}
	for (int i = 0; i < 2 && both[i]; i++) {
		reader r = {p, n, 0, NULL};
		roaring64_bitmap_t *out = both[i](&r);
		if (out) return out;
		if (i == 0 && !(first == 0x3a || first == 0x3b)) *why = r.why;
	}
	return NULL;
}
