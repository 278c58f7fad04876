/*
 * wraft.c: what stands between the host's calls and the author's four functions.
 * Compile it into every machine, together with wraft_memory.c.
 */
#include "wraft_host.h"

enum {
	BUFFER_BYTES_MIN = 4 << 10,
	STREAM_BYTES = 64 << 10,
	RESULT_HEADER_BYTES = 8, /* i32 status, u32 length */
	DIGITS_MAX = 20
};

/* input is where the host writes, output where it reads; every call uses them again. */
static struct {
	uint8_t *data;
	size_t capacity;
} input;
static wraft_output output;

/* ---- Output. ---- */

void wraft_grow(wraft_output *out, size_t n)
{
	size_t capacity = out->capacity ? out->capacity : BUFFER_BYTES_MIN;
	if (n > WRAFT_OUTPUT_BYTES_MAX - out->size)
		wraft_trap("the results of the entry exceed 16 MiB");
	while (capacity - out->size < n)
		capacity *= 2;
	out->data = wraft_resize(out->data, capacity);
	out->capacity = capacity;
}

void wraft_put_unsigned(wraft_output *out, uint64_t n)
{
	char digits[DIGITS_MAX];
	size_t at = DIGITS_MAX;
	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	wraft_put(out, digits + at, DIGITS_MAX - at);
}

void wraft_put_decimal(wraft_output *out, int64_t n)
{
	if (n < 0)
		wraft_put_byte(out, '-');
	wraft_put_unsigned(out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void wraft_put_quoted(wraft_output *out, wraft_bytes in)
{
	static const char digits[] = "0123456789abcdef";
	wraft_put_byte(out, '"');
	for (size_t i = 0; i < in.size && i < WRAFT_QUOTE_BYTES_MAX; i++) {
		uint8_t c = in.data[i];
		if (c >= ' ' && c <= '~') {
			if (c == '"' || c == '\\')
				wraft_put_byte(out, '\\');
			wraft_put_byte(out, c);
		} else {
			char shown[] = {'\\', 'x', digits[c >> 4], digits[c & 15]};
			wraft_put(out, shown, sizeof shown);
		}
	}
	wraft_put_text(out, in.size > WRAFT_QUOTE_BYTES_MAX ? "\"..." : "\"");
}

int32_t wraft_fail(wraft_output *out, int32_t status, const char *text)
{
	wraft_clear(out);
	wraft_put_text(out, text);
	return status;
}

/* ---- Entries and queries. ---- */

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t n)
{
	p[0] = (uint8_t)n, p[1] = (uint8_t)(n >> 8), p[2] = (uint8_t)(n >> 16), p[3] = (uint8_t)(n >> 24);
}

/* own keeps the host's statuses, the negative ones, out of a machine's answers. */
static int32_t own(int32_t status) { return status < 0 ? WRAFT_STATUS_FAILED : status; }

/* answer runs one command or query and frames what it wrote. */
static void answer(int32_t (*run)(wraft_bytes, wraft_output *), const uint8_t *data, uint32_t size)
{
	wraft_bytes in = {data, size};
	wraft_reserve(&output, RESULT_HEADER_BYTES);
	output.start = output.size;
	int32_t status = own(run(in, &output));
	uint8_t *header = output.data + output.start - RESULT_HEADER_BYTES;
	store32(header, (uint32_t)status);
	store32(header + 4, (uint32_t)(output.size - output.start));
}

static void empty(void) { output.size = output.start = 0; }

static wraft_bytes whole(void)
{
	wraft_bytes b = {output.data, output.size};
	return b;
}

uint8_t *wraft_serve_alloc(uint32_t n)
{
	size_t capacity = input.capacity ? input.capacity : BUFFER_BYTES_MIN;
	if (input.data && n <= input.capacity)
		return input.data;
	while (capacity < n) {
		if (capacity > SIZE_MAX / 2)
			return NULL;
		capacity *= 2;
	}
	free(input.data); /* what it held is no longer needed */
	input.data = malloc(capacity);
	input.capacity = input.data ? capacity : 0;
	return input.data;
}

/* The host frames correctly; what doesn't fit traps, and the host undoes the entry. */
wraft_bytes wraft_serve_apply(const uint8_t *entry, uint32_t size)
{
	wraft_assert(size >= 4);
	uint32_t count = load32(entry), at = 4;
	empty();
	for (; count > 0; count--) {
		wraft_assert(size - at >= 4);
		uint32_t n = load32(entry + at);
		at += 4;
		wraft_assert(size - at >= n);
		answer(machine_apply, entry + at, n);
		at += n;
	}
	return whole();
}

wraft_bytes wraft_serve_query(const uint8_t *query, uint32_t size)
{
	empty();
	answer(machine_query, query, size);
	return whole();
}

/* ---- Snapshots. ---- */

struct wraft_writer {
	uint8_t *buffer;
	size_t size;
	bool failed;
};

struct wraft_reader {
	uint8_t *buffer;
	size_t at, size;
	bool ended, failed;
};

static bool flush(wraft_writer *w)
{
	if (!w->failed && w->size > 0 && wraft_host_snapshot_write(w->buffer, (uint32_t)w->size) != 0)
		w->failed = true;
	w->size = 0;
	return !w->failed;
}

bool wraft_write(wraft_writer *w, const void *data, size_t n)
{
	const uint8_t *p = data;
	while (n > 0 && !w->failed) {
		size_t part = STREAM_BYTES - w->size;
		if (part > n)
			part = n;
		memcpy(w->buffer + w->size, p, part);
		w->size += part, p += part, n -= part;
		if (w->size == STREAM_BYTES)
			flush(w);
	}
	return !w->failed;
}

bool wraft_write_u32(wraft_writer *w, uint32_t n)
{
	uint8_t b[4];
	store32(b, n);
	return wraft_write(w, b, sizeof b);
}

bool wraft_write_u64(wraft_writer *w, uint64_t n)
{
	return wraft_write_u32(w, (uint32_t)n) && wraft_write_u32(w, (uint32_t)(n >> 32));
}

/* refill asks the host for more; false at the end and after a failure. */
static bool refill(wraft_reader *r)
{
	if (r->ended)
		return false;
	int32_t n = wraft_host_restore_read(r->buffer, STREAM_BYTES);
	r->failed = n < 0;
	r->ended = n <= 0;
	r->at = 0;
	r->size = n > 0 ? (size_t)n : 0;
	return !r->ended;
}

size_t wraft_read(wraft_reader *r, void *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		if (r->at == r->size && !refill(r))
			break;
		size_t part = r->size - r->at;
		if (part > n - done)
			part = n - done;
		memcpy((uint8_t *)p + done, r->buffer + r->at, part);
		r->at += part, done += part;
	}
	return done;
}

