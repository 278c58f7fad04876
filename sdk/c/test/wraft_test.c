/* wraft_test.c: what wraft.c makes of entries, output, snapshots and failures. */
#include "check.h"

/* ---- A machine that does what its command says. ---- */

static char state[256 << 10];
static size_t state_size;

static bool begins(wraft_bytes b, const char *text) { return b.size >= strlen(text) && memcmp(b.data, text, strlen(text)) == 0; }

int32_t machine_apply(wraft_bytes c, wraft_output *out)
{
	if (begins(c, "fail "))
		return wraft_put_text(out, "told"), c.data[5] == '-' ? -3 : c.data[5] - '0';
	if (begins(c, "instead"))
		return wraft_put_text(out, "dropped"), wraft_fail(out, 7, "instead");
	if (begins(c, "trap"))
		wraft_trap("last words");
	if (begins(c, "assert"))
		wraft_assert(c.size == 0);
	if (begins(c, "flood"))
		for (;;)
			wraft_put(out, state, sizeof state);
	if (begins(c, "quote"))
		return wraft_put_quoted(out, (wraft_bytes){c.data + 5, c.size - 5}), 0;
	if (begins(c, "numbers")) {
		wraft_put_decimal(out, INT64_MIN);
		wraft_put_byte(out, ' ');
		wraft_put_decimal(out, 0);
		wraft_put_byte(out, ' ');
		wraft_put_unsigned(out, UINT64_MAX);
		return 0;
	}
	if (begins(c, "world")) {
		uint8_t b[2];
		wraft_random(b, sizeof b);
		wraft_log(WRAFT_WARN, "line");
		wraft_emit("event", 5);
		wraft_put_decimal(out, wraft_now());
		wraft_put_byte(out, ' ');
		wraft_put_unsigned(out, wraft_index());
		wraft_put_byte(out, ' ');
		wraft_put_unsigned(out, (uint64_t)b[0] << 8 | b[1]);
		return 0;
	}
	wraft_put(out, c.data, c.size);
	return 0;
}

int32_t machine_query(wraft_bytes q, wraft_output *out) { return wraft_put(out, q.data, q.size), 0; }

int32_t machine_snapshot(wraft_writer *w, wraft_output *why)
{
	if (!wraft_write_u64(w, state_size) || !wraft_write_u32(w, 7) || !wraft_write(w, state, state_size))
		return wraft_fail(why, 5, "own reason");
	return 0;
}

int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why)
{
	uint64_t n;
	uint32_t seven;
	if (from_version > 1)
		return wraft_fail(why, 6, "unknown version");
	if (!wraft_read_u64(r, &n) || !wraft_read_u32(r, &seven) || seven != 7 || n > sizeof state)
		return wraft_fail(why, 2, "no snapshot");
	state_size = wraft_read(r, state, (size_t)n);
	return state_size == n ? 0 : wraft_fail(why, 3, "cut off");
}

/* ---- Tests. ---- */

static void entries(void)
{
	const char *texts[] = {"hello", "", "fail 7", "fail -", "instead", "after"};
	wraft_bytes commands[6];
	wraft_result results[6];
	for (size_t i = 0; i < 6; i++)
		commands[i] = (wraft_bytes){(const uint8_t *)texts[i], strlen(texts[i])};
	wraft_stub_apply_entry(commands, 6, results);
	expect(results[0], 0, "hello");
	expect(results[1], 0, "");
	expect(results[2], 7, "told");
	expect(results[3], 1, "told"); /* negative statuses are the host's */
	expect(results[4], 7, "instead");
	expect(results[5], 0, "after");
	wraft_stub_apply_entry(NULL, 0, NULL);
	expect(wraft_stub_query("q", 1), 0, "q");
	expect(wraft_stub_query("", 0), 0, "");
}

