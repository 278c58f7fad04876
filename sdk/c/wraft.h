/*
 * wraft.h: replicated state machines in C, for wraft.
 *
 * Define four functions (and a fifth if you like) and build for WebAssembly (README.md has the command):
 *
 *   int32_t machine_apply(wraft_bytes command, wraft_output *out);
 *   int32_t machine_query(wraft_bytes query, wraft_output *out);
 *   int32_t machine_snapshot(wraft_writer *w, wraft_output *why);
 *   int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why);
 *
 * It is not a client, not a host and no C library: there are malloc and its
 * family, memcpy and its family, strlen, and builders of output. The mental model:
 * global variables are the machine, and a command is a function from their values
 * to the next ones. A command that traps is undone as if it had never been applied;
 * one that returns a status other than 0 is not, so check before changing.
 *
 * Concurrency: the host makes one call at a time, and there are no threads.
 *
 * In a native build <stdlib.h> and <string.h> take the place of the memory
 * functions, and wraft_stub.h that of the host. C++ may include this file too;
 * wraft.hpp makes it comfortable there.
 */
#ifndef WRAFT_H
#define WRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __wasm__
/* What a C library would declare; wraft_memory.c defines it. malloc returns NULL
 * when the machine's memory limit is reached. Alignment is 16 bytes. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
#else
#ifdef __cplusplus
}
#endif
#include <stdlib.h>
#include <string.h>
#ifdef __cplusplus
extern "C" {
#endif
#endif

/* WRAFT_STATUS_FAILED is the status of a failure without a number of its own. */
#define WRAFT_STATUS_FAILED 1

/* WRAFT_OUTPUT_BYTES_MAX bounds the results of one entry together. A machine that
 * writes more is ended with a trap. */
#define WRAFT_OUTPUT_BYTES_MAX (16u << 20)

/* WRAFT_QUOTE_BYTES_MAX is how many bytes wraft_put_quoted shows. */
#define WRAFT_QUOTE_BYTES_MAX 64

/* wraft_bytes is a view of bytes that somebody else holds. */
typedef struct wraft_bytes {
	const uint8_t *data;
	size_t size;
} wraft_bytes;

/* wraft_output takes the bytes of a result, or the text of a failure. It grows as
 * need be. Its fields belong to the functions below. */
typedef struct wraft_output {
	uint8_t *data;
	size_t size, capacity;
	size_t start; /* where the present result begins */
} wraft_output;

typedef struct wraft_writer wraft_writer; /* a snapshot on its way out */
typedef struct wraft_reader wraft_reader; /* a snapshot on its way in */

/* ---- What the author defines. ---- */

/*
 * machine_apply executes one command and writes its result. command is valid
 * during the call only: copy what has to stay. It returns 0, or a positive status
 * that means failure: clients get it together with what out holds, as text; what
 * was changed before stays changed. Any other number counts as 1.
 */
int32_t machine_apply(wraft_bytes command, wraft_output *out);

/* machine_query answers without changing the machine; the rest is as in apply. */
int32_t machine_query(wraft_bytes query, wraft_output *out);

/*
 * machine_snapshot writes the whole state, equal states as equal bytes: order what
 * comes from a hash table. It returns 0, or a status with its reason in why.
 */
int32_t machine_snapshot(wraft_writer *w, wraft_output *why);

/*
 * machine_restore replaces the whole state by one that machine_snapshot wrote.
 * from_version is the machine_version of the module that wrote it; a rollback hands
 * an older module the state of a newer one. After a failure the machine has its
 * former state, whatever was changed before; why takes the reason.
 */
int32_t machine_restore(wraft_reader *r, uint32_t from_version, wraft_output *why);

/* machine_version is optional: a constant from 1 upwards by which the author numbers
 * the versions of the module. Without it the version is 0. */
uint32_t machine_version(void);

/* ---- Output. ---- */

/* wraft_grow makes room for n more bytes; the functions below call it. */
void wraft_grow(wraft_output *out, size_t n);

