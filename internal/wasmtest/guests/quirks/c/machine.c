/* machine.c: commands that try out what sdk/c gives a machine, and how calls end. */
#include "wraft.h"

static uint32_t version_before;
static uint64_t count; /* of the commands that stand */
static void *volatile kept; /* or the optimiser leaves out what nobody looks at */

static bool is(wraft_bytes c, const char *text) { return c.size == strlen(text) && memcmp(c.data, text, c.size) == 0; }

/* deep calls itself until the stack ends. */
static uint32_t deep(uint32_t n)
{
	volatile uint8_t frame[64];
	frame[n % 64] = (uint8_t)n;
	return frame[0] + deep(n + 1) + frame[63];
}

static int32_t world(wraft_output *out)
{
	uint8_t drawn[4];
	wraft_random(drawn, sizeof drawn);
	wraft_log(WRAFT_WARN, "a line");
	wraft_emit("event", 5);
	wraft_put_decimal(out, wraft_now());
	wraft_put_byte(out, ' ');
	wraft_put_unsigned(out, wraft_index());
	wraft_put_text(out, wraft_fuel() > 1000000 ? " fueled " : " scarce ");
	wraft_put_quoted(out, (wraft_bytes){drawn, sizeof drawn});
	return 0;
}

/* arithmetic multiplies where 64 bits end, which is a call of the library. */
static int32_t arithmetic(wraft_output *out)
{
	static volatile const int64_t pairs[][2] = {
		{3037000499, 3037000499}, {3037000500, 3037000500}, {INT64_MIN, 1}, {INT64_MIN, -1}, {-4294967296, 2147483648}, {4294967296, 2147483648}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		int64_t product;
		bool over = __builtin_mul_overflow(pairs[i][0], pairs[i][1], &product);
		wraft_put_text(out, over ? "over " : "fits ");
	}
	return 0;
}

static int32_t run(wraft_bytes c, wraft_output *out)
{
	if (is(c, "panic"))
		wraft_trap("last words");
	if (is(c, "assert"))
		wraft_assert(c.size == 0);
	if (is(c, "deep"))
		return (int32_t)deep(0);
	if (is(c, "loop"))
		for (volatile uint32_t n = 0;; n++)
			;
	if (is(c, "grow"))
		for (;;)
			kept = memset(wraft_new(1 << 20), 1, 1 << 20);
	if (is(c, "flood"))
		for (;;)
			wraft_put_text(out, "many results ");
	if (is(c, "world"))
		return world(out);
	if (is(c, "arithmetic"))
		return arithmetic(out);
	if (is(c, "before"))
		return wraft_put_unsigned(out, version_before), 0;
	if (is(c, "count"))
		return wraft_put_unsigned(out, count), 0;
	return -7;
}

int32_t machine_apply(wraft_bytes c, wraft_output *out)
{
	count++;
	return run(c, out);
}

int32_t machine_query(wraft_bytes q, wraft_output *out) { return run(q, out); }
int32_t machine_snapshot(wraft_writer *w, wraft_output *why) { return (void)why, !wraft_write_u32(w, version_before); }
int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why)
{
	uint32_t n;
	version_before = from_version;
	return wraft_read_u32(r, &n) ? 0 : wraft_fail(why, 4, "cut off");
}

uint32_t machine_version(void) { return 3; }