/* An input that doesn't fit the former buffer, and an answer that doesn't either. */
static void large(void)
{
	static char command[1 << 20];
	memset(command, 'x', sizeof command);
	wraft_result r = wraft_stub_apply(command, sizeof command);
	check(r.status == 0 && r.data.size == sizeof command && memcmp(r.data.data, command, sizeof command) == 0);
}

static void traps(void)
{
	expect(wraft_stub_apply("trap", 4), -1, "last words");
	expect(wraft_stub_apply("assert", 6), -1, "assertion failed: c.size == 0");
	expect(wraft_stub_apply("flood", 5), -1, "the results of the entry exceed 16 MiB");
	expect(wraft_stub_apply("next", 4), 0, "next");
}

static void text(void)
{
	expect(wraft_stub_apply("numbers", 7), 0, "-9223372036854775808 0 18446744073709551615");
	expect(wraft_stub_apply("quote", 5), 0, "\"\"");
	expect(wraft_stub_apply("quote\"\\", 7), 0, "\"\\\"\\\\\"");
	expect(wraft_stub_apply("quote\0\n\x7f~\xc3", 10), 0, "\"\\x00\\x0a\\x7f~\\xc3\"");
#define A16 "aaaaaaaaaaaaaaaa"
	expect(wraft_stub_apply("quote" A16 A16 A16 A16, 69), 0, "\"" A16 A16 A16 A16 "\"");
	expect(wraft_stub_apply("quote" A16 A16 A16 A16 "b", 70), 0, "\"" A16 A16 A16 A16 "\"...");
}

static void world(void)
{
	wraft_stub_reset();
	wraft_stub.now = 1000000000;
	wraft_stub.index = 9;
	wraft_result r = wraft_stub_apply("world", 5);
	char first[64], second[64];
	snprintf(first, sizeof first, "%.*s", (int)r.data.size, (const char *)r.data.data);
	check(strncmp(first, "1000000000 9 ", 13) == 0);
	check(wraft_stub.log_count == 1 && wraft_stub.logs.size == 5 && memcmp(wraft_stub.logs.data, "line\n", 5) == 0);
	check(wraft_stub.event_count == 1 && wraft_stub.events.size == 5 && memcmp(wraft_stub.events.data, "event", 5) == 0);
	wraft_stub.seed = 77;
	r = wraft_stub_apply("world", 5);
	snprintf(second, sizeof second, "%.*s", (int)r.data.size, (const char *)r.data.data);
	check(strcmp(first, second) != 0);
	wraft_stub_reset();
	check(wraft_stub.log_count == 0 && wraft_stub.logs.size == 0);
}

static void snapshots(void)
{
	static uint8_t kept[sizeof state + 12];
	state_size = sizeof state; /* several buffers of the stream */
	for (size_t i = 0; i < state_size; i++)
		state[i] = (char)(i * 7 >> 3);
	wraft_result r = wraft_stub_snapshot();
	check(r.status == 0 && r.data.size == sizeof kept);
	memcpy(kept, r.data.data, sizeof kept);
	memset(state, 0, sizeof state);
	expect(wraft_stub_restore(kept, sizeof kept, 1), 0, "");
	check(memcmp(state, kept + 12, sizeof state) == 0);
	expect(wraft_stub_restore(kept, sizeof kept, 2), 6, "unknown version");
	expect(wraft_stub_restore(kept, sizeof kept - 1, 0), 3, "cut off");
	expect(wraft_stub_restore(kept, 11, 0), 2, "no snapshot");
	expect(wraft_stub_restore(NULL, 0, 0), 2, "no snapshot");
	wraft_stub.stream_left = 100 << 10;
	expect(wraft_stub_snapshot(), 1, "the host refuses more of the snapshot");
	wraft_stub.stream_left = 100 << 10;
	expect(wraft_stub_restore(kept, sizeof kept, 0), 1, "the host cannot read the snapshot");
	wraft_stub_reset();
}

int main(void)
{
	entries();
	large();
	traps();
	text();
	world();
	snapshots();
	return check_done("wraft_test");
}
