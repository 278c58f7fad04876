/* machine.c: a replicated key-value store. README.md has its commands, which are CBOR. */
#include "cbor.h"
#include "store.h"

/* Statuses besides WRAFT_STATUS_FAILED, which is for bytes that aren't a command. */
enum { STATUS_UNKNOWN = 2, STATUS_TOO_LARGE = 3 };

/* command is [operation, key, value, expected], as views of the input. */
typedef struct command {
	wraft_bytes operation, key;
	item value, expected;
} command;

enum { COMMAND_ITEMS = 4 };

/* ---- Commands. ---- */

static int32_t too_large(wraft_output *out, const char *what, size_t has, size_t most)
{
	wraft_put_text(out, what);
	wraft_put_unsigned(out, has);
	wraft_put_text(out, " bytes, at most ");
	wraft_put_unsigned(out, most);
	wraft_put_text(out, " are allowed");
	return STATUS_TOO_LARGE;
}

/* parse decodes and checks a command; it returns 0, or a status with its text in out. */
static int32_t parse(wraft_bytes b, command *c, wraft_output *out)
{
	decoder d = {b, false};
	if (decode_head(&d, MAJOR_ARRAY) != COMMAND_ITEMS)
		d.failed = true;
	c->operation = decode_bytes(&d, MAJOR_TEXT);
	c->key = decode_bytes_or_null(&d).bytes;
	c->value = decode_bytes_or_null(&d);
	c->expected = decode_bytes_or_null(&d);
	if (d.failed || d.rest.size > 0)
		return wraft_fail(out, WRAFT_STATUS_FAILED, "not a command [operation, key, value, expected]; README.md has the encoding");
	if (c->key.size > KEY_BYTES_MAX)
		return too_large(out, "the key has ", c->key.size, KEY_BYTES_MAX);
	size_t n = c->value.bytes.size > c->expected.bytes.size ? c->value.bytes.size : c->expected.bytes.size;
	if (n > VALUE_BYTES_MAX)
		return too_large(out, "the value has ", n, VALUE_BYTES_MAX);
	return 0;
}

static bool is(const command *c, const char *operation)
{
	return bytes_equal(c->operation, (wraft_bytes){(const uint8_t *)operation, strlen(operation)});
}

static int32_t unknown(const command *c, const char *list, wraft_output *out)
{
	wraft_put_text(out, "unknown operation ");
	wraft_put_quoted(out, c->operation);
	wraft_put_text(out, "; use ");
	wraft_put_text(out, list);
	return STATUS_UNKNOWN;
}

/* ---- What they do. ---- */

static void get(const command *c, wraft_output *out)
{
	pair *p = store_find(c->key);
	if (p)
		encode_bytes(out, pair_value(p));
	else
		wraft_put_byte(out, SIMPLE_NULL);
}

/* put stores a copy of the value; null is stored as an empty one, so that null always
 * means "no such key". */
static void put(const command *c)
{
	pair *p = store_at(c->key);
	pair_resize(p, c->value.bytes.size);
	if (p->value_size > 0)
		memcpy(p->value, c->value.bytes.data, p->value_size);
}

static int32_t append(const command *c, wraft_output *out)
{
	pair *p = store_find(c->key);
	size_t before = p ? p->value_size : 0, n = c->value.bytes.size;
	if (before + n > VALUE_BYTES_MAX)
		return wraft_fail(out, STATUS_TOO_LARGE, "the value would exceed its limit");
	if (!p)
		p = store_at(c->key);
	pair_resize(p, before + n);
	if (n > 0)
		memcpy(p->value + before, c->value.bytes.data, n);
	encode_head(out, MAJOR_UINT, p->value_size);
	return 0;
}

/* compare_and_set sets the value if the present one is the expected one; null stands
 * for "no such key" on both sides. */
static bool compare_and_set(const command *c)
{
	pair *p = store_find(c->key);
	if (!p != c->expected.null || (p && !bytes_equal(pair_value(p), c->expected.bytes)))
		return false;
	if (c->value.null)
		store_remove(c->key);
	else
		put(c);
	return true;
}

/* Bounds of one page of a scan. */
enum { SCAN_ITEMS_MAX = 256, SCAN_BYTES_MAX = 256 << 10 };

static bool has_prefix(const pair *p, wraft_bytes prefix)
{
	return p->key_size >= prefix.size && (prefix.size == 0 || memcmp(p->key, prefix.data, prefix.size) == 0);
}

/* scan lists pairs with a prefix in order, those after the given key if the command has
 * a value, as [more, [[key, value], ...]]. */
static void scan(const command *c, wraft_output *out)
{
	bool after = !c->value.null && bytes_compare(c->value.bytes, c->key) >= 0;
	pair *start = store_from(after ? c->value.bytes : c->key, after), *end = start;
	size_t count = 0, size = 0;
	bool more = false;
	for (; end && has_prefix(end, c->key); count++) {
		size += (size_t)end->key_size + end->value_size;
		more = count == SCAN_ITEMS_MAX || (size > SCAN_BYTES_MAX && count > 0);
		if (more)
			break;
		end = end->next;
	}
	encode_head(out, MAJOR_ARRAY, 2);
	encode_bool(out, more);
	encode_head(out, MAJOR_ARRAY, count);
	for (pair *p = start; p != end; p = p->next) {
		encode_head(out, MAJOR_ARRAY, 2);
		encode_bytes(out, pair_key(p));
		encode_bytes(out, pair_value(p));
	}
}

/* ---- The machine. ---- */

int32_t machine_apply(wraft_bytes b, wraft_output *out)
{
	command c;
	int32_t status = parse(b, &c, out);
	if (status != 0)
		return status;
	if (is(&c, "put")) {
		put(&c);
		wraft_put_byte(out, SIMPLE_NULL);
	} else if (is(&c, "append")) {
		return append(&c, out);
	} else if (is(&c, "cas")) {
		encode_bool(out, compare_and_set(&c));
	} else if (is(&c, "delete")) {
		encode_bool(out, store_remove(c.key));
	} else if (is(&c, "get")) {
		get(&c, out);
	} else if (is(&c, "scan")) {
		scan(&c, out);
	} else {
		return unknown(&c, "put, append, cas, delete, get or scan", out);
	}
	return 0;
}

int32_t machine_query(wraft_bytes b, wraft_output *out)
{
	command c;
	int32_t status = parse(b, &c, out);
	if (status != 0)
		return status;
	if (is(&c, "get"))
		get(&c, out);
	else if (is(&c, "scan"))
		scan(&c, out);
	else
		return unknown(&c, "get or scan", out);
	return 0;
}
