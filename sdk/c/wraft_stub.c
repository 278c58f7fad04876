/* wraft_stub.c: the host of native unit tests; see wraft_stub.h. */
#include "wraft_stub.h"

#include <setjmp.h>
#include <stdio.h>

#include "wraft_host.h"

struct wraft_stub wraft_stub = {.stream_left = SIZE_MAX, .fuel = INT64_MAX};

/* text is a growing string of bytes. */
typedef struct text {
	uint8_t *data;
	size_t size;
} text;

static text entry, logs, events, failure, stream, given;
static size_t stream_at;
static jmp_buf trapped;
static bool catching;

static void append(text *t, const void *data, size_t n)
{
	t->data = realloc(t->data, t->size + n + 1);
	if (!t->data)
		abort();
	memcpy(t->data + t->size, data, n);
	t->size += n;
}

static void assign(text *t, const void *data, size_t n)
{
	t->size = 0;
	append(t, data, n);
}

static wraft_bytes view(const text *t)
{
	wraft_bytes b = {t->data, t->size};
	return b;
}

void wraft_stub_reset(void)
{
	logs.size = events.size = 0;
	wraft_stub = (struct wraft_stub){.stream_left = SIZE_MAX, .fuel = INT64_MAX};
}

/* ---- What the machine imports. ---- */

int64_t wraft_host_now(void) { return wraft_stub.now; }
int64_t wraft_host_index(void) { return (int64_t)wraft_stub.index; }
int64_t wraft_host_fuel(void) { return wraft_stub.fuel; }

/* splitmix64: not the stream of the real host, but as good for a test. */
void wraft_host_random(void *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t z = wraft_stub.seed += 0x9e3779b97f4a7c15u;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		((uint8_t *)p)[i] = (uint8_t)(z ^ z >> 31);
	}
}

void wraft_host_log(int32_t level, const void *p, uint32_t n)
{
	(void)level;
	append(&logs, p, n);
	append(&logs, "\n", 1);
	wraft_stub.logs = view(&logs);
	wraft_stub.log_count++;
}

void wraft_host_emit(const void *p, uint32_t n)
{
	append(&events, p, n);
	wraft_stub.events = view(&events);
	wraft_stub.event_count++;
}

void wraft_host_set_error(const void *p, uint32_t n) { assign(&failure, p, n); }

void wraft_host_trap(void)
{
	if (catching)
		longjmp(trapped, 1);
	fprintf(stderr, "wraft: trap outside of a call: %.*s\n", (int)failure.size, (const char *)failure.data);
	abort();
}

int32_t wraft_host_snapshot_write(const void *p, uint32_t n)
{
	if (n > wraft_stub.stream_left)
		return -1;
	wraft_stub.stream_left -= n;
	append(&stream, p, n);
	return 0;
}

int32_t wraft_host_restore_read(void *p, uint32_t n)
{
	if (n > given.size - stream_at)
		n = (uint32_t)(given.size - stream_at);
	if (n > wraft_stub.stream_left)
		return -1;
	wraft_stub.stream_left -= n;
	if (n > 0)
		memcpy(p, given.data + stream_at, n);
	stream_at += n;
	return (int32_t)n;
}

/* ---- What the host calls. ---- */

static wraft_result failed(int32_t status)
{
	wraft_result r = {status, view(&failure)};
	return r;
}

static void put32(text *t, uint32_t n)
{
	uint8_t b[] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
	append(t, b, sizeof b);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* parse takes the framing off count results. */
static void parse(wraft_bytes answer, size_t count, wraft_result *results)
{
	const uint8_t *p = answer.data, *end = p + answer.size;
	for (size_t i = 0; i < count; i++) {
		uint32_t n = get32(p + 4);
		results[i] = (wraft_result){(int32_t)get32(p), {p + 8, n}};
		p += 8 + n;
	}
	if (p != end)
		abort();
}

/* frame makes the input of an entry. */
static void frame(const wraft_bytes *commands, size_t count)
{
	entry.size = 0;
	put32(&entry, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		put32(&entry, (uint32_t)commands[i].size);
		if (commands[i].size > 0)
			append(&entry, commands[i].data, commands[i].size);
	}
}

void wraft_stub_apply_entry(const wraft_bytes *commands, size_t count, wraft_result *results)
{
	failure.size = 0;
	frame(commands, count);
	catching = true;
	if (setjmp(trapped) == 0) {
		uint8_t *input = wraft_serve_alloc((uint32_t)entry.size);
		memcpy(input, entry.data, entry.size);
		parse(wraft_serve_apply(input, (uint32_t)entry.size), count, results);
	} else {
		for (size_t i = 0; i < count; i++)
			results[i] = failed(-1);
	}
	catching = false;
}

wraft_result wraft_stub_apply(const void *command, size_t n)
{
	wraft_bytes one = {command, n};
	wraft_result r;
	wraft_stub_apply_entry(&one, 1, &r);
	return r;
}

wraft_result wraft_stub_query(const void *query, size_t n)
{
	wraft_result r;
	failure.size = 0;
	catching = true;
	if (setjmp(trapped) == 0) {
		uint8_t *input = wraft_serve_alloc((uint32_t)n);
		if (n > 0)
			memcpy(input, query, n);
		parse(wraft_serve_query(input, (uint32_t)n), 1, &r);
	} else {
		r = failed(-1);
	}
	catching = false;
	return r;
}

wraft_result wraft_stub_snapshot(void)
{
	failure.size = stream.size = 0;
	catching = true;
	int32_t status = setjmp(trapped) == 0 ? wraft_serve_snapshot() : -1;
	catching = false;
	wraft_result r = {0, view(&stream)};
	return status == 0 ? r : failed(status);
}

wraft_result wraft_stub_restore(const void *snapshot, size_t n, uint32_t from_version)
{
	failure.size = given.size = stream_at = 0;
	append(&given, snapshot ? snapshot : "", n);
	catching = true;
	int32_t status = setjmp(trapped) == 0 ? wraft_serve_restore(from_version) : -1;
	catching = false;
	wraft_result r = {0, {NULL, 0}};
	return status == 0 ? r : failed(status);
}