bool wraft_read_u32(wraft_reader *r, uint32_t *n)
{
	uint8_t b[4];
	if (wraft_read(r, b, sizeof b) < sizeof b)
		return false;
	*n = load32(b);
	return true;
}

bool wraft_read_u64(wraft_reader *r, uint64_t *n)
{
	uint32_t low, high;
	if (!wraft_read_u32(r, &low) || !wraft_read_u32(r, &high))
		return false;
	*n = (uint64_t)high << 32 | low;
	return true;
}

/* report tells the host why a stream failed. A failure of the stream itself is the
 * reason for whatever the machine made of it. */
static int32_t report(int32_t status, const char *stream)
{
	if (stream)
		status = wraft_fail(&output, WRAFT_STATUS_FAILED, stream);
	if (status != 0)
		wraft_host_set_error(output.data, (uint32_t)output.size);
	return own(status);
}

int32_t wraft_serve_snapshot(void)
{
	wraft_writer w = {.buffer = wraft_new(STREAM_BYTES)};
	empty();
	int32_t status = machine_snapshot(&w, &output);
	if (status == 0)
		flush(&w);
	free(w.buffer);
	return report(status, w.failed ? "the host refuses more of the snapshot" : NULL);
}

int32_t wraft_serve_restore(uint32_t from_version)
{
	wraft_reader r = {.buffer = wraft_new(STREAM_BYTES)};
	empty();
	int32_t status = machine_restore(&r, from_version, &output);
	free(r.buffer);
	return report(status, r.failed ? "the host cannot read the snapshot" : NULL);
}

/* What a machine has that doesn't number its versions. */
__attribute__((weak)) uint32_t machine_version(void) { return 0; }

/* ---- The world. ---- */

int64_t wraft_now(void) { return wraft_host_now(); }
uint64_t wraft_index(void) { return (uint64_t)wraft_host_index(); }
int64_t wraft_fuel(void) { return wraft_host_fuel(); }
void wraft_random(void *p, size_t n) { wraft_host_random(p, (uint32_t)n); }
void wraft_log(enum wraft_level level, const char *text) { wraft_host_log(level, text, (uint32_t)strlen(text)); }
void wraft_emit(const void *data, size_t n) { wraft_host_emit(data, (uint32_t)n); }

void wraft_trap(const char *text)
{
	wraft_host_set_error(text, (uint32_t)strlen(text));
	wraft_host_trap();
}

void *wraft_new(size_t size) { return wraft_resize(NULL, size); }

void *wraft_resize(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		wraft_trap("out of memory");
	return q;
}

/* ---- The exports of the ABI. ---- */

#ifdef __wasm__
#define WRAFT_EXPORT(name) __attribute__((export_name(name)))

/* The linker makes it: it runs the constructors of C++ objects. */
void __wasm_call_ctors(void);

static int64_t packed(wraft_bytes b) { return (int64_t)((uint64_t)(uintptr_t)b.data << 32 | b.size); }

WRAFT_EXPORT("_initialize") void wraft_export_initialize(void) { __wasm_call_ctors(); }
WRAFT_EXPORT("wraft_abi_v1") void wraft_export_abi_v1(void) {}
WRAFT_EXPORT("wraft_alloc") uint8_t *wraft_export_alloc(uint32_t n) { return wraft_serve_alloc(n); }
WRAFT_EXPORT("wraft_apply") int64_t wraft_export_apply(const uint8_t *p, uint32_t n) { return packed(wraft_serve_apply(p, n)); }
WRAFT_EXPORT("wraft_query") int64_t wraft_export_query(const uint8_t *p, uint32_t n) { return packed(wraft_serve_query(p, n)); }
WRAFT_EXPORT("wraft_snapshot") int32_t wraft_export_snapshot(void) { return wraft_serve_snapshot(); }
WRAFT_EXPORT("wraft_version") uint32_t wraft_export_version(void) { return machine_version(); }
WRAFT_EXPORT("wraft_restore") int32_t wraft_export_restore(uint32_t from_version) { return wraft_serve_restore(from_version); }
#endif