/* wraft_reserve appends n bytes for the caller to fill. */
static inline uint8_t *wraft_reserve(wraft_output *out, size_t n)
{
	if (n > out->capacity - out->size)
		wraft_grow(out, n);
	uint8_t *p = out->data + out->size;
	out->size += n;
	return p;
}

static inline void wraft_put(wraft_output *out, const void *data, size_t n)
{
	if (n > 0) /* data may be NULL then */
		memcpy(wraft_reserve(out, n), data, n);
}

static inline void wraft_put_byte(wraft_output *out, uint8_t b)
{
	*wraft_reserve(out, 1) = b;
}

/* wraft_put_text appends a C string without its end. */
static inline void wraft_put_text(wraft_output *out, const char *text)
{
	wraft_put(out, text, strlen(text));
}

/* wraft_put_decimal appends a number in decimal. */
void wraft_put_decimal(wraft_output *out, int64_t n);
void wraft_put_unsigned(wraft_output *out, uint64_t n);

/*
 * wraft_put_quoted shows input in an error text, between double quotes: printable
 * ASCII as it is, a quote and a backslash behind a backslash, any other byte as
 * \xNN. From the 65th byte on there are three dots behind the closing quote instead.
 */
void wraft_put_quoted(wraft_output *out, wraft_bytes input);

/* wraft_written is what the present call has put so far, valid until the next put. */
static inline wraft_bytes wraft_written(const wraft_output *out)
{
	wraft_bytes b = {out->data + out->start, out->size - out->start};
	return b;
}

/* wraft_clear takes back what the present call has put. */
static inline void wraft_clear(wraft_output *out) { out->size = out->start; }

/* wraft_fail makes text the whole output and returns status: return wraft_fail(...). */
int32_t wraft_fail(wraft_output *out, int32_t status, const char *text);

/* ---- Snapshots. Numbers are little-endian. ---- */

/* wraft_write_* return false when the host takes no more: return a status then. */
bool wraft_write(wraft_writer *w, const void *data, size_t n);
bool wraft_write_u32(wraft_writer *w, uint32_t n);
bool wraft_write_u64(wraft_writer *w, uint64_t n);

/* wraft_read fills p with up to n bytes and returns how many; fewer only at the end. */
size_t wraft_read(wraft_reader *r, void *p, size_t n);

/* wraft_read_u32 and wraft_read_u64 return false when the snapshot ends before. */
bool wraft_read_u32(wraft_reader *r, uint32_t *n);
bool wraft_read_u64(wraft_reader *r, uint64_t *n);

/* ---- The world, the same on every replica. ---- */

enum wraft_level { WRAFT_DEBUG = 0, WRAFT_INFO = 1, WRAFT_WARN = 2, WRAFT_ERROR = 3 };

/* wraft_now is the time of the log in ns: it advances with the leader's clock, never
 * goes back, and stands still during a call. Its zero point is the start of the log. */
int64_t wraft_now(void);

/* wraft_index is the log position of the entry being applied; in a query, of the last one. */
uint64_t wraft_index(void);

/* wraft_fuel is what the call may still spend. */
int64_t wraft_fuel(void);

/* wraft_random fills p with bytes that are the same on every replica. They are not secret. */
void wraft_random(void *p, size_t n);

/* wraft_log writes a line to the log of each replica, within a budget per entry. */
void wraft_log(enum wraft_level level, const char *text);

/* wraft_emit hands an event to the machine's subscribers, at least once, in order. */
void wraft_emit(const void *data, size_t n);

/* ---- Giving up. ---- */

/* wraft_trap ends the call: the command is undone, and its client gets status -1 and text. */
__attribute__((noreturn)) void wraft_trap(const char *text);

/* wraft_assert traps with the condition's text when it doesn't hold. */
#define wraft_assert(condition) ((condition) ? (void)0 : wraft_trap("assertion failed: " #condition))

/* wraft_new is malloc that traps instead of returning NULL; so is wraft_resize for realloc. */
void *wraft_new(size_t size);
void *wraft_resize(void *p, size_t size);

#ifdef __cplusplus
}
#endif

#endif
