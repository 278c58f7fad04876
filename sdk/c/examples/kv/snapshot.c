/* snapshot.c: the exported state; README.md describes it. */
#include "store.h"

static const char magic[] = "wraft-kv 1\n"; /* starts an export and names its version */

enum { MAGIC_BYTES = sizeof magic - 1 };

static bool write_string(wraft_writer *w, wraft_bytes b)
{
	return wraft_write_u32(w, (uint32_t)b.size) && wraft_write(w, b.data, b.size);
}

int32_t machine_snapshot(wraft_writer *w, wraft_output *why)
{
	bool ok = wraft_write(w, magic, MAGIC_BYTES) && wraft_write_u64(w, store_count());
	for (pair *p = store_from((wraft_bytes){NULL, 0}, false); p && ok; p = p->next)
		ok = write_string(w, pair_key(p)) && write_string(w, pair_value(p));
	return ok ? 0 : wraft_fail(why, WRAFT_STATUS_FAILED, "the snapshot was not taken");
}

/* refused says what is wrong with a key or value, counted from 0. */
static int32_t refused(wraft_output *why, const char *what, uint64_t n, uint64_t count, const char *problem)
{
	wraft_put_text(why, what);
	wraft_put_unsigned(why, n);
	wraft_put_text(why, " of ");
	wraft_put_unsigned(why, count);
	wraft_put_text(why, problem);
	return WRAFT_STATUS_FAILED;
}

/* read_size reads the length of a key or value; 0 is success. */
static int32_t read_size(wraft_reader *r, wraft_output *why, const char *what, uint64_t n, uint64_t count, uint32_t most, uint32_t *size)
{
	if (!wraft_read_u32(r, size))
		return refused(why, what, n, count, ": the snapshot is cut off");
	if (*size <= most)
		return 0;
	refused(why, what, n, count, ": ");
	wraft_put_unsigned(why, *size);
	wraft_put_text(why, " bytes, at most ");
	wraft_put_unsigned(why, most);
	wraft_put_text(why, " are allowed");
	return WRAFT_STATUS_FAILED;
}

/* read_pair reads one key and its value, which must come behind the last one. */
static int32_t read_pair(wraft_reader *r, wraft_output *why, uint64_t n, uint64_t count, pair **last)
{
	static uint8_t key[KEY_BYTES_MAX];
	uint32_t key_size, value_size;
	int32_t status = read_size(r, why, "key ", n, count, KEY_BYTES_MAX, &key_size);
	if (status != 0)
		return status;
	if (wraft_read(r, key, key_size) < key_size)
		return refused(why, "key ", n, count, ": the snapshot is cut off");
	status = read_size(r, why, "value ", n, count, VALUE_BYTES_MAX, &value_size);
	if (status != 0)
		return status;
	wraft_bytes k = {key, key_size};
	bool ordered = !*last || bytes_compare(pair_key(*last), k) < 0;
	pair *p = store_at(k);
	pair_resize(p, value_size);
	if (wraft_read(r, p->value, value_size) < value_size)
		return refused(why, "value ", n, count, ": the snapshot is cut off");
	if (!ordered)
		return refused(why, "key ", n, count, " is out of order");
	*last = p;
	return 0;
}

int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why)
{
	(void)from_version;
	char head[MAGIC_BYTES];
	uint64_t count;
	if (wraft_read(r, head, sizeof head) < sizeof head || memcmp(head, magic, sizeof head) != 0 || !wraft_read_u64(r, &count))
		return wraft_fail(why, WRAFT_STATUS_FAILED, "not a snapshot of a key-value store");
	store_clear();
	pair *last = NULL;
	for (uint64_t n = 0; n < count; n++) {
		int32_t status = read_pair(r, why, n, count, &last);
		if (status != 0)
			return status;
	}
	if (wraft_read(r, head, 1) != 0)
		return wraft_fail(why, WRAFT_STATUS_FAILED, "bytes follow the last value");
	return 0;
}
