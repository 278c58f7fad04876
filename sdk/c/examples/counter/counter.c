/* counter.c: a signed 64-bit number, the smallest useful machine. README.md has its commands. */
#include "wraft.h"

/* Statuses besides WRAFT_STATUS_FAILED, which is for what it doesn't understand. */
enum { STATUS_OVERFLOW = 2 };

static int64_t value;

static bool blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static wraft_bytes trimmed(wraft_bytes b)
{
	while (b.size > 0 && blank(b.data[0]))
		b.data++, b.size--;
	while (b.size > 0 && blank(b.data[b.size - 1]))
		b.size--;
	return b;
}

static bool equals(wraft_bytes b, const char *text)
{
	return b.size == strlen(text) && memcmp(b.data, text, b.size) == 0;
}

/* parsed reads a number in decimal that fits 64 bits, with or without a sign. */
static bool parsed(wraft_bytes b, int64_t *n)
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
	*n = (int64_t)(negative ? 0 - sum : sum);
	return b.size > 0;
}

static int32_t show(wraft_output *out)
{
	wraft_put_text(out, "{\"value\":");
	wraft_put_decimal(out, value);
	wraft_put_byte(out, '}');
	return 0;
}

static int32_t add(int64_t n, wraft_output *out)
{
	int64_t sum;
	if (__builtin_add_overflow(value, n, &sum)) {
		wraft_put_decimal(out, value);
		wraft_put_text(out, " + ");
		wraft_put_decimal(out, n);
		wraft_put_text(out, " does not fit 64 bits");
		return STATUS_OVERFLOW;
	}
	value = sum;
	return show(out);
}

/* refused says what was not understood. */
static int32_t refused(wraft_output *out, const char *before, wraft_bytes input, const char *behind)
{
	wraft_put_text(out, before);
	wraft_put_quoted(out, input);
	wraft_put_text(out, behind);
	return WRAFT_STATUS_FAILED;
}

int32_t machine_apply(wraft_bytes command, wraft_output *out)
{
	wraft_bytes verb = trimmed(command), operand = {NULL, 0};
	for (size_t i = 0; i < verb.size; i++) {
		if (verb.data[i] == ' ') {
			operand = (wraft_bytes){verb.data + i + 1, verb.size - i - 1};
			verb.size = i;
		}
	}
	int64_t n;
	if (equals(verb, "get") && operand.size == 0)
		return show(out);
	if (equals(verb, "incr") && operand.size == 0)
		return add(1, out);
	if (!equals(verb, "add"))
		return refused(out, "unknown command ", command, "; use incr, add N or get");
	if (!parsed(trimmed(operand), &n))
		return refused(out, "add wants a whole number, got ", operand, "");
	return add(n, out);
}

int32_t machine_query(wraft_bytes query, wraft_output *out)
{
	wraft_bytes q = trimmed(query);
	if (q.size > 0 && !equals(q, "get"))
		return refused(out, "unknown query ", query, "; use get");
	return show(out);
}

/* The number in decimal and a newline, so that an export can be read by eye. */
int32_t machine_snapshot(wraft_writer *w, wraft_output *why)
{
	wraft_put_decimal(why, value);
	wraft_put_byte(why, '\n');
	wraft_bytes text = wraft_written(why);
	return wraft_write(w, text.data, text.size) ? 0 : WRAFT_STATUS_FAILED;
}

enum { SNAPSHOT_BYTES_MAX = 32 }; /* more than any number takes */

int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why)
{
	(void)from_version;
	uint8_t text[SNAPSHOT_BYTES_MAX];
	wraft_bytes b = {text, wraft_read(r, text, sizeof text)};
	int64_t n;
	if (!parsed(trimmed(b), &n))
		return refused(why, "not a snapshot of a counter: ", b, "");
	value = n;
	return 0;
}
