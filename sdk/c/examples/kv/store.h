/*
 * store.h: keys and values in memory.
 *
 * Pairs hang in three structures at once: a hash table finds them, a treap (a search
 * tree that is a heap of random priorities) keeps the order of keys, and a list links
 * neighbours in that order. Setting a value that exists touches the table only; scans
 * and snapshots walk the list.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include "wraft.h"

enum { KEY_BYTES_MAX = 1 << 10, VALUE_BYTES_MAX = 1 << 20 };

/* pair is one key and its value. */
typedef struct pair {
	struct pair *left, *right;    /* in the treap; the greater priority is above */
	struct pair *previous, *next; /* in the order of keys */
	uint32_t hash, priority;
	uint32_t key_size, value_size, value_capacity;
	uint8_t *value;
	uint8_t key[];
} pair;

/* store_count is the number of pairs. */
size_t store_count(void);

/* store_find returns NULL for a key that isn't there. */
pair *store_find(wraft_bytes key);

/* store_at returns the pair of a key, a new one with an empty value if need be. */
pair *store_at(wraft_bytes key);

/* store_remove says whether the key was there. */
bool store_remove(wraft_bytes key);

/* store_clear removes all pairs. */
void store_clear(void);

/* store_from is the first pair whose key isn't less, or the first one that is greater
 * if after is set; NULL if there is none. */
pair *store_from(wraft_bytes key, bool after);

/* pair_resize gives the value a size; bytes beyond the former one are undefined. */
void pair_resize(pair *p, size_t size);

static inline wraft_bytes pair_key(const pair *p) { return (wraft_bytes){p->key, p->key_size}; }
static inline wraft_bytes pair_value(const pair *p) { return (wraft_bytes){p->value, p->value_size}; }

/* bytes_compare orders strings of bytes: negative, 0 or positive. */
static inline int bytes_compare(wraft_bytes a, wraft_bytes b)
{
	size_t n = a.size < b.size ? a.size : b.size;
	int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool bytes_equal(wraft_bytes a, wraft_bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
