/* counter.c: version 2 of the counter in C, for tests of upgrades. What it does says ../main.go. */
#include "wraft.h"

enum { VERSION = 2, STATUS_UNKNOWN_VERSION = 3, STATUS_UNLUCKY = 13, SNAPSHOT_BYTES_MAX = 32 };

static uint64_t value; /* it wraps around */
static uint32_t from;  /* the version that wrote the state it was restored from */

uint32_t machine_version(void) { return VERSION; }

static bool equals(wraft_bytes b, const char *text) { return b.size == strlen(text) && memcmp(b.data, text, b.size) == 0; }

/* parsed reads a whole number in decimal. */
static bool parsed(wraft_bytes b, uint64_t *n)
{
	bool negative = b.size > 0 && b.data[0] == '-';
	if (b.size > 0 && (negative || b.data[0] == '+'))
		b.data++, b.size--;
	uint64_t sum = 0, limit = (uint64_t)INT64_MAX + negative;
	for (size_t i = 0; i < b.size; i++) {
		uint64_t digit = (uint64_t)b.data[i] - '0';
		if (digit > 9 || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*n = negative ? 0 - sum : sum;
	return b.size > 0;
}

static int32_t show(wraft_output *out)
{
	wraft_put_text(out, "{\"value\":");
	wraft_put_decimal(out, (int64_t)value);
	wraft_put_text(out, ",\"version\":");
	wraft_put_unsigned(out, VERSION);
	wraft_put_text(out, ",\"from\":");
	wraft_put_unsigned(out, from);
	wraft_put_byte(out, '}');
	return 0;
}

int32_t machine_apply(wraft_bytes command, wraft_output *out)
{
	uint64_t n = 0;
	wraft_bytes operand = {command.data + 4, command.size - 4};
	if (equals(command, "incr"))
		n = 1;
	else if (command.size >= 4 && memcmp(command.data, "add ", 4) == 0) {
		if (!parsed(operand, &n))
			return wraft_fail(out, WRAFT_STATUS_FAILED, "add wants a whole number");
	} else if (!equals(command, "get"))
		return wraft_fail(out, WRAFT_STATUS_FAILED, "unknown command; use incr, add N or get");
	value += n;
	return show(out);
}

int32_t machine_query(wraft_bytes query, wraft_output *out)
{
	(void)query;
	return show(out);
}

int32_t machine_snapshot(wraft_writer *w, wraft_output *text)
{
	wraft_put_decimal(text, (int64_t)value);
	wraft_put_byte(text, '\n');
	wraft_bytes b = wraft_written(text);
	return wraft_write(w, b.data, b.size) ? 0 : WRAFT_STATUS_FAILED;
}

int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why)
{
	if (from_version != 0 && from_version != VERSION) {
		wraft_put_text(why, "version ");
		wraft_put_unsigned(why, from_version);
		wraft_put_text(why, " is not known here");
		return STATUS_UNKNOWN_VERSION;
	}
	uint8_t text[SNAPSHOT_BYTES_MAX];
	wraft_bytes b = {text, wraft_read(r, text, sizeof text)};
	if (b.size > 0 && text[b.size - 1] == '\n')
		b.size--;
	uint64_t n;
	if (!parsed(b, &n))
		return wraft_fail(why, WRAFT_STATUS_FAILED, "not a snapshot of a counter");
	if (n == STATUS_UNLUCKY)
		return wraft_fail(why, STATUS_UNLUCKY, "an unlucky number");
	value = n, from = from_version;
	return 0;
}
