/* store.c: see store.h. */
#include "store.h"

/* The table is open addressing with linear probing, at most three quarters full. */
typedef struct slot {
	uint32_t hash;
	pair *pair; /* NULL for an empty one */
} slot;

enum { SLOTS_MIN = 64 };

static slot *slots;
static size_t slot_count, pair_count;
static uint64_t seed; /* so that nobody can choose keys that collide without knowing it */
static pair *root, *first;

size_t store_count(void) { return pair_count; }

/* ---- The hash table. ---- */

static uint64_t word_of(const uint8_t *p, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, p, n);
	return word;
}

static uint32_t hash_of(wraft_bytes key)
{
	const uint64_t odd = 0x9e3779b97f4a7c15u;
	uint64_t h = seed ^ key.size * odd;
	size_t n = key.size;
	const uint8_t *p = key.data;
	for (; n >= 8; n -= 8, p += 8) {
		h = (h ^ word_of(p, 8)) * odd;
		h ^= h >> 32;
	}
	if (n >= 4)
		h = (h ^ word_of(p, 4) ^ word_of(p + n - 4, 4) << 32) * odd;
	else
		for (; n > 0; n--, p++)
			h = (h ^ *p) * odd;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(h >> 32);
}

/* slot_of is where the key is or would be. */
static slot *slot_of(wraft_bytes key, uint32_t hash)
{
	for (size_t i = hash & (slot_count - 1);; i = (i + 1) & (slot_count - 1)) {
		slot *s = &slots[i];
		if (!s->pair || (s->hash == hash && bytes_equal(pair_key(s->pair), key)))
			return s;
	}
}

static slot *empty_slot(uint32_t hash)
{
	size_t i = hash & (slot_count - 1);
	while (slots[i].pair)
		i = (i + 1) & (slot_count - 1);
	return &slots[i];
}

/* make_room lets another pair fit. */
static void make_room(void)
{
	if ((pair_count + 1) * 4 <= slot_count * 3)
		return;
	slot *old = slots;
	size_t count = slot_count;
	if (count == 0)
		wraft_random(&seed, sizeof seed);
	slot_count = count ? count * 2 : SLOTS_MIN;
	slots = wraft_new(slot_count * sizeof *slots);
	memset(slots, 0, slot_count * sizeof *slots);
	for (size_t i = 0; i < count; i++)
		if (old[i].pair)
			*empty_slot(old[i].hash) = old[i];
	free(old);
}

/* vacate empties a slot and moves those up that were behind it for its sake. */
static void vacate(slot *s)
{
	size_t mask = slot_count - 1, hole = (size_t)(s - slots);
	for (size_t i = (hole + 1) & mask; slots[i].pair; i = (i + 1) & mask) {
		size_t home = slots[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			slots[hole] = slots[i];
			hole = i;
		}
	}
	slots[hole].pair = NULL;
}

/* ---- The order of keys. ---- */

pair *store_from(wraft_bytes key, bool after)
{
	pair *found = NULL;
	for (pair *p = root; p;) {
		int order = bytes_compare(pair_key(p), key);
		if (order > 0 || (order == 0 && !after)) {
			found = p;
			p = p->left;
		} else {
			p = p->right;
		}
	}
	return found;
}

/* split cuts a treap in two: keys less than that of p become its left, the others its right. */
static void split(pair *tree, pair *p)
{
	pair **less = &p->left, **greater = &p->right;
	while (tree) {
		if (bytes_compare(pair_key(tree), pair_key(p)) < 0) {
			*less = tree;
			less = &tree->right;
			tree = *less;
		} else {
			*greater = tree;
			greater = &tree->left;
			tree = *greater;
		}
	}
	*less = *greater = NULL;
}

/* link_in hangs a new pair into treap and list. */
static void link_in(pair *p)
{
	pair *previous = NULL, *next = NULL, **at = NULL;
	for (pair **link = &root;;) {
		pair *q = *link;
		if (!at && (!q || q->priority < p->priority))
			at = link;
		if (!q)
			break;
		if (bytes_compare(pair_key(q), pair_key(p)) < 0) {
			previous = q;
			link = &q->right;
		} else {
			next = q;
			link = &q->left;
		}
	}
	split(*at, p);
	*at = p;
	p->previous = previous;
	p->next = next;
	*(previous ? &previous->next : &first) = p;
	if (next)
		next->previous = p;
}

/* merged joins two treaps; all keys of a are less than those of b. */
static pair *merged(pair *a, pair *b)
{
	pair *tree, **link = &tree;
	while (a && b) {
		if (a->priority >= b->priority) {
			*link = a;
			link = &a->right;
			a = *link;
		} else {
			*link = b;
			link = &b->left;
			b = *link;
		}
	}
	*link = a ? a : b;
	return tree;
}

static void link_out(pair *p)
{
	pair **link = &root;
	while (*link != p)
		link = bytes_compare(pair_key(*link), pair_key(p)) < 0 ? &(*link)->right : &(*link)->left;
	*link = merged(p->left, p->right);
	*(p->previous ? &p->previous->next : &first) = p->next;
	if (p->next)
		p->next->previous = p->previous;
}

/* ---- Pairs. ---- */

pair *store_find(wraft_bytes key)
{
	return slot_count ? slot_of(key, hash_of(key))->pair : NULL;
}

pair *store_at(wraft_bytes key)
{
	make_room(); /* first, since it may choose the seed */
	uint32_t hash = hash_of(key);
	slot *s = slot_of(key, hash);
	if (s->pair)
		return s->pair;
	pair *p = wraft_new(sizeof *p + key.size);
	*p = (pair){.hash = hash, .priority = hash * 0x85ebca6bu, .key_size = (uint32_t)key.size};
	if (key.size > 0)
		memcpy(p->key, key.data, key.size);
	*s = (slot){hash, p};
	pair_count++;
	link_in(p);
	return p;
}

static void discard(pair *p)
{
	free(p->value);
	free(p);
}

bool store_remove(wraft_bytes key)
{
	slot *s = slot_count ? slot_of(key, hash_of(key)) : NULL;
	if (!s || !s->pair)
		return false;
	pair *p = s->pair;
	vacate(s);
	link_out(p);
	discard(p);
	pair_count--;
	return true;
}

void store_clear(void)
{
	for (pair *p = first, *next; p; p = next) {
		next = p->next;
		discard(p);
	}
	free(slots);
	slots = NULL;
	slot_count = pair_count = 0;
	root = first = NULL;
}

void pair_resize(pair *p, size_t size)
{
	size_t capacity = p->value_capacity;
	if (size > capacity)
		capacity = capacity ? size + size / 2 : size; /* so that appending often copies seldom */
	else if (size < capacity / 4)
		capacity = size;
	if (capacity != p->value_capacity) {
		p->value = wraft_resize(p->value, capacity);
		p->value_capacity = (uint32_t)capacity;
	}
	p->value_size = (uint32_t)size;
}
