/* kv_test.c: the key-value store beside a host of the tests, and beside a plain model. */
#include "check.h"
#include "store.h"

/* ---- Commands. ---- */

static uint8_t buffer[3 << 20];
static size_t buffer_size;

static void put_item(const char *data, size_t n)
{
	if (!data) {
		buffer[buffer_size++] = 0xf6;
		return;
	}
	buffer[buffer_size++] = 0x5a;
	for (int shift = 24; shift >= 0; shift -= 8)
		buffer[buffer_size++] = (uint8_t)(n >> shift);
	memcpy(buffer + buffer_size, data, n);
	buffer_size += n;
}

static void encode(const char *operation, const char *key, const char *value, size_t value_size, const char *expected)
{
	buffer_size = 0;
	buffer[buffer_size++] = 0x84;
	buffer[buffer_size++] = (uint8_t)(0x60 | strlen(operation));
	memcpy(buffer + buffer_size, operation, strlen(operation));
	buffer_size += strlen(operation);
	put_item(key, key ? strlen(key) : 0);
	put_item(value, value_size);
	put_item(expected, expected ? strlen(expected) : 0);
}

static wraft_result run(const char *operation, const char *key, const char *value, const char *expected)
{
	encode(operation, key, value, value ? strlen(value) : 0, expected);
	return wraft_stub_apply(buffer, buffer_size);
}

#define FALSE "\xf4"
#define TRUE "\xf5"
#define NONE "\xf6"

static void operations(void)
{
	expect(run("get", "a", NULL, NULL), 0, NONE);
	expect(run("put", "a", "1", NULL), 0, NONE);
	expect(run("append", "a", "23", NULL), 0, "\x03");
	expect(run("get", "a", NULL, NULL), 0, "\x43" "123");
	expect(run("append", "empty", NULL, NULL), 0, "\0");
	expect(run("cas", "a", "new", "wrong"), 0, FALSE);
	expect(run("cas", "a", "new", NULL), 0, FALSE);
	expect(run("cas", "a", "new", "123"), 0, TRUE);
	expect(run("cas", "c", "born", NULL), 0, TRUE);
	expect(run("cas", "c", NULL, "born"), 0, TRUE);
	expect(run("get", "c", NULL, NULL), 0, NONE);
	expect(run("scan", NULL, NULL, NULL), 0, "\x82\xf4\x82\x82\x41" "a" "\x43" "new" "\x82\x45" "empty" "\x40");
	expect(run("scan", "a", NULL, NULL), 0, "\x82\xf4\x81\x82\x41" "a" "\x43" "new");
	expect(run("scan", NULL, "a", NULL), 0, "\x82\xf4\x81\x82\x45" "empty" "\x40");
	expect(run("scan", "a", "a", NULL), 0, "\x82\xf4\x80");
	expect(run("delete", "empty", NULL, NULL), 0, TRUE);
	expect(run("delete", "empty", NULL, NULL), 0, FALSE);
	expect(run("rename", "a", NULL, NULL), 2, "unknown operation \"rename\"; use put, append, cas, delete, get or scan");
	encode("put", "a", NULL, 0, NULL);
	expect(wraft_stub_query(buffer, buffer_size), 2, "unknown operation \"put\"; use get or scan");
	expect(wraft_stub_apply("put a 1", 7), 1, "not a command [operation, key, value, expected]; README.md has the encoding");
}

static void limits(void)
{
	static char large[VALUE_BYTES_MAX + 2];
	memset(large, 'x', sizeof large - 1);
	encode("put", "k", large, VALUE_BYTES_MAX + 1, NULL);
	expect(wraft_stub_apply(buffer, buffer_size), 3, "the value has 1048577 bytes, at most 1048576 are allowed");
	large[KEY_BYTES_MAX + 1] = 0;
	expect(run("put", large, "v", NULL), 3, "the key has 1025 bytes, at most 1024 are allowed");
	large[KEY_BYTES_MAX + 1] = 'x';
	encode("put", "k", large, VALUE_BYTES_MAX - 1, NULL);
	expect(wraft_stub_apply(buffer, buffer_size), 0, NONE);
	expect(run("append", "k", "y", NULL), 0, "\x1a\0\x10\0\0");
	expect(run("append", "k", "y", NULL), 3, "the value would exceed its limit");
	expect(run("delete", "k", NULL, NULL), 0, TRUE);
}

/* ---- The structures against a model: an array of a thousand keys. ---- */

enum { KEYS = 1000 };
static bool present[KEYS];
static char values[KEYS][40];

static bool agrees(void)
{
	pair *p = store_from((wraft_bytes){NULL, 0}, false);
	size_t count = 0;
	for (int k = 0; k < KEYS; k++) {
		char key[16];
		snprintf(key, sizeof key, "k%03d", k);
		wraft_bytes b = {(const uint8_t *)key, 4};
		if (store_find(b) != (present[k] ? p : NULL))
			return false;
		if (!present[k])
			continue;
		if (!p || !bytes_equal(pair_key(p), b) || !bytes_equal(pair_value(p), (wraft_bytes){(const uint8_t *)values[k], strlen(values[k])}))
			return false;
		p = p->next;
		count++;
	}
	return !p && count == store_count();
}

static void model(void)
{
	uint32_t chance = 1;
	store_clear();
	for (int i = 0; i < 30000; i++) {
		chance = chance * 1664525 + 1013904223;
		int k = (int)(chance >> 8) % KEYS;
		char key[16];
		snprintf(key, sizeof key, "k%03d", k);
		if (chance >> 30 < 2) {
			memset(values[k], 'a' + i % 26, sizeof values[k] - 1);
			values[k][(chance >> 20) % (sizeof values[k] - 1)] = 0;
			present[k] = true;
			run("put", key, values[k], NULL);
		} else {
			check(run("delete", key, NULL, NULL).data.data[0] == (present[k] ? 0xf5 : 0xf4));
			present[k] = false;
		}
		if (i % 100 == 0)
			check(agrees());
	}
}

static void snapshots(void)
{
	static uint8_t kept[KEYS * 60];
	wraft_result r = wraft_stub_snapshot();
	size_t n = r.data.size;
	check(r.status == 0 && n < sizeof kept && n > 1000);
	memcpy(kept, r.data.data, n);
	store_clear();
	expect(wraft_stub_restore(kept, n, 0), 0, "");
	check(agrees());
	r = wraft_stub_snapshot();
	check(r.data.size == n && memcmp(r.data.data, kept, n) == 0);
	for (size_t part = 0; part < n; part += part < 200 ? 1 : 97)
		check(wraft_stub_restore(kept, part, 0).status == 1);
	kept[n] = 0;
	expect(wraft_stub_restore(kept, n + 1, 0), 1, "bytes follow the last value");
	expect(wraft_stub_restore("wraft-kv 1\n\2\0\0\0\0\0\0\0\1\0\0\0b\0\0\0\0\1\0\0\0a\0\0\0\0", 37, 0), 1, "key 1 of 2 is out of order");
	expect(wraft_stub_restore("wraft-kv 1\n\1\0\0\0\0\0\0\0\1\4\0\0", 23, 0), 1, "key 0 of 1: 1025 bytes, at most 1024 are allowed");
}

int main(void)
{
	operations();
	limits();
	model();
	snapshots();
	store_clear();
	return check_done("kv_test");
}
